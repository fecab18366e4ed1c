"""The doors of the listener: what is checked before any is opened, and sockets bound.

In:  settings.
Out: sockets that listen where the settings say, the certificate; or what to set instead.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from awizo.errors import SettingsError
from awizo.intake.tls import CERT_NAME, KEY_NAME, Certificate, make_self_signed
from awizo.settings import Settings, is_loopback

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bound:
    """An address that is listened on."""

    host: str
    port: int
    implicit_tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Door:
    """A socket that listens."""

    sock: socket.socket
    implicit_tls: bool


def refuse_open_relay(settings: Settings, host: str, *, has_tls: bool) -> None:
    """Raise SettingsError where a listener on *host* could not tell friend from stranger."""
    intake = settings.intake
    if is_loopback(host):
        return
    logs_in = bool(intake.users) and (has_tls or intake.allow_plaintext_auth)
    if logs_in or intake.allow_networks:
        if intake.users and not has_tls and intake.allow_plaintext_auth:
            log.warning("passwords_readable", setting="intake.allow_plaintext_auth")
        return
    raise SettingsError(
        f"intake.host {host} can be reached from other machines, and nothing says who may "
        "send. Set one of: [intake.users.NAME] with a password, and tls_cert_file with "
        "tls_key_file or tls_self_signed = true; or allow_networks with the addresses of your "
        "shops; or host = 127.0.0.1"
    )


def store_folder(settings: Settings) -> Path | None:
    """Where an embedded store lies; ``None`` with a database elsewhere."""
    url = settings.store.url
    return Path(url.removeprefix("sqlite:///")).parent if url.startswith("sqlite:///") else None


def certificate_of(
    settings: Settings, folder: Path | None, hostname: str, now: datetime
) -> Certificate | None:
    intake = settings.intake
    cert_file, key_file = intake.tls_cert_file, intake.tls_key_file
    if intake.tls_self_signed:
        place = folder or Path("var")
        cert_file = cert_file or place / CERT_NAME
        key_file = key_file or place / KEY_NAME
        make_self_signed(cert_file, key_file, hostname=hostname, now=now)
    if cert_file is None and key_file is None:
        if intake.implicit_tls_port is not None:
            raise SettingsError(
                "intake.implicit_tls_port needs a certificate: set tls_cert_file and "
                "tls_key_file, or tls_self_signed = true"
            )
        return None
    if cert_file is None or key_file is None:
        raise SettingsError("intake.tls_cert_file and tls_key_file are set together or not at all")
    certificate = Certificate(cert_file, key_file)
    log.info("certificate_in_use", sha256=certificate.fingerprint, made=intake.tls_self_signed)
    return certificate


def bound_sockets(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of *host*; with port 0 all on the same free one."""
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        raise SettingsError(f"intake.host {host}: {error.strerror}") from None
    sockets: list[socket.socket] = []
    failures: list[OSError] = []
    for family, kind, protocol, _, address in dict.fromkeys(found):
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:  # IPv6 is switched off
            failures.append(error)
            continue
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            chosen = port or (sockets[0].getsockname()[1] if sockets else 0)
            sock.bind((address[0], chosen, *address[2:]))
        except OSError as error:
            sock.close()
            failures.append(error)
            continue
        sockets.append(sock)
    if not sockets or any(error.errno == errno.EADDRINUSE for error in failures):
        for sock in sockets:
            sock.close()
        reason = failures[0].strerror if failures else "no address"
        raise SettingsError(
            f"intake: cannot listen on {host}:{port}: {reason}; "
            "set intake.host and intake.port to an address that is free"
        )
    return sockets

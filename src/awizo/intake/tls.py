"""The certificate of the listener: made when asked for, read again when it changes.

In:  paths of a certificate and a key in PEM.
Out: an SSL context for the next handshake.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import tempfile
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from awizo.errors import SettingsError

log = structlog.get_logger()

SELF_SIGNED_DAYS = 3650
CERT_NAME = "intake-cert.pem"
KEY_NAME = "intake-key.pem"

_Stamp = tuple[int, int, int, int, int, int]


class Certificate:
    """Gives the context for a handshake, fresh after the files have changed.

    Raises:
        SettingsError: The files cannot be used. Later on the old context stays in use then.
    """

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        self._cert_file = cert_file
        self._key_file = key_file
        try:
            self._stamp = self._look()
            self._context = self._load()
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            reason = getattr(error, "strerror", None) or error
            raise SettingsError(
                f"intake.tls_cert_file {cert_file} with tls_key_file {key_file}: {reason}"
            ) from None

    def context(self) -> ssl.SSLContext:
        self.reload()
        return self._context

    def reload(self) -> bool:
        """Read the files again if they have changed; whether that was so and went well."""
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self._context = self._load()
            log.info("certificate_reloaded", sha256=self.fingerprint)
        except (OSError, ValueError) as error:
            log.warning("certificate_not_reloaded", reason=type(error).__name__)
            return False
        return True

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as ``openssl x509 -fingerprint`` writes it."""
        pem = self._cert_file.read_text(encoding="ascii")
        der = ssl.PEM_cert_to_DER_cert(pem[: pem.index("-----END CERTIFICATE-----") + 25] + "\n")
        return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())

    def _look(self) -> _Stamp:
        cert, key = self._cert_file.stat(), self._key_file.stat()
        return (
            cert.st_mtime_ns, cert.st_size, cert.st_ino, key.st_mtime_ns, key.st_size, key.st_ino,
        )  # fmt: skip

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self._cert_file, self._key_file)
        return context


def make_self_signed(cert_file: Path, key_file: Path, *, hostname: str, now: datetime) -> None:
    """Write a key and a certificate for *hostname* and localhost, unless both are there.

    Raises:
        SettingsError: They cannot be written.
    """
    if cert_file.exists() and key_file.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    names: list[x509.GeneralName] = [
        x509.DNSName(host) for host in dict.fromkeys((hostname, "localhost")) if host.isascii()
    ]
    names += [x509.IPAddress(ip_address("127.0.0.1")), x509.IPAddress(ip_address("::1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks of clients go wrong
        .not_valid_after(now + timedelta(days=SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    try:
        _write(
            key_file,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
            mode=0o600,
        )
        _write(cert_file, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
    except OSError as error:
        raise SettingsError(
            f"intake.tls_self_signed: {cert_file} cannot be written: {error.strerror}; "
            "set tls_cert_file and tls_key_file to a place that can"
        ) from None


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Whole or not at all, and never readable for others meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

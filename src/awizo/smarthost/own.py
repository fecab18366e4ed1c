"""Refuse a smarthost that is our own listener: every mail would go in circles.

In:  the smarthosts of the settings, the addresses that are listened on.
Out: SettingsError where one is the other, by whatever name or local address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Protocol

from awizo.errors import SettingsError
from awizo.settings import Settings

RESOLVE_TIMEOUT_S = 5.0

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Listening(Protocol):
    """Where intake listens."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


async def refuse_own_listener(settings: Settings, bound: Sequence[Listening]) -> None:
    """Compare each smarthost with what is listened on, by address and port.

    A name that cannot be resolved now is left to the greeting, which carries an instance id.

    Raises:
        SettingsError: A smarthost is this service.
    """
    for name in ("default", *settings.smarthosts):
        smarthost = settings.smarthost_named(name)
        same_port = [_ip(one.host) for one in bound if one.port == smarthost.port]
        if not smarthost.host or not same_port:
            continue
        for address in await _addresses(smarthost.host):
            for listened in same_port:
                if listened is None:
                    continue
                if address == listened or (listened.is_unspecified and is_local(address)):
                    raise SettingsError(
                        f"smarthost {name}: {smarthost.host}:{smarthost.port} is Awizo's own "
                        "listener; set host and port of the seller's mail provider"
                    )


def is_local(address: IpAddress) -> bool:
    """Whether an address is one of this machine: only such can be bound to."""
    if address.is_unspecified or address.is_loopback:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((str(address), 0))
    except OSError:
        return False
    return True


async def _addresses(host: str) -> set[IpAddress]:
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await asyncio.get_running_loop().getaddrinfo(
                host.strip("[]"), None, type=socket.SOCK_STREAM
            )
    except (OSError, TimeoutError, UnicodeError):
        return set()
    return {ip for one in found if (ip := _ip(str(one[4][0]))) is not None}


def _ip(host: str) -> IpAddress | None:
    try:
        ip = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip

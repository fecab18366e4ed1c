"""Believe a balancer or front end about who the client is, and nobody else.

In:  the first bytes of a connection (PROXY protocol, versions 1 and 2), or the words behind
     XCLIENT; the lists of those who may send them.
Out: the client's address, and what else was said.

The PROXY header is read byte for byte off the socket before there is a transport, so that TLS
can begin right behind it. aiosmtpd's parser reads it.

Sources: HAProxy, doc/proxy-protocol.txt; Postfix, XCLIENT_README.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiosmtpd.proxy_protocol import AF, V2_CMD, ProxyData, get_proxy

from awizo.errors import SettingsError

PROXY_TIMEOUT_S = 10.0
MAX_HEADER_BYTES = 16 + 65_535  # of version 2; version 1 has at most 107

Network = IPv4Network | IPv6Network

# Wider than any one owner's block: a list with such an entry is no list of trust.
MIN_PREFIX = {4: 8, 6: 16}


def networks(key: str, entries: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks of a setting.

    Raises:
        SettingsError: An entry is no network, or takes in far too much.
    """
    found = []
    for entry in entries:
        try:
            network = ip_network(entry.strip(), strict=False)
        except ValueError:
            raise SettingsError(
                f"intake.{key}: {entry!r} is no address or network such as 10.1.2.0/24"
            ) from None
        if network.prefixlen < MIN_PREFIX[network.version]:
            raise SettingsError(
                f"intake.{key}: {entry} takes in strangers, so that anybody could send mail "
                "through here; name the networks of your own machines"
            )
        found.append(network)
    return tuple(found)


def is_in(address: str, among: tuple[Network, ...]) -> bool:
    if not among:
        return False
    ip = parsed_address(address)
    return ip is not None and any(ip in network for network in among)


@lru_cache(maxsize=1024)
def parsed_address(address: str) -> IPv4Address | IPv6Address | None:
    """An address; one of IPv4 in the form of IPv6 (``::ffff:…``) as what it is."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


@lru_cache(maxsize=1024)
def on_loopback(address: str) -> bool:
    """Whether it is an address of this machine alone."""
    ip = parsed_address(address)
    return ip is not None and ip.is_loopback


def owner_of(address: str) -> str:
    """Who is counted for an address: itself, of IPv6 its /64, for one host has all of that."""
    ip = parsed_address(address)
    return str(ip_network((ip, 64), strict=False)) if isinstance(ip, IPv6Address) else address


@dataclass(frozen=True, slots=True)
class Proxied:
    """What a PROXY header said. ``address`` ``None``: a connection of the balancer's own, or of
    a client it cannot name; nobody is trusted for the balancer's address then."""

    address: str | None


class _Socket:
    """Exact reads off a socket, for aiosmtpd's parser: never a byte more than the header."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._left = MAX_HEADER_BYTES

    async def read(self, n: int = -1) -> bytes:
        self._left -= n
        if n < 0 or self._left < 0:
            raise ConnectionError("PROXY header too long")
        return await self._loop.sock_recv(self._sock, n)

    async def readexactly(self, n: int) -> bytes:
        found = b""
        while len(found) < n:
            piece = await self.read(n - len(found))
            if not piece:
                raise ConnectionError("PROXY header cut off")
            found += piece
        return found

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        found = b""
        while not found.endswith(separator):
            if len(found) > 107:  # the most a header of version 1 may have
                raise ConnectionError("PROXY header too long")
            found += await self.readexactly(1)
        return found


async def read_proxy_header(sock: socket.socket) -> Proxied | None:
    """Read the header; ``None`` when it is none, or does not come in time."""
    try:
        async with asyncio.timeout(PROXY_TIMEOUT_S):
            data: ProxyData = await get_proxy(_Socket(sock))
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        return None
    if not data.valid:
        return None
    if data.command == V2_CMD.LOCAL or data.family not in (AF.INET, AF.INET6):
        return Proxied(None)
    return Proxied(str(data.src_addr))


# --- XCLIENT ------------------------------------------------------------------------------------

XCLIENT_NAMES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")
_NOTHING = ("[UNAVAILABLE]", "[TEMPUNAVAIL]")
_HEX = re.compile(r"\+([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Told:
    """What XCLIENT told; a field is ``None`` where it told nothing about it.

    Attributes:
        address: "" when the front end does not know it.
        login: "" when the client has not logged in.
    """

    address: str | None = None
    helo: str | None = None
    login: str | None = None


def read_xclient(argument: str) -> Told | None:
    """The attributes behind XCLIENT, ``None`` when they are malformed."""
    found: dict[str, str] = {}
    for word in argument.split():
        name, equals, value = word.partition("=")
        name = name.upper()
        if not equals or name not in XCLIENT_NAMES or name in found:
            return None
        value = "" if value.upper() in _NOTHING else _from_xtext(value)
        if not value.isprintable():
            return None
        found[name] = value
    if not found:
        return None
    if address := found.get("ADDR"):
        if address[:5].upper() == "IPV6:":
            address = address[5:]
        if parsed_address(address) is None:
            return None
        found["ADDR"] = address
    return Told(found.get("ADDR"), found.get("HELO"), found.get("LOGIN"))


def _from_xtext(value: str) -> str:
    raw = _HEX.sub(lambda match: chr(int(match[1], 16)), value)
    try:
        return raw.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return raw

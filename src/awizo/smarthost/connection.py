"""A connection that is ready for mail: greeted, over TLS, logged in.

In:  the settings of a smarthost.
Out: a Connection that knows what the hop can do, or Trouble.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import ssl
from dataclasses import dataclass

from awizo.settings import Smarthost, is_loopback
from awizo.smarthost.auth import Token, log_in
from awizo.smarthost.replies import Reply, error_of, extensions_of
from awizo.smarthost.wire import Trouble, Wire, connect

QUIT_TIMEOUT_S = 2.0
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_OWN_GREETING = re.compile(r"\bESMTP Awizo ([0-9a-zA-Z]+)$")
_NO_EHLO = (500, 501, 502, 504)  # RFC 5321 section 4.1.4: then HELO


@dataclass(frozen=True, slots=True)
class Identity:
    """How we introduce ourselves, and how we know ourselves.

    Attributes:
        hostname: For EHLO; one without a dot gives way to the address (RFC 5321 4.1.4).
        instance_id: What our own listener greets with.
        any_awizo: Refuse every Awizo as next hop, whichever instance it is.
    """

    hostname: str
    instance_id: str
    any_awizo: bool = False


class Connection:
    """Made by :func:`open_connection`; used by one task at a time.

    Attributes:
        extensions: Keywords of the EHLO reply with their parameters.
        in_doubt: What happened in place of a reply to the final dot.
    """

    def __init__(self, wire: Wire, smarthost: Smarthost) -> None:
        self.wire = wire
        self.smarthost = smarthost
        self.extensions: dict[str, str] = {}
        self.mechanism: str | None = None
        self.in_doubt = ""

    @property
    def label(self) -> str:
        return f"{self.smarthost.host}:{self.smarthost.port}"

    def offers(self, extension: str) -> bool:
        return extension in self.extensions

    @property
    def max_size_bytes(self) -> int | None:
        """What SIZE announces; ``None`` without a limit (RFC 1870)."""
        words = self.extensions.get("SIZE", "").split()
        limit = int(words[0]) if words and words[0].isdecimal() and len(words[0]) < 20 else 0
        return limit or None

    async def write(self, *commands: str) -> None:
        """Send commands; more than one only where PIPELINING is offered.

        Raises:
            Trouble: The connection ended, or something was said unasked: then a reply that is
                read later would be taken for the answer to another command.
        """
        assert not any(_CONTROL.search(command) for command in commands), "one line each"
        if not self.wire.quiet:
            await self._farewell()
        self.wire.write("".join(f"{command}\r\n" for command in commands).encode())

    async def say(self, command: str, timeout_s: float | None = None) -> Reply:
        """Send one command and wait for its reply.

        Raises:
            Trouble: The connection is of no use any more.
        """
        await self.write(command)
        return await self.reply(timeout_s)

    async def reply(self, timeout_s: float | None = None) -> Reply:
        return await self.wire.reply(timeout_s or self.smarthost.command_timeout_s)

    async def _farewell(self) -> None:
        """Turn what came unasked into Trouble: most often it is 421 on an idle connection."""
        reply = await self.wire.reply(QUIT_TIMEOUT_S)
        if 400 <= reply.code < 600:
            error = error_of(reply, "connect")
            raise Trouble(error.code, error.reply, status=reply.code)
        raise Trouble("smarthost_protocol", f"said unasked: {reply.text}", status=reply.code)

    def abort(self) -> None:
        self.wire.abort()

    async def quit(self) -> None:
        """Say QUIT, wait a little for the answer, hang up."""
        with contextlib.suppress(Trouble):
            if self.wire.quiet:
                await self.say("QUIT", QUIT_TIMEOUT_S)
        await self.wire.close()


async def open_connection(
    smarthost: Smarthost, identity: Identity, context: ssl.SSLContext | None, token: Token
) -> Connection:
    """Connect, greet, turn to TLS, log in, as the settings ask.

    Args:
        context: For TLS; ``None`` where the settings ask for none.

    Raises:
        Trouble: It did not come about; ``code`` says why. ``loop``: it is ourselves.
    """
    wire = await connect(
        smarthost.host,
        smarthost.port,
        context=context if smarthost.tls == "implicit" else None,
        timeout_s=smarthost.connect_timeout_s,
    )
    connection = Connection(wire, smarthost)
    try:
        await _introduce(connection, identity)
        if smarthost.tls == "starttls":
            assert context is not None
            await _start_tls(connection, identity, context)
        if smarthost.username is not None:
            _refuse_to_tell(connection)
            connection.mechanism = await log_in(
                connection.say, smarthost, connection.extensions.get("AUTH", ""), token
            )
    except BaseException:
        wire.abort()
        raise
    return connection


async def _introduce(connection: Connection, identity: Identity) -> None:
    greeting = await connection.reply()
    if not greeting.positive:
        error = error_of(greeting, "connect")
        raise Trouble(error.code, error.reply, status=greeting.code)
    own = _OWN_GREETING.search(greeting.lines[0].rstrip())
    if own is not None and (identity.any_awizo or own[1] == identity.instance_id):
        raise Trouble("loop", "the smarthost is Awizo itself")
    await _ehlo(connection, identity, may_helo=connection.smarthost.tls != "starttls")


async def _ehlo(connection: Connection, identity: Identity, *, may_helo: bool) -> None:
    name = identity.hostname
    if "." not in name.strip("."):
        name = _literal(connection.wire.own_address)
    reply = await connection.say(f"EHLO {name}")
    if reply.code in _NO_EHLO and may_helo and connection.smarthost.username is None:
        reply = await connection.say(f"HELO {name}")
        connection.extensions = {}
    elif reply.positive:
        connection.extensions = extensions_of(reply)
    if not reply.positive:
        error = error_of(reply, "ehlo")
        raise Trouble(error.code, error.reply, status=reply.code)


async def _start_tls(connection: Connection, identity: Identity, context: ssl.SSLContext) -> None:
    if not connection.offers("STARTTLS"):
        raise Trouble("smarthost_without_tls", "the server offers no STARTTLS")
    reply = await connection.say("STARTTLS")
    if not reply.positive:
        error = error_of(reply, "starttls")
        raise Trouble(error.code, error.reply, status=reply.code)
    smarthost = connection.smarthost
    await connection.wire.start_tls(context, smarthost.host, smarthost.connect_timeout_s)
    await _ehlo(connection, identity, may_helo=False)  # what was said before counts no more


def _refuse_to_tell(connection: Connection) -> None:
    """No secret over a connection that others may read, or that nobody vouches for."""
    smarthost = connection.smarthost
    if smarthost.tls != "none" and smarthost.tls_verify:
        return
    if is_loopback(smarthost.host) and _is_loopback_address(connection.wire.peer_address):
        return
    raise Trouble(
        "smarthost_without_tls" if smarthost.tls == "none" else "smarthost_certificate",
        "a password is told over verified TLS only",
    )


def _is_loopback_address(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _literal(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "[127.0.0.1]"
    return f"[IPv6:{ip}]" if ip.version == 6 else f"[{ip}]"


def tls_context(smarthost: Smarthost) -> ssl.SSLContext:
    """TLS as the settings ask: verified against the host's name unless switched off.

    Raises:
        OSError: ``tls_ca_file`` cannot be read.
        ssl.SSLError: It holds no certificate.
    """
    cafile = str(smarthost.tls_ca_file) if smarthost.tls_ca_file else None
    context = ssl.create_default_context(cafile=cafile)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not smarthost.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

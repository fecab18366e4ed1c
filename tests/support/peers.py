"""A next hop for tests: a real SMTP server on a real socket that behaves as it is told.

It can refuse, stall, hang up, answer late, cut TLS, lack extensions, ask for passwords, take
some recipients only, greylist, close idle connections, end the data where a lenient server
would. What came is kept: each command, and each mail with its bytes as they were on the wire.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trustme

GOOD = ("PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
HANG_UP = "<hang up>"  # FIN
RESET = "<reset>"  # RST, unread bytes thrown away
STALL = "<stall>"  # no answer until the test is over

STRICT_END = re.compile(rb"\r\n\.\r\n")
LENIENT_END = re.compile(rb"(?:\r\n|\r|\n)\x00*\.\x00*(?:\r\n|\r|\n)")


@dataclass(frozen=True)
class Late:
    """An answer that lets itself be waited for."""

    delay_s: float
    reply: str


Reply = str | Late
Answer = Reply | Sequence[Reply | None] | None


@dataclass
class PeerMail:
    """What was taken with one final dot.

    Attributes:
        wire: The bytes behind DATA up to and with the final dot, dots still stuffed.
        connection: Number of the connection it came by, from 0.
    """

    mail: str
    rcpts: tuple[str, ...]
    wire: bytes
    connection: int
    tls: str | None
    user: str | None

    @property
    def content(self) -> bytes:
        """The mail as a strict reader of RFC 5321 section 4.5.2 unstuffs it."""
        body = b"\r\n" + self.wire
        return body[: -len(b".\r\n")].replace(b"\r\n.", b"\r\n")[2:]

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(line.partition("<")[2].rpartition(">")[0] for line in self.rcpts)

    @property
    def reverse_path(self) -> str:
        return self.mail.partition("<")[2].rpartition(">")[0]


@dataclass
class PeerConnection:
    number: int
    writer: asyncio.StreamWriter
    commands: list[str] = field(default_factory=list)
    bursts: list[bytes] = field(default_factory=list)  # what arrived in one read
    mails: int = 0
    tls: str | None = None
    user: str | None = None
    ended: bool = False


@dataclass
class SmtpPeer:
    """See the module's head; every field may be changed while it runs.

    ``replies`` maps a command ("EHLO", "MAIL", "RCPT", "DATA", "AUTH", "STARTTLS", "RSET",
    "QUIT"), "CONNECT" (the greeting), "DOT" (after the mail) or "RCPT <address>" to what is
    said in place of the usual: a line, ``Late``, ``HANG_UP``, ``RESET``, ``STALL``, or a
    sequence of these to be used up in order (``None`` in it: the usual).
    """

    hostname: str = "mx.peer.test"
    greeting: str | None = None
    extensions: tuple[str, ...] = GOOD
    replies: Mapping[str, Answer] = field(default_factory=dict)
    auth: tuple[str, ...] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)  # XOAUTH2
    tls: str = "none"
    tls_context: ssl.SSLContext | None = None
    greylist: bool = False
    lenient: bool = False
    hang_up_after_data_bytes: int | None = None
    close_after_mails: int | None = None
    idle_close_s: float | None = None
    idle_farewell: bytes = b""
    mails: list[PeerMail] = field(default_factory=list)
    connections: list[PeerConnection] = field(default_factory=list)
    passwords_seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    host: str = ""
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _used: dict[str, int] = field(default_factory=dict)
    _grey: set[str] = field(default_factory=set)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    # -- start and end -------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> SmtpPeer:
        self._server = await asyncio.start_server(
            self._accepted,
            host,
            port,
            ssl=self.tls_context if self.tls == "implicit" else None,
        )
        self.host, self.port = self._server.sockets[0].getsockname()[:2]
        return self

    async def close(self) -> None:
        self._over.set()
        self.stop_listening()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()

    def drop_connections(self) -> None:
        """Reset every connection, as a restart of the server would."""
        for connection in self.connections:
            if not connection.ended:
                _reset(connection.writer)

    @property
    def open_connections(self) -> int:
        return sum(not connection.ended for connection in self.connections)

    @property
    def commands(self) -> list[str]:
        """Every command of every connection, in order of connections."""
        return [command for connection in self.connections for command in connection.commands]

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        connection = PeerConnection(len(self.connections), writer)
        if self.tls == "implicit":
            connection.tls = _version(writer)
        self.connections.append(connection)
        try:
            await _Conversation(self, connection, reader, writer).run()
        except (_Gone, OSError, EOFError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            connection.ended = True
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()

    def answer_to(self, *keys: str) -> Reply | None:
        """What is to be said in place of the usual; the first key that is set counts."""
        for key in keys:
            if key not in self.replies:
                continue
            answer = self.replies[key]
            if answer is None or isinstance(answer, str | Late):
                return answer
            used = self._used.get(key, 0)
            self._used[key] = used + 1
            if used < len(answer):
                return answer[used]
        return None


class _Gone(Exception):
    pass


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side gets a RST: with SO_LINGER of no seconds."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _version(writer: asyncio.StreamWriter) -> str | None:
    ssl_object = writer.get_extra_info("ssl_object")
    return ssl_object.version() if ssl_object is not None else None


class _Conversation:
    def __init__(
        self,
        peer: SmtpPeer,
        connection: PeerConnection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.peer = peer
        self.connection = connection
        self.reader = reader
        self.writer = writer
        self.buffer = b""
        self.mail: str | None = None
        self.rcpts: list[str] = []

    async def run(self) -> None:
        peer = self.peer
        greeting = peer.greeting or f"220 {peer.hostname} ESMTP"
        await self._say("CONNECT", usual=greeting)
        while True:
            line = await self._line()
            self.connection.commands.append(line)
            verb = line.split(" ")[0].upper()
            handler = getattr(self, f"_on_{verb.lower()}", None)
            if handler is None:
                await self._send("500 5.5.2 what?")
            else:
                await handler(line)

    # -- commands ------------------------------------------------------------------------------

    async def _on_ehlo(self, line: str) -> None:
        peer = self.peer
        words = list(peer.extensions)
        if peer.tls == "starttls" and self.connection.tls is None:
            words.append("STARTTLS")
        if peer.auth:
            words.append("AUTH " + " ".join(peer.auth))
        lines = [peer.hostname, *words]
        usual = "\r\n".join(f"250-{word}" for word in lines[:-1])
        usual = (usual + "\r\n" if usual else "") + f"250 {lines[-1]}"
        self.mail, self.rcpts = None, []
        await self._say("EHLO", usual=usual)

    async def _on_helo(self, line: str) -> None:
        self.mail, self.rcpts = None, []
        await self._say("HELO", usual=f"250 {self.peer.hostname}")

    async def _on_starttls(self, line: str) -> None:
        if await self._say("STARTTLS", usual="220 2.0.0 go on") != "220 2.0.0 go on":
            return
        assert self.peer.tls_context is not None
        self.buffer = b""
        await self.writer.start_tls(self.peer.tls_context)
        self.connection.tls = _version(self.writer)

    async def _on_auth(self, line: str) -> None:
        _, mechanism, *initial = line.split(" ")
        mechanism = mechanism.upper()
        answer = self.peer.answer_to("AUTH")
        if answer is not None:
            await self._give(answer)
            return
        if mechanism not in self.peer.auth:
            await self._send("504 5.5.4 no such mechanism")
            return
        try:
            user = await self._authenticate(mechanism, initial)
        except (binascii.Error, UnicodeDecodeError, ValueError):
            user = None
        if user is None:
            await self._send("535 5.7.8 credentials are wrong")
        else:
            self.connection.user = user
            await self._send("235 2.7.0 welcome")

    async def _authenticate(self, mechanism: str, initial: list[str]) -> str | None:
        peer = self.peer

        async def ask(challenge: bytes) -> bytes:
            await self._send("334 " + base64.b64encode(challenge).decode())
            return base64.b64decode(await self._line(), validate=True)

        def seen(user: str, password: str) -> None:
            peer.passwords_seen.append((user, password, self.connection.tls))

        match mechanism:
            case "PLAIN":
                word = base64.b64decode(initial[0], validate=True) if initial else await ask(b"")
                _, user, password = word.decode().split("\0")
                seen(user, password)
                return user if peer.users.get(user) == password else None
            case "LOGIN":
                first = (
                    base64.b64decode(initial[0], validate=True)
                    if initial
                    else await ask(b"Username:")
                )
                user, password = first.decode(), (await ask(b"Password:")).decode()
                seen(user, password)
                return user if peer.users.get(user) == password else None
            case "CRAM-MD5":
                challenge = b"<1896.697170952@mx.peer.test>"
                user, _, digest = (await ask(challenge)).decode().rpartition(" ")
                key = peer.users.get(user, "").encode()
                right = hmac.new(key, challenge, hashlib.md5).hexdigest()
                return user if user in peer.users and digest == right else None
            case "XOAUTH2":
                grant = base64.b64decode(initial[0], validate=True).decode()
                user, bearer = grant.rstrip("\x01").split("\x01")
                token = bearer.removeprefix("auth=Bearer ")
                seen(user, token)
                if token in peer.tokens:
                    return user.removeprefix("user=")
                await self._send("334 " + base64.b64encode(b'{"status":"401"}').decode())
                await self._line()
                return None
        return None

    async def _on_mail(self, line: str) -> None:
        usual = "250 2.1.0 ok"
        if self.peer.auth and self.connection.user is None:
            usual = "530 5.7.0 authentication required"
        said = await self._say("MAIL", usual=usual)
        if said.startswith("2"):
            self.mail, self.rcpts = line, []

    async def _on_rcpt(self, line: str) -> None:
        address = line.partition("<")[2].rpartition(">")[0]
        usual = "250 2.1.5 ok"
        if self.mail is None:
            usual = "503 5.5.1 MAIL first"
        elif self.peer.greylist and address not in self.peer._grey:
            self.peer._grey.add(address)
            usual = "450 4.2.0 greylisted, come again"
        said = await self._say(f"RCPT {address}", "RCPT", usual=usual)
        if said.startswith("2"):
            self.rcpts.append(line)

    async def _on_data(self, line: str) -> None:
        usual = "354 go on" if self.rcpts else "503 5.5.1 no valid recipients"
        if not (await self._say("DATA", usual=usual)).startswith("354"):
            return
        wire = await self._data()
        mail = PeerMail(
            mail=self.mail or "",
            rcpts=tuple(self.rcpts),
            wire=wire,
            connection=self.connection.number,
            tls=self.connection.tls,
            user=self.connection.user,
        )
        said = await self._say("DOT", usual="250 2.0.0 queued", mail=mail)
        if said.startswith("2") and not any(kept is mail for kept in self.peer.mails):
            self.peer.mails.append(mail)
        self.mail, self.rcpts = None, []
        self.connection.mails += 1
        if self.connection.mails == self.peer.close_after_mails:
            raise _Gone

    async def _on_rset(self, line: str) -> None:
        self.mail, self.rcpts = None, []
        await self._say("RSET", usual="250 2.0.0 ok")

    async def _on_noop(self, line: str) -> None:
        await self._say("NOOP", usual="250 2.0.0 ok")

    async def _on_quit(self, line: str) -> None:
        await self._say("QUIT", usual="221 2.0.0 bye")
        raise _Gone

    # -- bytes ---------------------------------------------------------------------------------

    async def _say(self, *keys: str, usual: str, mail: PeerMail | None = None) -> str:
        """Answer as told, else as usual; returns what was said.

        A server that hangs up or stalls after the final dot may have taken the mail: it is
        kept then, which is what makes such an end dangerous.
        """
        answer = self.peer.answer_to(*keys)
        if mail is not None and answer in (HANG_UP, RESET, STALL):
            self.peer.mails.append(mail)
        return await self._give(usual if answer is None else answer)

    async def _give(self, answer: Reply) -> str:
        if isinstance(answer, Late):
            await asyncio.sleep(answer.delay_s)
            answer = answer.reply
        if answer == HANG_UP:
            raise _Gone
        if answer == RESET:
            _reset(self.writer)
            raise _Gone
        if answer == STALL:
            await self.peer._over.wait()
            raise _Gone
        await self._send(answer)
        return answer

    async def _send(self, reply: str) -> None:
        self.writer.write(reply.encode() + b"\r\n")
        await self.writer.drain()

    async def _more(self) -> None:
        # Only behind a mail, so that a slow machine is never too slow for the first one.
        idle = self.peer.idle_close_s if self.connection.mails else None
        try:
            async with asyncio.timeout(idle):
                chunk = await self.reader.read(65_536)
        except TimeoutError:
            self.writer.write(self.peer.idle_farewell)
            await self.writer.drain()
            raise _Gone from None
        if not chunk:
            raise _Gone
        self.connection.bursts.append(chunk)
        self.buffer += chunk

    async def _line(self) -> str:
        while b"\n" not in self.buffer:
            await self._more()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "surrogateescape")

    async def _data(self) -> bytes:
        end = LENIENT_END if self.peer.lenient else STRICT_END
        limit = self.peer.hang_up_after_data_bytes
        while True:
            if limit is not None and len(self.buffer) >= limit:
                raise _Gone
            found = end.search(b"\r\n" + self.buffer)
            if found is not None:
                stop = found.end() - 2
                wire, self.buffer = self.buffer[:stop], self.buffer[stop:]
                return wire
            await self._more()


@asynccontextmanager
async def a_peer(peer: SmtpPeer | None = None) -> AsyncIterator[SmtpPeer]:
    """A peer that listens for as long as the block lasts."""
    peer = peer or SmtpPeer()
    await peer.start()
    try:
        yield peer
    finally:
        await peer.close()


@dataclass
class Certificates:
    """An authority of our own with a certificate for loopback; one for another name."""

    authority: trustme.CA = field(default_factory=trustme.CA)

    def server_context(self, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)
        return context

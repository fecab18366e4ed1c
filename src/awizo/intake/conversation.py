"""The conversation itself: lines in, replies out, patience, the end. No command is known here.

In:  the bytes of one connection.
Out: commands, one at a time; replies, sent together where the client sent its commands so.

A hardened subclass of aiosmtpd's ``SMTP``. From it come the protocol class with its flow control
and the table of ``smtp_*`` methods. What it does otherwise than a server on the open network
must is replaced here and in ``session.py``; ``tests/intake/test_intake_aiosmtpd_traps.py`` names
each.

Sources: RFC 5321 sections 4.1, 4.3 and 4.5.3; RFC 2920 (pipelining); RFC 2034.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import structlog
from aiosmtpd.smtp import SMTP

from awizo.intake import replies
from awizo.intake.replies import Reply
from awizo.intake.wire import ConnectionEnded, LineTooLong, Wire
from awizo.settings import Intake
from awizo.telemetry import metrics
from awizo.telemetry.logging import places

log = structlog.get_logger()

# RFC 5321 section 4.5.3.1.4 asks for 512 and what extensions add; ORCPT alone may add 500.
MAX_LINE_BYTES = 4096
MAX_AUTH_LINE_BYTES = 12_288  # RFC 4954 section 4.5
MAX_IDLE_CHAT = 100  # commands of a stranger without a mail in between
REPLIES_AT_ONCE = 50
UNREAD_BYTES = 65_536
LINGER_S = 1.0  # a client that is still sending gets so long to read why it is cut off
NEVER = float("inf")

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_OTHER_PROTOCOLS = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE"})

Command = Callable[[Any, str], Awaitable[None]]


class Expired(Exception):
    """Something took too long; ``reply`` says what."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


class Conversation(SMTP, ABC):
    """One connection, from the greeting to its end.

    Args:
        client: Address of the client for the log.
        tls: The connection began with a handshake.
    """

    commands: ClassVar[dict[str, Command]]

    def __init__(self, limits: Intake, *, greeting: str, client: str, tls: bool) -> None:
        # Not SMTP.__init__: it looks through every attribute of itself and of the handler for
        # each connection, which costs more than a mail. The table of commands is made once.
        self.loop = asyncio.get_running_loop()
        asyncio.StreamReaderProtocol.__init__(
            self,
            asyncio.StreamReader(loop=self.loop),
            client_connected_cb=self._cb_client_connected,
            loop=self.loop,
        )
        self._intake = limits
        self._greeting = greeting
        self._shown_client = client
        self._tls = tls
        self._wire = Wire(self.loop, self._pause, self._resume)
        self._out: list[bytes] = []
        self._closing = False
        self._cut = False  # the client may still be sending
        self._draining = False
        self._busy = False
        self._deadline = NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._on_timer: Callable[[float], float] = self._idle_check
        self._errors = 0
        self._chat = 0  # commands since the last mail
        self._noted: set[str] = set()

    # -- what a session settles ------------------------------------------------------------------

    @property
    @abstractmethod
    def is_stranger(self) -> bool:
        """Nobody has vouched for the client yet, and it has not logged in."""

    def idle_timeout_s(self) -> float:
        return self._intake.idle_timeout_s

    @abstractmethod
    def forget_mail(self) -> None:
        """Give up the mail that was begun; something went wrong on our side."""

    # -- the transport's side --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        asyncio.StreamReaderProtocol.connection_made(self, transport)
        self.transport = transport

    def _cb_client_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writer = writer

    def data_received(self, data: bytes) -> None:
        self._wire.feed(data)

    def eof_received(self) -> bool:
        self._wire.end()
        return not self._tls  # half-closed: what was sent before still gets its answer

    def connection_lost(self, error: Exception | None) -> None:
        self._wire.end()
        asyncio.StreamReaderProtocol.connection_lost(self, error)

    def _pause(self) -> None:
        transport = self._writer.transport
        if isinstance(transport, asyncio.Transport) and not transport.is_closing():
            transport.pause_reading()

    def _resume(self) -> None:
        transport = self._writer.transport
        if isinstance(transport, asyncio.Transport) and not transport.is_closing():
            transport.resume_reading()

    # -- the conversation ------------------------------------------------------------------------

    async def run(self, refusal: Reply | None = None) -> None:
        """Talk until one of both ends it. With *refusal* that is the greeting and the end."""
        try:
            if refusal is not None:
                self.say(refusal)
            else:
                self.say(Reply(self._greeting))
                await self._talk()
            await self._flush()
        except Expired as expired:
            self.say(expired.reply)
            with contextlib.suppress(ConnectionEnded, OSError):
                await self._flush()
        except (ConnectionEnded, OSError):  # ssl.SSLError is an OSError
            pass
        finally:
            self._patience(None, self._idle_check)
            if self._timer is not None:
                self._timer.cancel()
            await self._leave()

    async def _leave(self) -> None:
        """Close so that the last reply arrives: a reset would overtake it."""
        transport = self._writer.transport
        if self._cut and not self._tls and transport.can_write_eof():
            with contextlib.suppress(ConnectionEnded, OSError, RuntimeError):  # or TimeoutError
                async with asyncio.timeout(LINGER_S):
                    transport.write_eof()
                    await self._wire.pour(lambda chunk: None)
        transport.close()
        if self._tls or transport.get_write_buffer_size():
            try:
                async with asyncio.timeout(LINGER_S):
                    await self._writer.wait_closed()
            except OSError:  # or TimeoutError
                transport.abort()

    async def _talk(self) -> None:
        while not self._closing:
            if not self._wire.has_line:
                await self._flush()
                if self._draining:
                    self.say(replies.CLOSING)
                    return
            elif len(self._out) >= REPLIES_AT_ONCE:
                await self._flush()
                await asyncio.sleep(0)  # a flood of commands is not all that we live for
            line = await self.next_line()
            if line is None:
                continue
            self._busy = True
            try:
                await self._obey(line)
            except (ConnectionEnded, Expired, OSError):
                raise
            except Exception as error:
                log.error("command_failed", error=type(error).__name__, places=places(error))
                self.forget_mail()
                self.say(replies.ERROR_OF_OURS)
            finally:
                self._busy = False

    async def next_line(self) -> bytes | None:
        """The client's next line; ``None`` when it was too long, which it has been told."""
        self._patience(self.idle_timeout_s(), self._idle_check)
        try:
            return await self._wire.readline(MAX_AUTH_LINE_BYTES)
        except LineTooLong:
            self.say(replies.LINE_TOO_LONG)
            return None
        finally:
            self._patience(None, self._idle_check)

    async def _obey(self, line: bytes) -> None:
        if not line.endswith(b"\r\n") and self._intake.bare_line_ends == "reject":
            self.say(replies.BARE_IN_COMMAND)
            return
        line = line.rstrip(b"\r\n").rstrip(b" ")
        word, _, argument = line.partition(b" ")
        name = word.decode("ascii", "replace").upper()
        if len(line) > MAX_LINE_BYTES and name != "AUTH":
            self.say(replies.LINE_TOO_LONG)
            return
        if _CONTROL.search(line):
            self.say(replies.BAD_SYNTAX)
            return
        self._chat += 1
        if self._chat > (MAX_IDLE_CHAT if self.is_stranger else self._intake.max_commands):
            self.say(replies.TOO_MANY_COMMANDS)
            return
        command = self.commands.get(name)
        if command is None:
            other = name in _OTHER_PROTOCOLS
            self.say(replies.NOT_SMTP if other else replies.UNKNOWN_COMMAND)
            return
        await command(self, argument.decode("utf-8", "surrogateescape").strip(" "))

    def say(self, reply: Reply) -> None:
        """Queue a reply; what is queued leaves together, before the client is waited for."""
        code = reply.code
        self._out.append(reply.text.encode() + b"\r\n")
        if code >= 400:
            self._note(reply.text[:9])
        if reply.closes:
            self._closing = True
            self._cut = code >= 400 or self._wire.has_bytes
        elif code >= 500 and code != 552:
            self._errors += 1
            if self._errors >= self._intake.max_errors:
                self.say(replies.TOO_MANY_ERRORS)

    def _note(self, code: str) -> None:
        metrics.SMTP_REFUSALS.labels(code).inc()
        if code not in self._noted:  # once for a connection is enough to find out why
            self._noted.add(code)
            log.info("client_refused", client=self._shown_client, reply=code)

    async def push(self, status: str | bytes) -> None:
        """aiosmtpd's way to answer, for what it calls itself."""
        self.say(Reply(status if isinstance(status, str) else status.decode()))

    async def _flush(self) -> None:
        if self._out:
            data = b"".join(self._out)
            self._out.clear()
            if self._writer.transport.is_closing():
                raise ConnectionEnded
            self._writer.write(data)
            if self._writer.transport.get_write_buffer_size() > UNREAD_BYTES:
                await self._until_read()

    async def _until_read(self) -> None:
        """Wait for a client that talks, but does not read."""
        try:
            async with asyncio.timeout(self._intake.idle_timeout_s):
                await self._writer.drain()
        except TimeoutError:
            self.abort()
            raise ConnectionEnded from None

    def ask_to_leave(self) -> None:
        """End the connection as soon as nothing is under way on it."""
        self._draining = True
        if not self._busy:
            self._wire.interrupt(Expired(replies.CLOSING))

    def abort(self) -> None:
        """End it now."""
        self._writer.transport.abort()

    # -- patience --------------------------------------------------------------------------------

    def _patience(self, seconds: float | None, check: Callable[[float], float]) -> None:
        """Wait so long, then ask *check*; ``None``: for ever (we are busy ourselves).

        One timer serves the connection: it is moved only when it rings too early.
        """
        self._on_timer = check
        self._deadline = NEVER if seconds is None else self.loop.time() + seconds
        if seconds is None:
            return
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self.loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self.loop.time()
        if now >= self._deadline:
            self._deadline = self._on_timer(now)
        if self._deadline != NEVER:
            self._timer = self.loop.call_at(self._deadline, self._ring)

    def _idle_check(self, now: float) -> float:
        self._wire.interrupt(Expired(replies.IDLE))
        return NEVER

"""The conversation itself: lines in, replies out, patience, the end. No command is known here.

In:  the bytes of one connection.
Out: commands, one at a time; replies, sent together where the client sent its commands so.

A hardened subclass of aiosmtpd's ``SMTP``, which gives the names of the ``smtp_*`` methods. What
it does otherwise than a server on the open network must is replaced here and in ``session.py``;
``tests/intake/test_intake_aiosmtpd_traps.py`` names each.

Commands are obeyed where their bytes arrive, in the transport's own callback. Only what has to
wait for something (the store, a password, a handshake) goes to the connection's task: a task
that is woken for each line would cost more than all else that is done for the line.

Sources: RFC 5321 sections 4.1, 4.3 and 4.5.3; RFC 2920 (pipelining); RFC 2034.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, cast

import structlog
from aiosmtpd.smtp import SMTP

from awizo.intake import replies
from awizo.intake.replies import Reply
from awizo.intake.wire import ConnectionEnded, LineTooLong, Sink, Wire
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

Work = Awaitable[None]
Command = Callable[[Any, str], Work | None]


class Expired(Exception):
    """Something took too long; ``reply`` says what."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


class Conversation(SMTP, ABC):
    """One connection, from the greeting to its end.

    A command returns ``None`` when it is done, or what is left to do and has to wait. One that
    sets ``_message`` has everything behind it poured into that until it gives back what is not
    its own any more; ``_message_ended`` says what to do then.

    Args:
        client: Address of the client for the log.
        tls: The connection began with a handshake.
    """

    commands: ClassVar[dict[str, Command]]
    transport: asyncio.Transport

    def __init__(self, limits: Intake, *, greeting: str, client: str, tls: bool) -> None:
        # Not SMTP.__init__: it looks through every attribute of itself and of the handler for
        # each connection, which costs more than a mail. The table of commands is made once.
        self.loop = asyncio.get_running_loop()
        self._intake = limits
        self._greeting = greeting
        self._shown_client = client
        self._tls = tls
        self._wire = Wire(self.loop, self._pause, self._resume)
        self._made = self.loop.create_future()
        self._lost = self.loop.create_future()
        self._writable: asyncio.Future[None] | None = None  # there while the client does not read
        self._out: list[bytes] = []
        self._line = b""  # the beginning of one
        self._line_skipped = False  # ... whose beginning was thrown away
        self._more_waits = False  # bytes have arrived behind the command that is obeyed
        self._message: Sink | None = None
        self._work: Work | None = None
        self._busy = False  # with what had to wait
        self._closing = False
        self._cut = False  # the client may still be sending
        self._draining = False
        self._deadline = NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = NEVER
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

    @abstractmethod
    def _message_ended(self) -> Work | None:
        """Do what is to be done with a message that has arrived whole."""

    # -- the transport's side --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are asyncio's by shape only
        if not self._made.done():
            self._made.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._wire.feed(data)

    def eof_received(self) -> bool:
        self._wire.end()
        return not self._tls  # half-closed: what was sent before still gets its answer

    def connection_lost(self, error: Exception | None) -> None:
        self._wire.end()
        self.resume_writing()
        for waited_for in (self._made, self._lost):
            if not waited_for.done():
                waited_for.set_result(None)

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = self.loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def _pause(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def _resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    # -- the conversation ------------------------------------------------------------------------

    async def run(self, refusal: Reply | None = None) -> None:
        """Talk until one of both ends it. With *refusal* that is the greeting and the end."""
        try:
            await self._made
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
            self._message = None
            self.forget_mail()
            await self._leave()

    async def _leave(self) -> None:
        """Close so that the last reply arrives: a reset would overtake it."""
        if self._lost.done():
            return
        transport = self.transport
        if self._cut and not self._tls and transport.can_write_eof():
            with contextlib.suppress(ConnectionEnded, OSError, RuntimeError):  # or TimeoutError
                async with asyncio.timeout(LINGER_S):
                    transport.write_eof()
                    await self._wire.pour(lambda chunk: None)
        transport.close()
        if self._tls or transport.get_write_buffer_size():
            try:
                async with asyncio.timeout(LINGER_S):
                    await asyncio.shield(self._lost)
            except TimeoutError:
                transport.abort()

    async def _talk(self) -> None:
        while True:
            await self._flush()
            if self._closing:
                return
            if self._draining and not self._under_way and not self._wire.has_bytes:
                self.say(replies.CLOSING)
                return
            if self._message is None:
                self._patience(self.idle_timeout_s(), self._idle_check)
            await self._wire.pour(self._take)
            work, self._work = self._work, None
            if work is not None:
                self._busy = True
                self._patience(None, self._idle_check)
                await self._flush()
                try:
                    await work
                except (ConnectionEnded, Expired, OSError):
                    raise
                except Exception as error:
                    self._failed(error)
                finally:
                    self._busy = False
            elif not self._closing:
                await self._flush()
                await asyncio.sleep(0)  # a flood of commands is not all that we live for

    @property
    def _under_way(self) -> bool:
        """Whether something is being done or received that is to end first."""
        return self._busy or self._message is not None or self._work is not None

    def _take(self, chunk: bytes) -> bytes | None:
        """Obey what has arrived; gives it back from where the connection's task must go on."""
        rest = chunk
        while rest and self._message is None:
            left = self._take_lines(rest)
            if left is None:
                self._answer_at_once()
                return None if self._writable is None else b""  # the task waits for the client
            rest = left
            if self._closing or self._work is not None or len(self._out) >= REPLIES_AT_ONCE:
                return rest
        if self._message is not None:
            behind = self._message(rest) if rest else None
            if behind is None:
                self._answer_at_once()
                return None
            self._message = None
            self._work = self._message_ended()
            return behind
        return None

    def _take_lines(self, chunk: bytes) -> bytes | None:
        """Obey line after line until one of them changes what comes next; ``None``: all done."""
        data = self._line + chunk if self._line else chunk
        self._line = b""
        start = 0
        while (end := data.find(b"\n", start) + 1) > 0:
            line = data[start:end]
            start = end
            if self._line_skipped or len(line) > MAX_AUTH_LINE_BYTES:
                self._line_skipped = False
                self.say(replies.LINE_TOO_LONG)
            else:
                self._more_waits = start < len(data)
                self._obey_safely(line)
            if (
                self._closing
                or self._work is not None
                or self._message is not None
                or len(self._out) >= REPLIES_AT_ONCE
            ):
                return data[start:]
        if start:  # a command that trickles in is no sign of life
            self._patience(self.idle_timeout_s(), self._idle_check)
        rest = data[start:]
        if len(rest) > MAX_AUTH_LINE_BYTES:
            self._line_skipped = True
        else:
            self._line = rest
        return None

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

    def _obey_safely(self, line: bytes) -> None:
        try:
            self._work = self._obey(line)
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        log.error("command_failed", error=type(error).__name__, places=places(error))
        self._message = None
        self.forget_mail()
        self.say(replies.ERROR_OF_OURS)

    def _obey(self, line: bytes) -> Work | None:
        if not line.endswith(b"\r\n") and self._intake.bare_line_ends == "reject":
            self.say(replies.BARE_IN_COMMAND)
            return None
        line = line.rstrip(b"\r\n").rstrip(b" ")
        word, _, argument = line.partition(b" ")
        name = word.decode("ascii", "replace").upper()
        if len(line) > MAX_LINE_BYTES and name != "AUTH":
            self.say(replies.LINE_TOO_LONG)
            return None
        if _CONTROL.search(line):
            self.say(replies.BAD_SYNTAX)
            return None
        self._chat += 1
        if self._chat > (MAX_IDLE_CHAT if self.is_stranger else self._intake.max_commands):
            self.say(replies.TOO_MANY_COMMANDS)
            return None
        command = self.commands.get(name)
        if command is None:
            other = name in _OTHER_PROTOCOLS
            self.say(replies.NOT_SMTP if other else replies.UNKNOWN_COMMAND)
            return None
        return command(self, argument.decode("utf-8", "surrogateescape").strip(" "))

    def say(self, reply: Reply) -> None:
        """Queue a reply; what is queued leaves together, before the client is waited for."""
        code = reply.code
        self._out.append(reply.line)
        if code >= 400:
            self._note(reply.text[:9])
        if reply.closes:
            self._closing = True
            self._cut = code >= 400 or self._more_waits or self._wire.has_bytes
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

    def _answer_at_once(self) -> None:
        """Send the replies that are queued, unless the client is gone."""
        if self._out:
            data = b"".join(self._out) if len(self._out) > 1 else self._out[0]
            self._out.clear()
            if not self.transport.is_closing():
                self.transport.write(data)

    async def _flush(self) -> None:
        if self._out and self.transport.is_closing():
            raise ConnectionEnded
        self._answer_at_once()
        if self._writable is not None:
            await self._until_read(self._writable)

    async def _until_read(self, writable: asyncio.Future[None]) -> None:
        """Wait for a client that talks, but does not read."""
        try:
            async with asyncio.timeout(self._intake.idle_timeout_s):
                await asyncio.shield(writable)
        except TimeoutError:
            self.abort()
            raise ConnectionEnded from None

    async def _begin_tls(self, context: ssl.SSLContext, handshake_timeout_s: float) -> None:
        """Turn to TLS. What came in the clear behind the command is thrown away: it may be
        another's words (RFC 3207 section 6)."""
        self._wire.clear()
        self._line = b""
        transport = await self.loop.start_tls(
            self.transport,
            self,
            context,
            server_side=True,
            ssl_handshake_timeout=handshake_timeout_s,
        )
        if transport is None:
            raise ConnectionEnded
        self.transport = transport
        self._tls = True

    def ask_to_leave(self) -> None:
        """End the connection as soon as nothing is under way on it."""
        self._draining = True
        if not self._under_way:
            self._wire.interrupt(Expired(replies.CLOSING))

    def abort(self) -> None:
        """End it now."""
        if self._made.done() and not self._lost.done():
            self.transport.abort()

    # -- patience --------------------------------------------------------------------------------

    def _patience(self, seconds: float | None, check: Callable[[float], float]) -> None:
        """Wait so long, then ask *check*; ``None``: for ever (we are busy ourselves).

        One timer serves the connection: it is moved only when it would ring too late.
        """
        self._on_timer = check
        if seconds is None:
            self._deadline = NEVER
            return
        self._deadline = deadline = self.loop.time() + seconds
        if self._rings_at > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer, self._rings_at = self.loop.call_at(deadline, self._ring), deadline

    def _ring(self) -> None:
        self._timer, self._rings_at = None, NEVER
        now = self.loop.time()
        if now >= self._deadline:
            self._deadline = self._on_timer(now)
        if self._deadline != NEVER:
            self._timer = self.loop.call_at(self._deadline, self._ring)
            self._rings_at = self._deadline

    def _idle_check(self, now: float) -> float:
        self._wire.interrupt(Expired(replies.IDLE))
        return NEVER

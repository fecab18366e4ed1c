"""The conversation itself: lines in, replies out, patience, the end. No command is known here.

In:  the bytes of one connection.
Out: commands, one at a time; replies, sent together where the client sent its commands so.

A hardened subclass of aiosmtpd's ``SMTP``, which gives the names of the ``smtp_*`` methods. What
it does otherwise than a server on the open network must is replaced here and in ``session.py``;
``tests/intake/test_intake_aiosmtpd_traps.py`` names each.

Commands are obeyed where their bytes arrive, in the transport's own callback. Only what has to
wait for something (the store, a password, a handshake, a client that does not read) is a task,
which ends when nothing waits any more: one for each connection, woken for each line, would cost
more than all else that is done.

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
BUSY_LOOK_S = 1.0  # until patience is asked again, when it ends while we are busy ourselves
LINGER_S = 1.0  # a client that is still sending gets so long to read why it is cut off
NEVER = float("inf")

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_OTHER_PROTOCOLS = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE"})

Sink = Callable[[bytes], bytes | None]
"""Takes a chunk; returns ``None`` to get more, or the bytes that are not its own any more."""

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
        refusal: Greets in place of the greeting, and is the end.
    """

    commands: ClassVar[dict[str, Command]]
    transport: asyncio.Transport
    on_end: Callable[[], None] | None = None
    """Called once, when the connection is gone and nothing is done for it any more."""

    def __init__(
        self, limits: Intake, *, greeting: Reply, client: str, tls: bool, refusal: Reply | None
    ) -> None:
        # Not SMTP.__init__: it looks through every attribute of itself and of the handler for
        # each connection, which costs more than a mail. The table of commands is made once.
        self.loop = asyncio.get_running_loop()
        self.task: asyncio.Task[None] | None = None  # with what has to wait
        self._intake = limits
        self._greeting = greeting if refusal is None else refusal
        self.shown_client = client
        self._tls = tls
        self._wire = Wire(self.loop, self._pause, self._resume)
        self._made = self._gone = False
        self._writable: asyncio.Future[None] | None = None  # there while the client does not read
        self._out: list[bytes] = []
        self._line = b""  # the beginning of one
        self._line_skipped = False  # ... whose beginning was thrown away
        self._more_waits = False  # bytes have arrived behind the command that is obeyed
        self._message: Sink | None = None
        self._work: Work | None = None
        self._closing = False  # the last reply is said
        self._cut = False  # the client may still be sending
        self._parting = False  # it is on its way, too
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
        self._made = True
        self.say(self._greeting)
        self._go_on(b"")

    def data_received(self, data: bytes) -> None:
        if self.task is not None:
            self._wire.feed(data)
        elif not self._parting:
            self._go_on(data)

    def eof_received(self) -> bool:
        self._wire.end()
        if self._parting:
            self.transport.close()
        elif self.task is None:
            self._part()
        return not self._tls  # half-closed: what was sent before still gets its answer

    def connection_lost(self, error: Exception | None) -> None:
        self._gone = True
        self._wire.end()
        self.resume_writing()
        if self.task is None:
            self._part()

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

    def _go_on(self, data: bytes) -> None:
        """Do what can be done at once, and begin a task for the rest."""
        try:
            rest = self._obeyed(data)
        except Exception as error:
            self._broke(error)
            return
        waits = self._work is not None or self._writable is not None
        if self._closing and not waits:
            self._part()
        elif rest or waits:
            self._wire.feed(rest)
            self.task = self.loop.create_task(self._attend())

    def _obeyed(self, data: bytes) -> bytes:
        """Obey what has arrived; returns what has to wait for the task."""
        rest = self._take(data)
        if self._message is None and self._work is None and not self._closing:
            if self._draining and not rest:
                self.say(replies.CLOSING)
            elif self._deadline == NEVER or b"\n" in data:
                # A command that trickles in is no sign of life.
                self._patience(self.idle_timeout_s(), self._idle_check)
        self._answer_at_once()
        return rest

    async def _attend(self) -> None:
        """Whatever waits for something, until all that has arrived is dealt with."""
        try:
            while True:
                work, self._work = self._work, None
                if work is not None:
                    self._patience(None, self._idle_check)
                    try:
                        await work
                    except (ConnectionEnded, Expired, OSError):
                        raise
                    except Exception as error:
                        self._failed(error)
                await self._flush()
                if self._closing:
                    break
                if work is None:
                    await asyncio.sleep(0)  # a flood of commands is not all that we live for
                self._wire.put_back(self._obeyed(self._wire.take()))
                if not (self._work or self._closing or self._writable or self._wire.has_bytes):
                    break
            self.task = None
            if self._closing or self._wire.ended:
                self._part()
        except Expired as expired:
            await self._expired(expired.reply)
        except (ConnectionEnded, OSError):  # ssl.SSLError is an OSError
            self._part()
        except Exception as error:
            self._broke(error)
        finally:
            self.task = None
            if self._gone:  # while we were at it
                self._part()

    async def _expired(self, reply: Reply) -> None:
        self.say(reply)
        with contextlib.suppress(ConnectionEnded, OSError):
            await self._flush()
        self._part()

    def _expire(self, reply: Reply) -> None:
        """End it, since the client took too long, or has to go."""
        if self.task is not None:
            self._wire.interrupt(Expired(reply))
            return
        self.say(reply)
        self._answer_at_once()
        self._part()

    def _broke(self, error: Exception) -> None:
        """A bug of ours: say so in the log, and end the connection."""
        log.error(
            "connection_failed",
            client=self.shown_client,
            error=type(error).__name__,
            places=places(error),
        )
        self.abort()
        self._part()

    def _part(self) -> None:
        """Close so that the last reply arrives: a reset would overtake it."""
        if not self._parting:
            self._parting = True
            self._closing = True
            self._patience(None, self._idle_check)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._message = None
            self.forget_mail()
            if not self._gone:
                self._wire.clear()  # what is still to come is read, so that no reset is sent
                self._close()
        self._see_whether_over()

    def _close(self) -> None:
        transport = self.transport
        self._answer_at_once()
        if self._cut and not self._tls and not self._wire.ended and transport.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):
                transport.write_eof()
            self._timer = self.loop.call_later(LINGER_S, self.abort)
            return
        transport.close()
        if self._tls or transport.get_write_buffer_size():
            self._timer = self.loop.call_later(LINGER_S, self.abort)

    def _see_whether_over(self) -> None:
        if self._gone and self._parting and self.task is None:
            if self._timer is not None:
                self._timer.cancel()
            on_end, self.on_end = self.on_end, None
            if on_end is not None:
                on_end()

    @property
    def _under_way(self) -> bool:
        """Whether something is being done or received that is to end first."""
        return self.task is not None or self._message is not None

    def _take(self, data: bytes) -> bytes:
        """Obey what has arrived; gives it back from where the task must go on."""
        while (
            data and self._work is None and not self._closing and len(self._out) < REPLIES_AT_ONCE
        ):
            if self._message is None:
                data = self._take_lines(data)
            elif (behind := self._message(data)) is None:
                return b""
            else:
                self._message = None
                self._work = self._message_ended()
                data = behind
        return data

    def _take_lines(self, chunk: bytes) -> bytes:
        """Obey line after line until one of them changes what comes next; gives back the rest."""
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
        rest = data[start:]
        if len(rest) > MAX_AUTH_LINE_BYTES:
            self._line_skipped = True
        else:
            self._line = rest
        return b""

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
            log.info("client_refused", client=self.shown_client, reply=code)

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
        await self._flush()
        if self._wire.ended or self.transport.is_closing():
            raise ConnectionEnded  # a handshake on what is gone would never end
        self._wire.clear()
        self._line = b""
        plain, transport = self.transport, None
        try:
            transport = await self.loop.start_tls(
                plain,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=handshake_timeout_s,
            )
        finally:
            if transport is None:  # not every loop says that such a connection is lost
                plain.abort()
                self._gone = True
        if transport is None:
            raise ConnectionEnded
        self.transport = transport
        self._tls = True

    def ask_to_leave(self) -> None:
        """End the connection as soon as nothing is under way on it."""
        self._draining = True
        if self._made and not self._under_way and not self._parting:
            self._expire(replies.CLOSING)

    def give_up(self) -> None:
        """It never came to be, or is to end now: there is no transport, or no task for it."""
        if self._made:
            self.abort()
        else:
            self._gone = True
            self._part()

    def abort(self) -> None:
        """End it now."""
        if self._made and not self._gone:
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
            busy = self.task is not None and not self._wire.is_read
            self._deadline = now + BUSY_LOOK_S if busy else self._on_timer(now)
        if self._deadline != NEVER:
            self._timer = self.loop.call_at(self._deadline, self._ring)
            self._rings_at = self._deadline

    def _idle_check(self, now: float) -> float:
        self._expire(replies.IDLE)
        return NEVER

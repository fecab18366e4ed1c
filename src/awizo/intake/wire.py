"""The bytes of one connection: pushed in by the transport, pulled out by the session.

In:  what the transport received.
Out: lines for commands; for DATA the chunks as they came, without a copy in between.

A reader of our own in place of asyncio's, for three things that the latter has only behind
private names: to throw away what came in front of a TLS handshake, to hand chunks straight to
whoever reads a message, and to know whether another command is waiting (RFC 2920 section 3.2:
replies are sent together then).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

HIGH_WATER_BYTES = 262_144  # more than this is not read while nobody takes it
LOW_WATER_BYTES = 65_536

Sink = Callable[[bytes], bytes | None]
"""Takes a chunk; returns ``None`` to get more, or the bytes that are not its own any more."""


class ConnectionEnded(Exception):
    """The client is gone."""


class LineTooLong(Exception):
    """A command line over the limit; it was skipped to its end."""


class Wire:
    """Both ends of the stream. One task pulls at a time.

    Args:
        pause, resume: Stop the transport from reading, and let it go on.
    """

    __slots__ = (
        "_buffer",
        "_ended",
        "_loop",
        "_paused",
        "_searched",
        "_sink",
        "_waiter",
        "pause",
        "received_bytes",
        "resume",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pause: Callable[[], None],
        resume: Callable[[], None],
    ) -> None:
        self.pause = pause
        self.resume = resume
        self.received_bytes = 0  # all there ever was
        self._loop = loop
        self._buffer = bytearray()
        self._searched = 0  # no line end before this
        self._sink: Sink | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ended: Exception | None = None
        self._paused = False

    # -- the transport's side --------------------------------------------------------------------

    def feed(self, chunk: bytes) -> None:
        self.received_bytes += len(chunk)
        if self._sink is not None:
            try:
                rest = self._sink(chunk)
            except Exception as error:
                self._sink = None
                self._wake(error)
                return
            if rest is None:
                return
            self._sink = None
            self._keep(rest)
        else:
            self._keep(chunk)
        self._wake()

    def _keep(self, chunk: bytes) -> None:
        self._buffer += chunk
        if len(self._buffer) > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self.pause()

    def end(self, reason: Exception | None = None) -> None:
        """Nothing more comes; whoever pulls gets *reason*, by default ConnectionEnded."""
        if self._ended is None:
            self._ended = reason or ConnectionEnded()
        self._sink = None
        self._wake(self._ended)

    def interrupt(self, reason: Exception) -> None:
        """Whoever waits right now gets *reason*; what has arrived stays."""
        self._sink = None
        self._wake(reason)

    def _wake(self, error: Exception | None = None) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

    # -- the session's side ----------------------------------------------------------------------

    @property
    def has_bytes(self) -> bool:
        return bool(self._buffer)

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for the client at this moment."""
        return self._waiter is not None

    def clear(self) -> None:
        """Throw away what has arrived and was not taken."""
        self._buffer.clear()
        self._searched = 0
        self._go_on()

    async def readline(self, limit_bytes: int) -> bytes:
        """The next line with its line end.

        Raises:
            LineTooLong: It was longer; it has been skipped.
            ConnectionEnded: The client is gone; a line without an end is none.
        """
        skipping = False
        while True:
            end = self._buffer.find(b"\n", self._searched)
            if end >= 0:
                line = bytes(self._buffer[: end + 1])
                del self._buffer[: end + 1]
                self._searched = 0
                if self._paused:
                    self._go_on()
                if skipping or len(line) > limit_bytes:
                    raise LineTooLong
                return line
            if len(self._buffer) > limit_bytes:
                skipping = True
                self.clear()
            self._searched = len(self._buffer)
            await self._more()

    async def pour(self, sink: Sink) -> None:
        """Give everything to *sink* until it returns what is not its own any more."""
        if self._buffer:
            waiting = bytes(self._buffer)
            self._buffer.clear()
            self._searched = 0
            rest = sink(waiting)
            if rest is not None:
                self._buffer += rest
                self._go_on()
                return
            self._go_on()
        if self._ended is None:
            self._sink = sink
        await self._more()

    async def _more(self) -> None:
        if self._ended is not None:
            raise self._ended
        self._waiter = self._loop.create_future()
        await self._waiter

    def _go_on(self) -> None:
        if self._paused and len(self._buffer) < LOW_WATER_BYTES:
            self._paused = False
            self.resume()

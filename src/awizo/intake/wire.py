"""The bytes of one connection that wait, while something is done that takes its time.

In:  what the transport received meanwhile.
Out: the same, a line or all of it.

A reader of our own in place of asyncio's, for two things that the latter has only behind
private names: to throw away what came in front of a TLS handshake, and to know whether another
command is waiting (RFC 2920 section 3.2: replies are sent together then).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

HIGH_WATER_BYTES = 262_144  # more than this is not read while nobody takes it
LOW_WATER_BYTES = 65_536


class ConnectionEnded(Exception):
    """The client is gone."""


class LineTooLong(Exception):
    """A command line over the limit; it was skipped to its end."""


class Wire:
    """One end pushes, one task pulls.

    Args:
        pause, resume: Stop the transport from reading, and let it go on.
    """

    __slots__ = (
        "_buffer",
        "_ended",
        "_loop",
        "_paused",
        "_searched",
        "_waiter",
        "pause",
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
        self._loop = loop
        self._buffer = bytearray()
        self._searched = 0  # no line end before this
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._paused = False

    # -- the transport's side --------------------------------------------------------------------

    def feed(self, chunk: bytes) -> None:
        self._buffer += chunk
        if len(self._buffer) > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self.pause()
        self._wake()

    def end(self) -> None:
        """Nothing more comes; whoever waits for a line gets ConnectionEnded."""
        self._ended = True
        self._wake(ConnectionEnded())

    def interrupt(self, reason: Exception) -> None:
        """Whoever waits for a line right now gets *reason*; what has arrived stays."""
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
    def ended(self) -> bool:
        return self._ended

    @property
    def is_read(self) -> bool:
        """Whether somebody waits for a line at this moment."""
        return self._waiter is not None

    def take(self) -> bytes:
        """All that waits."""
        waiting = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return waiting

    def put_back(self, rest: bytes) -> None:
        """Give back what of :meth:`take` is still to come, maybe nothing; more is read then."""
        self._buffer[:0] = rest
        self._go_on()

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
            if self._ended:
                raise ConnectionEnded
            self._waiter = self._loop.create_future()
            await self._waiter

    def _go_on(self) -> None:
        if self._paused and len(self._buffer) < LOW_WATER_BYTES:
            self._paused = False
            self.resume()

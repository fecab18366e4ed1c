"""Read one message behind DATA, within its limits.

In:  chunks from the wire, the time now and then.
Out: the body and the header of the message, or the reply that refuses it.
"""

from __future__ import annotations

from pathlib import Path

from awizo.intake import replies
from awizo.intake.body import Body
from awizo.intake.data import Framer, Head
from awizo.intake.limits import RATE_WINDOW_S, DataRate
from awizo.intake.replies import Reply
from awizo.model import ContentFacts
from awizo.settings import Intake

MAX_HOPS = 100  # RFC 5321 section 6.3: a large threshold, normally at least 100 Received fields

# Bytes beyond the limit are read, to answer 552 at the end of the message and not into its
# middle; but only as many again as were allowed, then the connection is cut.
DISCARD_FACTOR = 2
SLACK_BYTES = 65_536


class MuchTooLarge(Exception):
    """So far beyond the limit that the rest is not even read."""


class MessageReader:
    """Takes one message. Times are seconds of the event loop's clock.

    Attributes:
        tick_s: How often :meth:`expired` wants to be asked.
    """

    def __init__(self, limits: Intake, *, folder: Path | None, now: float) -> None:
        self._limits = limits
        self._raw_bytes = 0
        self._seen_bytes = 0  # when the clock was looked at last
        self._too_large = False
        self._ascii = True
        self._nul = False
        self._framer = Framer(
            bare_line_ends=limits.bare_line_ends, max_line_bytes=limits.max_line_bytes
        )
        self.head = Head(max_bytes=limits.max_header_bytes)
        self.body = Body(memory_bytes=limits.memory_body_bytes, folder=folder)
        self._started = self._last = now
        window_s = min(RATE_WINDOW_S, limits.idle_timeout_s)
        self._rate = DataRate(
            limits.min_data_rate_bytes_per_s, window_started=now, window_bytes=0, window_s=window_s
        )
        self.tick_s = min(window_s, limits.data_total_timeout_s) / 2

    def take(self, chunk: bytes) -> bytes | None:
        """Take a chunk; returns what lies behind the message once it has ended.

        Raises:
            MuchTooLarge: There is no end in sight.
        """
        self._raw_bytes += len(chunk)
        piece = self._framer.feed(chunk)
        if piece and not self._too_large:
            self.head.take(piece)
            self.body.write(piece)
            self._ascii = self._ascii and piece.isascii()
            self._nul = self._nul or b"\0" in piece
            if self.body.size_bytes > self._limits.max_message_bytes:
                self._too_large = True
                self.body.drop()
        if self._framer.ended:
            return self._framer.rest
        if self._raw_bytes > DISCARD_FACTOR * self._limits.max_message_bytes + SLACK_BYTES:
            raise MuchTooLarge
        return None

    def expired(self, now: float) -> Reply | None:
        """What to say to a client that takes too long, ``None`` while it does not."""
        if self._raw_bytes != self._seen_bytes:
            self._seen_bytes, self._last = self._raw_bytes, now
        if now - self._started >= self._limits.data_total_timeout_s:
            return replies.TOOK_TOO_LONG
        if now - self._last >= self._limits.idle_timeout_s:
            return replies.IDLE
        if self._rate.too_slow(now, self._raw_bytes):
            return replies.TOO_SLOW
        return None

    @property
    def facts(self) -> ContentFacts | None:
        """Of the message that was read; ``None`` where it would have to be looked at again.

        The framer has mended bare line ends or refused them. A dot among NULs it lets pass.
        """
        if self._nul or not (self._ascii or self.head.whole):
            return None
        return ContentFacts(not self._ascii, not self.head.content.isascii())

    def refusal(self) -> Reply | None:
        """Why the message that was read cannot be taken, ``None`` when it can."""
        if self._framer.bare and self._limits.bare_line_ends == "reject":
            return replies.BARE_IN_DATA
        if self._too_large:
            return replies.TOO_LARGE
        if self.head.too_long:
            return replies.HEADER_TOO_LARGE
        if self._framer.line_too_long:
            return replies.LINE_IN_DATA_TOO_LONG
        if self.head.hops() > MAX_HOPS:
            return replies.TOO_MANY_HOPS
        return None

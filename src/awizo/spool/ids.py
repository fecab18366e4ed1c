"""Names of messages and deliveries: short, sortable by time, impossible to guess.

In:  the time and 80 random bits, both given.
Out: 26 characters: 48 bits of milliseconds, then the random ones, in Crockford's base 32.

The alphabet leaves out i, l, o and u, so an id can be read aloud; lower case fits an SMTP
reply and a file name. Later ids sort after earlier ones.

Source: https://www.crockford.com/base32.html; the layout is that of a ULID.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
RANDOM_BYTES = 10
DRAWN_IDS = 64  # for so many ids randomness is drawn at once
STEP_BYTES = 8  # of a step within a millisecond: the next id cannot be guessed from the last
MILLISECOND = timedelta(milliseconds=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(now: datetime, randomness: bytes) -> str:
    """An id for something that came into being *now*.

    Args:
        randomness: 10 bytes from a source that cannot be foretold (``secrets.token_bytes``).
    """
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"{RANDOM_BYTES} random bytes are needed, not {len(randomness)}")
    return _written(_number(now, randomness))


class Ids:
    """The ids of one process: each sorts after the one before, also within a millisecond.

    So the deliveries of one mail are listed in the order of its recipients, and a clock that is
    set back puts nothing before what was there.

    Args:
        random_bytes: A source that cannot be foretold, such as ``secrets.token_bytes``.
    """

    def __init__(self, now: Callable[[], datetime], random_bytes: Callable[[int], bytes]) -> None:
        self._now = now
        self._random_bytes = random_bytes
        self._drawn = b""  # a draw from the system costs as much as all the rest
        self._used = 0
        self._last = -1

    def __call__(self) -> str:
        if self._used >= len(self._drawn):
            self._drawn, self._used = self._random_bytes(DRAWN_IDS * RANDOM_BYTES), 0
        start, self._used = self._used, self._used + RANDOM_BYTES
        randomness = self._drawn[start : self._used]
        number = _number(self._now(), randomness)
        if number <= self._last:
            number = self._last + 1 + int.from_bytes(randomness[:STEP_BYTES], "big")
        self._last = number
        return _written(number)


def _number(now: datetime, randomness: bytes) -> int:
    return (now - _EPOCH) // MILLISECOND << 8 * RANDOM_BYTES | int.from_bytes(randomness, "big")


_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]


def _written(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])

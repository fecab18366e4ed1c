"""Bounds that keep one client, or a full disk, from taking the service from the others.

In:  connections as they come and go, bytes as they arrive, the store's folder.
Out: whether there is room for another one.

Clients that are trusted (loopback, ``allow_networks``) count in all, but not for each address:
a shop is one address with many connections.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from awizo.intake.board import ALL, Board

SPACE_LOOK_EVERY_S = 1.0
RATE_WINDOW_S = 30.0  # a floor for shorter moments would cut off clients behind a slow link
STRESS_SHARE = 0.8  # of all connections; from here on, strangers get less patience
STRESS_IDLE_S = 10.0


class Connections:
    """Counts the connections in all and of each address.

    Args:
        board: Where processes that share the port count together.
    """

    def __init__(self, *, in_all: int, per_address: int, board: Board | None = None) -> None:
        self._in_all = in_all
        self._per_address = per_address
        self._board = board
        self._open = 0
        self._by_address: Counter[str] = Counter()

    @property
    def open(self) -> int:
        return self._open

    @property
    def full(self) -> bool:
        return self._everywhere >= self._in_all

    @property
    def stressed(self) -> bool:
        return self._everywhere >= self._in_all * STRESS_SHARE

    @property
    def _everywhere(self) -> int:
        return self._open + (0 if self._board is None else self._board.elsewhere(ALL))

    def opened(self) -> None:
        self._count(1)

    def closed(self) -> None:
        self._count(-1)

    def _count(self, by: int) -> None:
        self._open += by
        if self._board is not None:
            self._board.add(ALL, by)

    def take(self, address: str) -> bool:
        """Count a connection of an untrusted address; False, uncounted, when it has too many."""
        count = self._by_address[address]
        if self._board is not None:
            count += self._board.elsewhere(self._board.place_of(address))
        if count >= self._per_address:
            return False
        self._count_address(address, 1)
        return True

    def give_back(self, address: str) -> None:
        self._count_address(address, -1)

    def _count_address(self, address: str, by: int) -> None:
        self._by_address[address] += by
        if self._board is not None:
            self._board.add(self._board.place_of(address), by)
        if not self._by_address[address]:
            del self._by_address[address]


@dataclass(slots=True)
class DataRate:
    """Whether a message comes fast enough, looked at in windows of :data:`RATE_WINDOW_S`.

    Times are seconds of the event loop's clock.
    """

    min_bytes_per_s: float
    window_started: float
    window_bytes: int  # received when the window began
    window_s: float = RATE_WINDOW_S

    def too_slow(self, now: float, received_bytes: int) -> bool:
        """Look at the rate; begins a new window when this one is over."""
        passed_s = now - self.window_started
        if passed_s < self.window_s:
            return False
        came = received_bytes - self.window_bytes
        self.window_started, self.window_bytes = now, received_bytes
        return came < self.min_bytes_per_s * passed_s


class Space:
    """Free bytes and inodes of the folder that takes the mails; looked at once a second."""

    def __init__(
        self,
        folder: Path | None,
        *,
        min_free_bytes: int,
        min_free_inodes: int,
        clock: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._min_free_inodes = min_free_inodes
        self._clock = clock
        self._looked_at: float | None = None
        self._free_bytes: int | None = None
        self._inodes_left = True

    def has_room(self, size_bytes: int = 0) -> bool:
        """Whether a message of this size leaves as much free as the settings ask for."""
        if self._folder is None:
            return True
        if self._looked_at is None or self._clock() - self._looked_at >= SPACE_LOOK_EVERY_S:
            self._look()
        return self._inodes_left and (
            self._free_bytes is None or self._free_bytes - size_bytes >= self._min_free_bytes
        )

    def _look(self) -> None:
        self._looked_at = self._clock()
        try:
            found = os.statvfs(self._folder or ".")
        except OSError:  # not there yet, or sick: the store itself will say what is wrong
            self._free_bytes, self._inodes_left = None, True
            return
        self._free_bytes = found.f_bavail * found.f_frsize
        # Some file systems (btrfs) have no fixed number of inodes and say 0.
        self._inodes_left = not found.f_files or found.f_favail >= self._min_free_inodes

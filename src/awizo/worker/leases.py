"""What this process has leased, and how long it may be sure of it.

In:  leases as they are taken, renewed and ended, with the time before the store was asked.
Out: whether a lease can have passed to nobody else yet.

By a clock that only goes forward, for the store's answer may be minutes old when the database is
away: others see the lease run out then, though we do not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

MARGIN = 0.1  # of a lease: clocks of replicas differ, and a last piece of mail takes its time


class Leases:
    """Those of one worker.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, *, lease_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lasts_s = lease_s * (1 - MARGIN)
        self._clock = clock
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def taken(self, leases: Sequence[str], *, asked_at: float) -> None:
        """They were handed out, or renewed, when the store was asked at this time."""
        self._until.update(dict.fromkeys(leases, asked_at + self._lasts_s))

    def renewed(self, asked: Collection[str], kept: Collection[str], *, asked_at: float) -> None:
        """Of those *asked* for, the store still knew *kept*; the others are somebody else's."""
        for lease in asked:
            if lease in self._until:  # else its work has ended meanwhile
                self._until[lease] = asked_at + self._lasts_s if lease in kept else float("-inf")

    def ended(self, leases: Sequence[str]) -> None:
        for lease in leases:
            self._until.pop(lease, None)

    def are_ours(self, leases: Sequence[str]) -> bool:
        """Whether nobody else can have taken any of them."""
        now = self._clock()
        return all(now < self._until.get(lease, float("inf")) for lease in leases)

"""Hold the pace that Allegro allows a client id; stop when it says so, then feel the way back.

In:  each call before it is made, each 429 and each success after it.
Out: permission, at once or after a short wait; or a Deferral that says how long.

One governor for each client id, shared by all accounts that use it: the 9,000 requests a
minute are counted by Client ID (FACTS 2.0). Calling on while blocked prolongs the block, so
a 429 stops everything: for as long as ``Retry-After`` says, else for 60 s, doubled each time
until calls have gone well again. After a stop calls begin at one a second and double with
each success.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from awizo.errors import Deferral

FIRST_STOP_S = 60.0  # FACTS 2.0: without Retry-After back off from at least 60 s
LONGEST_STOP_S = 3600.0
PROBING_PER_S = 1.0
LONGEST_WAIT_S = 10.0  # a call that must wait longer is deferred instead
BURST_SHARE = 0.1  # of a minute's requests; the rest is spread over the minute

# 50 requests a second on these resources (openapi.yaml, their descriptions).
RESOURCE_PER_S = 40.0
RESOURCE_BURST = 10.0


class Bucket:
    """A token bucket; the time comes as an argument."""

    def __init__(self, *, per_s: float, burst: float, at: float) -> None:
        self.per_s = per_s
        self.burst = max(1.0, burst)
        self._level = self.burst
        self._at = at

    def take(self, at: float) -> float:
        """Take one token; return the seconds to wait before it may be used."""
        self._level = min(self.burst, self._level + max(0.0, at - self._at) * self.per_s)
        self._at = max(at, self._at)
        self._level -= 1
        return 0.0 if self._level >= 0 else -self._level / self.per_s

    def give_back(self) -> None:
        self._level += 1


class Governor:
    """Calls of one client id.

    Args:
        clock: Seconds that only go forward, e.g. ``time.monotonic``.
    """

    def __init__(self, *, requests_per_minute: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._full_per_s = requests_per_minute * (1 - BURST_SHARE) / 60
        self._full_burst = requests_per_minute * BURST_SHARE
        self._bucket = Bucket(per_s=self._full_per_s, burst=self._full_burst, at=clock())
        self._resources: dict[str, Bucket] = {}
        self._stopped_until = 0.0
        self._next_stop_s = FIRST_STOP_S
        self._probing_per_s: float | None = None

    @property
    def stopped_for_s(self) -> float:
        """Seconds until calls are allowed again, 0 when they are."""
        return max(0.0, self._stopped_until - self._clock())

    async def permit(self, resource: str | None = None) -> None:
        """Return when one call may be made.

        Raises:
            Deferral: ``allegro_busy``: stopped, or the queue is longer than a short wait.
        """
        self._refuse_while_stopped()
        now = self._clock()
        wait_s = self._take(self._bucket, now)
        if resource is not None:
            bucket = self._resources.setdefault(
                resource, Bucket(per_s=RESOURCE_PER_S, burst=RESOURCE_BURST, at=now)
            )
            try:
                wait_s = max(wait_s, self._take(bucket, now))
            except Deferral:
                self._bucket.give_back()
                raise
        if wait_s > 0:
            await asyncio.sleep(wait_s)
            self._refuse_while_stopped()

    def succeeded(self) -> None:
        """A call was answered with anything but 429: after a stop, go twice as fast."""
        if self._probing_per_s is None or self.stopped_for_s > 0:
            return
        self._probing_per_s *= 2
        if self._probing_per_s >= self._full_per_s:
            self._probing_per_s = None
            self._next_stop_s = FIRST_STOP_S
            self._set_pace(self._full_per_s, self._full_burst)
        else:
            self._set_pace(self._probing_per_s, 1)

    def refused(self, retry_after: timedelta | None) -> float:
        """A 429: stop every call of this client id; returns for how many seconds."""
        already_s = self.stopped_for_s
        if retry_after is not None:
            stop_s = retry_after.total_seconds()
        elif already_s > 0:
            return already_s  # one of several calls that were under way when the stop began
        else:
            stop_s = self._next_stop_s
            self._next_stop_s = min(LONGEST_STOP_S, self._next_stop_s * 2)
        self._stopped_until = max(self._stopped_until, self._clock() + stop_s)
        self._probing_per_s = PROBING_PER_S
        self._set_pace(PROBING_PER_S, 1)
        return self.stopped_for_s

    def _set_pace(self, per_s: float, burst: float) -> None:
        start = max(self._clock(), self._stopped_until)
        self._bucket = Bucket(per_s=per_s, burst=burst, at=start)

    def _take(self, bucket: Bucket, now: float) -> float:
        wait_s = bucket.take(now)
        if wait_s > LONGEST_WAIT_S:
            bucket.give_back()
            raise Deferral("allegro_busy", "waiting for a turn", not_before=timedelta(seconds=10))
        return wait_s

    def _refuse_while_stopped(self) -> None:
        if self.stopped_for_s > 0:
            raise Deferral(
                "allegro_busy",
                "all calls of this client id wait after a 429",
                not_before=timedelta(seconds=self.stopped_for_s),
            )

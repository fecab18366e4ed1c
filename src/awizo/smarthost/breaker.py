"""Leave a next hop in trouble alone for a while.

In:  how each attempt to use it went.
Out: whether to try it now, and how long to leave it alone.

Otherwise a host that is down would make every mail wait for its own time-out, and a wrong
password would be tried as often as there are mails, until the provider locks the account.
Time is an argument; no clock here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

PATIENCE = 3  # failures in a row until it is left alone
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 120.0
# A refused password helps nobody by being said again; many providers lock after ten.
FIRST_AUTH_PAUSE_S = 60.0
LONGEST_AUTH_PAUSE_S = 900.0


def pause_after(failures: int, code: str) -> timedelta:
    """How long to leave a host alone after *failures* in a row, the last with slug *code*."""
    if code == "smarthost_auth_failed":
        doublings = min(failures - 1, 16)
        return timedelta(seconds=min(FIRST_AUTH_PAUSE_S * 2**doublings, LONGEST_AUTH_PAUSE_S))
    if failures < PATIENCE:
        return timedelta(0)
    doublings = min(failures - PATIENCE, 16)
    return timedelta(seconds=min(FIRST_PAUSE_S * 2**doublings, LONGEST_PAUSE_S))


class Breaker:
    """A circuit: closed while all is well, open after failures, half-open for one trial.

    Attributes:
        failures: In a row, 0 when the last attempt went well.
    """

    def __init__(self) -> None:
        self.failures = 0
        self._failed_at: datetime | None = None
        self._open_until: datetime | None = None
        self._on_trial = False

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    def wait(self, now: datetime) -> timedelta | None:
        """How long it is to be left alone yet, ``None``: try it.

        After the pause one attempt is let through, the others wait for what becomes of it;
        whoever got ``None`` must report, or call :meth:`given_up`.
        """
        if self._open_until is None:
            return None
        if now < self._open_until:
            return self._open_until - now
        if self._on_trial:
            return timedelta(seconds=FIRST_PAUSE_S)
        self._on_trial = True
        return None

    def went_well(self) -> None:
        self.failures = 0
        self._open_until = None
        self._on_trial = False

    def failed(self, now: datetime, code: str, *, began_at: datetime) -> None:
        """An attempt failed. Those that ran side by side with one that failed count as one."""
        self._on_trial = False
        if self._failed_at is not None and began_at < self._failed_at:
            return
        self._failed_at = now
        self.failures += 1
        pause = pause_after(self.failures, code)
        self._open_until = now + pause if pause else None

    def given_up(self) -> None:
        """An attempt ended without a word about the host, e.g. cancelled."""
        self._on_trial = False

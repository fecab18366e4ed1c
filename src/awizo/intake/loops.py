"""Notice a mail that goes in circles: the same bytes for the same recipient, again and again.

In:  digests of mails as they are accepted.
Out: whether a delivery is to be held.

The spool counts, over all processes and across restarts. It is asked only about a digest that
this process has met within the hour, so that a mail that comes once costs nothing; each further
process can at most let one more round pass.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from awizo.spool.port import Spool

WINDOW = timedelta(hours=1)
MAX_IN_WINDOW = 5  # more than five times an hour is a loop
MAX_REMEMBERED = 50_000


class LoopGuard:
    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        # Hashes of digest and recipient; one that two share costs a question, nothing else.
        self._met: OrderedDict[int, datetime] = OrderedDict()

    async def circling(
        self, sha256: str, recipients: tuple[str, ...], *, now: datetime
    ) -> frozenset[str]:
        """Those recipients that had these bytes too often already."""
        since = now - WINDOW
        met_before = [
            recipient for recipient in recipients if self._meets(sha256, recipient, now, since)
        ]
        if not met_before:
            return frozenset()
        return frozenset(
            [
                recipient
                for recipient in met_before
                if await self._spool.same_digest_since(sha256, recipient, since) >= MAX_IN_WINDOW
            ]
        )

    def _meets(self, sha256: str, recipient: str, now: datetime, since: datetime) -> bool:
        """Remember the meeting; whether there was one within the window before."""
        key = hash((sha256, recipient.lower()))
        met_at = self._met.pop(key, None)
        self._met[key] = now
        while len(self._met) > MAX_REMEMBERED or next(iter(self._met.values())) < since:
            self._met.popitem(last=False)
        return met_at is not None and met_at >= since

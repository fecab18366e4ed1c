"""Know whether the store takes mail: a sick one is asked again until it is well.

In:  failures as they are met while accepting.
Out: whether new mail should be let in at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from awizo.errors import AwizoError, StorageFull
from awizo.spool.port import Spool

log = structlog.get_logger()

PROBE_STEPS_S = (0.5, 1.0, 2.0, 5.0)
PROBE_TIMEOUT_S = 30.0


class StoreWatch:
    """One for the listener.

    Args:
        on_change: Told ``True`` when the store is well again and ``False`` when it is not.
    """

    def __init__(self, spool: Spool, *, on_change: Callable[[bool], None] | None = None) -> None:
        self._spool = spool
        self._on_change = on_change
        self._probing: asyncio.Task[None] | None = None

    @property
    def sick(self) -> bool:
        return self._probing is not None

    def failed(self) -> None:
        """The store did not take a mail, for another reason than want of room."""
        if self._probing is None:
            log.error("store_failed", consequence="new connections hear 421 until it is well")
            self._probing = asyncio.create_task(self._probe())
            if self._on_change is not None:
                self._on_change(False)

    async def _probe(self) -> None:
        attempt = 0
        while True:
            await asyncio.sleep(PROBE_STEPS_S[min(attempt, len(PROBE_STEPS_S) - 1)])
            attempt += 1
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    await self._spool.probe()
            except StorageFull:
                pass  # it answers; want of room is told to each mail by itself
            except (AwizoError, OSError, TimeoutError):
                continue
            break
        self._probing = None
        log.info("store_recovered", probes=attempt)
        if self._on_change is not None:
            self._on_change(True)

    async def close(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)
            self._probing = None

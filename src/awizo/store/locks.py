"""Rights that only one holder has at a time, across tasks, processes and replicas.

In:  a name.
Out: a span of time in which nobody else holds it.

The right is a row that its holder renews. Whether a holder is alive is judged by the row alone:
one that stays as it is for ``DEAD_AFTER_S`` on the *watcher's* clock belongs to a dead process.
So machines whose clocks disagree still agree on who holds what.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from weakref import WeakValueDictionary

import structlog

from awizo.errors import StoreError
from awizo.store.database import Database, Row, Transaction

log = structlog.get_logger()

DEAD_AFTER_S = 15.0
RENEW_S = 4.0
LOOK_S = 0.1


class Locks:
    def __init__(
        self,
        database: Database,
        *,
        dead_after_s: float = DEAD_AFTER_S,
        renew_s: float = RENEW_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._database = database
        self._dead_after_s = dead_after_s
        self._renew_s = renew_s
        self._look_s = look_s
        # Tasks of one loop queue here, first come, first served.
        self._here: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def held(self, name: str) -> AsyncIterator[None]:
        """Wait for the right, hold it, give it back.

        Raises:
            StoreError: The store cannot tell who holds it.
        """
        key = (id(asyncio.get_running_loop()), name)
        queue = self._here.setdefault(key, asyncio.Lock())
        async with queue:
            owner = secrets.token_hex(8)
            await self._take(name, owner)
            renewing = asyncio.create_task(self._renew(name, owner))
            try:
                yield
            finally:
                renewing.cancel()
                # Given back even when this task is being cancelled: others would wait in vain.
                giving = asyncio.ensure_future(self._give_back(name, owner))
                while not giving.done():
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.wait([giving, renewing])
                await asyncio.gather(renewing, return_exceptions=True)

    async def _take(self, name: str, owner: str) -> None:
        seen: Row | None = None
        unchanged_since = time.monotonic()
        while True:
            dead = seen if time.monotonic() - unchanged_since > self._dead_after_s else None
            there = await self._database.write(lambda tx: _try(tx, name, owner, dead))  # noqa: B023
            if there is None:
                return
            if there != seen:
                seen, unchanged_since = there, time.monotonic()
            await asyncio.sleep(self._look_s)

    async def _renew(self, name: str, owner: str) -> None:
        while True:
            await asyncio.sleep(self._renew_s)
            try:
                held = await self._database.write(
                    lambda tx: tx.execute(
                        "UPDATE locks SET until = until + 1 WHERE name = :name AND owner = :owner",
                        {"name": name, "owner": owner},
                    )
                )
            except StoreError as error:
                log.warning("lock_not_renewed", lock=name, error=str(error))
                continue
            if not held:
                log.warning("lock_lost", lock=name)
                return

    async def _give_back(self, name: str, owner: str) -> None:
        try:
            await self._database.write(
                lambda tx: tx.execute(
                    "DELETE FROM locks WHERE name = :name AND owner = :owner",
                    {"name": name, "owner": owner},
                )
            )
        except StoreError as error:
            log.warning("lock_not_given_back", lock=name, error=str(error))


def _try(tx: Transaction, name: str, owner: str, dead: Row | None) -> Row | None:
    """Take the right if it is free or its holder is dead; else whose it is, and its beat."""
    if dead is not None:
        tx.execute(
            "DELETE FROM locks WHERE name = :name AND owner = :owner AND until = :until",
            {"name": name, "owner": dead["owner"], "until": dead["until"]},
        )
    taken = tx.execute(
        """INSERT INTO locks (name, owner, until) VALUES (:name, :owner, 0)
        ON CONFLICT (name) DO NOTHING""",
        {"name": name, "owner": owner},
    )
    there = tx.row("SELECT owner, until FROM locks WHERE name = :name", {"name": name})
    if taken or (there is not None and there["owner"] == owner):
        return None
    return there or {"owner": "", "until": -1}  # given back between the two statements

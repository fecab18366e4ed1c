"""Small facts with an expiry, by account: see :class:`awizo.allegro.ports.Memory`.

In:  JSON values under a key.
Out: the value again until its time is over.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from awizo.store.codec import read_json, to_json
from awizo.store.database import Database, Transaction, micros, micros_or_none


class DatabaseMemory:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def recall(self, account: str, key: str, *, now: datetime) -> Any | None:
        def unit(tx: Transaction) -> Any | None:
            row = tx.row(
                """SELECT value FROM memory WHERE account = :account AND key = :key
                AND (until IS NULL OR until > :now)""",
                {"account": account, "key": key, "now": micros(now)},
            )
            return None if row is None else read_json(row["value"])

        return await self._database.read(unit)

    async def remember(self, account: str, key: str, value: Any, *, until: datetime | None) -> None:
        params = {
            "account": account,
            "key": key,
            "value": to_json(value),
            "until": micros_or_none(until),
        }
        await self._database.write(
            lambda tx: tx.execute(
                """INSERT INTO memory (account, key, value, until)
                VALUES (:account, :key, :value, :until)
                ON CONFLICT (account, key) DO UPDATE
                SET value = excluded.value, until = excluded.until""",
                params,
            )
        )

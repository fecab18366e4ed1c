"""Connected accounts: see :class:`awizo.allegro.ports.Accounts`.

In:  accounts with their tokens.
Out: the same, tokens and client secrets sealed in the database.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.errors import SettingsError
from awizo.store.codec import read_json, to_json
from awizo.store.database import (
    Database,
    Row,
    Transaction,
    micros_or_none,
    moment_or_none,
)
from awizo.store.locks import Locks
from awizo.store.sealing import KeyFile, Sealer, check_word, fits, forget_word, put_word, wrong_key

_COLUMNS = (
    "account", "tokens", "client_id", "client_secret", "seller_id", "login", "email",
    "marketplace", "paused", "connected_at",
)  # fmt: skip
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM accounts"
_SAVE = f"""INSERT INTO accounts ({", ".join(_COLUMNS)})
    VALUES ({", ".join(f":{column}" for column in _COLUMNS)})
    ON CONFLICT (account) DO UPDATE SET
    {", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[1:])}"""


class DatabaseAccounts:
    def __init__(self, database: Database, key: KeyFile, *, locks: Locks | None = None) -> None:
        self._database = database
        self._key = key
        self._locks = locks or Locks(database)

    async def check_key(self) -> None:
        """See whether the key fits what it has to open.

        Raises:
            SettingsError: It does not, or is not there; says what to do.
        """
        word = await self._database.read(check_word)
        if word is None:
            return
        sealer = await asyncio.to_thread(self._key.sealer)
        if not fits(sealer, word):
            raise SettingsError(wrong_key(self._key.path))

    async def forget_secrets(self) -> None:
        """Drop every token and client secret, so that a new key can begin: the old one is lost."""

        def unit(tx: Transaction) -> None:
            tx.execute("UPDATE accounts SET tokens = NULL, client_id = '', client_secret = NULL")
            forget_word(tx)

        await self._database.write(unit)

    async def get(self, name: str) -> AccountRecord | None:
        row = await self._database.read(
            lambda tx: tx.row(f"{_SELECT} WHERE account = :account", {"account": name})
        )
        return None if row is None else await self._record(row)

    async def all(self) -> Sequence[AccountRecord]:
        rows = await self._database.read(lambda tx: tx.rows(f"{_SELECT} ORDER BY account"))
        return [await self._record(row) for row in rows]

    async def save(self, record: AccountRecord) -> None:
        secret = record.tokens is not None or bool(record.client_secret)
        sealer = await asyncio.to_thread(self._key.sealer, to_seal=True) if secret else None

        def unit(tx: Transaction) -> None:
            if sealer is not None:
                put_word(tx, sealer)
            tx.execute(_SAVE, _params(record, sealer))

        await self._database.write(unit)

    async def remove(self, name: str) -> None:
        await self._database.write(
            lambda tx: tx.execute(
                "DELETE FROM accounts WHERE account = :account", {"account": name}
            )
        )

    async def pause(self, name: str, reason: str | None) -> None:
        await self._database.write(
            lambda tx: tx.execute(
                "UPDATE accounts SET paused = :reason WHERE account = :account",
                {"reason": reason, "account": name},
            )
        )

    def refreshing(self, name: str) -> AbstractAsyncContextManager[AccountRecord]:
        return self._refreshing(name)

    @contextlib.asynccontextmanager
    async def _refreshing(self, name: str) -> AsyncIterator[AccountRecord]:
        async with self._locks.held(f"refresh {name}"):
            yield await self.get(name) or AccountRecord(name)

    async def _record(self, row: Row) -> AccountRecord:
        sealed = row["tokens"] is not None or row["client_secret"] is not None
        sealer = await asyncio.to_thread(self._key.sealer) if sealed else None
        return AccountRecord(
            name=row["account"],
            tokens=None if row["tokens"] is None else _tokens(self._open(sealer, row, "tokens")),
            seller_id=row["seller_id"],
            login=row["login"],
            email=row["email"],
            marketplace=row["marketplace"],
            paused=row["paused"],
            connected_at=moment_or_none(row["connected_at"]),
            client_id=row["client_id"],
            client_secret=self._open(sealer, row, "client_secret"),
        )

    def _open(self, sealer: Sealer | None, row: Row, column: str) -> str:
        if row[column] is None or sealer is None:
            return ""
        try:
            return sealer.open(row[column], _place(row["account"], column))
        except ValueError:
            raise SettingsError(wrong_key(self._key.path)) from None


def _place(account: str, column: str) -> str:
    return f"accounts.{column} of {account}"


def _params(record: AccountRecord, sealer: Sealer | None) -> dict[str, Any]:
    tokens = client_secret = None
    if sealer is not None and record.tokens is not None:
        tokens = sealer.seal(to_json(record.tokens), _place(record.name, "tokens"))
    if sealer is not None and record.client_secret:
        client_secret = sealer.seal(record.client_secret, _place(record.name, "client_secret"))
    return {
        "account": record.name,
        "tokens": tokens,
        "client_id": record.client_id,
        "client_secret": client_secret,
        "seller_id": record.seller_id,
        "login": record.login,
        "email": record.email,
        "marketplace": record.marketplace,
        "paused": record.paused,
        "connected_at": micros_or_none(record.connected_at),
    }


def _tokens(text: str) -> TokenPair:
    data = read_json(text)
    return TokenPair(
        access_token=data["access_token"],
        refresh_token=data["refresh_token"],
        expires_at=datetime.fromisoformat(data["expires_at"]),
        obtained_at=datetime.fromisoformat(data["obtained_at"]),
        refreshed_from=data.get("refreshed_from"),
    )

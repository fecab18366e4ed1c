"""The ledger of documents: see :class:`awizo.allegro.ports.Ledger`.

In:  a document that is about to be filed; what became of it.
Out: the one entry that stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from awizo.allegro.ports import LedgerEntry
from awizo.errors import NotFound, StoreError
from awizo.store.codec import read_json, to_json
from awizo.store.database import (
    Database,
    Row,
    Transaction,
    micros,
    micros_or_none,
    moment_or_none,
)

COLUMNS = (
    "id", "account", "order_id", "kind", "number_key", "sha256", "text_sha256", "number",
    "document_kind", "total", "buyer_tax_id", "url", "state", "invoice_id", "delivery_id",
    "created_at", "updated_at", "proof",
)  # fmt: skip
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM ledger"
_OLDEST_FIRST = "ORDER BY created_at, id"
_ADD = f"""INSERT INTO ledger ({", ".join(COLUMNS)})
    VALUES ({", ".join(f":{column}" for column in COLUMNS)})"""


class DatabaseLedger:
    """See :class:`awizo.allegro.ports.Ledger`.

    Args:
        now: Dates an entry that has no time of its own.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def intend(self, entry: LedgerEntry) -> LedgerEntry:
        created_at = entry.created_at or self._now()

        def unit(tx: Transaction) -> LedgerEntry:
            tx.exclusive(f"ledger {entry.account} {entry.order_id}")
            same = [there for there in _of_order(tx, entry.account, entry.order_id)
                    if is_same_document(there, entry)]  # fmt: skip
            if same:
                # The entry of this very job, should a later one match as well.
                return next((there for there in same if there.id == entry.id), same[0])
            if tx.row("SELECT 1 AS there FROM ledger WHERE id = :id", {"id": entry.id}):
                raise StoreError(f"there is another document with the id {entry.id}")
            tx.execute(_ADD, _params(entry, created_at))
            return _one(tx, entry.id)

        return await self._database.write(unit)

    async def update(
        self,
        entry_id: str,
        *,
        now: datetime,
        state: str | None = None,
        invoice_id: str | None = None,
        proof: Mapping[str, Any] | None = None,
    ) -> LedgerEntry:
        """Raises NotFound when there is no such entry."""

        def unit(tx: Transaction) -> LedgerEntry:
            there = _one(tx, entry_id, change=True)
            tx.execute(
                """UPDATE ledger SET state = :state, invoice_id = :invoice_id, proof = :proof,
                    updated_at = :now WHERE id = :id""",
                {
                    "state": state or there.state,
                    "invoice_id": invoice_id or there.invoice_id,
                    "proof": to_json({**there.proof, **(proof or {})}),
                    "now": micros(now),
                    "id": entry_id,
                },
            )
            return _one(tx, entry_id)

        return await self._database.write(unit)

    async def of_order(self, account: str, order_id: str) -> Sequence[LedgerEntry]:
        return await self._database.read(lambda tx: _of_order(tx, account, order_id))

    async def with_number(self, account: str, number_key: str) -> Sequence[LedgerEntry]:
        if not number_key:
            return []
        return await self._database.read(
            lambda tx: _entries(
                tx,
                # Told twice, so that the index of documents with a number is seen to fit.
                "account = :account AND number_key = :number_key AND number_key <> ''",
                {"account": account, "number_key": number_key},
            )
        )

    async def export(
        self, *, account: str | None = None, since: datetime | None = None
    ) -> Sequence[LedgerEntry]:
        conditions = ["1 = 1"]
        params: dict[str, Any] = {}
        if account is not None:
            conditions.append("account = :account")
            params["account"] = account
        if since is not None:
            conditions.append("created_at >= :since")
            params["since"] = micros(since)
        return await self._database.read(lambda tx: _entries(tx, " AND ".join(conditions), params))


def is_same_document(one: LedgerEntry, other: LedgerEntry) -> bool:
    """Whether two entries of one account and order are about the same document."""
    if one.id == other.id:
        return True
    if one.kind != other.kind:
        return False
    return (
        bool(one.number_key and one.number_key == other.number_key)
        or one.sha256 == other.sha256
        or bool(one.text_sha256 and one.text_sha256 == other.text_sha256)
        or bool(one.url and one.url == other.url)
    )


def _of_order(tx: Transaction, account: str, order_id: str) -> list[LedgerEntry]:
    return _entries(
        tx,
        "account = :account AND order_id = :order_id",
        {"account": account, "order_id": order_id},
    )


def _entries(tx: Transaction, where: str, params: Mapping[str, Any]) -> list[LedgerEntry]:
    return [_entry(row) for row in tx.rows(f"{_SELECT} WHERE {where} {_OLDEST_FIRST}", params)]


def _one(tx: Transaction, entry_id: str, *, change: bool = False) -> LedgerEntry:
    lock = tx.dialect.for_update if change else ""
    row = tx.row(f"{_SELECT} WHERE id = :id {lock}", {"id": entry_id})
    if row is None:
        raise NotFound(f"no document {entry_id} in the ledger")
    return _entry(row)


def _entry(row: Row) -> LedgerEntry:
    return LedgerEntry(
        **{
            **row,
            "created_at": moment_or_none(row["created_at"]),
            "updated_at": moment_or_none(row["updated_at"]),
            "proof": read_json(row["proof"]),
        }
    )


def _params(entry: LedgerEntry, created_at: datetime) -> dict[str, Any]:
    params = {column: getattr(entry, column) for column in COLUMNS}
    return params | {
        "created_at": micros(created_at),
        "updated_at": micros_or_none(entry.updated_at or created_at),
        "proof": to_json(entry.proof),
    }

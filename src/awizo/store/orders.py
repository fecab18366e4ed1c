"""The index of orders on a database: see :class:`awizo.orders.port.OrderIndex`.

In:  orders as they were read from Allegro, whole or announced.
Out: orders by address, base, id or number; each look-up is a hit in an index.

An order is kept as JSON; the columns beside it are what is looked up. Numbers that were filed
by us stand in a table of their own, since they may be noted before the order itself is known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from awizo.model import Order
from awizo.orders.port import SyncState
from awizo.store.codec import from_json, to_json
from awizo.store.database import (
    EPOCH,
    Database,
    Row,
    Transaction,
    among,
    micros,
    micros_or_none,
    moment_or_none,
)
from awizo.store.listing import like_escaped
from awizo.triage.addresses import folded, split

INVOICE, WAYBILL = "invoice", "waybill"
BATCH = 500  # of parameters in one statement

_UPSERT = """INSERT INTO orders (account, order_id, email, base, pending, updated_at, words, data)
    VALUES (:account, :order_id, :email, :base, :pending, :updated_at, :words, :data)
    ON CONFLICT (account, order_id) DO UPDATE SET email = excluded.email, base = excluded.base,
        pending = excluded.pending, updated_at = excluded.updated_at, words = excluded.words,
        data = excluded.data"""
_ADD_NUMBER = """INSERT INTO order_numbers (account, order_id, kind, number)
    VALUES (:account, :order_id, :kind, :number) ON CONFLICT DO NOTHING"""
_SAVE_STATE = """INSERT INTO sync_states (account, last_event_id, orders_until, first_sync_done,
        synced_at)
    VALUES (:account, :last_event_id, :orders_until, :first_sync_done, :synced_at)
    ON CONFLICT (account) DO UPDATE SET last_event_id = excluded.last_event_id,
        orders_until = excluded.orders_until, first_sync_done = excluded.first_sync_done,
        synced_at = excluded.synced_at"""


def merged(known: Order | None, told: Order) -> Order:
    """What is known of an order after something more was told of it.

    The later of the two wins, but a complete record wins over an announcement whenever it was
    made; an empty field never overwrites a filled one. A later announcement of a complete
    order still tells its status, and leaves the order to be read again.
    """
    if known is None:
        return told
    later = _at(told) >= _at(known)
    if known.complete and not told.complete:
        both = _filled(known, told)
        if not later:
            return both
        status = told.status or known.status
        return replace(both, status=status, complete=False, updated_at=told.updated_at)
    if told.complete and not known.complete:
        return _filled(told, known)
    return _filled(told, known) if later else _filled(known, told)


def _filled(order: Order, other: Order) -> Order:
    """*order* with its empty fields taken from *other*."""
    gaps = {
        field.name: getattr(other, field.name)
        for field in dataclasses.fields(order)
        if getattr(order, field.name) in ("", None, ())
    }
    return replace(order, **gaps)


def _at(order: Order) -> datetime:
    return order.updated_at or order.bought_at or EPOCH


class DatabaseOrders:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(
        self, account: str, orders: Sequence[Order], *, state: SyncState | None = None
    ) -> None:
        def unit(tx: Transaction) -> None:
            # Two replicas that sync one account must each see what the other has merged.
            tx.exclusive(f"orders {account}")
            for start in range(0, len(orders), BATCH):
                _merge(tx, account, orders[start : start + BATCH])
            if state is not None:
                _save_state(tx, account, state)

        await self._database.write(unit)

    async def forget(self, account: str, order_ids: Sequence[str]) -> None:
        def unit(tx: Transaction) -> None:
            tx.exclusive(f"orders {account}")
            for some, params in _in_batches(order_ids):
                for table in ("orders", "order_numbers"):
                    tx.execute(
                        f"DELETE FROM {table} WHERE account = :account AND order_id IN {some}",
                        {"account": account, **params},
                    )

        await self._database.write(unit)

    async def by_address(self, accounts: Sequence[str], address: str) -> tuple[Order, ...]:
        return await self._by_column("email", accounts, folded(address))

    async def by_base(self, accounts: Sequence[str], base: str, domain: str) -> tuple[Order, ...]:
        return await self._by_column("base", accounts, f"{base}@{domain}".lower())

    async def _by_column(
        self, column: str, accounts: Sequence[str], value: str
    ) -> tuple[Order, ...]:
        some, params = among("account", accounts)
        # Told twice, so that the index of orders that have an address is seen to fit.
        where = f"{column} = :value AND {column} <> '' AND account IN {some}"
        return await self._database.read(lambda tx: _orders(tx, where, {"value": value, **params}))

    async def by_ids(self, accounts: Sequence[str], ids: Sequence[str]) -> tuple[Order, ...]:
        def unit(tx: Transaction) -> tuple[Order, ...]:
            found: list[Order] = []
            ours, our_params = among("account", accounts)
            for some, params in _in_batches([order_id.lower() for order_id in ids]):
                found += _orders(
                    tx, f"order_id IN {some} AND account IN {ours}", params | our_params
                )
            return tuple(found)

        return await self._database.read(unit)

    async def search(
        self, *, account: str | None = None, text: str, limit: int = 50
    ) -> tuple[Order, ...]:
        wanted = " ".join(text.lower().split())
        if not wanted:
            return ()
        condition, params = (
            ("account = :account AND", {"account": account}) if account else ("", {})
        )

        def unit(tx: Transaction) -> tuple[Order, ...]:
            # What is whole is a hit in an index; only a part of something looks at all orders.
            for whole, asked in (
                ("order_id = :whole", {"whole": wanted}),
                ("email = :whole AND email <> ''", {"whole": wanted}),
                (
                    """(account, order_id) IN (SELECT n.account, n.order_id FROM order_numbers n
                        WHERE n.number = :number)""",
                    {"number": _number(text)},
                ),
            ):
                where = f"{condition} {whole}"
                if found := _orders(tx, where, {"limit": limit, **asked, **params}, limit=True):
                    return found
            where = f"{condition} words LIKE :part ESCAPE '!'"
            part = {"part": f"%{like_escaped(wanted)}%", "limit": limit, **params}
            return _orders(tx, where, part, limit=True)

        return await self._database.read(unit)

    async def incomplete(self, account: str, *, limit: int) -> tuple[Order, ...]:
        """Newest first: of the oldest some may never be complete."""

        def unit(tx: Transaction) -> tuple[Order, ...]:
            rows = tx.rows(
                """SELECT account, order_id, data FROM orders
                WHERE account = :account AND pending = 1 ORDER BY updated_at DESC LIMIT :limit""",
                {"account": account, "limit": limit},
            )
            return tuple(_with_numbers(tx, rows))

        return await self._database.read(unit)

    async def note_invoice(self, account: str, order_id: str, number: str) -> None:
        await self._note(account, order_id, INVOICE, number)

    async def note_waybill(self, account: str, order_id: str, number: str) -> None:
        await self._note(account, order_id, WAYBILL, number)

    async def _note(self, account: str, order_id: str, kind: str, number: str) -> None:
        row = {"account": account, "order_id": order_id, "kind": kind, "number": _number(number)}
        await self._database.write(lambda tx: tx.execute(_ADD_NUMBER, row))

    async def sync_state(self, account: str) -> SyncState:
        def unit(tx: Transaction) -> SyncState:
            row = tx.row(
                """SELECT last_event_id, orders_until, first_sync_done, synced_at
                FROM sync_states WHERE account = :account""",
                {"account": account},
            )
            if row is None:
                return SyncState()
            return SyncState(
                last_event_id=row["last_event_id"],
                orders_until=moment_or_none(row["orders_until"]),
                first_sync_done=bool(row["first_sync_done"]),
                synced_at=moment_or_none(row["synced_at"]),
            )

        return await self._database.read(unit)

    async def save_sync_state(self, account: str, state: SyncState) -> None:
        await self._database.write(lambda tx: _save_state(tx, account, state))

    async def count(self, account: str | None = None) -> int:
        def unit(tx: Transaction) -> int:
            where = "WHERE account = :account" if account is not None else ""
            params = {"account": account} if account is not None else {}
            row = tx.row(f"SELECT count(*) AS n FROM orders {where}", params)
            assert row is not None
            return int(row["n"])

        return await self._database.read(unit)


def _merge(tx: Transaction, account: str, orders: Sequence[Order]) -> None:
    some, params = among("id", [order.order_id for order in orders])
    known = {
        row["order_id"]: from_json(Order, row["data"])
        for row in tx.rows(
            f"SELECT order_id, data FROM orders WHERE account = :account AND order_id IN {some}",
            {"account": account, **params},
        )
    }
    for order in orders:  # one may stand there twice: each sees the one before
        known[order.order_id] = merged(known.get(order.order_id), order)
    changed = [known[order_id] for order_id in {order.order_id: None for order in orders}]
    tx.execute_many(_UPSERT, [_row(account, order) for order in changed])
    numbers = [
        {"account": account, "order_id": order.order_id, "kind": kind, "number": number}
        for order in changed
        for kind, all_of_kind in ((INVOICE, order.invoice_numbers), (WAYBILL, order.waybills))
        for number in map(_number, all_of_kind)
    ]
    if numbers:
        tx.execute_many(_ADD_NUMBER, numbers)


def _row(account: str, order: Order) -> dict[str, Any]:
    email = folded(order.email) if order.email else ""
    address = split(email)
    words = (
        order.order_id, email, order.buyer_login, order.buyer_name, order.company_name,
        *order.tax_ids, *order.waybills, *order.invoice_numbers,
    )  # fmt: skip
    return {
        "account": account,
        "order_id": order.order_id,
        "email": email,
        "base": f"{address.base}@{address.domain}" if email else "",
        "pending": int(not (order.complete and email)),
        "updated_at": micros(_at(order)),
        "words": " ".join(" ".join(words).lower().split()),
        "data": to_json(replace(order, account=account, email=email)),
    }


def _orders(
    tx: Transaction, where: str, params: Mapping[str, Any], *, limit: bool = False
) -> tuple[Order, ...]:
    """Orders under a condition, the latest purchase first."""
    rows = tx.rows(
        f"SELECT account, order_id, data FROM orders WHERE {where}"
        + (" LIMIT :limit" if limit else ""),
        params,
    )
    found = _with_numbers(tx, rows)
    return tuple(
        sorted(found, key=lambda order: (order.bought_at or EPOCH, order.order_id), reverse=True)
    )


def _with_numbers(tx: Transaction, rows: Sequence[Row]) -> list[Order]:
    """Orders with the numbers that were noted on them besides their own."""
    orders = [from_json(Order, row["data"]) for row in rows]
    noted: dict[tuple[str, str], dict[str, list[str]]] = {}
    for account in {order.account for order in orders}:
        ids = [order.order_id for order in orders if order.account == account]
        for some, params in _in_batches(ids):
            for row in tx.rows(
                f"""SELECT order_id, kind, number FROM order_numbers
                WHERE account = :account AND order_id IN {some} ORDER BY number""",
                {"account": account, **params},
            ):
                of_order = noted.setdefault((account, row["order_id"]), {})
                of_order.setdefault(row["kind"], []).append(row["number"])
    return [
        replace(
            order,
            invoice_numbers=_together(order.invoice_numbers, kinds.get(INVOICE, ())),
            waybills=_together(order.waybills, kinds.get(WAYBILL, ())),
        )
        if (kinds := noted.get((order.account, order.order_id)))
        else order
        for order in orders
    ]


def _together(own: Sequence[str], noted: Iterable[str]) -> tuple[str, ...]:
    known = {_number(number) for number in own}
    return (*own, *(number for number in noted if number not in known))


def _number(number: str) -> str:
    """A number as it is kept beside the orders: one spelling in any case and spacing."""
    return " ".join(number.upper().split())


def _save_state(tx: Transaction, account: str, state: SyncState) -> None:
    tx.execute(
        _SAVE_STATE,
        {
            "account": account,
            "last_event_id": state.last_event_id,
            "orders_until": micros_or_none(state.orders_until),
            "first_sync_done": int(state.first_sync_done),
            "synced_at": micros_or_none(state.synced_at),
        },
    )


def _in_batches(values: Sequence[str]) -> Iterable[tuple[str, dict[str, Any]]]:
    for start in range(0, len(values), BATCH):
        yield among("some", values[start : start + BATCH])

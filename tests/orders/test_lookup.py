"""An address finds its order by one hit in an index, however many orders there are."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from awizo.settings import Store
from awizo.store import Stores, open_store
from awizo.store.database import Database, Row, Transaction
from awizo.store.orders import DatabaseOrders
from support.order_parts import ACCOUNT, an_order

T = TypeVar("T")

ASKED = 400  # orders, evenly among all

MULTIPLY = """INSERT INTO orders ({columns})
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
SELECT {values} FROM orders, n"""


class Explained:
    """A transaction that keeps the plan of every question."""

    def __init__(self, inner: Transaction, plans: list[str]) -> None:
        self._inner = inner
        self._plans = plans

    def rows(self, sql: str, params: Mapping[str, Any]) -> list[Row]:
        self._plans += [
            row["detail"] for row in self._inner.rows(f"EXPLAIN QUERY PLAN {sql}", params)
        ]
        return self._inner.rows(sql, params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Explaining:
    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.plans: list[str] = []

    async def read(self, unit: Callable[[Any], T]) -> T:
        return await self._inner.read(lambda tx: unit(Explained(tx, self.plans)))


async def a_store(folder: Path, name: str = "awizo") -> Stores:
    return await open_store(Store(url=f"sqlite:///{folder}/{name}.db"))


async def test_every_question_of_triage_is_answered_by_an_index(tmp_path: Path) -> None:
    stores = await a_store(tmp_path)
    database: Any = Explaining(stores.database)
    index = DatabaseOrders(database)
    await stores.orders.upsert(ACCOUNT, [an_order(1), an_order(2)])

    assert await index.by_address([ACCOUNT, "other"], an_order(1).email) == (an_order(1),)
    assert await index.by_base([ACCOUNT], "buyer2", "allegromail.pl") == (an_order(2),)
    assert await index.by_ids([ACCOUNT], [an_order(1).order_id]) == (an_order(1),)
    await stores.close()

    about_orders = [plan for plan in database.plans if "orders" in plan]
    assert len(about_orders) >= 3
    assert all("SEARCH" in plan and "INDEX" in plan for plan in about_orders), about_orders
    assert any("orders_email" in plan for plan in about_orders)
    assert any("orders_base" in plan for plan in about_orders)


def multiplied(path: Path, count: int) -> None:
    """Copies of the one order that is there, each with an id and an address of its own.

    Only those that are asked for are whole.
    """
    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(orders)")]
        values = {
            "order_id": "printf('%08x-0000-11e8-ac45-09db60ede9d6', n.i)",
            "email": "'b' || n.i || '+s' || n.i || '@allegromail.pl'",
            "base": "'b' || n.i || '@allegromail.pl'",
            "words": "CASE WHEN n.i % :step = 0 THEN words ELSE '' END",
            "data": "CASE WHEN n.i % :step = 0 THEN data ELSE '' END",
        }
        connection.execute(
            MULTIPLY.format(
                columns=", ".join(columns), values=", ".join(values.get(c, c) for c in columns)
            ),
            {"count": count, "step": max(1, count // ASKED)},
        )


async def time_of_a_hit(folder: Path, count: int) -> float:
    """The median over many addresses, in seconds."""
    stores = await a_store(folder, str(count))
    await stores.orders.upsert(ACCOUNT, [an_order(1)])
    multiplied(folder / f"{count}.db", count)
    took: list[float] = []
    for number in range(count // ASKED, count + 1, count // ASKED):
        address = f"b{number}+s{number}@allegromail.pl"
        began = time.perf_counter()
        (found,) = await stores.orders.by_address([ACCOUNT], address)
        took.append(time.perf_counter() - began)
        assert found is not None
    await stores.close()
    return statistics.median(took)


@pytest.mark.slow
async def test_a_million_orders_are_searched_as_fast_as_a_thousand(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    few = await time_of_a_hit(tmp_path, 1_000)
    many = await time_of_a_hit(tmp_path, 1_000_000)

    record_property("hit_among_1000_ms", round(few * 1000, 3))
    record_property("hit_among_1000000_ms", round(many * 1000, 3))
    print(f"a hit among 1,000: {few * 1000:.3f} ms, among 1,000,000: {many * 1000:.3f} ms")
    assert many < 5 * few, "a search of all would take a thousand times as long"

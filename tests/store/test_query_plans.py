"""A large spool is as fast as a small one: what is asked all day goes through an index.

Time on a busy machine proves nothing, so the statements that an operation runs are caught and
the database is asked how it would find their rows.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from awizo.allegro.ports import LedgerEntry
from awizo.model import Forward, Order
from awizo.spool.port import ALL_WORK, Ending
from awizo.store import Stores
from awizo.store.database import NOTHING, Params, Transaction
from awizo.store.postgresql import PostgresqlTransaction
from awizo.store.sqlite_transaction import SqliteTransaction
from support.store_parts import (
    BUYER,
    FORWARDED,
    GOES_ON,
    LEASE_S,
    NOON,
    ORDER,
    OTHER_ORDER,
    SOMEBODY,
    STOPPED,
    Desk,
    a_follow_up,
    a_message,
    accepted,
    an_entry,
    an_upload,
    deciding,
)

Caught = list[tuple[str, Params]]

# Never large: rights, facts, alerts, accounts and cursors are a handful of rows each.
SMALL = "alerts|accounts|locks|facts|sync_states|lanes|inbox|arrivals|entry"  # entry: a JSON list


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> Caught:
    """Every statement with its parameters, on either body."""
    statements: Caught = []
    for body in (SqliteTransaction, PostgresqlTransaction):
        for name in ("rows", "execute"):
            original = getattr(body, name)

            def watched(
                self: Any, sql: str, params: Params = NOTHING, original: Any = original
            ) -> Any:
                statements.append((sql, params))
                return original(self, sql, params)

            monkeypatch.setattr(body, name, watched)
    return statements


def scans(tx: Transaction, sql: str, params: Params) -> list[str]:
    """Where the plan of a statement reads a whole table or index, or sorts more than it needs."""
    if tx.dialect.name == "sqlite":
        plan = [row["detail"] for row in tx.rows(f"EXPLAIN QUERY PLAN {sql}", params)]
        bad = rf"^SCAN (?!CONSTANT|({SMALL})\b|\w+ AS ({SMALL})|\(subquery)"
    else:
        # A small table is read whole for good reason; the question is whether it must be.
        tx.rows("SELECT set_config('enable_seqscan', 'off', true)")
        plan = [row["QUERY PLAN"] for row in tx.rows(f"EXPLAIN {sql}", params)]
        bad = rf"Seq Scan on (?!({SMALL})\b)"
    return [line for line in plan if re.search(bad, line)]


async def read_whole(stores: Stores, statements: Caught) -> list[str]:
    """What an operation's statements read whole."""
    found = []
    for sql, params in dict.fromkeys((sql, tuple(params.items())) for sql, params in statements):
        if re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT|WITH)", sql) and "advisory" not in sql:
            lines = await stores.database.write(
                functools.partial(scans, sql=sql, params=dict(params))
            )
            found += [f"{line.strip()}  in  {' '.join(sql.split())}" for line in lines]
    return found


async def prepared(desk: Desk) -> None:
    await accepted(desk.spool, 1, recipients=(BUYER, SOMEBODY, "b@example.pl"), message_id="<1@x>")
    await desk.planned(2, an_upload(), an_upload(number="2"), Forward(), route="other")
    await desk.planned(3, an_upload(OTHER_ORDER), accounts=("two",))
    await accepted(desk.spool, 4, route="third")


async def leasing(stores: Stores, desk: Desk) -> None:
    for _ in range(2):  # the second round begins behind the first
        leased = await desk.deliveries(limit=2)
        calls = await desk.calls(limit=2)
        forwards = await desk.forwards(limit=1, with_siblings=True)
        await desk.spool.due_kinds(now=NOON, kinds=ALL_WORK)
        await desk.spool.deliveries([job.delivery_id for job in forwards])
        await desk.spool.renew(
            [*(one.lease for one in leased), *(job.lease for job in (*calls, *forwards))],
            now=NOON,
            lease_s=LEASE_S,
        )
        await desk.spool.next_due(now=NOON)
        await desk.spool.take_back_leases(owner_prefix="host:1")
        await desk.spool.take_back_leases()


async def reporting(stores: Stores, desk: Desk) -> None:
    for leased in await desk.deliveries():
        await desk.plan(leased, an_upload(f"o-{leased.delivery.id}"), Forward())
    calls = await desk.calls()
    await desk.spool.save_progress(calls[0], {"a": 1})
    await desk.finish(calls[0], follow_ups=(a_follow_up(delivery_id=calls[0].delivery_id),))
    await desk.fail(calls[1], Ending(add_jobs=(Forward(),)))
    await desk.defer(calls[2], due_at=NOON)
    forwards = await desk.forwards()
    await desk.finish(forwards[0], FORWARDED)
    (follow_up,) = await desk.follow_ups()
    await desk.spool.end_follow_up(follow_up, again_at=NOON, entry=an_entry())
    await desk.spool.due_holds(now=NOON, limit=50)


async def receiving(stores: Stores, desk: Desk) -> None:
    await accepted(desk.spool, 9, recipients=(BUYER, SOMEBODY), message_id="<9@x>")
    await desk.spool.same_digest_since(a_message().sha256, BUYER, NOON)
    await desk.spool.seen_automatic("<1@x>")
    await desk.spool.content(a_message(1).id)


async def steering(stores: Stores, desk: Desk) -> None:
    delivery_id = a_message(2).deliveries[0].id
    await desk.show(delivery_id)
    await desk.spool.change(delivery_id, now=NOON, decide=GOES_ON, retry_now=True)
    ending = Ending(requeue_failed=True)
    await desk.spool.change(delivery_id, now=NOON, decide=deciding(ending))
    await desk.spool.change(delivery_id, now=NOON, decide=GOES_ON, judge_again=True)
    await desk.ids(limit=3, after=delivery_id)
    await desk.spool.tally(since=NOON)
    await desk.spool.add_history(delivery_id, an_entry())


async def purging(stores: Stores, desk: Desk) -> None:
    await desk.planned(20, ending=STOPPED)
    later = NOON + timedelta(days=100)
    await desk.spool.purge(content_before=later, history_before=later, now=later)


async def looking_up(stores: Stores, desk: Desk) -> None:
    index = stores.orders
    order = Order("default", ORDER, email="a+b@allegromail.pl", updated_at=NOON)
    await index.upsert("default", [order])
    await index.by_address(["default", "two"], "a+b@allegromail.pl")
    await index.by_base(["default"], "a", "allegromail.pl")
    await index.by_ids(["default"], [ORDER, OTHER_ORDER])
    await index.search(text=ORDER)
    await index.search(text="a+b@allegromail.pl")
    await index.note_invoice("default", ORDER, "FV 1/2026")
    await index.search(text="FV 1/2026")
    await index.incomplete("default", limit=10)
    await index.forget("default", [OTHER_ORDER])


async def book_keeping(stores: Stores, desk: Desk) -> None:
    ledger = stores.ledger
    await ledger.intend(LedgerEntry("j", "default", ORDER, "invoice", "FV1", "ab"))
    await ledger.update("j", now=NOON, state="filed")
    await ledger.of_order("default", ORDER)
    await ledger.with_number("default", "FV1")
    await ledger.export(since=NOON)
    await stores.memory.remember("default", "x", 1, until=NOON)
    await stores.memory.recall("default", "x", now=NOON)


@pytest.mark.parametrize(
    "operation",
    [leasing, reporting, receiving, steering, purging, looking_up, book_keeping],
)
async def test_nothing_that_is_asked_all_day_reads_a_whole_table(
    operation: Callable[[Stores, Desk], Awaitable[None]],
    stores: Stores,
    desk: Desk,
    caught: Caught,
) -> None:
    await prepared(desk)
    caught.clear()
    await operation(stores, desk)
    statements = list(caught)
    assert len(statements) > 3
    assert await read_whole(stores, statements) == []


async def test_a_statement_that_reads_a_whole_table_would_be_seen(stores: Stores) -> None:
    found = await read_whole(
        stores, [("SELECT id FROM deliveries WHERE recipient = :x", {"x": "a"})]
    )
    assert len(found) == 1

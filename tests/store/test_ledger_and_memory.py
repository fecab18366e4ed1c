"""The contracts of the ledger of documents and of the memory for small facts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from awizo.allegro.ports import LedgerEntry
from awizo.errors import NotFound, StoreError
from awizo.settings import Store
from awizo.store import Stores, open_store
from awizo.store.ledger import DatabaseLedger
from awizo.store.memory import DatabaseMemory
from support.store_parts import NOON, ORDER, OTHER_ORDER, seconds


def an_entry(number: int = 1, **changes: Any) -> LedgerEntry:
    return replace(
        LedgerEntry(
            id=f"job-{number}",
            account="default",
            order_id=ORDER,
            kind="invoice",
            number_key=f"FV{number}2026",
            sha256=f"{number:064}",
            text_sha256=f"t{number:063}",
            number=f"FV {number}/2026",
            document_kind="invoice",
            total="123.40",
            buyer_tax_id="5252674798",
            delivery_id="d1",
            created_at=NOON,
            updated_at=NOON,
            proof={"trace": ["a"], "ok": True},
        ),
        **changes,
    )


@pytest.fixture
async def ledger(stores: Stores) -> DatabaseLedger:
    return stores.ledger


@pytest.fixture
async def memory(stores: Stores) -> DatabaseMemory:
    return stores.memory


async def test_an_entry_is_there_before_anything_is_called(ledger: DatabaseLedger) -> None:
    assert await ledger.intend(an_entry()) == an_entry()
    assert await ledger.of_order("default", ORDER) == [an_entry()]


async def test_an_entry_outlives_the_process(store_settings: Store) -> None:
    first = await open_store(store_settings)
    await first.ledger.intend(an_entry())
    await first.close()
    again = await open_store(store_settings)
    assert await again.ledger.of_order("default", ORDER) == [an_entry()]
    await again.close()


OTHER = an_entry(2)


@pytest.mark.parametrize(
    "same",
    [
        pytest.param({"number_key": "FV12026"}, id="number"),
        pytest.param({"sha256": an_entry().sha256}, id="bytes"),
        pytest.param({"text_sha256": an_entry().text_sha256}, id="text"),
        pytest.param({"url": "https://x.example/1"}, id="url"),
        pytest.param({"id": "job-1"}, id="the job's own"),
    ],
)
async def test_the_same_document_is_written_once(
    same: dict[str, Any], ledger: DatabaseLedger
) -> None:
    there = await ledger.intend(an_entry(url="https://x.example/1"))
    there = await ledger.update(there.id, now=NOON, state="filed", invoice_id="7")
    assert await ledger.intend(replace(OTHER, **same)) == there
    assert len(await ledger.export()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing in common"),
        pytest.param({"number_key": "FV12026", "account": "other"}, id="another account"),
        pytest.param({"number_key": "FV12026", "order_id": OTHER_ORDER}, id="another order"),
        pytest.param({"number_key": "FV12026", "kind": "link"}, id="a link, not a file"),
        pytest.param({"number_key": "", "text_sha256": "", "url": None}, id="both without"),
    ],
)
async def test_another_document_gets_an_entry_of_its_own(
    changes: dict[str, Any], ledger: DatabaseLedger
) -> None:
    bare: dict[str, Any] = (
        {"number_key": "", "text_sha256": "", "url": None} if "url" in changes else {}
    )
    await ledger.intend(an_entry(**bare))
    assert (await ledger.intend(replace(OTHER, **changes))).id == "job-2"
    assert len(await ledger.export()) == 2


async def test_one_id_never_stands_for_two_orders(ledger: DatabaseLedger) -> None:
    await ledger.intend(an_entry())
    with pytest.raises(StoreError):
        await ledger.intend(an_entry(order_id=OTHER_ORDER))
    assert await ledger.of_order("default", OTHER_ORDER) == []


async def test_of_many_that_intend_the_same_at_once_one_is_written(ledger: DatabaseLedger) -> None:
    entries = await asyncio.gather(
        *(ledger.intend(an_entry(1, id=f"job-{number}")) for number in range(20))
    )
    assert len({entry.id for entry in entries}) == 1


async def test_an_update_changes_what_it_names_and_adds_to_the_proof(
    ledger: DatabaseLedger,
) -> None:
    await ledger.intend(an_entry())
    declared = await ledger.update(
        "job-1", now=NOON + seconds(1), state="declared", invoice_id="7", proof={"at": "x"}
    )
    assert (declared.state, declared.invoice_id) == ("declared", "7")
    assert declared.proof == {"trace": ["a"], "ok": True, "at": "x"}
    filed = await ledger.update("job-1", now=NOON + seconds(2), proof={"ok": False})
    assert (filed.state, filed.invoice_id) == ("declared", "7")
    assert filed.proof == {"trace": ["a"], "ok": False, "at": "x"}
    assert (filed.created_at, filed.updated_at) == (NOON, NOON + seconds(2))
    assert await ledger.of_order("default", ORDER) == [filed]


async def test_what_is_not_there_is_not_updated(ledger: DatabaseLedger) -> None:
    with pytest.raises(NotFound):
        await ledger.update("job-9", now=NOON, state="filed")


async def test_a_number_is_found_on_any_order_of_its_account(ledger: DatabaseLedger) -> None:
    await ledger.intend(an_entry(1))
    await ledger.intend(an_entry(2, order_id=OTHER_ORDER, number_key="FV12026"))
    await ledger.intend(an_entry(3, account="other", number_key="FV12026"))
    await ledger.intend(an_entry(4, number_key=""))
    found = await ledger.with_number("default", "FV12026")
    assert [entry.id for entry in found] == ["job-1", "job-2"]
    assert await ledger.with_number("default", "") == []


async def test_the_export_is_narrowed_by_account_and_time(ledger: DatabaseLedger) -> None:
    for number in range(4):
        await ledger.intend(
            an_entry(
                number,
                account="one" if number % 2 else "two",
                created_at=NOON + timedelta(days=number),
            )
        )
    assert [entry.id for entry in await ledger.export()] == [f"job-{n}" for n in range(4)]
    assert [entry.id for entry in await ledger.export(account="one")] == ["job-1", "job-3"]
    since = NOON + timedelta(days=2)
    assert [entry.id for entry in await ledger.export(since=since)] == ["job-2", "job-3"]


# -- memory --------------------------------------------------------------------------------------


async def test_a_fact_is_recalled_until_its_time_is_over(memory: DatabaseMemory) -> None:
    await memory.remember("one", "hosts", ["a", "b"], until=NOON + seconds(10))
    assert await memory.recall("one", "hosts", now=NOON + seconds(9.9)) == ["a", "b"]
    assert await memory.recall("one", "hosts", now=NOON + seconds(10)) is None


async def test_a_fact_without_an_end_stays(memory: DatabaseMemory) -> None:
    await memory.remember("one", "x", {"a": [1, 2.5, None, True, "ż"]}, until=None)
    later = NOON + timedelta(days=9999)
    assert await memory.recall("one", "x", now=later) == {"a": [1, 2.5, None, True, "ż"]}


async def test_a_fact_belongs_to_its_account_and_key(memory: DatabaseMemory) -> None:
    await memory.remember("one", "x", 1, until=None)
    assert await memory.recall("two", "x", now=NOON) is None
    assert await memory.recall("one", "y", now=NOON) is None


async def test_a_newer_fact_takes_the_place_of_the_old(memory: DatabaseMemory) -> None:
    await memory.remember("one", "x", 1, until=NOON + seconds(1))
    await memory.remember("one", "x", False, until=None)
    assert await memory.recall("one", "x", now=NOON + seconds(5)) is False


async def test_expired_facts_are_removed_with_the_purge(stores: Stores) -> None:
    await stores.memory.remember("one", "old", 1, until=NOON - seconds(1))
    await stores.memory.remember("one", "new", 1, until=NOON + seconds(1))
    await stores.memory.remember("one", "ever", 1, until=None)
    await stores.spool.purge(content_before=NOON, history_before=NOON, now=NOON)
    rows = await stores.database.read(lambda tx: tx.rows("SELECT key FROM memory ORDER BY key"))
    assert [row["key"] for row in rows] == ["ever", "new"]

"""The contract of the order index."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from awizo.model import FulfillmentStatus, LineItem, Order
from awizo.orders.port import SyncState
from awizo.settings import Store
from awizo.store import Stores, open_store
from awizo.store.orders import DatabaseOrders
from support.store_parts import NOON, seconds


def an_order(number: int = 1, **changes: object) -> Order:
    order = Order(
        account="default",
        order_id=f"{number:08x}-7f6a-11e8-ac45-09db60ede9d6",
        email=f"buyer{number}+abc{number}@allegromail.pl",
        buyer_login=f"Login{number}",
        buyer_name=f"Żaneta Łoś {number}",
        status="READY_FOR_PROCESSING",
        fulfillment_status=FulfillmentStatus.NEW,
        revision="r1",
        total=Decimal("123.40"),
        currency="PLN",
        invoice_required=True,
        tax_ids=("5252674798",),
        company_name="Łoś Sp. z o.o.",
        line_items=(LineItem(f"line-{number}", "Kubek", 2),),
        bought_at=NOON - timedelta(hours=1),
        updated_at=NOON,
        complete=True,
    )
    return replace(order, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def index(stores: Stores) -> DatabaseOrders:
    return stores.orders


# -- looking up ----------------------------------------------------------------------------------


async def test_an_order_comes_back_as_it_was_told(index: DatabaseOrders) -> None:
    order = an_order(waybills=("620000000000000000000001",), invoice_numbers=("FV 1/2026",))
    await index.upsert("default", [order])
    assert await index.by_address(["default"], order.email) == (order,)
    assert await index.by_base(["default"], "buyer1", "allegromail.pl") == (order,)
    assert await index.by_ids(["default"], [order.order_id]) == (order,)


async def test_an_order_is_there_when_the_store_is_opened_again(store_settings: Store) -> None:
    first = await open_store(store_settings)
    await first.orders.upsert("default", [an_order()], state=SyncState("7", NOON, True, NOON))
    await first.close()
    again = await open_store(store_settings)
    assert await again.orders.by_address(["default"], an_order().email) == (an_order(),)
    assert await again.orders.sync_state("default") == SyncState("7", NOON, True, NOON)
    await again.close()


async def test_an_address_is_found_in_any_case(index: DatabaseOrders) -> None:
    await index.upsert("default", [an_order(email="Buyer1+ABC1@AllegroMail.pl")])
    (found,) = await index.by_address(["default"], "BUYER1+abc1@allegromail.PL")
    assert found.email == "buyer1+abc1@allegromail.pl"
    assert await index.by_base(["default"], "buyer1", "allegromail.pl") == (found,)


async def test_an_address_finds_only_the_orders_behind_it(index: DatabaseOrders) -> None:
    same = an_order(2, email=an_order(1).email)
    sibling = an_order(3, email="buyer1+other@allegromail.pl")
    elsewhere = an_order(4, email="buyer1+abc1@user.allegrogroup.pl")
    longer = an_order(5, email="buyer11+abc1@allegromail.pl")
    await index.upsert("default", [an_order(1), same, sibling, elsewhere, longer])

    assert set(await index.by_address(["default"], an_order(1).email)) == {an_order(1), same}
    assert set(await index.by_base(["default"], "buyer1", "allegromail.pl")) == {
        an_order(1),
        same,
        sibling,
    }
    assert await index.by_address(["default"], "buyer1@allegromail.pl") == ()
    assert await index.by_address(["default"], "") == ()


async def test_an_address_without_a_suffix_is_found_by_its_base(index: DatabaseOrders) -> None:
    order = an_order(email="buyer1@allegromail.pl")
    await index.upsert("default", [order])
    assert await index.by_base(["default"], "buyer1", "allegromail.pl") == (order,)


async def test_an_order_of_another_account_is_no_hit(index: DatabaseOrders) -> None:
    await index.upsert("one", [an_order()])
    for found in (
        await index.by_address(["two"], an_order().email),
        await index.by_base(["two"], "buyer1", "allegromail.pl"),
        await index.by_ids(["two"], [an_order().order_id]),
        await index.by_address([], an_order().email),
        await index.search(account="two", text="buyer1"),
    ):
        assert found == ()
    (found_order,) = await index.by_address(["two", "one"], an_order().email)
    assert found_order.account == "one"


async def test_orders_without_an_address_are_not_found_by_none(index: DatabaseOrders) -> None:
    await index.upsert("default", [an_order(email="")])
    assert await index.by_address(["default"], "") == ()
    assert await index.by_base(["default"], "", "") == ()


async def test_the_latest_purchase_comes_first(index: DatabaseOrders) -> None:
    orders = [
        an_order(number, email=an_order(1).email, bought_at=NOON - timedelta(days=days))
        for number, days in ((1, 3), (2, 1), (3, 2))
    ]
    await index.upsert("default", orders)
    found = await index.by_address(["default"], an_order(1).email)
    assert [order.order_id[:8] for order in found] == ["00000002", "00000003", "00000001"]


async def test_more_ids_than_fit_in_one_statement_are_looked_up(index: DatabaseOrders) -> None:
    orders = [an_order(number) for number in range(1200)]
    await index.upsert("default", orders)
    ids = [order.order_id for order in orders]
    assert len(await index.by_ids(["default"], ids)) == 1200
    assert await index.count() == 1200
    await index.forget("default", ids[:1100])
    assert await index.count("default") == 100
    assert await index.count("other") == 0


# -- merging -------------------------------------------------------------------------------------


async def merged(index: DatabaseOrders, *told: Order) -> Order:
    for order in told:
        await index.upsert("default", [order])
    (found,) = await index.by_ids(["default"], [told[0].order_id])
    return found


async def test_the_later_record_wins(index: DatabaseOrders) -> None:
    later = an_order(fulfillment_status=FulfillmentStatus.SENT, updated_at=NOON + seconds(1))
    assert await merged(index, an_order(), later) == later


async def test_an_older_record_that_comes_late_changes_nothing(index: DatabaseOrders) -> None:
    older = an_order(fulfillment_status=FulfillmentStatus.NEW, updated_at=NOON - seconds(1))
    sent = an_order(fulfillment_status=FulfillmentStatus.SENT)
    assert await merged(index, sent, older) == sent


async def test_an_empty_field_never_overwrites_a_filled_one(index: DatabaseOrders) -> None:
    bare = Order("default", an_order().order_id, complete=True, updated_at=NOON + seconds(5))
    found = await merged(index, an_order(), bare)
    assert found == an_order(updated_at=NOON + seconds(5))


async def test_no_is_an_answer_and_not_an_empty_field(index: DatabaseOrders) -> None:
    told = an_order(invoice_required=False, total=Decimal(0), updated_at=NOON + seconds(1))
    found = await merged(index, an_order(), told)
    assert (found.invoice_required, found.total) == (False, Decimal(0))


async def test_an_address_that_turns_up_later_is_filled_in(index: DatabaseOrders) -> None:
    older = an_order(updated_at=NOON - seconds(9))
    found = await merged(index, an_order(email=""), older)
    assert found.email == older.email
    assert await index.incomplete("default", limit=9) == ()
    assert await index.by_address(["default"], older.email) == (found,)


async def test_a_complete_record_wins_over_an_announcement_whenever_it_was_made(
    index: DatabaseOrders,
) -> None:
    announced = an_order(
        complete=False, status="BOUGHT", buyer_name="", updated_at=NOON + seconds(60)
    )
    found = await merged(index, announced, an_order())
    assert found == an_order()


async def test_a_later_announcement_of_a_complete_order_has_it_read_again(
    index: DatabaseOrders,
) -> None:
    announced = an_order(
        complete=False, status="CANCELLED", revision="r0", updated_at=NOON + seconds(60)
    )
    found = await merged(index, an_order(), announced)
    assert (found.status, found.complete, found.revision) == ("CANCELLED", False, "r1")
    assert await index.incomplete("default", limit=9) == (found,)


async def test_an_earlier_announcement_of_a_complete_order_is_old_news(
    index: DatabaseOrders,
) -> None:
    announced = an_order(complete=False, status="BOUGHT", updated_at=NOON - seconds(60))
    assert await merged(index, an_order(), announced) == an_order()


async def test_one_order_told_twice_in_a_batch_is_merged_as_well(index: DatabaseOrders) -> None:
    later = an_order(status="", revision="r2", updated_at=NOON + seconds(1))
    await index.upsert("default", [an_order(), later])
    (found,) = await index.by_ids(["default"], [an_order().order_id])
    assert (found.status, found.revision) == ("READY_FOR_PROCESSING", "r2")
    assert await index.count() == 1


async def test_two_that_merge_at_once_both_count(index: DatabaseOrders) -> None:
    bare = Order("default", an_order().order_id, updated_at=NOON)
    await asyncio.gather(
        *(
            index.upsert("default", [replace(bare, **{field: field})])  # type: ignore[arg-type]
            for field in ("email", "buyer_login", "buyer_name", "revision", "company_name")
        )
    )
    (found,) = await index.by_ids(["default"], [bare.order_id])
    assert (found.buyer_login, found.buyer_name, found.revision, found.company_name) == (
        "buyer_login",
        "buyer_name",
        "revision",
        "company_name",
    )


async def test_an_order_that_was_merged_into_another_is_forgotten(index: DatabaseOrders) -> None:
    await index.upsert("default", [an_order(1), an_order(2)])
    await index.note_invoice("default", an_order(1).order_id, "FV 1/2026")
    await index.forget("default", [an_order(1).order_id, "unknown"])
    assert await index.by_address(["default"], an_order(1).email) == ()
    assert await index.search(text="FV 1/2026") == ()
    assert await index.count() == 1


# -- what is still to be read --------------------------------------------------------------------


async def test_incomplete_orders_and_those_without_an_address_are_listed_newest_first(
    index: DatabaseOrders,
) -> None:
    await index.upsert(
        "default",
        [
            an_order(1),
            an_order(2, email="", updated_at=NOON - seconds(5)),
            an_order(3, complete=False, updated_at=NOON - seconds(1)),
            an_order(4, complete=False, updated_at=None, bought_at=NOON - seconds(3)),
            an_order(5, complete=False, updated_at=None, bought_at=None),
        ],
    )
    await index.upsert("other", [an_order(6, complete=False)])

    waiting = await index.incomplete("default", limit=9)
    assert [order.order_id[:8] for order in waiting] == [f"{n:08x}" for n in (3, 4, 2, 5)]
    assert len(await index.incomplete("default", limit=2)) == 2


# -- numbers -------------------------------------------------------------------------------------


async def test_numbers_that_were_filed_are_remembered_with_the_order(
    index: DatabaseOrders,
) -> None:
    order = an_order(waybills=("AB1",))
    await index.note_invoice("default", order.order_id, "FV 1/2026")  # before it is known
    await index.upsert("default", [order])
    await index.note_waybill("default", order.order_id, "AB1")
    await index.note_waybill("default", order.order_id, "cd 2")
    await index.note_invoice("default", order.order_id, "FV 1/2026")

    (found,) = await index.by_ids(["default"], [order.order_id])
    assert found.invoice_numbers == ("FV 1/2026",)
    assert found.waybills == ("AB1", "CD 2")
    await index.upsert("default", [replace(order, updated_at=NOON + seconds(1))])
    (found,) = await index.by_address(["default"], order.email)
    assert found.invoice_numbers == ("FV 1/2026",)


@pytest.mark.parametrize(
    "text",
    [
        an_order(1).order_id,
        an_order(1).order_id.upper(),
        an_order(1).order_id[:13],
        "buyer1+abc1@allegromail.pl",
        "BUYER1+",
        "login1",
        "żaneta  łoś 1",
        "fv 1/2026",
        "AB1",
        "wb 9",
    ],
)
async def test_people_find_an_order_by_whatever_they_know(text: str, index: DatabaseOrders) -> None:
    await index.upsert("default", [an_order(1, waybills=("WB 9",)), an_order(2)])
    await index.note_invoice("default", an_order(1).order_id, "FV 1/2026")
    await index.note_waybill("default", an_order(1).order_id, "AB1")
    found = await index.search(text=text)
    assert [order.order_id for order in found] == [an_order(1).order_id]


async def test_a_search_takes_its_words_literally_and_keeps_its_limit(
    index: DatabaseOrders,
) -> None:
    await index.upsert("default", [an_order(number) for number in range(9)])
    assert await index.search(text="%") == ()
    assert await index.search(text="_") == ()
    assert await index.search(text="  ") == ()
    assert len(await index.search(text="allegromail", limit=4)) == 4


# -- the cursor ----------------------------------------------------------------------------------


async def test_the_cursor_is_stored_with_its_batch_or_not_at_all(index: DatabaseOrders) -> None:
    assert await index.sync_state("default") == SyncState()
    await index.upsert("default", [an_order()], state=SyncState("1", synced_at=NOON))
    bad = an_order(2, order_id=None)
    with pytest.raises(Exception):  # noqa: B017 - whatever it is, it must not be half
        await index.upsert("default", [an_order(3), bad], state=SyncState("2"))
    assert await index.sync_state("default") == SyncState("1", synced_at=NOON)
    assert await index.count() == 1


async def test_each_account_has_a_cursor_of_its_own(index: DatabaseOrders) -> None:
    await index.save_sync_state("one", SyncState("1", NOON, True, NOON))
    await index.save_sync_state("two", SyncState("2"))
    await index.save_sync_state("one", SyncState("3", NOON, False, None))
    assert await index.sync_state("one") == SyncState("3", NOON, False, None)
    assert await index.sync_state("two") == SyncState("2")

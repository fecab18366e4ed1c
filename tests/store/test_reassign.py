"""A person gives a mail to another order: it is judged anew with that one, on either body."""

from __future__ import annotations

from dataclasses import replace

import pytest

from awizo.errors import NotAllowed
from awizo.model import DeliveryState, JobState
from awizo.operations import Operations
from awizo.store import Stores
from support.order_parts import an_order
from support.store_parts import (
    BUYER,
    HELD,
    NOON,
    ORDER,
    OTHER_BUYER,
    OTHER_ORDER,
    STOPPED,
    Desk,
    accepted,
    an_upload,
    seconds,
)


@pytest.fixture
async def operations(stores: Stores) -> Operations:
    mine = an_order(1, order_id=OTHER_ORDER, email=BUYER)
    await stores.orders.upsert("default", [mine, an_order(2, order_id=ORDER, email=BUYER)])
    await stores.orders.upsert("default", [an_order(3, email=OTHER_BUYER)])
    await stores.orders.upsert("second", [an_order(4, account="second", email=BUYER)])
    return Operations(spool=stores.spool, now=lambda: NOON, actor="anna")


async def a_held_mail(desk: Desk) -> str:
    return await desk.planned(1, an_upload(ORDER), ending=HELD)


async def test_it_is_judged_anew_with_the_order_that_was_named(
    stores: Stores, desk: Desk, operations: Operations
) -> None:
    delivery_id = await a_held_mail(desk)
    await operations.reassign(delivery_id, f" {OTHER_ORDER.upper()}\n", orders=stores.orders)

    (leased,) = await desk.deliveries()
    assert leased.delivery.id == delivery_id
    assert (leased.delivery.account, leased.delivery.order_id) == ("default", OTHER_ORDER)
    assert "reassigned" in leased.delivery.notes
    stored = await desk.show(delivery_id)
    assert [job.code for job in stored.jobs] == ["cancelled"]
    entry = next(one for one in stored.history if one.event == "reassigned")
    assert (entry.data["by"], entry.data["order_id"]) == ("anna", OTHER_ORDER)
    assert await desk.calls() == []


async def test_it_can_be_named_while_the_mail_still_waits_for_its_order(
    stores: Stores, desk: Desk, operations: Operations
) -> None:
    (delivery_id,) = await accepted(desk.spool)
    (leased,) = await desk.deliveries()
    await desk.spool.defer_delivery(
        delivery_id, leased.lease, due_at=NOON + seconds(60), problem="order_ambiguous"
    )
    await operations.reassign(delivery_id, OTHER_ORDER, orders=stores.orders)
    assert [one.delivery.order_id for one in await desk.deliveries()] == [OTHER_ORDER]


@pytest.mark.parametrize(
    ("order_id", "words"),
    [
        ("11111111-7f6a-11e8-ac45-09db60ede9d6", "no such order"),
        ("", "no such order"),
        (an_order(3).order_id, "another buyer's"),
        (an_order(4).order_id, "no such order"),  # of an account that its route has not
    ],
)
async def test_an_order_that_is_not_this_buyers_at_this_account_is_refused(
    order_id: str, words: str, stores: Stores, desk: Desk, operations: Operations
) -> None:
    delivery_id = await a_held_mail(desk)
    before = await desk.show(delivery_id)
    with pytest.raises(NotAllowed, match=words):
        await operations.reassign(delivery_id, order_id, orders=stores.orders)
    assert await desk.show(delivery_id) == before


async def test_what_was_done_or_begun_on_an_order_stays_there(
    stores: Stores, desk: Desk, operations: Operations
) -> None:
    done = await desk.planned(1, an_upload(ORDER))
    (job,) = await desk.calls()
    with pytest.raises(NotAllowed, match="worked on right now"):
        await operations.reassign(done, OTHER_ORDER, orders=stores.orders)
    await desk.spool.save_progress(job, {"invoice_id": "1"})
    await desk.defer(job, due_at=NOON + seconds(60))
    with pytest.raises(NotAllowed, match="already done"):
        await operations.reassign(done, OTHER_ORDER, orders=stores.orders)
    (again,) = await desk.calls(now=NOON + seconds(60))
    await desk.finish(again, STOPPED)
    with pytest.raises(NotAllowed, match="already done"):
        await operations.reassign(done, OTHER_ORDER, orders=stores.orders)
    stored = await desk.show(done)
    assert (stored.delivery.state, stored.jobs[0].state) == (DeliveryState.SETTLED, JobState.DONE)
    assert stored.delivery.order_id == ORDER
    assert replace(stored.delivery, notes=()) == stored.delivery

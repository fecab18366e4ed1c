"""The index follows Allegro through everything its event log and order list may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from awizo.errors import ActionError, Deferral, PermanentFailure
from awizo.model import LineItem
from awizo.orders.port import SyncState
from awizo.orders.sync import OVERLAP_EVENTS, OrderSync, SyncProgress
from support.allegro_parts import START, some_settings
from support.order_parts import ACCOUNT, LittleSource, MemoryIndex, an_order


def parts() -> tuple[OrderSync, LittleSource, MemoryIndex]:
    """An account that has been synced before."""
    source, index = LittleSource(), MemoryIndex()
    index.state = SyncState(synced_at=START - timedelta(minutes=1))
    return OrderSync(index, source, some_settings().allegro), source, index


def fresh_parts() -> tuple[OrderSync, LittleSource, MemoryIndex]:
    source, index = LittleSource(), MemoryIndex()
    return OrderSync(index, source, some_settings().allegro), source, index


async def test_a_paid_order_is_read_whole_from_its_form() -> None:
    sync, source, index = parts()
    order = an_order()
    source.happens("READY_FOR_PROCESSING", order)
    source.forms[order.order_id] = order

    assert await sync.sync_events(ACCOUNT, START) == 1

    assert index.orders[order.order_id] == order
    assert await index.by_address([ACCOUNT], order.email) == (order,)


async def test_a_purchase_that_is_not_paid_is_known_but_not_final() -> None:
    sync, source, index = parts()
    order = an_order()
    source.happens("BOUGHT", order)
    source.happens("FILLED_IN", order)

    await sync.sync_events(ACCOUNT, START)

    known = index.orders[order.order_id]
    assert (known.status, known.complete, known.email) == ("FILLED_IN", False, order.email)
    assert source.opened == []


async def test_an_event_seen_twice_is_worked_on_once() -> None:
    sync, source, _ = parts()
    order = an_order()
    source.forms[order.order_id] = order
    source.happens("READY_FOR_PROCESSING", order)

    assert await sync.sync_events(ACCOUNT, START) == 1
    assert await sync.sync_events(ACCOUNT, START) == 0

    assert source.opened == [order.order_id]


async def test_the_same_news_several_times_opens_the_order_once_and_changes_nothing() -> None:
    sync, source, index = parts()
    order = an_order()
    source.forms[order.order_id] = order
    for _ in range(4):
        source.happens("READY_FOR_PROCESSING", order)

    await sync.sync_events(ACCOUNT, START)

    assert source.opened == [order.order_id]
    assert index.orders[order.order_id] == order


async def test_an_event_that_turns_up_late_behind_a_newer_one_is_not_missed() -> None:
    sync, source, index = parts()
    early, late = an_order(1), an_order(2)
    source.forms = {early.order_id: early, late.order_id: late}
    source.happens("READY_FOR_PROCESSING", an_order(3), event_id="000001")
    source.happens("READY_FOR_PROCESSING", early, event_id="000009")
    await sync.sync_events(ACCOUNT, START)

    source.happens("READY_FOR_PROCESSING", late, event_id="000005")
    await sync.sync_events(ACCOUNT, START)

    assert late.order_id in index.orders


async def test_the_cursor_moves_on_with_the_log_and_only_after_the_orders_are_kept() -> None:
    sync, source, index = parts()
    for number in range(3 * OVERLAP_EVENTS):
        source.happens("BOUGHT", an_order(number))

    await sync.sync_events(ACCOUNT, START)

    assert index.state.last_event_id == source.log[-OVERLAP_EVENTS - 1].id
    assert index.state.synced_at == START
    assert len(index.orders) == 3 * OVERLAP_EVENTS


async def test_more_events_than_one_page_holds_are_all_read() -> None:
    sync, source, index = parts()
    for number in range(2500):
        source.happens("BOUGHT", an_order(number))

    assert await sync.sync_events(ACCOUNT, START) == 2500
    assert len(index.orders) == 2500


async def test_an_order_announced_as_paid_whose_form_lags_is_read_again() -> None:
    sync, source, index = parts()
    order = an_order()
    source.forms[order.order_id] = replace(
        order, status="FILLED_IN", updated_at=START - timedelta(hours=9)
    )
    source.happens("READY_FOR_PROCESSING", order, at=START)
    await sync.sync_events(ACCOUNT, START)
    assert not index.orders[order.order_id].complete

    await sync.reread_incomplete(ACCOUNT, START + timedelta(minutes=1))
    assert not index.orders[order.order_id].complete

    source.forms[order.order_id] = order
    assert await sync.reread_incomplete(ACCOUNT, START + timedelta(minutes=2)) == 1
    assert index.orders[order.order_id].status == "READY_FOR_PROCESSING"
    assert index.orders[order.order_id].complete


async def test_an_order_that_is_404_when_just_announced_is_read_again() -> None:
    sync, source, index = parts()
    order = an_order()
    source.happens("READY_FOR_PROCESSING", order)
    await sync.sync_events(ACCOUNT, START)
    assert not index.orders[order.order_id].complete
    assert await index.by_address([ACCOUNT], order.email)

    source.forms[order.order_id] = order
    await sync.reread_incomplete(ACCOUNT, START + timedelta(seconds=30))

    assert index.orders[order.order_id].complete


async def test_an_order_that_stays_missing_is_forgotten_after_a_while() -> None:
    sync, source, index = parts()
    source.happens("READY_FOR_PROCESSING", an_order())
    await sync.sync_events(ACCOUNT, START)

    await sync.reread_incomplete(ACCOUNT, START + timedelta(minutes=5))
    assert index.orders
    await sync.reread_incomplete(ACCOUNT, START + timedelta(minutes=20))
    assert not index.orders


async def test_an_address_that_is_empty_at_first_is_read_again() -> None:
    sync, source, index = parts()
    order = an_order()
    source.forms[order.order_id] = replace(order, email="", complete=False)
    source.happens("READY_FOR_PROCESSING", replace(order, email=""))
    await sync.sync_events(ACCOUNT, START)

    source.forms[order.order_id] = order
    await sync.reread_incomplete(ACCOUNT, START + timedelta(minutes=1))

    assert await index.by_address([ACCOUNT], order.email) == (order,)


async def test_purchases_paid_together_live_on_under_the_new_id_alone() -> None:
    sync, source, index = parts()
    buyer = "buyer1+{}@allegromail.pl"
    first = an_order(1, email=buyer.format("one"), line_items=(LineItem("a"),))
    second = an_order(2, email=buyer.format("two"), line_items=(LineItem("b"),))
    other = an_order(4, email=buyer.format("four"), line_items=(LineItem("c"),))
    for order in (first, second, other):
        source.happens("BOUGHT", order)
    await sync.sync_events(ACCOUNT, START)

    merged = an_order(3, email=buyer.format("three"), line_items=(LineItem("a"), LineItem("b")))
    source.forms[merged.order_id] = merged
    source.happens("READY_FOR_PROCESSING", merged)
    await sync.sync_events(ACCOUNT, START)

    assert set(index.orders) == {merged.order_id, other.order_id}


@pytest.mark.parametrize(
    "kind",
    ["BUYER_CANCELLED", "AUTO_CANCELLED", "BUYER_MODIFIED", "FULFILLMENT_STATUS_CHANGED", "NEW_1"],
)
async def test_news_of_any_other_kind_opens_the_order(kind: str) -> None:
    sync, source, index = parts()
    order = an_order(status="CANCELLED")
    source.forms[order.order_id] = order
    source.happens(kind, order)

    await sync.sync_events(ACCOUNT, START)

    assert index.orders[order.order_id].status == "CANCELLED"


async def test_a_late_word_of_the_purchase_does_not_undo_what_is_known() -> None:
    sync, source, index = parts()
    order = an_order()
    source.forms[order.order_id] = order
    source.happens("READY_FOR_PROCESSING", order)
    await sync.sync_events(ACCOUNT, START)

    source.happens("BOUGHT", order, at=START + timedelta(minutes=1))
    await sync.sync_events(ACCOUNT, START)

    assert index.orders[order.order_id] == order


async def test_a_fresh_install_misses_nothing_that_happens_while_history_is_read() -> None:
    sync, source, index = fresh_parts()
    old, new = an_order(1), an_order(2, bought_at=START + timedelta(seconds=30))
    source.forms[old.order_id] = old
    source.happens("READY_FOR_PROCESSING", old)
    await sync.begin(ACCOUNT, START)

    source.forms[new.order_id] = new
    source.happens("READY_FOR_PROCESSING", new)
    await sync.first_sync(ACCOUNT, START)
    await sync.sync_events(ACCOUNT, START)

    assert set(index.orders) == {old.order_id, new.order_id}
    assert index.state.first_sync_done


async def test_history_is_read_newest_first_for_a_year_and_tells_how_far_it_is() -> None:
    sync, source, index = fresh_parts()
    for number in range(300):
        order = an_order(number, bought_at=START - timedelta(days=number * 1.5, seconds=1))
        source.forms[order.order_id] = order
    told: list[SyncProgress] = []

    await sync.first_sync(ACCOUNT, START, told.append)

    starts = [since for since, _, offset in source.pages if offset == 0]
    assert starts == sorted(starts, reverse=True)
    assert len(index.orders) == 244  # 0 … 365 days by steps of 1.5
    assert [one.share for one in told] == sorted(one.share for one in told)
    assert told[-1] == SyncProgress(244, 1.0)


async def test_a_span_with_too_many_orders_for_one_window_is_cut_smaller() -> None:
    sync, source, index = fresh_parts()
    for number in range(12_000):
        order = an_order(number, bought_at=START - timedelta(minutes=number / 2))
        source.forms[order.order_id] = order

    await sync.first_sync(ACCOUNT, START)

    assert len(index.orders) == 12_000  # the source itself refuses offset + limit > 10,000


async def test_history_that_was_interrupted_goes_on_where_it_was() -> None:
    sync, source, index = fresh_parts()
    for number in range(200):
        order = an_order(number, bought_at=START - timedelta(days=number))
        source.forms[order.order_id] = order
    source.fail_page_number = 3
    with pytest.raises(Deferral):
        await sync.first_sync(ACCOUNT, START)
    reached = index.state.orders_until
    assert reached is not None
    assert not index.state.first_sync_done

    source.fail_page_number = None
    source.pages.clear()
    again = OrderSync(index, source, some_settings().allegro)
    await again.first_sync(ACCOUNT, START + timedelta(minutes=5))

    assert max(until for _, until, _ in source.pages) == reached
    assert len(index.orders) == 200
    assert index.state.first_sync_done


async def test_history_takes_what_only_the_event_log_knows() -> None:
    sync, source, index = fresh_parts()
    unpaid = an_order(1, status="FILLED_IN", bought_at=None)
    vanished = an_order(2)
    source.forms[unpaid.order_id] = unpaid
    source.happens("BOUGHT", unpaid)
    source.happens("BOUGHT", vanished)

    await sync.first_sync(ACCOUNT, START)

    assert set(index.orders) == {unpaid.order_id}


@pytest.mark.parametrize(
    "trouble", [Deferral("allegro_error", status=500), PermanentFailure("access_denied")]
)
async def test_one_order_that_cannot_be_read_holds_up_no_other(trouble: ActionError) -> None:
    sync, source, index = parts()
    good, bad = an_order(1), an_order(2)
    source.forms = {good.order_id: good, bad.order_id: bad}
    source.broken = {bad.order_id: trouble}
    source.happens("READY_FOR_PROCESSING", bad)
    source.happens("READY_FOR_PROCESSING", good)

    await sync.sync_events(ACCOUNT, START)
    assert index.orders[good.order_id].complete
    assert not index.orders[bad.order_id].complete

    assert await sync.reread_incomplete(ACCOUNT, START + timedelta(minutes=1)) == 0

    source.broken.clear()
    await sync.reread_incomplete(ACCOUNT, START + timedelta(minutes=30))
    assert index.orders[bad.order_id].complete


async def test_when_nothing_can_be_read_the_cursor_stays_where_it_is() -> None:
    sync, source, index = parts()
    source.broken = {an_order().order_id: Deferral("allegro_error", status=500)}
    source.happens("READY_FOR_PROCESSING", an_order())

    with pytest.raises(Deferral):
        await sync.sync_events(ACCOUNT, START)

    assert index.state.last_event_id is None
    assert index.orders == {}


async def test_after_a_pause_longer_than_the_log_reaches_history_is_read_anew() -> None:
    """What happened in between is in no log any more (FACTS 2.1: 60 days)."""
    sync, source, index = parts()
    await sync.first_sync(ACCOUNT, START)
    later = START + timedelta(days=61)
    missed = an_order(7, bought_at=START + timedelta(hours=1))
    source.forms[missed.order_id] = missed

    await sync.sync_events(ACCOUNT, later)
    assert not index.state.first_sync_done
    await sync.first_sync(ACCOUNT, later)

    assert index.state.first_sync_done
    assert await index.by_address([ACCOUNT], missed.email) == (missed,)

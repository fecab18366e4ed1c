"""The spool's contract: who gets which work when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from awizo.errors import LeaseLost
from awizo.model import DeliveryState, Forward, Job, JobState
from awizo.spool.port import ALL_WORK, Ending, LeasedDelivery, WorkKind
from support.store_parts import (
    BUYER,
    FORWARDED,
    HELD,
    LEASE_S,
    NOON,
    ORDER,
    OTHER_BUYER,
    OTHER_ORDER,
    PLANNED,
    SOMEBODY,
    STOPPED,
    Desk,
    a_link,
    accepted,
    an_upload,
    seconds,
)

LATER = NOON + seconds(LEASE_S)

# -- leases --------------------------------------------------------------------------------------


async def test_what_one_has_leased_another_does_not_get(desk: Desk) -> None:
    await accepted(desk.spool)
    (leased,) = await desk.deliveries()
    assert leased.to_buyer
    assert leased.delivery.state is DeliveryState.RECEIVED
    assert await desk.at("host:2").deliveries() == []
    assert await desk.at("host:2").deliveries(now=LATER - seconds(1)) == []


async def test_a_lease_that_ran_out_passes_to_the_next_and_the_first_is_told(desk: Desk) -> None:
    await accepted(desk.spool)
    (first,) = await desk.deliveries()
    (second,) = await desk.at("host:2").deliveries(now=LATER)
    assert second.lease != first.lease

    with pytest.raises(LeaseLost):
        await desk.plan(first, ending=STOPPED)
    with pytest.raises(LeaseLost):
        await desk.spool.defer_delivery(first.delivery.id, first.lease, due_at=LATER)
    assert (await desk.show(first.delivery.id)).delivery.state is DeliveryState.RECEIVED
    assert await desk.events(first.delivery.id) == ["received", "judging_interrupted"]
    assert (first.interruptions, second.interruptions) == (0, 1)

    await desk.plan(second, ending=STOPPED)
    assert (await desk.show(first.delivery.id)).delivery.state is DeliveryState.SETTLED


async def test_a_renewed_lease_goes_on(desk: Desk) -> None:
    await accepted(desk.spool, 1, recipients=(BUYER, SOMEBODY))
    (delivery,) = await desk.deliveries()
    (forward,) = await desk.forwards()
    half = NOON + seconds(LEASE_S / 2)
    await desk.spool.renew(
        [delivery.lease, forward.lease, "jlost.x", "dlost.x"], now=half, lease_s=LEASE_S
    )
    other = desk.at("host:2")
    assert await other.deliveries(now=LATER) == []
    assert await other.forwards(now=LATER) == []
    assert len(await other.deliveries(now=half + seconds(LEASE_S))) == 1
    assert len(await other.forwards(now=half + seconds(LEASE_S))) == 1


async def test_a_lease_that_passed_to_another_is_not_renewed_for_the_first(desk: Desk) -> None:
    await accepted(desk.spool)
    (first,) = await desk.deliveries()
    (second,) = await desk.at("host:2").deliveries(now=LATER)
    await desk.spool.renew([first.lease], now=LATER, lease_s=1000)
    (third,) = await desk.at("host:3").deliveries(now=LATER + seconds(LEASE_S))
    assert third.lease != second.lease


async def test_the_leases_of_a_dead_process_are_taken_back_at_once(desk: Desk) -> None:
    await accepted(desk.spool, 1, recipients=(BUYER, SOMEBODY))
    await desk.deliveries()
    (lost,) = await desk.forwards()

    assert await desk.spool.take_back_leases() == 2
    assert len(await desk.deliveries()) == 1
    assert len(await desk.forwards()) == 1
    with pytest.raises(LeaseLost):
        await desk.finish(lost)
    assert await desk.spool.take_back_leases() == 2
    assert await desk.spool.take_back_leases() == 0


async def test_only_the_leases_of_the_owners_named_are_taken_back(desk: Desk) -> None:
    await accepted(desk.spool, 1)
    await desk.at("host:12").deliveries()
    await accepted(desk.spool, 2)
    await desk.at("host:1").deliveries()

    assert await desk.spool.take_back_leases(owner_prefix="host:1:") == 0
    assert await desk.spool.take_back_leases(owner_prefix="other") == 0
    assert await desk.spool.take_back_leases(owner_prefix="host:12") == 1
    assert await desk.spool.take_back_leases(owner_prefix="host:") == 1


async def test_a_deferred_job_whose_lease_is_taken_back_is_due_when_it_was_due(desk: Desk) -> None:
    await accepted(desk.spool, recipients=(SOMEBODY,))
    (job,) = await desk.forwards()
    await desk.defer(job, due_at=NOON + seconds(10))
    await desk.forwards(now=NOON + seconds(20))
    await desk.spool.take_back_leases()
    assert await desk.spool.next_due(now=NOON) == NOON + seconds(10)


async def test_no_more_is_leased_than_was_asked_for_and_the_oldest_first(desk: Desk) -> None:
    for number in (3, 1, 2):
        await accepted(desk.spool, number, received_at=NOON - seconds(10 - number))
    got = [leased.delivery.id for leased in await desk.deliveries(limit=2)]
    assert got == [f"d{number:022}.00" for number in (1, 2)]


async def test_what_falls_due_later_is_left_alone_until_then(desk: Desk) -> None:
    await accepted(desk.spool)
    (leased,) = await desk.deliveries()
    await desk.spool.defer_delivery(
        leased.delivery.id, leased.lease, due_at=NOON + seconds(5), problem="order_unknown"
    )
    assert await desk.deliveries(now=NOON + seconds(4.9)) == []
    (again,) = await desk.deliveries(now=NOON + seconds(5))
    assert again.delivery.attempts == 1
    assert again.delivery.problem == "order_unknown"
    assert again.delivery.state is DeliveryState.RECEIVED


async def test_two_workers_at_once_never_get_the_same(desk: Desk) -> None:
    for number in range(40):
        await accepted(desk.spool, number, recipients=(BUYER, SOMEBODY))

    async def both(worker: Desk) -> list[LeasedDelivery | Job]:
        return [*await worker.deliveries(limit=5), *await worker.forwards(limit=5)]

    rounds = await asyncio.gather(
        *(both(desk.at(f"host:{worker}")) for worker in range(10)),
    )
    ids = [item for round_ in rounds for item in _ids(round_)]
    assert len(ids) == len(set(ids))
    while more := await both(desk):
        ids += _ids(more)
    assert len(ids) == len(set(ids)) == 80


def _ids(leased: Sequence[LeasedDelivery | Job]) -> list[str]:
    return [one.id if isinstance(one, Job) else one.delivery.id for one in leased]


# -- fairness ------------------------------------------------------------------------------------


async def test_a_shop_with_many_mails_delays_the_others_by_one(desk: Desk) -> None:
    for number in range(50):
        await accepted(desk.spool, number, route="big", received_at=NOON - seconds(100))
    await accepted(desk.spool, 60, route="small")
    await accepted(desk.spool, 61, route="tiny")

    first = await desk.deliveries(limit=3)
    assert {leased.delivery.message.route for leased in first} == {"big", "small", "tiny"}


async def test_routes_take_turns_even_when_only_one_is_asked_for_at_a_time(desk: Desk) -> None:
    for route in ("a", "b", "c"):
        for number in range(3):
            await accepted(desk.spool, ord(route) * 10 + number, route=route)
    served = [(await desk.deliveries(limit=1))[0].delivery.message.route for _ in range(9)]
    assert sorted(served[:3]) == ["a", "b", "c"]
    assert sorted(served[3:6]) == ["a", "b", "c"]


async def test_a_lane_that_is_short_leaves_its_share_to_the_others(desk: Desk) -> None:
    await accepted(desk.spool, 0, route="a")
    for number in range(1, 9):
        await accepted(desk.spool, number, route="b")
    assert len(await desk.deliveries(limit=6)) == 6


async def test_accounts_take_turns_at_allegro(desk: Desk) -> None:
    for number in range(20):
        await desk.planned(number, an_upload(f"order-{number}"), accounts=("big",))
    await desk.planned(30, an_upload("order-x"), accounts=("small",))

    accounts = [job.account for job in await desk.calls(limit=2)]
    assert sorted(map(str, accounts)) == ["big", "small"]


async def test_forwards_are_fair_between_routes(desk: Desk) -> None:
    for number in range(20):
        await accepted(desk.spool, number, recipients=(SOMEBODY,), route="big")
    await accepted(desk.spool, 30, recipients=(SOMEBODY,), route="small")
    messages = [job.message_id for job in await desk.forwards(limit=2)]
    assert f"m{30:025}" in messages


# -- one order's jobs ----------------------------------------------------------------------------


async def test_jobs_of_a_delivery_wait_for_their_earlier_siblings(desk: Desk) -> None:
    await desk.planned(1, an_upload(), a_link(), a_link(url="https://x.example/2"))

    (first,) = await desk.calls()
    assert first.action == an_upload()
    assert await desk.at("host:2").calls(now=LATER - seconds(1)) == []
    await desk.finish(first)
    (second,) = await desk.calls()
    assert second.action == a_link()
    await desk.defer(second, due_at=NOON + seconds(30))
    assert await desk.calls() == []  # the third waits for a deferred one as well
    (second,) = await desk.calls(now=NOON + seconds(30))
    await desk.finish(second)
    (third,) = await desk.calls()
    assert third.action == a_link(url="https://x.example/2")


async def test_a_failed_job_does_not_keep_its_siblings_from_running(desk: Desk) -> None:
    await desk.planned(1, an_upload(), a_link())
    (first,) = await desk.calls()
    await desk.fail(first)
    (second,) = await desk.calls()
    assert second.action == a_link()


async def test_of_one_order_one_job_is_under_way_at_a_time_whatever_mail_it_came_with(
    desk: Desk,
) -> None:
    await desk.planned(1, an_upload(number="1"))
    await desk.planned(2, an_upload(number="2"))
    await desk.planned(3, an_upload(OTHER_ORDER, number="3"))

    got = await desk.calls()
    assert sorted(job.action.order_id for job in got) == sorted([ORDER, OTHER_ORDER])  # type: ignore[union-attr]
    assert await desk.at("host:2").calls() == []
    one = next(job for job in got if job.action.order_id == ORDER)  # type: ignore[union-attr]
    await desk.finish(one)
    (other,) = await desk.calls()
    assert other.action.order_id == ORDER  # type: ignore[union-attr]


async def test_an_order_is_free_again_when_the_lease_on_it_has_run_out(desk: Desk) -> None:
    await desk.planned(1, an_upload(number="1"))
    await desk.planned(2, an_upload(number="2"))
    await desk.calls()
    later = await desk.at("host:2").calls(now=LATER)
    assert len(later) == 1


async def test_the_same_order_id_of_another_account_is_another_order(desk: Desk) -> None:
    await desk.planned(1, an_upload(), accounts=("one",))
    await desk.planned(2, an_upload(), accounts=("two",))
    assert len(await desk.calls()) == 2


async def test_two_workers_never_work_on_one_order_at_once(desk: Desk) -> None:
    for number in range(10):
        await desk.planned(number, an_upload(number=str(number)))
    rounds = await asyncio.gather(*(desk.at(f"host:{n}").calls(limit=3) for n in range(8)))
    assert sum(len(round_) for round_ in rounds) == 1


async def test_forwards_wait_for_nobody(desk: Desk) -> None:
    await desk.planned(1, an_upload(), a_link(), Forward())
    assert len(await desk.calls()) == 1
    (forward,) = await desk.forwards()
    assert forward.action == Forward()


async def test_a_forward_is_handed_out_as_a_forward_only(desk: Desk) -> None:
    await desk.planned(1, Forward())
    assert await desk.calls() == []
    assert len(await desk.forwards()) == 1


async def test_jobs_of_a_held_delivery_are_not_handed_out(desk: Desk) -> None:
    await desk.planned(1, an_upload(), Forward(), ending=HELD)
    assert await desk.calls() == []
    assert await desk.forwards() == []


async def test_a_job_may_be_due_later_than_its_plan(desk: Desk) -> None:
    await accepted(desk.spool)
    (leased,) = await desk.deliveries()
    await desk.plan(leased, an_upload(), a_link(), first_due_at={1: NOON + seconds(600)})
    (first,) = await desk.calls()
    await desk.finish(first)
    assert await desk.calls(now=NOON + seconds(599)) == []
    assert len(await desk.calls(now=NOON + seconds(600))) == 1


# -- siblings ------------------------------------------------------------------------------------


async def test_forwards_of_one_message_to_one_smarthost_leave_together(desk: Desk) -> None:
    recipients = (SOMEBODY, "b@example.pl", "c@example.pl", BUYER)
    await accepted(desk.spool, 1, recipients=recipients)
    await accepted(desk.spool, 2, recipients=(SOMEBODY,))

    job, *siblings = await desk.forwards(limit=1, with_siblings=True)

    assert len(siblings) == 2
    assert {one.message_id for one in siblings} == {job.message_id}
    assert len({one.lease for one in (job, *siblings)}) == 3
    (other,) = await desk.forwards()
    assert other.message_id != job.message_id
    for one in (job, *siblings):
        await desk.finish(one, FORWARDED)


async def test_a_sibling_that_is_not_due_or_under_way_stays_where_it_is(desk: Desk) -> None:
    await accepted(desk.spool, 1, recipients=(SOMEBODY, "b@example.pl", "c@example.pl"))
    first, under_way = await desk.forwards(limit=2)
    await desk.defer(first, due_at=LATER)
    assert len(await desk.forwards(limit=1, with_siblings=True)) == 1
    assert await desk.forwards(with_siblings=True) == []
    assert under_way.lease


JUDGING: tuple[WorkKind, ...] = ("deliveries",)
SENDING: tuple[WorkKind, ...] = ("forwards",)


async def test_a_look_tells_which_kinds_of_work_are_due(desk: Desk) -> None:
    assert await desk.spool.due_kinds(now=NOON, kinds=ALL_WORK) == set()
    await accepted(desk.spool, 1, recipients=(SOMEBODY,))
    await accepted(desk.spool, 2, received_at=NOON + seconds(40))
    assert await desk.spool.due_kinds(now=NOON, kinds=ALL_WORK) >= {"forwards"}
    await desk.ids()  # what has just come is looked into only now

    assert await desk.spool.due_kinds(now=NOON, kinds=ALL_WORK) == {"forwards"}
    assert await desk.spool.due_kinds(now=NOON, kinds=JUDGING) == set()
    later = NOON + seconds(40)
    assert await desk.spool.due_kinds(now=later, kinds=ALL_WORK) == {"deliveries", "forwards"}
    await desk.forwards(lease_s=100)
    assert await desk.spool.due_kinds(now=later, kinds=ALL_WORK) == {"deliveries"}
    assert await desk.spool.next_due(now=NOON, kinds=SENDING) is None


# -- when to look again --------------------------------------------------------------------------


async def test_nothing_is_due_in_an_empty_spool(desk: Desk) -> None:
    assert await desk.spool.next_due(now=NOON) is None


async def test_the_next_due_is_the_earliest_of_all_that_is_free(desk: Desk) -> None:
    await accepted(desk.spool, 1, recipients=(SOMEBODY,))
    await accepted(desk.spool, 2, received_at=NOON + seconds(40))
    assert await desk.spool.next_due(now=NOON) == NOON

    (job,) = await desk.forwards()
    assert await desk.spool.next_due(now=NOON) == NOON + seconds(40)  # leased ones left out
    await desk.defer(job, due_at=NOON + seconds(30))
    assert await desk.spool.next_due(now=NOON) == NOON + seconds(30)
    assert await desk.spool.next_due(now=NOON + timedelta(days=1)) == NOON + seconds(30)


async def test_a_worker_is_woken_by_a_mail(desk: Desk) -> None:
    await desk.spool.wait_for_work(0.01)
    waiting = asyncio.create_task(desk.spool.wait_for_work(60))
    await asyncio.sleep(0)
    await accepted(desk.spool)
    await asyncio.wait_for(waiting, 10)


async def test_a_worker_is_woken_by_a_plan_and_by_a_person(desk: Desk) -> None:
    await accepted(desk.spool)
    (leased,) = await desk.deliveries()

    async def waits() -> None:
        await desk.spool.wait_for_work(60)  # what was heard before
        await desk.spool.wait_for_work(60)

    waiting = asyncio.create_task(waits())
    await asyncio.sleep(0.05)
    await desk.plan(leased, Forward(), ending=PLANNED)
    await asyncio.wait_for(waiting, 10)

    (job,) = await desk.forwards()
    await desk.defer(job, due_at=LATER)
    waiting = asyncio.create_task(waits())
    await asyncio.sleep(0.05)
    await desk.spool.change(
        leased.delivery.id, now=NOON, decide=lambda d, j: Ending(), retry_now=True
    )
    await asyncio.wait_for(waiting, 10)
    (again,) = await desk.forwards()
    assert again.state is JobState.DEFERRED


async def test_waiting_for_work_ends_by_itself(desk: Desk) -> None:
    await desk.spool.wait_for_work(0.01)
    await asyncio.wait_for(desk.spool.wait_for_work(0.05), 10)


async def test_two_buyers_of_one_message_are_judged_by_themselves(desk: Desk) -> None:
    await accepted(desk.spool, 1, recipients=(BUYER, OTHER_BUYER))
    first, second = await desk.deliveries()
    assert {first.delivery.recipient.address, second.delivery.recipient.address} == {
        BUYER,
        OTHER_BUYER,
    }
    await desk.plan(first, ending=STOPPED)
    assert (await desk.show(second.delivery.id)).delivery.state is DeliveryState.RECEIVED

"""The spool's contract: what a report changes, all of it or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

import awizo.store.reports as reports
from awizo.errors import LeaseLost, NotFound
from awizo.model import (
    Delivery,
    DeliveryState,
    Disposition,
    Evidence,
    Forward,
    FulfillmentStatus,
    Job,
    JobState,
    Kind,
    Plan,
    SetFulfillment,
    Verdict,
)
from awizo.settings import Policy
from awizo.spool.port import Ending, Judgement, Spool
from awizo.store import Stores
from awizo.store.database import Transaction
from awizo.worker.schedule import after_job
from support.store_parts import (
    FORWARDED,
    GOES_ON,
    HELD,
    LEASE_S,
    NOON,
    ORDER,
    SOMEBODY,
    STOPPED,
    Desk,
    a_follow_up,
    a_judgement,
    a_link,
    accepted,
    an_entry,
    an_upload,
    deciding,
    seconds,
)

LATER = NOON + seconds(LEASE_S)


class Broken(Exception):
    """A bug in a decision."""


def broken(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
    raise Broken


# -- the plan ------------------------------------------------------------------------------------


async def test_a_plan_is_stored_with_its_jobs_verdict_and_history(desk: Desk) -> None:
    (delivery_id,) = await accepted(desk.spool)
    (leased,) = await desk.deliveries()
    verdict = Verdict(
        Kind.ORDER_SENT,
        0.93,
        evidence=(Evidence("sent-pl", "body", "wysłaliśmy", 2.5, Kind.ORDER_SENT),),
        secondary=(Kind.INVOICE,),
        runner_up=Kind.OTHER,
        runner_up_confidence=0.1,
        fulfillment_status=FulfillmentStatus.SENT,
        flags=frozenset({"packed", "automatic"}),
    )
    actions = (an_upload(), SetFulfillment(ORDER, FulfillmentStatus.SENT))
    plan = Plan(actions, Disposition.STOP, Disposition.HOLD, "order_sent", notes=("one",))
    await desk.spool.store_plan(
        delivery_id,
        leased.lease,
        Judgement(plan, verdict, "default", ORDER, (an_entry("judged"), an_entry("planned"))),
        now=NOON,
        jobs=actions,
        ending=Ending(state=DeliveryState.PLANNED, problem="odd", notes=("two",)),
    )

    stored = await desk.show(delivery_id)
    delivery = stored.delivery
    assert delivery.plan == plan
    assert delivery.state is DeliveryState.PLANNED
    assert (delivery.kind, delivery.order_id, delivery.account) == (
        Kind.ORDER_SENT,
        ORDER,
        "default",
    )
    assert (delivery.problem, delivery.notes) == ("odd", ("two",))
    assert [(job.action, job.state) for job in stored.jobs] == [
        (action, JobState.QUEUED) for action in actions
    ]
    assert [entry.event for entry in stored.history] == ["received", "judged", "planned"]
    assert stored.verdict is not None
    assert stored.verdict["kind"] == "order_sent"
    assert stored.verdict["flags"] == ["automatic", "packed"]
    assert stored.verdict["evidence"][0]["text"] == "wysłaliśmy"


async def test_a_plan_that_cannot_be_stored_whole_is_not_stored_at_all(
    desk: Desk, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    (delivery_id,) = await accepted(desk.spool)
    (leased,) = await desk.deliveries()

    def fails(*_: Any, **__: Any) -> None:
        raise Broken

    with monkeypatch.context() as patch:
        patch.setattr(reports, "apply", fails)  # the last step: all the rest is written by then
        with pytest.raises(Broken):
            await desk.plan(leased, an_upload(), a_link())

    stored = await desk.show(delivery_id)
    assert stored.delivery.state is DeliveryState.RECEIVED
    assert (stored.jobs, stored.delivery.plan, stored.delivery.kind) == ((), None, None)
    assert [entry.event for entry in stored.history] == ["received"]
    await desk.plan(leased, an_upload())  # the lease is as good as before
    assert len((await desk.show(delivery_id)).jobs) == 1


async def test_a_plan_to_stop_settles_the_delivery(desk: Desk) -> None:
    delivery_id = await desk.planned(1, ending=STOPPED)
    stored = await desk.show(delivery_id)
    assert stored.delivery.state is DeliveryState.SETTLED
    assert stored.delivery.disposition is Disposition.STOP
    assert stored.delivery.settled_at == NOON
    assert stored.history[-1].event == "settled"
    assert stored.history[-1].data == {"disposition": "stop"}


async def test_a_plan_to_hold_tells_why_and_until_when(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload(), ending=HELD)
    stored = await desk.show(delivery_id)
    assert stored.delivery.state is DeliveryState.HELD
    assert stored.delivery.due_at == NOON + timedelta(hours=24)
    assert stored.history[-1].event == "held"
    assert stored.history[-1].data["problem"] == "number_reused"


async def test_a_new_plan_takes_the_place_of_the_old_one(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload(), a_link())
    (first,) = await desk.calls()
    await desk.finish(first)
    await desk.spool.change(delivery_id, now=NOON, decide=GOES_ON, judge_again=True)
    (leased,) = await desk.deliveries()
    await desk.plan(leased, Forward())

    stored = await desk.show(delivery_id)
    assert [(type(job.action).__name__, job.state) for job in stored.jobs] == [
        ("UploadInvoice", JobState.DONE),
        ("Forward", JobState.QUEUED),
    ]
    assert len({job.id for job in stored.jobs}) == 2
    assert await desk.calls() == []


# -- reports on a job ----------------------------------------------------------------------------


async def test_a_finished_job_is_done_and_the_delivery_goes_on_as_decided(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    seen: list[tuple[Delivery, list[Job]]] = []

    def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
        seen.append((delivery, list(jobs)))
        return STOPPED

    await desk.spool.finish(
        job, now=NOON, decide=decide, entry=an_entry(), progress={"invoice_id": "7"}
    )

    (delivery, jobs) = seen[-1]
    assert (delivery.id, delivery.state) == (delivery_id, DeliveryState.PLANNED)
    assert [(one.id, one.state) for one in jobs] == [(job.id, JobState.DONE)]
    stored = await desk.show(delivery_id)
    assert stored.delivery.state is DeliveryState.SETTLED
    assert stored.jobs[0].state is JobState.DONE
    assert stored.jobs[0].progress == {"invoice_id": "7"}
    assert stored.jobs[0].attempts == 1
    assert stored.jobs[0].lease == ""
    assert [entry.event for entry in stored.history] == ["received", "job_done", "settled"]


async def test_a_forward_that_is_done_tells_when(desk: Desk) -> None:
    await accepted(desk.spool, recipients=(SOMEBODY,))
    (job,) = await desk.forwards()
    await desk.finish(job, FORWARDED, now=NOON + seconds(3))
    (stored,) = await desk.all()
    assert stored.forwarded_at == NOON + seconds(3)
    assert stored.delivery.disposition is Disposition.FORWARD


async def test_a_deferred_job_comes_back_no_sooner_than_asked_with_what_it_knew(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.defer(job, due_at=NOON + seconds(10), progress={"declared": True})

    stored = await desk.show(delivery_id)
    assert stored.jobs[0].state is JobState.DEFERRED
    assert (stored.jobs[0].code, stored.jobs[0].reply) == ("allegro_busy", "slow down")
    assert stored.history[-1].event == "job_deferred"
    assert await desk.calls(now=NOON + seconds(9)) == []
    (again,) = await desk.calls(now=NOON + seconds(10))
    assert again.progress == {"declared": True}
    assert again.attempts == 1
    assert again.queued_at == NOON
    assert again.due_at == NOON + seconds(10)


async def test_waiting_for_somebody_else_counts_as_no_attempt(desk: Desk) -> None:
    await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.defer(job, due_at=NOON, count_attempt=False)
    (again,) = await desk.calls()
    assert again.attempts == 0


async def test_progress_is_kept_at_once_and_added_to(desk: Desk) -> None:
    await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.spool.save_progress(job, {"invoice_id": "7", "step": 1})
    await desk.spool.save_progress(job, {"step": 2, "as_link": None})
    (again,) = await desk.at("host:2").calls(now=LATER)  # the first worker died
    assert again.progress == {"invoice_id": "7", "step": 2, "as_link": None}
    with pytest.raises(LeaseLost):
        await desk.spool.save_progress(job, {"step": 3})


async def test_a_failed_job_says_why(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.fail(job, Ending(add_jobs=(Forward(),), problem="order_missing"))

    stored = await desk.show(delivery_id)
    assert stored.jobs[0].state is JobState.FAILED
    assert (stored.jobs[0].code, stored.jobs[0].reply) == ("order_missing", "no such order")
    assert stored.delivery.problem == "order_missing"
    assert stored.delivery.state is DeliveryState.PLANNED
    assert len(await desk.forwards()) == 1


REPORTS = ["finish", "defer", "fail", "save_progress"]


async def report(name: str, spool: Spool, job: Job, decide: Any = GOES_ON) -> None:
    match name:
        case "finish":
            await spool.finish(
                job,
                now=NOON,
                decide=decide,
                entry=an_entry(),
                follow_ups=(a_follow_up(delivery_id=job.delivery_id),),
            )
        case "defer":
            await spool.defer(job, due_at=NOON, code="c", reply="r", entry=an_entry())
        case "fail":
            await spool.fail(job, now=NOON, code="c", reply="r", decide=decide, entry=an_entry())
        case "save_progress":
            await spool.save_progress(job, {"x": 1})


@pytest.mark.parametrize("name", REPORTS)
async def test_a_report_under_a_lost_lease_changes_nothing(name: str, desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    (lost,) = await desk.calls()
    (mine,) = await desk.at("host:2").calls(now=LATER)
    before = await desk.show(delivery_id)

    with pytest.raises(LeaseLost):
        await report(name, desk.spool, lost)

    assert await desk.show(delivery_id) == before
    assert await desk.follow_ups() == []
    await desk.finish(mine)


@pytest.mark.parametrize("name", REPORTS)
async def test_a_report_that_was_made_already_is_not_taken_again(name: str, desk: Desk) -> None:
    await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.finish(job, STOPPED)
    with pytest.raises(LeaseLost):
        await report(name, desk.spool, job)


@pytest.mark.parametrize("name", ["finish", "fail"])
async def test_a_report_whose_decision_breaks_is_not_kept(name: str, desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    before = await desk.show(delivery_id)
    with pytest.raises(Broken):
        await report(name, desk.spool, job, broken)
    assert await desk.show(delivery_id) == before
    await desk.finish(job)


@pytest.mark.parametrize("name", REPORTS)
async def test_a_report_on_a_delivery_that_is_gone_is_a_lost_lease(name: str, desk: Desk) -> None:
    await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    gone = replace(job, id="dx.0", delivery_id="dx")
    with pytest.raises(LeaseLost):
        await report(name, desk.spool, gone)


# -- endings -------------------------------------------------------------------------------------


async def test_cancelled_jobs_are_failed_and_those_under_way_lose_their_lease(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload(), a_link(), Forward())
    (call,) = await desk.calls()
    ending = Ending(state=DeliveryState.SETTLED, disposition=Disposition.STOP, cancel_jobs=True)
    await desk.spool.change(delivery_id, now=NOON, decide=deciding(ending))

    stored = await desk.show(delivery_id)
    assert [(job.state, job.code) for job in stored.jobs] == [(JobState.FAILED, "cancelled")] * 3
    with pytest.raises(LeaseLost):
        await desk.finish(call)
    assert await desk.forwards() == []
    failed = [entry for entry in stored.history if entry.event == "job_failed"]
    assert [entry.data.get("was_under_way") for entry in failed] == [True, None, None]


async def test_what_was_done_stays_done_when_the_rest_is_cancelled(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload(), a_link())
    (call,) = await desk.calls()
    await desk.finish(call)
    await desk.spool.change(delivery_id, now=NOON, decide=deciding(Ending(cancel_jobs=True)))
    states = [job.state for job in (await desk.show(delivery_id)).jobs]
    assert states == [JobState.DONE, JobState.FAILED]


async def test_failed_jobs_are_queued_again_as_new_but_not_those_that_were_cancelled(
    desk: Desk,
) -> None:
    delivery_id = await desk.planned(1, an_upload(), a_link())
    (call,) = await desk.calls()
    await desk.spool.save_progress(call, {"number_reused": True})
    await desk.fail(call, replace(HELD, cancel_jobs=True), code="number_reused")

    released = Ending(state=DeliveryState.PLANNED, requeue_failed=True)
    later = NOON + timedelta(hours=3)
    await desk.spool.change(delivery_id, now=later, decide=deciding(released))

    stored = await desk.show(delivery_id)
    assert [(job.state, job.code) for job in stored.jobs] == [
        (JobState.QUEUED, None),
        (JobState.FAILED, "cancelled"),
    ]
    (again,) = await desk.calls(now=later)
    assert again.progress == {"number_reused": True, "released": True}
    assert (again.attempts, again.queued_at, again.due_at) == (0, later, later)


async def test_a_problem_and_notes_are_set_and_left(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())

    async def change(ending: Ending) -> Delivery:
        await desk.spool.change(delivery_id, now=NOON, decide=deciding(ending))
        return (await desk.show(delivery_id)).delivery

    await change(Ending(problem="a", notes=("one",)))
    after = await change(Ending(notes=("two", "one")))
    assert (after.problem, after.notes) == ("a", ("one", "two"))
    assert after.state is DeliveryState.PLANNED


async def test_a_hold_is_due_when_its_time_is_over_and_not_after_it_was_released(
    desk: Desk,
) -> None:
    delivery_id = await desk.planned(1, an_upload(), ending=HELD)
    other = await desk.planned(2, an_upload(), ending=HELD)
    over = NOON + timedelta(hours=24)

    assert await desk.spool.due_holds(now=over - seconds(1), limit=10) == []
    assert [held.delivery.id for held in await desk.spool.due_holds(now=over, limit=10)] == [
        delivery_id,
        other,
    ]
    assert len(await desk.spool.due_holds(now=over, limit=1)) == 1
    await desk.spool.change(
        delivery_id, now=NOON, decide=deciding(Ending(state=DeliveryState.PLANNED))
    )
    assert [held.delivery.id for held in await desk.spool.due_holds(now=over, limit=10)] == [other]
    assert len(await desk.calls()) == 1


async def test_a_settled_delivery_can_be_sent_on(desk: Desk) -> None:
    delivery_id = await desk.planned(1, ending=STOPPED)
    on = Ending(state=DeliveryState.PLANNED, add_jobs=(Forward(),), history=(an_entry("released"),))
    await desk.spool.change(delivery_id, now=NOON, decide=deciding(on))
    stored = await desk.show(delivery_id)
    assert (stored.delivery.state, stored.delivery.settled_at) == (DeliveryState.PLANNED, None)
    (job,) = await desk.forwards()
    await desk.finish(job, FORWARDED)
    assert (await desk.show(delivery_id)).delivery.disposition is Disposition.FORWARD
    assert await desk.events(delivery_id) == [
        "received",
        "settled",
        "released",
        "job_queued",
        "job_done",
        "settled",
    ]


async def test_the_second_of_two_reports_sees_what_the_first_did(desk: Desk) -> None:
    """As after_job settles: only when no job is left."""
    delivery_id = await desk.planned(1, an_upload(), Forward())
    (call,) = await desk.calls()
    (forward,) = await desk.forwards()

    def when_all_done(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
        left = [job for job in jobs if job.state is not JobState.DONE]
        return Ending() if left else FORWARDED

    await asyncio.gather(
        *(
            desk.spool.finish(job, now=NOON, decide=when_all_done, entry=an_entry())
            for job in (call, forward)
        )
    )
    assert (await desk.show(delivery_id)).delivery.state is DeliveryState.SETTLED


# -- history -------------------------------------------------------------------------------------


async def test_history_is_kept_in_the_order_it_was_told(desk: Desk) -> None:
    (delivery_id,) = await accepted(desk.spool)
    for number in range(20):
        # The same time, and even an earlier one: clocks jump.
        at = NOON - seconds(number % 3)
        await desk.spool.add_history(delivery_id, an_entry(f"e{number}", at=at, n=number))
    events = await desk.events(delivery_id)
    assert events == ["received", *(f"e{number}" for number in range(20))]


async def test_history_can_only_be_added_to(desk: Desk, stores: Stores) -> None:
    await accepted(desk.spool)
    assert await desk.ids()

    def rewrite(tx: Transaction) -> int:
        return tx.execute("UPDATE history SET event = 'nothing_happened'")

    with pytest.raises(Exception, match="append-only"):
        await stores.database.write(rewrite)
    (stored,) = await desk.all()
    assert await desk.events(stored.delivery.id) == ["received"]


async def test_history_of_no_delivery_is_refused(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.spool.add_history("dx", an_entry())


# -- follow-ups ----------------------------------------------------------------------------------


async def a_settled_with_follow_up(desk: Desk, **follow_up: Any) -> str:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.finish(job, STOPPED, follow_ups=(a_follow_up(delivery_id=delivery_id, **follow_up),))
    return delivery_id


async def test_a_follow_up_is_handed_out_when_due_to_one_at_a_time(desk: Desk) -> None:
    delivery_id = await a_settled_with_follow_up(desk, due_at=NOON + seconds(60))
    assert await desk.follow_ups() == []
    assert await desk.spool.next_due(now=NOON) == NOON + seconds(60)
    (got,) = await desk.follow_ups(now=NOON + seconds(60))
    assert (got.delivery_id, got.kind, got.data) == (
        delivery_id,
        "invoice_scan",
        {"invoice_id": "1"},
    )
    assert await desk.at("host:2").follow_ups(now=NOON + seconds(61)) == []
    (again,) = await desk.at("host:2").follow_ups(now=NOON + seconds(60 + LEASE_S))
    with pytest.raises(LeaseLost):
        await desk.spool.end_follow_up(got)
    await desk.spool.end_follow_up(again, entry=an_entry("followed_up"))
    assert await desk.follow_ups(now=NOON + timedelta(days=9)) == []
    assert (await desk.events(delivery_id))[-1] == "followed_up"


async def test_a_follow_up_can_look_again_with_what_it_learnt(desk: Desk) -> None:
    await a_settled_with_follow_up(desk)
    (got,) = await desk.follow_ups()
    await desk.spool.end_follow_up(got, again_at=NOON + seconds(30), data={"seen": "PENDING"})
    assert await desk.follow_ups(now=NOON + seconds(29)) == []
    (again,) = await desk.follow_ups(now=NOON + seconds(30))
    assert (again.attempts, again.data) == (1, {"seen": "PENDING"})
    await desk.spool.end_follow_up(again, again_at=NOON + seconds(60))
    (third,) = await desk.follow_ups(now=NOON + seconds(60))
    assert (third.attempts, third.data) == (2, {"seen": "PENDING"})


async def test_a_follow_up_may_reopen_its_delivery(desk: Desk) -> None:
    delivery_id = await a_settled_with_follow_up(desk)
    (got,) = await desk.follow_ups()
    reopen = Ending(state=DeliveryState.PLANNED, add_jobs=(Forward(),), problem="scan_rejected")
    await desk.spool.end_follow_up(
        got, entry=an_entry("scan_rejected", at=NOON + seconds(9)), reopen=reopen
    )
    stored = await desk.show(delivery_id)
    assert stored.delivery.state is DeliveryState.PLANNED
    assert stored.delivery.problem == "scan_rejected"
    assert stored.jobs[-1].queued_at == NOON + seconds(9)
    assert len(await desk.forwards(now=NOON + seconds(9))) == 1


async def test_a_follow_up_told_twice_is_there_once(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload(), a_link())
    for _ in range(2):
        (job,) = await desk.calls()
        await desk.finish(job, follow_ups=(a_follow_up(delivery_id=delivery_id),))
    assert len(await desk.follow_ups()) == 1


@pytest.mark.parametrize("ending", [STOPPED, HELD], ids=["stop", "hold"])
@pytest.mark.parametrize("gone", [True, False])
async def test_a_mail_that_has_gone_ahead_is_neither_stopped_nor_held(
    ending: Ending, gone: bool, desk: Desk
) -> None:
    (delivery_id,) = await accepted(desk.spool)
    (leased,) = await desk.deliveries()
    await desk.spool.defer_delivery(delivery_id, leased.lease, due_at=NOON, forward_at=NOON)
    (job,) = await desk.forwards()
    if gone:
        await desk.finish(job)
    (leased,) = await desk.deliveries()
    await desk.spool.store_plan(
        delivery_id, leased.lease, a_judgement(), now=NOON, jobs=(), ending=ending,
        decide=partial(after_job, now=NOON, policy=Policy()),
    )  # fmt: skip
    if not gone:
        assert (await desk.show(delivery_id)).delivery.state is DeliveryState.PLANNED
        await desk.spool.finish(
            job, now=NOON, decide=partial(after_job, now=NOON, policy=Policy()), entry=an_entry()
        )

    stored = await desk.show(delivery_id)
    assert stored.delivery.state is DeliveryState.SETTLED
    assert stored.delivery.disposition is Disposition.FORWARD
    assert [job.state for job in stored.jobs] == [JobState.DONE]

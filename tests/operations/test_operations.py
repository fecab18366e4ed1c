"""What a person may do with a delivery, and what its state forbids, on the real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from awizo.errors import NotAllowed, NotFound
from awizo.model import DeliveryState, Disposition, Forward, JobState
from awizo.operations import Operations
from awizo.settings import Retention, Store
from awizo.spool.port import StoredDelivery
from awizo.store import Stores, open_store
from support.store_parts import (
    BODY,
    FORWARDED,
    HELD,
    NOON,
    OTHER_ORDER,
    SOMEBODY,
    STOPPED,
    Desk,
    accepted,
    an_upload,
    deciding,
    seconds,
)

DONE, FAILED, QUEUED, DEFERRED = (
    JobState.DONE,
    JobState.FAILED,
    JobState.QUEUED,
    JobState.DEFERRED,
)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"), now=lambda: NOON)
    yield opened
    await opened.close()


@pytest.fixture
def desk(stores: Stores) -> Desk:
    return Desk(stores.spool)


@pytest.fixture
def operations(stores: Stores) -> Operations:
    return Operations(spool=stores.spool, now=lambda: NOON, actor="anna")


async def a_stopped_mail(desk: Desk) -> str:
    """A mail whose document was filed."""
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.finish(job, STOPPED)
    return delivery_id


async def a_held_mail(desk: Desk) -> str:
    """A mail whose document could not be filed, waiting for a person."""
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.fail(job, HELD, code="number_reused")
    return delivery_id


async def a_deferred_mail(desk: Desk) -> str:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.defer(job, due_at=NOON + seconds(3600))
    return delivery_id


async def a_forwarded_mail(desk: Desk) -> str:
    delivery_id = await desk.planned(1, Forward())
    (job,) = await desk.forwards()
    await desk.finish(job, FORWARDED)
    return delivery_id


def jobs_of(stored: StoredDelivery) -> list[tuple[str, JobState]]:
    return [(type(job.action).__name__, job.state) for job in stored.jobs]


def by(stored: StoredDelivery, event: str) -> object:
    """Who stands in the history with an event."""
    return next(entry.data["by"] for entry in stored.history if entry.event == event)


class TestRetry:
    async def test_what_is_deferred_is_due_now(self, desk: Desk, operations: Operations) -> None:
        delivery_id = await a_deferred_mail(desk)
        assert await desk.calls() == []

        await operations.retry(delivery_id)

        (job,) = await desk.calls()
        assert job.delivery_id == delivery_id
        assert by(await desk.show(delivery_id), "retried") == "anna"

    async def test_a_mail_that_waits_for_its_order_is_judged_at_once(
        self, desk: Desk, operations: Operations
    ) -> None:
        (delivery_id,) = await accepted(desk.spool)
        (leased,) = await desk.deliveries()
        await desk.spool.defer_delivery(delivery_id, leased.lease, due_at=NOON + seconds(300))

        await operations.retry(delivery_id)

        assert [one.delivery.id for one in await desk.deliveries()] == [delivery_id]

    async def test_settled_and_held_mails_have_nothing_to_retry(
        self, desk: Desk, operations: Operations
    ) -> None:
        with pytest.raises(NotAllowed, match="release"):
            await operations.retry(await a_stopped_mail(desk))

    async def test_a_held_mail_is_told_to_be_released(
        self, desk: Desk, operations: Operations
    ) -> None:
        with pytest.raises(NotAllowed, match="'release' carries out its plan"):
            await operations.retry(await a_held_mail(desk))

    async def test_an_unknown_delivery_is_said_to_be_unknown(self, operations: Operations) -> None:
        with pytest.raises(NotFound):
            await operations.retry("nobody")


class TestRelease:
    async def test_a_stopped_mail_is_sent_on(self, desk: Desk, operations: Operations) -> None:
        delivery_id = await a_stopped_mail(desk)

        await operations.release(delivery_id)

        stored = await desk.show(delivery_id)
        assert stored.delivery.state is DeliveryState.PLANNED
        assert jobs_of(stored) == [("UploadInvoice", DONE), ("Forward", QUEUED)]

    async def test_a_held_plan_is_carried_out_with_a_persons_consent(
        self, desk: Desk, operations: Operations
    ) -> None:
        delivery_id = await a_held_mail(desk)

        await operations.release(delivery_id)

        stored = await desk.show(delivery_id)
        assert jobs_of(stored) == [("UploadInvoice", QUEUED)]
        assert stored.jobs[0].progress["released"] is True
        assert by(stored, "released") == "anna"

    async def test_what_it_was_held_for_is_no_problem_any_more(
        self, desk: Desk, operations: Operations
    ) -> None:
        delivery_id = await a_held_mail(desk)
        await operations.release(delivery_id)

        (job,) = await desk.calls()
        await desk.finish(job, STOPPED)

        stored = await desk.show(delivery_id)
        assert stored.delivery.state is DeliveryState.SETTLED
        assert stored.delivery.problem is None

    async def test_the_alert_ends_with_the_last_mail_that_was_held_for_its_cause(
        self, desk: Desk, operations: Operations
    ) -> None:
        first = await a_held_mail(desk)
        second = await desk.planned(2, an_upload(OTHER_ORDER))
        (job,) = await desk.calls()
        await desk.fail(job, HELD, code="number_reused")
        await desk.spool.raise_alert(
            cause="number_reused", account="default", text="x", now=NOON, repeat_after_h=24
        )

        await operations.release(first)
        assert len(await desk.spool.alerts()) == 1
        await operations.drop(second)

        assert await desk.spool.alerts() == []

    async def test_so_does_the_one_that_was_raised_before_the_account_was_known(
        self, desk: Desk, operations: Operations
    ) -> None:
        one = await desk.planned(1, an_upload(), ending=HELD, accounts=("one",))
        two = await desk.planned(2, an_upload(), ending=HELD, accounts=("two",))
        for account in (None, "one"):
            await desk.spool.raise_alert(
                cause="number_reused", account=account, text="x", now=NOON, repeat_after_h=24
            )

        await operations.drop(one)
        assert [alert["account"] for alert in await desk.spool.alerts()] == [None]

        await operations.drop(two)
        assert await desk.spool.alerts() == []

    async def test_a_mail_held_at_the_door_is_forwarded(
        self, desk: Desk, operations: Operations
    ) -> None:
        (delivery_id,) = await accepted(desk.spool, state=DeliveryState.HELD, problem="loop")

        await operations.release(delivery_id)

        assert jobs_of(await desk.show(delivery_id)) == [("Forward", QUEUED)]

    async def test_a_mail_whose_jobs_were_all_cancelled_goes_on_as_well(
        self, desk: Desk, operations: Operations
    ) -> None:
        delivery_id = await a_deferred_mail(desk)
        await operations.drop(delivery_id)
        # What was filed before was refused by a scan, and the policy says: hold.
        await desk.spool.change(delivery_id, now=NOON, decide=deciding(HELD))

        await operations.release(delivery_id)

        assert [job.delivery_id for job in await desk.forwards()] == [delivery_id]

    async def test_a_forwarded_mail_is_not_sent_twice_by_mistake(
        self, desk: Desk, operations: Operations
    ) -> None:
        delivery_id = await a_forwarded_mail(desk)

        with pytest.raises(NotAllowed, match="forwarded already"):
            await operations.release(delivery_id)

        assert jobs_of(await desk.show(delivery_id)) == [("Forward", DONE)]

    async def test_a_mail_on_its_way_is_left_alone(
        self, desk: Desk, operations: Operations
    ) -> None:
        with pytest.raises(NotAllowed, match="on its way"):
            await operations.release(await a_deferred_mail(desk))


class TestForward:
    async def test_it_is_sent_unchanged_and_what_was_queued_is_cancelled(
        self, desk: Desk, operations: Operations
    ) -> None:
        delivery_id = await a_deferred_mail(desk)

        await operations.forward(delivery_id)

        stored = await desk.show(delivery_id)
        assert jobs_of(stored) == [("UploadInvoice", FAILED), ("Forward", QUEUED)]
        assert stored.jobs[0].code == "cancelled"
        assert await desk.calls(now=NOON + timedelta(days=1)) == []

    async def test_a_mail_that_is_just_being_judged_is_forwarded_too(
        self, desk: Desk, operations: Operations
    ) -> None:
        (delivery_id,) = await accepted(desk.spool)
        await desk.deliveries()

        await operations.forward(delivery_id)

        assert [job.delivery_id for job in await desk.forwards()] == [delivery_id]

    async def test_one_order_to_forward_is_enough(self, desk: Desk, operations: Operations) -> None:
        delivery_id = await desk.planned(1, Forward())

        with pytest.raises(NotAllowed, match="being forwarded already"):
            await operations.forward(delivery_id)


class TestDrop:
    async def test_it_is_settled_as_stopped_and_nothing_is_done_any_more(
        self, desk: Desk, operations: Operations
    ) -> None:
        delivery_id = await a_deferred_mail(desk)

        await operations.drop(delivery_id)

        stored = await desk.show(delivery_id)
        assert stored.delivery.state is DeliveryState.SETTLED
        assert stored.delivery.disposition is Disposition.STOP
        assert await desk.calls(now=NOON + timedelta(days=1)) == []

    async def test_a_dropped_mail_can_still_be_sent_on(
        self, desk: Desk, operations: Operations
    ) -> None:
        delivery_id = await a_held_mail(desk)
        await operations.drop(delivery_id)

        await operations.release(delivery_id)

        assert [job.delivery_id for job in await desk.forwards()] == [delivery_id]

    async def test_what_is_settled_cannot_be_dropped(
        self, desk: Desk, operations: Operations
    ) -> None:
        with pytest.raises(NotAllowed, match="settled already"):
            await operations.drop(await a_forwarded_mail(desk))


class TestJudgeAgain:
    async def test_a_held_mail_is_judged_anew(self, desk: Desk, operations: Operations) -> None:
        delivery_id = await a_held_mail(desk)

        await operations.judge_again(delivery_id)

        assert [one.delivery.id for one in await desk.deliveries()] == [delivery_id]

    async def test_what_was_done_is_not_risked_again(
        self, desk: Desk, operations: Operations
    ) -> None:
        with pytest.raises(NotAllowed, match="already done"):
            await operations.judge_again(await a_stopped_mail(desk))


class TestPurge:
    async def test_only_what_is_past_its_time_goes(self, desk: Desk, stores: Stores) -> None:
        await a_stopped_mail(desk)
        keep = Retention(keep_days=30, history_days=90)

        async def purged(days: float) -> tuple[int, int]:
            later = NOON + timedelta(days=days)
            return await Operations(spool=stores.spool, now=lambda: later, actor="anna").purge(keep)

        assert await purged(29) == (0, 0)
        assert await purged(31) == (1, 0)
        assert await purged(91) == (0, 1)
        assert await desk.all() == []

    async def test_all_that_is_settled_goes_when_asked_for_and_nothing_else(
        self, desk: Desk, stores: Stores
    ) -> None:
        await a_stopped_mail(desk)
        (waiting,) = await accepted(desk.spool, 2, recipients=(SOMEBODY,))
        # A second later: what is settled now was not settled before now.
        later = Operations(spool=stores.spool, now=lambda: NOON + seconds(1), actor="anna")

        assert await later.purge(Retention(), everything_settled=True) == (1, 1)

        (left,) = await desk.all()
        assert left.delivery.id == waiting
        assert await desk.spool.content(left.delivery.message.id) == BODY

    async def test_what_is_no_longer_kept_cannot_be_sent(
        self, desk: Desk, stores: Stores, operations: Operations
    ) -> None:
        delivery_id = await a_stopped_mail(desk)
        later = NOON + timedelta(days=31)
        await Operations(spool=stores.spool, now=lambda: later, actor="anna").purge(Retention())

        for wish in (operations.release, operations.forward):
            with pytest.raises(NotAllowed, match="keep_days"):
                await wish(delivery_id)

        assert jobs_of(await desk.show(delivery_id)) == [("UploadInvoice", DONE)]

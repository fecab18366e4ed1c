"""When to try again, and how a delivery goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from awizo.model import (
    Action,
    Client,
    Delivery,
    DeliveryState,
    Disposition,
    DocumentKind,
    Envelope,
    Forward,
    FulfillmentStatus,
    Job,
    JobState,
    Plan,
    Recipient,
    SetFulfillment,
    SpooledMessage,
    UploadInvoice,
)
from awizo.settings import Policy, Retry
from awizo.spool.port import Ending
from awizo.worker.schedule import (
    after_job,
    after_planning,
    give_up_after,
    next_attempt_at,
    when_hold_is_over,
    when_refused_later,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BUYER = "wwgp215quo+77c5fa9f6@allegromail.pl"
UPLOAD = UploadInvoice("order", attachment="FV.pdf", kind=DocumentKind.INVOICE)
SENT = SetFulfillment("order", FulfillmentStatus.SENT)


def a_delivery(plan: Plan | None = None, **changes: object) -> Delivery:
    envelope = Envelope("shop@example.pl", (Recipient(BUYER),), Client("127.0.0.1"), NOW)
    message = SpooledMessage("m", envelope, "default", "default", 100, "0" * 64)
    delivery = Delivery("d", message, Recipient(BUYER), DeliveryState.PLANNED, plan=plan)
    return replace(delivery, **changes)  # type: ignore[arg-type]


def a_job(action: Action, state: JobState = JobState.DONE, code: str | None = None) -> Job:
    return Job("j", "d", "m", "default", action, state=state, code=code)


def a_plan(**changes: object) -> Plan:
    return replace(Plan(actions=(UPLOAD,), disposition=Disposition.STOP), **changes)  # type: ignore[arg-type]


class TestNextAttempt:
    def test_waits_grow_with_the_attempts_and_the_last_one_repeats(self) -> None:
        waits = [
            next_attempt_at(
                queued_at=NOW, now=NOW, attempts=attempts, steps_s=(10, 30, 60),
                give_up_after=timedelta(hours=1), jitter=0,
            )
            for attempts in (1, 2, 3, 4)
        ]  # fmt: skip

        assert [(due - NOW).total_seconds() for due in waits if due] == [10, 30, 60, 60]

    def test_what_the_other_side_asked_for_is_kept(self) -> None:
        due = next_attempt_at(
            queued_at=NOW, now=NOW, attempts=1, steps_s=(10,), give_up_after=timedelta(hours=1),
            jitter=-1, not_before=timedelta(seconds=120),
        )  # fmt: skip

        assert due == NOW + timedelta(seconds=120)

    def test_a_job_that_has_grown_too_old_is_given_up(self) -> None:
        due = next_attempt_at(
            queued_at=NOW - timedelta(hours=1), now=NOW, attempts=9, steps_s=(10,),
            give_up_after=timedelta(hours=1), jitter=0,
        )  # fmt: skip

        assert due is None

    def test_mail_is_tried_for_four_days_and_documents_for_four_hours(self) -> None:
        policy, retry = Policy(), Retry()

        assert give_up_after(Forward(), policy=policy, retry=retry) == timedelta(days=4)
        assert give_up_after(UPLOAD, policy=policy, retry=retry) == timedelta(minutes=240)
        assert give_up_after(SENT, policy=policy, retry=retry) == timedelta(minutes=120)


class TestAfterPlanning:
    def test_a_mail_that_only_repeats_is_settled_at_once(self) -> None:
        jobs, ending = after_planning(a_plan(actions=()), now=NOW, policy=Policy())

        assert jobs == ()
        assert (ending.state, ending.disposition) == (DeliveryState.SETTLED, Disposition.STOP)

    def test_act_and_forward_does_both_side_by_side(self) -> None:
        jobs, ending = after_planning(
            a_plan(disposition=Disposition.FORWARD), now=NOW, policy=Policy()
        )

        assert jobs == (UPLOAD, Forward())
        assert ending.state is DeliveryState.PLANNED

    def test_a_hold_ends_by_itself(self) -> None:
        _, ending = after_planning(
            a_plan(disposition=Disposition.HOLD, problem="order_ambiguous"),
            now=NOW, policy=Policy(hold_max_h=2),
        )  # fmt: skip

        assert ending.state is DeliveryState.HELD
        assert ending.due_at == NOW + timedelta(hours=2)


class TestAfterJob:
    def ending(self, plan: Plan, *jobs: Job, **changes: object) -> Ending:
        return after_job(a_delivery(plan, **changes), jobs, now=NOW, policy=Policy())

    def test_the_mail_is_stopped_when_every_action_has_succeeded(self) -> None:
        ending = self.ending(a_plan(), a_job(UPLOAD), a_job(SENT))

        assert (ending.state, ending.disposition) == (DeliveryState.SETTLED, Disposition.STOP)

    def test_it_waits_while_an_action_is_still_open(self) -> None:
        ending = self.ending(a_plan(), a_job(UPLOAD), a_job(SENT, JobState.DEFERRED))

        assert ending.state is None
        assert ending.add_jobs == ()

    def test_a_failed_action_falls_back_to_forwarding(self) -> None:
        ending = self.ending(a_plan(), a_job(UPLOAD, JobState.FAILED, "document_refused"))

        assert ending.add_jobs == (Forward(),)
        assert ending.problem == "document_refused"

    def test_the_other_actions_go_on_when_one_has_failed(self) -> None:
        ending = self.ending(
            a_plan(), a_job(UPLOAD, JobState.FAILED, "invoice_limit"), a_job(SENT, JobState.QUEUED)
        )

        assert ending.add_jobs == (Forward(),)
        assert not ending.cancel_jobs

    def test_a_failed_action_holds_where_the_policy_says_so(self) -> None:
        ending = self.ending(
            a_plan(fallback=Disposition.HOLD), a_job(UPLOAD, JobState.FAILED, "document_refused")
        )

        assert ending.state is DeliveryState.HELD
        assert ending.disposition is Disposition.HOLD

    def test_a_reused_number_is_held_whatever_the_fallback(self) -> None:
        ending = self.ending(a_plan(), a_job(UPLOAD, JobState.FAILED, "number_reused"))

        assert ending.state is DeliveryState.HELD
        assert ending.problem == "number_reused"

    def test_a_fallback_that_was_sent_ends_as_forwarded_with_its_problem(self) -> None:
        ending = self.ending(
            a_plan(), a_job(UPLOAD, JobState.FAILED, "document_refused"), a_job(Forward())
        )

        assert (ending.state, ending.disposition) == (DeliveryState.SETTLED, Disposition.FORWARD)
        assert ending.problem == "document_refused"

    def test_a_mail_the_next_hop_refuses_for_good_is_bounced(self) -> None:
        ending = self.ending(Plan(), a_job(Forward(), JobState.FAILED, "smarthost_refused"))

        assert (ending.state, ending.disposition) == (DeliveryState.SETTLED, Disposition.BOUNCE)

    @pytest.mark.parametrize("code", ["next_hop_lacks_8bitmime", "next_hop_lacks_smtputf8"])
    def test_a_mail_the_next_hop_cannot_carry_unchanged_is_held(self, code: str) -> None:
        ending = self.ending(Plan(), a_job(Forward(), JobState.FAILED, code))

        assert ending.state is DeliveryState.HELD
        assert ending.problem == code

    def test_a_hold_that_expired_is_not_held_again(self) -> None:
        ending = self.ending(
            Plan(), a_job(Forward(), JobState.FAILED, "next_hop_lacks_8bitmime"),
            notes=("hold_expired",),
        )  # fmt: skip

        assert ending.disposition is Disposition.BOUNCE

    @pytest.mark.parametrize("code", ["next_hop_lacks_8bitmime", "smarthost_refused"])
    def test_what_failed_before_a_person_sent_it_on_is_past(self, code: str) -> None:
        failed = a_job(Forward(), JobState.FAILED, code)

        on_its_way = self.ending(Plan(), failed, a_job(Forward(), JobState.QUEUED))
        sent = self.ending(Plan(), failed, a_job(Forward()))

        assert on_its_way.state is None
        assert sent.state is DeliveryState.SETTLED
        assert sent.disposition is Disposition.FORWARD

    def test_a_cancelled_action_is_no_failure(self) -> None:
        ending = self.ending(
            a_plan(), a_job(UPLOAD, JobState.FAILED, "cancelled"), a_job(Forward())
        )

        assert ending.problem is None
        assert ending.disposition is Disposition.FORWARD


def test_a_hold_ends_in_forwarding() -> None:
    ending = when_hold_is_over(a_delivery(a_plan()), ())

    assert ending.add_jobs == (Forward(),)
    assert ending.cancel_jobs


def test_a_document_rejected_later_reopens_its_delivery() -> None:
    stopped = a_delivery(a_plan(), state=DeliveryState.SETTLED, disposition=Disposition.STOP)

    ending = when_refused_later(stopped, problem="document_rejected", now=NOW, policy=Policy())

    assert ending.state is DeliveryState.PLANNED
    assert ending.add_jobs == (Forward(),)


def test_a_document_rejected_later_is_not_forwarded_twice() -> None:
    sent = a_delivery(a_plan(), state=DeliveryState.SETTLED, disposition=Disposition.FORWARD)

    ending = when_refused_later(sent, problem="document_rejected", now=NOW, policy=Policy())

    assert ending.add_jobs == ()
    assert ending.problem == "document_rejected"

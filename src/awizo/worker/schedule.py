"""Decide when to try again and how a delivery goes on: plain functions of values.

In:  a delivery with its jobs, what just happened, the settings' numbers, the time.
Out: the time of the next attempt, or an Ending for the spool to apply.

No await, no clock, no log.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from awizo.model import (
    Action,
    AddLink,
    AddShipment,
    Delivery,
    DeliveryState,
    Disposition,
    Forward,
    HistoryEntry,
    Job,
    JobState,
    Plan,
    SetFulfillment,
    UploadInvoice,
)
from awizo.settings import Policy, Retry
from awizo.spool.port import Ending

# A failure with one of these codes waits for a person whatever the fallback says: forwarding
# would repeat the harm, or change the mail.
HOLD_CODES = frozenset({"number_reused"})
FORWARD_HOLD_CODES = frozenset(
    {
        "next_hop_lacks_8bitmime",
        "next_hop_lacks_smtputf8",
        "content_unsafe",
        "content_damaged",
        "loop",
    }
)


def next_attempt_at(
    *,
    queued_at: datetime,
    now: datetime,
    attempts: int,
    steps_s: Sequence[float],
    give_up_after: timedelta,
    jitter: float,
    not_before: timedelta = timedelta(0),
) -> datetime | None:
    """Return when to try again, or ``None`` once the job has grown too old.

    Args:
        attempts: Attempts made so far, the one that just ended included.
        steps_s: Waits in seconds; the last one repeats.
        jitter: -1..1; spreads the wait by up to a fifth, never below what was asked for.
    """
    step = timedelta(seconds=steps_s[min(max(attempts, 1), len(steps_s)) - 1])
    due = now + max(step * (1 + jitter / 5), not_before)
    return due if due - queued_at <= give_up_after else None


def give_up_after(action: Action, *, policy: Policy, retry: Retry) -> timedelta:
    """How long an action is tried: documents and statuses by the policy, mail for days."""
    match action:
        case Forward():
            return timedelta(hours=retry.smarthost_give_up_h)
        case UploadInvoice() | AddLink():
            return timedelta(minutes=policy.give_up_after_min.documents)
        case SetFulfillment() | AddShipment():
            return timedelta(minutes=policy.give_up_after_min.statuses)


def steps_s(action: Action, retry: Retry) -> Sequence[float]:
    return retry.smarthost_steps_s if isinstance(action, Forward) else retry.allegro_steps_s


def after_planning(
    plan: Plan, *, now: datetime, policy: Policy
) -> tuple[tuple[Action, ...], Ending]:
    """The jobs of a fresh plan, and how the delivery stands until they are done."""
    if plan.disposition is Disposition.HOLD:
        return plan.actions, held(plan.problem or plan.reason, now=now, policy=policy)
    if plan.disposition is Disposition.FORWARD:
        return (*plan.actions, Forward()), Ending(
            state=DeliveryState.PLANNED, problem=plan.problem, notes=plan.notes
        )
    if plan.actions:
        return plan.actions, Ending(
            state=DeliveryState.PLANNED, problem=plan.problem, notes=plan.notes
        )
    return (), Ending(
        state=DeliveryState.SETTLED,
        disposition=Disposition.STOP,
        problem=plan.problem,
        notes=plan.notes,
    )


def held(problem: str, *, now: datetime, policy: Policy) -> Ending:
    """Hold: for a person, or until its time is over."""
    return Ending(
        state=DeliveryState.HELD,
        disposition=Disposition.HOLD,
        problem=problem,
        due_at=now + timedelta(hours=policy.hold_max_h),
    )


def after_job(delivery: Delivery, jobs: Sequence[Job], *, now: datetime, policy: Policy) -> Ending:
    """How a delivery goes on after one of its jobs was done or failed.

    A failed action falls back at once, while the other actions go on: what can still be
    filed is filed. The delivery is settled when nothing is left to do.
    """
    plan = delivery.plan or Plan()
    forwards = [job for job in jobs if isinstance(job.action, Forward)]
    actions = [job for job in jobs if not isinstance(job.action, Forward)]
    failed = [job for job in actions if job.state is JobState.FAILED and job.code != "cancelled"]
    problem = delivery.problem or (failed[0].code if failed else None)

    # What was tried before it and failed is past: a person, or time, has ordered the last one.
    last = forwards[-1] if forwards else None
    if last is not None and last.state is JobState.FAILED and last.code != "cancelled":
        if last.code in FORWARD_HOLD_CODES and "hold_expired" not in delivery.notes:
            return held(last.code or "forward_failed", now=now, policy=policy)
        return Ending(
            state=DeliveryState.SETTLED,
            disposition=Disposition.BOUNCE,
            problem=last.code,
            cancel_jobs=True,
        )

    if delivery.state is DeliveryState.RECEIVED:
        return Ending()  # the mail went on ahead; what is to be filed is still being judged
    must_forward = bool(forwards)
    if failed and not forwards:
        if plan.fallback is Disposition.HOLD or any(job.code in HOLD_CODES for job in failed):
            return held(problem or "action_failed", now=now, policy=policy)
        return Ending(add_jobs=(Forward(),), problem=problem)

    if any(job.state in (JobState.QUEUED, JobState.DEFERRED) for job in jobs):
        return Ending(problem=problem if failed else None)
    if must_forward or plan.disposition is Disposition.FORWARD:
        disposition = Disposition.FORWARD
    else:
        disposition = Disposition.STOP
    return Ending(state=DeliveryState.SETTLED, disposition=disposition, problem=problem)


def when_hold_is_over(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
    """A hold ends by itself in forwarding."""
    return Ending(
        state=DeliveryState.PLANNED,
        add_jobs=(Forward(),),
        cancel_jobs=True,
        notes=("hold_expired",),
    )


def when_refused_later(
    delivery: Delivery,
    jobs: Sequence[Job] = (),
    *,
    problem: str,
    now: datetime,
    policy: Policy,
) -> Ending:
    """A document that was filed turned out to be refused after all: the delivery reopens.

    Not where the mail has left anyway, is about to, or waits for a person.
    """
    plan = delivery.plan or Plan()
    leaving = any(
        isinstance(job.action, Forward) and job.state is not JobState.FAILED for job in jobs
    )
    if (
        leaving
        or delivery.disposition is Disposition.FORWARD
        or delivery.state is DeliveryState.HELD
    ):
        return Ending(problem=problem)
    if plan.fallback is Disposition.HOLD:
        return held(problem, now=now, policy=policy)
    return Ending(state=DeliveryState.PLANNED, add_jobs=(Forward(),), problem=problem)


def next_mail_look(
    *, forwarded_at: datetime, now: datetime, after_s: Sequence[float]
) -> datetime | None:
    """When to look again what became of a mail; ``None`` when the last look is over.

    Args:
        after_s: Looks, in seconds after the mail left.
    """
    looks = (forwarded_at + timedelta(seconds=seconds) for seconds in after_s)
    return next((look for look in looks if look > now), None)


def history(now: datetime, event: str, job: Job | None = None, **data: object) -> HistoryEntry:
    """A line of the history; empty values are left out."""
    return HistoryEntry(
        at=now,
        event=event,
        data={key: value for key, value in data.items() if value not in (None, "", (), [], {})},
        job_id=job.id if job else None,
    )

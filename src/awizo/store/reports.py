"""Units of work that take a worker's report: planned, done, deferred, failed, looked after.

In:  leased work and what became of it.
Out: the tables as they stand after it; LeaseLost when the work belongs to somebody else by now.

Each takes the delivery's row first, checks the lease with its first write, and lets the pure
decision see everything that was reported before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from awizo.errors import LeaseLost, NotFound
from awizo.model import Action, DeliveryState, Forward, HistoryEntry, Job, JobState
from awizo.spool.port import Decide, Ending, FollowUp, Judgement
from awizo.store.codec import read_json, to_json
from awizo.store.database import Row, Transaction, micros
from awizo.store.endings import add_jobs, apply, arm, cancel_open_jobs, decide_and_apply
from awizo.store.endings import write_delivery as write
from awizo.store.leasing import check
from awizo.store.rows import add_history, delivery_row

NO_LEASE = "lease = NULL, lease_owner = NULL, lease_until = NULL"


def store_plan(
    tx: Transaction,
    delivery_id: str,
    lease: str,
    judgement: Judgement,
    *,
    now: datetime,
    jobs: Sequence[Action],
    first_due_at: Mapping[int, datetime],
    ending: Ending,
    decide: Decide | None,
) -> None:
    delivery = _my_delivery(tx, delivery_id, lease)
    verdict = judgement.verdict
    changes: dict[str, Any] = {
        "plan": to_json(judgement.plan),
        "verdict": None if verdict is None else to_json(verdict),
        "kind": None if verdict is None else verdict.kind.value,
        "account": judgement.account or delivery["account"],
        "order_id": judgement.order_id,
        "problem": None,  # of an earlier attempt; the ending says what is amiss now
        "attempts": delivery["attempts"] + 1,
        "lease": None,
        "lease_owner": None,
        "lease_until": None,
        "ready_at": None,
    }
    write(tx, delivery_id, changes)
    delivery.update({key: changes[key] for key in ("account", "order_id", "problem", "attempts")})
    add_history(tx, delivery, judgement.history)
    due = [(action, first_due_at.get(index, now)) for index, action in enumerate(jobs)]
    under_way = _forward_under_way(tx, delivery_id)
    if under_way:
        due = [(action, at) for action, at in due if not isinstance(action, Forward)]
        if ending.state is DeliveryState.HELD:
            due = []  # what was to wait for a person's consent
        if ending.state in (DeliveryState.HELD, DeliveryState.SETTLED):
            # The mail has gone on ahead: it can be neither stopped nor held, only be at its end.
            ending = replace(ending, state=DeliveryState.PLANNED, disposition=None, due_at=None)
    else:
        # What an earlier plan left undone is gone; the history keeps its story.
        cancel_open_jobs(tx, delivery, now=now)
    tx.execute(
        "DELETE FROM jobs WHERE delivery_id = :id AND state = :failed",
        {"id": delivery_id, "failed": JobState.FAILED.value},
    )
    add_jobs(
        tx, delivery, [action for action, _ in due], now=now, due_at=[at for _, at in due],
        tell=False,
    )  # fmt: skip
    apply(tx, delivery, ending, now=now)
    if under_way and decide is not None:
        decide_and_apply(tx, delivery_row(tx, delivery_id), decide, now=now)


def _forward_under_way(tx: Transaction, delivery_id: str) -> bool:
    """Whether a ``Forward`` was queued before there was a plan, and has not failed."""
    found = tx.row(
        "SELECT id FROM jobs WHERE delivery_id = :id AND forward = 1 AND state <> :failed LIMIT 1",
        {"id": delivery_id, "failed": JobState.FAILED.value},
    )
    return found is not None


def defer_delivery(
    tx: Transaction,
    delivery_id: str,
    lease: str,
    *,
    due_at: datetime,
    history: Iterable[HistoryEntry],
    problem: str | None,
    forward_at: datetime | None,
) -> None:
    delivery = _my_delivery(tx, delivery_id, lease)
    changes = {
        "attempts": delivery["attempts"] + 1,
        "due_at": micros(due_at),
        "ready_at": micros(due_at),
        "lease": None,
        "lease_owner": None,
        "lease_until": None,
    }
    write(tx, delivery_id, changes if problem is None else {**changes, "problem": problem})
    add_history(tx, delivery, history)
    if forward_at is not None and not _forward_under_way(tx, delivery_id):
        add_jobs(tx, delivery, (Forward(),), now=forward_at)
        arm(tx, delivery_id)
    tx.work_added()


def save_progress(tx: Transaction, job: Job, progress: Mapping[str, Any]) -> None:
    changed = tx.execute(
        "UPDATE jobs SET progress = :progress WHERE id = :id AND lease = :lease",
        {"progress": _merged(tx, job, progress), "id": job.id, "lease": job.lease},
    )
    check(changed, f"job {job.id}")


def finish(
    tx: Transaction,
    job: Job,
    *,
    now: datetime,
    decide: Decide,
    entry: HistoryEntry,
    progress: Mapping[str, Any] | None,
    follow_ups: Sequence[FollowUp],
) -> None:
    delivery = _delivery_of(tx, job)
    set_news, news = _news(tx, job, progress)
    changed = tx.execute(
        f"""UPDATE jobs SET state = :done, attempts = attempts + 1, finished_at = :now,
            code = NULL, reply = NULL, ready_at = NULL, {set_news} {NO_LEASE}
        WHERE id = :id AND lease = :lease""",
        {
            "done": JobState.DONE.value,
            "now": micros(now),
            **news,
            "id": job.id,
            "lease": job.lease,
        },
    )
    check(changed, f"job {job.id}")
    for follow_up in follow_ups:
        add_follow_up(tx, delivery, follow_up)
    forwarded = {"forwarded_at": micros(now)} if isinstance(job.action, Forward) else {}
    decide_and_apply(tx, delivery, decide, now=now, entries=[entry], changes=forwarded)


def defer(
    tx: Transaction,
    job: Job,
    *,
    due_at: datetime,
    code: str,
    reply: str,
    entry: HistoryEntry,
    progress: Mapping[str, Any] | None,
    count_attempt: bool,
) -> None:
    delivery = _delivery_of(tx, job)
    set_news, news = _news(tx, job, progress)
    changed = tx.execute(
        f"""UPDATE jobs SET state = :deferred, attempts = attempts + :one, due_at = :due_at,
            code = :code, reply = :reply, {set_news} {NO_LEASE}
        WHERE id = :id AND lease = :lease""",
        {
            "deferred": JobState.DEFERRED.value,
            "one": int(count_attempt),
            "due_at": micros(due_at),
            "code": code,
            "reply": reply,
            **news,
            "id": job.id,
            "lease": job.lease,
        },
    )
    check(changed, f"job {job.id}")
    add_history(tx, delivery, [entry])
    arm(tx, delivery["id"])


def fail(
    tx: Transaction,
    job: Job,
    *,
    now: datetime,
    code: str,
    reply: str,
    decide: Decide,
    entry: HistoryEntry,
) -> None:
    delivery = _delivery_of(tx, job)
    changed = tx.execute(
        f"""UPDATE jobs SET state = :failed, attempts = attempts + 1, finished_at = :now,
            code = :code, reply = :reply, ready_at = NULL, {NO_LEASE}
        WHERE id = :id AND lease = :lease""",
        {
            "failed": JobState.FAILED.value,
            "now": micros(now),
            "code": code,
            "reply": reply,
            "id": job.id,
            "lease": job.lease,
        },
    )
    check(changed, f"job {job.id}")
    add_history(tx, delivery, [entry])
    decide_and_apply(tx, delivery, decide, now=now)


def change(
    tx: Transaction,
    delivery_id: str,
    *,
    now: datetime,
    decide: Decide,
    judge_again: bool,
    retry_now: bool,
) -> None:
    delivery = delivery_row(tx, delivery_id, change=True)
    decide_and_apply(tx, delivery, decide, now=now)
    if judge_again:
        apply(tx, delivery, Ending(state=DeliveryState.RECEIVED), now=now)
        write(tx, delivery_id, {"attempts": 0})
    if retry_now:
        tx.execute(
            """UPDATE jobs SET due_at = :now WHERE delivery_id = :id AND lease IS NULL
                AND state IN (:queued, :deferred) AND due_at > :now""",
            {
                "now": micros(now),
                "id": delivery_id,
                "queued": JobState.QUEUED.value,
                "deferred": JobState.DEFERRED.value,
            },
        )
        tx.execute(
            """UPDATE deliveries SET due_at = :now, ready_at = :now WHERE id = :id
                AND state = :received AND lease IS NULL AND due_at > :now""",
            {"now": micros(now), "id": delivery_id, "received": DeliveryState.RECEIVED.value},
        )
        arm(tx, delivery_id)
        tx.work_added()


# -- follow-ups --------------------------------------------------------------------------------


def add_follow_up(tx: Transaction, delivery: Row, follow_up: FollowUp) -> None:
    account = follow_up.account or delivery["account"]
    tx.execute(
        """INSERT INTO follow_ups (id, delivery_id, route, account, lane, kind, attempts, data,
            due_at, ready_at)
        VALUES (:id, :delivery_id, :route, :account, :lane, :kind, :attempts, :data,
            :due_at, :due_at)
        ON CONFLICT (id) DO NOTHING""",
        {
            "id": follow_up.id,
            "delivery_id": delivery["id"],
            "route": delivery["route"],
            "account": account,
            "lane": account or "",
            "kind": follow_up.kind,
            "attempts": follow_up.attempts,
            "data": to_json(follow_up.data),
            "due_at": micros(follow_up.due_at),
        },
    )
    tx.work_added()


def end_follow_up(
    tx: Transaction,
    follow_up: FollowUp,
    *,
    now: datetime,
    again_at: datetime | None,
    data: Mapping[str, Any] | None,
    entry: HistoryEntry | None,
    reopen: Ending | None,
) -> None:
    delivery = delivery_row(tx, follow_up.delivery_id, change=True)
    mine = {"id": follow_up.id, "lease": follow_up.lease}
    if again_at is None:
        changed = tx.execute("DELETE FROM follow_ups WHERE id = :id AND lease = :lease", mine)
    else:
        changed = tx.execute(
            f"""UPDATE follow_ups SET attempts = attempts + 1, due_at = :again_at,
                ready_at = :again_at, data = :data, {NO_LEASE}
            WHERE id = :id AND lease = :lease""",
            {
                "again_at": micros(again_at),
                "data": to_json(follow_up.data if data is None else data),
                **mine,
            },
        )
        tx.work_added()
    check(changed, f"follow-up {follow_up.id}")
    if entry is not None:
        add_history(tx, delivery, [entry])
    if reopen is not None:
        apply(tx, delivery, reopen, now=now)


# -- what all need -----------------------------------------------------------------------------


def _my_delivery(tx: Transaction, delivery_id: str, lease: str) -> Row:
    try:
        delivery = delivery_row(tx, delivery_id, change=True)
    except NotFound:
        raise LeaseLost(f"delivery {delivery_id} is gone") from None
    held = tx.row("SELECT lease FROM deliveries WHERE id = :id", {"id": delivery_id})
    check(int(held is not None and held["lease"] == lease), f"delivery {delivery_id}")
    return delivery


def _delivery_of(tx: Transaction, job: Job) -> Row:
    try:
        return delivery_row(tx, job.delivery_id, change=True)
    except NotFound:
        raise LeaseLost(f"delivery {job.delivery_id} is gone") from None


def _news(
    tx: Transaction, job: Job, progress: Mapping[str, Any] | None
) -> tuple[str, dict[str, str]]:
    """What to SET of a job's progress, ending with a comma, and its parameter; none: nothing."""
    if not progress:
        return "", {}
    return "progress = :progress,", {"progress": _merged(tx, job, progress)}


def _merged(tx: Transaction, job: Job, progress: Mapping[str, Any]) -> str:
    """What is known of a job's progress with the news put over it."""
    row = tx.row("SELECT progress FROM jobs WHERE id = :id", {"id": job.id})
    known = read_json(row["progress"]) if row is not None else {}
    return to_json({**known, **progress})

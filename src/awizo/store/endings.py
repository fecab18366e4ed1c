"""How a delivery goes on, written into the tables.

In:  the row of a delivery that is ours, the Ending that was decided.
Out: state, jobs, problem, notes, history; and which of its jobs may be handed out now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from awizo.model import Action, DeliveryState, HistoryEntry, Job, JobState
from awizo.spool.port import Decide, Ending
from awizo.store.codec import read_json, to_json
from awizo.store.database import NOTHING, Row, Transaction, micros, micros_or_none
from awizo.store.rows import (
    ADD_JOB,
    JOB_COLUMNS,
    Messages,
    add_history,
    delivery_row,
    job_of,
    job_row,
    jobs_of,
    named,
)

OPEN = (JobState.QUEUED, JobState.DEFERRED)


def decide_and_apply(
    tx: Transaction,
    delivery: Row,
    decide: Decide,
    *,
    now: datetime,
    entries: Sequence[HistoryEntry] = (),
    changes: Mapping[str, Any] = NOTHING,
) -> None:
    """Let the pure decision see the delivery as it stands, and do what it says.

    Args:
        entries, changes: What is written of the delivery beside that.
    """
    messages = Messages(tx, [delivery["message_id"]])
    jobs = jobs_of(tx, [delivery["id"]])[delivery["id"]]
    ending = decide(messages.delivery(delivery), jobs)
    may_wait = any(job.state in OPEN for job in jobs) or ending.requeue_failed
    apply(tx, delivery, ending, now=now, entries=entries, changes=changes, may_wait=may_wait)


def apply(
    tx: Transaction,
    delivery: Row,
    ending: Ending,
    *,
    now: datetime,
    entries: Sequence[HistoryEntry] = (),
    changes: Mapping[str, Any] = NOTHING,
    may_wait: bool = True,
) -> None:
    """Carry out an Ending, then see which jobs may run.

    Args:
        may_wait: A job of the delivery may be waiting for its turn.
    """
    add_history(tx, delivery, (*entries, *ending.history))
    if ending.cancel_jobs:
        cancel_open_jobs(tx, delivery, now=now)
    if ending.requeue_failed:
        requeue_failed_jobs(tx, delivery, now=now)
    if ending.add_jobs:
        add_jobs(tx, delivery, ending.add_jobs, now=now)
    _change_delivery(tx, delivery, ending, now=now, changes=dict(changes))
    if ending.state is DeliveryState.SETTLED:
        if may_wait or ending.add_jobs:
            tx.execute(
                "UPDATE jobs SET ready_at = NULL WHERE delivery_id = :id AND ready_at IS NOT NULL",
                {"id": delivery["id"]},
            )
    else:
        arm(tx, delivery["id"])


def _change_delivery(
    tx: Transaction, delivery: Row, ending: Ending, *, now: datetime, changes: dict[str, Any]
) -> None:
    if ending.problem is not None:
        changes["problem"] = ending.problem or None
    if ending.notes:
        notes = [*read_json(delivery["notes"]), *ending.notes]
        changes["notes"] = to_json(tuple(dict.fromkeys(notes)))
    if ending.due_at is not None:
        changes["due_at"] = micros(ending.due_at)
    if ending.order is not None:
        changes["account"], changes["order_id"] = ending.order
    problem = changes.get("problem", delivery["problem"])
    if ending.state is not None:
        settled = ending.state is DeliveryState.SETTLED
        changes["state"] = ending.state.value
        changes["disposition"] = ending.disposition.value if ending.disposition else None
        changes["settled_at"] = micros(now) if settled else None
        # Whoever was judging it has lost it: the delivery goes another way now.
        changes.update(lease=None, lease_owner=None, lease_until=None, ready_at=None)
        if ending.state is DeliveryState.RECEIVED:
            due_at = micros_or_none(ending.due_at) or micros(now)
            changes.update(due_at=due_at, ready_at=due_at)
            tx.work_added()
        elif ending.state is not DeliveryState.HELD and ending.due_at is None:
            changes["due_at"] = None
        if ending.state in (DeliveryState.SETTLED, DeliveryState.HELD):
            told: dict[str, Any] = {"disposition": changes["disposition"], "problem": problem}
            if ending.due_at is not None:
                told["until"] = ending.due_at
            said = {key: value for key, value in told.items() if value is not None}
            add_history(tx, delivery, [HistoryEntry(now, ending.state.value, said)])
    elif ending.disposition is not None:
        changes["disposition"] = ending.disposition.value
    write_delivery(tx, delivery["id"], changes)


def write_delivery(tx: Transaction, delivery_id: str, changes: dict[str, Any]) -> None:
    if not changes:
        return
    columns = ", ".join(f"{column} = :{column}" for column in sorted(changes))
    tx.execute(f"UPDATE deliveries SET {columns} WHERE id = :id", {**changes, "id": delivery_id})


def add_jobs(
    tx: Transaction,
    delivery: Row,
    actions: Sequence[Action],
    *,
    now: datetime,
    due_at: Sequence[datetime] | None = None,
    tell: bool = True,
) -> None:
    """Queue further jobs behind those there are; *delivery* is brought up to date."""
    message = tx.row(
        "SELECT smarthost FROM messages WHERE id = :id", {"id": delivery["message_id"]}
    )
    assert message is not None
    rows = [
        job_row(
            action,
            position=delivery["jobs_made"] + index,
            delivery_id=delivery["id"],
            message_id=delivery["message_id"],
            route=delivery["route"],
            account=delivery["account"],
            smarthost=message["smarthost"],
            queued_at=micros(now),
            due_at=micros(due_at[index] if due_at else now),
        )
        for index, action in enumerate(actions)
    ]
    if not rows:
        return
    tx.execute_many(ADD_JOB, rows)
    delivery["jobs_made"] += len(rows)
    write_delivery(tx, delivery["id"], {"jobs_made": delivery["jobs_made"]})
    if tell:
        entries = [
            HistoryEntry(now, "job_queued", named(action), row["id"])
            for action, row in zip(actions, rows, strict=True)
        ]
        add_history(tx, delivery, entries)


def cancel_open_jobs(tx: Transaction, delivery: Row, *, now: datetime) -> None:
    """End every job that is not done; one that is under way loses its lease, and its result."""
    for row, job in _some_jobs(tx, delivery, "state IN (:queued, :deferred)"):
        tx.execute(
            """UPDATE jobs SET state = :failed, code = 'cancelled', reply = NULL, ready_at = NULL,
                finished_at = :now, lease = NULL, lease_owner = NULL, lease_until = NULL
            WHERE id = :id""",
            {"failed": JobState.FAILED.value, "now": micros(now), "id": job.id},
        )
        said: dict[str, Any] = {**named(job.action), "code": "cancelled"}
        if row["lease"]:
            said["was_under_way"] = True
        add_history(tx, delivery, [HistoryEntry(now, "job_failed", said, job.id)])


def requeue_failed_jobs(tx: Transaction, delivery: Row, *, now: datetime) -> None:
    """Queue failed jobs again as new, those that were cancelled left out."""
    for _, job in _some_jobs(tx, delivery, "state = 'failed' AND code <> 'cancelled'"):
        tx.execute(
            """UPDATE jobs SET state = :queued, code = NULL, reply = NULL, attempts = 0,
                queued_at = :now, due_at = :now, finished_at = NULL, progress = :progress
            WHERE id = :id""",
            {
                "queued": JobState.QUEUED.value,
                "now": micros(now),
                "progress": to_json({**job.progress, "released": True}),
                "id": job.id,
            },
        )
        add_history(tx, delivery, [HistoryEntry(now, "job_queued", named(job.action), job.id)])


def _some_jobs(tx: Transaction, delivery: Row, condition: str) -> list[tuple[Row, Job]]:
    rows = tx.rows(
        f"SELECT {JOB_COLUMNS} FROM jobs WHERE delivery_id = :id AND {condition} "
        f"ORDER BY position {tx.dialect.for_update}",
        {"id": delivery["id"], "queued": JobState.QUEUED.value, "deferred": JobState.DEFERRED.value}
        if ":queued" in condition
        else {"id": delivery["id"]},
    )
    return [(row, job_of(row)) for row in rows]


def arm(tx: Transaction, delivery_id: str) -> None:
    """Make ready what may run now: of a planned delivery its forwards and its first call.

    The call behind it gets ready when this one is done or failed. Of a delivery that is still
    being judged a forward may run: the mail does not wait, only its filing does.
    """
    state = delivery_row(tx, delivery_id)["state"]
    rows = tx.rows(
        """SELECT id, forward, state, due_at, ready_at, lease, lease_until FROM jobs
        WHERE delivery_id = :id ORDER BY position""",
        {"id": delivery_id},
    )
    first_call = True
    for row in rows:
        ready_at = None
        planned = state == DeliveryState.PLANNED.value
        forwarded = row["forward"] and state == DeliveryState.RECEIVED.value
        if (planned or forwarded) and row["state"] in OPEN:
            if row["forward"] or first_call:
                ready_at = row["lease_until"] if row["lease"] else row["due_at"]
            first_call = first_call and bool(row["forward"])
        if ready_at != row["ready_at"]:
            tx.execute(
                "UPDATE jobs SET ready_at = :ready_at WHERE id = :id",
                {"ready_at": ready_at, "id": row["id"]},
            )
            if ready_at is not None:
                tx.work_added()

"""Rows of the spool's tables as the values of the model, and the small writes all units share.

In:  rows as mappings, an open transaction.
Out: Delivery, Job, HistoryEntry, FollowUp; entries appended to the history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from awizo.errors import NotFound
from awizo.model import (
    Action,
    ContentFacts,
    Delivery,
    DeliveryState,
    Disposition,
    Envelope,
    Forward,
    HistoryEntry,
    Job,
    JobState,
    Kind,
    Plan,
    SpooledMessage,
    action_name,
)
from awizo.spool.port import FollowUp
from awizo.store.codec import action_from_json, from_json, read_json, to_json
from awizo.store.database import Row, Transaction, adding, among, micros, moment, moment_or_none

DELIVERY_COLUMNS = """d.id, d.message_id, d.route, d.account, d.recipient_index, d.to_buyer,
    d.state, d.kind, d.disposition, d.order_id, d.problem, d.notes, d.plan, d.attempts,
    d.due_at, d.settled_at, d.jobs_made"""
JOB_COLUMNS = """id, delivery_id, message_id, account, action, state, attempts, queued_at, due_at,
    progress, code, reply, lease, smarthost"""
FOLLOW_UP_COLUMNS = "id, delivery_id, account, kind, attempts, data, due_at, lease"
MESSAGE_COLUMNS = """id, route, accounts, smarthost, policy, envelope, size_bytes, sha256,
    rfc_message_id, content_in, content_facts"""

HISTORY_COLUMNS = ("delivery_id", "route", "account", "at", "event", "job_id", "data")
ADD_HISTORY = adding("history", HISTORY_COLUMNS)


EIGHT_BIT, EIGHT_BIT_HEADER = 1, 2  # migrations/0004_content_facts.sql


def facts_column(facts: ContentFacts | None) -> int | None:
    """Facts as they are stored: the sum of the two bits, ``None`` for not known."""
    if facts is None:
        return None
    return EIGHT_BIT * facts.eight_bit + EIGHT_BIT_HEADER * facts.eight_bit_header


def facts_of(column: int | None) -> ContentFacts | None:
    """The inverse of :func:`facts_column`."""
    if column is None:
        return None
    return ContentFacts(bool(column & EIGHT_BIT), bool(column & EIGHT_BIT_HEADER))


class Messages:
    """The messages behind some deliveries, each decoded once."""

    def __init__(self, tx: Transaction, ids: Iterable[str]) -> None:
        some, params = among("id", sorted(set(ids)))
        self._rows = {
            row["id"]: row
            for row in tx.rows(f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE id IN {some}", params)
        }
        self._decoded: dict[str, SpooledMessage] = {}

    def row(self, message_id: str) -> Row:
        return self._rows[message_id]

    def accounts(self, message_id: str) -> tuple[str, ...]:
        return tuple(read_json(self._rows[message_id]["accounts"]))

    def message(self, message_id: str) -> SpooledMessage:
        if message_id not in self._decoded:
            row = self._rows[message_id]
            self._decoded[message_id] = SpooledMessage(
                id=row["id"],
                envelope=from_json(Envelope, row["envelope"]),
                route=row["route"],
                smarthost=row["smarthost"],
                size_bytes=row["size_bytes"],
                sha256=row["sha256"],
                message_id=row["rfc_message_id"],
                policy=row["policy"],
                facts=facts_of(row["content_facts"]),
            )
        return self._decoded[message_id]

    def delivery(self, row: Row) -> Delivery:
        message = self.message(row["message_id"])
        return Delivery(
            id=row["id"],
            message=message,
            recipient=message.envelope.recipients[row["recipient_index"]],
            state=DeliveryState(row["state"]),
            accounts=self.accounts(row["message_id"]),
            account=row["account"],
            kind=Kind(row["kind"]) if row["kind"] else None,
            disposition=Disposition(row["disposition"]) if row["disposition"] else None,
            order_id=row["order_id"],
            problem=row["problem"],
            notes=tuple(read_json(row["notes"])),
            plan=from_json(Plan, row["plan"]) if row["plan"] else None,
            attempts=row["attempts"],
            due_at=moment_or_none(row["due_at"]),
            settled_at=moment_or_none(row["settled_at"]),
        )


def job_of(row: Row) -> Job:
    return Job(
        id=row["id"],
        delivery_id=row["delivery_id"],
        message_id=row["message_id"],
        account=row["account"],
        action=action_from_json(row["action"]),
        state=JobState(row["state"]),
        attempts=row["attempts"],
        queued_at=moment(row["queued_at"]),
        due_at=moment(row["due_at"]),
        progress=read_json(row["progress"]),
        code=row["code"],
        reply=row["reply"],
        lease=row["lease"] or "",
        smarthost=row["smarthost"],
    )


def entry_of(row: Row) -> HistoryEntry:
    return HistoryEntry(
        at=moment(row["at"]),
        event=row["event"],
        data=read_json(row["data"]),
        job_id=row["job_id"],
    )


def follow_up_of(row: Row) -> FollowUp:
    return FollowUp(
        id=row["id"],
        delivery_id=row["delivery_id"],
        account=row["account"],
        kind=row["kind"],
        due_at=moment(row["due_at"]),
        attempts=row["attempts"],
        data=read_json(row["data"]),
        lease=row["lease"] or "",
    )


def delivery_row(tx: Transaction, delivery_id: str, *, change: bool = False) -> Row:
    """The row of a delivery; with *change* it is ours until the transaction ends.

    Whatever changes a delivery or its jobs takes this row first, so that of two reports on one
    delivery the second sees what the first did.
    """
    lock = tx.dialect.for_update if change else ""
    row = tx.row(
        f"SELECT {DELIVERY_COLUMNS} FROM deliveries d WHERE d.id = :id {lock}", {"id": delivery_id}
    )
    if row is None:
        raise NotFound(f"no delivery {delivery_id}")
    return row


def deliveries_by_id(tx: Transaction, ids: Collection[str]) -> dict[str, Delivery]:
    """Those of some deliveries that are there."""
    some, params = among("id", tuple(ids))
    found = tx.rows(f"SELECT {DELIVERY_COLUMNS} FROM deliveries d WHERE d.id IN {some}", params)
    messages = Messages(tx, (row["message_id"] for row in found))
    return {row["id"]: messages.delivery(row) for row in found}


def jobs_of(tx: Transaction, delivery_ids: Sequence[str]) -> dict[str, list[Job]]:
    """The jobs of some deliveries, in order."""
    some, params = among("id", delivery_ids)
    found: dict[str, list[Job]] = {delivery_id: [] for delivery_id in delivery_ids}
    for row in tx.rows(
        f"SELECT {JOB_COLUMNS} FROM jobs WHERE delivery_id IN {some} "
        "ORDER BY delivery_id, position",
        params,
    ):
        found[row["delivery_id"]].append(job_of(row))
    return found


def jobs_by_id(tx: Transaction, ids: Sequence[str]) -> list[Job]:
    """Jobs in the order of *ids*."""
    some, params = among("id", ids)
    rows = tx.rows(f"SELECT {JOB_COLUMNS} FROM jobs WHERE id IN {some}", params)
    found = {row["id"]: job_of(row) for row in rows}
    return [found[job_id] for job_id in ids]


def follow_ups_by_id(tx: Transaction, ids: Sequence[str]) -> list[FollowUp]:
    """Follow-ups in the order of *ids*."""
    some, params = among("id", ids)
    rows = tx.rows(f"SELECT {FOLLOW_UP_COLUMNS} FROM follow_ups WHERE id IN {some}", params)
    found = {row["id"]: follow_up_of(row) for row in rows}
    return [found[follow_up_id] for follow_up_id in ids]


def history_rows(
    *, delivery_id: str, route: str, account: str | None, entries: Iterable[HistoryEntry]
) -> list[Mapping[str, Any]]:
    return [
        {
            "delivery_id": delivery_id,
            "route": route,
            "account": account,
            "at": micros(entry.at),
            "event": entry.event,
            "job_id": entry.job_id,
            "data": to_json(entry.data),
        }
        for entry in entries
    ]


def add_history(tx: Transaction, delivery: Row, entries: Iterable[HistoryEntry]) -> None:
    """Append to the history of the delivery whose row this is."""
    rows = history_rows(
        delivery_id=delivery["id"],
        route=delivery["route"],
        account=delivery["account"],
        entries=entries,
    )
    if rows:
        tx.execute_many(ADD_HISTORY, rows)


def job_row(
    action: Action,
    *,
    position: int,
    delivery_id: str,
    message_id: str,
    route: str,
    account: str | None,
    smarthost: str,
    queued_at: int,
    due_at: int,
) -> dict[str, Any]:
    """A new job; not ready until it is armed."""
    forward = isinstance(action, Forward)
    lane = f"{account or ''}/{route}"
    return {
        "id": f"{delivery_id}.{position}",
        "delivery_id": delivery_id,
        "message_id": message_id,
        "route": route,
        "account": account,
        "smarthost": smarthost,
        "position": position,
        "forward": int(forward),
        # One smarthost to a lane, at its front: those of a busy one are passed over together.
        "lane": f"{smarthost}/{lane}" if forward else lane,
        "order_key": None if isinstance(action, Forward) else f"{account}/{action.order_id}",
        "action": to_json(action),
        "state": JobState.QUEUED.value,
        "queued_at": queued_at,
        "due_at": due_at,
        "ready_at": None,
    }


NEW_JOB_COLUMNS = (
    "id", "delivery_id", "message_id", "route", "account", "smarthost", "position",
    "forward", "lane", "order_key", "action", "state", "queued_at", "due_at", "ready_at",
)  # fmt: skip
ADD_JOB = adding("jobs", NEW_JOB_COLUMNS)


def named(action: Action) -> dict[str, str]:
    """What the history says of a job's action."""
    return {"action": action_name(action)}

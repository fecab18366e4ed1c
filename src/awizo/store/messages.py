"""Units of work around a message: accept it, read its content, look for what came before.

In:  a new message with its body; ids and digests.
Out: rows; pieces of content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from awizo.errors import NotFound, StoreError
from awizo.model import DeliveryState, Envelope, Forward, HistoryEntry, Kind
from awizo.spool.port import NewMessage
from awizo.store.codec import from_json, to_json
from awizo.store.database import Row, Transaction, adding, micros, micros_or_none
from awizo.store.rows import ADD_HISTORY, ADD_JOB, facts_column, history_rows, job_row

CHUNK_BYTES = 262_144  # a larger content is never in memory whole

# Kinds that do not make an answer to such a mail a mere echo: a person may have written it.
BY_HAND = (Kind.CONVERSATION_REPLY, Kind.FULFILMENT_CORRESPONDENCE, Kind.OTHER)

MESSAGE_COLUMNS = (
    "id", "route", "accounts", "smarthost", "policy", "envelope",
    "received_at", "size_bytes", "sha256", "rfc_message_id", "content_in", "content_facts",
)  # fmt: skip
NEW_DELIVERY_COLUMNS = (
    "id", "message_id", "route", "account", "recipient_index",
    "recipient", "to_buyer", "digest_key", "state", "disposition", "problem", "jobs_made",
    "received_at", "due_at", "ready_at",
)  # fmt: skip
_ADD_MESSAGE = adding("messages", MESSAGE_COLUMNS) + " ON CONFLICT (id) DO NOTHING"
_ADD_CONTENT = "INSERT INTO contents (message_id, seq, data) VALUES (:message_id, :seq, :data)"
_ADD_DELIVERY = adding("deliveries", NEW_DELIVERY_COLUMNS)


@dataclass(frozen=True, slots=True)
class MessageRows:
    """A new message as rows."""

    message: Row
    deliveries: list[Row]
    jobs: list[Row]
    history: list[Mapping[str, Any]]

    @property
    def id(self) -> str:
        return str(self.message["id"])


def digest_key(sha256: str, recipient: str) -> int:
    """What the loop guard counts by: a digest for a recipient, as a 64-bit number."""
    both = f"{sha256.lower()} {recipient.lower()}".encode()
    return int.from_bytes(hashlib.sha256(both).digest()[:8], "big", signed=True)


def rows_of(message: NewMessage, *, content_in: str) -> MessageRows:
    """All rows of a new message, but for its content.

    Args:
        content_in: ``table`` or ``file``.
    """
    received_at = micros(message.envelope.received_at)
    deliveries: list[Row] = []
    jobs: list[Row] = []
    history: list[Mapping[str, Any]] = []
    # A route with one account can only act on that one; with several, triage finds out.
    account = message.accounts[0] if len(message.accounts) == 1 else None
    for new in message.deliveries:
        address = message.envelope.recipients[new.recipient_index].address
        held = new.state is DeliveryState.HELD
        state = new.state if new.to_buyer or held else DeliveryState.PLANNED
        forwarded_at_once = state is DeliveryState.PLANNED and not new.to_buyer
        deliveries.append(
            {
                "id": new.id,
                "message_id": message.id,
                "route": message.route,
                "account": account,
                "recipient_index": new.recipient_index,
                "recipient": address,
                "to_buyer": int(new.to_buyer),
                "digest_key": digest_key(message.sha256, address),
                "state": state.value,
                "disposition": "hold" if held else None,
                "problem": new.problem,
                "jobs_made": int(forwarded_at_once),
                "received_at": received_at,
                "due_at": micros_or_none(new.held_until) if held else received_at,
                "ready_at": received_at if state is DeliveryState.RECEIVED else None,
            }
        )
        if forwarded_at_once:
            job = job_row(
                Forward(),
                position=0,
                delivery_id=new.id,
                message_id=message.id,
                route=message.route,
                account=account,
                smarthost=message.smarthost,
                queued_at=received_at,
                due_at=received_at,
            )
            jobs.append({**job, "ready_at": received_at})
        said: dict[str, Any] = {"to_buyer": new.to_buyer, "size_bytes": message.size_bytes}
        told = [HistoryEntry(message.envelope.received_at, "received", said)]
        if held:
            told.append(
                HistoryEntry(message.envelope.received_at, "held", {"problem": new.problem})
            )
        history += history_rows(
            delivery_id=new.id, route=message.route, account=account, entries=told
        )
    return MessageRows(
        {
            "id": message.id,
            "route": message.route,
            "accounts": to_json(message.accounts),
            "smarthost": message.smarthost,
            "policy": message.policy,
            "envelope": to_json(message.envelope),
            "received_at": received_at,
            "size_bytes": message.size_bytes,
            "sha256": message.sha256,
            "rfc_message_id": message.message_id,
            "content_in": content_in,
            "content_facts": facts_column(message.facts),
        },
        deliveries,
        jobs,
        history,
    )


def accept(tx: Transaction, rows: MessageRows, body: BinaryIO | None) -> None:
    """Store a message; *body* is ``None`` when its content lies in a file already.

    Safe to repeat: a message with this id is there already when the answer to an earlier
    commit was lost, or when a bounce is written again (its id is made of the job's, its text
    tells the time). Nothing is added then.
    """
    if not tx.execute(_ADD_MESSAGE, rows.message):
        there = tx.row("SELECT route, envelope FROM messages WHERE id = :id", {"id": rows.id})
        if there is not None and _same_road(rows.message, there):
            return
        raise StoreError(f"there is another message with the id {rows.id}")
    if body is not None:
        _add_content(tx, rows, body)
    tx.execute_many(_ADD_DELIVERY, rows.deliveries)
    if rows.jobs:
        tx.execute_many(ADD_JOB, rows.jobs)
    tx.execute_many(ADD_HISTORY, rows.history)
    tx.work_added()


def _same_road(new: Row, there: Row) -> bool:
    """Whether the message that has this id already went from and to the same places."""
    ours, theirs = (from_json(Envelope, row["envelope"]) for row in (new, there))
    return (new["route"], ours.reverse_path, ours.recipients) == (
        there["route"],
        theirs.reverse_path,
        theirs.recipients,
    )


def _add_content(tx: Transaction, rows: MessageRows, body: BinaryIO) -> None:
    for seq, chunk in enumerate(chunks_of(rows, body)):
        tx.execute(_ADD_CONTENT, {"message_id": rows.id, "seq": seq, "data": chunk})


def chunks_of(rows: MessageRows, body: BinaryIO) -> list[bytes]:
    """The content as it is kept; raises StoreError when it is not as long as announced."""
    body.seek(0)
    chunks = []
    while chunk := body.read(CHUNK_BYTES):
        chunks.append(chunk)
    check_size(rows, sum(map(len, chunks)))
    return chunks


def check_size(rows: MessageRows, size_bytes: int) -> None:
    announced = rows.message["size_bytes"]
    if size_bytes != announced:
        raise StoreError(
            f"the body of {rows.id} has {size_bytes} bytes, {announced} were announced"
        )


def same_digest_since(tx: Transaction, sha256: str, recipient: str, since: datetime) -> int:
    row = tx.row(
        "SELECT count(*) AS n FROM deliveries "
        "WHERE digest_key = :digest_key AND received_at >= :since",
        {"digest_key": digest_key(sha256, recipient), "since": micros(since)},
    )
    assert row is not None
    return int(row["n"])


def seen_automatic(tx: Transaction, message_id: str) -> bool:
    row = tx.row(
        "SELECT 1 AS seen FROM messages m JOIN deliveries d ON d.message_id = m.id "
        "WHERE m.rfc_message_id = :message_id AND d.kind IS NOT NULL "
        "AND d.kind NOT IN (:reply, :correspondence, :other) LIMIT 1",
        {
            "message_id": message_id,
            "reply": BY_HAND[0].value,
            "correspondence": BY_HAND[1].value,
            "other": BY_HAND[2].value,
        },
    )
    return row is not None


def content_place(tx: Transaction, message_id: str) -> Row:
    """Where a content lies and how large it is."""
    row = tx.row("SELECT content_in, size_bytes FROM messages WHERE id = :id", {"id": message_id})
    if row is None:
        raise NotFound(f"no message {message_id}")
    if row["content_in"] == "none":
        raise NotFound(f"the content of {message_id} was removed when its time was over")
    return row


def content_begin(tx: Transaction, message_id: str) -> tuple[Row, bytes | None]:
    """Where a content lies, and its first piece where that is the database."""
    place = content_place(tx, message_id)
    return place, content_chunk(tx, message_id, 0) if place["content_in"] == "table" else None


def content_chunk(tx: Transaction, message_id: str, seq: int) -> bytes | None:
    row = tx.row(
        "SELECT data FROM contents WHERE message_id = :id AND seq = :seq",
        {"id": message_id, "seq": seq},
    )
    return None if row is None else bytes(row["data"])

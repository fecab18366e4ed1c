"""Units of work around a message: accept it, read its content, look for what came before.

In:  a new message with its body; ids and digests.
Out: rows; pieces of content.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, BinaryIO

from awizo.errors import NotFound, StoreError
from awizo.model import DeliveryState, Envelope, Forward, HistoryEntry, Kind
from awizo.spool.port import NewMessage
from awizo.store.codec import from_json, to_json
from awizo.store.database import Row, Transaction, micros, micros_or_none
from awizo.store.rows import ADD_HISTORY, ADD_JOB, history_rows, job_row

CHUNK_BYTES = 262_144  # a larger content is never in memory whole

# Kinds that do not make an answer to such a mail a mere echo: a person may have written it.
BY_HAND = (Kind.CONVERSATION_REPLY, Kind.FULFILMENT_CORRESPONDENCE, Kind.OTHER)

_ADD_MESSAGE = """INSERT INTO messages (id, route, accounts, smarthost, policy, envelope,
        received_at, size_bytes, sha256, rfc_message_id, content_in)
    VALUES (:id, :route, :accounts, :smarthost, :policy, :envelope,
        :received_at, :size_bytes, :sha256, :rfc_message_id, :content_in)
    ON CONFLICT (id) DO NOTHING"""
_ADD_CONTENT = "INSERT INTO contents (message_id, seq, data) VALUES (:message_id, :seq, :data)"
_ADD_DELIVERY = """INSERT INTO deliveries (id, message_id, route, account, recipient_index,
        recipient, to_buyer, digest_key, state, disposition, problem, jobs_made, received_at,
        due_at, ready_at)
    VALUES (:id, :message_id, :route, :account, :recipient_index,
        :recipient, :to_buyer, :digest_key, :state, :disposition, :problem, :jobs_made,
        :received_at, :due_at, :ready_at)"""


def digest_key(sha256: str, recipient: str) -> int:
    """What the loop guard counts by: a digest for a recipient, as a 64-bit number."""
    both = f"{sha256.lower()} {recipient.lower()}".encode()
    return int.from_bytes(hashlib.sha256(both).digest()[:8], "big", signed=True)


def accept(tx: Transaction, message: NewMessage, body: BinaryIO | None) -> None:
    """Store a message; *body* is ``None`` when its content lies in a file already.

    Safe to repeat: a message with this id is there already when the answer to an earlier
    commit was lost, or when a bounce is written again (its id is made of the job's, its text
    tells the time). Nothing is added then.
    """
    received_at = micros(message.envelope.received_at)
    added = tx.execute(
        _ADD_MESSAGE,
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
            "content_in": "table" if body is not None else "file",
        },
    )
    if not added:
        there = tx.row("SELECT route, envelope FROM messages WHERE id = :id", {"id": message.id})
        if there is not None and _same_road(message, there):
            return
        raise StoreError(f"there is another message with the id {message.id}")
    if body is not None:
        _add_content(tx, message, body)
    deliveries: list[dict[str, Any]] = []
    jobs: list[dict[str, Any]] = []
    entries = []
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
        entries += history_rows(
            delivery_id=new.id, route=message.route, account=account, entries=told
        )
    tx.execute_many(_ADD_DELIVERY, deliveries)
    if jobs:
        tx.execute_many(ADD_JOB, jobs)
    tx.execute_many(ADD_HISTORY, entries)
    tx.work_added()


def _same_road(message: NewMessage, there: Row) -> bool:
    """Whether the message that has this id already went from and to the same places."""
    envelope = from_json(Envelope, there["envelope"])
    return (there["route"], envelope.reverse_path, envelope.recipients) == (
        message.route,
        message.envelope.reverse_path,
        message.envelope.recipients,
    )


def is_there(tx: Transaction, message_id: str) -> bool:
    return tx.row("SELECT 1 AS there FROM messages WHERE id = :id", {"id": message_id}) is not None


def _add_content(tx: Transaction, message: NewMessage, body: BinaryIO) -> None:
    body.seek(0)
    size = 0
    seq = 0
    while chunk := body.read(CHUNK_BYTES):
        tx.execute(_ADD_CONTENT, {"message_id": message.id, "seq": seq, "data": chunk})
        size += len(chunk)
        seq += 1
    check_size(message, size)


def check_size(message: NewMessage, size_bytes: int) -> None:
    if size_bytes != message.size_bytes:
        raise StoreError(
            f"the body of {message.id} has {size_bytes} bytes, {message.size_bytes} were announced"
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

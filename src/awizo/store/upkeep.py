"""Units of work that keep the spool small and tell whether it takes writes.

In:  times before which things may go.
Out: how much went; names of content files that nobody needs any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from awizo.store.database import Transaction, among, micros

BATCH_ROWS = 200  # of one transaction, so that an accept never waits long behind a purge


Place = tuple[int, str]
BEGINNING: Place = (-(2**63), "")


@dataclass(frozen=True, slots=True)
class Purged:
    """A batch: how many contents went, which of them lie in files, where to go on from."""

    contents: int
    file_names: tuple[str, ...]
    after: Place | None


def purge_contents(tx: Transaction, *, before: datetime, after: Place = BEGINNING) -> Purged:
    """Remove contents of messages whose deliveries were all settled before then.

    A follow-up that is still to come keeps the content: the delivery may be reopened. Only
    messages whose content is kept are looked at, oldest first, each once in a purge.
    """
    rows = tx.rows(
        """SELECT m.id, m.content_in, m.received_at,
            (SELECT count(*) FROM deliveries o WHERE o.message_id = m.id
                AND (o.settled_at IS NULL OR o.settled_at >= :before))
            + (SELECT count(*) FROM deliveries o JOIN follow_ups f ON f.delivery_id = o.id
                WHERE o.message_id = m.id) AS needed_by
        FROM messages m
        WHERE m.content_in <> 'none' AND m.received_at < :before
            AND (m.received_at, m.id) > (:after_at, :after_id)
        ORDER BY m.received_at, m.id LIMIT :limit""",
        {
            "before": micros(before),
            "after_at": after[0],
            "after_id": after[1],
            "limit": BATCH_ROWS,
        },
    )
    over = [row for row in rows if not row["needed_by"]]
    if over:
        some, params = among("id", [row["id"] for row in over])
        tx.execute(f"DELETE FROM contents WHERE message_id IN {some}", params)
        tx.execute(f"UPDATE messages SET content_in = 'none' WHERE id IN {some}", params)
    return Purged(
        contents=len(over),
        file_names=tuple(row["id"] for row in over if row["content_in"] == "file"),
        after=(rows[-1]["received_at"], rows[-1]["id"]) if len(rows) == BATCH_ROWS else None,
    )


def purge_records(tx: Transaction, *, before: datetime) -> int:
    """Remove what is left of deliveries settled before then; at most a batch."""
    rows = tx.rows(
        """SELECT d.id, d.message_id FROM deliveries d JOIN messages m ON m.id = d.message_id
        WHERE d.settled_at < :before AND m.content_in = 'none'
        AND NOT EXISTS (SELECT 1 FROM follow_ups f WHERE f.delivery_id = d.id)
        ORDER BY d.settled_at LIMIT :limit""",
        {"before": micros(before), "limit": BATCH_ROWS},
    )
    if not rows:
        return 0
    some, params = among("id", [row["id"] for row in rows])
    for table in ("history", "jobs"):
        tx.execute(f"DELETE FROM {table} WHERE delivery_id IN {some}", params)
    tx.execute(f"DELETE FROM deliveries WHERE id IN {some}", params)
    some, params = among("id", sorted({row["message_id"] for row in rows}))
    tx.execute(
        f"""DELETE FROM messages WHERE id IN {some}
        AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.message_id = messages.id)""",
        params,
    )
    return len(rows)


def forget_expired(tx: Transaction, *, now: datetime) -> None:
    tx.execute("DELETE FROM memory WHERE until < :now", {"now": micros(now)})


def probe(tx: Transaction, *, name: str) -> None:
    tx.execute("INSERT INTO facts (name, value) VALUES (:name, 'probe')", {"name": name})
    tx.execute("DELETE FROM facts WHERE name = :name", {"name": name})


def files_needed(tx: Transaction, names: Sequence[str]) -> set[str]:
    """Those of some file names that belong to a message."""
    some, params = among("id", names)
    rows = tx.rows(f"SELECT id FROM messages WHERE content_in = 'file' AND id IN {some}", params)
    return {row["id"] for row in rows}

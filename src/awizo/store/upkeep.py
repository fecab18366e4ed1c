"""Units of work that keep the spool small and tell whether it takes writes.

In:  times before which things may go.
Out: how much went; names of content files that nobody needs any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from awizo.store.database import Transaction, among, micros

BATCH_ROWS = 200  # of one transaction, so that an accept never waits long behind a purge


def purge_contents(tx: Transaction, *, before: datetime) -> tuple[int, list[str]]:
    """Remove contents of messages whose deliveries were all settled before then.

    A follow-up that is still to come keeps the content: the delivery may be reopened.

    Returns:
        How many went (at most a batch), and the names of those that lie in files.
    """
    rows = tx.rows(
        """SELECT m.id, m.content_in FROM messages m WHERE m.id IN (
            SELECT d.message_id FROM deliveries d WHERE d.settled_at < :before)
        AND m.content_in <> 'none'
        AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.message_id = m.id
            AND (o.settled_at IS NULL OR o.settled_at >= :before))
        AND NOT EXISTS (SELECT 1 FROM deliveries o JOIN follow_ups f ON f.delivery_id = o.id
            WHERE o.message_id = m.id)
        ORDER BY m.id LIMIT :limit""",
        {"before": micros(before), "limit": BATCH_ROWS},
    )
    some, params = among("id", [row["id"] for row in rows])
    if rows:
        tx.execute(f"DELETE FROM contents WHERE message_id IN {some}", params)
        tx.execute(f"UPDATE messages SET content_in = 'none' WHERE id IN {some}", params)
    return len(rows), [row["id"] for row in rows if row["content_in"] == "file"]


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

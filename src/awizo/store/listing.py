"""Units of work for people: lists, one delivery with its history, counts, holds, alerts.

In:  what to narrow the list by.
Out: StoredDelivery, in pages that one transaction reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from awizo.model import DeliveryState, Disposition, JobState, Kind
from awizo.spool.ids import RANDOM_BYTES, new_id
from awizo.spool.port import Counts, StoredDelivery, Tally
from awizo.store.codec import read_json
from awizo.store.database import Row, Transaction, among, micros, moment, moment_or_none
from awizo.store.rows import DELIVERY_COLUMNS, Messages, entry_of, jobs_of

PAGE_ROWS = 500
ID_SLACK = timedelta(hours=1)  # between the time in a delivery's id and that of its reception


@dataclass(frozen=True, slots=True)
class Narrowing:
    states: tuple[DeliveryState, ...] | None = None
    account: str | None = None
    kind: Kind | None = None
    problem_only: bool = False
    search: str | None = None
    newest_first: bool = False
    disposition: Disposition | None = None


def page(
    tx: Transaction, narrowing: Narrowing, *, after: str | None, limit: int
) -> list[StoredDelivery]:
    """The next deliveries behind *after*; ids are in the order of acceptance."""
    conditions: list[str] = []
    params: dict[str, Any] = {"limit": limit}
    if narrowing.states is not None:
        some, more = among("state", [state.value for state in narrowing.states])
        conditions.append(f"d.state IN {some}")
        params |= more
    if narrowing.account is not None:
        conditions.append("d.account = :account")
        params["account"] = narrowing.account
    if narrowing.kind is not None:
        conditions.append("d.kind = :kind")
        params["kind"] = narrowing.kind.value
    if narrowing.disposition is not None:
        conditions.append("d.disposition = :disposition")
        params["disposition"] = narrowing.disposition.value
    if narrowing.problem_only:
        conditions.append("d.problem IS NOT NULL")
    if narrowing.search:
        columns = ("d.id", "d.message_id", "d.recipient", "d.order_id", "d.problem")
        conditions.append(
            "(" + " OR ".join(f"lower({c}) LIKE :search ESCAPE '!'" for c in columns) + ")"
        )
        params["search"] = f"%{like_escaped(narrowing.search.lower())}%"
    if after is not None:
        conditions.append("d.id < :after" if narrowing.newest_first else "d.id > :after")
        params["after"] = after
    where = " AND ".join(conditions) or "1 = 1"
    order = "DESC" if narrowing.newest_first else "ASC"
    rows = tx.rows(
        f"SELECT {DELIVERY_COLUMNS}, d.verdict, d.forwarded_at FROM deliveries d "
        f"WHERE {where} ORDER BY d.id {order} LIMIT :limit",
        params,
    )
    return _stored(tx, rows)


def show(tx: Transaction, delivery_id: str) -> StoredDelivery | None:
    rows = tx.rows(
        f"SELECT {DELIVERY_COLUMNS}, d.verdict, d.forwarded_at FROM deliveries d WHERE d.id = :id",
        {"id": delivery_id},
    )
    history = tx.rows(
        "SELECT at, event, job_id, data FROM history WHERE delivery_id = :id ORDER BY id",
        {"id": delivery_id},
    )
    return _stored(tx, rows, history)[0] if rows else None


def due_holds(tx: Transaction, *, now: datetime, limit: int) -> list[StoredDelivery]:
    rows = tx.rows(
        f"SELECT {DELIVERY_COLUMNS}, d.verdict, d.forwarded_at FROM deliveries d "
        "WHERE d.state = 'held' AND d.due_at <= :now ORDER BY d.due_at LIMIT :limit",
        {"now": micros(now), "limit": limit},
    )
    return _stored(tx, rows)


def _stored(
    tx: Transaction, rows: Sequence[Row], history: Sequence[Row] = ()
) -> list[StoredDelivery]:
    messages = Messages(tx, (row["message_id"] for row in rows))
    jobs = jobs_of(tx, [row["id"] for row in rows])
    return [
        StoredDelivery(
            delivery=messages.delivery(row),
            jobs=tuple(jobs[row["id"]]),
            verdict=read_json(row["verdict"]) if row["verdict"] else None,
            history=tuple(entry_of(entry) for entry in history),
            forwarded_at=moment_or_none(row["forwarded_at"]),
            content_kept=messages.row(row["message_id"])["content_in"] != "none",
        )
        for row in rows
    ]


def like_escaped(text: str) -> str:
    """For LIKE with ``ESCAPE '!'``."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def counts(tx: Transaction) -> Counts:
    by_state = {state.value: 0 for state in DeliveryState}
    for row in tx.rows("SELECT state, count(*) AS n FROM deliveries GROUP BY state"):
        by_state[row["state"]] = row["n"]
    oldest = []
    for state in DeliveryState:
        if state is DeliveryState.SETTLED:
            continue
        first = tx.row(
            "SELECT received_at FROM deliveries WHERE state = :state ORDER BY id LIMIT 1",
            {"state": state.value},
        )
        if first is not None:
            oldest.append(first["received_at"])
    return Counts(by_state, moment_or_none(min(oldest, default=None)))


def tally(tx: Transaction, *, since: datetime) -> Tally:
    """Ids are in the order of acceptance, so the newest lie together."""
    found = tx.rows(
        """SELECT to_buyer, state, disposition, acted, count(*) AS n FROM (
            SELECT d.to_buyer, d.state, d.disposition, CASE WHEN (
                SELECT count(*) FROM jobs j  -- of an EXISTS, PostgreSQL may read all jobs
                WHERE j.delivery_id = d.id AND j.forward = 0 AND j.state = :done
            ) > 0 THEN 1 ELSE 0 END AS acted
            FROM deliveries d WHERE d.id >= :first AND d.received_at >= :since
        ) AS recent GROUP BY to_buyer, state, disposition, acted""",
        {
            "first": new_id(since - ID_SLACK, bytes(RANDOM_BYTES)),
            "since": micros(since),
            "done": JobState.DONE.value,
        },
    )
    became: Counter[str] = Counter()
    for row in found:
        if row["to_buyer"]:
            became[_became(row["state"], row["disposition"])] += row["n"]
            became["acted"] += row["n"] if row["acted"] else 0
        else:
            became["others"] += row["n"]
    return Tally(**became)


def _became(state: str, disposition: str | None) -> str:
    if state == DeliveryState.HELD:
        return "held"
    if state != DeliveryState.SETTLED or disposition is None:
        return "waiting"
    return {"stop": "stopped", "forward": "forwarded", "bounce": "bounced"}[disposition]


def raise_alert(
    tx: Transaction,
    *,
    cause: str,
    account: str | None,
    text: str,
    now: datetime,
    repeat_after: timedelta,
) -> bool:
    tx.exclusive(f"alert {cause} {account or ''}")
    which = {"cause": cause, "account": account or ""}
    there = tx.row("SELECT told_at FROM alerts WHERE cause = :cause AND account = :account", which)
    if there is None:
        tx.execute(
            """INSERT INTO alerts (cause, account, text, first_at, last_at, told_at, count)
            VALUES (:cause, :account, :text, :now, :now, :now, 1)""",
            {**which, "text": text, "now": micros(now)},
        )
        return True
    tell = now - moment(there["told_at"]) >= repeat_after
    tx.execute(
        """UPDATE alerts SET text = :text, last_at = :now, count = count + 1, told_at = :told_at
        WHERE cause = :cause AND account = :account""",
        {
            **which,
            "text": text,
            "now": micros(now),
            "told_at": micros(now) if tell else there["told_at"],
        },
    )
    return tell


def clear_alert(tx: Transaction, *, cause: str, account: str | None) -> None:
    tx.execute(
        "DELETE FROM alerts WHERE cause = :cause AND account = :account",
        {"cause": cause, "account": account or ""},
    )


def alerts(tx: Transaction) -> list[Mapping[str, Any]]:
    return [
        {
            "cause": row["cause"],
            "account": row["account"] or None,
            "text": row["text"],
            "first_at": moment(row["first_at"]),
            "last_at": moment(row["last_at"]),
            "count": row["count"],
        }
        for row in tx.rows(
            "SELECT cause, account, text, first_at, last_at, count FROM alerts "
            "ORDER BY first_at, cause, account"
        )
    ]

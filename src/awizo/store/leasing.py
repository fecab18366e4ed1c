"""Units of work that hand out due work, fairly, to one worker at a time.

In:  the time, how long a lease lasts, where the last round ended.
Out: leased rows.

Work stands in lanes (a route's mails, an account's calls). A round goes over the lanes that have
due work, beginning behind the lane served last, and takes the oldest of each: so a shop with
100,000 waiting mails delays the others by one mail. Lanes and their oldest rows are found by
jumps in an index; what is not due, leased or finished is never looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import awizo.store.inbox as inbox
from awizo.errors import LeaseLost
from awizo.model import HistoryEntry
from awizo.spool.port import LeasedDelivery, WorkKind
from awizo.store.database import Params, Row, Transaction, among, moment
from awizo.store.rows import DELIVERY_COLUMNS, Messages, add_history


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of leased work.

    Attributes:
        mark: First letter of its leases: tells the table from the token.
        only: Condition that its rows in the index fulfil.
        one_per_order: Leave out rows whose order somebody else is working on.
    """

    table: str
    mark: str
    lane: str
    only: str = ""
    one_per_order: bool = False


DELIVERIES = Kind("deliveries", "d", "route")
CALLS = Kind("jobs", "j", "lane", "forward = 0 AND", one_per_order=True)
FORWARDS = Kind("jobs", "j", "lane", "forward = 1 AND")
FOLLOW_UPS = Kind("follow_ups", "f", "lane")
BY_NAME: dict[WorkKind, Kind] = {
    "deliveries": DELIVERIES,
    "forwards": FORWARDS,
    "calls": CALLS,
    "follow_ups": FOLLOW_UPS,
}
IN_INBOX: frozenset[WorkKind] = frozenset({"deliveries", "forwards"})
INTERRUPTED = "judging_interrupted"
MOST_LANES = 100_000  # more than any installation has routes times accounts
TABLES = (DELIVERIES, FORWARDS, FOLLOW_UPS)  # one kind for each table


def lanes_with_work(
    tx: Transaction,
    kind: Kind,
    *,
    now: int,
    after: str,
    limit: int,
    busy: Collection[str] = (),
) -> list[str]:
    """Lanes with due work, in order, the first ones behind *after*, then from the beginning.

    Args:
        busy: Smarthosts whose mails are passed over.
    """
    found = _lanes_behind(tx, kind, now=now, after=after, limit=limit, busy=busy)
    if len(found) < limit and after:
        again = _lanes_behind(tx, kind, now=now, after="", limit=limit, busy=busy)
        found += [lane for lane in again if lane not in found]
    return found[:limit]


def _lanes_behind(
    tx: Transaction,
    kind: Kind,
    *,
    now: int | None,
    after: str,
    limit: int,
    busy: Collection[str] = (),
) -> list[str]:
    """Lanes behind *after* with work due at *now*, or with any work at all."""
    lane, only, table = kind.lane, kind.only, kind.table
    fronts = {f"busy_{place}": f"{name}/" for place, name in enumerate(busy)}
    if kind is not FORWARDS:
        fronts = {}
    not_busy = "".join(f" AND substr(lane, 1, length(:{name})) <> :{name}" for name in fronts)
    begin = ">" if after else ">="  # "" stands before every lane, and is one itself
    due = f"""EXISTS (SELECT 1 FROM {table} t WHERE {only} t.{lane} = lanes.lane
        AND ready_at IS NOT NULL AND ready_at <= :now)"""
    rows = tx.rows(
        f"""WITH RECURSIVE lanes (lane) AS (
            SELECT (SELECT t.{lane} FROM {table} t WHERE {only} ready_at IS NOT NULL
                AND t.{lane} {begin} :after ORDER BY t.{lane} LIMIT 1)
            UNION ALL
            SELECT (SELECT t.{lane} FROM {table} t WHERE {only} ready_at IS NOT NULL
                AND t.{lane} > lanes.lane ORDER BY t.{lane} LIMIT 1)
            FROM lanes WHERE lanes.lane IS NOT NULL
        )
        SELECT lane FROM lanes
        WHERE lane IS NOT NULL {not_busy} AND {due if now is not None else "1 = 1"}
        LIMIT :limit""",
        {"after": after, "limit": limit} | fronts | ({} if now is None else {"now": now}),
    )
    return [row["lane"] for row in rows]


def pick(
    tx: Transaction,
    kind: Kind,
    *,
    now: int,
    after: str,
    limit: int,
    busy: Collection[str] = (),
) -> tuple[list[str], str]:
    """Ids of due rows, one lane after the other, and the lane served last."""
    lanes = lanes_with_work(tx, kind, now=now, after=after, limit=limit, busy=busy)
    if not lanes:
        return [], after
    per_lane = -(-limit // len(lanes))
    queues: list[tuple[str, list[Row]]] = []
    short = 0
    for lane in lanes:
        rows = _oldest(tx, kind, lane=lane, now=now, limit=per_lane + short)
        short = max(0, per_lane + short - len(rows))
        queues.append((lane, rows))
    picked: list[str] = []
    last = after
    orders: set[str] = set()
    while len(picked) < limit and any(rows for _, rows in queues):
        for lane, rows in queues:
            while rows and len(picked) < limit:
                row = rows.pop(0)
                order = row["order_key"]
                if order is not None and order in orders:
                    continue
                if order is not None:
                    orders.add(order)
                picked.append(row["id"])
                last = lane
                break
    return picked, last


def _oldest(tx: Transaction, kind: Kind, *, lane: str, now: int, limit: int) -> list[Row]:
    order_key = "t.order_key" if kind.one_per_order else "NULL"
    free_order = (
        """AND NOT EXISTS (SELECT 1 FROM jobs o WHERE o.order_key = t.order_key
            AND o.lease IS NOT NULL AND o.lease_until > :now)"""
        if kind.one_per_order
        else ""
    )
    return tx.rows(
        f"""SELECT t.id, {order_key} AS order_key FROM {kind.table} t
        WHERE {kind.only} t.{kind.lane} = :lane AND t.ready_at IS NOT NULL AND t.ready_at <= :now
            {free_order}
        ORDER BY t.ready_at, t.id LIMIT :limit {tx.dialect.skip_locked}""",
        {"lane": lane, "now": now, "limit": limit},
    )


def due_kinds(
    tx: Transaction,
    kinds: Collection[WorkKind],
    *,
    now: int,
    busy: Collection[str] = (),
    fresh: bool = True,
) -> set[WorkKind]:
    """The kinds of which a round would find something; with *fresh*, may find something in what
    was just accepted and is not looked into yet."""
    found = {
        name
        for name in kinds
        if name in BY_NAME
        and lanes_with_work(tx, BY_NAME[name], now=now, after="", limit=1, busy=busy)
    }
    if "holds" in kinds and tx.row(
        "SELECT 1 AS due FROM deliveries WHERE state = 'held' AND due_at <= :now LIMIT 1",
        {"now": now},
    ):
        found.add("holds")
    if fresh and inbox.has_some(tx):
        found |= IN_INBOX.intersection(kinds)
    return found


def leased_deliveries(tx: Transaction, ids: Sequence[str]) -> list[LeasedDelivery]:
    """Deliveries that were just leased, in the order of *ids*."""
    some, params = among("id", ids)
    found = {
        row["id"]: row
        for row in tx.rows(
            f"""SELECT {DELIVERY_COLUMNS}, d.lease,
                (SELECT count(*) FROM history h WHERE h.delivery_id = d.id AND h.event = :event)
                    AS interruptions
            FROM deliveries d WHERE d.id IN {some}""",
            {"event": INTERRUPTED, **params},
        )
    }
    messages = Messages(tx, (row["message_id"] for row in found.values()))
    return [
        LeasedDelivery(
            delivery=messages.delivery(row),
            lease=row["lease"],
            to_buyer=bool(row["to_buyer"]),
            policy=messages.row(row["message_id"])["policy"],
            interruptions=row["interruptions"],
        )
        for row in (found[delivery_id] for delivery_id in ids)
    ]


def due_siblings(tx: Transaction, ids: Sequence[str], *, now: int) -> list[str]:
    """Ids of the other due forwards of some jobs' messages to the same smarthosts."""
    some, params = among("id", ids)
    rows = tx.rows(
        f"""SELECT t.id FROM jobs j JOIN jobs t ON t.message_id = j.message_id
            AND t.smarthost = j.smarthost AND t.forward = 1
            AND t.ready_at IS NOT NULL AND t.ready_at <= :now AND t.id <> j.id
        WHERE j.id IN {some} ORDER BY t.id {tx.dialect.skip_locked_t}""",
        {"now": now, **params},
    )
    found = dict.fromkeys(row["id"] for row in rows)
    return [job_id for job_id in found if job_id not in ids]


def take(
    tx: Transaction, kind: Kind, ids: Sequence[str], *, token: str, owner: str, until: int
) -> None:
    """Lease rows. Each lease is the round's token with the row's id behind it."""
    some, params = among("id", ids)
    tx.execute(
        f"""UPDATE {kind.table} SET lease = :prefix || id, lease_owner = :owner,
            lease_until = :until, ready_at = :until WHERE id IN {some}""",
        {"prefix": f"{kind.mark}{token}.", "owner": owner, "until": until, **params},
    )


def lease(
    tx: Transaction,
    kind: Kind,
    *,
    now: int,
    until: int,
    owner: str,
    limit: int,
    token: str,
    after: str,
    with_siblings: bool = False,
    busy: Collection[str] = (),
) -> tuple[list[str], str]:
    """Pick due rows and lease them; returns their ids and the lane served last."""
    if kind.one_per_order:
        # Of two replicas the second must see the orders that the first has just taken.
        tx.exclusive("lease calls")
    ids, last = pick(tx, kind, now=now, after=after, limit=limit, busy=busy)
    if ids and with_siblings:
        ids += due_siblings(tx, ids, now=now)
    if ids and kind is DELIVERIES:
        some, params = among("id", ids)
        _note_interrupted(tx, f"lease IS NOT NULL AND id IN {some}", params, now=now)
    if ids:
        take(tx, kind, ids, token=token, owner=owner, until=until)
    return ids, last


def _note_interrupted(tx: Transaction, condition: str, params: Params, *, now: int) -> None:
    """Write down whose judging ended without a word: a mail may have killed its process."""
    rows = tx.rows(f"SELECT id, route, account FROM deliveries WHERE {condition}", params)
    for row in rows:
        add_history(tx, row, [HistoryEntry(moment(now), INTERRUPTED)])


def renew(tx: Transaction, leases: Sequence[str], *, until: int) -> set[str]:
    """Prolong what is still leased under these tokens; returns their tokens."""
    kept: set[str] = set()
    for kind in TABLES:
        mine = [token for token in leases if token.startswith(kind.mark)]
        if not mine:
            continue
        some, params = among("lease", mine)
        count = tx.execute(
            f"""UPDATE {kind.table} SET lease_until = :until,
                ready_at = CASE WHEN ready_at IS NULL THEN NULL ELSE :until END
            WHERE lease IN {some}""",
            {"until": until, **params},
        )
        if count < len(mine):  # the rows are ours until this transaction ends
            held = tx.rows(f"SELECT lease FROM {kind.table} WHERE lease IN {some}", params)
            mine = [row["lease"] for row in held]
        kept.update(mine)
    return kept


def take_back(tx: Transaction, *, owner_prefix: str | None, now: int) -> int:
    """End every lease of these owners; what they had is due when it was due before."""
    mine = "substr(lease_owner, 1, length(:prefix)) = :prefix" if owner_prefix else "1 = 1"
    whose: Params = {"prefix": owner_prefix} if owner_prefix else {}
    _note_interrupted(tx, f"lease IS NOT NULL AND {mine}", whose, now=now)
    count = 0
    for kind in TABLES:
        count += tx.execute(
            f"""UPDATE {kind.table} SET lease = NULL, lease_owner = NULL, lease_until = NULL,
                ready_at = CASE WHEN ready_at IS NULL THEN NULL ELSE due_at END
            WHERE lease IS NOT NULL AND {mine}""",
            whose,
        )
    if count:
        tx.work_added()
    return count


def check(changed: int, what: str) -> None:
    """Raises LeaseLost when a report found no row under its lease."""
    if not changed:
        raise LeaseLost(f"the lease of {what} has passed to somebody else")


def next_due(
    tx: Transaction,
    *,
    now: int,
    kinds: Collection[WorkKind],
    busy: Collection[str] = (),
    inbox_from: int,
) -> int | None:
    """When the next free row falls due: the earliest of all lanes; *inbox_from* for what was
    just accepted."""
    found: list[int] = []
    for kind in (BY_NAME[name] for name in kinds if name in BY_NAME):
        for lane in _lanes_behind(tx, kind, now=None, after="", limit=MOST_LANES, busy=busy):
            row = tx.row(
                f"""SELECT ready_at FROM {kind.table} WHERE {kind.only} {kind.lane} = :lane
                    AND ready_at IS NOT NULL AND (lease IS NULL OR ready_at <= :now)
                ORDER BY ready_at LIMIT 1""",
                {"lane": lane, "now": now},
            )
            if row is not None:
                found.append(row["ready_at"])
    if IN_INBOX.intersection(kinds) and inbox.has_some(tx):
        found.append(inbox_from)
    return min(found, default=None)

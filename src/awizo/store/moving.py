"""Move a spool from one database to another, while its service may still be running.

In:  two databases.
Out: the second holds everything the first held; the first takes nothing any more and says where
     its spool went.

First the source is fenced: from that commit on every write to it fails, in whatever process, so
that a running service answers 451, refreshes no token and finishes nothing. Work under way would
be done a second time from the target, so a source with live leases is refused. Then everything is
copied in one transaction of the target. What is left after a crash is either a fenced source,
with which the same command goes on, or one that was not touched.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

import awizo.store.inbox as inbox
from awizo.errors import NotFound, StoreError
from awizo.store.codec import read_json, to_json
from awizo.store.database import Database, Row, Transaction, micros
from awizo.store.leasing import TABLES as LEASED
from awizo.store.sqlite import SqliteDatabase

log = structlog.get_logger()

# Every table with its key, what others refer to first. Locks belong to running processes; what
# stands in the inbox is taken into the others first.
KEYS = {
    "messages": ("id",),
    "contents": ("message_id", "seq"),
    "deliveries": ("id",),
    "jobs": ("id",),
    "history": ("id",),
    "follow_ups": ("id",),
    "alerts": ("cause", "account"),
    "orders": ("account", "order_id"),
    "order_numbers": ("account", "order_id", "kind", "number"),
    "sync_states": ("account",),
    "accounts": ("account",),
    "ledger": ("id",),
    "memory": ("account", "key"),
    "facts": ("name",),
}
FENCED = (*KEYS, "locks")
PAGE_ROWS = 500
CONTENT_PAGE_ROWS = 16  # of up to 256 kB each
CHUNK_BYTES = 262_144
MOVE = "move"  # fact of a source: where to, and how far
MOVED_FROM = "moved from"  # fact of a target: the id of the move that filled it
OWN_FACTS = (MOVE, MOVED_FROM)

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """How many rows of each table were copied; contents whose file was lost before."""

    rows: dict[str, int]
    lost_contents: int = 0


async def move(
    source: Database, target: Database, *, now: datetime, progress: Progress | None = None
) -> Moved:
    """Move the whole spool. Safe to repeat after a crash, with the same target.

    Args:
        progress: Told a table and how many of its rows are copied, from another thread.

    Raises:
        StoreError: The target is not empty, the source is being worked on, or one of them
            failed. The source is as good as before then, unless the text says otherwise.
    """
    await source.shut_arrivals()
    move_id = await source.write(lambda tx: _fence(tx, target.place, now=now))
    try:
        moved = await _copy_once(source, target, move_id, progress)
    except BaseException:
        await _give_up(source, target, move_id)
        raise
    await source.write(lambda tx: _note(tx, {"id": move_id, "to": target.place, "done": True}))
    await source.sweep_arrivals()  # nobody's mail is to stay there
    log.info("spool_moved", rows=sum(moved.rows.values()), lost_contents=moved.lost_contents)
    return moved


async def copy(source: Database, target: Database, *, progress: Progress | None = None) -> Moved:
    """Copy the spool as it stands at this moment, without ending it: a backup, or its return.

    Raises:
        StoreError: The target is not empty, or one of them failed; nothing is kept then.
    """
    await source.write(inbox.take_in_all)
    return await _copy_once(source, target, secrets.token_hex(8), progress)


async def copy_to_file(source: Database, path: Path) -> None:
    """Copy the spool into a new SQLite database."""
    if await asyncio.to_thread(path.exists):
        raise StoreError(f"{path} exists already; a backup overwrites nothing")
    target = SqliteDatabase(path)
    try:
        await copy(source, target)
    except BaseException:
        await target.close()
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
        raise
    await target.close()


async def undo(source: Database) -> bool:
    """Lift the fence of a move that was not finished; False when there is none.

    Raises:
        StoreError: The move was finished: the target may be in use already.
    """

    def unit(tx: Transaction) -> bool:
        state = move_of(tx)
        if state is None:
            return False
        if state.get("done"):
            raise StoreError(f"the spool has moved to {state['to']}; move it back from there")
        _lift_fence(tx)
        return True

    return await source.write(unit)


async def refuse_moved(database: Database) -> None:
    """Raises StoreError when this spool has moved elsewhere, or is about to."""
    state = await database.read(move_of)
    if state is None:
        return
    if state.get("done"):
        raise StoreError(f"this spool has moved to {state['to']}; set store.url to it")
    raise StoreError(
        f"this spool is being moved to {state['to']}; run the same 'awizo spool migrate' again to "
        "finish, or 'awizo spool migrate --undo' to stay here"
    )


def move_of(tx: Transaction) -> dict[str, Any] | None:
    """Where this spool is on its way to, ``None`` when it stays."""
    row = tx.row("SELECT value FROM facts WHERE name = :name", {"name": MOVE})
    if row is None:
        return None
    state: dict[str, Any] = read_json(row["value"])
    return state


# -- the fence -----------------------------------------------------------------------------------


def _fence(tx: Transaction, target: str, *, now: datetime) -> str:
    """Fence the source, or find that an earlier attempt did; returns the id of the move."""
    state = move_of(tx)
    if state is not None:
        if state.get("done"):
            raise StoreError(f"this spool has moved to {state['to']} already")
        if state["to"] != target:
            raise StoreError(f"this spool is being moved to {state['to']}; finish or undo that")
        return str(state["id"])
    if _others_take_mail(tx):
        raise StoreError("the service has just begun to take mail; try again in a moment")
    inbox.take_in_all(tx)
    move_id = secrets.token_hex(8)
    _note(tx, {"id": move_id, "to": target})
    _raise_fence(tx)
    # Nobody can take a lease from here on; those that are held would end in work done twice.
    for kind in LEASED:
        row = tx.row(
            f"""SELECT count(*) AS n FROM {kind.table}
            WHERE lease IS NOT NULL AND lease_until > :now""",
            {"now": micros(now)},
        )
        if row is not None and row["n"]:
            raise StoreError(
                f"the service works on {row['n']} of its {kind.table.replace('_', '-')} just now; "
                "stop it first, or try again in a moment"
            )
    return move_id


def _others_take_mail(tx: Transaction) -> bool:
    """Whether a process accepts into a file of its own, behind the fence."""
    if tx.arrivals is None:
        return False
    try:
        return not inbox.places(tx).keys().isdisjoint(tx.arrivals.held())
    except OSError as error:
        raise StoreError(f"{tx.arrivals.folder}: {error.strerror}") from error


def _note(tx: Transaction, state: dict[str, Any]) -> None:
    tx.execute(
        """INSERT INTO facts (name, value) VALUES (:name, :value)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value""",
        {"name": MOVE, "value": to_json(state)},
    )


def _fenced(tx: Transaction) -> tuple[str, ...]:
    return (*FENCED, "inbox", "arrivals") if tx.dialect.has_inbox else FENCED


def _raise_fence(tx: Transaction) -> None:
    if tx.dialect.name == "postgresql":
        tx.execute(
            """CREATE FUNCTION refuse_moved() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'this spool has moved'; END $$"""
        )
    for table in _fenced(tx):
        for event in ("INSERT", "UPDATE", "DELETE"):
            row = "OLD" if event == "DELETE" else "NEW"
            when = f"WHEN ({row}.name <> '{MOVE}')" if table == "facts" else ""
            name = f"fence_{table}_{event.lower()}"
            if tx.dialect.name == "postgresql":
                tx.execute(
                    f"""CREATE TRIGGER {name} BEFORE {event} ON {table}
                    FOR EACH ROW {when} EXECUTE FUNCTION refuse_moved()"""
                )
            else:
                tx.execute(
                    f"""CREATE TRIGGER {name} BEFORE {event} ON {table} {when}
                    BEGIN SELECT RAISE(ABORT, 'this spool has moved'); END"""
                )


def _lift_fence(tx: Transaction) -> None:
    for table in _fenced(tx):
        on = f" ON {table}" if tx.dialect.name == "postgresql" else ""
        for event in ("insert", "update", "delete"):
            tx.execute(f"DROP TRIGGER IF EXISTS fence_{table}_{event}{on}")
    if tx.dialect.name == "postgresql":
        tx.execute("DROP FUNCTION refuse_moved()")
    tx.execute("DELETE FROM facts WHERE name = :name", {"name": MOVE})


async def _give_up(source: Database, target: Database, move_id: str) -> None:
    """After a failure: let the source go on, if it is certain that the target holds nothing."""
    try:
        arrived = await target.read(lambda tx: _filled_by(tx) == move_id)
    except StoreError:
        log.error("move_in_doubt", consequence="the source stays fenced; run the command again")
        return
    if not arrived:
        await undo(source)


# -- copying -------------------------------------------------------------------------------------


async def _copy_once(
    source: Database, target: Database, move_id: str, progress: Progress | None
) -> Moved:
    def copied(tx: Transaction) -> Moved:
        return source.read_here(lambda old: _copy_all(source, old, tx, move_id, progress))

    return await target.write(copied)


def _filled_by(tx: Transaction) -> str | None:
    row = tx.row("SELECT value FROM facts WHERE name = :name", {"name": MOVED_FROM})
    return None if row is None else str(row["value"])


def _copy_all(
    source: Database, old: Transaction, new: Transaction, move_id: str, progress: Progress | None
) -> Moved:
    if _filled_by(new) == move_id:  # an earlier attempt got this far, only its end was lost
        return Moved({table: _count(new, table) for table in KEYS})
    inbox.take_in_all(new)
    for table in KEYS:
        if _count(new, table):
            raise StoreError(f"the target is not empty: it holds {table.replace('_', ' ')}")
    rows: dict[str, int] = {}
    in_files: list[Row] = []
    for table in KEYS:
        rows[table] = 0
        for page in _pages(old, table):
            if table == "messages":
                in_files += _moved_into_table(page)
            elif table == "facts":
                page[:] = [row for row in page if row["name"] not in OWN_FACTS]
            _insert(new, table, page)
            rows[table] += len(page)
            if progress is not None and page:
                progress(table, rows[table])
        if _count(new, table) != rows[table]:
            raise StoreError(f"not every row of {table} arrived")
    lost = sum(not _copy_file(source, new, message) for message in in_files)
    if new.dialect.name == "postgresql":
        new.rows(
            "SELECT setval(pg_get_serial_sequence('history', 'id'), max(id)) FROM history "
            "HAVING max(id) IS NOT NULL"
        )
    new.execute(
        "INSERT INTO facts (name, value) VALUES (:name, :value)",
        {"name": MOVED_FROM, "value": move_id},
    )
    new.work_added()
    return Moved(rows, lost)


def _count(tx: Transaction, table: str) -> int:
    row = tx.row(f"SELECT count(*) AS n FROM {table}")
    assert row is not None
    return int(row["n"])


def _pages(tx: Transaction, table: str) -> Iterator[list[Row]]:
    """All rows of a table in the order of its key, some at a time."""
    key = KEYS[table]
    columns, values = ", ".join(key), ", ".join(f":{column}" for column in key)
    limit = CONTENT_PAGE_ROWS if table == "contents" else PAGE_ROWS
    where, params = "", {"limit": limit}
    while page := tx.rows(f"SELECT * FROM {table} {where} ORDER BY {columns} LIMIT :limit", params):
        last = {column: page[-1][column] for column in key}
        yield page
        where, params = f"WHERE ({columns}) > ({values})", {"limit": limit, **last}


def _insert(tx: Transaction, table: str, page: Sequence[Row]) -> None:
    if page:
        columns = list(page[0])
        values = ", ".join(f":{column}" for column in columns)
        tx.execute_many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})", page)


def _moved_into_table(page: Sequence[Row]) -> list[Row]:
    """Messages of a page whose content lies in a file; it will lie in the target's table."""
    found = [row for row in page if row["content_in"] == "file"]
    for row in found:
        row["content_in"] = "table"
    return [{"id": row["id"], "size_bytes": row["size_bytes"]} for row in found]


def _copy_file(source: Database, new: Transaction, message: Row) -> bool:
    """Copy a content from its file; False when the file is gone."""
    assert source.files is not None
    offset = seq = 0
    try:
        while offset < message["size_bytes"]:
            chunk = source.files.read_here(message["id"], offset=offset, size=CHUNK_BYTES)
            if not chunk:
                raise NotFound("cut short")
            _insert(new, "contents", [{"message_id": message["id"], "seq": seq, "data": chunk}])
            offset += len(chunk)
            seq += 1
    except NotFound:
        log.warning("content_lost", message_id=message["id"])
        new.execute("DELETE FROM contents WHERE message_id = :id", {"id": message["id"]})
        new.execute("UPDATE messages SET content_in = 'none' WHERE id = :id", {"id": message["id"]})
        return False
    return True

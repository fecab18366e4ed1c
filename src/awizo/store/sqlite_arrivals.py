"""The file of arrivals of one process: made, used by the writer, let go.

In:  accepted messages from the writer's thread; the writer's connection.
Out: whether they are durable in the file; where not, they are the database's to take.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sqlite3
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import structlog

import awizo.store.inbox as inbox
from awizo.errors import StoreError
from awizo.store.arrivals import RING_BYTES, ArrivalFiles, Arrivals, Written
from awizo.store.database import Database

log = structlog.get_logger()

ROOM_TIMES = 8  # no file is made where it would take more than an eighth of what is free
LET_GO_S = 10.0  # for every process to see that its file is shut; an idle one looks twice a second
LOOK_S = 0.05


class KeptArrivals:
    """What a database has to do with such files.

    Args:
        folder: Where the files of all processes of this database lie.
    """

    def __init__(self, folder: Path) -> None:
        self.files = ArrivalFiles(folder)
        self._own: Arrivals | None = None

    # -- in any loop -----------------------------------------------------------------------------

    async def keep(self, database: Database) -> None:
        """Have a file from now on. Where that cannot be, all stays as it is, which is slower."""
        try:
            await self._sweep(database)
            made = await asyncio.to_thread(self._made)
            if made is None:
                return
            try:
                await database.write(partial(inbox.begin_file, name=made.name))
            except BaseException:
                made.close()
                made.path.unlink(missing_ok=True)
                raise
        except (OSError, StoreError) as error:
            log.warning("arrivals_not_kept", reason=str(error))
            return
        self._own = made

    def _made(self) -> Arrivals | None:
        if shutil.disk_usage(self.files.folder.parent.parent).free < RING_BYTES * ROOM_TIMES:
            log.info("arrivals_not_kept", reason="there is little room on the disk")
            return None
        return Arrivals(self.files.path_of(secrets.token_hex(8)), size_bytes=RING_BYTES)

    async def _sweep(self, database: Database) -> None:
        """Tidy up behind processes that have ended."""
        if not self.files.names():
            return
        places = await database.read(inbox.places)
        go_on = await asyncio.to_thread(self.files.sweep, places)
        gone = set(places).difference(self.files.names())
        if gone or go_on:
            await database.write(partial(inbox.end_files, names=gone, go_on=go_on))

    async def shut(self) -> None:
        """See :meth:`awizo.store.database.Database.shut_arrivals`."""
        await asyncio.to_thread(self.files.shut)
        give_up_at = time.monotonic() + LET_GO_S
        while held := await asyncio.to_thread(self.files.held):
            if time.monotonic() > give_up_at:
                raise StoreError(
                    f"a running service holds {self.files.path_of(held[0])}; "
                    "stop it first, or try again in a moment"
                )
            await asyncio.sleep(LOOK_S)

    # -- in the writer's thread ------------------------------------------------------------------

    def put(self, messages: Sequence[Written], connection: sqlite3.Connection) -> bool:
        """Make messages durable in the file; False: they are to go into the database."""
        own = self._own
        if own is None:
            return False
        try:
            if not own.is_shut:
                return own.put(messages, partial(_taken, connection, own.name))
            log.info("arrivals_shut", path=str(own.path))
        except sqlite3.Error:  # what it has is not known; it may yet take more
            return False
        except OSError as error:
            log.error("arrivals_failed", path=str(own.path), error=error.strerror)
        self.let_go()
        return False

    def look_after(self, connection: sqlite3.Connection) -> None:
        """With nothing else to do: leave nobody's mail in the file, and see whether it is shut."""
        own = self._own
        if own is None:
            return
        try:
            if not own.is_shut:
                own.wipe(partial(_taken, connection, own.name))
                return
        except sqlite3.Error:  # it is not known what the database has: nothing is wiped
            return
        except OSError as error:
            log.error("arrivals_failed", path=str(own.path), error=error.strerror)
        self.let_go()

    def let_go(self) -> None:
        """Have no file any more; what waits in it is taken in all the same."""
        own, self._own = self._own, None
        if own is not None:
            own.close()


def _taken(connection: sqlite3.Connection, name: str) -> int:
    """How far the database has the messages of a file; only what is committed counts."""
    row = connection.execute("SELECT taken FROM arrivals WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])

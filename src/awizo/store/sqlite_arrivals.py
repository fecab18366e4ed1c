"""The file of arrivals of one process: made, used by the writer, let go.

In:  accepted messages from the writer's thread; the writer's connection.
Out: whether they are durable in the file; where not, they are the database's to take.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
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
from awizo.store.catching_up import catch_up
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
        await self.sweep(database)
        try:
            made = await asyncio.to_thread(self._made)
            if made is None:
                return
            try:
                await database.write(partial(inbox.begin_file, name=made.name))
            except BaseException:
                made.remove()
                made.close()
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

    async def sweep(self, database: Database) -> None:
        """See :meth:`awizo.store.database.Database.sweep_arrivals`."""
        try:
            if not await asyncio.to_thread(self.files.are_there):
                return
            await catch_up(database)
            await asyncio.to_thread(self.files.sweep, lambda: database.read_here(inbox.places))
            places = await database.read(inbox.places)
            gone = await asyncio.to_thread(self.files.gone, places)
        except (OSError, StoreError) as error:
            log.warning("arrivals_not_swept", reason=str(error))
            return
        if gone:
            with contextlib.suppress(StoreError):  # of a store that has moved, say
                await database.write(partial(inbox.forget_files, names=gone))

    async def shut(self) -> None:
        """See :meth:`awizo.store.database.Database.shut_arrivals`."""
        give_up_at = time.monotonic() + LET_GO_S
        try:
            while True:
                await asyncio.to_thread(self.files.shut)
                if not (held := await asyncio.to_thread(self.files.held)):
                    return
                if time.monotonic() > give_up_at:
                    break
                await asyncio.sleep(LOOK_S)
        except OSError as error:
            raise StoreError(f"{self.files.folder}: {error.strerror}") from error
        raise StoreError(
            f"a running service holds {self.files.path_of(held[0])}; "
            "stop it first, or try again in a moment"
        )

    # -- in the writer's thread ------------------------------------------------------------------

    def put(self, messages: Sequence[Written], connection: sqlite3.Connection) -> bool:
        """Make messages durable in the file; False: they are to go into the database."""
        own = self._own
        if own is None:
            return False
        try:
            if own.is_open():
                return own.put(messages, partial(_taken, connection, own.name))
        except sqlite3.Error:  # what it has is not known; it may yet take more
            return False
        except OSError as error:
            self._failed(own, error)
            return False
        except BaseException:
            self._drop()
            raise
        self.let_go(connection)
        return False

    def look_after(self, connection: sqlite3.Connection) -> None:
        """With nothing else to do: leave nobody's mail in the file, and see whether it is shut."""
        own = self._own
        if own is None:
            return
        try:
            if own.is_open():
                own.wipe(partial(_taken, connection, own.name))
                return
        except sqlite3.Error:  # it is not known what the database has: nothing is wiped
            return
        except OSError as error:
            self._failed(own, error)
            return
        log.info("arrivals_shut", path=str(own.path))
        self.let_go(connection)

    def let_go(self, connection: sqlite3.Connection) -> None:
        """Have no file any more, and leave none if the database has everything.

        What waits in it is taken in all the same.
        """
        own = self._own
        if own is not None:
            with contextlib.suppress(OSError, sqlite3.Error):
                if own.wipe(partial(_taken, connection, own.name)):
                    own.remove()
            self._drop()

    def _failed(self, own: Arrivals, error: OSError) -> None:
        log.error("arrivals_failed", path=str(own.path), error=error.strerror or str(error))
        self._drop()

    def _drop(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.close()


def _taken(connection: sqlite3.Connection, name: str) -> int:
    """How far the database has the messages of a file; only what is committed counts.

    Raises:
        FileNotFoundError: The database does not know the file, and would take in nothing of it.
    """
    row = connection.execute("SELECT taken FROM arrivals WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise FileNotFoundError(errno.ENOENT, "the database does not know it")
    return int(row[0])

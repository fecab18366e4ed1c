"""The bytes of messages: small ones in a table, larger ones in files beside the database.

In:  a message with its body; later its id.
Out: both durable at once; the bytes again, in pieces; those that nobody needs any more gone.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from datetime import datetime
from typing import BinaryIO

import structlog

import awizo.store.inbox as inbox
import awizo.store.messages as messages
import awizo.store.upkeep as upkeep
from awizo.errors import NotFound, StorageFull, StoreError
from awizo.spool.port import NewMessage
from awizo.store.ahead import Ahead
from awizo.store.catching_up import catch_up
from awizo.store.database import Database, NewRow, Row, Transaction

log = structlog.get_logger()

READ_BYTES = messages.CHUNK_BYTES


class Contents:
    """Keeps the contents of one database, and gives them out.

    Args:
        ahead: Contents that are at hand, from being taken in or from the lease of their jobs.
    """

    def __init__(self, database: Database, ahead: Ahead) -> None:
        self._database = database
        self._ahead = ahead

    async def accept(self, message: NewMessage, body: BinaryIO) -> None:
        """See :meth:`awizo.spool.port.Spool.accept`."""
        database, files = self._database, self._database.files
        if files is None or message.size_bytes < database.files_from_bytes:
            new = inbox.Accepted(messages.rows_of(message, content_in="table"), body)
            await database.write_together(inbox.accept, new, as_row=self._as_row(new))
            return
        new = inbox.Accepted(messages.rows_of(message, content_in="file"), None)
        size_bytes = await files.put(message.id, body, replace=False)
        if size_bytes is None and not await self._is_there(message.id):
            size_bytes = await files.put(message.id, body)  # what an earlier attempt left
        if size_bytes is not None:
            try:
                messages.check_size(new.rows, size_bytes)
            except StoreError:
                await files.drop([message.id])
                raise
        try:
            await database.write_together(inbox.accept, new, as_row=self._as_row(new))
        except StorageFull:
            if size_bytes is not None:  # else it is the content of a message that is there
                await files.drop([message.id])  # or each attempt would make the want greater
            raise
        # After any other failure the file stays until it is swept up: a commit that was reported
        # as failed may yet turn out to be on the disk after a crash, and then needs its content.

    def _as_row(self, new: inbox.Accepted) -> NewRow | None:
        return inbox.as_row(new) if self._database.dialect.has_inbox else None

    async def _is_there(self, message_id: str) -> bool:
        return await self._database.read(lambda tx: inbox.is_there(tx, [message_id]))

    async def chunks(self, message_id: str) -> AsyncIterator[bytes]:
        """The bytes in pieces. Raises NotFound, also when purged."""
        if (ahead := self._ahead.content(message_id)) is not None:
            yield ahead
            return

        def begin(tx: Transaction) -> tuple[Row, bytes | None]:
            return messages.content_begin(tx, message_id)

        try:
            place, first = await self._database.read(begin)
        except NotFound:
            if not await catch_up(self._database):
                raise
            place, first = await self._database.read(begin)
        in_file = place["content_in"] == "file"
        got_bytes = seq = 0
        while got_bytes < place["size_bytes"]:
            chunk: bytes | None
            if seq == 0 and first is not None:
                chunk = first
            elif in_file:
                chunk = await self._from_file(message_id, got_bytes)
            else:
                chunk = await self._database.read(
                    functools.partial(messages.content_chunk, message_id=message_id, seq=seq)
                )
            if not chunk:
                raise NotFound(f"the content of {message_id} was removed meanwhile")
            yield chunk
            got_bytes += len(chunk)
            seq += 1

    async def _from_file(self, message_id: str, offset: int) -> bytes:
        files = self._database.files
        if files is None:
            raise StoreError(f"the content of {message_id} lies in a file of another store")
        return await files.read(message_id, offset=offset, size=READ_BYTES)

    async def purge(self, *, before: datetime) -> int:
        """Remove what belongs to nothing but deliveries settled by then; returns how many."""
        removed = 0
        after: upkeep.Place | None = upkeep.BEGINNING
        while after is not None:
            purged = await self._database.write(
                functools.partial(upkeep.purge_contents, before=before, after=after)
            )
            if purged.file_names and self._database.files is not None:
                await self._database.files.drop(purged.file_names)
            removed += purged.contents
            after = purged.after
        return removed

    async def sweep_files(self) -> None:
        """Remove content files that no message came to need: left by a crash or a full disk."""
        files = self._database.files
        if files is None:
            return
        names = await files.left_alone()
        if not names:
            return
        try:
            await self._database.write(inbox.take_in_all)
        except StoreError as error:  # whose content it is may stand in what cannot be read
            log.warning("contents_not_swept", reason=str(error))
            return
        for start in range(0, len(names), upkeep.BATCH_ROWS):
            some = names[start : start + upkeep.BATCH_ROWS]
            needed = await self._database.read(functools.partial(upkeep.files_needed, names=some))
            await files.drop([name for name in some if name not in needed])

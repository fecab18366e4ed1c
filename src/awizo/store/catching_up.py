"""Have what was accepted in its tables before somebody looks for it there.

In:  a database.
Out: every message that is accepted by now among the others; whether one was missing.
"""

from __future__ import annotations

import structlog

import awizo.store.inbox as inbox
from awizo.errors import StorageFull, StoreError
from awizo.store.database import Database

log = structlog.get_logger()


async def catch_up(database: Database) -> bool:
    """Have every message that is accepted by now in its tables; whether one was missing."""
    if not database.dialect.has_inbox:
        return False
    last = await database.read(inbox.newest)
    oldest = last
    try:
        while last is not None and oldest is not None and oldest <= last:
            oldest = await database.write(inbox.take_in_some)
    except StoreError as error:  # what is there already can still be shown
        reason = "storage_full" if isinstance(error, StorageFull) else "store_error"
        log.warning("inbox_waits", reason=reason)
        return False
    return last is not None

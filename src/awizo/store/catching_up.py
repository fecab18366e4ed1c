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

MOST_ROUNDS = 1000  # more than ever waits; so nobody stays for what comes meanwhile


async def catch_up(database: Database) -> bool:
    """Have every message that is accepted by now in its tables; whether one was missing."""
    if not database.dialect.has_inbox:
        return False
    try:
        if not await database.read(inbox.has_some):
            return False
        for _ in range(MOST_ROUNDS):
            if not await database.write(inbox.take_in):
                break
    except StoreError as error:  # what is there already can still be shown
        reason = "storage_full" if isinstance(error, StorageFull) else "store_error"
        log.warning("inbox_waits", reason=reason)
        return False
    return True

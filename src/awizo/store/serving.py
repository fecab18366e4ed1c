"""One service at a time works on an SQLite database.

In:  where the database lies.
Out: a lock that the operating system takes back when its process ends, however it ends.

A start takes back the leases of the process before it, which is dead by then. Were it alive,
what it has begun would be done a second time: mails sent twice.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from awizo.errors import SettingsError, StoreError


class ServingLock:
    """Held from its making until :meth:`release`.

    Not on the database itself: closing a file ends all locks that SQLite has on it.

    Raises:
        SettingsError: Another service holds it.
        StoreError: The lock file cannot be made.
    """

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".serving")
        try:
            self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            if isinstance(error, BlockingIOError):
                raise SettingsError(
                    f"another 'awizo serve' works on {database}: stop it first, or set another "
                    "store.url; several services need PostgreSQL"
                ) from None
            raise StoreError(f"{path}: cannot be locked: {error.strerror}") from None

    def release(self) -> None:
        os.close(self._descriptor)

"""One service at a time works on an SQLite database.

In:  where the database lies.
Out: a lock that the operating system takes back when its process ends, however it ends.

A start takes back the leases of the process before it, which is dead by then. Were it alive,
what it has begun would be done a second time: mails sent twice. Processes that share its port
inherit the lock, so that it is free only when the last of them has gone too.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from awizo.errors import SettingsError, StoreError

LOOK_S = 0.02


class ServingLock:
    """Held from its making until :meth:`release`.

    Not on the database itself: closing a file ends all locks that SQLite has on it.

    Args:
        patience_s: How long the processes of a killed service may take to follow it.

    Raises:
        SettingsError: Another service holds it.
        StoreError: The lock file cannot be made.
    """

    def __init__(self, database: Path, *, patience_s: float = 0) -> None:
        path = database.with_name(database.name + ".serving")
        try:
            self.descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from None
        try:
            self._take(time.monotonic() + patience_s)
        except OSError as error:
            os.close(self.descriptor)
            if isinstance(error, BlockingIOError):
                raise SettingsError(
                    f"another 'awizo serve' works on {database}: stop it first, or set another "
                    "store.url; several services need PostgreSQL"
                ) from None
            raise StoreError(f"{path}: cannot be locked: {error.strerror}") from None

    def _take(self, give_up_at: float) -> None:
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= give_up_at:
                    raise
            time.sleep(LOOK_S)

    def release(self) -> None:
        os.close(self.descriptor)

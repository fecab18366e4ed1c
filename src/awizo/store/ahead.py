"""What a mail that leaves needs at once: known from taking it in, or read as its jobs were leased.

In:  contents as messages are taken in; jobs that were just leased.
Out: their deliveries, and contents; each once, to whoever sends them.

Read by themselves, both would cost a thread's turn for each mail. What is not fetched soon is
forgotten: nothing depends on it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from awizo.model import Delivery, Job
from awizo.store.database import Transaction, among
from awizo.store.rows import deliveries_by_id

CONTENT_BYTES = 65_536  # a larger content is read in pieces, as it is sent
KEPT_DELIVERIES = 64
KEPT_BYTES = 24 * 1024 * 1024  # of contents
KEPT_S = 10.0  # what nobody asked for by then will hardly be asked for: its mail is put off, say


@dataclass(frozen=True, slots=True)
class Found:
    deliveries: dict[str, Delivery]
    contents: dict[str, bytes]  # by the ids of their messages


def read_ahead(tx: Transaction, jobs: Sequence[Job], *, known: Collection[str]) -> Found:
    """What these jobs need.

    Args:
        known: Messages whose contents need not be read.
    """
    if not jobs:
        return Found({}, {})
    some, params = among("id", sorted({job.message_id for job in jobs}.difference(known)))
    rows = tx.rows(
        f"""SELECT c.message_id, c.data FROM messages m JOIN contents c ON c.message_id = m.id
        WHERE m.id IN {some} AND c.seq = 0 AND m.content_in = 'table'
            AND m.size_bytes <= :most""",
        {"most": CONTENT_BYTES, **params},
    )
    return Found(
        deliveries_by_id(tx, [job.delivery_id for job in jobs]),
        {row["message_id"]: bytes(row["data"]) for row in rows},
    )


class Ahead:
    """What is known and not fetched yet. Safe for several threads.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deliveries: OrderedDict[str, Delivery] = OrderedDict()
        self._contents: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._content_bytes = 0
        self._lock = threading.Lock()

    def put(self, found: Found) -> None:
        with self._lock:
            self._deliveries.update(found.deliveries)
            while len(self._deliveries) > KEPT_DELIVERIES:
                self._deliveries.popitem(last=False)
        self._keep(found.contents, at_any_price=True)  # they are the next to be sent

    def put_contents(self, contents: Mapping[str, bytes]) -> None:
        """Have these at hand, as many as there is room for: what came first is sent first."""
        self._keep(contents, at_any_price=False)

    def _keep(self, contents: Mapping[str, bytes], *, at_any_price: bool) -> None:
        now = self._clock()
        with self._lock:
            while self._contents:
                message_id = next(iter(self._contents))
                if now - self._contents[message_id][1] <= KEPT_S:
                    break
                self._forget(message_id)
            for message_id, content in contents.items():
                self._forget(message_id)
                while at_any_price and self._contents and not self._has_room(content):
                    self._forget(next(reversed(self._contents)))
                if self._has_room(content):
                    self._contents[message_id] = content, now
                    self._content_bytes += len(content)

    def _has_room(self, content: bytes) -> bool:
        return self._content_bytes + len(content) <= KEPT_BYTES

    def _forget(self, message_id: str) -> bytes | None:
        content, _ = self._contents.pop(message_id, (None, 0.0))
        self._content_bytes -= len(content or b"")
        return content

    def known(self, message_ids: Collection[str]) -> set[str]:
        """Those of these messages whose contents are at hand."""
        with self._lock:
            return self._contents.keys() & message_ids

    def deliveries(self, ids: Collection[str]) -> dict[str, Delivery] | None:
        """All of them, or ``None``."""
        with self._lock:
            found = {one: self._deliveries.pop(one) for one in ids if one in self._deliveries}
        return found if len(found) == len(ids) else None

    def content(self, message_id: str) -> bytes | None:
        with self._lock:
            return self._forget(message_id)

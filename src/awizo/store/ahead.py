"""What a mail that leaves needs at once, read in the transaction that leased its jobs.

In:  jobs that were just leased.
Out: their deliveries, and the content of small messages; each once, to whoever sends them.

Read by themselves, both would cost a thread's turn for each mail. What is not fetched soon is
forgotten: nothing depends on it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from awizo.model import Delivery, Job
from awizo.store.database import Transaction, among
from awizo.store.rows import deliveries_by_id

CONTENT_BYTES = 65_536  # a larger content is read in pieces, as it is sent
KEPT_MESSAGES = 64


@dataclass(frozen=True, slots=True)
class Found:
    deliveries: dict[str, Delivery]
    contents: dict[str, bytes]  # by the ids of their messages


def read_ahead(tx: Transaction, jobs: Sequence[Job]) -> Found:
    if not jobs:
        return Found({}, {})
    some, params = among("id", sorted({job.message_id for job in jobs}))
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


@dataclass(slots=True)
class Ahead:
    """What was read ahead and is not fetched yet."""

    _deliveries: OrderedDict[str, Delivery] = field(default_factory=OrderedDict)
    _contents: OrderedDict[str, bytes] = field(default_factory=OrderedDict)

    def put(self, found: Found) -> None:
        self._deliveries.update(found.deliveries)
        self._contents.update(found.contents)
        while len(self._deliveries) > KEPT_MESSAGES:
            self._deliveries.popitem(last=False)
        while len(self._contents) > KEPT_MESSAGES:
            self._contents.popitem(last=False)

    def deliveries(self, ids: Collection[str]) -> dict[str, Delivery] | None:
        """All of them, or ``None``."""
        found = {one: self._deliveries.pop(one) for one in ids if one in self._deliveries}
        return found if len(found) == len(ids) else None

    def content(self, message_id: str) -> bytes | None:
        return self._contents.pop(message_id, None)

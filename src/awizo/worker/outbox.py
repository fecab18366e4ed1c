"""Mails of Awizo's own: bounces and alerts, put into the spool like any other.

In:  finished bytes, a reverse-path and recipients.
Out: a durable message; its delivery is the spool's business from then on.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from datetime import datetime

from awizo.model import Client, Envelope, Recipient
from awizo.spool.port import NewDelivery, NewMessage, Spool

ROUTE = "awizo"  # the route name of our own mails


class Outbox:
    def __init__(
        self, *, spool: Spool, now: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._spool = spool
        self._now = now
        self._new_id = new_id

    async def put(
        self,
        content: bytes,
        *,
        reverse_path: str,
        recipients: Sequence[str],
        smarthost: str = "default",
        message_id: str | None = None,
        accounts: tuple[str, ...] = (),
    ) -> str:
        """Accept a mail of ours; returns its spool id.

        Safe to repeat with the same *message_id*: the second time nothing is added.
        """
        spool_id = message_id or self._new_id()
        await self._spool.accept(
            NewMessage(
                id=spool_id,
                envelope=Envelope(
                    reverse_path=reverse_path,
                    recipients=tuple(Recipient(address) for address in recipients),
                    client=Client(address="", helo="awizo"),
                    received_at=self._now(),
                    body="8BITMIME" if any(byte > 127 for byte in content) else None,
                    smtputf8=any(not address.isascii() for address in recipients),
                ),
                route=ROUTE,
                smarthost=smarthost,
                accounts=accounts,
                policy=None,
                size_bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                deliveries=tuple(
                    NewDelivery(
                        id=f"{spool_id}-{index}" if message_id else self._new_id(),
                        recipient_index=index,
                        to_buyer=False,
                    )
                    for index in range(len(recipients))
                ),
            ),
            io.BytesIO(content),
        )
        return spool_id

"""A shop's side of the wire, and waiting for what the service logs of it."""

from __future__ import annotations

import asyncio
import smtplib
from typing import Any

from support.service import Served

PATIENCE_S = 90.0
SHOP = "sklep@lampiony.example"


async def hand_in(port: int, content: bytes, *recipients: str) -> None:
    """Send one mail to a service on this machine."""
    options = [] if content.isascii() else ["BODY=8BITMIME"]

    def work() -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE_S) as client:
            client.sendmail(SHOP, recipients, content, mail_options=options)

    await asyncio.to_thread(work)


async def settled(served: Served, count: int) -> list[dict[str, Any]]:
    """The queue once so many deliveries have been settled."""
    await logged(served, "delivery_settled", count)
    queue = await served.queue()
    assert [one["state"] for one in queue] == ["settled"] * len(queue)
    return queue


async def logged(served: Served, event: str, count: int = 1) -> None:
    """Return once the service has logged this so often."""
    async with asyncio.timeout(PATIENCE_S):
        while sum(one.get("event") == event for one in served.events) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

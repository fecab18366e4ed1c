"""From the wire into the real store, and still there when it is opened again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from awizo.model import DeliveryState
from awizo.settings import Store
from awizo.store import open_store
from support.intake_parts import Listener, a_listener

LARGE = b"Subject: large\r\n\r\n" + (b"0123456789" * 90 + b"\r\n") * 1500


@asynccontextmanager
async def a_listener_with_a_store(folder: Path, **intake: Any) -> AsyncIterator[Listener]:
    store = {"url": f"sqlite:///{folder}/awizo.db"}
    stores = await open_store(Store.model_validate(store))
    try:
        async with a_listener(stores.spool, store=store, **intake) as listener:
            yield listener
    finally:
        await stores.close()


@pytest.mark.parametrize(
    "content",
    [b"", b"Message-ID: <1@shop>\r\n\r\n\0\xff.\r\n", LARGE],
    ids=["empty", "odd", "large"],
)
async def test_what_got_250_is_in_the_store_byte_for_byte_after_a_restart(
    content: bytes, tmp_path: Path
) -> None:
    async with a_listener_with_a_store(tmp_path) as listener:
        client = await listener.connect()
        await client.begin(recipient="8awgqyk6a5+cub31c122@allegromail.pl")
        await client.send(content + b".\r\n")
        reply = await client.reply()
        assert reply.startswith("250 2.0.0 queued as ")

    stores = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"))
    try:
        (stored,) = [item async for item in stores.spool.list()]
        assert await stores.spool.content(reply.split()[-1]) == content
        assert stored.delivery.message.id == reply.split()[-1]
        assert stored.delivery.state is DeliveryState.RECEIVED
        assert stored.delivery.message.envelope.client.helo == "shop.test"
    finally:
        await stores.close()


async def test_a_hundred_mails_at_once_are_all_there(tmp_path: Path) -> None:
    async with a_listener_with_a_store(tmp_path) as listener:
        clients = await asyncio.gather(*(listener.connect() for _ in range(100)))
        replies = await asyncio.gather(
            *(client.mail(b"mail %d" % number) for number, client in enumerate(clients))
        )

        ids = {reply.removeprefix("250 2.0.0 queued as ") for reply in replies}
        spool: Any = listener.spool
        found = {item.delivery.message.id async for item in spool.list()}
        assert len(ids) == 100
        assert found == ids
        contents = {await spool.content(message_id) for message_id in ids}
        assert contents == {b"mail %d\r\n" % number for number in range(100)}


async def test_the_sixth_same_mail_is_held_in_the_store(tmp_path: Path) -> None:
    async with a_listener_with_a_store(tmp_path) as listener:
        client = await listener.connect()
        for _ in range(6):
            assert (await client.mail(b"same")).startswith("250 ")

        spool: Any = listener.spool
        found = [(item.delivery.state, item.delivery.problem) async for item in spool.list()]
        assert found == [(DeliveryState.PLANNED, None)] * 5 + [(DeliveryState.HELD, "loop")]


async def test_what_is_held_at_the_door_goes_on_when_its_time_is_over(tmp_path: Path) -> None:
    async with a_listener_with_a_store(tmp_path) as listener:
        client = await listener.connect()
        for _ in range(6):
            await client.mail(b"same")

        spool: Any = listener.spool
        *_, held = [item.delivery async for item in spool.list()]
        assert await spool.due_holds(now=held.received_at + timedelta(hours=23), limit=9) == []
        (due,) = await spool.due_holds(now=held.received_at + timedelta(hours=24), limit=9)
        assert due.delivery.id == held.id

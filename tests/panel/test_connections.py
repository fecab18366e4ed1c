"""The panel's listener on a real socket: nobody uses up what the mail needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from awizo.operations import Operations
from awizo.panel.server import PanelServer
from awizo.settings import Settings
from awizo.store import Stores
from awizo.telemetry.health import Health
from support.panel_parts import Clock


@pytest.fixture
async def port(stores: Stores, clock: Clock) -> AsyncIterator[int]:
    server = PanelServer(
        settings=Settings.model_validate({"panel": {"port": 0}}),
        stores=stores,
        operations=Operations(spool=stores.spool, now=clock, actor="panel"),
        health=Health(),
        now=clock,
    )
    at = await server.start()
    yield int(at.rpartition(":")[2])
    await server.close()


async def alive(port: int) -> bool:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"http://127.0.0.1:{port}/livez")).text == "ok\n"


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), 20) == b""
    except ConnectionResetError:
        return True


async def test_one_address_has_only_so_many_connections_at_once(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awizo.panel.connections.PER_ADDRESS_MAX", 5)
    async with AsyncExitStack() as stack:
        kept = []
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            kept.append((reader, writer))
        late, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        assert await ended(late)

        kept[0][1].close()
        await kept[0][1].wait_closed()
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await alive(port)
                    break
                except httpx.TransportError:  # its end has not been seen yet
                    await asyncio.sleep(0.02)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
async def test_who_asks_for_nothing_in_time_is_hung_up_on(
    port: int, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr("awizo.panel.connections.REQUEST_WITHIN_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)

    assert await ended(reader)
    assert await alive(port)
    writer.close()


async def test_a_form_that_never_ends_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awizo.panel.guard.FORM_WITHIN_S", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    here = f"127.0.0.1:{port}"
    head = f"POST /login HTTP/1.1\r\nHost: {here}\r\nOrigin: http://{here}\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\ntoken=".encode())

    assert (await asyncio.wait_for(reader.readline(), 20)).startswith(b"HTTP/1.1 408 ")
    writer.close()

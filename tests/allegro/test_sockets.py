"""A real connection breaks in many ways; what counts is whether the request may have arrived."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from awizo.allegro.client import AllegroClients
from awizo.allegro.replies import MaybeDone
from awizo.errors import Deferral
from support.allegro_parts import Clock, MemoryMemory, connected, some_settings

ORDER = "29738e61-7f6a-11e8-ac45-09db60ede9d6"
OK = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def clients(port: int, timeout_s: float = 5) -> AllegroClients:
    settings = some_settings(
        api_url=f"http://127.0.0.1:{port}", quick_s=(0.01,), timeout_s=timeout_s
    )
    return AllegroClients(settings, connected(), MemoryMemory(), now=Clock())


@asynccontextmanager
async def server(answer_with: Serve) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer_with(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(running.sockets[0].getsockname()[1])
    finally:
        running.close()


async def declared_over(port: int, timeout_s: float = 5) -> Deferral:
    way = clients(port, timeout_s)
    try:
        with pytest.raises(Deferral) as failed:
            await way.account("default").declare_invoice(ORDER, "a.pdf", "FV 1")
        return failed.value
    finally:
        await way.close()


async def test_nobody_listening_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])

    error = await declared_over(port)

    assert not isinstance(error, MaybeDone)
    assert error.code == "allegro_unreachable"


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return None


async def half_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b'Content-Length: 99\r\n\r\n{"id": "inv-')
    await writer.drain()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    await writer.drain()


@pytest.mark.parametrize("manner", [hang_up, half_an_answer, say_nothing, no_http])
async def test_after_a_request_was_sent_every_silence_means_that_it_may_be_done(
    manner: Serve,
) -> None:
    async with server(manner) as port:
        error = await declared_over(port, timeout_s=0.3)

    assert isinstance(error, MaybeDone)


async def test_a_whole_answer_over_a_real_connection_is_read() -> None:
    async def well(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b'{"id": "inv-1"}'
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    async with server(well) as port:
        way = clients(port)
        assert await way.account("default").declare_invoice(ORDER, "a.pdf", None) == "inv-1"
        await way.close()

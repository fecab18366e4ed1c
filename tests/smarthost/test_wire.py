"""The wire holds no more than it must, in either direction."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from awizo.smarthost.wire import Trouble, Wire, connect
from support.peers import Certificates, SmtpPeer
from support.smarthost_parts import a_post, a_smarthost, codes, send, the_way_out, until

CERTIFICATES = Certificates()
LARGE = b"x" * 20_000_000


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_flushed_means_that_nothing_waits_here_any_more(tls: bool) -> None:
    may_read = asyncio.Event()
    got = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        await may_read.wait()
        while chunk := await reader.read(1_000_000):
            got += len(chunk)

    server = await asyncio.start_server(
        serve, "127.0.0.1", 0, ssl=CERTIFICATES.server_context() if tls else None
    )
    context = ssl.create_default_context() if tls else None
    if context is not None:
        CERTIFICATES.authority.configure_trust(context)
    port = server.sockets[0].getsockname()[1]
    wire = await connect("127.0.0.1", port, context=context, timeout_s=10)
    async with server:
        wire.write(LARGE)
        with pytest.raises(Trouble, match="took no data"):
            await wire.flush(0.1)
        may_read.set()
        await wire.flush(30)
        await wire.flush(30)  # with nothing to flush it returns as well
        wire.write(b"more")
        await wire.flush(30)
        await wire.close()
        await until(lambda: got == len(LARGE) + 4)


async def test_a_wait_ends_in_time_however_the_timer_and_the_clock_agree() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire = await connect("127.0.0.1", port, context=None, timeout_s=10)
    async with server, asyncio.timeout(60):
        for number in range(300):
            with pytest.raises(Trouble, match="no answer within"):
                await wire.reply(0.001 + number * 0.00001)
        await wire.close()


async def test_a_hop_that_talks_on_an_idle_connection_fills_no_memory() -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for line in (b"220 mx\r\n", b"250 mx\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            writer.write(line)
            await reader.readline()
        while await reader.readline() != b".\r\n":
            pass
        writer.write(b"250 taken\r\n")
        while not writer.is_closing():
            writer.write(b"250 and more\r\n" * 10_000)
            await writer.drain()
            sent += 1

    wires: list[Wire] = []
    made = Wire.connection_made

    def remember(wire: Wire, transport: asyncio.BaseTransport) -> None:
        wires.append(wire)
        made(wire, transport)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer = SmtpPeer(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "connection_made", remember)
        async with the_way_out(a_smarthost(peer)) as smarthosts:
            assert codes(await send(smarthosts, a_post())) == ["ok"]
            before = -1
            while sent != before:  # until the socket is full, or for good when nobody stops it
                before = sent
                await asyncio.sleep(0.2)
                assert len(wires[0]._buffer) < 1_000_000
    server.close()

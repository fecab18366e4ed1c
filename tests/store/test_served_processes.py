"""The whole service on PostgreSQL: several intake processes, a database that goes away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from awizo.emulator.sink import CatchingSmarthost
from awizo.settings import Store
from awizo.store import Stores, open_store
from support.peers import Late, SmtpPeer, a_peer
from support.postgresql import Server
from support.processes import (
    PATIENCE_S,
    PROCESSES,
    TAKERS,
    children_of,
    connected,
    connected_to,
    named,
    until,
)
from support.service import Served, environment, start
from support.store_parts import SOMEBODY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LEASE_S = 3
SOCKET = ".s.PGSQL.5432"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "awizo.key"
    path.write_text("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n")
    path.chmod(0o600)
    return path


@asynccontextmanager
async def served_on(
    folder: Path, url: str, key: Path, smarthost_port: int, **settings: Any
) -> AsyncIterator[Served]:
    env = environment(
        folder,
        store__url=url,
        store__key_file=str(key),
        smarthost__host="127.0.0.1",
        smarthost__port=smarthost_port,
        retry__lease_s=LEASE_S,
        **settings,
    )
    served = await start(folder, env)
    try:
        yield served
    finally:
        await served.stop()


async def all_settled(stores: Stores, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await stores.spool.counts()).by_state["settled"] != count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert sum((await stores.spool.counts()).by_state.values()) == count


async def test_processes_share_a_port_and_a_postgresql_and_lose_nothing_when_one_is_killed(
    fresh_postgresql_url: str, key: Path, tmp_path: Path
) -> None:
    smarthost = CatchingSmarthost()
    await smarthost.start()
    stores = await open_store(Store(url=fresh_postgresql_url, key_file=key))
    async with served_on(
        tmp_path, fresh_postgresql_url, key, smarthost.port, intake__processes=3
    ) as served:
        pids = children_of(served.process.pid)
        taken = []
        for number, pid in enumerate(pids):
            client = await connected_to(pid, served.port)
            recipient = f"klient{number}@example.com"
            assert (await client.mail(b"Subject: x\r\n\r\nx", recipient=recipient))[:3] == "250"
            taken.append(recipient)
            await client.close()
        assert {one.get("intake", 0) for one in named(served, "mail_accepted")} == {1, 2}

        half = await connected_to(pids[0], served.port)
        await half.begin(recipient="cut@example.com")
        await half.send(b"Subject: x\r\n\r\nhalf a mail")
        os.kill(pids[0], signal.SIGKILL)
        await until(lambda: bool(named(served, "intake_process_started")))
        last = await connected_to(children_of(served.process.pid)[0], served.port)
        assert (await last.mail(b"Subject: x\r\n\r\nx", recipient="last@example.com"))[:3] == "250"
        await last.close()
        await half.close()

        await smarthost.wait_for(len(taken) + 1, PATIENCE_S)
        await all_settled(stores, len(taken) + 1)
        arrived = Counter(one for mail in smarthost.messages for one in mail.recipients)
        assert arrived == Counter([*taken, "last@example.com"])
        assert await served.stop() == 0
    await stores.close()
    await smarthost.close()


async def test_each_process_says_so_while_postgresql_is_away_and_takes_mail_again_by_itself(
    postgresql_server: Server, fresh_postgresql_url: str, key: Path, tmp_path: Path
) -> None:
    smarthost = CatchingSmarthost()
    await smarthost.start()
    async with served_on(
        tmp_path, fresh_postgresql_url, key, smarthost.port, intake__processes=PROCESSES
    ) as served:
        pids = children_of(served.process.pid)
        clients = [await connected_to(pid, served.port) for pid in pids]
        postgresql_server.stop()
        try:
            for client in clients:
                assert (await client.mail(b"Subject: x\r\n\r\naway"))[:3] == "451"
        finally:
            postgresql_server.start()
        for client in clients:
            await client.close()
        await until(lambda: len(named(served, "store_recovered")) == TAKERS)
        for number, pid in enumerate(pids):
            client = await connected_to(pid, served.port)
            recipient = f"klient{number}@example.com"
            assert (await client.mail(b"Subject: x\r\n\r\nx", recipient=recipient))[:3] == "250"
            await client.close()
        await smarthost.wait_for(TAKERS, PATIENCE_S)
        assert pids == children_of(served.process.pid)
        assert not any(b"away" in mail.content for mail in smarthost.messages)
    await smarthost.close()


class Line:
    """A way to the database that can be cut."""

    def __init__(self, url: str, folder: Path) -> None:
        parts = urlsplit(url)
        self._real = Path(parse_qs(parts.query)["host"][0]) / SOCKET
        self._folder = folder
        self.url = f"postgresql://postgres@{parts.path}?host={quote(str(folder), safe='')}"
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def lay(self) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there_reader, there_writer = await asyncio.open_unix_connection(str(self._real))
            self._writers += [writer, there_writer]
            with contextlib.suppress(OSError):
                await asyncio.gather(
                    self._pump(reader, there_writer), self._pump(there_reader, writer)
                )

        self._server = await asyncio.start_unix_server(serve, str(self._folder / SOCKET))

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
        writer.close()

    def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        (self._folder / SOCKET).unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()


async def test_a_replica_cut_off_from_the_database_does_not_end_a_mail_that_another_sends(
    fresh_postgresql_url: str, key: Path, tmp_path: Path
) -> None:
    slow_s = 20
    peer = SmtpPeer(replies={"DATA": [Late(slow_s, "354 go ahead"), None]})
    line = Line(fresh_postgresql_url, tmp_path)
    await line.lay()
    async with (
        a_peer(peer),
        served_on(tmp_path, line.url, key, peer.port) as first,
    ):
        client = await connected(first.port)
        assert (await client.mail(b"Subject: x\r\n\r\nonce", recipient=SOMEBODY))[:3] == "250"
        await client.close()
        await until(lambda: any("DATA" in one.commands for one in peer.connections))
        async with served_on(tmp_path, fresh_postgresql_url, key, peer.port) as second:
            line.cut()
            await until(lambda: bool(named(second, "delivery_settled")))
            assert len(peer.mails) == 1
            # The first hears that it may send the content; by now it must not.
            await until(lambda: peer.connections[0].ended)
            await asyncio.sleep(0.5)
            assert [mail.recipients for mail in peer.mails] == [(SOMEBODY,)]
            assert not named(first, "delivery_settled")
            await first.kill()

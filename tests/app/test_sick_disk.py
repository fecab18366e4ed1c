"""A disk that fails under a running service: nothing is promised, nothing is lost, it heals.

Read-only as after an error of the file system, errors of writing, errors of syncing only (the
bytes seem to be there), no room left.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from awizo.settings import Store
from awizo.store import open_store
from support.intake_parts import RawClient
from support.peers import Late, SmtpPeer, a_peer
from support.processes import PATIENCE_S, children_of, connected_to, named, takers_of, until
from support.service import Served, environment, start
from support.sick_disk import Illness, SickDisk, a_sick_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ILL_S = 3.0
LARGE = b"y" * 70 + b"\r\n"
MANY = 6000  # of these lines, which wait on the disk while they arrive


@pytest.fixture
def disk(tmp_path: Path) -> SickDisk:
    return a_sick_disk(tmp_path)


@asynccontextmanager
async def served_on(
    disk: SickDisk, folder: Path, smarthost_port: int, **settings: Any
) -> AsyncIterator[Served]:
    env = environment(
        folder,
        store__url=f"sqlite:///{disk.folder}/awizo.db",
        smarthost__host="127.0.0.1",
        smarthost__port=smarthost_port,
        retry__smarthost_steps_s=[1],
        retry__lease_s=2,  # after which a mail is tried again whose report was lost
        **settings,
    )
    served = await start(folder, env | disk.variables)
    try:
        yield served
    finally:
        disk.control.unlink(missing_ok=True)
        assert await served.stop() == 0


class Shop:
    """Hands in mails, each like no other, and remembers what it was told."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.pids = [served.process.pid, *children_of(served.process.pid)]
        self.taken: list[str] = []
        self.refused: list[str] = []
        self._count = 0

    async def hand_in(self, client: RawClient, *, large: bool = False) -> str:
        self._count += 1
        recipient = f"klient{self._count}@example.com"
        text = b"Subject: %d\r\n\r\n" % self._count + (LARGE * MANY if large else b"x")
        said = await self._said(client, recipient, text)
        (self.taken if said.startswith("250") else self.refused).append(recipient)
        return said

    @staticmethod
    async def _said(client: RawClient, recipient: str, text: bytes) -> str:
        """The last word: to the final dot, or to MAIL where the store is known to be ill."""
        await client.ask("EHLO shop.test")
        if not (said := await client.ask("MAIL FROM:<shop@example.pl>")).startswith("250"):
            return said
        assert (await client.ask(f"RCPT TO:<{recipient}>")).startswith("250")
        assert (await client.ask("DATA")).startswith("354")
        await client.send(text + b"\r\n.\r\n")
        return await client.reply(PATIENCE_S)

    async def at_each(self) -> list[RawClient]:
        return [
            await connected_to(pid, self.served.port) for pid in takers_of(self.served.process.pid)
        ]


def cpu_s(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def until_taken(shop: Shop, count: int) -> None:
    """Hand in until so many more were taken, over new connections each."""
    wanted = len(shop.taken) + count
    async with asyncio.timeout(PATIENCE_S):
        while len(shop.taken) < wanted:
            client = RawClient(*await asyncio.open_connection("127.0.0.1", shop.served.port))
            if (await client.reply(PATIENCE_S)).startswith("220"):
                await shop.hand_in(client, large=len(shop.taken) % 2 == 0)
            else:
                await asyncio.sleep(0.1)
            await client.close()


async def check_store(disk: SickDisk, shop: Shop) -> None:
    """What got 250 is there whole, once; of the rest nothing half."""
    stores = await open_store(Store(url=f"sqlite:///{disk.folder}/awizo.db"))
    found: Counter[str] = Counter()
    async for one in stores.spool.list():
        message = one.delivery.message
        content = await stores.spool.content(message.id)
        assert hashlib.sha256(content).hexdigest() == message.sha256
        found[one.delivery.recipient.address] += 1
    await stores.close()
    assert set(shop.taken) <= set(found)
    assert set(found.values()) == {1}
    assert not set(found) & set(shop.refused)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("illness", ["read-only", "write-error", "sync-error", "full"])
async def test_while_the_disk_is_ill_nothing_is_promised_and_all_goes_on_by_itself_after_it(
    illness: Illness, processes: int, disk: SickDisk, tmp_path: Path
) -> None:
    busy = SmtpPeer(replies={"CONNECT": "421 4.3.2 later"})
    async with (
        a_peer(busy),
        served_on(disk, tmp_path, busy.port, intake__processes=processes) as served,
    ):
        shop = Shop(served)
        clients = await shop.at_each()
        for client in clients:
            assert (await shop.hand_in(client)).startswith("250")
            assert (await shop.hand_in(client, large=True)).startswith("250")

        disk.falls_ill(illness)
        await asyncio.sleep(0.5)  # what was under way has been refused
        busy.replies = {}  # mails that wait could leave now, but nobody could write it down
        before = [cpu_s(pid) for pid in shop.pids]
        began = time.monotonic()
        for client in clients:
            for large in (False, True):
                said = await shop.hand_in(client, large=large)
                assert said.startswith("452 4.3.1" if illness == "full" else "451 4.3.0"), said
        late = RawClient(*await asyncio.open_connection("127.0.0.1", served.port))
        greeting = (await late.reply(PATIENCE_S))[:3]
        await late.close()
        async with httpx.AsyncClient(base_url=f"http://{served.panel}") as panel:
            assert (await panel.get("/livez")).status_code == 200
            assert (await panel.get("/readyz")).status_code == 503
            assert (await panel.get("/deliveries")).status_code == 200, "a person can still look"
        sent = len(busy.mails)
        await asyncio.sleep(max(0.0, began + ILL_S - time.monotonic()))
        spent_s = sum(map(cpu_s, shop.pids)) - sum(before)
        took_s = time.monotonic() - began

        disk.is_well()
        await until_taken(shop, 2 * processes)
        await until(lambda: len({one.rcpts for one in busy.mails}) >= len(shop.taken))
        await until(lambda: len(named(served, "delivery_settled")) >= len(shop.taken))
        assert greeting == ("220" if illness == "full" else "421")
        assert sent == 0, "what cannot be written down is not sent"
        assert spent_s < 0.5 * took_s * processes, "it burns the processor while it waits"
        assert [served.process.pid, *children_of(served.process.pid)] == shop.pids
        for client in clients:
            await client.close()
    assert Counter(one.recipients[0] for one in busy.mails) == Counter(shop.taken)
    await check_store(disk, shop)


@pytest.mark.parametrize("illness", ["write-error", "full"])
async def test_a_mail_that_leaves_while_the_disk_falls_ill_leaves_once(
    illness: Illness, disk: SickDisk, tmp_path: Path
) -> None:
    peer = SmtpPeer(replies={"DOT": [Late(1.5, "250 2.0.0 taken"), None]})
    async with a_peer(peer), served_on(disk, tmp_path, peer.port) as served:
        shop = Shop(served)
        (client,) = await shop.at_each()
        await shop.hand_in(client)
        await until(lambda: any("DATA" in one.commands for one in peer.connections))
        await asyncio.sleep(0.3)  # the final dot is out
        disk.falls_ill(illness)
        await until(lambda: bool(named(served, "report_repeated")))
        await asyncio.sleep(3)  # longer than its lease
        disk.is_well()
        await until(lambda: bool(named(served, "delivery_settled")))
        await until_taken(shop, 1)
        await until(lambda: len(named(served, "delivery_settled")) == 2)
        await client.close()
    assert Counter(one.recipients[0] for one in peer.mails) == Counter(shop.taken)
    await check_store(disk, shop)

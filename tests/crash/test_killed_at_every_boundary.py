"""The service is killed at every write boundary and at every piece of traffic, then restarted.

However it died: each mail that got 250 is there with the bytes it came with, none is half, each
document, link and parcel is once at Allegro, and each mail that goes on has arrived.

A shop is played that knows only what it was told: what got no 250 it hands in again, as shops
do. Every other service accepts as one of several intake processes does, into a file of arrivals.
An ordinary run kills at points spread over the whole life, others each time;
``AWIZO_CRASHES=2000`` makes a full one, half of it at writes, half at pieces of traffic. It comes
in parts that may run side by side (``-n 2``) or one at a time (``-k part03of40``).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import smtplib
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.emulator.server import Emulator
from awizo.emulator.sink import CatchingSmarthost
from awizo.emulator.world import Order
from awizo.settings import Settings
from awizo.settings import Store as StoreSettings
from awizo.store import open_store
from support.house import QUICK, SHOP, a_mail, as_sent, merged
from support.killing_proxy import Wire, a_wire
from support.pdfs import a_pdf

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

SAMPLE = 3  # kills of each sort, in an ordinary run
KILLS = int(os.environ.get("AWIZO_CRASHES", "0")) // 2 or SAMPLE
PART = 25  # kills of one test
PARTS = -(-KILLS // PART)
PATIENCE_S = 60.0


class ForkServer:
    """Starts services, see ``support/crash_server.py``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order, default=str).encode() + b"\n")
        await self._process.stdin.drain()
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer


@asynccontextmanager
async def a_fork_server() -> AsyncIterator[ForkServer]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).parents[1] / "support" / "crash_server.py"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline()) == {"ready": True}
        yield ForkServer(process)
    finally:
        process.kill()
        await process.wait()


@dataclass
class Mail:
    """A mail of the shop, with what must come of it."""

    content: bytes
    recipients: tuple[str, ...]
    goes_on: bool
    accepted: int = 0
    handed_in: int = 0

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass
class World:
    """Everything around one service that dies and is started again."""

    folder: Path
    forks: ForkServer
    emulator: Emulator
    smarthost: CatchingSmarthost
    wire: Wire
    settings: dict[str, Any]
    arrivals: bool
    mails: list[Mail] = field(default_factory=list)
    documents: dict[str, list[bytes]] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)
    waybills: dict[str, list[str]] = field(default_factory=dict)
    pid: int = 0
    port: int = 0

    async def start(self, *, die_at: int | None = None) -> None:
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        answer = await self.forks.ask(
            settings=self.settings, die_at=die_at, log=str(log), arrivals=self.arrivals
        )
        self.pid = answer["pid"]
        self.wire.kill = self.kill

    async def listening(self) -> bool:
        """Whether it got as far as listening before it died."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for event in self.events():
                if event.get("event") == "listening":
                    self.port = int(event["smtp"][0].rpartition(":")[2])
                    return True
            if not self.alive:
                return False
            await asyncio.sleep(0.01)
        raise AssertionError("it neither listens nor dies:\n" + self.log())

    def log(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "log").read_text(errors="replace")
        return ""

    def events(self) -> list[dict[str, Any]]:
        found = []
        for line in self.log().splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    @property
    def alive(self) -> bool:
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        return state != "Z"

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    async def end(self) -> int:
        """Wait for its death; returns how it ended."""
        status: int = (await self.forks.ask(wait=self.pid))["status"]
        return status

    async def hand_in(self) -> None:
        """The shop sends what got no 250 yet, until the service is gone or has taken all."""
        deadline = time.monotonic() + PATIENCE_S
        while waiting := [mail for mail in self.mails if not mail.accepted]:
            assert time.monotonic() < deadline, "not accepted in time:\n" + self.log()[-6000:]
            for mail in waiting:
                mail.handed_in += 1
                try:
                    await asyncio.to_thread(self._hand_in, mail)
                except (OSError, smtplib.SMTPException):
                    await asyncio.sleep(0.05)
                    if not self.alive:
                        return

    def _hand_in(self, mail: Mail) -> None:
        with smtplib.SMTP("127.0.0.1", self.shop_port, timeout=10) as client:
            client.sendmail(SHOP, mail.recipients, mail.content)
            mail.accepted += 1

    shop_port: int = 0

    def unsettled(self) -> int:
        with contextlib.closing(
            sqlite3.connect(f"file:{self.folder}/awizo.db?mode=ro", uri=True, timeout=10)
        ) as connection:
            (count,) = connection.execute(
                "SELECT (SELECT count(*) FROM deliveries WHERE state <> 'settled')"
                " + (SELECT count(*) FROM inbox)"
            ).fetchone()
        return int(count)

    async def settled(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if not self.alive:
                return
            with contextlib.suppress(sqlite3.Error):
                if self.unsettled() == 0:
                    return
            await asyncio.sleep(0.03)
        raise AssertionError("not settled in time:\n" + self.log()[-6000:])


def an_invoice(number: str, order: Order) -> bytes:
    return a_pdf(
        [
            f"Faktura VAT nr {number}",
            "Sprzedawca: Lampiony sp. z o.o., NIP: 6793112850",
            f"Nabywca: {order.first_name} {order.last_name}",
            f"Razem do zapłaty: {order.total} PLN",
        ]
    )


def fill(world: World) -> None:
    """Mails of every way that a mail can go, among them one too large for memory."""
    orders = [world.emulator.add_order(delivery_method="Kurier DPD") for _ in range(5)]
    url = "https://lampiony.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp"

    def put(mail: EmailMessage, *to: str, goes_on: bool) -> None:
        world.mails.append(Mail(as_sent(mail), to, goes_on))

    pdf = an_invoice("FV 1/11/2026", orders[0])
    put(
        a_mail(
            "Faktura FV 1/11/2026",
            "Dzień dobry,\n\nw załączniku przesyłamy fakturę FV 1/11/2026.\n",
            to=orders[0].email,
            files=(("FV_1_11_2026.pdf", pdf),),
        ),
        orders[0].email,
        goes_on=False,
    )
    world.documents[orders[0].id] = [pdf]
    put(
        a_mail(
            "Zamówienie zostało wysłane",
            "Dzień dobry,\n\nTwoje zamówienie zostało wysłane kurierem DPD. "
            "Numer przesyłki: 1000713716065U\n",
            to=orders[1].email,
        ),
        orders[1].email,
        goes_on=False,
    )
    world.waybills[orders[1].id] = ["1000713716065U"]
    put(
        a_mail(
            "Faktura do zamówienia",
            f"Dzień dobry,\n\nfaktura do zamówienia jest gotowa, można ją pobrać tutaj:\n{url}\n",
            to=orders[2].email,
        ),
        orders[2].email,
        goes_on=False,
    )
    world.links[orders[2].id] = [url]
    put(
        a_mail(
            "Otrzymaliśmy Twoją płatność",
            "Płatność za zamówienie została zaksięgowana. Dziękujemy.\n",
            to=orders[3].email,
        ),
        orders[3].email,
        goes_on=False,
    )
    put(
        a_mail(
            "Pana zamówienie",
            "Dzień dobry,\n\nczerwony lampion jest niedostępny. Czy może być zielony? "
            "Proszę o odpowiedź.\n\nAnna",
            to=orders[4].email,
        ),
        orders[4].email,
        goes_on=True,
    )
    put(a_mail("Cennik", "Dzień dobry,\n\n" + "x" * 60 + "\n" + "lampion\n" * 60_000),
        "biuro@example.com", "ksiegowosc@example.com", goes_on=True)  # fmt: skip


@asynccontextmanager
async def a_world(folder: Path, forks: ForkServer, *, arrivals: bool) -> AsyncIterator[World]:
    await asyncio.to_thread(folder.mkdir)
    emulator = Emulator()
    smarthost = CatchingSmarthost()
    await smarthost.start()
    async with emulator.serving() as url, a_wire() as wire:
        allegro = await wire.proxy("allegro", lambda: int(url.rpartition(":")[2]))
        out = await wire.proxy("smarthost", lambda: smarthost.port)
        base = f"http://127.0.0.1:{allegro}"
        settings = merged(
            QUICK,
            {
                "smarthost": {"host": "127.0.0.1", "port": out, "tls": "none"},
                "allegro": {
                    "api_url": base,
                    "auth_url": f"{base}/auth/oauth",
                    "messaging": False,
                    "sync_interval_s": 0.3,
                },
                "store": {"url": f"sqlite:///{folder}/awizo.db"},
                "panel": {"enabled": False},
                "policy": {"order_wait_s": 30},
            },
        )
        world = World(folder, forks, emulator, smarthost, wire, settings, arrivals)
        world.shop_port = await wire.proxy("shop", lambda: world.port)
        fill(world)
        Settings.model_validate(settings)
        await connect(world)
        try:
            yield world
        finally:
            world.kill()
            await smarthost.close()


async def connect(world: World) -> None:
    stores = await open_store(StoreSettings(url=world.settings["store"]["url"]))
    pair = world.emulator.issue_tokens()
    now = datetime.now(UTC)
    tokens = TokenPair(pair.access, pair.refresh, now + timedelta(hours=12), now)
    await stores.accounts.save(AccountRecord("default", tokens, connected_at=now))
    await stores.close()


async def live(world: World, *, die_at: int | None = None) -> bool:
    """One life of the service: start, take mail, work. Whether it lived to see all settled."""
    await world.start(die_at=die_at)
    if await world.listening():
        await world.hand_in()
        if all(mail.accepted for mail in world.mails):
            await world.settled()
    return world.alive


async def check(world: World, told: str) -> None:
    """What must hold whatever happened."""
    lost = [mail.recipients for mail in world.mails if not mail.accepted]
    assert not lost, f"{told}: never accepted: {lost}"
    stores = await open_store(StoreSettings(url=world.settings["store"]["url"]))
    stored = Counter[str]()
    try:
        async for one in stores.spool.list():
            message = one.delivery.message
            content = await stores.spool.content(message.id)
            assert hashlib.sha256(content).hexdigest() == message.sha256, told
            assert len(content) == message.size_bytes, told
            stored[message.sha256 + one.delivery.recipient.address] += 1
    finally:
        await stores.close()
    caught = Counter(
        mail.sha256 + recipient
        for mail in world.smarthost.messages
        for recipient in mail.recipients
    )
    for mail in world.mails:
        for recipient in mail.recipients:
            key = mail.sha256 + recipient
            assert 1 <= stored[key] <= mail.handed_in, f"{told}: {recipient}"
            if mail.goes_on:
                # Once more only where the service died behind a final dot, or the shop sent again.
                assert 1 <= caught[key] <= stored[key] + 1, f"{told}: {recipient}: {caught[key]}"
            else:
                assert caught[key] == 0, f"{told}: {recipient} was sent on"
    for order_id, wanted in world.documents.items():
        kept = world.emulator.order(order_id).invoices
        assert [one.content for one in kept] == wanted, f"{told}: documents"
    for order_id, urls in world.links.items():
        assert [one.url for one in world.emulator.order(order_id).links] == urls, told
    for order_id, numbers in world.waybills.items():
        order = world.emulator.order(order_id)
        assert [one.waybill for one in order.shipments] == numbers, told
        assert order.fulfillment == "SENT", told


async def die_and_live(
    folder: Path,
    forks: ForkServer,
    *,
    store: int | None = None,
    wire: int | None = None,
    deliver: bool = True,
    arrivals: bool,
) -> None:
    told = (
        f"killed at {'write' if store else 'piece'} {store or wire} "
        f"(delivered: {deliver}, arrivals: {arrivals})"
    )
    async with a_world(folder, forks, arrivals=arrivals) as world:
        world.wire.die_at, world.wire.deliver = wire, deliver
        alive = await live(world, die_at=store)
        if alive:
            world.kill()
        await world.end()
        world.wire.die_at = None
        for _ in range(3):
            if await live(world):
                break
            await world.end()
        else:
            raise AssertionError(f"{told}: it does not stay alive:\n{world.log()[-4000:]}")
        world.kill()
        await world.end()
        await check(world, told)
    await asyncio.to_thread(shutil.rmtree, folder)  # thousands of them fill a disk


async def count_boundaries(folder: Path, forks: ForkServer) -> tuple[int, int]:
    """How many writes and pieces of traffic a whole undisturbed life has."""
    async with a_world(folder, forks, arrivals=True) as world:
        assert await live(world)
        world.kill()
        await world.end()
        await check(world, "undisturbed")
        return int((folder / "points").read_text().split()[0]), world.wire.count


PART_BY_PART = pytest.mark.parametrize(
    "part", range(PARTS), ids=[f"part{number:02}of{PARTS}" for number in range(1, PARTS + 1)]
)
SHIFT = random.random()


def points(part: int, count: int) -> list[tuple[int, int]]:
    """Where the kills of a part are, with the turn in which each is: all together go over the
    *count* points again and again, or are spread over them evenly where they are fewer."""
    numbers = range(part * PART, min((part + 1) * PART, KILLS))
    if count <= KILLS:
        return [(1 + number % count, number // count) for number in numbers]
    return [(1 + int((number + SHIFT) * count / KILLS), number % 2) for number in numbers]


@PART_BY_PART
async def test_a_service_killed_at_any_write_loses_and_doubles_nothing(
    part: int, tmp_path: Path
) -> None:
    async with a_fork_server() as forks:
        writes, _ = await count_boundaries(tmp_path / "count", forks)
        assert writes > 50
        for point, turn in points(part, writes):
            arrivals = bool((point + turn) % 2)
            folder = tmp_path / f"w{turn}-{point}"
            await die_and_live(folder, forks, store=point, arrivals=arrivals)


@PART_BY_PART
async def test_a_service_killed_at_any_piece_of_traffic_loses_and_doubles_nothing(
    part: int, tmp_path: Path
) -> None:
    async with a_fork_server() as forks:
        _, pieces = await count_boundaries(tmp_path / "count", forks)
        assert pieces > 50
        for point, turn in points(part, pieces):
            deliver = bool((point + turn) % 2)
            folder = tmp_path / f"p{turn}-{point}"
            arrivals = bool((point // 2 + turn) % 2)
            await die_and_live(folder, forks, wire=point, deliver=deliver, arrivals=arrivals)

"""Thousands of mails wait: the service takes more, is fair, stays small, and rests in between."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest

from awizo.settings import Store
from awizo.store import Stores, open_store
from support.intake_parts import RawClient
from support.peers import SmtpPeer, a_peer
from support.processes import PATIENCE_S
from support.service import Served, a_service
from support.store_parts import Desk, accepted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

WAITING = 5_000
GOOD, DEAD, LATER = "@good.example", "@dead.example", "@later.example"
KILOBYTES_MORE = 80_000  # of memory, beside what the service needs anyway


async def fill(
    folder: Path, count: int, *, senders: tuple[str, ...], due_in_s: float | None
) -> None:
    """Mails that were accepted, and were tried in vain where they are due only later."""
    now = datetime.now(UTC)
    stores: Stores = await open_store(Store(url=f"sqlite:///{folder}/awizo.db"))
    desk = Desk(stores.spool)
    for start in range(0, count, 500):
        await asyncio.gather(
            *(
                accepted(
                    stores.spool, number, recipients=(f"old{number}@klient.test",), accounts=(),
                    received_at=now, route=senders[number % len(senders)],
                    smarthost=senders[number % len(senders)].strip("@").partition(".")[0],
                    reverse_path=f"sklep{senders[number % len(senders)]}",
                )
                for number in range(start, start + 500)
            )
        )  # fmt: skip
    if due_in_s is not None:
        while jobs := await desk.forwards(now=now, limit=500):
            await asyncio.gather(
                *(
                    desk.defer(job, due_at=now + timedelta(seconds=due_in_s + number / 10))
                    for number, job in enumerate(jobs)
                )
            )
    await stores.close()


def a_port_of_nobody() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ways_out(good: SmtpPeer, later: SmtpPeer) -> dict[str, Any]:
    def way(port: int) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": port, "tls": "none"}

    return {
        "smarthost__host": "127.0.0.1",
        "smarthost__port": good.port,
        "smarthosts": {
            "good": way(good.port), "later": way(later.port), "dead": way(a_port_of_nobody()),
        },
        "routes": [
            {"from": sender, "smarthost": sender.strip("@").partition(".")[0]}
            for sender in (GOOD, DEAD, LATER)
        ],
    }  # fmt: skip


def cpu_s(served: Served) -> float:
    words = Path(f"/proc/{served.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def memory_kb(served: Served, which: str = "VmRSS") -> int:
    for line in Path(f"/proc/{served.process.pid}/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1])
    raise AssertionError(which)


async def connected(served: Served) -> RawClient:
    client = RawClient(*await asyncio.open_connection("127.0.0.1", served.port))
    assert (await client.reply(PATIENCE_S)).startswith("220")
    return client


async def times_of(served: Served, peer: SmtpPeer, count: int) -> tuple[list[float], list[float]]:
    """Hand mails in one after the other: seconds until each 250, and until each has left."""
    client = await connected(served)
    accepting, leaving = [], []
    for number in range(count):
        recipient = f"new{number}@klient.test"
        began = time.monotonic()
        said = await client.mail(
            b"Subject: %d\r\n\r\nx" % number, sender=f"sklep{GOOD}", recipient=recipient
        )
        assert said.startswith("250")
        accepting.append(time.monotonic() - began)
        async with asyncio.timeout(PATIENCE_S):
            while not any(recipient in mail.recipients for mail in reversed(peer.mails)):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        leaving.append(time.monotonic() - began)
    await client.close()
    return accepting, leaving


async def test_a_service_with_thousands_of_deferred_mails_rests_and_takes_new_ones_at_once(
    tmp_path: Path,
) -> None:
    await fill(tmp_path, WAITING, senders=(DEAD, LATER, GOOD), due_in_s=1800)
    async with a_peer() as good, a_peer() as later:
        async with a_service(tmp_path, **ways_out(good, later)) as served:
            await asyncio.sleep(3)  # of the start
            spent, began = cpu_s(served), time.monotonic()
            await asyncio.sleep(10)
            share = (cpu_s(served) - spent) / (time.monotonic() - began)

            accepting, leaving = await times_of(served, good, 40)
            peak = memory_kb(served, "VmHWM")
        async with a_service(
            tmp_path, store__url=f"sqlite:///{tmp_path}/empty.db", **ways_out(good, later)
        ) as empty:
            await times_of(empty, good, 40)
            usual = memory_kb(empty, "VmHWM")
        assert not later.mails
        assert len(good.mails) == 80
    assert share < 0.1, f"{share:.0%} of a core with nothing to do"
    assert quantiles(accepting, n=20)[-1] < 0.25, accepting
    assert quantiles(leaving, n=20)[-1] < 1, leaving
    assert peak - usual < KILOBYTES_MORE, (peak, usual)


async def test_thousands_of_mails_due_at_once_for_hosts_in_trouble_hold_nobody_else_up(
    tmp_path: Path,
) -> None:
    await fill(tmp_path, WAITING, senders=(DEAD, LATER, DEAD, LATER, GOOD), due_in_s=None)
    waiting = WAITING // 5
    busy = SmtpPeer(replies={"MAIL": "451 4.3.2 later"})
    async with a_peer() as good, a_peer(busy) as later:
        async with a_service(tmp_path, **ways_out(good, later)) as served:
            began = time.monotonic()
            usual = memory_kb(served)
            accepting, leaving = await times_of(served, good, 40)
            async with asyncio.timeout(PATIENCE_S):
                while len(good.mails) < waiting + 40:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            good_s = time.monotonic() - began
            peak = memory_kb(served, "VmHWM")
            async with asyncio.timeout(240):
                while tried(served) < WAITING - waiting:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            all_s = time.monotonic() - began
            spent, began = cpu_s(served), time.monotonic()
            await asyncio.sleep(5)
            share = (cpu_s(served) - spent) / (time.monotonic() - began)
        arrived = Counter(mail.recipients for mail in good.mails)
    assert set(arrived.values()) == {1}
    assert quantiles(accepting, n=20)[-1] < 0.5, accepting
    assert quantiles(leaving, n=20)[-1] < 3, leaving
    assert good_s < all_s, "the mails of the host that is well wait behind those of the others"
    assert peak - usual < KILOBYTES_MORE, (peak, usual)
    assert share < 0.2, f"{share:.0%} of a core while all are deferred"


def tried(served: Served) -> int:
    return len({one["delivery_id"] for one in served.events if one.get("event") == "job_deferred"})

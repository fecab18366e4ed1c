"""What Awizo promises by itself: latency, memory, a huge spool, PDF work beside SMTP."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

from awizo.cli.demo.pdf import make_pdf
from awizo.emulator.sink import CatchingSmarthost
from awizo.model import Client as MailClient
from awizo.model import Envelope, Recipient
from awizo.settings import Store
from awizo.spool.port import NewDelivery, NewMessage
from awizo.store import open_store
from bench.load import Client, content_of
from bench.peers import Awizo, free_port
from bench.report import Result

MEGABYTE = 1_000_000


# --- a single mail ------------------------------------------------------------------------------


def latency(folder: Path, *, quick: bool) -> Iterator[Result]:
    """250 and away again: a 20 kB mail on an idle machine, median of 20."""
    accepted, left = asyncio.run(_latencies(folder, 20))
    note = f"250 after {statistics.median(accepted) * 1000:.1f} ms"
    yield Result("20 kB mail has left again", statistics.median(left), "s", 1.0, "less", note)


async def _latencies(folder: Path, count: int) -> tuple[list[float], list[float]]:
    smarthost = CatchingSmarthost()
    _, sink_port = await smarthost.start()
    awizo = Awizo(folder / "awizo", sink_port=sink_port)
    await asyncio.to_thread(awizo.start)
    accepted, left = [], []
    try:
        for number in range(count + 1):
            client = await Client.connect(awizo.port)
            took = await client.send(content_of(20_000, number), "klient@example.com")
            answered = time.perf_counter()
            await smarthost.wait_for(number + 1)
            if number:  # the first one opens the connection to the smarthost
                accepted.append(took)
                left.append(time.perf_counter() - answered)
            await client.quit()
            await asyncio.sleep(0.05)
    finally:
        await asyncio.to_thread(awizo.stop)
        await smarthost.close()
    return accepted, left


# --- memory -------------------------------------------------------------------------------------


def memory(folder: Path, *, quick: bool) -> Iterator[Result]:
    """200 connections, each with a large mail: the peak of all processes' RSS."""
    size = (5 if quick else 25) * MEGABYTE
    awizo = Awizo(folder / "awizo", sink_port=free_port())
    awizo.start()
    try:
        idle = awizo.rss_bytes()
        peak, took = asyncio.run(_peak(awizo, connections=200, size_bytes=size))
    finally:
        awizo.stop()
    note = f"idle {idle / MEGABYTE:.0f} MB; {took:.0f} s for all"
    name = f"memory, 200 connections × {size // MEGABYTE} MB"
    yield Result(name, peak / MEGABYTE, "MB", 300, "less", note)


async def _peak(awizo: Awizo, *, connections: int, size_bytes: int) -> tuple[int, float]:
    peak = 0
    done = asyncio.Event()

    async def watch() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, await asyncio.to_thread(awizo.rss_bytes))
            await asyncio.sleep(0.1)

    # All clients write the same bytes, so that this process stays small.
    piece = (b"y" * 76 + b"\r\n") * 800
    arrived = asyncio.Barrier(connections)

    async def one(number: int) -> None:
        client = await Client.connect(awizo.port)
        await client.begin(f"klient{number}@example.com")
        client.writer.write(f"Subject: {number}\r\n\r\n".encode("ascii"))
        for _ in range(size_bytes // len(piece)):
            client.writer.write(piece)
            await client.writer.drain()
        await arrived.wait()  # all are there before the first ends
        client.writer.write(b".\r\n")
        await client.reply()
        await client.quit()

    watching = asyncio.create_task(watch())
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(one(number))
    took = time.perf_counter() - began
    done.set()
    await watching
    return peak, took


# --- a huge spool -------------------------------------------------------------------------------

SEED_MAILS = 100
LEASES = 100


def leasing(folder: Path, *, quick: bool) -> Iterator[Result]:
    """Leases from a spool of 1,000 and of 1,000,000 waiting mails."""
    small, large = 1_000, 20_000 if quick else 1_000_000
    took = {}
    for count in (small, large):
        path = folder / f"{count}.db"
        asyncio.run(_seeded(path))
        multiplied(path, count // SEED_MAILS)
        took[count] = asyncio.run(_lease_time(path))
    yield Result(
        f"leasing, {large:,} mails against {small:,}",
        took[large] / took[small],
        "×",
        2.0,
        "less",
        f"{took[small] * 1000:.2f} ms and {took[large] * 1000:.2f} ms a lease",
    )


def starting(folder: Path, *, quick: bool) -> Iterator[Result]:
    """From the start of the process to the greeting, with 100,000 mails waiting."""
    awizo = Awizo(folder / "awizo", sink_port=free_port())
    path = awizo.folder / "awizo.db"
    asyncio.run(_seeded(path))
    empty = [_start_time(Awizo(folder / "empty", sink_port=free_port())) for _ in range(3)]
    multiplied(path, 100_000 // SEED_MAILS)
    full = [_start_time(awizo) for _ in range(3)]
    note = f"with an empty spool {statistics.median(empty):.2f} s"
    yield Result("start, 100,000 queued", statistics.median(full), "s", 1.0, "less", note)


def _start_time(awizo: Awizo) -> float:
    began = time.perf_counter()
    awizo.start(whole=False)
    took = time.perf_counter() - began
    awizo.stop()
    return took


async def _seeded(path: Path) -> None:
    """A store with a few waiting mails, taken in the ordinary way."""
    stores = await open_store(Store(url=f"sqlite:///{path}"))
    now = datetime.now(UTC) - timedelta(seconds=10)
    content = content_of(1_000, 0)
    try:
        for number in range(SEED_MAILS):
            address = f"klient{number}@example.com"
            await stores.spool.accept(
                NewMessage(
                    id=f"seed{number:04}",
                    envelope=Envelope(
                        reverse_path="sklep@example.pl",
                        recipients=(Recipient(address),),
                        client=MailClient("127.0.0.1"),
                        received_at=now,
                    ),
                    route="default",
                    smarthost="default",
                    accounts=("default",),
                    policy=None,
                    size_bytes=len(content),
                    sha256="0" * 64,
                    deliveries=(NewDelivery(f"seed{number:04}d", 0, to_buyer=False),),
                ),
                BytesIO(content),
            )
        await stores.spool.counts()  # so that they are given their rows
    finally:
        await stores.close()


def multiplied(path: Path, times: int) -> None:
    """Repeat every waiting mail under new ids, so that there are *times* as many.

    The rows of ``messages``, ``deliveries`` and ``jobs`` are copied as they are; only ids are
    made new. Contents are not: nobody reads them here.
    """
    ids = {"messages": ("id",), "deliveries": ("id", "message_id"),
           "jobs": ("id", "delivery_id", "message_id")}  # fmt: skip
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        for table, named in ids.items():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(f"{name} || '-' || n" if name in named else name for name in columns)
            connection.execute(
                f"WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted "  # noqa: S608
                f"WHERE n < :times) INSERT INTO {table} ({', '.join(columns)}) "
                f"SELECT {values} FROM {table}, counted",
                {"times": times - 1},
            )
        connection.commit()
        (count,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    if count != SEED_MAILS * times:
        raise RuntimeError(f"{count} mails wait where {SEED_MAILS * times} should")


async def _lease_time(path: Path) -> float:
    """Median seconds to lease a handful of forwards, as the worker does."""
    stores = await open_store(Store(url=f"sqlite:///{path}"))
    times = []
    try:
        for _ in range(LEASES):
            now = datetime.now(UTC)
            began = time.perf_counter()
            jobs = await stores.spool.lease_jobs(
                owner="bench", now=now, lease_s=600, limit=4, forward=True
            )
            times.append(time.perf_counter() - began)
            if len(jobs) != 4:
                raise RuntimeError(f"{len(jobs)} jobs were leased where 4 were waiting")
    finally:
        await stores.close()
    return statistics.median(times)


# --- PDF work beside SMTP -----------------------------------------------------------------------

MAILS_PER_S = 200
CLIENTS = 100


def with_pdf_work(folder: Path, *, quick: bool) -> Iterator[Result]:
    """250 while invoices are being read: 200 mails a second to buyers, each with a PDF."""
    seconds = 5 if quick else 20
    awizo = Awizo(folder / "awizo", sink_port=free_port())
    awizo.start()
    try:
        times, took = asyncio.run(_steady(awizo.port, seconds))
    finally:
        awizo.stop()
    times.sort()
    p99 = times[int(len(times) * 0.99)]
    note = (
        f"median {statistics.median(times) * 1000:.1f} ms, worst {times[-1] * 1000:.0f} ms; "
        f"{len(times) / took:.0f} mails/s were taken"
    )
    name = f"p99 of 250, {MAILS_PER_S} mails/s with PDF"
    yield Result(name, p99 * 1000, "ms", 50, "less", note)


async def _steady(port: int, seconds: int) -> tuple[list[float], float]:
    """Mails are begun when their time has come, as long as a connection is free.

    Returns:
        Seconds from final dot to 250 of each, and how long all of them took.
    """
    mails = [_invoice_mail(number) for number in range(seconds * MAILS_PER_S)]
    idle: asyncio.Queue[Client] = asyncio.Queue()
    for _ in range(CLIENTS):
        idle.put_nowait(await Client.connect(port))
    times: list[float] = []

    async def one(number: int) -> None:
        client = await idle.get()
        took = await client.send(mails[number], f"buyer{number}+{number:06}@allegromail.pl")
        times.append(took)
        idle.put_nowait(client)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(len(mails)):
            await asyncio.sleep(max(0.0, began + number / MAILS_PER_S - time.perf_counter()))
            group.create_task(one(number))
    took_s = time.perf_counter() - began
    while not idle.empty():
        await idle.get_nowait().quit()
    return times, took_s


def _invoice_mail(number: int) -> bytes:
    pdf = make_pdf(
        ["FAKTURA VAT", f"FV {number}/11/2026", "Sprzedawca: Sklep sp. z o.o. NIP 5252674798",
         "Nabywca: Jan Kowalski", "Razem do zapłaty: 123,00 PLN"]
    )  # fmt: skip
    message = EmailMessage()
    message["From"] = "sklep@example.pl"
    message["To"] = f"buyer{number}+{number:06}@allegromail.pl"
    message["Subject"] = f"Faktura FV {number}/11/2026"
    message["Message-ID"] = f"<{number}.{time.time_ns()}@bench.localhost>"
    message.set_content("W załączniku przesyłamy fakturę do zamówienia.\n", cte="base64")
    message.add_attachment(
        pdf, maintype="application", subtype="pdf", filename=f"FV_{number}.pdf",
        cte="base64",
    )  # fmt: skip
    return message.as_bytes().replace(b"\n", b"\r\n")

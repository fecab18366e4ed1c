"""A further intake process: takes mail at the doors that it shares with the first.

In:  one order on its control socket: settings, names, where to count; then words: reload, drain.
Out: mails in the spool; lines of JSON on the control socket: listening, work, how the store is,
     what was counted.

Started by ``processes.py`` as a program of its own. It leases nothing and calls nobody: what it
takes is worked on in the first process. When that dies, it gets SIGKILL (Linux) and end of file
on its socket; a mail that had no 250 by then is the shop's to send again.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import pickle
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from awizo import event_loop
from awizo.collector import settle
from awizo.errors import AwizoError
from awizo.intake.board import Board, BoardPlan
from awizo.intake.doors import Door
from awizo.intake.listener import Intake
from awizo.settings import Settings
from awizo.spool.ids import Ids
from awizo.store import open_store
from awizo.telemetry import metrics
from awizo.telemetry.logging import configure_logging

log = structlog.get_logger()

PR_SET_PDEATHSIG = 1  # linux/prctl.h
REPORT_S = 1.0
WORK_TOLD_EVERY_S = 0.005  # the first at once; no more often: each wakes the other process
LENGTH_BYTES = 8
RELOAD, DRAIN = b"reload\n", b"drain\n"
WORK = b'{"work":true}\n'  # a line that is said often, and known as it is


@dataclass(frozen=True, slots=True)
class Order:
    """What a child is told at its start.

    Attributes:
        doors: Descriptors of the listening sockets, and whether they speak TLS at once.
        switch_interval_s: See :data:`awizo.app.SWITCH_INTERVAL_S`.
    """

    settings: Settings
    doors: tuple[tuple[int, bool], ...]
    instance_id: str
    row: int
    board: BoardPlan
    switch_interval_s: float

    def packed(self) -> bytes:
        data = pickle.dumps(self)  # secrets too: it goes through a socket that has no name
        return len(data).to_bytes(LENGTH_BYTES, "big") + data


def utc_now() -> datetime:
    return datetime.now(UTC)


class Reports:
    """What the first process is told, each thing as soon as it is so."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._telling_work = False
        self._work_told_at = -WORK_TOLD_EVERY_S

    def say(self, **words: Any) -> None:
        self._write(json.dumps(words).encode() + b"\n")

    def _write(self, line: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(line)

    def work(self) -> None:
        """A mail is in the spool; all those of a moment are told at once."""
        if not self._telling_work:
            self._telling_work = True
            tell_at = self._work_told_at + WORK_TOLD_EVERY_S
            self._loop.call_at(max(self._loop.time(), tell_at), self._tell_work)

    def _tell_work(self) -> None:
        self._telling_work = False
        self._work_told_at = self._loop.time()
        self._write(WORK)


async def serve(order: Order, control: socket.socket) -> None:
    settings = order.settings
    reader, writer = await asyncio.open_connection(sock=control)
    reports = Reports(writer)
    draining = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, draining.set)
    try:
        stores = await open_store(settings.store)
        board = Board(order.board, row=order.row)
        intake = Intake(
            settings,
            stores.spool,
            now=utc_now,
            instance_id=order.instance_id,
            new_id=Ids(utc_now, secrets.token_bytes),
            on_health=lambda well: reports.say(well=well),
            on_accepted=reports.work,
            on_held=lambda problem: reports.say(held=problem),
            board=board,
        )
        doors = [Door(socket.socket(fileno=number), tls) for number, tls in order.doors]
        await intake.start(doors=doors)
    except AwizoError as error:
        reports.say(failed=str(error))
        await writer.drain()
        return
    loop.add_signal_handler(signal.SIGHUP, intake.reload_tls)
    board.begin_taking()
    reports.say(listening=True)
    settle()
    tasks = (
        asyncio.create_task(_listen(reader, draining.set, intake.reload_tls)),
        asyncio.create_task(_count(reports)),
        asyncio.create_task(stores.database.keep_arrivals()),  # the first mails go without
    )
    await draining.wait()
    board.end_taking()
    reports.say(listening=False)  # somebody else must take what comes while we end
    await intake.drain(settings.intake.drain_s)
    reports.say(metrics=metrics.samples())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await stores.close()
    writer.close()


async def _listen(
    reader: asyncio.StreamReader, drain: Callable[[], object], reload: Callable[[], object]
) -> None:
    while word := await reader.readline():
        if word == DRAIN:
            drain()
        elif word == RELOAD:
            reload()
    os._exit(1)  # nobody is there any more to work on what we take


async def _count(reports: Reports) -> None:
    told: list[metrics.Sample] = []
    while True:
        await asyncio.sleep(REPORT_S)
        counted = metrics.samples()
        if counted == told:
            reports.say()  # we live
            continue
        reports.say(metrics=counted)
        told = counted


def _die_with(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)


def _order(control: socket.socket) -> Order:
    with control.makefile("rb", buffering=0) as file:
        length = int.from_bytes(_exactly(file.read, LENGTH_BYTES), "big")
        order: Order = pickle.loads(_exactly(file.read, length))  # noqa: S301 - our own parent's
        return order


def _exactly(read: Callable[[int], bytes | None], size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = read(size - len(data))
        if not piece:
            os._exit(1)
        data += piece
    return data


def main() -> None:
    control_fd, parent = int(sys.argv[1]), int(sys.argv[2])
    _die_with(parent)
    control = socket.socket(fileno=control_fd)
    order = _order(control)
    sys.setswitchinterval(order.switch_interval_s)
    configure_logging(order.settings.log.level, order.settings.log.format, for_good=True)
    structlog.contextvars.bind_contextvars(intake=order.row)
    event_loop.run(serve(order, control))

"""Processes that take mail at the doors of the first, where one process is not enough.

In:  settings, the listening sockets.
Out: processes that accept into the same store; news of work, health and figures from each.

Each has its own loop, connections and writer, and takes new connections from the one queue of
the shared sockets; limits on connections are counted together. The first process works on the mails
meanwhile and takes some in only while none of the others does. One that dies, or falls silent, is
started again after a pause; the queue stays with those that live. They die with us, whatever
ends us.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from awizo.errors import SettingsError, StoreError
from awizo.intake.board import Board
from awizo.intake.child import DRAIN, RELOAD, WORK, Order
from awizo.intake.doors import Door
from awizo.settings import Settings
from awizo.telemetry import metrics

log = structlog.get_logger()

PROGRAM = (
    "from awizo.collector import look_seldom; look_seldom(); "
    "from awizo.intake.child import main; main()"
)
PAUSES_S = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
LIVED_WELL_S = 60.0  # whoever lived so long died of something new
START_S = 60.0  # a busy machine may take long to start a process
SILENT_S = 60.0  # they speak every second; clients that the kernel gives to this one wait for ever
ONCE_MORE_S = 3.0  # it may have been us who slept
BEYOND_DRAIN_S = 2.0  # to close the store
LINE_BYTES = 1 << 20


@dataclass(slots=True)
class Child:
    """One process and the way to talk to it."""

    row: int
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    listening: bool = False
    well: bool = True
    failure: str = ""

    def say(self, word: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(word)


class IntakeProcesses:
    """All but the first.

    Args:
        on_work: Called when one of them has put mail into the store.
        on_held: Called with the problem of each mail that one of them holds.
        on_served: Told whether one of them takes mail, each time that may have changed.
        keep_open: Descriptors that live as long as the last process does.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        instance_id: str,
        board: Board,
        doors: Sequence[Door],
        on_work: Callable[[], None],
        on_held: Callable[[str], None],
        on_served: Callable[[bool], None],
        switch_interval_s: float,
        keep_open: Sequence[int] = (),
    ) -> None:
        self._settings = settings
        self._instance_id = instance_id
        self._board = board
        self._on_work = on_work
        self._on_held = on_held
        self._on_served = on_served
        self._doors = tuple((door.sock.fileno(), door.implicit_tls) for door in doors)
        self._switch_interval_s = switch_interval_s
        self._keep_open = tuple(keep_open)
        self._children: dict[int, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._rows = range(1, settings.intake.processes)
        self._stopping = False

    async def start(self) -> None:
        """Start all; returns when all listen.

        Raises:
            SettingsError: One says that it cannot; its words.
            StoreError: One does not come up.
        """
        await asyncio.gather(*(self._start(row) for row in self._rows))
        self._keepers = [asyncio.create_task(self._keep(row)) for row in self._rows]

    @property
    def are_open(self) -> bool:
        """Whether each would take a mail that comes now."""
        return all(
            (child := self._children.get(row)) is not None and child.listening and child.well
            for row in self._rows
        )

    def reload(self) -> None:
        """Have each look at the certificate again."""
        for child in self._children.values():
            child.say(RELOAD)

    async def drain(self, timeout_s: float) -> None:
        """Have each end its mails and itself; what takes longer is killed."""
        self._stopping = True
        for child in self._children.values():
            child.say(DRAIN)
        ended = [asyncio.create_task(one.process.wait()) for one in self._children.values()]
        if ended:
            await asyncio.wait(ended, timeout=timeout_s + BEYOND_DRAIN_S)
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.process.kill()
        await asyncio.gather(*ended)
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for child in self._children.values():
            child.writer.close()
        self._children.clear()

    # -- one of them -----------------------------------------------------------------------------

    async def _start(self, row: int) -> Child:
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # our folder must not shadow anybody's modules
                "-c",
                PROGRAM,
                str(theirs.fileno()),
                str(os.getpid()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(
                    theirs.fileno(),
                    self._board.plan.descriptor,
                    *(number for number, _ in self._doors),
                    *self._keep_open,
                ),
            )
        except OSError as error:
            ours.close()
            raise StoreError(f"intake process {row} cannot be started: {error.strerror}") from None
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_BYTES)
        child = self._children[row] = Child(row, process, reader, writer)
        order = Order(
            settings=self._settings,
            doors=self._doors,
            instance_id=self._instance_id,
            row=row,
            board=self._board.plan,
            switch_interval_s=self._switch_interval_s,
        )
        writer.write(order.packed())
        try:
            async with asyncio.timeout(START_S):
                while not child.listening and await self._hear(child):
                    pass
        except TimeoutError:
            pass
        except asyncio.CancelledError:  # we are stopping: it may not know it yet
            process.kill()
            raise
        if self._stopping:
            child.say(DRAIN)
        if not child.listening:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if child.failure:
                raise SettingsError(f"intake process {row}: {child.failure}")
            raise StoreError(f"intake process {row} did not come up (exit {process.returncode})")
        return child

    def _tell_served(self) -> None:
        if not self._stopping:
            self._on_served(any(child.listening for child in self._children.values()))

    async def _keep(self, row: int) -> None:
        """Hear what it has to say; when it is gone, start another."""
        deaths = 0
        clock = asyncio.get_running_loop().time
        while not self._stopping:
            child, since = self._children[row], clock()
            while await self._hear_of(child):
                pass
            child.listening = False
            self._tell_served()
            with contextlib.suppress(ProcessLookupError):
                child.process.kill()  # it may live on without its socket, but not for us
            status = await child.process.wait()
            child.writer.close()
            self._board.clear(row)
            metrics.OTHERS.ended(str(row))
            if self._stopping:
                return
            deaths = 0 if clock() - since > LIVED_WELL_S else deaths
            pause_s = PAUSES_S[min(deaths, len(PAUSES_S) - 1)]
            deaths += 1
            log.error("intake_process_died", intake=row, status=status, pause_s=pause_s)
            await self._start_again(row, pause_s)

    async def _start_again(self, row: int, pause_s: float) -> None:
        while True:
            await asyncio.sleep(pause_s)
            if self._stopping:
                return
            try:
                await self._start(row)
            except (SettingsError, StoreError) as error:
                self._board.clear(row)
                pause_s = PAUSES_S[-1]
                log.error("intake_process_not_started", intake=row, error=str(error))
                continue
            log.info("intake_process_started", intake=row)
            return

    async def _hear_of(self, child: Child) -> bool:
        """Take one line; False at its end, and when it has been silent for too long."""
        for patience_s in (SILENT_S, ONCE_MORE_S):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    return await self._hear(child)
        log.error("intake_process_silent", intake=child.row, silent_s=SILENT_S)
        return False

    async def _hear(self, child: Child) -> bool:
        """Take one line; False at its end."""
        try:
            line = await child.reader.readline()
            if line == WORK:
                self._on_work()
                return True
            said: dict[str, Any] = json.loads(line) if line else {}
        except (OSError, ValueError):
            return False
        if not line:
            return False
        if "held" in said:
            self._on_held(str(said["held"]))
        if "listening" in said:
            child.listening = bool(said["listening"])
            self._tell_served()
        if "well" in said:
            child.well = bool(said["well"])
        if "failed" in said:
            child.failure = str(said["failed"])
        if "metrics" in said:
            metrics.OTHERS.put(
                str(child.row), [(name, labels, value) for name, labels, value in said["metrics"]]
            )
        return True

"""Units of work in the writer's queue: taken back, run, answered.

In:  units from any loop; a batch of them in the writer's thread.
Out: what is run by itself and what together; each result or failure on the loop that waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from awizo.errors import AwizoError
from awizo.store.database import NewRow, Together
from awizo.store.sqlite_file import as_store_error
from awizo.store.sqlite_transaction import SqliteTransaction


@dataclass(slots=True)
class Waiting:
    """A unit of work in the writer's queue; or an item for one that takes several."""

    unit: Callable[[Any], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    together: Together[Any] | None = None
    item: Any = None
    as_row: NewRow | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    started: bool = False
    abandoned: bool = False
    result: Any = None
    error: BaseException | None = None

    def start(self) -> bool:
        with self.lock:
            self.started = not self.abandoned
            return self.started

    def abandon(self) -> bool:
        """Take it back; False when it runs already."""
        with self.lock:
            self.abandoned = not self.started
            return self.abandoned

    async def done(self) -> Any:
        """Its result, on the loop that it belongs to; taken back when we are cancelled.

        What runs already goes on reading what it was given (a body, say): it is waited for.
        """
        try:
            return await self.future
        except asyncio.CancelledError:
            if not self.abandon():
                self.renew()
                await until_done(self.future)
            raise

    def renew(self) -> None:
        """On the loop: give the answer a place again, where the future went with who waited.

        (A shield would keep it, at the price of two more futures for each mail.)
        """
        if self.future.cancelled():
            self.future = self.loop.create_future()


def steps_of(batch: Sequence[Waiting]) -> list[list[Waiting]]:
    """What is run by itself, and what is run together, first."""
    groups: dict[Any, list[Waiting]] = {}
    single = []
    for waiting in batch:
        if waiting.together is None:
            single.append([waiting])
        else:
            groups.setdefault(waiting.together, []).append(waiting)
    return [*groups.values(), *single]


def run_step(tx: SqliteTransaction, step: Sequence[Waiting]) -> None:
    first = step[0]
    if len(step) == 1:
        first.result = first.unit(tx)
    else:
        assert first.together is not None
        first.together(tx, [waiting.item for waiting in step])


def tell(batch: Sequence[Waiting]) -> None:
    """Wake everybody of a batch that has ended, each on the loop where it waits."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Waiting]] = {}
    for waiting in batch:
        by_loop.setdefault(waiting.loop, []).append(waiting)
    for loop, done in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_hand_out, done)


def _hand_out(done: Sequence[Waiting]) -> None:
    """On the loop: hand out the results of a batch."""
    for waiting in done:
        waiting.renew()  # whoever waits may have been cancelled just now, and will look again
        if waiting.future.done():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)


def answer(error: BaseException, place: str) -> BaseException:
    """What the caller of a failed unit hears; our own bugs stay what they are."""
    if isinstance(error, sqlite3.Error | OSError) and not isinstance(error, AwizoError):
        told = as_store_error(error, place)
        told.__cause__ = error
        return told
    if isinstance(error, StopIteration):  # the one thing that a future cannot hold
        return RuntimeError("a unit of work raised StopIteration")
    return error


async def until_done(future: asyncio.Future[Any]) -> None:
    """Wait for a future through any further cancellation."""
    while not future.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([future])
    if not future.cancelled():
        future.exception()  # seen: nobody else will ask

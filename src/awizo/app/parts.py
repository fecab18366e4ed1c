"""What runs in the service: begun one after the other, looked at again, stopped in reverse.

In:  parts, each with what ends it; tasks that must not end by themselves.
Out: word of a task that crashed; every part stopped, whatever becomes of the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from awizo.telemetry.logging import places

log = structlog.get_logger()


class Parts:
    """The parts of one service, in the order in which they were started."""

    def __init__(self) -> None:
        self._stack: list[tuple[str, Callable[[], object]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._crashed = asyncio.Event()
        self._reload: list[Callable[[], object]] = []

    def on_stop(self, name: str, close: Callable[[], object]) -> None:
        self._stack.append((name, close))

    def stop_first(self, name: str) -> None:
        """Stop this part before all others, whenever it was started."""
        self._stack.sort(key=lambda part: part[0] == name)

    def stop_instead(self, name: str, close: Callable[[], object]) -> None:
        """Stop this in place of what was named last."""
        self._stack.pop()
        self.on_stop(name, close)

    def on_reload(self, look_again: Callable[[], object]) -> None:
        self._reload.append(look_again)

    def begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a task that ends only with the service."""
        task = asyncio.create_task(work)

        def ended(done: asyncio.Task[None]) -> None:
            if not done.cancelled() and (error := done.exception()) is not None:
                log.error(
                    "part_crashed", part=name, error=type(error).__name__, places=places(error)
                )
                self._crashed.set()

        task.add_done_callback(ended)
        self._tasks.append(task)

    def reload(self) -> None:
        for look_again in self._reload:
            look_again()

    async def wait(self, stopping: asyncio.Event) -> None:
        """Return when *stopping* is set, or raise when a part ended that must not end."""
        stop = asyncio.ensure_future(stopping.wait())
        crashed = asyncio.ensure_future(self._crashed.wait())
        await asyncio.wait({stop, crashed}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        crashed.cancel()
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def end_tasks(self) -> None:
        """Break off every task, and wait until it has ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Stop every part, the last started first; each gets its chance."""
        for name, close in reversed(self._stack):
            try:
                result = close()
                if asyncio.iscoroutine(result):
                    await result
            except Exception:
                log.exception("stop_failed", part=name)
        self._stack.clear()
        await self.end_tasks()
        self._tasks.clear()
        log.info("stopped")

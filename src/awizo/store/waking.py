"""Wake those that wait for work, from any thread, without losing a wake-up.

In:  ``ring()`` whenever something may have become due.
Out: ``wait()`` returns at once if the bell rang since this task last came back from it.

Each waiting task is remembered, so a ring between looking for work and waiting for it is not
lost, and several loops can wait on one bell.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any
from weakref import WeakKeyDictionary


class Bell:
    def __init__(self) -> None:
        self._rings = 0
        self._lock = threading.Lock()
        self._heard: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def ring(self) -> None:
        with self._lock:
            self._rings += 1
            waiting, self._waiting = self._waiting, set()
        for loop, event in waiting:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(event.set)

    async def wait(self, timeout_s: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        mine = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            heard = self._heard.get(task, -1)
            self._heard[task] = self._rings
            if heard != self._rings:
                return
            self._waiting.add(mine)
        try:
            async with asyncio.timeout(timeout_s):
                await mine[1].wait()
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting.discard(mine)
                self._heard[task] = self._rings

"""The event loop that the service runs on.

In:  a coroutine.
Out: its result.

uvloop where there is one: a command of SMTP costs a third of what it costs on asyncio's own
loop (measured, see docs/performance.md). Nothing else depends on which it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the fastest loop of this system; ``None`` for asyncio's own."""
    try:
        from uvloop import new_event_loop
    except ImportError:  # not on Windows, nor where its wheel was left out
        return None
    return new_event_loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` on the fastest loop."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


def prefer_throughput() -> None:
    """Ask Linux to schedule us as a batch, with all threads and processes that we begin later.

    For a service of several processes. Each wakes the others many times for a mail, and whoever
    is woken would take the core from whoever was about to wake three more; as a batch
    (SCHED_BATCH, sched(7)) it waits its turn. Measured, see docs/performance.md.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # another policy was chosen for us, or none allowed
            if os.sched_getscheduler(0) == os.SCHED_OTHER:
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

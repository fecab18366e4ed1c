"""Whether the service lives and is ready, from named probes.

In:  probes, each a coroutine function that raises when its part is not well.
Out: for ``/livez`` that the loop turns; for ``/readyz`` each part with its word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

PROBE_TIMEOUT_S = 5.0

Probe = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Readiness:
    ready: bool
    parts: dict[str, str]  # name → "ok" or what is wrong, one line


class Health:
    """Collects the probes of the parts that are running."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {}

    def add(self, name: str, probe: Probe) -> None:
        self._probes[name] = probe

    async def readiness(self) -> Readiness:
        """Ask every part at once; one that does not answer in 5 s is not ready."""
        names = list(self._probes)
        words = await asyncio.gather(*(self._ask(self._probes[name]) for name in names))
        parts = dict(zip(names, words, strict=True))
        return Readiness(ready=all(word == "ok" for word in words), parts=parts)

    @staticmethod
    async def _ask(probe: Probe) -> str:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await probe()
        except TimeoutError:
            return "no answer in time"
        except Exception as error:
            return type(error).__name__
        return "ok"

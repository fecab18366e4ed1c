"""Helper processes that read PDF files, kept ready, killed when one runs away.

In:  bytes of a file and what to do with them.
Out: the helper's answer, or :class:`HelperDied`.

Each helper does one file at a time. It ends by itself when it needs too much computing time or
memory, is killed when it takes too long all the same, and is replaced either way; after many
files, or once it has grown, it is let go before it can matter.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from awizo.documents.frames import LENGTHS, header_of, lengths, pack

log = structlog.get_logger()

HELPER = Path(__file__).with_name("helper.py")
START_TIMEOUT_S = 30.0  # a busy machine may take long to start a process
FILES_PER_HELPER = 1000
# The time given is computing time, which the helper holds itself to. On a machine with other
# work that takes longer by the clock, and no sound file may look damaged for that.
CLOCK_PER_COMPUTING = 4
PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")


class HelperDied(Exception):
    """The helper ended or was killed over this file."""


class WasDead(HelperDied):
    """The helper had ended before it could take the file: not the file's fault."""


@dataclass(slots=True, eq=False)
class Helper:
    """One process; ``files`` counts what it has read."""

    process: asyncio.subprocess.Process
    files: int = 0

    async def ask(
        self, header: dict[str, Any], content: bytes, *, timeout_s: float
    ) -> tuple[dict[str, Any], bytes]:
        """Send a question, wait for its answer.

        Raises:
            HelperDied: No answer in time, or none at all. The process is gone.
        """
        self.files += 1
        try:
            async with asyncio.timeout(timeout_s):
                return await self._ask(header, content)
        except (OSError, RuntimeError) as error:  # from writing: it is gone, or did not read it all
            await self.kill()
            kind = HelperDied if isinstance(error, TimeoutError) else WasDead
            raise kind(type(error).__name__) from error
        except (asyncio.IncompleteReadError, ValueError) as error:
            await self.kill()
            raise HelperDied(type(error).__name__) from error
        except asyncio.CancelledError:
            # Its answer would be taken for that of the next question.
            self.process.kill()
            raise

    async def _ask(self, header: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        assert self.process.stdin is not None
        self.process.stdin.write(pack(header, content))
        await self.process.stdin.drain()
        return await self.answer()

    async def answer(self) -> tuple[dict[str, Any], bytes]:
        """Read one frame."""
        assert self.process.stdout is not None
        head = await self.process.stdout.readexactly(LENGTHS.size)
        header_bytes, payload_bytes = lengths(head)
        header = header_of(await self.process.stdout.readexactly(header_bytes))
        return header, await self.process.stdout.readexactly(payload_bytes)

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@dataclass(slots=True)
class Pool:
    """At most ``size`` helpers at once; started when first needed, or by :meth:`warm_up`."""

    size: int
    memory_bytes: int
    timeout_s: float
    _idle: list[Helper] = field(default_factory=list)
    _alive: set[Helper] = field(default_factory=set)
    _free: asyncio.Semaphore = field(init=False)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.size)

    async def warm_up(self) -> None:
        """Start helpers up to the full number, so that the first file need not wait."""
        started = await asyncio.gather(*(self._start() for _ in range(self.size)))
        self._idle.extend(started)

    async def ask(self, header: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        """Have one helper do it.

        Raises:
            HelperDied: The file killed the helper, or no helper could be started.
        """
        question = {**header, "seconds": self.timeout_s}
        by_the_clock_s = self.timeout_s * CLOCK_PER_COMPUTING
        async with self._free:
            helper = self._idle.pop() if self._idle else await self._start()
            try:
                try:
                    answer, payload = await helper.ask(question, content, timeout_s=by_the_clock_s)
                except WasDead:
                    self._alive.discard(helper)
                    helper = await self._start()
                    answer, payload = await helper.ask(question, content, timeout_s=by_the_clock_s)
            except HelperDied as error:
                self._alive.discard(helper)
                log.warning(
                    "document_helper_killed",
                    ask=header["ask"],
                    size_bytes=len(content),
                    cause=str(error),
                )
                raise
            except asyncio.CancelledError:
                self._alive.discard(helper)
                raise
            grown = answer.get("rss_bytes", 0) > self.memory_bytes // 2
            if self._closed or grown or helper.files >= FILES_PER_HELPER:
                self._alive.discard(helper)
                await helper.kill()
            else:
                self._idle.append(helper)
            return answer, payload

    async def close(self) -> None:
        """End every helper; questions under way fail with :class:`HelperDied`."""
        self._closed = True
        self._idle.clear()
        await asyncio.gather(*(helper.kill() for helper in tuple(self._alive)))
        self._alive.clear()

    async def _start(self) -> Helper:
        if self._closed:
            raise HelperDied("closed")
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # our folder must not shadow anybody's modules
                str(HELPER),
                str(os.getpid()),
                str(self.memory_bytes),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            raise HelperDied("not_started") from error
        helper = Helper(process)
        self._alive.add(helper)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await helper.answer()
        except (TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            self._alive.discard(helper)
            await helper.kill()
            raise HelperDied("not_started") from error
        return helper

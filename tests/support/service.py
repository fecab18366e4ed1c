"""``awizo serve`` as its user runs it: a process of its own, on free ports of loopback.

In:  settings as environment variables.
Out: where it listens, what it logs, and a way to end it: politely, or by SIGKILL.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-c", "import sys; from awizo.cli import main; sys.exit(main())")
START_S = 90.0  # a busy machine takes its time
STOP_S = 60.0


def environment(folder: Path, **settings: Any) -> dict[str, str]:
    """Variables for a service that keeps everything in *folder*; ``a__b=1`` sets ``a.b``."""
    values: dict[str, Any] = {
        "store__url": f"sqlite:///{folder}/awizo.db",
        "intake__port": 0,
        "intake__min_free_bytes": 0,
        "intake__hostname": "mx.test",
        "panel__port": 0,
        "log__format": "json",
        "smarthost__tls": "none",
        **settings,
    }
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWIZO_")}
    return clean | {
        f"AWIZO_{key.upper()}": value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }


@dataclass
class Served:
    """A running service."""

    process: asyncio.subprocess.Process
    env: Mapping[str, str]
    folder: Path
    smtp: tuple[str, ...] = ()
    panel: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    _reading: asyncio.Task[None] | None = None
    _listening: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def port(self) -> int:
        return int(self.smtp[0].rpartition(":")[2])

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.raw.append(line.decode("utf-8", "replace"))
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                self.events.append(event)
                if event.get("event") == "listening":
                    self.smtp = tuple(event["smtp"])
                    self.panel = event["panel"] or ""
                    self._listening.set()
        self._listening.set()

    async def listening(self) -> None:
        self._reading = asyncio.create_task(self.read())
        async with asyncio.timeout(START_S):
            await self._listening.wait()
        if not self.smtp:
            raise AssertionError("it did not start:\n" + "".join(self.raw))

    async def kill(self) -> None:
        """SIGKILL: nothing is said, nothing is closed."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self._gone()

    async def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return await self._gone()

    async def _gone(self) -> int:
        async with asyncio.timeout(STOP_S):
            code = await self.process.wait()
        if self._reading is not None:
            await self._reading
        return code

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        """Another call of the program beside it: exit code, output, errors."""
        return await run_awizo(*arguments, env=self.env, folder=self.folder)

    async def queue(self) -> list[dict[str, Any]]:
        """What ``awizo queue list --json`` prints."""
        code, out, err = await self.run("queue", "list", "--json")
        assert code == 0, err
        return [json.loads(line) for line in out.splitlines()]


async def run_awizo(*arguments: str, env: Mapping[str, str], folder: Path) -> tuple[int, str, str]:
    """Call the program and wait for its end."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        cwd=folder,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def start(folder: Path, env: Mapping[str, str]) -> Served:
    """Start the service; returns once it listens."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "serve",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(env),
        cwd=folder,
        limit=1 << 20,
    )
    served = Served(process, env, folder)
    try:
        await served.listening()
    except BaseException:
        await served.kill()
        raise
    return served


@asynccontextmanager
async def a_service(folder: Path, **settings: Any) -> AsyncIterator[Served]:
    """A service for one test, ended with it."""
    served = await start(folder, environment(folder, **settings))
    try:
        yield served
    finally:
        await served.stop()

"""Start ``awizo serve`` again and again within milliseconds, and let it die at a given write.

Run as a program. In: one JSON object a line, ``{"settings": …, "die_at": N | null, "log": path,
"arrivals": bool}`` or ``{"wait": pid}``. Out: ``{"pid": …}`` or
``{"pid": …, "status": …, "points": …}``.

Everything is imported once; each service is a fork of that. A *write boundary* is the moment
before and the moment after each commit, each fsync, each rename and each new file: they are
counted, and at the N-th the process kills itself as SIGKILL does. Nothing of the service knows
of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from awizo import event_loop
from awizo.app import App
from awizo.book import load_book
from awizo.settings import Settings
from awizo.telemetry.logging import configure_logging

POINTS_FILE = "points"  # how many boundaries the service of this folder has passed


class Boundaries:
    """Counts write boundaries in this process; the N-th is its last."""

    def __init__(self, die_at: int | None, points_file: Path) -> None:
        self._die_at = die_at
        self._count = 0
        self._file = os.open(points_file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        self._real_pwrite = os.pwrite

    def passed(self, what: str) -> None:
        self._count += 1
        self._real_pwrite(self._file, f"{self._count} {what}".ljust(60).encode(), 0)
        if self._count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def bounded(*args: Any, **more: Any) -> Any:
            self.passed(f"before {name}")
            result = real(*args, **more)
            self.passed(f"after {name}")
            return result

        return bounded

    def install(self) -> None:
        boundaries = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if not sql.startswith("COMMIT"):
                    return super().execute(sql, *parameters)
                boundaries.passed("before commit")
                cursor = super().execute(sql, *parameters)
                boundaries.passed("after commit")
                return cursor

        real_connect = sqlite3.connect

        def connect(*args: Any, **more: Any) -> sqlite3.Connection:
            made: sqlite3.Connection = real_connect(*args, **{"factory": Connection, **more})
            return made

        sqlite3.connect = connect  # type: ignore[assignment]
        for name in ("fsync", "fdatasync", "replace", "rename", "link", "unlink"):
            setattr(os, name, self.around(name, getattr(os, name)))


async def serve(settings: Settings, *, arrivals: bool) -> None:
    """As ``awizo serve`` does; with *arrivals* it accepts as one of several intake processes."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    app = App(settings)
    await app.start()
    if arrivals:
        await app.stores.database.keep_arrivals()
    try:
        await app.wait(stopping)
    finally:
        await app.stop()


def begin(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        settings = Settings.model_validate(order["settings"])
        log = os.open(order["log"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        structlog.reset_defaults()
        configure_logging("info", "json")
        folder = Path(order["log"]).parent
        boundaries = Boundaries(order["die_at"], folder / POINTS_FILE)
        boundaries.install()
        event_loop.run(serve(settings, arrivals=order["arrivals"]))
    except BaseException as error:
        print(json.dumps({"event": "crashed", "error": repr(error)}), flush=True)
        os._exit(1)
    os._exit(0)


def main() -> None:
    load_book(Settings())
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(json.dumps({"pid": order["wait"], "status": status}), flush=True)
        else:
            print(json.dumps({"pid": begin(order)}), flush=True)


if __name__ == "__main__":
    main()

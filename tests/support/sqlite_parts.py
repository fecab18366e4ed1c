"""An SQLite store for tests: opened here and in other processes."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from awizo.settings import Store
from awizo.store import Stores
from awizo.store.sqlite import SqliteDatabase

SOURCE = Path(__file__).parents[2] / "src"


def settings(folder: Path, **changes: Any) -> Store:
    return Store(url=f"sqlite:///{folder}/awizo.db", **changes)


def database_of(stores: Stores) -> SqliteDatabase:
    assert isinstance(stores.database, SqliteDatabase)
    return stores.database


def content_files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "awizo.db.d").rglob("*") if path.is_file())


def program(folder: Path, body: str) -> str:
    """A program that opens the same store."""
    lines = "\n".join("    " + line.strip("\n")[8:] for line in body.splitlines())
    return f"""
import asyncio, json, sys
from dataclasses import replace
import structlog
from awizo.errors import *
from awizo.model import *
from awizo.settings import Store
from awizo.spool.port import *
from awizo.store import open_store
from support.store_parts import *

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main():
    stores = await open_store(Store(url="sqlite:///{folder}/awizo.db"))
    desk = Desk(stores.spool, "other:1")
{lines}
    await stores.close()

asyncio.run(main())
"""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{SOURCE}:{Path(__file__).parents[1]}"}


async def elsewhere(folder: Path, body: str) -> str:
    """Run it in another process; returns what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program(folder, body),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment(),
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()

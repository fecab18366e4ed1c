"""A service with several intake processes, and what the system knows of each.

In:  settings.
Out: the service, its processes, which of them has which connection.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

from awizo.emulator.sink import CatchingSmarthost
from awizo.resources import config_dir
from awizo.store.messages import NEW_DELIVERY_COLUMNS
from support.intake_parts import RawClient
from support.service import Served, a_service

PATIENCE_S = 60.0
PROCESSES = 3
TAKERS = PROCESSES - 1  # the first works on what the others take


def children_of(pid: int) -> list[int]:
    """The intake processes of a service."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"awizo.intake.child" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def takers_of(pid: int) -> list[int]:
    """The processes of a service that take mail: it does so itself where it is alone."""
    return children_of(pid) or [pid]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def connections_of(pid: int, port: int) -> int:
    """How many connections to *port* a process has open."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            kind, _, inode = str(link.readlink()).partition(":")
            if kind == "socket":
                inodes.add(inode.strip("[]"))
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        established = words[3] == "01"
        if established and int(words[1].split(":")[1], 16) == port and words[9] in inodes:
            count += 1
    return count


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not reached():  # noqa: ASYNC110 - states of other processes announce nothing
            await asyncio.sleep(0.02)


def recipients_in(folder: Path) -> Counter[str]:
    """Recipients of what is in the store, what was just accepted included."""
    with closing(sqlite3.connect(f"file:{folder}/awizo.db?mode=ro", uri=True)) as connection:
        return Counter(
            name
            for (name,) in connection.execute(
                "SELECT recipient FROM deliveries UNION ALL SELECT json_extract(entry.value, '$[' "
                "|| :place || ']') FROM inbox, json_each(inbox.record, '$.deliveries') AS entry",
                {"place": NEW_DELIVERY_COLUMNS.index("recipient")},
            )
        )


def no_rules(folder: Path) -> Path:
    """Empty files in the place of all rule files that come with Awizo."""
    empty = folder / "no-rules"
    empty.mkdir(exist_ok=True)
    for file in (config_dir() / "rules").glob("*.toml"):
        (empty / file.name).touch()
    return empty


@asynccontextmanager
async def several(
    folder: Path, processes: int = PROCESSES, **settings: Any
) -> AsyncIterator[tuple[Served, CatchingSmarthost]]:
    """A service with several intake processes and the smarthost it sends to.

    It judges without rules, unless *settings* name some, for it starts sooner then.
    """
    settings.setdefault("rules__dir", str(no_rules(folder)))
    smarthost = CatchingSmarthost()
    _, port = await smarthost.start()
    try:
        async with a_service(
            folder,
            smarthost__host="127.0.0.1",
            smarthost__port=port,
            intake__processes=processes,
            **settings,
        ) as served:
            yield served, smarthost
    finally:
        await smarthost.close()


def named(served: Served, event: str) -> list[dict[str, Any]]:
    return [one for one in served.events if one["event"] == event]


async def connected(port: int) -> RawClient:
    """A client that has been greeted."""
    client = RawClient(*await asyncio.open_connection("127.0.0.1", port))
    await client.reply(PATIENCE_S)
    await client.ask("EHLO shop.example")
    return client


async def handed_in(port: int, recipient: str) -> str:
    """One mail over a connection of its own; what was said to its final dot."""
    client = await connected(port)
    try:
        return await client.mail(b"Subject: x\r\n\r\nHello.\r\n", recipient=recipient)
    finally:
        await client.close()


def is_listening(port: int) -> bool:
    return any(
        words[3] == "0A" and int(words[1].split(":")[1], 16) == port
        for words in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
    )


async def connected_to(pid: int, port: int) -> RawClient:
    """A client that has come to this process of those that share the port."""
    while True:
        client = await connected(port)
        if connections_of(pid, port):
            return client
        await client.close()

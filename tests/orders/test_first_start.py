"""The first start reads a year of orders; killed at any moment, it goes on where it was."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.emulator.gate import Entry
from awizo.emulator.server import CLIENT_ID, CLIENT_SECRET, Emulator
from awizo.settings import Store
from awizo.store import open_store
from support.cli_parts import awizo, lines_of
from support.service import PROGRAM, environment


def spans(entries: list[Entry]) -> list[str]:
    """The end of the span that each page of the order list was asked for."""
    return [
        dict(one.query)["lineItems.boughtAt.lte"] for one in entries if one.operation == "orders"
    ]


async def test_history_goes_on_where_a_killed_process_left_it(tmp_path: Path) -> None:
    emulator = Emulator(scenarios=("slow=0.4,on=orders",))
    now = datetime.now(UTC)
    orders = [
        emulator.add_order(bought_at=(now - timedelta(days=days)).isoformat())
        for days in range(1, 360, 12)
    ]
    async with emulator.serving() as url:
        settings: dict[str, Any] = {
            "allegro__api_url": url,
            "allegro__auth_url": f"{url}/auth/oauth",
            "allegro__client_id": CLIENT_ID,
            "allegro__client_secret": CLIENT_SECRET,
        }
        store = Store(url=f"sqlite:///{tmp_path}/awizo.db")
        stores = await open_store(store)
        pair = emulator.issue_tokens()
        tokens = TokenPair(pair.access, pair.refresh, now + timedelta(hours=12), now)
        await stores.accounts.save(AccountRecord("default", tokens, connected_at=now))
        await stores.close()
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "orders", "sync", env=environment(tmp_path, **settings), cwd=tmp_path,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await under_way(emulator, page=4)  # three slices are kept
        process.send_signal(signal.SIGKILL)
        await process.wait()
        first = spans(emulator.requests)
        known = await count(store)

        out, _ = await awizo(tmp_path, "orders", "sync", "--json", **settings)

        second = spans(emulator.requests)[len(first) :]
        assert 0 < known < len(orders)
        assert second[0] == first[3], "not from the beginning"
        assert lines_of(out)[0]["orders"] == len(orders)
        assert await count(store) == len(orders)


async def under_way(emulator: Emulator, *, page: int) -> None:
    """Wait until that page of the order list was asked for."""
    async with asyncio.timeout(60):
        while True:
            if len(spans(emulator.requests)) >= page:
                return
            await asyncio.sleep(0.02)


async def count(store: Store) -> int:
    stores = await open_store(store)
    try:
        return await stores.orders.count("default")
    finally:
        await stores.close()

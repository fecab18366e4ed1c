"""A store for each test, and a panel on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from awizo.settings import Store
from awizo.store import Stores, open_store
from support.panel_parts import Browser, Clock, a_panel
from support.store_parts import Desk


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def stores(tmp_path: Path, clock: Clock) -> AsyncIterator[Stores]:
    opened = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"), now=clock)
    yield opened
    await opened.close()


@pytest.fixture
def desk(stores: Stores) -> Desk:
    return Desk(stores.spool)


@pytest.fixture
async def browser(stores: Stores, clock: Clock) -> AsyncIterator[Browser]:
    opened = a_panel(stores, clock)
    yield opened
    await opened.http.aclose()
    opened.panel.close()

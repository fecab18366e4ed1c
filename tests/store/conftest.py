"""A fresh store for each test, on every body: SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from awizo.settings import Store
from awizo.store import Stores, open_store
from support.store_parts import NOON, Desk

BODIES = ("sqlite",)


@pytest.fixture(params=BODIES)
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Settings of a store that nobody has used yet."""
    return Store(url=f"sqlite:///{tmp_path}/awizo.db")


@pytest.fixture
async def stores(store_settings: Store) -> AsyncIterator[Stores]:
    opened = await open_store(store_settings, now=lambda: NOON)
    yield opened
    await opened.close()


@pytest.fixture
async def desk(stores: Stores) -> Desk:
    return Desk(stores.spool)

"""A fresh store for each test, on every body: SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from awizo.settings import Store
from awizo.store import Stores, open_store
from awizo.store.postgresql import PostgresqlDatabase
from support.postgresql import Server, Unavailable
from support.store_parts import NOON, Desk

BODIES = ("sqlite", "postgresql")
TEMPLATE = "awizo_template"
SHARED = "awizo_shared"
EMPTY = """DO $$
BEGIN
    EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
        FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'awizo_schema');
END
$$"""


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """One server for the whole session (of each worker), with a migrated database to copy."""
    try:
        server = Server()
    except Unavailable as error:
        pytest.skip(f"no PostgreSQL here: {error}")
    try:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(PostgresqlDatabase(server.url(TEMPLATE)).close())
        server.execute(f"CREATE DATABASE {SHARED} TEMPLATE {TEMPLATE}")
        yield server
    finally:
        server.close()


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> str:
    """A database with our schema in which nothing is stored; quickly had."""
    postgresql_server.execute(EMPTY, SHARED)
    return postgresql_server.url(SHARED)


@pytest.fixture
def fresh_postgresql_url(postgresql_server: Server) -> str:
    """A database with our schema that the test may change as it likes."""
    return postgresql_server.new_database(like=TEMPLATE)


@pytest.fixture(params=BODIES)
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Settings of a store that nobody has used yet."""
    if request.param == "sqlite":
        return Store(url=f"sqlite:///{tmp_path}/awizo.db")
    key = tmp_path / "awizo.key"
    key.write_bytes(base64.b64encode(b"k" * 32))
    key.chmod(0o600)
    return Store(url=request.getfixturevalue("postgresql_url"), key_file=key)


@pytest.fixture
async def stores(store_settings: Store) -> AsyncIterator[Stores]:
    opened = await open_store(store_settings, now=lambda: NOON)
    yield opened
    await opened.close()


@pytest.fixture
async def desk(stores: Stores) -> Desk:
    return Desk(stores.spool)

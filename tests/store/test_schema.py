"""A store of an older version is brought up to date, wholly or not at all."""

from __future__ import annotations

import pytest

import awizo.store.schema as schema
from awizo.errors import StoreError
from awizo.settings import Store
from awizo.store import open_store
from awizo.store.database import POSTGRESQL, SQLITE
from awizo.store.schema import Migration
from support.postgresql import Server
from support.store_parts import BODY, Desk, a_message, accepted

NEXT = """
-- Adds a column and a table; the table differs.
ALTER TABLE alerts ADD COLUMN seen SMALLINT NOT NULL DEFAULT 0;

-- only: sqlite
CREATE TABLE extras (id $identity, data $blob) STRICT;

-- only: postgresql
CREATE TABLE extras (id $identity, data $blob);

INSERT INTO extras (id, data) VALUES (7, NULL);
"""


@pytest.fixture
def fresh_settings(store_settings: Store, request: pytest.FixtureRequest) -> Store:
    """A store whose schema may be changed."""
    if store_settings.url.startswith("sqlite"):
        return store_settings
    server: Server = request.getfixturevalue("postgresql_server")
    return store_settings.model_copy(update={"url": server.new_database(like="awizo_template")})


def with_next(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """As a later version of the program would have it."""
    known = schema.migrations()
    later = [*known, Migration(known[-1].number + 1, "next.sql", text)]
    monkeypatch.setattr(schema, "migrations", lambda: later)


async def test_an_older_store_is_brought_up_to_date_with_all_that_is_in_it(
    fresh_settings: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await open_store(fresh_settings)
    await accepted(old.spool)
    await old.close()

    with_next(monkeypatch, NEXT)
    for _ in range(2):  # the second time there is nothing to do
        new = await open_store(fresh_settings)
        assert await new.spool.content(a_message().id) == BODY
        assert await new.database.read(lambda tx: tx.rows("SELECT id FROM extras")) == [{"id": 7}]
        await new.spool.raise_alert(
            cause="x", account=None, text="t", now=a_message().envelope.received_at,
            repeat_after_h=1,
        )  # fmt: skip
        await new.close()


async def test_a_migration_that_fails_leaves_the_store_to_the_older_version(
    fresh_settings: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await open_store(fresh_settings)
    await accepted(old.spool)
    await old.close()

    with monkeypatch.context() as patch:
        with_next(patch, NEXT + "\nINSERT INTO nowhere (id) VALUES (1);\n")
        with pytest.raises(StoreError):
            await open_store(fresh_settings)

    again = await open_store(fresh_settings)
    assert len(await Desk(again.spool).ids()) == 1
    with pytest.raises(StoreError):
        await again.database.read(lambda tx: tx.rows("SELECT id FROM extras"))
    await again.close()


async def test_an_older_program_leaves_a_newer_store_alone(
    fresh_settings: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        with_next(patch, NEXT)
        await (await open_store(fresh_settings)).close()
    with pytest.raises(StoreError, match="newer Awizo"):
        await open_store(fresh_settings)


def test_statements_are_parted_and_meant_for_one_database() -> None:
    statements = {
        dialect.name: list(Migration(2, "next.sql", NEXT).statements(dialect))
        for dialect in (SQLITE, POSTGRESQL)
    }
    assert len(statements["sqlite"]) == len(statements["postgresql"]) == 3
    assert "BLOB" in statements["sqlite"][1]
    assert "BYTEA" in statements["postgresql"][1]


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [migration.number for migration in schema.migrations()]
    assert numbers == list(range(1, len(numbers) + 1))

"""``awizo spool``: nothing is lost on the way into a backup, back, or to another database."""

from __future__ import annotations

from pathlib import Path

from awizo.settings import Store
from awizo.store import open_store
from support.cli_parts import awizo, lines_of
from support.store_parts import BODY, NOON, SOMEBODY, accepted

LARGE = b"Subject: large\r\n\r\n" + b"x" * 78 + b"\r\n" * 50_000


async def some_mails(folder: Path) -> None:
    """A small mail and one whose content is a file of its own."""
    stores = await open_store(Store(url=f"sqlite:///{folder}/awizo.db"), now=lambda: NOON)
    try:
        await accepted(stores.spool, 1, recipients=(SOMEBODY,))
        await accepted(stores.spool, 2, recipients=(SOMEBODY,), body=LARGE)
    finally:
        await stores.close()


async def contents(folder: Path) -> list[bytes]:
    stores = await open_store(Store(url=f"sqlite:///{folder}/awizo.db"))
    try:
        return [
            await stores.spool.content(stored.delivery.message.id)
            async for stored in stores.spool.list()
        ]
    finally:
        await stores.close()


async def test_a_backup_is_brought_back_whole(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    await some_mails(old)
    before, _ = await awizo(old, "queue", "list", "--json")

    _, advice = await awizo(old, "spool", "backup", tmp_path / "backup.db")
    out, _ = await awizo(new, "spool", "restore", tmp_path / "backup.db")
    after, _ = await awizo(new, "queue", "list", "--json")

    assert "awizo.db.key" in advice
    assert "2 mails, 2 deliveries" in out
    assert lines_of(after) == lines_of(before)
    assert await contents(new) == [BODY, LARGE]


async def test_nothing_is_overwritten(tmp_path: Path) -> None:
    await some_mails(tmp_path)
    await awizo(tmp_path, "spool", "backup", "backup.db")

    _, twice = await awizo(tmp_path, "spool", "backup", "backup.db", expect=1)
    _, full = await awizo(tmp_path, "spool", "restore", "backup.db", expect=1)
    _, nothing = await awizo(tmp_path, "spool", "restore", "nope.db", expect=1)

    assert "exists already" in twice
    assert "not empty" in full
    assert "nope.db" in nothing


async def test_a_moved_store_says_where_it_went_and_takes_nothing_any_more(
    tmp_path: Path,
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    await some_mails(tmp_path)
    source, target = f"sqlite:///{tmp_path}/awizo.db", f"sqlite:///{new}/awizo.db"

    out, _ = await awizo(tmp_path, "spool", "migrate", source, target)
    moved, _ = await awizo(new, "queue", "list", "--json")
    _, refused = await awizo(tmp_path, "queue", "list", expect=1)

    assert "2 mails" in out
    assert len(lines_of(moved)) == 2
    assert await contents(new) == [BODY, LARGE]
    assert str(new) in refused


async def test_a_wrong_address_is_told(tmp_path: Path) -> None:
    _, where = await awizo(tmp_path, "spool", "migrate", "sqlite:///x.db", expect=1)
    _, what = await awizo(tmp_path, "spool", "migrate", "mysql://x", "sqlite:///y", expect=1)
    _, nothing = await awizo(tmp_path, "spool", "migrate", "sqlite:///x", "--undo", expect=1)

    assert "FROM TO" in where
    assert "postgresql://" in what
    assert "there is no database x" in nothing

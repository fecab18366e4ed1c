"""The contract of the accounts: tokens sealed at rest, one refresher at a time."""

from __future__ import annotations

import asyncio
import base64
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.errors import SettingsError
from awizo.settings import Store
from awizo.store import Stores, open_store
from awizo.store.accounts import DatabaseAccounts
from awizo.store.database import Transaction
from awizo.store.locks import Locks
from support.store_parts import NOON

ACCESS, REFRESH, SECRET = "access-canary-1f6b", "refresh-canary-9a2c", "client-canary-77de"
TOKENS = TokenPair(ACCESS, REFRESH, NOON + timedelta(hours=12), NOON, "before-canary-0001")
RECORD = AccountRecord(
    name="default",
    tokens=TOKENS,
    seller_id="1",
    login="sklep",
    email="sklep@example.pl",
    marketplace="allegro-pl",
    connected_at=NOON,
    client_id="abc",
    client_secret=SECRET,
)


@pytest.fixture
async def accounts(stores: Stores) -> DatabaseAccounts:
    return stores.accounts


async def test_an_account_comes_back_as_it_was_saved(accounts: DatabaseAccounts) -> None:
    assert await accounts.get("default") is None
    await accounts.save(RECORD)
    assert await accounts.get("default") == RECORD
    other = AccountRecord("another")
    await accounts.save(other)
    assert await accounts.all() == [other, RECORD]


async def test_a_saved_account_takes_the_place_of_the_old(accounts: DatabaseAccounts) -> None:
    await accounts.save(RECORD)
    without = AccountRecord("default", login="sklep2")
    await accounts.save(without)
    assert await accounts.get("default") == without


async def test_an_account_is_paused_and_goes_on(accounts: DatabaseAccounts) -> None:
    await accounts.save(RECORD)
    await accounts.pause("default", "invalid_grant")
    assert await accounts.get("default") == replace(RECORD, paused="invalid_grant")
    await accounts.pause("default", None)
    assert await accounts.get("default") == RECORD
    await accounts.pause("unknown", "x")
    assert await accounts.get("unknown") is None


async def test_a_removed_account_is_gone(accounts: DatabaseAccounts) -> None:
    await accounts.save(RECORD)
    await accounts.remove("default")
    await accounts.remove("default")
    assert await accounts.all() == []


async def test_tokens_are_durable_and_open_again(store_settings: Store) -> None:
    first = await open_store(store_settings)
    await first.accounts.save(RECORD)
    await first.close()
    again = await open_store(store_settings)
    assert await again.accounts.get("default") == RECORD
    await again.close()


async def test_no_secret_stands_in_the_clear_in_any_row(stores: Stores) -> None:
    await stores.accounts.save(RECORD)
    rows = await stores.database.read(lambda tx: tx.rows("SELECT * FROM accounts"))
    for canary in (ACCESS, REFRESH, SECRET, "before-canary-0001"):
        assert canary not in str(rows)


async def test_tokens_sealed_for_one_account_do_not_open_for_another(stores: Stores) -> None:
    await stores.accounts.save(RECORD)
    await stores.accounts.save(replace(RECORD, name="other"))

    def swap(tx: Transaction) -> None:
        tx.execute(
            "UPDATE accounts SET tokens = "
            "(SELECT a.tokens FROM accounts a WHERE a.account = 'default') "
            "WHERE account = 'other'"
        )

    await stores.database.write(swap)
    with pytest.raises(SettingsError):
        await stores.accounts.get("other")


async def test_the_same_secret_sealed_twice_looks_different(stores: Stores) -> None:
    async def sealed() -> Any:
        await stores.accounts.save(RECORD)
        row = await stores.database.read(lambda tx: tx.row("SELECT tokens FROM accounts"))
        assert row is not None
        return row["tokens"]

    assert await sealed() != await sealed()


async def test_records_do_not_show_their_secrets() -> None:
    for canary in (ACCESS, REFRESH, SECRET):
        assert canary not in repr(RECORD)


async def test_secrets_can_be_dropped_when_their_key_is_lost(stores: Stores) -> None:
    await stores.accounts.save(RECORD)
    await stores.accounts.forget_secrets()
    await stores.accounts.check_key()
    assert await stores.accounts.get("default") == replace(
        RECORD, tokens=None, client_id="", client_secret=""
    )


# -- one refresher -------------------------------------------------------------------------------


async def test_a_refresher_sees_the_account_as_the_one_before_left_it(
    accounts: DatabaseAccounts,
) -> None:
    await accounts.save(RECORD)
    entered = asyncio.Event()
    seen: list[str] = []

    async def first() -> None:
        async with accounts.refreshing("default") as record:
            entered.set()
            assert record == RECORD
            await asyncio.sleep(0.1)
            await accounts.save(replace(record, login="renewed"))

    async def second() -> None:
        await entered.wait()
        async with accounts.refreshing("default") as record:
            seen.append(record.login)

    await asyncio.gather(first(), second())
    assert seen == ["renewed"]


async def test_an_unknown_account_is_refreshed_by_one_at_a_time_too(
    accounts: DatabaseAccounts,
) -> None:
    async with accounts.refreshing("new") as record:
        assert record == AccountRecord("new")


async def test_accounts_do_not_wait_for_each_other(accounts: DatabaseAccounts) -> None:
    async with accounts.refreshing("one"), accounts.refreshing("two"):
        pass


@asynccontextmanager
async def replicas(settings: Store, count: int) -> AsyncIterator[list[DatabaseAccounts]]:
    """The same store opened several times, with short times for who is dead."""
    opened = [await open_store(settings) for _ in range(count)]
    try:
        yield [
            DatabaseAccounts(
                stores.database,
                stores.accounts._key,
                locks=Locks(stores.database, dead_after_s=0.6, renew_s=0.1, look_s=0.02),
            )
            for stores in opened
        ]
    finally:
        for stores in opened:
            await stores.close()


async def test_of_all_tasks_and_replicas_one_refreshes_at_a_time(store_settings: Store) -> None:
    inside = most = rounds = 0

    async def refresh(accounts: DatabaseAccounts) -> None:
        nonlocal inside, most, rounds
        async with accounts.refreshing("default"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1
            rounds += 1

    async with replicas(store_settings, 3) as all_of_them:
        await asyncio.gather(*(refresh(one) for one in all_of_them for _ in range(4)))
    assert (most, rounds) == (1, 12)


async def test_a_refresher_that_takes_long_is_not_taken_for_dead(store_settings: Store) -> None:
    async with replicas(store_settings, 2) as (one, two):
        order: list[str] = []

        async def waits() -> None:
            async with two.refreshing("default"):
                order.append("two")

        async with one.refreshing("default"):
            waiting = asyncio.create_task(waits())
            await asyncio.sleep(1.5)
            order.append("one")
        await asyncio.wait_for(waiting, 30)
    assert order == ["one", "two"]


async def test_the_right_of_a_dead_refresher_passes_on(store_settings: Store) -> None:
    async with replicas(store_settings, 1) as (one,):

        def leave_behind(tx: Transaction) -> None:
            tx.execute(
                "INSERT INTO locks (name, owner, until) VALUES ('refresh default', 'dead', 5)"
            )

        await one._database.write(leave_behind)
        async with asyncio.timeout(30), one.refreshing("default"):
            pass


async def test_the_right_is_given_back_when_its_holder_fails_or_is_cancelled(
    stores: Stores,
) -> None:
    accounts = stores.accounts
    with pytest.raises(ZeroDivisionError):
        async with accounts.refreshing("default"):
            raise ZeroDivisionError

    async def holds() -> None:
        async with accounts.refreshing("default"):
            await asyncio.sleep(60)

    holding = asyncio.create_task(holds())
    await asyncio.sleep(0.1)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    assert await stores.database.read(lambda tx: tx.rows("SELECT * FROM locks")) == []


# -- the key -------------------------------------------------------------------------------------


def beside(tmp_path: Path, **settings: Any) -> Store:
    return Store(url=f"sqlite:///{tmp_path}/awizo.db", **settings)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def key_file(tmp_path: Path, content: bytes | None = None, name: str = "my.key") -> Path:
    path = tmp_path / name
    path.write_bytes(content if content is not None else b"QUJD" * 10 + b"QUI=\n")
    path.chmod(0o600)
    return path


async def test_beside_sqlite_a_key_is_made_at_first_need_for_this_user_alone(
    tmp_path: Path,
) -> None:
    stores = await open_store(beside(tmp_path))
    await stores.accounts.save(AccountRecord("default"))
    assert not (tmp_path / "awizo.db.key").exists()
    await stores.accounts.save(RECORD)
    await stores.close()
    mode = (tmp_path / "awizo.db.key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert [path.name for path in files_in(tmp_path) if ".key" in path.name] == ["awizo.db.key"]


async def test_no_secret_can_be_read_in_any_file_of_the_store(tmp_path: Path) -> None:
    stores = await open_store(beside(tmp_path))
    await stores.accounts.save(RECORD)
    await stores.backup(tmp_path / "copy.db")
    contents = [path.read_bytes() for path in files_in(tmp_path)]
    await stores.close()
    assert any(b"sklep@example.pl" in content for content in contents)  # it would be seen
    for canary in (ACCESS, REFRESH, SECRET):
        assert not any(canary.encode() in content for content in contents)


async def test_two_processes_at_first_need_make_one_key(tmp_path: Path) -> None:
    opened = [await open_store(beside(tmp_path)) for _ in range(4)]
    await asyncio.gather(
        *(
            stores.accounts.save(replace(RECORD, name=f"a{number}"))
            for number, stores in enumerate(opened)
        )
    )
    assert len(await opened[0].accounts.all()) == 4
    for stores in opened:
        await stores.close()


async def test_a_wrong_key_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    stores = await open_store(beside(tmp_path))
    await stores.accounts.save(RECORD)
    await stores.close()
    wrong = key_file(tmp_path)
    with pytest.raises(SettingsError, match=r"my\.key is not the one"):
        await open_store(beside(tmp_path, key_file=wrong))


async def test_a_lost_key_is_told_at_once_and_none_is_made_in_its_place(tmp_path: Path) -> None:
    stores = await open_store(beside(tmp_path))
    await stores.accounts.save(RECORD)
    await stores.close()
    (tmp_path / "awizo.db.key").unlink()
    with pytest.raises(SettingsError, match=r"awizo\.db\.key is not there; put it back"):
        await open_store(beside(tmp_path))
    assert not (tmp_path / "awizo.db.key").exists()


async def test_a_lost_key_is_replaced_when_the_tokens_are_given_up(tmp_path: Path) -> None:
    stores = await open_store(beside(tmp_path))
    await stores.accounts.save(RECORD)
    await stores.close()
    (tmp_path / "awizo.db.key").unlink()
    stores = await open_store(beside(tmp_path), forget_secrets=True)
    await stores.accounts.save(RECORD)
    assert await stores.accounts.get("default") == RECORD
    await stores.close()


async def test_a_key_file_of_one_s_own_is_never_made_up(tmp_path: Path) -> None:
    stores = await open_store(beside(tmp_path, key_file=tmp_path / "none.key"))
    with pytest.raises(SettingsError, match="make one with"):
        await stores.accounts.save(RECORD)
    assert await stores.accounts.all() == []
    await stores.close()


@pytest.mark.parametrize(
    "content", [b"", b"secret", b"QUJD", b"\xff\xfe\x00", b"QUJD" * 11 + b"\n"]
)
async def test_a_file_that_holds_no_key_is_refused(content: bytes, tmp_path: Path) -> None:
    stores = await open_store(beside(tmp_path, key_file=key_file(tmp_path, content)))
    with pytest.raises(SettingsError, match="holds no key"):
        await stores.accounts.save(RECORD)
    await stores.close()


async def test_a_key_that_others_can_read_is_used_with_a_warning(tmp_path: Path) -> None:
    path = key_file(tmp_path)
    path.chmod(0o644)
    stores = await open_store(beside(tmp_path, key_file=path))
    with capture_logs() as logs:
        await stores.accounts.save(RECORD)
    assert "key_file_open_to_others" in [entry["event"] for entry in logs]
    assert await stores.accounts.get("default") == RECORD
    await stores.close()


async def test_a_key_may_come_from_the_environment_in_place_of_a_file(tmp_path: Path) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    stores = await open_store(beside(tmp_path, key=key))
    await stores.accounts.save(RECORD)
    await stores.close()

    again = await open_store(beside(tmp_path, key=key))
    assert await again.accounts.get("default") == RECORD
    await again.close()
    assert not (tmp_path / "awizo.db.key").exists()
    with pytest.raises(SettingsError, match="is not the one"):
        await open_store(beside(tmp_path, key=base64.b64encode(b"x" * 32).decode()))
    with pytest.raises(SettingsError, match="holds no key"):
        await open_store(beside(tmp_path, key="secret"))

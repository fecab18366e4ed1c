"""What every database promises to a unit of work, whatever the unit does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import pytest

from awizo.errors import NotFound, StoreError
from awizo.store import Stores
from awizo.store.database import Transaction
from awizo.store.sqlite_units import Waiting, tell
from support.store_parts import Desk, accepted

BUGS = [StopIteration, SystemExit, MemoryError, ZeroDivisionError]


@pytest.mark.parametrize("bug", BUGS)
async def test_whatever_a_unit_raises_everybody_gets_an_answer_and_the_store_goes_on(
    bug: type[BaseException], stores: Stores
) -> None:
    def unit(tx: Transaction) -> None:
        tx.execute("INSERT INTO facts (name, value) VALUES ('half', '')")
        raise bug

    answers = await asyncio.gather(
        accepted(stores.spool, 1),
        _caught(stores.database.write(unit)),
        accepted(stores.spool, 2),
    )
    assert isinstance(answers[1], RuntimeError if bug is StopIteration else bug)
    assert isinstance(await _caught(stores.database.write(unit)), BaseException)
    await accepted(stores.spool, 3)
    assert len(await Desk(stores.spool).ids()) == 3
    assert await stores.database.read(lambda tx: tx.rows("SELECT * FROM facts")) == []


async def _caught(wish: Awaitable[None]) -> BaseException | None:
    try:
        await wish
    except BaseException as error:
        return error
    return None


@pytest.mark.parametrize("bug", BUGS)
async def test_whatever_a_unit_raises_while_it_reads_it_is_answered(
    bug: type[BaseException], stores: Stores
) -> None:
    def unit(tx: Transaction) -> None:
        raise bug

    for _ in range(10):
        answer = await _caught(stores.database.read(unit))
        assert isinstance(answer, RuntimeError if bug is StopIteration else bug)
    assert (await stores.spool.counts()).oldest_unsettled_at is None


async def test_a_unit_that_only_reads_cannot_write(stores: Stores) -> None:
    with pytest.raises(StoreError):
        await stores.database.read(
            lambda tx: tx.execute("INSERT INTO facts (name, value) VALUES ('x', '')")
        )
    assert await stores.database.read(lambda tx: tx.rows("SELECT * FROM facts")) == []


async def test_a_failure_of_ours_passes_through_and_nothing_of_its_unit_is_kept(
    stores: Stores,
) -> None:
    def unit(tx: Transaction) -> None:
        tx.execute("INSERT INTO facts (name, value) VALUES ('x', '')")
        raise NotFound("no such thing")

    with pytest.raises(NotFound, match="no such thing"):
        await stores.database.write(unit)
    assert await stores.database.read(lambda tx: tx.rows("SELECT * FROM facts")) == []


async def test_a_wrong_statement_is_a_store_error_and_the_store_goes_on(stores: Stores) -> None:
    for _ in range(3):
        with pytest.raises(StoreError):
            await stores.database.write(lambda tx: tx.execute("INSERT INTO nowhere VALUES (1)"))
        with pytest.raises(StoreError):
            await stores.database.read(lambda tx: tx.rows("SELECT * FROM nowhere"))
    await accepted(stores.spool)


async def test_one_view_is_read_from_beginning_to_end(stores: Stores) -> None:
    loop = asyncio.get_running_loop()

    def unit(tx: Transaction) -> tuple[int, int]:
        before = len(tx.rows("SELECT id FROM messages"))
        asyncio.run_coroutine_threadsafe(accepted(stores.spool), loop).result(30)
        return before, len(tx.rows("SELECT id FROM messages"))

    assert await stores.database.read(unit) == (0, 0)
    assert len(await Desk(stores.spool).ids()) == 1


async def test_a_write_that_is_cancelled_as_its_answer_comes_ends(stores: Stores) -> None:
    for _ in range(20):
        writes = [
            asyncio.create_task(stores.database.write(lambda tx: tx.rows("SELECT 1 AS one")))
            for _ in range(10)
        ]
        await asyncio.sleep(0)
        time.sleep(0.01)  # noqa: ASYNC251 - the answers wait for the loop, and so do the cancels
        for write in writes:
            write.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(*writes, return_exceptions=True)


async def test_an_answer_that_finds_nobody_waiting_is_kept_for_whoever_looks_again() -> None:
    loop = asyncio.get_running_loop()
    waiting = Waiting(lambda tx: 1, loop, loop.create_future())
    task = asyncio.create_task(waiting.done())
    await asyncio.sleep(0)
    waiting.start()
    waiting.result = 1

    loop.call_soon(task.cancel)
    tell([waiting])

    async with asyncio.timeout(5):
        await asyncio.wait([task])
    assert task.cancelled()

"""``awizo login`` and ``awizo orders`` against the emulator, as stories."""

from __future__ import annotations

import asyncio
import os
import pty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from awizo.emulator.server import CLIENT_ID, CLIENT_SECRET, Emulator
from support.cli_parts import awizo, lines_of
from support.service import PROGRAM, environment


@asynccontextmanager
async def an_allegro(**options: Any) -> AsyncIterator[tuple[Emulator, dict[str, Any]]]:
    """An emulator over HTTP, and the settings that lead to it."""
    emulator = Emulator(**options)
    async with emulator.serving() as url:
        yield (
            emulator,
            {
                "allegro__api_url": url,
                "allegro__auth_url": f"{url}/auth/oauth",
                "allegro__client_id": CLIENT_ID,
                "allegro__client_secret": CLIENT_SECRET,
            },
        )


def tokens_of(emulator: Emulator) -> list[str]:
    """Every token that was ever issued."""
    pairs = emulator.auth._by_access.values()
    return [token for pair in pairs for token in (pair.access, pair.refresh)]


async def test_without_a_terminal_address_and_code_are_printed_and_it_waits(
    tmp_path: Path,
) -> None:
    async with an_allegro(confirm_after_polls=2) as (_, settings):
        out, err = await awizo(tmp_path, "login", **settings)

    assert "http://127.0.0.1" in out
    assert "Code " in out
    assert "connected as sprzedawca_default" in out
    assert "allegro_status_mail" in err
    assert "default@sklep.example" in err
    assert "█" not in out


async def test_code_and_address_come_before_anybody_confirms(tmp_path: Path) -> None:
    async with an_allegro(confirm_after_polls=None) as (emulator, settings):
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "login", env=environment(tmp_path, **settings), cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(90):
            while not (line := (await process.stdout.readline()).decode()).startswith("Code"):
                assert line, "it ended without a code"
            assert emulator.confirm(line.split(maxsplit=1)[1].strip())
            assert await process.wait() == 0


async def test_on_a_terminal_a_qr_code_is_drawn_too(tmp_path: Path) -> None:
    async with an_allegro(confirm_after_polls=1) as (_, settings):
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "login", env=environment(tmp_path, **settings) | {"TERM": "xterm"},
            cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs)
        assert await process.wait() == 0
        shown = os.read(ours, 65_536).decode("utf-8", "replace")
        os.close(ours)

    assert any(block in shown for block in "█▀▄")


async def test_the_tokens_are_kept_sealed_and_the_account_can_be_used(tmp_path: Path) -> None:
    async with an_allegro() as (emulator, settings):
        emulator.add_order(buyer="Jan Kowalski", email="8awgqyk6a5+cub31c122@allegromail.pl")
        emulator.add_order(buyer="Anna Nowak")
        await awizo(tmp_path, "login", "--json", **settings)

        synced, _ = await awizo(tmp_path, "orders", "sync", "--json", **settings)
        found, _ = await awizo(
            tmp_path, "orders", "find", "8AWGQYK6a5+cub31c122@allegromail.pl", "--json", **settings
        )
        nothing, complaint = await awizo(
            tmp_path, "orders", "find", "nobody@x", expect=1, **settings
        )
        checked, _ = await awizo(tmp_path, "check", "--json", expect=1, **settings)

    assert lines_of(synced)[0]["orders"] == 2
    (order,) = lines_of(found)
    assert order["buyer_name"] == "Jan Kowalski"
    assert order["status"] == "READY_FOR_PROCESSING"
    assert nothing == ""
    assert "orders sync" in complaint
    checks = {line["check"]: line for line in lines_of(checked)}
    assert checks["account default"]["ok"]
    assert "2 orders known" in checks["account default"]["words"]
    assert checks["account default senders"]["ok"]
    stored = (tmp_path / "awizo.db").read_bytes()
    assert tokens_of(emulator)
    assert not [token for token in tokens_of(emulator) if token[:40].encode() in stored]
    assert (tmp_path / "awizo.db.key").stat().st_mode & 0o777 == 0o600


async def test_an_account_of_its_own_name_is_connected_alone(tmp_path: Path) -> None:
    accounts: dict[str, Any] = {"lampa": {}, "kwiaty": {}}
    async with an_allegro() as (_, settings):
        _, err = await awizo(tmp_path, "login", expect=1, accounts=accounts, **settings)
        assert "--account lampa | kwiaty" in err
        await awizo(tmp_path, "login", "--account", "lampa", accounts=accounts, **settings)
        checked, _ = await awizo(
            tmp_path, "check", "--json", expect=1, accounts=accounts, **settings
        )

    checks = {line["check"]: line for line in lines_of(checked)}
    assert checks["account lampa"]["ok"]
    assert not checks["account kwiaty"]["ok"]
    assert "awizo login --account kwiaty" in checks["account kwiaty"]["words"]


async def test_the_wrong_seller_is_not_connected(tmp_path: Path) -> None:
    async with an_allegro() as (_, settings):
        accounts = {"default": {"login": "somebody_else"}}
        _, err = await awizo(tmp_path, "login", expect=1, accounts=accounts, **settings)
        checked, _ = await awizo(tmp_path, "check", expect=1, accounts=accounts, **settings)

    assert "confirmed as sprzedawca_default" in err
    assert "not connected" in checked


async def test_a_wrong_client_secret_is_told(tmp_path: Path) -> None:
    async with an_allegro() as (_, settings):
        wrong = settings | {"allegro__client_secret": "wrong"}
        _, err = await awizo(tmp_path, "login", expect=1, **wrong)

    assert "client_secret" in err
    assert len(err.splitlines()) == 1


async def test_a_denied_request_is_told(tmp_path: Path) -> None:
    async with an_allegro(confirm_after_polls=None) as (emulator, settings):
        task = asyncio.create_task(awizo(tmp_path, "login", expect=1, **settings))
        async with asyncio.timeout(90):
            while not emulator.auth.devices:  # noqa: ASYNC110 - the emulator has no event for it
                await asyncio.sleep(0.05)
        (device,) = emulator.auth.devices.values()
        emulator.confirm(device.user_code, None)
        _, err = await task

    assert "denied" in err


async def test_an_allegro_out_of_reach_is_told(tmp_path: Path) -> None:
    settings = {
        "allegro__api_url": "http://127.0.0.1:9",
        "allegro__auth_url": "http://127.0.0.1:9/auth/oauth",
        "allegro__client_id": "x",
    }
    _, err = await awizo(tmp_path, "login", expect=1, **settings)
    _, sync = await awizo(tmp_path, "orders", "sync", expect=1, **settings)

    assert "http://127.0.0.1:9/auth/oauth does not answer" in err
    assert "Run 'awizo login'" in sync


async def test_nothing_secret_is_printed(tmp_path: Path) -> None:
    async with an_allegro() as (emulator, settings):
        out, err = await awizo(tmp_path, "login", log__level="debug", **settings)

    for secret in (CLIENT_SECRET, *(token[:40] for token in tokens_of(emulator))):
        assert secret not in out + err


async def test_after_the_key_was_lost_a_login_begins_anew_when_told_so(tmp_path: Path) -> None:
    async with an_allegro() as (_, settings):
        await awizo(tmp_path, "login", **settings)
        (tmp_path / "awizo.db.key").unlink()

        _, err = await awizo(tmp_path, "login", expect=1, **settings)
        assert "awizo.db.key is not there" in err
        assert "awizo login --lost-key" in err

        out, _ = await awizo(tmp_path, "login", "--lost-key", **settings)
        assert "connected as sprzedawca_default" in out
        await awizo(tmp_path, "queue", "list", **settings)

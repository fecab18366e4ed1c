"""A client id of one's own by registration; one renewal however many processes there are."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from awizo.allegro.client import AllegroClients
from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.emulator.server import CLIENT_ID, CLIENT_SECRET, Emulator
from awizo.settings import Settings
from awizo.store import Stores, open_store
from support.cli_parts import awizo

WHO_AM_I = """
import asyncio, sys
from datetime import UTC, datetime
from awizo.allegro.client import AllegroClients
from awizo.settings import Settings
from awizo.store import open_store

async def ask(settings):
    stores = await open_store(settings.store)
    clients = AllegroClients(
        settings, stores.accounts, stores.memory, now=lambda: datetime.now(UTC)
    )
    print((await clients.account("default").me()).login)
    await clients.close()
    await stores.close()

asyncio.run(ask(Settings.model_validate_json(sys.argv[1])))
"""


@asynccontextmanager
async def an_allegro(
    folder: Path, **options: Any
) -> AsyncIterator[tuple[Emulator, dict[str, Any]]]:
    """An emulator over HTTP, and the settings that lead to it."""
    emulator = Emulator(**options)
    async with emulator.serving() as url:
        yield (
            emulator,
            {
                "allegro": {
                    "api_url": url,
                    "auth_url": f"{url}/auth/oauth",
                    "client_id": CLIENT_ID,
                    "client_secret": CLIENT_SECRET,
                },
                "store": {"url": f"sqlite:///{folder}/awizo.db"},
            },
        )


async def connected(stores: Stores, emulator: Emulator, *, hours_left: float) -> TokenPair:
    pair, now = emulator.issue_tokens(), datetime.now(UTC)
    tokens = TokenPair(
        pair.access, pair.refresh, now + timedelta(hours=hours_left), now - timedelta(hours=11)
    )
    await stores.accounts.save(AccountRecord("default", tokens, connected_at=now))
    return tokens


def asked(emulator: Emulator) -> Counter[str]:
    return Counter(one.operation for one in emulator.requests)


async def test_a_login_registers_a_client_id_of_its_own_once_and_works_with_it(
    tmp_path: Path,
) -> None:
    """Where the maker of the software has a statement from Allegro, nobody registers by hand."""
    async with an_allegro(tmp_path, confirm_after_polls=1) as (emulator, settings):
        how = {
            "allegro__api_url": settings["allegro"]["api_url"],
            "allegro__auth_url": settings["allegro"]["auth_url"],
            "allegro__software_statement": "a statement that Allegro gave to the maker",
            "store__url": settings["store"]["url"],
        }
        out, err = await awizo(tmp_path, "login", **how)
        await awizo(tmp_path, "login", **how)

        assert "connected as sprzedawca_default" in out
        assert "a statement" not in out + err
        assert asked(emulator)["register"] == 1, "the account keeps the client it has"
        (client_id,) = {one.client_id for one in emulator.requests if one.operation == "me"}
        assert client_id not in ("", CLIENT_ID)

        whole = Settings.model_validate(
            {**settings, "allegro": {**settings["allegro"], "client_id": ""}}
        )
        stores = await open_store(whole.store)
        record = await stores.accounts.get("default")
        assert record is not None
        assert record.tokens is not None
        assert (record.client_id, bool(record.client_secret)) == (client_id, True)
        stale = replace(record.tokens, expires_at=datetime.now(UTC) + timedelta(minutes=1))
        await stores.accounts.save(replace(record, tokens=stale))
        clients = AllegroClients(
            whole, stores.accounts, stores.memory, now=lambda: datetime.now(UTC)
        )
        await clients.account("default").me()
        renewed = await stores.accounts.get("default")
        await clients.close()
        await stores.close()
        assert renewed is not None
        assert renewed.tokens != stale, "renewed under the registered client id"


async def test_processes_that_find_a_stale_token_renew_it_once(tmp_path: Path) -> None:
    async with an_allegro(tmp_path, scenarios=("slow=0.5,on=token",)) as (emulator, values):
        settings = Settings.model_validate(values)
        stores = await open_store(settings.store)
        old = await connected(stores, emulator, hours_left=-1)
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", WHO_AM_I, json.dumps(values), stdout=asyncio.subprocess.PIPE
            )
            for _ in range(3)
        ]
        answers = [(await one.communicate())[0].decode() for one in processes]

        new = await stores.accounts.get("default")
        await stores.close()
        assert [one.split()[-1] for one in answers] == ["sprzedawca_default"] * 3
        assert asked(emulator)["token"] == 1
        assert new is not None
        assert new.tokens is not None
        assert new.tokens.refreshed_from == old.refresh_token


async def test_a_token_that_lay_idle_for_two_months_is_renewed_before_it_dies(
    tmp_path: Path,
) -> None:
    async with an_allegro(tmp_path) as (emulator, values):
        settings = Settings.model_validate(values)
        stores = await open_store(settings.store)
        old = await connected(stores, emulator, hours_left=11)
        idle = replace(old, obtained_at=datetime.now(UTC) - timedelta(days=60))
        record = await stores.accounts.get("default")
        assert record is not None
        await stores.accounts.save(replace(record, tokens=idle))
        clients = AllegroClients(
            settings, stores.accounts, stores.memory, now=lambda: datetime.now(UTC)
        )

        await clients.account("default").keep_fresh()

        renewed = await stores.accounts.get("default")
        await clients.close()
        await stores.close()
        assert asked(emulator)["token"] == 1
        assert renewed is not None
        assert renewed.tokens is not None
        assert renewed.tokens.refresh_token != idle.refresh_token

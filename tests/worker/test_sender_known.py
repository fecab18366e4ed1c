"""A sender address unknown to Allegro is a warning, asked about seldom, never a hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from awizo.settings import Alerts as AlertSettings
from awizo.settings import Store
from awizo.store import Stores, open_store
from awizo.worker.accounts import AccountKeeper
from awizo.worker.alerts import Alerts
from support.allegro_parts import Clock, MemoryAccounts, connected, some_clients
from support.scripted import ScriptedNetwork, answer, refusal

OWN = answer(200, {"id": "1", "login": "shop", "email": "Shop@Example.pl",
                   "baseMarketplace": {"id": "allegro-pl"}})  # fmt: skip
MORE = answer(200, {"additional-emails": [{"id": "2", "email": "invoices@example.pl"}]})


@dataclass
class Bench:
    keeper: AccountKeeper
    network: ScriptedNetwork
    clock: Clock
    stores: Stores

    async def causes(self) -> list[str]:
        return [str(alert["cause"]) for alert in await self.stores.spool.alerts()]


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    opened = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"))
    yield opened
    await opened.close()


def bench(stores: Stores, *answers: Any, accounts: MemoryAccounts | None = None) -> Bench:
    network, clock = ScriptedNetwork(answers), Clock()
    accounts = accounts or connected(hours_left=24 * 30)
    clients = some_clients(network, accounts=accounts, now=clock)
    keeper = AccountKeeper(
        settings=clients.settings,
        accounts=accounts,
        memory=clients.memory,
        index=stores.orders,
        clients=clients,
        sync=cast(Any, None),
        conversations=cast(Any, None),
        alerts=Alerts(settings=AlertSettings(), spool=stores.spool, now=clock),
        now=clock,
    )
    return Bench(keeper, network, clock, stores)


async def test_own_and_additional_addresses_are_known_in_whatever_case(stores: Stores) -> None:
    work = bench(stores, OWN, MORE, OWN, MORE)

    assert await work.keeper.sender_known("default", "shop@example.pl")
    assert await work.keeper.sender_known("default", "Invoices@example.pl")
    assert await work.causes() == []


async def test_an_unknown_one_warns_once_and_is_remembered_for_an_hour(stores: Stores) -> None:
    work = bench(stores, OWN, MORE, OWN, MORE)

    for _ in range(3):
        assert not await work.keeper.sender_known("default", "other@example.pl")
    assert len(work.network.requests) == 2
    work.clock.forward(hours=2)
    assert not await work.keeper.sender_known("default", "other@example.pl")

    assert len(work.network.requests) == 4
    assert await work.causes() == ["sender_unknown"]


async def test_a_silent_allegro_warns_nobody_and_delays_one_mail_only(stores: Stores) -> None:
    work = bench(stores, refusal(403, "AccessDenied"))

    assert await work.keeper.sender_known("default", "other@example.pl")
    asked = len(work.network.requests)
    assert await work.keeper.sender_known("default", "other@example.pl")

    assert len(work.network.requests) == asked
    assert await work.causes() == []


async def test_nobody_is_asked_without_an_account(stores: Stores) -> None:
    work = bench(stores, OWN, accounts=MemoryAccounts())

    assert await work.keeper.sender_known("default", "other@example.pl")
    assert work.network.requests == []

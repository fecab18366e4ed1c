"""Tokens stay alive: one refresher, durable before use, the grace after a lost answer."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import httpx
import pytest

from awizo.allegro.client import AllegroClients
from awizo.errors import Deferral
from support.allegro_parts import MemoryAccounts, connected, some_clients
from support.scripted import ScriptedNetwork, answer

ME = {"id": "1", "login": "seller", "email": "shop@example.pl"}


class RotatingServer(httpx.AsyncBaseTransport):
    """An authorisation server whose refresh tokens work once."""

    def __init__(self, *, lost_answers: int = 0) -> None:
        self.good = "ref-0"
        self.used: list[str] = []
        self.grace: dict[str, dict[str, object]] = {}
        self.lost_answers = lost_answers
        self.stored_before_use: list[bool] = []
        self.accounts: MemoryAccounts | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if request.url.path == "/me":
            used = request.headers["authorization"].removeprefix("Bearer ")
            assert self.accounts is not None
            stored = self.accounts.records["default"].tokens
            self.stored_before_use.append(stored is not None and stored.access_token == used)
            return answer(200, ME)
        token = parse_qs(request.content.decode())["refresh_token"][0]
        self.used.append(token)
        await asyncio.sleep(0.01)
        if token == self.good:
            number = len(self.grace) + 1
            self.good = f"ref-{number}"
            self.grace[token] = {
                "access_token": f"acc-{number}",
                "refresh_token": self.good,
                "expires_in": 43199,
            }
        elif token not in self.grace:
            return answer(400, {"error": "invalid_grant"})
        if self.lost_answers:
            self.lost_answers -= 1
            raise httpx.ReadTimeout("lost")
        return answer(200, self.grace[token])


def parts(server: RotatingServer, hours_left: float = 0.5) -> tuple[AllegroClients, MemoryAccounts]:
    accounts = connected(hours_left=hours_left)
    server.accounts = accounts
    return some_clients(server, accounts=accounts), accounts


async def test_many_tasks_that_find_a_stale_token_refresh_it_once() -> None:
    server = RotatingServer()
    clients, _ = parts(server)

    await asyncio.gather(*(clients.account("default").me() for _ in range(20)))

    assert server.used == ["ref-0"]


async def test_the_new_pair_is_stored_before_it_is_used() -> None:
    server = RotatingServer()
    clients, _ = parts(server)

    await clients.account("default").me()

    assert server.stored_before_use == [True]


async def test_a_lost_answer_is_made_good_with_the_same_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("awizo.allegro.oauth.asyncio.sleep", _no_sleep)
    server = RotatingServer(lost_answers=2)
    clients, accounts = parts(server)

    await clients.account("default").keep_fresh()

    assert server.used == ["ref-0", "ref-0", "ref-0"]
    tokens = accounts.records["default"].tokens
    assert tokens is not None
    assert tokens.refresh_token == "ref-1"


async def _no_sleep(seconds: float) -> None:
    return None


async def test_a_refused_refresh_token_pauses_the_account_and_no_more_calls_are_made() -> None:
    server = RotatingServer()
    server.good = "another one: somebody used ours"
    clients, accounts = parts(server)

    for _ in range(2):
        with pytest.raises(Deferral) as refused:
            await clients.account("default").me()
        assert refused.value.code == "account_paused"

    assert accounts.records["default"].paused == "invalid_grant"
    assert server.used == ["ref-0"]


async def test_an_unreachable_server_does_no_harm_while_the_old_token_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("awizo.allegro.oauth.asyncio.sleep", _no_sleep)
    server = RotatingServer(lost_answers=99)
    clients, _ = parts(server, hours_left=1)

    assert (await clients.account("default").me()).login == "seller"
    tries = len(server.used)
    assert (await clients.account("default").me()).login == "seller"
    assert len(server.used) == tries  # the second call does not wait for the server again


async def test_nobody_waits_for_a_renewal_while_the_old_token_serves() -> None:
    server = RotatingServer()
    clients, _ = parts(server, hours_left=1)
    renewing = asyncio.ensure_future(clients.account("default").keep_fresh())
    await asyncio.sleep(0.001)

    await clients.account("default").me()

    assert not renewing.done()
    await renewing


async def test_an_account_that_never_logged_in_is_told_so() -> None:
    clients = some_clients(ScriptedNetwork([answer(200, ME)]), accounts=MemoryAccounts())

    with pytest.raises(Deferral) as missing:
        await clients.account("default").me()
    assert missing.value.code == "account_not_connected"


async def test_a_fresh_login_is_kept_with_who_it_was_and_ends_a_pause() -> None:
    accounts = connected()
    await accounts.pause("default", "invalid_grant")
    clients = some_clients(
        ScriptedNetwork([answer(200, ME | {"baseMarketplace": {"id": "allegro-pl"}})]),
        accounts=accounts,
    )
    tokens = accounts.records["default"].tokens
    assert tokens is not None

    record = await clients.connect("default", tokens)

    assert (record.login, record.seller_id, record.marketplace) == ("seller", "1", "allegro-pl")
    assert accounts.records["default"].paused is None

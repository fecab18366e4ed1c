"""The emulator's authorisation server: device codes, rotation, grace, registration."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from awizo.emulator.server import Emulator
from support.allegro_parts import Clock
from support.emulator_parts import AGENT, PUBLIC, an_emulator

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Login:
    """A client at the authorisation server."""

    def __init__(self, emulator: Emulator, secret: str = "secret-1") -> None:
        self.http = httpx.AsyncClient(
            transport=emulator.transport(),
            base_url="https://allegro.test",
            auth=("client-1", secret),
        )

    async def device(self, client_id: str = "client-1") -> httpx.Response:
        return await self.http.post("/auth/oauth/device", params={"client_id": client_id})

    async def poll(self, device: dict[str, Any]) -> httpx.Response:
        return await self.token(grant_type=DEVICE_GRANT, device_code=device["device_code"])

    async def refresh(self, token: str) -> httpx.Response:
        return await self.token(grant_type="refresh_token", refresh_token=token)

    async def token(self, **form: str) -> httpx.Response:
        return await self.http.post("/auth/oauth/token", data=form)

    async def works(self, access: str) -> bool:
        headers = {"Authorization": f"Bearer {access}", "Accept": PUBLIC, "User-Agent": AGENT}
        answer = await self.http.get("/me", headers=headers, auth=None)
        return answer.status_code == 200


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def test_a_person_confirms_the_code_and_the_poll_brings_tokens() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock, confirm_after_polls=None)
    login = Login(emulator)
    device = (await login.device()).json()

    assert error_of(await login.poll(device)) == (400, "authorization_pending")
    assert emulator.confirm(device["user_code"])
    clock.forward(seconds=device["interval"])
    answer = await login.poll(device)

    assert answer.status_code == 200
    assert answer.json()["expires_in"] == 43199
    assert await login.works(answer.json()["access_token"])
    clock.forward(seconds=device["interval"])
    assert error_of(await login.poll(device)) == (400, "invalid_grant"), "a code is used up"


async def test_a_code_confirms_itself_after_some_polls() -> None:
    clock = Clock()
    login = Login(an_emulator(clock=clock, confirm_after_polls=2))
    device = (await login.device()).json()

    assert error_of(await login.poll(device)) == (400, "authorization_pending")
    clock.forward(seconds=1)
    assert (await login.poll(device)).status_code == 200


async def test_polling_too_fast_is_slowed_down_by_five_seconds() -> None:
    clock = Clock()
    login = Login(an_emulator(clock=clock, confirm_after_polls=None, device_interval_s=2))
    device = (await login.device()).json()

    await login.poll(device)
    clock.forward(seconds=1)
    assert error_of(await login.poll(device)) == (400, "slow_down")
    clock.forward(seconds=6)
    assert error_of(await login.poll(device)) == (400, "slow_down"), "2 + 5 seconds now"
    clock.forward(seconds=12)
    assert error_of(await login.poll(device)) == (400, "authorization_pending")


async def test_a_code_may_be_refused_or_grow_too_old() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock, confirm_after_polls=None)
    login = Login(emulator)
    first, second = (await login.device()).json(), (await login.device()).json()

    emulator.confirm(first["user_code"], None)
    assert error_of(await login.poll(first)) == (400, "access_denied")
    clock.forward(seconds=second["expires_in"])
    assert not emulator.confirm(second["user_code"])
    assert error_of(await login.poll(second)) == (400, "expired_token")


async def test_wrong_credentials_get_nothing() -> None:
    emulator = an_emulator()
    wrong = Login(emulator, secret="guessed")

    assert error_of(await wrong.device()) == (401, "invalid_client")
    assert error_of(await wrong.refresh("x")) == (401, "invalid_client")
    assert error_of(await Login(emulator).device(client_id="another")) == (401, "invalid_client")
    assert (await Login(emulator).token(grant_type="password")).json()["error"] == (
        "unsupported_grant_type"
    )


async def test_the_page_of_the_device_flow_takes_a_yes_and_a_no() -> None:
    emulator = an_emulator(confirm_after_polls=None)
    login = Login(emulator)
    device = (await login.device()).json()
    assert device["verification_uri_complete"].startswith("https://allegro.test/skojarz-aplikacje?")

    page = await login.http.get(device["verification_uri_complete"])
    assert f'value="{device["user_code"]}"' in page.text
    evil = await login.http.get("/skojarz-aplikacje", params={"code": '"><script>'})
    assert "<script>" not in evil.text
    said = await login.http.post(
        "/skojarz-aplikacje", data={"code": device["user_code"], "seller": "shop2", "yes": "1"}
    )
    assert "Connected." in said.text
    unknown = await login.http.post("/skojarz-aplikacje", data={"code": "nonsense", "no": "1"})
    assert unknown.status_code == 404

    access = (await login.poll(device)).json()["access_token"]
    headers = {"Authorization": f"Bearer {access}", "User-Agent": AGENT}
    me = await login.http.get("/me", headers=headers, auth=None)
    assert me.json()["login"] == "sprzedawca_shop2"


async def test_a_refresh_ends_the_pair_before_it() -> None:
    emulator = an_emulator()
    login = Login(emulator)
    old = emulator.issue_tokens()

    new = (await login.refresh(old.refresh)).json()

    assert new["refresh_token"] != old.refresh
    assert await login.works(new["access_token"])
    assert not await login.works(old.access)


async def test_a_used_refresh_token_works_for_sixty_seconds_more() -> None:
    """Meant for lost answers; A13: used twice beyond that it is dead."""
    clock = Clock()
    emulator = an_emulator(clock=clock)
    login = Login(emulator)
    old = emulator.issue_tokens()

    lost = (await login.refresh(old.refresh)).json()
    clock.forward(seconds=60)
    again = (await login.refresh(old.refresh)).json()
    assert await login.works(again["access_token"])
    assert not await login.works(lost["access_token"]), "the lost pair is void"
    clock.forward(seconds=0.001)
    refused = await login.refresh(old.refresh)

    assert error_of(refused) == (400, "invalid_grant")
    assert refused.json()["error_description"] == "Invalid refresh token"
    assert (await login.refresh(again["refresh_token"])).status_code == 200


async def test_a_refresh_token_lives_three_months() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock)
    pair = emulator.issue_tokens()
    clock.forward(days=90)
    assert error_of(await Login(emulator).refresh(pair.refresh)) == (400, "invalid_grant")


async def test_a_changed_password_kills_every_token_at_once() -> None:
    emulator = an_emulator()
    login = Login(emulator)
    pair = emulator.issue_tokens()

    emulator.set_scenario("password-change")

    assert not await login.works(pair.access)
    assert error_of(await login.refresh(pair.refresh)) == (400, "invalid_grant")
    assert await login.works(emulator.issue_tokens().access), "a new login helps"


async def test_tokens_that_somebody_else_has_used_are_refused_at_the_next_refresh() -> None:
    emulator = an_emulator("token-theft")
    pair = emulator.issue_tokens()
    assert error_of(await Login(emulator).refresh(pair.refresh)) == (400, "invalid_grant")


async def test_a_fresh_token_may_be_refused_for_a_moment() -> None:
    clock = Clock()
    emulator = an_emulator("token-not-yet=3", clock=clock)
    login = Login(emulator)
    pair = emulator.issue_tokens()
    assert not await login.works(pair.access)
    clock.forward(seconds=3)
    assert await login.works(pair.access)


async def test_an_installation_registers_a_client_of_its_own() -> None:
    emulator = an_emulator()
    login = Login(emulator)

    made = await login.http.post("/register", json={"software_statement": "eyJ.statement.x"})
    refused = await login.http.post("/register", json={})
    nonsense = await login.http.post("/register", content=b"{")

    assert made.status_code == 201
    assert emulator.auth.clients[made.json()["client_id"]] == made.json()["client_secret"]
    assert error_of(refused) == (400, "invalid_software_statement")
    assert error_of(nonsense) == (400, "invalid_client_metadata")


@pytest.mark.parametrize("scenario", ["lost-answer,on=token", "hang-up,on=token"])
async def test_the_answer_to_a_refresh_can_be_lost(scenario: str) -> None:
    emulator = an_emulator(scenario)
    login = Login(emulator)
    pair = emulator.issue_tokens()

    with pytest.raises(httpx.RemoteProtocolError):
        await login.refresh(pair.refresh)

    assert (await login.refresh(pair.refresh)).status_code == 200


async def test_the_authorisation_server_can_fail_and_answer_with_a_page() -> None:
    emulator = an_emulator("failing,on=token,times=1", "not-json,on=token")
    login = Login(emulator)
    pair = emulator.issue_tokens()
    assert (await login.refresh(pair.refresh)).status_code == 500
    assert b"<html>" in (await login.refresh(pair.refresh)).content

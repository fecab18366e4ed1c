"""Device flow and refreshing, against the letters of RFC 8628 and RFC 6749."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from awizo.allegro.oauth import DEVICE_GRANT, OAuth, refresh_due, register_client
from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.errors import Deferral, PermanentFailure, SettingsError
from support.scripted import Answer, ScriptedNetwork, answer

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AUTH = "https://auth.example/auth/oauth"

CODE = {
    "device_code": "dev-1",
    "user_code": "ABC-DEF-GHI",
    "verification_uri": "https://auth.example/go",
    "verification_uri_complete": "https://auth.example/go?code=ABCDEFGHI",
    "interval": 5,
    "expires_in": 3600,
}
TOKENS = {"access_token": "acc-1", "refresh_token": "ref-1", "expires_in": 43199}


def pending(error: str) -> httpx.Response:
    return answer(400, {"error": error, "error_description": "…"})


def oauth(*answers: Answer, base: str = AUTH) -> tuple[OAuth, ScriptedNetwork]:
    network = ScriptedNetwork(answers)
    http = httpx.AsyncClient(base_url=base, transport=network)
    return OAuth(http, "client-1", "secret-1", now=lambda: NOW), network


class Sleeps:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def test_the_device_flow_asks_for_a_code_under_the_client_id_and_its_secret() -> None:
    flow, network = oauth(answer(200, CODE))

    code = await flow.start_device_flow()

    assert code.user_code == "ABC-DEF-GHI"
    assert code.verification_uri_complete.endswith("ABCDEFGHI")
    assert (code.interval_s, code.expires_in_s) == (5, 3600)
    request = network.requests[0]
    assert request.url.path == "/auth/oauth/device"
    assert parse_qs(request.content.decode()) == {"client_id": ["client-1"]}
    wanted = b64encode(b"client-1:secret-1").decode()
    assert request.headers["authorization"] == f"Basic {wanted}"


async def test_polling_waits_the_interval_each_time_and_longer_after_slow_down() -> None:
    flow, network = oauth(
        answer(200, CODE),
        pending("authorization_pending"),
        pending("slow_down"),
        pending("authorization_pending"),
        answer(200, TOKENS),
    )
    sleeps = Sleeps()

    pair = await flow.wait_for_device_token(await flow.start_device_flow(), sleep=sleeps)

    assert sleeps.seconds == [5, 5, 10, 10]
    assert pair.access_token == "acc-1"
    assert pair.expires_at == NOW + timedelta(seconds=43199)
    form = parse_qs(network.requests[-1].content.decode())
    assert form == {"grant_type": [DEVICE_GRANT], "device_code": ["dev-1"]}


@pytest.mark.parametrize(
    ("error", "code"),
    [("access_denied", "login_denied"), ("expired_token", "login_expired")],
)
async def test_polling_ends_when_the_person_says_no_or_the_code_runs_out(
    error: str, code: str
) -> None:
    flow, _ = oauth(answer(200, CODE), pending("authorization_pending"), pending(error))

    with pytest.raises(PermanentFailure) as ended:
        await flow.wait_for_device_token(await flow.start_device_flow(), sleep=Sleeps())
    assert ended.value.code == code


async def test_polling_ends_by_itself_when_nobody_confirms_in_time() -> None:
    flow, network = oauth(answer(200, CODE | {"expires_in": 60}), pending("authorization_pending"))

    with pytest.raises(PermanentFailure) as ended:
        await flow.wait_for_device_token(await flow.start_device_flow(), sleep=Sleeps())
    assert ended.value.code == "login_expired"
    assert len(network.requests) == 1 + 12


async def test_a_lost_answer_while_polling_makes_it_ask_less_often_and_go_on() -> None:
    flow, _ = oauth(answer(200, CODE), httpx.ReadTimeout("late"), answer(200, TOKENS))
    sleeps = Sleeps()

    await flow.wait_for_device_token(await flow.start_device_flow(), sleep=sleeps)

    assert sleeps.seconds == [5, 10]


async def test_a_wrong_client_secret_is_told_at_once() -> None:
    flow, _ = oauth(answer(401, {"error": "invalid_client"}))

    with pytest.raises(PermanentFailure) as refused:
        await flow.start_device_flow()
    assert refused.value.code == "client_refused"


async def test_a_used_up_refresh_token_is_told_from_a_passing_trouble() -> None:
    flow, _ = oauth(pending("invalid_grant"))
    with pytest.raises(PermanentFailure) as refused:
        await flow.refresh("ref-0")
    assert refused.value.code == "invalid_grant"

    for trouble in (answer(503, b"<html>"), httpx.ConnectError("no"), answer(200, b"<html>")):
        flow, _ = oauth(trouble)
        with pytest.raises(Deferral):
            await flow.refresh("ref-0")


async def test_tokens_never_travel_over_plain_http_beyond_this_machine() -> None:
    flow, network = oauth(answer(200, TOKENS), base="http://auth.example/auth/oauth")

    with pytest.raises(SettingsError):
        await flow.refresh("ref-0")
    assert network.requests == []

    flow, _ = oauth(answer(200, TOKENS), base="http://127.0.0.1:9/auth/oauth")
    assert (await flow.refresh("ref-0")).refreshed_from == "ref-0"


def a_record(*, left: timedelta, age: timedelta = timedelta(hours=1)) -> AccountRecord:
    return AccountRecord(
        "default",
        tokens=TokenPair(
            access_token="a", refresh_token="r", expires_at=NOW + left, obtained_at=NOW - age
        ),
    )


def test_tokens_are_renewed_well_before_they_run_out_and_when_they_lay_idle() -> None:
    assert not refresh_due(a_record(left=timedelta(hours=6)), NOW)
    assert refresh_due(a_record(left=timedelta(hours=1)), NOW)
    assert refresh_due(a_record(left=-timedelta(hours=1)), NOW)
    assert refresh_due(a_record(left=timedelta(hours=6), age=timedelta(days=60)), NOW)
    assert not refresh_due(AccountRecord("default"), NOW)


async def test_a_client_of_its_own_is_registered_with_the_software_statement() -> None:
    network = ScriptedNetwork([answer(201, {"client_id": "own", "client_secret": "s"})])
    async with httpx.AsyncClient(base_url="https://api.example", transport=network) as http:
        assert await register_client(http, "statement", now=lambda: NOW) == ("own", "s")
    assert network.paths == ["/register"]
    assert b'"software_statement":"statement"' in network.requests[0].content

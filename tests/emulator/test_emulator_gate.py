"""What every call to the emulator must bring, and what every answer carries."""

from __future__ import annotations

import httpx
import pytest

from support.allegro_parts import Clock
from support.emulator_parts import AGENT, BETA, PDF, PUBLIC, an_emulator, api, code_of

LISTS = ("/me", "/order/events", "/order/checkout-forms", "/order/carriers", "/messaging/threads")


async def test_a_call_without_a_token_is_refused_in_the_shape_of_auth_errors() -> None:
    emulator = an_emulator()
    for path in LISTS:
        async with api(emulator) as http:
            del http.headers["authorization"]
            answer = await http.get(path)
        assert answer.status_code == 401
        assert answer.json()["error"] == "unauthorized"


@pytest.mark.parametrize("header", ["Bearer nobody's", "Basic Zm9vOmJhcg==", "Bearer", "x"])
async def test_a_token_that_nobody_issued_is_refused(header: str) -> None:
    async with api(an_emulator(), Authorization=header) as http:
        assert (await http.get("/me")).status_code == 401


async def test_an_access_token_lives_twelve_hours() -> None:
    clock = Clock()
    async with api(an_emulator(clock=clock)) as http:
        clock.forward(hours=11, minutes=59)
        assert (await http.get("/me")).status_code == 200
        clock.forward(minutes=1)
        assert (await http.get("/me")).status_code == 401


@pytest.mark.parametrize("accept", ["application/json", "text/html", BETA])
async def test_another_media_type_than_allegros_is_not_acceptable(accept: str) -> None:
    async with api(an_emulator(), Accept=accept) as http:
        answer = await http.get("/order/events")
    assert (answer.status_code, code_of(answer)) == (406, "NotAcceptableException")


@pytest.mark.parametrize("accept", ["*/*", "application/*", f"text/html, {PUBLIC};q=0.9"])
async def test_wildcards_and_lists_are_acceptable(accept: str) -> None:
    async with api(an_emulator(), Accept=accept) as http:
        answer = await http.get("/order/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(PUBLIC)


async def test_messaging_speaks_beta_when_asked_to() -> None:
    async with api(an_emulator(), Accept=BETA) as http:
        answer = await http.get("/messaging/threads")
    assert answer.headers["content-type"].startswith(BETA)
    assert answer.json() == {"threads": [], "nextPage": None}


@pytest.mark.parametrize("media", ["application/json", "", BETA])
async def test_a_body_of_another_media_type_is_unsupported(media: str) -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    async with api(emulator) as http:
        answer = await http.put(
            f"/order/checkout-forms/{order.id}/fulfillment",
            content=b'{"status": "SENT"}',
            headers={"Content-Type": media},
        )
    assert (answer.status_code, code_of(answer)) == (415, "UnsupportedMediaTypeException")
    assert emulator.order(order.id).fulfillment == "NEW"


@pytest.mark.parametrize(
    "agent",
    ["node", "python-requests/2.32", "My-Shop-App/1.0", "Other-App/1.0 (+https://shop.example)",
     "My Shop App/1.0 (+https://shop.example)", "My-Shop-App/1.0 (+http://shop.example)"],
)  # fmt: skip
async def test_an_agent_that_allegro_would_not_take_is_refused(agent: str) -> None:
    async with api(an_emulator(), **{"User-Agent": agent}) as http:
        answer = await http.get("/me")
    assert (answer.status_code, code_of(answer)) == (403, "USER-AGENT-NOT-ACCEPTED")


async def test_an_agent_may_be_warned_about_or_let_be() -> None:
    async with api(an_emulator(user_agent="warn"), **{"User-Agent": "node"}) as http:
        answer = await http.get("/me")
        assert answer.status_code == 200
        assert "User-Agent" in answer.headers["warning"]
    async with api(an_emulator(user_agent="off"), **{"User-Agent": "node"}) as http:
        assert "warning" not in (await http.get("/me")).headers


async def test_every_answer_carries_a_trace_id_of_its_own() -> None:
    emulator = an_emulator()
    async with api(emulator) as http:
        good = await http.get("/me")
        bad = await http.get("/order/checkout-forms/nonsense")
        del http.headers["authorization"]
        refused = await http.get("/me")
    traces = [answer.headers["trace-id"] for answer in (good, bad, refused)]
    assert len(set(traces)) == 3
    assert [entry.trace_id for entry in emulator.requests] == traces


async def test_an_application_without_a_user_may_ask_for_carriers_alone() -> None:
    emulator = an_emulator()
    async with api(emulator) as http:
        token = await http.post(
            "/auth/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=("client-1", "secret-1"),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert "refresh_token" not in token.json()
        http.headers["authorization"] = f"Bearer {token.json()['access_token']}"
        assert (await http.get("/order/carriers")).status_code == 200
        assert (await http.get("/me")).status_code == 403


async def test_too_many_calls_of_a_client_are_refused_for_a_minute() -> None:
    clock = Clock()
    async with api(an_emulator(clock=clock, requests_per_minute=3)) as http:
        statuses = [(await http.get("/me")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        clock.forward(seconds=59)
        assert (await http.get("/order/carriers")).status_code == 429
        clock.forward(seconds=3)
        assert (await http.get("/me")).status_code == 429, "calling on prolonged it"
        clock.forward(seconds=61)
        assert (await http.get("/me")).status_code == 200


async def test_another_client_id_is_not_slowed_by_that() -> None:
    emulator = an_emulator(requests_per_minute=1)
    emulator.auth.clients["client-2"] = "secret-2"
    async with api(emulator) as http:
        await http.get("/me")
        assert (await http.get("/me")).status_code == 429
        other = emulator.issue_tokens(client_id="client-2").access
        answer = await http.get("/me", headers={"Authorization": f"Bearer {other}"})
    assert answer.status_code == 200


async def test_the_log_of_requests_holds_no_token() -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    async with api(emulator) as http:
        declared = await http.post(
            f"/order/checkout-forms/{order.id}/invoices", json={"file": {"name": "a.pdf"}},
            headers={"Content-Type": PUBLIC},
        )  # fmt: skip
        await http.put(
            f"/order/checkout-forms/{order.id}/invoices/{declared.json()['id']}/file",
            content=PDF,
            headers={"Content-Type": "application/pdf"},
        )
    first, second = emulator.requests
    assert (first.operation, first.status, second.operation) == ("declare", 201, "file")
    assert second.size_bytes == len(PDF)
    assert first.user_agent == AGENT
    assert "eyJ" not in str([entry.as_data() for entry in emulator.requests])


async def test_what_is_not_there_is_said_to_be_missing() -> None:
    network = an_emulator().transport()
    async with httpx.AsyncClient(transport=network, base_url="http://allegro.test") as http:
        answer = await http.get("/sale/offers")
        assert (answer.status_code, code_of(answer)) == (404, "NotFoundException")
        assert (await http.delete("/order/events")).status_code == 405

"""The emulator's admin resource: everything can be made up, read back and switched over HTTP."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import httpx
import pytest

from awizo.emulator.scenarios import KINDS
from awizo.emulator.server import Emulator
from support.allegro_parts import Clock
from support.emulator_parts import PDF, an_emulator, api


def admin(emulator: Emulator) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=emulator.transport(), base_url="http://allegro.test")


async def made(http: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await http.post(f"/emulator{path}", json=body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_order_is_made_up_and_read_back_with_all_that_is_on_it() -> None:
    emulator = an_emulator()
    async with admin(emulator) as http:
        order = await made(http, "/orders", buyer="Anna Nowak", total="12.5")
        path = f"/orders/{order['id']}"
        invoice = await made(
            http, f"{path}/invoices", number="FV 1", pdf_base64=base64.b64encode(PDF).decode()
        )
        await made(http, f"{path}/invoices", number="FV 2")
        await made(http, f"{path}/shipments", carrier="DHL", waybill="31001909076")
        await made(http, f"{path}/status", status="PROCESSING")
        await made(http, f"{path}/messages", text="hej", sent_s_ago=60)
        found = (await http.get(f"/emulator{path}")).json()
        file = await http.get(f"/emulator/invoices/{invoice['id']}/file")
        said = (await http.get("/emulator/messages")).json()["messages"]
        listed = (await http.get("/emulator/orders")).json()["orders"]

    assert found["form"]["summary"]["totalToPay"]["amount"] == "12.50"
    assert found["form"]["fulfillment"]["status"] == "PROCESSING"
    assert found["invoices"][0]["sha256"] == hashlib.sha256(PDF).hexdigest()
    assert found["invoices"][0]["size_bytes"] == len(PDF)
    assert found["invoices"][1]["sha256"] is None
    assert found["shipments"][0]["waybill"] == "31001909076"
    assert file.content == PDF
    assert said[0]["created_at"] == "2026-11-24T11:59:00.000Z"
    assert [one["id"] for one in listed] == [order["id"]]


async def test_several_orders_come_in_one_call_and_purchases_can_be_merged() -> None:
    emulator = an_emulator()
    async with admin(emulator) as http:
        two = await made(
            http, "/orders",
            orders=[{"login": "jan_k", "status": "FILLED_IN"}, {"login": "jan_k", "status":
                    "BOUGHT"}],
        )  # fmt: skip
        merged = await made(http, "/orders/merge", orders=[one["id"] for one in two["orders"]])
        await made(http, f"/orders/{merged['id']}/change")
        cancelled = await made(http, f"/orders/{merged['id']}/cancel")
        unpaid = await made(http, "/orders", status="BOUGHT")
        paid = await made(http, f"/orders/{unpaid['id']}/pay")
        old = (await http.get(f"/emulator/orders/{two['orders'][0]['id']}")).json()
    assert len(merged["form"]["lineItems"]) == 2
    assert cancelled["form"]["status"] == "CANCELLED"
    assert paid["form"]["status"] == "READY_FOR_PROCESSING"
    assert old["visible"] is False


async def test_the_clock_is_moved_and_everything_forgotten() -> None:
    emulator = an_emulator("late-orders=60")
    async with admin(emulator) as http:
        order = await made(http, "/orders")
        assert order["visible"] is False
        assert (await made(http, "/clock", advance_s=60))["now"] == "2026-11-24T12:01:00.000Z"
        assert (await http.get(f"/emulator/orders/{order['id']}")).json()["visible"] is True
        await made(http, "/scenarios", scenario="busy")
        view = await made(http, "/reset")
    assert (view["orders"], view["now"]) == (0, "2026-11-24T12:00:00.000Z")
    assert [one["name"] for one in view["scenarios"]] == ["late-orders"], "those of the start"
    assert view["auth_url"] == "http://allegro.test/auth/oauth"


async def test_scenarios_are_switched_on_and_off() -> None:
    emulator = an_emulator()
    async with admin(emulator) as http:
        await made(http, "/scenarios", scenario="lost-answer=2,on=declare+file")
        named = await made(http, "/scenarios", name="slow", delay=3, on="me")
        assert named["args"] == {"delay": "3", "on": "me"}
        view = (await http.get("/emulator/scenarios")).json()
        assert [one["name"] for one in view["active"]] == ["lost-answer", "slow"]
        assert view["active"][0]["left"] == 2
        assert set(view["known"]) == set(KINDS)
        assert (await http.delete("/emulator/scenarios/slow")).status_code == 204
        assert (await http.delete("/emulator/scenarios/slow")).status_code == 404
        assert (await http.delete("/emulator/scenarios")).status_code == 204
    assert emulator.scenarios.active == []


async def test_calls_are_recorded_and_forgotten() -> None:
    emulator = an_emulator("failing,times=1")
    async with api(emulator) as http, admin(emulator) as office:
        await http.get("/me", params={"x": "1"})
        (call,) = (await office.get("/emulator/requests")).json()["requests"]
        assert (call["operation"], call["status"], call["struck"]) == ("me", 500, ["failing"])
        assert call["query"] == [["x", "1"]]
        await office.delete("/emulator/requests")
    assert emulator.requests == []


async def test_tokens_come_without_a_person_and_codes_with_one() -> None:
    emulator = an_emulator(confirm_after_polls=None)
    async with admin(emulator) as http:
        pair = await made(http, "/tokens", seller="shop2")
        headers = {
            "Authorization": f"Bearer {pair['access_token']}",
            "User-Agent": "My-Shop-App/1 (+https://shop.example)",
        }
        assert (await http.get("/me", headers=headers)).json()["login"] == "sprzedawca_shop2"
        device = await http.post(
            "/auth/oauth/device", data={"client_id": "client-1"}, auth=("client-1", "secret-1")
        )
        code = device.json()["user_code"]
        path = f"/emulator/devices/{code}"
        assert (await http.post(path, json={"confirm": False})).status_code == 204
        assert emulator.auth.devices[code].denied
        assert (await http.post(path)).status_code == 204
        assert emulator.auth.devices[code].confirmed_for == "default"
        assert (await http.post("/emulator/devices/nonsense")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/orders", b"{", 422),
        ("/orders", b"[]", 422),
        ("/orders", b'{"colour": "red"}', 422),
        ("/orders", b'{"orders": 5}', 422),
        ("/orders/merge", b'{"orders": 5}', 422),
        ("/orders/unknown/pay", b"", 404),
        ("/scenarios", b'{"scenario": "nonsense"}', 422),
        ("/scenarios", b'{"name": "nonsense"}', 422),
        ("/scenarios", b'{"name": "slow", "delay": "soon"}', 422),
        ("/clock", b'{"advance_s": -1}', 422),
        ("/clock", b'{"advance_s": "far"}', 422),
    ],
)
async def test_what_cannot_be_done_is_said_in_one_line(path: str, body: bytes, status: int) -> None:
    async with admin(an_emulator()) as http:
        answer = await http.post(f"/emulator{path}", content=body)
    assert answer.status_code == status
    assert answer.json()["error"]


async def test_bad_documents_and_messages_are_refused() -> None:
    emulator = an_emulator(clock=Clock())
    order = emulator.add_order()
    path = f"/emulator/orders/{order.id}"
    async with admin(emulator) as http:
        for ending, body in (
            ("invoices", {"pdf_base64": "§"}),
            ("messages", {"author": "nobody"}),
            ("messages", {"type": "LETTER"}),
            ("messages", {"sent_s_ago": "long"}),
        ):
            assert (await http.post(f"{path}/{ending}", json=body)).status_code == 422
        assert (await http.get("/emulator/invoices/unknown/file")).status_code == 404

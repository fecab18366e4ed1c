"""The emulator's parcels: whose number is it, where is it listed, what is tracked."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from awizo.emulator.calls import Rules
from awizo.emulator.world import Order
from support.allegro_parts import Clock
from support.emulator_parts import an_emulator, api, code_of

INPOST = "638045236705746863150614"


async def add(
    http: httpx.AsyncClient, order: Order, carrier: Any, waybill: Any, **more: Any
) -> httpx.Response:
    return await http.post(
        f"/order/checkout-forms/{order.id}/shipments",
        json={"carrierId": carrier, "waybill": waybill, **more},
        headers={"Content-Type": http.headers["content-type"]},
    )


async def listed(http: httpx.AsyncClient, order: Order) -> list[tuple[str, str]]:
    answer = await http.get(f"/order/checkout-forms/{order.id}/shipments")
    return [(one["carrierId"], one["waybill"]) for one in answer.json()["shipments"]]


async def test_a_number_is_listed_under_its_carrier() -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    async with api(emulator) as http:
        made = await add(http, order, "INPOST", INPOST)
        assert made.status_code == 201
        assert base64.b64decode(made.json()["id"]) == f"INPOST:{INPOST}".encode()
        assert made.json()["lineItems"] == [{"id": order.items[0].id}]
        await add(http, order, "INPOST", INPOST)
        assert await listed(http, order) == [("INPOST", INPOST)], "its id is made of both"
        await add(http, order, "OTHER", INPOST, carrierName="Kurier Jan")
        assert len(await listed(http, order)) == 2, "another carrier: a second parcel"


@pytest.mark.parametrize(
    ("carrier", "waybill"),
    [("DPD", "1000713716065U"), ("DHL", "31001909076"), ("POCZTA_POLSKA", "PX1234567890"),
     ("UPS", "1Z12345E0205271688"), ("ORLEN", "2100676601223"), ("PACKETA", "Z 123 4567 890"),
     ("ALLEGRO", "AD01N49TF6"), ("ALLEGRO", "AD-1239134"), ("DPD_HU", "16380138361880"),
     ("GLS", "12345678901"), ("DHL", "12345678910PL"), ("MEEST", "CV999999991PL")],
)  # fmt: skip
async def test_numbers_that_were_seen_are_taken(carrier: str, waybill: str) -> None:
    emulator = an_emulator()
    async with api(emulator) as http:
        answer = await add(http, emulator.add_order(), carrier, waybill)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("carrier", "waybill", "code"),
    [
        ("DPD", "81321897517", "CarrierWaybillValidationException"),
        ("DPD", "250095804610596704", "CarrierWaybillValidationException"),
        ("INPOST", "31001909076", "CarrierWaybillValidationException"),
        ("WEDO", "24XI00743314*001001", "WaybillValidationException"),
        ("POCZTEX", "PX1234567890", "UnknownCarrierException"),
        (None, INPOST, "UnknownCarrierException"),
        ("INPOST", "", "ConstraintViolationException"),
        ("INPOST", None, "ConstraintViolationException"),
        ("OTHER", "x" * 65, "ConstraintViolationException"),
    ],
)
async def test_numbers_that_were_refused_are_refused(carrier: Any, waybill: Any, code: str) -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    async with api(emulator) as http:
        answer = await add(http, order, carrier, waybill)
        assert (answer.status_code, code_of(answer)) == (400, code)
        assert await listed(http, order) == []


async def test_a_carriers_name_has_thirty_characters_at_most() -> None:
    emulator = an_emulator()
    async with api(emulator) as http:
        order = emulator.add_order()
        assert (await add(http, order, "OTHER", "1", carrierName="x" * 31)).status_code == 400
        assert (await add(http, order, "OTHER", "1", carrierName="x" * 30)).status_code == 201


async def test_items_must_be_the_orders_own() -> None:
    emulator = an_emulator()
    order, other = emulator.add_order(), emulator.add_order()
    async with api(emulator) as http:
        foreign = [{"id": other.items[0].id}]
        assert (await add(http, order, "OTHER", "1", lineItems=foreign)).status_code == 422
        own = [{"id": order.items[0].id}]
        assert (await add(http, order, "OTHER", "1", lineItems=own)).status_code == 201


async def test_limits_of_numbers() -> None:
    emulator = an_emulator("waybill-limit=1", rules=Rules(waybill_orders_max=2))
    orders = [emulator.add_order() for _ in range(3)]
    async with api(emulator) as http:
        await add(http, orders[0], "OTHER", "1")
        full = await add(http, orders[0], "OTHER", "2")
        assert (full.status_code, code_of(full)) == (422, "WaybillsAssignedToOrderLimitReached")
        assert (await add(http, orders[1], "OTHER", "1")).status_code == 201
        assert (await add(http, orders[2], "OTHER", "1")).status_code == 409


async def test_a_number_may_be_listed_late_and_set_the_status() -> None:
    clock = Clock()
    emulator = an_emulator("waybill-lag=10", "waybill-sets-sent", clock=clock)
    order = emulator.add_order()
    async with api(emulator) as http:
        assert (await add(http, order, "INPOST", INPOST)).status_code == 201
        assert await listed(http, order) == []
        assert order.fulfillment == "SENT"
        clock.forward(seconds=10)
        assert await listed(http, order) == [("INPOST", INPOST)]


async def test_a_carrier_may_refuse_whatever_the_number() -> None:
    emulator = an_emulator("carrier-refuses=DHL")
    order = emulator.add_order()
    async with api(emulator) as http:
        refused = await add(http, order, "DHL", "31001909076")
        assert code_of(refused) == "CarrierWaybillValidationException"
        assert (await add(http, order, "INPOST", INPOST)).status_code == 201


async def test_an_order_in_allegros_warehouse_takes_no_number() -> None:
    emulator = an_emulator()
    async with api(emulator) as http:
        order = emulator.add_order(provider="ALLEGRO")
        assert (await add(http, order, "INPOST", INPOST)).status_code == 422


async def test_carriers_are_listed_with_a_time_to_keep_them() -> None:
    async with api(an_emulator()) as http:
        answer = await http.get("/order/carriers")
    assert {"id": "INPOST", "name": "InPost"} in answer.json()["carriers"]
    assert answer.headers["cache-control"] == "max-age=3600"


async def test_tracking_tells_integrated_carriers_from_others() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock)
    order = emulator.add_order()
    async with api(emulator) as http:
        await add(http, order, "INPOST", INPOST)
        clock.forward(hours=7)
        known = await http.get("/order/carriers/INPOST/tracking", params={"waybill": INPOST})
        codes = [one["code"] for one in known.json()["waybills"][0]["trackingDetails"]["statuses"]]
        unknown = await http.get("/order/carriers/DHL/tracking", params={"waybill": "1"})
        refused = await http.get("/order/carriers/OTHER/tracking", params={"waybill": "1"})
        none = await http.get("/order/carriers/DHL/tracking")
        many = await http.get("/order/carriers/DHL/tracking", params={"waybill": ["1"] * 21})
    assert codes == ["PENDING", "IN_TRANSIT"]
    assert unknown.json() == {"carrierId": "DHL", "waybills": [{"waybill": "1"}]}
    assert code_of(refused) == "INTEGRATOR_STATUSES_ILLEGAL_ARGUMENT"
    assert (none.status_code, many.status_code) == (400, 400)

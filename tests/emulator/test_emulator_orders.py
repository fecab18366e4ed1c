"""The emulator's orders: the event log, the list, forms, the seller's status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from awizo.emulator.descriptions import UnusableOrder
from support.allegro_parts import START, Clock
from support.emulator_parts import an_emulator, api, code_of


async def listed(http: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await http.get("/order/checkout-forms", params=params)
    assert answer.status_code == 200, answer.text
    return [form["id"] for form in answer.json()["checkoutForms"]]


async def events(http: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await http.get("/order/events", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


async def set_status(
    http: httpx.AsyncClient, order_id: str, status: str, revision: str | None = None
) -> httpx.Response:
    return await http.put(
        f"/order/checkout-forms/{order_id}/fulfillment",
        json={"status": status},
        params={"checkoutForm.revision": revision} if revision else {},
        headers={"Content-Type": http.headers["content-type"]},
    )


# --- orders and how they are made ------------------------------------------------------


def test_the_same_seed_makes_the_same_orders() -> None:
    def one(seed: int) -> tuple[str, str]:
        order = an_emulator(seed=seed).add_order()
        return order.id, order.email

    assert one(7) == one(7)
    assert one(7) != one(8)


def test_an_order_looks_as_allegros_do() -> None:
    emulator = an_emulator()
    first, second = emulator.add_order(login="jan_k"), emulator.add_order(login="jan_k")
    other_seller = emulator.add_order(login="jan_k", seller="shop2")

    assert first.id[14] == "1", "a UUID of version 1"
    assert first.email.endswith("@allegromail.pl")
    assert first.email != second.email
    base = first.email.split("+")[0]
    assert second.email.split("+")[0] == base, "one BASE for a pair of seller and buyer"
    assert other_seller.email.split("+")[0] != base
    assert len(base) == 10
    assert len(set(base)) > 1


@pytest.mark.parametrize(
    "told",
    [{"total": "many"}, {"colour": "red"}, {"invoice_required": "yes"}, {"status": "PAID"},
     {"items": "lamp"}, {"items": [{"size": 1}]}, {"appears_in_s": "soon"}, {"bought_at": "now"},
     {"buyer": 5}],
)  # fmt: skip
def test_a_description_that_does_not_fit_is_refused_by_name(told: dict[str, Any]) -> None:
    with pytest.raises(UnusableOrder) as refused:
        an_emulator().add_order(**told)
    assert next(iter(told)) in str(refused.value) or "size" in str(refused.value)


async def test_a_form_says_what_was_told() -> None:
    emulator = an_emulator()
    order = emulator.add_order(
        buyer="Piotr Zieliński", company="Zieliński Hurt", tax_id="5252674798", total="1845",
        currency="CZK", language="cs-CZ", marketplace="allegro-cz", message="na prezent",
        delivery_method="Kurier DPD", items=[{"name": "Lampion", "quantity": 3, "price": "615"}],
    )  # fmt: skip
    async with api(emulator) as http:
        form = (await http.get(f"/order/checkout-forms/{order.id.upper()}")).json()

    assert (form["buyer"]["firstName"], form["buyer"]["lastName"]) == ("Piotr", "Zieliński")
    assert form["summary"]["totalToPay"] == {"amount": "1845.00", "currency": "CZK"}
    assert form["invoice"]["address"]["company"]["ids"] == [
        {"type": "PL_NIP", "value": "5252674798"}
    ]
    assert form["marketplace"]["id"] == "allegro-cz"
    assert form["messageToSeller"] == "na prezent"
    assert form["lineItems"][0]["quantity"] == 3


async def test_an_order_of_another_account_is_missing() -> None:
    emulator = an_emulator()
    order = emulator.add_order(seller="shop2")
    async with api(emulator) as http:
        answer = await http.get(f"/order/checkout-forms/{order.id}")
        assert await listed(http) == []
        assert await events(http) == []
    assert (answer.status_code, code_of(answer)) == (404, "CheckoutFormNotFoundException")


async def test_a_malformed_id_is_refused_as_malformed() -> None:
    async with api(an_emulator()) as http:
        assert (await http.get("/order/checkout-forms/nonsense")).status_code == 422


# --- the event log ------------------------------------------------------


async def test_events_come_oldest_first_behind_a_cursor() -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    async with api(emulator) as http:
        found = await events(http)
        assert [one["type"] for one in found] == ["BOUGHT", "FILLED_IN", "READY_FOR_PROCESSING"]
        ids = [int(one["id"]) for one in found]
        assert ids == sorted(set(ids))
        assert found[-1]["order"]["checkoutForm"] == {"id": order.id, "revision": order.revision}
        assert found[-1]["order"]["buyer"]["email"] == order.email
        assert [one["id"] for one in await events(http, **{"from": ids[0]})] == [
            str(one) for one in ids[1:]
        ]
        assert len(await events(http, limit=2)) == 2
        assert [one["type"] for one in await events(http, type=["BOUGHT", "FILLED_IN"])] == [
            "BOUGHT", "FILLED_IN",
        ]  # fmt: skip
        assert len(await events(http, **{"occurredAt.gte": "2030-01-01T00:00:00Z"})) == 3
        stats = (await http.get("/order/event-stats")).json()
        assert stats["latestEvent"]["id"] == str(ids[-1])


async def test_the_log_reaches_back_sixty_days() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock)
    emulator.add_order()
    clock.forward(days=60)
    async with api(emulator) as http:
        assert await events(http) == []
        assert (await http.get("/order/event-stats")).json() == {}


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 1001}, {"limit": "ten"}, {"from": "yesterday"}]
)
async def test_nonsense_in_the_query_of_events_is_refused(params: dict[str, Any]) -> None:
    async with api(an_emulator()) as http:
        assert (await http.get("/order/events", params=params)).status_code == 422


# --- the list ------------------------------------------------------


async def test_orders_are_listed_newest_first_a_page_at_a_time() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock)
    made = []
    for _ in range(5):
        made.append(emulator.add_order().id)
        clock.forward(minutes=1)
    async with api(emulator) as http:
        assert await listed(http) == made[::-1]
        assert await listed(http, sort="lineItems.boughtAt") == made
        assert await listed(http, offset=1, limit=2) == made[::-1][1:3]
        page = (await http.get("/order/checkout-forms", params={"limit": 2})).json()
    assert (page["count"], page["totalCount"]) == (2, 5)


async def test_orders_are_filtered_as_the_description_says() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock)
    old = emulator.add_order(bought_at="2026-11-01T00:00:00Z", login="anna_n")
    new = emulator.add_order(provider="ALLEGRO", marketplace="allegro-cz")
    unpaid = emulator.add_order(status="FILLED_IN")
    async with api(emulator) as http:
        assert await listed(http, **{"buyer.login": "anna_n"}) == [old.id]
        assert await listed(http, **{"fulfillment.provider.id": "ALLEGRO"}) == [new.id]
        assert await listed(http, **{"marketplace.id": "allegro-cz"}) == [new.id]
        assert await listed(http, status="FILLED_IN") == [unpaid.id]
        assert await listed(http, **{"payment.id": new.payment_id}) == [new.id]
        assert await listed(http, **{"surcharges.id": new.payment_id}) == []
        assert await listed(http, **{"lineItems.boughtAt.lte": "2026-11-02T00:00:00Z"}) == [old.id]
        recent = await listed(http, **{"updatedAt.gte": START.isoformat()})
        assert set(recent) == {old.id, new.id, unpaid.id}
        await set_status(http, new.id, "SENT")
        emulator.set_status(old.id, "SENT")
        assert await listed(http, **{"fulfillment.status": "SENT"}) == [old.id]


async def test_the_list_reaches_back_a_year_and_ten_thousand() -> None:
    emulator = an_emulator()
    emulator.add_order(bought_at=(START - timedelta(days=366)).isoformat())
    async with api(emulator) as http:
        assert await listed(http) == []
        for params in ({"offset": 9901, "limit": 100}, {"limit": 101}, {"offset": -1}):
            answer = await http.get("/order/checkout-forms", params=params)
            assert answer.status_code == 422
        assert await listed(http, offset=9900, limit=100) == []
        for name, value in (("updatedAt.gte", "yesterday"), ("sort", "price")):
            answer = await http.get("/order/checkout-forms", params={name: value})
            assert answer.status_code == 400


# --- the seller's status ------------------------------------------------------


async def test_a_status_is_set_and_only_the_event_log_tells() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock)
    order = emulator.add_order()
    clock.forward(hours=1)
    async with api(emulator) as http:
        assert (await set_status(http, order.id, "SENT", order.revision)).status_code == 204
        form = (await http.get(f"/order/checkout-forms/{order.id}")).json()
        assert form["fulfillment"] == {
            "status": "SENT",
            "provider": {"id": "SELLER"},
            "shipmentSummary": {"lineItemsSent": "ALL"},
        }
        assert datetime.fromisoformat(form["updatedAt"]).astimezone(UTC) == START
        assert (await events(http))[-1]["type"] == "FULFILLMENT_STATUS_CHANGED"


@pytest.mark.parametrize("status", ["RETURNED", "LOST", "", "sent"])
async def test_a_status_that_cannot_be_set_is_refused(status: str) -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    async with api(emulator) as http:
        assert (await set_status(http, order.id, status)).status_code == 422
    assert order.fulfillment == "NEW"


async def test_a_body_that_is_no_json_is_an_error_that_has_occurred() -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    async with api(emulator) as http:
        answer = await http.put(
            f"/order/checkout-forms/{order.id}/fulfillment", content=b"status=SENT"
        )
    assert (answer.status_code, code_of(answer)) == (422, "ERROR")


async def test_an_outdated_revision_is_a_conflict() -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    seen = order.revision
    emulator.change(order.id)
    async with api(emulator) as http:
        assert (await set_status(http, order.id, "SENT", seen)).status_code == 409
        assert (await set_status(http, order.id, "SENT", order.revision)).status_code == 204
        assert "BUYER_MODIFIED" in [one["type"] for one in await events(http)]


async def test_an_order_takes_a_limited_number_of_status_changes() -> None:
    emulator = an_emulator("status-limit=2")
    order = emulator.add_order()
    async with api(emulator) as http:
        statuses = [(await set_status(http, order.id, "SENT")).status_code for _ in range(2)]
        refused = await set_status(http, order.id, "SENT")
    assert statuses == [204, 204]
    assert refused.status_code == 422
    error = refused.json()["errors"][0]
    assert error["code"] == "SellerOrdersStoreUnprocessableEntityException"
    assert error["message"] is None


# --- what happens to orders ------------------------------------------------------


async def test_a_late_order_is_nowhere_until_its_time_has_come() -> None:
    clock = Clock()
    emulator = an_emulator("late-orders=20", clock=clock)
    order = emulator.add_order()
    async with api(emulator) as http:
        assert (await http.get(f"/order/checkout-forms/{order.id}")).status_code == 404
        assert await listed(http) == []
        assert await events(http) == []
        clock.forward(seconds=20)
        assert await listed(http) == [order.id]
        assert len(await events(http)) == 3
        assert (await http.get(f"/order/checkout-forms/{order.id}")).status_code == 200


async def test_the_address_may_be_empty_and_the_form_behind_at_first() -> None:
    clock = Clock()
    emulator = an_emulator("empty-email=20", "form-lags=10", clock=clock)
    order = emulator.add_order()
    async with api(emulator) as http:
        form = (await http.get(f"/order/checkout-forms/{order.id}")).json()
        assert (form["buyer"]["email"], form["status"]) == ("", "FILLED_IN")
        assert (await events(http))[-1]["order"]["buyer"]["email"] == ""
        clock.forward(seconds=20)
        form = (await http.get(f"/order/checkout-forms/{order.id}")).json()
        assert (form["buyer"]["email"], form["status"]) == (order.email, "READY_FOR_PROCESSING")


async def test_events_may_come_twice_and_late_behind_newer_ones() -> None:
    clock = Clock()
    emulator = an_emulator("duplicate-events", "late-events=30,times=1", clock=clock)
    late = emulator.add_order()
    clock.forward(seconds=10)
    prompt = emulator.add_order()
    async with api(emulator) as http:
        first = await events(http)
        assert [one["order"]["checkoutForm"]["id"] for one in first] == [prompt.id] * 6
        clock.forward(seconds=20)
        behind = [one["order"]["checkoutForm"]["id"] for one in await events(http)]
        assert behind == [late.id] * 6 + [prompt.id] * 6, "older ids turn up before newer ones"


async def test_a_purchase_that_is_paid_gets_another_id() -> None:
    clock = Clock()
    emulator = an_emulator("merged-purchases=15", clock=clock)
    order = emulator.add_order()
    async with api(emulator) as http:
        (before,) = await listed(http)
        old = (await http.get(f"/order/checkout-forms/{before}")).json()
        assert (before != order.id, old["status"]) == (True, "FILLED_IN")
        clock.forward(seconds=15)
        assert await listed(http) == [order.id]
        assert (await http.get(f"/order/checkout-forms/{before}")).status_code == 404
        new = (await http.get(f"/order/checkout-forms/{order.id}")).json()
    assert [line["id"] for line in new["lineItems"]] == [line["id"] for line in old["lineItems"]]
    assert old["buyer"]["email"].split("+")[0] == new["buyer"]["email"].split("+")[0]


async def test_several_purchases_paid_together_become_one() -> None:
    emulator = an_emulator()
    old = [emulator.add_order(login="jan_k", status="FILLED_IN") for _ in range(2)]
    made = emulator.merge_orders([one.id for one in old])
    async with api(emulator) as http:
        assert await listed(http) == [made.id]
    assert len(made.items) == 2
    with pytest.raises(UnusableOrder):
        emulator.merge_orders([made.id])
    with pytest.raises(UnusableOrder):
        emulator.merge_orders([emulator.add_order(status="BOUGHT").id, emulator.add_order(
            status="BOUGHT").id])  # fmt: skip


async def test_an_order_may_be_announced_and_listed_but_not_found() -> None:
    emulator = an_emulator("order-missing=2")
    order = emulator.add_order()
    async with api(emulator) as http:
        assert await listed(http) == [order.id]
        path = f"/order/checkout-forms/{order.id}"
        assert [(await http.get(path)).status_code for _ in range(3)] == [404, 404, 200]


async def test_payment_and_cancellation_are_events() -> None:
    emulator = an_emulator()
    order = emulator.add_order(status="BOUGHT")
    async with api(emulator) as http:
        assert [one["type"] for one in await events(http)] == ["BOUGHT"]
        emulator.pay(order.id)
        emulator.cancel(order.id)
        assert [one["type"] for one in await events(http)][1:] == [
            "READY_FOR_PROCESSING", "BUYER_CANCELLED",
        ]  # fmt: skip
        form = (await http.get(f"/order/checkout-forms/{order.id}")).json()
    assert form["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("scenario", "place", "value"),
    [
        ("own-warehouse", ("fulfillment", "provider", "id"), "ALLEGRO"),
        ("ept", ("payment", "provider"), "EPT"),
        ("not-requested", ("invoice", "required"), False),
        ("foreign-market=allegro-sk", ("marketplace", "id"), "allegro-sk"),
    ],
)
async def test_new_orders_can_be_made_special(
    scenario: str, place: tuple[str, ...], value: object
) -> None:
    emulator = an_emulator(scenario)
    order = emulator.add_order()
    async with api(emulator) as http:
        found = (await http.get(f"/order/checkout-forms/{order.id}")).json()
    for step in place:
        found = found[step]
    assert found == value


async def test_the_status_of_an_order_in_allegros_warehouse_cannot_be_set() -> None:
    emulator = an_emulator()
    order = emulator.add_order(provider="ALLEGRO")
    async with api(emulator) as http:
        assert (await set_status(http, order.id, "SENT")).status_code == 422

"""Client and emulator, each held to Allegro's own description: requests, answers, media types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, get_args

import httpx
import pytest
from pydantic import BaseModel

from awizo.allegro import schema
from awizo.allegro.client import AllegroAccount
from awizo.errors import ActionError
from awizo.model import FulfillmentStatus
from support.allegro_parts import START, some_clients
from support.emulator_parts import PDF, a_shop
from support.openapi import CheckedNetwork, needs_spec, spec
from support.scripted import ScriptedNetwork, answer

pytestmark = needs_spec

ORDER = "29738e61-7f6a-11e8-ac45-09db60ede9d6"
OTHER = "39738e61-7f6a-11e8-ac45-09db60ede9d6"


def account(reply: httpx.Response) -> tuple[AllegroAccount, CheckedNetwork]:
    network = CheckedNetwork(ScriptedNetwork([reply]), answers_too=False)
    return some_clients(network).account("default"), network


async def test_every_request_is_in_the_description() -> None:
    seller, network = account(answer(200, {"id": "x", "events": [], "checkoutForms": []}))
    form = answer(200, {"id": ORDER})

    await seller.me()
    await seller.additional_emails()
    await seller.latest_event_id()
    await seller.events(None, 1000)
    await seller.events("1532603898317497", 100)
    await seller.orders_page(
        bought_from=START - timedelta(days=7), bought_to=START, offset=9900, limit=100
    )
    await seller.invoices(ORDER)
    await seller.declare_invoice(ORDER, "FV 1.pdf", "FV 1")
    await seller.declare_invoice(ORDER, "FV 1.pdf", None)
    await seller.put_invoice_file(ORDER, "56ae349d", b"%PDF-1.7")
    await seller.add_link(ORDER, "https://docs.example/1")
    await seller.shipments(ORDER)
    await seller.add_shipment(ORDER, carrier="DHL", number="12345678910")
    await seller.add_shipment(ORDER, carrier="OTHER", number="1", carrier_name="x" * 40)
    await seller.carriers()
    await seller.trackable("DHL")
    await seller.threads()
    await seller.threads(page="20")
    await seller.thread("t-1")
    await seller.messages("t-1", after=START)
    await seller.messages("t-1", page="20")
    await seller.set_fulfillment(ORDER, FulfillmentStatus.SENT, "819b5836")

    assert len(network.checked) == 22
    opened, network = account(form)
    await opened.order(ORDER)
    assert network.checked == [("GET", f"/order/checkout-forms/{ORDER}")]


async def test_client_and_emulator_agree_with_the_description_in_every_call() -> None:
    """Both sides at once: what the one asks and what the other answers, for better and worse."""
    shop = a_shop()
    order = shop.order()
    seller = shop.bench.clients.account("default")
    day = timedelta(days=1)

    assert (await seller.me()).email == shop.emulator.seller.email
    assert await seller.additional_emails() == ()
    newest = await seller.latest_event_id()
    assert [event.id for event in await seller.events(None, 1000)][-1] == newest
    page = await seller.orders_page(
        bought_from=START - day, bought_to=START + day, offset=0, limit=100
    )
    assert page.total == 1
    known = await seller.order(order.id)
    assert known == page.orders[0]
    invoice_id = await seller.declare_invoice(order.id, "FV 1.pdf", "FV 1")
    await seller.put_invoice_file(order.id, invoice_id, PDF)
    await seller.put_invoice_file(order.id, invoice_id, PDF)  # 409: it is there
    assert await seller.add_link(order.id, "https://hub.eparagony.pl/1")
    assert not await seller.add_link(order.id, "https://hub.eparagony.pl/1")
    listed = await seller.invoices(order.id)
    assert (len(listed.invoices), len(listed.links)) == (1, 1)
    await seller.set_fulfillment(order.id, FulfillmentStatus.SENT, known.revision)
    await seller.add_shipment(order.id, carrier="DHL", number="12345678910")
    await seller.add_shipment(order.id, carrier="OTHER", number="1", carrier_name="x" * 40)
    assert len(await seller.shipments(order.id)) == 2
    assert "DHL" in {carrier.id for carrier in await seller.carriers()}
    shop.emulator.add_message(order.id, "hej")
    threads, _ = await seller.threads()
    assert (await seller.thread(threads[0].id)).login == order.login
    assert len((await seller.messages(threads[0].id, after=START - day))[0]) == 1

    asked = {(one.method, one.operation) for one in shop.emulator.requests}
    assert len(asked) == 17


REFUSALS: dict[str, tuple[str, Callable[[AllegroAccount, str], Awaitable[object]], str]] = {
    "order": ("", lambda a, _: a.order(OTHER), "order_missing"),
    "malformed": ("", lambda a, _: a.order("nonsense"), "order_missing"),
    "revision": ("", lambda a, o: a.set_fulfillment(o, FulfillmentStatus.SENT, "old"),
                 "revision_conflict"),
    "limit": ("status-limit", lambda a, o: a.set_fulfillment(o, FulfillmentStatus.SENT, None),
              "operation_limit"),
    "denied": ("forbidden", lambda a, o: a.set_fulfillment(o, FulfillmentStatus.SENT, None),
               "access_denied"),
    "scan": ("scan-clash", lambda a, o: a.declare_invoice(o, "a.pdf", None), "scan_in_progress"),
    "scan 422": ("scan-clash,status=422", lambda a, o: a.declare_invoice(o, "a.pdf", None),
                 "scan_in_progress"),
    "too fast": ("metadata-too-fast", lambda a, o: a.declare_invoice(o, "a.pdf", None),
                 "metadata_too_fast"),
    "no file": ("", lambda a, o: a.put_invoice_file(o, OTHER, PDF), "invoice_missing"),
    "link": ("", lambda a, o: a.add_link(o, "https://docs.example/1"), "link_refused"),
    "carrier": ("", lambda a, o: a.add_shipment(o, carrier="DPD", number="1"), "carrier_refused"),
    "waybill": ("", lambda a, o: a.add_shipment(o, carrier="DPD", number="1*1"),
                "waybill_invalid"),
    "waybills": ("waybill-limit", lambda a, o: a.add_shipment(o, carrier="OTHER", number="1"),
                 "waybill_limit"),
    "busy": ("busy", lambda a, o: a.shipments(o), "allegro_busy"),
    "down": ("failing", lambda a, o: a.invoices(o), "allegro_error"),
    "late": ("timeout,on=orders+file", lambda a, o: a.put_invoice_file(o, OTHER, PDF),
             "invoice_missing"),
    "tokens": ("password-change", lambda a, o: a.me(), "account_paused"),
    "scope": ("missing-scope", lambda a, o: a.threads(), "access_denied"),
    "thread": ("", lambda a, o: a.thread("nobody"), "request_refused"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
async def test_refusals_are_described_too_and_sorted_by_their_meaning(name: str) -> None:
    scenario, call, code = REFUSALS[name]
    shop = a_shop()
    order = shop.order()
    if scenario:
        shop.emulator.set_scenario(scenario)
    with pytest.raises(ActionError) as refused:
        await call(shop.bench.clients.account("default"), order.id)
    assert refused.value.code == code


DESCRIBED: list[tuple[type[BaseModel], str]] = [
    (schema.CheckoutForm, "CheckoutForm"),
    (schema.CheckoutForms, "CheckoutForms"),
    (schema.Event, "OrderEvent"),
    (schema.Events, "OrderEventsList"),
    (schema.EventStats, "OrderEventStats"),
    (schema.Invoices, "CheckoutFormsOrderInvoices"),
    (schema.Created, "CheckFormsNewOrderInvoiceId"),
    (schema.Shipments, "CheckoutFormOrderWaybillResponse"),
    (schema.Carriers, "OrdersShippingCarriersResponse"),
    (schema.Me, "MeResponse"),
    (schema.AdditionalEmails, "AdditionalEmailsResponse"),
    (schema.ErrorsHolder, "ErrorsHolder"),
    (schema.AuthError, "AuthError"),
    (schema.Threads, "ThreadsList"),
    (schema.Messages, "MessagesList"),
]
BETA_ONLY = {"ThreadsList.nextPage", "MessagesList.nextPage", "MessagesList.messages.author.role"}


@pytest.mark.parametrize(("shape", "name"), DESCRIBED, ids=[name for _, name in DESCRIBED])
def test_every_field_that_is_read_is_one_that_allegro_describes(
    shape: type[BaseModel], name: str
) -> None:
    """A field name misspelt in our shapes would read as "empty" for ever."""
    unknown = set(unknown_fields(shape, {"$ref": f"#/components/schemas/{name}"}, name))

    assert unknown <= BETA_ONLY


def unknown_fields(shape: type[BaseModel], described: dict[str, Any], where: str) -> Iterator[str]:
    properties = resolved(described).get("properties", {})
    for name, field in shape.model_fields.items():
        key = field.alias or name
        if key not in properties:
            yield f"{where}.{key}"
            continue
        inner = resolved(properties[key])
        for nested in models_in(field.annotation):
            yield from unknown_fields(nested, inner.get("items", inner), f"{where}.{key}")


def resolved(described: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in described:
        described = spec()["components"]["schemas"][described["$ref"].rsplit("/", 1)[1]]
    for part in described.get("allOf", ()):
        described = {**described, **resolved(part)}
    return described


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)

"""Every request of the client is one that Allegro's own description allows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

import httpx
import pytest
from pydantic import BaseModel

from awizo.allegro import schema
from awizo.allegro.client import AllegroAccount
from awizo.model import FulfillmentStatus
from support.allegro_parts import START, some_clients
from support.openapi import CheckedNetwork, needs_spec, spec
from support.scripted import ScriptedNetwork, answer

pytestmark = needs_spec

ORDER = "29738e61-7f6a-11e8-ac45-09db60ede9d6"


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

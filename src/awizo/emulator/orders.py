"""Orders over HTTP: the event log, the list, one form, the seller's status.

Source: openapi.yaml; FACTS 2.1 to 2.3 and 2.8.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from awizo.emulator.calls import Answer, Call, Refusal
from awizo.emulator.world import ORDERS_KEPT, Event, Item, Order, World, moment

WINDOW_MAX = 10_000  # offset + limit, FACTS 2.2
SETTABLE = (
    "NEW", "PROCESSING", "READY_FOR_SHIPMENT", "READY_FOR_PICKUP", "SENT", "PICKED_UP",
    "CANCELLED", "SUSPENDED",
)  # fmt: skip
LINES_SENT = ("NONE", "SOME", "ALL")
SORTS: dict[str, tuple[Callable[[Order], datetime], bool]] = {
    "lineItems.boughtAt": (lambda one: one.bought_at, False),
    "-lineItems.boughtAt": (lambda one: one.bought_at, True),
    "updatedAt": (lambda one: one.updated_at, False),
    "-updatedAt": (lambda one: one.updated_at, True),
}


# --- the event log ------------------------------------------------------


def events(call: Call) -> Answer:
    """GET /order/events: oldest first, from 60 days back; unknown filters are ignored."""
    limit = call.number("limit", low=1, high=1000, default=100)
    after = call.one("from")
    wanted = set(call.all("type"))
    if after is not None and not (after.isascii() and after.isdigit()):
        raise Refusal(422, "IllegalArgumentException", "from is no event id", path="from")
    found = [
        event
        for event in call.world.log(call.seller)
        if (after is None or int(event.id) > int(after)) and (not wanted or event.type in wanted)
    ]
    return Answer(200, {"events": [_event(call.world, one) for one in found[:limit]]})


def event_stats(call: Call) -> Answer:
    """GET /order/event-stats: the newest event; an empty object while there is none."""
    log = call.world.log(call.seller)
    if not log:
        return Answer(200, {})
    latest = {"id": log[-1].id, "occurredAt": moment(log[-1].occurred_at)}
    return Answer(200, {"latestEvent": latest})


def _event(world: World, event: Event) -> dict[str, Any]:
    order = world.orders[event.order_id]
    return {
        "id": event.id,
        "type": event.type,
        "occurredAt": moment(event.occurred_at),
        "order": {
            "seller": {"id": world.seller(order.seller).id},
            "buyer": _buyer_reference(order, world.now()),
            "lineItems": [_line(one, order) for one in order.items],
            "checkoutForm": {"id": order.id, "revision": order.revision},
            "marketplace": {"id": order.marketplace},
        },
    }


# --- the list and the form ------------------------------------------------------


def orders(call: Call) -> Answer:
    """GET /order/checkout-forms: filters, sorting, offset and limit; 365 days back."""
    limit = call.number("limit", low=1, high=100, default=100)
    offset = call.number("offset", low=0, high=WINDOW_MAX, default=0)
    if offset + limit > WINDOW_MAX:
        raise Refusal(
            422,
            "ConstraintViolationException",
            f"offset + limit must not exceed {WINDOW_MAX}",
            path="offset",
        )
    key, backwards = SORTS["-lineItems.boughtAt"]
    if (sort := call.one("sort")) is not None:
        if sort not in SORTS:
            raise Refusal(400, "IllegalArgumentException", f"sort by {sort}?", path="sort")
        key, backwards = SORTS[sort]
    spans = {
        name: (call.moment(f"{name}.gte"), call.moment(f"{name}.lte"))
        for name in ("lineItems.boughtAt", "updatedAt")
    }
    found = sorted(
        (order for order in call.world.orders.values() if _asked_for(call, order, spans)),
        key=key,
        reverse=backwards,
    )
    page = [form(call.world, order) for order in found[offset : offset + limit]]
    return Answer(200, {"checkoutForms": page, "count": len(page), "totalCount": len(found)})


Spans = Mapping[str, tuple[datetime | None, datetime | None]]


def _asked_for(call: Call, order: Order, spans: Spans) -> bool:
    now = call.now
    if order.seller != call.seller or not order.is_there(now):
        return False
    if now - order.bought_at > ORDERS_KEPT or call.one("surcharges.id") is not None:
        return False
    for name, at in (("lineItems.boughtAt", order.bought_at), ("updatedAt", order.updated_at)):
        since, until = spans[name]
        if (since is not None and at < since) or (until is not None and at > until):
            return False
    exact = (
        ("status", _status(order, now)),
        ("fulfillment.status", order.fulfillment),
        ("fulfillment.provider.id", order.provider),
        ("fulfillment.shipmentSummary.lineItemsSent", order.lines_sent),
        ("payment.id", order.payment_id),
        ("delivery.method.id", _method_id(order)),
        ("buyer.login", order.login),
        ("marketplace.id", order.marketplace),
    )
    return all(not call.all(name) or value in call.all(name) for name, value in exact)


def order(call: Call) -> Answer:
    """GET /order/checkout-forms/{id}."""
    found = call.order(refuse_malformed=True)
    if call.strike("order-missing"):
        raise Refusal(
            404, "CheckoutFormNotFoundException", f"Checkout form {found.id} was not found"
        )
    return Answer(200, form(call.world, found))


def _status(order: Order, now: datetime) -> str:
    lags = order.status == "READY_FOR_PROCESSING" and now < order.ready_at
    return "FILLED_IN" if lags else order.status


def _method_id(order: Order) -> str:
    """The same name has the same id."""
    return str(uuid.UUID(bytes=hashlib.sha256(order.delivery_method.encode()).digest()[:16]))


def form(world: World, order: Order) -> dict[str, Any]:
    """The checkout form as it reads now."""
    now = world.now()
    price = {"amount": order.total, "currency": order.currency}
    body: dict[str, Any] = {
        "id": order.id,
        "buyer": {
            **_buyer_reference(order, now),
            "firstName": order.first_name,
            "lastName": order.last_name,
            "phoneNumber": "500600700",
            "address": {
                "street": "Solna 1", "city": "Poznań", "postCode": "60-166", "countryCode": "PL",
            },
        },
        "payment": {
            "id": order.payment_id,
            "type": order.payment_type,
            "provider": order.payment_provider,
        },
        "status": _status(order, now),
        "fulfillment": {
            "status": order.fulfillment,
            "provider": {"id": order.provider},
            "shipmentSummary": {"lineItemsSent": order.lines_sent},
        },
        "delivery": {
            "address": {
                "firstName": order.first_name, "lastName": order.last_name, "street": "Solna 1",
                "city": "Poznań", "zipCode": "60-166", "countryCode": "PL",
                "phoneNumber": "500600700",
            },
            "method": {"id": _method_id(order), "name": order.delivery_method},
            "cost": {"amount": "0.00", "currency": order.currency},
            "smart": True,
            "calculatedNumberOfPackages": 1,
        },
        "invoice": _invoice(order),
        "lineItems": [
            {**_line(one, order), "boughtAt": moment(order.bought_at)} for one in order.items
        ],
        "surcharges": [],
        "marketplace": {"id": order.marketplace},
        "summary": {"totalToPay": price},
        "updatedAt": moment(order.updated_at),
        "revision": order.revision,
    }  # fmt: skip
    if order.status in ("READY_FOR_PROCESSING", "CANCELLED"):
        body["payment"] |= {"finishedAt": moment(order.bought_at), "paidAmount": price}
    if order.message:
        body["messageToSeller"] = order.message
    if order.company:
        body["buyer"]["companyName"] = order.company
    return body


def _invoice(order: Order) -> dict[str, Any]:
    if not order.invoice_required:
        return {"required": False}
    address: dict[str, Any] = {
        "street": "Solna 1", "city": "Poznań", "zipCode": "60-166", "countryCode": "PL",
    }  # fmt: skip
    if order.company or order.tax_id:
        ids = [{"type": "PL_NIP", "value": order.tax_id}] if order.tax_id else []
        address["company"] = {
            "name": order.company or f"{order.first_name} {order.last_name}",
            "ids": ids,
            "vatPayerStatus": "ACTIVE" if ids else "NOT_APPLICABLE",
        } | ({"taxId": order.tax_id} if ids else {})
    else:
        address["naturalPerson"] = {"firstName": order.first_name, "lastName": order.last_name}
    return {"required": True, "address": address, "features": []}


def _buyer_reference(order: Order, now: datetime) -> dict[str, Any]:
    return {
        "id": order.buyer_id,
        "email": order.email if order.email_at <= now else "",
        "login": order.login,
        "guest": order.guest,
        "preferences": {"language": order.language},
    }


def _line(one: Item, order: Order) -> dict[str, Any]:
    price = {"amount": one.price, "currency": order.currency}
    return {
        "id": one.id,
        "offer": {"id": one.offer_id, "name": one.name},
        "quantity": one.quantity,
        "originalPrice": price,
        "price": price,
    }


# --- the seller's status ------------------------------------------------------


def fulfillment(call: Call) -> Answer:
    """PUT /order/checkout-forms/{id}/fulfillment."""
    order = call.order()
    body = call.json(status=422, code="ERROR")
    status = body.get("status")
    if status not in SETTABLE:
        raise Refusal(
            422,
            "IllegalFulfillmentStatus",
            f"status {status!s:.40} cannot be set",
            path="status",
        )
    summary = body.get("shipmentSummary") or {}
    lines_sent = summary.get("lineItemsSent") if isinstance(summary, dict) else "?"
    if lines_sent not in (None, *LINES_SENT):
        raise Refusal(422, "IllegalArgumentException", "no such value", path="lineItemsSent")
    if call.strike("revision-change"):
        buyer_changes(call.world, order)
    revision = call.one("checkoutForm.revision")
    if revision is not None and revision != order.revision:
        raise Refusal(
            409,
            "OutdatedRevisionException",
            "Provided revision is outdated",
            path="checkoutForm.revision",
        )
    if order.provider == "ALLEGRO":
        raise Refusal(422, "FulfillmentProviderException", "handled by Allegro's own warehouse")
    limit = call.strike("status-limit")
    most = int(limit.number("limit")) if limit else call.rules.operations_max
    if order.operations >= most:
        # The message is null (FACTS 2.8, #3652).
        raise Refusal(422, "SellerOrdersStoreUnprocessableEntityException", None)
    set_status(call.world, order, status, lines_sent)
    order.operations += 1
    if call.strike("status-mail") and not call.strike("no-mail"):
        order.told.append({"what": f"status {status}", "at": moment(call.now)})
    return Answer(204)


def set_status(world: World, order: Order, status: str, lines_sent: str | None = None) -> None:
    """``updatedAt`` does not move with it (FACTS 2.2), the event log tells."""
    order.fulfillment = status
    if lines_sent is not None or status in ("SENT", "PICKED_UP"):
        order.lines_sent = lines_sent or "ALL"
    world.add_event("FULFILLMENT_STATUS_CHANGED", order, world.now())


def buyer_changes(world: World, order: Order) -> None:
    """The buyer changes something: the revision is another one from now on."""
    order.revision = f"{world.rng.getrandbits(32):08x}"
    order.updated_at = world.now()
    world.add_event("BUYER_MODIFIED", order, world.now())

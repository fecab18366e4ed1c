"""Parcels over HTTP: carriers, numbers on an order, tracking.

A number must have the form of its carrier's numbers, as far as FACTS 6.2 knows it; check
digits are not looked at. A number cannot be removed again.

Source: openapi.yaml; FACTS 2.9, 2.10 and 6.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from awizo.emulator.calls import Answer, Call, Refusal
from awizo.emulator.orders import set_status
from awizo.emulator.world import Order, Shipment, World, moment

WAYBILL_MAX_CHARS = 64
NAME_MAX_CHARS = 30
TRACKED_AT_ONCE = 20
PLAIN = r"[A-Z0-9]{4,64}"

# Forms of numbers without spaces, dots and hyphens. "Allegro One" parcels are driven by
# others, under their numbers (FACTS 6.1).
FORMS: dict[str, str] = {
    "ALLEGRO": r"A[A-Z0-9]{7,17}|\d{24}|\d{13,14}[A-Z]?|\d{10,11}|1Z[A-Z0-9]{16}",
    "DHL": r"\d{10,11}(?:[A-Z]{2})?|JJD[A-Z0-9]+|JVGL\d+|JD\d+|000\d{21}",
    "DPD": r"\d{13}[A-Z]|[A-Z0-9]{14}|[A-Z0-9]{28}",
    "DPD_CZ": r"\d{14}[A-Z0-9]?",
    "DPD_SK": r"\d{14}[A-Z0-9]?",
    "DPD_HU": r"\d{14}[A-Z0-9]?",
    "FEDEX": r"\d{12}|\d{15}|\d{34}",
    "GLS": r"\d{11,12}|[A-Z0-9]{8}",
    "INPOST": r"\d{24}",
    "ORLEN": r"\d{13,14}",
    "PACKETA": r"Z\d{10}",
    "POCZTA_POLSKA": r"00\d{18}|PX\d{10}|[A-Z]{2}\d{9}[A-Z]{2}",
    "UPS": r"1Z[A-Z0-9]{16}|[A-Z]\d{10}|\d{9}",
    "WEDO": PLAIN,
    "YUN_EXPRESS": r"YT\d{16}",
    "OTHER": r".{1,64}",
}
NAMES = {
    "ALLEGRO": "Allegro", "DHL": "DHL", "DPD": "DPD", "DPD_CZ": "DPD CZ", "DPD_SK": "DPD SK",
    "DPD_HU": "DPD HU", "FEDEX": "FedEx", "GLS": "GLS", "INPOST": "InPost", "ORLEN": "ORLEN Paczka",
    "PACKETA": "Packeta", "POCZTA_POLSKA": "Poczta Polska", "UPS": "UPS", "WEDO": "WE|DO",
    "YUN_EXPRESS": "Yun Express", "DB_SCHENKER": "DB Schenker", "GEIS": "Geis", "MEEST": "Meest",
    "EXPRESS_ONE": "Express One", "CAINIAO": "Cainiao", "OTHER": "Inny",
}  # fmt: skip
# FACTS 6.1: the list in an error of 2023, and UPS and ORLEN, which came later.
TRACKED = frozenset(NAMES) - {"OTHER", "WEDO", "YUN_EXPRESS"}


def carriers(call: Call) -> Answer:
    """GET /order/carriers."""
    body = {"carriers": [{"id": key, "name": name} for key, name in sorted(NAMES.items())]}
    return Answer(200, body, {"Cache-Control": "max-age=3600"})


def listing(call: Call) -> Answer:
    """GET /order/checkout-forms/{id}/shipments: from every channel."""
    order = call.order()
    shown = [_shown(one) for one in order.shipments if one.visible_at <= call.now]
    return Answer(200, {"shipments": shown})


def _shown(one: Shipment) -> dict[str, Any]:
    body = {
        "id": one.id,
        "waybill": one.waybill,
        "carrierId": one.carrier,
        "lineItems": [{"id": line} for line in one.line_items],
        "createdAt": moment(one.created_at),
    }
    return body | ({"carrierName": one.carrier_name} if one.carrier_name else {})


def bare(number: str) -> str:
    return re.sub(r"[\s.\-]+", "", number).upper()


def add(call: Call) -> Answer:
    """POST /order/checkout-forms/{id}/shipments."""
    order = call.order()
    body = call.json()
    carrier, waybill = body.get("carrierId"), body.get("waybill")
    name = body.get("carrierName")
    if not isinstance(waybill, str) or not waybill.strip() or len(waybill) > WAYBILL_MAX_CHARS:
        raise Refusal(
            400, "ConstraintViolationException", "waybill: 1 to 64 characters", path="waybill"
        )
    if not isinstance(carrier, str) or carrier not in NAMES:
        raise Refusal(
            400,
            "UnknownCarrierException",
            f"carrierId must be one of {', '.join(sorted(NAMES))}",
            path="carrierId",
        )
    if name is not None and (not isinstance(name, str) or len(name) > NAME_MAX_CHARS):
        raise Refusal(
            400, "ConstraintViolationException", "carrierName: at most 30", path="carrierName"
        )
    _refuse_number(call, carrier, waybill)
    lines = _lines(order, body.get("lineItems"))
    if order.provider == "ALLEGRO":
        raise Refusal(422, "FulfillmentProviderException", "handled by Allegro's own warehouse")
    _refuse_crowd(call, order, waybill)
    lag = call.strike("waybill-lag", order.id)
    made = Shipment(
        carrier=carrier,
        waybill=waybill.strip(),
        carrier_name=name if carrier == "OTHER" and name else "",
        line_items=lines,
        created_at=call.now,
        visible_at=call.world.in_s(lag.number("delay")) if lag else call.now,
    )
    add_shipment(call.world, order, made)
    if call.strike("waybill-sets-sent", order.id) and order.fulfillment != "SENT":
        set_status(call.world, order, "SENT")
    return Answer(201, _shown(made))


def add_shipment(world: World, order: Order, made: Shipment) -> None:
    """The same number of the same carrier is the same entry: its id is made of both."""
    if all(one.id != made.id for one in order.shipments):
        order.shipments.append(made)


def _refuse_number(call: Call, carrier: str, waybill: str) -> None:
    number = bare(waybill)
    if not re.fullmatch(r"[A-Z0-9/]+", number) and carrier != "OTHER":
        raise Refusal(400, "WaybillValidationException", "The waybill is not valid", path="waybill")
    if _refused_by_scenario(call, carrier) or not re.fullmatch(FORMS.get(carrier, PLAIN), number):
        raise Refusal(
            400,
            "CarrierWaybillValidationException",
            f"The waybill is not valid for the carrier {carrier}",
            path="waybill",
            metadata={"carrierId": carrier},
        )


def _refused_by_scenario(call: Call, carrier: str) -> bool:
    """``carrier-refuses`` may be bound to one carrier; OTHER takes everything."""
    bound = {
        one.text("carrier") for one in call.scenarios.active if one.kind.name == "carrier-refuses"
    }
    wanted = bound and carrier != "OTHER" and ("" in bound or carrier in bound)
    return bool(wanted) and call.strike("carrier-refuses") is not None


def _lines(order: Order, told: Any) -> tuple[str, ...]:
    """Missing or empty: all items."""
    own = tuple(one.id for one in order.items)
    if not told:
        return own
    wanted = [one.get("id") if isinstance(one, dict) else None for one in told]
    if any(one not in own for one in wanted):
        raise Refusal(
            422,
            "LineItemException",
            "a line item does not belong to the order",
            path="lineItems",
        )
    return tuple(str(one) for one in wanted)


def _refuse_crowd(call: Call, order: Order, waybill: str) -> None:
    used = sum(
        any(bare(one.waybill) == bare(waybill) for one in other.shipments)
        for other in call.world.orders.values()
        if other.id != order.id
    )
    if used >= call.rules.waybill_orders_max:
        raise Refusal(409, "WaybillUsageExceededException", "The waybill is used in many orders")
    limit = call.strike("waybill-limit", order.id)
    most = int(limit.number("limit")) if limit else call.rules.waybills_max
    if len(order.shipments) >= most:
        raise Refusal(
            422,
            "WaybillsAssignedToOrderLimitReached",
            f"At most {most} waybills for an order",
        )


def tracking(call: Call) -> Answer:
    """GET /order/carriers/{carrierId}/tracking; 400 for a carrier that is not tracked."""
    carrier, waybills = call.parts["carrier_id"], call.all("waybill")
    if not 1 <= len(waybills) <= TRACKED_AT_ONCE:
        raise Refusal(400, "ConstraintViolationException", "1 to 20 waybills", path="waybill")
    if carrier not in TRACKED:
        raise Refusal(
            400,
            "INTEGRATOR_STATUSES_ILLEGAL_ARGUMENT",
            f"carrierId must be one of {', '.join(sorted(TRACKED))}",
            path="carrierId",
        )
    return Answer(
        200,
        {"carrierId": carrier, "waybills": [_tracked(call, carrier, one) for one in waybills]},
    )


def _tracked(call: Call, carrier: str, waybill: str) -> dict[str, Any]:
    """On its way for two days after it was added, then delivered; unknown ones have no details."""
    known = [
        one
        for order in call.world.orders.values()
        for one in order.shipments
        if one.carrier == carrier and bare(one.waybill) == bare(waybill)
    ]
    if not known:
        return {"waybill": waybill}
    since = known[0].created_at
    steps = (("PENDING", timedelta(0)), ("IN_TRANSIT", timedelta(hours=6)),
        ("DELIVERED", timedelta(days=2)))  # fmt: skip
    reached = [
        {"occurredAt": moment(since + after), "code": code}
        for code, after in steps
        if since + after <= call.now
    ]
    return {
        "waybill": waybill,
        "trackingDetails": {
            "statuses": reached,
            "createdAt": moment(since),
            "updatedAt": reached[-1]["occurredAt"] if reached else moment(since),
        },
    }

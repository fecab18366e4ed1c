"""Make an order of a description, everything in which may be left out.

In:  plain values, as JSON has them; ``docs/emulator.md`` lists the fields.
Out: an order in the world, or a word about what does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from awizo.emulator.world import Item, Order, World

DELIVERY_METHODS = (
    "Allegro Paczkomaty InPost",
    "Kurier DPD",
    "Allegro Kurier DHL",
    "Allegro One Box, UPS (AD)",
)
OFFERS = ("Lampion ogrodowy", "Świeca zapachowa", "Latarnia stalowa", "Sznur lampek LED 10 m")
ORDER_STATUSES = ("BOUGHT", "FILLED_IN", "READY_FOR_PROCESSING", "CANCELLED")
ORDER_FIELDS = frozenset(
    {
        "id", "seller", "buyer", "login", "email", "company", "tax_id", "language", "status",
        "fulfillment", "provider", "delivery_method", "items", "total", "currency",
        "payment_type", "payment_provider", "payment_rejected", "invoice_required",
        "marketplace", "guest", "message", "bought_at", "appears_in_s", "ready_in_s",
        "email_in_s",
    }
)  # fmt: skip


class UnusableOrder(ValueError):
    """The description of an order does not fit; the text says what."""


def make_order(world: World, told: Mapping[str, Any]) -> Order:
    """An order from a description; everything in it may be left out.

    Raises:
        UnusableOrder: Unknown fields, or values of another sort.
    """
    unknown = set(told) - ORDER_FIELDS
    if unknown:
        raise UnusableOrder(f"unknown fields: {', '.join(sorted(unknown))}")
    now = world.now()
    appears_at = now + timedelta(seconds=_number(told, "appears_in_s", 0))
    seller = world.seller(_text(told, "seller", "default"))
    buyer = _text(told, "buyer", "Jan Kowalski")
    first_name, _, last_name = buyer.partition(" ")
    login = _text(told, "login", f"Client:{world.rng.randrange(10_000_000, 99_999_999)}")
    order_id = _text(told, "id", "").lower() or world.new_order_id()
    if order_id in world.orders:
        raise UnusableOrder(f"the order {order_id} exists")
    status = _text(told, "status", "READY_FOR_PROCESSING")
    if status not in ORDER_STATUSES:
        raise UnusableOrder(f"status: {status} is none of {', '.join(ORDER_STATUSES)}")
    bought_at = _moment(told, "bought_at") or appears_at
    items = _items(world, told)
    total = _price(told, "total", sum((Decimal(i.price) * i.quantity for i in items), Decimal()))
    order = Order(
        id=order_id,
        seller=seller.name,
        login=login,
        email=_text(told, "email", "") or world.masked_address(seller.name, login),
        first_name=first_name,
        last_name=last_name,
        company=_text(told, "company", ""),
        tax_id=_text(told, "tax_id", ""),
        language=_text(told, "language", "pl-PL"),
        status=status,
        fulfillment=_text(told, "fulfillment", "NEW"),
        provider=_text(told, "provider", "SELLER"),
        delivery_method=_text(told, "delivery_method", DELIVERY_METHODS[world.rng.randrange(4)]),
        items=items,
        total=total,
        currency=_text(told, "currency", "PLN"),
        payment_id=world.new_uuid(),
        payment_type=_text(told, "payment_type", "ONLINE"),
        payment_provider=_text(told, "payment_provider", "PAYU"),
        payment_rejected=_flag(told, "payment_rejected", False),
        invoice_required=_flag(told, "invoice_required", True),
        marketplace=_text(told, "marketplace", seller.marketplace),
        guest=_flag(told, "guest", False),
        message=_text(told, "message", ""),
        bought_at=bought_at,
        updated_at=max(bought_at, appears_at),
        visible_at=appears_at,
        ready_at=appears_at + timedelta(seconds=_number(told, "ready_in_s", 0)),
        email_at=appears_at + timedelta(seconds=_number(told, "email_in_s", 0)),
        revision=f"{world.rng.getrandbits(32):08x}",
    )
    world.orders[order.id] = order
    return order


def _items(world: World, told: Mapping[str, Any]) -> list[Item]:
    wanted = told.get("items", [{}])
    if not isinstance(wanted, list) or not all(isinstance(one, Mapping) for one in wanted):
        raise UnusableOrder("items: a list of objects is wanted")
    items = []
    for one in wanted:
        if unknown := set(one) - {"name", "quantity", "price", "offer_id", "id"}:
            raise UnusableOrder(f"unknown fields of an item: {', '.join(sorted(unknown))}")
        items.append(
            Item(
                id=_text(one, "id", "") or world.new_uuid(),
                offer_id=_text(one, "offer_id", "") or str(world.rng.randrange(10**10, 2 * 10**10)),
                name=_text(one, "name", OFFERS[world.rng.randrange(len(OFFERS))]),
                quantity=int(_number(one, "quantity", 1)),
                price=_price(one, "price", Decimal(world.rng.randrange(1000, 20000)) / 100),
            )
        )
    return items


def _text(told: Mapping[str, Any], key: str, default: str) -> str:
    value = told.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise UnusableOrder(f"{key}: a text is wanted")
    return value


def _flag(told: Mapping[str, Any], key: str, default: bool) -> bool:
    value = told.get(key, default)
    if not isinstance(value, bool):
        raise UnusableOrder(f"{key}: true or false is wanted")
    return value


def _number(told: Mapping[str, Any], key: str, default: float) -> float:
    value = told.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnusableOrder(f"{key}: a number is wanted")
    return value


def _price(told: Mapping[str, Any], key: str, default: Decimal) -> str:
    value = told.get(key)
    try:
        amount = default if value is None else Decimal(str(value))
        return str(amount.quantize(Decimal("0.01")))
    except InvalidOperation:
        raise UnusableOrder(f"{key}: an amount such as 123.45 is wanted") from None


def _moment(told: Mapping[str, Any], key: str) -> datetime | None:
    value = told.get(key)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise UnusableOrder(f"{key}: a time such as 2026-11-24T12:00:00Z is wanted") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)

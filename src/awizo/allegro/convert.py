"""Make the house's own values of Allegro's shapes. Pure.

In:  models of ``schema.py``.
Out: values of ``awizo.model``, ``awizo.orders.source`` and ``values.py``.
"""

from __future__ import annotations

from awizo.allegro import schema
from awizo.allegro.schema import CheckoutForm, Event, Line
from awizo.allegro.values import ListedInvoice, Message, Thread
from awizo.model import FulfillmentStatus, LineItem, Order
from awizo.orders.source import OrderEvent
from awizo.triage.addresses import folded

# What an event says about the order's own status; the other types say nothing of it.
STATUS_OF_EVENT = {
    "BOUGHT": "BOUGHT",
    "FILLED_IN": "FILLED_IN",
    "READY_FOR_PROCESSING": "READY_FOR_PROCESSING",
    "BUYER_CANCELLED": "CANCELLED",
    "AUTO_CANCELLED": "CANCELLED",
}


def order_of(form: CheckoutForm, account: str) -> Order:
    """The order behind a checkout form. Complete unless its address is still empty."""
    buyer, fulfillment, delivery = form.buyer, form.fulfillment, form.delivery
    company = form.invoice.address.company if form.invoice and form.invoice.address else None
    total = form.summary.total_to_pay if form.summary else None
    email = folded(buyer.email) if buyer and buyer.email else ""
    return Order(
        account=account,
        order_id=form.id.lower(),
        email=email,
        buyer_login=buyer.login if buyer else "",
        buyer_name=_name(form),
        status=form.status,
        fulfillment_status=_status(fulfillment.status if fulfillment else None),
        provider_id=fulfillment.provider.id if fulfillment and fulfillment.provider else "",
        revision=form.revision,
        marketplace=form.marketplace.id if form.marketplace else "",
        total=total.amount if total else None,
        currency=total.currency if total else "",
        invoice_required=form.invoice.required if form.invoice else None,
        tax_ids=_tax_ids(form),
        company_name=company.name if company else "",
        delivery_method=delivery.method.name if delivery and delivery.method else "",
        payment_type=_payment(form),
        line_items=_lines(form.line_items),
        bought_at=max((line.bought_at for line in form.line_items if line.bought_at), default=None),
        updated_at=form.updated_at,
        complete=bool(email),
    )


def event_of(event: Event, account: str) -> OrderEvent:
    """What an event tells, without opening its order."""
    told = event.order
    if told.checkout_form is None or not told.checkout_form.id:
        return OrderEvent(event.id, event.type, event.occurred_at, None)
    buyer = told.buyer
    return OrderEvent(
        id=event.id,
        type=event.type,
        occurred_at=event.occurred_at,
        order=Order(
            account=account,
            order_id=told.checkout_form.id.lower(),
            email=folded(buyer.email) if buyer and buyer.email else "",
            buyer_login=buyer.login if buyer else "",
            status=STATUS_OF_EVENT.get(event.type, ""),
            revision=told.checkout_form.revision,
            marketplace=told.marketplace.id if told.marketplace else "",
            line_items=_lines(told.line_items),
            bought_at=max((line.bought_at for line in told.line_items if line.bought_at),
                default=None),
            updated_at=event.occurred_at,
        ),
    )  # fmt: skip


def _status(value: str | None) -> FulfillmentStatus | None:
    """``None`` also for a status that Allegro may invent later."""
    try:
        return FulfillmentStatus(value) if value else None
    except ValueError:
        return None


def _name(form: CheckoutForm) -> str:
    """The buyer's name: the account's, else the one of the delivery address."""
    for person in (form.buyer, form.delivery.address if form.delivery else None):
        if person is not None:
            name = f"{person.first_name} {person.last_name}".strip()
            if name:
                return name
    return form.buyer.company_name if form.buyer else ""


def _tax_ids(form: CheckoutForm) -> tuple[str, ...]:
    company = form.invoice.address.company if form.invoice and form.invoice.address else None
    if company is None:
        return ()
    found = [one.value for one in company.ids if one.value]
    if company.tax_id:
        found.append(company.tax_id)
    return tuple(dict.fromkeys(found))


def _payment(form: CheckoutForm) -> str:
    """``EPT`` where the provider says so, since it limits the invoices (FACTS 2.4)."""
    if form.payment is None:
        return ""
    return "EPT" if form.payment.provider == "EPT" else form.payment.type


def _lines(lines: list[Line]) -> tuple[LineItem, ...]:
    return tuple(
        LineItem(
            id=line.id, title=line.offer.name if line.offer else "", quantity=int(line.quantity)
        )
        for line in lines
        if line.id
    )


def listed_of(one: schema.Invoice) -> ListedInvoice:
    file = one.file
    scan = file.security_verification if file else None
    return ListedInvoice(
        id=one.id,
        number=one.invoice_number,
        file_name=file.name if file else "",
        created_at=one.created_at,
        uploaded_at=file.uploaded_at if file else None,
        scan=(scan.status or "") if scan and file and file.uploaded_at else "",
    )


def thread_of(one: schema.ThreadShape) -> Thread:
    return Thread(
        id=one.id,
        login=one.interlocutor.login if one.interlocutor else "",
        last_message_at=one.last_message_date_time,
    )


def message_of(one: schema.MessageShape) -> Message:
    author = one.author or schema.Author()
    if author.role:  # beta.v1; SYSTEM, CHATBOT and CONSULTANT are neither side (FACTS 2.11)
        role = author.role.upper()
        from_buyer = role == "BUYER" or (role == "USER" and author.is_interlocutor is True)
        own = role == "SELLER" or (role == "USER" and author.is_interlocutor is False)
    else:
        from_buyer = author.is_interlocutor is True
        own = author.is_interlocutor is False
    return Message(
        id=one.id,
        status=one.status,
        type=one.type,
        created_at=one.created_at,
        from_buyer=from_buyer,
        own=own,
        subject=one.subject,
        text=one.text,
        order_id=one.relates_to.order.id.lower() if one.relates_to and one.relates_to.order else "",
    )

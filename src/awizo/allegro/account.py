"""One account's view of Allegro's REST API: a method for each question and each deed.

In:  ids, numbers, bytes.
Out: values of ``model.py`` and ``values.py``, or a failure of ``replies.py``.

What is safe to repeat is repeated here, a few times and quickly; what is not raises
:class:`~awizo.allegro.replies.MaybeDone`, and whoever sees it looks first. Longer waits are
the spool's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import structlog
from pydantic import BaseModel, ValidationError

from awizo.allegro import schema
from awizo.allegro.calls import BETA, PDF, PUBLIC, Caller, CallLog, Params
from awizo.allegro.convert import event_of, listed_of, message_of, order_of, thread_of
from awizo.allegro.oauth import Refresher
from awizo.allegro.ports import Memory
from awizo.allegro.replies import Reply, says_scan
from awizo.allegro.values import (
    Carrier,
    ListedLink,
    Message,
    OrderInvoices,
    Seller,
    Shipment,
    Thread,
)
from awizo.errors import Deferral, PermanentFailure
from awizo.model import FulfillmentStatus, Order
from awizo.orders.source import OrderEvent, OrderPage
from awizo.settings import Settings

log = structlog.get_logger()

SCAN_WAIT_S = 45.0  # FACTS 2.4: at least 30 to 60 s for each order
METADATA_WAIT_S = 15.0  # FACTS 2.4: "some seconds"
CARRIERS_KEPT = timedelta(days=1)  # where the answer has no caching headers
TRACKABLE_KEPT = timedelta(days=7)
PROBE_WAYBILL = "0000000000"  # asks whether a carrier is tracked, not where a parcel is
FILE_NAME_MAX_CHARS = 120

# Resources with 50 requests a second of their own (openapi.yaml).
CARRIERS = "carriers"
SHIPMENTS = "shipments"

Shape = TypeVar("Shape", bound=BaseModel)


class Means(Protocol):
    """What an account needs of the whole: see ``client.AllegroClients``."""

    settings: Settings
    memory: Memory
    now: Callable[[], datetime]
    refresher: Refresher

    async def caller_of(self, name: str) -> Caller: ...


class AllegroAccount:
    """One account's view of Allegro. ``calls`` records what this handle asked.

    Order ids are checkout-form ids (UUIDs), not the shop's numbers. Times are UTC. Every
    method may raise the failures listed in ``replies.py``; further ones are named with it.
    """

    def __init__(self, means: Means, name: str) -> None:
        self.name = name
        self.calls = CallLog()
        self._means = means
        self._settings = means.settings.allegro

    # -- the account ---------------------------------------------------------------------------

    async def keep_fresh(self) -> None:
        """Renew the tokens when that is due, early enough that no call ever waits for it."""
        await self._means.refresher.access_token(self.name)

    async def me(self) -> Seller:
        """GET /me: who the account belongs to."""
        shape = self._shape(schema.Me, await self._get("/me"))
        market = shape.base_marketplace.id if shape.base_marketplace else ""
        return Seller(shape.id, shape.login, shape.email, market)

    async def additional_emails(self) -> tuple[str, ...]:
        """GET /account/additional-emails: further addresses the account may send from."""
        reply = await self._get("/account/additional-emails")
        return tuple(one.email for one in self._shape(schema.AdditionalEmails, reply).emails)

    # -- orders --------------------------------------------------------------------------------

    async def order(self, order_id: str) -> Order:
        """GET /order/checkout-forms/{id}. A malformed id is as good as a missing order."""
        reply = await self._get(f"/order/checkout-forms/{_in_path(order_id)}", expect=(400, 422))
        if not reply.ok:
            raise reply.refused("order_missing")
        return order_of(self._shape(schema.CheckoutForm, reply), self.name)

    async def latest_event_id(self) -> str | None:
        """GET /order/event-stats: the newest event's id, ``None`` while there is none."""
        latest = self._shape(schema.EventStats, await self._get("/order/event-stats")).latest_event
        return latest.id if latest and latest.id else None

    async def events(self, after: str | None, limit: int) -> list[OrderEvent]:
        """GET /order/events: at most *limit* (1..1000) events after an id, oldest first.

        An event that cannot be read is passed over, but keeps its place: its id still serves
        as a cursor.
        """
        params: list[tuple[str, str | int]] = [("limit", limit)]
        if after is not None:
            params.append(("from", after))
        reply = await self._get("/order/events", params=params)
        found: list[OrderEvent] = []
        for raw in self._shape(schema.Events, reply).events:
            try:
                found.append(event_of(schema.Event.model_validate(raw), self.name))
            except ValidationError:
                log.warning("event_unreadable", account=self.name)
                event_id = raw.get("id") if isinstance(raw, dict) else None
                if isinstance(event_id, str) and event_id:
                    found.append(OrderEvent(event_id, "", self._means.now(), None))
        return found

    async def orders_page(
        self, *, bought_from: datetime, bought_to: datetime, offset: int, limit: int
    ) -> OrderPage:
        """GET /order/checkout-forms: orders bought in a span, newest first.

        Args:
            offset: With *limit* at most 10,000 (FACTS 2.2).
            limit: 1..100.
        """
        reply = await self._get(
            "/order/checkout-forms",
            params=[
                ("lineItems.boughtAt.gte", _moment(bought_from)),
                ("lineItems.boughtAt.lte", _moment(bought_to)),
                ("sort", "-lineItems.boughtAt"),
                ("offset", offset),
                ("limit", limit),
            ],
        )
        page = self._shape(schema.CheckoutForms, reply)
        orders: list[Order] = []
        for raw in page.checkout_forms:
            try:
                orders.append(order_of(schema.CheckoutForm.model_validate(raw), self.name))
            except ValidationError:
                log.warning("order_unreadable", account=self.name)
        return OrderPage(tuple(orders), page.total_count, len(page.checkout_forms))

    async def set_fulfillment(
        self, order_id: str, status: FulfillmentStatus, revision: str | None
    ) -> None:
        """PUT /order/checkout-forms/{id}/fulfillment.

        Not repeated blindly: each PUT counts towards the order's operation limit (FACTS 2.8).

        Raises:
            PermanentFailure: ``revision_conflict``: the buyer changed the order since
                *revision*; read it and decide anew. ``operation_limit``, ``status_refused``.
            MaybeDone: No answer; read the order before trying again.
        """
        params = [("checkoutForm.revision", revision)] if revision else []
        reply = await self._call(
            "PUT",
            f"/order/checkout-forms/{_in_path(order_id)}/fulfillment",
            json=schema.NewStatus(status=status).body(),
            params=params,
            language="en-US",
            expect=(409, 422),
            repeatable=False,
        )
        if reply.status == 409:
            raise reply.refused("revision_conflict")
        if reply.status == 422:
            # Its message is null where the limit is reached (FACTS 2.8, #3652).
            limit = reply.says("SellerOrdersStoreUnprocessableEntity", "limit")
            raise reply.refused("operation_limit" if limit else "status_refused")

    # -- documents -----------------------------------------------------------------------------

    async def invoices(self, order_id: str) -> OrderInvoices:
        """GET /order/checkout-forms/{id}/invoices: documents and links on an order."""
        reply = await self._get(
            f"/order/checkout-forms/{_in_path(order_id)}/invoices", language="en-US"
        )
        shape = self._shape(schema.Invoices, reply)
        return OrderInvoices(
            invoices=tuple(listed_of(one) for one in shape.invoices),
            links=tuple(ListedLink(one.id, one.url) for one in shape.links),
            has_external=shape.has_external_invoices,
            mode=shape.order_mode,
            trace_id=reply.trace_id,
        )

    async def declare_invoice(self, order_id: str, file_name: str, number: str | None) -> str:
        """POST /order/checkout-forms/{id}/invoices; returns the id for the file.

        Not idempotent: each call makes a further object (FACTS 2.4).

        Raises:
            Deferral: ``scan_in_progress``, ``metadata_too_fast``: this order alone must wait.
            MaybeDone: No usable answer; look with GET before another declaration.
            PermanentFailure: ``invoice_conflict`` (409 that is no scan), ``order_without_invoice``,
                ``document_refused``.
        """
        named = schema.NewInvoiceFile(name=file_name[-FILE_NAME_MAX_CHARS:])
        invoice = schema.NewInvoice(file=named, invoice_number=number or None)
        reply = await self._call(
            "POST",
            f"/order/checkout-forms/{_in_path(order_id)}/invoices",
            json=invoice.body(),
            language="en-US",
            expect=(409, 422, 429),
            repeatable=False,
        )
        if reply.status == 429:
            raise await self._too_fast(reply)
        if reply.status in (409, 422):
            raise _document_failure(reply)
        try:
            return schema.Created.model_validate(reply.json(repeatable=False)).id
        except ValidationError:
            raise reply.unreadable("an answer without an id", repeatable=False) from None

    async def put_invoice_file(self, order_id: str, invoice_id: str, pdf: bytes) -> None:
        """PUT /order/checkout-forms/{id}/invoices/{invoiceId}/file: raw bytes, at most 3 MB.

        Safe to repeat with the same *invoice_id*. A 409 says that a file is there already;
        confirm it with GET all the same (FACTS 2.5, #11842).

        Raises:
            Deferral: ``scan_in_progress``, or no answer in time.
            PermanentFailure: ``document_too_large`` (413), ``content_invalid``,
                ``document_empty``, ``invoice_missing`` (404), ``order_without_invoice``,
                ``document_refused``.
        """
        reply = await self._call(
            "PUT",
            f"/order/checkout-forms/{_in_path(order_id)}/invoices/{_in_path(invoice_id)}/file",
            content=pdf,
            content_type=PDF,
            language="en-US",
            expect=(404, 409, 413, 422),
            repeatable=True,
        )
        if reply.ok or (reply.status == 409 and not says_scan(reply)):
            return
        if reply.status == 404:
            raise reply.refused("invoice_missing")
        if reply.status == 413:
            raise reply.refused("document_too_large")
        raise _document_failure(reply)

    async def add_link(self, order_id: str, url: str) -> bool:
        """POST /order/{orderId}/billing-documents/links; False when the link was there already.

        Idempotent by URL, which is sent as it is (FACTS 2.7).

        Raises:
            PermanentFailure: ``link_refused`` (422), in practice a host not on Allegro's list.
        """
        reply = await self._call(
            "POST",
            f"/order/{_in_path(order_id)}/billing-documents/links",
            json=schema.NewLink(url=url).body(),
            language="en-US",
            expect=(409, 422),
            repeatable=True,
        )
        if reply.status == 422:
            raise reply.refused("link_refused")
        return reply.status != 409

    # -- parcels -------------------------------------------------------------------------------

    async def shipments(self, order_id: str) -> tuple[Shipment, ...]:
        """GET /order/checkout-forms/{id}/shipments: parcel numbers from every channel."""
        reply = await self._get(
            f"/order/checkout-forms/{_in_path(order_id)}/shipments", resource=SHIPMENTS
        )
        return tuple(
            Shipment(one.id, one.carrier_id, one.waybill, one.carrier_name)
            for one in self._shape(schema.Shipments, reply).shipments
        )

    async def add_shipment(
        self, order_id: str, *, carrier: str, number: str, carrier_name: str | None = None
    ) -> str:
        """POST /order/checkout-forms/{id}/shipments for the whole order; returns its id.

        Not declared idempotent, and the number is assigned only after the answer (FACTS 2.9).

        Raises:
            PermanentFailure: ``carrier_refused`` (the number is not this carrier's, or the
                carrier is unknown), ``waybill_invalid`` (no carrier would take its form),
                ``waybill_limit``.
            MaybeDone: No answer; read the list before trying again.
        """
        name = carrier_name[:30] if carrier == "OTHER" and carrier_name else None
        shipment = schema.NewShipment(carrier_id=carrier, waybill=number, carrier_name=name)
        reply = await self._call(
            "POST",
            f"/order/checkout-forms/{_in_path(order_id)}/shipments",
            json=shipment.body(),
            expect=(400, 409, 422),
            repeatable=False,
            resource=SHIPMENTS,
        )
        if reply.status == 409 or (
            not reply.ok and reply.says("WaybillsAssignedToOrderLimitReached")
        ):
            raise reply.refused("waybill_limit")
        if reply.status == 400:
            by_form = reply.says("WaybillValidationException") and not reply.says("CarrierWaybill")
            raise reply.refused("waybill_invalid" if by_form else "carrier_refused")
        if reply.status == 422:
            raise reply.refused("request_refused")
        try:
            return schema.ShipmentShape.model_validate(reply.json()).id
        except (Deferral, ValidationError):
            return ""  # 201 says it: the list will tell the rest

    async def carriers(self) -> tuple[Carrier, ...]:
        """GET /order/carriers, kept as long as its caching headers allow."""
        now = self._means.now()
        kept = await self._means.memory.recall(self.name, "carriers", now=now)
        if not kept:
            reply = await self._get("/order/carriers", resource=CARRIERS)
            shape = self._shape(schema.Carriers, reply)
            kept = [[one.id, one.name] for one in shape.carriers if one.id]
            until = now + _cache_time(reply, default=CARRIERS_KEPT)
            await self._means.memory.remember(self.name, "carriers", kept, until=until)
        return tuple(Carrier(str(one[0]), str(one[1])) for one in kept)

    async def trackable(self, carrier_id: str) -> bool:
        """Whether Allegro tracks this carrier's parcels, the practical test for "integrated".

        Learnt from GET /order/carriers/{id}/tracking, which answers 400 for a carrier that
        cannot be tracked (FACTS 2.10), and remembered for a week.
        """
        if carrier_id == "OTHER":
            return False
        now = self._means.now()
        key = f"trackable:{carrier_id}"
        known = await self._means.memory.recall(self.name, key, now=now)
        if isinstance(known, bool):
            return known
        reply = await self._get(
            f"/order/carriers/{_in_path(carrier_id)}/tracking",
            params=[("waybill", PROBE_WAYBILL)],
            expect=(400, 404, 422),
            resource=CARRIERS,
        )
        await self._means.memory.remember(self.name, key, reply.ok, until=now + TRACKABLE_KEPT)
        return reply.ok

    # -- the Message Center --------------------------------------------------------------------

    async def threads(
        self, *, page: str | None = None, limit: int = 20
    ) -> tuple[tuple[Thread, ...], str | None]:
        """GET /messaging/threads, newest first; returns them and what asks for the next page."""
        reply = await self._messaging("/messaging/threads", page=page, limit=limit)
        shape = self._shape(schema.Threads, reply)
        found = tuple(thread_of(one) for one in shape.threads)
        return found, self._next_page(page, limit, len(found), shape.next_page)

    async def thread(self, thread_id: str) -> Thread:
        """GET /messaging/threads/{id}: names the other side where the list does not."""
        reply = await self._messaging(f"/messaging/threads/{_in_path(thread_id)}")
        return thread_of(self._shape(schema.ThreadShape, reply))

    async def messages(
        self,
        thread_id: str,
        *,
        after: datetime | None = None,
        page: str | None = None,
        limit: int = 20,
    ) -> tuple[tuple[Message, ...], str | None]:
        """GET /messaging/threads/{id}/messages written after a moment."""
        reply = await self._messaging(
            f"/messaging/threads/{_in_path(thread_id)}/messages",
            page=page,
            limit=limit,
            params=[("after", _moment(after))] if after else [],
        )
        shape = self._shape(schema.Messages, reply)
        found = tuple(message_of(one) for one in shape.messages)
        return found, self._next_page(page, limit, len(found), shape.next_page)

    @property
    def _beta(self) -> bool:
        return self._settings.messaging_version == "beta.v1"

    async def _messaging(
        self, path: str, *, page: str | None = None, limit: int | None = None, params: Params = ()
    ) -> Reply:
        asked = list(params)
        if limit is not None:
            asked.append(("limit", limit))
        if page is not None:
            asked.append(("page.id" if self._beta else "offset", page))
        return await self._get(path, params=asked, accept=BETA if self._beta else PUBLIC)

    def _next_page(
        self, page: str | None, limit: int, found: int, told: schema.Page | None
    ) -> str | None:
        if self._beta:
            return told.id if told and told.id else None
        return str(int(page or 0) + limit) if found >= limit else None

    # -- calling -------------------------------------------------------------------------------

    async def _get(
        self,
        path: str,
        *,
        params: Params = (),
        accept: str = PUBLIC,
        language: str | None = None,
        expect: Collection[int] = (),
        resource: str | None = None,
    ) -> Reply:
        return await self._call(
            "GET",
            path,
            params=params,
            accept=accept,
            language=language,
            expect=expect,
            repeatable=True,
            resource=resource,
        )

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Params = (),
        json: Any = None,
        content: bytes | None = None,
        content_type: str = PUBLIC,
        accept: str = PUBLIC,
        language: str | None = None,
        expect: Collection[int] = (),
        repeatable: bool,
        resource: str | None = None,
    ) -> Reply:
        """Call with the account's token; a 401 renews it once and asks once more."""
        refused: str | None = None
        while True:
            token = await self._means.refresher.access_token(self.name, not_this=refused)
            caller = await self._means.caller_of(self.name)
            try:
                return await caller.call(
                    method,
                    path,
                    token=token,
                    calls=self.calls,
                    params=params,
                    json=json,
                    content=content,
                    content_type=content_type,
                    accept=accept,
                    language=language,
                    expect=expect,
                    repeatable=repeatable,
                    resource=resource,
                )
            except Deferral as error:
                if error.code != "token_refused" or refused is not None:
                    raise
                refused = token

    def _shape(self, shape: type[Shape], reply: Reply) -> Shape:
        """Read the body of a call that may be repeated."""
        try:
            return shape.model_validate(reply.json())
        except ValidationError:
            raise reply.unreadable("an answer of an unknown shape") from None

    async def _too_fast(self, reply: Reply) -> Deferral | PermanentFailure:
        """The 429 of one order's metadata, or the one that stops everything (FACTS 2.4).

        Without a word of its own it is taken for the order's: were it the other, the next
        call of any sort would say so.
        """
        if not reply.errors or reply.says("metadata", "too fast"):
            return reply.deferred("metadata_too_fast", wait_s=METADATA_WAIT_S)
        caller = await self._means.caller_of(self.name)
        return caller.failure(reply, path="", repeatable=True)


def _document_failure(reply: Reply) -> Deferral | PermanentFailure:
    """What a 409 or 422 says about a document (FACTS 2.4 and 2.5)."""
    if says_scan(reply):
        return reply.deferred("scan_in_progress", wait_s=SCAN_WAIT_S)
    if reply.says("ORDER-WITHOUT-INVOICE", "cannot have an invoice", "does not allow an invoice"):
        return reply.refused("order_without_invoice")
    if reply.status == 409:
        return reply.refused("invoice_conflict")
    if reply.says("FILE-CONTENT-INVALID"):
        return reply.refused("content_invalid")
    if reply.says("EMPTY-ATTACHMENT"):
        return reply.refused("document_empty")
    return reply.refused("document_refused")


def _in_path(part: str) -> str:
    return quote(part, safe="")


def _moment(at: datetime) -> str:
    """RFC 3339 with milliseconds, as Allegro's own examples write it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cache_time(reply: Reply, *, default: timedelta) -> timedelta:
    """How long an answer may be kept (RFC 9111 section 5.2.2)."""
    for part in reply.headers.get("cache-control", "").lower().split(","):
        name, _, value = part.strip().partition("=")
        if name in ("no-store", "no-cache"):
            return timedelta(0)
        if name == "max-age" and value.strip('"').isdigit():
            return timedelta(seconds=int(value.strip('"')))
    return default

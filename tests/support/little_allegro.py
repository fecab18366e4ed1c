"""A few of Allegro's resources in memory, with a hook before and after every request.

For faults that need a finger on the exact moment: an answer lost after the deed, a change
between two calls. The emulator is the whole Allegro; this is a microscope.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx

from support.allegro_parts import START
from support.scripted import answer, refusal

Hook = Callable[[httpx.Request], httpx.Response | Exception | None]


def form(order_id: str, **changes: Any) -> dict[str, Any]:
    """A checkout form: paid, an invoice asked for, nothing done yet."""
    body: dict[str, Any] = {
        "id": order_id,
        "buyer": {
            "id": "7",
            "email": "buyer1+abc1@allegromail.pl",
            "login": "Login1",
            "guest": False,
            "firstName": "Jan",
            "lastName": "Kowalski",
        },
        "status": "READY_FOR_PROCESSING",
        "fulfillment": {"status": "NEW", "provider": {"id": "SELLER"}},
        "delivery": {"method": {"id": "m", "name": "Kurier DHL"}},
        "invoice": {"required": True},
        "payment": {"id": "p", "type": "ONLINE", "provider": "PAYU"},
        "lineItems": [],
        "surcharges": [],
        "summary": {"totalToPay": {"amount": "123.00", "currency": "PLN"}},
        "marketplace": {"id": "allegro-pl"},
        "updatedAt": "2026-11-24T11:00:00.000Z",
        "revision": "r1",
    }
    body.update(changes)
    return body


class LittleAllegro(httpx.AsyncBaseTransport):
    """State of a few orders. ``before`` may answer in Allegro's place; ``after`` may lose or
    change the answer although the deed is done."""

    def __init__(self, *order_ids: str) -> None:
        self.forms = {order_id: form(order_id) for order_id in order_ids}
        self.invoices: dict[str, list[dict[str, Any]]] = {one: [] for one in order_ids}
        self.links: dict[str, list[dict[str, Any]]] = {one: [] for one in order_ids}
        self.shipments: dict[str, list[dict[str, Any]]] = {one: [] for one in order_ids}
        self.carriers = ["ALLEGRO", "DHL", "DPD", "INPOST", "OTHER"]
        self.takes: dict[str, set[str]] = {}  # number → carriers that take it; absent: all
        self.files: dict[str, bytes] = {}
        self.scan = "WAITING"
        self.drops_unasked = False  # keeps no file on an order without an invoice request
        self.before: Hook = lambda request: None
        self.after: Hook = lambda request: None
        self.requests: list[tuple[str, str]] = []
        self._made = 0

    def count(self, method: str, ending: str) -> int:
        return sum(one == method and path.endswith(ending) for one, path in self.requests)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append((request.method, request.url.path))
        given = self.before(request)
        if given is None:
            answered = self._answer(request)
            given = self.after(request) or answered
        if isinstance(given, Exception):
            raise given
        return given

    def new_id(self, kind: str) -> str:
        self._made += 1
        return f"{kind}-{self._made}"

    def add_invoice(
        self, order_id: str, number: str = "", *, has_file: bool = True, name: str = "x.pdf"
    ) -> dict[str, Any]:
        invoice: dict[str, Any] = {
            "id": self.new_id("inv"),
            "invoiceNumber": number or None,
            "createdAt": START.isoformat(),
            "file": {"name": name},
        }
        self.invoices[order_id].append(invoice)
        if has_file:
            self.put_file(invoice)
        return invoice

    def put_file(self, invoice: dict[str, Any]) -> None:
        invoice["file"] |= {
            "uploadedAt": START.isoformat(),
            "securityVerification": {"status": self.scan},
        }

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, method = request.url.path, request.method
        if path == "/order/carriers":
            return answer(200, {"carriers": [{"id": one, "name": one} for one in self.carriers]})
        found = re.match(r"/order/(?:checkout-forms/)?([^/]+)(/.*)?$", path)
        assert found, path
        order_id, rest = found[1], found[2] or ""
        if order_id not in self.forms:
            return refusal(404, "CheckoutFormNotFoundException")
        body = (
            json.loads(request.content)
            if request.content and "json" in request.headers.get("content-type", "")
            else {}
        )
        if rest == "":
            return answer(200, self.forms[order_id])
        if rest == "/fulfillment":
            return self._fulfillment(order_id, request, body)
        if rest == "/shipments":
            return self._shipments(order_id, method, body)
        if rest == "/billing-documents/links":
            if any(one["url"] == body["url"] for one in self.links[order_id]):
                return refusal(409, "LinkExists")
            self.links[order_id].append({"id": self.new_id("link"), "url": body["url"]})
            return answer(201, b"")
        if rest == "/invoices" and method == "GET":
            return answer(
                200,
                {
                    "orderMode": "REGULAR",
                    "invoices": self.invoices[order_id],
                    "links": self.links[order_id],
                    "hasExternalInvoices": False,
                },
            )
        if rest == "/invoices":
            made = self.add_invoice(
                order_id,
                body.get("invoiceNumber") or "",
                has_file=False,
                name=body["file"]["name"],
            )
            return answer(201, {"id": made["id"]}, trace_id=f"trace-{made['id']}")
        return self._file(order_id, rest, request)

    def _file(self, order_id: str, rest: str, request: httpx.Request) -> httpx.Response:
        invoice_id = rest.split("/")[2]
        invoice = next((one for one in self.invoices[order_id] if one["id"] == invoice_id), None)
        if invoice is None:
            return refusal(404, "NotFound")
        if invoice["file"].get("uploadedAt"):
            return refusal(409, "InvoiceFileExists", "already has invoice file uploaded")
        self.files[invoice_id] = request.content
        if self.drops_unasked and not self.forms[order_id]["invoice"]["required"]:
            self.invoices[order_id].remove(invoice)
        else:
            self.put_file(invoice)
        return answer(200, b"")

    def _fulfillment(
        self, order_id: str, request: httpx.Request, body: dict[str, Any]
    ) -> httpx.Response:
        order = self.forms[order_id]
        wanted = request.url.params.get("checkoutForm.revision")
        if wanted not in (None, order["revision"]):
            return refusal(409, "RevisionOutdated")
        order["fulfillment"]["status"] = body["status"]
        return answer(204, b"")

    def _shipments(self, order_id: str, method: str, body: dict[str, Any]) -> httpx.Response:
        if method == "GET":
            return answer(200, {"shipments": self.shipments[order_id]})
        if body["carrierId"] not in self.carriers:
            return refusal(400, "UnknownCarrier")
        if body["carrierId"] not in self.takes.get(body["waybill"], {body["carrierId"]}):
            return refusal(400, "CarrierWaybillValidationException", "not this carrier's")
        made = {"id": self.new_id("ship"), **body}
        self.shipments[order_id].append(made)
        return answer(201, made)

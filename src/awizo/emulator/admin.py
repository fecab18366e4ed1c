"""The admin resource: make up what happens, look at everything, switch scenarios.

In:  JSON over HTTP under ``/emulator``, no token.
Out: the state behind the API, and the page where a device code is confirmed.

Meant for tests and demos on loopback: whoever reaches it may do anything to this Allegro.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from awizo.emulator.descriptions import UnusableOrder
from awizo.emulator.orders import form
from awizo.emulator.scenarios import KINDS, Scenario, UnknownScenario, make
from awizo.emulator.world import Invoice, Order, Shipment, World, moment

if TYPE_CHECKING:
    from awizo.emulator.server import Emulator

Handler = Callable[[Request], Awaitable[Response]]


class BadRequest(ValueError):
    """What was asked cannot be read; the text says why."""


def routes(emulator: Emulator) -> list[Route]:
    """All routes of the admin resource, and the page for device codes."""
    admin = _Admin(emulator)
    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/emulator", admin.overview),
        ("POST", "/emulator/reset", admin.reset),
        ("POST", "/emulator/clock", admin.clock),
        ("GET", "/emulator/orders", admin.orders),
        ("POST", "/emulator/orders", admin.add_orders),
        ("POST", "/emulator/orders/merge", admin.merge),
        ("GET", "/emulator/orders/{id}", admin.order),
        ("POST", "/emulator/orders/{id}/pay", admin.pay),
        ("POST", "/emulator/orders/{id}/cancel", admin.cancel),
        ("POST", "/emulator/orders/{id}/change", admin.change),
        ("POST", "/emulator/orders/{id}/status", admin.status),
        ("POST", "/emulator/orders/{id}/invoices", admin.add_invoice),
        ("POST", "/emulator/orders/{id}/shipments", admin.add_shipment),
        ("POST", "/emulator/orders/{id}/messages", admin.add_message),
        ("GET", "/emulator/invoices/{invoice_id}/file", admin.file),
        ("GET", "/emulator/messages", admin.messages),
        ("GET", "/emulator/requests", admin.requests),
        ("DELETE", "/emulator/requests", admin.forget_requests),
        ("GET", "/emulator/scenarios", admin.scenarios),
        ("POST", "/emulator/scenarios", admin.add_scenario),
        ("DELETE", "/emulator/scenarios", admin.clear_scenarios),
        ("DELETE", "/emulator/scenarios/{name}", admin.remove_scenario),
        ("POST", "/emulator/tokens", admin.tokens),
        ("POST", "/emulator/devices/{code}", admin.device),
        ("GET", "/skojarz-aplikacje", admin.device_page),
        ("POST", "/skojarz-aplikacje", admin.device_page),
    )
    return [Route(path, _told(handler), methods=[method]) for method, path, handler in table]


def _told(handler: Handler) -> Handler:
    """Failures as one plain line of JSON."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except KeyError as error:
            return JSONResponse({"error": f"there is no {error.args[0]}"}, 404)
        except (BadRequest, UnusableOrder, UnknownScenario) as error:
            return JSONResponse({"error": str(error)}, 422)

    return handle


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        told = json.loads(raw) if raw else {}
    except ValueError:
        raise BadRequest("the body is no JSON") from None
    if not isinstance(told, dict):
        raise BadRequest("a JSON object is wanted")
    return told


class _Admin:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    @property
    def _world(self) -> World:
        return self._emulator.world

    # -- the whole -----------------------------------------------------------------------------

    async def overview(self, request: Request) -> Response:
        base = f"{request.url.scheme}://{request.url.netloc}"
        emulator = self._emulator
        return JSONResponse(
            {
                "api_url": base,
                "auth_url": f"{base}/auth/oauth",
                "clients": sorted(emulator.auth.clients),
                "now": moment(self._world.now()),
                "orders": len(self._world.orders),
                "requests": len(emulator.gate.log),
                "scenarios": [_scenario(one) for one in emulator.scenarios.active],
            }
        )

    async def reset(self, request: Request) -> Response:
        self._emulator.reset()
        return await self.overview(request)

    async def clock(self, request: Request) -> Response:
        seconds = (await _body(request)).get("advance_s", 0)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise BadRequest("advance_s: seconds are wanted, forwards only")
        self._emulator.advance(seconds)
        return JSONResponse({"now": moment(self._world.now())})

    # -- orders --------------------------------------------------------------------------------

    async def orders(self, request: Request) -> Response:
        return JSONResponse({"orders": [self._shown(one) for one in self._world.orders.values()]})

    async def order(self, request: Request) -> Response:
        return self._one(self._emulator.order(request.path_params["id"]))

    def _one(self, order: Order) -> Response:
        return JSONResponse(self._shown(order))

    def _shown(self, order: Order) -> dict[str, Any]:
        """An order with all that is on it, hidden things included."""
        now = self._world.now()
        return {
            "id": order.id,
            "email": order.email,
            "seller": order.seller,
            "form": form(self._world, order),
            "visible": order.is_there(now),
            "operations": order.operations,
            "invoices": [_invoice(self._world, one) for one in order.kept_invoices(now)],
            "links": [{"id": one.id, "url": one.url} for one in order.links],
            "shipments": [_shipment(one) for one in order.shipments],
            "told": order.told,
        }

    async def add_orders(self, request: Request) -> Response:
        """One order, or ``{"orders": [...]}``."""
        told = await _body(request)
        many = told.get("orders")
        if many is None:
            return JSONResponse(self._shown(self._emulator.add_order(**told)), 201)
        if not isinstance(many, list) or not all(isinstance(one, dict) for one in many):
            raise BadRequest("orders: a list of objects is wanted")
        made = [self._emulator.add_order(**one) for one in many]
        return JSONResponse({"orders": [self._shown(one) for one in made]}, 201)

    async def merge(self, request: Request) -> Response:
        ids = (await _body(request)).get("orders")
        if not isinstance(ids, list):
            raise BadRequest("orders: a list of ids is wanted")
        return JSONResponse(self._shown(self._emulator.merge_orders(map(str, ids))), 201)

    async def pay(self, request: Request) -> Response:
        return self._one(self._emulator.pay(request.path_params["id"]))

    async def cancel(self, request: Request) -> Response:
        return self._one(self._emulator.cancel(request.path_params["id"]))

    async def change(self, request: Request) -> Response:
        return self._one(self._emulator.change(request.path_params["id"]))

    async def status(self, request: Request) -> Response:
        status = str((await _body(request)).get("status", ""))
        return self._one(self._emulator.set_status(request.path_params["id"], status))

    async def add_invoice(self, request: Request) -> Response:
        """As another program would file it; without ``pdf_base64`` it only declares one."""
        told = await _body(request)
        pdf = told.get("pdf_base64")
        try:
            content = None if pdf is None else base64.b64decode(str(pdf), validate=True)
        except ValueError:
            raise BadRequest("pdf_base64: no base64") from None
        number = told.get("number")
        made = self._emulator.file_document(
            request.path_params["id"], None if number is None else str(number), content
        )
        return JSONResponse(_invoice(self._world, made), 201)

    async def add_shipment(self, request: Request) -> Response:
        told = await _body(request)
        made = self._emulator.add_waybill(
            request.path_params["id"], str(told.get("carrier", "")), str(told.get("waybill", ""))
        )
        return JSONResponse(_shipment(made), 201)

    async def file(self, request: Request) -> Response:
        """The bytes of a document; Allegro itself never gives them back."""
        wanted = request.path_params["invoice_id"]
        for order in self._world.orders.values():
            for one in order.invoices:
                if one.id == wanted and one.content is not None:
                    return Response(one.content, media_type="application/pdf")
        raise KeyError(wanted)

    # -- messages ------------------------------------------------------------------------------

    async def add_message(self, request: Request) -> Response:
        told = await _body(request)
        author, kind = told.get("author", "buyer"), told.get("type", "MESSAGE_CENTER")
        if author not in ("buyer", "seller", "chatbot"):
            raise BadRequest("author: buyer, seller or chatbot")
        if kind not in ("MESSAGE_CENTER", "ASK_QUESTION", "MAIL"):
            raise BadRequest("type: MESSAGE_CENTER, ASK_QUESTION or MAIL")
        subject = told.get("subject")
        made = self._emulator.add_message(
            request.path_params["id"],
            str(told.get("text", "")),
            author=author,
            subject=None if subject is None else str(subject),
            kind=kind,
            sent_s_ago=_seconds(told, "sent_s_ago"),
            visible_in_s=_seconds(told, "visible_in_s"),
        )
        return JSONResponse({"id": made.id, "thread_id": made.thread_id}, 201)

    async def messages(self, request: Request) -> Response:
        now = self._world.now()
        return JSONResponse(
            {
                "messages": [
                    {
                        "id": one.id, "thread_id": one.thread_id, "login": one.login,
                        "author": one.author, "type": one.type, "status": one.status(now),
                        "subject": one.subject, "text": one.text, "order_id": one.order_id,
                        "created_at": moment(one.created_at),
                    }
                    for one in self._world.messages
                ]
            }
        )  # fmt: skip

    # -- calls, scenarios, tokens --------------------------------------------------------------

    async def requests(self, request: Request) -> Response:
        return JSONResponse({"requests": [one.as_data() for one in self._emulator.gate.log]})

    async def forget_requests(self, request: Request) -> Response:
        self._emulator.gate.log.clear()
        return Response(status_code=204)

    async def scenarios(self, request: Request) -> Response:
        return JSONResponse(
            {
                "active": [_scenario(one) for one in self._emulator.scenarios.active],
                "known": {name: kind.says for name, kind in KINDS.items()},
            }
        )

    async def add_scenario(self, request: Request) -> Response:
        """``{"scenario": "lost-answer=2,on=declare"}``, or ``{"name": …, key: value, …}``."""
        told = await _body(request)
        if "scenario" in told:
            made = self._emulator.set_scenario(str(told["scenario"]))
        else:
            kind = KINDS.get(str(told.pop("name", "")))
            if kind is None:
                raise BadRequest("name: one of " + ", ".join(sorted(KINDS)))
            args = {key: str(value) for key, value in told.items()}
            made = self._emulator.add_scenario(make(kind, args))
        return JSONResponse(_scenario(made), 201)

    async def clear_scenarios(self, request: Request) -> Response:
        self._emulator.scenarios.clear()
        return Response(status_code=204)

    async def remove_scenario(self, request: Request) -> Response:
        name = request.path_params["name"]
        if not self._emulator.scenarios.remove(name):
            raise KeyError(name)
        return Response(status_code=204)

    async def tokens(self, request: Request) -> Response:
        """A pair, as if a person had confirmed a device code."""
        told = await _body(request)
        client_id = told.get("client_id")
        pair = self._emulator.issue_tokens(
            str(told.get("seller", "default")), None if client_id is None else str(client_id)
        )
        return JSONResponse({"access_token": pair.access, "refresh_token": pair.refresh}, 201)

    async def device(self, request: Request) -> Response:
        """``{"confirm": false}`` says no, anything else yes."""
        told = await _body(request)
        code = request.path_params["code"]
        seller = None if told.get("confirm") is False else str(told.get("seller", "default"))
        if not self._emulator.confirm(code, seller):
            raise KeyError(code)
        return Response(status_code=204)

    async def device_page(self, request: Request) -> Response:
        """What a person sees who follows the address of the device flow."""
        words, code = "", request.query_params.get("code", "")
        if request.method == "POST":
            told = await request.form()
            code = str(told.get("code", ""))
            seller = str(told.get("seller", "")) or "default"
            known = self._emulator.confirm(code, seller if "yes" in told else None)
            words = ("Connected." if "yes" in told else "Refused.") if known else "No such code."
        return HTMLResponse(
            PAGE.format(words=html.escape(words), code=html.escape(code, quote=True)),
            404 if words == "No such code." else 200,
        )


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Connect an application</title>
<style>body{{font:16px/1.5 sans-serif;max-width:30em;margin:4em auto}}input{{font:inherit}}</style>
<h1>Connect an application</h1>
<p role="status">{words}</p>
<form method="post" action="/skojarz-aplikacje">
<p><label>Code <input name="code" value="{code}" autofocus></label>
<p><label>Account <input name="seller" value="default"></label>
<p><button name="yes" value="1">Connect</button> <button name="no" value="1">Refuse</button>
</form>
<p>A small Allegro for tests: no password is asked for.</p>
"""


def _invoice(world: World, one: Invoice) -> dict[str, Any]:
    now = world.now()
    return {
        "id": one.id,
        "number": one.number,
        "name": one.name,
        "sha256": one.sha256,
        "size_bytes": None if one.content is None else len(one.content),
        "scan": one.scan(now),
        "listed": one.visible_at <= now,
        "uploaded_at": None if one.uploaded_at is None else moment(one.uploaded_at),
    }


def _shipment(one: Shipment) -> dict[str, Any]:
    return {
        "id": one.id, "carrier": one.carrier, "waybill": one.waybill,
        "carrier_name": one.carrier_name,
    }  # fmt: skip


def _scenario(one: Scenario) -> dict[str, Any]:
    return {
        "name": one.kind.name, "says": one.kind.says, "args": one.args, "on": list(one.on),
        "struck": one.struck, "left": one.left.get("", one.times),
    }  # fmt: skip


def _seconds(told: dict[str, Any], key: str) -> float:
    value = told.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"{key}: seconds are wanted")
    return value

"""The emulator as a whole: set it up, look into it, serve it over HTTP or in-process.

In:  a seed, a clock, scenarios; orders and messages that somebody makes up.
Out: Allegro's API under ``/``, its authorisation server under ``/auth/oauth``, the admin
     resource under ``/emulator``.

How it is used stands at the head of the package; what it can do in ``docs/emulator.md``.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from awizo.emulator import admin, documents, messages, parcels
from awizo.emulator.calls import PUBLIC, Refusal, Rules
from awizo.emulator.descriptions import UnusableOrder, make_order
from awizo.emulator.gate import (
    OPERATIONS,
    AgentCheck,
    Entry,
    Gate,
    Operation,
    response,
)
from awizo.emulator.oauth import AuthServer, Pair
from awizo.emulator.orders import buyer_changes, set_status
from awizo.emulator.scenarios import Scenario, Scenarios, parse
from awizo.emulator.serving import InProcess, served
from awizo.emulator.world import (
    Invoice,
    Message,
    Order,
    Seller,
    Shipment,
    World,
)

CLIENT_ID = "emulator"
CLIENT_SECRET = "emulator-secret"

# What a new order is made like while a scenario is on, unless its description says otherwise.
ORDER_SCENARIOS: Mapping[str, Callable[[Scenario], Mapping[str, Any]]] = {
    "late-orders": lambda one: {"appears_in_s": one.number("delay")},
    "empty-email": lambda one: {"email_in_s": one.number("delay")},
    "form-lags": lambda one: {"ready_in_s": one.number("delay")},
    "own-warehouse": lambda one: {"provider": "ALLEGRO"},
    "ept": lambda one: {"payment_type": "EXTENDED_TERM", "payment_provider": "EPT"},
    "not-requested": lambda one: {"invoice_required": False},
    "foreign-market": lambda one: {"marketplace": one.text("market")},
}
EVENTS_OF_STATUS = {
    "BOUGHT": ("BOUGHT",),
    "FILLED_IN": ("BOUGHT", "FILLED_IN"),
    "READY_FOR_PROCESSING": ("BOUGHT", "FILLED_IN", "READY_FOR_PROCESSING"),
    "CANCELLED": ("BOUGHT", "FILLED_IN", "READY_FOR_PROCESSING", "BUYER_CANCELLED"),
}


def utc_now() -> datetime:
    return datetime.now(UTC)


class Emulator:
    """A small Allegro.

    Args:
        seed: The same seed and the same calls make the same ids.
        now: The time of day; :meth:`advance` moves on from it.
        clients: Client id → secret of the registered applications.
        scenarios: What goes wrong from the start, as the command line gives it.
        confirm_after_polls: A device code confirms itself at that poll; ``None``: a person
            does it on the page, or :meth:`confirm`.
        user_agent: Refuse calls of an agent that Allegro would not take, warn, or let it be.
        app_name: The registered application's name, where the agent's must be the same.

    Raises:
        UnknownScenario: In *scenarios*.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        now: Callable[[], datetime] = utc_now,
        clients: Mapping[str, str] | None = None,
        scenarios: Sequence[str] = (),
        rules: Rules | None = None,
        confirm_after_polls: int | None = 2,
        device_interval_s: int = 1,
        user_agent: AgentCheck = "refuse",
        app_name: str | None = None,
        requests_per_minute: int = 9000,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._seed = seed
        self._now = now
        self._clients = dict(clients) if clients is not None else {CLIENT_ID: CLIENT_SECRET}
        self._first_scenarios = tuple(scenarios)
        self._first_rules = rules or Rules()
        self._confirm_after_polls = confirm_after_polls
        self._device_interval_s = device_interval_s
        self._user_agent: AgentCheck = user_agent
        self._app_name = app_name
        self._requests_per_minute = requests_per_minute
        self._sleep = sleep
        self.reset()
        self.app = self._application()

    def reset(self) -> None:
        """Forget everything; as after the start, the clock included."""
        self.world = World(self._seed, self._now)
        self.rules = replace(self._first_rules)
        self.scenarios = Scenarios(self.world.rng)
        self.auth = AuthServer(
            self.world,
            self._clients,
            confirm_after_polls=self._confirm_after_polls,
            interval_s=self._device_interval_s,
        )
        self.gate = Gate(
            world=self.world,
            rules=self.rules,
            scenarios=self.scenarios,
            auth=self.auth,
            user_agent=self._user_agent,
            app_name=self._app_name,
            requests_per_minute=self._requests_per_minute,
            sleep=self._sleep,
        )
        self.world.seller("default")
        for told in self._first_scenarios:
            self.set_scenario(told)

    # -- setting up ----------------------------------------------------------------------------

    def add_order(self, **told: Any) -> Order:
        """A purchase. Everything may be left out: see ``docs/emulator.md`` for the fields.

        Raises:
            UnusableOrder: Unknown fields, or values of another sort.
        """
        for name, effect in ORDER_SCENARIOS.items():
            found = self._strike(name)
            if found is not None:
                told = {**effect(found), **told}
        merged = self._strike("merged-purchases")
        if merged is not None:
            told["appears_in_s"] = told.get("appears_in_s", 0) + merged.number("delay")
        order = make_order(self.world, told)
        if merged is not None:
            self._predecessor(order, merged.number("delay"))
        self._announce(order)
        return order

    def _predecessor(self, order: Order, delay_s: float) -> None:
        """The same purchase under the id that it had before it was paid (FACTS 2.3)."""
        since = order.visible_at - timedelta(seconds=delay_s)
        order.bought_at = min(order.bought_at, since)
        before = replace(
            order,
            id=self.world.new_order_id(),
            email=self.world.masked_address(order.seller, order.login),
            status="FILLED_IN",
            visible_at=since,
            ready_at=since,
            email_at=since,
            updated_at=since,
            gone_at=order.visible_at,
            invoices=[],
            links=[],
            shipments=[],
            told=[],
        )
        self.world.orders[before.id] = before
        self._announce(before)

    def _announce(self, order: Order) -> None:
        late = self._strike("late-events", order.id)
        seen_at = order.visible_at
        if late is not None:
            seen_at += timedelta(seconds=late.number("delay"))
        again = self._strike("duplicate-events", order.id)
        copies = 1 + (int(again.number("copies")) if again is not None else 0)
        for kind in EVENTS_OF_STATUS[order.status]:
            for _ in range(copies):
                self.world.add_event(kind, order, order.visible_at, visible_at=seen_at)

    def merge_orders(self, order_ids: Iterable[str]) -> Order:
        """The buyer pays several unpaid purchases together: one new id, the old ones vanish.

        Raises:
            UnusableOrder: None of them, or not all of one buyer and unpaid.
        """
        old = [one for one in map(self.world.order, order_ids) if one is not None]
        if not old or any(one.status not in ("BOUGHT", "FILLED_IN") for one in old):
            raise UnusableOrder("unpaid orders are wanted")
        if len({(one.seller, one.login) for one in old}) > 1:
            raise UnusableOrder("orders of one buyer are wanted")
        now = self.world.now()
        made = make_order(self.world, {"seller": old[0].seller, "login": old[0].login})
        made.items = [item for one in old for item in one.items]
        made.first_name, made.last_name = old[0].first_name, old[0].last_name
        made.invoice_required = any(one.invoice_required for one in old)
        for one in old:
            one.gone_at = now
        self.world.add_event("READY_FOR_PROCESSING", made, now)
        return made

    def pay(self, order_id: str) -> Order:
        """An unpaid purchase becomes ready."""
        order = self._order(order_id)
        order.status = "READY_FOR_PROCESSING"
        order.updated_at = self.world.now()
        self.world.add_event("READY_FOR_PROCESSING", order, order.updated_at)
        return order

    def cancel(self, order_id: str) -> Order:
        """The buyer cancels."""
        order = self._order(order_id)
        order.status = "CANCELLED"
        order.updated_at = self.world.now()
        self.world.add_event("BUYER_CANCELLED", order, order.updated_at)
        return order

    def change(self, order_id: str) -> Order:
        """The buyer changes something, so the revision does."""
        order = self._order(order_id)
        buyer_changes(self.world, order)
        return order

    def set_status(self, order_id: str, status: str) -> Order:
        """The seller sets a status in Allegro's own panel."""
        order = self._order(order_id)
        set_status(self.world, order, status)
        return order

    def file_document(self, order_id: str, number: str | None, pdf: bytes | None) -> Invoice:
        """Another program files a document; without *pdf* it only declares one."""
        order = self._order(order_id)
        made = documents.add_invoice(self.world, order, number, f"{number or 'dokument'}.pdf")
        if pdf is not None:
            documents.store_file(self.world, made, pdf, scan_s=self.rules.scan_s)
        return made

    def add_waybill(self, order_id: str, carrier: str, number: str) -> Shipment:
        """Allegro's own label service, or the panel, adds a parcel number."""
        order = self._order(order_id)
        now = self.world.now()
        made = Shipment(carrier, number, "", tuple(one.id for one in order.items), now, now)
        parcels.add_shipment(self.world, order, made)
        return made

    def add_message(
        self,
        order_id: str,
        text: str,
        *,
        author: str = "buyer",
        subject: str | None = None,
        kind: str = "MESSAGE_CENTER",
        sent_s_ago: float = 0,
        visible_in_s: float = 0,
        about_order: bool = True,
    ) -> Message:
        """A message between the seller and the buyer of an order.

        Args:
            author: ``buyer``, ``seller`` or ``chatbot``.
            kind: ``MESSAGE_CENTER``, ``ASK_QUESTION`` or ``MAIL``.
        """
        order = self._order(order_id)
        made = messages.add_message(
            self.world,
            seller=order.seller,
            login=order.login,
            author=author,
            text=text,
            subject=subject,
            kind=kind,
            order_id=order.id if about_order else None,
            created_at=self.world.now() - timedelta(seconds=sent_s_ago),
            visible_in_s=visible_in_s,
            verify_s=self.rules.verify_s if author == "seller" else 0,
        )
        if author == "seller":
            messages.judge(self.world, self._strike, made)
        return made

    def issue_tokens(self, seller: str = "default", client_id: str | None = None) -> Pair:
        """A pair of tokens, as if a person had confirmed a device code."""
        return self.auth.issue(client_id or next(iter(self.auth.clients)), seller)

    def confirm(self, user_code: str, seller: str | None = "default") -> bool:
        """A person's answer to a device code; ``None`` for no."""
        return self.auth.decide(user_code, seller)

    def set_scenario(self, told: str) -> Scenario:
        """Switch a scenario on: ``NAME``, ``NAME=VALUE`` or ``NAME[=VALUE],key=value,…``.

        Raises:
            UnknownScenario: The name or an argument is not known.
        """
        return self.add_scenario(parse(told))

    def add_scenario(self, scenario: Scenario) -> Scenario:
        self.scenarios.add(scenario, at_s=self.world.now().timestamp())
        if scenario.kind.name == "password-change":
            self.auth.revoke_all("")
        return scenario

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self.world.advance(seconds)

    # -- looking in ----------------------------------------------------------------------------

    @property
    def requests(self) -> list[Entry]:
        """The last 10,000 calls, oldest first."""
        return list(self.gate.log)

    def order(self, order_id: str) -> Order:
        """An order with everything on it.

        Raises:
            KeyError: There is none.
        """
        return self._order(order_id)

    def documents(self, order_id: str) -> list[Invoice]:
        """The documents that are on an order with their bytes, hidden ones included."""
        order = self._order(order_id)
        kept = order.kept_invoices(self.world.now())
        return [one for one in kept if one.content is not None]

    @property
    def seller(self) -> Seller:
        return self.world.seller("default")

    def _order(self, order_id: str) -> Order:
        found = self.world.order(order_id)
        if found is None:
            raise KeyError(order_id)
        return found

    def _strike(self, name: str, order_id: str = "") -> Scenario | None:
        at_s = self.world.now().timestamp()
        return self.scenarios.strike(name, at_s=at_s, order_id=order_id)

    # -- serving -------------------------------------------------------------------------------

    def _application(self) -> Starlette:
        async def api(operation: Operation, request: Request) -> Response:
            return await self.gate.api(request, operation)

        async def oauth(operation: str, request: Request) -> Response:
            return await self.gate.oauth(request, operation)

        def refused(request: Request, error: Exception) -> Response:
            status = error.status_code if isinstance(error, HTTPException) else 500
            code = {404: "NotFoundException", 405: "MethodNotAllowedException"}.get(status, "ERROR")
            answer = Refusal(status, code, "No such resource").answer
            return response(answer, PUBLIC, {"trace-id": "0"})

        routes = [
            Route(one.path, functools.partial(api, one), methods=[one.method], name=one.name)
            for one in OPERATIONS
        ]
        routes += [
            Route(path, functools.partial(oauth, name), methods=["POST"])
            for path, name in (
                ("/auth/oauth/device", "device"),
                ("/auth/oauth/token", "token"),
                ("/register", "register"),
            )
        ]
        return Starlette(
            routes=[*routes, *admin.routes(self)],
            exception_handlers={404: refused, 405: refused},
        )

    def transport(self) -> httpx.AsyncBaseTransport:
        """For an httpx client in the same process, without a socket."""
        return InProcess(self.app)

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serve over HTTP while the context lasts; yields the address, as ``http://host:port``.

        Raises:
            OSError: The address cannot be had.
        """
        async with served(self.app, host, port) as url:
            yield url

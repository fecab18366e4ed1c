"""The panel in this process on a real store, as a browser sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import argon2
import httpx

from awizo.model import Delivery, DeliveryState, Disposition, Evidence, Kind, Plan, Verdict
from awizo.operations import Operations
from awizo.panel.app import PanelApp, create_panel
from awizo.settings import Settings
from awizo.spool.port import Judgement
from awizo.store import Stores
from awizo.telemetry.health import Health
from support.store_parts import NOON, PLANNED, Desk, accepted

HERE = "http://127.0.0.1:8025"
PASSWORD = "correct horse battery staple"
# The cheapest that argon2 allows: what is tested is who gets in, not how long it takes.
PASSWORD_HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass
class Clock:
    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, span: timedelta) -> None:
        self.at += span


@dataclass
class Browser:
    """A browser that is on the panel's own pages, as far as headers and cookies go."""

    panel: PanelApp
    stores: Stores
    clock: Clock
    base: str = HERE
    client: tuple[str, int] = ("127.0.0.1", 50_000)
    http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        transport = httpx.ASGITransport(app=self.panel.asgi, client=self.client)
        self.http = httpx.AsyncClient(transport=transport, base_url=self.base)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers=headers)

    async def text(self, path: str) -> str:
        """What a reader sees of a page: without tags, in one line."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return readable(answer.text)

    async def token(self, path: str) -> str:
        """The token of a page's forms; any page sets the cookie that it belongs to."""
        found = re.search(r'name="token" value="([0-9a-f]+)"', (await self.get(path)).text)
        assert found is not None, path
        return found[1]

    async def wish(
        self, delivery_id: str, wish: str, *, token: str | None = None, **headers: str
    ) -> httpx.Response:
        """Press a button of a delivery's page."""
        if token is None:
            token = await self.token(f"/deliveries/{delivery_id}")
        sent = {"origin": self.base, **headers}
        return await self.http.post(
            f"/deliveries/{delivery_id}/{wish}", data={"token": token}, headers=sent
        )

    async def log_in(self, password: str = PASSWORD) -> httpx.Response:
        token = await self.token("/login")
        return await self.http.post(
            "/login", data={"token": token, "password": password}, headers={"origin": self.base}
        )


def a_panel(stores: Stores, clock: Clock | None = None, **settings: Any) -> Browser:
    clock = clock or Clock()
    made = Settings.model_validate(settings)
    panel = create_panel(
        settings=made,
        stores=stores,
        operations=Operations(spool=stores.spool, now=clock, actor="panel"),
        health=Health(),
        now=clock,
    )
    return Browser(panel, stores, clock, base=HERE)


def readable(html: str) -> str:
    body = re.sub(r"<(head|script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


RATING = Judgement(
    plan=Plan(disposition=Disposition.STOP, reason="rating_request_repeats"),
    verdict=Verdict(
        Kind.RATING_REQUEST,
        0.996,
        evidence=(
            Evidence("pl-rating", "body", "wystaw ocenę", 4.4, Kind.RATING_REQUEST),
            Evidence("pl-thanks", "body", "dziękujemy", 1.1, Kind.ORDER_PROCESSING),
        ),
        runner_up=Kind.ORDER_PROCESSING,
    ),
)


async def judged(desk: Desk, number: int, judgement: Judgement, **stored: Any) -> str:
    """Message *number*, judged as given; returns the delivery's id."""
    ending = stored.pop("ending", PLANNED)
    jobs = stored.pop("jobs", ())
    (delivery_id,) = await accepted(desk.spool, number, **stored)
    leased = {one.delivery.id: one for one in await desk.deliveries(limit=1000)}
    await desk.spool.store_plan(
        delivery_id,
        leased[delivery_id].lease,
        judgement,
        now=NOON,
        jobs=jobs,
        ending=ending,
    )
    return delivery_id


async def state_of(desk: Desk, delivery_id: str) -> tuple[DeliveryState, Disposition | None]:
    delivery: Delivery = (await desk.show(delivery_id)).delivery
    return delivery.state, delivery.disposition

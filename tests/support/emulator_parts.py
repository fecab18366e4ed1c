"""The emulator for tests: with a clock moved by hand, and every answer held to openapi.yaml."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.emulator.calls import Rules
from awizo.emulator.server import Emulator
from awizo.emulator.world import Order
from support.action_parts import Bench
from support.allegro_parts import Clock, MemoryAccounts
from support.openapi import check_answer, check_request, spec_file

PUBLIC = "application/vnd.allegro.public.v1+json"
BETA = "application/vnd.allegro.beta.v1+json"
AGENT = "My-Shop-App/1.0 (+https://shop.example/app)"
CLIENT = {"client-1": "secret-1"}
PDF = b"%PDF-1.7\nwhole and well\n%%EOF\n"

# Answers that are broken on purpose.
BREAKING = frozenset({"not-json", "cut-off", "empty-answer", "truncated"})
UNDESCRIBED = ("/auth/oauth/", "/register", "/emulator", "/skojarz")


async def no_sleep(seconds: float) -> None:
    """Answers that come late come at once, unless a test looks at lateness."""


def an_emulator(*scenarios: str, clock: Clock | None = None, **options: Any) -> Emulator:
    """Scans are over at once, so that no test waits for them without saying so."""
    return Emulator(
        now=clock or Clock(),
        clients=CLIENT,
        scenarios=scenarios,
        rules=options.pop("rules", None) or Rules(scan_s=0, verify_s=0),
        sleep=options.pop("sleep", no_sleep),
        app_name="My-Shop-App",
        **options,
    )


class Held(httpx.AsyncBaseTransport):
    """Calls the emulator in-process; answers, and where asked requests too, must be as
    openapi.yaml says. It describes public.v1 alone."""

    def __init__(self, emulator: Emulator, *, requests_too: bool = False) -> None:
        self._emulator = emulator
        self._inner = emulator.transport()
        self._requests_too = requests_too
        self.after: Callable[[httpx.Request], None] = lambda request: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        described = (
            spec_file() is not None
            and not request.url.path.startswith(UNDESCRIBED)
            and request.headers.get("accept") != BETA
        )
        if described and self._requests_too:
            check_request(request)
        try:
            response = await self._inner.handle_async_request(request)
        finally:
            self.after(request)
        await response.aread()
        if described and not BREAKING & set(self._emulator.requests[-1].struck):
            check_answer(request, response)
        return httpx.Response(
            response.status_code, headers=response.headers, content=response.content
        )


def api(emulator: Emulator, seller: str = "default", **headers: str) -> httpx.AsyncClient:
    """A plain client with a good token and good headers; a test spoils what it is about."""
    return httpx.AsyncClient(
        transport=Held(emulator),
        base_url="http://allegro.test",
        headers={
            "Authorization": f"Bearer {emulator.issue_tokens(seller).access}",
            "Accept": PUBLIC,
            "Content-Type": PUBLIC,
            "User-Agent": AGENT,
            **headers,
        },
    )


def code_of(response: httpx.Response) -> str:
    """The error's code."""
    return str(response.json()["errors"][0]["code"])


def accounts_at(emulator: Emulator, clock: Clock, *names: str) -> MemoryAccounts:
    """Our own accounts, connected."""
    accounts = MemoryAccounts()
    for name in names or ("default",):
        pair = emulator.issue_tokens(name)
        accounts.records[name] = AccountRecord(
            name,
            tokens=TokenPair(
                access_token=pair.access,
                refresh_token=pair.refresh,
                expires_at=clock() + timedelta(hours=12),
                obtained_at=clock(),
            ),
        )
    return accounts


@dataclass
class Shop:
    """The real client and the real actions against the emulator, in one process."""

    emulator: Emulator
    clock: Clock
    held: Held
    bench: Bench

    def order(self, **told: Any) -> Order:
        return self.emulator.add_order(**told)


def a_shop(*scenarios: str, rules: Rules | None = None, **options: Any) -> Shop:
    clock = Clock()
    emulator = an_emulator(*scenarios, clock=clock, rules=rules, **options)
    held = Held(emulator, requests_too=True)
    bench = Bench(held, clock=clock, accounts=accounts_at(emulator, clock))
    return Shop(emulator, clock, held, bench)

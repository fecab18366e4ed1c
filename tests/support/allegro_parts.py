"""Builders for tests of the Allegro room: clients, accounts, orders, jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from awizo.allegro.client import AllegroClients
from awizo.allegro.ports import AccountRecord, Accounts, LedgerEntry, Memory, TokenPair
from awizo.settings import Allegro, Retry, Settings

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
API = "https://api.example"


class Clock:
    """The time of day, moved by hand."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **units: float) -> datetime:
        self.at += timedelta(**units)
        return self.at


class MemoryAccounts:
    def __init__(self) -> None:
        self.records: dict[str, AccountRecord] = {}
        self.saves: list[AccountRecord] = []
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, name: str) -> AccountRecord | None:
        return self.records.get(name)

    async def all(self) -> Sequence[AccountRecord]:
        return list(self.records.values())

    async def save(self, record: AccountRecord) -> None:
        self.records[record.name] = record
        self.saves.append(record)

    async def remove(self, name: str) -> None:
        self.records.pop(name, None)

    async def pause(self, name: str, reason: str | None) -> None:
        self.records[name] = replace(self.records[name], paused=reason)

    @asynccontextmanager
    async def refreshing(self, name: str) -> AsyncIterator[AccountRecord]:
        async with self._locks.setdefault(name, asyncio.Lock()):
            yield self.records[name]


class MemoryMemory:
    def __init__(self) -> None:
        self.facts: dict[tuple[str, str], tuple[Any, datetime | None]] = {}

    async def recall(self, account: str, key: str, *, now: datetime) -> Any | None:
        value, until = self.facts.get((account, key), (None, None))
        return None if until is not None and until <= now else value

    async def remember(self, account: str, key: str, value: Any, *, until: datetime | None) -> None:
        self.facts[account, key] = (value, until)


class MemoryLedger:
    def __init__(self) -> None:
        self.entries: dict[str, LedgerEntry] = {}

    async def intend(self, entry: LedgerEntry) -> LedgerEntry:
        for other in self.entries.values():
            if (other.account, other.order_id, other.kind) == (
                entry.account,
                entry.order_id,
                entry.kind,
            ) and (
                (entry.number_key and other.number_key == entry.number_key)
                or other.sha256 == entry.sha256
                or (entry.text_sha256 and other.text_sha256 == entry.text_sha256)
                or (entry.url and other.url == entry.url)
            ):
                return other
        self.entries[entry.id] = entry
        return entry

    async def update(
        self,
        entry_id: str,
        *,
        now: datetime,
        state: str | None = None,
        invoice_id: str | None = None,
        proof: Mapping[str, Any] | None = None,
    ) -> LedgerEntry:
        entry = self.entries[entry_id]
        self.entries[entry_id] = replace(
            entry,
            state=state or entry.state,
            invoice_id=invoice_id or entry.invoice_id,
            proof={**entry.proof, **(proof or {})},
            updated_at=now,
        )
        return self.entries[entry_id]

    async def of_order(self, account: str, order_id: str) -> Sequence[LedgerEntry]:
        return [e for e in self.entries.values() if (e.account, e.order_id) == (account, order_id)]

    async def with_number(self, account: str, number_key: str) -> Sequence[LedgerEntry]:
        return [
            e for e in self.entries.values() if (e.account, e.number_key) == (account, number_key)
        ]

    async def export(
        self, *, account: str | None = None, since: datetime | None = None
    ) -> Sequence[LedgerEntry]:
        return [e for e in self.entries.values() if account in (None, e.account)]


def some_settings(
    *, api_url: str = API, quick_s: tuple[float, ...] = (0, 0, 0), **allegro: Any
) -> Settings:
    allegro = {"timeout_s": 5, **allegro}
    return Settings(
        allegro=Allegro(
            api_url=api_url,
            auth_url=f"{api_url}/auth/oauth",
            client_id="client-1",
            client_secret="secret-1",
            app_name="My Shop App",
            app_url="https://shop.example/app",
            **allegro,
        ),
        retry=Retry(allegro_quick_s=quick_s),
    )


def some_tokens(
    now: datetime = START, access: str = "acc-0", refresh: str = "ref-0", hours_left: float = 12
) -> TokenPair:
    return TokenPair(
        access_token=access,
        refresh_token=refresh,
        expires_at=now + timedelta(hours=hours_left),
        obtained_at=now,
    )


def connected(now: datetime = START, **tokens: Any) -> MemoryAccounts:
    accounts = MemoryAccounts()
    accounts.records["default"] = AccountRecord("default", tokens=some_tokens(now, **tokens))
    return accounts


def some_clients(
    network: httpx.AsyncBaseTransport,
    *,
    settings: Settings | None = None,
    accounts: Accounts | None = None,
    memory: Memory | None = None,
    now: Clock | None = None,
) -> AllegroClients:
    return AllegroClients(
        settings or some_settings(),
        accounts or connected(),
        memory or MemoryMemory(),
        now=now or Clock(),
        transport=network,
        jitter=lambda: 0.0,
    )

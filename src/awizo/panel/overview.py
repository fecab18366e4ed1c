"""The figures of the first page: what stands in the way, what was done, how the accounts are.

In:  the store and the settings.
Out: one frozen value for the template.

What costs a look at many rows is remembered for a while, and asked for once however many
pages are open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from awizo.allegro.ports import AccountRecord
from awizo.errors import SettingsError
from awizo.panel.looks import age_words
from awizo.problems import described
from awizo.settings import Settings
from awizo.spool.port import Tally
from awizo.store import Stores

T = TypeVar("T")

TALLY_KEPT = timedelta(seconds=15)
WEEK_KEPT = timedelta(seconds=60)
ORDERS_KEPT = timedelta(seconds=30)

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class AlertLine:
    cause: str
    level: str
    words: str
    detail: str
    next_step: str
    account: str
    first_at: datetime
    last_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class AccountLine:
    name: str
    state: str  # ok, trouble, missing
    words: str
    login: str
    connected_at: datetime | None
    synced_at: datetime | None
    synced_ago: str
    orders: int


@dataclass(frozen=True, slots=True)
class Overview:
    observing: bool
    alerts: tuple[AlertLine, ...]
    counts: Mapping[str, int]
    oldest: str
    day: Tally
    week: Tally
    accounts: tuple[AccountLine, ...]
    ask_about_status_mail: bool
    status_mail_off: bool


class Remembered(Generic[T]):
    """A value that is asked for again when it has grown too old, by one asker at a time."""

    def __init__(
        self, ask: Callable[[], Awaitable[T]], *, keep: timedelta, now: Callable[[], datetime]
    ) -> None:
        self._ask = ask
        self._keep = keep
        self._now = now
        self._lock = asyncio.Lock()
        self._got: tuple[datetime, T] | None = None

    async def get(self) -> T:
        async with self._lock:
            if self._got is None or self._now() - self._got[0] > self._keep:
                self._got = (self._now(), await self._ask())
            return self._got[1]

    def forget(self) -> None:
        self._got = None


class Figures:
    def __init__(self, *, settings: Settings, stores: Stores, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._stores = stores
        self._now = now
        self._day = Remembered(lambda: self._tally(DAY), keep=TALLY_KEPT, now=now)
        self._week = Remembered(lambda: self._tally(WEEK), keep=WEEK_KEPT, now=now)
        self._orders: dict[str, Remembered[int]] = {}

    async def overview(self) -> Overview:
        counts = await self._stores.spool.counts()
        oldest = counts.oldest_unsettled_at
        status_mail = {
            self._settings.policy_named(name).allegro_status_mail
            for name in (None, *self._settings.policies)
        }
        return Overview(
            observing=self._settings.mode == "observe",
            alerts=tuple(alert_line(alert) for alert in await self._stores.spool.alerts()),
            counts=counts.by_state,
            oldest="" if oldest is None else age_words(self._now() - oldest),
            day=await self._day.get(),
            week=await self._week.get(),
            accounts=await self._accounts(),
            ask_about_status_mail="unknown" in status_mail,
            status_mail_off="off" in status_mail,
        )

    def changed(self) -> None:
        """A person did something and will look at the figures next."""
        self._day.forget()
        self._week.forget()

    async def _tally(self, since: timedelta) -> Tally:
        return await self._stores.spool.tally(since=self._now() - since)

    async def _accounts(self) -> tuple[AccountLine, ...]:
        try:
            records = {record.name: record for record in await self._stores.accounts.all()}
        except SettingsError as error:  # the key does not fit any more
            return (AccountLine("all", "trouble", str(error), "", None, None, "", 0),)
        names = dict.fromkeys((*self._settings.account_names, *records))
        return tuple([await self._account(name, records.get(name)) for name in names])

    async def _account(self, name: str, record: AccountRecord | None) -> AccountLine:
        sync = await self._stores.orders.sync_state(name)
        if name not in self._orders:
            self._orders[name] = Remembered(
                lambda: self._stores.orders.count(name), keep=ORDERS_KEPT, now=self._now
            )
        if record is None or record.tokens is None:
            state = "missing"
            words = "Not connected: its mails are only forwarded. Run 'awizo login'."
        elif record.paused:
            problem = described(record.paused)
            state, words = "trouble", f"{problem.words} {problem.next_step}"
        elif not sync.first_sync_done:
            state, words = "waiting", "Connected; its orders are being read for the first time."
        else:
            state, words = "ok", "Connected."
        return AccountLine(
            name=name,
            state=state,
            words=words,
            login=record.login if record else "",
            connected_at=record.connected_at if record else None,
            synced_at=sync.synced_at,
            synced_ago=age_words(self._now() - sync.synced_at) if sync.synced_at else "never",
            orders=await self._orders[name].get(),
        )


def alert_line(alert: Mapping[str, Any]) -> AlertLine:
    """An alert's words and next step apart from what Allegro or the provider said."""
    problem = described(alert["cause"])
    detail = str(alert["text"])
    return AlertLine(
        cause=alert["cause"],
        level=problem.level,
        words=problem.words,
        detail=detail.removeprefix(problem.words).removesuffix(problem.next_step).strip(),
        next_step=problem.next_step,
        account=alert["account"] or "",
        first_at=alert["first_at"],
        last_at=alert["last_at"],
        count=alert["count"],
    )

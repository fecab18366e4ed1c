"""Everything that calls Allegro, for all accounts of one process.

In:  settings, the stores of accounts and of small facts.
Out: a handle for each account (``account.py``), and what a login needs.

One HTTP client for each base address, one governor for each client id, tokens by the one
refresher.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import httpx

from awizo.allegro.account import AllegroAccount
from awizo.allegro.calls import CONNECT_TIMEOUT_S, Caller, user_agent
from awizo.allegro.governor import Governor
from awizo.allegro.oauth import OAuth, Refresher, refuse_plain_http, register_client
from awizo.allegro.ports import AccountRecord, Accounts, Memory, TokenPair
from awizo.settings import Settings

__all__ = ["AllegroAccount", "AllegroClients"]


class AllegroClients:
    """Everything that calls Allegro, for all accounts of one process.

    Args:
        transport: Takes the place of the network, for tests.
    """

    def __init__(
        self,
        settings: Settings,
        accounts: Accounts,
        memory: Memory,
        *,
        now: Callable[[], datetime],
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = lambda: random.uniform(-1, 1),
    ) -> None:
        self.settings = settings
        self.memory = memory
        self.now = now
        self._accounts = accounts
        self._clock = clock
        self._jitter = jitter
        self._transport = transport
        self._https: dict[str, httpx.AsyncClient] = {}
        self._callers: dict[str, Caller] = {}
        self.refresher = Refresher(
            accounts, lambda record: self.oauth(record.name, record), now=now, clock=clock
        )

    def account(self, name: str) -> AllegroAccount:
        """A handle on one account, with a call log of its own; cheap, make one for each job."""
        return AllegroAccount(self, name)

    def oauth(self, name: str, record: AccountRecord | None = None) -> OAuth:
        """The authorisation server under the account's client id."""
        client_id, secret = self._credentials(name, record)
        return OAuth(
            self._http(self.settings.allegro.auth_base),
            client_id,
            secret,
            now=self.now,
            timeout_s=self.settings.allegro.timeout_s,
        )

    async def register(self, name: str) -> AccountRecord:
        """Give an account a client id of its own by Dynamic Client Registration, once.

        Needs ``allegro.software_statement``. The account keeps the client it has.

        Raises:
            PermanentFailure: ``client_refused``: Allegro does not take the statement.
        """
        record = await self._accounts.get(name) or AccountRecord(name)
        statement = self.settings.allegro.software_statement
        if record.client_id or statement is None:
            return record
        client_id, secret = await register_client(
            self._http(self.settings.allegro.api_base), statement.get_secret_value(), now=self.now
        )
        record = replace(record, client_id=client_id, client_secret=secret)
        await self._accounts.save(record)
        return record

    async def connect(self, name: str, tokens: TokenPair) -> AccountRecord:
        """Keep the tokens of a fresh login, and who it was that logged in; durable on return."""
        record = await self._accounts.get(name) or AccountRecord(name)
        record = replace(record, tokens=tokens, paused=None, connected_at=self.now())
        await self._accounts.save(record)
        seller = await self.account(name).me()
        record = replace(
            record,
            seller_id=seller.id,
            login=seller.login,
            email=seller.email,
            marketplace=seller.marketplace,
        )
        await self._accounts.save(record)
        return record

    async def close(self) -> None:
        for http in self._https.values():
            await http.aclose()
        self._https.clear()

    async def caller_of(self, name: str) -> Caller:
        """The way to call under the account's client id; one governor for each id."""
        client_id, _ = self._credentials(name, await self._accounts.get(name))
        caller = self._callers.get(client_id)
        if caller is None:
            caller = self._callers[client_id] = Caller(
                self._http(self.settings.allegro.api_base),
                Governor(
                    requests_per_minute=self.settings.allegro.requests_per_minute,
                    clock=self._clock,
                ),
                self.settings.allegro,
                quick_s=self.settings.retry.allegro_quick_s,
                now=self.now,
                clock=self._clock,
                jitter=self._jitter,
            )
        return caller

    def _credentials(self, name: str, record: AccountRecord | None) -> tuple[str, str]:
        if record is not None and record.client_id:
            return record.client_id, record.client_secret
        client_id, secret = self.settings.client_of(name)
        return client_id, secret.get_secret_value()

    def _http(self, base: str) -> httpx.AsyncClient:
        http = self._https.get(base)
        if http is None:
            refuse_plain_http(base)
            allegro = self.settings.allegro
            http = self._https[base] = httpx.AsyncClient(
                base_url=base,
                transport=self._transport,
                timeout=httpx.Timeout(
                    allegro.timeout_s, connect=min(CONNECT_TIMEOUT_S, allegro.timeout_s)
                ),
                limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
                follow_redirects=False,
                headers={"User-Agent": user_agent(allegro.app_name, allegro.app_url)},
            )
        return http

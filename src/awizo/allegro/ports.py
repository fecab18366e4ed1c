"""What the Allegro room keeps: tokens of accounts, the ledger of documents, small caches.

Bodies: ``awizo.store.accounts`` and ``awizo.store.ledger``, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class TokenPair:
    """OAuth tokens of one account; long JWTs (FACTS 3)."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    obtained_at: datetime
    refreshed_from: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """A connected account. ``paused`` is the slug of why its actions wait, e.g.
    ``invalid_grant``."""

    name: str
    tokens: TokenPair | None = None
    seller_id: str = ""
    login: str = ""
    email: str = ""
    marketplace: str = ""
    paused: str | None = None
    connected_at: datetime | None = None
    client_id: str = ""  # of a dynamically registered client, else ""
    client_secret: str = field(default="", repr=False)


class Accounts(Protocol):
    """Tokens are encrypted at rest with the key of ``store.key_file``."""

    async def get(self, name: str) -> AccountRecord | None: ...

    async def all(self) -> Sequence[AccountRecord]: ...

    async def save(self, record: AccountRecord) -> None:
        """Insert or replace; durable on return."""

    async def remove(self, name: str) -> None: ...

    async def pause(self, name: str, reason: str | None) -> None: ...

    def refreshing(self, name: str) -> AbstractAsyncContextManager[AccountRecord]:
        """Be the only refresher of an account across tasks, processes and replicas.

        Yields the record as it stands once the right is held: another may just have
        refreshed it.
        """


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One document on its way to one order, written before the first call.

    ``state``: ``intended``, ``declared`` (POST answered, ``invoice_id`` known), ``filed``
    (PUT answered), ``listed`` (read back), ``accepted`` (antivirus), ``rejected``,
    ``refused``. ``proof`` collects ids, times and trace ids.
    """

    id: str
    account: str
    order_id: str
    kind: str  # "invoice" or "link"
    number_key: str  # normalised number, "" without
    sha256: str
    text_sha256: str = ""
    number: str | None = None
    document_kind: str = ""
    total: str | None = None
    buyer_tax_id: str | None = None
    url: str | None = None
    state: str = "intended"
    invoice_id: str | None = None
    delivery_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    proof: Mapping[str, Any] = field(default_factory=dict)


class Ledger(Protocol):
    async def intend(self, entry: LedgerEntry) -> LedgerEntry:
        """Write the entry unless the same document is there already; returns what stands.

        The same document: same account, order, kind and the same ``number_key`` (not ""), or
        the same ``sha256``, or the same ``text_sha256`` (not ""), or the same ``url``.
        """

    async def update(
        self,
        entry_id: str,
        *,
        now: datetime,
        state: str | None = None,
        invoice_id: str | None = None,
        proof: Mapping[str, Any] | None = None,
    ) -> LedgerEntry:
        """Change it; *proof* is merged into what is there."""

    async def of_order(self, account: str, order_id: str) -> Sequence[LedgerEntry]: ...

    async def with_number(self, account: str, number_key: str) -> Sequence[LedgerEntry]:
        """Entries of any order of the account with this number."""

    async def export(
        self, *, account: str | None = None, since: datetime | None = None
    ) -> Sequence[LedgerEntry]: ...


class Memory(Protocol):
    """Small facts with an expiry, by account: refused link hosts, carriers, threads."""

    async def recall(self, account: str, key: str, *, now: datetime) -> Any | None: ...

    async def remember(
        self, account: str, key: str, value: Any, *, until: datetime | None
    ) -> None: ...

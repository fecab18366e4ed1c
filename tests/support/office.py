"""The worker's whole back room, worked by hand: every step, every moment, every crash is chosen.

In:  mails, a clock, an emulator that may lie.
Out: deliveries judged, planned, acted on and settled, with the real triage, the real actions
     and a real store on SQLite.

Only the way in (mails are put into the spool) and the way out (mails are counted) are short.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx

from awizo.actions.add_link import AddLinkExecutor, refused_hosts
from awizo.actions.add_shipment import AddShipmentExecutor
from awizo.actions.set_fulfillment import SetFulfillmentExecutor
from awizo.actions.upload_invoice import UploadInvoiceExecutor
from awizo.allegro.client import AllegroClients
from awizo.allegro.conversations import Conversations
from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.book import load_book
from awizo.documents import Inspector
from awizo.emulator.server import Emulator
from awizo.errors import ActionError
from awizo.model import (
    AddLink,
    AddShipment,
    Client,
    DocumentFacts,
    Envelope,
    ParsedMessage,
    Recipient,
    SetFulfillment,
    SpooledMessage,
    UploadInvoice,
)
from awizo.orders.sync import OrderSync
from awizo.settings import Settings
from awizo.smarthost.smarthosts import Smarthosts
from awizo.smarthost.transaction import RecipientResult
from awizo.spool.port import FollowUp, LeasedDelivery, NewDelivery, NewMessage, StoredDelivery
from awizo.store import Stores, open_store
from awizo.triage.judge import Book
from awizo.worker.alerts import Alerts
from awizo.worker.execute import Execution
from awizo.worker.follow_up import FollowUps
from awizo.worker.outbox import Outbox
from awizo.worker.outcomes import Outcomes
from awizo.worker.schedule import when_hold_is_over
from awizo.worker.triage import Surroundings, Triage
from awizo.worker.way_out import WayOut
from support.allegro_parts import Clock, some_settings
from support.emulator_parts import Held

ACCOUNT = "default"
OWNER = "office"
LEASE_S = 60.0
SHOP = "sklep@lampiony.example"


class Crash(BaseException):
    """The process dies here."""


class LearntInspector(Inspector):
    """Reads each file once: the same bytes say the same."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.documents)
        self._known: dict[bytes, tuple[DocumentFacts, ...]] = {}

    async def inspect(self, message: ParsedMessage) -> tuple[DocumentFacts, ...]:
        digest = hashlib.sha256(message.text.encode("utf-8", "replace"))
        for attachment in message.attachments:
            digest.update(f"\0{attachment.name}\0{attachment.part}\0".encode())
            digest.update(attachment.content)
        key = digest.digest()
        if key not in self._known:
            self._known[key] = await super().inspect(message)
        return self._known[key]


@dataclass
class Counting:
    """A smarthost that takes everything; ``sent`` counts by message and recipient."""

    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    altered: list[str] = field(default_factory=list)

    async def send(
        self, message: SpooledMessage, recipients: Sequence[Recipient], read: Any, **more: Any
    ) -> list[RecipientResult]:
        content = b"".join([chunk async for chunk in read()])
        if hashlib.sha256(content).hexdigest() != message.sha256:
            self.altered.append(message.id)
        for recipient in recipients:
            self.sent[message.id, recipient.address] += 1
        return [RecipientResult(one, True, None, "250 ok", "counting:25") for one in recipients]


class Network(Held):
    """Kills the process before or after the n-th call to Allegro from now."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator, requests_too=True)
        self.crash_in: int | None = None
        self.crash_before = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        dies = False
        if self.crash_in is not None:
            self.crash_in -= 1
            dies = self.crash_in < 0
        if dies:
            self.crash_in = None
            if self.crash_before:
                raise Crash
        response = await super().handle_async_request(request)
        if dies:
            raise Crash
        return response


class Office:
    """One shop, one account. Open it, give it mails, let it work round by round."""

    def __init__(
        self, folder: Path, emulator: Emulator, clock: Clock, inspector: Inspector, book: Book
    ) -> None:
        self.emulator = emulator
        self.clock = clock
        self.network = Network(emulator)
        self.smarthost = Counting()
        self.crashes = 0
        base = some_settings()
        self.settings = Settings.model_validate(
            {
                "allegro": base.allegro.model_dump(),
                "retry": base.retry.model_dump(),
                "store": {"url": f"sqlite:///{folder}/office.db"},
            }
        )
        self._inspector = inspector
        self._book = book
        self._made = 0
        self.stores: Stores

    async def open(self) -> None:
        """Open the store, connect the account, read the orders that there are."""
        await self._start()
        pair = self.emulator.issue_tokens(ACCOUNT)
        tokens = TokenPair(
            pair.access, pair.refresh, self.clock() + timedelta(hours=12), self.clock()
        )
        await self.stores.accounts.save(AccountRecord(ACCOUNT, tokens))
        await self._sync_of().first_sync(ACCOUNT, self.clock())

    async def close(self) -> None:
        await self._clients.close()
        await self.stores.close()

    async def restart(self) -> None:
        """As after a crash: everything in memory is gone, leases of the dead are taken back."""
        await self.close()
        await self._start()
        await self.stores.spool.take_back_leases()

    async def _start(self) -> None:
        settings, now = self.settings, self.clock
        self.stores = stores = await open_store(settings.store, now=now)
        self._clients = clients = AllegroClients(
            settings, stores.accounts, stores.memory, now=now, transport=self.network,
            clock=lambda: now().timestamp(), jitter=lambda: 0.0,
        )  # fmt: skip
        alerts = Alerts(settings=settings.alerts, spool=stores.spool, now=now)

        async def refused(account: str) -> frozenset[str]:
            return await refused_hosts(stores.memory, account, now=now())

        async def sync(accounts: Sequence[str]) -> None:
            try:
                await self._sync_of().sync_events(ACCOUNT, now())
                await self._sync_of().reread_incomplete(ACCOUNT, now())
            except ActionError:
                pass  # the mail waits for its order

        self._triage = Triage(
            settings=settings,
            spool=stores.spool,
            orders=stores.orders,
            inspector=self._inspector,
            book=lambda: self._book,
            around=Surroundings(
                connected=_always(True),
                sync=sync,
                first_sync_running=_always(False),
                refused_link_hosts=refused,
                integrated_carriers=_always(None),
                conversation=_always(None),
                sender_known=_always(True),
            ),
            alerts=alerts,
            now=now,
        )
        outcomes = Outcomes(
            retry=settings.retry, spool=stores.spool, alerts=alerts, now=now, jitter=lambda: 0.0
        )
        self._execution = Execution(
            settings=settings,
            spool=stores.spool,
            orders=stores.orders,
            ledger=stores.ledger,
            memory=stores.memory,
            inspector=self._inspector,
            clients=clients,
            executors={
                UploadInvoice: UploadInvoiceExecutor(),
                AddLink: AddLinkExecutor(),
                SetFulfillment: SetFulfillmentExecutor(),
                AddShipment: AddShipmentExecutor(),
            },
            outcomes=outcomes,
            now=now,
            new_id=self.new_id,
        )
        self._way_out = WayOut(
            settings=settings,
            spool=stores.spool,
            smarthosts=cast(Smarthosts, self.smarthost),
            alerts=alerts,
            outbox=Outbox(spool=stores.spool, now=now, new_id=self.new_id),
            outcomes=outcomes,
            hostname="mx.test",
            now=now,
            new_id=self.new_id,
        )
        self._follow_ups = FollowUps(
            settings=settings,
            spool=stores.spool,
            ledger=stores.ledger,
            clients=clients,
            conversations=Conversations(clients, stores.memory, now=now),
            alerts=alerts,
            now=now,
        )

    def _sync_of(self) -> OrderSync:
        account = self._clients.account(ACCOUNT)
        return OrderSync(self.stores.orders, account, self.settings.allegro)

    def new_id(self) -> str:
        self._made += 1
        return f"{self._made:026}"

    # -- mails and work ------------------------------------------------------------------------

    async def put(self, content: bytes, *recipients: str) -> str:
        """A mail that was accepted; returns its id."""
        spool_id = self.new_id()
        new = NewMessage(
            id=spool_id,
            envelope=Envelope(
                reverse_path=SHOP,
                recipients=tuple(Recipient(address) for address in recipients),
                client=Client("127.0.0.1", helo="shop.test"),
                received_at=self.clock(),
            ),
            route="default",
            smarthost="default",
            accounts=(ACCOUNT,),
            policy=None,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            deliveries=tuple(
                NewDelivery(self.new_id(), index, to_buyer=True) for index in range(len(recipients))
            ),
        )
        await self.stores.spool.accept(new, io.BytesIO(content))
        return spool_id

    async def work(self, *, most: int = 100) -> int:
        """Do what is due, one piece after the other; returns how many pieces that were.

        A crash on the way ends the round with a restart.
        """
        done = 0
        try:
            while done < most and await self._next_piece():
                done += 1
        except Crash:
            self.crashes += 1
            await self.restart()
        return done

    async def _next_piece(self) -> bool:
        spool, now = self.stores.spool, self.clock()
        lease: dict[str, Any] = {"owner": OWNER, "now": now, "lease_s": LEASE_S, "limit": 1}
        deliveries: list[LeasedDelivery] = await spool.lease_deliveries(**lease)
        for leased in deliveries:
            await self._triage.handle(leased)
            return True
        if jobs := await spool.lease_jobs(**lease, forward=True, with_siblings=True):
            await self._way_out.send(jobs)
            return True
        for job in await spool.lease_jobs(**lease, forward=False):
            await self._execution.act(job)
            return True
        follow_ups: list[FollowUp] = await spool.lease_follow_ups(**lease)
        for follow_up in follow_ups:
            await self._follow_ups.handle(follow_up)
            return True
        for stored in await spool.due_holds(now=now, limit=1):
            await spool.change(stored.delivery.id, now=now, decide=when_hold_is_over)
            return True
        return False

    async def next_due(self) -> datetime | None:
        return await self.stores.spool.next_due(now=self.clock())

    async def finish(self, *, within: timedelta = timedelta(hours=30)) -> None:
        """Let time pass from one due thing to the next until nothing is left to do."""
        end = self.clock() + within
        while self.clock() < end:
            await self.work(most=1000)
            due = await self.next_due()
            if due is None:
                return
            # A piece may wait for a sibling, or for the lease of the dead, although it is due.
            self.clock.at = max(due, self.clock() + timedelta(seconds=1))

    async def deliveries(self) -> list[StoredDelivery]:
        return [one async for one in self.stores.spool.list()]


def _always(value: Any) -> Callable[..., Any]:
    async def answer(*_: object) -> Any:
        return value

    return answer


def learnt(settings: Settings) -> tuple[Inspector, Book]:
    """What is dear to make and may be shared by many offices."""
    return LearntInspector(settings), load_book(settings)

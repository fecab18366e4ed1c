"""What the emulator holds: orders with all that hangs on them, events, messages, a clock.

In:  what a test or a demo sets up, what API calls change.
Out: the state as it stands at the moment of asking.

Plain dataclasses, no I/O. Nothing runs in the background: whatever comes "later" (an order
that turns up, an antivirus verdict) carries the moment it comes true and is judged when it is
looked at, so a clock moved by hand moves everything. The same seed and the same calls make
the same ids.
"""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from bisect import insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BUYER_DOMAIN = "allegromail.pl"
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"  # FACTS 4.1: a-z and 0-9 only
EVENTS_KEPT = timedelta(days=60)  # FACTS 2.1
ORDERS_KEPT = timedelta(days=365)  # FACTS 2.2
UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)  # RFC 9562 section 5.1


@dataclass(slots=True)
class Invoice:
    """A declared document. ``content`` is ``None`` until its file has come.

    Attributes:
        scanned_at: When the antivirus verdict *verdict* comes true.
        visible_at: GET lists it from then on.
        gone_at: Allegro drops it without a word.
    """

    id: str
    number: str | None
    name: str
    created_at: datetime
    visible_at: datetime
    content: bytes | None = field(default=None, repr=False)
    uploaded_at: datetime | None = None
    scanned_at: datetime | None = None
    verdict: str = "ACCEPTED"
    gone_at: datetime | None = None

    @property
    def sha256(self) -> str | None:
        return None if self.content is None else hashlib.sha256(self.content).hexdigest()

    def scan(self, now: datetime) -> str:
        """WAITING, ACCEPTED or REJECTED; "" without a file."""
        if self.content is None:
            return ""
        return self.verdict if self.scanned_at is None or self.scanned_at <= now else "WAITING"


@dataclass(slots=True)
class Link:
    id: str
    url: str
    created_at: datetime


@dataclass(slots=True)
class Shipment:
    carrier: str
    waybill: str
    carrier_name: str
    line_items: tuple[str, ...]
    created_at: datetime
    visible_at: datetime

    @property
    def id(self) -> str:
        """As in the example of openapi.yaml: carrier and number in base64."""
        return base64.b64encode(f"{self.carrier}:{self.waybill}".encode()).decode()


@dataclass(slots=True)
class Item:
    id: str
    offer_id: str
    name: str
    quantity: int
    price: str


@dataclass(slots=True)
class Order:
    """A checkout form.

    Attributes:
        visible_at: It exists, for the API, from then on.
        gone_at: Its id is replaced by another order's then (purchases paid together).
        ready_at: Before that the form still reads FILLED_IN although it is paid.
        email_at: Before that ``buyer.email`` is empty.
        operations: How often the seller's status was set.
        told: What Allegro would have told the buyer, and when.
    """

    id: str
    seller: str
    login: str
    email: str
    first_name: str
    last_name: str
    company: str
    tax_id: str
    language: str
    status: str
    fulfillment: str
    provider: str
    delivery_method: str
    items: list[Item]
    total: str
    currency: str
    payment_id: str
    payment_type: str
    payment_provider: str
    payment_rejected: bool
    invoice_required: bool
    marketplace: str
    guest: bool
    message: str
    bought_at: datetime
    updated_at: datetime
    visible_at: datetime
    ready_at: datetime
    email_at: datetime
    gone_at: datetime | None = None
    revision: str = ""
    lines_sent: str = "NONE"
    operations: int = 0
    invoices: list[Invoice] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    has_external_invoices: bool = False
    declared_at: datetime | None = None
    told: list[dict[str, str]] = field(default_factory=list)

    @property
    def buyer_id(self) -> str:
        return str(10_000_000 + int(hashlib.sha256(self.login.encode()).hexdigest()[:6], 16))

    def is_there(self, now: datetime) -> bool:
        return self.visible_at <= now and (self.gone_at is None or now < self.gone_at)

    def listed_invoices(self, now: datetime) -> list[Invoice]:
        return [one for one in self.invoices if one.visible_at <= now and not _gone(one, now)]

    def kept_invoices(self, now: datetime) -> list[Invoice]:
        """Also those that GET does not show: they count and take files all the same."""
        return [one for one in self.invoices if not _gone(one, now)]


def _gone(invoice: Invoice, now: datetime) -> bool:
    return invoice.gone_at is not None and invoice.gone_at <= now


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the event log; what it tells of its order is read off the order at that moment."""

    id: str
    type: str
    order_id: str
    seller: str
    occurred_at: datetime
    visible_at: datetime


@dataclass(slots=True)
class Message:
    """A message of the Message Center; ``author`` is seller, buyer, or Allegro's chatbot."""

    id: str
    thread_id: str
    seller: str
    login: str
    author: str
    type: str
    text: str
    subject: str | None
    order_id: str | None
    created_at: datetime
    visible_at: datetime
    verified_at: datetime
    verdict: str = "DELIVERED"
    attachments: tuple[str, ...] = ()

    def status(self, now: datetime) -> str:
        return self.verdict if self.verified_at <= now else "VERIFYING"


@dataclass(slots=True)
class Attachment:
    id: str
    name: str
    size_bytes: int
    content: bytes | None = field(default=None, repr=False)
    media: str = ""


@dataclass(slots=True)
class Seller:
    """An account that people log in to."""

    name: str
    login: str
    email: str
    id: str
    marketplace: str = "allegro-pl"
    additional_emails: list[dict[str, str]] = field(default_factory=list)


class World:
    """Everything there is, at one moment.

    Args:
        seed: The same one makes the same ids.
        now: The time of day; :meth:`advance` moves on from it.
    """

    def __init__(self, seed: int, now: Callable[[], datetime]) -> None:
        self._base = now
        self._ahead = timedelta(0)
        self.rng = random.Random(seed)
        self.orders: dict[str, Order] = {}
        self.events: list[Event] = []
        self.messages: list[Message] = []
        self.attachments: dict[str, Attachment] = {}
        self.sellers: dict[str, Seller] = {}
        self._event_ids: set[int] = set()
        self._last_uuid_at = 0

    # -- time and names ------------------------------------------------------------------------

    def now(self) -> datetime:
        return self._base() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)

    def in_s(self, seconds: float) -> datetime:
        return self.now() + timedelta(seconds=seconds)

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def new_order_id(self) -> str:
        """Version 1, as all order ids seen are (FACTS 4.3)."""
        at = int((self.now() - UUID_EPOCH) / timedelta(microseconds=1)) * 10
        self._last_uuid_at = at = max(at, self._last_uuid_at + 1)
        return str(
            uuid.UUID(
                fields=(
                    at & 0xFFFFFFFF,
                    at >> 32 & 0xFFFF,
                    at >> 48 & 0x0FFF,
                    self.rng.getrandbits(6),
                    self.rng.getrandbits(8),
                    self.rng.getrandbits(48) | 1 << 40,  # multicast: no real network card
                ),
                version=1,
            )
        )

    def letters(self, count: int) -> str:
        return "".join(self.rng.choices(LETTERS, k=count))

    # -- sellers -------------------------------------------------------------------------------

    def seller(self, name: str) -> Seller:
        """The account of that name; made when it is first spoken of."""
        known = self.sellers.get(name)
        if known is None:
            number = int(hashlib.sha256(name.encode()).hexdigest()[:6], 16)
            known = self.sellers[name] = Seller(
                name=name,
                login=f"sprzedawca_{name}",
                email=f"{name}@sklep.example",
                id=str(40_000_000 + number),
            )
        return known

    # -- orders --------------------------------------------------------------------------------

    def order(self, order_id: str) -> Order | None:
        return self.orders.get(order_id.lower())

    def masked_address(self, seller: str, login: str) -> str:
        """``BASE+SUFFIX@…``: BASE for the pair of seller and buyer, SUFFIX for the purchase."""
        pair = int.from_bytes(hashlib.sha256(f"{seller}\0{login}".encode()).digest()[:8], "big")
        base = "".join(random.Random(pair).choices(LETTERS, k=10))
        return f"{base}+{self.letters(9)}@{BUYER_DOMAIN}"

    # -- the event log -------------------------------------------------------------------------

    def add_event(
        self, kind: str, order: Order, at: datetime, *, visible_at: datetime | None = None
    ) -> Event:
        """Write a line; ids look like microseconds since 1970 (FACTS 2.1), each one larger."""
        wanted = int(at.timestamp() * 1_000_000)
        while wanted in self._event_ids:
            wanted += 1
        self._event_ids.add(wanted)
        event = Event(str(wanted), kind, order.id, order.seller, at, visible_at or at)
        insort(self.events, event, key=lambda one: int(one.id))
        return event

    def log(self, seller: str) -> list[Event]:
        """The events that can be read now, oldest first."""
        now = self.now()
        return [
            one
            for one in self.events
            if one.seller == seller
            and one.visible_at <= now
            and now - one.occurred_at < EVENTS_KEPT
        ]

    # -- messages ------------------------------------------------------------------------------

    def thread_id(self, seller: str, login: str) -> str:
        """One thread for each pair of users (openapi.yaml, Thread)."""
        digest = hashlib.sha256(f"{seller}\0{login.lower()}".encode()).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))

    def thread_messages(self, thread_id: str) -> list[Message]:
        """Those that can be read now, newest first. A blocked one is shown for 24 hours."""
        now = self.now()
        return sorted(
            (
                one
                for one in self.messages
                if one.thread_id == thread_id
                and one.visible_at <= now
                and not (one.status(now) == "BLOCKED" and now - one.verified_at > timedelta(days=1))
            ),
            key=lambda one: one.created_at,
            reverse=True,
        )


def moment(at: datetime) -> str:
    """RFC 3339 with milliseconds, as in Allegro's examples."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def newest(invoices: Iterable[Invoice]) -> Invoice | None:
    return max(invoices, key=lambda one: one.created_at, default=None)

"""What Allegro knows about an order's documents and parcels, and about the seller.

Frozen values, made of Allegro's JSON by the client.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

INVOICES_MAX = 10  # per order (FACTS 2.4)
LINKS_MAX = 10  # per order (FACTS 2.7)


@dataclass(frozen=True, slots=True)
class ListedInvoice:
    """A document as GET lists it.

    Attributes:
        number: As declared, "" when none was.
        uploaded_at: ``None`` while there is no file: declared only, an orphan.
        scan: Antivirus verdict: WAITING, ACCEPTED, REJECTED, or "" without a file.
    """

    id: str
    number: str = ""
    file_name: str = ""
    created_at: datetime | None = None
    uploaded_at: datetime | None = None
    scan: str = ""

    @property
    def has_file(self) -> bool:
        return self.uploaded_at is not None or self.scan != ""


@dataclass(frozen=True, slots=True)
class ListedLink:
    id: str
    url: str


@dataclass(frozen=True, slots=True)
class OrderInvoices:
    invoices: tuple[ListedInvoice, ...] = ()
    links: tuple[ListedLink, ...] = ()
    has_external: bool = False
    mode: str = ""
    trace_id: str | None = None

    def invoice(self, invoice_id: str | None) -> ListedInvoice | None:
        return next((one for one in self.invoices if one.id == invoice_id), None)

    def has_link(self, url: str) -> bool:
        return any(one.url == url for one in self.links)


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel number on an order, whoever added it."""

    id: str
    carrier: str
    number: str
    carrier_name: str = ""


@dataclass(frozen=True, slots=True)
class Carrier:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Seller:
    id: str
    login: str
    email: str
    marketplace: str = ""


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation between the seller and one other user."""

    id: str
    login: str = ""  # of the other side, "" where the list leaves it out
    last_message_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a thread.

    Attributes:
        from_buyer: Written by the other user; not by the seller, Allegro or a chatbot.
        own: Written by the seller, in whatever way.
        type: ASK_QUESTION, MAIL or MESSAGE_CENTER.
        status: VERIFYING, BLOCKED, DELIVERED, INTERACTING or DISMISSED.
    """

    id: str
    status: str
    type: str
    created_at: datetime
    from_buyer: bool
    own: bool
    subject: str = ""
    text: str = ""
    order_id: str = ""

"""The words of the house: what passes from room to room.

Frozen values without behaviour beyond small look-ups of themselves, no I/O.
The rooms are drawn in ``docs/flow.md``, the words are explained in ``docs/glossary.md``.

Times are timezone-aware UTC. Names carry units. Addresses are kept as SMTP gave
them; compare them through :func:`awizo.triage.addresses.folded`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a mail to a buyer is (the classes of the labelled corpus)."""

    CONVERSATION_REPLY = "conversation_reply"
    FULFILMENT_CORRESPONDENCE = "fulfilment_correspondence"
    INVOICE = "invoice"
    INVOICE_LINK = "invoice_link"
    RECEIPT_LINK = "receipt_link"
    PAYMENT_RECEIVED = "payment_received"
    ORDER_PROCESSING = "order_processing"
    ORDER_SENT = "order_sent"
    PARCEL_STATUS = "parcel_status"
    RATING_REQUEST = "rating_request"
    OTHER = "other"


class Disposition(StrEnum):
    """How a delivery ends."""

    FORWARD = "forward"
    STOP = "stop"
    HOLD = "hold"
    BOUNCE = "bounce"


class DeliveryState(StrEnum):
    RECEIVED = "received"
    PLANNED = "planned"
    HELD = "held"
    SETTLED = "settled"


class JobState(StrEnum):
    QUEUED = "queued"
    DEFERRED = "deferred"
    DONE = "done"
    FAILED = "failed"


class FulfillmentStatus(StrEnum):
    """Seller's order status at Allegro (schema ``CheckoutFormFulfillmentStatus``)."""

    NEW = "NEW"
    PROCESSING = "PROCESSING"
    READY_FOR_SHIPMENT = "READY_FOR_SHIPMENT"
    READY_FOR_PICKUP = "READY_FOR_PICKUP"
    SENT = "SENT"
    PICKED_UP = "PICKED_UP"
    CANCELLED = "CANCELLED"
    SUSPENDED = "SUSPENDED"
    RETURNED = "RETURNED"


class DocumentKind(StrEnum):
    """What a file beside a mail is. The first three are sales documents."""

    INVOICE = "invoice"
    CORRECTION = "correction"
    RECEIPT = "receipt"
    PROFORMA = "proforma"
    OFFER = "offer"
    ORDER_CONFIRMATION = "order_confirmation"
    PAYMENT_RECEIPT = "payment_receipt"
    LABEL = "label"
    TERMS = "terms"
    RETURN_FORM = "return_form"
    MANUAL = "manual"
    WARRANTY = "warranty"
    GOODS_ISSUE = "goods_issue"
    E_INVOICE_XML = "e_invoice_xml"
    LOGO = "logo"
    CODE = "code"
    UNKNOWN = "unknown"


SALES_DOCUMENTS = frozenset({DocumentKind.INVOICE, DocumentKind.CORRECTION, DocumentKind.RECEIPT})


# --- what SMTP said -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recipient:
    """A forward-path with its DSN parameters (RFC 3461), values as received (xtext kept)."""

    address: str
    notify: str | None = None
    orcpt: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """Who handed a message in."""

    address: str
    helo: str = ""
    smtp_user: str | None = None
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SMTP said about a message; not its headers. ``reverse_path`` "" is the null path."""

    reverse_path: str
    recipients: tuple[Recipient, ...]
    client: Client
    received_at: datetime
    body: str | None = None  # "7BIT" or "8BITMIME" as declared in MAIL FROM
    smtputf8: bool = False
    ret: str | None = None  # RFC 3461: FULL or HDRS
    envid: str | None = None


@dataclass(frozen=True, slots=True)
class ContentFacts:
    """What whoever sends a content on must know of it, beside that every line ends with CR LF.

    Attributes:
        eight_bit: Has bytes beyond ASCII (needs 8BITMIME, RFC 6152).
        eight_bit_header: Has them in its header (needs SMTPUTF8 where the mail declared it).
    """

    eight_bit: bool
    eight_bit_header: bool


@dataclass(frozen=True, slots=True)
class SpooledMessage:
    """A message on disk. ``message_id`` is the header's Message-ID with its brackets;
    ``policy`` the name its route gives, ``None``: that of the account; ``facts`` ``None``:
    not known, and the content is to be read through before it is sent."""

    id: str
    envelope: Envelope
    route: str
    smarthost: str
    size_bytes: int
    sha256: str
    message_id: str | None = None
    policy: str | None = None
    facts: ContentFacts | None = None


# --- what a reader sees ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """A link as written in the mail, entities decoded; ``label`` is what the reader clicks."""

    url: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A leaf part that is not body text.

    Attributes:
        name: Decoded file name, "" when the part has none.
        content_type: As declared, lower case, without parameters.
        part: Position in the tree, ``"2"`` or ``"3.1"``; unique within one message.
        inline: Shown inside the HTML body (Content-ID referred to by it, or disposition inline
            with an image type).
        nested: Lies inside an attached message (message/rfc822 or TNEF).
    """

    name: str
    content_type: str
    content: bytes = field(repr=False)
    part: str = ""
    inline: bool = False
    nested: bool = False


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """Subject, text, attachments, defects: what a reader sees. Built from any bytes.

    ``new_text`` is what was newly written, in reading order; quoted text, the signature and
    boilerplate footers stand in fields of their own. ``text`` is everything visible.
    """

    subject: str = ""
    from_address: str = ""
    from_name: str = ""
    reply_to: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    delivered_to: tuple[str, ...] = ()
    to_names: tuple[str, ...] = ()
    date: datetime | None = None
    message_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()  # lower-case name, decoded value, in order
    text: str = ""
    new_text: str = ""
    quoted_text: str = ""
    signature: str = ""
    footer: str = ""
    html: str = field(default="", repr=False)
    links: tuple[Link, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    nested: tuple[ParsedMessage, ...] = ()
    content_type: str = "text/plain"
    defects: tuple[str, ...] = ()

    def header(self, name: str) -> str | None:
        """First value of a header, or ``None``."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What the content of an attachment says.

    Attributes:
        state: ``ok``, ``encrypted``, ``empty``, ``damaged``, ``too_large`` (over 3 MB even
            after shrinking) or ``not_pdf``.
        number: Number of this document, as printed; ``None`` when none is found.
        refers_to: Number of the document that a correction corrects.
        total: Gross total, of the difference for a correction.
        text_sha256: Digest of the normalised text, "" without text: the same document rendered
            anew has the same one.
        confidence: 0..1, of ``kind``.
    """

    part: str
    name: str
    kind: DocumentKind = DocumentKind.UNKNOWN
    state: str = "ok"
    number: str | None = None
    refers_to: str | None = None
    seller_tax_id: str | None = None
    buyer_tax_id: str | None = None
    buyer_name: str | None = None
    total: Decimal | None = None
    currency: str | None = None
    order_ids: tuple[str, ...] = ()
    order_numbers: tuple[str, ...] = ()
    text: str = field(default="", repr=False)
    text_sha256: str = ""
    sha256: str = ""
    size_bytes: int = 0
    confidence: float = 0.0

    @property
    def is_sales_document(self) -> bool:
        return self.kind in SALES_DOCUMENTS


# --- what was judged ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for a verdict: which rule, where in the mail, its words, log-odds."""

    rule: str
    where: str
    text: str
    weight: float
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What kind of mail this is, how sure, on what evidence, and the runner-up.

    Attributes:
        confidence: Calibrated probability that ``kind`` is right, 0..1.
        secondary: Other kinds that are true of the mail as well, likeliest first.
        runner_up: The kind that came second, with the confidence it got.
        flags: What the plan must know beyond the kind (see ``docs/rules.md``), such as
            ``question``, ``secret_code``, ``delay``, ``partial_shipment``, ``payment_due``,
            ``on_hold``, ``work_begun``, ``packed``, ``pickup_ready``, ``automatic``.
        unsure: Slug of why the verdict is not sure, ``None`` when it is.
        decided_by: Rule with ``decides = true`` that ended the matter.
    """

    kind: Kind
    confidence: float
    evidence: tuple[Evidence, ...] = ()
    secondary: tuple[Kind, ...] = ()
    runner_up: Kind | None = None
    runner_up_confidence: float = 0.0
    fulfillment_status: FulfillmentStatus | None = None
    flags: frozenset[str] = frozenset()
    unsure: str | None = None
    decided_by: str | None = None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return (self.kind, *self.secondary)


@dataclass(frozen=True, slots=True)
class ConversationEvidence:
    """What the Message Center knows: when the buyer last wrote about it (FACTS 5.2)."""

    buyer_wrote_at: datetime
    thread_id: str = ""
    about_this_order: bool = False


@dataclass(frozen=True, slots=True)
class OrderReference:
    """An Allegro checkout-form id found in a mail, and where: body, subject, header, link, pdf,
    nested, quoted."""

    order_id: str
    where: str


@dataclass(frozen=True, slots=True)
class DocumentLink:
    """A link to a sales document. ``kind`` is ``invoice_link`` or ``receipt_link``."""

    url: str
    kind: Kind
    number: str | None = None


@dataclass(frozen=True, slots=True)
class Waybill:
    """A parcel number with its carrier.

    Attributes:
        carrier: Allegro carrier id, ``OTHER`` when Allegro has none for it.
        number: Normalised: upper case, without spaces.
        name: Carrier's name where ``carrier`` is ``OTHER`` (at most 30 characters).
        alternatives: Other carrier ids the number fits, likeliest first.
    """

    carrier: str
    number: str
    name: str | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class References:
    """Everything in a mail that can tie it to an order or to a parcel."""

    order_ids: tuple[OrderReference, ...] = ()
    order_numbers: tuple[str, ...] = ()
    invoice_numbers: tuple[str, ...] = ()
    document_links: tuple[DocumentLink, ...] = ()
    waybills: tuple[Waybill, ...] = ()
    carriers: tuple[str, ...] = ()  # named in the mail as its carrier, with or without a number
    amounts: tuple[Decimal, ...] = ()
    names: tuple[str, ...] = ()


# --- orders ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineItem:
    id: str
    title: str = ""
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the local index knows it; empty fields are not known (yet).

    Attributes:
        order_id: Allegro checkout-form id (UUID).
        email: Masked address, lower case, "" while Allegro leaves it empty.
        status: BOUGHT, FILLED_IN, READY_FOR_PROCESSING (the only final id) or CANCELLED.
        complete: Read from the checkout form, not only announced by an event.
        total: Amount to pay including delivery.
    """

    account: str
    order_id: str
    email: str = ""
    buyer_login: str = ""
    buyer_name: str = ""
    status: str = ""
    fulfillment_status: FulfillmentStatus | None = None
    provider_id: str = ""
    revision: str = ""
    marketplace: str = ""
    total: Decimal | None = None
    currency: str = ""
    invoice_required: bool | None = None
    tax_ids: tuple[str, ...] = ()
    company_name: str = ""
    delivery_method: str = ""
    payment_type: str = ""
    line_items: tuple[LineItem, ...] = ()
    waybills: tuple[str, ...] = ()
    invoice_numbers: tuple[str, ...] = ()
    bought_at: datetime | None = None
    updated_at: datetime | None = None
    complete: bool = False

    @property
    def is_open(self) -> bool:
        """Still to be carried out, as far as the index knows."""
        return self.status != "CANCELLED" and self.fulfillment_status not in (
            FulfillmentStatus.SENT,
            FulfillmentStatus.PICKED_UP,
            FulfillmentStatus.CANCELLED,
            FulfillmentStatus.RETURNED,
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """Orders offered for a mail, by the way they were found."""

    by_address: tuple[Order, ...] = ()  # the full masked address
    by_base: tuple[Order, ...] = ()  # the part before "+" (same buyer, any order)
    by_id: tuple[Order, ...] = ()  # checkout-form ids found in the mail


@dataclass(frozen=True, slots=True)
class Match:
    """The order a mail belongs to.

    Attributes:
        method: What tied it: ``address``, ``order_id``, ``only_order``, ``invoice_number``,
            ``waybill``, ``amount``, ``buyer_name``, ``item_title``, ``index_not_asked``,
            ``person``.
        ties_document: Strong enough to file a document on the order.
        others: Ids of the candidates that lost.
    """

    order: Order
    method: str
    ties_document: bool = True
    others: tuple[str, ...] = ()

    @property
    def order_id(self) -> str:
        return self.order.order_id


@dataclass(frozen=True, slots=True)
class Unmatched:
    """No order; ``reason`` is ``order_unknown``, ``order_ambiguous`` or ``order_not_ready``."""

    reason: str
    candidates: tuple[str, ...] = ()


# --- what to do -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UploadInvoice:
    """File an attached sales document on the order.

    ``or_link`` is the document's link in the same mail, tried where Allegro keeps no file
    because the buyer asked for no invoice (FACTS 1.3).
    """

    order_id: str
    attachment: str
    part: str = ""
    number: str | None = None
    kind: DocumentKind = DocumentKind.INVOICE
    sha256: str = ""
    text_sha256: str = ""
    total: str | None = None
    buyer_tax_id: str | None = None
    or_link: str | None = None


@dataclass(frozen=True, slots=True)
class AddLink:
    order_id: str
    url: str
    kind: Kind = Kind.INVOICE_LINK
    number: str | None = None


@dataclass(frozen=True, slots=True)
class SetFulfillment:
    order_id: str
    status: FulfillmentStatus


@dataclass(frozen=True, slots=True)
class AddShipment:
    order_id: str
    carrier: str
    number: str
    name: str | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forward:
    """Hand the message to the smarthost, byte for byte."""


AllegroAction = UploadInvoice | AddLink | SetFulfillment | AddShipment
Action = AllegroAction | Forward

ACTION_NAMES: Mapping[type[Any], str] = {
    UploadInvoice: "upload_invoice",
    AddLink: "add_link",
    SetFulfillment: "set_fulfillment",
    AddShipment: "add_shipment",
    Forward: "forward",
}


def action_name(action: Action) -> str:
    return ACTION_NAMES[type(action)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with one delivery.

    Attributes:
        actions: Calls to Allegro, in order; never contains ``Forward``.
        disposition: How the delivery ends when every action has succeeded. ``forward`` beside
            actions means: act *and* forward (the mail does not wait for the actions).
        fallback: ``forward`` or ``hold``: how it ends when an action cannot be done.
        reason: Slug of why this plan, e.g. ``invoice_filed``, ``doubt``, ``reply``.
        problem: Slug shown to the seller where something is amiss, else ``None``.
        notes: Slugs kept with the record, e.g. ``buyer_not_told``.
        wait_for_order: The plan needs an order that is not known yet; ``actions`` is empty.
    """

    actions: tuple[AllegroAction, ...] = ()
    disposition: Disposition = Disposition.FORWARD
    fallback: Disposition = Disposition.FORWARD
    reason: str = "default"
    problem: str | None = None
    notes: tuple[str, ...] = ()
    wait_for_order: bool = False


# --- what is stored while a mail is on its way ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one recipient: what is leased, judged, planned and settled."""

    id: str
    message: SpooledMessage
    recipient: Recipient
    state: DeliveryState
    accounts: tuple[str, ...] = ()  # of its route: the only ones it may act on
    account: str | None = None  # the one it was matched to
    kind: Kind | None = None
    disposition: Disposition | None = None
    order_id: str | None = None
    problem: str | None = None
    notes: tuple[str, ...] = ()
    plan: Plan | None = None
    attempts: int = 0
    due_at: datetime | None = None
    settled_at: datetime | None = None

    @property
    def received_at(self) -> datetime:
        return self.message.envelope.received_at


@dataclass(frozen=True, slots=True)
class Job:
    """One action of a delivery on its way.

    Attributes:
        progress: What earlier attempts achieved (JSON values), e.g. ``{"invoice_id": …}``;
            stored before the next step is taken.
        lease: Token of the lease under which it was handed out; required to report on it.
        smarthost: By which its mail leaves; for ``Forward``.
    """

    id: str
    delivery_id: str
    message_id: str  # spool id
    account: str | None
    action: Action
    state: JobState = JobState.QUEUED
    attempts: int = 0
    queued_at: datetime | None = None
    due_at: datetime | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)
    code: str | None = None
    reply: str | None = None
    lease: str = ""
    smarthost: str = "default"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of a delivery's append-only history.

    ``event`` is past tense: ``received``, ``judged``, ``planned``, ``job_attempted``,
    ``job_deferred``, ``job_done``, ``job_failed``, ``held``, ``forwarded``, ``settled``,
    ``released``, ``followed_up``…; ``data`` holds JSON values (codes, replies, trace ids,
    evidence), never tokens.
    """

    at: datetime
    event: str
    data: Mapping[str, Any] = field(default_factory=dict)
    job_id: str | None = None


Addresses = Sequence[str]

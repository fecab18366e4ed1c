"""Shapes of Allegro's JSON, as far as they are read: untrusted until they have passed here.

In:  decoded JSON; values that are to be sent.
Out: pydantic models; ``convert.py`` makes the house's own values of them. Bodies of ours.

Fields that Allegro may leave out or set to null have defaults even where its schema calls
them required (``buyer.email`` was seen empty, addresses null for hours, FACTS 2.3). Unknown
fields are passed over. Names and nesting follow openapi.yaml.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from awizo.model import FulfillmentStatus


def _in_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _text(value: Any) -> Any:
    """null is nothing, and a number where a text was due is its digits."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) else value


def _list(value: Any) -> Any:
    return [] if value is None else value


T = TypeVar("T")
Moment = Annotated[datetime, AfterValidator(_in_utc)]
Text = Annotated[str, BeforeValidator(_text)]
Many = Annotated[list[T], BeforeValidator(_list)]


class Shape(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        defer_build=True,  # when first read: forty shapes take a tenth of a second
    )


# --- errors -----------------------------------------------------------------------------------


class ApiError(Shape):
    code: Text = ""
    message: Text = ""
    details: Text = ""
    path: Text = ""
    user_message: Text = ""


class ErrorsHolder(Shape):
    errors: Many[ApiError] = []


class AuthError(Shape):
    model_config = ConfigDict(alias_generator=None, extra="ignore")

    error: str
    error_description: str | None = None


# --- OAuth (RFC 6749 section 5.1, RFC 8628 section 3.2) ------------------------------------------


class TokenAnswer(Shape):
    model_config = ConfigDict(alias_generator=None, extra="ignore")

    access_token: str = Field(min_length=1)
    refresh_token: str = Field(min_length=1)
    expires_in: float = Field(gt=0)


class DeviceAnswer(Shape):
    model_config = ConfigDict(alias_generator=None, extra="ignore")

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None = None
    expires_in: float = 1800
    interval: float = 5  # RFC 8628 section 3.2: 5 seconds when left out


class Registration(Shape):
    """RFC 7591 section 3.2.1."""

    model_config = ConfigDict(alias_generator=None, extra="ignore")

    client_id: str
    client_secret: str = ""


# --- orders -------------------------------------------------------------------------------------


class Identified(Shape):
    id: Text = ""


class Named(Shape):
    id: Text = ""
    name: Text = ""


class Price(Shape):
    amount: Decimal | None = None
    currency: Text = ""


class BuyerReference(Shape):
    id: Text = ""
    email: Text = ""
    login: Text = ""


class Buyer(BuyerReference):
    first_name: Text = ""
    last_name: Text = ""
    company_name: Text = ""


class Line(Shape):
    id: Text = ""
    offer: Named | None = None
    quantity: float = 1
    bought_at: Moment | None = None


class Provider(Shape):
    id: Text = ""


class Fulfillment(Shape):
    status: str | None = None
    provider: Provider | None = None


class DeliveryAddress(Shape):
    first_name: Text = ""
    last_name: Text = ""
    company_name: Text = ""


class Delivery(Shape):
    address: DeliveryAddress | None = None
    method: Named | None = None


class CompanyId(Shape):
    type: Text = ""
    value: Text = ""


class InvoiceCompany(Shape):
    name: Text = ""
    ids: Many[CompanyId] = []
    tax_id: Text = ""


class InvoiceAddress(Shape):
    company: InvoiceCompany | None = None


class InvoiceInfo(Shape):
    required: bool | None = None
    address: InvoiceAddress | None = None


class Payment(Shape):
    type: Text = ""
    provider: Text = ""


class Summary(Shape):
    total_to_pay: Price | None = None


class CheckoutForm(Shape):
    id: str = Field(min_length=1)
    buyer: Buyer | None = None
    status: Text = ""
    fulfillment: Fulfillment | None = None
    delivery: Delivery | None = None
    invoice: InvoiceInfo | None = None
    payment: Payment | None = None
    line_items: Many[Line] = []
    marketplace: Identified | None = None
    summary: Summary | None = None
    updated_at: Moment | None = None
    revision: Text = ""


class CheckoutForms(Shape):
    checkout_forms: Many[Any] = []
    total_count: int = 0


class FormReference(Shape):
    id: Text = ""
    revision: Text = ""


class EventOrder(Shape):
    buyer: BuyerReference | None = None
    line_items: Many[Line] = []
    checkout_form: FormReference | None = None
    marketplace: Identified | None = None


class Event(Shape):
    id: str = Field(min_length=1)
    type: str
    occurred_at: Moment
    order: EventOrder


class Events(Shape):
    events: Many[Any] = []


class EventStats(Shape):
    latest_event: Identified | None = None


# --- documents and parcels ----------------------------------------------------------------------


class SecurityVerification(Shape):
    status: str | None = None
    verified_at: Moment | None = None


class InvoiceFile(Shape):
    name: Text = ""
    uploaded_at: Moment | None = None
    security_verification: SecurityVerification | None = None


class Invoice(Shape):
    id: str = Field(min_length=1)
    invoice_number: Text = ""
    created_at: Moment | None = None
    file: InvoiceFile | None = None


class InvoiceLink(Shape):
    id: Text = ""
    url: Text = ""
    created_at: Moment | None = None


class Invoices(Shape):
    order_mode: Text = ""
    invoices: Many[Invoice] = []
    links: Many[InvoiceLink] = []
    has_external_invoices: bool = False


class Created(Shape):
    id: str = Field(min_length=1)


class ShipmentShape(Shape):
    id: Text = ""
    waybill: Text = ""
    carrier_id: Text = ""
    carrier_name: Text = ""


class Shipments(Shape):
    shipments: Many[ShipmentShape] = []


class Carriers(Shape):
    carriers: Many[Named] = []


# --- the account and its messages ---------------------------------------------------------------


class Me(Shape):
    id: Text = ""
    login: Text = ""
    email: Text = ""
    base_marketplace: Identified | None = None


class AdditionalEmail(Shape):
    email: Text = ""


class AdditionalEmails(Shape):
    emails: Many[AdditionalEmail] = Field(default=[], alias="additional-emails")


class Interlocutor(Shape):
    login: Text = ""


class ThreadShape(Shape):
    id: str = Field(min_length=1)
    last_message_date_time: Moment | None = None
    interlocutor: Interlocutor | None = None


class Page(Shape):
    """beta.v1 pages by a token, public.v1 by offset (FACTS 2.11)."""

    id: Text = ""


class Threads(Shape):
    threads: Many[ThreadShape] = []
    next_page: Page | None = None


class Author(Shape):
    login: Text = ""
    is_interlocutor: bool | None = None
    role: Text = ""


class Related(Shape):
    order: Identified | None = None


class MessageShape(Shape):
    id: str = Field(min_length=1)
    status: Text = ""
    type: Text = ""
    created_at: Moment
    author: Author | None = None
    subject: Text = ""
    text: Text = ""
    relates_to: Related | None = None


class Messages(Shape):
    messages: Many[MessageShape] = []
    next_page: Page | None = None


# --- what we send -----------------------------------------------------------------------------


class Sent(BaseModel):
    """A body of ours; :meth:`body` leaves out what is not set."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )

    def body(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class NewInvoiceFile(Sent):
    name: str = Field(min_length=1)


class NewInvoice(Sent):
    file: NewInvoiceFile
    invoice_number: str | None = Field(None, min_length=1)


class NewLink(Sent):
    url: str = Field(min_length=1)


class NewStatus(Sent):
    status: FulfillmentStatus


class NewShipment(Sent):
    carrier_id: str = Field(min_length=1)
    waybill: str = Field(min_length=1, max_length=64)
    carrier_name: str | None = Field(None, max_length=30)

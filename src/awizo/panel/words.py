"""What the panel says: one set of plain words for every slug that a seller may meet.

In:  kinds, states, reasons, events, actions.
Out: short English sentences.

Problems and notes have their words in :mod:`awizo.problems`; a test holds the reasons here to
those that a plan can give.
"""

from __future__ import annotations

from collections.abc import Mapping

from awizo.model import (
    Action,
    AddLink,
    AddShipment,
    DocumentKind,
    Forward,
    JobState,
    Kind,
    SetFulfillment,
    UploadInvoice,
)
from awizo.problems import NOTES, PROBLEMS, described

KINDS: Mapping[Kind, str] = {
    Kind.CONVERSATION_REPLY: "Reply in a conversation",
    Kind.FULFILMENT_CORRESPONDENCE: "Letter about an order",
    Kind.INVOICE: "Invoice or receipt",
    Kind.INVOICE_LINK: "Link to an invoice",
    Kind.RECEIPT_LINK: "Link to a receipt",
    Kind.PAYMENT_RECEIVED: "Payment received",
    Kind.ORDER_PROCESSING: "Order in progress",
    Kind.ORDER_SENT: "Order sent",
    Kind.PARCEL_STATUS: "Parcel on its way",
    Kind.RATING_REQUEST: "Request for a rating",
    Kind.OTHER: "Something else",
}

NO_BUYER = "Not to an Allegro buyer"
NOT_JUDGED = "Not judged yet"

# What each kind means for the mail, where it is stopped because it only repeats.
REPEATS: Mapping[str, str] = {
    "payment_received_repeats": "Allegro tells the buyer itself that the payment has arrived.",
    "order_processing_repeats": "Allegro shows the buyer the order and its state itself.",
    "order_sent_repeats": "Allegro tells the buyer itself that the order was sent.",
    "parcel_status_repeats": "Allegro follows this carrier's parcels and tells the buyer itself.",
    "rating_request_repeats": "Allegro asks the buyer for a rating itself.",
    "invoice_repeats": "There was nothing left to file, and a copy by mail is not allowed.",
    "invoice_link_repeats": "There was nothing left to file, and a link by mail is not allowed.",
    "receipt_link_repeats": "There was nothing left to file, and a link by mail is not allowed.",
}

REASONS: Mapping[str, str] = {
    **REPEATS,
    **{
        f"{kind}_converted": "What it says belongs on the order at Allegro, not in a mail."
        for kind in Kind
    },
    "default": "Nothing else was decided.",
    "conversation_reply": "A reply to the buyer always goes on, whatever it holds.",
    "fulfilment_correspondence": "A letter about carrying out the order always goes on.",
    "other": "It is none of the mails that Allegro blocks.",
    "notice": "Automatic answers and reports of delivery always go on.",
    "doubt": "It was not clear enough what kind of mail this is. In doubt a mail goes on.",
    "observe": 'Awizo only observes (mode = "observe"): every mail goes on.',
    "kind_switched_off": "Your settings forward all mails of this kind (policy.forward_kinds).",
    "link_not_filed": "It holds a link to a document, but is no mail about a document.",
    "carrier_not_known": "It does not say which carrier has the parcel.",
    "carrier_not_integrated": "Allegro does not follow this carrier's parcels, so the buyer needs "
    "the mail.",
    "part_of_order_only": "Only a part of the order was sent, so the order is not marked as sent.",
    "payment_awaited": "It says that a payment is awaited, or that the order is on hold.",
    "amount_named": "It names an amount, which may be a request to pay.",
    "ready_for_pickup": "The buyer must be told that the order can be picked up.",
    "status_switched_off": "Your settings do not let Awizo set this status (policy.statuses).",
    "holds_question": "It asks the buyer something.",
    "holds_request": "It asks the buyer to do something.",
    "holds_secret_code": "It holds a code or a licence key that only this mail tells.",
    "holds_delay": "It tells of a delay.",
    "holds_defect_or_problem": "It tells of a defect or a problem.",
    "holds_cancelled": "It tells that the order was cancelled.",
    "holds_return_or_refund": "It is about a return or a refund.",
    "holds_choice_for_buyer": "It gives the buyer a choice.",
    "holds_only_said_here": "It says something that only this mail tells the buyer.",
    "holds_waybill": "It holds a parcel number that it is not about.",
    "holds_correspondence": "It also holds a personal letter.",
    "holds_other": "It also holds something that Allegro does not tell the buyer.",
    "holds_unknown_file": "It carries a file that may be meant for the buyer alone.",
    **{
        f"holds_{kind}": f"It carries a file for the buyer: {kind.replace('_', ' ')}."
        for kind in DocumentKind
        if kind is not DocumentKind.UNKNOWN
    },
}

EVENTS: Mapping[str, str] = {
    "received": "Received from the shop",
    "judged": "Judged",
    "planned": "Plan made",
    "judging_interrupted": "Judging was cut off",
    "order_awaited": "Waiting for its order",
    "job_queued": "Queued",
    "job_done": "Done",
    "job_deferred": "Put off",
    "job_failed": "Not done",
    "forwarded": "Taken by the mail provider",
    "held": "Held for you",
    "settled": "Finished",
    "released": "Released",
    "retried": "Made due at once",
    "forward_ordered": "Forwarding ordered",
    "dropped": "Dropped",
    "judged_again": "Judging again ordered",
    "reassigned": "Given to another order",
    "scan_looked_at": "Virus scan at Allegro looked at",
    "mail_looked_at": "Fate of the mail at Allegro looked at",
    "follow_up_deferred": "Allegro could not be asked; asked again later",
    "follow_up_failed": "Allegro could not be asked",
    "follow_up_ended": "Nothing left to look at",
}

JOB_STATES: Mapping[JobState, str] = {
    JobState.QUEUED: "waiting",
    JobState.DEFERRED: "tried again later",
    JobState.DONE: "done",
    JobState.FAILED: "not done",
}

DOCUMENTS: Mapping[str, str] = {
    "invoice": "invoice",
    "correction": "correcting invoice",
    "receipt": "receipt",
    "proforma": "pro forma invoice",
    "offer": "offer",
    "order_confirmation": "order confirmation",
    "payment_receipt": "proof of payment",
    "label": "parcel label",
    "terms": "terms and conditions",
    "return_form": "return form",
    "manual": "manual",
    "warranty": "warranty",
    "goods_issue": "goods-issue note",
    "e_invoice_xml": "e-invoice (XML)",
    "logo": "picture or logo",
    "code": "code or licence",
    "unknown": "unknown file",
}

MATCHED_BY: Mapping[str, str] = {
    "address": "the buyer's masked address",
    "order_id": "the order id in the mail",
    "person": "a person",
    "only_order": "the buyer's only open order",
    "invoice_number": "the document's number",
    "waybill": "the parcel number",
    "amount": "the amount",
    "buyer_name": "the buyer's name",
    "item_title": "the names of the items",
}

PLACES: Mapping[str, str] = {
    "subject": "subject",
    "body": "text",
    "new_text": "text",
    "header": "mail header",
    "headers": "mail header",
    "attachment": "attachment",
    "link": "link",
}


def spoken(slug: str) -> str:
    """A slug without words of its own, as words."""
    return slug.replace("_", " ")


def reason_words(slug: str) -> str:
    """Why a plan was made; reasons that are problems have their words there."""
    if slug in REASONS:
        return REASONS[slug]
    if slug in PROBLEMS:
        return PROBLEMS[slug].words
    return NOTES.get(slug) or spoken(slug).capitalize() + "."


def code_words(code: str) -> str:
    if code == "cancelled":
        return "Cancelled, because something else was decided."
    return described(code).words if code in PROBLEMS else spoken(code).capitalize() + "."


def action_words(action: Action) -> str:
    match action:
        case UploadInvoice():
            what = DOCUMENTS.get(action.kind, "document")
            number = f" {action.number}" if action.number else ""
            return f"Put the {what}{number} on the order"
        case AddLink():
            what = "receipt" if action.kind is Kind.RECEIPT_LINK else "invoice"
            return f"Put the link to the {what} on the order"
        case SetFulfillment():
            return f"Set the order to {spoken(action.status).lower()}"
        case AddShipment():
            return f"Put the parcel number {action.number} on the order"
        case Forward():
            return "Forward the mail unchanged"


def action_detail(action: Action) -> str:
    """The one thing beside its name that tells this action from another."""
    match action:
        case UploadInvoice():
            return action.attachment
        case AddLink():
            return action.url
        case AddShipment():
            return action.name or action.carrier
        case _:
            return ""


ACTION_NAMES: Mapping[str, str] = {
    "upload_invoice": "file a document",
    "add_link": "file a link",
    "set_fulfillment": "set the order's status",
    "add_shipment": "add a parcel number",
    "forward": "forward the mail",
}

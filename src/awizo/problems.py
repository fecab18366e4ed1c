"""What a problem slug means to the seller, and the next step: words only.

Every slug that can stand in a delivery's ``problem`` is listed here; a test holds the code
to it. ``level`` says who acts: ``warning`` someone today, ``error`` someone now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Problem:
    level: Literal["warning", "error"]
    words: str
    next_step: str


def _warn(words: str, next_step: str) -> Problem:
    return Problem("warning", words, next_step)


def _error(words: str, next_step: str) -> Problem:
    return Problem("error", words, next_step)


PROBLEMS: dict[str, Problem] = {
    # accounts
    "account_not_connected": _error(
        "No Allegro account is connected for these mails; they are only forwarded.",
        "Run 'awizo login' and follow the address it prints.",
    ),
    "account_paused": _error(
        "Allegro no longer accepts the account's tokens; its actions wait.",
        "Run 'awizo login' for this account again.",
    ),
    "invalid_grant": _error(
        "Allegro no longer accepts the account's tokens; its actions wait.",
        "Run 'awizo login' for this account again.",
    ),
    "access_denied": _error(
        "Allegro denies access: a permission is missing, or the order is another account's.",
        "Run 'awizo login' again and grant all permissions; check the route's accounts.",
    ),
    "token_refused": _error(
        "Allegro refuses the account's token although it was just renewed.",
        "See api.allegrostatus.pl; run 'awizo login' again if it lasts.",
    ),
    "client_refused": _error(
        "Allegro refuses the client id or its secret.",
        "Correct allegro.client_id and client_secret.",
    ),
    # orders
    "order_unknown": _warn(
        "No order was found for the buyer's address in time.",
        "Look with 'awizo orders find'; release the mail once the order is there.",
    ),
    "order_ambiguous": _warn(
        "The buyer has several orders and nothing in the mail says which one is meant.",
        "Let the shop write the order id or the full masked address into its mails.",
    ),
    "order_not_ready": _warn(
        "The order is not paid or not final yet, so nothing may be filed on it.",
        "Release the mail once the order is ready for processing.",
    ),
    "order_missing": _warn(
        "Allegro does not know the order any more.",
        "Run 'awizo orders sync'; the purchase may have been merged with another.",
    ),
    "order_cancelled": _warn(
        "The order was cancelled, so nothing was put on it.",
        "Check whether the mail should have been sent at all.",
    ),
    "order_not_certain": _warn(
        "Only the buyer is known, not the order: too little to file a document.",
        "Let the shop keep the part after '+' of the masked address.",
    ),
    "document_of_other_order": _warn(
        "The document names another order or buyer than the mail's recipient.",
        "Check the document; file it by hand on the right order.",
    ),
    # documents
    "document_missing": _warn(
        "The mail speaks of an invoice but carries none.",
        "Nothing to do, unless the shop should attach the PDF.",
    ),
    "link_missing": _warn(
        "The mail speaks of a document link, but none was found in it.",
        "Name the document host in hosts.toml if the link is there.",
    ),
    "document_unsure": _warn(
        "A file may be a sales document, but its content does not say so clearly.",
        "Check the file; release the mail with 'awizo queue release' to file it.",
    ),
    "document_encrypted": _warn(
        "The PDF is encrypted; Allegro takes no such files.",
        "Switch the password protection off in the invoicing program.",
    ),
    "document_empty": _warn("The PDF is empty.", "Check the invoicing program."),
    "document_damaged": _warn(
        "The PDF cannot be read; Allegro would show the buyer a broken file.",
        "Check the invoicing program.",
    ),
    "document_not_pdf": _warn("The file is no PDF.", "Let the program send PDF files."),
    "document_too_large": _warn(
        "The PDF is over 3 MB even after shrinking; Allegro takes no larger files.",
        "Reduce the pictures in the invoice's template.",
    ),
    "document_refused": _warn(
        "Allegro refused the document.", "See the reply in the mail's history."
    ),
    "document_rejected": _error(
        "Allegro's virus scan rejected the document after it was filed.",
        "Check the PDF; send it to the buyer another way.",
    ),
    "content_invalid": _warn(
        "Allegro does not take the file for a PDF.", "Check the PDF with another viewer."
    ),
    "invoice_limit": _warn(
        "The order already has as many documents as Allegro allows.",
        "Nothing can be deleted through the API; talk to the buyer.",
    ),
    "number_reused": _warn(
        "This document number was already filed with another total, buyer or kind.",
        "Compare both; release the mail if the new document is meant to be added.",
    ),
    "order_without_invoice": _warn(
        "The buyer asked for no invoice, and Allegro did not keep the file.",
        "Ask Allegro to approve your document host, then links can be filed instead.",
    ),
    "link_host_refused": _warn(
        "Allegro does not accept links of this host for this account.",
        "Apply for the host with Allegro's contact form, from this seller account.",
    ),
    "link_limit": _warn("The order already has ten links.", "Nothing can be added."),
    "verification_failed": _warn(
        "Allegro took the document but does not list it.",
        "Look at the order in Allegro; the trace id is in the mail's history.",
    ),
    "scan_in_progress": _warn(
        "Allegro went on scanning the order's previous document for hours.",
        "Look at the order in Allegro; retry the mail later.",
    ),
    "metadata_too_fast": _warn(
        "Allegro went on refusing a further document for this order as too early.",
        "Another program may be filing documents on it; retry the mail later.",
    ),
    "invoice_missing": _warn(
        "Allegro does not know the document it had just announced.", "Retry the mail later."
    ),
    "declare_uncertain": _warn(
        "Allegro never answered whether it took the document's announcement.",
        "Look at the order in Allegro; retry the mail later.",
    ),
    "orphan_watched": _warn(
        "Another program announced this document and never sent its file.",
        "Retry the mail; Awizo then sends the file.",
    ),
    "verifying": _warn(
        "Allegro took the call and had not shown its effect in time.",
        "Look at the order in Allegro.",
    ),
    "link_refused": _warn(
        "Allegro refused the link itself.", "Check that it is a whole https address."
    ),
    # statuses and parcels
    "fulfilled_by_allegro": _warn(
        "The order is handled by Allegro's warehouse; its status is not ours to set.",
        "Switch these mails off in the shop.",
    ),
    "operation_limit": _warn(
        "Allegro allows no more status changes on this order.",
        "Another program sets the same statuses; let only one do it.",
    ),
    "status_refused": _warn("Allegro refused the status.", "See the mail's history."),
    "revision_conflict": _warn(
        "The buyer kept changing the order while its status was set.", "Look at the order."
    ),
    "carrier_unknown": _warn(
        "A parcel number was found, but not whose it is.",
        "Let the shop write the carrier's name beside the number.",
    ),
    "carrier_refused": _warn(
        "Allegro took the parcel number for none of the carriers it may belong to.",
        "Check the number; add it by hand.",
    ),
    "waybill_limit": _warn(
        "Allegro takes no more parcel numbers here.", "Check the order's parcels."
    ),
    # Allegro as a whole
    "allegro_busy": _warn("Allegro asked to wait and went on doing so.", "Try again later."),
    "allegro_unreachable": _warn("Allegro did not answer.", "See api.allegrostatus.pl."),
    "allegro_error": _warn("Allegro answered with errors.", "See api.allegrostatus.pl."),
    "request_refused": _warn("Allegro refused the request.", "See the mail's history."),
    # the way out
    "smarthost_refused": _error(
        "The mail provider refused a mail for good.", "See its reply in the mail's history."
    ),
    "smarthost_busy": _warn("The mail provider asked to try later.", "Nothing to do yet."),
    "smarthost_unreachable": _error(
        "The mail provider cannot be reached.", "Check smarthost.host and port; 'awizo check'."
    ),
    "smarthost_auth_failed": _error(
        "The mail provider refuses user name or password.",
        "Correct smarthost.username and password.",
    ),
    "smarthost_without_tls": _error(
        "The mail provider offers no STARTTLS.", "Check smarthost.port and smarthost.tls."
    ),
    "smarthost_certificate": _error(
        "The mail provider's certificate cannot be verified.",
        "Check smarthost.host; set tls_ca_file for a private authority.",
    ),
    "next_hop_lacks_8bitmime": _warn(
        "The mail provider takes no 8-bit mail, and re-encoding would change it.",
        "Let the shop send quoted-printable, or use another provider.",
    ),
    "next_hop_lacks_smtputf8": _warn(
        "The mail provider takes no international addresses.", "Use another provider."
    ),
    "smarthost_size_limit": _error(
        "The mail is larger than the mail provider takes.",
        "Let the shop send smaller files, or use another provider.",
    ),
    "smarthost_protocol": _error(
        "What answers at the mail provider's address does not speak SMTP.",
        "Check smarthost.host, port and tls.",
    ),
    "smarthost_in_doubt": _warn(
        "The mail provider did not say whether it took a mail; it is sent again.",
        "Nothing to do; the recipient may get it twice.",
    ),
    "smarthost_queue": _warn(
        "Mails wait for a free connection to the mail provider.",
        "Raise smarthost.max_connections if the provider allows more.",
    ),
    "lease_lost": _warn(
        "The database was away while a mail was being sent; it was broken off and is sent again.",
        "Nothing to do for the mail; look why the database was away.",
    ),
    "smarthost_unknown": _error(
        "The settings no longer name the mail provider that these mails belong to.",
        "Define it again as [smarthosts.NAME].",
    ),
    "content_unsafe": _error(
        "The mail holds bytes that some mail servers would take for the end of a mail.",
        "Look at the mail: it may be an attack, or a program that breaks its mails.",
    ),
    "content_damaged": _error(
        "The content of a mail is no longer what was accepted; it was not sent.",
        "Check the disk; let the shop send the mail again.",
    ),
    "loop": _error(
        "The same mail keeps coming back: a loop between mail servers.",
        "Check that the smarthost does not send back to Awizo.",
    ),
    "mail_blocked": _error(
        "Allegro blocked a mail that was forwarded: it takes it for a forbidden one.",
        "Read the mail; teach the rules with 'awizo rules new-example'.",
    ),
    "mail_still_verifying": _warn(
        "Allegro has been verifying a forwarded mail for hours.",
        "If it is urgent, write to the buyer in the Message Center.",
    ),
    "sender_unknown": _warn(
        "The sender address is not registered with the Allegro account.",
        "Add it in Allegro's settings, or Allegro will refuse the mail.",
    ),
    # ours
    "triage_failed": _error(
        "A mail could not be judged because of a fault in Awizo; it was forwarded.",
        "Please report it with the log.",
    ),
    "action_failed": _error("An action failed because of a fault in Awizo.", "See the log."),
    "content_missing": _error("The content of a mail is not in the store.", "Check the disk."),
    "cancelled": _warn("The action was cancelled by a person.", "Nothing to do."),
}


# What a note on a delivery means to the seller; nothing has to be done about it.
NOTES: dict[str, str] = {
    "reassigned": "A person named the order it belongs to.",
    "already_filed": "The document was on the order before; nothing was uploaded.",
    "already_listed": "The link or the parcel number was on the order before.",
    "already_reached": "The order had this status, or a later one.",
    "buyer_not_mailed": (
        "Allegro tells the buyer nothing about the document: no invoice was asked for, or this "
        "is the sandbox, which mails nobody. It stands in the buyer's order details."
    ),
    "buyer_not_told": (
        "Whether Allegro mails the buyer about this status is the seller's choice there, which "
        "no interface shows; see policy.allegro_status_mail."
    ),
    "filed_as_link": (
        "The buyer asked for no invoice and Allegro kept no file, so the link in the mail was "
        "added to the order instead."
    ),
    "filed_as_other_carrier": (
        "No carrier took the parcel number, so it stands under the carrier's name alone: Allegro "
        "shows no tracking for it."
    ),
    "fulfilled_by_allegro": "Allegro's warehouse handles this order and tells the buyer itself.",
    "hold_expired": "Nobody decided in time, so the mail was forwarded.",
    "judged_wrongly": "Allegro blocked this mail: the rules should have judged it otherwise.",
    "link_not_filed": "The mail holds a document link, but it is no mail about a document.",
    "sender_unknown": (
        "The sender address is not registered with the Allegro account; Allegro may refuse the "
        "mail."
    ),
    "would_act": "Had the account been acted on, something would have been put on the order.",
    "would_not_act": "Nothing would have been put on the order.",
    "would_stop": "The mail would have been stopped.",
    "would_forward": "The mail would have been forwarded.",
    "would_hold": "The mail would have been held for a person.",
}


def described(slug: str) -> Problem:
    """The words of a slug; an unlisted one explains itself as far as its name goes."""
    return PROBLEMS.get(slug) or _warn(slug.replace("_", " "), "See the mail's history.")


def noted(slug: str) -> str:
    """The words of a note; ``runner_up_KIND`` and unlisted ones speak for themselves."""
    return NOTES.get(slug) or slug.replace("_", " ").capitalize() + "."

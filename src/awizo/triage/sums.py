"""Add up what words, documents and structure say about a mail's kind.

In:  the tally of rules and structure, facts of documents, references.
Out: log-odds for each kind.

Pure. Words about a document count for the form it comes in; bad news make the state of the
order a side remark.
"""

from __future__ import annotations

from collections.abc import Sequence

from awizo.model import DocumentFacts, DocumentKind, Evidence, Kind, ParsedMessage, References
from awizo.triage.calibration import PRIORS
from awizo.triage.kinds import DOCUMENT_KINDS, PARCEL_KINDS, PERSONAL, SAID_HERE, STATES
from awizo.triage.structure import Shape
from awizo.triage.tally import CUE_FROM, Tally

DOCUMENT_SURE_AT = 0.6
BAD_NEWS_FROM = 3.9  # a person's words that make the state of the order a side remark
BESIDE_BAD_NEWS = 0.65
MUCH_ABOUT_RATING = 7.0
BESIDE_DOCUMENT = 0.5
BESIDE_PARCEL = 0.5
FREE_TEXT_FROM = 5  # words; fewer are hardly a letter
SALES_DOCUMENT = 6.0
DOCUMENT_LINK = 6.0
STEP_TOLD = 4.5  # strength of a sentence that tells a step of the parcel
BESIDE_STEP = 0.5
PARCEL = 1.5
PARCEL_BESIDE_DOCUMENT = 3.5
PARCEL_BESIDE_RETURN = 2.5  # whose parcel it is does not say itself

HUMAN_FLAGS = frozenset({"human_writer", "question", "request", "only_said_here"})
LETTER_FLAGS = HUMAN_FLAGS | {"about_order"}


def sums_of(
    tally: Tally, facts: Sequence[DocumentFacts], references: References
) -> dict[Kind, float]:
    """Add words and structure; words about a document count for the form it comes in."""
    words = {kind: tally.words_for(kind) for kind in Kind}
    in_hand = tally.fixed.get(Kind.FULFILMENT_CORRESPONDENCE, 0.0)  # a licence key
    if max(in_hand, *(words[kind] for kind in PERSONAL)) >= BAD_NEWS_FROM:
        for kind in STATES:
            words[kind] *= BESIDE_BAD_NEWS
    if words[Kind.RATING_REQUEST] >= MUCH_ABOUT_RATING:
        for kind in STATES:
            words[kind] *= BESIDE_BAD_NEWS  # "It was delivered three days ago: rate it."
    if words[Kind.RATING_REQUEST] >= BAD_NEWS_FROM and tally.flags & SAID_HERE == {"question"}:
        words[Kind.FULFILMENT_CORRESPONDENCE] *= BESIDE_BAD_NEWS  # "Does it fit? Then rate us."
    if (
        max(tally.loudest(kind) for kind in PARCEL_KINDS) >= STEP_TOLD
        and tally.loudest(Kind.ORDER_PROCESSING) < STEP_TOLD / 2
    ):
        words[Kind.ORDER_PROCESSING] *= BESIDE_STEP  # "The status was changed" names no step
    if references.waybills and max(words[kind] for kind in STATES) >= BAD_NEWS_FROM:
        words[Kind.OTHER] *= BESIDE_PARCEL  # "Log in to follow it", a voucher for the next time
    about_document = max(words[kind] for kind in DOCUMENT_KINDS)
    sales = [f for f in facts if f.is_sales_document and f.confidence >= DOCUMENT_SURE_AT]
    unread = [f for f in facts if f.kind is DocumentKind.UNKNOWN and _may_be_document(f)]
    proforma = any(f.kind in (DocumentKind.PROFORMA, DocumentKind.OFFER) for f in facts)
    if proforma and not sales:
        tally.flags.add("awaiting_payment")
    if sales and "awaiting_payment" in tally.flags:  # of the advance invoice it settles
        words[Kind.ORDER_PROCESSING] *= BESIDE_DOCUMENT
    if any(f.kind is DocumentKind.CORRECTION for f in sales):  # comes of a return: it may say so
        words[Kind.FULFILMENT_CORRESPONDENCE] *= 0.5
    links = {link.kind for link in references.document_links}
    if sales:
        for kind in DOCUMENT_KINDS:
            words[kind] = 0.0
        words[Kind.INVOICE] = about_document * 0.7
        names = ", ".join(fact.name or fact.part for fact in sales)
        tally.fix(
            Evidence("structure.sales-document", "attachment", names, SALES_DOCUMENT, Kind.INVOICE)
        )
    elif links:
        for kind in DOCUMENT_KINDS:
            words[kind] = about_document * 0.7 if kind in links else 0.0
        for link in {one.kind: one for one in references.document_links}.values():
            tally.fix(
                Evidence("structure.document-link", "link", link.url, DOCUMENT_LINK, link.kind)
            )
    elif unread and not proforma:
        words[Kind.INVOICE] = about_document
        words[Kind.INVOICE_LINK] = words[Kind.RECEIPT_LINK] = 0.0
    elif about_document > 0:
        for kind in DOCUMENT_KINDS:
            words[kind] *= 0.3 if proforma else 0.55
        tally.flags.add("document_missing")
    if references.waybills:
        rule, weight = "structure.parcel", PARCEL
        if sales or links:  # documents travel with the dispatch
            comes_back = "return_or_refund" in tally.flags or any(
                f.kind is DocumentKind.CORRECTION for f in sales
            )
            rule = "structure.parcel-beside-document"
            weight = PARCEL_BESIDE_RETURN if comes_back else PARCEL_BESIDE_DOCUMENT
        tally.fix(Evidence(rule, "body", references.waybills[0].number, weight, Kind.ORDER_SENT))
    return {
        kind: PRIORS.get(kind, 0.0)
        + words[kind]
        + tally.words_against(kind)
        + tally.fixed.get(kind, 0.0)
        for kind in Kind
    }


def _may_be_document(fact: DocumentFacts) -> bool:
    """A file that could be an invoice though nothing says so: a PDF, or no known type."""
    return fact.state != "not_pdf"


def weigh_free_text(
    tally: Tally,
    scores: dict[Kind, float],
    message: ParsedMessage,
    references: References,
    shape: Shape,
) -> None:
    """A text about an order that states none of the known facts was written by a person."""
    said = max(tally.words_for(kind) + tally.fixed.get(kind, 0.0) for kind in Kind)
    if said >= CUE_FROM and not tally.flags & HUMAN_FLAGS:
        return  # a weak word is better than none
    about = references.order_ids or references.order_numbers or references.waybills
    if not about and not tally.flags & LETTER_FLAGS:
        return
    if (
        said < 2.0
        and not shape.marked_automatic
        and len(message.new_text.split()) >= FREE_TEXT_FROM
    ):
        words = " ".join(message.new_text.split()[:8])
        evidence = Evidence(
            "structure.free-text", "body", words, 1.5, Kind.FULFILMENT_CORRESPONDENCE
        )
        tally.evidence.append(evidence)
        scores[Kind.FULFILMENT_CORRESPONDENCE] += evidence.weight

"""Find everything in a mail that can tie it to an order, a document or a parcel.

In:  a ParsedMessage, the facts of its documents, the lists of hosts and carriers.
Out: References.

Pure. Only what was newly written counts: a reply that quotes an invoice carries none. Numbers
of documents are those that the mail carries or links, never the one that a correction corrects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from awizo.model import (
    DocumentFacts,
    DocumentKind,
    DocumentLink,
    Kind,
    Link,
    OrderReference,
    ParsedMessage,
    References,
)
from awizo.triage.carriers import Carriers, compile_carriers
from awizo.triage.document_links import Hosts, compile_hosts, find_document_links
from awizo.triage.invoice_numbers import (
    FoundNumber,
    Numbers,
    bare_numbers,
    normalised_number,
    numbers_away_from_word,
    numbers_in,
    numbers_in_tables,
)
from awizo.triage.order_ids import ids_in_headers, ids_in_links, ids_in_text, order_numbers_in
from awizo.triage.urls import split_url
from awizo.triage.waybills import find_parcels
from awizo.triage.words import clean, plain

__all__ = ["Carriers", "Hosts", "compile_carriers", "compile_hosts", "find_references"]

T = TypeVar("T")

MAX_CHARS = 20_000  # of the new text; shops write two thousand
MAX_LINKS = 100
MAX_AMOUNTS = 40

CORRECTION_WORD = re.compile(
    r"koryg|korekt|opravn|dobropis|tarchopis|sztorno|storno|helyesb|modosit|gutschrift|credit|"
    r"correct|коригу|кредит"
)
AMOUNT = re.compile(
    r"(?<![\d.,/\-])(\d{1,3}(?:[ \u00a0.]\d{3}){1,2}|\d{1,7})(?:[.,](\d{2}))?[ \u00a0]?"
    r"(?:zł|zl|pln|kč|kc|czk|eur|€|ft|huf|грн|uah)(?![a-zа-я])|"
    r"(?:pln|czk|eur|€|huf|uah)[ \u00a0]?(\d{1,7})(?:[.,](\d{2}))?(?![.,]?\d)",
    re.IGNORECASE,
)
GREETING = re.compile(
    r"^[ \t]*(?:dzień dobry|dobrý den|dobrý deň|szanown[aey]\w{0,2} (?:pani\w?|panie|państwo)|"
    r"witaj|witam|cześć|hej|"
    r"drog[ia]\w?|kedves|tisztelt|üdvözöljük|guten tag|hallo|sehr geehrte[rs]?(?: (?:frau|herr))?|"
    r"lieber?|hello|hi|dear|ahoj|vážen[ýáí]\w? (?:pane|paní|pán|pani)|milý|milá|вітаємо|доброго "
    r"дня|"
    r"добрий день|шановн\w{1,2}|привіт)[ ,]{1,2}(?P<name>[^\W\d_][^\n,.!:;–]{1,50})[,.!:;–\n]",
    re.IGNORECASE | re.MULTILINE,
)


def find_references(
    message: ParsedMessage,
    facts: Sequence[DocumentFacts],
    hosts: Hosts,
    carriers: Carriers,
    *,
    delivery_method: str = "",
) -> References:
    """Find order ids and numbers, documents, links, parcels, amounts and names.

    Args:
        facts: Of the attachments, from ``awizo.documents``.
        delivery_method: Of the order, when it is already known.
    """
    body = clean((message.new_text or message.text)[:MAX_CHARS])
    text = f"{clean(message.subject)}\n{body}"
    folded = plain(text)
    links = _own_links(message)
    order_numbers = order_numbers_in(text)
    document_links = find_document_links(text, folded, links, hosts)
    named = [*numbers_in_tables(text), *numbers_in(text)]
    parcels = find_parcels(
        text,
        folded,
        links,
        carriers,
        delivery_method=plain(clean(delivery_method)),
        sender=(plain(clean(message.from_name)), message.from_address.rpartition("@")[2].lower()),
        foreign_numbers=[
            *order_numbers,
            *(one.number for one in named),
            *(fact.number for fact in facts if fact.number),
            *(fact.seller_tax_id for fact in facts if fact.seller_tax_id),
            *(fact.buyer_tax_id for fact in facts if fact.buyer_tax_id),
        ],
    )
    return References(
        order_ids=_order_ids(message, body, links, facts),
        order_numbers=_distinct((*order_numbers, *(n for f in facts for n in f.order_numbers))),
        invoice_numbers=_invoice_numbers(text, folded, named, facts, document_links),
        document_links=document_links,
        waybills=parcels.waybills,
        carriers=parcels.carriers,
        amounts=_amounts(text),
        names=_names(message, body),
    )


def _own_links(message: ParsedMessage) -> list[Link]:
    """Links of what was newly written: those that stand only in the quoted text are left out."""
    links = [link for link in message.links[:MAX_LINKS] if split_url(link.url) is not None]
    if not message.quoted_text:
        return links
    quoted, own = message.quoted_text, message.new_text
    return [
        link
        for link in links
        if (link.url in own or (link.label and link.label in own))
        or not (link.url in quoted or (link.label and link.label in quoted))
    ]


def _order_ids(
    message: ParsedMessage, body: str, links: Sequence[Link], facts: Iterable[DocumentFacts]
) -> tuple[OrderReference, ...]:
    found = ids_in_text(body, "body")
    found += ids_in_text(message.subject, "subject")
    found += ids_in_headers(message.headers)
    found += ids_in_links(links)
    for fact in facts:
        found += [OrderReference(order_id, "pdf") for order_id in fact.order_ids]
    for nested in message.nested[:10]:
        inner = f"{nested.subject}\n{nested.new_text or nested.text}"[:MAX_CHARS]
        found += ids_in_text(inner, "nested")
    # What the buyer had named in the mail that is answered; an older mail's counts for nothing
    # beside what this one says.
    return _distinct(found or ids_in_text(clean(message.quoted_text[:MAX_CHARS]), "quoted"))


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


# --- numbers of documents -----------------------------------------------------------------------


def _invoice_numbers(
    text: str,
    folded: str,
    named: Sequence[FoundNumber],
    facts: Sequence[DocumentFacts],
    links: Sequence[DocumentLink],
) -> tuple[str, ...]:
    """Numbers of the documents that the mail carries or links, the printed form of each."""
    sales = [fact for fact in facts if fact.is_sales_document]
    if not sales and not links:
        return ()
    by_key: dict[str, str] = {}
    for fact in sales:
        if fact.number is not None and fact.text_sha256:
            by_key.setdefault(normalised_number(fact.number), fact.number)
    unread = [fact for fact in sales if not (fact.number and fact.text_sha256)]
    written = _written(text, folded, named, sales, links)
    unsaid = len(unread) + len([link for link in links if not _is_attached(link, by_key)])
    for number in written:
        key = normalised_number(number)
        if key in by_key or unsaid <= 0:
            continue
        by_key[key] = number
        unsaid -= 1
    if unsaid <= 0:
        return tuple(by_key.values())
    for given in (*(fact.number for fact in unread), *(link.number for link in links)):
        if given is not None:
            by_key.setdefault(normalised_number(given), given)
    return tuple(by_key.values())


def _is_attached(link: DocumentLink, by_key: dict[str, str]) -> bool:
    """The link shows a document that lies beside it, as far as its number tells."""
    return bool(by_key) and (link.number is None or normalised_number(link.number) in by_key)


def _written(
    text: str,
    folded: str,
    named: Sequence[FoundNumber],
    sales: Sequence[DocumentFacts],
    links: Sequence[DocumentLink],
) -> list[str]:
    """Numbers that the words of the mail give to documents, less those that are only referred
    to: an earlier invoice, a proforma, the receipt an invoice was made out for."""
    refers = {normalised_number(fact.refers_to) for fact in sales if fact.refers_to}
    about_correction = bool(CORRECTION_WORD.search(folded)) or any(
        fact.kind is DocumentKind.CORRECTION for fact in sales
    )
    wanted = {Numbers.DOCUMENT, Numbers.CORRECTION}
    only_receipts = all(fact.kind is DocumentKind.RECEIPT for fact in sales) and all(
        link.kind is Kind.RECEIPT_LINK for link in links
    )
    if only_receipts:
        wanted.add(Numbers.RECEIPT)  # beside an invoice it is the receipt it was made out for
    own = [one for one in named if one.of in wanted]
    if not own and not about_correction:
        own = [one for one in named if one.of is Numbers.REFERRED]  # "link do faktury FV 12/2026"
    if not own:
        others = {normalised_number(one.number) for one in named}
        own = [
            one
            for one in bare_numbers(text) or numbers_away_from_word(text)
            if normalised_number(one.number) not in others
        ]
    if about_correction and any(one.of is Numbers.CORRECTION for one in own):
        own = [one for one in own if one.of is Numbers.CORRECTION]
    return [one.number for one in own if normalised_number(one.number) not in refers]


# --- tie-breakers -------------------------------------------------------------------------------


def _amounts(text: str) -> tuple[Decimal, ...]:
    found: list[Decimal] = []
    for match in AMOUNT.finditer(text):
        whole, cents = match[1] or match[3], match[2] or match[4] or "00"
        found.append(Decimal(f"{re.sub(r'[^0-9]', '', whole)}.{cents}"))
        if len(found) == MAX_AMOUNTS:
            break
    return _distinct(found)


def _names(message: ParsedMessage, body: str) -> tuple[str, ...]:
    """The recipient as the header names them, then as the greeting does."""
    greeted = [match["name"].strip() for match in GREETING.finditer(body[:600])]
    greeted = [name for name in greeted if all(word[0].isupper() for word in name.split())]
    found = [name.strip() for name in message.to_names if name.strip() and "@" not in name]
    return _distinct(name for name in (*found, *greeted) if len(name) >= 2)

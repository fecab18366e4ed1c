"""Decide which Allegro order a message is about.

In:  the recipient, references found in the message, candidate orders offered for them.
Out: Match with the method that won, or Unmatched with the reason.

Pure. A login alone never decides between two orders: filing an invoice on the wrong order
shows one buyer another's address and cannot be undone, asking costs a minute. So what does not
point at exactly one order, or points at two, is ``order_ambiguous``.

Source: FACTS 4.3 (order of evidence) and 4.4 (what goes wrong).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from awizo.model import (
    Candidates,
    DocumentFacts,
    Match,
    Order,
    ParsedMessage,
    References,
    Unmatched,
)
from awizo.triage.addresses import folded, split
from awizo.triage.invoice_numbers import normalised_number
from awizo.triage.words import clean, plain

NOT_READY = frozenset({"BOUGHT", "FILLED_IN"})  # ids that a merged purchase may still change
TITLE_MIN_CHARS = 10  # shorter titles ("Kubek") stand in many mails

# Tie-breakers, strongest first; the name of the one that decided is the method.
METHODS = ("invoice_number", "waybill", "tax_id", "amount", "buyer_name", "item_title")

PERSON = re.compile(  # two or three capitalised words
    r"(?=[^a-z\W])[^\W\d_]+(?:[ -](?=[^a-z\W])[^\W\d_]+){1,2}"
)
COMPANY = re.compile(
    r"\b(?:sp|spolka|s a|s c|sp j|sp k|ltd|gmbh|kft|bt|zrt|nyrt|s r o|a s|inc|llc|p h u|phu|firma|"
    r"przedsiebiorstwo|zaklad|fundacja|stowarzyszenie|urzad|szkola|gmina|ag|kg|ug|ohg|fop|тов|фоп|"
    r"company|group|studio|serwis|sklep|hurtownia|instytut|parafia)\b"
)


def match(
    *,
    recipient: str,
    message: ParsedMessage,
    facts: Sequence[DocumentFacts],
    references: References,
    candidates: Candidates,
    sole_buyer_recipient: bool = True,
) -> Match | Unmatched:
    """Return the one order this message belongs to, or why there is none.

    Args:
        recipient: The buyer's masked address of this delivery.
        sole_buyer_recipient: False when the same message goes to several buyers: then an
            address proves nothing about the content, and only an order id, a number or the
            buyer's name ties it.
    """
    own_ids = [order for order in candidates.by_id if same_buyer(order, recipient)]
    by_address = [order for order in candidates.by_address if same_buyer(order, recipient)]
    by_base = [order for order in candidates.by_base if same_buyer(order, recipient)]
    found = _by_strength(recipient, message, facts, references, own_ids, by_address, by_base)
    if isinstance(found, Unmatched) or sole_buyer_recipient:
        return found
    if found.method == "order_id" or any(order.order_id == found.order_id for order in own_ids):
        return found
    # Every recipient's name may stand in the header: what counts is whom the text speaks to.
    spoken = tuple(name for name in references.names if name not in message.to_names)
    content = replace(references, names=spoken)
    if _evidence(found.order, message, facts, content) & {
        "invoice_number",
        "waybill",
        "tax_id",
        "buyer_name",
    }:
        return found
    return Unmatched("order_ambiguous", (found.order_id,))


def document_fits(facts: DocumentFacts, order: Order) -> bool | None:
    """Whether a document is of this order: True ties it, False contradicts, None says nothing.

    An order id in the document decides; else its number, the buyer's tax id and name.
    """
    if facts.order_ids:
        return order.order_id.lower() in {order_id.lower() for order_id in facts.order_ids}
    if facts.number and _normalised((facts.number,)) & _normalised(order.invoice_numbers):
        return True
    tax_id = _tax_digits(facts.buyer_tax_id or "")
    known = {_tax_digits(one) for one in order.tax_ids} - {""}
    if tax_id and known:
        return tax_id in known
    named = _names_agree(facts.buyer_name or "", (order.buyer_name, order.company_name))
    if named is not None:
        return named
    if facts.total is not None and order.total is not None and facts.total == order.total:
        return True
    return None


# --- by strength of evidence --------------------------------------------------------------------


def _by_strength(
    recipient: str,
    message: ParsedMessage,
    facts: Sequence[DocumentFacts],
    references: References,
    own_ids: Sequence[Order],
    by_address: Sequence[Order],
    by_base: Sequence[Order],
) -> Match | Unmatched:
    everybody = _distinct((*by_address, *own_ids, *by_base))
    if not everybody:
        return Unmatched("order_unknown")
    ready = [order for order in everybody if order.status not in NOT_READY]
    addressed = [order for order in by_address if order.status not in NOT_READY]
    identified = [order for order in _distinct(own_ids) if order.status not in NOT_READY]
    if len(addressed) == 1:
        if identified and addressed[0].order_id not in _ids(identified):
            # The address says one order, the words another: somebody is wrong.
            return _ambiguous((*addressed, *identified))
        return _matched(addressed[0], "address", ready)
    if len(identified) == 1:
        return _matched(identified[0], "order_id", ready)
    if own_ids and not identified:
        return Unmatched("order_not_ready", _ids(own_ids))
    if by_address and not addressed:
        return Unmatched("order_not_ready", _ids(by_address))
    pool = identified or addressed
    if not pool:
        has_suffix = bool(split(folded(recipient)).suffix)
        pool = [order for order in by_base if order.status not in NOT_READY]
        if not pool:
            return Unmatched("order_not_ready", _ids(everybody))
        if has_suffix:
            # The very order is not known yet; another one of this buyer is no substitute
            # unless a number that only it has stands in the mail.
            known = _decided(pool, message, facts, references)
            if known is not None and known.method in ("invoice_number", "waybill"):
                return known
            return Unmatched("order_unknown", _ids(pool))
    if len(pool) == 1:
        return _only_order(pool[0], message, facts, references)
    return _decided(pool, message, facts, references) or _ambiguous(pool)


def _only_order(
    order: Order,
    message: ParsedMessage,
    facts: Sequence[DocumentFacts],
    references: References,
) -> Match:
    """The buyer's only order that is known, by an address without its ``+`` part: enough for a
    status; a document needs a number, the amount or the buyer's name as well."""
    found = _evidence(order, message, facts, references) - {"item_title"}
    contradicted = any(
        document_fits(fact, order) is False for fact in facts if fact.is_sales_document
    )
    if found and not contradicted:
        return Match(order, min(found, key=METHODS.index), ties_document=True)
    return Match(order, "only_order", ties_document=False)


def _decided(
    pool: Sequence[Order],
    message: ParsedMessage,
    facts: Sequence[DocumentFacts],
    references: References,
) -> Match | None:
    """The order that every telling tie-breaker points at; ``None`` when none tells, or two
    tell different stories."""
    told = {order.order_id: _evidence(order, message, facts, references) for order in pool}
    chosen: Order | None = None
    by: str | None = None
    for method in METHODS:
        pointed = [order for order in pool if method in told[order.order_id]]
        if len(pointed) != 1:
            continue  # of nobody, or of several: it tells nothing
        if chosen is not None and pointed[0] is not chosen:
            return None
        chosen, by = pointed[0], by or method
    if chosen is None or by is None:
        return None
    contradicted = any(
        document_fits(fact, chosen) is False for fact in facts if fact.is_sales_document
    )
    if contradicted:
        return None
    return _matched(chosen, by, pool)


def _evidence(
    order: Order,
    message: ParsedMessage,
    facts: Sequence[DocumentFacts],
    references: References,
) -> set[str]:
    """Which tie-breakers speak for this order."""
    found: set[str] = set()
    numbers = (*references.invoice_numbers, *(f.number for f in facts if f.number))
    numbers += tuple(fact.refers_to for fact in facts if fact.refers_to)
    if _normalised(numbers) & _normalised(order.invoice_numbers):
        found.add("invoice_number")
    if {_plain_number(w.number) for w in references.waybills} & {
        _plain_number(number) for number in order.waybills
    }:
        found.add("waybill")
    tax_ids = {_tax_digits(fact.buyer_tax_id) for fact in facts if fact.buyer_tax_id}
    if tax_ids & ({_tax_digits(one) for one in order.tax_ids} - {""}):
        found.add("tax_id")
    if order.total is not None and order.total > 0:
        totals = {fact.total for fact in facts if fact.is_sales_document and fact.total}
        if order.total in (totals or set(references.amounts)):
            found.add("amount")
    names = (*(fact.buyer_name for fact in facts if fact.buyer_name), *references.names)
    if any(_names_agree(name, (order.buyer_name, order.company_name)) for name in names):
        found.add("buyer_name")
    if _titles_named(order, message, facts):
        found.add("item_title")
    return found


def _titles_named(order: Order, message: ParsedMessage, facts: Iterable[DocumentFacts]) -> bool:
    titles = [_squeezed(item.title) for item in order.line_items]
    titles = [title for title in titles if len(title) >= TITLE_MIN_CHARS]
    if not titles:
        return False
    words = [message.subject, message.new_text or message.text]
    words += [fact.text for fact in facts if fact.is_sales_document]
    text = _squeezed("\n".join(words))
    return any(title in text for title in titles)


def match_named(order: Order, recipient: str) -> Match | Unmatched:
    """The order that a person named for this delivery, where it may be filed on.

    Nobody may name an order of another buyer: filed there, the mail would show that one its
    buyer's address.
    """
    if not same_buyer(order, recipient):
        return Unmatched("order_unknown")
    if order.status in NOT_READY:
        return Unmatched("order_not_ready", (order.order_id,))
    return Match(order, "person")


# --- small comparisons ----------------------------------------------------------------------------


def same_buyer(order: Order, recipient: str) -> bool:
    """Base and domain agree. An order whose address Allegro has not filled in is nobody's."""
    if not order.email:
        return False
    ours, theirs = split(folded(order.email)), split(folded(recipient))
    return bool(ours.base) and (ours.base, ours.domain) == (theirs.base, theirs.domain)


def _names_agree(name: str, others: Iterable[str]) -> bool | None:
    """True when two names are the same person or firm, False when they cannot be, else None."""
    words = _name_words(name)
    if not words:
        return None
    verdict: bool | None = None
    for other in others:
        theirs = _name_words(other)
        if not theirs:
            continue
        common = words & theirs
        if len(common) >= min(2, len(theirs)) and len(common) >= min(2, len(words)) > 0:
            if len(words) >= 2 and len(theirs) >= 2:
                return True
        elif not common and verdict is None and len(words) >= 2 and len(theirs) >= 2:
            verdict = False
        elif common:
            return None
    if verdict is False and (COMPANY.search(_spaced(name)) or not PERSON.fullmatch(name.strip())):
        return None  # a firm may be the buyer's own; other words may be none of a name
    return verdict


def _name_words(name: str) -> frozenset[str]:
    return frozenset(word for word in _spaced(name).split() if len(word) >= 2)


def _spaced(text: str) -> str:
    return re.sub(r"[^a-z0-9а-яіїєґ]+", " ", plain(clean(text))).strip()


def _squeezed(text: str) -> str:
    return " ".join(_spaced(text).split())


def _normalised(numbers: Iterable[str]) -> set[str]:
    return {normalised_number(number) for number in numbers if number}


def _plain_number(number: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", number.upper())


def _tax_digits(tax_id: str) -> str:
    return re.sub(r"[^0-9]", "", tax_id)


def _distinct(orders: Iterable[Order]) -> list[Order]:
    return list({order.order_id: order for order in orders}.values())


def _ids(orders: Iterable[Order]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(order.order_id for order in orders))


def _matched(order: Order, method: str, pool: Iterable[Order]) -> Match:
    others = tuple(other for other in _ids(pool) if other != order.order_id)
    return Match(order, method, others=others)


def _ambiguous(orders: Iterable[Order]) -> Unmatched:
    return Unmatched("order_ambiguous", _ids(orders))

"""Read the fields of a sales document from its text.

In:  the text and its kind.
Out: number, corrected number, tax ids of both sides, buyer, total, orders.

Pure. What is not found stays ``None``: a missing field costs a question, a wrong one files a
document twice or on the wrong order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from awizo.model import DocumentKind
from awizo.triage.invoice_numbers import (
    FoundNumber,
    Numbers,
    bare_numbers,
    normalised_number,
    number_in_name,
    numbers_behind_bare_word,
    numbers_in,
    same_number,
    trimmed,
)
from awizo.triage.order_ids import ORDER_UUID, is_order_uuid, order_numbers_in
from awizo.triage.tax_ids import is_adoszam, is_ico, is_nip
from awizo.triage.words import plain

HEAD_CHARS = 6000  # the number stands on the first page
TOP_CHARS = 500  # a bare "Nr:" further down numbers something else
LONGEST_HEAD = len("Sorszáma: ")


@dataclass(frozen=True, slots=True)
class Details:
    number: str | None = None
    refers_to: str | None = None
    seller_tax_id: str | None = None
    buyer_tax_id: str | None = None
    buyer_name: str | None = None
    total: Decimal | None = None
    currency: str | None = None
    order_ids: tuple[str, ...] = ()
    order_numbers: tuple[str, ...] = ()


def details_in(text: str, kind: DocumentKind, name: str = "") -> Details:
    """Read the fields; *text* is clean (``awizo.triage.words.clean``), *name* the file's."""
    folded = plain(text)
    number, refers_to = document_number(text, kind, name)
    seller, buyer = tax_ids(folded)
    total, currency = total_of(folded)
    ids = tuple(
        dict.fromkeys(
            match[0].lower() for match in ORDER_UUID.finditer(folded) if is_order_uuid(match[0])
        )
    )
    return Details(
        number=number,
        refers_to=refers_to,
        seller_tax_id=seller,
        buyer_tax_id=buyer,
        buyer_name=buyer_name(text, folded),
        total=total,
        currency=currency,
        order_ids=ids,
        order_numbers=order_numbers_in(text),
    )


# --- numbers --------------------------------------------------------------------------------

KSEF_NUMBER = re.compile(
    r"\d{10}-\s?20\d{6}-\s?[0-9A-F]{6}-?\s?[0-9A-F]{6}-\s?[0-9A-F]{2}(?![0-9A-F])"
)
VARIABLE_SYMBOL = re.compile(
    r"(?:variabiln[iy] symbol|var\. ?symbol|\bvs)[ :.]{1,3}(\d{4,10})\b", re.IGNORECASE
)

# A ledger's number of a receipt: "PA/2207/10/2026". The till counts its slips too ("nr wydr.
# 018834", "W003918"), which tells nobody which of them it is.
RECEIPT_SYMBOL = re.compile(
    r"(?<![\w/\-])(?:PAR|PA|EP)[ /_\-]{1,2}(?:[A-Z]{1,4}[/_\-])?\d{1,8}"
    r"(?:[/_\-][A-Z0-9]{1,8}){1,4}(?![\w/])"
)
# "Nr W/1180/26" in a line of its own; streets have numbers with a stroke in them as well.
RECEIPT_LINE = re.compile(
    r"(?m)^(?i:nr|numer)(?i: systemowy| dokumentu)?[ .:]{1,3}"
    r"((?:[A-Z][A-Z0-9]{0,7}(?:/[A-Z0-9]{1,8}){1,4}|\d{1,8}(?:/[A-Z0-9]{1,8}){2,4}))(?![\w/])"
)
# Looks like a date as well as like a number ("15/10/2026"): its label alone decides nothing.
DATE_ALONE = re.compile(r"\d{1,2}[./\-]\d{1,2}[./\-]\d{4}|\d{4}[./\-]\d{1,2}[./\-]\d{1,2}|20\d{6}")
NUMBER_LIKE = re.compile(r"(?<![\w/\-#])#?[A-Z0-9]+(?:[/\-_ ][A-Z0-9]+){0,5}(?![\w/\-])")
# What a document of a kind calls its own number, best first.
_OWN = {
    DocumentKind.CORRECTION: (Numbers.CORRECTION, Numbers.DOCUMENT),
    DocumentKind.PROFORMA: (Numbers.PROFORMA, Numbers.DOCUMENT),
    DocumentKind.RECEIPT: (Numbers.RECEIPT, Numbers.DOCUMENT),
    DocumentKind.INVOICE: (Numbers.DOCUMENT, Numbers.CORRECTION, Numbers.RECEIPT),
}


def document_number(text: str, kind: DocumentKind, name: str = "") -> tuple[str | None, str | None]:
    """Its own number, and the number of the document that it corrects.

    Of a correction's several numbers the one that the file is named after is its own; of any other
    document's that one, where no word calls a number its own. Both are ``None`` for papers that
    have none.
    """
    if kind not in _OWN:
        return None, None
    head = KSEF_NUMBER.sub(" ", text[:HEAD_CHARS])
    found = numbers_in(head)
    refers: str | None = None
    if kind is DocumentKind.CORRECTION:
        found = _own_of_correction(found, number_in_name(name))
        refers = _first(found, (Numbers.REFERRED,))
    elif kind is DocumentKind.RECEIPT and (printed := _printed_by_a_till(head, found)) is not None:
        return printed, None
    elif not any(_is_labelled_own(one, kind) for one in found):
        named = _as_file_is_named(head, number_in_name(name), text)
        if named is not None:
            return named, None
    for of in _OWN[kind]:
        for labelled in (True, False):
            own = [
                one.number
                for one in found
                if one.of is of and one.labelled is labelled and not same_number(one.number, refers)
            ]
            if own:
                if kind is DocumentKind.CORRECTION and refers is None:
                    refers = _first(
                        [one for one in found if not same_number(one.number, own[0])],
                        (Numbers.DOCUMENT,),
                    )
                return own[0], refers
    return _without_noun(head, kind, found), refers


def _without_noun(head: str, kind: DocumentKind, found: Sequence[FoundNumber]) -> str | None:
    """A number by its symbol, by a bare "Nr:" near the top, else by what it is to be paid with."""
    others = {normalised_number(one.number) for one in found}
    headed = [
        one
        for one in numbers_behind_bare_word(head[:TOP_CHARS])
        if len(head[: one.start].rpartition("\n")[2]) <= LONGEST_HEAD  # no house number
    ]
    for one in (*bare_numbers(head), *headed):
        if normalised_number(one.number) not in others:
            return one.number
    symbol = VARIABLE_SYMBOL.search(plain(head))
    return symbol[1] if symbol and kind is DocumentKind.INVOICE else None


def _printed_by_a_till(head: str, found: Sequence[FoundNumber]) -> str | None:
    """A receipt's number by its symbol; behind "Nr" in a line of its own, if no word calls
    another one the receipt's."""
    by_symbol = RECEIPT_SYMBOL.search(head)
    if by_symbol is not None:
        return " ".join(by_symbol[0].split())
    behind_nr = RECEIPT_LINE.search(head)
    if behind_nr is None or any(_is_labelled_own(one, DocumentKind.RECEIPT) for one in found):
        return None
    return behind_nr[1]


def _is_labelled_own(found: FoundNumber, kind: DocumentKind) -> bool:
    """A word for such a document stands right before it, and it is no date beside such a word."""
    first = _OWN[kind][:2]
    return found.labelled and found.of in first and DATE_ALONE.fullmatch(found.number) is None


def _as_file_is_named(head: str, named: str | None, text: str) -> str | None:
    """The number that the file is named after, as the document prints it; ``None`` when that is
    a date, a tax id, or what the document calls its order's."""
    if named is None or DATE_ALONE.fullmatch(named) or is_nip(re.sub(r"\D", "", named)):
        return None
    if any(same_number(named, order) for order in order_numbers_in(text)):
        return None
    for word in NUMBER_LIKE.findall(head):
        if same_number(word, named):
            return trimmed(word)
    return None


def _own_of_correction(found: Sequence[FoundNumber], named: str | None) -> list[FoundNumber]:
    """ "Korekta faktury nr FK 3/2026" may name either: it is its own where the file is called so,
    or where another number is referred to and none is called the correction's own."""
    own = next((one.number for one in found if same_number(one.number, named)), None)
    if own is None:
        if any(one.of in (Numbers.CORRECTION, Numbers.DOCUMENT) for one in found):
            return list(found)
        referred = list(dict.fromkeys(one.number for one in found if one.of is Numbers.REFERRED))
        if len(referred) < 2:
            return list(found)
        own = referred[0]
    return [
        replace(one, of=Numbers.CORRECTION) if same_number(one.number, own) else one
        for one in found
    ]


def _first(found: Sequence[FoundNumber], of: tuple[Numbers, ...]) -> str | None:
    return next((one.number for one in found if one.of in of), None)


# --- parties --------------------------------------------------------------------------------

TAX_ID = re.compile(
    r"(?<![a-z])(?:(?P<nip>nip|vat[ -]?(?:id|ue|no|reg|number|eu)?|tax id|іпн|ust-?idn?r?|eu vat)"
    r"|(?P<ico>ico|ic)|(?P<dic>ic dph|dic)|(?P<hu>(?:kozossegi )?adoszam(?:a)?))"
    r"[a-z. /()]{0,20}[:.#№ ]{0,4}(?P<id>[a-z]{0,2} ?\d[\d \-]{6,16}\d)(?!\d)"
)
BUYER_WORD = re.compile(
    r"(?<![a-z])(?:nabywca|kupujacy|odberatel|kupujici|kupujuci|zakaznik|vevo|vasarlo|kaufer|"
    r"rechnungsempfanger|kunde|buyer|bill(?:ed)? to|invoice to|sold to|customer|покупець|одержувач)"
    r"(?![a-z])"
)
SELLER_WORD = re.compile(
    r"(?<![a-z])(?:sprzedawca|wystawca|dodavatel|prodavajici|predavajuci|predajca|elado|kibocsato|"
    r"szallito|verkaufer|rechnungssteller|lieferant|seller|supplier|sold by|продавець|постачальник)"
    r"(?![a-z])"
)


def tax_ids(folded: str) -> tuple[str | None, str | None]:
    """Seller's and buyer's, told apart by which word stands nearer before them."""
    seller: str | None = None
    buyer: str | None = None
    buyers = [match.start() for match in BUYER_WORD.finditer(folded)]
    sellers = [match.start() for match in SELLER_WORD.finditer(folded)]
    found: list[tuple[int, str]] = []
    for match in TAX_ID.finditer(folded):
        identity = tax_id_in(match)
        if identity and identity not in (one for _, one in found):
            found.append((match.start(), identity))
    side_by_side = (
        bool(buyers and sellers)
        and "\n" not in folded[min(buyers[0], sellers[0]) : max(buyers[0], sellers[0])]
    )
    for place, identity in found:
        last_buyer = max((start for start in buyers if start < place), default=-1)
        last_seller = max((start for start in sellers if start < place), default=-1)
        if side_by_side and seller is None:
            seller = identity  # two columns: the seller's comes first
        elif last_buyer > last_seller:
            buyer = buyer or identity
        else:
            seller = seller or identity
    return seller, buyer if buyer != seller else None


def tax_id_in(match: re.Match[str]) -> str | None:
    """The id that was matched, without blanks; ``None`` when its check digit is wrong."""
    raw = re.sub(r"[ \-]", "", match["id"]).upper()
    country, digits = (raw[:2], raw[2:]) if raw[:2].isalpha() else ("", raw)
    if country in ("", "PL") and is_nip(digits):
        return digits
    if match["hu"] and is_adoszam(digits):
        return country + digits
    if (match["ico"] or match["dic"]) and (is_ico(digits[-8:]) or len(digits) in (9, 10)):
        return country + digits
    if country and country != "PL" and 8 <= len(digits) <= 12:
        return country + digits
    return None


NOT_A_NAME = re.compile(
    r"(?:nip|ico|dic|ul\.|tel|e-?mail|adres|address|sprzedawca|data|odbiorca|platnik|nr|lp|:|"
    r"vat|regon|konto|bank|iban|seller|dodavatel|elado|verkaufer|продавець)"
)


def buyer_name(text: str, folded: str) -> str | None:
    """The words after "Nabywca:" on its line, else the line below."""
    match = BUYER_WORD.search(folded)
    if match is None:
        return None
    line_end = folded.find("\n", match.end())
    line_end = len(folded) if line_end < 0 else line_end
    candidates = [text[match.end() : line_end]]
    next_end = folded.find("\n", line_end + 1)
    candidates.append(text[line_end + 1 : next_end if next_end > 0 else len(text)])
    for candidate in candidates:
        name = re.split(r"\s{3,}|,|;|\bNIP\b|\bDIČ\b|\bIČO?\b|\bSprzedawca\b", candidate)[0]
        name = name.strip(" :.-–|\t/")
        letters = sum(letter.isalpha() for letter in name)
        if letters >= 4 and len(name) <= 80 and letters >= len(name) * 0.6:
            if NOT_A_NAME.match(plain(name)):
                continue
            return name
    return None


# --- amounts --------------------------------------------------------------------------------

CURRENCY = (
    (re.compile(r"pln|zl(?![a-z])|zlotych"), "PLN"),
    (re.compile(r"czk|kc(?![a-z])"), "CZK"),
    (re.compile(r"eur|€"), "EUR"),
    (re.compile(r"huf|ft(?![a-z])|forint"), "HUF"),
    (re.compile(r"uah|грн|₴"), "UAH"),
    (re.compile(r"usd|\$"), "USD"),
    (re.compile(r"gbp|£"), "GBP"),
)
AMOUNT = re.compile(
    r"(?<![\d.,/\-])-?\d{1,3}(?:(?:[ .,']\d{3}){1,3}|\d{0,6})(?:[.,]\d{1,2})?(?![\d/])(?! ?%)"
)
# Best first: what is to be paid, then the gross sum, then any sum.
TOTAL_WORDS = (
    re.compile(
        r"(?:razem |kwota )?do zaplaty|pozostalo do zaplaty|celkem k uhrade|k uhrade(?: celkem)?|"
        r"(?:spolu )?(?:na|k) uhrad[eu]|fizetendo(?: osszeg| vegosszeg)?|zu zahlen(?:der betrag)?|"
        r"(?:total )?amount due|balance due|amount payable|до сплати|(?:kwota|suma) korekty"
    ),
    re.compile(
        r"(?:razem|suma|wartosc|ogolem) brutto|brutto (?:razem|ogolem)|celkem s dph|celkom s dph|"
        r"spolu s dph|brutto (?:osszesen|vegosszeg)|gesamt(?:betrag|summe)|rechnungsbetrag|"
        r"endbetrag|"
        r"grand total|total gross|invoice total|total incl[a-z.]*|всього (?:з|із) пдв|разом з пдв"
    ),
    re.compile(
        r"(?<![a-z])(?:razem|suma|ogolem|celkem|celkom|spolu|osszesen|vegosszeg|summe|gesamt|total|"
        r"zaplacono|разом|всього|усього|сума)(?![a-z])"
    ),
)


def amount_of(words: str) -> Decimal | None:
    """A printed amount as a number: ``1 234,50``, ``1.234,50``, ``1,234.50``, ``12 990``."""
    digits = re.sub(r"[ '\u00a0]", "", words)
    comma, dot = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and dot >= 0:
        thousands = "," if dot > comma else "."
        digits = digits.replace(thousands, "")
    separator = "," if "," in digits else "."
    head, _, tail = digits.rpartition(separator)
    if head and len(tail) == 3 and separator == ".":  # 12.990 Ft
        digits = head.replace(separator, "") + tail
    else:
        digits = digits.replace(",", ".")
    try:
        return Decimal(digits)
    except InvalidOperation:
        return None


def total_of(folded: str) -> tuple[Decimal | None, str | None]:
    """The gross total and its currency."""
    for words in TOTAL_WORDS:
        for match in reversed(list(words.finditer(folded))[-12:]):
            line_end = folded.find("\n", match.end())
            line = folded[match.end() : line_end if line_end > 0 else len(folded)]
            if not AMOUNT.search(line) and line_end > 0:  # the amount is on the next line
                after = folded.find("\n", line_end + 1)
                line = folded[match.end() : after if after > 0 else len(folded)]
            amounts = [
                (value, found.end())
                for found in AMOUNT.finditer(line[:160])
                if re.search(r"[.,]\d{2}$", found[0]) or _currency_near(line, found.end())
                if (value := amount_of(found[0]))  # "left to pay: 0,00" is no total
            ]
            if amounts:
                # Of net, tax and gross in one row the gross is the largest.
                value, end = max(amounts, key=lambda one: abs(one[0]))
                return value, _currency_near(line, end) or _only_currency(folded)
    return None, None


def _currency_near(line: str, end: int) -> str | None:
    near = line[end : end + 6].lstrip()
    return next((code for pattern, code in CURRENCY if pattern.match(near)), None)


def _only_currency(folded: str) -> str | None:
    named = {code for pattern, code in CURRENCY if pattern.search(folded)}
    return named.pop() if len(named) == 1 else None

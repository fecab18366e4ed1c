"""Numbers of invoices, corrections and receipts, as shops and ledgers print them.

In:  text of a mail or a document, or a file name.
Out: the numbers in it, each with what it numbers: the document itself, the invoice that a
     correction refers to, a proforma.

Pure. A number is believed where a word for a document stands next to it; the shapes alone
(``12/11/2026``, ``2026-551``, ``FA000871``) are also those of dates, orders and parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from awizo.triage.invoice_words import (
    EITHER_WORD,
    FOREIGN_SYMBOL,
    LABEL,
    NUMBER_WORD,
    REFERRED_ONLY,
    TITLE_WORD,
)
from awizo.triage.tables import Row, rows_in
from awizo.triage.words import clean, plain


class Numbers(StrEnum):
    """What a found number is the number of."""

    DOCUMENT = "document"
    CORRECTION = "correction"
    RECEIPT = "receipt"
    PROFORMA = "proforma"
    REFERRED = "referred"  # an earlier document that this one corrects or goes with


@dataclass(frozen=True, slots=True)
class FoundNumber:
    number: str
    of: Numbers
    start: int
    labelled: bool  # a word such as "nr" or "no." stands before it


SEPARATORS = re.compile(r"[\s/\\_.\-–—#]+")

# A word in front of the number is part of it when it is short and upper case: "FS 64/M2/2026".
_UPPER = "A-ZĄĆĘŁŃÓŚŹŻČĎĚŇŘŠŤŮÝÁÉÍÚÔĹĽŔÖÜŐŰÄА-ЯІЇЄҐ"
NUMBER = re.compile(
    r"(?<![^\W_])"
    r"(?:(?!A[ \u00a0]{1,2}[^\W\d_])"  # the Hungarian article
    rf"(?P<prefix>[{_UPPER}]{{1,6}}(?:[-/][{_UPPER}]{{1,4}}){{0,2}})[ \u00a0]{{1,2}})?"
    r"#?(?=[^\s]{0,40}\d)"
    r"(?P<core>[^\W_]{1,24}(?:(?:[/\\_\-.–]| / (?=\d))[^\W_]{1,20}){0,7})"
)
_DAY, _MONTH = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
DATE = re.compile(
    rf"(?:{_DAY}[.\-]{_MONTH}[.\-](?:(?:19|20)\d\d|\d\d)|(?:19|20)\d\d[.\-/]{_MONTH}[.\-/]{_DAY}|"
    rf"{_DAY}/{_MONTH}/(?:19|20)\d\d \d\d?)$"
)
KSEF = re.compile(r"\d{10}-20\d{6}(?:-|$)")  # the number that the tax office gave
MONEY = re.compile(r"\d{1,7}\.\d{2}$")
YEAR = re.compile(r"(?:19|20)\d\d$")
MONEY_AFTER = re.compile(
    r"(?:,\d{1,2}(?![\d/])|,-)|(?:[ \u00a0]\d{3})?(?:,\d\d)?[ \u00a0]?"
    r"(?:zl|pln|kc|czk|eur|€|ft|huf|грн|uah|usd|\$|%)(?![a-zа-я])"
)

ACCOUNT_IN_GROUPS = re.compile(r"(?:[A-Z]{2})?\d{2} \d{4} \d{4} \d{4}(?!\d)")
IN_GROUPS = re.compile(r"\+?\d{2,3}(?:[ \u00a0-]\d{2,3}){2,3}(?![\w/-])")  # as phones are
LABEL_SPAN = 110  # characters of a label that are looked at, before the number
# A Hungarian number stands before its noun: "az E-2026-12 sorszámú számla".
AFTER = re.compile(r"[ ,]{1,2}(?:(?:sor)?szamu |sz\. |szamon )?(?:e-)?(?:vegszamla|szaml|nyugt)")

# Prefixes that ledgers print on sales documents, believed without a word next to them.
BARE = re.compile(
    r"(?<![\w/\-])(?P<number>(?:FVS|FVAT|FVK|FVZ|FVM|FV|FZAL|FSL|FS|FAK|FAV|FA|KFS|KFV|KFA|KFZ|KOR|INV|RINV|"
    r"ACC-SINV|RE|RG)"
    r"(?:[ /\-_]{0,2}[A-Z]{1,4}(?=[/\-_ ]))?[ /\-_#]{0,2}\d{1,10}"
    r"(?:[/\-_][A-Z0-9]{1,8}){0,5})(?![\w])"
)
# FVK numbers invoices in some ledgers: there the words say that it is a correction.
BARE_CORRECTION = re.compile(r"(?:Z?KFS|KFV|KFA|KFZ|KOR|FKOR|FSK|KF|FK|RINV|FVK|RK)(?![A-Z])")


def normalised_number(number: str) -> str:
    """A number without its looks: ``FV 12/11/2026``, ``FV_12_11_2026`` and ``FV-12-11-2026``
    are the same one. Digits of neighbouring groups never run together."""
    joined = SEPARATORS.sub("/", plain(clean(number)).strip()).strip("/").upper()
    return re.sub(r"(?<=[^\d/])/?(?=\d)|(?<=\d)/?(?=[^\d/])", "", joined)


def same_number(one: str | None, other: str | None) -> bool:
    return bool(one and other) and normalised_number(one or "") == normalised_number(other or "")


def numbers_in(text: str) -> list[FoundNumber]:
    """Numbers that a word for a document introduces, in order of appearance."""
    text = clean(text)
    folded = plain(text)
    found: list[FoundNumber] = []
    taken = 0
    for match in NUMBER.finditer(text):
        if not any(letter.isdigit() for letter in match["core"]):
            continue
        for start in _starts(match, text):
            if start < taken:
                continue
            labelled = _labelled(text, folded, start, match.end())
            if labelled is not None:
                found.append(labelled)
                taken = match.end()
                break
    return found


def _starts(match: re.Match[str], text: str) -> tuple[int, ...]:
    """Where the number may begin: with its prefix word when that is upper case, or after it."""
    core = match.start("core")
    core -= core > 0 and text[core - 1] == "#"
    prefix = match["prefix"]
    if prefix and prefix.isupper() and not _is_label_word(prefix, match["core"]):
        return (match.start(), core)
    return (core,)


def _is_label_word(prefix: str, core: str) -> bool:
    """``NR``, ``VAT``, ``MARŻA``, ``KOPIA`` in capitals are words of the title."""
    word = plain(prefix)
    if word in EITHER_WORD:
        return core[0].isalpha()
    return TITLE_WORD.fullmatch(word) is not None


def _labelled(text: str, folded: str, start: int, end: int) -> FoundNumber | None:
    number = trimmed(text[start:end])
    if not number or FOREIGN_SYMBOL.match(number) or _is_money(folded, start + len(number)):
        return None
    before = _words_before(folded, start)
    label = LABEL.search(before)
    if label is None:
        return _away_from_noun(text, folded, start, number, before)
    if label["no_sale"] is not None or (label["short"] is not None and label["nr"] is None):
        return None
    labelled = label["nr"] is not None or before.rstrip(" ").endswith(
        (":", "#", "№", "nr", "nr.", "nummer")
    )
    if label["nr"] is None and IN_GROUPS.match(text, start):
        return None  # "Questions about the invoice: 123 456 789"
    if ACCOUNT_IN_GROUPS.match(text, start):
        return None  # "Numer rachunku: 18 1600 1462 6243 …": the word for a bill is a bank's too
    if not (plausible(number) or (labelled and _no_date(number, folded, start))):
        return None
    if not (labelled or looks_numbered(number)):
        return None
    if label["account"] and not re.search(r"[^\W\d]|/", number):
        return None  # the same word is a bank account's
    return FoundNumber(number, _numbered(label, number), start, labelled)


def _numbered(label: Any, number: str) -> Numbers:
    """What a label says that *number* is the number of."""
    if label["proforma"]:
        return Numbers.PROFORMA
    refers = label["refers"]
    if refers and refers.strip() == "to" and POLISH_CORRECTION.match(label["correction"] or ""):
        return Numbers.CORRECTION  # "the mended record is (to) faktura korygująca KOR/9"
    if label["earlier"] or (refers and not _own_after_all(refers, number)):
        return Numbers.REFERRED
    if label["correction"] or (refers and BARE_CORRECTION.match(number)):
        return Numbers.CORRECTION
    return Numbers.RECEIPT if label["receipt"] else Numbers.DOCUMENT


POLISH_CORRECTION = re.compile(r"(?:faktura )?koryg|korekta")


def kind_of_label(folded: str, number: str) -> Numbers | None:
    """What the head of a column says that *number* in a cell below it is the number of."""
    label = LABEL.search(folded.strip(" :.") + " ")
    if label is None or label["no_sale"] or label["short"] or FOREIGN_SYMBOL.match(number):
        return None
    return _numbered(label, number)


def _words_before(folded: str, start: int) -> str:
    """What stands before a number: its line and the one above (a table), never further away.

    A line that holds nothing but "nr" does not count.
    """
    lines = folded[max(0, start - LABEL_SPAN) : start].split("\n")
    if len(lines) > 1 and "\t" in lines[-2] and _is_row(folded, start):
        return lines[-1].replace("\t", " | ")  # the row above is the head of other columns
    lines = [*(line for line in lines[:-1] if line.strip()), lines[-1]]
    kept = 3 if len(lines) > 2 and NUMBER_WORD.fullmatch(lines[-2]) else 2
    return " ".join(lines[-kept:]).replace("\t", " | ")


def _is_row(folded: str, start: int) -> bool:
    end = folded.find("\n", start)
    begin = folded.rfind("\n", 0, start)
    return "\t" in folded[begin + 1 : end if end >= 0 else len(folded)]


def _away_from_noun(
    text: str, folded: str, start: int, number: str, before: str
) -> FoundNumber | None:
    """A number whose noun stands behind it, or that is only referred to."""
    if AFTER.match(folded, start + len(number)) and looks_numbered(number):
        return FoundNumber(number, Numbers.DOCUMENT, start, labelled=False)
    if BARE.match(text, start) and REFERRED_ONLY.search(before):
        return FoundNumber(number, Numbers.REFERRED, start, labelled=False)
    return None


def _own_after_all(refers: str, number: str) -> bool:
    """ "Korekta faktury KFS 41/2026": the word that would refer is the title, since the number's
    symbol is a correction's."""
    return refers.startswith(("korekt", "oprav")) and BARE_CORRECTION.match(number) is not None


def _is_money(folded: str, end: int) -> bool:
    return MONEY_AFTER.match(folded, end) is not None


def _no_date(number: str, folded: str, start: int) -> bool:
    """ "Faktura nr 12-11-2026": nobody calls a date a number, where both stand on one line."""
    return (
        "-" in number
        and DATE.match(number) is not None
        and re.search(r"(?:nr|numer|c|no|nummer|sz)[.: ]{1,2}$", folded[max(0, start - 9) : start])
        is not None
    )


LONE_SIGN = re.compile(r"#[A-Z]{0,4}\d+")


def trimmed(number: str) -> str:
    """Without the full stop of its sentence and without trailing words that hold no digit."""
    number = re.sub(r" / ", "/", number.strip()).rstrip(".-–_/\\")
    number = COPY_MARK.sub("", number)
    if LONE_SIGN.fullmatch(number):  # "invoice #10234": the sign is the label's
        number = number.lstrip("#")
    return number if any(letter.isdigit() for letter in number) else ""


def plausible(number: str) -> bool:
    """May be a number when a label says so: no date, no price, no bare year."""
    bare = number.lstrip("#")
    return (
        len(number) <= 40
        and not DATE.match(bare)
        and not MONEY.match(bare)
        and not YEAR.match(bare)
        and not KSEF.match(bare)
        and not bare[0].islower()
    )


def looks_numbered(number: str) -> bool:
    """Is a number even without "nr": has parts, a prefix, or at least four digits."""
    if not plausible(number):
        return False
    digits = sum(letter.isdigit() for letter in number)
    parts = len([part for part in re.split(r"[/\\_\-. ]", number) if part])
    return digits >= 4 or (parts >= 2 and digits >= 2 and bool(re.search(r"[/_\-\\ ]", number)))


def bare_numbers(text: str) -> list[FoundNumber]:
    """Numbers whose prefix alone says that they number a sales document: ``FS 64/M2/10/2026``."""
    return [
        FoundNumber(
            match["number"],
            Numbers.CORRECTION if BARE_CORRECTION.match(match["number"]) else Numbers.DOCUMENT,
            match.start(),
            labelled=False,
        )
        for match in BARE.finditer(clean(text))
        if sum(letter.isdigit() for letter in match["number"]) >= 3
    ]


# "Number: BP/118/26", with the document named in another sentence.
BARE_WORD = re.compile(
    r"(?:^|[^\w])(?:numer|nr|cislo|sorszama?|nummer|number|номер)[ :.]{1,3}(?=[^\s]{0,20}\d)"
    r"(?P<number>[^\W_]{1,10}(?:[/\-][^\W_]{1,10}){1,4})(?!\w)"
)
OF_SOMETHING_ELSE = re.compile(
    r"(?:paragon|receipt|uctenk|nyugt|bon|чек|zamow|objednav|rendel|bestell|order|замовл|paczk|przesyl|zasil|csomag|paket|parcel|"
    r"посилк|klient|konta|rachunku|uctu|telef|tel\.|kont[oa])\w*[ :.]*$"
)


# "Here is your invoice for the chair (HH-2026-00415)".
IN_BRACKETS = re.compile(
    r"(?:faktur|invoice|rechnung|szaml|рахун|фактур)[^.!?\n()]{0,60}"
    r"\((?P<number>[^\W_]{1,10}(?:[/\-][^\W_]{1,10}){1,4})\)"
)


def numbers_away_from_word(text: str) -> list[FoundNumber]:
    """Numbers in parts that stand a little away from the word for their document.

    In brackets behind it, else behind a bare "number" that nothing else is the number of.
    """
    text = clean(text)
    folded = plain(text)
    return _in_brackets(text, folded) or numbers_behind_bare_word(text)


def _in_brackets(text: str, folded: str) -> list[FoundNumber]:
    return [
        FoundNumber(number, Numbers.DOCUMENT, match.start("number"), labelled=False)
        for match in IN_BRACKETS.finditer(folded)
        if looks_numbered(number := text[match.start("number") : match.end("number")])
    ]


def numbers_behind_bare_word(text: str) -> list[FoundNumber]:
    """Numbers behind a bare "number" that nothing else is the number of."""
    folded = plain(text)
    return [
        FoundNumber(number, Numbers.DOCUMENT, match.start("number"), labelled=True)
        for match in BARE_WORD.finditer(folded)
        if looks_numbered(number := trimmed(text[match.start("number") : match.end("number")]))
        and not OF_SOMETHING_ELSE.search(folded[max(0, match.start() - 20) : match.start() + 1])
    ]


COPY_MARK = re.compile(
    r"[/_\-. ](?:oryginał|oryginal|original|kopia|copy|duplikat|pdf)$", re.IGNORECASE
)
NAME_WORDS = re.compile(
    r"^(?:kopia|copy|duplikat|oryginal|original|faktur[a-z]{0,4}|fakt|vat|nr|invoice|szamla|"
    r"rechnung|"
    r"e-?faktura|korekt[a-z]{0,3}|korygujaca|doklad|danovy|dobropis|opravny|credit|note|memo|"
    r"nyugta|"
    r"receipt|paragon|uctenka|e|pdf|document|dokument|sprzedazy|gutschrift|stornorechnung|"
    r"фактура|рахунок|рахунок-фактура|інвойс|чек)$"
)
HASH_NAME = re.compile(
    r"[0-9a-f]{12,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


# What scanners and telephones call their files; their figures are dates and counters.
SCAN_NAME = re.compile(
    r"(?:scan|skan|scn|img|image|photo|foto|zdjecie|dsc|pxl|doc|document|dokument|camscanner|"
    r"adobe scan|screenshot)[ _-]?(?:\d|$)|\d{8}[_-]\d{4,6}$"
)


def number_in_name(name: str) -> str | None:
    """The number that a file name spells, its ``/`` written as ``_`` or ``-``; best guess.

    ``FV_12_11_2026.pdf`` → ``FV 12/11/2026``; ``faktura_2026-551.pdf`` → ``2026-551``.
    """
    stem = clean(name).rsplit("/", 1)[-1]
    stem = re.sub(r"\.(?:pdf|p7m|xml)$", "", stem, flags=re.IGNORECASE)
    stem = COPY_MARK.sub("", re.sub(r"[ _]?\(\d{1,2}\)$", "", stem))
    if HASH_NAME.fullmatch(stem.lower()) or SCAN_NAME.match(stem.lower()) or KSEF.match(stem):
        return None
    words = [word for word in re.split(r"[_\s]+", stem) if word]
    called: list[str] = []
    while words and _is_name_word(plain(words[0])):
        called.append(plain(words.pop(0)))
    while words and "-" in words[0] and _is_name_word(plain(words[0].partition("-")[0])):
        first, _, words[0] = words[0].partition("-")
        called.append(plain(first))
    kept = "_".join(words).strip("_-()")
    if not any(letter.isdigit() for letter in kept) or FOREIGN_SYMBOL.match(kept):
        return None
    if not (called and called[-1] in NAME_NUMBER) and not looks_numbered(kept):
        return None
    if re.search(r"[^\W\d_]{7,}|[^\W\d_]{3,}-[^\W\d_]{3,}[_ ]", kept):  # words, not a prefix
        return None
    if CORRECTS_NAMED.match(" ".join(called)) and not BARE_CORRECTION.match(kept):
        return None  # "korekta_faktury_FV_12" names the invoice that it corrects
    prefix, separator, rest = kept.partition("_")
    if separator and prefix.isalpha() and prefix not in ("INV", "RINV"):
        return f"{prefix} {rest.replace('_', '/')}"
    return kept.replace("_", "/")


NAME_NUMBER = frozenset({"nr", "c", "no", "numer", "cislo"})
CORRECTS_NAMED = re.compile(r"korekt\w* (?:vat )?faktur|oprav\w* faktury|storno \w*rechnung")


def _is_name_word(word: str) -> bool:
    """A word of the title, as file names have them; a symbol of the number is none."""
    if NAME_WORDS.match(word) or word in NAME_NUMBER:
        return True
    return len(word) >= 4 and word not in EITHER_WORD and TITLE_WORD.fullmatch(word) is not None


# --- in tables ------------------------------------------------------------------------------------


def numbers_of_row(row: Row) -> list[FoundNumber]:
    """Numbers in a column whose head calls them a document's: "Faktura", "Nr dokladu"."""
    found: list[FoundNumber] = []
    for index, (start, cell) in enumerate(row.cells):
        head = row.head_of(index)
        if not head or len(cell) > 40 or NUMBER.fullmatch(cell) is None:
            continue
        of = kind_of_label(plain(head), cell)
        if of is not None and looks_numbered(cell):
            found.append(FoundNumber(cell, of, start, labelled=True))
    return found


def numbers_in_tables(text: str) -> list[FoundNumber]:
    return [number for row in rows_in(text) for number in numbers_of_row(row)]

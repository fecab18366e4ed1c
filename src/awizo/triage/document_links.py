"""Find the links of a mail that lead to an invoice or a receipt.

In:  the links of the new text, the text, the list of document hosts.
Out: DocumentLinks, the address as it stands in the mail.

Pure. A host of the list is believed by the form of its address. For any other host the label,
the address or the words before it must speak of a document, and the address must lead to one
thing: "faktura" stands in nearly every mail, most often beside the way to the order history.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import re2

from awizo.errors import RuleError
from awizo.model import DocumentLink, Kind, Link
from awizo.triage.invoice_numbers import (
    BARE,
    Numbers,
    normalised_number,
    numbers_in,
    numbers_of_row,
    plausible,
)
from awizo.triage.link_words import (
    ABOUT_INVOICES,
    ADVANCE_INVOICE,
    CAMPAIGN,
    CONDITION,
    EITHER_WORD,
    FETCH_WORD,
    FORM_LABEL,
    FORM_PATH,
    GENERIC_WORDS,
    HOST_EITHER,
    HOST_INVOICE,
    HOST_RECEIPT,
    INVOICE_WORD,
    LABEL_SIGNS,
    LABEL_WORD,
    LEAD_WORD,
    MY_PLACE,
    OTHER_LABEL,
    OTHER_PAPER,
    OTHER_PATH,
    PATH_EITHER,
    PATH_INVOICE,
    PATH_RECEIPT,
    PAY_LABEL,
    PROFORMA,
    QUERY_ID,
    RECEIPT_WORD,
    REDIRECTS,
    SHOP_ROUTE,
    SLUG,
    SPECIFIC,
    TOKEN,
)
from awizo.triage.tables import Row, row_at, rows_in
from awizo.triage.urls import split_url
from awizo.triage.words import clean, plain

KINDS: Mapping[str, Kind | None] = {
    "invoice": Kind.INVOICE_LINK,
    "receipt": Kind.RECEIPT_LINK,
    "either": None,
    "none": None,
}
BEFORE_CHARS = 320
AFTER_CHARS = 90
SHORT_LEAD = 48  # characters of "Download the PDF here:"


@dataclass(frozen=True, slots=True)
class HostRule:
    host: str
    path: Any  # compiled, None takes every path but the front page
    kind: Kind | None
    never: bool = False  # shows no document, whatever is said about it


@dataclass(frozen=True, slots=True)
class Hosts:
    """Document hosts by domain, the most particular domain first when looked up."""

    rules: Mapping[str, tuple[HostRule, ...]]

    def rule_for(self, host: str, rest: str) -> HostRule | None:
        """The rule whose host is this one or a domain above it and whose path fits."""
        labels = host.split(".")
        for start in range(len(labels) - 1):
            for rule in self.rules.get(".".join(labels[start:]), ()):
                if rule.path is None:
                    if rest.strip("/?#"):
                        return rule
                elif rule.path.search(rest):
                    return rule
        return None

    def knows(self, host: str) -> bool:
        """The host is one of an invoicing program, though the form of the address is new."""
        labels = host.split(".")
        return any(".".join(labels[start:]) in self.rules for start in range(len(labels) - 1))


def compile_hosts(text: str, *, name: str = "hosts.toml", extra: Iterable[str] = ()) -> Hosts:
    """Compile the list; *extra* hosts show documents on every path (``policy.link_hosts``).

    Raises:
        RuleError: Names the file, the host and the words that are wrong.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: {error}") from error
    rules: dict[str, list[HostRule]] = {}
    for entry in data.get("host", ()):
        host = str(entry.get("host", "")).lower().removeprefix("*.")
        label = f"{name}: host {host or '?'}"
        if unknown := set(entry) - {"host", "path", "kind"}:
            raise RuleError(f"{label}: unknown field {min(unknown)}")
        if "." not in host:
            raise RuleError(f"{label}: needs a domain name")
        if entry.get("kind") not in KINDS:
            raise RuleError(f"{label}: kind must be one of {', '.join(KINDS)}")
        try:
            path = re2.compile(entry["path"]) if entry.get("path") else None
        except re2.error as error:
            raise RuleError(f"{label}: {entry['path']}: {error}") from error
        rules.setdefault(host, []).append(
            HostRule(host, path, KINDS[entry["kind"]], never=entry["kind"] == "none")
        )
    for host in extra:
        wanted = host.lower().removeprefix("*.")
        rules.setdefault(wanted, []).append(HostRule(wanted, None, None))
    return Hosts({host: tuple(of_host) for host, of_host in rules.items()})


# --- words ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Words:
    """What the surroundings of a link speak of."""

    invoice: bool
    receipt: bool
    proforma: bool

    @property
    def document(self) -> bool:
        return self.invoice or self.receipt


def _words(folded: str) -> _Words:
    folded = ABOUT_INVOICES.sub(" ", folded)
    without = ADVANCE_INVOICE.sub(" ", folded)
    invoice = INVOICE_WORD.search(without) is not None
    receipt = RECEIPT_WORD.search(folded) is not None
    if not (invoice or receipt) and EITHER_WORD.search(folded):
        invoice = receipt = True
    return _Words(invoice, receipt, proforma=PROFORMA.search(folded) is not None)


@dataclass(frozen=True, slots=True)
class _Mail:
    """The text that links stand in, read once for all of them."""

    text: str
    folded: str
    subject: _Words
    rows: Sequence[Row]
    hosts: Hosts


@dataclass(frozen=True, slots=True)
class _Placed:
    """A link, its plain label, and where it stands in the text (-1: nowhere)."""

    link: Link
    label: str
    place: int
    row: Row | None


def find_document_links(
    text: str, folded: str, links: Sequence[Link], hosts: Hosts
) -> tuple[DocumentLink, ...]:
    """Links to sales documents, each address once, in the order of the mail.

    Args:
        text: Subject (its first line) and new text, clean; *folded* its plain form.
    """
    found: dict[str, DocumentLink] = {}
    mail = _Mail(text, folded, _words(folded.partition("\n")[0]), rows_in(text), hosts)
    cursor = text.find("\n") + 1
    for link in links:
        place = _place(link, text, cursor)
        cursor = max(cursor, place + 1)
        if link.url in found or not link.url.lower().startswith(("http://", "https://")):
            continue
        placed = _Placed(link, _label(link), place, row_at(place, mail.rows))
        kind = _kind_of(placed, mail)
        if kind is not None:
            found[link.url] = DocumentLink(url=link.url, kind=kind, number=_number_of(placed, mail))
    return tuple(found.values())


def _label(link: Link) -> str:
    label = plain(clean(link.label))
    # Of a bare address the words are those of the path.
    return "" if label.startswith(("http://", "https://", "www.")) else label


def _kind_of(placed: _Placed, mail: _Mail) -> Kind | None:
    link, label = placed.link, placed.label
    parts = split_url(link.url)
    if parts is None:
        return None
    host = (parts.hostname or "").lower()
    rest = parts.path + ("?" + parts.query if parts.query else "")
    rest += "#" + parts.fragment if parts.fragment else ""
    rest = CAMPAIGN.sub("", rest)
    address = plain(unquote(rest))
    rule = mail.hosts.rule_for(host, rest)
    said = _words(label)
    if said.proforma or PROFORMA.search(address) or (rule is not None and rule.never):
        return None
    if rule is not None:
        return _by_rule(rule, placed, said, address, mail)
    if OTHER_LABEL.search(label) or not rest.strip("/?#"):
        return None
    if FORM_LABEL.search(label) or FORM_PATH.search(address.partition("?")[0]):
        return None
    if PAY_LABEL.search(label) and not said.document:
        return None
    in_path = _words_of_address(host, address)
    one = TOKEN.search(rest) is not None and FETCH_WORD.search(label) is not None
    if _leads_elsewhere(host, address, said, in_path, opens_one=one):
        return None
    if not SPECIFIC.search(unquote(rest)) or (SLUG.search(address) and not in_path.document):
        return None
    if said.document or in_path.document:
        around = _around(placed, mail)
        if around.proforma and not around.document:
            return None
        return _choose((said, in_path, around, mail.subject))
    if OTHER_PAPER.search(label):
        return None
    at_home = mail.hosts.knows(host) and TOKEN.search(rest) is not None
    if not (at_home or _is_generic(placed.link.label)):
        return None
    # "Your e-receipt is waiting at https://…": the words right before a bare address.
    around = _around(placed, mail)
    if around.proforma and not around.document:
        return None
    if not around.document and not (at_home and mail.subject.document):
        return None
    return _choose((around, mail.subject))


def _words_of_address(host: str, address: str) -> _Words:
    in_path = _Words(
        invoice=(PATH_INVOICE.search(address) or HOST_INVOICE.search(host)) is not None,
        receipt=(PATH_RECEIPT.search(address) or HOST_RECEIPT.search(host)) is not None,
        proforma=False,
    )
    if not in_path.document and (PATH_EITHER.search(address) or HOST_EITHER.search(host)):
        return _Words(invoice=True, receipt=True, proforma=False)
    return in_path


def _leads_elsewhere(
    host: str, address: str, said: _Words, in_path: _Words, *, opens_one: bool
) -> bool:
    """Args: opens_one: The label says "open", and the address has a part like no other."""
    address = SHOP_ROUTE.sub("/", address)
    of_one = (in_path.document and QUERY_ID.search(address)) or (said.document and opens_one)
    elsewhere = OTHER_PATH.search(MY_PLACE.sub("/", address) if of_one else address)
    redirects = REDIRECTS.search(host + address) is not None
    return bool(elsewhere) and not (said.document and redirects)


def _is_generic(label: str) -> bool:
    """A label that names no thing: none, "pobierz", "zobrazit a stáhnout", a document's number."""
    words = plain(clean(label))
    if not words or words.startswith(("http://", "https://", "www.")):
        return True
    if BARE.fullmatch(clean(label).strip(" .[]()")):
        return True
    words = LABEL_SIGNS.sub(" ", words)
    found = LABEL_WORD.findall(words)
    return len(found) <= 8 and all(word in GENERIC_WORDS for word in found) and bool(found)


def _by_rule(
    rule: HostRule, placed: _Placed, said: _Words, address: str, mail: _Mail
) -> Kind | None:
    if rule.path is None and (OTHER_PATH.search(address) or OTHER_LABEL.search(placed.label)):
        return None
    if rule.kind is not None:
        return rule.kind
    around = _around(placed, mail)
    if (around.proforma and not around.document) or OTHER_PATH.search(address):
        return None
    in_path = _Words(False, PATH_RECEIPT.search(address) is not None, False)
    return _choose((said, in_path, around, mail.subject))


def _choose(voices: Iterable[_Words]) -> Kind:
    """The first voice that speaks of one of the two; invoices are the rule."""
    for words in voices:
        if words.invoice != words.receipt:
            return Kind.RECEIPT_LINK if words.receipt else Kind.INVOICE_LINK
    return Kind.INVOICE_LINK


def _place(link: Link, text: str, cursor: int) -> int:
    """Where the link stands in the text: its address, else its label; -1 when neither does.

    Of several "download" the one behind the links before it.
    """
    place = text.find(link.url)
    if place >= 0 or not link.label:
        return place
    label = clean(link.label).strip()
    place = text.find(label, cursor)
    return place if place >= 0 else text.find(label)


def _around(placed: _Placed, mail: _Mail) -> _Words:
    """What is said about a link: by its row of a table, by the sentence before it or behind it."""
    if placed.row is not None:
        in_row = _words_of_row(placed, placed.row)
        if in_row is not None:
            return in_row
    before = _before(placed, mail)
    if before.document or before.proforma:
        return before
    return _behind(placed, mail)


def _words_of_row(placed: _Placed, row: Row) -> _Words | None:
    """What the row says, else the head of a column in which it has a number; ``None`` when it
    is a frame for layout only."""
    others = [cell for start, cell in row.cells if start != placed.place]
    cells = plain(" ".join(others))
    said = _words(cells)
    if said.document or said.proforma:
        return said
    if OTHER_PAPER.search(cells):
        return _Words(False, False, False)
    mine = next((n for n, (start, _) in enumerate(row.cells) if start == placed.place), -1)
    head = _words(plain(row.head_of(mine))) if mine >= 0 else _Words(False, False, False)
    if head.document:
        return head
    numbered = numbers_of_row(row)
    if numbered:
        receipt = numbered[0].of is Numbers.RECEIPT
        sale = numbered[0].of in (Numbers.DOCUMENT, Numbers.CORRECTION)
        return _Words(sale, receipt, numbered[0].of is Numbers.PROFORMA)
    return _Words(False, False, False) if row.head else None


def _behind(placed: _Placed, mail: _Mail) -> _Words:
    """ "[Here] you can download your invoice": the clause behind a label that begins it."""
    nothing = _Words(False, False, False)
    if placed.place < 0 or not placed.label:
        return nothing
    end = placed.place + len(clean(placed.link.label).strip())
    clause = re.split(r"[.,;:!?\n]| (?:oraz|und|and|та) ", mail.folded[end : end + AFTER_CHARS])
    if not LEAD_WORD.search(f"{placed.label} {clause[0]}") or OTHER_LABEL.search(clause[0]):
        return nothing
    return _said_of_one(clause[0])


def _before(placed: _Placed, mail: _Mail) -> _Words:
    """Words of the sentence that leads up to the link.

    "Download PDF:" says nothing of its own; the sentence before it says what is downloaded, or
    the subject, which else stands for itself.
    """
    place, folded = placed.place, mail.folded
    if place < 0:
        return _Words(False, False, False)
    subject = folded.partition("\n")[0]
    before = folded[max(len(subject) + 1, place - BEFORE_CHARS) : place].rstrip()
    if before.endswith((".", "!", "?")) and _goes_on(placed, mail):
        return _Words(False, False, False)  # the link begins a sentence of its own
    lead = _last_sentence(before)
    if len(lead) <= SHORT_LEAD and LEAD_WORD.search(lead) and not OTHER_LABEL.search(lead):
        earlier = before[: len(before) - len(lead)].rstrip()
        for _ in range(4):
            if _words(lead).document or not earlier:
                break
            last = _last_sentence(earlier)
            lead = f"{last} {lead}"
            earlier = earlier[: len(earlier) - len(last)].rstrip()
            if not last.startswith("http") and len(last) > SHORT_LEAD:
                break
        if not earlier:
            lead = f"{subject} {lead}"
    return _said_of_one(lead)


def _said_of_one(sentence: str) -> _Words:
    """Nothing where an invoice is only offered: "If you need an invoice, fill in the form"."""
    if CONDITION.search(sentence) and not FETCH_WORD.search(sentence):
        return _Words(False, False, False)
    return _words(sentence)


def _goes_on(placed: _Placed, mail: _Mail) -> bool:
    """Words of the same sentence follow a link that does not itself say "download"."""
    if not placed.label or FETCH_WORD.search(placed.label):
        return False
    end = placed.place + len(clean(placed.link.label).strip())
    return re.match(r" ?[a-zа-яіїєґ]", mail.folded[end : end + 2]) is not None


# A full stop behind these ends no sentence.
SHORTENED = frozenset(
    {
        "nr", "szt", "ul", "tel", "st", "c", "sz", "ks", "db", "stk", "no", "np", "m", "in", "dr",
        "zam", "obj", "cz", "kod", "str", "pl", "r", "vol", "art", "fak", "fv", "bzw", "ca", "inkl",
    }
)  # fmt: skip


def _last_stop(before: str) -> int:
    """The last full stop or exclamation mark that ends a sentence; -1 when there is none."""
    stop = len(before)
    while (stop := max(before.rfind(". ", 0, stop), before.rfind("! ", 0, stop))) > 0:
        word = re.search(r"[^\W\d_]*$", before[max(0, stop - 6) : stop])
        if before[stop] == "!" or word is None or word[0] not in SHORTENED:
            break
    return stop


def _last_sentence(before: str) -> str:
    """What stands behind the last address, paragraph or full stop."""
    before = before.rstrip()
    cut = max(before.rfind("\n\n"), before.rfind("http"), _last_stop(before))
    if before.startswith("http", cut):
        blank = re.search(r"\s", before[cut:])
        return before[cut + blank.start() :] if blank else before[cut:]
    return before[cut + 2 :] if cut >= 0 and len(before) - cut > 4 else before


def _number_of(placed: _Placed, mail: _Mail) -> str | None:
    """The number named in its row, in the label, else in the sentence before."""
    wanted = (Numbers.DOCUMENT, Numbers.CORRECTION, Numbers.RECEIPT)
    if placed.row is not None and (in_row := numbers_of_row(placed.row)):
        return in_row[0].number
    before = mail.text[max(0, placed.place - BEFORE_CHARS) : max(0, placed.place)]
    for words in (placed.link.label, before):
        numbers = [one.number for one in numbers_in(words) if one.of in wanted] if words else []
        if numbers:
            return numbers[-1]
    return _in_label_and_address(placed.link)


WORD_WITH_FIGURES = re.compile(
    r"(?<![\w/-])(?=[^\s]*\d)[A-Za-z0-9]+(?:[/\-_][A-Za-z0-9]+)+(?![\w/-])"
)


def _in_label_and_address(link: Link) -> str | None:
    """ "Download PSZ-2026-1188" that leads to ``/szamla/PSZ-2026-1188``."""
    parts = split_url(link.url)
    if parts is None:
        return None
    address = {normalised_number(part) for part in re.split(r"[/?&=.]", unquote(parts.path))}
    for word in WORD_WITH_FIGURES.findall(clean(link.label)):
        if plausible(word) and normalised_number(word) in address:
            return str(word)
    return None

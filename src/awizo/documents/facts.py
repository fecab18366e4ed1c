"""Judge a document by its text.

In:  the text of a file, its name, the mail's words about it.
Out: DocumentFacts: what it is, how sure, its number, tax ids, buyer, total, orders.

Pure. What a document calls itself near its top weighs most; that it has the parts of an
invoice (tax ids, a total, dates) comes next; its file name and the mail come last, and decide
only where there is no text, as in a scan. A proforma is none although its file may be called
``faktura``; terms that mention receipts are none.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import re2

from awizo.documents.details import details_in
from awizo.documents.titles import Notice, Title, Titled, titles_in
from awizo.model import SALES_DOCUMENTS, DocumentFacts, DocumentKind, ParsedMessage
from awizo.triage.invoice_numbers import number_in_name
from awizo.triage.words import clean, plain

MAX_JUDGED_CHARS = 60_000
TITLE_LINES = 70  # nonempty lines in which a title is looked for
TITLE_LINE_CHARS = 160
NEAR_CHARS = 3000
LEAST_TEXT = 10  # letters and digits; less is the noise of a scan

STRONG, WEAK = 4.0, 1.6
SURE_WITHOUT_TEXT = 0.85  # the most that a name and a mail can say about a scan

# Parts of a sales document, by what they weigh. RE2, on folded text.
_PARTS: tuple[tuple[str, float, str], ...] = (
    (
        "tax_id",
        0.9,
        r"(?:^|[^a-z])(?:nip|dic|ic dph|ico|ic|vat (?:id|no|reg|number)|adoszam\w*|ust-?id|"
        r"ust-?idnr|steuer-?n(?:umme)?r|tax id|eori|regon|іпн|єдрпоу|єдрпу|пдв)[^a-z]",
    ),
    (
        "seller",
        0.5,
        r"sprzedawca|wystawca|dodavatel|prodavajici|prodejce|predajca|predavajuci|elado|szallito|"
        r"kibocsato|verkaufer|lieferant|rechnungssteller|seller|supplier|sold by|продавець|"
        r"постачальник",
    ),
    (
        "buyer",
        0.5,
        r"nabywca|kupujacy|odbiorca|platnik|odberatel|kupujici|kupujuci|zakaznik|vevo|vasarlo|"
        r"kaufer|kunde|rechnungsempfanger|rechnungsadresse|buyer|bill(?:ed)? to|customer|"
        r"invoice to|sold to|покупець|одержувач|платник",
    ),
    (
        "issued",
        0.6,
        r"data (?:wystawienia|sprzedazy|dostawy|zakonczenia dostawy)|wystawion[oa]|datum "
        r"(?:vystaveni|"
        r"uskutecneni|zdanitelneho)|duzp|datum (?:vystavenia|dodania|vyhotovenia)|vystaveno|"
        r"(?:kiallitas|teljesites)(?: datuma| kelte)?|kelt|rechnungsdatum|leistungsdatum|"
        r"lieferdatum|invoice date|date of (?:issue|sale|supply)|issue date|issued|дата (?:виписки|"
        r"виставлення|складання|продажу|реалізації)",
    ),
    (
        "total",
        0.9,
        r"do zaplaty|razem|suma pln|wartosc brutto|ogolem|zaplacono|celkem|k uhrade|k uhrade "
        r"celkem|"
        r"spolu|na uhradu|celkova (?:castka|suma)|fizetendo|osszesen|vegosszeg|brutto|"
        r"gesamt(?:betrag|"
        r"summe)?|rechnungsbetrag|zu zahlen|endbetrag|summe|total|amount due|balance due|до сплати|"
        r"всього|разом|усього|сума",
    ),
    (
        "vat",
        0.7,
        r"(?:vat|dph|afa|mwst\.?|ust\.?|пдв)[ :(]{0,3}\d{1,2} ?%|\d{1,2} ?% ?(?:vat|dph|afa|mwst|"
        r"пдв)|"
        r"stawka vat|kwota vat|podatek vat|sazba dph|sadzba dph|zaklad dane|afakulcs|afa osszege|"
        r"mwst|netto|zwolnion\w* z vat|neplatc|nejsme platci|нетто|без пдв|ставка",
    ),
    ("ksef", 2.0, r"ksef"),
    (
        "not_a_sale",
        0.0,
        r"nie jest (?:to )?(?:faktur|rachunki)|nie stanowi (?:faktury|dokumentu|rachunku|dowodu)|"
        r"nie jest "
        r"dokumentem (?:ksiegowym|sprzedazy|rozliczeniowym)|not (?:a|an) (?:tax |vat )?(?:invoice|"
        r"accounting document)|keine rechnung|nem (?:minosul )?szaml|nem adougyi|nem szamviteli|"
        r"не є (?:рахунком|фактурою|податков|документом)",
    ),
    ("no_tax_document", 0.0, r"(?:neni|neslouzi|nie je|nesluzi) (?:jako |ako )?danov\w* doklad"),
    (
        "corrects",
        0.0,
        r"(?:przyczyna|powod|podstawa) korekty|przed korekta|po korekcie|koryguje (?:fakture|"
        r"dokument)|"
        r"(?:dane|faktura|faktury|dokument\w*|numer faktury) koryg\w+|dotyczy faktury|opravovan\w+|"
        r"duvod (?:opravy|dobropisu)|dovod (?:opravy|dobropisu)|opravovana faktura|eredeti "
        r"szaml\w*|"
        r"helyesbit\w* szaml\w*|grund der korrektur|korrigierte rechnung|(?:zur|zu) (?:ursprungs)?"
        r"rechnung|reason for (?:the )?(?:correction|credit)|original invoice|corrected invoice|"
        r"причина коригування|до рахунку[ -]фактури|до фактури",
    ),
    (
        "letter_of_terms",
        0.0,
        r"§ ?\d|postanowienia (?:ogolne|koncowe)|uvodni ustanoveni|uvodne ustanovenia|zaverecna "
        r"ustanoveni|zaverecne ustanovenia|altalanos rendelkezesek|geltungsbereich|загальні "
        r"положення",
    ),
)

# Ledgers begin the names of their files with a symbol.
_SYMBOLS: tuple[tuple[DocumentKind, re.Pattern[str]], ...] = (
    (
        DocumentKind.CORRECTION,
        re.compile(r"(?:kfs|kfv|kfa|kor|fvk|fk|fkor|rinv|gs|korekta)[ ]?[a-z]{0,3} ?\d"),
    ),
    (DocumentKind.PROFORMA, re.compile(r"(?:pf|pro|prof|fpf|fp|zf|zal|zl)[ ]?\d")),
    (DocumentKind.ORDER_CONFIRMATION, re.compile(r"(?:zk|zam|so)[ ]?\d")),
    (DocumentKind.GOODS_ISSUE, re.compile(r"wz[ ]?\d")),
    (DocumentKind.PAYMENT_RECEIPT, re.compile(r"kp[ ]?\d")),
    (DocumentKind.RECEIPT, re.compile(r"(?:pa|par|ep)[ ]?\d")),
    (
        DocumentKind.INVOICE,
        re.compile(
            r"(?:fv|fvs|fs|fsl|fa|fak|fav|fvat|vat|f|fm|fe|inv|re|rg|rn|acc sinv|"
            r"e)[ ]?[a-z]{0,3} ?\d{1,}"
        ),
    ),
)
TO_A_RECEIPT = re.compile(
    r"(?m)^\W{0,3}(?:faktur\w* (?:vat )?(?:wystawion\w+ )?(?:do|k) (?:paragonu|uctence|blocku)|"
    r"rechnung zum (?:kassen)?bon|invoice for receipt)(?: fiskalnego)?[ :]{0,3}(?:nr\.? )?"
    r"(?:$|[a-z]{1,4}[ /-]?\d|\d)"
)
TITLE_CHARS = 300  # in which such a title stands
# "F A K T U R A  V A T", as old printers set a title wide.
SPACED_OUT = re.compile(r"(?<!\S)[^\W\d_](?: {1,3}[^\W\d_]){4,}(?!\S)")
TWO_WORDS = re.compile(
    r"(faktura|invoice|paragon|rachunek|dobropis)(vat|sprzedazy|korygujaca|koncowa|zaliczkowa|"
    r"proforma|fiskalny|uproszczony)",
    re.IGNORECASE,
)
HASHED = re.compile(r"[0-9a-f]{12,}|[0-9a-f -]{32,36}")


@dataclass(slots=True)
class _Scores:
    """Evidence for each kind; the best two decide."""

    of: dict[Titled, float] = field(default_factory=dict)

    def add(self, kind: Titled, weight: float) -> None:
        self.of[kind] = self.of.get(kind, 0.0) + weight

    def ranked(self) -> list[tuple[Titled, float]]:
        return sorted(self.of.items(), key=lambda item: -item[1])


def judge_text(
    text: str,
    name: str,
    mail_hint: str,
    *,
    part: str = "",
    sha256: str = "",
    size_bytes: int = 0,
    state: str = "ok",
) -> DocumentFacts:
    """Say what a document is.

    Args:
        text: What can be read in it, "" for a scan or a file that cannot be opened.
        name: Decoded file name.
        mail_hint: Subject and new text of its mail (:func:`near_words`).
        state: Of the file, see DocumentFacts.

    Returns:
        Facts whose ``confidence`` is that of ``kind``; for a file without text it rests on the
        name and the mail and stays below the ones that were read.
    """
    text = SPACED_OUT.sub(_set_solid, clean(text[:MAX_JUDGED_CHARS]))
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    folded = plain("\n".join(lines))
    has_text = sum(letter.isalnum() for letter in folded[:2000]) >= LEAST_TEXT
    scores = _Scores()
    if has_text:
        opening = _score_titles(lines, scores)
        _score_parts(folded, scores, opening)
        if TO_A_RECEIPT.search(folded[:TITLE_CHARS]):
            scores.add(DocumentKind.INVOICE, 5.0)  # though it speaks of the receipt throughout
    _score_name(name, scores, has_text=has_text)
    _score_mail(mail_hint, scores, has_text=has_text)
    kind, confidence = _decide(scores, has_text=has_text)
    details = details_in(text, kind, name) if has_text else None
    number = details.number if details else None
    if number is None and kind in SALES_DOCUMENTS:
        number = number_in_name(name)
    return DocumentFacts(
        part=part,
        name=name,
        kind=kind,
        state=state,
        number=number,
        refers_to=details.refers_to if details else None,
        seller_tax_id=details.seller_tax_id if details else None,
        buyer_tax_id=details.buyer_tax_id if details else None,
        buyer_name=details.buyer_name if details else None,
        total=details.total if details else None,
        currency=details.currency if details else None,
        order_ids=details.order_ids if details else (),
        order_numbers=details.order_numbers if details else (),
        text=text,
        text_sha256=_text_digest(text) if has_text else "",
        sha256=sha256,
        size_bytes=size_bytes,
        confidence=round(confidence, 3),
    )


def _set_solid(wide: re.Match[str]) -> str:
    solid = wide[0].replace(" ", "")
    two = TWO_WORDS.fullmatch(plain(solid))
    return f"{solid[: two.end(1)]} {solid[two.end(1) :]}" if two else solid


def near_words(message: ParsedMessage, name: str) -> str:
    """What the mail says about a file: its subject and what was newly written."""
    del name  # mails speak of "the attachment"; which one is seldom said
    return f"{message.subject}\n{(message.new_text or message.text)[:NEAR_CHARS]}"


# --- evidence -------------------------------------------------------------------------------


def _score_titles(lines: list[str], scores: _Scores) -> Titled | None:
    """Weigh what the lines call the document; returns the kind of the first title."""
    found: list[tuple[Title, float]] = []
    for index, whole_line in enumerate(lines[:TITLE_LINES]):
        line = whole_line[:TITLE_LINE_CHARS]
        for title in titles_in(plain(line)):
            found.append((title, _title_weight(index, line, title)))
    best: dict[Titled, list[float]] = {}
    for title, weight in found:
        best.setdefault(title.kind, []).append(weight)
    for kind, weights in best.items():
        weights.sort(reverse=True)
        scores.add(kind, weights[0] + min(1.0, 0.25 * sum(weights[1:])))
    opening = next((title.kind for title, weight in found if weight >= WEAK), None)
    if opening is not None:
        scores.add(opening, 1.0)  # what comes first is what it is called
    return opening


AFTER_TITLE = re.compile(
    r"[ :\-–|(]{0,3}(?:nr\.?|numer|no\.?|number|num\.|č\.?|c\.|číslo|cislo|sorszám\w*|sz\.|№|#|:|"
    r"номер|"
    r"nummer|z dnia|do zamówienia)?[ :]{0,2}[#№]?(?-i:[A-ZА-ЯІЇЄ]{1,5} )?[\w/\-]{0,12}\d",
    re.IGNORECASE,
)


def _title_weight(index: int, line: str, title: Title) -> float:
    words = line[title.start : title.end]
    before = line[: title.start].strip(" |-–—*#:.·•\"'„")
    after = line[title.end :]
    numbered = AFTER_TITLE.match(after)
    alone = not before and len(after.strip(" :.-–|")) <= 2
    weight = STRONG if title.strong else WEAK
    if before:
        weight *= 0.8 if numbered and title.strong else 0.2
    elif not (numbered or alone):
        # "Faktura za zakupy …" may head a page; a long line is prose.
        weight *= 0.6 if len(line) <= 60 else 0.25
    if numbered is not None and _goes_on(after[numbered.end() :]):
        weight *= 0.6
    elif numbered or alone:
        weight += 0.8
    if words.isupper() and len(words) > 3:
        weight += 0.7
    return weight * max(0.3, 1 - 0.03 * index)


# Words that may follow a title's number: a date, an order.
DATED = frozenset(
    {"z", "ze", "zo", "vom", "of", "from", "dne", "dnia", "dna", "do", "za", "k", "ke", "kelt"}
    | {"to", "zu", "zur", "zum", "for", "від", "до"}
)


def _goes_on(rest: str) -> bool:
    """A sentence follows the number: "Rechnung RE-1 ist fällig" is no title."""
    word = re.match(r"[\w/\-.]*[ ,:;–-]*(?P<word>[^\W\d_]+)?", rest)
    following = word["word"] if word else None
    return bool(following) and str(following).islower() and plain(str(following)) not in DATED


@cache
def _parts_pattern() -> tuple[tuple[str, float, Any], ...]:
    word = "[a-z0-9а-яіїєґ]"
    return tuple(
        (name, weight, re2.compile(pattern.replace(r"\w", word)))
        for name, weight, pattern in _PARTS
    )


def _score_parts(folded: str, scores: _Scores, opening: Titled | None) -> None:
    encoded = folded.encode()
    found = {name: weight for name, weight, pattern in _parts_pattern() if pattern.search(encoded)}
    parts = sum(found.values())
    if "letter_of_terms" in found:
        scores.add(DocumentKind.TERMS, 1.5 if folded.count("§") < 3 else 2.5)
    for kind, share in (
        (DocumentKind.INVOICE, 1.0),
        (DocumentKind.CORRECTION, 1.0),
        (DocumentKind.PROFORMA, 1.0),
        (DocumentKind.RECEIPT, 0.8),
        (DocumentKind.ORDER_CONFIRMATION, 0.7),
        (DocumentKind.OFFER, 0.7),
        (DocumentKind.GOODS_ISSUE, 0.6),
        (DocumentKind.PAYMENT_RECEIPT, 0.5),
        (Notice.NOTICE, 0.5),
    ):
        if kind in scores.of:
            scores.add(kind, parts * (1.0 if kind is opening else share))
    has_sum = "total" in found or "vat" in found
    for kind in SALES_DOCUMENTS:
        if kind in scores.of and (parts < 1.0 or not has_sum or not any_amount(folded)):
            scores.add(kind, -2.5)  # speaks of invoices, has nothing of one
    if DocumentKind.INVOICE not in scores.of and parts >= 2.8 and any_amount(folded):
        scores.add(DocumentKind.INVOICE, 0.4 * parts)  # untitled, yet has all of its parts
    if "not_a_sale" in found:
        scores.add(DocumentKind.PROFORMA, 1.0 if DocumentKind.PROFORMA not in scores.of else 2.5)
        scores.add(DocumentKind.INVOICE, -3.5)
    if "no_tax_document" in found and DocumentKind.PROFORMA in scores.of:
        scores.add(DocumentKind.PROFORMA, 1.5)
        scores.add(DocumentKind.INVOICE, -1.0)
    if "corrects" in found and DocumentKind.INVOICE in scores.of:
        scores.add(DocumentKind.CORRECTION, 1.2)
        if DocumentKind.CORRECTION in scores.of and scores.of[DocumentKind.CORRECTION] > STRONG:
            scores.add(DocumentKind.CORRECTION, 1.5)


AMOUNT = re.compile(r"\d[.,]\d{2}(?!\d)|\d{2,3} ?(?:ft|huf|kc|czk)|\d,-")


def any_amount(folded: str) -> bool:
    return AMOUNT.search(folded) is not None


def _score_name(name: str, scores: _Scores, *, has_text: bool) -> None:
    stem = re.sub(r"\.[a-z0-9]{2,4}$", "", plain(clean(name)))
    words = re.sub(r"[^a-z0-9а-яіїєґ]+", " ", stem).strip()
    if not words or HASHED.fullmatch(stem):
        return
    titles = titles_in(words)
    for title in titles:
        heads = title.start == 0 or title.strong
        weight = (2.0 if has_text else 3.2) if heads else (0.8 if has_text else 1.4)
        scores.add(title.kind, weight if title.strong or title.start == 0 else weight / 2)
    if titles:
        return
    for kind, symbol in _SYMBOLS:
        if symbol.match(words):
            scores.add(kind, 1.5 if has_text else 2.4)
            break


def _score_mail(mail_hint: str, scores: _Scores, *, has_text: bool) -> None:
    """A mail with several files speaks of all of them: it only tips the scale."""
    seen: set[Titled] = set()
    weight = 0.4 if has_text else 1.2
    for line in clean(mail_hint).split("\n")[:40]:
        for title in titles_in(plain(line[:400])):
            if title.kind not in seen and title.strong:
                seen.add(title.kind)
                scores.add(title.kind, weight)
                weight *= 0.8


# --- decision -------------------------------------------------------------------------------

LEAST = 1.8  # less evidence than this names nothing


def _decide(scores: _Scores, *, has_text: bool) -> tuple[DocumentKind, float]:
    """The kind with the most evidence; sure when nothing that ends otherwise comes near."""
    ranked = scores.ranked()
    if not ranked or ranked[0][1] < LEAST:
        if not has_text and ranked and ranked[0][1] >= 1.0 and ranked[0][0] in SALES_DOCUMENTS:
            return DocumentKind(ranked[0][0]), 0.55
        return DocumentKind.UNKNOWN, 0.5
    best, weight = ranked[0]
    rivals = [score for kind, score in ranked[1:] if _ends(kind) != _ends(best)]
    margin = weight - max(rivals, default=0.0)
    if best is Notice.NOTICE:
        return DocumentKind.UNKNOWN, _sure(margin, weight)
    confidence = _sure(margin, weight)
    if not has_text:
        confidence = min(SURE_WITHOUT_TEXT, confidence)
    return DocumentKind(best), confidence


def _ends(kind: Titled) -> str:
    """Kinds with the same end need not be told apart: all sales documents are filed."""
    return "sale" if kind in SALES_DOCUMENTS else str(kind)


def _sure(margin: float, weight: float) -> float:
    return min(1 / (1 + math.exp(-1.6 * margin)), 1 - math.exp(-0.75 * weight))


def _text_digest(text: str) -> str:
    """Of the words alone: the same document rendered anew has the same one."""
    return hashlib.sha256(" ".join(plain(text).split()).encode()).hexdigest()

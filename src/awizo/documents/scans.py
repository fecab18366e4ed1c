"""Take the mail's word for a scan, where its word can mean that file alone.

In:  a mail and the facts of its files.
Out: the facts, the one of a scan believed to be the invoice that the mail carries.

Pure. A scan has no text, and telephones and scanners give it a name that says nothing. It is the
invoice when the mail says that it brings one, no other file is, no other file is without text,
and every other paper that the mail speaks of is there as a file that could be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import re2

from awizo.documents.titles import Titled, titles_in
from awizo.model import SALES_DOCUMENTS, DocumentFacts, DocumentKind, ParsedMessage
from awizo.triage.link_words import ABOUT_INVOICES, CONDITION, OTHER_PAPER, PROFORMA
from awizo.triage.words import clean, plain

BELIEVED = 0.65  # confidence of a lone scan that its mail calls an invoice
MAX_CHARS = 3000

# In all their cases; what they are the names of.
_CALLED: tuple[tuple[DocumentKind, str], ...] = (
    (
        DocumentKind.CORRECTION,
        r"(?:faktur[a-z]{1,3} koryguj|korekt[a-z]{1,3} (?:do )?faktur|opravn[a-z]{1,4} (?:faktur|"
        r"danov)|dobropis|(?:sztorno|helyesbito) ?szaml|rechnungskorrektur|stornorechnung|"
        r"gutschrift|credit note|коригу[а-яіїєґ]{2,9} (?:рахун|фактур))",
    ),
    (
        DocumentKind.INVOICE,
        r"(?:faktur[a-z]{0,3}(?:[^a-z]|$)|rachun(?:ek|ku)(?:[^a-z]|$)|dowod[a-z]{0,2} sprzedazy|"
        r"danov[a-z]{1,3} doklad|"
        r"szaml(?:a|at|aja|ajat|ank|ankat)(?:[^a-z]|$)|rechnung(?:[^a-z]|$)|invoice(?:[^a-z]|$)|"
        r"фактур|рахун[ок]{2}[ -]|інвойс)",
    ),
    (
        DocumentKind.RECEIPT,
        r"(?:paragon|dowod[a-z]{0,2} zakupu|uctenk|pokladn[a-z]{1,4} (?:doklad|blok)|blocek|"
        r"(?:^|[^a-z])blok(?:[^a-z]|$)|nyugta|kassenbon|kassenbeleg|quittung|"
        r"(?:^|[^a-z])bon(?:[^a-z]|$)|receipt|(?:^|[^а-яіїєґ])чек)",
    ),
)
_NAMES = tuple((kind, re2.compile(pattern)) for kind, pattern in _CALLED)
# The mail brings it: as a scan, in an attachment, hereby.
BROUGHT = re2.compile(
    r"skan|scan|zeskanow|naskenov|szkennel|eingescannt|скан|zalacz|w pliku|przesylam|wysylam|"
    r"podsylam|w zalaczeniu|dolacz|v priloz|v prilohe|prilo(?:z|h)|prikla|posila|posiela|zasila|"
    r"mellekel|csatol|kuld(?:om|jok|ok)|anbei|anhang|angehang|beigefug|beilieg|schick|sende|"
    r"attach|enclos|sending|here is|шл(?:ю|емо)|надсил|вкладен|додаю|дода(?:но|ємо|ли)|прикріп"
)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
# It comes later, or another way.
NOT_HERE = re2.compile(
    r"wyslemy|przeslemy|doslemy|dosle|zostanie|bedzie|poczta|osobno|w paczce|zasleme|posleme|"
    r"dosleme|"
    r"bude |zvlast|v balik|postou|fogjuk|kuldeni|kulon|csomagban|postan|folgt|separat|"
    r"nachgereicht|im paket|per post|will (?:be|send|follow)|separately|in the (?:box|parcel)|"
    r"пізніше|окремо|надішлемо|вишлемо|буде|у посилці|поштою|(?:^|[^a-z])(?:nie ma|neni|nie je|"
    r"kein|not yet|no invoice|nem )"
)


def believed(
    message: ParsedMessage, found: Sequence[DocumentFacts], unread: Iterable[int]
) -> tuple[DocumentFacts, ...]:
    """Facts anew, with the one scan believed that can only be the invoice.

    Args:
        unread: Places in *found* of PDFs that could be opened and hold no text.
    """
    places = list(unread)
    facts = tuple(found)
    if len(places) != 1:
        return facts
    (place,) = places
    scan = facts[place]
    others = [
        one for n, one in enumerate(facts) if n != place and one.kind is not DocumentKind.LOGO
    ]
    if any(one.is_sales_document for one in others) or not _may_be_a_sale(scan):
        return facts
    text = f"{message.subject}\n{(message.new_text or message.text)[:MAX_CHARS]}"
    if not _papers_named(f"{text}\n{scan.name}") <= {one.kind for one in others}:
        return facts
    kind = _kind_brought(text)
    if kind is None:
        return facts
    scan = replace(scan, kind=kind, confidence=BELIEVED)
    return (*facts[:place], scan, *facts[place + 1 :])


def _may_be_a_sale(scan: DocumentFacts) -> bool:
    return scan.kind is DocumentKind.UNKNOWN or (
        scan.is_sales_document and scan.confidence < BELIEVED
    )


def _papers_named(text: str) -> set[Titled]:
    """Kinds of paper other than sales documents that the words name."""
    lines = plain(clean(text)).split("\n")[:40]
    return {
        title.kind
        for line in lines
        for title in titles_in(line[:400])
        if title.kind not in SALES_DOCUMENTS
        and (title.strong or title.kind is not DocumentKind.ORDER_CONFIRMATION)
    }


def _kind_brought(text: str) -> DocumentKind | None:
    """What the mail says that it brings: a clause must both name it and bring it, or bring
    what the subject names and nothing says that it comes later."""
    subject, *sentences = SENTENCE_END.split(_folded(text))
    if any(words.search(subject) for words in (CONDITION, PROFORMA)):
        return None
    clauses = [clause for sentence in (subject, *sentences) for clause in _clauses(sentence)]
    brought = [clause for clause in clauses if BROUGHT.search(clause) and not _not_here(clause)]
    for clause in brought:
        if (kind := _kind_named(clause)) is not None:
            return kind
    late = any(_kind_named(clause) is not None and _not_here(clause) for clause in clauses)
    if late or not any(OTHER_PAPER.search(clause) is None for clause in brought):
        return None
    return _kind_named(subject)


def _clauses(sentence: str) -> list[str]:
    """Parts between commas; a condition holds for the whole of its sentence."""
    if CONDITION.search(sentence) or PROFORMA.search(sentence):
        return []
    return re.split(r"[,;] | - ", sentence)


def _folded(text: str) -> str:
    return ABOUT_INVOICES.sub(" ", plain(clean(text)))


def _not_here(sentence: str) -> bool:
    return NOT_HERE.search(sentence) is not None


def _kind_named(sentence: str) -> DocumentKind | None:
    return next((kind for kind, name in _NAMES if name.search(sentence)), None)

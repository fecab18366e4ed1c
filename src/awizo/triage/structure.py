"""Read the shape of a mail: its sentences by place, its traces, and what its structure proves.

In:  a ParsedMessage, the facts of its documents, its references.
Out: units (one sentence, subject, label, header line … each) for the rules to look at, and
     the evidence that no pattern can give: reply headers, marks of automation, documents.

Pure. Rows of product tables are no sentences: an article may be called anything.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from awizo.model import ConversationEvidence, Evidence, Kind, ParsedMessage
from awizo.triage.fold import fold, original_words

MAX_CHARS = 12_000  # of the new text; a shop's mail has two thousand
MAX_UNITS = 160
MAX_UNIT_CHARS = 600
MAX_LABELS = 40
MAX_HEADERS = 60
WRAPPED_FROM = 55  # characters: a longer line without an end mark goes on in the next one
BODY_FACTORS = (1.0, 1.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.6, 0.5)
FIRST_LINES = 2
SENTENCE_WORDS = 5
QUESTION_WORDS = 4
FEW_WORDS = 3  # a line of fewer is a heading, a name or a greeting

CONVERSATION_WINDOW = timedelta(days=14)

# Short forms of two letters and of more; "str" also ends a word ("Hauptstr.").
_NO_SHORT = r"(?<!(?i:\b(?:ul|nr|sp|al|os|np|dr|mr|ms|st|no|pl|tj|im|ks|cz)\.))"
_NO_LONGER = (
    r"(?<!(?i:str\.))(?<!(?i:\b(?:tel|ing|mgr|nam|nám|bzw|ggf|krt|hod|вул|буд|тел)\.))"
    r"(?<!(?i:\b(?:inkl|zzgl|evtl|resp|godz|např|napr)\.))"
)
# Behind a full stop a sentence ends when a word stands before it that is no short form.
_END = re.compile(
    r"(?<=[!?…])[\"')\]]*\s+(?=\S)"
    rf"|(?<=[^\W\d_]{{3}}\.){_NO_LONGER}[\"')\]]*\s+(?=[^\Wa-zа-яіїєґ_])"
    rf"|(?<=[^\W\d_]{{2}}\.){_NO_SHORT}{_NO_LONGER}[\"')\]]*\s+(?=[^\Wa-zа-яіїєґ_\d])"
    r"|(?<=[€$%)\]]\.)\s+(?=[^\Wa-z_\d][^\W\d_])"
    r"|(?<=\d{3}[.)])\s+(?=[^\Wa-z_\d][^\W\d_])"
    r"|(?<=\d[^\W\d_]\.)\s+(?=[^\Wa-z_\d][^\W\d_])"  # behind a number's check letter
)
_PRODUCT_ROW = re.compile(
    r"\t|^\W{0,3}\d{1,4}\s?(?:x|×|szt\.?|ks|db|pcs|stk\.?|шт\.?)\s.{2,120}\d[.,]\d{2}"
)
# Headings and rows of the summary that shop programs put under a mail; no sentences either.
_FORM_ROW = re.compile(
    r"^\W*(?:(?:adres|dane) (?:do |dla )?(?:dostawy|wysyłki|rozliczeniow[ey]|rozliczenia|faktury"
    r"|odbiorcy|kupującego|zamawiającego|płatnika)"
    r"|(?:sposób|metoda|forma|rodzaj|koszty?|opcja) (?:płatności|zapłaty|dostawy|wysyłki"
    r"|przesyłki|doręczenia)|wartość (?:produktów|zamówienia|towarów|koszyka)"
    r"|(?:szczegóły|podsumowanie|zawartość) zamówienia|podsumowanie"
    r"|(?:delivery|shipping|billing|invoice) (?:address|method|details|costs?)"
    r"|payment (?:method|details)|order (?:summary|details)|subtotal"
    r"|(?:dodací|doručovací|fakturační|fakturačná|doručovacia|dodacia) (?:adresa|údaje)"
    r"|(?:způsob|spôsob|cena) (?:platby|dopravy|úhrady|doručení|doručenia)"
    r"|(?:souhrn|přehled|súhrn|prehľad) objednávky"
    r"|(?:szállítási|számlázási) (?:cím|adatok|mód|díj|költség)|fizetési mód"
    r"|(?:liefer|rechnungs|versand)(?:adresse|anschrift|art|kosten)|zahlungs(?:art|weise|methode)"
    r"|bestellübersicht|(?:адреса|спосіб|вартість) (?:доставки|оплати|отримувача))"
    r"(?:\s*:\s*(?!.*(?:brak|nie|miss|incompl|wrong|chyb|fehl|hián|відсут|немає))[^.!?:]{1,40})?"
    r"\s*:?\s*$"
)
_SHOP_PREFIX = re.compile(r"^\[[^\]]{1,60}\]\s+(?=\S)")  # PrestaShop: "[Shop] Subject"
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")  # says nothing in words; its "?" asks nothing
_RHETORICAL = re.compile(
    r"\b(?:pytani\w*|questions?|fragen|otazk\w*|dotaz\w*|kerdes\w*|help|pomoc\w*|hilfe|segitseg\w*"
    r"|problem\w*)\b|(?:питан|запитан|допомог|проблем)"
    r"|^\W*(?:a |so |und |no )?(?:chcesz|chca panstwo|wiesz|czy wiesz|szukasz|potrzebujesz"
    r"|gdzie jest"
    r"|gdzie moja|jak (?:sledzic|zwrocic|odebrac|dziala)|co dalej|nie (?:odbierasz|mozesz|widzisz"
    r"|dziala|otrzymal\w*)|want|looking for|where is|did you know|what.s next|how (?:do|can) i"
    r"|not (?:happy|you)|can.t|need|chcete|kde je|kdy|hledate|hladate|potrebujete|vite|viete"
    r"|co dal|szeretne|hol van|tudta|mikor|mochten sie|wo ist|wussten|brauchen|wie geht|was nun"
    r"|хочете|де (?:моя|мій)|знаєте|потрібн|шукаєте|коли)"
)
_AMOUNT = re.compile(
    r"\d(?:[.,]\d\d)? ?(?:zl|pln|eur|€|kc|czk|ft|huf|usd|\$|uah|грн)(?![a-zа-яіїєґ])"
    r"|(?:eur|€|pln|usd|\$|£) ?\d"
)
_WORDY = re.compile(r"[^\W\d_]{2,}")
_ENDS_SENTENCE = (".", "!", "?", ":", ";", "…")

# What a header says for itself; names of people, addresses and dates say nothing.
_MUTE_HEADERS = frozenset(
    {
        "from", "to", "cc", "bcc", "date", "subject", "mime-version", "content-type", "received",
        "content-transfer-encoding", "dkim-signature", "return-path", "delivered-to", "sender",
        "reply-to", "thread-topic",
    }
)  # fmt: skip

# Programs that put an In-Reply-To of their own on automatic mails (SHOP-MAILS section 1).
_PROGRAM_ID = re.compile(
    r"openerp-\d|-odoo-|dolibarr-|@swift\.generated|^<?(?:order|invoice|shipment)-\d"
)
# Programs that people write with, as they name themselves in X-Mailer or User-Agent.
_MAIL_PROGRAM = re.compile(
    r"thunderbird|outlook|windows (?:live )?mail|the bat|em ?client|postbox|evolution|kmail|claws"
    r"|mutt|apple mail|(?:iphone|ipad) mail|roundcube|rainloop|snappymail|squirrelmail|horde|zimbra"
    r"|sogo|open-xchange|k-9|fairemail|bluemail|aquamail|spark|mailspring|protonmail|yahoo"
    r"|poczta wp|onet|interia|seznam",
    re.IGNORECASE,
)
_WEBMAIL_ID = re.compile(
    r"@(?:mail\.gmail\.com|mail\.yahoo\.com|protonmail\.com)>?$", re.IGNORECASE
)
_ALLEGRO_ID = re.compile(r"@(?:[\w-]+\.)*(?:allegro|allegromail|allegrogroup)\.\w{2,3}>?$")
_AUTO_ANSWER_SUBJECT = re.compile(
    r"^(?:auto(?:matic)?[- :]?(?:reply|response)|automatyczna odpowiedz|autoodpowiedz|out of office"
    r"|odpowiedz automatyczna|automaticka odpoved|automatikus valasz|automatische antwort"
    r"|abwesenheit|автоматична відповідь|автовідповід|nieobecnosc|poza biurem|urlop\b|dovolena\b"
    r"|dovolenka\b|szabadsag\b|відпустка)"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """One text that rules look at.

    Attributes:
        place: As in ``rules.PLACES``.
        factor: How much evidence from here counts.
        order: Position among the sentences of the body; 0 elsewhere.
    """

    place: str
    original: str
    folded: str
    factor: float
    order: int = 0

    def words(self, start: int, end: int) -> str:
        """The mail's own words behind a span of the folded text."""
        return original_words(self.original, self.folded, start, end)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the structure of a mail proves."""

    marked_automatic: bool
    auto_answer: bool
    reply_headers: bool  # In-Reply-To that counts
    weak_reply_headers: bool  # In-Reply-To on a mail marked automatic
    quoted: bool
    evidence: tuple[Evidence, ...]


def body_factor(order: int) -> float:
    """Later sentences count less: templates say first what they are about."""
    return BODY_FACTORS[min(order, len(BODY_FACTORS) - 1)]


def units_of(message: ParsedMessage) -> list[Unit]:
    """Return the texts of a mail for the rules, each with its place."""
    texts: list[tuple[str, str]] = [("subject", _SHOP_PREFIX.sub("", _one_line(message.subject)))]
    texts += [("body", line) for line in sentences(message.new_text or _beginning(message.text))]
    for nested in message.nested[:2]:
        texts.append(("body", _one_line(nested.subject)))
        texts += [("body", line) for line in sentences(nested.new_text)[:6]]
    labels = dict.fromkeys(_one_line(link.label) for link in message.links[:MAX_LABELS])
    texts += [("label", label) for label in labels if label and not label.startswith("http")]
    for place, text, limit in (
        ("signature", message.signature, 12),
        ("footer", message.footer, 30),
        ("quoted", message.quoted_text, 12),
    ):
        if text:
            texts += [(place, line) for line in sentences(text)[:limit]]
    hosts = dict.fromkeys(_host(link.url) for link in message.links[:MAX_LABELS])
    texts += [("host", host) for host in hosts if host]
    texts += [("file", _one_line(a.name)) for a in message.attachments[:20] if a.name]
    texts += [
        ("header", f"{name}: {value[:200]}")
        for name, value in message.headers[:MAX_HEADERS]
        if name not in _MUTE_HEADERS
    ]
    texts.append(("from", _one_line(f"{message.from_name} {message.from_address}")))

    texts = [
        (place, _ADDRESS.sub("https://", text[:MAX_UNIT_CHARS].replace("\n", " ")))
        for place, text in texts
        if text or place == "subject"
    ]
    folded = fold("\n".join(text for _, text in texts)).split("\n") if texts else []
    units: list[Unit] = []
    order = 0
    for (place, text), low in zip(texts, folded, strict=True):
        if place == "body":
            units.append(Unit(place, text, low, body_factor(order), order))
            order += len(_WORDY.findall(low)) >= FEW_WORDS
        else:
            units.append(Unit(place, text, low, 1.1 if place == "subject" else 1.0))
    return units


def sentences_of_labels(units: Sequence[Unit]) -> dict[int, int]:
    """By number, the sentence that a link's label stands in.

    A label is part of its sentence, or a line of the text: what it says was said once.
    """
    told = [(number, unit.folded) for number, unit in enumerate(units) if unit.place == "body"]
    found: dict[int, int] = {}
    for number, unit in enumerate(units):
        if unit.place != "label" or not unit.folded:
            continue
        for sentence, text in told:
            if unit.folded in text:
                found[number] = sentence
                break
    return found


def _beginning(text: str) -> str:
    """The first lines of a mail that is boilerplate throughout."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n\n".join(lines[:FIRST_LINES])


def sentences(text: str) -> list[str]:
    """Split text into sentences: wrapped lines are joined, product rows left out."""
    out: list[str] = []
    for line in _unwrapped(text[:MAX_CHARS]):
        low = line.lower()
        if _PRODUCT_ROW.search(low) or _FORM_ROW.match(low):
            continue
        out.extend(piece for piece in _END.split(line) if piece and not piece.isspace())
        if len(out) >= MAX_UNITS:
            break
    return out[:MAX_UNITS]


def _unwrapped(text: str) -> list[str]:
    lines: list[str] = []
    open_line = False
    for raw in text.splitlines():
        line = raw.strip(" \r\x0b\x0c")
        if not line:
            open_line = False
            continue
        goes_on = line[:1].islower() or (open_line and line[:1].isdigit())
        long_before = open_line and len(lines[-1]) >= WRAPPED_FROM if lines else False
        if lines and open_line and (goes_on or long_before):
            lines[-1] = f"{lines[-1]} {line}"
        else:
            lines.append(line)
        open_line = not line.endswith(_ENDS_SENTENCE) and "\t" not in line
    return lines


def shape_of(
    message: ParsedMessage,
    *,
    conversation: ConversationEvidence | None,
    seen_automatic_ids: Container[str],
) -> Shape:
    """Return what headers and quotes prove, with the evidence for it."""
    automatic = _automatic_mark(message)
    answer = _auto_answer_mark(message)
    evidence: list[Evidence] = []
    if answer is not None:
        evidence.append(Evidence("structure.auto-answer", "header", answer, 9.0, Kind.OTHER))
    strong = weak = False
    in_reply_to = message.in_reply_to
    if in_reply_to is not None and answer is None:
        ours = (
            in_reply_to in seen_automatic_ids
            or in_reply_to == message.message_id
            or _PROGRAM_ID.search(in_reply_to.lower()) is not None
        )
        if ours:
            evidence.append(
                Evidence("structure.in-reply-to-of-a-program", "header", in_reply_to, 0.5,
                         Kind.CONVERSATION_REPLY)
            )  # fmt: skip
        elif automatic is None:
            strong = True
            evidence.append(
                Evidence("structure.in-reply-to", "header", in_reply_to, 14.0,
                         Kind.CONVERSATION_REPLY)
            )  # fmt: skip
        else:
            weak = True
            weight = 4.0
            if _same_host(in_reply_to, message.from_address):
                weight = 1.5
            elif _ALLEGRO_ID.search(in_reply_to.lower()):
                weight = 10.0  # a ticket system answers what the buyer wrote
            evidence.append(
                Evidence("structure.in-reply-to-marked-automatic", "header", in_reply_to, weight,
                         Kind.CONVERSATION_REPLY)
            )  # fmt: skip
    quoted = len(_WORDY.findall(message.quoted_text[:2000])) >= FEW_WORDS
    if quoted and answer is None:
        weight = 6.0 if automatic is None else 3.0
        evidence.append(
            Evidence("structure.quote", "quoted", message.quoted_text.strip()[:80], weight,
                     Kind.CONVERSATION_REPLY)
        )  # fmt: skip
    if automatic is not None:
        evidence.append(
            Evidence("structure.marked-automatic", "header", automatic, -1.5,
                     Kind.FULFILMENT_CORRESPONDENCE)
        )  # fmt: skip
        evidence.append(
            Evidence("structure.marked-automatic", "header", automatic, -1.0,
                     Kind.CONVERSATION_REPLY)
        )  # fmt: skip
    unsubscribe = message.header("list-unsubscribe")
    if unsubscribe is not None:  # on newsletters, but on surveys about an order as well
        evidence.append(Evidence("structure.list", "header", unsubscribe[:80], 1.5, Kind.OTHER))
        evidence.append(
            Evidence("structure.list", "header", unsubscribe[:80], 1.0, Kind.RATING_REQUEST)
        )
    if conversation is not None:
        evidence.extend(_of_conversation(message, conversation, automatic is not None))
    return Shape(
        marked_automatic=automatic is not None,
        auto_answer=answer is not None,
        reply_headers=strong,
        weak_reply_headers=weak,
        quoted=quoted,
        evidence=tuple(evidence),
    )


def _of_conversation(
    message: ParsedMessage, conversation: ConversationEvidence, automatic: bool
) -> list[Evidence]:
    """A buyer who wrote shortly before makes an answer likelier; a template stays a template.

    What a person wrote with a mail program about an order that its buyer has just asked about is
    an answer, even with the invoice that was asked for (FACTS 5.2: headers or the Message Center).
    """
    wrote_at = conversation.buyer_wrote_at
    if message.date is not None:
        age = message.date - wrote_at
        if age < timedelta(0) or age > CONVERSATION_WINDOW:
            return []
    weight = 3.0 if conversation.about_this_order else 2.0
    if automatic:
        weight = 0.5
    elif conversation.about_this_order and _by_hand(message):
        weight = 18.0
    return [
        Evidence("structure.buyer-wrote", "message_center", wrote_at.isoformat(), weight,
                 Kind.CONVERSATION_REPLY)
    ]  # fmt: skip


def _by_hand(message: ParsedMessage) -> bool:
    """Whether the mail names a program that people write with."""
    named = message.header("x-mailer") or message.header("user-agent") or ""
    return (
        _MAIL_PROGRAM.search(named) is not None
        or _WEBMAIL_ID.search(message.message_id or "") is not None
    )


def _automatic_mark(message: ParsedMessage) -> str | None:
    """The header that marks a mail as automatic, or ``None``."""
    for name, value in message.headers:
        low = value.strip().lower()
        if (
            (name == "auto-submitted" and low.split(";")[0].strip() not in ("no", ""))
            or (name == "precedence" and low in ("bulk", "list", "junk", "auto_reply"))
            or name in ("list-id", "list-unsubscribe", "x-autoreply", "x-autorespond")
            or (name == "x-auto-response-suppress" and low not in ("", "none"))
            or name == "x-shopware-event-name"
        ):
            return f"{name}: {value.strip()[:80]}"
    return None


def _auto_answer_mark(message: ParsedMessage) -> str | None:
    """The mark of a vacation notice or another automatic answer (RFC 3834), or ``None``."""
    for name, value in message.headers:
        low = value.strip().lower()
        if (
            (name == "auto-submitted" and low.startswith("auto-replied"))
            or (name == "precedence" and low == "auto_reply")
            or (name in ("x-autoreply", "x-autorespond") and low not in ("no", "false", ""))
        ):
            return f"{name}: {value.strip()[:80]}"
    if _AUTO_ANSWER_SUBJECT.match(fold(message.subject)):
        return f"subject: {message.subject[:80]}"
    return None


def _same_host(message_id: str, address: str) -> bool:
    left = message_id.rstrip(">").rpartition("@")[2].lower()
    right = address.rpartition("@")[2].lower()
    return bool(left) and bool(right) and (left == right or left.endswith("." + right))


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.hostname or ''}{parts.path[:80]}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def count_told(units: Sequence[Unit]) -> int:
    """How many sentences, the subject among them, say something: a salutation does not."""
    return sum(
        unit.place in ("subject", "body")
        and len(_WORDY.findall(unit.folded)) >= (1 if unit.place == "subject" else FEW_WORDS)
        and not unit.original.rstrip().endswith((",", "!"))
        for unit in units
    )


def asks(units: Sequence[Unit]) -> bool:
    """A sentence of the text is a question that is no mere phrase ("Any questions?").

    Rules know the questions of each language; this is for what they do not know.
    """
    return any(
        unit.place == "body"
        and unit.folded.rstrip(" )\"'").endswith("?")
        and len(_WORDY.findall(unit.folded)) >= QUESTION_WORDS
        and _RHETORICAL.search(unit.folded) is None
        for unit in units
    )


def names_amount(units: Sequence[Unit]) -> bool:
    """A sentence, not a row of a table or a sum, names money."""
    return any(
        unit.place == "body"
        and _AMOUNT.search(unit.folded) is not None
        and len(_WORDY.findall(unit.folded)) >= SENTENCE_WORDS
        for unit in units
    )


# "9F2X-LL0P-44QA-ZT7M": groups of capitals and figures, with letters as well as figures in them.
_KEY = re.compile(r"(?<![\w-])[A-Z0-9]{4,6}(?:-[A-Z0-9]{4,6}){2,7}(?![\w-])")
_KEY_WORD = re.compile(
    r"klucz|kod\w* aktyw|licen[czs]|aktyw|activat|\bkeys?\b|kl[ií]č|kľúč|kulcs|aktivál|schlüssel"
    r"|aktivier|ключ|активац|ліценз|serial|seryjn",
    re.IGNORECASE,
)


def names_key(text: str) -> str | None:
    """The licence key that *text* holds, in a table too: a buyer has it from here alone."""
    if _KEY_WORD.search(text) is None:
        return None
    for found in _KEY.finditer(text):
        letters = sum(one.isalpha() for one in found[0])
        if letters >= 2 and any(one.isdigit() for one in found[0]):
            return found[0]
    return None

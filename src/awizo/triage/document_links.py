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
from awizo.triage.invoice_numbers import Numbers, numbers_in
from awizo.triage.urls import split_url
from awizo.triage.words import clean, plain

KINDS: Mapping[str, Kind | None] = {
    "invoice": Kind.INVOICE_LINK,
    "receipt": Kind.RECEIPT_LINK,
    "either": None,
}


@dataclass(frozen=True, slots=True)
class HostRule:
    host: str
    path: Any  # compiled, None takes every path but the front page
    kind: Kind | None


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
        rules.setdefault(host, []).append(HostRule(host, path, KINDS[entry["kind"]]))
    for host in extra:
        wanted = host.lower().removeprefix("*.")
        rules.setdefault(wanted, []).append(HostRule(wanted, None, None))
    return Hosts({host: tuple(of_host) for host, of_host in rules.items()})


# --- words ------------------------------------------------------------------------------------

INVOICE_WORD = re2.compile(
    r"faktur|invoice|tax document|rechnung|szaml(?:a|at|aja|ajat|ajanak)(?:[^a-z]|$)|e-?szamla|"
    r"danov[a-z]{1,3} doklad|видатков[а-яії]{1,3} накладн|"
    r"rachun(?:ek|ku)|korekt[aeyu](?:[^a-z]|$)|"
    r"dobropis|credit note|"
    r"gutschrift|dokument[a-z]{0,2} sprzedazy|dowod[a-z]{0,2} (?:zakupu|sprzedazy)|фактур|рахун|"
    r"інвойс|ksef"
)
RECEIPT_WORD = re2.compile(
    r"paragon|receipt|uctenk|nyugta|nyugtat|nyugtaja|kassenbon|kassenbeleg|kassenzettel|quittung|"
    r"(?:^|[^a-z])(?:e-?|(?:ihr|ihren|den|der|digitaler?n?) )bon(?:[^a-z]|$)|"
    r"(?:^|[^a-z])bon (?:anzeig|anseh|offn|herunterlad|abruf|als pdf)|"
    r"(?:^|[^a-z])blokk(?:ot|od|ja)?(?:[^a-z]|$)|"
    r"pokladnicn[a-z]{1,3} (?:doklad|blok)|pokladni doklad|registracn[a-z]{1,3} pokladni|blocek|"
    r"(?:^|[^a-z])blok (?:vam|ti|vas|si|najdete|k|z|za|posiel)|"
    r"e-?kas[aey]|(?:^|[^а-яіїєґ])чек"
)
PATH_INVOICE = re2.compile(
    r"(?:^|[/_.=?&-])(?:e-?)?(?:faktur\w{0,3}|invoices?|rechnung(?:en)?|"
    r"szaml\w{1,3}|"
    r"danovy-?doklad|"
    r"rachunek|inv|fv|facture|billing-document|credit-?notes?|korekta|dobropis)(?:[/_.=?&-]|$|\d)"
)
PATH_RECEIPT = re2.compile(
    r"(?:^|[/_.=?&-])(?:e-?)?(?:paragon\w{0,2}|receipts?|uctenk\w|nyugta\w?|kassenbon|bon|blok|quittung|"
    r"fiscal-?check|cheque?|check)(?:[/_.=?&-]|$|\d)"
)
HOST_INVOICE = re2.compile(r"faktur|invoice|rechnung|szamla")
HOST_RECEIPT = re2.compile(r"paragon|receipt|uctenk|nyugta|kassenbon|ekasa|(?:^|[.-])e?-?bon\.")
# A document of either kind: what else is said tells which.
EITHER_WORD = re2.compile(r"(?:^|[^a-z])(?:beleg(?:s|e|en)?|doklad(?:u|y|em|om)?)(?:[^a-z]|$)")
PATH_EITHER = re2.compile(r"(?:^|[/_.=?&-])(?:doklad\w{0,2}|belege?)(?:[/_.=?&-]|$|\d)")
HOST_EITHER = re2.compile(r"(?:^|[.-])(?:doklad|beleg)")
PROFORMA = re2.compile(
    r"pro-?\s?form|zalohov|preddavk|predfaktur|dijbeker|elolegbeker|рахунок на оплату|проформ|"
    r"/quotes?/|angebot|oferta|ponuka|nabidk|arajanlat"
)
# An advance invoice is none, though its name holds the word.
ADVANCE_INVOICE = re.compile(
    r"(?:zalohov|preddavkov|proform|pro[- ]form|eloleg)\w*[ -]{0,2}"
    r"(?:faktur|szaml|rechnung|invoice)\w*|(?:faktur|invoice)\w* (?:proform|pro[- ]form)\w*"
)
# The link leads to something else, whatever stands beside it.
OTHER_LABEL = re2.compile(
    r"histori|regulamin|warunk|terms|polityk|privacy|moje zakupy|moje konto|twoje konto|konto "
    r"klienta|"
    r"zaloguj|logow|log ?in|sign in|prihlas|bejelentkez|anmeld|увійти|account|ucet(?:[^a-z]|$)|"
    r"mein konto|"
    r"wypis|unsubscri|odhlas|leirat|abmeld|відпис|sledz|sledov|track|nyomkov|sendung|verfolg|"
    r"відстеж|"
    r"opini|ocen|hodnot|ertekel|bewert|review|rat(?:e|ing)|відгук|zwrot|return|vratit|visszakuld|"
    r"rucksend|"
    r"pomoc|help|faq|kontakt|contact|jak (?:otrzymac|pobrac|uzyskac|dostac)|how to|jak ziskat|"
    r"zaplac|"
    r"oplac|pay (?:now|invoice|online)|zaplat|uhradit|fizet(?:es|ek|d)|bezahlen|оплатити|"
    r"sklep(?:u)?$|shop$|"
    r"zmien dane|edytuj|dane do faktury|ustawieni|settings|zobacz zamowienie|szczegoly zamowienia|"
    r"view order|order details|facebook|instagram|youtube|newsletter"
)
OTHER_PATH = re2.compile(
    r"histor|regulamin|terms|polityk|privacy|login|logowan|signin|konto(?:/|$)|account(?:/|$)|"
    r"unsub|wypis|odhlas|"
    r"leirat|abmeld|preferenc|track|sledz|sledov|opini|review|rating|hodnoc|ertekel|bewert|"
    r"ankiet|survey|"
    r"retour|visszakuld|vrac|vratk|reklam|podmink|podmien|feltetel|aszf|(?:^|/)agb|widerruf|odst(?:o)?up|"
    r"datenschutz|impressum|navod|manual|katalog|cenik|"
    r"zwrot|return|pomoc|help|faq|kontakt|contact|poradnik|blog|jak-|how-|koszyk|cart|newsletter|"
    r"facebook|instagram|youtube|(?:^|/)cert(?:ificates?)?/|\.(?:png|jpe?g|gif|svg|css|webp)(?:[?#]|$)|produkt|product|"
    r"kategori|category|dane-do-faktury|payment|"
    r"platnosc|/pay(?:/|$)"
)
# Of these a document may be shown too, where the address itself names one.
MY_PLACE = re2.compile(r"konto(?:/|$)|account(?:/|$)|zwrot|return")
SPECIFIC = re.compile(r"\d|[A-Z]{6,}|[A-Za-z0-9_\-]{16,}|(?=[A-Za-z]*[a-z][A-Z])[A-Za-z]{8,}")
QUERY_ID = re.compile(
    r"[?&](?:\w*id|(?:\w+_)?key|token|hash|h|nr|no|order)=(?:\w*\d|\w{12})|"
    r"/(?:faktur\w{0,3}|invoices?|rechnung(?:en)?|szaml\w{1,3})/[\w-]*\d{3}"
)
SLUG = re.compile(r"(?:[a-z]{2,}-){3,}[a-z]{2,}")
BEFORE_CHARS = 320
SHORT_LEAD = 48  # characters of "Download the PDF here:"
LEAD_WORD = re2.compile(
    r"pobierz|pobrac|podglad|otworz|zobacz|link|adres|stron|stahn|zobraz|otevr|otvor|odkaz|stiahn|"
    r"letolt|megnyit|megtekint|itt\b|download|view|open|preview|here|herunterlad|ansehen|anzeig|"
    r"offnen|abruf|hier|завантаж|перегля|відкри|посилан|pdf|"
    r"wydruk|zapisa|vytisk|uloz|vytlac|nyomtat|elment|ausdruck|speicher|print|save|роздрук|зберег"
)
REDIRECTS = re.compile(
    r"click|redirect|link|track|/c/|/ls/|/wf/|/r/|/l/|/e/|mailing|sendgrid|mandrill"
)


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
    without = ADVANCE_INVOICE.sub(" ", folded)
    invoice = INVOICE_WORD.search(without) is not None
    receipt = RECEIPT_WORD.search(folded) is not None
    if not (invoice or receipt) and EITHER_WORD.search(folded):
        invoice = receipt = True
    return _Words(invoice, receipt, proforma=PROFORMA.search(folded) is not None)


def find_document_links(
    text: str, folded: str, links: Sequence[Link], hosts: Hosts
) -> tuple[DocumentLink, ...]:
    """Links to sales documents, each address once, in the order of the mail.

    Args:
        text: Subject (its first line) and new text, clean; *folded* its plain form.
    """
    found: dict[str, DocumentLink] = {}
    subject = _words(folded.partition("\n")[0])
    for link in links:
        if link.url in found or not link.url.lower().startswith(("http://", "https://")):
            continue
        kind = _kind_of(link, text, folded, subject, hosts)
        if kind is not None:
            number = _number_of(link, text, folded)
            found[link.url] = DocumentLink(url=link.url, kind=kind, number=number)
    return tuple(found.values())


def _kind_of(link: Link, text: str, folded: str, subject: _Words, hosts: Hosts) -> Kind | None:
    parts = split_url(link.url)
    if parts is None:
        return None
    host = (parts.hostname or "").lower()
    rest = parts.path + ("?" + parts.query if parts.query else "")
    rest += "#" + parts.fragment if parts.fragment else ""
    label = plain(clean(link.label))
    if label.startswith(("http://", "https://", "www.")):
        label = ""  # a bare address: its words are those of the path
    address = plain(unquote(rest))
    rule = hosts.rule_for(host, rest)
    said = _words(label)
    if said.proforma or PROFORMA.search(address):
        return None
    if rule is not None:
        return _by_rule(rule, link, said, address, text, folded, subject)
    if OTHER_LABEL.search(label) or not parts.path.strip("/") + parts.query + parts.fragment:
        return None
    redirects = bool(REDIRECTS.search(host + address))
    in_path = _Words(
        invoice=(PATH_INVOICE.search(address) or HOST_INVOICE.search(host)) is not None,
        receipt=(PATH_RECEIPT.search(address) or HOST_RECEIPT.search(host)) is not None,
        proforma=False,
    )
    if not in_path.document and (PATH_EITHER.search(address) or HOST_EITHER.search(host)):
        in_path = _Words(invoice=True, receipt=True, proforma=False)
    elsewhere = OTHER_PATH.search(
        MY_PLACE.sub("/", address) if in_path.document and QUERY_ID.search(address) else address
    )
    if elsewhere and not (said.document and redirects):
        return None
    if not SPECIFIC.search(unquote(rest)) or (SLUG.search(address) and not in_path.document):
        return None
    if said.document or in_path.document:
        around = _before(link, text, folded)
        if around.proforma and not around.document:
            return None
        return _choose((said, in_path, around, subject))
    if label and not GENERIC_LABEL.search(label):
        return None
    # "Your e-receipt is waiting at https://…": the words right before a bare address.
    around = _before(link, text, folded)
    if around.proforma or not around.document:
        return None
    return _choose((around, subject))


GENERIC_LABEL = re2.compile(
    r"^(?:tutaj|tu|kliknij(?: tutaj| tu)?|pobierz(?: dokument| pdf| plik)?|otworz(?: dokument)?|"
    r"zobacz|link|"
    r"pokaz|wyswietl(?: dokument)?|zde|stahnout|otevrit|zobrazit|tu|tu stiahnut|stiahnut|otvorit|"
    r"itt|ide|"
    r"letoltes|megnyitas|megtekintes|here|click here|download(?: pdf)?|open|view|view document|"
    r"hier|herunterladen|ansehen|anzeigen|offnen|тут|завантажити|відкрити|переглянути|за "
    r"посиланням|pdf)"
    r"[ .!>»:→]*$"
)


def _by_rule(
    rule: HostRule,
    link: Link,
    said: _Words,
    address: str,
    text: str,
    folded: str,
    subject: _Words,
) -> Kind | None:
    if rule.kind is not None:
        return rule.kind
    around = _before(link, text, folded)
    if (around.proforma and not around.document) or OTHER_PATH.search(address):
        return None
    in_path = _Words(False, PATH_RECEIPT.search(address) is not None, False)
    return _choose((said, in_path, around, subject))


def _choose(voices: Iterable[_Words]) -> Kind:
    """The first voice that speaks of one of the two; invoices are the rule."""
    for words in voices:
        if words.invoice != words.receipt:
            return Kind.RECEIPT_LINK if words.receipt else Kind.INVOICE_LINK
    return Kind.INVOICE_LINK


def _place(link: Link, text: str) -> int:
    """Where the link stands in the text: its address, else its label; -1 when neither does."""
    place = text.find(link.url)
    if place < 0 and link.label:
        place = text.find(clean(link.label).strip())
    return place


def _before(link: Link, text: str, folded: str) -> _Words:
    """Words of the sentence that leads up to the link.

    "Download PDF:" says nothing of its own; the sentence before it says what is downloaded, or
    the subject, which else stands for itself.
    """
    place = _place(link, text)
    if place < 0:
        return _Words(False, False, False)
    subject = folded.partition("\n")[0]
    before = folded[max(len(subject) + 1, place - BEFORE_CHARS) : place].rstrip()
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
    return _words(lead)


def _last_sentence(before: str) -> str:
    """What stands behind the last address, paragraph or full stop."""
    before = before.rstrip()
    cut = max(before.rfind("\n\n"), before.rfind("http"), before.rfind(". "), before.rfind("! "))
    if before.startswith("http", cut):
        blank = re.search(r"\s", before[cut:])
        return before[cut + blank.start() :] if blank else before[cut:]
    return before[cut + 2 :] if cut >= 0 and len(before) - cut > 4 else before


def _number_of(link: Link, text: str, folded: str) -> str | None:
    """The number named in the label, else in the sentence before."""
    wanted = (Numbers.DOCUMENT, Numbers.CORRECTION, Numbers.RECEIPT)
    for words in (link.label, _sentence_before(link, text, folded)):
        numbers = [one.number for one in numbers_in(words) if one.of in wanted] if words else []
        if numbers:
            return numbers[-1]
    return None


def _sentence_before(link: Link, text: str, folded: str) -> str:
    place = _place(link, text)
    del folded
    return text[max(0, place - BEFORE_CHARS) : place] if place > 0 else ""

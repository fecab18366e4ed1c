"""Find parcel numbers and their carriers in a mail.

In:  clean text, links, the delivery method, the list of carriers.
Out: Waybills, and the carriers that the mail names as its own.

Pure. Ambiguity is the norm: thirteen digits are a DPD parcel, an Orlen parcel or an EAN code,
ten are a tax id. So a number is believed by rank (FACTS 6.2): where a tracking link leads, the
carrier named near it, the delivery method, a check digit, and a bare shape only when it is
distinctive and called a parcel's. Digits that their own words call a phone, an account, an
order, a price or a code are never looked at.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

import re2

from awizo.model import Link, Waybill
from awizo.triage.carriers import Carrier, Carriers, Fit, Mention
from awizo.triage.tax_ids import (
    gs1_check_digit,
    is_hungarian_account,
    is_iban,
    is_polish_account,
)
from awizo.triage.urls import split_url

FEWEST_DIGITS = 5
GTIN_DIGITS = 13
FEWEST_IN_ALLEGROS = 2  # "ADBDF601VSG": letters more than figures
MAX_WAYBILLS = 20  # one order has at most a handful of parcels
ENOUGH = 4.5  # evidence from which a number is believed; the weights below add up to it

FROM_LINK = 10.0
DISTINCT_SHAPE, COMMON_SHAPE, CHECKED = 3.0, 1.0, 1.0
OWN_FORM = 0.6  # more for a form that only one sort of number has, its check digit right
NAMED_NEAR, NAMED_IN_LINE, NAMED = 3.0, 2.5, 1.8
BY_METHOD = 2.0
CALLED_PARCEL, NEAR_PARCEL, PARCEL_MAIL = 2.5, 1.5, 0.5

# Solid numbers, and numbers printed in groups: "6380 4523 6705 …", "Z 123 4567 890".
SOLID = re.compile(r"(?<![\w@+/=.#-])[0-9A-Z*]{8,40}(?![\w@]|[.-]\d)")
GROUPED = re.compile(
    r"(?<![\w@+/=.,#-])(?:[A-Z]{1,3}[ \u00a0-]?)?\d{1,8}(?:[ \u00a0-]\d{1,8}){1,9}"
    r"(?:[ \u00a0-]?[A-Z]{1,2})?(?![\w@]|[.,/-]\d)"
)
GS1_GROUPED = re.compile(r"\(00\)[ \u00a0]?\d(?:[ \u00a0]?\d){17}(?!\d)")
UPS_GROUPED = re.compile(r"(?<!\w)1Z(?:[ -]?[0-9A-Z]{1,4}){4,8}(?!\w)")
SHORT_SOLID = re.compile(r"(?<![\w@+/=.#-])AD-?[0-9A-Z]{7,15}(?![\w@])")

PARCEL_LABEL = re2.compile(
    r"(?:(?:list(?:u|em|y)? przewozow[a-z]{1,3}|numer[a-z]{0,2} (?:przesylki|paczki|nadania|"
    r"sledzenia|"
    r"listu|trackingow[a-z]{1,4})|nr (?:przesylki|paczki|nadania|sledzenia|listu)|"
    r"przesylk[a-z]{1,2}|"
    r"paczk[a-z]{1,3}|paczek|tracking[a-z]{0,2}|waybill|consignment|parcel|shipment|package|track|"
    r"awb|zasilk[a-z]{1,3}|zasielk[a-z]{1,3}|zasielok|balik[a-z]{0,2}|balic[a-z]{0,4}|podaci cislo|"
    r"podacie cislo|podacim cislem|sledovac[a-z]{1,2} cislo|cislo (?:zasilky|zasielky|baliku|"
    r"balika)|"
    r"csomag[a-z]{0,10}|kuldemeny[a-z]{0,10}|fuvarlevel[a-z]{0,6}|nyomkoveto[a-z]{0,6}|"
    r"nyomkovetes[a-z]{0,4}|ragszam[a-z]{0,4}|sendung[a-z]{0,12}|sendungs[a-z]{0,12}|"
    r"paket[a-z]{0,10}|einlieferungsnummer|вантаж[а-яі]{0,2}|"
    r"trackingnummer|frachtbrief[a-z]{0,8}|verfolgungsnummer|ттн|накладн[а-яії]{1,3}|"
    r"посилк[а-яії]{1,3}|відстеженн[а-яії]{1,2}|відправленн[а-яії]{1,2}|трек[а-я-]{0,8}|"
    r"експрес-накладн[а-яії]{1,3}|"
    r"przewozow[a-z]{1,2}))"
    r"(?: (?:nr|numer|numerze|numerem|no|number|c|cislo|cislem|nummer|szama|szam|"
    r"azonosito[a-z]{0,2}|kod|"
    r"code|номер|номером|to|is|ist|je|jest|a|o|s|mit|der|pod|kurierska|kurierem|kurierskiej|id)\b"
    r"| ?[№#]| (?:номер|номером|№|за|з))*"
)
# "I sent the new kettle today, no. …"
SENT_WORD = re2.compile(
    r"(?:^|[^a-zа-яіїєґ])(?:wysl|nada(?:l|n)|dosl|odesl|odosl|poslal|feladt|elkuldt|verschickt|versandt|"
    r"versendet|abgeschickt|sent|posted|shipped|dispatched|відправ|надісла)"
)
LABEL_REACH = 48  # characters before a number in which its label stands
# Between the label and the number: carrier's name, brackets, "nr".
TO_NUMBER = re.compile(
    r"[ .:;,()\[\]\"'«»„#№*|>=\-\n]{0,6}(?:[a-z0-9а-яіїєґ|]{1,14}[ .:()\-]{1,3}){0,3}$"
)

FOREIGN = re2.compile(
    r"(?:tel(?:efon[a-z]{0,3})?|phone|mobil[a-z]{0,3}|kom(?:orka|orkowy)?|gsm|fax|faks|"
    r"infolini[a-z]|"
    r"hotline|call|zadzwon[a-z]{0,2}|dzwon[a-z]{0,3}|тел(?:ефон[а-яі]{0,2})?|telefonszam[a-z]{0,3}|"
    r"nip|regon|krs|bdo|pesel|dic|ic dph|ico|ic|ust-?idn?r?|vat(?: id| no| reg)?|adoszam[a-z]{0,2}|"
    r"cegjegyzekszam|hrb|eori|єдрпоу|іпн|steuernummer|st-?nr|"
    r"kont[oa]|rachun[a-z]{2,4}|bank[a-z]{0,8}|iban|nrb|swift|bic|ucet|uctu|ucte|"
    r"bankszamla[a-z]{0,6}|"
    r"szamlaszam[a-z]{0,2}|рахун[а-яі]{2,4}|variabiln[a-z] symbol|vs|specificky symbol|"
    r"ean|gtin|isbn|sku|kod produktu|indeks|symbol|artikel[a-z-]{0,8}|katalog[a-z]{0,6}|model|"
    r"s/n|sn|serial|imei|numer seryjny|"
    r"zamowieni[a-z]{1,3}|zam|order|objednav[a-z]{1,3}|rendeles[a-z]{0,8}|bestell[a-z]{0,8}|"
    r"auftrag[a-z]{0,8}|"
    r"замовленн[а-яіїє]{1,2}|заказ[а-я]{0,2}|transakcj[a-z]|platnosc[a-z]|payment|"
    r"faktur[a-z]{0,4}|invoice|rechnung[a-z]{0,8}|szamla|doklad[a-z]{0,2}|paragon[a-z]{0,2}|"
    r"фактур[а-яі]{1,3}|korekt[a-z]{0,3}|proform[a-z]|"
    r"kod(?:em|u)?(?: (?:odbioru|pin|rabatowy|aktywacyjny|otwarcia|do odbioru|pocztowy|"
    r"kreskowy))?|pin|"
    r"haslo|password|code|heslo|jelszo|atveteli kod|kod pro vyzvednuti|abholcode|код(?: "
    r"отримання)?|"
    r"licenc[a-z]{1,6}|klucz|key|voucher|kupon|id klienta|klient[a-z]?|customer|ksef|regulamin|"
    r"reklamacj[a-z]|zgloszeni[a-z]|ticket|sprawy|rma|zwrot[a-z]?|return|allegro id|oferty|aukcji|"
    r"oferta|offer|item|lokal[a-z]{0,3})"
    r"(?: (?:nr|numer|numerze|no|number|c|cislo|nummer|szama|номер|id|kontaktowy|bankowe|bankowego|"
    r"wplat|allegro|klienta|zakupu|przelewu|pod|pod numer|o numerze|ma|to|"
    r"jest))*[ .:;#№(\"'+/\-]{0,5}$"
)
FOREIGN_REACH = 42
# "Numer telefonu kuriera DHL: …": whose phone or account it is stands between.
THEIRS = re.compile(
    r"(?:tel|telefon[a-z]{0,3}|phone|mobil[a-z]{0,3}|тел(?:ефон[а-яі]{0,3})?|kont[aou]|rachunku|"
    r"rachunek|account|"
    r"ucet|uctu|nip|ean|gtin|isbn|s/n|seryjn[a-z]{1,3}|seriov[a-z]{1,3}|serial(?: number)?|"
    r"seriennummer|gyartasi szam|серійн[а-яі]{1,3}|partii|sarz[a-z]|batch|chargen?(?:nummer|-?nr)|"
    r"партії)\.?(?: [a-zа-яіїєґ]{1,14}){0,3} ?[:=]? ?[(+]?$"
)
UNIT = re.compile(
    r"[ \u00a0]?(?:zl|pln|kc|czk|eur|€|ft|huf|грн|uah|usd|\$|szt|ks|db|pcs|kg|g|cm|mm|m|ml|l|%|"
    r"x)(?![a-z])"
)
# Shop programs count their shipments: "Shipment # 100018845 for Order # 100031120".
COUNTED_BEFORE = re.compile(r"#\s?$")
COUNTED_AFTER = re.compile(
    r" (?:for|of|do|dla|zu|ke?|pre|pro) (?:order|zamow|bestell|objednav)\w* ?#"
)
COUNTED_DIGITS = 10  # at most
PHONE_GROUPS = re.compile(
    r"(?:\+?(?:48|420|421|36|49|380)[ -])?(?:\d{3}[ -]\d{3}[ -]\d{3}|"
    r"\d{2}[ -]\d{3}[ -]\d{2}[ -]\d{2}|"
    r"\d{3}[ -]\d{2}[ -]\d{2}[ -]\d{3}|\d{2}[ -]\d{3}[ -]\d{4}|\d{2}[ -]\d{3}[ -]\d{3})"
)
# Ten digits behind a nought are a phone's in Slovakia, Hungary, Ukraine and Germany.
PHONE_SOLID = re.compile(r"0\d{9}|06(?:20|30|31|50|70)\d{7}")
DATE_OR_TAX_GROUPS = re.compile(
    r"\d{4}-\d{2}-\d{2}(?: \d{1,2})?|\d{2}-\d{2}-\d{4}|\d{3}-\d{3}-\d{2}-\d{2}|"
    r"\d{3}-\d{2}-\d{2}-\d{3}|"
    r"\d{8}-\d-\d{2}|\d{8}-\d{8}(?:-\d{8})?|\d{2}-\d{3}"
)
METHOD = re.compile(
    r"(?<![a-z])(?:(?:sposob|forma|metoda|rodzaj|opcja) (?:dostawy|wysylki)|dostawa|wysylka|"
    r"przewoznik|"
    r"kurier|(?:zpusob|sposob) (?:dopravy|doruceni|dorucenia)|doprava|dopravce|dopravca|doruceni|"
    r"dorucenie|szallitasi mod|szallitas|szallito|futarszolgalat|kezbesites|versand(?:art|"
    r"methode)?|"
    r"liefer(?:ung|art)|versanddienst(?:leister)?|zustellung|delivery(?: method)?|"
    r"shipping(?: method)?|carrier|courier|доставка|спосіб доставки|перевізник|служба доставки)"
    r"[ ]{0,2}[:\-|\n][ \n]{0,2}(?P<method>[^\n]{2,60})"
)
# "kurier GLS, nr 99544349481": what stands between a carrier and its number.
BESIDE = re.compile(
    r"(?:-[a-z]{1,4})?[ ,;:(\n-]{0,4}"  # "MPL-lel (…"
    r"(?:(?:nr|numer|no|number|c|cislo|nummer|szam|szama|номер|№)[ .:#№(-]{0,4})?"
)
CYRILLIC = re.compile("[а-яіїєґ]{3}")
TRACK_WORD = re.compile(
    r"sledz|sledov|track|tracing|przesylk|paczk|zasil|zasiel|nyomkov|csomag|sendung|verfolg|parcel|"
    r"shipment|status|monitoring|trace|відстеж|find"
)
LINK_NUMBER = re.compile(r"[0-9A-Z]{8,34}")
HASH = re.compile(r"[0-9A-F]{32}")


@dataclass(slots=True)
class _Candidate:
    """A number and what speaks for each carrier it may belong to."""

    number: str
    scores: dict[Carrier, float] = field(default_factory=dict)
    fits: list[Fit] = field(default_factory=list)

    def add(self, carrier: Carrier, weight: float) -> None:
        self.scores[carrier] = max(self.scores.get(carrier, 0.0), weight)


@dataclass(frozen=True, slots=True)
class Parcels:
    waybills: tuple[Waybill, ...]
    carriers: tuple[str, ...]


def find_parcels(
    text: str,
    folded: str,
    links: Sequence[Link],
    carriers: Carriers,
    *,
    delivery_method: str = "",
    sender: tuple[str, str] = ("", ""),
    foreign_numbers: Sequence[str] = (),
) -> Parcels:
    """Parcel numbers of a mail.

    Args:
        text: Subject and new text, clean; *folded* is its plain form of the same length.
        links: Those of the new text.
        delivery_method: Of the order, folded, when it is known from elsewhere.
        sender: Name, folded, and domain of who wrote; carriers tell of their own parcels.
        foreign_numbers: Numbers known to be something else (orders, invoices, tax ids).
    """
    mentions = carriers.mentions(folded)
    methods = [match.span("method") for match in METHOD.finditer(folded)]
    by_method = _method_carriers(carriers, mentions, methods, delivery_method)
    by_method += [one for one in _sending(carriers, *sender) if one not in by_method]
    running = [m for m in mentions if not any(a <= m.start < b for a, b in methods)]
    banned = {_joined(number) for number in foreign_numbers}
    found: dict[str, _Candidate] = {}
    linked = _from_links(links, carriers, found, running, by_method)
    parcel_mail = PARCEL_LABEL.search(folded) is not None
    unnamed = not running and not by_method
    ends = [mention.end for mention in running]
    for number, start, end, grouped in _numbers(text, carriers):
        if number in banned or _is_foreign(number, text, folded, start, end, grouped=grouped):
            continue
        candidate = found.setdefault(number, _Candidate(number))
        called = _called_parcel(folded, start)
        context = CALLED_PARCEL if called else 0.0
        if not called:
            around = folded[max(0, start - 90) : end + 40]
            near = PARCEL_LABEL.search(around) or SENT_WORD.search(around)
            last = bisect_right(ends, start) - 1
            beside = last >= 0 and BESIDE.fullmatch(folded, ends[last], start)
            context = NEAR_PARCEL if near or beside else PARCEL_MAIL if parcel_mail else 0.0
        _weigh(candidate, carriers, folded, start, end, running, by_method, context)
        if unnamed and called and CYRILLIC.search(folded[max(0, start - LABEL_REACH) : start]):
            for carrier in list(candidate.scores):
                if carrier.cyrillic:
                    candidate.scores[carrier] += NAMED
    waybills = [
        waybill for candidate in found.values() if (waybill := _decided(candidate)) is not None
    ]
    named = [waybill.carrier for waybill in waybills]
    named += [m.carrier.id for m in running] + [c.id for c in by_method] + [c.id for c in linked]
    return Parcels(tuple(waybills[:MAX_WAYBILLS]), tuple(dict.fromkeys(named)))


def _joined(number: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", number).upper()


def _method_carriers(
    carriers: Carriers,
    mentions: Sequence[Mention],
    methods: Sequence[tuple[int, int]],
    delivery_method: str,
) -> list[Carrier]:
    found = [m.carrier for m in mentions if any(a <= m.start < b for a, b in methods)]
    if delivery_method:
        found += [m.carrier for m in carriers.mentions(delivery_method)]
    return list(dict.fromkeys(found))


def _sending(carriers: Carriers, name: str, domain: str) -> list[Carrier]:
    """The carrier that wrote the mail itself."""
    named = [mention.carrier for mention in carriers.mentions(name)]
    owner = carriers.of_host(domain, "")[1] if domain else None
    return named or ([owner] if owner is not None else [])


def _numbers(text: str, carriers: Carriers) -> list[tuple[str, int, int, bool]]:
    """Candidates with their places; printed groups are joined."""
    found: list[tuple[str, int, int, bool]] = []
    taken: list[tuple[int, int]] = []
    for pattern in (GS1_GROUPED, UPS_GROUPED, GROUPED, SHORT_SOLID, SOLID):
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(a < end and start < b for a, b in taken):
                continue
            number = _joined(match[0]) if "*" not in match[0] else match[0]
            fewest = FEWEST_IN_ALLEGROS if pattern is SHORT_SOLID else FEWEST_DIGITS
            if _digits(number) < fewest or not 8 <= len(number) <= 40:
                continue
            grouped = pattern is GROUPED
            if grouped and not _one_number(match[0], number, carriers):
                continue
            taken.append((start, end))
            found.append((number, start, end, grouped))
    found.sort(key=lambda item: item[1])
    return found


def _digits(number: str) -> int:
    return sum(letter.isdigit() for letter in number)


def _one_number(printed: str, number: str, carriers: Carriers) -> bool:
    """Groups are one number when they are of a size and the whole has a carrier's shape."""
    groups = re.findall(r"\d+", printed)
    sizes = {len(group) for group in groups[:-1]}
    return (max(sizes, default=0) <= 6 and len(sizes) <= 3 and bool(carriers.fits(number))) or bool(
        re.match(r"[A-Z]{1,3}[ \u00a0-]?\d", printed) and carriers.fits(number)
    )


def _is_foreign(
    number: str, text: str, folded: str, start: int, end: int, *, grouped: bool
) -> bool:
    """Its own words or shape say that it is no parcel's number."""
    if UNIT.match(folded, end):
        return True
    account = is_polish_account(number) or is_hungarian_account(number) or is_iban(number)
    if account and not _called_parcel(folded, start):
        return True
    if _is_shops_own_count(number, folded, start, end):
        return True
    if (
        _is_article(number)
        and not _called_parcel(folded, start)
        and "\t" in text[start - 1 : end + 1]
    ):
        return True  # a cell of the table of goods
    printed = text[start:end]
    if grouped and (PHONE_GROUPS.fullmatch(printed) or DATE_OR_TAX_GROUPS.fullmatch(printed)):
        return True
    before = folded[max(0, start - FOREIGN_REACH) : start]
    before = before[before.rfind("\n") + 1 :] if before.strip("\n ") else before
    if THEIRS.search(before):
        return True
    if PHONE_SOLID.fullmatch(number) and (
        "," in folded[max(0, start - 22) : start] or not _called_parcel(folded, start)
    ):
        return True
    return FOREIGN.search(before) is not None and not _called_parcel(folded, start, reach=22)


def _is_shops_own_count(number: str, folded: str, start: int, end: int) -> bool:
    """Both ends must say so: "parcel 0000797406976U for order #12" is a carrier's."""
    return (
        number.isdecimal()
        and len(number) <= COUNTED_DIGITS
        and COUNTED_BEFORE.search(folded, max(0, start - 2), start) is not None
        and COUNTED_AFTER.match(folded, end) is not None
    )


def _is_article(number: str) -> bool:
    """A GTIN-13, as goods carry it."""
    return (
        len(number) == GTIN_DIGITS
        and number.isdecimal()
        and gs1_check_digit(number[:-1]) == int(number[-1])
    )


def _called_parcel(folded: str, start: int, *, reach: int = LABEL_REACH) -> bool:
    """A word for a parcel leads up to the number: "nr przesyłki DPD: …"."""
    before = folded[max(0, start - reach) : start]
    last = None
    for match in PARCEL_LABEL.finditer(before):
        last = match
    return last is not None and TO_NUMBER.match(before, last.end()) is not None


def _weigh(
    candidate: _Candidate,
    carriers: Carriers,
    folded: str,
    start: int,
    end: int,
    running: Sequence[Mention],
    by_method: Sequence[Carrier],
    context: float,
) -> None:
    candidate.fits = candidate.fits or carriers.fits(candidate.number)
    fits = {fit.carrier: fit for fit in candidate.fits}
    named = _named_near(folded, start, end, running)
    for carrier in {*fits, *named, *by_method}:
        fit = fits.get(carrier)
        weight = context
        if fit is not None:
            weight += COMMON_SHAPE if fit.weak else DISTINCT_SHAPE
            weight += CHECKED if fit.checked else 0.0
            weight += OWN_FORM if fit.checked and not fit.weak else 0.0
        elif context < CALLED_PARCEL or any(not other.weak for other in fits.values()):
            continue  # a strange shape needs the plainest words, and no better owner
        weight += max(
            named.get(carrier, 0.0),
            (BY_METHOD if carrier in by_method else 0.0),
        )
        candidate.add(carrier, weight)


def _named_near(
    folded: str, start: int, end: int, running: Sequence[Mention]
) -> dict[Carrier, float]:
    """How near each carrier is named: beside the number, in its line, anywhere."""
    weights: dict[Carrier, float] = {}
    nearest: tuple[int, Carrier] | None = None
    for mention in running:
        distance = start - mention.end if mention.end <= start else mention.start - end
        between = (
            folded[mention.end : start] if mention.end <= start else folded[end : mention.start]
        )
        weight = NAMED
        if distance <= 90 and "\n\n" not in between:
            weight = NAMED_IN_LINE
            if nearest is None or distance < nearest[0]:
                nearest = (distance, mention.carrier)
        weights[mention.carrier] = max(weights.get(mention.carrier, 0.0), weight)
    if nearest is not None:
        weights[nearest[1]] = NAMED_NEAR
    return weights


def _from_links(
    links: Sequence[Link],
    carriers: Carriers,
    found: dict[str, _Candidate],
    running: Sequence[Mention],
    by_method: Sequence[Carrier],
) -> list[Carrier]:
    """Numbers in tracking links; the carriers whose hosts they lead to."""
    owners: list[Carrier] = []
    named = {m.carrier: NAMED for m in running} | dict.fromkeys(by_method, BY_METHOD)
    for link in links:
        for url in _targets(link.url):
            parts = split_url(url)
            if parts is None:
                continue
            tracks, owner = carriers.of_host((parts.hostname or "").lower(), parts.path)
            worded = bool(TRACK_WORD.search(f"{parts.path} {parts.query}".lower()))
            if not tracks and not worded:
                continue
            number = _link_number(parts.path, parts.query, parts.fragment, carriers, owner)
            if number is None:
                continue
            candidate = found.setdefault(number, _Candidate(number))
            candidate.fits = candidate.fits or carriers.fits(number)
            if owner is not None:
                owners.append(owner)
                candidate.add(owner, FROM_LINK)
                continue
            for fit in candidate.fits:
                weight = COMMON_SHAPE if fit.weak else DISTINCT_SHAPE
                weight += CALLED_PARCEL if tracks else NEAR_PARCEL
                weight += CHECKED if fit.checked else 0.0
                candidate.add(fit.carrier, weight + named.get(fit.carrier, 0.0))
    return owners


def _targets(url: str) -> list[str]:
    """The link itself, and the address that it carries as a parameter (click counters)."""
    found = [url]
    if "http" in url[8:]:
        parts = split_url(url)
        query = parts.query if parts is not None else ""
        found += [value for _, value in parse_qsl(query) if value.startswith("http")]
        inner = unquote(url)[8:].find("http")
        if inner >= 0:
            found.append(unquote(url)[8 + inner :])
    return found


def _link_number(
    path: str, query: str, fragment: str, carriers: Carriers, owner: Carrier | None
) -> str | None:
    values = [value for _, value in parse_qsl(query)]
    values += [value for _, value in parse_qsl(fragment)] + [fragment, query]
    values += [unquote(part) for part in reversed(path.split("/")) if part]
    for value in values:
        number = _joined(value.split("=")[-1]) if len(value) <= 60 else ""
        own = owner is not None and SHORT_SOLID.fullmatch(number) is not None
        fewest = FEWEST_IN_ALLEGROS if own else FEWEST_DIGITS
        if LINK_NUMBER.fullmatch(number) is None or _digits(number) < fewest:
            continue
        fits = carriers.fits(number)
        if owner is None and not fits:
            continue
        if owner is not None and fits and not any(fit.carrier is owner for fit in fits):
            return number  # another carrier's form, and yet this one's link
        if not fits and HASH.fullmatch(number):
            continue  # a key of the page, no parcel's number
        return number
    return None


def _decided(candidate: _Candidate) -> Waybill | None:
    if not candidate.scores:
        return None
    order = {fit.carrier: place for place, fit in enumerate(candidate.fits)}
    ranked = sorted(
        candidate.scores.items(), key=lambda item: (-item[1], order.get(item[0], len(order)))
    )
    carrier, weight = ranked[0]
    if weight < ENOUGH:
        return None
    others = [other for other, score in ranked[1:] if score >= 2.0]
    others += [fit.carrier for fit in candidate.fits]
    alternatives = dict.fromkeys(
        other.id for other in others if other.id not in (carrier.id, "OTHER")
    )
    return Waybill(
        carrier=carrier.id,
        number=candidate.number,
        name=carrier.shown_name,
        alternatives=tuple(alternatives)[:4],
    )

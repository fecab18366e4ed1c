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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from awizo.model import Link, Waybill
from awizo.triage.carriers import Carrier, Carriers, Fit, Mention
from awizo.triage.parcel_numbers import Printed, joined, printed_numbers
from awizo.triage.parcel_words import (
    BOX,
    LABEL_REACH,
    PARCEL_LABEL,
    called_number,
    called_parcel,
    is_foreign,
    near_parcel,
)
from awizo.triage.tables import row_at, rows_in
from awizo.triage.tracking_links import tracking_in

MAX_WAYBILLS = 20  # one order has at most a handful of parcels
ENOUGH = 4.5  # evidence from which a number is believed; the weights below add up to it

FROM_LINK = 10.0
DISTINCT_SHAPE, COMMON_SHAPE, CHECKED = 3.0, 1.0, 1.0
OWN_FORM = 0.6  # more for a form that only one sort of number has, its check digit right
NAMED_NEAR, NAMED_IN_LINE, NAMED = 3.0, 2.5, 1.8
BY_METHOD = 2.0
CALLED_PARCEL, NEAR_PARCEL, PARCEL_MAIL = 2.5, 1.5, 0.5
AT_HOME = 0.1  # a carrier of that country before the one of the same name without a country

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
# Numbers one after another are spoken of together: "412…, 413… i 414…", "1. 412…".
JOINING = re.compile(
    rf"(?:i|a|oraz|az|es|valamint|and|und|sowie|та|й|і|plus|nr|no|c|n|numer|cislo|szam|nummer|номер|"
    rf"druh\w|drug\w|masodik|second|zweite\w?|друг\w|{BOX})"
)
ROW_REACH, ROW_WORDS, ROW_STEM = 60, 4, 5
# A blank line parts a number from the carrier above, unless a colon leads over it.
APART = re.compile(r"[^:\s] *\n *\n")
REACH = 90  # characters between a carrier's name and its number in one line
LINE = 60  # characters that a line's end is worth, when the nearest name is looked for
CYRILLIC = re.compile("[а-яіїєґ]{3}")


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


@dataclass(frozen=True, slots=True)
class _Names:
    """The carriers that a mail names, in its text and as its way of delivery."""

    mentions: list[Mention]
    running: list[Mention]  # those that are no delivery method
    by_method: list[Carrier]
    parcel_mail: bool
    ends: list[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", [mention.end for mention in self.mentions])

    @property
    def unnamed(self) -> bool:
        return not self.running and not self.by_method


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What the words around a number say of it."""

    printed: Printed
    context: float
    named: dict[Carrier, float]

    def together_with(self, other: _Spoken) -> _Spoken:
        """What is said of the number before is said of this one as well."""
        named = {
            carrier: max(self.named.get(carrier, 0.0), other.named.get(carrier, 0.0))
            for carrier in self.named | other.named
        }
        return _Spoken(self.printed, max(self.context, other.context), named)


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
        sender: Name and domain of the mail's author, folded.
        foreign_numbers: Numbers known to be something else (orders, invoices, tax ids).
    """
    names = _names(folded, carriers, delivery_method, sender)
    banned = {joined(number) for number in foreign_numbers}
    found: dict[str, _Candidate] = {}
    linked = _from_links(links, carriers, found, names)
    previous: _Spoken | None = None
    rows = rows_in(text)
    for printed in printed_numbers(text, carriers):
        row = row_at(printed.start, rows)
        head = row.head_over(printed.start) if row is not None else None
        headed = folded[slice(*head)] if head is not None else ""
        if printed.number in banned or is_foreign(printed, text, folded, headed):
            continue
        spoken = _spoken(printed, folded, names, head)
        if previous is not None and _continues(previous.printed, printed, folded, names):
            spoken = spoken.together_with(previous)
        previous = spoken
        candidate = found.setdefault(printed.number, _Candidate(printed.number))
        _weigh(candidate, carriers, spoken, names)
        if names.unnamed and spoken.context == CALLED_PARCEL:
            _add_unnamed(candidate, folded[max(0, printed.start - LABEL_REACH) : printed.start])
    _bring_home(found.values(), carriers, folded, links, sender[1])
    waybills = _whole(
        [waybill for candidate in found.values() if (waybill := _decided(candidate)) is not None]
    )
    named = [waybill.carrier for waybill in waybills]
    named += [m.carrier.id for m in names.running] + [c.id for c in names.by_method]
    named += [c.id for c in linked]
    return Parcels(tuple(waybills[:MAX_WAYBILLS]), tuple(dict.fromkeys(named)))


def _whole(waybills: Sequence[Waybill]) -> list[Waybill]:
    """Without those that are only a part of another: printed groups, parameters of a link."""
    return [
        one
        for one in waybills
        if not any(one.number != other.number and one.number in other.number for other in waybills)
    ]


# --- whom the mail names --------------------------------------------------------------------------


def _names(
    folded: str, carriers: Carriers, delivery_method: str, sender: tuple[str, str]
) -> _Names:
    mentions = carriers.mentions(folded)
    methods = [match.span("method") for match in METHOD.finditer(folded)]
    inside = [m for m in mentions if any(a <= m.start < b for a, b in methods)]
    by_method = [m.carrier for m in inside]
    if delivery_method:
        by_method += [m.carrier for m in carriers.mentions(delivery_method)]
    by_method += _sending(carriers, *sender)
    return _Names(
        mentions=mentions,
        running=[m for m in mentions if m not in inside],
        by_method=list(dict.fromkeys(by_method)),
        parcel_mail=PARCEL_LABEL.search(folded) is not None,
    )


def _sending(carriers: Carriers, name: str, domain: str) -> list[Carrier]:
    """The carrier that wrote the mail itself."""
    named = [mention.carrier for mention in carriers.mentions(name)]
    owner = carriers.of_host(domain, "")[1] if domain else None
    return named or ([owner] if owner is not None else [])


def _named_near(folded: str, start: int, end: int, names: _Names) -> dict[Carrier, float]:
    """How near each carrier is named: beside the number, in its line, anywhere."""
    weights: dict[Carrier, float] = {mention.carrier: NAMED for mention in names.running}
    nearest: tuple[int, Carrier] | None = None
    for mention in names.mentions:
        before = mention.end <= start
        distance = start - mention.end if before else mention.start - end
        if distance > REACH:
            continue
        between = folded[mention.end : start] if before else folded[end : mention.start]
        apart = APART.search(folded, mention.end - 1, start) if before else "\n\n" in between
        own_line = "\n" not in between
        if apart or (not own_line and mention.carrier not in weights):
            continue  # a row "Dostawa: …" speaks of numbers below it as the delivery method
        weights[mention.carrier] = max(weights.get(mention.carrier, 0.0), NAMED_IN_LINE)
        far = distance + (0 if own_line else LINE) - (1 if between == " (" else 0)
        if nearest is None or far < nearest[0]:
            nearest = (far, mention.carrier)
    if nearest is not None:
        weights[nearest[1]] = NAMED_NEAR
    return weights


# --- what is said of a number -----------------------------------------------------------------


def _spoken(printed: Printed, folded: str, names: _Names, head: tuple[int, int] | None) -> _Spoken:
    """Args: head: Where the head of its column stands, if it stands in one."""
    start, end = printed.start, printed.end
    named = _named_near(folded, start, end, names)
    headed = folded[slice(*head)] if head is not None else ""
    in_head = [m.carrier for m in names.mentions if head and head[0] <= m.start < head[1]]
    if in_head and NAMED_NEAR not in named.values():
        named |= dict.fromkeys(in_head, NAMED_NEAR)
    if called_parcel(folded, start) or PARCEL_LABEL.search(headed):
        context = CALLED_PARCEL
    elif (
        near_parcel(folded, start, end)
        or in_head
        or _is_beside(folded, start, names)
        or (called_number(folded, start) and NAMED_NEAR in named.values())
    ):
        context = NEAR_PARCEL
    else:
        context = PARCEL_MAIL if names.parcel_mail else 0.0
    return _Spoken(printed, context, named)


def _is_beside(folded: str, start: int, names: _Names) -> bool:
    last = bisect_right(names.ends, start) - 1
    return last >= 0 and BESIDE.fullmatch(folded, names.ends[last], start) is not None


def _continues(before: Printed, after: Printed, folded: str, names: _Names) -> bool:
    """The two stand in one row, and what is said of the first is said of the second."""
    gap = folded[before.end : after.start]
    if len(before.number) != len(after.number) or not 0 < len(gap) <= ROW_REACH:
        return False
    if "\n\n" in gap or re.search(r"\d{3}", gap):
        return False
    if any(before.end <= mention.start < after.start for mention in names.mentions):
        return False
    words = re.findall(r"[^\W\d_]+", gap)
    if all(JOINING.fullmatch(word) for word in words):
        return True
    return len(words) <= ROW_WORDS and before.number[:ROW_STEM] == after.number[:ROW_STEM]


def _weigh(candidate: _Candidate, carriers: Carriers, spoken: _Spoken, names: _Names) -> None:
    candidate.fits = candidate.fits or carriers.fits(candidate.number)
    fits = {fit.carrier: fit for fit in candidate.fits}
    for carrier in {*fits, *spoken.named, *names.by_method}:
        fit = fits.get(carrier)
        weight = spoken.context
        if fit is not None:
            weight += COMMON_SHAPE if fit.weak else DISTINCT_SHAPE
            weight += CHECKED if fit.checked else 0.0
            weight += OWN_FORM if fit.checked and not fit.weak else 0.0
        elif spoken.context < CALLED_PARCEL or any(not other.weak for other in fits.values()):
            continue  # a strange shape needs the plainest words, and no better owner
        weight += max(
            spoken.named.get(carrier, 0.0),
            (BY_METHOD if carrier in names.by_method else 0.0),
        )
        candidate.add(carrier, weight)


def _add_unnamed(candidate: _Candidate, before: str) -> None:
    """A Cyrillic mail that names no carrier means the usual one of its country."""
    if CYRILLIC.search(before):
        for carrier in candidate.scores:
            if carrier.cyrillic:
                candidate.scores[carrier] += NAMED


def _bring_home(
    candidates: Iterable[_Candidate],
    carriers: Carriers,
    folded: str,
    links: Sequence[Link],
    domain: str,
) -> None:
    """The carrier of the country that a link, or number and words, speak of: DPD of Hungary."""
    named = {carrier for candidate in candidates for carrier in candidate.scores}
    homes = [home for home in carriers.homes if home.carrier in named and home.of in named]
    if not homes:
        return
    hosts = {one.owner for link in links for one in tracking_in(link.url, carriers)}
    for home in homes:
        spoken = domain.endswith(home.domain) or home.words.search(folded) is not None
        for candidate in candidates:
            score = candidate.scores.get(home.of, 0.0)
            at_home = home.carrier in hosts or (spoken and home.numbers.fullmatch(candidate.number))
            if score and at_home and home.carrier in candidate.scores:
                candidate.add(home.carrier, score + AT_HOME)


# --- links and the decision -------------------------------------------------------------------


def _from_links(
    links: Sequence[Link], carriers: Carriers, found: dict[str, _Candidate], names: _Names
) -> list[Carrier]:
    """Numbers in tracking links; the carriers whose hosts they lead to."""
    owners: list[Carrier] = []
    named = {m.carrier: NAMED for m in names.running} | dict.fromkeys(names.by_method, BY_METHOD)
    for tracking in (one for link in links for one in tracking_in(link.url, carriers)):
        for number in tracking.numbers:
            candidate = found.setdefault(number, _Candidate(number))
            candidate.fits = candidate.fits or carriers.fits(number)
            if tracking.owner is not None:
                owners.append(tracking.owner)
                candidate.add(tracking.owner, FROM_LINK)
                continue
            for fit in candidate.fits:
                weight = COMMON_SHAPE if fit.weak else DISTINCT_SHAPE
                weight += CALLED_PARCEL if tracking.tracks else NEAR_PARCEL
                weight += CHECKED if fit.checked else 0.0
                candidate.add(fit.carrier, weight + named.get(fit.carrier, 0.0))
    return owners


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

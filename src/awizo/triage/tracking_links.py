"""Read parcel numbers out of links that show a parcel's way.

In:  a link, the list of carriers.
Out: the numbers that it carries, and whose they are when its host says it.

Pure. A tracking address carries much that is no number of a parcel: postcodes, languages, keys
of the page, the shop's order. What has the form of the host's own numbers goes first; what has
the form of nobody's is believed only where the address itself calls it a parcel's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote

from awizo.triage.carriers import Carrier, Carriers
from awizo.triage.parcel_numbers import FEWEST_DIGITS, FEWEST_IN_ALLEGROS, count_digits, joined
from awizo.triage.urls import split_url

LONGEST_VALUE = 200  # a list of numbers; keys of pages are longer
TRACK_WORD = re.compile(
    r"sledz|sledov|track|tracing|przesylk|paczk|zasil|zasiel|balik|nyomkov|csomag|kuldem|sendung|"
    r"verfolg|parcel|paket|shipment|consign|waybill|status|monitoring|trace|відстеж|find|search|"
    r"lookup|znajdz|vyhled|cargo|barcode|awb|piececode|match|numer"
)
LINK_NUMBER = re.compile(r"[0-9A-Z]{8,34}")
HASH = re.compile(r"[0-9A-F]{32}")
NOT_A_PARCEL = re.compile(
    r"(?i)zip|plz|psc|postal|postcode|phone|token|session|utm_|user|customer|client|locale|"
    r"rating|secret|signature|(?:^|_)(?:sig|key|ts|t|time|date|tel|mail|email|ref|lang|hash|h)$"
)
ORDER_KEY = re.compile(r"(?i)order|zam|objedn|rendel|bestell|auftrag")
SEVERAL = re.compile(r"[,;|\s]+")
OWN, FOREIGN_FORM, CALLED_SO = 0, 1, 2  # how well a number suits the link, the best first


@dataclass(frozen=True, slots=True)
class Tracking:
    """What one link says: its numbers, its owner, whether a page about parcels."""

    numbers: tuple[str, ...]
    owner: Carrier | None
    tracks: bool


def tracking_in(url: str, carriers: Carriers) -> Iterator[Tracking]:
    """The parcels of the link, and of the address that it carries inside (click counters)."""
    for target in _targets(url):
        parts = split_url(target)
        if parts is None:
            continue
        tracks, owner = carriers.of_host((parts.hostname or "").lower(), parts.path)
        if tracks or TRACK_WORD.search(f"{parts.path} {parts.query}".lower()):
            yield Tracking(_numbers(parts, carriers, owner), owner, tracks)


def _targets(url: str) -> list[str]:
    found = [url]
    if "http" in url[8:]:
        parts = split_url(url)
        query = parts.query if parts is not None else ""
        found += [value for _, value in parse_qsl(query) if value.startswith("http")]
        inner = unquote(url)[8:].find("http")
        if inner >= 0:
            found.append(unquote(url)[8 + inner :])
    return found


def _numbers(parts: SplitResult, carriers: Carriers, owner: Carrier | None) -> tuple[str, ...]:
    """The numbers under the best key: ``p1=…&p2=…`` and ``match=…,…`` hold several."""
    ranked: list[tuple[int, str, str]] = []
    for key, value in _values(parts):
        for number in _split(value, carriers):
            rank = _rank(number, key, carriers, owner)
            if rank is not None:
                ranked.append((rank, key.rstrip("0123456789[]"), number))
    if not ranked:
        return ()
    best = min(ranked, key=lambda one: one[0])
    return tuple(dict.fromkeys(number for rank, key, number in ranked if (rank, key) == best[:2]))


def _values(parts: SplitResult) -> list[tuple[str, str]]:
    """Keys and values of an address; the key of a piece of its path is the piece before."""
    query = parse_qsl(parts.query)
    hash_query = parse_qsl(parts.fragment.rpartition("?")[2])
    found = [("", "".join(in_parts)) for in_parts in _number_in_parts(query)]
    found += query + hash_query
    if "=" not in parts.query:
        found.append(("?", unquote(parts.query)))
    if "=" not in parts.fragment.partition("?")[0]:
        found += [("#", part) for part in unquote(parts.fragment.partition("?")[0]).split("/")]
    path = [unquote(part) for part in parts.path.split("/") if part]
    before = ["", *path]
    found += [(f"/{before[place]}", path[place]) for place in reversed(range(len(path)))]
    return [(key, value) for key, value in found if len(value) <= LONGEST_VALUE]


def _number_in_parts(query: list[tuple[str, str]]) -> Iterator[list[str]]:
    """A number that is spread over parameters: ``x_land=703&x_mand=041&x_nr=30118264``."""
    stems: dict[str, list[str]] = {}
    for key, value in query:
        stem, divider, _ = key.partition("_")
        if divider and value.isdecimal():
            stems.setdefault(stem, []).append(value)
    yield from (values for values in stems.values() if len(values) >= 3)


def _split(value: str, carriers: Carriers) -> list[str]:
    pieces = [joined(piece) for piece in SEVERAL.split(value) if piece]
    if len(pieces) > 1 and all(len(piece) >= 8 and carriers.fits(piece) for piece in pieces):
        return pieces
    return [joined(value)]


def _rank(number: str, key: str, carriers: Carriers, owner: Carrier | None) -> int | None:
    """How well it suits, none when it is no parcel's number."""
    if LINK_NUMBER.fullmatch(number) is None:
        return None
    if NOT_A_PARCEL.search(key):
        return None
    digits = count_digits(number)
    fits = carriers.fits(number)
    of_order = ORDER_KEY.search(key) is not None
    if owner is not None and any(fit.carrier is owner for fit in fits):
        suits = CALLED_SO if of_order else OWN
        return suits if digits >= FEWEST_IN_ALLEGROS else None
    if digits < FEWEST_DIGITS or of_order:
        return None
    called = key.startswith(("#", "?")) or TRACK_WORD.search(key.lower()) is not None
    if fits:
        common = all(fit.weak for fit in fits)
        said = called or (owner is None and number.isdecimal())
        return FOREIGN_FORM if said or not common else None
    if owner is None or HASH.fullmatch(number) or digits * 2 < len(number):
        return None
    return CALLED_SO if called else None

"""The list of carriers, compiled: names, tracking hosts, shapes of numbers.

In:  the text of ``carriers.toml``.
Out: Carriers: which one a text names, a link leads to, a number fits.

Pure values. Check digits strengthen a shape and never refuse one: Allegro's own validator is
the last judge (FACTS 6.2), and shops cut and mistype.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from awizo.errors import RuleError
from awizo.triage.tax_ids import gs1_check_digit

NAME_MAX_CHARS = 30  # FACTS 2.9: carrierName of OTHER
MAX_MENTIONS = 300  # of one mail; a long newsletter names a dozen
NAME_REACH = 40  # characters that hold a name as mails write it


@dataclass(frozen=True, slots=True)
class Shape:
    """One form of a carrier's numbers, over the number without separators."""

    pattern: Any
    weak: bool
    check: str


@dataclass(frozen=True, slots=True, eq=False)
class Carrier:
    id: str
    name: str
    shapes: tuple[Shape, ...]
    cyrillic: bool = False  # the one meant in a Cyrillic mail that names none

    @property
    def shown_name(self) -> str | None:
        """Name beside ``OTHER``, else none."""
        return self.name if self.id == "OTHER" else None


@dataclass(frozen=True, slots=True)
class Fit:
    """A number has the shape of this carrier's."""

    carrier: Carrier
    weak: bool
    checked: bool


@dataclass(frozen=True, slots=True)
class Mention:
    carrier: Carrier
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Home:
    """A carrier's own id in one country, and what tells that country in a mail."""

    carrier: Carrier
    of: Carrier  # the same name without a country
    numbers: Any  # those of that country's depots
    words: Any  # that only its language has
    domain: str  # ".cz"


@dataclass(frozen=True, slots=True)
class Carriers:
    all: tuple[Carrier, ...]
    homes: tuple[Home, ...]
    _words: Any
    _hosts: Mapping[str, Carrier | None]  # host, perhaps with a path; None: a collector
    _any_shape: Any

    def mentions(self, folded: str) -> list[Mention]:
        """Carriers that a folded text names, in order."""
        found: list[Mention] = []
        for match in self._words.finditer(folded):
            start, end = match.span(match.lastindex)
            if found and start < found[-1].end:
                continue
            if len(found) >= MAX_MENTIONS:
                break
            found.append(Mention(self.all[match.lastindex - 1], start, end))
            while len(found) < MAX_MENTIONS:
                beside = self._beside(folded, end)
                if beside is None:
                    break
                found.append(beside)
                end = beside.end
        return found

    def _beside(self, folded: str, end: int) -> Mention | None:
        """The name behind one character: "GLS/DPD". What ends one name begins the next."""
        match = self._words.match(folded[end : end + NAME_REACH])
        if match is None or match.start(match.lastindex) != 1:
            return None
        start, stop = match.span(match.lastindex)
        return Mention(self.all[match.lastindex - 1], end + start, end + stop)

    def of_host(self, host: str, path: str) -> tuple[bool, Carrier | None]:
        """Whether a link shows a parcel's way, and whose when the host says it."""
        labels = host.split(".")
        for start in range(len(labels) - 1):
            domain = ".".join(labels[start:])
            segments = [part for part in path.lower().split("/") if part][:2]
            for depth in range(len(segments), -1, -1):
                key = "/".join((domain, *segments[:depth]))
                if key in self._hosts:
                    return True, self._hosts[key]
        return False, None

    def fits(self, number: str) -> list[Fit]:
        """Carriers whose numbers look like this one, the distinctive shapes first."""
        if self._any_shape.fullmatch(number) is None:
            return []
        found = [
            Fit(carrier, shape.weak, CHECKS[shape.check](number) if shape.check else False)
            for carrier in self.all
            for shape in carrier.shapes
            if shape.pattern.fullmatch(number)
        ]
        best: dict[int, Fit] = {}
        for fit in sorted(found, key=lambda fit: (fit.weak, not fit.checked)):
            best.setdefault(id(fit.carrier), fit)
        return list(best.values())


def compile_carriers(text: str, *, name: str = "carriers.toml") -> Carriers:
    """Compile the list.

    Raises:
        RuleError: Names the file, the carrier and the words that are wrong.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{name}: {error}") from error
    carriers: list[Carrier] = []
    words: list[str] = []
    hosts: dict[str, Carrier | None] = {}
    shapes: list[str] = []
    homes: list[tuple[Carrier, Mapping[str, str]]] = []
    for entry in data.get("carrier", ()):
        carrier = _carrier(entry, name)
        carriers.append(carrier)
        if "home" in entry:
            homes.append((carrier, entry["home"]))
        shapes.extend(str(number["pattern"]) for number in entry.get("numbers", ()))
        spoken = "|".join(entry.get("words", ())) or r"[^\s\S]"
        spoken = re.sub(r"\\w", "[a-z0-9а-яіїєґ]", spoken)
        words.append(f"({spoken})")
        hosts.update(dict.fromkeys(entry.get("hosts", ()), carrier))
    for entry in data.get("tracker", ()):
        hosts.update(dict.fromkeys(entry.get("hosts", ()), None))
    if not carriers:
        raise RuleError(f"{name}: names no carrier")
    options = re2.Options()
    options.max_mem = 32 << 20
    try:
        spoken_any = re2.compile(
            r"(?:^|[^a-z0-9а-яіїєґ])(?:" + "|".join(words) + r")(?:$|[^a-z0-9а-яіїєґ])", options
        )
        any_shape = re2.compile("|".join(f"(?:{shape})" for shape in shapes))
    except re2.error as error:
        raise RuleError(f"{name}: {error}") from error
    own = tuple(_home(carrier, entry, carriers, name) for carrier, entry in homes)
    return Carriers(tuple(carriers), own, spoken_any, hosts, any_shape)


def _home(
    carrier: Carrier, entry: Mapping[str, str], carriers: Sequence[Carrier], name: str
) -> Home:
    try:
        (of,) = (one for one in carriers if one.id == entry["of"])
        numbers, words = re2.compile(entry["numbers"]), re2.compile(entry["words"])
        return Home(carrier, of, numbers, words, entry["domain"])
    except (KeyError, TypeError, ValueError, re2.error) as error:
        raise RuleError(f"{name}: carrier {carrier.id}: home: {error}") from error


def _carrier(entry: Mapping[str, Any], name: str) -> Carrier:
    unknown = set(entry) - {"id", "name", "words", "hosts", "numbers", "cyrillic", "home"}
    label = f"{name}: carrier {entry.get('name') or entry.get('id') or '?'}"
    if unknown:
        raise RuleError(f"{label}: unknown field {min(unknown)}")
    if not entry.get("id") or not entry.get("name"):
        raise RuleError(f"{label}: needs id and name")
    if len(entry["name"]) > NAME_MAX_CHARS:
        raise RuleError(f"{label}: name is longer than {NAME_MAX_CHARS} characters")
    shapes = []
    for number in entry.get("numbers", ()):
        check = number.get("check", "")
        if check and check not in CHECKS:
            raise RuleError(f"{label}: unknown check {check}")
        try:
            for word in entry.get("words", ()):
                re2.compile(word)
            shapes.append(
                Shape(re2.compile(number["pattern"]), bool(number.get("weak", False)), check)
            )
        except (KeyError, TypeError, re2.error) as error:
            raise RuleError(f"{label}: {number}: {error}") from error
    return Carrier(
        entry["id"], entry["name"], tuple(shapes), cyrillic=entry.get("cyrillic", False) is True
    )


# --- check digits -----------------------------------------------------------------------------

S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
FEDEX_WEIGHTS = (3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)


def s10_is_right(number: str) -> bool:
    """UPU S10: weights 8 6 4 2 3 5 9 7, modulo 11 (FACTS 6.2)."""
    digits = number[2:11]
    rest = 11 - sum(int(d) * w for d, w in zip(digits, S10_WEIGHTS, strict=False)) % 11
    return {10: 0, 11: 5}.get(rest, rest) == int(digits[8])


def ups_is_right(number: str) -> bool:
    """UPS: after ``1Z``, every second character doubled, letters (ASCII-3) mod 10 (FACTS 6.2)."""
    total = 0
    for place, letter in enumerate(number[2:17]):
        value = int(letter) if letter.isdigit() else (ord(letter) - 3) % 10
        total += value * 2 if place % 2 else value
    return number[17].isdigit() and (10 - total % 10) % 10 == int(number[17])


def gs1_is_right(number: str) -> bool:
    """GS1: the serial shipping container code without its ``00`` (FACTS 6.2)."""
    digits = number[-18:]
    return digits.isdecimal() and gs1_check_digit(digits[:-1]) == int(digits[-1])


def mod7_is_right(number: str) -> bool:
    """DHL Express: the number without its last digit, modulo 7 (FACTS 6.2)."""
    return int(number[:-1]) % 7 == int(number[-1])


def fedex12_is_right(number: str) -> bool:
    """FedEx: weights 3 1 7 …, modulo 11 modulo 10 (FACTS 6.2)."""
    total = sum(int(d) * w for d, w in zip(number[:11], FEDEX_WEIGHTS, strict=True))
    return total % 11 % 10 == int(number[11])


def mod37_is_right(number: str) -> bool:
    """DPD: fourteen digits and their ISO 7064 modulo 37,36 sign (FACTS 6.2)."""
    rest = 36
    for letter in number[:-1]:
        rest = (rest + int(letter, 36)) % 36 or 36
        rest = rest * 2 % 37
    return (rest + int(number[-1], 36)) % 36 == 1


CHECKS: Mapping[str, Callable[[str], bool]] = {
    "s10": s10_is_right,
    "ups": ups_is_right,
    "gs1": gs1_is_right,
    "mod7": mod7_is_right,
    "mod37": mod37_is_right,
    "fedex12": fedex12_is_right,
}

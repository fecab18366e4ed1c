"""Find what is printed like a parcel's number, solid or in groups.

In:  clean text, the list of carriers.
Out: Printed numbers with their places.

Pure. What a number belongs to is judged elsewhere (``waybills``, ``parcel_words``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from awizo.triage.carriers import Carriers

FEWEST_DIGITS = 5
FEWEST_IN_ALLEGROS = 3  # "ADBDF601VSG": letters more than figures; two and words are goods
SHORTEST, LONGEST = 8, 40
MAX_GROUP, MAX_EVEN_GROUP = 6, 8  # "638045 236705 …", "63804523 67057468 63150614"

# Solid numbers, and numbers printed in groups: "6380 4523 6705 …", "Z 123 4567 890".
SOLID = re.compile(
    r"(?<![\w@+/=-])(?<![\d/]\.)(?<!ww\.)[0-9A-Z*]{8,40}(?![\w@]|[.-]\d|\.[a-z]{2,4}(?![a-z]))"
)
GROUPED = re.compile(
    r"(?<![\w@+/=,-])(?<![\d/]\.)(?:(?:CLFOX|PNTM|JVGL|[A-Z]{1,3})[ \u00a0-]?)?"
    r"\d{1,8}(?:[ \u00a0-]\d{1,8}){1,9}(?:[ \u00a0-]?[A-Z]{1,2})?(?![\w@]|[.,/-]\d)"
)
# The serial shipping container code: eighteen digits behind 00, in groups of any size.
GS1_GROUPED = re.compile(
    r"(?:(?<![\w@+/=.,#-])00|\(00\))[ \u00a0-]?\d(?:[ \u00a0-]?\d){17}(?![\w@]|[ .,/-]\d)"
)
UPS_GROUPED = re.compile(r"(?<!\w)1Z(?:[ -]?[0-9A-Z]{1,4}){4,8}(?!\w)")
SHORT_SOLID = re.compile(r"(?<![\w@+/=.-])A(?:D-?[0-9A-Z]{7,15}|[0-9A-Z]{9})(?![\w@])")
# Capitals before groups that say what follows: "NR 1380 5007 …".
LEADING = re.compile(r"([A-Z]{2,5})[ \u00a0-]")
SAYING = frozenset({"NR", "NO", "ID", "AWB", "TTN", "KOD", "TEL", "TRK", "TT"})


@dataclass(frozen=True, slots=True)
class Printed:
    """A number without separators, and where it stands."""

    number: str
    start: int
    end: int
    grouped: bool


def joined(number: str) -> str:
    """The number without blanks, dots and hyphens, in capitals (FACTS 6.2)."""
    return re.sub(r"[^0-9A-Za-z]", "", number).upper()


def count_digits(number: str) -> int:
    return sum(letter.isdigit() for letter in number)


def printed_numbers(text: str, carriers: Carriers) -> list[Printed]:
    """Numbers in order of their places; printed groups are joined."""
    found: list[Printed] = []
    taken: list[tuple[int, int]] = []
    for pattern in (GS1_GROUPED, UPS_GROUPED, GROUPED, SHORT_SOLID, SOLID):
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(a < end and start < b for a, b in taken):
                continue
            grouped = pattern in (GROUPED, GS1_GROUPED)
            if pattern is GROUPED:
                start += _said_before(match[0], carriers)
            printed = text[start:end]
            number = printed if "*" in printed else joined(printed)
            fewest = FEWEST_IN_ALLEGROS if pattern is SHORT_SOLID else FEWEST_DIGITS
            if count_digits(number) < fewest or not SHORTEST <= len(number) <= LONGEST:
                continue
            if grouped and not _is_one(printed, number, carriers):
                continue
            taken.append((start, end))
            found.append(Printed(number, start, end, grouped))
    found.sort(key=lambda one: one.start)
    return found


def _said_before(printed: str, carriers: Carriers) -> int:
    """How many of its first characters name a carrier or say "number": "GLS 412 0773 3915"."""
    lead = LEADING.match(printed)
    if lead is None:
        return 0
    said = lead[1] in SAYING or bool(carriers.mentions(lead[1].lower()))
    return lead.end() if said else 0


def _is_one(printed: str, number: str, carriers: Carriers) -> bool:
    """Groups are one number when the whole has a carrier's shape and they are of a size, or a
    check digit or letters in front hold them together."""
    fits = carriers.fits(number)
    if not fits:
        return False
    groups = re.findall(r"\d+", printed)
    sizes = {len(group) for group in groups[:-1]}
    if max(sizes, default=0) <= MAX_GROUP and len(sizes) <= 3:
        return True
    if any(fit.checked and not fit.weak for fit in fits) or printed.startswith("(00)"):
        return True
    even = len(groups) >= 3 and len(sizes | {len(groups[-1])}) == 1
    if even and max(sizes) <= MAX_EVEN_GROUP and not fits[0].weak:
        return True
    return re.match(r"[A-Z]{1,5}[ \u00a0-]?\d", printed) is not None

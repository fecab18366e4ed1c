"""Tell what was newly written from quotes, signatures and boilerplate.

In:  the lines of a body, what the markup says of each, whether the mail is a reply.
Out: the same lines, sorted into new, quoted, signature, footer; none is lost.

Pure. Cautious in one direction: a line is called boilerplate only when all of it is; what
carries a question, money, a number or a parcel stays new. The words are in ``marks``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from awizo.triage.fold import fold
from awizo.triage.html import Mark
from awizo.triage.marks import (
    ATTRIBUTION,
    BLOCK_FIELDS,
    DEVICE,
    DIVIDER,
    FOOTER,
    GREETING_TOO,
    NEWS_OF_ITS_OWN,
    PARCEL_TOLD,
    SHOP_RULE,
    SIGN_OFF,
    WHO_OR_WHEN,
)

_MAX_LINE = 2_000  # characters of one line that patterns look at
_MAX_SIGNATURE_LINES = 12
_SHORT_SENTENCE = 40  # characters: what may follow boilerplate without being any
_MAX_OPENINGS = 2_000  # lines in which the beginning of a quote is looked for
_MAX_SIGNATURE_LINE = 90  # characters; a longer line is a sentence
_QUOTE_SIGN = re.compile(r"\s{0,3}(?:>|\|\s)")
_DASHES = re.compile(r"\s{0,2}(?:-- ?|—|__ ?|--_)\s*$")
_RULER = re.compile(r"^[\s_=*~-]{4,}$")
_SENTENCE = re.compile(r"(?<=\w{4}[.!?])(?<!\bgodz\.)\s+(?=\S)")  # not behind "ul." or "Sp."
_POSTSCRIPT = re.compile(r"^p\.? ?s\.?[ :.,-]")
_CAPITAL = re.compile(r"kapital\w* zakladow\w*[^a-z]{0,30}(?:zl|pln)")  # money of the company
_WORDY = re.compile(r"\w{2,}")
_FEW_WORDS = 3  # a line of fewer is a heading, a name or a greeting


class Sort(IntEnum):
    NEW = 0
    QUOTED = 1
    SIGNATURE = 2
    FOOTER = 3


@dataclass(frozen=True, slots=True)
class Sorted:
    """The text of a body by who wrote it and what for."""

    new: str
    quoted: str
    signature: str
    footer: str


def sort_lines(
    lines: Sequence[str], marks: Sequence[Mark], *, is_reply: bool, plain: bool
) -> Sorted:
    """Sort the lines of a body.

    Args:
        marks: One for each line; all ``Mark.NONE`` for plain text.
        is_reply: Its headers or subject say that it answers or passes on another mail.
        plain: The lines come from text/plain, where ">" marks a quote; on a page it is as
            often an arrow.
    """
    folded = [line[:_MAX_LINE] for line in fold("\n".join(lines)).split("\n")]
    sorts = [Sort.NEW] * len(lines)
    _find_quotes(lines, folded, marks, sorts, is_reply=is_reply, plain=plain)
    _find_signatures(lines, folded, marks, sorts)
    _find_footers(folded, sorts)
    return Sorted(
        new=_of(lines, sorts, Sort.NEW),
        quoted=_of(lines, sorts, Sort.QUOTED),
        signature=_of(lines, sorts, Sort.SIGNATURE),
        footer=_of(lines, sorts, Sort.FOOTER),
    )


def _of(lines: Sequence[str], sorts: Sequence[Sort], wanted: Sort) -> str:
    out: list[str] = []
    for line, sort in zip(lines, sorts, strict=True):
        if sort is wanted and (line.strip() or (out and out[-1])):
            out.append(line)
    while out and not out[-1].strip():
        out.pop()
    return "\n".join(out)


# --- quotes ---------------------------------------------------------------------------------


def _find_quotes(
    lines: Sequence[str],
    folded: Sequence[str],
    marks: Sequence[Mark],
    sorts: list[Sort],
    *,
    is_reply: bool,
    plain: bool,
) -> None:
    count = len(lines)
    signed = [bool(line) and _QUOTE_SIGN.match(line) is not None for line in lines]
    for at in range(count):
        mark = marks[at]
        if (
            mark is Mark.QUOTED
            or mark is Mark.DIVIDER
            or (mark is Mark.INDENTED and is_reply)
            or (signed[at] and _is_quote_sign(lines, signed, at, is_reply=is_reply, plain=plain))
        ):
            sorts[at] = Sort.QUOTED
    whole = "\n".join(folded)
    at = count
    if (
        ":\n" in whole
        or whole.endswith(":")
        or DIVIDER.search(whole)
        or BLOCK_FIELDS[0].search(whole)
        or ATTRIBUTION.search(whole)
    ):
        at = 0
    tries = 0
    while at < count and tries < _MAX_OPENINGS:
        if sorts[at] is Sort.QUOTED or not folded[at]:
            at += 1
            continue
        tries += 1
        length = _opening(folded, sorts, at)
        if length == 0:
            at += 1
            continue
        after = at + length
        while after < count and not folded[after]:
            after += 1
        for line in range(at, after):
            sorts[line] = Sort.QUOTED
        if after < count and _quote_follows(sorts, signed, marks, after):
            # The quote shows itself; what stands below it is new again.
            while after < count and (
                not folded[after]
                or signed[after]
                or marks[after] is not Mark.NONE
                or sorts[after] is Sort.QUOTED
            ):
                sorts[after] = Sort.QUOTED
                after += 1
            at = after
            continue
        for line in range(after, count):
            sorts[line] = Sort.QUOTED
        break
    _close_gaps(folded, sorts)


def _is_quote_sign(
    lines: Sequence[str], signed: Sequence[bool], at: int, *, is_reply: bool, plain: bool
) -> bool:
    if lines[at].lstrip()[:1] == "|" and not is_reply:
        return False  # a table drawn with bars
    if is_reply:
        return True
    neighbour = (at > 0 and signed[at - 1]) or (at + 1 < len(lines) and signed[at + 1])
    if plain:
        return neighbour or "://" not in lines[at]
    return False


def _opening(folded: Sequence[str], sorts: Sequence[Sort], at: int) -> int:
    """How many lines from *at* on announce an old message; 0 when none do."""
    line = folded[at]
    if DIVIDER.search(line):
        return 1
    if BLOCK_FIELDS[0].search(line):
        length = _field_block(folded, at)
        if length:
            return length
    if ":" in line[-3:] or "irta" in line:
        whole = len(line) <= 300 and ATTRIBUTION.search(line)
        if whole and _announces(folded, sorts, at, 1):
            return 1
        if line.endswith(":"):
            return 0
    # An attribution that was wrapped: its last line ends in a colon.
    joined = line
    for more in (1, 2):
        if at + more >= len(folded) or not folded[at + more] or sorts[at + more]:
            break
        joined = f"{joined} {folded[at + more]}"
        if folded[at + more].endswith(":"):
            fits = len(joined) <= 300 and not _SENTENCE_END.search(line)
            if fits and WHO_OR_WHEN.search(joined) and ATTRIBUTION.search(joined):
                return more + 1
            break
    return 0


_SENTENCE_END = re.compile(r"[!?]|[a-zа-яіїєґ]{3,}\.$")


def _announces(folded: Sequence[str], sorts: Sequence[Sort], at: int, length: int) -> bool:
    if WHO_OR_WHEN.search(folded[at]):
        return True
    after = at + length
    while after < len(folded) and not folded[after]:
        after += 1
    return after < len(folded) and sorts[after] is Sort.QUOTED


def _field_block(folded: Sequence[str], at: int) -> int:
    """Length of a block From, Date, To, Subject in any order, 0 when it is none."""
    seen: set[int] = set()
    last = at
    position = at
    while position < len(folded) and position < at + 12:
        line = folded[position]
        kind = next((n for n, pattern in enumerate(BLOCK_FIELDS) if pattern.search(line)), None)
        if kind is not None:
            seen.add(kind)
            last = position
        elif line and position > last + 1:
            break
        position += 1
    # From, and two of Date, To, Subject: a table of a shipment has sender and recipient only.
    return last - at + 1 if 0 in seen and len(seen) >= 3 and (1 in seen or 3 in seen) else 0


def _quote_follows(
    sorts: Sequence[Sort], signed: Sequence[bool], marks: Sequence[Mark], after: int
) -> bool:
    return sorts[after] is Sort.QUOTED or signed[after] or marks[after] is not Mark.NONE


def _close_gaps(folded: Sequence[str], sorts: list[Sort]) -> None:
    """Blank lines between two quoted ones are part of the quote."""
    last = -1
    for at, line in enumerate(folded):
        if line:
            if sorts[at] is Sort.QUOTED and last >= 0 and sorts[last] is Sort.QUOTED:
                for gap in range(last + 1, at):
                    sorts[gap] = Sort.QUOTED
            last = at


# --- signatures -----------------------------------------------------------------------------


def _find_signatures(
    lines: Sequence[str], folded: Sequence[str], marks: Sequence[Mark], sorts: list[Sort]
) -> None:
    count = len(lines)
    whole = "\n".join(folded)
    has_device, has_sign_off = DEVICE.search(whole), SIGN_OFF.search(whole)
    at = 0
    while at < count:
        if sorts[at] is not Sort.NEW or not folded[at]:
            at += 1
        elif marks[at] is Mark.SIGNATURE:
            sorts[at] = Sort.SIGNATURE
            at += 1
        elif _DASHES.match(lines[at]):
            at = _take_signature(folded, sorts, at, dashes=True)
        elif has_device and DEVICE.search(folded[at]) and len(folded[at]) <= 120:
            sorts[at] = Sort.SIGNATURE
            at += 1
        elif (
            has_sign_off
            and len(folded[at]) <= 70
            and "?" not in folded[at]
            and SIGN_OFF.search(folded[at])
            and (not GREETING_TOO.search(folded[at]) or _said_something(folded, sorts, at))
        ):
            at = _take_signature(folded, sorts, at, dashes=False)
        else:
            at += 1


def _said_something(folded: Sequence[str], sorts: Sequence[Sort], at: int) -> bool:
    """Whether a sentence stands above: a wish of a good day may as well open the mail."""
    return any(
        sort is Sort.NEW and len(_WORDY.findall(line)) >= _FEW_WORDS
        for line, sort in zip(folded[:at], sorts[:at], strict=True)
    )


def _take_signature(folded: Sequence[str], sorts: list[Sort], at: int, *, dashes: bool) -> int:
    """Mark the signature that begins at *at*; return the line behind it.

    It goes on over short lines that say nothing of their own, at most a dozen.
    """
    sorts[at] = Sort.SIGNATURE
    taken = 0
    position = at + 1
    while position < len(folded) and sorts[position] is Sort.NEW:
        line = folded[position]
        if line and not _RULER.match(line):
            if taken >= _MAX_SIGNATURE_LINES or _POSTSCRIPT.match(line):
                break
            too_long = len(line) > (2 * _MAX_SIGNATURE_LINE if dashes else _MAX_SIGNATURE_LINE)
            if too_long or FOOTER.search(line) or NEWS_OF_ITS_OWN.search(line):
                break
            if not dashes and _is_sentence(line):
                break
            taken += 1
        sorts[position] = Sort.SIGNATURE
        position += 1
    # Blank lines before what is not signature any more do not belong to it.
    return position


def _is_sentence(line: str) -> bool:
    """Several words that end like a sentence, or a row of a table."""
    return "\t" in line or (line[-1:] in ".!?:" and len(_WORDY.findall(line)) >= 5)


# --- boilerplate ----------------------------------------------------------------------------


def _find_footers(folded: Sequence[str], sorts: list[Sort]) -> None:
    if not FOOTER.search("\n".join(folded)):
        return
    for at, line in enumerate(folded):
        if sorts[at] in (Sort.NEW, Sort.SIGNATURE) and line and _is_boilerplate(line):
            sorts[at] = Sort.FOOTER


def _is_boilerplate(line: str) -> bool:
    """The line begins as boilerplate, most of it is, and nothing in it is news.

    A question in a sentence of boilerplate ("Questions? Write to us.") asks nothing.
    """
    if not FOOTER.search(line):
        return False
    known = other = 0
    for number, sentence in enumerate(_SENTENCE.split(line)):
        if SHOP_RULE.search(sentence) and not PARCEL_TOLD.search(sentence):
            known += len(sentence)
        elif FOOTER.search(sentence):
            if NEWS_OF_ITS_OWN.search(_CAPITAL.sub("", sentence).replace("?", " ")):
                return False
            known += len(sentence)
        elif number == 0 or NEWS_OF_ITS_OWN.search(sentence):
            return False
        else:
            other += len(sentence)
    return other <= known + _SHORT_SENTENCE

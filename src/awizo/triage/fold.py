"""Fold text so that one spelling stands for many: case, diacritics, spaces, quotes, dashes.

In:  any text.
Out: the folded text, and where in the original each of its characters came from.

Pure and linear in the length of the text. Latin letters lose their marks (``ł`` becomes
``l``, ``ß`` becomes ``ss``). Cyrillic letters stay what they are: ``й``, ``ї`` and ``ё`` are
letters of their own, not ``и``, ``і`` and ``е`` with a mark; a decomposed ``и`` + breve is
composed first, so both spellings fold alike. Line breaks are kept one to one, every other
run of white space becomes one space, and no line begins or ends with one.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence

# Letters that Unicode does not decompose, and punctuation with an ASCII twin.
_SPECIAL = {
    **dict.fromkeys("łŁƚ", "l"),
    **dict.fromkeys("đĐðÐ", "d"),
    **dict.fromkeys("øØ", "o"),
    **dict.fromkeys("ıİ", "i"),
    **dict.fromkeys("æÆ", "ae"),
    **dict.fromkeys("œŒ", "oe"),
    **dict.fromkeys("þÞ", "th"),
    **dict.fromkeys("ħĦ", "h"),
    **dict.fromkeys("ŧŦ", "t"),
    **dict.fromkeys("„”“‟«»″❝❞〝〞〟＂", '"'),
    **dict.fromkeys("‘’‚‛‹›′´ʼʹˈ＇", "'"),
    **dict.fromkeys("‐‑‒–—―−⁃﹘﹣－", "-"),
    **dict.fromkeys("\r\x85\u2028\u2029", "\n"),
    **dict.fromkeys("\t\x0b\x0c\x1c\x1d\x1e\x1f", " "),
}
_LINE_END = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_DECOMPOSED = re.compile(r"[^\u0300-\u036f][\u0300-\u036f]+")
_MARK = re.compile(r"[\u0300-\u036f]")


def _fold_character(char: str) -> str:
    special = _SPECIAL.get(char)
    if special is not None:
        return special
    category = unicodedata.category(char)
    if category in ("Cf", "Mn", "Me"):  # zero-width, soft hyphen, direction marks, loose accents
        return ""
    if category in ("Zs", "Zl", "Zp"):
        return " "
    if char == "\n" or char.isascii():
        return char.lower()
    folded = unicodedata.normalize("NFKC", char).casefold()
    kept = []
    for letter in unicodedata.normalize("NFKC", folded):
        if "\u0400" <= letter <= "\u052f":
            kept.append(letter)
            continue
        kept.extend(c for c in unicodedata.normalize("NFD", letter) if not unicodedata.combining(c))
    out = "".join(kept)
    # What came out may itself be foldable (a ligature of a letter in the table above).
    return out if out == char else "".join(_TABLE[ord(c)] for c in out)


class _Table(dict[int, str]):
    """Character to its folding, computed once for each character that is met."""

    def __missing__(self, code: int) -> str:
        value = _fold_character(chr(code))
        self[code] = value
        return value


_TABLE = _Table()


def _composed(text: str) -> str:
    return _DECOMPOSED.sub(lambda found: unicodedata.normalize("NFC", found[0]), text)


def fold(text: str) -> str:
    """Return *text* folded; folding twice changes nothing."""
    text = text.replace("\r\n", "\n")
    if text.isascii():
        folded = text.lower()
        if "\r" in folded:
            folded = folded.replace("\r", "\n")
    else:
        if _MARK.search(text):
            text = _composed(text)
        folded = text.lower()
        # A mail uses few distinct letters beyond ASCII: replacing each in turn runs in C and
        # is several times faster than translating character by character.
        for char in set(folded):
            if char > "\x7f" or char == "\r":
                to = _TABLE[ord(char)]
                if to != char:
                    folded = folded.replace(char, to)
    return "\n".join([" ".join(line.split()) for line in folded.split("\n")])


def fold_with_map(text: str) -> tuple[str, Sequence[int]]:
    """Return ``fold(text)`` and for each of its positions the position in *text*.

    The map has one entry more than the folded text, the length of *text*, so that the span
    ``[a, b)`` of the folded text is ``text[map[a]:map[b - 1] + 1]`` at the least.
    """
    out: list[str] = []
    places = array("l")
    start = 0
    while True:
        end_of_line = _LINE_END.search(text, start)
        end = end_of_line.start() if end_of_line else len(text)
        _fold_line(text, start, end, out, places)
        if end_of_line is None:
            break
        out.append("\n")
        places.append(end)
        start = end_of_line.end()
    places.append(len(text))
    return "".join(out), places


def _fold_line(text: str, start: int, end: int, out: list[str], places: array[int]) -> None:
    """Append the folding of one line and the places its characters came from."""
    blank_at = -1
    written = False
    position = start
    while position < end:
        char, here = text[position], position
        position += 1
        if position < end and "\u0300" <= text[position] <= "\u036f" and not _MARK.match(char):
            while position < end and "\u0300" <= text[position] <= "\u036f":
                position += 1
            char = unicodedata.normalize("NFC", text[here:position])
        for single in char:
            for letter in _TABLE[ord(single)]:
                if letter.isspace():
                    blank_at = here if blank_at < 0 else blank_at
                    continue
                if blank_at >= 0 and written:
                    out.append(" ")
                    places.append(blank_at)
                blank_at = -1
                written = True
                out.append(letter)
                places.append(here)


def original_words(text: str, folded: str, start: int, end: int) -> str:
    """Return the words of *text* that stand behind ``folded[start:end]``.

    Only the lines concerned are mapped, so this is cheap on a long text.

    Args:
        folded: ``fold(text)``.
    """
    if len(text) == len(folded) and all(
        len(_TABLE[ord(char)]) == 1 for char in set(text) if char > "\x7f"
    ):
        return text[start:end]  # letter for letter, and no blank was dropped
    first = folded.count("\n", 0, start)
    last = first + folded.count("\n", start, end)
    line_start = folded.rfind("\n", 0, start) + 1
    lines = _LINE_END.split(text)[first : last + 1]
    piece = "\n".join(lines)
    _, places = fold_with_map(piece)
    a, b = start - line_start, end - line_start
    if a >= b or b >= len(places):
        return piece[places[min(a, len(places) - 1)] :] if a < b else ""
    # Up to the next kept character, less what was dropped at its front.
    stop = places[b - 1] + 1
    while stop < len(piece) and _MARK.match(piece[stop]):
        stop += 1
    return piece[places[a] : stop]

"""Text as patterns want it: without case and diacritics, letter for letter.

In:  any text.
Out: ``clean`` text, and its ``plain`` form of exactly the same length, so that what a pattern
     found in the plain form can be cut out of the clean one as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Letters without a decomposition; one for one, so that positions stay.
SINGLES = {"ł": "l", "đ": "d", "ø": "o", "ß": "s", "æ": "a", "œ": "o", "ı": "i", "ŧ": "t", "ħ": "h"}
DASHES = "‐‑‒–—―−﹣－"
QUOTES = "‘’‚‛′`´"
KEPT = frozenset("йїґў")  # letters of their own, not a base with a mark
INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


def _plain_letter(letter: str) -> str:
    lower = letter.lower()
    if len(lower) != 1:
        lower = lower[0]
    if lower in SINGLES:
        return SINGLES[lower]
    if lower in KEPT:
        return lower
    if letter.isspace() and letter != "\n":
        return " "
    base = unicodedata.normalize("NFKD", lower)[:1]
    return base.lower() if len(base.lower()) == 1 else lower


def _plain_table() -> dict[str, str]:
    wanted = [*range(0x80, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x1F00)]
    table = {chr(code): _plain_letter(chr(code)) for code in wanted}
    table |= dict.fromkeys(DASHES, "-")
    table |= dict.fromkeys(QUOTES, "'")
    blanks = (*range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000, 9, 11, 12, 13)
    return table | {chr(code): " " for code in blanks}


TABLE = _plain_table()


def clean(text: str) -> str:
    """Composed letters, no invisible characters, unix line ends."""
    if text.isascii():
        return text.replace("\r\n", "\n") if "\r" in text else text
    return unicodedata.normalize("NFC", INVISIBLE.sub("", text)).replace("\r\n", "\n")


@lru_cache(maxsize=64)
def plain(cleaned: str) -> str:
    """Lower case, no diacritics, plain dashes and blanks; as long as *cleaned*.

    (:func:`awizo.triage.fold.fold` is what rules run on; it may change the length.)
    The last few texts are kept: the parts of triage ask for the same ones.
    """
    folded = cleaned.lower()
    if len(folded) != len(cleaned):  # a few letters become two in lower case
        folded = "".join(letter.lower()[:1] for letter in cleaned)
    # Few distinct letters beyond ASCII occur: replacing each in turn runs in C.
    for letter in set(folded):
        to = TABLE.get(letter)
        if to is not None and to != letter:
            folded = folded.replace(letter, to)
    return folded

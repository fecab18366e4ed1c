"""Compile the patterns of rule files, and find at once which of hundreds match a text.

In:  patterns as written in rule files (RE2 syntax over folded text), named word lists.
Out: sets of patterns that are asked together; single patterns for finding the words.

Pure. RE2 runs in time linear in the text whatever the pattern, so no rule can run away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import re2

# RE2 knows ``\w`` and ``\b`` for ASCII only; rules see Cyrillic as well.
WORD = "0-9a-z_а-яёєіїґ"
# One pattern keeps the states of its automaton up to this limit and starts anew beyond it.
PATTERN_MEMORY_BYTES = 4 << 20

_NAMED = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_ESCAPE = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.")
_BOUNDARY_AT_CYRILLIC = re.compile(r"\\b\(?(?:\?:)?[а-яёєіїґ]|[а-яёєіїґ]\)?\\b")


class PatternError(ValueError):
    """A pattern that cannot be used; the text says why."""


def _options(memory_bytes: int) -> Any:
    options = re2.Options()
    options.max_mem = memory_bytes
    options.log_errors = False
    options.never_capture = True
    return options


def expanded(pattern: str, words: Mapping[str, Sequence[str]]) -> str:
    """Put word lists in the place of their ``{name}`` and make ``\\w`` take Cyrillic.

    Raises:
        PatternError: No such list, or ``\\b`` beside a Cyrillic letter, where it never holds.
    """
    for _ in range(4):  # lists may name lists
        if not _NAMED.search(pattern):
            break
        pattern = _NAMED.sub(lambda found: _named(found[1], words), pattern)
    if _BOUNDARY_AT_CYRILLIC.search(pattern):
        raise PatternError(r"\b knows Latin letters only; leave it out beside Cyrillic")
    return _with_letters(pattern)


def _named(name: str, words: Mapping[str, Sequence[str]]) -> str:
    if name not in words:
        raise PatternError(f"no word list {name!r} for this language")
    return "(?:" + "|".join(words[name]) + ")"


def _with_letters(pattern: str) -> str:
    return _ESCAPE.sub(_letters, pattern)


def _letters(found: re.Match[str]) -> str:
    piece = found[0]
    if piece == "\\w":
        return f"[{WORD}]"
    if piece == "\\W":
        return f"[^{WORD}]"
    return piece.replace("\\w", WORD) if piece.startswith("[") else piece


def alternation(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


def compiled(pattern: str) -> Any:
    """Compile one expanded pattern.

    Raises:
        PatternError: RE2 refuses it; the text is RE2's own.
    """
    try:
        return re2.compile(pattern, _options(PATTERN_MEMORY_BYTES))
    except re2.error as error:
        words = error.args[0]
        raise PatternError(words.decode() if isinstance(words, bytes) else str(words)) from None


def check(patterns: Iterable[str]) -> None:
    """Have RE2 read expanded patterns, which costs a third of compiling them.

    Raises:
        PatternError: RE2 refuses one; the text is RE2's own.
    """
    scratch = re2.Set.SearchSet(_options(PATTERN_MEMORY_BYTES))
    for pattern in patterns:
        try:
            scratch.Add(pattern)
        except re2.error:
            compiled(pattern)  # says what is wrong
            raise PatternError("RE2 does not take it") from None


class PatternSet:
    """Many patterns asked at once. Numbers are given in the order of adding.

    One automaton of them all would meet a new state with nearly every letter ("at most sixty
    letters between" counts for each pattern by itself), which costs ten times as much on a text
    not seen before. So the words that a pattern cannot do without are looked for first, all in
    one pass, and only the patterns whose words occur are asked.

    ``^`` and ``$`` hold at each line: several texts may be asked about at once, a line each.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._filter = re2.Filter()
        self._size = len(patterns)
        for pattern in patterns:
            self._filter.Add(f"(?m){pattern}", _options(PATTERN_MEMORY_BYTES))
        if patterns:
            self._filter.Compile()

    def matching(self, text: str) -> list[int]:
        """Numbers of the patterns that occur in *text*."""
        if not self._size or not text:
            return []
        return list(self._filter.Match(text) or ())

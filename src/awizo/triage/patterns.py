"""Compile the patterns of rule files, and find at once which of hundreds match a text.

In:  patterns as written in rule files (RE2 syntax over folded text), named word lists.
Out: sets of patterns that are asked together; single patterns for finding the words.

Pure. RE2 runs in time linear in the text whatever the pattern, so no rule can run away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import re2

# RE2 knows ``\w`` and ``\b`` for ASCII only; rules see Cyrillic as well.
WORD = "0-9a-z_а-яёєіїґ"
# One pattern keeps the states of its automaton up to this limit and starts anew beyond it.
PATTERN_MEMORY_BYTES = 4 << 20

NO_LOCK = nullcontext()  # for one thread

_NAMED = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_ESCAPE = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\\.")
_BOUNDARY_AT_CYRILLIC = re.compile(r"\\b\(?(?:\?:)?[а-яёєіїґ]|[а-яёєіїґ]\)?\\b")


class PatternError(ValueError):
    """A pattern that cannot be used; the text says why."""


def _options() -> Any:
    options = re2.Options()
    options.max_mem = PATTERN_MEMORY_BYTES
    options.log_errors = False
    options.never_capture = True
    return options


_OPTIONS = _options()


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
    return _ESCAPE.sub(_letters, pattern) if "\\w" in pattern.lower() else pattern


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
        return re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        words = error.args[0]
        raise PatternError(words.decode() if isinstance(words, bytes) else str(words)) from None


def check(patterns: Iterable[str]) -> None:
    """Have RE2 read expanded patterns, which costs a tenth of compiling them.

    Whether they are too large tells only :meth:`PatternSet.prepare`.

    Raises:
        PatternError: RE2 refuses one; the text is RE2's own.
    """
    scratch = re2.Set.SearchSet(_OPTIONS)
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

    Compiled when it is first asked, which takes a tenth of a second for those of a language: most
    processes meet only the mails of one or two.

    Args:
        one_at_a_time: A lock, if several threads may ask: held by the one that compiles.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        one_at_a_time: AbstractContextManager[object] = NO_LOCK,
    ) -> None:
        self._patterns = tuple(patterns)
        self._one_at_a_time = one_at_a_time
        self._compiled: Any = None

    def prepare(self) -> None:
        """Compile it, if that was not done.

        Raises:
            PatternError: RE2 refuses a pattern, or all of them together.
        """
        if self._patterns and self._compiled is None:
            with self._one_at_a_time:
                if self._compiled is None:
                    self._compiled = _filter_of(self._patterns)

    def matching(self, text: str) -> list[int]:
        """Numbers of the patterns that occur in *text*.

        Raises:
            PatternError: See :meth:`prepare`.
        """
        if not self._patterns or not text:
            return []
        self.prepare()
        return list(self._compiled.Match(text) or ())


def _filter_of(patterns: Sequence[str]) -> Any:
    found = re2.Filter()
    try:
        for pattern in patterns:
            found.Add(f"(?m){pattern}", _OPTIONS)
        found.Compile()
    except re2.error:
        for pattern in patterns:
            compiled(pattern)  # says what is wrong
        raise PatternError("too many words together") from None
    return found

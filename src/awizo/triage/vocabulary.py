"""What a mail's words say about its kind, as counted in labelled mails.

In:  the text of ``words.tsv``: in how many labelled texts of each kind a word occurred.
Out: a Vocabulary, which gives log-odds for each kind to the sentences of a mail; the text of
     such a file, counted anew.

Pure. A rule knows the sentences it was told; shops have many more. What their words have in
common is counted, not thought up: "wysla" stands in dispatch mails seven times as often as in
others. The file holds the counts themselves, so that anybody can see why a word weighs what it
weighs. How they become weights is told in ``docs/rules.md``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt

from awizo.errors import RuleError
from awizo.model import Kind
from awizo.triage.kinds import DOCUMENT_KINDS
from awizo.triage.structure import Unit

STEM = 5  # letters by which a word is known; endings follow
PLACES = frozenset({"subject", "body", "label"})
IN_SUBJECT = "s:"  # before a word of the subject, which is counted a second time there
QUESTION = "?"
FEWEST_TEXTS = 2  # a word of one text only says more about the text than about its kind
SMOOTHING = 0.2
LEAST, MOST = -2.5, 3.0  # log-odds that one word can give
WEIGHT = 1.25  # of the sum beside rules and structure
FEW_WORDS = 3  # as many more that say nothing are thought beside the words of a mail
STRONGEST = 5  # words named in evidence

# Whether a document is attached or linked is seen, not read: its words are counted together.
DOCUMENT = "document"
COLUMNS: tuple[str, ...] = (
    DOCUMENT,
    *(str(kind) for kind in Kind if kind not in DOCUMENT_KINDS),
)
_ALL = "*"  # the row that counts the texts themselves
_HEAD = "word"
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Told:
    """Log-odds that a mail's words give to each kind, and the words that gave most."""

    weights: Mapping[Kind, float]
    strongest: Mapping[Kind, tuple[str, ...]]

    def against(self, *kinds: Kind) -> float:
        """By how much the words prefer another kind to the likeliest of *kinds*."""
        own = max(self.weights.get(kind, 0.0) for kind in kinds)
        return max(self.weights.values(), default=0.0) - own


class Vocabulary:
    """Counts of words and, once a word was met, its weights: one for each of ``COLUMNS``."""

    def __init__(self, texts: Sequence[int], counts: Mapping[str, Sequence[int]]) -> None:
        self._texts = tuple(texts)
        self._all_texts = sum(texts)
        self._counts = counts
        self._weights: dict[str, tuple[float, ...]] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def weights_of(self, word: str) -> tuple[float, ...] | None:
        """Log-odds: the share of texts of a kind that have *word*, against that of all others."""
        known = self._weights.get(word)
        if known is None and (counts := self._counts.get(word)) is not None:
            total = sum(counts)
            known = self._weights[word] = tuple(
                [
                    _log_odds(count, texts, total - count, self._all_texts - texts)
                    for count, texts in zip(counts, self._texts, strict=True)
                ]
            )
        return known

    def told(self, units: Sequence[Unit]) -> Told:
        """What the words of *units* say.

        The sum is divided by the root of the number of known words: in a long mail the words
        are no independent witnesses. Of a very short one they are few to go by.
        """
        known: list[str] = []
        rows: list[list[float]] = []
        for word, share in words_of(units):
            if (weights := self.weights_of(word)) is not None:
                known.append(word.removeprefix(IN_SUBJECT))
                rows.append([share * one for one in weights])
        if not known:
            return Told({}, {})
        by_how_much = sqrt(len(known) + FEW_WORDS) / WEIGHT
        columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
        return Told(
            {kind: sum(columns[column_of(kind)]) / by_how_much for kind in Kind},
            {kind: _strongest(known, columns[column_of(kind)]) for kind in Kind},
        )


def _strongest(words: Sequence[str], weights: Sequence[float]) -> tuple[str, ...]:
    ranked = sorted(zip(weights, words, strict=True), reverse=True)
    return tuple(dict.fromkeys(word for weight, word in ranked[: 2 * STRONGEST] if weight > 0))[
        :STRONGEST
    ]


def _log_odds(here: int, texts_here: int, there: int, texts_there: int) -> float:
    share_here = (here + SMOOTHING) / (texts_here + 2 * SMOOTHING)
    share_there = (there + 3 * SMOOTHING) / (texts_there + 6 * SMOOTHING)
    return min(MOST, max(LEAST, log(share_here / share_there)))


def column_of(kind: Kind) -> str:
    return DOCUMENT if kind in DOCUMENT_KINDS else str(kind)


def words_of(units: Iterable[Unit]) -> list[tuple[str, float]]:
    """The beginnings of the words of a mail, each once, with what its best place counts."""
    found: dict[str, float] = {}
    for unit in units:
        if unit.place not in PLACES:
            continue
        share = min(unit.factor, 1.0)
        stems = [word[:STEM] for word in _WORD.findall(unit.folded)]
        if unit.place == "subject":
            stems += [IN_SUBJECT + stem for stem in stems]
        if "?" in unit.folded:
            stems.append(QUESTION)
        for stem in stems:
            if found.get(stem, 0.0) < share:
                found[stem] = share
    return list(found.items())


def compile_vocabulary(text: str, *, name: str = "words.tsv") -> Vocabulary:
    """Turn counts into weights.

    Raises:
        RuleError: The file is not such a table; the text names file and line.
    """
    lines = [
        (number, line.split("\t"))
        for number, line in enumerate(text.splitlines(), 1)
        if line and not line.startswith("#")
    ]
    if not lines or tuple(lines[0][1]) != (_HEAD, *COLUMNS):
        raise RuleError(f"{name}: the first line names the columns: {_HEAD}, {', '.join(COLUMNS)}")
    rows = {row[0]: _counts(row, f"{name}:{number}") for number, row in lines[1:]}
    texts = rows.pop(_ALL, None)
    if texts is None:
        raise RuleError(f"{name}: the row {_ALL!r}, with the number of texts, is missing")
    return Vocabulary(texts, rows)


def _counts(row: Sequence[str], where: str) -> list[int]:
    try:
        numbers = [int(one) for one in row[1:]]
    except ValueError:
        numbers = []
    if len(numbers) != len(COLUMNS) or min(numbers) < 0:
        raise RuleError(f"{where}: a word and {len(COLUMNS)} counts, with tabs between them")
    return numbers


def counted(texts: Iterable[tuple[Kind, Sequence[Unit]]]) -> str:
    """The text of a ``words.tsv`` for labelled texts."""
    tables: dict[str, Counter[str]] = {}
    total: Counter[str] = Counter()
    for kind, units in texts:
        column = column_of(kind)
        total[column] += 1
        for word, _ in words_of(units):
            tables.setdefault(word, Counter())[column] += 1
    rows = [(_ALL, total)]
    rows += [
        (word, counts) for word, counts in sorted(tables.items()) if counts.total() >= FEWEST_TEXTS
    ]
    lines = ["\t".join((_HEAD, *COLUMNS))]
    lines += ["\t".join((word, *(str(counts[one]) for one in COLUMNS))) for word, counts in rows]
    return "\n".join(lines) + "\n"

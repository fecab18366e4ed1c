"""Ask a set of rules for the evidence that it gives about a mail.

In:  rules and senders, read by ``rule_files.py``; then folded texts, and where each stands.
Out: which rules hold for which sentence, with the words that made them hold.

Pure. A rule looks at one sentence (or subject, link label, header line …) at a time: one of
its ``match`` patterns and every ``also`` must occur in it, no ``unless`` may. It adds log-odds
to kinds, or raises flags.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from awizo.errors import RuleError
from awizo.model import FulfillmentStatus, Kind
from awizo.triage.fold import fold
from awizo.triage.patterns import NO_LOCK, PatternError, PatternSet, compiled

# What a verdict may say beside its kind; each is explained in docs/rules.md.
FLAGS = frozenset(
    {
        "about_order",
        "amount_named",
        "automatic",
        "awaiting_payment",
        "cancelled",
        "choice_for_buyer",
        "confirmed_only",
        "defect_or_problem",
        "delay",
        "document_missing",
        "download",
        "human_writer",
        "on_hold",
        "only_said_here",
        "packed",
        "partial_shipment",
        "payment_request",
        "pickup_in_shop",
        "pickup_ready",
        "question",
        "reply_headers",
        "request",
        "return_or_refund",
        "secret_code",
        "work_begun",
    }
)

TEXT_PLACES = frozenset({"subject", "body", "label", "quoted", "signature", "footer"})
TRACE_PLACES = frozenset({"header", "host", "file", "from"})
PLACES = TEXT_PLACES | TRACE_PLACES


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Patterns are expanded; numbers refer to the patterns of its group.

    Attributes:
        kinds: Log-odds added to kinds.
        status: Fulfilment status the sentence implies, where it names one.
        group: Which pattern set it is asked in: a language, or "traces".
        match: The alternation that must occur; ``also`` and ``unless`` as in the head.
    """

    id: str
    path: str
    line: int
    kinds: tuple[tuple[Kind, float], ...]
    flags: frozenset[str]
    status: FulfillmentStatus | None
    places: frozenset[str]
    group: str
    match: str
    also: tuple[str, ...]
    unless: tuple[str, ...]
    sender: str | None
    decides: bool
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}: rule {self.id!r}"


@dataclass(frozen=True, slots=True)
class Sender:
    """A program or shop known by From, SMTP user or X-Mailer; adjusts what its mails start from."""

    name: str
    from_: tuple[str, ...] = ()
    smtp_user: tuple[str, ...] = ()
    x_mailer: tuple[str, ...] = ()
    kinds: tuple[tuple[Kind, float], ...] = ()

    def is_of(self, *, from_address: str, smtp_user: str | None, x_mailer: str) -> bool:
        """Whether a mail is of this sender: any one of the marks suffices."""
        address = from_address.lower()
        if any(
            address == mark or (mark.startswith("@") and address.endswith(mark))
            for mark in self.from_
        ):
            return True
        if smtp_user is not None and smtp_user.lower() in self.smtp_user:
            return True
        return any(mark in x_mailer.lower() for mark in self.x_mailer)


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that held for the text numbered ``unit`` of those asked about."""

    rule: Rule
    unit: int


@dataclass(slots=True)
class _Group:
    """The patterns of one language, each once, and the rules that begin with each."""

    patterns: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    rules: dict[int, list[tuple[Rule, tuple[int, ...], tuple[int, ...]]]] = field(
        default_factory=dict
    )
    set: PatternSet = field(default_factory=lambda: PatternSet(()))

    def number(self, pattern: str) -> int:
        if pattern not in self.numbers:
            self.numbers[pattern] = len(self.patterns)
            self.patterns.append(pattern)
        return self.numbers[pattern]

    def add(self, rule: Rule) -> None:
        first = self.number(rule.match)
        also = tuple(self.number(pattern) for pattern in rule.also)
        unless = tuple(self.number(pattern) for pattern in rule.unless)
        self.rules.setdefault(first, []).append((rule, also, unless))

    def holding(self, text: str) -> list[Rule]:
        hits = set(self.set.matching(text))
        found: list[Rule] = []
        for number in hits:
            for rule, also, unless in self.rules.get(number, ()):
                if all(one in hits for one in also) and not any(one in hits for one in unless):
                    found.append(rule)
        return found


def _refused(rules: Sequence[Rule], group: str, error: PatternError) -> RuleError:
    """What to tell of a group that RE2 refuses: the rule that it refuses by itself, if one."""
    for rule in rules:
        try:
            for pattern in (rule.match, *rule.also, *rule.unless):
                compiled(pattern)
        except PatternError as its_own:
            return RuleError(f"{rule.where}: {its_own}")
    return RuleError(f"the rules of {group or 'no language'}: {error}")


class RuleSet:
    """Compiled rules. Immutable from outside; patterns are compiled when first asked for.

    Args:
        one_at_a_time: A lock, if several threads may ask.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        senders: Sequence[Sender],
        one_at_a_time: AbstractContextManager[object] = NO_LOCK,
    ) -> None:
        self.rules = tuple(rules)
        self.senders = tuple(senders)
        self._groups: dict[str, _Group] = {}
        for rule in self.rules:
            self._groups.setdefault(rule.group, _Group()).add(rule)
        for group in self._groups.values():
            group.set = PatternSet(group.patterns, one_at_a_time)
        self._spans: dict[str, Any] = {}

    def prepare(self, paths: Collection[str]) -> None:
        """Compile the patterns of every group that has a rule of these files.

        Raises:
            RuleError: RE2 refuses a rule, or all rules of a group together.
        """
        for name in {rule.group for rule in self.rules if rule.path in paths}:
            try:
                self._groups[name].set.prepare()
            except PatternError as error:
                rules = [rule for rule in self.rules if rule.group == name]
                raise _refused(rules, name, error) from None

    def holding(
        self,
        texts: Sequence[str],
        places: Sequence[str],
        languages: Collection[str] = (),
    ) -> list[Hit]:
        """Return which rules hold for which of the folded *texts*.

        Args:
            places: For each text where it stands, one of ``PLACES``.
            languages: Those whose rules are asked, beside the rules of no language; all of
                them when empty.
        """
        hits: list[Hit] = []
        readable = [n for n, place in enumerate(places) if place in TEXT_PLACES]
        traces = [n for n, place in enumerate(places) if place not in TEXT_PLACES]
        for name, group in self._groups.items():
            if languages and name not in languages and name not in ("", "traces"):
                continue
            numbers = traces if name == "traces" else readable
            # Most languages have nothing to say about a mail: ask about all of it at once.
            together = "\n".join([texts[n] for n in numbers])
            present = group.set.matching(together)
            if not any(number in group.rules for number in present):
                continue
            for n in numbers:
                for rule in group.holding(texts[n]):
                    if places[n] in rule.places:
                        hits.append(Hit(rule, n))
        return hits

    def span(self, rule: Rule, text: str) -> tuple[int, int]:
        """Where in the folded *text* the words stand that made *rule* hold."""
        start, end = len(text), 0
        for pattern in (rule.match, *rule.also):
            found = self._spans.get(pattern)
            if found is None:
                found = self._spans[pattern] = compiled(pattern)
            match = found.search(text)
            if match is not None:
                start, end = min(start, match.start()), max(end, match.end())
        return (start, end) if start < end else (0, 0)

    def sender_of(
        self, *, from_address: str, smtp_user: str | None, x_mailer: str
    ) -> tuple[Sender, ...]:
        return tuple(
            sender
            for sender in self.senders
            if sender.is_of(from_address=from_address, smtp_user=smtp_user, x_mailer=x_mailer)
        )

    def check_examples(self) -> list[str]:
        """Return a line for each example that does not hold and each counter example that does."""
        broken: list[str] = []
        for rule in self.rules:
            group = self._groups[rule.group]
            broken.extend(
                f"{rule.where}: example does not match: {words!r}"
                for words in rule.examples
                if rule not in group.holding(fold(words))
            )
            broken.extend(
                f"{rule.where}: counter example matches: {words!r}"
                for words in rule.counter_examples
                if rule in group.holding(fold(words))
            )
        return broken

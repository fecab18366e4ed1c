"""Read rule files into one set of rules.

In:  the texts of TOML rule files in load order.
Out: a RuleSet, or a RuleError that names file, line, rule and words.

Pure. A later file's rule of the same id replaces an earlier one, or switches it off with
``enabled = false``. Rule files are explained in ``docs/rules.md``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from awizo.errors import RuleError
from awizo.model import FulfillmentStatus, Kind
from awizo.triage.patterns import NO_LOCK, PatternError, alternation, check, expanded
from awizo.triage.rules import FLAGS, PLACES, TRACE_PLACES, Rule, RuleSet, Sender

_RULE_FIELDS = frozenset(
    {
        "id",
        "kind",
        "weight",
        "kinds",
        "flags",
        "status",
        "where",
        "match",
        "also",
        "unless",
        "sender",
        "decides",
        "enabled",
        "examples",
        "counter_examples",
        "why",
    }
)
_SENDER_FIELDS = frozenset({"name", "from", "smtp_user", "x_mailer", "kinds", "why"})
_FILE_FIELDS = frozenset({"language", "theme", "words", "rule", "sender"})
MAX_WEIGHT = 12.0
_ID = re.compile(r"""\s*["']?id["']?\s*=\s*(\"{3}|'{3}|["'])(.*?)\1""")


@dataclass(frozen=True, slots=True)
class RuleSource:
    """One rule file. ``path`` is only named in errors; order is the caller's."""

    path: str
    text: str


def compile_rules(
    sources: Sequence[RuleSource], one_at_a_time: AbstractContextManager[object] = NO_LOCK
) -> RuleSet:
    """Compile rule files, in load order.

    Args:
        one_at_a_time: A lock, if several threads may ask.

    Raises:
        RuleError: A file is not TOML, has an unknown field, kind, flag or place, or a pattern
            that RE2 refuses; the text names file, line, rule and words.
    """
    files = [(source, _loaded(source)) for source in sources]
    words: dict[str, dict[str, tuple[str, ...]]] = {}
    for source, data in files:
        named = words.setdefault(_language(source, data), {})
        for name, value in _table(source, data, "words").items():
            named[name] = _strings(value, f"{source.path}: words {name!r}")
    rules: dict[str, Rule] = {}
    senders: dict[str, Sender] = {}
    for source, data in files:
        language = _language(source, data)
        for raw in _tables(source, data, "sender"):
            sender = _sender(source, raw)
            senders[sender.name] = sender
        seen: set[str] = set()
        lines, known = _lines_of_ids(source.text), {**words.get("", {}), **words[language]}
        for raw in _tables(source, data, "rule"):
            reading = _Reading(source, raw, language, known, lines)
            if reading.id in seen:
                raise reading.error("this id occurs twice in the file")
            seen.add(reading.id)
            if raw.get("enabled", True) is False:
                rules.pop(reading.id, None)
            else:
                rules[reading.id] = reading.rule()
    for rule in rules.values():
        if rule.sender is not None and rule.sender not in senders:
            raise RuleError(
                f"{rule.where}: no sender {rule.sender!r}{_meant(rule.sender, senders)}"
            )
    return RuleSet(tuple(rules.values()), tuple(senders.values()), one_at_a_time)


def _loaded(source: RuleSource) -> dict[str, Any]:
    try:
        data = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{source.path}: {error}") from None
    for name in data:
        if name not in _FILE_FIELDS:
            raise RuleError(f"{source.path}: unknown field {name!r}{_meant(name, _FILE_FIELDS)}")
    return data


def _language(source: RuleSource, data: Mapping[str, Any]) -> str:
    language = data.get("language", "")
    if not isinstance(language, str):
        raise RuleError(f"{source.path}: language is not a string")
    return language


def _table(source: RuleSource, data: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, dict):
        raise RuleError(f"{source.path}: {name} is not a table")
    return value


def _tables(source: RuleSource, data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = data.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise RuleError(f"{source.path}: write [[{name}]], not [{name}]")
    return value


def _strings(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise RuleError(f"{where}: give a string or a list of strings")


def _meant(word: str, known: Collection[str]) -> str:
    names = sorted(str(name) for name in known)
    close = get_close_matches(word, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names)}"


def _weights(value: object, where: str) -> tuple[tuple[Kind, float], ...]:
    if not isinstance(value, dict):
        raise RuleError(f"{where}: kinds is a table of kind = weight")
    return tuple((_kind(name, where), _weight(weight, where)) for name, weight in value.items())


def _kind(name: object, where: str) -> Kind:
    try:
        return Kind(str(name))
    except ValueError:
        raise RuleError(f"{where}: unknown kind {name!r}{_meant(str(name), list(Kind))}") from None


def _weight(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MAX_WEIGHT:
        raise RuleError(f"{where}: a weight is a number from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}")
    return float(value)


def _sender(source: RuleSource, raw: Mapping[str, Any]) -> Sender:
    where = f"{source.path}: sender {raw.get('name', '?')!r}"
    for known in raw:
        if known not in _SENDER_FIELDS:
            raise RuleError(f"{where}: unknown field {known!r}{_meant(known, _SENDER_FIELDS)}")
    name = raw.get("name")
    if not isinstance(name, str) or not name:
        raise RuleError(f"{where}: needs a name")

    def marks(field_name: str) -> tuple[str, ...]:
        if field_name not in raw:
            return ()
        return tuple(mark.lower() for mark in _strings(raw[field_name], where))

    return Sender(
        name=name,
        from_=marks("from"),
        smtp_user=marks("smtp_user"),
        x_mailer=marks("x_mailer"),
        kinds=_weights(raw["kinds"], where) if "kinds" in raw else (),
    )


class _Reading:
    """One ``[[rule]]`` table on its way to a Rule."""

    def __init__(
        self,
        source: RuleSource,
        raw: Mapping[str, Any],
        language: str,
        words: Mapping[str, Sequence[str]],
        lines: Mapping[str, int],
    ) -> None:
        self._source = source
        self._raw = raw
        self._language = language
        self._words = words
        rule_id = raw.get("id")
        if not isinstance(rule_id, str) or not rule_id:
            raise RuleError(f"{source.path}: a rule without an id")
        self.id = rule_id
        self._line = lines.get(rule_id, 0)
        for name in raw:
            if name not in _RULE_FIELDS:
                raise self.error(f"unknown field {name!r}{_meant(name, _RULE_FIELDS)}")

    @property
    def _where(self) -> str:
        return f"{self._source.path}:{self._line}: rule {self.id!r}"

    def error(self, words: str) -> RuleError:
        return RuleError(f"{self._where}: {words}")

    def rule(self) -> Rule:
        places = frozenset(self._list("where") or ("subject", "body"))
        for place in places:
            if place not in PLACES:
                raise self.error(f"unknown place {place!r}{_meant(place, PLACES)}")
        traces = places <= TRACE_PLACES
        if not traces and places & TRACE_PLACES:
            raise self.error("text and traces (header, host, file, from) need rules of their own")
        flags = frozenset(self._list("flags"))
        for flag in flags:
            if flag not in FLAGS:
                raise self.error(f"unknown flag {flag!r}{_meant(flag, FLAGS)}")
        kinds = self._kinds()
        decides = self._raw.get("decides", False) is True
        if decides and len(kinds) != 1:
            raise self.error("decides needs exactly one kind")
        if not kinds and not flags:
            raise self.error("gives no evidence: name a kind or a flag")
        match = self._patterns("match")
        if not match:
            raise self.error("has no match")
        sender = self._raw.get("sender")
        return Rule(
            id=self.id,
            path=self._source.path,
            line=self._line,
            kinds=kinds,
            flags=flags,
            status=self._status(),
            places=places,
            group="traces" if traces else self._language,
            match=alternation(match),
            also=self._patterns("also"),
            unless=self._patterns("unless"),
            sender=sender if isinstance(sender, str) else None,
            decides=decides,
            examples=self._list("examples"),
            counter_examples=self._list("counter_examples"),
        )

    def _list(self, name: str) -> tuple[str, ...]:
        if name not in self._raw:
            return ()
        return _strings(self._raw[name], f"{self._where}: {name}")

    def _kinds(self) -> tuple[tuple[Kind, float], ...]:
        kinds: list[tuple[Kind, float]] = []
        if "kinds" in self._raw:
            kinds.extend(_weights(self._raw["kinds"], self._where))
        if "kind" in self._raw:
            weight = _weight(self._raw.get("weight", 4.0), self._where)
            kinds.append((_kind(self._raw["kind"], self._where), weight))
        elif "weight" in self._raw:
            raise self.error("a weight without a kind")
        return tuple(kinds)

    def _status(self) -> FulfillmentStatus | None:
        if "status" not in self._raw:
            return None
        name = str(self._raw["status"])
        try:
            return FulfillmentStatus(name)
        except ValueError:
            known = [str(status) for status in FulfillmentStatus]
            raise self.error(f"unknown status {name!r}{_meant(name, known)}") from None

    def _patterns(self, name: str) -> tuple[str, ...]:
        patterns: list[str] = []
        for written in self._list(name):
            try:
                pattern = expanded(written, self._words)
                check([pattern])
            except PatternError as error:
                raise self.error(f"{name} {written!r}: {error}") from None
            patterns.append(pattern)
        return tuple(patterns)


def _lines_of_ids(text: str) -> dict[str, int]:
    """On which line, counted from 1, each id stands first."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if found := _ID.match(line):
            lines.setdefault(found[2], number)
    return lines

"""docs/events.md: every log event with its level, every metric with its labels, and no other."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from awizo.telemetry import metrics

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "awizo"
TEXT = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error",
          "exception": "error"}  # fmt: skip
IDS = {"account", "delivery_id", "job_id", "message_id"}


def levels_of(called: ast.expr) -> set[str]:
    """Levels that ``log.info`` or ``(log.error if … else log.warning)`` stands for."""
    if isinstance(called, ast.IfExp):
        return levels_of(called.body) | levels_of(called.orelse)
    if (
        isinstance(called, ast.Attribute)
        and ast.unparse(called.value) in ("log", "self._log")
        and called.attr in LEVELS
    ):
        return {LEVELS[called.attr]}
    return set()


@dataclass
class Event:
    levels: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)


def events_of_the_code() -> dict[str, Event]:
    found: dict[str, Event] = defaultdict(Event)
    for path in SOURCE.rglob("*.py"):
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        ]
        for call in calls:
            if levels := levels_of(call.func):
                events = words_in(call.args[0]) or outcomes(calls)
                assert events, f"{path.name}:{call.lineno}"
                keys = {keyword.arg for keyword in call.keywords if keyword.arg} - IDS
                for event in events:
                    found[event].levels |= levels
                    found[event].keys |= keys
    return dict(found)


def words_in(node: ast.expr) -> set[str]:
    """The constants that an expression may stand for."""
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def outcomes(calls: list[ast.Call]) -> set[str]:
    """``log.info(outcome.event)``: the events of all outcomes of that file."""
    return {
        word
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "_Outcome"
        for word in words_in(call.args[0])
    }


def events_told() -> dict[str, Event]:
    lines = TEXT[: TEXT.index("\n## Metrics")]
    rows = re.findall(r"^\| `([a-z_]+)` \| ([a-z, ]+) \| .+ \|(.*)\|$", lines, re.MULTILINE)
    told = {
        event: Event(
            {level.strip() for level in levels.split(",")}, set(re.findall(r"`([a-z0-9_]+)`", keys))
        )
        for event, levels, keys in rows
    }
    assert len(told) == len(rows), "an event stands in two rows"
    return told


def test_every_event_is_told_with_level_and_keys_and_no_other() -> None:
    code = events_of_the_code()

    assert len(code) > 30
    assert events_told() == code


def test_events_are_past_tense_words_without_values() -> None:
    for event in events_of_the_code():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", event), event


def test_every_metric_is_told_with_its_labels_and_no_other() -> None:
    told = {
        name: tuple(re.findall(r"`([a-z_]+)`", labels))
        for name, labels in re.findall(
            r"^\| `(awizo_[a-z_]+)` \| [a-z]+ \| (.*?) \|", TEXT, re.MULTILINE
        )
    }
    code = {
        next(iter(metric.describe())).name + ("_total" if metric._type == "counter" else ""): tuple(
            metric._labelnames
        )
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
    }

    assert len(code) > 10
    assert told == code

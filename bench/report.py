"""What was measured, beside what was hoped for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Result:
    """One figure.

    Attributes:
        goal: What it should be; ``None``: told for information only.
        better: Whether more or less than the goal is wanted.
        note: What else should be known, e.g. the figures behind a ratio.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    better: Literal["more", "less"] = "more"
    note: str = ""

    @property
    def reached(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value >= self.goal if self.better == "more" else self.value <= self.goal


def shown(result: Result) -> str:
    mark = {None: "    ", True: "ok  ", False: "MISS"}[result.reached]
    sign = "≥" if result.better == "more" else "≤"
    goal = "" if result.goal is None else f"{sign} {result.goal:g}"
    return f"{mark} {result.name:<48} {result.value:>9.4g} {result.unit:<6} {goal:<9} {result.note}"


def as_json(results: Sequence[Result]) -> str:
    return json.dumps([{**asdict(one), "reached": one.reached} for one in results], indent=2)

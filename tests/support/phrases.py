"""The phrase banks of ``tests/triage/phrases``: wordings by kind, boilerplate by language.

In:  nothing.
Out: phrases with the kind they state; what programs append to any mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "triage" / "phrases"


@dataclass(frozen=True, slots=True)
class Phrase:
    kind: str
    subject: str
    text: str
    where: str

    def __str__(self) -> str:
        return self.where


@cache
def phrases(name: str) -> tuple[Phrase, ...]:
    found: list[Phrase] = []
    kind = ""
    lines = (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("= "):
            kind = line[2:]
        elif line and not line.startswith("#"):
            subject, _, text = line.partition("::")
            found.append(Phrase(kind, subject.strip(), text.strip(), f"{name}.txt:{number}"))
    return tuple(found)


@cache
def boilerplate(language: str) -> tuple[str, ...]:
    return tuple(p.subject for p in phrases("boilerplate") if p.kind == language)

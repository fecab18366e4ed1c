"""docs/operating.md: the next step for each problem, as the alerts themselves tell it."""

from __future__ import annotations

import re
from pathlib import Path

from awizo.problems import NOTES, PROBLEMS

TEXT = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")


def test_every_problem_is_told_with_its_level_words_and_next_step() -> None:
    told = {
        slug: (level, words, next_step)
        for slug, level, words, next_step in re.findall(
            r"^\| `([a-z0-9_]+)` \| (warning|error) \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE
        )
    }

    assert len(PROBLEMS) > 30
    assert told == {
        slug: (problem.level, problem.words, problem.next_step)
        for slug, problem in PROBLEMS.items()
    }


def test_every_note_is_told_with_its_words() -> None:
    notes = TEXT.partition("## Notes")[2]

    assert dict(re.findall(r"^\| `([a-z_]+)` \| (.+?) \|$", notes, re.MULTILINE)) == NOTES

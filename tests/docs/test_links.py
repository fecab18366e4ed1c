"""What the pages refer to is there: files, headings, commands, make targets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from awizo.cli.commands import VERBS

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def names(pages: list[Path]) -> list[str]:
    return [page.relative_to(ROOT).as_posix() for page in pages]


def anchors(page: Path) -> set[str]:
    """Headings as they are linked to, in the manner of most renderers."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        kept = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(kept.replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_internal_link_leads_somewhere(page: Path) -> None:
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors(there), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_command_named_is_one(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for verb in re.findall(r"(?:^|[`'/]|bin/)awizo ([a-z][a-z-]+)", text, re.MULTILINE):
        assert verb in VERBS, f"awizo {verb}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_make_target_named_is_one(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for target in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8")):
        assert target in targets, f"make {target}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_file_of_ours_named_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:src|tests|config|deploy|tools|docs|bench)/[\w./-]+\w/?)`", text):
        assert (ROOT / path).exists() or path in MADE_BY_HAND, path


# Named as what somebody makes, so not part of the repository.
MADE_BY_HAND = {"config/awizo.env", "config/awizo.key", "config/rules/50-my-shop.toml"}


def test_every_page_of_docs_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            path = target.partition("#")[0]
            if path and not re.match(r"[a-z]+:", path):
                there = (page.parent / path).resolve()
                if there.is_file():
                    waiting.append(there)

    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= seen

"""What the pages show can be used as it stands: settings load, rules compile, shell has no typo."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from awizo.settings import load_settings
from awizo.triage.rule_files import RuleSource, compile_rules

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^( *)```(toml|sh)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    """Page with line, and the block without its indentation."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            if match[2] == language:
                line = text.count("\n", 0, match.start()) + 1
                code = re.sub(rf"(?m)^{match[1]}", "", match[3])
                found.append((f"{page.relative_to(ROOT)}:{line}", code))
    return found


TOML = blocks("toml")
SHELL = blocks("sh")


def test_there_are_examples() -> None:
    assert len(TOML) > 5
    assert len(SHELL) > 5


@pytest.mark.parametrize(("place", "code"), TOML, ids=[place for place, _ in TOML])
def test_settings_that_are_shown_can_be_loaded(place: str, code: str, tmp_path: Path) -> None:
    shown = tomllib.loads(code)
    if {"rule", "sender", "words"} & set(shown):
        # What switches off a rule of Awizo's means nothing without it.
        if all("enabled" not in rule for rule in shown.get("rule", ())):
            compile_rules([RuleSource(place, code)])
        return
    file = tmp_path / "awizo.toml"
    file.write_text(code, encoding="utf-8")

    load_settings(file, environ={})


@pytest.mark.parametrize(("place", "code"), SHELL, ids=[place for place, _ in SHELL])
def test_commands_that_are_shown_are_shell(place: str, code: str) -> None:
    code = code.replace("<this repository>", "REPOSITORY")

    checked = subprocess.run(
        ["/bin/sh", "-n"], input=code, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(("place", "code"), SHELL, ids=[place for place, _ in SHELL])
def test_variables_that_are_shown_are_settings(place: str, code: str) -> None:
    shown = dict(re.findall(r"\b(AWIZO_(?!CONFIG|DB_)\w+)=([^\s'\"]+)", code))

    load_settings(None, environ=shown)

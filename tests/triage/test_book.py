"""Changed rule files come into force whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from awizo.book import BookKeeper, load_book
from awizo.errors import RuleError
from awizo.settings import load_settings

MINE = """
[[rule]]
id = "mine"
kind = "other"
match = ['klub']
examples = ["Klub kawy"]
"""


def a_config(tmp_path: Path, rules: str) -> tuple[Path, Path]:
    config = tmp_path / "awizo.toml"
    config.write_text("")
    (tmp_path / "rules").mkdir()
    file = tmp_path / "rules" / "50-my-shop.toml"
    file.write_text(rules)
    return config, file


def later(file: Path, text: str) -> None:
    file.write_text(text)
    os.utime(file, (2_000_000_000, 2_000_000_000))


def test_a_shops_own_file_lies_beside_its_config_and_comes_after_ours(tmp_path: Path) -> None:
    config, _ = a_config(tmp_path, MINE + "\n[[rule]]\nid = 'pl-cue-rating'\nenabled = false\n")

    ids = {rule.id for rule in load_book(load_settings(config)).rules.rules}

    assert "mine" in ids
    assert "pl-cue-rating" not in ids
    assert "pl-sent" in ids


def test_a_changed_file_comes_into_force(tmp_path: Path) -> None:
    config, file = a_config(tmp_path, MINE)
    keeper = BookKeeper(load_settings(config))

    later(file, MINE.replace('"mine"', '"yours"'))

    assert keeper.refresh()
    assert "yours" in {rule.id for rule in keeper.book.rules.rules}


def test_a_table_of_ones_own_comes_into_force_as_a_rule_file_does(tmp_path: Path) -> None:
    config, _ = a_config(tmp_path, MINE)
    keeper = BookKeeper(load_settings(config))

    later(tmp_path / "hosts.toml", '[[host]]\nhost = "faktury.mine.pl"\nkind = "invoice"\n')

    assert keeper.refresh()
    assert set(keeper.book.hosts.rules) == {"faktury.mine.pl"}
    later(tmp_path / "words.tsv", "no table")
    assert not keeper.refresh()
    assert len(keeper.book.words) > 1000


BROKEN = (
    MINE.replace("klub", "klub("),
    MINE.replace("Klub", "Herbata"),
    MINE.replace("klub", "[^x]{0,1000}" * 100 + "klub"),
    MINE.replace("['klub']", str([f"[^x]{{0,400}}klub(?:{number})?" for number in range(300)])),
)


@pytest.mark.parametrize("broken", BROKEN, ids=["syntax", "example", "too large", "together"])
def test_a_broken_file_leaves_the_running_rules_in_force(tmp_path: Path, broken: str) -> None:
    config, file = a_config(tmp_path, MINE)
    keeper = BookKeeper(load_settings(config))
    before = keeper.book

    later(file, broken)

    assert not keeper.refresh()
    assert keeper.book is before


def test_a_broken_pattern_is_refused_with_its_file(tmp_path: Path) -> None:
    config, file = a_config(tmp_path, MINE.replace("klub", "klub("))

    with pytest.raises(RuleError, match=f"{file}:3: rule 'mine'"):
        load_book(load_settings(config))

"""Many patterns asked at once answer as each of them would."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Lock

import pytest

import awizo.triage.patterns as patterns
from awizo.errors import RuleError
from awizo.triage.fold import fold
from awizo.triage.patterns import PatternError, PatternSet, compiled
from awizo.triage.rule_files import RuleSource, compile_rules
from support.language_rules import all_rules

RULE = "language = 'pl'\n[[rule]]\nid = 'mine'\nkind = 'other'\nmatch = ['{}']\n"
PHRASES = Path(__file__).parent / "phrases"


def test_a_set_finds_exactly_what_its_patterns_find_one_by_one() -> None:
    asked = [rule.match for rule in all_rules().rules if rule.group in ("pl", "uk")]
    texts = [
        *fold((PHRASES / "pl.txt").read_text("utf-8")).split("\n")[::12],
        fold("Вашу посилку 20450123456789 передано кур’єру, доставка завтра 😀"),
        fold("Замовлення №5: оплату отримано?"),
    ]
    together = PatternSet(asked)

    for text in texts:
        alone = [number for number, one in enumerate(asked) if compiled(one).search(text)]
        assert sorted(together.matching(text)) == alone, text


def test_an_empty_set_or_text_has_nothing_to_find() -> None:
    assert PatternSet(()).matching("paczka") == []
    assert PatternSet(("paczka",)).matching("") == []


def test_a_pattern_of_a_whole_text_is_found_among_several_each_on_a_line() -> None:
    together = PatternSet((r"^zaplaceno\W*$", r"^uhrazeno$"))

    assert together.matching("objednavka 5\nzaplaceno!\ndekujeme") == [0]


def test_several_threads_that_ask_at_once_have_it_compiled_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[object] = []
    filter_of = patterns._filter_of

    def counted(some: Sequence[str]) -> object:
        made.append(some)
        time.sleep(0.05)
        return filter_of(some)

    monkeypatch.setattr(patterns, "_filter_of", counted)
    together = PatternSet(("paczka", "faktura"), Lock())
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(together.matching, ["twoja faktura"] * 8))

    assert found == [[1]] * 8
    assert len(made) == 1


def test_words_that_are_too_many_together_are_refused() -> None:
    random = Random(7)
    words = "|".join(
        "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=20)) for _ in range(4500)
    )

    rules = compile_rules([RuleSource("50.toml", RULE.format(words))])

    with pytest.raises(PatternError, match="together"):
        PatternSet([words]).matching("x")
    with pytest.raises(RuleError, match="the rules of pl: too many words together"):
        rules.prepare(["50.toml"])
    rules.prepare(["40.toml"])


TOO_LARGE = (
    r"[^x]{0,1000}" * 100,
    "a" + r"\pL{0,1000}" * 20,
    r"(?:\pL{0,30}x){0,30}" * 10,
    r"\pL" * 2000,
    r"(?:[a-z]{0,500}b){2}" + r"[^x]{0,1000}" * 100,
    r"[^x]{1000,}" * 100,
    r"(?:[^x]{900,}y)" * 100,
    "[^" + "".join(chr(0x800 + 130 * n) for n in range(60)) + "]{0,990}",
    "[" + "".join(chr(0x4E00 + 67 * n) for n in range(150)) + "]{0,986}",
)


@pytest.mark.parametrize("pattern", TOO_LARGE)
def test_a_pattern_that_is_too_large_is_refused_before_it_is_asked(pattern: str) -> None:
    rules = compile_rules([RuleSource("50.toml", RULE.format(pattern))])

    with pytest.raises(RuleError, match=r"50.toml:3: rule 'mine': .*too large"):
        rules.prepare(["50.toml"])
    with pytest.raises(PatternError, match="too large"):
        PatternSet([pattern]).matching("paczka")


def test_alternatives_that_are_too_large_together_are_refused() -> None:
    match = "', '".join(f"[^x]{{0,400}}klub{number}" for number in range(300))
    rules = compile_rules([RuleSource("50.toml", RULE.format(match))])

    with pytest.raises(RuleError, match=r"50.toml:3: rule 'mine': .*too large"):
        rules.prepare(["50.toml"])

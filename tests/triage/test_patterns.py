"""Many patterns asked at once answer as each of them would."""

from __future__ import annotations

from pathlib import Path

from awizo.triage.fold import fold
from awizo.triage.patterns import PatternSet, compiled
from support.language_rules import all_rules

PHRASES = Path(__file__).parent / "phrases"


def test_a_set_finds_exactly_what_its_patterns_find_one_by_one() -> None:
    patterns = [rule.match for rule in all_rules().rules if rule.group in ("pl", "uk")]
    texts = [
        *fold((PHRASES / "pl.txt").read_text("utf-8")).split("\n")[::12],
        fold("Вашу посилку 20450123456789 передано кур’єру, доставка завтра 😀"),
        fold("Замовлення №5: оплату отримано?"),
    ]
    together = PatternSet(patterns)

    for text in texts:
        alone = [number for number, one in enumerate(patterns) if compiled(one).search(text)]
        assert sorted(together.matching(text)) == alone, text


def test_an_empty_set_or_text_has_nothing_to_find() -> None:
    assert PatternSet(()).matching("paczka") == []
    assert PatternSet(("paczka",)).matching("") == []


def test_a_pattern_of_a_whole_text_is_found_among_several_each_on_a_line() -> None:
    together = PatternSet((r"^zaplaceno\W*$", r"^uhrazeno$"))

    assert together.matching("objednavka 5\nzaplaceno!\ndekujeme") == [0]

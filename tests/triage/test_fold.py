"""Folding: one spelling stands for many, and evidence can still show the original words."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awizo.triage.fold import fold, fold_with_map, original_words

LETTERS = "aąłŁżźćńóśęĘßđøőűřěůňťčžšľĺŕäöüÄĆ йїієґёИЇ\u0306\u0301\u0308\u0328"
SPACES = " \t\n\r\u00a0\u200b\u2009\u00ad\ufeff\u2028"
texts = st.text(st.one_of(st.sampled_from(LETTERS + SPACES + "„”–…ﬁ™"), st.characters()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wysłaliśmy ŻÓŁĆ", "wyslalismy zolc"),
        ("Příliš žluťoučký kůň", "prilis zlutoucky kun"),
        ("Ďakujeme, vŕba, kôň, ľan", "dakujeme, vrba, kon, lan"),
        ("Tűzőgép, ÁRVÍZTŰRŐ", "tuzogep, arvizturo"),
        ("Straße Grüße", "strasse grusse"),
        ("đak Đak øl", "dak dak ol"),
        ("ﬁrma №1 ①", "firma no1 1"),
    ],
)
def test_latin_letters_lose_case_and_marks(text: str, expected: str) -> None:
    assert fold(text) == expected


def test_cyrillic_letters_stay_letters_of_their_own() -> None:
    assert fold("Мій ЇЖАК, ґанок, Ёлка") == "мій їжак, ґанок, ёлка"


def test_a_decomposed_letter_folds_like_the_composed_one() -> None:
    assert fold("мии\u0306 і\u0308жак z\u0307o\u0301łc\u0301") == fold("мий їжак żółć")
    assert fold("и\u0301дуть") == "идуть"


def test_spaces_of_every_kind_become_one_and_lines_stay() -> None:
    assert fold("  Nr\u00a0\u2009 12 \t\r\n\u200b\r\n Za\u00admó\u200bwienie ") == (
        "nr 12\n\nzamowienie"
    )


def test_typographic_quotes_and_dashes_become_ascii() -> None:
    assert fold("„Tak” – ‘nie’ — «ano» iPhone’a…") == '"tak" - \'nie\' - "ano" iphone\'a...'


def test_every_character_folds_to_something_that_stays() -> None:
    for first in range(0, sys.maxunicode + 1, 512):
        once = fold("x".join(map(chr, range(first, first + 512))))
        assert fold(once) == once, hex(first)


@given(texts)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(texts)
def test_the_map_goes_with_the_folded_text(text: str) -> None:
    folded, places = fold_with_map(text)

    assert folded == fold(text)
    assert len(places) == len(folded) + 1
    assert places[-1] == len(text)
    assert all(a <= b for a, b in pairwise(places))
    assert all(0 <= place < len(text) for place in places[:-1])


@given(texts)
def test_the_original_words_fold_to_what_was_found(text: str) -> None:
    folded = fold(text)
    for start in range(0, len(folded), 3):
        end = min(start + 4, len(folded))
        assert folded[start:end].strip() in fold(original_words(text, folded, start, end))


def test_evidence_shows_the_words_as_the_mail_has_them() -> None:
    text = "Dzień dobry,\r\n  Wysłaliśmy\u00a0Twoją  PACZKĘ dziś."
    folded = fold(text)
    at = folded.index("wyslalismy")

    words = original_words(text, folded, at, at + len("wyslalismy twoja paczke"))

    assert words == "Wysłaliśmy\u00a0Twoją  PACZKĘ"

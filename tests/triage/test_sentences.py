"""A text is cut into sentences where they end, not behind every full stop."""

from __future__ import annotations

import pytest

from awizo.triage.structure import sentences


@pytest.mark.parametrize(
    "line",
    [
        "Ihre Bestellung liegt in der Hauptstr. 5 zur Abholung bereit.",
        "Посилку покладено в поштомат на вул. Садовій 3, заберіть її сьогодні.",
        "Balíček čeká na adrese nám. Míru 3 a je připraven k vyzvednutí.",
        "Volejte na tel. 777123456 nebo přijďte.",
        "Betrag 49,90 EUR inkl. Mehrwertsteuer",
    ],
)
def test_a_short_form_ends_no_sentence(line: str) -> None:
    assert sentences(line) == [line]


def test_a_sentence_ends_before_a_capital_letter_or_a_number() -> None:
    assert sentences("Сума 500 грн. Відправимо завтра.") == ["Сума 500 грн.", "Відправимо завтра."]
    assert len(sentences("Zboží odesíláme. Děkujeme za nákup! Kdy přijdete? Hned.")) == 4

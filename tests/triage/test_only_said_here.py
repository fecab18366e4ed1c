"""A mail that states a known fact is stopped; with something only it says behind it, it goes on."""

from __future__ import annotations

import pytest

from support.language_rules import told
from support.phrases import phrases
from support.plain_statements import STATEMENTS

PLAIN = [(lang, kind) for lang, kinds in STATEMENTS.items() for kind in kinds]


@pytest.mark.parametrize(("language", "kind"), PLAIN)
def test_a_plain_statement_is_known_for_sure_and_stopped(language: str, kind: str) -> None:
    subject, text = STATEMENTS[language][kind]

    outcome = told(subject, text)

    assert (outcome.kind, outcome.ends) == (kind, "stop")


@pytest.mark.parametrize(("language", "kind"), PLAIN)
def test_whatever_only_the_mail_says_keeps_it_from_being_stopped(language: str, kind: str) -> None:
    subject, text = STATEMENTS[language][kind]
    said = [phrase.subject for phrase in phrases("only-here") if phrase.kind == language]

    lost = [one for one in said if told(subject, f"{text}\n\n{one}").ends != "forward"]

    assert said
    assert lost == []


@pytest.mark.parametrize(
    ("text", "sent_on"),
    [
        ("Produkt\tKlucz aktywacyjny\nTarcza 3\t9F2X-LL0P-44QA-ZT7M", True),
        ("Licence key: ABCD1-EFGH2-IJKL3-MNOP4", True),
        ("Klucz do roweru wisi na haku. Numer części: 2026-0001-0002-0003", False),
        ("Nr zamówienia 9F2X-LL0P-44QA-ZT7M", False),
    ],
)
def test_a_key_to_what_was_bought_is_found_in_a_table_too(text: str, sent_on: bool) -> None:
    outcome = told("Dziękujemy za wpłatę", f"Twoja wpłata została zaksięgowana.\n\n{text}")

    assert ("secret_code" in outcome.verdict.flags) is sent_on

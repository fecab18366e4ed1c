"""The order status that a mail tells, in seven languages.

The texts are in ``statuses.txt``; they stand for classes, not for shops: crafts at work, packed
and waiting, ready in a shop, sent in several boxes, a part only, lying at a point, handed over.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from support.language_rules import told

TEXTS = Path(__file__).with_name("statuses.txt")


@cache
def cases() -> tuple[tuple[str, str | None, str, str], ...]:
    found: list[tuple[str, str | None, str, str]] = []
    kind, status = "", ""
    for line in TEXTS.read_text("utf-8").splitlines():
        if line.startswith("= "):
            kind, status = line[2:].split()
        elif line and not line.startswith("#"):
            subject, _, text = line.partition("::")
            expected = None if status == "None" else status
            found.append((kind, expected, subject.strip(), text.strip()))
    return tuple(found)


@pytest.mark.parametrize(("kind", "status", "subject", "text"), cases())
def test_a_mail_tells_its_order_status(
    kind: str, status: str | None, subject: str, text: str
) -> None:
    outcome = told(subject, text)

    assert (outcome.kind, outcome.status) == (kind, status)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Zamówienie przyjęte", "Przyjęliśmy zamówienie 12, jutro przekażemy je kurierowi."),
        ("Objednávka přijata", "Objednávku 12 jsme přijali, zítra ji předáme dopravci."),
        ("Bestellung erhalten", "Bestellung 12 erhalten, morgen übergeben wir sie dem Kurier."),
        ("Rendelés rögzítve", "A 12. rendelést rögzítettük, holnap adjuk át a futárnak."),
    ],
)
def test_a_promise_for_tomorrow_says_neither_packed_nor_sent(subject: str, text: str) -> None:
    outcome = told(subject, text)

    assert (outcome.kind, outcome.status) == ("order_processing", "NEW")

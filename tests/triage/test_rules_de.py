"""German mails are told apart by the words of the German rule files."""

from __future__ import annotations

import pytest

from support.language_rules import broken_examples, letters_no_folded_text_has, told


def test_every_german_rule_holds_for_its_examples_and_not_for_its_counter_examples() -> None:
    assert broken_examples("de") == []


def test_no_german_pattern_asks_for_a_letter_that_folding_takes_away() -> None:
    assert letters_no_folded_text_has("de") == []


@pytest.mark.parametrize(
    ("kind", "subject", "body"),
    [
        (
            "payment_received",
            "Zahlung erhalten",
            "Guten Tag, wir haben Ihre Zahlung für die Bestellung 20260112 erhalten.",
        ),
        (
            "order_sent",
            "Versandbestätigung",
            "Ihre Ware wurde mit GLS verschickt, Paketnummer 31001909076.",
        ),
        (
            "parcel_status",
            "Sendungsstatus",
            "Die Sendung ist im Paketzentrum Leipzig eingetroffen.",
        ),
        (
            "rating_request",
            "Ihre Meinung zählt",
            "Bitte bewerten Sie den Artikel, es dauert nur eine Minute.",
        ),
        ("other", "Wir haben Ihren Rabatt verschickt!", "Nur heute -20 % auf alles."),
        ("other", "Passwort zurücksetzen", "Klicken Sie hier, um ein neues Passwort zu vergeben."),
    ],
)
def test_a_usual_german_mail_is_known_for_sure(kind: str, subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert outcome.kind == kind
    assert outcome.sure or kind == "other"  # which goes on however sure it is


@pytest.mark.parametrize(
    ("status", "subject", "body"),
    [
        ("NEW", "Bestellung erhalten", "Ihre Bestellung 15 wird in Kürze bearbeitet."),
        ("PROCESSING", "Bestellung 123 in Bearbeitung", "Wir bereiten Ihre Bestellung vor."),
        (
            "READY_FOR_SHIPMENT",
            "Verpackt",
            "Ihr Paket ist fertig verpackt und wartet auf den Kurier.",
        ),
        (
            "READY_FOR_PICKUP",
            "Abholbereit",
            "Ihre Bestellung liegt in unserem Ladengeschäft zur Abholung bereit.",
        ),
    ],
)
def test_a_step_of_a_german_order_names_its_status(status: str, subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert (outcome.kind, outcome.status) == ("order_processing", status)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (
            "Verzögerung",
            "Ihre Zahlung ist da, die Ware verspätet sich aber. Wir versenden erst nächste Woche.",
        ),
        ("Ihre Adresse", "In der Anschrift fehlt die Hausnummer. Bitte teilen Sie sie uns mit."),
        ("Bestellung 123", "Blau ist ausverkauft. Möchten Sie Schwarz oder eine Erstattung?"),
        ("Aktivierungscode", "Ihr Aktivierungsschlüssel: ABCD-EFGH-1234"),
        (
            "zu Bestellung 77",
            "wir haben versehentlich Groesse L statt M verschickt, die richtige geht morgen raus",
        ),
    ],
)
def test_what_only_the_seller_can_say_in_german_goes_on_untouched(subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert outcome.kind == "fulfilment_correspondence"
    assert outcome.ends == "forward"
    assert outcome.plan.actions == ()


def test_a_german_order_that_waits_for_money_is_forwarded() -> None:
    outcome = told(
        "Warten auf Zahlung", "Wir warten auf Ihre Zahlung. IBAN: DE12 5001 0517 0648 4898 90"
    )

    assert outcome.kind == "order_processing"
    assert outcome.ends == "forward"

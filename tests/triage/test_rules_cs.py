"""Czech mails are told apart by the words of the Czech rule files."""

from __future__ import annotations

import pytest

from support.language_rules import broken_examples, letters_no_folded_text_has, told


def test_every_czech_rule_holds_for_its_examples_and_not_for_its_counter_examples() -> None:
    assert broken_examples("cs") == []


def test_no_czech_pattern_asks_for_a_letter_that_folding_takes_away() -> None:
    assert letters_no_folded_text_has("cs") == []


@pytest.mark.parametrize(
    ("kind", "subject", "body"),
    [
        (
            "payment_received",
            "Platba přijata",
            "Dobrý den, Vaši platbu 499 Kč za objednávku 20260112 jsme přijali.",
        ),
        (
            "order_sent",
            "Objednávka odeslána",
            "Vaše objednávka 15 byla odeslána přepravcem PPL. Číslo zásilky: 40123456789",
        ),
        ("parcel_status", "Stav zásilky", "Zásilka dorazila na depo Ostrava."),
        ("rating_request", "Váš názor nás zajímá", "Ohodnoťte prosím produkt, zabere to minutu."),
        ("other", "Odeslali jsme slevu", "Jen dnes -20 % na vše."),
        ("other", "Obnova hesla", "Klikněte zde a nastavte si nové heslo."),
    ],
)
def test_a_usual_czech_mail_is_known_for_sure(kind: str, subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert outcome.kind == kind
    assert outcome.sure or kind == "other"  # which goes on however sure it is


@pytest.mark.parametrize(
    ("status", "subject", "body"),
    [
        ("NEW", "Vaše objednávka byla přijata", "Přijali jsme objednávku 15, odešleme ji zítra."),
        ("PROCESSING", "Objednávka 123 se zpracovává", "Na Vaší objednávce už pracujeme."),
        ("READY_FOR_SHIPMENT", "Zabaleno", "Balíček je zabalený a čeká na kurýra."),
        ("READY_FOR_PICKUP", "K vyzvednutí", "Zboží čeká na osobní odběr na naší prodejně."),
    ],
)
def test_a_step_of_a_czech_order_names_its_status(status: str, subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert (outcome.kind, outcome.status) == ("order_processing", status)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (
            "Zpoždění objednávky",
            "Platba dorazila, ale zboží se u dodavatele zdrželo. Odešleme ho až příští týden.",
        ),
        ("Doplnění adresy", "V adrese chybí číslo popisné, po doplnění zásilku odešleme."),
        ("Objednávka 123", "Modrá už není skladem. Chcete černou, nebo vrátit peníze?"),
        ("Aktivační kód", "Váš aktivační klíč: ABCD-EFGH-1234"),
        ("k obj. 1234", "omylem jsme vam poslali velikost L misto M, spravnou posleme zitra"),
    ],
)
def test_what_only_the_seller_can_say_in_czech_goes_on_untouched(subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert outcome.kind == "fulfilment_correspondence"
    assert outcome.ends == "forward"
    assert outcome.plan.actions == ()


def test_a_czech_order_that_waits_for_money_is_forwarded() -> None:
    outcome = told("Čekáme na platbu", "Čekáme na připsání platby. Účet: 2900123456/2010")

    assert outcome.kind == "order_processing"
    assert outcome.ends == "forward"

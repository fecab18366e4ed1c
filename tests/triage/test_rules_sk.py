"""Slovak mails are told apart by the words of the Slovak rule files."""

from __future__ import annotations

import pytest

from support.language_rules import broken_examples, letters_no_folded_text_has, told


def test_every_slovak_rule_holds_for_its_examples_and_not_for_its_counter_examples() -> None:
    assert broken_examples("sk") == []


def test_no_slovak_pattern_asks_for_a_letter_that_folding_takes_away() -> None:
    assert letters_no_folded_text_has("sk") == []


@pytest.mark.parametrize(
    ("kind", "subject", "body"),
    [
        (
            "payment_received",
            "Platba prijatá",
            "Dobrý deň, Vašu platbu 49 EUR za objednávku 20260112 sme prijali.",
        ),
        (
            "order_sent",
            "Objednávka odoslaná",
            "Vaša objednávka 15 bola odoslaná kuriérom GLS. Číslo zásielky: 40123456789",
        ),
        ("parcel_status", "Stav zásielky", "Zásielka dorazila na depo Žilina."),
        ("rating_request", "Váš názor nás zaujíma", "Ohodnoťte prosím produkt, zaberie to minútu."),
        ("other", "Odoslali sme zľavu", "Len dnes -20 % na všetko."),
        ("other", "Obnova hesla", "Kliknite sem a nastavte si nové heslo."),
    ],
)
def test_a_usual_slovak_mail_is_known_for_sure(kind: str, subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert outcome.kind == kind
    assert outcome.sure or kind == "other"  # which goes on however sure it is


@pytest.mark.parametrize(
    ("status", "subject", "body"),
    [
        ("NEW", "Vaša objednávka bola prijatá", "Prijali sme objednávku 15, odošleme ju zajtra."),
        ("PROCESSING", "Objednávka 123 sa spracováva", "Na Vašej objednávke už pracujeme."),
        ("READY_FOR_SHIPMENT", "Zabalené", "Balíček je zabalený a čaká na kuriéra."),
        ("READY_FOR_PICKUP", "Na vyzdvihnutie", "Tovar čaká na osobný odber v našej predajni."),
    ],
)
def test_a_step_of_a_slovak_order_names_its_status(status: str, subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert (outcome.kind, outcome.status) == ("order_processing", status)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (
            "Meškanie objednávky",
            "Platba dorazila, ale tovar sa u dodávateľa zdržal. Odošleme ho až budúci týždeň.",
        ),
        ("Doplnenie adresy", "V adrese chýba číslo domu, po doplnení zásielku odošleme."),
        ("Objednávka 123", "Modrá už nie je skladom. Chcete čiernu, alebo vrátiť peniaze?"),
        ("Aktivačný kód", "Váš aktivačný kľúč: ABCD-EFGH-1234"),
        ("k obj. 1234", "omylom sme vam poslali velkost L namiesto M, spravnu posleme zajtra"),
    ],
)
def test_what_only_the_seller_can_say_in_slovak_goes_on_untouched(subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert outcome.kind == "fulfilment_correspondence"
    assert outcome.ends == "forward"
    assert outcome.plan.actions == ()


def test_a_slovak_order_that_waits_for_money_is_forwarded() -> None:
    outcome = told(
        "Čakáme na platbu", "Čakáme na pripísanie platby. IBAN: SK31 1200 0000 1987 4263 7541"
    )

    assert outcome.kind == "order_processing"
    assert outcome.ends == "forward"

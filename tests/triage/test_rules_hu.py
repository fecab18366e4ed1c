"""Hungarian mails are told apart by the words of the Hungarian rule files."""

from __future__ import annotations

import pytest

from support.language_rules import broken_examples, letters_no_folded_text_has, told


def test_every_hungarian_rule_holds_for_its_examples_and_not_for_its_counter_examples() -> None:
    assert broken_examples("hu") == []


def test_no_hungarian_pattern_asks_for_a_letter_that_folding_takes_away() -> None:
    assert letters_no_folded_text_has("hu") == []


@pytest.mark.parametrize(
    ("kind", "subject", "body"),
    [
        (
            "payment_received",
            "Fizetés megérkezett",
            "Kedves Anna! A 20260112 számú rendelés 4990 Ft összegű fizetését megkaptuk.",
        ),
        (
            "order_sent",
            "Rendelését feladtuk",
            "Rendelését átadtuk a GLS futárszolgálatnak. Csomagszám: 56933335891",
        ),
        ("parcel_status", "Csomag úton", "A csomag a depóban van, holnap érkezik."),
        ("rating_request", "Mondja el véleményét", "Kérjük, értékelje a megvásárolt terméket."),
        ("other", "Elküldtük kuponját!", "Csak ma -20% mindenre."),
        ("other", "Jelszó visszaállítása", "Kattintson ide új jelszó megadásához."),
    ],
)
def test_a_usual_hungarian_mail_is_known_for_sure(kind: str, subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert outcome.kind == kind
    assert outcome.sure or kind == "other"  # which goes on however sure it is


@pytest.mark.parametrize(
    ("status", "subject", "body"),
    [
        ("NEW", "Megkaptuk rendelését", "Rendelését rögzítettük, hamarosan feldolgozzuk."),
        ("PROCESSING", "Rendelése feldolgozás alatt", "Megkezdtük rendelése összekészítését."),
        ("READY_FOR_SHIPMENT", "Csomagolva", "Rendelését becsomagoltuk, a futárra vár."),
        ("READY_FOR_PICKUP", "Személyes átvétel", "Rendelése elkészült, átvehető üzletünkben."),
    ],
)
def test_a_step_of_a_hungarian_order_names_its_status(status: str, subject: str, body: str) -> None:
    outcome = told(subject, body)

    assert (outcome.kind, outcome.status) == ("order_processing", status)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (
            "Késés",
            "Fizetése megérkezett, de a termék késik a beszállítónál. Jövő héten adjuk fel.",
        ),
        ("Pontos cím", "A címből hiányzik a házszám. Írja meg, utána feladjuk a csomagot."),
        ("123-as rendelés", "A kék elfogyott. Küldhetünk feketét, vagy visszatérítsük az árát?"),
        ("Aktiváló kód", "Az Ön aktiváló kulcsa: ABCD-EFGH-1234"),
        ("rendeles 1234", "veletlenul mas meretet kuldtunk, holnap postazzuk a jot"),
    ],
)
def test_what_only_the_seller_can_say_in_hungarian_goes_on_untouched(
    subject: str, body: str
) -> None:
    outcome = told(subject, body)

    assert outcome.kind == "fulfilment_correspondence"
    assert outcome.ends == "forward"
    assert outcome.plan.actions == ()


def test_a_hungarian_order_that_waits_for_money_is_forwarded() -> None:
    outcome = told("Fizetésre vár", "Várjuk az utalást. Számlaszám: 11773016-01234567-00000000")

    assert outcome.kind == "order_processing"
    assert outcome.ends == "forward"

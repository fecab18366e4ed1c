"""A sentence that templates about an order's state would not say goes on to the buyer."""

from __future__ import annotations

import pytest

from awizo.triage.fold import fold
from awizo.triage.usual import is_unusual
from support.language_rules import told

SENT = {
    "pl": ("Zamówienie wysłane", "Twoje zamówienie 44120 zostało wysłane kurierem DPD."),
    "en": ("Order shipped", "Your order 44120 has been shipped with the courier."),
    "cs": ("Objednávka odeslána", "Vaše objednávka 44120 byla dnes odeslána dopravcem PPL."),
    "sk": ("Objednávka odoslaná", "Vaša objednávka 44120 bola dnes odoslaná kuriérom SPS."),
    "hu": ("Rendelését feladtuk", "Az Ön 44120 számú rendelését ma átadtuk a GLS futárnak."),
    "de": ("Bestellung versandt", "Ihre Bestellung 44120 wurde heute mit DHL versandt."),
    "uk": ("Замовлення відправлено", "Ваше замовлення 44120 сьогодні відправлено Новою поштою."),
}


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("pl", "Przed pierwszym użyciem umyj naczynie w letniej wodzie."),
        ("pl", "Śruby montażowe są w woreczku przyklejonym do spodu."),
        ("pl", "Farba schnie sześć godzin."),
        ("pl", "Przesyłka zostanie doręczona tylko do parteru."),
        ("pl", "Nie wkładaj kubka do zmywarki."),
        ("en", "Rinse the kettle before you first use it."),
        ("en", "The screws are taped to the underside."),
        ("en", "The plants need water as soon as they are unpacked."),
        ("cs", "Šroubky jsou přilepené zespodu desky."),
        ("sk", "Hrniec pred varením vypláchnite vlažnou vodou."),
        ("hu", "A csavarokat a lap aljára ragasztottuk."),
        ("de", "Die Schrauben kleben unter der Platte."),
        ("uk", "Гвинтики приклеєні знизу дошки."),
    ],
)
def test_what_concerns_the_goods_keeps_a_mail_from_being_stopped(
    language: str, sentence: str
) -> None:
    subject, text = SENT[language]

    outcome = told(subject, f"{text} {sentence}")

    assert outcome.kind == "order_sent"
    assert outcome.ends == "forward"


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("pl", "Spodziewaj się dostawy w ciągu 1-2 dni roboczych."),
        ("pl", "O kolejnych etapach powiadomimy osobną wiadomością."),
        ("pl", "Miłego dnia i do zobaczenia przy kolejnych zakupach!"),
        ("en", "We will drop you a line as soon as it arrives."),
        ("en", "Thank you for shopping with us."),
        ("cs", "Děkujeme za důvěru a přejeme hezký den."),
        ("sk", "V prípade otázok nás kontaktujte e-mailom."),
        ("hu", "Köszönjük a vásárlást, szép napot kívánunk!"),
        ("de", "Bei Fragen sind wir gerne für Sie da."),
        ("uk", "Дякуємо за покупку та бажаємо гарного дня."),
    ],
)
def test_what_templates_say_stops_as_before(language: str, sentence: str) -> None:
    subject, text = SENT[language]

    assert told(subject, f"{text} {sentence}").ends == "stop"


def test_names_and_lines_of_an_address_are_no_sentence() -> None:
    line = "Jan Nowak ul. Lipowa 3/4 30-001 Kraków tel. 501222333"

    assert not is_unusual(line, fold(line), ["pl"], known=False)


def test_a_mail_in_a_language_without_a_list_is_left_to_the_rules() -> None:
    line = "Pirms pirmās lietošanas nomazgājiet trauku."

    assert not is_unusual(line, fold(line), ["pl", "lv"], known=False)
    assert not is_unusual(line, fold(line), [], known=False)

"""A sentence that no template holds keeps a mail from being stopped, whatever its kind."""

from __future__ import annotations

import pytest

from support.language_rules import told

SENT = {
    "pl": ("Zamówienie wysłane", "Zamówienie 551 zostało wysłane kurierem DPD."),
    "en": ("Your order has been shipped", "Your order 551 has been shipped with DPD."),
    "cs": ("Objednávka odeslána", "Vaše objednávka 551 byla odeslána přepravcem PPL."),
    "sk": ("Objednávka odoslaná", "Vaša objednávka 551 bola odoslaná kuriérom GLS."),
    "hu": ("Rendelését feladtuk", "Rendelését átadtuk a GLS futárszolgálatnak."),
    "de": ("Versandbestätigung", "Ihre Bestellung 551 wurde mit DHL versandt."),
    "uk": ("Замовлення відправлено", "Ваше замовлення 551 відправлено Новою поштою."),
}


@pytest.mark.parametrize("language", SENT)
def test_a_template_alone_is_stopped(language: str) -> None:
    assert told(*SENT[language]).ends == "stop"


@pytest.mark.parametrize(
    ("language", "note"),
    [
        ("pl", "Białego czajnika nie mieliśmy, dołożyliśmy kremowy."),
        ("pl", "Pudełko jest lekko wgniecione, towar jest cały."),
        ("en", "We were out of the white kettle, so we packed a cream one."),
        ("en", "Please pay the 2 EUR surcharge on delivery."),
        ("cs", "Bílou konvici jsme neměli, přibalili jsme krémovou."),
        ("cs", "Druhý balík přijde zvlášť příští týden."),
        ("sk", "Krabica je jemne preliačená, tovar je v poriadku."),
        ("sk", "Namiesto 3 kusov posielame 4, jeden ako darček."),
        ("hu", "A doboz kissé horpadt, a termék ép."),
        ("hu", "Otthagyhatja a futár a szomszédnál?"),
        ("de", "Die weiße Kanne war aus, wir haben eine cremefarbene eingepackt."),
        ("de", "Den Aufpreis von 2 € zahlen Sie bitte bei Annahme."),
        ("uk", "Білого чайника не було, поклали кремовий."),
        ("uk", "Код активації додатка: 7GH2-KK81-PP02"),
    ],
)
def test_what_a_seller_adds_to_a_template_goes_on(language: str, note: str) -> None:
    subject, template = SENT[language]

    assert told(subject, f"{template}\n{note}").ends == "forward"

"""What a seller answers or a program tells about parcels, and the numbers that stand beside."""

from __future__ import annotations

import pytest

from awizo.model import ParsedMessage
from awizo.triage.references import find_references
from support.books import CARRIERS, HOSTS


def parcels_in(text: str) -> list[tuple[str, str]]:
    mail = ParsedMessage(text=text, new_text=text)
    return [
        (one.name or one.carrier, one.number)
        for one in find_references(mail, (), HOSTS, CARRIERS).waybills
    ]


TOLD = [
    (
        "wysłane przy użyciu DHL Parcel.\n\nMożesz śledzić przesyłkę, używając kodu 44917870115.",
        [("DHL", "44917870115")],
    ),
    (
        "Kod odbioru znajdziesz w InPost Mobile. Numer przesyłki: 685016100605362534339375",
        [("INPOST", "685016100605362534339375")],
    ),
    (
        "wysłane za pomocą GLS.\n\nSprawdź położenie przesyłki przy pomocy kodu: 37205581946.",
        [("GLS", "37205581946")],
    ),
    (
        "Cześć, tak, poszło wczoraj. InPost, 638045236705746863150614. Pozdrawiam",
        [("INPOST", "638045236705746863150614")],
    ),
    ("Hej, numer do śledzenia to 90821546257, kurier GLS będzie jutro.", [("GLS", "90821546257")]),
    (
        "Dobrý deň, áno, balík sme včera podali na poštu, podacie číslo EB123456789SK.",
        [("Slovenská pošta", "EB123456789SK")],
    ),
    ("Ahoj, posíláme číslo na PPL: 40957718203, dojít by mělo zítra.", [("PPL", "40957718203")]),
    ("Hallo, ja, ist heute raus. DHL 00340434161094042557", [("DHL", "00340434161094042557")]),
    ("Hi, sure: it's 1Z999AA10123456784 (UPS).", [("UPS", "1Z999AA10123456784")]),
    (
        "Доброго дня! Так, відправили вчора НП, ось номер: 20451584803469",
        [("Nova Poshta", "20451584803469")],
    ),
    ("Szia, persze, a GLS csomagszám 41207733915, kedden viszik.", [("GLS", "41207733915")]),
    (
        "Dwie paczki: GLS 41207733915 i DPD 13021234567890.",
        [("GLS", "41207733915"), ("DPD", "13021234567890")],
    ),
    (
        "Numery listów przewozowych: 638045236705746863150614, 638045236705746863150622 (InPost)",
        [("INPOST", "638045236705746863150614"), ("INPOST", "638045236705746863150622")],
    ),
    (
        "InPost Kurier: 638045236705746863150614\nInPost Paczkomat: 638045236705746863150622",
        [("INPOST", "638045236705746863150614"), ("INPOST", "638045236705746863150622")],
    ),
    (
        "Přepravce: Zásilkovna\nČíslo zásilky: Z 535 760 7776\nVýdejní místo: Z-BOX Brno",
        [("PACKETA", "Z5357607776")],
    ),
    (
        "Nr nadania Poczta Polska: 00359007731234567895 (Pocztex Kurier 48)",
        [("POCZTA_POLSKA", "00359007731234567895")],
    ),
    ("Nr listu: AD-1239134, Allegro Delivery", [("ALLEGRO", "AD1239134")]),
    ("Przesyłka Allegro One: A000ABC123, automat", [("ALLEGRO", "A000ABC123")]),
    (
        "Śledzenie InPost 638045236705746863150614, tel. do kuriera 601234567; GLS nie obsługujemy",
        [("INPOST", "638045236705746863150614")],
    ),
    (
        "Balík GLS 41207733915 bol doručený.\n\nReklamácie: 0905123456, IČO 47740001",
        [("GLS", "41207733915")],
    ),
    (
        "Ваше замовлення їде Новою Поштою\n\nТТН 20451584803469\nТТН 20451584803470",
        [("Nova Poshta", "20451584803469"), ("Nova Poshta", "20451584803470")],
    ),
    ("Kuriér GLS – zásielka\n41207733915", [("GLS", "41207733915")]),
    ("DPD Pickup, přepravní číslo 13021234567890", [("DPD", "13021234567890")]),
    (
        "Lieferung durch GLS: Paket-Nr. 90112233445, Kunden-Nr. 90112233999",
        [("GLS", "90112233445")],
    ),
    (
        "Zwei Sendungen mit DHL: 00340434161094042557 + 00340434161094042564",
        [("DHL", "00340434161094042557"), ("DHL", "00340434161094042564")],
    ),
    ("Paleta: Raben, nr zlecenia 415399800", [("Raben", "415399800")]),
    ("Paczka: DPD\nnr 0000797406976U\nwaga 3 kg\npobranie 0,00", [("DPD", "0000797406976U")]),
]

NOT_TOLD = [
    "Kurier DHL, telefon.: 4922112345678",
    "DPD. EAN. 1234567890123",
    "DHL: odbierzesz przesyłkę za pomocą kodu: 12345678901",
    "Przesyłka # 000002211 do zamówienia # 000002874\nPotwierdzenie nadania UPS nr #000002211.",
    "Dostawa: Kurier GLS\nAdres: Długa 5, Poznań\nTel.: 601 234 567\nZamówienie: 90260112345",
    "Zamówienie 90260112345 przekazaliśmy kurierowi GLS.",
    "Objednávka 90260112345 byla předána PPL.",
    "Rendelését (90260112345) átadtuk a GLS futárnak.",
    "Ihre Bestellung 90260112345 ist mit GLS unterwegs",
    "Your order #90260112345 is on its way with GLS",
    "Замовлення №90260112345 передано GLS",
    "Faktura 20261120001, wysyłka GLS, dziękujemy",
    "Paczka nadana. Kurier: DPD. Pobranie 149,00 zł na konto 12114020040000310212345678",
    "Zásilku veze PPL, dobírka na účet 2900123456/2010, VS 40957718203",
    "GLS csomag érkezik! Utánvét: 23890 Ft. Ügyfélszám: 41207733915",
    "GLS: odbierz w punkcie, kod 41207733",
    "Kurier: InPost. NIP 6793112850, KRS 0000123456, REGON 123456785, BDO 000012345",
    "Dane do paczki: numer telefonu 48601234567, GLS",
    "Paczka GLS w drodze, infolinia 46 814 82 20, 468148220",
    "Packeta, heslo pro výdej 1234567890",
    "Dziękujemy za zamówienie! Wyślemy je DPD. EAN 5901234123457 kod AL12345678",
]


@pytest.mark.parametrize(("text", "expected"), TOLD, ids=[text[:40] for text, _ in TOLD])
def test_a_parcel_told_of_in_passing_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert parcels_in(text) == expected


@pytest.mark.parametrize("text", NOT_TOLD, ids=lambda text: text[:40])
def test_numbers_around_a_parcel_stay_what_they_are(text: str) -> None:
    assert parcels_in(text) == []


def test_names_parted_by_one_character_are_both_heard() -> None:
    assert [one.carrier.id for one in CARRIERS.mentions("gls/dpd i dhl,ups")] == [
        "GLS",
        "DPD",
        "DHL",
        "UPS",
    ]

"""Parcels as shops and people of seven languages write of them: inflected, listed, grouped."""

from __future__ import annotations

import pytest

from awizo.model import Link, ParsedMessage
from awizo.triage.references import find_references
from support.books import CARRIERS, HOSTS


def parcels_in(
    text: str, *links: str, subject: str = "", sender: tuple[str, str] = ("", "")
) -> list[tuple[str, str]]:
    mail = ParsedMessage(
        subject=subject,
        text=text,
        new_text=text,
        links=tuple(Link(url, "") for url in links),
        from_name=sender[0],
        from_address=sender[1],
    )
    return [
        (one.name or one.carrier, one.number)
        for one in find_references(mail, (), HOSTS, CARRIERS).waybills
    ]


INFLECTED = [
    ("Poszło dziś DPD-em, numer 13021234567890.", "DPD", "13021234567890"),
    ("Nadaliśmy InPostem: 638045236705746863150614", "INPOST", "638045236705746863150614"),
    ("Wysłane Paczkomatem, nr 638045236705746863150614", "INPOST", "638045236705746863150614"),
    ("Jedzie do Pana GLS-em, numer to 90821546257.", "GLS", "90821546257"),
    ("Wczoraj poszło DHL-em, numer podaję: 28529647867", "DHL", "28529647867"),
    ("Wyszło od nas FedExem, numer 794612345678", "FEDEX", "794612345678"),
    ("Paczka ruszyła Orlen Paczką, numer 1009399328729", "ORLEN", "1009399328729"),
    ("Nadane Pocztexem PX1234567890", "POCZTA_POLSKA", "PX1234567890"),
    ("Jde to Packetou, číslo je Z 535 760 7776.", "PACKETA", "Z5357607776"),
    ("Poslali jsme Zásilkovnou, číslo 5357607776.", "PACKETA", "5357607776"),
    ("Ide to Zásielkovňou, číslo: 5357607776", "PACKETA", "5357607776"),
    ("Včera odjelo PPLkem, číslo posílám: 40957718203", "PPL", "40957718203"),
    ("Předáno PPL, č. 40957718203", "PPL", "40957718203"),
    ("Balíček vyrazil Českou poštou DR1834407126C", "Česká pošta", "DR1834407126C"),
    ("Balíkovnou na cestě: NB1234567890M", "Česká pošta", "NB1234567890M"),
    ("Kuriér SPSkou odišiel, číslo 04010612345678", "SPS", "04010612345678"),
    ("Poslané Slovenskou poštou ZB961705618SK", "Slovenská pošta", "ZB961705618SK"),
    ("Tegnap ment el a GLS-szel, száma: 41207733915", "GLS", "41207733915"),
    ("A Packetával indult útnak, a kódja Z5357607776", "PACKETA", "Z5357607776"),
    ("DHL-lel küldtük, a szám: 28529647867", "DHL", "28529647867"),
    ("A csomag a Foxposttal jön: CLFOX170988412630", "FOXPOST", "CLFOX170988412630"),
    (
        "MPL-lel adtuk fel, száma PNTM3502118840067214990326",
        "Magyar Posta",
        "PNTM3502118840067214990326",
    ),
    ("Ist gestern mit GLS raus, Nummer 90112233445", "GLS", "90112233445"),
    (
        "Per Hermes unterwegs, die Nummer lautet H1001234567890123456",
        "Hermes",
        "H1001234567890123456",
    ),
    ("It went out with GLS yesterday, the number is 90112233445.", "GLS", "90112233445"),
    ("We handed it over to FedEx, no. 794612345678", "FEDEX", "794612345678"),
    ("Відправили Новою поштою, номер такий: 20451584803469", "Nova Poshta", "20451584803469"),
    ("Поїхало Укрпоштою, номер 0504640401203", "Ukrposhta", "0504640401203"),
    ("Здали на Нову пошту вчора, № 59001796180982", "Nova Poshta", "59001796180982"),
    ("Їде ІнПостом: 638045236705746863150614", "INPOST", "638045236705746863150614"),
]


@pytest.mark.parametrize(("text", "carrier", "number"), INFLECTED)
def test_a_carrier_is_known_in_every_case_of_its_name(text: str, carrier: str, number: str) -> None:
    assert parcels_in(text) == [(carrier, number)]


ROWS = [
    ("Két doboz indult a GLS-szel:\n\n1. doboz: 41207733915\n2. doboz: 41207733922", "GLS"),
    ("Dwie paczki pojechały GLS-em:\n\n- 41207733915\n- 41207733922", "GLS"),
    ("GLS zabrał wczoraj dwa kartony:\n\nkarton 1/2: 41207733915\nkarton 2/2: 41207733922", "GLS"),
    ("Kurier GLS:\n  paczka nr 1 – 41207733915\n  paczka nr 2 – 41207733922", "GLS"),
    ("Zásilka jde ve dvou krabicích s GLS: 41207733915 a 41207733922.", "GLS"),
    ("PPL veze dva balíky:\n\n1) 41207733915\n2) 41207733922", "PPL"),
    ("Kuriér GLS, dva balíky: 41207733915, druhý 41207733922", "GLS"),
    ("GLS csomagszámok: 41207733915; 41207733922", "GLS"),
    ("Zwei Pakete mit GLS: 41207733915 und 41207733922", "GLS"),
    ("Mit GLS verschickt:\n\n• Karton 1: 41207733915\n• Karton 2: 41207733922", "GLS"),
    ("Shipped by GLS in 2 boxes:\n\nBox 1: 41207733915\nBox 2: 41207733922", "GLS"),
    ("GLS parcels 41207733915 & 41207733922", "GLS"),
    ("GLS, wysłane osobno:\n\nlampa stojąca: 41207733915\nabażur: 41207733922", "GLS"),
    ("Nr paczki GLS\n41207733915\n41207733922", "GLS"),
]


@pytest.mark.parametrize(("text", "carrier"), ROWS)
def test_what_is_said_of_the_first_number_of_a_row_holds_for_the_next(
    text: str, carrier: str
) -> None:
    assert parcels_in(text) == [(carrier, "41207733915"), (carrier, "41207733922")]


TABLES = [
    (
        "Zboží\tČíslo balíku GLS\nLampa\t90821546257\nStůl velký dubový, 2 ks v jedné krabici\t"
        "90821546399",
        [("GLS", "90821546257"), ("GLS", "90821546399")],
    ),
    (
        "Lp.\tProdukt\tPrzewoźnik\tNr przesyłki\n1\tFotel\tGLS\t90821546257\n2\tPufa\tDPD\t"
        "13021234567890",
        [("GLS", "90821546257"), ("DPD", "13021234567890")],
    ),
    (
        "Nr przesyłki\tPrzewoźnik\n90821546257\tGLS\n13021234567890\tDPD",
        [("GLS", "90821546257"), ("DPD", "13021234567890")],
    ),
    (
        "Artikel\tEAN\tSendungsnummer DHL\nLampe\t4015568279917\t00340434161094042557",
        [("DHL", "00340434161094042557")],
    ),
    (
        "Položka\tS/N\tBalík\nMonitor\t59913805183\tGLS 90821546257\nKábel\t40155682799\t"
        "GLS 90821546257",
        [("GLS", "90821546257")],
    ),
    ("Szállító\tKövetési szám\nGLS\t41207733915", [("GLS", "41207733915")]),
    ("Перевізник\tТТН\nНова пошта\t20451584803469", [("Nova Poshta", "20451584803469")]),
    ("Carrier\tTracking no.\tPhone\nGLS\t41207733915\t48601234567", [("GLS", "41207733915")]),
    ("Dostawa\tGLS\nNumer przesyłki\t41207733915\nTelefon\t48601234567", [("GLS", "41207733915")]),
    ("Kurier: GLS 41207733915", [("GLS", "41207733915")]),
    ("Sposób dostawy: Kurier DPD, 13021234567890", [("DPD", "13021234567890")]),
    ("Způsob dopravy: PPL\nSledovací číslo: 40957718203", [("PPL", "40957718203")]),
    ("Szállítási mód: GLS futár\nKövetőkód: 41207733915", [("GLS", "41207733915")]),
    ("Versandart: GLS\nTrackingnummer: 41207733915", [("GLS", "41207733915")]),
    (
        "Przewoźnik: InPost Kurier\nNr: 638045236705746863150614",
        [("INPOST", "638045236705746863150614")],
    ),
]


@pytest.mark.parametrize(("text", "expected"), TABLES)
def test_a_table_says_of_its_cells_what_they_are(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert parcels_in(text) == expected


GROUPED = [
    ("GLS 412 0773 3915, paczka wyjechała", "GLS", "41207733915"),
    ("Paczka DPD 1302 1234 5678 90", "DPD", "13021234567890"),
    ("paczka DPD 0000 7974 0697 6U", "DPD", "0000797406976U"),
    ("Poczta Polska: 00 159007739 546035587", "POCZTA_POLSKA", "00159007739546035587"),
    ("Poczta Polska (00) 159007739546035587", "POCZTA_POLSKA", "00159007739546035587"),
    ("Przesyłka 63804523 67057468 63150614", "INPOST", "638045236705746863150614"),
    ("Przesyłka 638045 236705 746863 150614", "INPOST", "638045236705746863150614"),
    ("Číslo zásielky SPS: 703-041-30118264", "SPS", "70304130118264"),
    ("SPS 703 041 30118264, zásielka je na ceste", "SPS", "70304130118264"),
    ("Číslo zásilky: DR 1834 4071 26C, Česká pošta", "Česká pošta", "DR1834407126C"),
    ("Foxpost csomagszám: CLFOX 1709 8841 2630", "FOXPOST", "CLFOX170988412630"),
    ("ТТН Нової пошти 2045 1584 8034 69", "Nova Poshta", "20451584803469"),
    ("List polecony RR 123 456 785 PL, Poczta Polska", "POCZTA_POLSKA", "RR123456785PL"),
    ("Nr przesyłki: NR 1302 1234 5678 90 (DPD)", "DPD", "13021234567890"),
    ("GLS, č.41207733915, balík je na cestě", "GLS", "41207733915"),
    ("Paczka 2 z 2, GLS nr.41207733915", "GLS", "41207733915"),
    ("UPS parcel, tracking #1Z999AA10123456784", "UPS", "1Z999AA10123456784"),
]


@pytest.mark.parametrize(("text", "carrier", "number"), GROUPED)
def test_a_number_in_groups_is_one_number(text: str, carrier: str, number: str) -> None:
    assert parcels_in(text) == [(carrier, number)]


def test_a_part_of_another_number_is_none_of_its_own() -> None:
    url = "https://emonitoring.poczta-polska.pl/?numer=00159007739546035587"

    assert parcels_in("Poczta Polska: 00 159007739 546035587", url) == [
        ("POCZTA_POLSKA", "00159007739546035587")
    ]


@pytest.mark.parametrize(
    ("text", "carrier"),
    [
        ("Balík 13805007441926 veze DPD, kurýr zavolá.", "DPD_CZ"),
        ("Zásielku 13651296026869 vezie DPD.", "DPD_SK"),
        ("Tegnap ment el a DPD-vel, a számát is írom: 16390044817265", "DPD_HU"),
        ("A DPD futár viszi, csomagszám 05008899001122", "DPD"),
        ("Paczka DPD 13805007441926 jedzie", "DPD"),
        ("Your parcel 16390044817265 is with DPD", "DPD"),
        ("Doručuje DPD, číslo zásilky 16390044817265", "DPD"),
    ],
)
def test_dpd_is_that_of_a_country_when_number_and_words_say_so(text: str, carrier: str) -> None:
    ((found, _),) = parcels_in(text)

    assert found == carrier


@pytest.mark.parametrize(
    ("url", "carrier"),
    [
        ("https://www.dpd.com/cz/cs/mydpd/?parcel=13805007441926", "DPD_CZ"),
        ("https://www.dpd.com/sk/sk/sledovanie/", "DPD_SK"),
        ("https://www.dpd.hu/csomagkovetes", "DPD_HU"),
        (
            "https://www.dpdgroup.com/hu/mydpd/my-parcels/search?parcelNumber=13805007441926",
            "DPD_HU",
        ),
        ("https://tracktrace.dpd.com.pl/parcelDetails?typ=1&p1=13805007441926", "DPD"),
        ("https://tracking.dpd.de/status/de_DE/parcel/13805007441926", "DPD"),
    ],
)
def test_dpd_is_that_of_the_country_whose_page_is_linked(url: str, carrier: str) -> None:
    assert parcels_in("DPD parcel 13805007441926", url) == [(carrier, "13805007441926")]


RETURNS = [
    "Numer przesyłki zwrotnej InPost: 638045236705746863150614",
    "Etykieta zwrotna DPD, nr 13021234567890, w załączniku.",
    "Do zwrotu proszę użyć paczki GLS. Numer zwrotu 41207733915",
    "Retourenlabel DHL: Sendungsnummer 00340434161094042557",
    "Rücksendenummer (GLS): 41207733915",
    "Your return label: UPS 1Z999AA10123456784",
    "Return tracking number: GLS 41207733915",
    "Číslo vratné zásilky PPL: 40957718203",
    "Vratný štítok GLS, číslo zásielky 41207733915",
    "Visszaküldési csomagszám (GLS): 41207733915",
    "Зворотна ТТН Нової пошти: 20451584803469",
]


@pytest.mark.parametrize("text", RETURNS)
def test_what_comes_back_is_not_the_buyer_s_parcel(text: str) -> None:
    assert parcels_in(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Paczka DPD 13021234567890 wraca do nadawcy, proszę o kontakt.",
        "Zwrot możliwy w 14 dni. Paczka DPD: 13021234567890",
        "Retouren sind 14 Tage möglich.\nDPD Paketnummer 13021234567890",
        "Formularz zwrotu znajdziesz w paczce. Nr przesyłki DPD 13021234567890.",
        "Záruka vrácení peněz 30 dní. Zásilka DPD 13021234567890 je na cestě.",
    ],
)
def test_words_on_returns_do_not_hide_the_buyer_s_parcel(text: str) -> None:
    assert parcels_in(text) == [("DPD", "13021234567890")]


NOT_PARCELS = [
    "Mit GLS unterwegs. Kundennummer 41207733915",
    "Jedzie GLS. Nr klienta: 41207733915",
    "Kurier GLS jest w drodze (48601234567).",
    "Kurýr PPL vyrazil, volejte 420777123456.",
    "A GLS futár elindult: 36301234567",
    "GLS je na cestě. Zakázka č. 41207733915",
    "Wysłane GLS. Umowa nr 41207733915",
    "GLS-szel indult. Cikkszám: 41207733915",
    "GLS поїхала. Артикул 41207733915",
    "Ihr Paket ist mit GLS unterwegs, Transaktions-Nr. 41207733915",
    "Wysłaliśmy GLS. Plik FV.41207733915.pdf w załączniku.",
    "Parcel 1234567890: we do our best.",
    "Kod pocztowy 00-950, EAN 5901234123457, paczka wysłana.",
    "GLS wysłane #41207733915",
    "Nadano GLS. Nr seryjny 41207733915",
]


@pytest.mark.parametrize("text", NOT_PARCELS)
def test_a_sent_parcel_makes_no_parcel_of_another_number(text: str) -> None:
    assert parcels_in(text) == []


def test_the_subject_and_the_sender_name_carrier_and_number() -> None:
    assert parcels_in("Dzień dobry, paczka jest w drodze.", subject="GLS 41207733915") == [
        ("GLS", "41207733915")
    ]
    assert parcels_in("Číslo zásilky: 40957718203", subject="PPL: vaše zásilka") == [
        ("PPL", "40957718203")
    ]
    assert parcels_in("Csomagszám: 41207733915", sender=("GLS Hungary", "no-reply@x.example")) == [
        ("GLS", "41207733915")
    ]


def test_an_allegro_one_number_is_one_without_a_link() -> None:
    assert parcels_in("Allegro One Box, przesyłka A83QK2M0ZT") == [("ALLEGRO", "A83QK2M0ZT")]
    assert parcels_in("Twoja paczka: ADAPTERY12, Allegro One") == []

"""A parcel's number is believed by what stands around it, never by its digits alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awizo.model import Link, ParsedMessage, Waybill
from awizo.triage.carriers import (
    compile_carriers,
    fedex12_is_right,
    gs1_is_right,
    mod7_is_right,
    mod37_is_right,
    s10_is_right,
    ups_is_right,
)
from awizo.triage.references import find_references
from support.books import CARRIERS, HOSTS, RuleError

Found = list[tuple[str, str]]
Links = Sequence[tuple[str, str]]


def waybills_of(text: str, expected: Found, *, links: Links = ()) -> tuple[str, Found, Links]:
    return text, expected, links


CASES = [
    waybills_of(
        "Przesyłka InPost 6380 4523 6705 7468 6315 0614 jest w drodze.",
        [("INPOST", "638045236705746863150614")],
    ),
    waybills_of(
        "Numer przesyłki: 638045236705746863150614", [("INPOST", "638045236705746863150614")]
    ),
    waybills_of(
        "Zadzwoń: +48 601 234 567 lub 22 123 45 67. Kurier DPD dostarczy paczkę jutro.", []
    ),
    waybills_of(
        "Paczka DPD nr 0000797406976U. Tel. 601234567, NIP 6793112850, konto 12 1140 2004 0000 "
        "3102 1234 5678",
        [("DPD", "0000797406976U")],
    ),
    waybills_of("Zabawki już z kurierem Allegro One (ADBDF601VSG).", [("ALLEGRO", "ADBDF601VSG")]),
    waybills_of(
        "Twoja paczka 640628229957348150363382 czeka w Paczkomacie.",  # as a bank account's
        [("INPOST", "640628229957348150363382")],
    ),
    waybills_of(
        "Nowy czajnik wysłałam dziś, nr 672845116424792751249259.",
        [("INPOST", "672845116424792751249259")],
    ),
    waybills_of("Shipment # 100018845 for Order # 100031120. Packeta.", []),
    waybills_of("Paczka DPD nr 0000797406976U do zamówienia nr 4432.", [("DPD", "0000797406976U")]),
    waybills_of("Przesyłka GLS 90821546257 do zamówienia #4432", [("GLS", "90821546257")]),
    waybills_of("Kábel\t4015568279917\tSPS 08495029554276", [("OTHER:SPS", "08495029554276")]),
    waybills_of("Nr konta: 61109010140000071219812874. Prosimy o wpłatę, wyślemy InPost.", []),
    waybills_of(
        "Zásilku Packeta Z 535 760 7776 jsme předali dopravci.", [("PACKETA", "Z5357607776")]
    ),
    waybills_of(
        "Vaši zásilku č. 50123456789 převezme PPL. Sledujte ji na webu PPL.",
        [("OTHER:PPL", "50123456789")],
    ),
    waybills_of(
        "Zásielka bola odoslaná kuriérom GLS, číslo zásielky 56933335891.", [("GLS", "56933335891")]
    ),
    waybills_of(
        "A csomagot átadtuk az MPL futárnak, csomagszám: PNTM0123456789012345678901.",
        [("OTHER:Magyar Posta", "PNTM0123456789012345678901")],
    ),
    waybills_of(
        "Csomagját a Foxpost szállítja, azonosító: CLFOX16384759201.",
        [("OTHER:FOXPOST", "CLFOX16384759201")],
    ),
    waybills_of(
        "Ihre Sendung wurde mit DHL verschickt. Sendungsnummer: 00340434161094042557",
        [("DHL", "00340434161094042557")],
    ),
    waybills_of("Ihr Paket ist unterwegs (DHL, 28529647867).", [("DHL", "28529647867")]),
    waybills_of(
        "Вашу посилку відправлено Новою Поштою, ТТН 59001234567890.",
        [("OTHER:Nova Poshta", "59001234567890")],
    ),
    waybills_of(
        "Замовлення відправлено Укрпоштою, номер відстеження 0503712345678.",
        [("OTHER:Ukrposhta", "0503712345678")],
    ),
    waybills_of(
        "Your parcel has been shipped with UPS. Tracking number: 1Z999AA10123456784",
        [("UPS", "1Z999AA10123456784")],
    ),
    waybills_of("Your parcel: FedEx 794612345678.", [("FEDEX", "794612345678")]),
    waybills_of("List przewozowy Pocztex: PX1234567890", [("POCZTA_POLSKA", "PX1234567890")]),
    waybills_of(
        "Przesyłka polecona RR123456785PL nadana w Poczcie Polskiej",
        [("POCZTA_POLSKA", "RR123456785PL")],
    ),
    waybills_of(
        "Nadaliśmy paczkę Pocztą Polską, numer nadania 00259007731234567895.",
        [("POCZTA_POLSKA", "00259007731234567895")],
    ),
    waybills_of(
        "Numer nadania: (00) 3 5900773 1234 5678 95 – Poczta Polska",
        [("POCZTA_POLSKA", "00359007731234567895")],
    ),
    waybills_of(
        "Paczka Allegro One: AD01N49TF6, odbierz ją w automacie.", [("ALLEGRO", "AD01N49TF6")]
    ),
    waybills_of("Allegro One Kurier, numer przesyłki A0012345C7", [("ALLEGRO", "A0012345C7")]),
    waybills_of("Wysłano. EAN: 5901234123457. Kurier DPD.", []),
    waybills_of("Wysłaliśmy produkt 5901234123457 (lampa). Kurier: DPD", []),
    waybills_of("Zamówienie nr 10000012345 wysłane kurierem DHL.", []),
    waybills_of(
        "Kod odbioru 123456. Paczka 638045236705746863150614 czeka w Paczkomacie WAW123M.",
        [("INPOST", "638045236705746863150614")],
    ),
    waybills_of(
        "Dwie paczki: 0000797406976U, 0000797406977U kurier DPD.",
        [("DPD", "0000797406976U"), ("DPD", "0000797406977U")],
    ),
    waybills_of(
        "Dwie paczki GLS: 56933335891 56933335892.",
        [("GLS", "56933335891"), ("GLS", "56933335892")],
    ),
    waybills_of(
        "Śledź przesyłkę",
        [("DPD", "0000797406976U")],
        links=[
            (
                "https://tracktrace.dpd.com.pl/parcelDetails?typ=1&p1=0000797406976U",
                "Śledź przesyłkę",
            )
        ],
    ),
    waybills_of(
        "Śledź przesyłkę",
        [("GLS", "56933335891")],
        links=[
            ("https://gls-group.com/PL/pl/sledzenie-paczek?match=56933335891", "Śledź przesyłkę")
        ],
    ),
    waybills_of(
        "Track",
        [("DHL", "28529647867")],
        links=[("https://www.dhl.com/pl-pl/home/tracking.html?tracking-id=28529647867", "Track")],
    ),
    waybills_of(
        "Track",
        [("INPOST", "638045236705746863150614")],
        links=[
            (
                "https://click.mail.pl/?u=https%3A%2F%2Finpost.pl%2Fsledzenie-przesylek%3Fnumber%3D638045236705746863150614",
                "Track",
            )
        ],
    ),
    waybills_of(
        "Track",
        [("ALLEGRO", "AD01N49TF6")],
        links=[("https://allegro.pl/allegrodelivery/sledzenie-paczki?numer=AD01N49TF6", "Track")],
    ),
    waybills_of(
        "Track",
        [("ORLEN", "1009399328729")],
        links=[("https://orlenpaczka.pl/sledz-paczke/?numer=1009399328729", "Track")],
    ),
    waybills_of(
        "Wysyłka GLS",
        [("GLS", "56933335891")],
        links=[("https://t.17track.net/en#nums=56933335891", "Track")],
    ),
    waybills_of(
        "Twoja paczka",
        [("POCZTA_POLSKA", "00259007731234567895")],
        links=[("https://emonitoring.poczta-polska.pl/?numer=00259007731234567895", "x")],
    ),
    waybills_of(
        "Sledování",
        [("PACKETA", "Z5357607776")],
        links=[("https://tracking.packeta.com/cs/?id=Z5357607776", "x")],
    ),
    waybills_of(
        "Sledování",
        [("PACKETA", "Z5357607776")],
        links=[("https://tracking.packeta.com/cs/Z5357607776", "x")],
    ),
    waybills_of(
        "Nova",
        [("OTHER:Nova Poshta", "59001234567890")],
        links=[("https://novaposhta.ua/tracking/?cargo_number=59001234567890", "x")],
    ),
    waybills_of(
        "UPS",
        [("UPS", "1Z999AA10123456784")],
        links=[("https://www.ups.com/track?loc=pl_PL&tracknum=1Z999AA10123456784", "x")],
    ),
    waybills_of(
        "DPD: 16380138361880 – csomagját feladtuk a DPD futárszolgálattal.",
        [("DPD_HU", "16380138361880")],
    ),
    waybills_of(
        "Dostawa: ORLEN Paczka\nPaczka 1009399328729 jest w drodze", [("ORLEN", "1009399328729")]
    ),
    waybills_of(
        "Twoja paczka nr 1009399328729 jest w drodze. Kurier Orlen Paczka",
        [("ORLEN", "1009399328729")],
    ),
    waybills_of(
        "Przesyłka kurierska GLS o numerze 31001909076 dotrze dziś, telefon kuriera 600700800",
        [("GLS", "31001909076")],
    ),
    waybills_of("Bankverbindung: DE89 3704 0044 0532 0130 00. Versand: DHL", []),
    waybills_of("Bankszámlaszám: 11773016-11111018-00000000, szállítás: GLS", []),
    waybills_of("IBAN CZ65 0800 0000 1920 0014 5399, zásilka Packeta odejde po zaplacení", []),
    waybills_of(
        "Paczka waży 12 kg, wartość 1 234 567,00 zł, data 2026-11-20 12:30. Kurier DPD.", []
    ),
    waybills_of(
        "Zamówienie 23456789 zostało nadane. Przewoźnik: InPost\nNumer listu: "
        "520107013470000019123456",
        [("INPOST", "520107013470000019123456")],
    ),
    waybills_of(
        "Zboží jsme odeslali Českou poštou, podací číslo DR1234567890M.",
        [("OTHER:Česká pošta", "DR1234567890M")],
    ),
    waybills_of(
        "Zboží odesláno přes Balíkovnu, číslo zásilky NB1234567890M",
        [("OTHER:Česká pošta", "NB1234567890M")],
    ),
    waybills_of(
        "Tovar sme odoslali cez SPS, číslo zásielky 12345678901.", [("OTHER:SPS", "12345678901")]
    ),
    waybills_of(
        "Zásielku doručí Slovenská pošta, podacie číslo ZB12345678901",
        [("OTHER:Slovenská pošta", "ZB12345678901")],
    ),
    waybills_of("Express One futár, csomagszám: 1234567890123", [("EXPRESS_ONE", "1234567890123")]),
    waybills_of(
        "Die Sendung wurde an Hermes übergeben, Sendungsnummer H1234567890123456789",
        [("OTHER:Hermes", "H1234567890123456789")],
    ),
    waybills_of(
        "Paleta nadana przez Raben, nr przesyłki 123456789012", [("OTHER:Raben", "123456789012")]
    ),
    waybills_of("Meest: CV123456789PL przesyłka w drodze", [("MEEST", "CV123456789PL")]),
    waybills_of("Śledzenie: DPD – 0000 0002 2640 0U", [("DPD", "0000000226400U")]),
    waybills_of("Regon 123456785, KRS 0000123456, BDO 000123456. Wysyłamy DHL i GLS.", []),
    waybills_of("Faktura 2026000123 wysłana. Packeta", []),
    waybills_of("Kod Paczkomatu WAW01A, PIN: 12345678, tel. 500 600 700, InPost", []),
    waybills_of("Przesyłka nr 28529647867", []),
    waybills_of("Numer telefonu kuriera DHL: 48601234567. Paczka dziś.", []),
    waybills_of(
        "Nr zam.: 100200300400, nr listu przewozowego DPD 1000713716065U",
        [("DPD", "1000713716065U")],
    ),
    waybills_of("Tracking: 1000713716065U", [("DPD", "1000713716065U")]),
    waybills_of("numer przesyłki UPS 1Z 999 AA1 01 2345 6784", [("UPS", "1Z999AA10123456784")]),
    waybills_of("Przewoźnik\nDPD\nNumer przesyłki\n0000797406976U", [("DPD", "0000797406976U")]),
    waybills_of("Kurier: FedEx\nNr listu: 6200 1234 5678", [("FEDEX", "620012345678")]),
    waybills_of("Your order 1009399328729 was shipped by DPD.", []),
    waybills_of(
        "Dostawa: DPD Kurier. Numer przesyłki: 638045236705746863150614",
        [("INPOST", "638045236705746863150614")],
    ),
    waybills_of("Paczka 13012345678901 - DPD", [("DPD", "13012345678901")]),
    waybills_of("Doprava: DPD\nČíslo zásilky: 13012345678901", [("DPD", "13012345678901")]),
    waybills_of("GLS csomagszám: 00560012345", [("GLS", "00560012345")]),
    waybills_of("Paketnummer 01234567890123 (DPD)", [("DPD", "01234567890123")]),
    waybills_of(
        "Wysłane przez DB Schenker, list przewozowy PLWAW123456789",
        [("DB_SCHENKER", "PLWAW123456789")],
    ),
]


def found_in(text: str, links: Links = ()) -> tuple[Waybill, ...]:
    mail = ParsedMessage(
        text=text, new_text=text, links=tuple(Link(url, label) for url, label in links)
    )
    return find_references(mail, (), HOSTS, CARRIERS).waybills


@pytest.mark.parametrize(("text", "expected", "links"), CASES, ids=[case[0][:50] for case in CASES])
def test_waybills_are_found_with_their_carrier(text: str, expected: Found, links: Links) -> None:
    found = [
        (f"OTHER:{one.name}" if one.carrier == "OTHER" else one.carrier, one.number)
        for one in found_in(text, links)
    ]

    assert found == expected


def test_other_carriers_that_fit_are_kept_as_alternatives() -> None:
    (waybill,) = found_in("Przesyłka GLS, numer 56933335891")

    assert waybill.carrier == "GLS"
    assert "DHL" in waybill.alternatives
    assert "GLS" not in waybill.alternatives


def test_check_digits_are_those_of_the_carriers() -> None:
    assert s10_is_right("RR123456785PL")
    assert not s10_is_right("RR123456784PL")
    assert ups_is_right("1Z999AA10123456784")
    assert not ups_is_right("1Z999AA10123456785")
    assert gs1_is_right("00340434161094042557")
    assert mod7_is_right("1234567891") is (123456789 % 7 == 1)
    assert fedex12_is_right("986578788855")


def test_a_wrong_list_of_carriers_is_refused_with_its_words() -> None:
    with pytest.raises(RuleError, match=r"Blitz.*\(unclosed"):
        compile_carriers(
            '[[carrier]]\nid = "X"\nname = "Blitz"\nnumbers = [{ pattern = "(unclosed" }]'
        )
    with pytest.raises(RuleError, match="colour"):
        compile_carriers('[[carrier]]\nid = "X"\nname = "Blitz"\ncolour = "red"')


@given(st.text(alphabet="0123456789 ABDZ-./:()+\npaczkanrDPD", max_size=300))
def test_any_digits_give_numbers_without_separators(text: str) -> None:
    for waybill in found_in(text):
        assert waybill.number == waybill.number.upper()
        assert " " not in waybill.number
        assert 8 <= len(waybill.number) <= 40


@pytest.mark.parametrize(
    ("name", "address", "carrier"),
    [
        ("GLS értesítő", "ertesites@csomag-info.example", "GLS"),
        ("Powiadomienia", "powiadomienia@gls-poland.com", "GLS"),
        ("Sklep", "sklep@example.com", None),
    ],
)
def test_a_carrier_tells_of_its_own_parcels(name: str, address: str, carrier: str | None) -> None:
    mail = ParsedMessage(new_text="Csomagszám: 39577572584.", from_name=name, from_address=address)

    found = find_references(mail, (), HOSTS, CARRIERS).waybills

    assert [one.carrier for one in found] == ([carrier] if carrier else [])


@pytest.mark.parametrize(
    ("text", "name", "number"),
    [
        ("Evri courier: Parcel H01AAA0022334455 will be tried again.", "Evri", "H01AAA0022334455"),
        ("Venipak parcel number V12345E1234567", "Venipak", "V12345E1234567"),
        ("Sent using Omniva, tracking code CC123456785EE.", "Omniva", "CC123456785EE"),
        ("PostNL, tracking 3SABCD12345678", "PostNL", "3SABCD12345678"),
        ("USPS, tracking number: 9400 1000 0000 0000 0000 00.", "USPS", "9400100000000000000000"),
        ("Przesyłka Geodis nr 123456789012", "Geodis", "123456789012"),
        ("Dachser, Sendungsnummer 1234567890", "Dachser", "1234567890"),
        ("Einschreiben, Sendungsnummer RR123456785AT", "Österreichische Post", "RR123456785AT"),
        ("A csomag ma elindult az MPL-lel (PNABCD0123456789).", "Magyar Posta", "PNABCD0123456789"),
        ("НП 20450812345678, посилка вже їде.", "Nova Poshta", "20450812345678"),
        ("ТТН: 20 4508 1234 5678", "Nova Poshta", "20450812345678"),
    ],
)
def test_a_carrier_without_an_id_of_its_own_is_named(text: str, name: str, number: str) -> None:
    found = found_in(text)

    assert [(w.carrier, w.name, w.number) for w in found] == [("OTHER", name, number)]


def test_a_number_with_its_check_letter_is_dpd_s_though_nobody_says_so() -> None:
    (found,) = found_in("Ihr Paket 09980525414724T wartet.")

    assert found.number == "09980525414724T"
    assert found.carrier.startswith("DPD")
    assert found_in("Ihr Paket 09980525414724A wartet.") == ()


@pytest.mark.parametrize(
    "text",
    [
        "Paczka GLS jedzie. Numer partii towaru: 90821546257",
        "Balík veze PPL. EAN komody: 59004486148",
        "Kuriér SPS, S/N monitora: 599138051832",
        "A GLS futár hozza a csomagot, hívható: 0629886700",
        "Meest везе посилку, дзвоніть 0507712034",
    ],
)
def test_batches_articles_and_phones_are_no_parcels(text: str) -> None:
    assert found_in(text) == ()


def test_a_key_of_a_tracking_page_is_no_number() -> None:
    url = "https://www.dpd.sk/p/6343FC10AC0B4EF4B4937BC2D83D5046"

    assert found_in("Balík sme doručili", links=[(url, "Sledovať")]) == ()


def test_the_sign_of_iso_7064_37_36_is_told() -> None:
    assert mod37_is_right("A12425GABC1234002M")
    assert mod37_is_right("09980525414724T")
    assert not mod37_is_right("09980525414724U")

"""A tracking page's address holds the parcel's number, and much that is none."""

from __future__ import annotations

import pytest

from awizo.model import Link, ParsedMessage
from awizo.triage.references import find_references
from support.books import CARRIERS, HOSTS


def parcels_behind(url: str, text: str = "Tracking") -> list[tuple[str, str]]:
    mail = ParsedMessage(text=text, new_text=text, links=(Link(url, ""),))
    return [
        (one.name or one.carrier, one.number)
        for one in find_references(mail, (), HOSTS, CARRIERS).waybills
    ]


PAGES = [
    ("inpost.pl/sledzenie-przesylek?number={}", "INPOST", "638045236705746863150614"),
    (
        "inpost.pl/znajdz-przesylke?number={}&utm_campaign=20261114",
        "INPOST",
        "638045236705746863150614",
    ),
    ("tracktrace.dpd.com.pl/findParcel?parcelNr={}", "DPD", "0000797406976U"),
    ("tracking.dpd.de/parcelstatus?query={}&locale=de_DE", "DPD", "01505715480503"),
    ("tracking.dpd.de/status/cs_CZ/parcel/{}", "DPD_CZ", "13502447364520"),
    ("www.dpdgroup.com/sk/mydpd/my-parcels/incoming?parcelNumber={}", "DPD_SK", "13651296026869"),
    ("gls-group.eu/CZ/cs/sledovani-zasilek?match={}&postalCode=60200", "GLS", "90821546257"),
    ("gls-group.com/HU/hu/csomagkovetes/?match={}", "GLS", "90821546257"),
    ("online.gls-hungary.com/tt_page.php?tt_value={}", "GLS", "90821546257"),
    ("online.gls-slovakia.sk/tt_page.php?tt_value={}", "GLS", "90821546257"),
    ("gls-group.eu/track/{}", "GLS", "ZX12AB34"),
    ("www.ppl.cz/vyhledat-zasilku?shipmentId={}", "PPL", "40957718203"),
    ("www.ppl.cz/main2.aspx?cls=Package&idSearch={}", "PPL", "40957718203"),
    (
        "www.postaonline.cz/trackandtrace/-/zasilka/cislo?parcelNumbers={}",
        "Česká pošta",
        "DR1834407126C",
    ),
    ("tandt.posta.sk/zasielky/{}", "Slovenská pošta", "ZB961705618SK"),
    (
        "t-t.sps-sro.sk/result.php/?cmd=SDG_SEARCH&sprache=SK&sdg_landnr=703&sdg_mandnr=041&sdg_lfdnr=30118264",
        "SPS",
        "70304130118264",
    ),
    (
        "www.posta.hu/nyomkovetes/nyitooldal?searchvalue={}",
        "Magyar Posta",
        "PNTM3502118840067214990326",
    ),
    ("foxpost.hu/csomagkovetes/?code={}", "FOXPOST", "CLFOX170988412630"),
    ("tracking.expressone.hu/?plc_number={}", "EXPRESS_ONE", "20261274369184"),
    ("tracking.packeta.com/cs/?id={}", "PACKETA", "Z5357607776"),
    ("www.zasilkovna.cz/vyhledavani/{}", "PACKETA", "Z5357607776"),
    ("novaposhta.ua/tracking/?cargo_number={}", "Nova Poshta", "20451584803469"),
    ("novaposhta.ua/tracking/{}", "Nova Poshta", "20451584803469"),
    ("track.ukrposhta.ua/tracking_UA.html?barcode={}", "Ukrposhta", "0504640401203"),
    (
        "www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?lang=de&idc={}",
        "DHL",
        "00340434161094042557",
    ),
    (
        "nolp.dhl.de/nextt-online-public/set_identcodes.do?lang=de&idc={}",
        "DHL",
        "00340434161094042557",
    ),
    (
        "www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation/#{}",
        "Hermes",
        "H1001234567890123456",
    ),
    ("www.ups.com/track?loc=pl_PL&tracknum={}&requester=ST/", "UPS", "1Z999AA10123456784"),
    ("www.fedex.com/fedextrack/?trknbr={}", "FEDEX", "794612345678"),
    ("allegro.pl/kampania/one/kurier/sledzenie-paczki?numer={}", "ALLEGRO", "A83QK2M0ZT"),
    ("allegro.pl/allegrodelivery/sledzenie-paczki?numer={}", "ALLEGRO", "AD04K7PLM2WQ"),
    ("emonitoring.poczta-polska.pl/?numer={}", "POCZTA_POLSKA", "00159007739546035587"),
    ("www.orlenpaczka.pl/sledz-paczke/?numer={}", "ORLEN", "1009399328729"),
    ("myraben.com/link/TrackTrace/{}", "Raben", "RPL20261120884512"),
    ("trace.wedo.cz/?orderNumber={}", "WEDO", "12345678901"),
    ("furgonetka.pl/zlokalizuj/{}", "INPOST", "638045236705746863150614"),
    ("t.17track.net/pl#nums={}", "INPOST", "638045236705746863150614"),
]


@pytest.mark.parametrize(("page", "carrier", "number"), PAGES)
def test_the_number_behind_a_tracking_page_is_found(page: str, carrier: str, number: str) -> None:
    assert parcels_behind("https://" + page.format(number)) == [(carrier, number)]


def test_a_link_may_show_several_parcels() -> None:
    both = [("GLS", "41207733915"), ("GLS", "41207733922")]

    assert parcels_behind("https://gls-group.com/x/track?match=41207733915,41207733922") == both
    assert parcels_behind("https://gls-group.com/x/track?match=41207733915%2C41207733922") == both
    assert parcels_behind(
        "https://tracktrace.dpd.com.pl/p?typ=1&p1=0000797406976U&p2=0000797406977U"
    ) == [("DPD", "0000797406976U"), ("DPD", "0000797406977U")]


@pytest.mark.parametrize(
    "url",
    [
        "https://inpost.pl/regulamin-20261101",
        "https://www.gls-group.eu/track?phone=48601234567",
        "https://inpost.pl/sledzenie-przesylek?token=6380452367",
        "https://www.ppl.cz/kontakt?customerId=40957718203",
        "https://www.dpd.sk/p/6343FC10AC0B4EF4B4937BC2D83D5046",
        "https://sklep.example/track?order=41207733915",
        "https://www.packeta.com/blog/2026-11-20-novinky",
    ],
)
def test_what_else_an_address_holds_is_no_parcel(url: str) -> None:
    assert parcels_behind(url) == []


def test_the_shop_s_order_before_the_number_is_left_out() -> None:
    url = "https://gls-group.eu/PL/pl/sledzenie?order=10000012345&match=41207733915"

    assert parcels_behind(url) == [("GLS", "41207733915")]

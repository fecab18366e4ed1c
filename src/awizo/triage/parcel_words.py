"""Words that say whether a number is a parcel's: labels before it, phones, accounts, goods.

In:  clean text and its plain form of the same length, the place of a number in it.
Out: whether the words call it a parcel's, come near to that, or call it something else.

Pure. Digits that their own words call a phone, an account, an order, a price or a code are never
a parcel's, nor is the number of the parcel that the buyer may send back.
"""

from __future__ import annotations

import re

import re2

from awizo.triage.parcel_numbers import Printed
from awizo.triage.tax_ids import (
    gs1_check_digit,
    is_hungarian_account,
    is_iban,
    is_polish_account,
)

GTIN_DIGITS = 13
AROUND_BEFORE, AROUND_AFTER = 90, 40  # characters in which a word for a parcel is near

PARCEL_LABEL = re2.compile(
    r"(?:(?:list(?:u|em|y)? przewozow[a-z]{1,3}|numer[a-z]{0,2} (?:przesylki|paczki|nadania|"
    r"sledzenia|"
    r"listu|trackingow[a-z]{1,4})|nr (?:przesylki|paczki|nadania|sledzenia|listu)|"
    r"przesylk[a-z]{1,2}|"
    r"paczk[a-z]{1,3}|paczek|tracking[a-z]{0,2}|waybill|consignment|parcel|shipment|package|track|"
    r"awb|zasilk[a-z]{1,3}|zasielk[a-z]{1,3}|zasielok|balik[a-z]{0,2}|balic[a-z]{0,4}|podaci cislo|"
    r"podacie cislo|podacim cislem|sledovac[a-z]{1,2} cislo|cislo (?:zasilky|zasielky|baliku|"
    r"balika)|"
    r"csomag[a-z]{0,10}|kuldemeny[a-z]{0,10}|fuvarlevel[a-z]{0,6}|nyomkoveto[a-z]{0,6}|"
    r"nyomkovetes[a-z]{0,4}|ragszam[a-z]{0,4}|sendung[a-z]{0,12}|sendungs[a-z]{0,12}|"
    r"paket[a-z]{0,10}|einlieferungsnummer|вантаж[а-яі]{0,2}|"
    r"trackingnummer|frachtbrief[a-z]{0,8}|verfolgungsnummer|ттн|накладн[а-яії]{1,3}|"
    r"посилк[а-яії]{1,3}|відстеженн[а-яії]{1,2}|відправленн[а-яії]{1,2}|трек[а-я-]{0,8}|"
    r"експрес-накладн[а-яії]{1,3}|"
    r"kovetesi (?:szam|kod|azonosito)[a-z]{0,4}|koveto(?:szam|kod)[a-z]{0,4}|"
    r"szallitolevel[a-z]{0,6}|trasovaci[a-z]{0,2} (?:cislo|kod)|sledovac[a-z]{1,2} kod|"
    r"(?:kod|numer|nr) (?:do )?(?:sledzenia|monitoringu|trackingu)|(?:numer|nr) nadawcz[a-z]{1,3}|"
    r"versandnummer|frachtnummer|identcode|номер ен|ен(?: №)|"
    r"przewozow[a-z]{1,2}))"
    r"(?: (?:nr|numer|numerze|numerem|no|number|c|cislo|cislem|nummer|szama|szam|"
    r"azonosito[a-z]{0,2}|kod|"
    r"code|номер|номером|to|is|ist|je|jest|a|o|s|mit|der|pod|kurierska|kurierem|kurierskiej|id)\b"
    r"| ?[№#]| (?:номер|номером|№|за|з))*"
)
# "I sent the new kettle today, no. …"
SENT_WORD = re2.compile(
    r"(?:^|[^a-zа-яіїєґ])(?:wysl|nada(?:l|n)|dosl|odesl|odosl|poslal|feladt|elkuldt|verschickt|"
    r"versandt|versendet|abgeschickt|sent|posted|shipped|dispatched|відправ|надісла|"
    r"przekazal|pojechal|wyruszyl|ruszyl|wyszl|poszl|w drodze|predal|predan|odovzda|expedov|"
    r"vypravi|vyrazil|odjel|odisiel|odisla|odesel|odesla|na ceste|putuje|indult|elindult|"
    r"elment|ment el|utnak|uton|atadt|szallit|unterwegs|auf dem weg|auf den weg|ubergeben|"
    r"uebergeben|on its way|on the way|handed over|went out|gone out|left (?:our|us|the)|"
    r"in transit|поїха|їде|вируши|переда|пішл|прямує|здал)"
)
# "Your parcels: box 1 – …, box 2 – …"
BOX = (
    r"(?:doboz\w{0,4}|karton\w{0,4}|krabic\w{0,3}|pudelk\w{1,2}|pudl\w{1,2}|box(?:es)?|colli|kolli|"
    r"kiste\w?|packstuck\w?|packchen|paczk\w{1,2}|paket\w{0,2}|package|parcel|balik\w{0,2}|kus|"
    r"csomag\w{0,3}|part|cast|czesc|teil|коробк\w|посилк\w|місце)"
)
BOXED = re.compile(
    rf"(?<!\w){BOX}(?: ?(?:nr|no|c|n)\.?)?(?: ?#?\d{{1,2}})?(?: ?/ ?\d{{1,2}})?[ .:()-]{{1,4}}$"
)
# "… went with DPD, the number is 163…": a word for a number leads up to it.
NUMBER_WORD = re.compile(
    r"(?<![a-zа-яіїєґ])(?:nr|numer[a-z]{0,3}|no|number|c|cislo|cislem|cislom|cisla|szam[a-z]{0,5}|"
    r"nummer|номер[а-яі]{0,3}|kod[a-z]{0,4}|code|azonosito[a-z]{0,3}|id|nrem)"
    r"(?:[.:]? [a-zа-яіїєґ]{1,8}){0,3}[ .:;()«»\"'„#№\n-]{0,5}$"
)
# What comes back to the seller goes in a parcel of its own.
RETURNED = re.compile(
    r"(?:zwrotn\w{1,3}|etykiet\w{1,2} (?:do )?zwrotu|(?:numer|nr|kod) zwrotu|retouren?\w*|"
    r"ruck(?:sende|sendung|gabe|versand)\w*|return (?:label|parcel|shipment|tracking|code|number|"
    r"waybill)|vratn\w{1,3}|zpetn\w{1,3}|(?:k|na|pro) vraceni|spiatocn\w{1,3}|(?:na|k) vrateni\w|"
    r"visszaru\w*|visszakuld\w*|зворотн\w{1,3}|поверненн\w)"
    r"(?:[ ,:(-]{1,3}[a-zа-яіїєґ]{1,14}[.)]?){0,4}[ .:;#№()\n-]{0,5}$"
)

NEAR_LABEL = 22  # the same where other words call it something else
LABEL_REACH = 48  # characters before a number in which its label stands
# Between the label and the number: carrier's name, brackets, "nr".
TO_NUMBER = re.compile(
    r"[ .:;,()\[\]\"'«»„#№*|>=\-\n]{0,6}(?:[a-z0-9а-яіїєґ|]{1,14}[ .:()\-]{1,3}){0,3}$"
)

FOREIGN = re2.compile(
    r"(?:^|[^a-z0-9а-яіїєґ])(?:tel(?:efon[a-z]{0,3})?|phone|mobil[a-z]{0,3}|kom(?:orka|orkowy)?|gsm|fax|faks|"
    r"infolini[a-z]|"
    r"hotline|call|zadzwon[a-z]{0,2}|dzwon[a-z]{0,3}|тел(?:ефон[а-яі]{0,2})?|telefonszam[a-z]{0,3}|"
    r"nip|regon|krs|bdo|pesel|dic|ic dph|ico|ic|ust-?idn?r?|vat(?: id| no| reg)?|adoszam[a-z]{0,2}|"
    r"cegjegyzekszam|hrb|eori|єдрпоу|іпн|steuernummer|st-?nr|"
    r"kont[oa]|rachun[a-z]{2,4}|bank[a-z]{0,8}|iban|nrb|swift|bic|ucet|uctu|ucte|"
    r"bankszamla[a-z]{0,6}|"
    r"szamlaszam[a-z]{0,2}|рахун[а-яі]{2,4}|variabiln[a-z] symbol|vs|specificky symbol|"
    r"ean|gtin|isbn|sku|kod produktu|indeks|symbol|artikel[a-z-]{0,8}|katalog[a-z]{0,6}|model|"
    r"s/n|sn|serial|imei|numer seryjny|"
    r"zamowieni[a-z]{1,3}|zam|order|objednav[a-z]{1,3}|rendeles[a-z]{0,8}|bestell[a-z]{0,8}|"
    r"auftrag[a-z]{0,8}|"
    r"замовленн[а-яіїє]{1,2}|заказ[а-я]{0,2}|transakcj[a-z]|platnosc[a-z]|payment|"
    r"faktur[a-z]{0,4}|invoice|rechnung[a-z]{0,8}|szamla|doklad[a-z]{0,2}|paragon[a-z]{0,2}|"
    r"фактур[а-яі]{1,3}|korekt[a-z]{0,3}|proform[a-z]|"
    r"kod(?:em|u)?(?: (?:odbioru|pin|rabatowy|aktywacyjny|otwarcia|do odbioru|pocztowy|"
    r"kreskowy))?|pin|"
    r"haslo|password|code|heslo|jelszo|atveteli kod|kod pro vyzvednuti|abholcode|код(?: "
    r"отримання)?|"
    r"licenc[a-z]{1,6}|klucz|key|voucher|kupon|id klienta|klient[a-z]?|customer|ksef|regulamin|"
    r"reklamacj[a-z]|zgloszeni[a-z]|ticket|sprawy|rma|zwrot[a-z]?|return|allegro id|oferty|aukcji|"
    r"oferta|offer|item|lokal[a-z]{0,3}|"
    r"kunden-?(?:nummer|nr|id)|zakaznick[a-z]{1,2}|zakaznik[a-z]?|ugyfel[a-z]{0,10}|vevokod|"
    r"клієнт[а-яі]{0,2}|zakazk[a-z]|umow[a-z]|smlouv[a-z]|zmluv[a-z]|szerzodes[a-z]{0,4}|"
    r"vertrag[a-z-]{0,9}|договор[а-яі]{0,2}|cikkszam[a-z]{0,2}|termekkod|vonalkod[a-z]{0,2}|"
    r"(?:sorozat|szeria|gyari )szam[a-z]{0,2}|artykul[a-z]{0,2}|artykul|carovy kod|ciarovy kod|"
    r"(?:seriove|vyrobni|vyrobne|katalogove) cislo|cislo produktu|артикул[а-я]{0,2}|штрих-?код|"
    r"(?:serien|teile|material|chargen)-?(?:nummer|nr)|mandat[a-z]{0,10}|transaction|"
    r"tranzakci[a-z]{0,6}|transakci[a-z]{0,2}|transaktion[a-z-]{0,8}|wz|polis[a-z])"
    r"(?: (?:nr|numer|numerze|no|number|c|cislo|nummer|szama|номер|id|kontaktowy|bankowe|bankowego|"
    r"wplat|allegro|klienta|zakupu|przelewu|pod|pod numer|o numerze|ma|to|"
    r"jest))*[ .:;#№(\"'+/\-]{0,5}$"
)
FOREIGN_REACH = 42
# "Where the parcel is you find with the code: …", as Sylius says it.
ITS_CODE = re.compile(
    r"(?:przesylk|paczk)\w,? (?:przy (?:pomocy|uzyciu)|za pomoca|z pomoca|po|uzywajac|wpisujac|"
    r"podajac) kod\w{1,2}[ :]*$"
)
FETCHED = re.compile(r"odbi|odeb")
# "Numer telefonu kuriera DHL: …": whose phone or account it is stands between.
THEIRS = re.compile(
    r"(?<![a-zа-яіїєґ])(?:(?:tel|mob|kom)\.?|telefon[a-z]{0,3}|phone|mobil[a-z]{0,3}|тел(?:ефон[а-яі]{0,3})?|kont[aou]|rachunku|"
    r"rachunek|account|"
    r"ucet|uctu|nip|ean|gtin|isbn|s/n|seryjn[a-z]{1,3}|seriov[a-z]{1,3}|serial(?: number)?|"
    r"seriennummer|gyartasi szam|серійн[а-яі]{1,3}|partii|sarz[a-z]|batch|chargen?(?:nummer|-?nr)|"
    r"партії)(?: [a-zа-яіїєґ]{1,14}){0,3}\.? ?[:=]? ?[(+]?$"
)
UNIT = re.compile(
    r"[ \u00a0]?(?:zl|pln|kc|czk|eur|€|ft|huf|грн|uah|usd|\$|szt|ks|db|pcs|kg|g|cm|mm|m|ml|l|%|"
    r"x)(?![a-z])"
)
# Shop programs count their shipments: "Shipment # 100018845 for Order # 100031120".
COUNTED_BEFORE = re.compile(r"#\s?$")
COUNTED_AFTER = re.compile(
    r" (?:for|of|do|dla|zu|ke?|pre|pro) (?:order|zamow|bestell|objednav)\w* ?#"
)
COUNTED_DIGITS = 10  # at most
PHONE_GROUPS = re.compile(
    r"(?:\+?(?:48|420|421|36|49|380)[ -])?(?:\d{3}[ -]\d{3}[ -]\d{3}|"
    r"\d{2}[ -]\d{3}[ -]\d{2}[ -]\d{2}|"
    r"\d{3}[ -]\d{2}[ -]\d{2}[ -]\d{3}|\d{2}[ -]\d{3}[ -]\d{4}|\d{2}[ -]\d{3}[ -]\d{3})"
)
# Ten digits behind a nought are a phone's in Slovakia, Hungary, Ukraine and Germany.
PHONE_SOLID = re.compile(r"0\d{9}|06(?:20|30|31|50|70)\d{7}")
# A mobile's number with the code of its country.
PHONE_ABROAD = re.compile(
    r"(?:00)?(?:48[4-8]\d{8}|420[67]\d{8}|4219\d{8}|36(?:20|30|31|50|70)\d{7}|491[5-7]\d{8,9}|"
    r"380(?:39|50|6[36-8]|73|9[1-9])\d{7})"
)
DATE_OR_TAX_GROUPS = re.compile(
    r"\d{4}-\d{2}-\d{2}(?: \d{1,2})?|\d{2}-\d{2}-\d{4}|\d{3}-\d{3}-\d{2}-\d{2}|"
    r"\d{3}-\d{2}-\d{2}-\d{3}|"
    r"\d{8}-\d-\d{2}|\d{8}-\d{8}(?:-\d{8})?|\d{2}-\d{3}"
)


def near_parcel(folded: str, start: int, end: int) -> bool:
    """Somewhere around the number a parcel or its sending is spoken of."""
    around = folded[max(0, start - AROUND_BEFORE) : end + AROUND_AFTER]
    return bool(PARCEL_LABEL.search(around) or SENT_WORD.search(around))


def called_number(folded: str, start: int) -> bool:
    """A word for a number or a box leads up to it: "its number: …", "box 2: …"."""
    before = folded[max(0, start - LABEL_REACH) : start]
    return bool(NUMBER_WORD.search(before) or BOXED.search(before))


def called_parcel(folded: str, start: int, *, reach: int = LABEL_REACH) -> bool:
    """A word for a parcel leads up to the number: "nr przesyłki DPD: …"."""
    before = folded[max(0, start - reach) : start]
    last = None
    for match in PARCEL_LABEL.finditer(before):
        last = match
    return last is not None and TO_NUMBER.match(before, last.end()) is not None


def is_foreign(number: Printed, text: str, folded: str, headed: str) -> bool:
    """Its own words or shape say that it is no parcel's number, or not the buyer's parcel's.

    Args:
        headed: What stands at the head of its column, folded.
    """
    start, end = number.start, number.end
    if UNIT.match(folded, end):
        return True
    before = _before(folded, start)
    if THEIRS.search(before) or RETURNED.search(before):
        return True
    if _is_shops_own_count(number.number, folded, start, end):
        return True
    printed = text[start:end]
    if number.grouped and (
        PHONE_GROUPS.fullmatch(printed) or DATE_OR_TAX_GROUPS.fullmatch(printed)
    ):
        return True
    phone = PHONE_SOLID.fullmatch(number.number)
    if phone and "," in folded[max(0, start - 22) : start]:
        return True
    if headed and _heads_foreign(headed):
        return True
    if called_parcel(folded, start, reach=NEAR_LABEL) or (
        ITS_CODE.search(before) and not FETCHED.search(before)
    ):
        return False
    if FOREIGN.search(before):
        return True
    if called_parcel(folded, start):
        return False
    return bool(
        phone
        or PHONE_ABROAD.fullmatch(number.number)
        or text[start - 1 : start] == "#"
        or _is_account(number.number)
        or (_is_article(number.number) and "\t" in text[start - 1 : end + 1])  # a row of goods
    )


def _before(folded: str, start: int) -> str:
    """What stands before a number in its line, or in the line above where that is all blank."""
    before = folded[max(0, start - FOREIGN_REACH) : start]
    return before[before.rfind("\n") + 1 :] if before.strip("\n ") else before


def _heads_foreign(head: str) -> bool:
    """The head of the column says that no parcels stand below: "S/N", "EAN", "Telefon"."""
    return bool(FOREIGN.search(head)) and not PARCEL_LABEL.search(head)


def _is_account(number: str) -> bool:
    return is_polish_account(number) or is_hungarian_account(number) or is_iban(number)


def _is_shops_own_count(number: str, folded: str, start: int, end: int) -> bool:
    """Both ends must say so: "parcel 0000797406976U for order #12" is a carrier's. What was
    called so in the subject is no other thing in the text."""
    if not (number.isdecimal() and len(number) <= COUNTED_DIGITS):
        return False
    if COUNTED_BEFORE.search(folded, max(0, start - 2), start) is None:
        return False
    return COUNTED_AFTER.match(folded, end) is not None or any(
        COUNTED_AFTER.match(folded, place.end())
        for place in re.finditer(rf"# ?{number}(?!\d)", folded)
    )


def _is_article(number: str) -> bool:
    """A GTIN-13, as goods carry it."""
    return (
        len(number) == GTIN_DIGITS
        and number.isdecimal()
        and gs1_check_digit(number[:-1]) == int(number[-1])
    )

"""What documents call themselves, in the languages of our buyers.

In:  one line of a document, folded (``awizo.triage.words.plain``), or a file name's words.
Out: the kind of document its words name, and whether they are a title on their own.

Pure. Patterns run on RE2. In a group the longer name stands before the shorter one; groups
are ordered so that a word with two meanings falls to the more special group.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import re2

from awizo.model import DocumentKind


class Notice(StrEnum):
    """Papers that name documents without being one: reminders, statements, contracts."""

    NOTICE = "notice"


Titled = DocumentKind | Notice


@dataclass(frozen=True, slots=True)
class Title:
    kind: Titled
    start: int
    end: int
    strong: bool


# (kind, strong, alternatives). A weak name titles a document only near its top: invoices too
# have lines such as "Zamówienie: 123" or "Gwarancja: 24 miesiące".
_NAMES: tuple[tuple[Titled, bool, str], ...] = (
    (
        DocumentKind.PAYMENT_RECEIPT,
        True,
        r"potwierdzenie (?:(?:dokonania|otrzymania|przyjecia|wykonania) )?(?:platnosci|przelewu|"
        r"wplaty|zaplaty|transakcji|operacji)|dowod (?:wplaty|zaplaty)|kasa przyjmie|kp - dowod|"
        r"pokwitowanie|potvrzeni (?:o )?(?:prijeti |provedeni |zaplaceni )?(?:platby|platbe|uhrady|"
        r"uhrade|zaplaceni)|prijmovy pokladni(?:cny)? doklad|potvrdenie (?:o )?(?:prijati |"
        r"prijatia )?"
        r"(?:platby|platbe|uhrady|uhrade|zaplateni)|fizetesi (?:visszaigazolas|igazolas|bizonylat)|"
        r"(?:fizetes|utalas|befizetes) (?:visszaigazolasa?|igazolasa?)|befizetesi bizonylat|"
        r"bevetel[i]? penztarbizonylat|zahlungs(?:bestatigung|beleg|eingang(?:sbestatigung)?|"
        r"nachweis|"
        r"quittung|avis|erhalt)|payment (?:receipt|confirmation|advice)|(?:proof|confirmation|"
        r"receipt)"
        r" of payment|квитанці[яії]|підтвердження (?:про )?(?:оплати|оплату|платежу)|"
        r"платіжн(?:е доручення|а інструкція)|прибутковий касовий ордер",
    ),
    (
        DocumentKind.RETURN_FORM,
        True,
        r"formularz (?:zwrot\w*|odstapieni\w*|reklamac\w*|wymian\w*)|oswiadczenie o odstapieniu|"
        r"(?:protokol|zgloszenie|druk|karta) (?:reklamac\w*|zwrot\w*)|wzor (?:formularza "
        r")?odstapieni\w*|"
        r"odstoupeni od (?:kupni )?smlouvy|odstupenie od (?:kupnej )?zmluvy|(?:vzorovy )?formular "
        r"(?:pro|na|k|o) ?(?:odstoupeni|odstupenie|vraceni\w*|vratenie|reklamac\w*)|"
        r"(?:reklamacni|reklamacny) (?:formular|list|protokol)|elallasi (?:nyilatkozat|urlap)|"
        r"(?:visszakuldesi|reklamacios|visszaruzasi) (?:urlap|nyomtatvany|lap)|(?:muster[ -]?)?"
        r"widerrufs[ -]?formular|(?:rucksende|rucksendungs|retouren|"
        r"reklamations)[ -]?(?:formular|schein|"
        r"beleg)|(?:withdrawal|returns?|rma|complaint|refund) form|model withdrawal|"
        r"(?:форма|бланк|заява)(?: на| про| для)? (?:повернення|відмов\w*)|заява про повернення",
    ),
    (
        DocumentKind.TERMS,
        True,
        r"regulamin\w*|ogolne warunki(?: sprzedazy| umow\w*)?|warunki (?:sprzedazy|swiadczenia)|"
        r"polityka "
        r"(?:prywatnosci|zwrotow|cookies)|pouczenie o|informacja o (?:prawie|przetwarzaniu|"
        r"warunkach)|klauzula (?:informacyjna|rodo)|(?:vseobecne )?obchodni podminky|reklamacni "
        r"rad|"
        r"(?:vseobecne )?obchodne podmienky|reklamacny poriadok|(?:zasady|podminky|podmienky) "
        r"ochrany "
        r"osobn\w*|pouceni[e]? o|altalanos szerzodesi feltetelek|aszf|adatkezelesi (?:tajekoztato|"
        r"szabalyzat)|elallasi (?:jog|tajekoztato)\w*|allgemeine (?:geschafts|verkaufs|liefer)"
        r"bedingungen|agb|widerrufsbelehrung|datenschutz(?:erklarung|hinweise)?|terms (?:and|&) "
        r"conditions|terms of (?:sale|service|use)|general (?:terms|conditions)|privacy (?:policy|"
        r"notice)|right of withdrawal|правила (?:магазину|продажу|користування)|умови (?:продажу|"
        r"використання|повернення|доставки)|публічн\w* оферт\w*|договір (?:публічної )?оферти|"
        r"політика конфіденційності|регламент|загальні умови",
    ),
    (
        DocumentKind.LABEL,
        True,
        r"list przewozowy|etykiet[ay] (?:nadawcz\w*|adresow\w*|przewozow\w*|wysylkow\w*|zwrotn\w*|"
        r"przesylk\w*|kuriersk\w*|logistyczn\w*)|potwierdzenie nadania|potwierdzenie odbioru "
        r"przesylki|"
        r"(?:shipping|return|parcel|address|delivery) label|(?:prepravni|adresni|zasilkovy|vratny) "
        r"stitek|podaci (?:listek|stvrzenka|listok|harok)|(?:prepravny|adresny|vratny) stitok|"
        r"fuvarlevel|csomagcimke|cimirat|feladasi (?:igazolas|bizonylat)|feladoveveny|"
        r"(?:versand|paket|retouren|rucksende|adress)[ -]?(?:label|schein|marke|aufkleber|etikett)|"
        r"einlieferungsbeleg|frachtbrief|(?:air ?)?waybill|consignment note|proof of posting|"
        r"експрес[ -]накладна|етикетк\w*|адресний ярлик|товарно[ -]транспортна накладна",
    ),
    (
        DocumentKind.LABEL,
        False,
        r"etykiet[ay]|stitek|stitok|cimke|label|етикетка|маркування",
    ),
    (
        DocumentKind.PROFORMA,
        True,
        r"(?:(?:faktura|fakturka|faktury|invoice|szamla|rechnung|"
        r"dokument)[ -]{0,3}(?:vat[ -]{0,3})?)?"
        r"pro[ -]{0,3}form(?:a|y|e|u)(?:[ -]{0,3}(?:rechnung|invoice|faktur[aey]|szamla))?|"
        r"(?:zalohov[ay]|preddavkov[ay]) (?:faktur[ay]|list)|predfaktur[ay]|vyzva (?:k|na) "
        r"(?:platbe|"
        r"uhrade|uhradu|zaplaceni)|(?:dij|eloleg)beker[o]?\w*|vorkasse[ -]?rechnung|"
        r"zahlungsaufforderung|"
        r"payment request|request for payment|рахунок[ -]*(?:на (?:оплату|передоплату|сплату)|"
        r"проформа)|"
        r"проформа(?:[ -]інвойс)?|інвойс[ -]проформа",
    ),
    (
        DocumentKind.CORRECTION,
        True,
        r"(?:e-?)?faktura[ -]{1,3}(?:vat[ -]{1,3})?(?:\w{1,12} )?(?:korygujac[ay]|korekt[ay])|"
        r"korekta "
        r"(?:do )?(?:faktury|rachunku|paragonu|dokumentu)|(?:rachunek|paragon) korygujacy|"
        r"opravn[yaei]\w{0,2} (?:danov\w{1,3} )?(?:doklad|faktur[ay])|oprava (?:danoveho dokladu|"
        r"faktury)|dobropis|tarchopis|(?:sztorno|storno|helyesbito|modosito|ervenytelenito|jovairo)"
        r"[ -]?(?:szamla|bizonylat|okmany)|szamlaval egy tekintet ala eso okirat|"
        r"rechnungs(?:korrektur|berichtigung)|korrektur[ -]?rechnung|storno[ -]?rechnung|"
        r"gutschrift|(?:credit|debit)[ -](?:note|memo)|correct(?:ion|ive|ing|ed) invoice|invoice "
        r"correction|коригу\w{2,9} (?:рахунок|фактура|накладна|чек)\w{0,9}|(?:рахунок|"
        r"фактура)[ -]"
        r"коригування|коригування (?:рахунку|фактури)|розрахунок коригування|кредит(?:ова|"
        r"ове)?[ -]?"
        r"(?:нота|авізо)",
    ),
    (
        DocumentKind.CORRECTION,
        False,
        r"korekta|storno|коригування",
    ),
    (
        Notice.NOTICE,
        True,
        r"(?:ostateczne |przedsadowe )?wezwanie do zaplaty|przypomnienie o|upomnienie|nota "
        r"(?:odsetkowa|"
        r"korygujaca|obciazeniowa|ksiegowa|uznaniowa)|potwierdzenie salda|zestawienie (?:faktur|"
        r"obrotow|"
        r"dokumentow|transakcji)|wyciag|urzedowe poswiadczenie odbioru|umowa (?:sprzedazy|o|nr)|"
        r"upominka|kupni smlouva|kupna zmluva|adasveteli szerzodes|kaufvertrag|mahnung|"
        r"zahlungserinnerung|(?:payment|invoice|overdue) reminder|account statement|statement of "
        r"account|"
        r"fizetesi (?:felszolitas|emlekezteto)|нагадування про|договір купівлі|акт (?:звірки|"
        r"виконаних)|"
        r"specyfikacja techniczna|zgloszenie szkody|protokol szkody",
    ),
    (
        DocumentKind.ORDER_CONFIRMATION,
        True,
        r"potwierdzenie (?:(?:przyjecia |zlozenia |realizacji )?zamowienia|zakupu)|zamowienie "
        r"(?:od odbiorcy|"
        r"klienta|sprzedazy)|podsumowanie zamowienia|potvrzeni (?:prijeti )?(?:vasi )?objednavky|"
        r"potvrdenie (?:prijatia )?(?:vasej )?objednavky|prijata objednavka|rekapitulac\w* "
        r"objednavky|"
        r"(?:meg)?rendeles(?:i)? (?:visszaigazolas\w*|osszesito|osszefoglalo|igazolas)|"
        r"(?:auftrags|bestell)[ -]?(?:bestatigung|ubersicht)|order (?:confirmation|summary|"
        r"acknowledg\w*)|sales order|підтвердження замовлення|деталі замовлення",
    ),
    (
        DocumentKind.ORDER_CONFIRMATION,
        False,
        r"zamowienie|objednavka|(?:meg)?rendeles|bestellung|auftrag|purchase order|order|"
        r"замовлення",
    ),
    (
        DocumentKind.OFFER,
        True,
        r"oferta (?:handlowa|cenowa|nr)|wycena|zapytanie ofertowe|cenova (?:nabidka|ponuka)|"
        r"arajanlat|kostenvoranschlag|quotation|sales quote|price (?:list|quote)|cennik|cenik|"
        r"arlista|"
        r"preisliste|katalog|catalogue|комерційна пропозиція|прайс[ -]?лист|кошторис",
    ),
    (
        DocumentKind.OFFER,
        False,
        r"oferta|nabidka|ponuka|ajanlat|angebot|quote|offer|estimate|пропозиція",
    ),
    (
        DocumentKind.WARRANTY,
        True,
        r"karta gwarancyjna|warunki gwarancji|certyfikat gwarancyjny|dokument gwarancyjny|"
        r"zarucni list|"
        r"zarucny list|zarucni podminky|zarucne podmienky|(?:jotallasi|"
        r"garancia(?:lis)?) ?(?:jegy|level)|"
        r"garancia ?jegy|garantie[ -]?(?:karte|schein|urkunde|erklarung|bedingungen)|(?:warranty|"
        r"guarantee)"
        r" (?:card|certificate|terms|statement)|гарантійн\w* (?:талон|лист|зобов\S*|картка)",
    ),
    (
        DocumentKind.WARRANTY,
        False,
        r"gwarancja|zaruka|garancia|jotallas|garantie|warranty|guarantee|гарантія",
    ),
    (
        DocumentKind.MANUAL,
        True,
        r"(?:skrocona )?instrukcja (?:obslugi|montazu|uzytkowania|bezpieczenstwa|instalacji|uzycia|"
        r"pielegnacji)|karta (?:produktu|katalogowa|charakterystyki|techniczna)|deklaracja "
        r"(?:zgodnosci|"
        r"wlasciwosci)|navod (?:k|na|pro) \w+|prohlaseni o shode|vyhlasenie o zhode|bezpecnostni "
        r"list|"
        r"(?:hasznalati|kezelesi|(?:ossze)?szerelesi|felhasznaloi) (?:utmutato|utasitas|kezikonyv)|"
        r"megfelelosegi nyilatkozat|(?:bedienungs|gebrauchs|montage|aufbau|betriebs)[ -]?anleitung|"
        r"konformitatserklarung|sicherheitsdatenblatt|(?:user|instruction|assembly|owner'?s|"
        r"service) "
        r"manual|(?:assembly|operating|user|installation|care) (?:instructions|guide)|(?:eu "
        r")?declaration "
        r"of conformity|safety data sheet|quick start|інструкція (?:з|по|користувача)\w*",
    ),
    (
        DocumentKind.MANUAL,
        False,
        r"instrukcja|navod|anleitung|manual|instructions|utmutato|інструкція",
    ),
    (
        DocumentKind.GOODS_ISSUE,
        True,
        r"wydanie (?:zewnetrzne|z magazynu|towaru)|wz - wydanie|dokument wz|dowod (?:wydania|"
        r"dostawy)|"
        r"specyfikacja (?:wysylki|dostawy|przesylki)|list pakowy|lista (?:pakowa|kompletacyjna)|"
        r"dodaci list|vydejka|vydajka|balici list|baliaci list|szallitolevel|csomagolasi "
        r"(?:jegyzek|"
        r"lista)|lieferschein|pack(?:zettel|liste|schein)|(?:delivery|dispatch|despatch) note|"
        r"packing "
        r"(?:slip|list)|goods (?:issue|dispatched|issued)(?: note)?|видаткова накладна|"
        r"пакувальний лист|накладна на відпуск",
    ),
    (DocumentKind.GOODS_ISSUE, False, r"wz(?: nr)?|накладна"),
    (
        DocumentKind.CODE,
        True,
        r"voucher|bon (?:podarunkowy|upominkowy|rabatowy)|karta podarunkowa|klucz (?:licencyjny|"
        r"produktu|aktywacyjny)|kod (?:aktywacyjny|licencyjny|produktu|dostepu|doladowania)|"
        r"licencja|"
        r"certyfikat licencyjny|darkovy (?:poukaz|certifikat)|darcekova poukazka|"
        r"ajandek ?(?:utalvany|"
        r"kartya)|(?:geschenk)?gutschein|gift (?:card|voucher|certificate)|(?:license|licence|"
        r"product|"
        r"activation|serial) (?:key|code|certificate)|e-?ticket|e-?bilet|bilet wstepu|licencni "
        r"klic|"
        r"licencny kluc|aktivacni (?:klic|kod)|aktivacny (?:kluc|kod)|licenckulcs|aktivalo "
        r"(?:kod|kulcs)|"
        r"lizenzschlussel|aktivierungscode|подарунков\w* (?:сертифікат|ваучер|картка)|"
        r"ліцензійний ключ|код активації",
    ),
    (
        DocumentKind.RECEIPT,
        True,
        r"(?:e-?|elektroniczny |wydruk )?paragon(?:u)?(?: fiskalny| elektroniczny| niefiskalny)?|"
        r"dowod (?:zakupu|sprzedazy)|potwierdzenie sprzedazy|"
        r"(?:e-?)?uctenk[ay]|elektronicka uctenka|zjednoduseny danovy doklad|zjednoduseny danovy|"
        r"pokladni (?:blok|doklad|uctenka)|prodejka|pokladnicny (?:blok|doklad)|ekasa|blocek|"
        r"(?:e-?|elektronikus )?nyugta|kassen(?:bon|beleg|zettel|quittung)|(?:e-?)?quittung|"
        r"kaufbeleg|"
        r"verkaufsbeleg|digitaler beleg|e-?bon|(?:sales |e-?|electronic |till |fiscal |cash |"
        r"store |"
        r"purchase |tax )?receipt|(?:фіскальний |товарний |електронний |касовий |розрахунковий "
        r")?чек|"
        r"розрахункова квитанція",
    ),
    (
        DocumentKind.INVOICE,
        True,
        r"(?:duplikat |kopia |wizualizacja |e-?)?faktur[ay](?:[ -]{1,3}(?:danovy doklad|vat|marza|"
        r"koncowa|zaliczkowa|uproszczona|sprzedazy|zbiorcza|imienna|procedura marzy|vat marza|"
        r"vat rr|"
        r"zakupu|elektroniczna|konecna|ostra|konecny))*|f-?ra vat|rachunek(?: uproszczony| "
        r"sprzedazy)?"
        r" (?:nr|do|sprzedazy|uproszczony)|(?:danovy|ucetni|uctovny) doklad|vyuctovani|vyuctovacia "
        r"faktura|(?:elektronikus |e-?|vegs?|eloleg|resz|egyszerusitett )?szamla(?:masolat)?|"
        r"szamlakep|"
        r"(?:schluss|anzahlungs|abschlags|sammel|teil|e-?)?rechnung(?:skopie)?|(?:tax |vat |sales |"
        r"commercial |final |advance |e-?)?invoice|рахунок[ -]*фактура|фактура|інвойс|податкова "
        r"накладна|"
        r"factur[ae]|fattura",
    ),
    (
        DocumentKind.INVOICE,
        False,
        r"rachunek|рахунок|rechnungsnummer|rechnungs[ -]?nr|invoice (?:no|number)",
    ),
)

_START = r"(?:^|[^a-z0-9а-яіїєґ])"
_END = r"(?:$|[^a-z0-9а-яіїєґ])"


@cache
def _pattern() -> Any:
    groups = "|".join(
        f"(?P<g{index}>{alternatives})" for index, (_, _, alternatives) in enumerate(_NAMES)
    )
    groups = groups.replace(r"\w", "[a-z0-9а-яіїєґ]")  # RE2's own knows ASCII alone
    options = re2.Options()
    options.max_mem = 64 << 20  # one automaton for all names
    return re2.compile(f"{_START}(?:{groups}){_END}", options)


def titles_in(folded: str, *, limit: int = 3) -> list[Title]:
    """The first names of documents in one folded line."""
    found: list[Title] = []
    position = 0
    pattern = _pattern()
    while len(found) < limit:
        match = pattern.search(folded, position)
        if match is None:
            break
        index = match.lastindex - 1
        kind, strong, _ = _NAMES[index]
        start, end = match.span(index + 1)
        found.append(Title(kind, start, end, strong))
        position = end
    return found

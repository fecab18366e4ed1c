"""Words that tell a link to a document from a link to something else.

In:  nothing.
Out: patterns over folded labels, addresses and sentences.

Pure. Polish, Czech, Slovak, Hungarian, German, English, Ukrainian; letters without marks
(``awizo.triage.words.plain``).
"""

from __future__ import annotations

import re

import re2

INVOICE_WORD = re2.compile(
    r"faktur|invoice|tax document|rechnung|szaml(?:a|at|aja|ajat|ajanak)(?:[^a-z]|$)|e-?szamla|"
    r"danov[a-z]{1,3} doklad|видатков[а-яії]{1,3} накладн|"
    r"rachun(?:ek|ku)|korekt[aeyu](?:[^a-z]|$)|"
    r"dobropis|credit note|"
    r"gutschrift|dokument[a-z]{0,2} sprzedazy|фактур|рахун|"
    r"інвойс|ksef"
)
RECEIPT_WORD = re2.compile(
    r"paragon|receipt|uctenk|nyugta|nyugtat|nyugtaja|kassenbon|kassenbeleg|kassenzettel|quittung|"
    r"(?:^|[^a-z])(?:e-?|(?:ihr|ihren|den|der|digitaler?n?) )bon(?:[^a-z]|$)|"
    r"(?:^|[^a-z])bon (?:anzeig|anseh|offn|herunterlad|abruf|als pdf)|"
    r"(?:^|[^a-z])blokk(?:ot|od|ja)?(?:[^a-z]|$)|"
    r"pokladnicn[a-z]{1,3} (?:doklad|blok)|pokladni doklad|registracn[a-z]{1,3} pokladni|blocek|"
    r"(?:^|[^a-z])blok (?:vam|ti|vas|si|najdete|k|z|za|posiel)|"
    r"e-?kas[aey]|kas[a-z]{1,2} fiskaln|fiskaln[a-z]{1,3} (?:dowod|dokument)|"
    r"(?:^|[^а-яіїєґ])чек"
)
PATH_INVOICE = re2.compile(
    r"(?:^|[/_.=?&-])(?:e-?)?(?:faktur\w{0,3}|invoices?|rechnung(?:en)?|"
    r"szaml\w{1,3}|"
    r"danovy-?doklad|"
    r"rachunek|inv|fv|facture|billing-document|credit-?notes?|korekta|dobropis)(?:[/_.=?&-]|$|\d)"
)
PATH_RECEIPT = re2.compile(
    r"(?:^|[/_.=?&-])(?:e-?)?(?:paragon\w{0,2}|receipts?|uctenk\w|nyugta\w?|kassenbon|bon|blok|"
    r"quittung|"
    r"fiscal-?check|cheque?|check)(?:[/_.=?&-]|$|\d)"
)
HOST_INVOICE = re2.compile(r"faktur|invoice|rechnung|szamla")
HOST_RECEIPT = re2.compile(r"paragon|receipt|uctenk|nyugta|kassenbon|ekasa|(?:^|[.-])e?-?bon\.")
# A document of either kind: what else is said tells which.
EITHER_WORD = re2.compile(
    r"(?:^|[^a-z])(?:beleg(?:s|e|en)?|doklad(?:u|y|em|om)?)(?:[^a-z]|$)|"
    r"dowod[a-z]{0,2} (?:zakupu|sprzedazy)"
)
PATH_EITHER = re2.compile(r"(?:^|[/_.=?&-])(?:doklad\w{0,2}|belege?)(?:[/_.=?&-]|$|\d)")
HOST_EITHER = re2.compile(r"(?:^|[.-])(?:doklad|beleg|dowod)")
PROFORMA = re2.compile(
    r"pro-?\s?form|zalohov|preddavk|predfaktur|dijbeker|elolegbeker|рахунок на оплату|проформ|"
    r"/quotes?/|angebot|oferta|ponuka|nabidk|arajanlat"
)
# An advance invoice is none, though its name holds the word.
ADVANCE_INVOICE = re.compile(
    r"(?:zalohov|preddavkov|proform|pro[- ]form|eloleg)\w*[ -]{0,2}"
    r"(?:faktur|szaml|rechnung|invoice)\w*|(?:faktur|invoice)\w* (?:proform|pro[- ]form)\w*"
)
# The link leads to something else, whatever stands beside it.
OTHER_LABEL = re2.compile(
    r"histori|regulamin|warunk|terms|polityk|privacy|moje zakupy|moje konto|twoje konto|konto "
    r"klienta|"
    r"zaloguj|logow|log ?in|sign in|prihlas|bejelentkez|anmeld|увійти|account|ucet(?:[^a-z]|$)|"
    r"mein konto|"
    r"wypis|unsubscri|odhlas|leirat|abmeld|відпис|sledz|sledov|track|nyomkov|sendung|verfolg|"
    r"відстеж|"
    r"opini|ocen|hodnot|ertekel|bewert|review|rat(?:e|ing)|відгук|zwrot|return|vratit|visszakuld|"
    r"rucksend|"
    r"pomoc|help|faq|kontakt|contact|jak (?:otrzymac|pobrac|uzyskac|dostac)|how to|jak ziskat|"
    r"zaplac|"
    r"oplac|pay (?:now|invoice|online)|zaplat|uhradit|fizet(?:es|ek|d)|bezahlen|оплатити|"
    r"sklep(?:u)?$|shop$|"
    r"zmien dane|edytuj|dane do faktury|ustawieni|settings|"
    r"zobacz zamowienie|szczegoly zamowienia|"
    r"view order|order details|facebook|instagram|youtube|newsletter"
)
OTHER_PATH = re2.compile(
    r"histor|regulamin|terms|polityk|privacy|login|logowan|signin|konto(?:/|$)|account(?:/|$)|"
    r"unsub|wypis|odhlas|"
    r"leirat|abmeld|preferenc|track|sledz|sledov|opini|review|rating|hodnoc|ertekel|bewert|"
    r"ankiet|survey|"
    r"retour|visszakuld|vrac|vratk|reklam|podmink|podmien|feltetel|aszf|(?:^|/)agb|widerruf|"
    r"odst(?:o)?up|"
    r"datenschutz|impressum|navod|manual|katalog|cenik|"
    r"zwrot|return|pomoc|help|faq|kontakt|contact|poradnik|blog|jak-|how-|koszyk|cart|newsletter|"
    r"facebook|instagram|youtube|(?:^|/)cert(?:ificates?)?/|\.(?:png|jpe?g|gif|svg|css|"
    r"webp)(?:[?#]|$)|produkt|product|"
    r"kategori|category|dane-do-faktury|payment|"
    r"platnosc|/pay(?:/|$)"
)
# Of these a document may be shown too, where the address itself names one.
MY_PLACE = re2.compile(r"konto(?:/|$)|account(?:/|$)|zwrot|return")
# By these shop programs show one document: Shopware 6, with the document's id and its own key.
SHOP_ROUTE = re2.compile(r"/account/order/document/[0-9a-f]{8,32}/\w{6,}")
# A form is none, whatever it asks for; what is to be paid, where the label names no document.
FORM_LABEL = re2.compile(r"formular|urlap|(?:^|[^a-z])form(?:[^a-z]|$)")
FORM_PATH = re2.compile(r"formular|urlap|/form$")
PAY_LABEL = re2.compile(r"platnosc|payment|platb[a-z]|zahlung")
# What makes an address one thing's own. Words joined by dashes are a page's: "faktura-na-zadanie".
SPECIFIC = re.compile(r"\d|[A-Z]{6,}|[A-Za-z_]{16,}|(?=[A-Za-z]*[a-z][A-Z])[A-Za-z]{8,}")
QUERY_ID = re.compile(
    r"[?&](?:\w*id|(?:\w+_)?key|token|hash|h|nr|no|order)=(?:\w*\d|\w{12})|"
    r"/(?:faktur\w{0,3}|invoices?|rechnung(?:en)?|szaml\w{1,3})/[\w-]*\d{3}"
)
SLUG = re.compile(r"(?:[a-z]{2,}-){3,}[a-z]{2,}")
LEAD_WORD = re2.compile(
    r"pobierz|pobrac|podglad|otworz|zobacz|link|adres|stron|stahn|zobraz|otevr|otvor|odkaz|stiahn|"
    r"letolt|megnyit|megtekint|itt\b|download|view|open|preview|here|herunterlad|ansehen|anzeig|"
    r"offnen|abruf|hier|завантаж|перегля|відкри|посилан|pdf|"
    r"klik|klick|click|kattint|натисн|przycisk|przejd|odnosnik|tlacit|prejd|gomb|elerhet|hivatkoz|"
    r"schaltflache|button|кнопк|dostepn|dostupn|доступн|"
    r"wydruk|zapisa|vytisk|uloz|vytlac|nyomtat|elment|ausdruck|speicher|print|save|роздрук|зберег"
)
REDIRECTS = re.compile(
    r"click|redirect|link|track|/c/|/ls/|/wf/|/r/|/l/|/e/|mailing|sendgrid|mandrill"
)

# Of invoices in general or of what is printed on them.
ABOUT_INVOICES = re.compile(
    r"(?:dane|adres|danych|danymi) (?:do|na) fakturz?[a-z]{1,2}|fakturac[a-z]+ (?:udaj|"
    r"adres)[a-z]*|"
    r"udaje (?:na|pro|k) faktur[a-z]+|szamlazasi (?:cim|adat|nev)[a-z]*|rechnungs(?:adresse|daten|"
    r"anschrift)|"
    r"(?:invoice|billing) (?:address|details|data)|дан[а-яі]+ для (?:рахунк|фактур)[а-яі]+"
)
# "If you need …": no document as yet, unless the sentence says how to get at it.
CONDITION = re2.compile(
    r"(?:^|[^a-z])(?:jesli|jezeli|gdyby|gdy potrzeb|chcesz|chca panstwo|pokud|kdyby|chcete|pokial|"
    r"ak |keby|ha |"
    r"amennyiben|if |should you|in case|wenn|falls|sollten)|(?:^|[^а-яіїєґ])(?:якщо|потрібн)"
)
FETCH_WORD = re2.compile(
    r"pobierz|pobra|pobier|sciagn|otworz|zobacz|podglad|dostepn|stahn|stahov|otevr|zobraz|nahled|"
    r"stiahn|otvor|"
    r"letolt|megnyit|megtekint|download|open|view|herunterlad|abruf|offn|ansehen|anseh|anzeig|"
    r"завантаж|відкри|перегля|wydruk|vytisk|vytlac|nyomtat|print|druck|роздрук"
)
# Labels that name no thing: every word of them is one of these.
GENERIC_WORDS = frozenset(
    {
        "tutaj", "tu", "kliknij", "klikni", "kliknac", "pobierz", "pobrac", "pobieranie",
        "dokument", "dokumentu", "dokumenty", "pdf", "plik", "pliku", "w", "formacie", "jako", "i",
        "a", "lub", "oraz", "z", "na", "do", "sie", "otworz", "otworzyc", "zobacz", "zobaczyc",
        "pokaz", "wyswietl", "podglad", "link", "linku", "ten", "ponizszy", "ponizej", "wydrukuj",
        "zapisz", "sciagnij", "przegladarce", "online", "przejdz", "zde", "stahnout", "stahni",
        "stahnete", "stahnuti", "otevrit", "otevri", "zobrazit", "zobraz", "nahled", "prehliadaci",
        "soubor", "odkaz", "tento", "odkazu", "nebo", "vytisknout", "ulozit", "k", "ke", "ve", "v",
        "jej", "ji", "ho", "prohlizeci", "prohlednout", "stiahnut", "stiahni", "otvorit", "otvor",
        "subor", "nahlad", "alebo", "vytlacit", "sem", "si", "vo", "itt", "ide", "letoltes",
        "letoltese", "letoltom", "letolt", "megnyitas", "megnyitasa", "megnyit", "megtekintes",
        "megtekintese", "megtekint", "nyomtatas", "kattints", "kattintson", "ra", "es", "vagy",
        "az", "linkre", "erre", "fajl", "pdf-ben", "here", "click", "download", "downloads", "open",
        "view", "see", "show", "get", "print", "save", "file", "document", "the", "your", "this",
        "or", "and", "now", "to", "in", "browser", "button", "hier", "herunterladen", "laden",
        "ansehen", "anzeigen", "offnen", "abrufen", "abruf", "drucken", "speichern", "klicken",
        "datei", "als", "und", "oder", "im", "diesen", "тут", "завантажити", "відкрити",
        "переглянути", "за", "посиланням", "файл", "документ", "цим", "натисніть", "скачати",
        "роздрукувати", "і", "або", "у", "в", "www", "html", "htm",
    }
)  # fmt: skip
LABEL_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
LABEL_SIGNS = re.compile(r"[^\w]+|_+|\b\d{1,4} ?[km]b\b")
# Papers that no invoice is, in the row of a table or in a label.
OTHER_PAPER = re2.compile(
    r"instrukc|regulamin|gwaranc|zaruc|zaruk|garanc|jotall|navod|manual|anleitung|utmutato|etykiet|"
    r"stitek|stitok|cimke|label|formular|urlap|zwrot|protok|deklarac|prohlasen|vyhlasen|certyfik|"
    r"certifik|zertifik|karta|wydanie|(?:^|[^a-z])wz(?:[^a-z]|$)|dodaci|lieferschein|szallitolev|"
    r"cennik|cenik|katalog|oferta|ponuka|nabidk|arajanlat|angebot|podmink|podmienk|feltetel|"
    r"bedingungen|widerruf|odstap|odstoup|odstup|elallas|datenschutz|polityk|privacy|terms|"
    r"packing|delivery note|waybill|list przewoz|fuvarlevel|інструкц|гаранті|регламент|умови|"
    r"накладна зі|транспортн|ттн"
)
# An opaque part of an address: figures and letters, ten and more.
TOKEN = re.compile(
    r"(?:^|[/=:])(?=[\w\-]*\d)(?=[\w\-]*[A-Za-z])[\w\-]{10,}(?:\.pdf)?(?:[/?&.#:]|$)|"
    r"/[a-z]{1,2}/(?=\w*\d)\w{6,}$"
)
CAMPAIGN = re.compile(r"[?&#](?:utm_\w+|ref|source|src|gclid|fbclid|mc_\w+|campaign)=[^&#]*")

"""What stands before the number of an invoice: its names, its sorts, and words for "number".

In:  nothing.
Out: LABEL, which reads folded text up to a number and says what the number is of; the words of
     a label that look like a number's own symbol when a title is printed in capitals.

Pure. Polish, Czech, Slovak, Hungarian, German, English, Ukrainian; letters without marks
(``awizo.triage.words.plain``). The longer word stands before the shorter one.
"""

from __future__ import annotations

import re

import re2

_NR = (
    r"(?:nr\.?|numery?|numerze|numeru|numerem|num\.|no\.?|number|c\.|cislo|cislem|cisla|nummer|"
    r"sz\.|"
    r"szama?|sorszama?|sorszam|id|№|n°|номер|номером|номера|ref\.?|#)"
)
_JOIN = r"(?:[ :;,(\"'„»«*|\-]|o|pod|s|se|mit|der|die|with|the|of|za|за|під)"
# What a title may say of its document between its name and its number.
_SORT = (
    r"(?:vat(?:[ -]ue)?|marza|procedura marzy|bez vat|koncow[a-z]+|zaliczkow[a-z]+|"
    r"uproszczon[a-z]+|"
    r"elektroniczn[a-z]+|sprzedazy|sprzedazowa|detaliczn[a-z]+|imienn[a-z]+|zbiorcz[a-z]+|"
    r"rozliczeniow[a-z]+|eksportow[a-z]+|wewnatrzwspolnotow[a-z]+|walutow[a-z]+|krajow[a-z]+|"
    r"internetow[a-z]+|ostateczn[a-z]+|czesciow[a-z]+|okresow[a-z]+|podstawow[a-z]+|"
    r"ustrukturyzowan[a-z]+|"
    r"oss|wdt|ioss|mpp|rr|e-?faktur[a-z]+|pdf|oryginal[a-z]*|kopia|duplikat|odpis|wydruk|"
    r"wizualizacj[aei]|"
    r"danov[a-z]+ doklad[a-z]*|zaroven|fiskaln[a-z]+|elektronick[a-z]+|ostr[aeyou]{1,2}|"
    r"ostatn[a-z]+|konecn[a-z]+|vydan[a-z]+|prijat[a-z]+|vystaven[a-z]+|odberatelsk[a-z]+|"
    r"zuctovac[a-z]+|vyuctovac[a-z]+|vyuctovan[a-z]+|zjednodusen[a-z]+|tuzemsk[a-z]+|"
    r"zahranicn[a-z]+|"
    r"original|kopie|opis|duplikat|predajn[a-z]+|"
    r"masolat[a-z]{0,2}|masodpeldany|eredeti(?: peldany)?|peldany|afas|elektronikus|egyszerusitett|"
    r"kopie|zweitschrift|abschrift|netto|brutto|inland|ausland|"
    r"copy|duplicate|tax|sales|final|"
    r"пдв|маржа|оригінал|копія|дублікат|кінцева|авансова)"
)
_CORRECTION = (
    r"(?:faktur[a-z]{0,4}[ -]{1,3}(?:vat[ -]{1,3})?(?:koryguj[a-z]{2,6}|korekt[a-z]{0,4})|"
    r"(?:nr|numer|numeru) korekt[a-z]{1,3}|"
    r"korekt[a-z]{0,4}|opravn[a-z]{1,4} (?:danov[a-z]{1,4} )?"
    r"(?:doklad[a-z]{0,3}|faktur[a-z]{0,3})|dobropis[a-z]{0,3}|tarchopis[a-z]{0,3}|"
    r"(?:sztorno|storno|helyesbito|modosito|ervenytelenito|jovairo)[ -]?szaml[a-z]{0,4}|"
    r"gutschrifts?(?:en)?(?:-?nummer|-?nr\.?)?|korrektur(?:beleg)?-?(?:nummer|nr\.?)|"
    r"(?:rechnungskorrektur|korrekturrechnung|stornorechnung|storno-rechnung|rechnungsberichtigung|"
    r"rechnungsstorno)(?:-?nummer|-?nr\.?)?|"
    r"credit[ -](?:note|memo)|correct(?:ion|ive|ing|ed) invoice|"
    r"invoice correction|коригу[а-яіїєґ]{2,9}(?: (?:рахун|фактур|накладн)[а-яіїєґ-]{1,14})?|"
    r"кредит[а-яіїєґ-]{0,6} ?нот[а-яі]{1,3})"
)
_PROFORMA = (
    r"(?:(?:faktur[a-z]{0,4}|invoice|szamla|rechnung)?[ -]{0,3}pro[ -]?form[a-z]{1,3}"
    r"(?:[ -]?(?:rechnung|invoice|faktur[a-z]{0,3}|szaml[a-z]{0,4}))?|"
    r"(?:zalohov|preddavkov)[a-z]{1,3} (?:faktur[a-z]{0,3}|list)|predfaktur[a-z]{1,3}|"
    r"dijbeker[a-z]{0,6}|elolegbeker[a-z]{0,6}|vorkasse-?rechnung|"
    r"проформ[а-я]{0,2}|рахун[а-яі]{2,4} на (?:перед)?оплату)"
)
_RECEIPT = (
    r"(?:e-?)?(?:paragon[a-z]{0,3}|uctenk[a-z]{0,3}|nyugt[a-z]{0,6}|kassenbon[a-z]?|kassenbeleg|"
    r"receipt|quittung|чек[а-яі]{0,2})"
)
_DOCUMENT = (
    r"(?:e-?)?faktur[a-z]{0,4}|tax document|(?:danov[a-z]{1,4} )?doklad[a-z]{0,3}|"
    r"dokument[a-z]{0,3}(?: sprzedazy)?|rachunek|rachunk[a-z]{1,3}|(?:e-?)?invoices?|"
    r"(?:schluss-?|teil-?|sammel-?|abschlags-?|anzahlungs-?|kleinbetrags-?|einzel-?|verkaufs-?|"
    r"online-?|monats-?|jahres-?|ausgangs-?|e-?)?rechnung(?:en|s(?:-?nummer|-?nr\.?)(?: lautet|"
    r" ist)?)?|"
    r"beleg(?:-?nummer|-?nr\.?)?|dokument(?:en)?-?(?:nummer|nr\.?)|"
    r"(?:e-?|vegs?|eloleg|resz)?szaml(?:a|at|aja|ajat|ak|akat|ank|ankat|ahoz|arol|anak|ara|aval|"
    r"aink|ad|adat)|"
    r"bizonylat(?:a|ok|szam)?|"
    r"рахун[а-яі]{2,4}[ -]{0,3}фактур[а-яі]{1,3}|фактур[а-яі]{1,3}|рахун[а-яі]{2,4}|"
    r"інвойс[а-яі]{0,3}|документ[а-яі]{0,2}|"
    r"(?:видатков|податков)[а-яії]{1,3} накладн[а-яії]{1,3}|"
    r"номер фактури"
)
# Believed only where a word for "number" follows: "FV nr 12/2026", "Re.-Nr. 4471".
_SHORT = r"f-?ra|fakt\.|fv|document|r[eg]\.?"
_REFERS = (
    r"(?:do|ke?|dotyczy|dot\.|dotyczac[a-z]{1,3}|koryguj[a-z]{1,4}|korekt[a-z]{1,3}|"
    r"korygowan[a-z]{1,4}|zrodlow[a-z]{1,3}|pierwotn[a-z]{1,3}|opravovan[a-z]{1,4}|opraveny|"
    r"oprava|opravu|opravou|"
    r"zur?|zum|to|for|against|original|oryginaln[a-z]{1,4}|puvodn[a-z]{1,4}|povodn[a-z]{1,4}|"
    r"eredeti|hivatkozott|hivatkozas[a-z]{0,2}|helyesbitett|modositott|stornozott|"
    r"bezug|betrifft|betr\.|reference|korrektur der|storno der|correction of|reversal of|"
    r"cancellation of|vztahuje se k|tyka sa|tyka se|"
    r"ursprunglich[a-z]{0,2}|до|на основании|на підставі|стосується|оригінальн[а-яіїє]{1,4})"
    r"[ :]{1,3}(?:the |der |dem |your |unserer |unsere |vasi |vasej |naszej |twojej |your |our |"
    r"original )?"
)
_EARLIER = (
    r"faktur[a-z]{1,3} (?:vat )?(?:korygowan[a-z]{1,3}|pierwotn[a-z]{1,3}|zrodlow[a-z]{1,3})|"
    r"(?:dokument[a-z]{0,2}|dowod[a-z]{0,2}) (?:korygowan[a-z]{1,3}|pierwotn[a-z]{1,3}|"
    r"zrodlow[a-z]{1,3})|"
    r"(?:opravovan|puvodn|povodn)[a-z]{1,3} (?:faktur[a-z]|(?:danov[a-z]{1,3} )?doklad[a-z]{0,2})|"
    r"(?:eredeti|helyesbitett|modositott|stornozott|hivatkozott) (?:szaml|bizonylat)[a-z]{0,5}|"
    r"ursprungs-?rechnung|originalrechnung|"
    r"(?:korrigierte|stornierte|ursprungliche|urspruengliche|berichtigte) rechnung|"
    r"(?:original|corrected|credited|reversed) invoice|(?:оригінальн|"
    r"початков)[а-яіїє]{1,4} (?:рахун|"
    r"фактур|документ)[а-яіїє-]{0,14}"
)
# A reference that names no document, only its number: "Dotyczy: FS 1182/10/2026".
_REFERRED_ONLY = (
    r"dotyczy|dotyczaca|dotyczacy|dot\.|do|koryguje|zur?|zum|bezug|betrifft|betr\.|"
    r"bezieht sich auf|"
    r"vztahuje se k|tyka sa|tyka se|ke?|to|for|against|reversal of|hivatkozas|eredeti|до|"
    r"стосується|"
    r"vom beleg|original"
)
# Papers of another kind that a word for a document is part of.
_NO_SALE = (
    r"dodac[a-z]{1,2} (?:doklad|dokument|list)[a-z]{0,3}|(?:prepravn|skladov|platebn|platobn|"
    r"zarucn|"
    r"prijmov|vydajov|bankovn|interni|interny)[a-z]{0,4} (?:pokladn[a-z]{1,6} )?doklad[a-z]{0,3}|"
    r"doklad[a-z]{0,3} o (?:platb|zaplac|zaplat|uhrad|prijet|prijat|doruc|doda|vrac|"
    r"vrat)[a-z]{1,5}|"
    r"dokument[a-z]{0,3} (?:dostawy|wydania|magazynow[a-z]{1,3}|przewozow[a-z]{1,3}|"
    r"gwarancyjn[a-z]{1,3}|"
    r"wz|przyjecia|zwrotu|zamowienia|platnosci)|"
    r"(?:szallitasi|fizetesi|szallito|atveteli|visszaru|garancialis) ?bizonylat[a-z]{0,5}|"
    r"(?:liefer|zahlungs|versand|retouren|rucksende|einlieferungs|transaktions|"
    r"uberweisungs)-?beleg[a-z-]{0,7}|"
    r"(?:shipping|delivery|transport|return|warranty|customs|payment) (?:document|invoice)s?|"
    r"(?:транспортн|супровідн|платіжн|складськ)[а-яіїє]{1,3} (?:документ|накладн)[а-яіїє]{0,3}"
)
# A second name of the same paper.
_BESIDE = (
    r"(?:lieferschein|invoice|rechnung|faktur[aey]|danov[a-z]{1,3} doklad|dodaci list|paragon|"
    r"szamla|фактура)"
)
# The numbered thing is named first; its parts are told apart by which group matched.
LABEL = re2.compile(
    rf"(?:^|[^a-zа-яіїєґ0-9])(?:(?P<no_sale>{_NO_SALE})|(?P<refers>{_REFERS})?"
    rf"(?:(?P<account>szamlaszama?)|(?P<earlier>{_EARLIER})|(?P<correction>{_CORRECTION})|"
    rf"(?P<proforma>{_PROFORMA})|(?P<receipt>{_RECEIPT})"
    rf"|(?P<document>{_DOCUMENT})|(?P<short>{_SHORT}))"
    rf"(?:[ (\-]{{1,4}}{_SORT}){{0,3}}(?: \([a-z -]{{3,24}}\)|\))?(?: ?/ ?{_BESIDE})?)"
    rf"(?P<nr>(?:{_JOIN}){{1,4}}{_NR})?[ :;,(\"'„»«*|)]{{0,4}}[#№]?$"
)
REFERRED_ONLY = re2.compile(
    rf"(?:^|[^a-zа-яіїєґ0-9])(?:{_REFERRED_ONLY})(?: nr\.?| c\.| №| no\.?)?[ :(]{{1,3}}$"
)
NUMBER_WORD = re.compile(rf"[ :|]*{_NR}[ :|.]*")

# Words of a title in capitals; a symbol of a ledger is none of them.
TITLE_WORD = re2.compile(
    rf"(?:{_SORT}|{_NR}|faktur[a-z]{{1,2}}|invoice|szamla|rechnung|rachunek|doklad|dokument|beleg|"
    r"bizonylat|do|na|z|ze|dnia|dne|den|dna|k|ke|c|of|the|za|from|vom|fur|for|data|date|datum|kelt|"
    r"nip|dic|ico|ic|ksef|marzy|marze|korekt[a-z]{0,3}|storno|sztorno|gutschrift|paragon|order|"
    r"zamow[a-z]*|auftrag|kunde|klient|номер|від|дата|фактура|рахунок|накладна)"
)
# Symbols that are also sorts: they count as the number's own unless it has one ("OSS OSS/12/2026").
EITHER_WORD = frozenset({"oss", "wdt", "ioss", "mpp", "rr"})
# Symbols of papers that are no invoice, whatever word stands before them.
FOREIGN_SYMBOL = re.compile(
    r"(?:WZ|PZ|MM|RW|PW|ZK|ZAM|ZO|ZW|ZWR|RMA|LP|DL|LS|AB|AU|SO|PO)(?=[ /\-_.\d])"
)

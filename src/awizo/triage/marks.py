"""The words by which a reader tells quotes, signatures and boilerplate from what is new.

In:  nothing; this is the table that ``quotes`` reads.
Out: patterns by language, all on text folded by ``fold`` (lower case, no Latin diacritics).

Sources: what the mail programs named beside each pattern write in the language concerned.
They run on RE2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

import re2


class Pattern(Protocol):
    """What of a compiled pattern is used."""

    def search(self, text: str) -> Any: ...


# A line (or two, when wrapped) that announces a quote. All of these need an address, a date or
# a time as well (``HAS_WHO_OR_WHEN``) unless quoted lines follow at once.
ATTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "pl": (  # Gmail, Thunderbird, Roundcube, Apple Mail, WP, Onet, Interia, o2
        r"napisal(?:a|\(a\)|/a|es|as)?(?: w wiadomosci.{0,80})?\s?:$",
        r"napisali\s?:$",
        r"pisze\s?:$",
        r"^wiadomosc napisana przez .{3,160}:$",
        r"^uzytkownik .{2,120} napisal",
    ),
    "cs": (r"napsal(?:a|\(a\)|/a|i|/-a)?\s?:$", r"^uzivatel .{2,120} napsal"),
    "sk": (r"napisal(?:a|\(a\)|/a|i)?\s?:$", r"^pouzivatel .{2,120} napisal"),
    "hu": (r"\birta\b.{0,80}:$", r"\birta\s?\(.{3,80}\)\s?:?$", r"keltezessel.{0,100}irta"),
    "en": (r"\bwrote\s?:$", r"\bwrites\s?:$", r"^quoting .{3,120}:$"),
    "de": (r"\bschrieb\b.{0,160}:$", r"\bhat .{0,60}geschrieben\s?:$", r"^zitat von .{3,120}:$"),
    "uk": (
        r"(?:написав|написала|написав\(ла\)|написав\(-ла\)|написали|пише)\s?:$",
        r"\d{1,2}:\d{2}.{0,8}, від .{3,120}:$",  # ukr.net
        r"(?:написал|написала|написал\(а\)|пишет)\s?:$",  # programs set to Russian
    ),
}

HAS_WHO_OR_WHEN = (
    r"@|\b\d{1,2}[:.]\d{2}\b|\b(?:19|20)\d\d\b|\b\d{1,2}[./-]\s?\d{1,2}[./-]"
    r"|^(?:w dniu|dnia|dne|dna)\b"
)

# A line that begins the old message, which then goes on to the end.
DIVIDERS: Mapping[str, tuple[str, ...]] = {
    "pl": (
        r"^[-_=* ]{2,}\s?(?:oryginalna wiadomosc|wiadomosc oryginalna|wiadomosc pierwotna"
        r"|przekazana wiadomosc|wiadomosc przekazana|tresc oryginalnej wiadomosci"
        r"|wiadomosc przeslana dalej|poczatek przekazywanej wiadomosci)\b",
        r"^(?:poczatek przekazywanej|tresc poprzedniej) wiadomosci\s?:",
    ),
    "cs": (r"^[-_=* ]{2,}\s?(?:puvodni|preposlana) (?:zprava|e-?mail)",),
    "sk": (
        r"^[-_=* ]{2,}\s?(?:povodna|preposlana) (?:sprava|e-?mail)",
        r"^[-_ ]{2,}\s?povodny e-?mail",
    ),
    "hu": (
        r"^[-_=* ]{2,}\s?(?:eredeti|tovabbitott) (?:uzenet|level)",
        r"^(?:eredeti|tovabbitott) uzenet$",
    ),
    "en": (
        r"^[-_=* ]{2,}\s?(?:original|forwarded|reply|replied) (?:message|mail|e-?mail)",
        r"^begin forwarded message\s?:",
    ),
    "de": (
        r"^[-_=* ]{2,}\s?(?:ursprungliche|original|originale|weitergeleitete)"
        r"[- ]?(?:nachricht|e-?mail|mail)",
        r"^anfang der weitergeleiteten nachricht",
    ),
    "uk": (
        r"^[-_=* ]{2,}\s?(?:оригінальне|вихідне|переслане|початкове|переадресоване|пересилане)"
        r" (?:повідомлення|лист)",
        r"^[-_=* ]{2,}\s?(?:исходное|пересылаемое|оригинальное) (?:сообщение|письмо)",
    ),
}

# Field names of the block that Outlook and its kin put above the old message.
FIELD_FROM = r"^\W{0,3}(?:od|nadawca|from|von|felado|від|от|odesilatel|odosielatel)\s?:"
FIELD_DATE = (
    r"^\W{0,3}(?:wyslano|data|date|sent|gesendet|datum|odeslano|odoslane|poslano|datum odeslani"
    r"|kuldve|elkuldve|datum|надіслано|дата|отправлено|kuldes ideje)\s?:"
)
FIELD_TO = r"^\W{0,3}(?:do|to|an|komu|pro|prijemce|cimzett|кому|adresat|cc|dw|kopia|kopie)\s?:"
FIELD_SUBJECT = r"^\W{0,3}(?:temat|subject|betreff|predmet|targy|тема)\s?:"

SIGN_OFFS: Mapping[str, tuple[str, ...]] = {
    "pl": (
        r"(?:(?:serdecznie|goraco|cieplo) )?pozdrawia(?:m|my)?\b",
        r"(?:z )?(?:serdeczne |serdecznymi )?pozdrowieni(?:a|ami)\b",
        r"z (?:wyrazami )?(?:powazanie|szacunk|uszanowani)",
        r"pozdr\.?\b",
        r"milego dnia\b",
        r"zespol \w",
    ),
    "cs": (
        r"s (?:pozdravem|uctou|pratelskym|pranim)",
        r"(?:preji |prejeme )?(?:vam |ti )?"
        r"(?:hezky|pekny|prijemny|krasny) (?:zbytek )?(?:den|dne)\b",
        r"(?:srdecne )?zdravi\b",
        r"mejte se\b",
        r"(?:vas )?tym [\w.& -]{2,30}$",
    ),
    "sk": (
        r"s (?:pozdravom|uctou|priatelskym|pranim)",
        r"(?:prajem |prajeme )?(?:vam |ti )?(?:pekny|prijemny|krasny) (?:zvysok )?(?:den|dna)\b",
        r"pozdravujem",
        r"majte sa\b",
    ),
    "hu": (
        r"(?:szives |baratsagos |szivelyes |koszono )?udvozlettel",
        r"tisztelettel\b",
        r"(?:koszonettel|udv\b)",
        r"(?:tovabbi )?szep napot\b",
        r"(?:kellemes napot|minden jot)\b",
    ),
    "en": (
        r"(?:(?:best|kind|warm|warmest|kindest) )?regards\b",
        r"yours (?:sincerely|faithfully|truly)",
        r"sincerely\b",
        r"best wishes\b",
        r"cheers\s?[,!]?$",
        r"thank(?:s| you),?$",
    ),
    "de": (
        r"mit (?:freundlichen|besten|herzlichen|lieben|schonen) (?:grussen|gruessen)",
        r"(?:viele|beste|liebe|herzliche|freundliche|schone) (?:grusse|gruesse)",
        r"(?:mfg|lg|vg|gruss|gruesse|grusse)\b",
        r"(?:freundlicher|lieber|schoner) gruss\b",
        r"herzlichst\b",
        r"(?:ich wunsche |wir wunschen )?(?:ihnen |dir )?(?:noch )?(?:einen )?schonen tag\b",
        r"(?:ihr|dein|euer) (?:[\w-]+[ -])?team(?: von| der| des| aus)?[\w.& -]{0,30}$",
    ),
    "uk": (
        r"(?:з|із) (?:найкращими |щирою )?(?:повагою|побажаннями|вдячністю)",
        r"(?:бажаємо |бажаю )?(?:вам |тобі )?(?:гарного|приємного|чудового) дня",
        r"всього (?:найкращого|доброго)",
        r"щиро (?:ваш|дяку)",
        r"(?:ваша )?команда [\w.& -]{2,30}$",
        r"с уважением",
    ),
}

# Wishes that open a mail as often as they end it.
OPENS_TOO = (
    r"^(?:(?:hezky|pekny|prijemny|krasny) den|szep napot|kellemes napot|schonen tag|milego dnia"
    r"|(?:гарного|приємного|чудового) дня)"
)

# One-line signatures of telephones and programs.
DEVICES = (
    r"^(?:wyslane|wyslano|sent|odeslano|odoslane|poslano|kuldve|gesendet|von meinem|надіслано"
    r"|отправлено)[ :].{0,40}\b(?:iphon|ipad|android|samsung|huawei|xiaomi|galaxy|smartfon|telefon"
    r"|outlook|yahoo|gmail|poczty|poczta|mobil|smartphone|handy|телефон|proton)",
    r"^(?:iphone|android|mobil)\S{0,12} (?:kuldve|gesendet)",
    r"\biphone-?\w{0,4} kuldve",
    r"^(?:pobierz (?:aplikacje )?outlook|get outlook for|stahnete si outlook|outlook beszerzese"
    r"|завантажте outlook|holen sie sich outlook)",
    r"^wyslane (?:za pomoca|przy uzyciu|z programu|z bezpiecznej) ",
)

# Boilerplate, by what it is. One sentence that matches makes its line a footer, unless the
# line carries something of its own (``NEWS``).
FOOTERS: Mapping[str, tuple[str, ...]] = {
    "confidentiality": (
        r"\bpoufn\w+ (?:informac|tresc)|informac\w+ poufn|wylacznie (?:do uzytku "
        r"|dla )(?:jej )?adresat",
        r"jes(?:li|eli) nie jestes\w* (?:\w+ )?(?:adresat|odbiorc)"
        r"|nie jest\w* (?:\w+ )?(?:adresat|odbiorc)em",
        r"nie jestes\w* (?:jej )?(?:adresat|odbiorc)",
        r"\b(?:duvern\w+ informac|nejste.{1,20}adresat|neni urcena vam"
        r"|urcen\w* pouze (?:pro )?adresat)",
        r"\b(?:dovern\w+ informac|nie ste.{0,20}(?:adresat|prijemc)|urcen\w* (?:len|iba"
        r"|vylucne) .{0,15}adresat)",
        r"\bbizalmas (?:informac|tartalm)|nem on a cimzett|kizarolag a cimzett",
        r"\bconfidential\b|(?:not|only|solely) (?:for )?(?:the )?intended recipient"
        r"|intended (?:solely|only) for",
        r"\bvertraulich\w*|nicht der (?:richtige|beabsichtigte|vorgesehene) (?:adressat"
        r"|empfanger)",
        r"конфіденційн\w+ інформац|не є адресатом|призначен\w+ (?:лише|виключно"
        r"|тільки) (?:для )?адресат",
    ),
    "personal_data": (
        r"\badministrator\w* (?:\w+ ){0,2}danych|\brodo\b|przetwarza\w+ (?:\w+ ){0,2}dan(?:e"
        r"|ych) osobow",
        r"dane (?:osobowe )?(?:sa )?przetwarza|polityk\w+ prywatnosci|obowiazek informacyjny",
        r"\b(?:spravc\w+|zpracov\w+) (?:\w+ ){0,2}(?:osobnich )?udaju|ochran\w+ osobnich udaju"
        r"|\bgdpr\b",
        r"\b(?:spracuv\w+|spracovan\w+|ochran\w+|prevadzkovatel\w*) (?:\w+ ){0,2}osobnych udajov",
        r"\badat(?:kezel|vedelm)\w+|szemelyes adat\w*",
        r"\bdata controller\b|privacy (?:policy|notice)|process\w* your (?:personal )?data",
        r"\bdatenschutz\w*|personenbezogen\w+ daten|\bdsgvo\b",
        r"(?:обробк|захист)\w+ персональних даних|політик\w+ (?:конфіденційності|приватності)",
    ),
    "automatic": (
        r"(?:wiadomosc|mail|e-?mail|list)\w* (?:\w+ ){0,5}(?:automatycznie|z automatu)",
        r"(?:wiadomosc|e-?mail) (?:jest )?(?:generowan\w+|automatyczn\w+)"
        r"|automatyczn\w+ (?:wiadomosc|powiadomieni)",
        r"(?:nie odpowiad\w+|nieodpowiad\w+) (?:\w+ ){0,3}(?:na )?(?:t[ae]|ten|nia|niego"
        r"|wiadomosc|mail|e-?mail)",
        r"prosi\w+ (?:\w+ ){0,3}nie ?odpowiad|nie monitorujemy (?:tej )?skrzynki",
        r"(?:zprava|e-?mail|mail) (?:\w+ ){0,4}automaticky|automaticky (?:\w+ ){0,3}(?:e-?mail"
        r"|zprav\w)|neodpovidejte",
        r"(?:sprava|e-?mail|mail) (?:\w+ ){0,4}automaticky"
        r"|automaticky (?:\w+ ){0,3}(?:sprav\w)|neodpovedajte",
        r"automatikus(?:an)? (?:\w+ ){0,4}(?:uzenet|level|e-?mail|ertesit|kuld|general)"
        r"|ne valaszoljon|kerjuk,? ne valasz",
        r"automat\w+ (?:generated|sent|message|e-?mail|notification)|do not reply|don't reply"
        r"|no-?reply (?:address|mail)",
        r"automatisch (?:\w+ ){0,2}(?:generiert|erstellt|erzeugt|versendet|versandt)"
        r"|nicht auf diese (?:e-?mail|nachricht|mail)",
        r"(?:лист|повідомлення) (?:\w+ ){0,3}автоматичн\w+|автоматичн\w+ (?:лист|повідомлення)"
        r"|не відповідайте на",
    ),
    "withdrawal": (
        r"(?:prawi?\w* (?:do )?odstapi\w+|odstapi\w+ od umowy|zwro(?:t|ci)\w*).{0,80}\b14 dni",
        r"\b14 dni\b.{0,80}(?:na zwrot|odstapi\w+|zwroci\w+ towar)"
        r"|przypominamy o prawie (?:do )?odstapieni",
        r"zwrot (?:zglosi\w+|mozna zglosic|zglasza)",
        r"(?:odstoupi\w*|odstoupeni\w*|vratit).{0,60}14 (?:dnu|dni)|14 (?:dnu"
        r"|dni).{0,60}(?:vratit|odstoup)",
        r"(?:odstupi\w*|odstupeni\w*|vratit).{0,60}14 dni|14 dni.{0,60}(?:vratit|odstup)",
        r"14 nap.{0,60}(?:elall|visszakuld)|elallasi jog",
        r"(?:return|withdraw\w*).{0,80}(?:14|fourteen) days|(?:14"
        r"|fourteen)[- ]day\w*.{0,60}(?:return|withdraw)",
        r"\bwiderruf\w*.{0,80}(?:14|vierzehn) tage|(?:14|vierzehn) tage\w*.{0,60}(?:widerruf"
        r"|zuruck)|widerrufs(?:recht|belehrung)",
        r"14 днів.{0,60}(?:поверн|відмов)|(?:поверн|відмов)\w+.{0,60}14 днів",
    ),
    "print": (
        r"\bdrukuj tylko|zanim (?:\w+ )?wydrukuj|przed wydrukowaniem|(?:dbaj|pomysl) o srodowisk",
        r"\bnez (?:\w+ )?vytisknete|netisknete|setrete prirodu|zivotni prostredi",
        r"\bpred (?:\w+ )?tlacou|zivotne prostredie",
        r"\bmielott kinyomtat|gondolj\w* a kornyezet|kornyezetunk",
        r"\bconsider the environment|think before (?:you )?print|before printing",
        r"\bbevor sie .{0,40}(?:aus)?drucken|denken sie an die umwelt|umwelt zuliebe",
        r"перш ніж друкувати|подбайте про довкілля|друкуйте лише",
    ),
    "unsubscribe": (
        r"\bwypis(?:z|ac) (?:sie|ze)|zrezygn\w+ z (?:\w+ )?(?:newsletter|subskrypcj"
        r"|otrzymywani)|unsubscribe",
        r"\bodhlas\w* (?:se |sa )?(?:z |zde|tu|odber|newsletter)|odhlasit (?:se "
        r"|sa )?(?:z )?odber",
        r"\bleiratkoz\w*|feliratkoz\w+ (?:lemond|megszunt)",
        r"\b(?:newsletter )?abmelden\b|newsletter abbestellen",
        r"відписатис[яь]|скасувати підписку",
    ),
    "invoices_on_request": (
        r"\bfaktur\w+ (?:vat )?(?:sa )?(?:wystawia\w+|wystawimy|wystawiane"
        r"|przesylamy) (?:\w+ ){0,2}na (?:zyczeni|prosb|zadani)",
        r"\bfaktur\w+ .{0,30}(?:mozna|mozesz) (?:pobrac|znalezc) (?:w|na) (?:histori|kon|panelu)",
        r"\bfaktur\w+ (?:\w+ ){0,3}na (?:vyzadani|pozadani|vyziadanie|poziadanie)",
        r"\bszamla\w* (?:\w+ ){0,3}keresre",
        r"\binvoices? (?:\w+ ){0,5}(?:on|upon) request",
        r"\brechnung\w* (?:\w+ ){0,4}auf (?:wunsch|anfrage)",
        r"рахун\w+ (?:\w+ ){0,3}на (?:запит|вимогу|прохання)",
    ),
    "self_praise": (
        r"\b[345](?:[.,]\d{1,2})? ?(?:/|z|ze|out of|von|з|из|na|on) ?5\b"
        r"|\b[345][.,]\d{1,2} ?(?:csillag|gwiazd|stars?|sterne|hvezd|hviezd|зір)",
        r"klienci (?:\w+ )?(?:oceniaja|polecaja) nas|kunden (?:bewerten|empfehlen) uns"
        r"|customers (?:rate|love|recommend) us|vasarloink ertekeles|нас оцінили"
        r"|zakaznici (?:nas )?(?:hodnoti|hodnotia)",
        r"\b\d{2,3} ?% (?:\w+ )?(?:zakaz|kund|klient|vasarlo|kupuj|customers|покупц|клієнт)"
        r"|^(?:dekujeme|dakujeme) za (?:\w+ )?(?:hodnoceni|hodnotenie)",
        r"\bsuper sprzedawc|\b\d{2}(?:[.,]\d{1,2})? ?% (?:\w+ ){0,2}(?:pozytywn|polec|zadowol)",
        r"\b(?:tysi\w+|\d{3,}|\d+ tys\.?) (?:\w+ ){0,2}(?:pozytywn\w+ )?(?:ocen|opini"
        r"|komentarz|zadowolonych)",
        r"\b\d{2}(?:[.,]\d)? ?% (?:\w+ ){0,2}(?:kladn|pozitivn|spokojn|elegedett|pozitiv"
        r"|positive|positiv|zufrieden|позитивн)",
    ),
    "contact": (
        r"^(?:masz pytania|pytania|w razie pytan|potrzebujesz pomocy|w przypadku pytan"
        r"|jesli masz pytania)\b",
        r"^(?:mate dotaz\w*|otazky|dotazy|v pripade (?:dotazu|otazok|jakychkoli|akychkolvek)"
        r"|mate otazk\w+|potrebujete (?:poradit|pomoc))\b",
        r"^(?:kerdese van|kerdes eseten|kerdesek|segitsegre van szuksege|ha kerdese)\b",
        r"^(?:(?:do you )?have (?:any )?questions|questions|any questions|need help"
        r"|if you have (?:any )?questions)\b",
        r"^(?:(?:haben sie|noch|sie haben)?\s?fragen|bei (?:ruck)?fragen)\b",
        r"^(?:маєте (?:запитання|питання)|(?:запитання|питання)\?|якщо (?:у вас )?(?:є"
        r"|виникли) (?:питання|запитання)|потрібна допомога)",
    ),
    "company": (
        r"\b(?:krs|regon|sad rejonowy|kapital zakladowy|rejestr przedsiebiorcow)\b",
        r"\b(?:zapsan\w* (?:v|u) |spisova znacka|obchodni rejstrik|obchodny register"
        r"|zapisan\w* v obch)",
        r"\bcegjegyzek\w*|\bcg\.? ?\d\d",
        r"\b(?:handelsregister|amtsgericht|hrb ?\d|geschaftsfuhrer)",
        r"\bregistered (?:office|in england)|company (?:number|no\.? ?\d)",
        r"єдрпоу",
        # One line with a post code, a street and a tax number, as under a letterhead.
        r"^[^:]{3,90}\b\d{2,3}[- ]?\d{2,3}\b[^:]{3,80}\b"
        r"(?:nip|dic|ic dph|ico|ic|vat|ust-id\w*\.?(?:nr)?|adoszam)"
        r"\b[^a-z]{0,4}(?:[a-z]{2})?\d{7}",
        r"\b(?:powered by|built with|sklep na platformie) ",
    ),
    "social": (
        r"(?:znajdz|obserwuj|polub|dolacz do|sledz) nas\b|(?:sledujte|najdete) nas\b"
        r"|nasledujte nas"
        r"|kovess(?:en)? minket|follow us\b|find us on|folgen sie uns|folge uns|(?:слідкуйте"
        r"|стежте) за нами",
    ),
}

# What a shop says of all its parcels and invoices. Such a sentence may name what would be news
# in another one ("Parcels are sent on working days"), so ``NEWS`` is not asked about it.
SHOP_RULES: Mapping[str, tuple[str, ...]] = {
    "pl": (
        r"^(?:wszystkie )?zamowienia (?:zlozone|oplacone|zaksiegowane)\b.{0,60}"
        r"(?:wysylamy|nadajemy|realizujemy|wychodza|wyslemy)",
        r"^(?:paczki|przesylki|zamowienia) (?:nadajemy|wysylamy|realizujemy|wychodza)\b.{0,60}"
        r"(?:dni|dnia|godz|\d{1,2}[:.]\d{2})",
        r"^nie odbierasz (?:paczki )?w terminie",
        r"\b(?:status|stan|przebieg|historie?) .{0,30}(?:mozesz|mozna) .{0,20}(?:sprawdz|sledz)",
        r"^(?:twoj )?(?:paragon|dowod zakupu|faktur)\w*(?: (?:lub|albo|i) \w+)?"
        r"(?: \w+){0,2} (?:znajd\w+|jest|dolacz\w+)(?: sie)? (?:w|do) (?:paczce|paczki|przesylce"
        r"|przesylki|kazdej)",
        r"sprawdz\w* (?:\w+ ){0,2}(?:zawartosc|stan|przesylk|paczk)\w*.{0,40}"
        r"(?:przy|w obecnosci) kurier",
        r"\bprotokol\w* szkody",
        r"^(?:standardowy |przewidywany )?czas (?:realizacji|dostawy|wysylki)\b.{0,30}"
        r"(?:wynosi|to|:)",
        r"^(?:reklamacj\w+|zwrot\w*)(?: (?:i|oraz) \w+)? (?:przyjmujemy"
        r"|prosimy (?:kierowac|zglaszac)|mozna zglaszac|zglaszaj\w*|rozpatrujemy)",
        r"\b(?:30|60|90|100) dni na (?:zwrot|wymian)",
        r"^(?:zapisz sie|dolacz) (?:do|na) (?:\w+ )?(?:newsletter|klub|list)",
        r"^(?:infolinia|biuro obslugi|obsluga klienta|pracujemy|jestesmy czynni)\b.{0,40}"
        r"(?:\d{1,2}[:.]\d{2}|\d ?- ?\d)",
        r"^(?:w tym (?:tygodniu|miesiacu) )?polecamy\b",
        r"^nie przegap (?:nowosci|promocji|okazji|ofert)|^odbierz (?:\w+ )?(?:rabat|znizk)",
        r"^chcesz (?:wiedziec, gdzie|sledzic)\b.{0,30}(?:paczk|przesylk)",
        r"^(?:zapraszamy|do zobaczenia) ponownie\b",
        r"\bfaktur\w+ (?:\w+ ){0,3}(?:znajdziesz|pobierzesz|pobrac|znajduj\w+) (?:zawsze )?"
        r"(?:w|na|po) (?:\w+ )?(?:panelu|kon|zalogowaniu|histori|zakladce)",
        r"\bfaktur\w+ (?:\w+ )?(?:znajdziesz|pobierzesz) (?:w|na) (?:\w+ )?(?:histori|panelu|kon)",
    ),
    "cs sk": (
        r"^(?:vsechny |vsetky )?(?:objednavky|zasilky|zasielky|baliky)\b.{0,40}"
        r"(?:odesilame|odosielame|expedujeme|posielame|posilame)\b",
        r"^stav objednavky (?:muzete|mozete|lze|mozno)",
        r"^(?:faktur\w+|doklad\w*|uctenk\w+|blocek)\b.{0,30}(?:najdete|najdes) (?:v|ve|vo) "
        r"(?:baliku|zasilce|zasielke|uctu|ucte|historii)",
        r"^(?:reklamac\w+|vraceni)\b.{0,20}(?:prijimame|prijimame|vyrizujeme|vybavujeme)",
        r"^(?:prihlaste|prihlas) (?:se|sa|si) (?:k|na)? ?(?:odber|newsletter)",
        r"^(?:zakaznicka (?:linka|podpora)|infolinka|zakaznicky servis)\b",
        r"\b(?:30|60|90|100) (?:dnu|dni) na (?:vraceni|vratenie)",
        r"\bposkozen\w+ (?:obal|zasilk|balik|krabic|karton)\w*.{0,12}"
        r"\b(?:prosim|prosime|nechte|nahlaste)\b.{0,40}(?:protokol|zapsat|sepsat|kuryr|ridic)",
        r"\bposkoden\w+ (?:obal|zasielk|balik|krabic|karton)\w*.{0,12}"
        r"\b(?:prosim|prosime|dajte|nahlaste)\b.{0,40}(?:protokol|zapisat|spisat|kurier|vodic)",
        r"^(?:pri|v pripade) posko(?:ze|de)n\w+.{0,40}protokol",
        r"^(?:cislo )?uctu? (?:pro|na) (?:pripadn\w+ )?(?:vratky|vraceni|vratenie)",
        r"^(?:stav|stav objednavky) si (?:muzete|mozete) (?:overit|zkontrolovat|skontrolovat)\b",
        r"^(?:odebirejte|odoberajte|sledujte|nezmeskejte|nezmeskajte) (?:\w+ )?"
        r"(?:novinky|newsletter|akc)",
        r"^(?:tento tyden|tento tyzden|tipy na|mohlo by se|mohlo by sa)\b",
        r"^(?:chcete sledovat|kde je moj|kde je muj|sledovani zasilky|sledovanie zasielky)\b",
    ),
    "hu": (
        r"^a(?:z)? .{0,30}\b(?:leadott|beerkezett) rendeleseket\b",
        r"^(?:a )?rendelese? allapotat .{0,30}(?:ellenor|kovet|megtekint)",
        r"^(?:ugyfelszolgalat|iratkozzon fel|iratkozz fel)\b",
        r"^a szamla(?:t)? (?:a csomagban|a fiokjaban)",
        r"\bserult (?:csomagolas|doboz|csomag)\w* eseten\b.{0,60}(?:jegyzokonyv|futar|atvetel)",
        r"\ballapot\w*\b.{0,40}\b(?:bejelentkez|belep)\w*.{0,20}(?:ellenor|megtekint|kovet)",
        r"^(?:ne maradjon le|ajanlatunk|eheti ajanlat|hirlevel)",
    ),
    "en": (
        r"^(?:all )?orders (?:placed|paid|received)\b.{0,40}"
        r"\b(?:ship|shipped|sent|dispatched|leave|go out)\b",
        r"^(?:parcels|orders) are (?:shipped|sent|dispatched) (?:on|every|within)",
        r"^you can (?:check|track|follow|see) (?:the status|your orders?)\b.{0,40}account",
        r"^(?:you (?:can|will) find )?(?:the|your) (?:invoice|receipt)\b.{0,30}"
        r"(?:order history|in the (?:parcel|box)|your account)",
        r"^you (?:can|will) find (?:the|your) (?:invoice|receipt) in\b",
        r"check the (?:parcel|package|contents) .{0,30}(?:presence|front) of the courier",
        r"^(?:please )?(?:have|report|note) (?:any )?damaged (?:packaging|parcels?|box(?:es)?)\b",
        r"^you can (?:check|see|follow) (?:the|its|your) (?:order )?status\b.{0,30}log(?:ging)? in",
        r"^(?:sign up|subscribe|join) (?:for |to )?(?:our )?(?:newsletter|mailing list)",
        r"^(?:don't miss|this week we recommend|you may also like|follow our)\b",
        r"^(?:want to|where to) (?:track|follow) (?:your|the) (?:parcel|package)",
        r"^(?:our )?(?:customer service|helpline|office) (?:is )?(?:open|available)\b",
        r"\b(?:30|60|90|100) days? (?:to|for) return",
    ),
    "de": (
        r"^(?:alle )?bestellungen (?:bis|vor) .{0,40}(?:versand|verschick|versend)\w*",
        r"^den status (?:ihrer|deiner) bestellung .{0,40}(?:konto|einsehen|prufen)",
        r"^(?:die|ihre) rechnung finden sie (?:in|im)\b",
        r"^(?:unser )?kundenservice (?:ist|erreich)",
        r"\bbeschadigt\w* (?:verpackung|paket|karton)\w*.{0,12}"
        r"\bbitte\b.{0,40}(?:protokoll|fahrer|zusteller|vermerk)",
        r"^den status (?:ihrer bestellung )?konnen sie\b.{0,50}(?:einlogg|konto|anmeld)",
        r"^(?:melden sie sich|abonnieren sie)\b.{0,30}newsletter",
        r"\b(?:30|60|90|100) tage (?:ruckgabe|widerruf)",
        r"^(?:newsletter abonnieren|verpassen sie|diese woche empfehlen|jetzt zum newsletter)\b",
    ),
    "uk": (
        r"^(?:усі |всі )?замовлення,? (?:оформлені|оплачені)\b.{0,40}(?:відправля|надсила)",
        r"^(?:статус|стан) замовлення (?:можна|можете) ",
        r"^(?:підпишіться|підписуйтесь|підпишись) на (?:\w+ )?(?:розсилку|новини|знижки)",
        r"^(?:не пропустіть|цього тижня радимо)",
        r"^(?:служба підтримки|гаряча лінія)\b?",
        r"^(?:у|в) разі пошкоджен\w+ (?:упаковк|посилк|коробк).{0,60}(?:акт|кур'єр|водій|складі)",
        r"^статус (?:замовлення )?можна перевірити.{0,40}(?:кабінет|увійш)",
    ),
}

# A line made of nothing but names of networks and what separates them.
SOCIAL_NAMES = (
    r"^(?:(?:facebook|fb|instagram|insta|youtube|tiktok|tik tok|twitter|x|linkedin|pinterest"
    r"|whatsapp"
    r"|messenger|telegram|viber|blog|www\.[^\s/]{3,60}"
    r"|(?:https?://)?[^\s/]{3,60}\.(?:pl|cz|sk|hu|eu|com|de|ua|net|shop))"
    r"[\s|•·,/-]*){1,10}$"
)

# A bar of links: short pieces without figures between separators.
LINK_BAR = r"^(?:[^|•·\d?!\n]{2,40}[|•·]){2,}[^|•·\d?!\n]{2,40}[|•·]?$"

# What keeps a line from being taken for boilerplate: a question, money, a long number, a
# document or code in hand, a parcel on its way.
# A parcel's, most likely: no phone's, register's or account's.
PARCEL_NUMBER = (
    r"(?:^|\b(?:nr|numer|przesylk\w*|paczk\w*|dhl|dpd|gls|ups|fedex|inpost|pocztex|packeta|orlen)"
    r"[ :]{1,2})\d{11,24}\b"
)
NEWS = (
    rf"{PARCEL_NUMBER}|"
    r"\?|\b\d+[.,]\d{2} ?(?:zl|pln|eur|kc|czk|huf|ft|usd|uah|грн|€|\$)|\b\d{3,} ?(?:zl|pln|ft"
    r"|huf|kc)\b"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-|\bw zalaczeniu"
    r"|\bw zalaczniku (?:przes|znajd|wysyl|faktur|dokum)"
    r"|\bv priloze|\bmellekelten|\battached (?:is|you|please)|\bim anhang|у вкладенні"
    r"|\b(?:kod|haslo|klucz|kod\w+ aktyw\w+|code|kulcs|schlussel|passwor\w+|heslo"
    r"|licenc\w+)\b.{0,20}:"
    r"|\b(?:paczk|przesylk|zasilk|balik|csomag|parcel|paket|посилк)\w* .{0,30}"
    r"(?:wysl|nada|odesl|odosl|feladt|shipped|sent|versand|verschickt|unterwegs|відправ)"
)


def flat(table: Mapping[str, Iterable[str]]) -> str:
    """All patterns of a table as one alternation."""
    return "|".join(pattern for patterns in table.values() for pattern in patterns)


def compiled(pattern: str) -> Pattern:
    """Compile for RE2, which no text can make run away; ``\\w`` takes Cyrillic as well."""
    options = re2.Options()
    options.max_mem = 64 << 20
    options.never_capture = True
    options.log_errors = False
    return cast(
        Pattern, re2.compile("(?m)" + pattern.replace(r"\w", r"[0-9a-z_а-яёєіїґ]"), options)
    )


ATTRIBUTION = compiled(flat(ATTRIBUTIONS))
WHO_OR_WHEN = compiled(HAS_WHO_OR_WHEN)
DIVIDER = compiled(flat(DIVIDERS))
SIGN_OFF = compiled(rf"^(?:{flat(SIGN_OFFS)})")
GREETING_TOO = compiled(OPENS_TOO)
DEVICE = compiled("|".join(DEVICES))
SHOP_RULE = compiled(flat(SHOP_RULES))
FOOTER = compiled(flat({**FOOTERS, **SHOP_RULES, "bars": (SOCIAL_NAMES, LINK_BAR)}))
NEWS_OF_ITS_OWN = compiled(NEWS)
PARCEL_TOLD = compiled(PARCEL_NUMBER)
BLOCK_FIELDS = tuple(
    compiled(pattern) for pattern in (FIELD_FROM, FIELD_DATE, FIELD_TO, FIELD_SUBJECT)
)

"""Tell a sentence that only this mail says from what templates say, by its words.

In:  a sentence as written and folded, the languages that the mail may be in.
Out: whether many of its words are none that mails about an order's state are made of.

Pure. A rule knows only what it was told, and what a buyer must not miss ("Rinse it before first
use", "The screws are taped to the underside") can be about anything. What shop programs say of
orders, parcels, payments and documents is a small vocabulary, so it is that which is listed here,
by the first letters of its words. A sentence with several others is worth the buyer's eye.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from awizo.triage.usual_abroad import ABROAD

STEM = 5  # letters by which a word is known; endings follow
FEWEST_WORDS = 3
FEWEST_SMALL = 2  # words in small letters; names and firms in a row are no sentence
FOREIGN_FROM = 2  # words that the list does not know
FOREIGN_SHARE = 0.2  # of the sentence's words
# In a sentence that a rule knows, the words that it does not know are mostly details.
FOREIGN_IN_KNOWN_FROM = 4
FOREIGN_SHARE_IN_KNOWN = 0.34

_WORD = re.compile(r"(?<!\w)[^\W\d_]{3,}(?!\w)")  # no piece of an id

_LISTS = {
    "pl": """
        a aby adres aktua albo album ale alleg ani ankie anulo aplik artyk autom autor
        awizo az bank banko bardz beda bedzi bez bezpa bezpi bierz bieza blik bloki bo
        brak brutt by byc byl byla bylo byly bys bysci cala cale calos celna celny cena
        centr chce chcem chces chetn chwil ci ciagu cie ciebi cieka co compl cyfro czas
        czeka czerw czesc czter czwar czy czym czynn czyta daj dalej dalsz damy danyc
        danym data digit dla dlate dni dnia dniac dniu do dobra dobre dobry dobrz docel
        dodaj dojec dokla dokon dokum dolac domu dorec dosta doste doszl dotar dotra
        dotrz dotyc drodz droga droge drogi druga drzwi duzej dwa dwoch dyspo dzial
        dziek dziel dzien dzis dzisi ekipa ekolo ekspe elekt email emali energ etap
        etapa etyki faktu firma firme firmi firmo firmy fiska forma formi formu gdy
        gdzie godz godzi gotow grudn gwiaz hej hejka histo hura ich ile ilosc im indek
        infor inne inneg innej innyc innym inpos ja jada jak jaka jaki jakie jako jakos
        jeden jedna jedno jedny jedzi jego jej jesli jest jeste jeszc jutra jutro juz
        karta karte karty kiedy kiero kilka kim klien klika klikn klucz kod kodem kolej
        kolez komen kompl konca konci konco konsu konta konto korek koryg koszy krok
        kroki kroku krotk ksef ksiaz ksieg kto ktora ktore ktory kupic kupil kupio kupuj
        kurie kwiet kwoci kwota kwote laczn lada leci lepsz lezy liczb liczy link linki
        lipca list lista liste listo listu logis loguj losuj lub luteg luty ma magaz
        mail maila maile mailo maja mala malej malym mam mamy marca marze masz miesi
        mija mila mileg milo minel minut mknie mnie moj moja moje momen moze mozes mozna
        musis my mysli na nabyw nad nadaj nadal nadam nadan nadaw nadzi najpi najpo
        nalez nalic nam nami napis nas nasi naste nasz nasza nasze naszy nazwa negat
        netto nic nie nieba niecz niedz niego niej nikog nim ninie niz note nowa nowe
        nowej nowin nowy nr numer o oba obecn obie obieg obowi obslu ocen ocena ocene
        oceni oceny oczek od odbie odbio odbit oddal oddam oddzi odebr odezw odjed odnot
        odpis odply odpow odpra odsta odzyw ofert ok okolo on ona one oni onlin opera
        opini opisz oplac opusc oraz orygi osobi osobn ostat oto otrzy otwor packe paczc
        paczk paczu pakow pakun pan pana panel panem pani panie panst papie parag pare
        pasuj payu pazdz pdf pelni pewni piate piatk piec piecz pieni pierw placo platf
        platn plik pliki pliku po pobie pobra poczt pod podaj podan podcz podgl podja
        podje podno podob podpi podro podsu podzi poinf pojaw pojec pojut polec polek
        polsk polud pomag pomoc pomoz pomyl pomys pon ponie poniz ponow popra poprz
        porta porza posre poste poszl potem potrz potwi poucz powia powie powin powio
        powod powyz pozdr pozos pozyc pozyt prace pracu pracy prawa proba probo produ
        profi profo prosb prosi prosz przeb przed przek przel przep przes przet przew
        przez przy przyc przyd przyg przyj przyp przys punkc punkt pytan rabat rachu
        rano raz razem razie razu reali rece recen regul rekla reszt robic roboc robot
        rodzi rosli rozli rozpo rozwi ruszy rzecz sa sadzi saldo sam sama same sameg
        samym sasia satys sciag sekcj sekun serde serwi sie siedz siema sierp skali
        sklad sklep skomp skorz skryt skrze skrzy sledz slow sluzy smiga soba sobie
        sobot socze sorto spako spaku spod spodz sporz sposo spraw sprob sprze sroda
        srodk stacj stad stan statu stron stycz sukce suma super swiet swoim swoje syste
        szano szcze szt sztuk szyc szyku ta tak taki takie takim tam te tego tej tel
        telef temat temu ten teraz termi tez to toba tobie toku towar trafi trakc trans
        trasa trase trasi tresc trwa trzeb trzy tu tutaj twoic twoim twoj twoja twoje
        tych tydzi tygod tylko tym u udane udany udost udzia ukonc ulegl umowy uprze
        uregu urzad urzed uslug ustaw uzytk vat w wam wami warto was wasz wazna wazne
        wazny wczor we wersj wiado widzi wiec wiece wiecz wiedz wiesc witaj witam wkrot
        wlasn wplat wplyn wplyw wraze wroci wrzes wskaz wszel wszys wtore wybor wybra
        wydan wydru wyeks wygen wyjec wykon wylac wymag wynos wypad wypel wyrus wyrzu
        wysla wysle wysta wyswi wysyl wyszl z za zaakc zabie zabra zacho zacze zadow
        zadzw zajac zajmi zajmu zakla zakon zaksi zakup zalac zalez zalic zalog zamaw
        zamow zanim zapak zapis zapla zapra zapuk zarej zarez zasta zatrz zaufa zawar
        zawsz zdan zdani zdrow ze zeby zespo zgadz zgoda zgodn zloze zlozo zmian zmien
        zmier znac znajd znajo znow zobac zosta zreal zwiaz zwoln zwrot zycze zyczy
    """,
    "en": """
        a about above accep accou ackno actio addre after again ago all alrea also alway
        am amoun an and any appre appro are arriv as asked at attac attem autho autom
        avail await away back bank be becau been befor begun being below best betwe big
        board books both bough box boxed bring build busy but buyin by call can cance
        captu card care carri centr chang charg check choos clear click colle come comme
        compl condi confi consi conta copy could count couri credi curre custo daily
        date day days dear debit delay deliv depot despa detai did digit dispa do docum
        does doing done down downl drive drop dropp due each eco email enclo endin engra
        enjoy every excit exper faile feedb few file fill find finis first five follo
        for forma forwa free frida from fulfi full fully funds furth get getti give go
        goes going gone good goods got great had hand hande happy has have hear heard
        hello help helps her here hi him his histo hold hope hour hours how hub if impro
        in inclu info infor invoi is it item items its job journ just keep kind know
        label lande last later lates leave leavi left let lette letti like likel line
        link list locke log long look lot loud love made mail make makin many mark marke
        matte may me messa mind minut misse momen monda money month more morni most move
        moves movin much my name near need neede negat neigh new news next no nobod not
        note notif now numbe of off offic on once one ones onlin only open opera opini
        or order other our out over own pack packa packe packi page paid paper parce
        part party passe pay payin payme pdf photo pick picke picki picku place pleas
        point post poste prepa print pro proce produ progr provi purch putti quest queue
        quick quota rate rated ratin reach ready recei recen recip recom recor refer
        refun regar regis remin reply rest retur revie right round satis satur scale
        scan scann secon see seen sell selle send sende sendi sent servi settl share
        ship shipm shipp ships shop shopp short shoul sir so some soon sort sorte sorti
        stage star stars start statu step still stock store succe such summa sunda surch
        sure surve syste take tax team tell tells terms than thank that the their them
        then there these they thing think this those throu thurs till time to today
        toget tomor tonig took total touch track trans tried trip trust try tuesd under
        unrea until up updat us use van vat versi via view wait waiti waits want wareh
        was way we websi wedne week weeke welco well went were what when where which
        while who will wish with withi word work worki world would write yet you your
        yours
    """,
}
USUAL = {name: frozenset(words.split()) for name, words in (_LISTS | ABROAD).items()}


def is_unusual(original: str, folded: str, languages: Collection[str], *, known: bool) -> bool:
    """Whether a sentence says something that templates do not say.

    Names say nothing: a word with a capital letter counts only at the beginning, but in German,
    which writes any noun so. A line of an address or of contacts is no sentence.

    Args:
        languages: Of the mail; where one of them has no list, or none is told, the answer is no.
        known: A rule knows the sentence.
    """
    lists = [USUAL.get(name) for name in languages]
    usual = frozenset[str]().union(*(words for words in lists if words is not None))
    if not usual or None in lists:
        return False
    written, words = _WORD.findall(original), _WORD.findall(folded)
    if len(written) != len(words):
        written = words
    plain = [
        word
        for number, (word, one) in enumerate(zip(words, written, strict=True))
        if (number == 0 or one.islower() or "de" in languages) and word != "https"
    ]
    small = sum(one.islower() for one in written)
    if len(plain) < FEWEST_WORDS or small < FEWEST_SMALL or "@" in original:
        return False
    foreign = sum(word[:STEM] not in usual for word in plain)
    if known:
        return foreign >= max(FOREIGN_IN_KNOWN_FROM, FOREIGN_SHARE_IN_KNOWN * len(plain))
    return foreign >= max(FOREIGN_FROM, FOREIGN_SHARE * len(plain))

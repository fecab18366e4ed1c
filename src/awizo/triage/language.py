"""Tell in which languages a mail may be written, by its small words.

In:  the folded subject and text of a mail.
Out: the languages whose rules may speak; an empty set when the words do not tell.

Pure. Languages that are near to each other share stems ("problem", "faktura", "status"), so a
rule of one would often hold in a mail of another and mean something else there. Small words
("oraz", "vasi", "wurde") settle it. Where they do not, every language is heard.
"""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile(r"[a-zа-яёєіїґ]+(?:'[a-zа-яєіїґ]+)?")

CHARS_READ = 2_000
LETTER = 1.0  # what a letter of its own counts; a name may bring it into another language
OWN_LETTERS = {
    "pl": frozenset("ąęłśźż"),
    "cs": frozenset("ěřů"),
    "sk": frozenset("ľĺŕ"),
    "hu": frozenset("őű"),
    "de": frozenset("ß"),
    "uk": frozenset("іїєґ"),
}
SURE_FROM = 2.5  # small words of the likeliest language; one that n languages share counts 1/n
NEAR = 0.4  # of the likeliest one's words: another language may be meant as well

_LISTS = {
    "pl": """
        i w z ze sie nie jest oraz dla przez twoje twoja twoj twojego twojej panstwa pan
        pani pana dzien dobry witaj witam czesc hej dziekujemy dziekuje zostalo zostala
        zostal zostaly przy ktory ktore ktora juz ci tobie cie nas nam nasz naszej naszym
        mozesz prosimy prosze jesli zamowienie zamowienia zamowieniu paczka paczki paczke
        przesylka przesylki przesylke wkrotce wlasnie bedzie czy jak tylko ale lub przed po
        zl faktura fakture faktury platnosc wplata wplate kurier kurierowi dzis jutro
        pozdrawiamy pozdrawiam numer sledzenia jeszcze mamy
    """,
    "cs": """
        a v ve se je jsme jsou vase vasi vas vam vasim byla bylo byl byly pro pri dobry den
        dekujeme dekuji zbozi zasilka zasilku zasilky objednavka objednavku objednavky
        objednavce prosime muzete jiz uz jste nebo ktery ktera ktere platba platbu platby
        dnes zitra dopravce faktura fakturu priloze kc neni bude mame nami nas ze za ucet
        ucte nakup nakupu hodnoceni vyzvednuti odeslana odeslano prijali prijata
        neodpovidejte zprava zpravu jeste take hezky zakaznik
    """,
    "sk": """
        a v vo sa je sme su vasa vasu vase vas vam vasej bola bolo bol boli pre pri dobry
        den dakujeme dakujem tovar zasielka zasielku zasielky objednavka objednavku
        objednavky prosim mozete uz ste alebo ktory ktora ktore platba platbu uhrada dnes
        zajtra dopravca faktura fakturu prilohe nie bude mame nasho nas ze za ucet nakup
        nakupu hodnotenie vyzdvihnutie odoslana odoslane prijali prijata neodpovedajte
        sprava spravu este tiez kuriera balik
    """,
    "hu": """
        a az es nem hogy van volt lesz kedves tisztelt udvozlettel koszonjuk rendeles
        rendelese rendeleset rendelesed csomag csomagja csomagot csomagod csomagodat szamla
        szamlat fizetes fizetese megerkezett on onnek ont ez ezt mar meg ma holnap kerjuk
        kerem vagy mint ha feladtuk atadtuk futar futarnak hamarosan vasarlas vasarlasat
        termek termeket nyugta itt napon belul ne valaszoljon uzenet koszonettel utan alatt
        szerint szallitas egy ki be le
    """,
    "en": """
        the and is are was were has have been your you our we will with for from this that
        order payment parcel hello hi dear thank thanks please it its to of on at by not us
        can invoice shipped today tomorrow soon now here be a an if about just
    """,
    "de": """
        der die das und ist sind wurde wurden haben hat wir sie ihre ihr ihren ihrer ihnen
        ihrem dein deine fur mit von zu zur zum bei nicht den dem ein eine einen bestellung
        sendung rechnung zahlung paket guten tag hallo danke vielen dank liebe lieber bitte
        auf unter im am heute morgen bereits oder auch uns unser unsere es werden wird
        konnen noch jetzt
    """,
    "uk": """
        і й в у з на не що для ваше ваша ваш вашу вас вам було була був замовлення посилка
        посилку оплата оплату рахунок добрий день вітаємо дякуємо дякую до за від ми та або
        це вже сьогодні завтра будь ласка чи як при є номер
    """,
}
SMALL_WORDS = {name: frozenset(words.split()) for name, words in _LISTS.items()}
SHARED_BY = Counter(word for small in SMALL_WORDS.values() for word in small)


def languages_of(folded: str, original: str = "") -> tuple[str, ...]:
    """Return the languages a mail may be written in, empty when its words do not tell.

    The likeliest comes first.

    Args:
        folded: Subject and text.
        original: The same before folding, for the letters that only one language has.
    """
    words = set(_WORD.findall(folded[:CHARS_READ]))
    known = words & SHARED_BY.keys()
    scores = {
        name: sum(1 / SHARED_BY[word] for word in small & known)
        for name, small in SMALL_WORDS.items()
    }
    letters = set(original[:CHARS_READ].lower())
    for name, own in OWN_LETTERS.items():
        if letters & own:
            scores[name] += LETTER
    best = max(scores.values())
    if best < SURE_FROM:
        return ()
    near = [name for name, score in scores.items() if score >= max(1, NEAR * best)]
    return tuple(sorted(near, key=lambda name: -scores[name]))

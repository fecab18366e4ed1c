"""What was newly written, told from quotes, signatures and boilerplate, in seven languages."""

from __future__ import annotations

import pytest

from awizo.triage.parse import parse
from support.rawmail import a_mail, a_multipart, a_page, a_part

NEW = "Tak, mamy ten kolor w magazynie."
OLD = "Czy jest czerwony? Zapłaciłem wczoraj."

ATTRIBUTIONS = [
    "W dniu 3.11.2026 o 12:00, Jan Kowalski pisze:",
    "W dniu 2026-11-03 12:00, Jan Kowalski <a+b@allegromail.pl> napisał(a):",
    "pon., 3 lis 2026 o 12:00 Jan Kowalski <a+b@allegromail.pl> napisał(a):",
    "Dnia 3 listopada 2026 12:00 Jan <a+b@allegromail.pl> napisał(a):",
    'Użytkownik "Jan" <a+b@allegromail.pl> napisał:',
    "Wiadomość napisana przez Jan Kowalski <a+b@allegromail.pl> w dniu 3 lis 2026, o godz. 12:00:",
    "On Tue, Nov 3, 2026 at 12:00 PM Jan Kowalski <a+b@allegromail.pl> wrote:",
    "Dne 3.11.2026 v 12:00 Jan Novák napsal(a):",
    "út 3. 11. 2026 v 12:00 odesílatel Jan Novák <a+b@allegromail.pl> napsal:",
    "Dňa 3. 11. 2026 o 12:00 Ján Novák napísal(a):",
    "po 3. 11. 2026 o 12:00 Ján Novák <a+b@allegromail.pl> napísal(a):",
    "Nagy János <a+b@allegromail.pl> ezt írta (időpont: 2026. nov. 3., K, 12:00):",
    "2026. 11. 03. 12:00 keltezéssel, Nagy János írta:",
    "Am 03.11.2026 um 12:00 schrieb Hans Meier:",
    "Am Di., 3. Nov. 2026 um 12:00 Uhr schrieb Hans Meier <a+b@allegromail.pl>:",
    "вт, 3 лист. 2026 р. о 12:00 Іван Франко <a+b@allegromail.pl> пише:",
    "3 листопада 2026 р., 12:00, Іван Франко написав(ла):",
    '3 листопада 2026, 12:00:00, від "Іван Франко" <a+b@allegromail.pl>:',
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_what_stands_under_an_attribution_is_quoted(attribution: str) -> None:
    message = parse(a_mail(f"{NEW}\r\n\r\n{attribution}\r\n{OLD}\r\n"))

    assert message.new_text == NEW
    assert message.quoted_text == f"{attribution}\n{OLD}"


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_an_attribution_may_be_wrapped(attribution: str) -> None:
    words = attribution.split(" ")
    half = len(words) - 2
    wrapped = " ".join(words[:half]) + "\r\n" + " ".join(words[half:])
    message = parse(a_mail(f"{NEW}\r\n\r\n{wrapped}\r\n> {OLD}\r\n"))

    assert message.new_text == NEW


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_an_answer_below_the_quote_is_new(attribution: str) -> None:
    message = parse(a_mail(f"{attribution}\r\n> {OLD}\r\n>\r\n> Jan\r\n\r\n{NEW}\r\n"))

    assert message.new_text == NEW
    assert OLD in message.quoted_text


def test_answers_between_the_quotes_are_new() -> None:
    message = parse(
        a_mail(
            "> Czy jest czerwony?\r\nTak.\r\n\r\n> A kiedy wyślecie?\r\nJutro rano.\r\n",
            headers="Subject: Re: kolor",
        )
    )

    assert message.new_text == "Tak.\n\nJutro rano."


@pytest.mark.parametrize(
    "divider",
    [
        "-----Wiadomość oryginalna-----",
        "-------- Oryginalna wiadomość --------",
        "---------- Przekazana wiadomość ---------",
        "-----Original Message-----",
        "---------- Forwarded message ---------",
        "---------- Původní e-mail ----------",
        "-----Původní zpráva-----",
        "-----Pôvodná správa-----",
        "-----Eredeti üzenet-----",
        "-----Ursprüngliche Nachricht-----",
        "-------- Weitergeleitete Nachricht --------",
        "-----Оригінальне повідомлення-----",
        "-------- Переадресоване повідомлення --------",
        "Eredeti üzenet",
        "Od: Jan Kowalski <a+b@allegromail.pl>\r\nWysłano: wtorek, 3 listopada 2026 12:00\r\n"
        "Do: sklep@example.com\r\nTemat: kolor",
        "From: Jan <a+b@allegromail.pl>\r\nSent: Tuesday, November 3, 2026 12:00\r\n"
        "To: sklep@example.com\r\nSubject: color",
        "Od: Jan Novák\r\nKomu: sklep@example.com\r\nDatum: 3. 11. 2026\r\nPředmět: barva",
        "Od: Ján Novák\r\nOdoslané: utorok 3. novembra 2026\r\nKomu: x\r\nPredmet: farba",
        "Feladó: Nagy János\r\nKüldve: 2026. november 3.\r\nCímzett: x\r\nTárgy: szín",
        "Von: Hans\r\nGesendet: Dienstag, 3. November 2026\r\nAn: x\r\nBetreff: Farbe",
        "Від: Іван\r\nНадіслано: 3 листопада 2026 р.\r\nКому: x\r\nТема: колір",
        "*Od:* Jan\r\n*Data:* 3 listopada 2026\r\n*Do:* x\r\n*Temat:* kolor",
    ],
)
def test_the_old_message_under_its_heading_is_quoted(divider: str) -> None:
    message = parse(a_mail(f"{NEW}\r\n\r\n{divider}\r\n\r\n{OLD}\r\n"))

    assert message.new_text == NEW
    assert OLD in message.quoted_text


@pytest.mark.parametrize(
    "quote",
    [
        '<div class="gmail_quote"><div>On Tue wrote:</div><blockquote>{}</blockquote></div>',
        '<blockquote type="cite">{}</blockquote>',
        '<div id="appendonsend"></div><hr><div>{}</div>',
        '<div id="divRplyFwdMsg"><b>Od:</b> Jan</div><div>{}</div>',
        '<div class="yahoo_quoted">{}</div>',
        '<div class="protonmail_quote">{}</div>',
        "<p>W dniu 3.11.2026 o 12:00, Jan pisze:</p><blockquote>{}</blockquote>",
        '<div style="border-top:solid #E1E1E1 1.0pt"><p><b>Od:</b> Jan<br>'
        "<b>Wysłano:</b> wtorek<br>"
        "<b>Do:</b> x<br><b>Temat:</b> kolor</p></div><p>{}</p>",
    ],
)
def test_a_quote_on_a_page_is_told_by_its_markup(quote: str) -> None:
    message = parse(a_page(f"<div>{NEW}</div>" + quote.format(OLD)))

    assert message.new_text == NEW
    assert OLD in message.quoted_text


def test_an_answer_below_a_quote_on_a_page_is_new() -> None:
    message = parse(a_page(f'<blockquote type="cite"><div>{OLD}</div></blockquote><p>{NEW}</p>'))

    assert (message.new_text, message.quoted_text) == (NEW, OLD)


def test_an_indented_block_of_an_automatic_mail_is_no_quote() -> None:
    message = parse(a_page("<p>Twój kod:</p><blockquote>ABCD-1234</blockquote>"))

    assert "ABCD-1234" in message.new_text


def test_an_arrow_on_a_page_is_no_quote() -> None:
    message = parse(a_page("<p>Paczka w drodze.</p><p>&gt; Śledź przesyłkę</p>"))

    assert "> Śledź przesyłkę" in message.new_text


def test_a_table_of_sender_and_recipient_is_no_quote() -> None:
    text = "Nadawca: Sklep\r\nOdbiorca: Jan\r\nData: 3.11.2026\r\nNumer: 12345678901"

    assert parse(a_mail(text)).quoted_text == ""


def test_a_sentence_about_writing_is_no_attribution() -> None:
    text = "Kurier napisał: brak odbiorcy.\r\nProsimy o kontakt do 5.11.2026."

    assert parse(a_mail(text)).quoted_text == ""


# --- signatures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sign_off",
    [
        "Pozdrawiam",
        "Z poważaniem,",
        "Serdecznie pozdrawiamy",
        "S pozdravem",
        "S pozdravom",
        "Üdvözlettel",
        "Tisztelettel:",
        "Best regards,",
        "Kind regards",
        "Mit freundlichen Grüßen",
        "Viele Grüße",
        "З повагою,",
        "Přeji hezký den",
        "Prajem pekný deň",
        "Szép napot!",
        "Freundlicher Gruß",
        "LG",
        "Всього найкращого,",
        "Щиро ваші",
        "-- ",
        "--",
    ],
)
def test_a_signature_is_not_what_was_written(sign_off: str) -> None:
    signature = f"{sign_off}\r\nEwa Kos\r\nSklep Sowa\r\ntel. 89 527 11 11"
    message = parse(a_mail(f"{NEW}\r\n\r\n{signature}\r\n"))

    assert message.new_text == NEW
    assert message.signature.split("\n")[1:] == ["Ewa Kos", "Sklep Sowa", "tel. 89 527 11 11"]


@pytest.mark.parametrize(
    "line",
    [
        "Wysłane z iPhone'a",
        "Wysłane z iPhone’a",
        "Sent from my iPhone",
        "Odesláno z iPhonu",
        "Odoslané z iPhonu",
        "iPhone-ról küldve",
        "Von meinem iPhone gesendet",
        "Надіслано з iPhone",
        "Pobierz aplikację Outlook dla systemu Android",
    ],
)
def test_the_line_of_a_telephone_is_a_signature(line: str) -> None:
    message = parse(a_mail(f"{NEW}\r\n\r\n{line}\r\n"))

    assert (message.new_text, message.signature) == (NEW, line)


@pytest.mark.parametrize(
    "after",
    [
        "P.S. Kod do aktywacji wyślemy jutro.",
        "Czy możemy wysłać zielony zamiast czerwonego?",
        "Paczka została nadana kurierem DPD, numer 0000797406976U, do doręczenia w środę.",
        "Do dopłaty 12,50 zł",
    ],
)
def test_what_is_said_after_the_signature_is_not_lost(after: str) -> None:
    message = parse(a_mail(f"{NEW}\r\n\r\nPozdrawiam\r\nEwa\r\n\r\n{after}\r\n"))

    assert after in message.new_text


@pytest.mark.parametrize("greeting", ["Hezký den,", "Pekný deň,", "Szép napot!", "Гарного дня!"])
def test_a_wish_that_opens_a_mail_does_not_swallow_it(greeting: str) -> None:
    message = parse(a_mail(f"Kert24\r\n\r\n{greeting}\r\n\r\nplatba dorazila.\r\n"))

    assert "platba dorazila." in message.new_text


def test_a_team_that_does_something_is_no_signature() -> None:
    message = parse(a_mail("Tým Zahrada24 právě balí Vaši objednávku.\r\n\r\nDík za nákup\r\n"))

    assert "balí" in message.new_text


def test_thanks_that_open_a_mail_do_not_swallow_it() -> None:
    text = "Pozdrawiam i przesyłam fakturę.\r\n\r\nFaktura FV 1/2026 jest w załączniku."

    assert "Faktura FV 1/2026 jest w załączniku." in parse(a_mail(text)).new_text


# --- boilerplate ------------------------------------------------------------------------------

NEWS = "Wysłaliśmy Twoją paczkę, numer 0000797406976U."


@pytest.mark.parametrize(
    "footer",
    [
        "Ta wiadomość może zawierać informacje poufne. Jeśli nie jesteś adresatem, usuń ją.",
        "Tato zpráva obsahuje důvěrné informace.",
        "Táto správa obsahuje dôverné informácie.",
        "Az üzenet bizalmas információkat tartalmaz.",
        "This e-mail is confidential and intended solely for the addressee.",
        "Diese E-Mail enthält vertrauliche Informationen.",
        "Це повідомлення містить конфіденційну інформацію.",
        "Administratorem Państwa danych osobowych jest Sklep Sowa, ul. Nowa 1.",
        "Zásady ochrany osobních údajů najdete na webu.",
        "Adatkezelési tájékoztató",
        "Datenschutzerklärung",
        "Wiadomość wygenerowana automatycznie, prosimy na nią nie odpowiadać.",
        "Na tento e-mail prosím neodpovídejte.",
        "Táto správa bola vygenerovaná automaticky, prosím neodpovedajte na ňu.",
        "Ez egy automatikus üzenet, kérjük, ne válaszoljon rá.",
        "This is an automated message, please do not reply.",
        "Diese Nachricht wurde automatisch erstellt. Bitte antworten Sie nicht darauf.",
        "Це автоматичне повідомлення, будь ласка, не відповідайте на нього.",
        "Drukuj tylko wtedy, gdy musisz.",
        "Please consider the environment before printing this e-mail.",
        "Facebook | Instagram | YouTube",
        "Sledujte nás: Facebook | Instagram",
        "Przypominamy o prawie do odstąpienia od umowy w ciągu 14 dni od otrzymania przesyłki.",
        "Zboží můžete vrátit do 14 dnů bez udání důvodu.",
        "A terméket 14 napon belül indoklás nélkül visszaküldheti.",
        "You can return the goods within 14 days.",
        "Sie können die Ware innerhalb von 14 Tagen zurückgeben (Widerrufsrecht).",
        "Товар можна повернути протягом 14 днів.",
        "Aby wypisać się z newslettera, kliknij tutaj.",
        "Faktury wystawiamy na życzenie kupującego, także po zakupie.",
        "Invoices are issued on request.",
        "Jesteśmy Super Sprzedawcą, mamy 99,8% pozytywnych ocen!",
        "Masz pytania? Napisz do nas: sklep@example.com",
        "Otázky? sklep@example.com",
        "Fragen? sklep@example.com",
        "Sąd Rejonowy w Lublinie, KRS 0000123456, kapitał zakładowy 50 000 zł",
    ],
)
def test_boilerplate_is_told_from_news(footer: str) -> None:
    message = parse(a_mail(f"{NEWS}\r\n\r\n{footer}\r\n"))

    assert (message.new_text, message.footer) == (NEWS, footer)


@pytest.mark.parametrize(
    "line",
    [
        "Przyjęliśmy Państwa odstąpienie od umowy, pieniądze zwrócimy jutro.",
        "Czy faktura ma być na firmę?",
        "Faktura za zamówienie 1234: do zapłaty 120,50 zł, prosimy nie odpowiadać na tę wiadomość.",
        "Nie odpowiadaj na tę wiadomość. Twój kod: ABCD-1234",
        "Wysłaliśmy paczkę. Masz pytania? Napisz do nas.",
        "Paczka została wysłana. Wiadomość wygenerowana automatycznie.",
        "Tylko dziś -20% na wszystko. Wypisz się: https://news.example.com/wypisz",
        "Faktura VAT FV 12/2026 jest w załączniku.",
        "Dane do faktury: Firma Sp. z o.o., 30-702 Kraków, NIP 6793112850",
        "Reklamację przyjęliśmy, odpowiemy w ciągu 14 dni.",
        "FedEx 179944166029, 1 karton 9,6 kg: prosimy sprawdzić zawartość przy kurierze.",
    ],
)
def test_a_line_with_news_in_it_is_never_cut(line: str) -> None:
    assert line in parse(a_mail(f"{NEWS}\r\n\r\n{line}\r\n")).new_text


def test_a_table_of_the_order_stays() -> None:
    page = (
        "<p>Kompletujemy zamówienie.</p><table><tr><th>Produkt</th><th>Cena</th></tr>"
        "<tr><td>Lampa</td><td>44,78 zł</td></tr><tr><td>Razem</td><td>44,78 zł</td></tr></table>"
    )

    assert parse(a_page(page)).new_text == (
        "Kompletujemy zamówienie.\n\nProdukt\tCena\nLampa\t44,78 zł\nRazem\t44,78 zł"
    )


# --- pages and flowed text --------------------------------------------------------------------


@pytest.mark.parametrize(
    "hidden",
    [
        '<div style="display:none">ukryte</div>',
        '<div style="DISPLAY : NONE !important"><div>ukryte</div> dalej</div>',
        '<span style="max-height:0px;overflow:hidden">ukryte</span>',
        '<div style="visibility:hidden">ukryte</div>',
        '<span style="opacity:0;">ukryte</span>',
        "<p hidden>ukryte</p>",
        "<style>.preheader{display:none}</style><span class='x preheader'>ukryte</span>",
        "<style>#pre { color:red; display: none }</style><span id=pre>ukryte</span>",
        "<!-- ukryte -->",
        "<!--[if mso]><p>ukryte</p><![endif]-->",
        "<script>ukryte</script>",
        "<title>ukryte</title>",
    ],
)
def test_what_a_page_hides_is_not_read(hidden: str) -> None:
    message = parse(a_page(f"<html><body>{hidden}<p>widoczne</p></body></html>"))

    assert message.text == "widoczne"


@pytest.mark.parametrize(
    "shown",
    [
        "<style>@media (max-width:600px){.x{display:none}}</style><p class=x>widoczne</p>",
        '<p style="opacity:0.9;max-height:0.5em">widoczne</p>',
        "<!--[if !mso]><!--><p>widoczne</p><!--<![endif]-->",
        "<td><span style=display:none>x</td><td>widoczne</td>",
        "<head><title>x</title><p>widoczne",
        "<p>wi&#100;oczne</p>",
        "<p>wi\u00addocz\u200bne</p>",
    ],
)
def test_what_a_page_shows_is_read(shown: str) -> None:
    assert parse(a_page(shown)).text == "widoczne"


def test_a_page_keeps_its_lines() -> None:
    page = (
        "<p>jeden<br>dwa</p><ul><li>trzy</li><li>cztery &lt;4&gt;</li></ul><div>pięć&nbsp;5</div>"
    )

    assert parse(a_page(page)).text == "jeden\ndwa\n\n- trzy\n- cztery <4>\n\npięć 5"


def test_links_have_what_a_reader_clicks() -> None:
    page = (
        '<a href="https://x.pl/a?b=1&amp;c=2">Pobierz <b>fakturę</b></a>'
        "<a href='https://x.pl/i'><img src=x alt='Śledź paczkę'></a>"
        '<a href="mailto:a@x.pl">napisz</a> https://x.pl/tekst.'
    )

    assert [(link.url, link.label) for link in parse(a_page(page)).links] == [
        ("https://x.pl/a?b=1&c=2", "Pobierz fakturę"),
        ("https://x.pl/i", "Śledź paczkę"),
        ("https://x.pl/tekst", ""),
    ]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("Faktura: https://x.pl/f/1.", "https://x.pl/f/1"),
        ("(https://x.pl/f/1)", "https://x.pl/f/1"),
        ("<https://x.pl/f/1>", "https://x.pl/f/1"),
        ("https://x.pl/f_(1)", "https://x.pl/f_(1)"),
        ("https://x.pl/f/?a=1&b=2,", "https://x.pl/f/?a=1&b=2"),
    ],
)
def test_an_address_in_the_text_is_a_link(text: str, url: str) -> None:
    assert [link.url for link in parse(a_mail(text)).links] == [url]


@pytest.mark.parametrize(
    ("parameters", "text", "expected"),
    [
        ("format=flowed", "jedno \r\nzdanie.\r\ndrugie", "jedno zdanie.\ndrugie"),
        ("format=flowed; delsp=yes", "jed \r\nno.\r\n", "jedno."),
        ("format=flowed", " >x\r\na", ">x\na"),
    ],
)
def test_flowed_text_is_put_together(parameters: str, text: str, expected: str) -> None:
    message = parse(a_mail(text, content_type=f"text/plain; charset=utf-8; {parameters}"))

    assert message.text.rstrip("\n") == expected


def test_a_flowed_quote_stays_a_quote() -> None:
    text = "Tak.\r\n\r\n> Czy jest \r\n> czerwony?\r\n\r\n-- \r\nEwa\r\n"
    message = parse(
        a_mail(
            text,
            content_type="text/plain; charset=utf-8; format=flowed",
            headers="Subject: Re: kolor",
        )
    )

    assert (message.new_text, message.quoted_text) == ("Tak.", "> Czy jest czerwony?")
    assert message.signature == "-- \nEwa"


def test_the_page_tells_the_quote_where_the_text_version_does_not() -> None:
    mail = a_multipart(
        a_part(f"{NEW}\r\n\r\n{OLD}"),
        a_part(f'<p>{NEW}</p><blockquote type="cite">{OLD}</blockquote>', "text/html"),
        kind="alternative",
    )

    assert parse(mail).new_text == NEW

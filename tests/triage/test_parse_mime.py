"""Parts, charsets, names, headers: what mail programs write, read as a person would."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest

from awizo.triage.parse import Budget, parse
from awizo.triage.tnef import SIGNATURE
from support.rawmail import a_mail, a_multipart, a_page, a_part, inner

PDF = b"%PDF-1.4 not much of one"
POLISH = "Zażółć gęślą jaźń. Wysłaliśmy paczkę, ślemy też fakturę źródłową."
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy. Zásilka byla doručena, těšíme se na Vás."
HUNGARIAN = "Árvíztűrő tükörfúrógép. Köszönjük a vásárlást, a csomagot feladtuk, üdvözöljük Önt."
UKRAINIAN = "Вітаємо! Ваше замовлення відправлено, її посилка вже в дорозі. Дякуємо, ґречно."


# --- charsets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", ["utf-8", "iso-8859-2", "windows-1250", "us-ascii", "x-foo"])
@pytest.mark.parametrize(
    ("text", "written"),
    [
        (POLISH, "utf-8"),
        (POLISH, "iso-8859-2"),
        (POLISH, "cp1250"),
        (CZECH, "cp1250"),
        (CZECH, "iso-8859-2"),
        (HUNGARIAN, "iso-8859-2"),
        (HUNGARIAN, "utf-8"),
        (UKRAINIAN, "cp1251"),
        (UKRAINIAN, "koi8-u"),
    ],
)
def test_the_letters_are_right_whatever_charset_is_declared(
    text: str, written: str, declared: str
) -> None:
    mail = a_mail(text.encode(written), content_type=f"text/plain; charset={declared}")

    assert parse(mail).text == text


def test_a_missing_charset_is_guessed_and_told() -> None:
    message = parse(a_mail(POLISH.encode("cp1250"), content_type="text/plain"))

    assert message.text == POLISH
    assert "charset_missing" in message.defects


def test_a_wrong_charset_is_told_and_a_right_one_is_not() -> None:
    wrong = parse(a_mail(POLISH, content_type="text/plain; charset=iso-8859-2"))
    right = parse(
        a_mail(POLISH, content_type="text/plain; charset=iso-8859-2", charset="iso-8859-2")
    )

    assert "charset_wrong" in wrong.defects
    assert right.defects == ()


def test_a_letter_cut_in_two_does_not_spoil_the_rest() -> None:
    message = parse(a_mail((POLISH + " ą").encode()[:-1]))

    assert message.text.startswith(POLISH)
    assert "charset_broken_bytes" in message.defects


def test_utf_8_that_was_encoded_twice_is_mended() -> None:
    message = parse(a_mail("Wysłaliśmy paczkę".encode().decode("latin-1")))

    assert message.text == "Wysłaliśmy paczkę"
    assert "charset_twice" in message.defects


def test_a_page_may_name_its_charset_itself() -> None:
    page = f'<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-2">{POLISH}'
    message = parse(a_mail(page.encode("iso-8859-2"), content_type="text/html"))

    assert message.text == POLISH


def test_a_charset_name_never_reaches_other_codecs() -> None:
    for name in ("zlib", "punycode", "unicode_escape", "rot13", "idna"):
        assert "hello" in parse(a_mail("hello", content_type=f"text/plain; charset={name}")).text


# --- headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("=?utf-8?Q?Faktura_do_zam=C3=B3wienia?=", "Faktura do zamówienia"),
        ("=?iso-8859-2?B?V3lzebNrYSB6YW3zd2llbmlh?= 012774", "Wysyłka zamówienia 012774"),
        # One letter split over two words.
        ("=?utf-8?B?xQ==?=\r\n =?utf-8?B?gg==?=", "ł"),
        ("=?utf-8?B?xY?=\r\n =?utf-8?B?I=?=", "ł"),
        ("=?UTF-8?Q?za=C5?=\r\n =?UTF-8?Q?=82=C4=85cznik?=", "załącznik"),
        ("=?utf-8?Q?a?= =?iso-8859-2?Q?=B1?= b", "aą b"),
        ("=?utf-8*pl?Q?=C5=82?=", "ł"),
        ("Faktura =?utf-8?Q?nr 12?=", "Faktura nr 12"),  # spaces that ought to be "_"
        ("=?utf-8?Q?nie zamkni=C4=99te", "nie zamknięte"),
        ("=?utf-8?X?a?= zostaje", "=?utf-8?X?a?= zostaje"),
        ("=?utf-8?B?!!!?=x", "x"),
        ("Odp: faktura", "Odp: faktura"),
        ("a\r\n b\r\n\tc", "a b c"),
    ],
)
def test_a_subject_is_read_as_its_reader_sees_it(raw: str, expected: str) -> None:
    assert parse(a_mail(headers=f"Subject: {raw}")).subject == expected


@pytest.mark.parametrize("charset", ["utf-8", "cp1250", "iso-8859-2"])
def test_a_header_in_raw_8_bit_is_read(charset: str) -> None:
    message = parse(a_mail(headers="Subject: Wysłaliśmy Twoją paczkę".encode(charset)))

    assert message.subject == "Wysłaliśmy Twoją paczkę"
    assert "header_8bit" in message.defects


def test_the_first_line_of_a_mailbox_and_broken_lines_are_passed_over() -> None:
    message = parse(b"From a@b Mon Nov  2\r\nSubject: x\r\nno field\r\nTo: c@d\r\n\r\nbody")

    assert (message.subject, message.to, message.text) == ("x", ("c@d",), "body")
    assert "header_broken" in message.defects


def test_addresses_are_found_with_their_names() -> None:
    message = parse(
        b"From: =?utf-8?Q?Zielony_Ogr=C3=B3d?= <biuro@ogrod.eu>\r\n"
        b'To: "Kowalski, Jan" <A+B@allegromail.pl>, c+d@allegromail.pl (Ewa),\r\n'
        b" grupa: e@x.pl, F <f@x.pl>;\r\n"
        b"Cc: <g@x.pl>\r\nBcc: h@x.pl\r\nReply-To: r@ogrod.eu\r\nDelivered-To: i@x.pl\r\n\r\n"
    )

    assert (message.from_address, message.from_name) == ("biuro@ogrod.eu", "Zielony Ogród")
    assert message.to == ("A+B@allegromail.pl", "c+d@allegromail.pl", "e@x.pl", "f@x.pl")
    assert message.to_names == ("Kowalski, Jan", "Ewa", "F")
    assert (message.cc, message.bcc) == (("g@x.pl",), ("h@x.pl",))
    assert (message.reply_to, message.delivered_to) == (("r@ogrod.eu",), ("i@x.pl",))


def test_ids_keep_their_brackets() -> None:
    message = parse(
        a_mail(
            headers="Message-Id: <a@x>\r\nIn-Reply-To: Wiadomość <b@x> z dnia\r\n"
            "References: <c@x>\r\n\t<b@x>"
        )
    )

    assert (message.message_id, message.in_reply_to) == ("<a@x>", "<b@x>")
    assert message.references == ("<c@x>", "<b@x>")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Sat, 31 Oct 2026 00:04:00 +0100", datetime(2026, 10, 30, 23, 4, tzinfo=UTC)),
        ("31 Oct 2026 00:04 GMT", datetime(2026, 10, 31, 0, 4, tzinfo=UTC)),
        ("wczoraj", None),
        ("", None),
        ("Sat, 99 Foo 20260 99:99:99 +9999", None),
    ],
)
def test_a_date_is_utc_or_none(raw: str, expected: datetime | None) -> None:
    assert parse(a_mail(headers=f"Date: {raw}")).date == expected


# --- file names -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "disposition",
    [
        'attachment; filename="=?utf-8?Q?Faktura_z=C5=82o=C5=BCona.pdf?="',
        "attachment; filename*=utf-8''Faktura%20z%C5%82o%C5%BCona.pdf",
        "attachment; filename*=iso-8859-2''Faktura%20z%B3o%BFona.pdf",
        "attachment;\r\n filename*0*=utf-8''Faktura%20z%C5%82o;\r\n filename*1*=%C5%BCona;\r\n"
        " filename*2=.pdf",
        "attachment; filename=\"Faktura z.pdf\"; filename*=UTF-8''Faktura%20z%C5%82o%C5%BCona.pdf",
        'attachment; filename="Faktura złożona.pdf"',
        "attachment; filename=Faktura złożona.pdf",
        "attachment; FILENAME = =?utf-8?B?RmFrdHVyYSB6xYJvxbxvbmEucGRm?=",
    ],
)
def test_a_file_name_is_decoded_in_every_spelling(disposition: str) -> None:
    mail = a_multipart(
        a_part("w załączniku"),
        a_part(PDF, "application/pdf", headers=f"Content-Disposition: {disposition}"),
    )

    (attachment,) = parse(mail).attachments

    assert (attachment.name, attachment.content, attachment.part) == (
        "Faktura złożona.pdf",
        PDF,
        "2",
    )


def test_the_name_of_the_type_serves_where_the_disposition_has_none() -> None:
    mail = a_multipart(a_part(PDF, 'application/octet-stream; name="FS 64\\\\M 1/2.pdf"'))

    assert parse(mail).attachments[0].name == "FS 64\\M 1/2.pdf"


def test_a_text_file_is_an_attachment_not_the_body() -> None:
    mail = a_multipart(
        a_part("treść"), a_part("a;b", "text/plain; name=lista.txt"), a_part("<p>x", "text/html")
    )
    message = parse(mail)

    assert message.text == "treść\n\nx"
    assert [a.name for a in message.attachments] == ["lista.txt"]


# --- transfer encodings -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"JVBERi0xLjQgbm90IG11Y2ggb2Ygb25l", PDF),
        (b"JVBERi0xLjQgbm90\r\nIG11Y2ggb2Yg!!b25l\r\n", PDF),
        (b"JVBERi0xLjQgbm90IG11Y2ggb2Ygb25", PDF[:-1]),  # cut short
        (b"JVBERi0=\r\nMS40IG5vdCBtdWNoIG9mIG9uZQ==\r\n", PDF),  # encoded in two goes
    ],
)
def test_base64_is_read_though_it_is_not_clean(lines: bytes, expected: bytes) -> None:
    mail = a_mail(lines, content_type="application/pdf; name=a.pdf", encoding="base64")

    assert parse(mail).attachments[0].content == expected


def test_text_that_only_says_it_is_base64_is_read_as_it_stands() -> None:
    message = parse(a_mail("Dzień dobry, paczka jest już w drodze!", encoding="base64"))

    assert message.text == "Dzień dobry, paczka jest już w drodze!"
    assert "transfer_encoding_wrong" in message.defects


def test_quoted_printable_with_soft_breaks_is_read() -> None:
    mail = a_mail(b"wys=C5=82ano z za=\r\n=C5=82=C4=85cznikiem =3D", encoding="quoted-printable")

    assert parse(mail).text == "wysłano z załącznikiem ="


def test_uuencode_is_read() -> None:
    mail = a_mail(
        b"begin 644 a.pdf\r\n#86)C\r\n`\r\nend\r\n",
        content_type="application/octet-stream; name=a.pdf",
        encoding="x-uuencode",
    )

    assert parse(mail).attachments[0].content == b"abc"


# --- the tree ---------------------------------------------------------------------------------


def test_the_richer_version_is_shown_and_not_both() -> None:
    mail = a_multipart(
        a_part("Faktura do pobrania: https://x.pl/f/1"),
        a_part(
            '<p>Faktura do <a href="https://x.pl/f/1?a=1&amp;b=2">pobrania</a></p>', "text/html"
        ),
        kind="alternative",
    )
    message = parse(mail)

    assert message.text == "Faktura do pobrania"
    assert [(link.url, link.label) for link in message.links] == [
        ("https://x.pl/f/1?a=1&b=2", "pobrania"),
        ("https://x.pl/f/1", ""),
    ]


@pytest.mark.parametrize(
    "note",
    [
        "This is a HTML email and your email client software does not support HTML email!",
        "Aby zobaczyć tę wiadomość, otwórz ją w przeglądarce",
        "",
    ],
)
def test_an_empty_note_does_not_hide_the_page(note: str) -> None:
    mail = a_multipart(
        a_part(note), a_part("<p>Wysłaliśmy paczkę.</p>", "text/html"), kind="alternative"
    )

    assert parse(mail).new_text == "Wysłaliśmy paczkę."


def test_an_empty_page_does_not_hide_the_text() -> None:
    mail = a_multipart(
        a_part("Wysłaliśmy paczkę."), a_part("<html></html>", "text/html"), kind="alternative"
    )

    assert parse(mail).new_text == "Wysłaliśmy paczkę."


def test_what_only_the_text_version_says_is_kept() -> None:
    told = "Niestety zabrakło jednego koloru, czy możemy wysłać zieloną lampę zamiast czerwonej?"
    mail = a_multipart(
        a_part(told), a_part("<p>Dziękujemy za zakupy</p>", "text/html"), kind="alternative"
    )
    message = parse(mail)

    assert told in message.new_text
    assert "alternatives_differ" in message.defects


def test_both_versions_side_by_side_are_shown_once() -> None:
    mail = a_multipart(
        a_part("Wysłaliśmy dzisiaj Twoją paczkę."),
        a_part("<p>Wysłaliśmy dzisiaj Twoją paczkę.</p>", "text/html"),
    )

    assert parse(mail).text == "Wysłaliśmy dzisiaj Twoją paczkę."


def test_an_inline_image_is_told_from_a_file() -> None:
    mail = a_multipart(
        inner(
            "related",
            "r",
            a_part('<img src="cid:logo@x">Dzień dobry', "text/html"),
            a_part(b"png", "image/png; name=logo.png", headers="Content-ID: <logo@x>"),
        ),
        a_part(b"png", "image/png; name=zdjecie.png", headers="Content-Disposition: attachment"),
        a_part(b"gif", "image/gif", headers="Content-Disposition: inline"),
    )
    message = parse(mail)

    assert [(a.part, a.inline) for a in message.attachments] == [
        ("1.2", True),
        ("2", False),
        ("3", True),
    ]


def test_files_in_an_attached_message_are_found() -> None:
    forwarded = a_multipart(
        a_part("stara treść"),
        a_part(PDF, "application/pdf; name=FV.pdf", encoding="base64"),
        headers="Subject: Faktura",
        boundary="other",
    )
    message = parse(a_multipart(a_part("nowa treść"), a_part(forwarded, "message/rfc822")))

    assert message.new_text == "nowa treść"
    assert [(a.name, a.content, a.part, a.nested) for a in message.attachments] == [
        ("FV.pdf", PDF, "2.2", True)
    ]
    assert [(m.subject, m.text) for m in message.nested] == [("Faktura", "stara treść")]


def test_an_attached_message_may_come_as_a_file() -> None:
    forwarded = a_mail("stara treść", headers="Subject: Faktura")
    part = a_part(forwarded, "application/octet-stream; name=wiadomosc.eml", encoding="base64")

    assert parse(a_multipart(a_part("x"), part)).nested[0].subject == "Faktura"


def test_a_boundary_may_begin_like_another() -> None:
    mail = a_multipart(
        inner("alternative", "b-1", a_part("tekst"), a_part("<p>tekst</p>", "text/html")),
        a_part(PDF, "application/pdf; name=a.pdf"),
        boundary="b",
    )
    message = parse(mail)

    assert message.text == "tekst"
    assert [(a.name, a.content) for a in message.attachments] == [("a.pdf", PDF)]


def test_a_multipart_that_is_not_closed_keeps_its_parts() -> None:
    mail = a_multipart(a_part("treść"), a_part(PDF, "application/pdf; name=a.pdf"))
    cut = mail[: mail.rindex(b"--=_part--")].rstrip()
    message = parse(cut)

    assert (message.text, message.attachments[0].content) == ("treść", PDF)
    assert "boundary_not_closed" in message.defects


def test_a_missing_boundary_is_found_in_the_body() -> None:
    mail = a_multipart(a_part("treść"), a_part(PDF, "application/pdf; name=a.pdf"))
    message = parse(mail.replace(b'; boundary="=_part"', b""))

    assert (message.text, message.attachments[0].name) == ("treść", "a.pdf")
    assert "boundary_missing" in message.defects


def test_bare_line_feeds_read_like_line_ends() -> None:
    mail = a_multipart(a_part("treść"), a_part(PDF, "application/pdf; name=a.pdf"))
    message = parse(mail.replace(b"\r\n", b"\n"))

    assert (message.text, message.attachments[0].content) == ("treść", PDF)


# --- winmail.dat ------------------------------------------------------------------------------


def a_tnef(*, name: str, data: bytes, body: str) -> bytes:
    def attribute(level: int, tag: int, value: bytes) -> bytes:
        return struct.pack("<BII", level, tag, len(value)) + value + b"\0\0"

    long_name = name.encode("utf-16-le") + b"\0\0"
    padding = b"\0" * (-len(long_name) % 4)
    properties = (
        struct.pack("<I", 2)
        + struct.pack("<HHI", 3, 0x0E20, len(data))
        + struct.pack("<HHII", 0x1F, 0x3707, 1, len(long_name))
        + long_name
        + padding
    )
    return (
        struct.pack("<IH", SIGNATURE, 1)
        + attribute(1, 0x00069007, struct.pack("<II", 1250, 0))
        + attribute(1, 0x0002800C, body.encode("cp1250") + b"\0")
        + attribute(2, 0x00069002, b"\0" * 14)
        + attribute(2, 0x00018010, b"FAKTUR~1.PDF\0")
        + attribute(2, 0x0006800F, data)
        + attribute(2, 0x00069005, properties)
    )


def test_files_packed_by_outlook_are_unpacked() -> None:
    tnef = a_tnef(name="Faktura złożona.pdf", data=PDF, body="Przesyłam fakturę.")
    part = a_part(tnef, "application/ms-tnef; name=winmail.dat", encoding="base64")
    message = parse(a_multipart(part))

    assert message.text == "Przesyłam fakturę."
    assert [(a.name, a.content, a.part, a.nested) for a in message.attachments] == [
        ("Faktura złożona.pdf", PDF, "1.1", True)
    ]


def test_a_damaged_winmail_gives_what_can_be_read_of_it() -> None:
    tnef = a_tnef(name="FV.pdf", data=PDF, body="Przesyłam.")
    for cut in range(0, len(tnef), 7):
        part = a_part(tnef[:cut], "application/ms-tnef; name=winmail.dat", encoding="base64")
        message = parse(a_multipart(part))
        assert message.attachments or message.text == "Przesyłam."


# --- budgets ----------------------------------------------------------------------------------


def test_what_exceeds_the_budget_is_cut_and_told() -> None:
    mail = a_multipart(*[a_part(PDF, f"application/pdf; name={n}.pdf") for n in range(20)])
    message = parse(mail, Budget(parts=5))

    assert len(message.attachments) == 5
    assert "too_many_parts" in message.defects
    assert "text_cut" in parse(a_mail("a" * 1000), Budget(text_chars=10)).defects
    assert "html_cut" in parse(a_page("a" * 1000), Budget(html_chars=10)).defects
    assert "too_many_headers" in parse(a_mail(), Budget(header_count=2)).defects
    assert "header_too_large" in parse(a_mail(), Budget(header_bytes=20)).defects
    assert "content_cut" in parse(mail, Budget(content_bytes=30)).defects
    links = "".join(f'<a href="https://x.pl/{n}">x</a>' for n in range(9))
    assert "too_many_links" in parse(a_page(links), Budget(links=3)).defects

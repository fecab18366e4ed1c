"""Any bytes parse, and none of them makes the parser run away."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from awizo.model import ParsedMessage
from awizo.triage.parse import Budget, parse
from support.rawmail import a_mail, a_multipart, a_page, a_part

# Generous, for a loaded machine: what is linear takes a fraction of it, what is quadratic in
# these sizes takes minutes.
SECONDS = 15.0

FRAGMENTS = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: multipart/alternative; boundary=b\r\n",
        b"Content-Type: text/html; charset=iso-8859-2\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: application/ms-tnef; name=winmail.dat\r\n",
        b"Content-Type: text/plain; format=flowed; delsp=yes; charset=utf-7\r\n",
        b"Content-Disposition: attachment; filename*0*=utf-8''a%FF; filename*1=b\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Transfer-Encoding: x-uuencode\r\n",
        b"Subject: =?utf-8?B?xY?= =?koi8-u?Q?=C1=?=\r\n",
        b'From: "a\\" <b@c>, (d <e@f>\r\n',
        b"Date: Mon, 30 Feb 99999 25:61:00 +9999\r\n",
        b"In-Reply-To: <a@b>\r\n",
        b"begin 644 x\n",
        b"\x78\x9f\x3e\x22\x01\x00",
        b"<div style='display:none'>",
        b"</div>",
        b"<blockquote type=cite>",
        b"</blockquote>",
        b"<a href='https://x.pl/&#99999999999;'>",
        b"<style>@media{.a{",
        b"<!--",
        b"<td>",
        b"> ",
        b"-- \r\n",
        b"W dniu 3.11.2026 Jan pisze:\r\n",
        b"Pozdrawiam\r\n",
        b"Od: a\r\nData: b\r\nTemat: c\r\n",
        "Wiadomość wygenerowana automatycznie. ąęśżź\r\n".encode(),
        "žluťoučký kůň".encode("cp1250"),
        "посилка відправлена".encode("koi8-u"),
    ]
)
mails = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=12)), max_size=40).map(b"".join)


def texts_of(message: ParsedMessage) -> list[str]:
    return [message.new_text, message.quoted_text, message.signature, message.footer]


@given(st.one_of(st.binary(max_size=400), mails))
@example(b"")
@example(b"\x00" * 100)
@example(b"\xff\xfe" + b"a\x00" * 50)
def test_any_bytes_parse(content: bytes) -> None:
    message = parse(content)

    assert isinstance(message, ParsedMessage)
    message.text.encode()  # holds no lone surrogates
    message.subject.encode()
    assert len(set(message.defects)) == len(message.defects)
    parts = [attachment.part for attachment in message.attachments]
    assert len(set(parts)) == len(parts)


@given(mails)
def test_every_line_is_sorted_once_and_none_is_lost(content: bytes) -> None:
    message = parse(content)

    def lines(texts: list[str]) -> Counter[str]:
        return Counter(line for text in texts for line in text.split("\n") if line.strip())

    assert lines(texts_of(message)) == lines([message.text])


@given(mails)
def test_parsing_is_a_function_of_the_bytes(content: bytes) -> None:
    assert parse(content) == parse(content)


def nested_multiparts(depth: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(depth)
    )


HOSTILE = {
    "ten thousand multiparts in one another": nested_multiparts(10_000),
    "messages in one another": b"Content-Type: message/rfc822\r\n\r\n" * 10_000,
    "a hundred thousand header lines": b"X-A: a\r\n" * 100_000 + b"\r\nx",
    "a header without end": b"Subject: " + b"=?utf-8?q?a?= " * 300_000,
    "quotes that never close": b"To: " + b'("<' * 100_000 + b"\r\n\r\n",
    "garbage that says it is base64": a_mail(
        b"A=%?" * 1_300_000, content_type="application/pdf; name=a.pdf", encoding="base64"
    ),
    "one line of base64": a_mail(b"QUJD" * 1_300_000, encoding="base64"),
    "padding after every letter": a_mail(
        b"QUI=" * 1_000_000, content_type="application/pdf; name=a.pdf", encoding="base64"
    ),
    "a million divs": a_page("<div>" * 1_000_000),
    "a hundred thousand links": a_page("<a href='https://x.pl/'>x" * 100_000),
    "tags that never end": a_page('<a "' * 400_000),
    "comments that never end": a_page("<!--" * 400_000),
    "references": a_page("&#9999999999999999999999;" * 40_000 + "&" * 500_000),
    "style sheets": a_page("<style>@media{" * 70_000),
    "hidden in hidden": a_page("<style>.a{display:none}</style>" + "<p class='b'>" * 70_000),
    "blockquotes": a_page("<blockquote>" * 80_000),
    "tables": a_page("<table><tr><td>a" * 60_000),
    "delimiters that are none": a_multipart(boundary="b") + b"--bX\n" * 1_000_000,
    "delimiters": a_mail(b"--b\n" * 1_000_000, content_type="multipart/mixed; boundary=b"),
    "carriage returns": a_mail(b"\r" * 5_000_000, content_type="multipart/mixed; boundary=b"),
    "line feeds": a_mail(b"\n" * 5_000_000),
    "spaces": a_mail(b" " * 5_000_000),
    "quote signs": a_mail(b">\n" * 1_000_000),
    "heading fields": a_mail(b"od: a\ndo: b\n" * 100_000),
    "attributions": a_mail(b"w dniu 2026 pisze:\n" * 50_000),
    "signatures": a_mail(b"pozdrawiam\n-- \n" * 50_000),
    "addresses in brackets": a_mail(b"https://x.pl/" + b")" * 200_000),
    "marks without letters": a_mail("\u0301".encode() * 1_000_000),
    "bytes of no charset": a_mail(b"\xb1\xff " * 1_000_000),
    "winmail": a_mail(
        b"\x78\x9f\x3e\x22\x01\x00" + b"\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00" * 100_000,
        content_type="application/ms-tnef",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_costs_no_more_than_its_size(name: str) -> None:
    budget = Budget()
    started = time.perf_counter()

    message = parse(HOSTILE[name], budget)

    assert time.perf_counter() - started < SECONDS
    assert len(message.text) <= budget.text_chars + 10
    assert len(message.links) <= budget.links
    assert len(message.attachments) <= budget.parts + 1
    assert len(message.headers) <= budget.header_count


def test_a_large_mail_is_decoded_once() -> None:
    pdf = bytes(range(256)) * 70_000  # 18 MB, 25 MB as Base64
    mail = a_multipart(a_part("x"), a_part(pdf, "application/pdf; name=a.pdf", encoding="base64"))

    assert parse(mail).attachments[0].content == pdf

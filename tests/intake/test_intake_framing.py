"""The end of a message and its content, found in bytes that were cut anywhere."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awizo.intake.data import BareLineEnds, Framer, Head
from awizo.intake.reading import MessageReader
from awizo.model import Client, ContentFacts, Envelope, SpooledMessage
from awizo.settings import Intake
from awizo.smarthost.content import Content

MAX_LINE = 100


def framed(
    raw: bytes, cuts: tuple[int, ...] = (), *, bare_line_ends: BareLineEnds = "normalize"
) -> tuple[bytes, bool, bytes, Framer]:
    """Content, whether it ended, and the rest, of *raw* handed in pieces."""
    framer = Framer(bare_line_ends=bare_line_ends, max_line_bytes=MAX_LINE)
    content = bytearray()
    borders = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    for start, end in pairwise(borders):
        content += framer.feed(raw[start:end])
        if framer.ended:
            return bytes(content), True, framer.rest + raw[end:], framer
    return bytes(content), False, b"", framer


def model(raw: bytes) -> tuple[bytes, bytes] | None:
    """The same for a message that ends, in the plainest words: content and rest."""
    whole = b"\r\n" + raw
    end = whole.find(b"\r\n.\r\n")
    if end < 0:
        return None
    text, rest = whole[: end + 2], whole[end + 5 :]
    text = re.sub(rb"\r*\n", b"\r\n", text)
    text = re.sub(rb"\r(?!\n)", b" ", text)
    text = text.replace(b"\r\n.", b"\r\n")
    return text[2:], rest


TRICKY = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b".", b"\r\n", b"\r\n.", b".\r\n", b"\n.", b"x", b"\0", b"\x1a", b"\xff"]
    ),
    max_size=40,
).map(b"".join)


@settings(max_examples=1000, deadline=None)
@given(TRICKY, st.lists(st.integers(min_value=0, max_value=200), max_size=20))
def test_chunk_borders_never_change_content_or_end(raw: bytes, cuts: list[int]) -> None:
    raw += b"\r\n.\r\nNOOP\r\n"

    content, ended, rest, _ = framed(raw, tuple(cuts))

    assert ended
    assert (content, rest) == model(raw)


@settings(max_examples=300, deadline=None)
@given(TRICKY)
def test_bytes_that_come_one_by_one_give_the_same_message(raw: bytes) -> None:
    raw += b"\r\n.\r\n"

    content, _, rest, _ = framed(raw, tuple(range(len(raw))))

    assert (content, rest) == model(raw)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_a_clean_message_that_was_stuffed_comes_out_byte_for_byte(body: bytes) -> None:
    body = re.sub(rb"\r*\n|\r", b"\r\n", body)
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    stuffed = re.sub(rb"(?m)^\.", b"..", body)

    content, ended, rest, framer = framed(stuffed + b".\r\n")

    assert (content, ended, rest, framer.bare) == (body, True, b"", False)


@pytest.mark.parametrize(
    "not_the_end",
    [
        b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\r\n.\r\r\n",
        b"\n.\r", b"\r.\n", b"\r\n.\0\r\n", b"\r\n\0.\r\n", b"\r\n..\r\n", b"\r\n. \r\n",
        b"\n\r.\r\n", b"\r\n.\x85", b"\xe2\x80\xa8.\r\n", b"\r\n.\x0b\r\n", b"\x0c.\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["normalize", "reject"])
def test_nothing_but_crlf_dot_crlf_ends_a_message(not_the_end: bytes, mode: BareLineEnds) -> None:
    raw = b"a" + not_the_end + b"MAIL FROM:<evil@example.com>"

    for step in range(1, 8):
        assert not framed(raw, tuple(range(0, len(raw), step)), bare_line_ends=mode)[1]
    assert framed(raw + b"\r\n.\r\n", bare_line_ends=mode)[1]


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        (b"a\nb", b"a\r\nb\r\n"),
        (b"a\rb", b"a b\r\n"),
        (b"a\r\r\nb", b"a\r\nb\r\n"),
        (b"a\r\r\r\rb", b"a    b\r\n"),
        (b"a\n..b", b"a\r\n.b\r\n"),
        (b"a\n.b", b"a\r\nb\r\n"),
        (b"Subject: x\r\r\n\r\r\nbody", b"Subject: x\r\n\r\nbody\r\n"),
    ],
)
def test_bare_line_ends_become_what_they_were_meant_to_be(raw: bytes, content: bytes) -> None:
    got, _, _, framer = framed(raw + b"\r\n.\r\n")

    assert got == content
    assert framer.bare


def test_a_message_with_bare_line_ends_is_read_to_its_end_when_it_is_to_be_rejected() -> None:
    _, ended, rest, framer = framed(b"a\nb\r\n.\r\nQUIT\r\n", bare_line_ends="reject")

    assert (ended, rest, framer.bare) == (True, b"QUIT\r\n", True)


@pytest.mark.parametrize("raw", [b".\r\n", b"\r\n.\r\n", b"..\r\n.\r\n"])
def test_a_message_may_be_empty_or_a_dot(raw: bytes) -> None:
    assert framed(raw)[:2] == (raw.removesuffix(b".\r\n").replace(b"..", b"."), True)


def test_nul_and_eight_bit_bytes_pass_unchanged() -> None:
    every = bytes(byte for byte in range(256) if byte not in b"\r\n")

    assert framed(b"x" + every + b"\r\n.\r\n")[0] == b"x" + every + b"\r\n"


@pytest.mark.parametrize("cuts", [(), (1,), (50, 60, 150), tuple(range(300))])
@pytest.mark.parametrize(("length", "too_long"), [(MAX_LINE, False), (MAX_LINE + 1, True)])
def test_a_line_is_measured_whatever_the_borders(
    length: int, too_long: bool, cuts: tuple[int, ...]
) -> None:
    raw = b"short\r\n" + b"y" * length + b"\r\nshort\r\n.\r\n"

    assert framed(raw, cuts)[3].line_too_long is too_long


@pytest.mark.parametrize("flood", [b"\r", b"\n", b".", b"\r\n", b"\n.", b"\r\n..", b"\r\r\n"])
def test_floods_of_line_ends_cost_linear_time(flood: bytes) -> None:
    framer = Framer(bare_line_ends="normalize", max_line_bytes=1 << 20)
    started = time.perf_counter()

    for _ in range(16):
        framer.feed(flood * (65_536 // len(flood)))

    assert time.perf_counter() - started < 5


# --- the header -----------------------------------------------------------------------------------


def head_of(content: bytes, *, piece: int = 10_000, max_bytes: int = 1000) -> Head:
    head = Head(max_bytes=max_bytes)
    for start in range(0, len(content), piece):
        head.take(content[start : start + piece])
    return head


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 10_000])
def test_the_message_id_is_found_with_its_brackets(piece: int) -> None:
    content = (
        b"Subject: Message-ID: <no@x>\r\nmessage-id :\r\n\t<a.b@c.d>\r\nX: y\r\n\r\n"
        b"Message-ID: <body@x>\r\n"
    )

    assert head_of(content, piece=piece).message_id() == "<a.b@c.d>"


@pytest.mark.parametrize(
    "content",
    [b"", b"\r\nMessage-ID: <body@x>\r\n", b"Subject: x\r\n\r\n", b"Message-ID: none\r\n\r\n",
     b"Message-ID: <two words>\r\n\r\n"],
)  # fmt: skip
def test_a_mail_without_message_id_has_none(content: bytes) -> None:
    assert head_of(content).message_id() is None


@pytest.mark.parametrize("piece", [1, 100, 10_000])
def test_a_header_over_the_limit_is_noticed(piece: int) -> None:
    assert head_of(b"X: y\r\n" * 200 + b"\r\n", piece=piece).too_long
    assert not head_of(b"X: y\r\n" * 100 + b"\r\n" + b"z" * 5000, piece=piece).too_long


def test_a_text_without_any_header_is_no_long_header() -> None:
    assert not head_of(b"Just words, no header at all.\r\n" * 200).too_long


def test_hops_are_the_received_fields_of_the_header() -> None:
    content = b"Received: by a\r\n" * 3 + b"received : by b\r\n\r\nReceived: in the body\r\n"

    assert head_of(content).hops() == 4


# --- what is known of a content -----------------------------------------------------------------

MAILS = st.lists(
    st.sampled_from(
        [b"Subject: x", b"Subject: \xc5\xbc", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b".", b"\r\n.",
         b"\xff", b"\0", b"text", b"\r\n\0.\r\n"]
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(MAILS, st.lists(st.integers(min_value=0, max_value=200), max_size=10))
async def test_what_a_reader_knows_is_what_reading_it_through_would_tell(
    raw: bytes, cuts: list[int]
) -> None:
    reader = MessageReader(Intake(), folder=None, now=0.0)
    wire = raw + b"\r\n.\r\n"
    borders = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    for start, end in pairwise(borders):
        if reader.take(wire[start:end]) is not None:
            break
    content = reader.body.file().read()
    message = SpooledMessage(
        id="m1",
        envelope=Envelope("a@example.pl", (), Client("127.0.0.1"), datetime.now(UTC)),
        route="default",
        smarthost="default",
        size_bytes=len(content),
        sha256=reader.body.sha256,
    )

    async def read() -> AsyncIterator[bytes]:
        yield content

    if reader.facts is not None:
        assert await Content(read, len(content)).facts(message) == reader.facts
    assert (reader.facts is None) <= (b"\0" in content or not content.isascii())


def test_of_a_content_with_nul_nothing_is_known() -> None:
    reader = MessageReader(Intake(), folder=None, now=0.0)
    reader.take(b"Subject: x\r\n\r\na\0b\r\n.\r\n")

    assert reader.facts is None


def test_bytes_beyond_ascii_are_told_apart_by_where_they_stand() -> None:
    known = []
    for mail in ("Subject: x\r\n\r\nx", "Subject: x\r\n\r\nż", "Subject: ż\r\n\r\nx"):
        reader = MessageReader(Intake(), folder=None, now=0.0)
        reader.take(mail.encode() + b"\r\n.\r\n")
        known.append(reader.facts)

    assert known == [
        ContentFacts(eight_bit=False, eight_bit_header=False),
        ContentFacts(eight_bit=True, eight_bit_header=False),
        ContentFacts(eight_bit=True, eight_bit_header=True),
    ]

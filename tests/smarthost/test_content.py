"""What goes over the wire is the content, and nothing in it ends the mail early."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import awizo.smarthost.content as content_module
from awizo.errors import PermanentFailure
from awizo.model import Client, ContentFacts, Envelope, SpooledMessage
from awizo.smarthost.content import KEEP_BYTES, Content, Stuffing
from support.peers import LENIENT_END, STRICT_END

SAFE = [b"a", b".", b"..", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"\r\n..\r\n", b"\0", b"\xc5\xbc", b" "]
ODD = [*SAFE, b"\r", b"\n", b"\n.\r\n", b"\r.\r", b"\0.", b"\r\n\0.\0\r\n", b"\r\n\0\0"]


def a_message(content: bytes, facts: ContentFacts | None = None) -> SpooledMessage:
    return SpooledMessage(
        id="m1",
        envelope=Envelope("shop@example.pl", (), Client("127.0.0.1"), datetime.now(UTC)),
        route="default",
        smarthost="default",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        facts=facts,
    )


def given_as(content: bytes) -> Content:
    async def read() -> AsyncIterator[bytes]:
        yield content

    return Content(read, len(content))


def wire_of(
    content: bytes, cuts: list[int] | None = None, *, proven: str | None = None
) -> tuple[bytes, str]:
    stuffing = Stuffing(proven=proven)
    wire = b""
    start = 0
    for cut in [*sorted(cuts or []), len(content)]:
        wire += stuffing.feed(content[start:cut])
        start = max(start, cut)
    wire += stuffing.end()
    return wire, stuffing.sha256


def wire_or_refusal(content: bytes, cuts: list[int]) -> tuple[bytes, str] | str:
    try:
        return wire_of(content, [min(cut, len(content)) for cut in cuts])
    except PermanentFailure as error:
        return error.code


def unstuffed(wire: bytes) -> bytes:
    """As a strict reader of RFC 5321 section 4.5.2 takes it, line by line."""
    lines = wire.split(b"\r\n")
    assert lines[-2:] == [b".", b""]
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:-2])


@given(st.lists(st.sampled_from(SAFE)), st.lists(st.integers(0, 60), max_size=8))
@example([b".", b"\r\n", b"."], [1, 2])
@example([], [])
def test_a_strict_reader_gets_back_what_was_sent_however_it_was_cut(
    parts: list[bytes], cuts: list[int]
) -> None:
    content = b"".join(parts)
    sent = wire_or_refusal(content, cuts)
    if isinstance(sent, str):
        assert sent == "content_unsafe"
        assert b"\0" in content
        return
    wire, digest = sent

    complete = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
    assert unstuffed(wire) == complete
    # What was proven before goes out as the same bytes.
    assert wire_of(content, [min(cut, len(content)) for cut in cuts], proven=digest) == sent
    assert digest == hashlib.sha256(content).hexdigest()


@given(st.lists(st.sampled_from(ODD)), st.lists(st.integers(0, 60), max_size=8))
@example([b"a", b"\r\n\0", b"\0.", b"\0\r\n", b"RCPT"], [4, 5, 6])
@example([b"\0.\r\n"], [1, 2, 3])
@example([b"\0."], [])
@example([b"a\r\n\0."], [4])
def test_no_reader_however_lenient_sees_an_end_before_the_end(
    parts: list[bytes], cuts: list[int]
) -> None:
    content = b"".join(parts)
    sent = wire_or_refusal(content, cuts)
    if isinstance(sent, str):
        assert sent == "content_unsafe"
        return
    behind_data = b"DATA\r\n" + sent[0]
    for end in (LENIENT_END, STRICT_END):
        found = end.search(behind_data)
        assert found is not None
        assert found.end() == len(behind_data)


@given(st.lists(st.sampled_from(ODD)), st.lists(st.integers(0, 60), max_size=8))
@example([b"a", b"\n", b"a", b"\r", b"\r\n"], [5])
def test_what_is_refused_does_not_depend_on_where_it_was_cut(
    parts: list[bytes], cuts: list[int]
) -> None:
    content = b"".join(parts)

    assert wire_or_refusal(content, cuts) == wire_or_refusal(content, [])


@pytest.mark.parametrize(
    "content",
    [
        b"a\nb\r\n",
        b"a\rb\r\n",
        b"a\r",
        b"a\r\r\n",
        b"a\n.\r\nRCPT TO:<x@y>\r\n",
        b"a\r\n\0.\r\nRCPT\r\n",
        b"\0.\r\n",
        b"a\r\n\0\0.\0\r\n",
        b"a\r\n\0.",
    ],
)
def test_bytes_that_could_end_a_mail_early_are_refused(content: bytes) -> None:
    with pytest.raises(PermanentFailure, match="content_unsafe"):
        wire_of(content)


@pytest.mark.parametrize("content", [b"\0\r\n", b"a\0.\r\n", b"\0.x\r\n", b".\0\r\n", b"\0..\r\n"])
def test_nul_bytes_that_end_nothing_pass_unchanged(content: bytes) -> None:
    assert unstuffed(wire_of(content)[0]) == content


def test_a_last_line_without_an_end_gets_one_and_the_digest_stays_that_of_the_content() -> None:
    wire, digest = wire_of(b"a\r\nb")

    assert wire == b"a\r\nb\r\n.\r\n"
    assert digest == hashlib.sha256(b"a\r\nb").hexdigest()


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (b"Subject: x\r\n\r\nabc\r\n", ContentFacts(eight_bit=False, eight_bit_header=False)),
        ("Subject: x\r\n\r\nż\r\n".encode(), ContentFacts(eight_bit=True, eight_bit_header=False)),
        ("Subject: ż\r\n\r\nx\r\n".encode(), ContentFacts(eight_bit=True, eight_bit_header=True)),
        ("\r\nż\r\n".encode(), ContentFacts(eight_bit=True, eight_bit_header=False)),
        ("Subject: ż".encode(), ContentFacts(eight_bit=True, eight_bit_header=True)),
        (b"", ContentFacts(eight_bit=False, eight_bit_header=False)),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_what_a_mail_needs_is_seen_wherever_it_is_cut(
    content: bytes, facts: ContentFacts, size: int
) -> None:
    async def read() -> AsyncIterator[bytes]:
        for start in range(0, len(content), size):
            yield content[start : start + size]

    assert await Content(read, len(content)).facts(a_message(content)) == facts


async def test_a_small_content_is_read_once_and_a_large_one_is_not_kept() -> None:
    reads = 0

    async def read() -> AsyncIterator[bytes]:
        nonlocal reads
        reads += 1
        yield b"abc\r\n"

    small, large = Content(read, 5), Content(read, 50_000_000)
    for content in (small, large):
        await content.facts(a_message(b"abc\r\n"))
        assert [chunk async for chunk in content.chunks()] == [b"abc\r\n"]

    assert reads == 1 + 2


KNOWN = ContentFacts(eight_bit=True, eight_bit_header=True)


async def test_what_intake_learnt_is_believed_of_the_same_bytes_only() -> None:
    content = b"Subject: x\r\n\r\nabc\r\n"

    assert await given_as(content).facts(a_message(content, KNOWN)) == KNOWN
    with pytest.raises(PermanentFailure) as refusal:
        await given_as(b"Subject: x\r\n\r\nabd\r\n").facts(a_message(content, KNOWN))

    assert refusal.value.code == "content_damaged"


async def test_what_is_too_large_to_be_kept_is_read_through_whatever_is_known() -> None:
    content = b"Subject: x\r\n\r\n" + b"abc\r\n" * (KEEP_BYTES // 4)
    large = given_as(content)

    assert await large.facts(a_message(content, KNOWN)) == ContentFacts(False, False)
    assert large.proven_sha256 is None


def test_a_piece_that_is_not_given_out_as_it_was_proven_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuffing = Stuffing(proven="0" * 64)
    monkeypatch.setattr(content_module, "CRLF", b"\n")  # a fault in taking the dots off again

    with pytest.raises(PermanentFailure) as refusal:
        stuffing.feed(b"x\r\n.a\r\n")

    assert refusal.value.code == "content_damaged"

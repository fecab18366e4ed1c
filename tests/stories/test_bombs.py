"""Mails made to break whoever reads them go through the whole service, and hurt nobody else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from awizo.model import Disposition
from support.house import a_house, a_mail, as_sent
from support.pdfs import a_page_bomb, a_stream_bomb

FRIEND = "friend@example.com"
HEAD = b"From: sklep@lampiony.example\r\nTo: x@allegromail.pl\r\nMIME-Version: 1.0\r\n"


def nested_parts(depth: int) -> bytes:
    """A multipart in a multipart in a multipart."""
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        for level in range(depth)
    )
    return HEAD + opened + b"Content-Type: text/plain\r\n\r\nFaktura\r\n"


def nested_mails(depth: int) -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: x\r\n\r\nFaktura\r\n"


def many_parts(count: int) -> bytes:
    part = b"--b\r\nContent-Type: text/plain; name=a.pdf\r\n\r\nx\r\n"
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * count + b"--b--\r\n"


def long_words(count: int) -> bytes:
    """For patterns that go back again and again, and for decoders of words."""
    return (
        HEAD
        + b"Subject: " + b"=?utf-8?q?=C5?= " * 2000 + b"\r\nReferences: " + b"<" * 20_000
        + b"\r\nContent-Type: text/html\r\n\r\n" + b"<div><b" * count + b"Faktura a" * count
        + b"!\r\n"
    )  # fmt: skip


def packed(content: bytes) -> bytes:
    return as_sent(a_mail("Faktura", "W załączniku faktura.", files=[("FV.pdf", content)]))


BOMBS = {
    "nested parts": lambda: nested_parts(20_000),
    "nested mails": lambda: nested_mails(50_000),
    "many parts": lambda: many_parts(100_000),
    "long words": lambda: long_words(200_000),
    "pages": lambda: packed(a_page_bomb(40)),
    "stream": lambda: packed(a_stream_bomb()),
    "gzip": lambda: packed(gzip.compress(bytes(50_000_000))),
    "a header of one line": lambda: HEAD + b"Subject: " + b"a" * 250_000 + b"\r\n\r\nx\r\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_goes_on_unchanged_and_keeps_nobody_waiting(bomb: str, tmp_path: Path) -> None:
    async with a_house(
        tmp_path, documents={"helper_timeout_s": 2}, intake={"max_line_bytes": 10_000_000}
    ) as house:
        order = house.emulator.add_order(buyer="Jan Kowalski")
        content = await house.send(BOMBS[bomb](), order.email)
        # While it is looked into, the mail of somebody else is taken and leaves.
        await house.send(a_mail("Licencja", "Klucz 1234"), FRIEND)
        await house.settled(FRIEND, timeout_s=60)
        stored = await house.settled(order.email, timeout_s=120)

        assert stored.delivery.disposition is Disposition.FORWARD
        assert [one.content for one in house.caught_for(order.email)] == [content]
        history = [entry.event for entry in stored.history]
        assert "judging_interrupted" not in history
        assert order.invoices == []

"""Hostile files: fuzzed judgement, and broken PDF files through the real helper processes."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from awizo.documents import Inspector
from awizo.model import Attachment, ParsedMessage
from awizo.settings import Documents
from support.fuzzing import SECONDS, needs_atheris, run_fuzzer
from support.pdfs import a_pdf, a_scan, an_encrypted_pdf, an_invoice_pdf

FEW = 12  # broken files of the quick test; the slow one takes the whole budget


def seeds() -> list[bytes]:
    """Texts of documents, an e-invoice, a frame, each behind its way and name."""
    invoice = b"Faktura VAT nr FV 12/11/2026\nNIP: 6793112850\nRazem 120,00 PLN"
    bodies = [
        (b"\x00", invoice),
        (b"\x00", "Účtenka č. 5\nCelkem 120 Kč".encode()),
        (b"\x60", b"<?xml version='1.0'?><Faktura xmlns='http://crd.gov.pl'><P_2>1</P_2>"),
        (b"\x60", b"\x89PNG\r\n\x1a\n"),
        (b"\xff", b'{"text": "x", "state": "ok"}'),
    ]
    return [way + b"faktura.pdf".ljust(32) + body for way, body in bodies]


def broken(rng: random.Random) -> bytes:
    """A PDF file with some bytes changed, cut, doubled or moved."""
    content = bytearray(
        rng.choice([an_invoice_pdf(), a_scan(), an_encrypted_pdf(), a_pdf(["x"] * 200)])
    )
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(8, len(content))
        length = rng.randint(1, 200)
        match rng.randrange(4):
            case 0:
                content[at] = rng.randrange(256)
            case 1:
                del content[at : at + length]
            case 2:
                content[at:at] = content[at : at + length] * rng.randint(1, 5)
            case _:
                content[at:at] = rng.randbytes(length)
        if len(content) < 16:
            break
    return bytes(content)


def a_mail(content: bytes) -> ParsedMessage:
    file = Attachment("faktura.pdf", "application/pdf", content, part="2")
    return ParsedMessage(attachments=(file,))


async def test_a_broken_file_costs_at_most_a_helper() -> None:
    rng = random.Random(1)
    inspector = Inspector(Documents(helper_timeout_s=5))
    try:
        for _ in range(FEW):
            (facts,) = await inspector.inspect(a_mail(broken(rng)))
            assert facts.state in ("ok", "damaged", "empty", "encrypted", "too_large", "not_pdf")
        (facts,) = await inspector.inspect(a_mail(an_invoice_pdf("FV 7/2026")))
    finally:
        await inspector.close()

    assert facts.number == "FV 7/2026"


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 2 + 120)
async def test_many_broken_files_cost_at_most_a_helper_each() -> None:
    rng = random.Random()
    inspector = Inspector(Documents(helper_timeout_s=5))
    ends = time.monotonic() + SECONDS
    try:
        while time.monotonic() < ends:
            (facts,) = await inspector.inspect(a_mail(broken(rng)))
            assert 0 <= facts.confidence <= 1
        (facts,) = await inspector.inspect(a_mail(an_invoice_pdf("FV 7/2026")))
    finally:
        await inspector.close()

    assert facts.number == "FV 7/2026"


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 2 + 120)
@needs_atheris
def test_the_judgement_of_documents_survives_a_fuzz_run(tmp_path: Path) -> None:
    run = run_fuzzer("document_target.py", seeds(), tmp_path)

    assert run.returncode == 0, run.stderr[-4000:]
    assert "stat::number_of_executed_units" in run.stderr

"""Files are read in helper processes: a bad one costs a helper, never the service."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from awizo.documents import Inspector
from awizo.model import Attachment, DocumentKind, ParsedMessage
from awizo.settings import Documents
from support.pdfs import (
    a_page_bomb,
    a_pdf,
    a_scan,
    a_stream_bomb,
    an_encrypted_pdf,
    an_invoice_pdf,
)


@pytest.fixture
async def inspector() -> AsyncIterator[Inspector]:
    inspector = Inspector(Documents(helper_timeout_s=3, helper_memory_bytes=600_000_000))
    yield inspector
    await inspector.close()


def a_mail(*files: tuple[str, bytes], subject: str = "", text: str = "") -> ParsedMessage:
    return ParsedMessage(
        subject=subject,
        text=text,
        new_text=text,
        attachments=tuple(
            Attachment(name, "application/octet-stream", content, part=str(index + 2))
            for index, (name, content) in enumerate(files)
        ),
    )


async def test_every_attachment_gets_facts_in_order(inspector: Inspector) -> None:
    mail = a_mail(
        ("FV_12.pdf", an_invoice_pdf("FV 12/11/2026")),
        ("logo.png", b"\x89PNG\r\n\x1a\n"),
        ("regulamin.pdf", a_pdf(["REGULAMIN SKLEPU", "§1. Postanowienia ogólne"])),
    )

    facts = await inspector.inspect(mail)

    assert [(f.part, f.name, f.kind) for f in facts] == [
        ("2", "FV_12.pdf", DocumentKind.INVOICE),
        ("3", "logo.png", DocumentKind.LOGO),
        ("4", "regulamin.pdf", DocumentKind.TERMS),
    ]
    assert facts[0].number == "FV 12/11/2026"


@pytest.mark.parametrize("name", ["", "5f4dcc3b5aa765d61d8327deb882cf99", "dokument.bin", "x.txt"])
async def test_a_pdf_is_known_by_its_first_bytes_whatever_it_is_called(
    inspector: Inspector, name: str
) -> None:
    (facts,) = await inspector.inspect(a_mail((name, b"\r\n" + an_invoice_pdf("FV 7/2026"))))

    assert (facts.kind, facts.number, facts.state) == (DocumentKind.INVOICE, "FV 7/2026", "ok")


async def test_something_called_pdf_that_is_none_says_so(inspector: Inspector) -> None:
    (facts,) = await inspector.inspect(a_mail(("faktura.pdf", b"<html>no</html>")))

    assert facts.state == "not_pdf"


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (an_encrypted_pdf(), "encrypted"),
        (a_pdf([]), "empty"),
        (a_scan(), "ok"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 20, "damaged"),
        (an_invoice_pdf()[:300], "damaged"),
    ],
    ids=["encrypted", "empty", "scan", "noise", "cut off"],
)
async def test_the_state_of_a_file_is_told(
    inspector: Inspector, content: bytes, state: str
) -> None:
    (facts,) = await inspector.inspect(a_mail(("faktura FV 1-2026.pdf", content)))

    assert facts.state == state


@pytest.mark.parametrize(
    ("text", "files", "believed"),
    [
        ("W załączniku skan faktury.", ["skan0043.pdf"], True),
        ("Anbei die Rechnung als Kopie.", ["Scan_20261003_0001.pdf"], True),
        ("W załączniku skan faktury.", ["skan0043.pdf", "skan0044.pdf"], False),
        ("Faktura w paczce, a tu karta gwarancyjna.", ["skan0043.pdf"], False),
        ("W załączniku skan.", ["skan0043.pdf"], False),
    ],
)
async def test_a_scan_that_lies_alone_is_what_the_mail_calls_it(
    inspector: Inspector, text: str, files: list[str], believed: bool
) -> None:
    mail = a_mail(*((name, a_scan()) for name in files), text=text)

    facts = await inspector.inspect(mail)

    assert all((f.is_sales_document and f.confidence >= 0.6) is believed for f in facts)


async def test_a_scan_is_judged_by_its_name_and_the_mail_less_surely(inspector: Inspector) -> None:
    read, scanned = await inspector.inspect(
        a_mail(("FV_3_2026.pdf", an_invoice_pdf("FV 3/2026")), ("faktura_FV_4_2026.pdf", a_scan()))
    )

    assert scanned.kind is DocumentKind.INVOICE
    assert scanned.text_sha256 == ""
    assert 0.6 <= scanned.confidence < read.confidence


async def test_a_file_too_large_for_allegro_is_ok_when_it_can_be_shrunk(
    inspector: Inspector,
) -> None:
    large = an_invoice_pdf("FV 5/2026")
    padded = a_pdf(["Faktura VAT nr FV 5/2026", "NIP: 6793112850", "Razem do zapłaty: 1,00 zł"],
                   padding_bytes=3_200_000)  # fmt: skip
    assert len(padded) > 3_000_000 > len(large)

    (facts,) = await inspector.inspect(a_mail(("FV.pdf", padded)))
    smaller = await inspector.shrink(padded)

    assert facts.state == "ok"
    assert smaller is not None
    assert len(smaller) < 3_000_000
    (again,) = await inspector.inspect(a_mail(("FV.pdf", smaller)))
    assert again.text_sha256 == facts.text_sha256


async def test_a_file_that_cannot_be_shrunk_is_too_large(inspector: Inspector) -> None:
    used = a_pdf(["Faktura VAT nr FV 5/2026"] + ["x" * 90] * 30)

    assert await inspector.shrink(used, max_bytes=200) is None
    assert await inspector.shrink(b"%PDF-no", max_bytes=5) is None


async def test_a_signed_file_is_never_rewritten(inspector: Inspector) -> None:
    signed = a_pdf(["Faktura VAT nr FV 5/2026"], padding_bytes=50_000) + b"%/ByteRange [0 1 2 3]\n"

    assert await inspector.shrink(signed, max_bytes=20_000) is None


@pytest.mark.slow
@pytest.mark.parametrize("bomb", [a_page_bomb(40), a_stream_bomb()], ids=["pages", "stream"])
async def test_a_hostile_file_costs_one_helper_and_the_next_file_is_read(bomb: bytes) -> None:
    inspector = Inspector(Documents(helper_timeout_s=1, helper_memory_bytes=400_000_000))
    try:
        started = time.monotonic()
        bad, good = await inspector.inspect(
            a_mail(("bomb.pdf", bomb), ("FV.pdf", an_invoice_pdf("FV 6/2026")))
        )
        assert time.monotonic() - started < 10
        assert bad.state == "damaged"
        assert good.number == "FV 6/2026"
    finally:
        await inspector.close()


async def test_a_mail_full_of_hostile_files_is_given_up_on_early() -> None:
    inspector = Inspector(Documents(helper_timeout_s=0.3))
    try:
        started = time.monotonic()
        facts = await inspector.inspect(a_mail(*[("bomb.pdf", a_page_bomb(40))] * 30))
        assert {fact.state for fact in facts} == {"damaged"}
        assert time.monotonic() - started < 10
    finally:
        await inspector.close()


async def test_a_helper_that_was_killed_from_outside_is_replaced(inspector: Inspector) -> None:
    await inspector.start()
    (helper,) = inspector._pool._alive
    os.kill(helper.process.pid, signal.SIGKILL)
    await helper.process.wait()

    facts = await inspector.inspect(a_mail(("FV.pdf", an_invoice_pdf("FV 8/2026"))))

    assert facts[0].number == "FV 8/2026"


async def test_an_innocent_file_after_a_cancelled_one_gets_its_own_answer(
    inspector: Inspector,
) -> None:
    slow = asyncio.create_task(inspector.inspect(a_mail(("bomb.pdf", a_page_bomb(40)))))
    await asyncio.sleep(0.4)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow

    (facts,) = await inspector.inspect(a_mail(("FV.pdf", an_invoice_pdf("FV 9/2026"))))

    assert facts.number == "FV 9/2026"


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_helpers_die_with_a_killed_parent() -> None:
    program = textwrap.dedent(
        """
        import asyncio, sys
        from awizo.documents import Inspector
        from awizo.settings import Documents

        async def main():
            inspector = Inspector(Documents())
            await inspector.start()
            print(*[helper.process.pid for helper in inspector._pool._alive], flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert parent.stdout is not None
    helper = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + 10
    while _runs(helper) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert not _runs(helper)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_helpers_know_none_of_our_secrets(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWIZO_ALLEGRO__CLIENT_SECRET", "hidden")
    await inspector.start()
    (helper,) = inspector._pool._alive

    environment = await asyncio.to_thread(Path(f"/proc/{helper.process.pid}/environ").read_bytes)

    assert b"AWIZO" not in environment


async def test_helpers_have_no_file_or_socket_of_ours(inspector: Inspector, tmp_path: Path) -> None:
    with (tmp_path / "awizo.db").open("wb"), socket.create_server(("127.0.0.1", 0)):
        await inspector.start()
        (helper,) = inspector._pool._alive

        fds = Path(f"/proc/{helper.process.pid}/fd")
        open_files = await asyncio.to_thread(lambda: [str(one.readlink()) for one in fds.iterdir()])

    # uvloop talks to a process through a pair of sockets, asyncio through pipes.
    ways = {one for one in open_files if one.startswith(("pipe:", "socket:"))}
    assert set(open_files) <= ways | {"/dev/null", "/dev/urandom"}
    assert len(ways) == 2


def cpu_seconds(pid: int) -> float:
    """What a process has worked so far (proc(5): fields 14 and 15 behind the name)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_a_document_of_100_kb_costs_30_ms_of_work(inspector: Inspector) -> None:
    """Work, not time: other work on the machine makes the same reading take longer."""
    lines = ["Faktura VAT nr FV 1/2026", "NIP: 6793112850"] + ["Lampa 1 szt. 12,00 zł"] * 60
    mail = a_mail(("FV.pdf", a_pdf(lines, padding_bytes=100_000)))
    await inspector.start()
    await inspector.inspect(mail)
    (helper,) = inspector._pool._alive
    ours, theirs = time.process_time(), cpu_seconds(helper.process.pid)

    for _ in range(20):
        await inspector.inspect(mail)

    work = time.process_time() - ours + cpu_seconds(helper.process.pid) - theirs
    assert work / 20 < 0.030

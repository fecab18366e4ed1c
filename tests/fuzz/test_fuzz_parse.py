"""Coverage-guided fuzzing of the parser, with a time budget; findings are kept and replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from awizo.triage.parse import parse
from support.fuzzing import FINDINGS, MAX_BYTES, SECONDS, needs_atheris, run_fuzzer
from support.rawmail import a_mail, a_multipart, a_page, a_part, inner

CORPUS = Path(__file__).parents[1] / "corpus"


def seeds() -> list[bytes]:
    """Small mails of every shape, and those of the corpus."""
    mails = [
        a_mail("Dzień dobry\r\n> cytat\r\n-- \r\nEwa", headers="Subject: =?utf-8?B?xYI=?="),
        a_mail("Dobrý den".encode("cp1250"), content_type="text/plain; charset=iso-8859-2"),
        a_mail(b"=C5=82 =\r\n", encoding="quoted-printable"),
        a_page("<style>.p{display:none}</style><p class=p>x</p><a href='https://x.pl'>y</a>"),
        a_page("<div>a</div><blockquote type=cite>W dniu 1.1.2026 Jan pisze:</blockquote>"),
        a_multipart(
            inner("alternative", "i", a_part("a"), a_part("<p>a</p>", "text/html")),
            a_part(b"x", "application/pdf; name*=utf-8''a%C5%82.pdf", encoding="base64"),
            a_part(a_mail("x"), "message/rfc822"),
            a_part(
                b"\x78\x9f\x3e\x22\x01\x00\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00",
                "application/ms-tnef; name=winmail.dat",
            ),
        ),
    ]
    if CORPUS.is_dir():
        for path in sorted(CORPUS.rglob("*.eml")):
            if path.stat().st_size <= MAX_BYTES:
                mails.append(path.read_bytes())
    return mails


@pytest.mark.parametrize(
    "finding",
    [path for path in sorted(FINDINGS.iterdir()) if path.suffix != ".md"] or [None],
    ids=lambda path: path.name if path else "none",
)
def test_what_was_found_once_stays_found(finding: Path | None) -> None:
    if finding is None:
        pytest.skip("nothing was found so far")
    parse(finding.read_bytes()).text.encode()


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 2 + 120)
@needs_atheris
def test_the_parser_survives_a_fuzz_run(tmp_path: Path) -> None:
    run = run_fuzzer("parse_target.py", seeds(), tmp_path)

    assert run.returncode == 0, run.stderr[-4000:]
    assert "stat::number_of_executed_units" in run.stderr

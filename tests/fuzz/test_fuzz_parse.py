"""Coverage-guided fuzzing of the parser, with a time budget; findings are kept and replayed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from awizo.triage.parse import parse
from support.rawmail import a_mail, a_multipart, a_page, a_part, inner

HERE = Path(__file__).parent
FINDINGS = HERE / "findings"
CORPUS = HERE.parent / "corpus"
SECONDS = int(os.environ.get("AWIZO_FUZZ_SECONDS", "30"))
SLOWEST_S = 10  # for one input of at most MAX_BYTES; more is a finding
MAX_BYTES = 20_000


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
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this machine"
)
def test_the_parser_survives_a_fuzz_run(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, mail in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(mail)

    run = subprocess.run(
        [
            sys.executable,
            str(HERE / "parse_target.py"),
            f"-max_total_time={SECONDS}",
            f"-timeout={SLOWEST_S}",
            f"-max_len={MAX_BYTES}",
            "-rss_limit_mb=2048",
            f"-artifact_prefix={FINDINGS}/",
            "-print_final_stats=1",
            str(corpus),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS * 2 + 100,
        check=False,
        cwd=tmp_path,
    )

    assert run.returncode == 0, run.stderr[-4000:]
    assert "stat::number_of_executed_units" in run.stderr

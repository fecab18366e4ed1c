"""Start a coverage-guided fuzz run as a process of its own, with a time budget.

In:  a target, seeds, limits.
Out: the finished process; what it found lies in ``tests/fuzz/findings``.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "fuzz"
FINDINGS = FOLDER / "findings"
SECONDS = int(os.environ.get("AWIZO_FUZZ_SECONDS", "5"))
SLOWEST_S = 10  # for one input of at most MAX_BYTES; more is a finding
MAX_BYTES = 20_000

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this machine"
)


def run_fuzzer(
    target: str, seeds: Iterable[bytes], folder: Path
) -> subprocess.CompletedProcess[str]:
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    return subprocess.run(
        [
            sys.executable,
            str(FOLDER / target),
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
        cwd=folder,
    )

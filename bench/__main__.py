"""``python -m bench``: measure, print ratios and figures beside what is hoped for.

Bounded in count and time; all traffic is on loopback; ends what it starts.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from awizo.telemetry.logging import configure_logging
from bench import alone, beside_postfix, scaled
from bench.peers import Postfix
from bench.report import Result, as_json, shown

Measure = Callable[..., Iterator[Result]]

BESIDE: dict[str, Measure] = {
    "accept": beside_postfix.durable_accept,
    "path": beside_postfix.whole_path,
}
ALONE: dict[str, Measure] = {
    "latency": alone.latency,
    "memory": alone.memory,
    "leasing": alone.leasing,
    "start": alone.starting,
    "pdf": alone.with_pdf_work,
}
SCALED: dict[str, Measure] = {"replicas": scaled.replicas}


def why_not(name: str) -> str | None:
    """Why a measure cannot be taken here; ``None`` when it can."""
    if name in BESIDE:
        return Postfix.why_not()
    return scaled.why_not() if name in SCALED else None


def main() -> int:
    measures = {**BESIDE, **ALONE, **SCALED}
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("names", nargs="*", help=f"which: {', '.join(measures)}; default: all")
    arguments.add_argument("--quick", action="store_true", help="fewer and smaller rounds")
    arguments.add_argument("--json", action="store_true", help="for programs")
    arguments.add_argument(
        "--folder",
        type=Path,
        default=Path("/var/tmp"),  # noqa: S108 - a real disk, /tmp may be memory
        help="on the disk to measure",
    )
    arguments.add_argument(
        "--processes",
        type=int,
        default=(os.cpu_count() or 1) + 1,
        metavar="N",
        help="intake.processes of Awizo beside Postfix, which uses all cores; default: cores + 1",
    )
    given = arguments.parse_args()
    unknown = [name for name in given.names if name not in measures]
    if unknown:
        arguments.error(f"no such measure: {', '.join(unknown)}; known: {', '.join(measures)}")
    configure_logging("warning", "console")
    results: list[Result] = []
    if not given.json:
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(f"beside Postfix: intake.processes = {given.processes}")
    for name in given.names or measures:
        if (reason := why_not(name)) is not None:
            print(f"skip {name}: {reason}", file=sys.stderr)
            continue
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix=f"awizo-bench-{name}-", dir=given.folder))
        folder.chmod(0o755)  # Postfix's own user looks in
        try:
            more = {"processes": given.processes} if name in BESIDE else {}
            for result in measures[name](folder, quick=given.quick, **more):
                results.append(result)
                if not given.json:
                    print(shown(result), flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(f"     ({name}: {time.monotonic() - began:.0f} s)", file=sys.stderr)
    if given.json:
        print(as_json(results))
    return 1 if any(result.reached is False for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())

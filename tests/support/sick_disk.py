"""A disk that falls ill under a running service, and is well again when the test says so.

In:  a folder that lies on it, what it shall suffer from.
Out: variables for the service; a switch.

The C library's calls are replaced for the service alone (``sick_disk.c``, LD_PRELOAD), for no
real disk does such things on demand.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

SOURCE = Path(__file__).with_suffix(".c")

Illness = Literal["read-only", "write-error", "sync-error", "full"]


@dataclass
class SickDisk:
    """What lies in ``folder`` lies on it."""

    folder: Path
    control: Path
    library: Path

    @property
    def variables(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self.library),
            "SICK_FOLDER": str(self.folder),
            "SICK_CONTROL": str(self.control),
        }

    def falls_ill(self, illness: Illness) -> None:
        beside = self.control.with_suffix(".new")
        beside.write_text(illness)
        beside.replace(self.control)

    def is_well(self) -> None:
        self.control.unlink()


def a_sick_disk(tmp_path: Path) -> SickDisk:
    """A disk that is well; skips the test where it cannot be made."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("a sick disk is played by a library in C: needs Linux and a C compiler")
    library = tmp_path / "sick_disk.so"
    make = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    done = subprocess.run(make, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"a sick disk cannot be made: {done.stderr.decode(errors='replace')[-300:]}")
    folder = tmp_path / "disk"
    folder.mkdir()
    return SickDisk(folder, tmp_path / "illness", library)

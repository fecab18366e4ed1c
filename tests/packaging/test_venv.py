"""``tools/venv.sh`` makes what the Makefile needs, or says in one line why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(folder: Path, python: str, *, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "tools" / "venv.sh"), python, ".venv", "/dev/null"],
        cwd=folder,
        env={**os.environ, "PATH": path or os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def a_python(folder: Path, *, fails_at: str) -> str:
    """A program that fails when it is asked about *fails_at*."""
    file = folder / "python"
    file.write_text(
        f'#!/bin/sh\ncase "$*" in *{fails_at}*) exit 1 ;; *-V*) echo Python 3.9.2 ;; esac\n',
        encoding="ascii",
    )
    file.chmod(0o755)
    return str(file)


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, a_python(tmp_path, fails_at="version_info"))

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.2" in done.stderr


def test_a_missing_venv_module_is_named_where_nothing_can_be_installed(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "id").symlink_to(str(shutil.which("id")))  # and no apt-get

    done = run(tmp_path, a_python(tmp_path, fails_at="ensurepip"), path=str(tools))

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "apt-get install python3-venv" in done.stderr


@pytest.mark.slow
def test_the_command_works_in_a_folder_with_a_blank_and_a_broken_one_is_made_anew(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "a folder"
    broken = folder / ".venv" / "bin"
    broken.mkdir(parents=True)
    (broken / "python").symlink_to("/nowhere/python3")
    (folder / "src").symlink_to(ROOT / "src")

    made = run(folder, sys.executable)

    assert made.returncode == 0, made.stderr
    site = next(path for path in sys.path if path.endswith("site-packages"))
    told = subprocess.run(
        [str(broken / "awizo"), "--version"],
        env={**os.environ, "PYTHONPATH": site},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith("awizo ")

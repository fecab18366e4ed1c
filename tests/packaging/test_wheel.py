"""The wheel carries everything that the program reads at run time."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MADE_WHEN_RUN = {".pyc"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel that is built where a secret lies about, as it does on a real machine."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("src", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    (folder / "config" / "awizo.env").write_text("AWIZO_SMARTHOST__PASSWORD=canary\n")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("dist/awizo-*.whl")
    return set(zipfile.ZipFile(built).namelist())


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in MADE_WHEN_RUN
    }


def test_every_file_of_the_package_is_in_it(wheel: set[str]) -> None:
    ours = {f"awizo/{name}" for name in files_below(ROOT / "src" / "awizo")}

    assert any(name.endswith(".sql") for name in ours)
    assert ours <= wheel


def test_rules_and_the_other_configuration_are_in_it(wheel: set[str]) -> None:
    shipped = {
        f"awizo/_config/{name}"
        for name in files_below(ROOT / "config")
        if name not in ("awizo.env", "awizo.env.example", "awizo.key")
    }

    assert any("/rules/" in name for name in shipped)
    assert shipped <= wheel


def test_no_secret_of_the_builder_is_in_it(wheel: set[str]) -> None:
    assert not {name for name in wheel if name.endswith(("awizo.env", ".key", ".db"))}

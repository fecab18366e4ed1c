"""The lock files pin everything by hash and name nobody's server."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==(\S+)")


def requirements(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    joined = re.sub(r"\\\n", " ", text)
    return [line.strip() for line in joined.splitlines() if line.strip() and line[0] != "#"]


def pins(name: str) -> dict[str, str]:
    found = {}
    for line in requirements(name):
        pin = PIN.match(line)
        assert pin is not None, f"{name}: {line[:80]}"
        found[re.sub(r"[-_.]+", "-", pin[1]).lower()] = pin[2]
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_is_pinned_with_hashes(lock: str) -> None:
    lines = requirements(lock)

    assert len(lines) > 20
    for line in lines:
        assert PIN.match(line), line[:80]
        hashes = re.findall(r"--hash=(\S+)", line)
        assert hashes, line[:80]
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), line[:80]


@pytest.mark.parametrize("lock", LOCKS)
def test_no_index_and_no_host_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert "://" not in text
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host|\s-[if]\s", text)
    assert "@ " not in text


def test_what_development_installs_holds_what_runs() -> None:
    run, dev = pins(LOCKS[0]), pins(LOCKS[1])

    assert run.items() <= dev.items()


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = {
        re.split(r"[\[><=!~; ]", wanted)[0].lower() for wanted in project["project"]["dependencies"]
    }

    assert named <= set(pins(LOCKS[0]))

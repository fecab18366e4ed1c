"""deploy/awizo.service: no rights it does not need, and time to end cleanly."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from awizo.settings import Intake

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "awizo.service"


def service() -> dict[str, str]:
    lines = UNIT.read_text(encoding="utf-8").split("[Service]")[1].split("[Install]")[0]
    return dict(line.split("=", 1) for line in lines.splitlines() if "=" in line and line[0] != "#")


def test_it_runs_as_a_user_of_its_own_that_may_write_its_folder_only() -> None:
    unit = service()

    assert unit["User"] == "awizo"
    assert unit["ProtectSystem"] == "strict"
    assert unit["NoNewPrivileges"] == "yes"
    assert unit["CapabilityBoundingSet"] == ""
    assert unit["StateDirectoryMode"] == "0700"
    assert "ReadWritePaths" not in unit


def test_there_is_time_to_drain_before_it_is_killed() -> None:
    # Mails on their way in are given drain_s, then work in progress as long again.
    needed_s = 2 * Intake().drain_s

    assert float(service()["TimeoutStopSec"]) > needed_s
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert float(compose["x-awizo"]["stop_grace_period"].removesuffix("s")) > needed_s


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_knows_every_key(tmp_path: Path) -> None:
    program = tmp_path / "awizo"
    program.write_text("#!/bin/sh\n", encoding="ascii")
    program.chmod(0o755)
    copy = tmp_path / "awizo.service"
    text = UNIT.read_text(encoding="utf-8").replace("/opt/awizo/.venv/bin/awizo", str(program))
    copy.write_text(text, encoding="utf-8")

    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False
    )

    assert "awizo.service" not in done.stderr, done.stderr

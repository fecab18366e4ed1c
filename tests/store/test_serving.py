"""Two services on one SQLite database would do everything twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from awizo.errors import SettingsError, StoreError
from awizo.store.serving import ServingLock


def test_a_second_service_is_refused_while_the_first_one_lives(tmp_path: Path) -> None:
    first = ServingLock(tmp_path / "awizo.db")

    with pytest.raises(SettingsError, match="another 'awizo serve'"):
        ServingLock(tmp_path / "awizo.db")

    first.release()
    ServingLock(tmp_path / "awizo.db").release()


def test_a_killed_one_leaves_no_lock_behind(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from awizo.store.serving import ServingLock\n"
        "lock = ServingLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    held = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "awizo.db")], stdout=subprocess.PIPE
    )
    assert held.stdout is not None
    assert held.stdout.readline() == b"held\n"
    with pytest.raises(SettingsError):
        ServingLock(tmp_path / "awizo.db")

    held.kill()
    held.wait()
    held.stdout.close()

    ServingLock(tmp_path / "awizo.db").release()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        ServingLock(tmp_path / "nowhere" / "awizo.db")

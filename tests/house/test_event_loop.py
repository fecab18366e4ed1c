"""A service that runs leaves alone what it has been made of."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from awizo.event_loop import settle

settle()
print(gc.get_freeze_count() > 1000, gc.get_threshold()[0] > 700, gc.isenabled())
"""


def test_what_a_process_was_started_with_is_not_looked_through_again() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, check=True, encoding="utf-8"
    ).stdout

    assert said.split() == ["True", "True", "True"]

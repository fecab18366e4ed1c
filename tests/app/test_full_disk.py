"""A disk that fills while mail comes in: 452 in time, nothing half, well again by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from awizo.emulator.sink import CatchingSmarthost
from support.intake_parts import RawClient
from support.service import Served, a_service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE_S = 60.0
SMALL = (b"x" * 76 + b"\r\n") * 400
LARGE = b"Subject: large\r\n\r\n" + (b"y" * 76 + b"\r\n") * 30_000  # waits on the disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 10 MB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(folder: Path, leave: int) -> Path:
    """Take the room but for so many bytes."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"z" * 65_536)
        except OSError:
            file.truncate(max(0, ballast.stat().st_size - leave))
    return ballast


async def connected(served: Served) -> RawClient:
    client = RawClient(*await asyncio.open_connection("127.0.0.1", served.port))
    assert (await client.reply(PATIENCE_S)).startswith("220")
    return client


def another(sent: list[bytes]) -> bytes:
    """A small mail like no other, for a second one of the same bytes might be a loop."""
    sent.append(b"Subject: %d\r\n\r\n" % len(sent) + SMALL)
    return sent[-1]


def deliveries(folder: Path) -> int:
    with closing(sqlite3.connect(f"file:{folder}/awizo.db?mode=ro", uri=True)) as connection:
        (count,) = connection.execute(
            "SELECT (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM inbox)"
        ).fetchone()
    return int(count)


@pytest.mark.parametrize("processes", [1, 2])
async def test_mail_that_finds_no_room_hears_452_and_the_service_heals_by_itself(
    small_disk: Path, tmp_path: Path, processes: int
) -> None:
    smarthost = CatchingSmarthost()
    _, port = await smarthost.start()
    async with a_service(
        tmp_path,
        store__url=f"sqlite:///{small_disk}/awizo.db",
        smarthost__host="127.0.0.1",
        smarthost__port=port,
        retry__lease_s=3,
        intake__processes=processes,
    ) as served:
        clients = [await connected(served) for _ in range(2 * processes)]
        sent: list[bytes] = []
        for client in clients:
            assert (await client.mail(another(sent))).startswith("250")
        kept = len(sent)
        await smarthost.wait_for(kept, PATIENCE_S)

        during = await connected(served)
        await during.begin(recipient="klient@example.com")
        await during.send(LARGE[: len(LARGE) // 2])  # in the middle of DATA the disk fills
        ballast = fill(small_disk, leave=0)
        await during.send(LARGE[len(LARGE) // 2 :] + b"\r\n.\r\n")
        assert (await during.reply(PATIENCE_S)).startswith("452 4.3.1")
        for client in clients:  # and while accepting, once the log's own room is used up
            while (said := await client.mail(another(sent))).startswith("250"):
                assert len(sent) < 1000
            assert said[:3] in ("451", "452")
            sent.pop()
        kept = len(sent)
        assert deliveries(small_disk) == kept

        ballast.unlink()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                again = await connected_or_none(served)
                if again is not None and (await again.mail(LARGE)).startswith("250"):
                    break
                await asyncio.sleep(0.1)
        await smarthost.wait_for(kept + 1, PATIENCE_S)
        assert deliveries(small_disk) == kept + 1
        contents = {mail.content for mail in smarthost.messages}
        assert contents == {content + b"\r\n" for content in (*sent, LARGE)}
        assert (await during.ask("NOOP"))[:3] == "250"
    files = [path for path in (small_disk / "awizo.db.d").rglob("*") if path.is_file()]
    assert len(files) <= 1, "what was refused leaves no file behind"
    await smarthost.close()


async def connected_or_none(served: Served) -> RawClient | None:
    client = RawClient(*await asyncio.open_connection("127.0.0.1", served.port))
    return client if (await client.reply(PATIENCE_S)).startswith("220") else None

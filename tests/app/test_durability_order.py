"""250 comes after the disk: seen in what the service asks of the kernel."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from support.intake_parts import RawClient
from support.service import Served, a_service
from support.traces import accepted_in

PATIENCE_S = 60.0
TRACED = "fsync,fdatasync,pwrite64,pwritev,pwritev2,write,read,sendto,sendmsg,recvfrom,linkat"
SMALL = b"Subject: small\r\n\r\n" + b"x" * 70 + b"\r\n"
LARGE = b"Subject: large\r\n\r\n" + (b"y" * 76 + b"\r\n") * 10_000

SAFE = r"""
7 recvfrom(9<TCP:[1->2]>, ".\r\n", 262144, 0, NULL, NULL) = 3
8 pwrite64(5</v/awizo.db-wal>, "..."..., 4096, 0) = 4096
8 fdatasync(5</v/awizo.db-wal> <unfinished ...>
7 recvfrom(10<TCP:[1->3]>, "NOOP\r\n", 262144, 0, NULL, NULL) = 6
8 <... fdatasync resumed>) = 0
7 sendto(9<TCP:[1->2]>, "250 2.0.0 queued as 01ab\r\n", 26, 0, NULL, 0) = 26
""".strip().splitlines()


def test_a_reply_after_the_sync_of_its_log_is_told_from_one_before_it() -> None:
    (mail,) = accepted_in(SAFE)
    assert mail.unsafe(large=False) == ""
    assert "content" in mail.unsafe(large=True)

    early = [*SAFE[:4], SAFE[5], SAFE[4]]
    failed = [line.replace("resumed>) = 0", "resumed>) = -1 EIO") for line in SAFE]
    of_another = [line.replace("awizo.db-wal", "other.db") for line in SAFE]
    begun_before = [SAFE[1], SAFE[2], SAFE[0], *SAFE[3:]]
    for trace in (early, failed, of_another, begun_before):
        assert "not synced" in accepted_in(trace)[0].unsafe(large=False)


def test_a_content_must_be_synced_with_its_folder_and_before_its_row() -> None:
    content = "8 fsync(6</v/awizo.db.d/ab/01ab>) = 0"
    folder = "8 fsync(6</v/awizo.db.d/ab>) = 0"

    def unsafe(*between: str, behind: tuple[str, ...] = ()) -> str:
        trace = [SAFE[0], *between, *SAFE[1:5], *behind, SAFE[5]]
        return accepted_in(trace)[0].unsafe(large=True)

    assert unsafe(content, folder) == ""
    assert "folder" in unsafe(content)
    assert "folder" in unsafe(folder, content)
    assert "content" in unsafe(content.replace("01ab", "01ac"), folder)
    assert "content" in unsafe(folder, behind=(content,))

    nameless = "8 fsync(6</v/awizo.db.d/#77>(deleted)) = 0"
    link = (
        '8 linkat(4</proc/1/fd>, "6", AT_FDCWD</v>, "/v/awizo.db.d/ab/01ab", AT_SYMLINK_FOLLOW) = 0'
    )
    assert unsafe(nameless, link, folder) == ""
    assert "folder" in unsafe(nameless, folder, link)
    assert "content" in unsafe(nameless, folder)
    assert "content" in unsafe(nameless, link.replace("01ab", "01ac"), folder)
    assert "content" in unsafe(nameless, link.replace("= 0", "= -1 EIO"), folder)
    assert "content" in unsafe(nameless.replace("8 ", "9 "), link, folder)


def why_not() -> str:
    if shutil.which("strace") is None:
        return "strace is not installed"
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if os.geteuid() != 0 and scope.exists() and scope.read_text().strip() != "0":
        return "this user may not trace processes"
    return ""


@asynccontextmanager
async def traced(served: Served, trace: Path) -> AsyncIterator[None]:
    """Write down what the service and its intake processes ask of the kernel."""
    pids = [served.process.pid, *children_of(served.process.pid)]
    strace = await asyncio.create_subprocess_exec(
        "strace", "-f", "-yy", "-s", "64", "-e", f"trace={TRACED}", "-o", str(trace),
        *(word for pid in pids for word in ("-p", str(pid))),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert strace.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            for _ in pids:
                line = (await strace.stderr.readline()).decode()
                if "Operation not permitted" in line:
                    pytest.skip("this user may not trace processes")
                assert "attached" in line, line
        yield
    finally:
        if strace.returncode is None:
            strace.send_signal(signal.SIGINT)
        await strace.wait()


def children_of(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
        if b"awizo.intake.child" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


async def has_arrivals(served: Served) -> None:
    """Wait until the process that takes mail has a file of its own, and uses it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with (
                suppress(sqlite3.Error),
                closing(sqlite3.connect(served.folder / "awizo.db")) as store,
            ):
                if store.execute("SELECT count(*) FROM arrivals").fetchone()[0]:
                    break
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # it is told of the commit


def has_been_read(client: RawClient) -> bool:
    """Whether the service has taken all that was sent: nothing waits at either end."""
    if client.writer.transport.get_write_buffer_size():
        return False
    ends = {client.writer.get_extra_info(name)[1] for name in ("sockname", "peername")}
    waiting = [
        words[4]
        for words in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if {int(end.rpartition(":")[2], 16) for end in words[1:3]} == ends
    ]
    return len(waiting) == 2 and set(waiting) == {"00000000:00000000"}


async def hand_in(client: RawClient, content: bytes, number: int) -> None:
    await client.begin(recipient=f"klient{number}@example.com")
    await client.send(content)
    async with asyncio.timeout(PATIENCE_S):  # so that the dot arrives by itself in the trace
        while not has_been_read(client):  # noqa: ASYNC110 - the kernel announces nothing
            await asyncio.sleep(0.05)
    await client.send(b".\r\n")
    assert (await client.reply(PATIENCE_S)).startswith("250 2.0.0")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("content", "large"), [(SMALL, False), (LARGE, True)], ids=["small", "large"]
)
async def test_250_is_said_only_after_the_log_and_the_content_are_synced(
    tmp_path: Path, processes: int, content: bytes, large: bool
) -> None:
    trace = tmp_path / "trace"
    mails = 0
    async with a_service(
        tmp_path, smarthost__host="127.0.0.1", smarthost__port=9, intake__processes=processes
    ) as served:
        if processes > 1:
            await has_arrivals(served)
        clients = [
            RawClient(*await asyncio.open_connection("127.0.0.1", served.port)) for _ in range(6)
        ]
        for client in clients:
            assert (await client.reply(PATIENCE_S)).startswith("220")
        async with traced(served, trace):
            for _ in range(2):  # all at once: they share commits
                # Recipients of their own: for a mail that may circle the store is asked first.
                await asyncio.gather(
                    *(hand_in(client, content, mails + n) for n, client in enumerate(clients))
                )
                mails += len(clients)
        for client in clients:
            await client.close()

    accepted = accepted_in(trace.read_text(errors="replace").splitlines())
    assert len(accepted) == mails
    assert [mail.unsafe(large=large) for mail in accepted] == [""] * mails
    in_arrivals = [any("/arrivals/" in path for path in mail.synced) for mail in accepted]
    assert in_arrivals == [processes > 1] * mails, [mail.synced for mail in accepted]

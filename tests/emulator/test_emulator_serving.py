"""The emulator on a socket and as a command: it listens, breaks connections, and goes."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import smtplib
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.emulator_parts import AGENT, PUBLIC, an_emulator

HEADERS = {"Accept": PUBLIC, "User-Agent": AGENT}
AWIZO = (sys.executable, "-m", "awizo")


def signed(token: str) -> dict[str, str]:
    return HEADERS | {"Authorization": f"Bearer {token}"}


async def test_it_serves_on_a_free_port_and_frees_it() -> None:
    emulator = an_emulator()
    async with emulator.serving() as url, httpx.AsyncClient(base_url=url) as http:
        answer = await http.get("/me", headers=signed(emulator.issue_tokens().access))
        assert answer.status_code == 200
        port = int(url.rpartition(":")[2])
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


async def test_two_serve_beside_each_other_and_a_taken_port_is_refused() -> None:
    async with an_emulator().serving() as one, an_emulator().serving() as two:
        assert one != two
        with pytest.raises(OSError, match="in use"):
            async with an_emulator().serving(port=int(one.rpartition(":")[2])):
                pass


async def test_a_lost_answer_is_a_closed_connection() -> None:
    emulator = an_emulator("lost-answer,on=link")
    order = emulator.add_order()
    async with emulator.serving() as url, httpx.AsyncClient(base_url=url) as http:
        headers = signed(emulator.issue_tokens().access) | {"Content-Type": PUBLIC}
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post(
                f"/order/{order.id}/billing-documents/links",
                json={"url": "https://paragony.pl/1"},
                headers=headers,
            )
        assert len(order.links) == 1
        assert (await http.get("/me", headers=headers)).status_code == 200


async def test_a_truncated_answer_breaks_off_in_its_middle() -> None:
    emulator = an_emulator("truncated,on=me")
    async with emulator.serving() as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        token = emulator.issue_tokens().access
        lines = [f"{key}: {value}" for key, value in signed(token).items()]
        writer.write("\r\n".join(["GET /me HTTP/1.1", "Host: x", *lines, "", ""]).encode())
        whole = await reader.read()
        writer.close()
    head, _, body = whole.partition(b"\r\n\r\n")
    length = int(re.findall(rb"content-length: (\d+)", head.lower())[0])
    assert 0 < len(body) < length


async def test_a_slow_answer_does_not_hold_up_its_end() -> None:
    asked = asyncio.Event()

    async def for_ever(seconds: float) -> None:
        asked.set()
        await asyncio.Event().wait()

    emulator = an_emulator("slow", sleep=for_ever)
    async with httpx.AsyncClient() as http:
        async with emulator.serving() as url:
            headers = signed(emulator.issue_tokens().access)
            waiting = asyncio.ensure_future(http.get(f"{url}/me", headers=headers))
            await asked.wait()
        with pytest.raises(httpx.HTTPError):
            (await waiting).raise_for_status()


# --- the command ------------------------------------------------------


@asynccontextmanager
async def running(*options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The command as a process; yields it with the line that it prints when it listens."""
    process = await asyncio.create_subprocess_exec(
        *AWIZO, "emulator", "--port", "0", *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process, (await process.stdout.readline()).decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def address(line: str, name: str) -> str:
    found = re.search(rf"\b{name} (\S+)", line)
    assert found, line
    return found[1]


async def test_the_command_serves_sample_orders_until_it_is_told_to_stop() -> None:
    async with running("--scenario", "late-orders=3600,times=1") as (process, line):
        api_url = address(line, "api_url")
        assert address(line, "auth_url") == f"{api_url}/auth/oauth"
        async with httpx.AsyncClient(base_url=api_url) as http:
            orders = (await http.get("/emulator/orders")).json()["orders"]
        assert [one["visible"] for one in orders] == [False, True, True, True, True]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            out, err = await process.communicate()
        assert (process.returncode, out, err) == (0, b"", b"")


async def test_the_command_takes_orders_of_a_file_and_catches_mail(tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    told: list[dict[str, Any]] = [{"email": "abc+def@allegromail.pl", "login": "jan_k"}]
    file.write_text(json.dumps({"orders": told}))
    options = ("--orders", str(file), "--catch-mail-port", "0", "--client", "me:secret")
    async with running(*options) as (_, line):
        host, _, port = address(line, "smtp").partition(":")

        def send() -> None:
            with smtplib.SMTP(host, int(port), timeout=10) as client:
                for number in range(3):
                    mail = f"Subject: mail {number}\r\n\r\nbody\r\n"
                    client.sendmail("a@b.example", ["abc+def@allegromail.pl", "x@y.example"], mail)

        await asyncio.to_thread(send)
        async with httpx.AsyncClient(base_url=address(line, "api_url")) as http:
            found: list[dict[str, Any]] = []
            async with asyncio.timeout(10):
                while len(found) < 3:
                    found = (await http.get("/emulator/messages")).json()["messages"]
            assert [one["subject"] for one in found] == ["mail 0", "mail 1", "mail 2"]
            overview = (await http.get("/emulator")).json()
    assert overview["clients"] == ["me"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--scenario", "nonsense"), "no such scenario"),
        (("--client", "me"), "CLIENT_ID:SECRET"),
        (("--user-agent", "love"), "refuse"),
        (("--orders", "/nowhere/orders.json"), "nowhere"),
        (("--host", "192.0.2.1"), "cannot listen"),
    ],
)
async def test_the_command_says_in_one_line_what_it_cannot_do(
    options: tuple[str, ...], word: str
) -> None:
    async with running(*options) as (process, line):
        assert line == ""
        _, err = await process.communicate()
    assert process.returncode == 1
    assert word in err.decode()
    assert err.count(b"\n") == 1


async def test_a_broken_file_of_orders_is_told_by_its_place(tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    for content, word in (('[\n{"total": }]', ":2:"), ('[{}, {"colour": 1}]', "order 2: unknown"),
                          ("5", "a list of orders")):  # fmt: skip
        file.write_text(content)
        async with running("--orders", str(file)) as (process, _):
            _, err = await process.communicate()
        assert process.returncode == 1
        assert word in err.decode()


async def test_the_command_lists_what_can_go_wrong() -> None:
    async with running("--list-scenarios") as (process, first):
        assert first.startswith("blocked-messages")
        out, _ = await process.communicate()
    assert b"lost-answer" in out
    assert process.returncode == 0

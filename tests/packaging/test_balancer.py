"""HAProxy, configured as for compose, before two running services."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import smtplib
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from awizo.emulator.sink import CatchingSmarthost
from support.service import Served, a_service

CONFIG = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
CLIENT = "127.0.0.2"  # a loopback address that is not the balancer's own

pytestmark = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")


def config_for(ports: list[int], port: int, control: Path) -> str:
    """The shipped file with addresses of this machine in place of Docker's names."""
    text = CONFIG.read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^resolvers .*?(?=^\w)", "", text)
    text = text.replace("bind :2525", f"bind 127.0.0.1:{port}").replace("inter 5s", "inter 100ms")
    text = text.replace("\nglobal\n", f"\nglobal\n    stats socket {control}\n")
    servers = "\n".join(
        f"    server awizo{number} 127.0.0.1:{one}" for number, one in enumerate(ports)
    )
    text, count = re.subn(r"(?m)^    server-template .*$", servers, text)
    assert count == 1
    return text


@asynccontextmanager
async def a_balancer(folder: Path, ports: list[int]) -> AsyncIterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    control = folder / "control"
    file = folder / "haproxy.cfg"
    file.write_text(config_for(ports, port, control), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        str(HAPROXY), "-db", "-f", str(file), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(20):
            while await healthy(control) < len(ports):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def healthy(control: Path) -> int:
    """How many servers have passed an SMTP health check."""
    try:
        reader, writer = await asyncio.open_unix_connection(control)
    except OSError:
        return 0
    writer.write(b"show stat\n")
    table = (await reader.read()).decode()
    writer.close()
    return len(re.findall(r"(?m)^replicas,awizo\d.*\bUP\b.*\bL7OK\b", table))


@pytest.fixture
async def catcher() -> AsyncIterator[CatchingSmarthost]:
    smarthost = CatchingSmarthost()
    await smarthost.start()
    yield smarthost
    await smarthost.close()


async def test_mail_goes_through_the_balancer_and_the_client_is_known(
    tmp_path: Path, catcher: CatchingSmarthost
) -> None:
    places = [tmp_path / "a", tmp_path / "b"]
    for place in places:
        place.mkdir()

    def served(place: Path) -> AbstractAsyncContextManager[Served]:
        return a_service(
            place,
            smarthost__host="127.0.0.1",
            smarthost__port=catcher.port,
            intake__proxy_protocol_from=["127.0.0.1"],
        )

    def send(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=20, source_address=(CLIENT, 0)) as client:
            client.sendmail("sklep@example.pl", ["klient@example.com"], "Subject: x\r\n\r\nx\r\n")

    async with served(places[0]) as one, served(places[1]) as two:
        async with a_balancer(tmp_path, [one.port, two.port]) as port:
            await asyncio.to_thread(send, port)
            await catcher.wait_for(1)

        events = [*one.events, *two.events]
        accepted = [event for event in events if event["event"] == "mail_accepted"]
        assert [event["client"] for event in accepted] == [CLIENT]
        assert not [event for event in events if event["event"] == "proxy_header_refused"]


async def test_who_does_not_say_who_the_client_is_is_not_served(
    tmp_path: Path, catcher: CatchingSmarthost
) -> None:
    async with a_service(
        tmp_path,
        smarthost__host="127.0.0.1",
        smarthost__port=catcher.port,
        intake__proxy_protocol_from=["127.0.0.1"],
    ) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(b"EHLO balancer.example\r\n")
        heard = b""
        with contextlib.suppress(ConnectionResetError):
            heard = await reader.read()
        writer.close()
    assert heard == b""
    assert [event for event in service.events if event["event"] == "proxy_header_refused"]

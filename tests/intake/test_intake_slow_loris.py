"""A client that stops, or trickles, in any phase of a conversation is sent away in time."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from awizo.intake import listener as listening
from awizo.intake import proxy, session
from awizo.intake.tls import make_self_signed
from support.intake_parts import NOON, Listener, RawClient, a_listener, until

HELLO = b"EHLO shop.test\r\n"
ENVELOPE = b"MAIL FROM:<a@b.pl>\r\nRCPT TO:<c@d.pl>\r\n"
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # the beginning of one

# What is sent before, and what then comes byte for byte for ever: nothing, or a trickle.
PHASES: dict[str, tuple[bytes, bytes]] = {
    "before a word": (b"", b""),
    "within a command": (b"", b"E"),
    "after the greeting": (HELLO, b""),
    "within the envelope": (HELLO + ENVELOPE, b""),
    "within the name": (HELLO + b"AUTH LOGIN\r\n", b"A"),
    "within the password": (HELLO + b"AUTH LOGIN\r\nc2hvcA==\r\n", b"A"),
    "before the content": (HELLO + ENVELOPE + b"DATA\r\n", b""),
    "within the content": (HELLO + ENVELOPE + b"DATA\r\nSubject: x\r\n", b"x"),
    "before the final dot": (HELLO + ENVELOPE + b"DATA\r\n\r\nx\r\n", b"\r"),
    "before the handshake": (HELLO + b"STARTTLS\r\n", b""),
    "within the handshake": (HELLO + b"STARTTLS\r\n", CLIENT_HELLO),
}


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, Any]:
    files = {"tls_cert_file": tmp_path / "c.pem", "tls_key_file": tmp_path / "k.pem"}
    make_self_signed(*files.values(), hostname="mx.test", now=NOON)
    return files


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HANDSHAKE_TIMEOUT_S", 0.3)
    monkeypatch.setattr(listening, "HANDSHAKE_TIMEOUT_S", 0.3)
    monkeypatch.setattr(proxy, "PROXY_TIMEOUT_S", 0.3)


async def is_sent_away(listener: Listener, client: RawClient, trickle: bytes) -> None:
    async def drip() -> None:
        with contextlib.suppress(OSError):
            while True:
                for at in range(len(trickle)):
                    await client.send(trickle[at : at + 1])
                    await asyncio.sleep(0.05)
                if not trickle:
                    return

    dripping = asyncio.create_task(drip())
    try:
        with contextlib.suppress(ConnectionError):
            await client.rest(timeout_s=20)
        await until(lambda: not listener.server.open_connections)
    finally:
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
    assert listener.spool.mails == []


@pytest.mark.parametrize("phase", PHASES)
async def test_whoever_stops_in_the_middle_is_sent_away(
    phase: str, certificate: dict[str, Any]
) -> None:
    before, trickle = PHASES[phase]
    async with a_listener(
        idle_timeout_s=0.5, min_data_rate_bytes_per_s=1000, users={"shop": {"password": "x"}},
        **certificate,
    ) as listener:  # fmt: skip
        client = await listener.connect()
        await client.send(before)

        await is_sent_away(listener, client, trickle)


@pytest.mark.parametrize("trickle", [b"", b"P"], ids=["silent", "trickling"])
async def test_a_balancer_that_never_tells_its_client_is_sent_away(trickle: bytes) -> None:
    async with a_listener(proxy_protocol_from=["127.0.0.1"]) as listener:
        client = await listener.connect(greet=False)

        await is_sent_away(listener, client, trickle)


@pytest.mark.parametrize("trickle", [b"", CLIENT_HELLO], ids=["silent", "trickling"])
async def test_a_handshake_on_the_tls_port_that_never_ends_is_ended(
    trickle: bytes, certificate: dict[str, Any]
) -> None:
    async with a_listener(implicit_tls_port=0, **certificate) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.tls_port)

        await is_sent_away(listener, RawClient(reader, writer), trickle)

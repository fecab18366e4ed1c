"""A client that goes in any phase of a conversation, in any way, leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from awizo.intake import session, tls
from awizo.intake.tls import make_self_signed
from support.intake_parts import NOON, Listener, RawClient, a_listener, until

HELLO = b"EHLO shop.test\r\n"
ENVELOPE = b"MAIL FROM:<a@b.pl>\r\nRCPT TO:<c@d.pl>\r\n"
MAIL = ENVELOPE + b"DATA\r\nSubject: x\r\n\r\ntext\r\n.\r\n"

PHASES = {
    "before a word": b"",
    "within a command": b"EH",
    "after the greeting": HELLO,
    "within the envelope": HELLO + ENVELOPE,
    "within the name": HELLO + b"AUTH LOGIN\r\n",
    "within the password": HELLO + b"AUTH LOGIN\r\nc2hvcA==\r\n",
    "before the content": HELLO + ENVELOPE + b"DATA\r\n",
    "within the content": HELLO + ENVELOPE + b"DATA\r\nSubject: x\r\n",
    "before the final dot": HELLO + ENVELOPE + b"DATA\r\nSubject: x\r\n\r\ntext\r\n.\r",
    "behind the final dot": HELLO + MAIL,
    "between mails": HELLO + MAIL + ENVELOPE,
    "before the handshake": HELLO + b"STARTTLS\r\n",
    "within the handshake": HELLO + b"STARTTLS\r\n\x16\x03\x01\x02\x00",
    "behind the end": HELLO + b"QUIT\r\n",
    "still talking at the end": HELLO + b"QUIT\r\nNOOP\r\n",
    "refused for good": HELLO + b"GET / HTTP/1.1\r\n" + b"x" * 100_000,
}


def closes(client: RawClient) -> None:
    client.writer.close()


def resets(client: RawClient) -> None:
    sock: socket.socket = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


def closes_its_half(client: RawClient) -> None:
    with contextlib.suppress(OSError, RuntimeError):  # the server was quicker
        client.writer.write_eof()


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, Any]:
    files = {"tls_cert_file": tmp_path / "c.pem", "tls_key_file": tmp_path / "k.pem"}
    make_self_signed(*files.values(), hostname="mx.test", now=NOON)
    return files


@pytest.mark.parametrize("goes", [closes, resets, closes_its_half])
@pytest.mark.parametrize("waits_s", [0.0, 0.05])
async def test_whoever_goes_leaves_nothing_behind(
    goes: Any, waits_s: float, certificate: dict[str, Any]
) -> None:
    async with a_listener(users={"shop": {"password": "x"}}, **certificate) as listener:
        clients = []
        for before in PHASES.values():
            client = await listener.connect()
            with contextlib.suppress(ConnectionError):
                await client.send(before)
            clients.append(client)
        await asyncio.sleep(waits_s)
        for client in clients:
            goes(client)

        await until(lambda: not listener.server.open_connections)
        assert not listener.server._sessions
        assert listener.server.is_open
        assert (await (await listener.connect()).mail(b"text")).startswith("250 ")


@pytest.mark.parametrize("phase", PHASES)
async def test_a_drain_ends_a_conversation_in_any_phase(
    phase: str, certificate: dict[str, Any]
) -> None:
    async with a_listener(users={"shop": {"password": "x"}}, **certificate) as listener:
        client = await listener.connect()
        with contextlib.suppress(ConnectionError):
            await client.send(PHASES[phase])
        await asyncio.sleep(0.05)

        await asyncio.wait_for(listener.server.drain(0.3), 5)

        assert not listener.server.open_connections
        assert not listener.server._sessions
        with contextlib.suppress(ConnectionError):
            answers = await client.rest(timeout_s=3)
            accepted = answers.count(b"250 2.6.0") + answers.count(b"250 2.0.0 ")
            assert len(listener.spool.mails) >= accepted


async def test_a_drain_lets_a_mail_end_that_is_refused_and_says_goodbye() -> None:
    async with a_listener(max_message_bytes=1000) as listener:
        client = await listener.connect()
        for line in ("EHLO x", "MAIL FROM:<a@b.pl>", "RCPT TO:<c@d.pl>", "DATA"):
            await client.ask(line)
        await client.send(b"x\r\n" * 500)
        draining = asyncio.create_task(listener.server.drain(5))
        await asyncio.sleep(0.05)
        await client.send(b".\r\n")

        assert (await client.reply()).startswith("552 ")
        assert (await client.reply()).startswith("421 4.3.2 ")
        await asyncio.wait_for(draining, 3)


@pytest.mark.parametrize("goes", [closes, resets])
async def test_whoever_goes_as_the_handshake_would_begin_leaves_nothing_behind(
    goes: Any, certificate: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "HANDSHAKE_TIMEOUT_S", 0.3)
    async with a_listener(**certificate) as listener:
        for _ in range(20):
            client = await listener.connect(greet=False)
            client.writer.write(HELLO + b"STARTTLS\r\n")
            goes(client)

        await until(lambda: not listener.server.open_connections)


@pytest.mark.parametrize(
    "before", [MAIL, b"AUTH PLAIN AHNob3AAd3Jvbmc=\r\n", b"AUTH PLAIN\r\n*\r\n"]
)
async def test_a_command_begun_behind_what_took_its_time_has_to_end_in_time(
    before: bytes,
) -> None:
    users = {"shop": {"password": "x"}}
    async with a_listener(idle_timeout_s=0.5, auth_fail_delay_s=0.01, users=users) as listener:
        client = await listener.connect()
        await client.send(HELLO + before + b"Q")

        assert b"421 4.4.2 " in await client.rest(timeout_s=5)
        await until(lambda: not listener.server.open_connections)


async def test_who_is_sent_away_in_the_middle_of_many_commands_can_send_them_all() -> None:
    async with a_listener(max_commands=60) as listener:
        listener.spool.delay_s = 0.2
        client = await listener.connect()

        await client.send(HELLO + MAIL + b"NOOP\r\n" * 1_000_000)  # a reset would end this

        answers = await client.rest(timeout_s=5)
        assert answers.rstrip().split(b"\r\n")[-1].startswith(b"421 4.7.0 ")


async def test_who_has_just_come_is_cut_off_like_the_others() -> None:
    async with a_listener(users={"shop": {"password": "x"}}) as listener:
        client = await listener.connect()
        client.writer.write(HELLO + MAIL)
        for _ in range(10_000):  # until it has one, and has not begun it
            if any(one.task for one in listener.server._sessions):
                break
            await asyncio.sleep(0)

        await asyncio.wait_for(listener.server.close(), 0.9)

        assert not listener.server.open_connections


async def test_a_certificate_that_fails_costs_its_connection_and_no_other(
    certificate: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_listener(implicit_tls_port=0, **certificate) as listener:
        with monkeypatch.context() as patched:
            patched.setattr(tls.Certificate, "context", lambda self: 1 / 0)
            reader, _ = await asyncio.open_connection("127.0.0.1", listener.tls_port)
            assert await asyncio.wait_for(reader.read(), 3) == b""

        assert not listener.server.open_connections
        assert (await (await listener.connect()).mail(b"text")).startswith("250 ")


async def test_a_crowd_that_comes_and_goes_as_it_likes_leaves_nothing_behind(
    certificate: dict[str, Any],
) -> None:
    chance = random.Random(7)
    words = [HELLO, MAIL, ENVELOPE, b"AUTH LOGIN\r\nc2hvcA==\r\neA==\r\n", b"NOOP\r\n" * 120]
    words += [b"STARTTLS\r\n", b"QUIT\r\n", b"DATA\r\n", b"Q"]

    async def one(listener: Listener) -> None:
        client = await listener.connect(greet=chance.random() < 0.5)
        with contextlib.suppress(OSError, RuntimeError):
            said = HELLO + b"".join(chance.choices(words, k=chance.randrange(6)))
            cut = chance.randrange(len(said))
            for piece in (said[:cut], said[cut:]):
                await client.send(piece)
                await asyncio.sleep(chance.choice([0, 0, 0.01]))
        chance.choice([closes, resets, closes_its_half])(client)

    async with a_listener(
        users={"shop": {"password": "x"}}, idle_timeout_s=2, auth_fail_delay_s=0.01, **certificate
    ) as listener:
        listener.spool.delay_s = 0.002
        for _ in range(8):
            await asyncio.gather(*(one(listener) for _ in range(25)))

        await until(lambda: not listener.server.open_connections)
        assert not listener.server._sessions
        assert not listener.server._connections._by_address

"""What aiosmtpd 1.4.6 does that a server on the open network must not: each of them."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from pathlib import Path

from aiosmtpd.smtp import SMTP

from awizo.intake.session import SmtpSession
from support.intake_parts import MemorySpool, a_listener


def test_it_is_a_subclass_of_aiosmtpds_smtp() -> None:
    assert issubclass(SmtpSession, SMTP)


def test_no_command_of_aiosmtpd_is_left_as_it_was() -> None:
    for name in vars(SMTP):
        if name.startswith("smtp_"):
            assert name in vars(SmtpSession), name


async def test_an_exception_is_not_answered_500_with_its_text() -> None:
    spool = MemorySpool(failure=RuntimeError("the password is hunter2"))
    async with a_listener(spool) as listener:
        client = await listener.connect()

        reply = await client.mail(b"text")

        assert reply.startswith("451 4.3.0 ")
        assert "hunter2" not in reply


async def test_a_line_over_1001_bytes_does_not_refuse_the_mail() -> None:
    async with a_listener() as listener:
        assert (await (await listener.connect()).mail(b"x" * 50_000)).startswith("250 ")


async def test_dsn_parameters_are_not_refused_and_keep_their_case() -> None:
    async with a_listener() as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")
        assert (await client.ask("MAIL FROM:<a@b.pl> RET=FULL ENVID=Qq+2Ba"))[:3] == "250"
        assert (await client.ask("RCPT TO:<c@d.pl> NOTIFY=FAILURE ORCPT=rfc822;Cc+2B@d"))[
            :3
        ] == "250"
        await client.ask("DATA")
        await client.ask("text\r\n.")

        envelope = listener.spool.mails[0].message.envelope
        assert (envelope.ret, envelope.envid) == ("FULL", "Qq+2Ba")
        assert envelope.recipients[0].orcpt == "rfc822;Cc+2B@d"


async def test_a_bare_lf_is_not_passed_on() -> None:
    async with a_listener() as listener:
        await (await listener.connect()).mail(b"Subject: x\nX-Injected: y\n\nbody\rtext")

        assert listener.spool.contents == [b"Subject: x\r\nX-Injected: y\r\n\r\nbody text\r\n"]


async def test_pipelining_is_announced() -> None:
    async with a_listener() as listener:
        assert "250-PIPELINING" in await (await listener.connect()).ask("EHLO shop")


async def test_no_single_timer_covers_data_and_the_handler() -> None:
    async with a_listener(MemorySpool(delay_s=0.8), idle_timeout_s=0.4) as listener:
        client = await listener.connect()
        await client.begin()
        for _ in range(12):
            await client.send(b"a line that comes in time\r\n")
            await asyncio.sleep(0.1)
        await client.send(b".\r\n")

        assert (await client.reply()).startswith("250 ")


async def test_connections_have_a_limit() -> None:
    async with a_listener(max_connections=1) as listener:
        await listener.connect()

        assert (await (await listener.connect(greet=False)).reply()).startswith("421 ")


async def test_a_mail_is_not_held_in_memory_several_times() -> None:
    class Reads(MemorySpool):
        async def accept(self, message, body) -> None:  # type: ignore[no-untyped-def]
            while body.read(65_536):
                pass

    async with a_listener(Reads(), max_line_bytes=10**8) as listener:
        client = await listener.connect()
        await client.begin()
        chunk = b"x" * 65_534 + b"\r\n"
        tracemalloc.start()
        try:
            for _ in range(320):
                await client.send(chunk)
            await client.send(b".\r\n")
            assert (await client.reply()).startswith("250 ")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert peak < 4_000_000  # of a mail with 20 MB


async def test_what_was_sent_in_the_clear_behind_starttls_is_not_run(tmp_path: Path) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    async with a_listener(tls_self_signed=True, store=store) as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")
        await client.send(
            b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.com>\r\n"
            b"RCPT TO:<victim@example.com>\r\nDATA\r\n"
        )
        assert (await client.reply()).startswith("220 2.0.0 ")
        await client.start_tls()

        assert (await client.ask("RCPT TO:<a@b.pl>")).startswith("503 ")
        assert (await client.ask("MAIL FROM:<a@b.pl>")).startswith("503 ")
        assert "mx.test" in await client.ask("EHLO shop")


async def test_one_session_does_not_change_the_limits_of_the_next() -> None:
    """There each EHLO adds to a table of limits that all connections share."""
    async with a_listener() as listener:
        for _ in range(50):
            client = await listener.connect()
            await client.ask("EHLO shop")
            await client.close()
        client = await listener.connect()

        assert (await client.ask("MAIL FROM:<" + "a" * 5000 + "@b.pl>")).startswith("500 5.5.2 ")


async def test_a_connection_costs_no_look_through_every_attribute() -> None:
    """There each connection inspects itself and the handler, which takes longer than a mail."""
    loop = asyncio.get_running_loop()
    async with a_listener() as listener:
        await (await listener.connect()).close()
        started = loop.time()
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", listener.port)):
                await asyncio.sleep(0)
        client = await listener.connect()
        assert (await client.ask("NOOP"))[:3] == "250"

        assert loop.time() - started < 5

"""250 means durable; everything else is said truthfully, and without our inner life."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import smtplib
import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from awizo.errors import StorageFull, StoreError
from awizo.intake.doors import Door
from awizo.model import DeliveryState
from awizo.settings import Settings
from support.intake_parts import (
    NOON,
    MemorySpool,
    a_listener,
    an_intake,
    blind_context,
    intake_settings,
    until,
)


async def test_250_names_the_id_under_which_the_mail_was_stored() -> None:
    async with a_listener() as listener:
        client = await listener.connect()

        reply = await client.mail(b"Message-ID: <1@shop>\r\n\r\ntext")

        message = listener.spool.mails[0].message
        assert reply == f"250 2.0.0 queued as {message.id}"
        assert listener.spool.contents == [b"Message-ID: <1@shop>\r\n\r\ntext\r\n"]
        assert message.sha256 == hashlib.sha256(listener.spool.contents[0]).hexdigest()
        assert message.size_bytes == len(listener.spool.contents[0])
        assert message.message_id == "<1@shop>"
        assert message.envelope.received_at == NOON
        assert message.envelope.client.address == "127.0.0.1"


async def test_250_is_not_said_before_the_spool_has_returned() -> None:
    spool = MemorySpool(delay_s=0.3)
    async with a_listener(spool) as listener:
        client = await listener.connect()
        await client.begin()
        await client.send(b"text\r\n.\r\n")

        with pytest.raises(TimeoutError):
            await client.reply(timeout_s=0.1)

        assert (await client.reply()).startswith("250 ")


async def test_each_recipient_is_a_delivery_and_only_buyers_are_to_be_read() -> None:
    async with a_listener() as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")
        await client.ask("MAIL FROM:<shop@example.pl>")
        for address in ("a1+b2@AllegroMail.pl", "copy@shop.example", "x@user.allegrogroup.pl"):
            await client.ask(f"RCPT TO:<{address}>")
        await client.ask("RCPT TO:<copy@shop.example>")
        await client.ask("DATA")
        await client.ask("text\r\n.")

        deliveries = listener.spool.mails[0].message.deliveries
        assert [given.to_buyer for given in deliveries] == [True, False, True]
        assert [given.recipient_index for given in deliveries] == [0, 1, 2]
        assert len({given.id for given in deliveries}) == 3


@pytest.mark.parametrize(
    ("failure", "reply"),
    [
        (StorageFull("disk /var/secret is full"), "452 4.3.1 "),
        (StoreError("/var/secret/db: I/O error"), "451 4.3.0 "),
        (RuntimeError("a bug with s3cret in it"), "451 4.3.0 "),
        (OSError(28, "No space left"), "452 4.3.1 "),
        (OSError(5, "I/O error"), "451 4.3.0 "),
        (MemoryError(), "451 4.3.0 "),
    ],
)
async def test_a_mail_that_cannot_be_stored_is_deferred_without_the_cause(
    failure: Exception, reply: str
) -> None:
    spool = MemorySpool(failure=failure)
    async with a_listener(spool) as listener:
        client = await listener.connect()

        answer = await client.mail(b"text")

        assert answer.startswith(reply)
        assert "secret" not in answer
        assert "s3cret" not in answer
        assert "Error" not in answer
        assert spool.mails == []
        assert all(body.closed for body in spool.bodies)
        assert (await client.ask("NOOP"))[:3] == "250"


async def test_a_sick_store_closes_the_door_until_it_is_well_by_itself() -> None:
    spool = MemorySpool(failure=StoreError("broken"))
    async with a_listener(spool) as listener:
        client = await listener.connect()
        assert (await client.mail(b"text")).startswith("451 4.3.0 ")

        refused = await listener.connect(greet=False)
        assert (await refused.reply()).startswith("421 4.3.2 ")
        assert await refused.rest() == b""
        assert (await client.ask("MAIL FROM:<a@b.pl>")).startswith("451 4.3.0 ")
        assert not listener.server.is_open

        spool.failure = None
        await until(lambda: listener.server.is_open)
        again = await listener.connect()
        assert (await again.mail(b"text")).startswith("250 ")


async def test_want_of_room_closes_the_door_for_nobody() -> None:
    spool = MemorySpool(failure=StorageFull("full"))
    async with a_listener(spool) as listener:
        client = await listener.connect()
        assert (await client.mail(b"text")).startswith("452 4.3.1 ")
        assert listener.server.is_open


async def test_mail_is_refused_before_it_is_sent_when_the_disk_is_nearly_full(
    tmp_path: Path,
) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    async with a_listener(min_free_bytes=10**18, store=store) as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")

        assert (await client.ask("MAIL FROM:<a@b.pl>")).startswith("452 4.3.1 ")


async def test_mail_is_refused_when_inodes_run_out(tmp_path: Path) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    async with a_listener(min_free_inodes=10**15, store=store) as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")

        assert (await client.ask("MAIL FROM:<a@b.pl>")).startswith("452 4.3.1 ")


# --- size -----------------------------------------------------------------------------------------


async def test_a_mail_over_the_limit_is_read_to_its_end_and_then_refused() -> None:
    async with a_listener(max_message_bytes=50_000) as listener:
        client = await listener.connect()

        assert (await client.mail(b"x" * 998 + (b"\r\n" + b"y" * 998) * 60)).startswith("552 5.3.4")
        assert (await client.ask("NOOP"))[:3] == "250"
        assert listener.spool.mails == []


async def test_a_mail_of_exactly_the_limit_is_taken() -> None:
    async with a_listener(max_message_bytes=1000) as listener:
        client = await listener.connect()

        assert (await client.mail(b"x" * 998)).startswith("250 ")
        assert (await client.mail(b"x" * 999)).startswith("552 5.3.4 ")


async def test_a_mail_without_end_is_cut_off_with_its_reason() -> None:
    async with a_listener(max_message_bytes=100_000) as listener:
        client = await listener.connect()
        await client.begin()
        for _ in range(40):
            await client.send((b"z" * 998 + b"\r\n") * 10)

        assert (await client.reply()).startswith("552 5.3.4 ")
        assert await client.rest() == b""


def entries(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_large_mail_waits_on_the_disk_of_the_store_and_not_in_memory(
    tmp_path: Path,
) -> None:
    content = b"Subject: x\r\n\r\n" + (b"0123456789abcdef" * 60 + b"\r\n") * 3000
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    async with a_listener(store=store) as listener:
        client = await listener.connect()

        await client.mail(content.removesuffix(b"\r\n"))

        assert listener.spool.contents == [content]
        assert type(listener.spool.bodies[0]).__name__ != "BytesIO"
        assert entries(tmp_path) == []


async def test_a_small_mail_never_touches_the_disk() -> None:
    async with a_listener() as listener:
        await (await listener.connect()).mail(b"text")

        assert type(listener.spool.bodies[0]).__name__ == "BytesIO"


async def test_lines_far_over_998_bytes_are_taken_and_passed_on_unchanged() -> None:
    line = b"<table>" + b"\xc5\xbc" * 300_000
    async with a_listener() as listener:
        client = await listener.connect()

        assert (await client.mail(b"Subject: x\r\n\r\n" + line)).startswith("250 ")
        assert listener.spool.contents == [b"Subject: x\r\n\r\n" + line + b"\r\n"]


async def test_a_line_over_the_limit_refuses_only_its_own_mail() -> None:
    async with a_listener(max_line_bytes=2000) as listener:
        client = await listener.connect()

        assert (await client.mail(b"Subject: x\r\n\r\n" + b"x" * 2001)).startswith("554 5.6.0 ")
        assert (await client.mail(b"Subject: x\r\n\r\n" + b"x" * 2000)).startswith("250 ")


async def test_a_header_over_the_limit_is_refused() -> None:
    async with a_listener(max_header_bytes=2000) as listener:
        client = await listener.connect()

        assert (await client.mail(b"X-A: b\r\n" * 300 + b"\r\ntext")).startswith("552 5.3.4 ")


async def test_a_mail_that_goes_in_circles_is_refused_after_a_hundred_hops() -> None:
    async with a_listener() as listener:
        client = await listener.connect()

        assert (await client.mail(b"Received: x\r\n" * 100 + b"\r\nt")).startswith("250 ")
        assert (await client.mail(b"Received: x\r\n" * 101 + b"\r\nt")).startswith("554 5.4.6 ")


# --- loops ----------------------------------------------------------------------------------------


async def test_the_sixth_same_mail_for_the_same_recipient_in_an_hour_is_held() -> None:
    async with a_listener() as listener:
        client = await listener.connect()
        for _ in range(5):
            await client.mail(b"same", recipient="Buyer@example.com")

        assert (await client.mail(b"same", recipient="buyer@example.com")).startswith("250 ")
        assert (await client.mail(b"same", recipient="other@example.com")).startswith("250 ")
        assert (await client.mail(b"else", recipient="buyer@example.com")).startswith("250 ")

        found = [
            (mail.message.deliveries[0].state, mail.message.deliveries[0].problem)
            for mail in listener.spool.mails
        ]
        received = (DeliveryState.RECEIVED, None)
        assert found == [*[received] * 5, (DeliveryState.HELD, "loop"), received, received]


async def test_the_same_mail_once_an_hour_is_no_loop() -> None:
    clock = [NOON]

    def now() -> datetime:
        return clock[0]

    async with a_listener(now=now) as listener:
        client = await listener.connect()
        for _ in range(8):
            await client.mail(b"same")
            clock[0] += timedelta(minutes=15)

        assert all(mail.message.deliveries[0].problem is None for mail in listener.spool.mails)


# --- routes ---------------------------------------------------------------------------------------


def an_agency() -> Settings:
    return intake_settings(
        users={f"shop{number}": {"password": f"pw{number}"} for number in range(500)},
        accounts={f"account{number}": {} for number in range(500)},
        smarthosts={"second": {"host": "smtp2.test"}},
        routes=tuple(
            {
                "smtp_user": f"shop{number}",
                "accounts": [f"account{number}"],
                "smarthost": "second" if number % 2 else "default",
                "allowed_senders": [f"@shop{number}.example"],
            }
            for number in range(500)
        ),
    )


async def test_an_agency_with_500_shops_keeps_each_on_its_own_account() -> None:
    async with a_listener(settings=an_agency()) as listener:

        def hand_in(number: int, sender: str) -> None:
            with smtplib.SMTP("127.0.0.1", listener.port) as smtp:
                smtp.login(f"shop{number}", f"pw{number}")
                smtp.sendmail(sender, ["buyer@allegromail.pl"], b"text")

        await asyncio.to_thread(hand_in, 7, "sales@shop7.example")
        await asyncio.to_thread(hand_in, 498, "sales@shop498.example")
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            await asyncio.to_thread(hand_in, 7, "sales@shop8.example")

        assert refused.value.smtp_code == 550
        messages = [mail.message for mail in listener.spool.mails]
        assert [(m.route, m.accounts, m.smarthost) for m in messages] == [
            ("shop7", ("account7",), "second"),
            ("shop498", ("account498",), "default"),
        ]


async def test_without_routes_a_mail_may_act_on_every_account() -> None:
    settings = intake_settings(accounts={"one": {}, "two": {}, "three": {}})
    async with a_listener(settings=settings) as listener:
        await (await listener.connect()).mail(b"text")

        message = listener.spool.mails[0].message
        assert (message.route, message.accounts) == ("default", ("one", "two", "three"))


# --- starting and ending --------------------------------------------------------------------------


async def test_a_mail_on_its_way_is_finished_and_idle_clients_are_sent_away_when_it_ends() -> None:
    async with a_listener() as listener:
        busy, idle = await listener.connect(), await listener.connect()
        await busy.begin()
        await busy.send(b"first half")
        ending = asyncio.create_task(listener.server.drain(10))

        assert (await idle.reply()).startswith("421 4.3.2 ")
        assert await idle.rest() == b""
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", busy.writer.get_extra_info("peername")[1])
        await busy.send(b" second half\r\n.\r\n")
        assert (await busy.reply()).startswith("250 2.0.0 ")
        assert (await busy.reply()).startswith("421 4.3.2 ")
        await busy.close()
        await ending
        assert listener.spool.contents == [b"first half second half\r\n"]


async def test_a_mail_that_does_not_finish_in_time_gets_no_250() -> None:
    async with a_listener() as listener:
        client = await listener.connect()
        await client.begin()
        await client.send(b"never ends")

        await asyncio.wait_for(listener.server.drain(0.2), 5)

        with pytest.raises((ConnectionError, AssertionError)):
            assert await client.reply()
        assert listener.spool.mails == []


async def test_a_client_that_hangs_up_leaves_nothing_behind() -> None:
    async with a_listener() as listener:
        client = await listener.connect()
        await client.begin()
        await client.send(b"half a mail\r\n")
        await client.close()
        again = await listener.connect()

        assert (await again.mail(b"whole")).startswith("250 ")
        assert listener.spool.contents == [b"whole\r\n"]


async def test_a_client_that_closes_its_half_still_hears_its_answers() -> None:
    async with a_listener() as listener:
        client = await listener.connect()
        await client.send(
            b"EHLO shop\r\nMAIL FROM:<a@b.pl>\r\nRCPT TO:<c@d.pl>\r\nDATA\r\ntext\r\n.\r\n"
        )
        client.writer.write_eof()

        assert b"250 2.0.0 queued as" in await client.rest()
        assert len(listener.spool.mails) == 1


async def test_the_listener_takes_sockets_that_others_have_opened() -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    server = an_intake(intake_settings())
    try:
        bound = await server.start(doors=[Door(sock, implicit_tls=False)])
        assert [address.port for address in bound] == [sock.getsockname()[1]]
        assert str(bound[0]) == f"127.0.0.1:{bound[0].port}"
    finally:
        await server.close()


async def test_several_listeners_share_a_port() -> None:
    first, second = an_intake(intake_settings()), an_intake(intake_settings())
    bound = await first.start()
    try:
        doors = [Door(door.sock.dup(), door.implicit_tls) for door in first.doors]
        assert await second.start(doors=doors) == bound
        first.rest()
        await second.close()  # its own end of the door; ours stays open, and its queue

        reader, writer = await asyncio.open_connection("127.0.0.1", bound[0].port)
        first.take()
        assert (await asyncio.wait_for(reader.readline(), 30)).startswith(b"220")
        writer.close()
    finally:
        await first.close()
        await second.close()


# --- real clients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"hello\r\n", b".\r\n..\r\n.x\r\n", b"x" * 5000 + b"\r\n"])
async def test_smtplib_hands_in_what_arrives(body: bytes) -> None:
    async with a_listener() as listener:

        def hand_in() -> dict[str, Any]:
            with smtplib.SMTP("127.0.0.1", listener.port) as smtp:
                return smtp.sendmail("shop@example.pl", ["a@example.com", "b@example.com"], body)

        assert await asyncio.to_thread(hand_in) == {}
        assert listener.spool.contents == [body]


async def test_smtplib_logs_in_over_starttls_and_over_implicit_tls(tmp_path: Path) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    users = {"shop": {"password": "zażółć"}}
    async with a_listener(
        tls_self_signed=True, implicit_tls_port=0, users=users, store=store
    ) as listener:

        def hand_in() -> None:
            with smtplib.SMTP("127.0.0.1", listener.port) as smtp:
                smtp.starttls(context=blind_context())
                smtp.ehlo()
                token = base64.b64encode("\0shop\0zażółć".encode()).decode()
                assert smtp.docmd("AUTH", f"PLAIN {token}")[0] == 235
                smtp.sendmail("shop@example.pl", ["a@example.com"], b"one\r\n")
            with smtplib.SMTP_SSL("127.0.0.1", listener.tls_port, context=blind_context()) as smtp:
                smtp.sendmail("shop@example.pl", ["a@example.com"], b"two" * 300_000 + b"\r\n")

        await asyncio.to_thread(hand_in)

        assert listener.spool.contents == [b"one\r\n", b"two" * 300_000 + b"\r\n"]
        clients = [mail.message.envelope.client for mail in listener.spool.mails]
        assert [(client.tls, client.smtp_user) for client in clients] == [
            (True, "shop"),
            (True, None),
        ]

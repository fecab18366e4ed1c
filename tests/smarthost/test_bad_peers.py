"""A next hop that refuses, stalls, hangs up or talks nonsense loses no mail and doubles none."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from awizo.errors import Deferral, PermanentFailure
from awizo.telemetry import metrics
from support.peers import HANG_UP, RESET, STALL, Late, SmtpPeer, a_peer
from support.smarthost_parts import MAIL, a_post, a_smarthost, codes, send, the_way_out, until

BEFORE_THE_DOT = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA")
PATIENCE_S = 0.3


def in_doubt() -> float:
    return metrics.REGISTRY.get_sample_value("awizo_smarthost_in_doubt_total") or 0.0


@pytest.mark.parametrize("how", [HANG_UP, RESET, STALL], ids=["hangs up", "resets", "stalls"])
@pytest.mark.parametrize("stage", BEFORE_THE_DOT)
async def test_a_hop_that_goes_away_before_the_end_gets_the_mail_later(
    stage: str, how: str
) -> None:
    peer = SmtpPeer(replies={stage: how})
    async with a_peer(peer):
        smarthost = a_smarthost(peer, command_timeout_s=PATIENCE_S, connect_timeout_s=PATIENCE_S)
        async with the_way_out(smarthost) as smarthosts:
            before = in_doubt()
            results = await send(smarthosts, a_post(MAIL, "a@x.test", "b@x.test"))

            assert codes(results) == ["smarthost_unreachable"] * 2
            assert all(isinstance(result.error, Deferral) for result in results)
            assert not peer.mails
            assert in_doubt() == before


@pytest.mark.parametrize("how", [HANG_UP, RESET, STALL], ids=["hangs up", "resets", "stalls"])
async def test_silence_after_the_final_dot_is_counted_and_sent_again_later(how: str) -> None:
    peer = SmtpPeer(replies={"DOT": how})
    async with (
        a_peer(peer),
        the_way_out(a_smarthost(peer, reply_timeout_s=PATIENCE_S)) as smarthosts,
    ):
        before = in_doubt()
        results = await send(smarthosts, a_post(MAIL, "a@x.test", "b@x.test"))

        assert codes(results) == ["smarthost_in_doubt"] * 2
        assert all(isinstance(result.error, Deferral) for result in results)
        await until(lambda: bool(peer.mails))
        assert len(peer.mails) == 1  # it had it: sent once within this attempt, not twice
        assert in_doubt() == before + 1


async def test_a_mail_that_is_cancelled_after_its_final_dot_is_counted_as_well() -> None:
    peer = SmtpPeer(replies={"DOT": STALL})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        before = in_doubt()
        sending = asyncio.ensure_future(send(smarthosts, a_post()))
        await until(lambda: bool(peer.mails))
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

        assert in_doubt() == before + 1


@pytest.mark.parametrize("stage", [*BEFORE_THE_DOT, "DOT"])
async def test_an_answer_that_comes_late_is_waited_for(stage: str) -> None:
    usual = {"CONNECT": "220 mx", "EHLO": "250 mx", "DATA": "354 go on"}
    peer = SmtpPeer(replies={stage: Late(0.2, usual.get(stage, "250 2.0.0 ok"))})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert len(peer.mails) == 1


@pytest.mark.parametrize(
    ("stage", "reply", "code"),
    [
        ("CONNECT", "554 5.7.1 go away", "smarthost_unreachable"),
        ("CONNECT", "421 4.3.2 too busy", "smarthost_busy"),
        ("CONNECT", "HTTP/1.1 400 Bad Request", "smarthost_protocol"),
        ("EHLO", "550 5.7.1 not you", "smarthost_unreachable"),
        ("EHLO", "451 4.3.0 not now", "smarthost_busy"),
        ("MAIL", "451 4.3.0 not now", "smarthost_busy"),
        ("MAIL", "421 4.7.0 slow down", "smarthost_busy"),
        ("MAIL", "530 5.7.0 log in first", "smarthost_auth_failed"),
        ("RCPT", "421 4.7.0 slow down", "smarthost_busy"),
        ("RCPT", "450 4.2.0 greylisted", "smarthost_busy"),
        ("RCPT", "552 too many recipients", "smarthost_busy"),
        ("RCPT", "hello?", "smarthost_protocol"),
        ("DATA", "451 4.3.0 not now", "smarthost_busy"),
        ("DATA", "421 4.3.2 closing", "smarthost_busy"),
        ("DATA", "250 of course", "smarthost_protocol"),
        ("DOT", "451 4.3.0 not now", "smarthost_busy"),
        ("DOT", "421 4.3.2 closing", "smarthost_busy"),
        ("DOT", "354 more", "smarthost_in_doubt"),
        ("DOT", "what", "smarthost_in_doubt"),
    ],
)
async def test_what_may_pass_is_deferred(stage: str, reply: str, code: str) -> None:
    peer = SmtpPeer(replies={stage: reply})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        (result,) = await send(smarthosts, a_post())

        assert isinstance(result.error, Deferral)
        assert result.error.code == code
        assert not peer.mails


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("MAIL", "550 5.7.1 sender not allowed"),
        ("RCPT", "550 5.1.1 no such user"),
        ("RCPT", "552 5.2.2 mailbox full"),
        ("DATA", "554 5.6.0 no"),
        ("DOT", "554 5.7.1 spam"),
        ("DOT", "552 5.3.4 too large"),
    ],
)
async def test_what_is_refused_for_good_fails_for_good(stage: str, reply: str) -> None:
    peer = SmtpPeer(replies={stage: reply})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        (result,) = await send(smarthosts, a_post())

        assert isinstance(result.error, PermanentFailure)
        assert (result.error.code, result.reply) == ("smarthost_refused", reply)
        assert result.error.status == int(reply[:3])


async def test_greylisting_is_overcome_by_coming_again() -> None:
    peer = SmtpPeer(greylist=True)
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        first = await send(smarthosts, a_post())
        second = await send(smarthosts, a_post())

        assert (codes(first), codes(second)) == (["smarthost_busy"], ["ok"])
        assert len(peer.mails) == 1


async def test_a_hop_that_hangs_up_within_the_mail_gets_it_later() -> None:
    peer = SmtpPeer(hang_up_after_data_bytes=200_000)
    content = b"Subject: x\r\n\r\n" + b"abc\r\n" * 4_000_000
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        before = in_doubt()
        results = await send(smarthosts, a_post(content))

        assert codes(results) == ["smarthost_unreachable"]
        assert not peer.mails
        assert in_doubt() == before


async def raw_hop(*script: bytes) -> tuple[asyncio.Server, int]:
    """A hop that says each line of *script* to one command, and the last one in the mail."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in script:
            writer.write(line)
            await writer.drain()
            if line is not script[-1]:
                await reader.readline()
        await asyncio.sleep(0.2)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("early", "code", "kind"),
    [
        (b"552 5.3.4 too large\r\n", "smarthost_refused", PermanentFailure),
        (b"451 4.3.0 disk full\r\n", "smarthost_busy", Deferral),
        (b"421 4.3.2 closing\r\n", "smarthost_busy", Deferral),
        (b"250 2.0.0 got it already\r\n", "smarthost_protocol", Deferral),
    ],
)
async def test_an_answer_in_the_middle_of_a_mail_is_heard_and_yes_is_never_believed(
    early: bytes, code: str, kind: type
) -> None:
    server, port = await raw_hop(
        b"220 mx\r\n", b"250 mx\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n" + early
    )
    peer = SmtpPeer(host="127.0.0.1", port=port)
    async with server, the_way_out(a_smarthost(peer)) as smarthosts:
        content = b"Subject: x\r\n\r\n" + b"abc\r\n" * 2_000_000
        (result,) = await send(smarthosts, a_post(content))

        assert isinstance(result.error, kind)
        assert result.error is not None
        assert result.error.code == code


@pytest.mark.parametrize(
    "script",
    [
        [b"250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n"],
        [b"250 mx\r\n250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n"],
    ],
    ids=["all of them", "the first"],
)
async def test_an_answer_before_its_question_is_not_taken_for_the_answer(
    script: list[bytes],
) -> None:
    server, port = await raw_hop(b"220 mx\r\n", *script)
    peer = SmtpPeer(host="127.0.0.1", port=port)
    async with server, the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["smarthost_protocol"]


@pytest.mark.parametrize(
    "flood",
    [
        b"220-" + b"x" * 100_000_000,
        b"220-hello\r\n" * 5_000_000,
        b"220 " + b"y" * 5000 + b"\r\n",
    ],
    ids=["one endless line", "endless lines", "a line that is too long"],
)
async def test_a_flood_is_cut_off(flood: bytes) -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for start in range(0, len(flood), 65_536):
            writer.write(flood[start : start + 65_536])
            await writer.drain()
            sent = start
        await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer = SmtpPeer(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    async with the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["smarthost_protocol"]
        assert sent < 40_000_000
    server.close()


async def test_a_reply_that_trickles_in_must_be_whole_in_time() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"220-more\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer = SmtpPeer(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    async with the_way_out(a_smarthost(peer, command_timeout_s=PATIENCE_S)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["smarthost_unreachable"]
    server.close()


async def test_a_port_where_nobody_listens_is_unreachable() -> None:
    async with a_peer() as peer:
        peer.stop_listening()
        async with the_way_out(a_smarthost(peer)) as smarthosts:
            (result,) = await send(smarthosts, a_post())

            assert isinstance(result.error, Deferral)
            assert result.error.code == "smarthost_unreachable"


async def test_a_host_name_that_does_not_exist_is_unreachable() -> None:
    peer = SmtpPeer(host="no-such-host.invalid", port=25)
    async with the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["smarthost_unreachable"]


async def test_an_old_server_without_ehlo_is_spoken_to_with_helo() -> None:
    peer = SmtpPeer(replies={"EHLO": "502 5.5.1 what?"})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert peer.mails[0].content == MAIL


@pytest.mark.parametrize(("times", "begun"), [(1, False), (50_000, True)], ids=["small", "large"])
async def test_content_that_is_not_what_was_accepted_is_never_finished(
    times: int, begun: bool
) -> None:
    other = hashlib.sha256(b"something else").hexdigest()
    content = MAIL + b"and so on, and so on\r\n" * times
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(content, sha256=other))

        assert codes(results) == ["content_damaged"]
        assert isinstance(results[0].error, PermanentFailure)
        assert ("DATA" in peer.commands) is begun  # what is kept is looked at before it begins
        assert not peer.mails


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: a\r\n\r\nx\n.\r\nMAIL FROM:<evil@x.test>\r\n",
        b"Subject: a\r\n\r\nx\r\n.\nMAIL FROM:<evil@x.test>\r\n",
        b"Subject: a\r\n\r\nx\r.\rMAIL FROM:<evil@x.test>\r\n",
        b"Subject: a\r\n\r\nx\r\n\0.\r\nMAIL FROM:<evil@x.test>\r\n",
    ],
)
async def test_no_second_mail_can_hide_in_a_first(content: bytes) -> None:
    """Intake mends or refuses such bytes; what came past it all the same is not sent on."""
    peer = SmtpPeer(lenient=True)
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(content))

        assert codes(results) == ["content_unsafe"]
        assert not peer.connections


async def test_a_control_character_in_an_address_never_becomes_a_command() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        evil = "a@x.test>\r\nRCPT TO:<evil@x.test"
        by_recipient = await send(smarthosts, a_post(MAIL, evil, "b@x.test"))
        by_sender = await send(smarthosts, a_post(MAIL, reverse_path=evil))

        assert codes(by_recipient) == ["smarthost_refused", "ok"]
        assert codes(by_sender) == ["smarthost_refused"]
        assert peer.mails[0].recipients == ("b@x.test",)
        assert not any("evil" in command for command in peer.commands)

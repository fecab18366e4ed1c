"""A host in trouble is passed over and left alone for a while; what it said no to stays no."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from awizo.errors import Deferral, PermanentFailure
from awizo.smarthost.breaker import Breaker, pause_after
from support.peers import GOOD, HANG_UP, STALL, SmtpPeer, a_peer
from support.smarthost_parts import (
    MAIL,
    NOON,
    Clock,
    a_post,
    a_smarthost,
    codes,
    send,
    the_way_out,
    until,
)


@pytest.mark.parametrize(
    "replies",
    [
        {"CONNECT": HANG_UP},
        {"CONNECT": "421 4.3.2 busy"},
        {"CONNECT": "554 5.7.1 go away"},
        {"MAIL": "452 4.3.1 no room"},
        {"RCPT": "421 4.7.0 slow down"},
        {"DATA": HANG_UP},
    ],
)
async def test_the_next_in_line_takes_what_a_host_in_trouble_did_not(
    replies: dict[str, str],
) -> None:
    async with a_peer(SmtpPeer(replies=replies)) as first, a_peer() as second:
        way = the_way_out(a_smarthost(first, fallback=("backup",)), backup=a_smarthost(second))
        async with way as smarthosts:
            (result,) = await send(smarthosts, a_post())

            assert result.ok
            assert result.host == f"127.0.0.1:{second.port}"
            assert not first.mails
            assert len(second.mails) == 1


@pytest.mark.parametrize(
    ("stage", "reply", "code"),
    [
        ("MAIL", "550 5.7.1 sender not allowed", "smarthost_refused"),
        ("RCPT", "550 5.1.1 no such user", "smarthost_refused"),
        ("RCPT", "450 4.2.0 greylisted", "smarthost_busy"),
        ("DOT", "554 5.7.1 spam", "smarthost_refused"),
        ("DOT", "451 4.3.0 not now", "smarthost_busy"),
        ("DOT", HANG_UP, "smarthost_in_doubt"),
    ],
)
async def test_what_a_host_said_about_the_mail_itself_is_not_asked_again_elsewhere(
    stage: str, reply: str, code: str
) -> None:
    async with a_peer(SmtpPeer(replies={stage: reply})) as first, a_peer() as second:
        way = the_way_out(a_smarthost(first, fallback=("backup",)), backup=a_smarthost(second))
        async with way as smarthosts:
            assert codes(await send(smarthosts, a_post())) == [code]
            assert not second.connections


async def test_a_host_without_8bitmime_gives_way_to_one_that_has_it() -> None:
    eight_bit = "Subject: x\r\n\r\nŻ\r\n".encode()
    async with a_peer(SmtpPeer(extensions=("SIZE",))) as first, a_peer() as second:
        way = the_way_out(a_smarthost(first, fallback=("backup",)), backup=a_smarthost(second))
        async with way as smarthosts:
            assert codes(await send(smarthosts, a_post(eight_bit))) == ["ok"]
            assert second.mails[0].content == eight_bit


async def test_when_all_are_in_trouble_the_first_ones_words_count() -> None:
    first = SmtpPeer(replies={"CONNECT": "421 4.3.2 first"})
    second = SmtpPeer(replies={"CONNECT": "421 4.3.2 second"})
    async with a_peer(first), a_peer(second):
        way = the_way_out(a_smarthost(first, fallback=("backup",)), backup=a_smarthost(second))
        async with way as smarthosts:
            (result,) = await send(smarthosts, a_post())

            assert isinstance(result.error, Deferral)
            assert result.reply == "421 4.3.2 first"
            assert len(second.connections) == 1


async def test_a_smarthost_of_its_own_name_is_used_for_its_mails_only() -> None:
    async with (
        a_peer() as first,
        a_peer() as other,
        the_way_out(a_smarthost(first), shop_b=a_smarthost(other)) as smarthosts,
    ):
        await send(smarthosts, a_post(smarthost="shop_b"))

        assert not first.connections
        assert len(other.mails) == 1


async def test_a_host_that_stays_in_trouble_is_left_alone_and_tried_again_later() -> None:
    clock = Clock()
    peer = SmtpPeer(replies={"CONNECT": [HANG_UP, HANG_UP, HANG_UP, None]})
    async with a_peer(peer), the_way_out(a_smarthost(peer), now=clock) as smarthosts:
        for _ in range(3):
            clock.tick(1)
            await send(smarthosts, a_post())
        (left_alone,) = await send(smarthosts, a_post())

        assert len(peer.connections) == 3
        assert isinstance(left_alone.error, Deferral)
        assert left_alone.error.code == "smarthost_unreachable"
        assert left_alone.error.not_before == timedelta(seconds=5)

        clock.tick(5)
        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert codes(await send(smarthosts, a_post())) == ["ok"]


async def test_after_a_pause_one_mail_tries_while_the_others_wait_for_what_becomes_of_it() -> None:
    clock = Clock()
    peer = SmtpPeer(replies={"CONNECT": [HANG_UP, HANG_UP, HANG_UP, STALL]})
    async with a_peer(peer), the_way_out(a_smarthost(peer), now=clock) as smarthosts:
        for _ in range(3):
            clock.tick(1)
            await send(smarthosts, a_post())
        clock.tick(6)
        trial = asyncio.ensure_future(send(smarthosts, a_post()))
        await until(lambda: len(peer.connections) == 4)

        assert codes(await send(smarthosts, a_post())) == ["smarthost_unreachable"]
        assert len(peer.connections) == 4
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)


async def test_a_mail_that_a_host_refuses_is_no_trouble_of_the_host() -> None:
    peer = SmtpPeer(replies={"DOT": "554 5.7.1 spam"})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        for _ in range(10):
            assert codes(await send(smarthosts, a_post())) == ["smarthost_refused"]

        assert peer.commands.count("DATA") == 10


@pytest.mark.parametrize(
    ("failures", "code", "pause_s"),
    [
        (1, "smarthost_unreachable", 0),
        (2, "smarthost_unreachable", 0),
        (3, "smarthost_unreachable", 5),
        (4, "smarthost_unreachable", 10),
        (8, "smarthost_unreachable", 120),
        (10_000, "smarthost_unreachable", 120),
        (1, "smarthost_auth_failed", 60),
        (2, "smarthost_auth_failed", 120),
        (10_000, "smarthost_auth_failed", 900),
    ],
)
def test_the_pause_grows_with_the_failures(failures: int, code: str, pause_s: float) -> None:
    assert pause_after(failures, code) == timedelta(seconds=pause_s)


def test_mails_that_fail_side_by_side_count_as_one_failure() -> None:
    breaker = Breaker()
    for second in range(10):
        breaker.failed(
            NOON + timedelta(seconds=10 + second), "smarthost_unreachable", began_at=NOON
        )

    assert breaker.failures == 1


# --- ourselves --------------------------------------------------------------------------------


async def test_a_next_hop_that_greets_with_our_instance_id_is_refused() -> None:
    peer = SmtpPeer(greeting="220 mx.example.pl ESMTP Awizo 0123456789abcdef")
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        (result,) = await send(smarthosts, a_post(MAIL))

        assert isinstance(result.error, PermanentFailure)
        assert result.error.code == "loop"
        assert not peer.commands


async def test_another_awizo_is_a_next_hop_like_any_other() -> None:
    peer = SmtpPeer(greeting="220 mx.example.pl ESMTP Awizo fedcba9876543210")
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["ok"]


# --- check ------------------------------------------------------------------------------------


async def test_check_says_what_was_found_and_sends_nothing() -> None:
    peer = SmtpPeer(auth=("PLAIN",), users={"shop": "secret"})
    async with a_peer(peer):
        smarthost = a_smarthost(peer, username="shop", password="secret")
        async with the_way_out(smarthost) as smarthosts:
            words = await smarthosts.check("default")

            assert words == f"127.0.0.1:{peer.port}, no TLS, AUTH PLAIN, up to 52 MB"
            assert [command.split(" ")[0] for command in peer.commands] == ["EHLO", "AUTH", "QUIT"]


async def test_check_says_what_the_next_hop_lacks() -> None:
    peer = SmtpPeer(extensions=tuple(one for one in GOOD if "8" not in one))
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        assert "without 8BITMIME and SMTPUTF8" in await smarthosts.check("default")


@pytest.mark.parametrize(
    ("peer", "code"),
    [
        (SmtpPeer(replies={"CONNECT": HANG_UP}), "smarthost_unreachable"),
        (SmtpPeer(greeting="220 mx ESMTP Awizo fedcba9876543210"), "loop"),
    ],
)
async def test_check_fails_with_the_slug_of_what_is_wrong(peer: SmtpPeer, code: str) -> None:
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        with pytest.raises(Deferral, match=code):
            await smarthosts.check("default")

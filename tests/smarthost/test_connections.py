"""Connections are kept for the next mail, and none loses or doubles one by going stale."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from support.peers import HANG_UP, RESET, STALL, Late, SmtpPeer, a_peer
from support.smarthost_parts import (
    MAIL,
    Clock,
    a_post,
    a_smarthost,
    codes,
    send,
    the_way_out,
    until,
)


async def test_the_next_mail_goes_over_the_same_connection() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        for _ in range(3):
            assert codes(await send(smarthosts, a_post())) == ["ok"]

        assert [mail.connection for mail in peer.mails] == [0, 0, 0]
        assert peer.commands.count("DATA") == 3


async def test_a_refused_mail_leaves_the_connection_fit_for_the_next() -> None:
    peer = SmtpPeer(replies={"RCPT": ["550 5.1.1 no", None], "MAIL": [None, "550 5.7.1 no", None]})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        outcomes = [codes(await send(smarthosts, a_post())) for _ in range(3)]

        assert outcomes == [["smarthost_refused"], ["smarthost_refused"], ["ok"]]
        assert len(peer.connections) == 1
        assert peer.commands.count("RSET") == 2


async def test_an_idle_connection_is_ended_politely_after_a_while() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer, idle_close_s=0.05)) as smarthosts:
        await send(smarthosts, a_post())
        await until(lambda: peer.open_connections == 0)

        assert peer.commands[-1] == "QUIT"


async def test_without_an_idle_time_each_mail_has_its_own_connection() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer, idle_close_s=0)) as smarthosts:
        await send(smarthosts, a_post())
        await send(smarthosts, a_post())

        assert [mail.connection for mail in peer.mails] == [0, 1]


async def test_closing_ends_every_kept_connection() -> None:
    async with a_peer() as peer:
        async with the_way_out(a_smarthost(peer)) as smarthosts:
            await asyncio.gather(*(send(smarthosts, a_post()) for _ in range(3)))
        await until(lambda: peer.open_connections == 0)

        assert all(connection.commands[-1] == "QUIT" for connection in peer.connections)


async def test_no_more_connections_are_open_at_once_than_allowed() -> None:
    peer = SmtpPeer(replies={"DOT": Late(0.02, "250 2.0.0 ok")})
    async with a_peer(peer), the_way_out(a_smarthost(peer, max_connections=2)) as smarthosts:
        results = await asyncio.gather(*(send(smarthosts, a_post()) for _ in range(12)))

        assert [codes(result) for result in results] == [["ok"]] * 12
        assert len(peer.connections) == 2
        assert len(peer.mails) == 12


@pytest.mark.parametrize("farewell", [b"", b"421 4.4.2 idle too long\r\n"])
async def test_a_connection_that_the_hop_closed_meanwhile_costs_nothing(farewell: bytes) -> None:
    peer = SmtpPeer(idle_close_s=0.05, idle_farewell=farewell)
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        first = await send(smarthosts, a_post())
        await until(lambda: peer.open_connections == 0)
        second = await send(smarthosts, a_post())

        assert (codes(first), codes(second)) == (["ok"], ["ok"])
        assert [mail.connection for mail in peer.mails] == [0, 1]


async def test_a_hop_that_restarted_meanwhile_costs_nothing() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        await send(smarthosts, a_post())
        peer.drop_connections()  # we have not heard of it when the next mail goes
        assert codes(await send(smarthosts, a_post())) == ["ok"]

        assert [mail.connection for mail in peer.mails] == [0, 1]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    "how",
    [HANG_UP, RESET, STALL, "421 4.7.0 enough mails over this connection"],
    ids=["hangs up", "resets", "stalls", "421"],
)
async def test_what_breaks_on_a_kept_connection_goes_once_more_over_a_fresh_one(
    stage: str, how: str
) -> None:
    peer = SmtpPeer(replies={stage: [None, how, None]})
    async with (
        a_peer(peer),
        the_way_out(a_smarthost(peer, command_timeout_s=1 if how == STALL else 30)) as smarthosts,
    ):
        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert codes(await send(smarthosts, a_post())) == ["ok"]

        assert [mail.connection for mail in peer.mails] == [0, 1]


async def test_a_limit_of_mails_over_one_connection_is_no_limit_of_mails() -> None:
    peer = SmtpPeer(replies={"MAIL": [None, "452 4.3.2 too many messages here", None]})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert codes(await send(smarthosts, a_post())) == ["ok"]

        assert [mail.connection for mail in peer.mails] == [0, 1]


async def test_a_hop_that_closes_after_each_mail_is_served_mail_by_mail() -> None:
    peer = SmtpPeer(close_after_mails=1)
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        for _ in range(4):
            assert codes(await send(smarthosts, a_post())) == ["ok"]

        assert [mail.connection for mail in peer.mails] == [0, 1, 2, 3]


async def test_it_is_tried_anew_only_once() -> None:
    peer = SmtpPeer(replies={"MAIL": [None, HANG_UP, HANG_UP, None]})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert codes(await send(smarthosts, a_post())) == ["smarthost_unreachable"]

        assert len(peer.connections) == 2


async def test_silence_after_the_final_dot_on_a_kept_connection_is_not_sent_twice() -> None:
    peer = SmtpPeer(replies={"DOT": [None, HANG_UP, None]})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        await send(smarthosts, a_post())
        assert codes(await send(smarthosts, a_post())) == ["smarthost_in_doubt"]

        assert len(peer.mails) == 2
        assert len(peer.connections) == 1


async def test_a_cancelled_mail_takes_its_connection_with_it() -> None:
    peer = SmtpPeer(replies={"RCPT": [Late(0.3, "250 2.1.5 ok"), None]})
    async with (
        a_peer(peer),
        the_way_out(a_smarthost(peer, max_connections=1)) as smarthosts,
    ):
        sending = asyncio.ensure_future(send(smarthosts, a_post()))
        await until(lambda: any(command.startswith("RCPT") for command in peer.commands))
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

        assert codes(await send(smarthosts, a_post())) == ["ok"]
        await until(lambda: peer.connections[0].ended)
        first, second = peer.connections
        assert [burst[:4] for burst in first.bursts] == [b"EHLO", b"MAIL"]
        assert [mail.connection for mail in peer.mails] == [second.number]


async def test_half_a_mail_is_never_finished_by_the_next_one() -> None:
    never, reads = asyncio.Event(), 0
    post = a_post(MAIL, size_bytes=2_000_000)  # too large to be kept: it is read twice

    async def stuck_the_second_time() -> AsyncIterator[bytes]:
        nonlocal reads
        reads += 1
        yield MAIL[:40]
        if reads == 2:
            await never.wait()
        yield MAIL[40:]

    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        sending = asyncio.ensure_future(
            smarthosts.send(post.message, post.recipients, stuck_the_second_time)
        )
        await until(lambda: any(MAIL[:20] in b for one in peer.connections for b in one.bursts))
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await until(lambda: peer.connections[0].ended)

        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert [(mail.connection, mail.content) for mail in peer.mails] == [(1, MAIL)]


async def test_many_mails_over_a_hop_that_keeps_breaking_arrive_once_each() -> None:
    """Each mail is sent until it is taken, as the worker does; none is lost, none doubled."""
    breaks = [None, HANG_UP, None, None, RESET, None, "421 4.3.2 bye"] * 8
    peer = SmtpPeer(replies={"MAIL": breaks, "RCPT": breaks[1:], "DATA": breaks[3:]})
    clock = Clock()

    async def until_taken(number: int) -> None:
        post = a_post(b"Subject: %d\r\n\r\n" % number + MAIL)
        while codes(await send(smarthosts, post)) != ["ok"]:
            clock.tick(300)

    async with a_peer(peer), the_way_out(a_smarthost(peer), now=clock) as smarthosts:
        await asyncio.gather(*(until_taken(number) for number in range(40)))

        numbers = sorted(int(mail.content.split(b"\r\n")[0][9:]) for mail in peer.mails)
        assert numbers == list(range(40))

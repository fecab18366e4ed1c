"""A smarthost that keeps every connection and answers nothing: its mails delay nobody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from awizo.model import DeliveryState
from awizo.smarthost import host
from support.house import a_house, a_mail
from support.peers import STALL, SmtpPeer, a_peer
from support.smarthost_parts import a_post, a_smarthost, codes, send, the_way_out, until

WAITING = 200  # several times as many as the worker has hands


async def test_who_waits_for_a_stalled_host_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "STALLED_S", 0.1)
    peer = SmtpPeer(replies={"CONNECT": STALL})
    async with (
        a_peer(peer),
        the_way_out(a_smarthost(peer, max_connections=1, command_timeout_s=30)) as smarthosts,
    ):
        first = asyncio.create_task(send(smarthosts, a_post()))
        await until(lambda: len(peer.connections) == 1)

        assert codes(await send(smarthosts, a_post())) == ["smarthost_queue"]
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_a_host_that_moves_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "STALLED_S", 5.0)
    async with (
        a_peer() as peer,
        the_way_out(a_smarthost(peer, max_connections=1)) as smarthosts,
    ):
        results = await asyncio.gather(*(send(smarthosts, a_post()) for _ in range(20)))

        assert [codes(one) for one in results] == [["ok"]] * 20
        assert len(peer.connections) == 1


async def test_a_full_queue_for_a_dead_host_keeps_no_mail_of_another_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "STALLED_S", 0.2)
    peer = SmtpPeer(replies={"CONNECT": STALL})
    dead = {"host": "127.0.0.1", "tls": "none", "command_timeout_s": 300}
    async with (
        a_peer(peer),
        a_house(
            tmp_path,
            smarthosts={"dead": {**dead, "port": a_smarthost(peer).port}},
            routes=(
                {"from": "@dead.example", "smarthost": "dead"},
                {"from": "@lampiony.example"},
            ),
        ) as house,
    ):
        crowd = [f"someone{number}@example.com" for number in range(WAITING)]
        for number in range(WAITING):
            await house.send(
                a_mail("Dzień dobry", f"Treść {number}."),
                crowd[number],
                sender="shop@dead.example",
            )
        await until(lambda: len(peer.connections) == 4)

        for number in range(5):
            await house.send(a_mail("Licencja", f"Klucz {number}"), f"b{number}@example.com")
            # Did the dead host's mails keep every hand for a minute, this would not be met.
            await house.settled(f"b{number}@example.com", timeout_s=20)

        waiting = [
            one
            async for one in house.app.stores.spool.list()
            if one.delivery.message.smarthost == "dead"
        ]
        assert {one.delivery.state for one in waiting} == {DeliveryState.PLANNED}

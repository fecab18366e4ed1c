"""Jobs of one message leave together, and each learns what became of it."""

from __future__ import annotations

import asyncio

import pytest

from awizo.actions.base import Later
from awizo.actions.forward import forward
from awizo.model import Forward, Job
from awizo.smarthost import host
from support.peers import STALL, SmtpPeer, a_peer
from support.smarthost_parts import MAIL, Post, a_post, a_smarthost, send, the_way_out, until


def jobs_of(post: Post) -> list[Job]:
    return [
        Job(id=f"j{n}", delivery_id=f"d{n}", message_id="m1", account=None, action=Forward())
        for n, _ in enumerate(post.recipients)
    ]


async def test_each_job_gets_the_result_of_its_recipient() -> None:
    peer = SmtpPeer(replies={"RCPT b@x.test": "550 5.1.1 no such user"})
    post = a_post(MAIL, "a@x.test", "b@x.test", "a@x.test")
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        pairs = list(zip(jobs_of(post), post.recipients, strict=True))
        results = await forward(pairs, post.message, post.read, smarthosts)

        assert {job: result.ok for job, result in results.items()} == {
            "j0": True,
            "j1": False,
            "j2": True,
        }
        assert len(peer.mails) == 1


async def test_waiting_for_a_free_connection_is_no_failed_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "WAIT_FOR_CONNECTION_S", 0.05)
    peer = SmtpPeer(replies={"DATA": STALL})
    post = a_post()
    async with a_peer(peer), the_way_out(a_smarthost(peer, max_connections=1)) as smarthosts:
        stalled = asyncio.ensure_future(send(smarthosts, post))
        await until(lambda: "DATA" in peer.commands)
        results = await forward(
            [(jobs_of(post)[0], post.recipients[0])], post.message, post.read, smarthosts
        )
        stalled.cancel()
        await asyncio.gather(stalled, return_exceptions=True)

        assert isinstance(results["j0"].error, Later)
        assert results["j0"].error.code == "smarthost_queue"

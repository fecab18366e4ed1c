"""The spool's contract: accepting, and what was accepted before."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from datetime import timedelta

import pytest

from awizo.errors import NotFound, StoreError
from awizo.model import (
    ContentFacts,
    DeliveryState,
    Disposition,
    Forward,
    JobState,
    Kind,
    Recipient,
)
from awizo.settings import Store
from awizo.store import Stores, open_store
from support.store_parts import (
    BODY,
    BUYER,
    NOON,
    OTHER_BUYER,
    SOMEBODY,
    STOPPED,
    Desk,
    a_message,
    accepted,
    seconds,
)

SIZES = [0, 1, len(BODY), 65_535, 65_536, 262_144, 262_145, 3_000_000]


@pytest.mark.parametrize("size", SIZES)
async def test_content_comes_back_byte_for_byte_whatever_its_size(size: int, desk: Desk) -> None:
    body = bytes(index * 7 % 256 for index in range(min(size, 4096))) * (size // 4096 + 1)
    body = body[:size]
    await accepted(desk.spool, body=body)

    assert await desk.spool.content(a_message().id) == body
    pieces = [piece async for piece in desk.spool.content_chunks(a_message().id)]
    assert b"".join(pieces) == body
    assert all(len(piece) <= 262_144 for piece in pieces)


async def test_a_body_is_read_from_its_start_wherever_it_stood(desk: Desk) -> None:
    body = io.BytesIO(BODY)
    body.read(7)
    await desk.spool.accept(a_message(), body)
    assert await desk.spool.content(a_message().id) == BODY


async def test_what_was_accepted_is_there_when_the_store_is_opened_again(
    store_settings: Store,
) -> None:
    new = a_message(recipients=(BUYER, SOMEBODY), policy="careful", message_id="<1@shop>")
    new = replace(
        new,
        envelope=replace(
            new.envelope,
            body="8BITMIME",
            smtputf8=True,
            ret="HDRS",
            envid="x+2By",
            recipients=(
                Recipient(BUYER, notify="NEVER", orcpt="rfc822;a+40b"),
                Recipient(SOMEBODY),
            ),
        ),
    )
    new = replace(new, facts=ContentFacts(eight_bit=True, eight_bit_header=False))
    first = await open_store(store_settings)
    await first.spool.accept(new, io.BytesIO(BODY))
    await first.close()

    again = await open_store(store_settings)
    stored = [one async for one in again.spool.list()]
    content = await again.spool.content(new.id)
    await again.close()

    assert content == BODY
    assert [one.delivery.recipient for one in stored] == list(new.envelope.recipients)
    message = stored[0].delivery.message
    assert message.envelope == new.envelope
    assert (message.id, message.route, message.smarthost) == (new.id, "shop", "default")
    assert (message.size_bytes, message.sha256) == (len(BODY), new.sha256)
    assert message.message_id == "<1@shop>"
    assert message.facts == new.facts


async def test_a_delivery_to_a_buyer_is_received_and_one_to_another_is_on_its_way(
    desk: Desk,
) -> None:
    await accepted(desk.spool, recipients=(BUYER, SOMEBODY))

    to_buyer, to_other = await desk.all()
    assert to_buyer.delivery.state is DeliveryState.RECEIVED
    assert to_buyer.jobs == ()
    assert to_other.delivery.state is DeliveryState.PLANNED
    (job,) = to_other.jobs
    assert (job.action, job.state) == (Forward(), JobState.QUEUED)
    assert [leased.delivery.id for leased in await desk.deliveries()] == [to_buyer.delivery.id]
    assert [leased.id for leased in await desk.forwards()] == [job.id]


async def test_what_circles_is_accepted_but_held(desk: Desk) -> None:
    (delivery_id,) = await accepted(desk.spool, state=DeliveryState.HELD, problem="loop")

    stored = await desk.show(delivery_id)
    assert stored.delivery.state is DeliveryState.HELD
    assert stored.delivery.disposition is Disposition.HOLD
    assert stored.delivery.problem == "loop"
    assert [entry.event for entry in stored.history] == ["received", "held"]
    assert await desk.deliveries() == []
    assert await desk.forwards() == []


async def test_a_held_mail_to_nobody_at_allegro_is_not_sent_either(desk: Desk) -> None:
    await accepted(desk.spool, recipients=(SOMEBODY,), state=DeliveryState.HELD, problem="loop")
    assert await desk.forwards() == []


async def test_a_delivery_knows_the_accounts_of_its_route(desk: Desk) -> None:
    await accepted(desk.spool, 1, accounts=("one", "two"))
    await accepted(desk.spool, 2, accounts=("three",))

    first, second = await desk.all()
    assert (first.delivery.accounts, first.delivery.account) == (("one", "two"), None)
    assert (second.delivery.accounts, second.delivery.account) == (("three",), "three")


async def test_a_message_accepted_twice_is_there_once(desk: Desk) -> None:
    await accepted(desk.spool, recipients=(SOMEBODY,))
    await accepted(desk.spool, recipients=(SOMEBODY,))
    assert len(await desk.all()) == 1
    assert len(await desk.forwards()) == 1


@pytest.mark.parametrize("size", [100, 100_000])
async def test_a_bounce_that_is_written_again_with_another_time_in_it_is_there_once(
    size: int, desk: Desk
) -> None:
    await accepted(desk.spool, body=b"a" * size, recipients=(SOMEBODY,))
    await accepted(desk.spool, body=b"b" * size, recipients=(SOMEBODY,))
    assert await desk.spool.content(a_message().id) == b"a" * size
    assert len(await desk.all()) == 1


@pytest.mark.parametrize("size", [100, 100_000])
async def test_another_message_under_a_known_id_is_refused_and_harms_nothing(
    size: int, desk: Desk
) -> None:
    await accepted(desk.spool, body=b"a" * size)
    with pytest.raises(StoreError):
        await accepted(desk.spool, body=b"b" * size, recipients=(OTHER_BUYER,))
    assert await desk.spool.content(a_message().id) == b"a" * size
    assert len(await desk.all()) == 1


@pytest.mark.parametrize("size", [100, 100_000])
async def test_a_body_of_another_size_than_announced_is_refused_and_nothing_is_kept(
    size: int, desk: Desk
) -> None:
    new = replace(a_message(body=b"x" * size), size_bytes=size + 1)
    with pytest.raises(StoreError):
        await desk.spool.accept(new, io.BytesIO(b"x" * size))
    assert await desk.all() == []
    with pytest.raises(NotFound):
        await desk.spool.content(new.id)


async def test_a_failed_message_takes_no_other_of_the_same_moment_with_it(desk: Desk) -> None:
    bad = replace(a_message(50), size_bytes=1)
    results = await asyncio.gather(
        *(accepted(desk.spool, number) for number in range(20)),
        desk.spool.accept(bad, io.BytesIO(BODY)),
        *(accepted(desk.spool, number) for number in range(20, 40)),
        return_exceptions=True,
    )
    assert [type(result) for result in results if isinstance(result, Exception)] == [StoreError]
    assert len(await desk.all()) == 40


async def test_no_content_is_known_of_a_message_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.spool.content("m0")
    with pytest.raises(NotFound):
        [piece async for piece in desk.spool.content_chunks("m0")]


# -- the loop guard ------------------------------------------------------------------------------


async def test_the_loop_guard_counts_the_same_bytes_for_the_same_recipient(desk: Desk) -> None:
    digest = a_message().sha256
    for number in range(3):
        await accepted(desk.spool, number, received_at=NOON + seconds(number))
    await accepted(desk.spool, 10, recipients=(OTHER_BUYER,))
    await accepted(desk.spool, 11, body=b"other")

    count = desk.spool.same_digest_since
    assert await count(digest, BUYER, NOON) == 3
    assert await count(digest, BUYER.upper(), NOON) == 3
    assert await count(digest, BUYER, NOON + seconds(1)) == 2
    assert await count(digest, OTHER_BUYER, NOON) == 1
    assert await count(digest, "nobody@example.pl", NOON - timedelta(days=1)) == 0


# -- answers to automatic mails ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "automatic"),
    [
        (Kind.INVOICE, True),
        (Kind.RATING_REQUEST, True),
        (Kind.CONVERSATION_REPLY, False),
        (Kind.FULFILMENT_CORRESPONDENCE, False),
        (Kind.OTHER, False),
    ],
)
async def test_a_message_id_is_known_as_automatic_by_what_its_mail_was_judged_to_be(
    kind: Kind, automatic: bool, desk: Desk
) -> None:
    await accepted(desk.spool, message_id="<1@shop>")
    assert not await desk.spool.seen_automatic("<1@shop>")

    (leased,) = await desk.deliveries()
    await desk.plan(leased, ending=STOPPED, kind=kind)

    assert await desk.spool.seen_automatic("<1@shop>") is automatic
    assert not await desk.spool.seen_automatic("<2@shop>")


async def test_the_store_says_that_it_takes_writes(stores: Stores) -> None:
    await stores.spool.probe()
    assert await stores.spool.counts() is not None

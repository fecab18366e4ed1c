"""The pace of one client id."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from awizo.allegro.governor import RESOURCE_BURST, Bucket, Governor
from awizo.errors import Deferral
from support.scripted import SteppingClock


def governor(clock: SteppingClock, per_minute: int = 9000) -> Governor:
    return Governor(requests_per_minute=per_minute, clock=clock)


async def test_a_429_with_retry_after_stops_every_call_for_exactly_that_long() -> None:
    clock = SteppingClock()
    pace = governor(clock)

    pace.refused(timedelta(seconds=17))

    with pytest.raises(Deferral) as stopped:
        await pace.permit()
    assert stopped.value.code == "allegro_busy"
    assert stopped.value.not_before == timedelta(seconds=17)
    clock.at += 17.1
    await pace.permit()


async def test_a_429_without_retry_after_stops_for_a_minute_and_twice_as_long_the_next_time() -> (
    None
):
    clock = SteppingClock()
    pace = governor(clock)

    assert pace.refused(None) == 60
    clock.at += 60
    assert pace.refused(None) == 120
    clock.at += 120
    assert pace.refused(None) == 240


async def test_calls_that_were_under_way_when_the_stop_began_do_not_prolong_it() -> None:
    clock = SteppingClock()
    pace = governor(clock)

    pace.refused(None)
    clock.at += 1
    assert pace.refused(None) == 59


async def test_after_a_stop_calls_begin_one_a_second_and_speed_up_with_each_success() -> None:
    clock = SteppingClock()
    pace = governor(clock)
    pace.refused(timedelta(seconds=5))
    clock.at += 5

    await pace.permit()  # the first probe goes at once
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await pace.permit()  # the second one must wait

    for _ in range(9):  # 2, 4, … 256 a second: the full pace is reached
        pace.succeeded()
    for _ in range(100):
        await pace.permit()


async def test_once_calls_go_well_again_the_next_stop_is_a_short_one() -> None:
    clock = SteppingClock()
    pace = governor(clock)
    pace.refused(None)
    clock.at += 60
    for _ in range(9):
        pace.succeeded()

    assert pace.refused(None) == 60


async def test_no_minute_ever_holds_more_calls_than_allowed() -> None:
    clock = SteppingClock()
    bucket = Bucket(per_s=9000 * 0.9 / 60, burst=900, at=clock())
    taken = 0
    for _ in range(60_000):  # a minute in milliseconds, asking all the time
        while bucket.take(clock()) == 0:
            taken += 1
        bucket.give_back()
        clock.at += 0.001

    assert taken <= 9000


async def test_a_call_that_would_wait_long_is_deferred_instead_of_queueing() -> None:
    clock = SteppingClock()
    pace = governor(clock, per_minute=6)  # a burst of one, then one in eleven seconds

    await pace.permit()
    with pytest.raises(Deferral) as refused:
        await pace.permit()
    assert refused.value.code == "allegro_busy"


async def test_a_resource_with_a_limit_of_its_own_does_not_slow_the_others() -> None:
    clock = SteppingClock()
    pace = governor(clock)
    for _ in range(int(RESOURCE_BURST)):
        await pace.permit("shipments")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await pace.permit("shipments")
    await pace.permit()
    await pace.permit("carriers")

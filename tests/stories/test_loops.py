"""A mail that goes in circles is held, and a person hears of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from awizo.model import DeliveryState
from support.house import House, a_house, a_mail
from support.processes import children_of, connected_to, named, several, until

AGAIN = 7  # more than five times an hour is a loop
PATIENCE_S = 30.0
SOMEBODY = "kupujacy@example.com"


async def stand(house: House, *causes: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while [one["cause"] for one in await house.app.stores.spool.alerts()] != [*causes]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_mail_held_at_the_door_as_a_loop_raises_one_alert_that_ends_with_its_release(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path, connected=False, alerts={"email_to": ["ja@example.com"]}) as house:
        for _ in range(AGAIN):
            await house.send(a_mail("Raz", "Dzień dobry\n"), SOMEBODY)
        await stand(house, "loop")
        (alert,) = await house.app.stores.spool.alerts()
        assert "loop between mail servers" in str(alert["text"])
        await house.settled("ja@example.com")
        assert len(house.caught_for("ja@example.com")) == 1

        held = [
            one.delivery.id
            for one in await house.deliveries()
            if one.delivery.state is DeliveryState.HELD
        ]
        assert len(held) == AGAIN - 5
        for number, delivery_id in enumerate(held):
            await stand(house, "loop")
            await (house.operations.drop if number else house.operations.release)(delivery_id)
        await stand(house)


async def test_the_alert_of_a_loop_ends_when_no_mail_is_held_for_it_any_more(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path, connected=False, policy={"hold_max_h": 0.0002}) as house:
        for _ in range(AGAIN - 1):
            await house.send(a_mail("Raz", "Dzień dobry\n"), SOMEBODY)
        await stand(house, "loop")
        await house.settled(SOMEBODY)
        await stand(house)


@pytest.mark.slow
async def test_a_loop_that_a_further_intake_process_meets_raises_the_alert_too(
    tmp_path: Path,
) -> None:
    async with several(tmp_path, 2) as (served, _):
        (other,) = children_of(served.process.pid)
        client = await connected_to(other, served.port)
        for _ in range(AGAIN):
            said = await client.mail(b"Subject: raz\r\n\r\nraz", recipient=SOMEBODY)
            assert said.startswith("250")
        await until(lambda: bool(named(served, "alert_raised")))
        await client.close()

        assert {one["intake"] for one in named(served, "mail_held")} == {1}
        (alert,) = named(served, "alert_raised")
        assert (alert["cause"], "intake" in alert) == ("loop", False)

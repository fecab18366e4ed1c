"""A parcel number comes onto its order once, under the carrier that takes it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from awizo.actions.add_shipment import AddShipmentExecutor, carriers_to_try
from awizo.actions.base import Done
from awizo.allegro.values import Carrier
from awizo.errors import PermanentFailure
from awizo.model import AddShipment
from support.action_parts import ORDER, Bench
from support.little_allegro import LittleAllegro
from support.order_parts import an_order
from support.scripted import refusal

ADD = AddShipmentExecutor()
NUMBER = "1000713716065U"


def a_parcel(**changes: Any) -> AddShipment:
    return replace(AddShipment(ORDER, carrier="DPD", number=NUMBER), **changes)


def bench(**kwargs: Any) -> tuple[Bench, LittleAllegro]:
    allegro = LittleAllegro(ORDER)
    return Bench(allegro, **kwargs), allegro


def posts(allegro: LittleAllegro) -> int:
    return allegro.count("POST", "/shipments")


async def test_a_number_is_added_for_the_whole_order_and_read_back() -> None:
    work, allegro = bench()
    order = an_order(order_id=ORDER)
    work.index.orders[ORDER] = order

    done = await work.run(ADD, work.job(a_parcel()))

    assert isinstance(done, Done)
    assert done.note is None
    listed = allegro.shipments[ORDER][0]
    assert (listed["carrierId"], listed["waybill"]) == ("DPD", NUMBER)
    assert "lineItems" not in listed
    assert work.index.orders[ORDER].waybills == (NUMBER,)


@pytest.mark.parametrize("standing", [NUMBER, "1000 7137 1606 5u", "1000-713716065-U"])
async def test_a_number_that_is_listed_under_any_carrier_is_done(standing: str) -> None:
    work, allegro = bench()
    allegro.shipments[ORDER].append({"id": "s", "waybill": standing, "carrierId": "ALLEGRO"})

    done = await work.run(ADD, work.job(a_parcel()))

    assert isinstance(done, Done)
    assert done.note == "already_listed"
    assert posts(allegro) == 0


async def test_a_refused_number_is_offered_to_the_next_plausible_carrier() -> None:
    work, allegro = bench()
    allegro.takes[NUMBER] = {"INPOST"}

    done = await work.run(ADD, work.job(a_parcel(alternatives=("DHL", "INPOST"))))

    assert isinstance(done, Done)
    assert [one["carrierId"] for one in allegro.shipments[ORDER]] == ["INPOST"]


async def test_a_number_that_no_carrier_takes_goes_under_other_with_its_carriers_name() -> None:
    work, allegro = bench()
    allegro.takes[NUMBER] = {"OTHER"}

    done = await work.run(
        ADD, work.job(a_parcel(name="DPD Deutschland GmbH & Co. KG, Aschaffenburg"))
    )

    assert isinstance(done, Done)
    assert done.all_notes == ("filed_as_other_carrier",)
    listed = allegro.shipments[ORDER][0]
    assert listed["carrierName"] == "DPD Deutschland GmbH & Co. KG,"
    assert len(listed["carrierName"]) == 30


async def test_a_number_that_nobody_takes_is_refused() -> None:
    work, allegro = bench()
    allegro.takes[NUMBER] = set()

    failed = await work.run(ADD, work.job(a_parcel()))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "carrier_refused"
    assert posts(allegro) == 2


async def test_a_number_of_impossible_form_is_offered_to_nobody_else() -> None:
    work, allegro = bench()
    allegro.before = lambda request: (
        refusal(400, "WaybillValidationException") if request.method == "POST" else None
    )

    failed = await work.run(ADD, work.job(a_parcel(alternatives=("DHL",))))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "carrier_refused"
    assert posts(allegro) == 1


@pytest.mark.parametrize("number", ["", "1" * 65])
async def test_an_empty_or_overlong_number_costs_no_call(number: str) -> None:
    work, allegro = bench()

    failed = await work.run(ADD, work.job(a_parcel(number=number)))

    assert isinstance(failed, PermanentFailure)
    assert allegro.requests == []


async def test_a_lost_answer_is_looked_up_and_only_then_repeated() -> None:
    for arrives in (True, False):
        work, allegro = bench()
        lost = [True]

        def lose(
            request: httpx.Request, lost: list[bool] = lost, arrives: bool = arrives
        ) -> Exception | None:
            if request.method == "POST" and lost:
                lost.clear()
                return httpx.ReadTimeout("lost")
            return None

        if arrives:
            allegro.after = lose
        else:
            allegro.before = lose

        done = await work.run(ADD, work.job(a_parcel()))

        assert isinstance(done, Done)
        assert len(allegro.shipments[ORDER]) == 1
        assert posts(allegro) == (1 if arrives else 2)


async def test_a_number_that_is_assigned_late_is_waited_for() -> None:
    work, allegro = bench()
    late: list[dict[str, Any]] = []

    def after(request: httpx.Request) -> None:
        if request.method == "POST":
            late.append(allegro.shipments[ORDER].pop())

    allegro.after = after
    job, outcome = await work.attempt(ADD, work.job(a_parcel()))
    assert getattr(outcome, "code", "") == "verifying"
    allegro.shipments[ORDER].append(late[0])
    work.clock.forward(seconds=5)

    done = await work.run(ADD, job)

    assert isinstance(done, Done)
    assert posts(allegro) == 1


async def test_a_number_that_is_never_assigned_is_not_done() -> None:
    work, allegro = bench()

    def after(request: httpx.Request) -> None:
        allegro.shipments[ORDER].clear()

    allegro.after = after

    failed = await work.run(ADD, work.job(a_parcel()))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "verification_failed"
    assert posts(allegro) == 1


async def test_too_many_numbers_are_told() -> None:
    work, allegro = bench()
    allegro.before = lambda request: (
        refusal(409, "X", "used in too many orders") if request.method == "POST" else None
    )

    failed = await work.run(ADD, work.job(a_parcel()))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "waybill_limit"


async def test_allegro_delivery_goes_under_allegro_whoever_drives() -> None:
    work, allegro = bench()
    allegro.forms[ORDER]["delivery"] = {"method": {"id": "m", "name": "Kurier DPD (AD)"}}

    await work.run(ADD, work.job(a_parcel()))

    assert [one["carrierId"] for one in allegro.shipments[ORDER]] == ["ALLEGRO"]


async def test_an_order_in_allegros_own_warehouse_gets_no_number() -> None:
    work, allegro = bench()
    allegro.forms[ORDER]["fulfillment"]["provider"] = {"id": "ALLEGRO"}

    done = await work.run(ADD, work.job(a_parcel()))

    assert isinstance(done, Done)
    assert done.note == "fulfilled_by_allegro"
    assert posts(allegro) == 0


def test_carriers_that_allegro_does_not_know_are_not_tried() -> None:
    known = (Carrier("DHL", "DHL"), Carrier("OTHER", ""))

    tried = carriers_to_try(a_parcel(alternatives=("DHL",)), delivery_method="", known=known)

    assert tried == [("DHL", None), ("OTHER", "DPD")]


async def test_only_other_is_given_a_carriers_name() -> None:
    work, allegro = bench()
    bodies: list[dict[str, Any]] = []
    allegro.before = lambda request: (
        bodies.append(json.loads(request.content)) if request.method == "POST" else None
    )

    await work.run(ADD, work.job(a_parcel(name="DPD")))

    assert bodies == [{"carrierId": "DPD", "waybill": NUMBER}]

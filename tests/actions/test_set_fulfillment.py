"""A status goes forwards, once, and never over what something else decided."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from awizo.actions.base import Done
from awizo.actions.set_fulfillment import SetFulfillmentExecutor
from awizo.errors import PermanentFailure
from awizo.model import FulfillmentStatus as Status
from awizo.model import SetFulfillment
from awizo.settings import Policy
from support.action_parts import ORDER, Bench
from support.little_allegro import LittleAllegro
from support.scripted import refusal

SET = SetFulfillmentExecutor()


def bench(status: str | None = "NEW", **kwargs: Any) -> tuple[Bench, LittleAllegro]:
    allegro = LittleAllegro(ORDER)
    allegro.forms[ORDER]["fulfillment"]["status"] = status
    return Bench(allegro, **kwargs), allegro


def status_of(allegro: LittleAllegro) -> str:
    return str(allegro.forms[ORDER]["fulfillment"]["status"])


def puts(allegro: LittleAllegro) -> int:
    return allegro.count("PUT", "/fulfillment")


async def test_a_new_order_is_brought_to_the_status_and_read_back() -> None:
    work, allegro = bench()

    done = await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert isinstance(done, Done)
    assert done.note is None
    assert status_of(allegro) == "SENT"
    assert done.proof["status"] == "SENT"


@pytest.mark.parametrize(
    ("standing", "wanted"),
    [
        ("PROCESSING", Status.PROCESSING),
        ("SENT", Status.PROCESSING),
        ("SENT", Status.READY_FOR_PICKUP),
        ("PICKED_UP", Status.SENT),
    ],
)
async def test_a_status_that_is_reached_or_passed_costs_no_call(
    standing: str, wanted: Status
) -> None:
    work, allegro = bench(standing)

    done = await work.run(SET, work.job(SetFulfillment(ORDER, wanted)))

    assert isinstance(done, Done)
    assert done.note == "already_reached"
    assert puts(allegro) == 0


@pytest.mark.parametrize("standing", ["CANCELLED", "SUSPENDED", "RETURNED"])
async def test_what_took_the_order_off_its_road_is_never_overwritten(standing: str) -> None:
    work, allegro = bench(standing)

    failed = await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "status_refused"
    assert status_of(allegro) == standing


@pytest.mark.parametrize("wanted", [Status.CANCELLED, Status.SUSPENDED, Status.RETURNED])
async def test_a_mail_never_cancels_suspends_or_returns_an_order(wanted: Status) -> None:
    work, allegro = bench()

    failed = await work.run(SET, work.job(SetFulfillment(ORDER, wanted)))

    assert isinstance(failed, PermanentFailure)
    assert allegro.requests == []


async def test_an_order_that_the_buyer_cancelled_is_left_alone() -> None:
    work, allegro = bench()
    allegro.forms[ORDER]["status"] = "CANCELLED"

    failed = await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "order_cancelled"
    assert puts(allegro) == 0


async def test_an_order_in_allegros_own_warehouse_is_left_alone() -> None:
    work, allegro = bench()
    allegro.forms[ORDER]["fulfillment"]["provider"] = {"id": "ALLEGRO"}

    done = await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert isinstance(done, Done)
    assert done.note == "fulfilled_by_allegro"
    assert puts(allegro) == 0


async def test_when_the_buyer_changed_the_order_meanwhile_it_is_decided_anew() -> None:
    work, allegro = bench()
    changes = iter(["r2"])

    def before(request: httpx.Request) -> None:
        if request.method == "PUT":
            allegro.forms[ORDER]["revision"] = next(changes, "r2")

    allegro.before = before

    done = await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert isinstance(done, Done)
    assert puts(allegro) == 2


async def test_a_cancellation_in_between_is_seen_when_it_is_decided_anew() -> None:
    work, allegro = bench()

    def before(request: httpx.Request) -> None:
        if request.method == "PUT":
            allegro.forms[ORDER]["revision"] = "r2"
            allegro.forms[ORDER]["status"] = "CANCELLED"

    allegro.before = before

    failed = await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "order_cancelled"
    assert status_of(allegro) == "NEW"


async def test_three_decisions_then_a_pause() -> None:
    work, allegro = bench()
    revisions = iter(range(100))

    def before(request: httpx.Request) -> None:
        if request.method == "PUT":
            allegro.forms[ORDER]["revision"] = f"r-{next(revisions)}"

    allegro.before = before

    _, outcome = await work.attempt(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert getattr(outcome, "code", "") == "revision_conflict"
    assert puts(allegro) == 3


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (refusal(422, "SellerOrdersStoreUnprocessableEntityException"), "operation_limit"),
        (refusal(422, "VALIDATION", "not allowed to be set"), "status_refused"),
        (refusal(403, "AccessDenied"), "access_denied"),
    ],
)
async def test_a_refusal_is_told_by_its_words(reply: httpx.Response, code: str) -> None:
    work, allegro = bench()
    allegro.before = lambda request: reply if request.method == "PUT" else None

    failed = await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == code


async def test_a_lost_answer_is_looked_up_instead_of_set_again() -> None:
    work, allegro = bench()
    allegro.after = lambda request: httpx.ReadTimeout("lost") if request.method == "PUT" else None

    done = await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert isinstance(done, Done)
    assert puts(allegro) == 1


async def test_a_204_that_changes_nothing_is_not_done() -> None:
    work, allegro = bench()

    def after(request: httpx.Request) -> None:
        if request.method == "PUT":
            allegro.forms[ORDER]["fulfillment"]["status"] = "NEW"

    allegro.after = after

    failed = await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "verification_failed"
    assert puts(allegro) == 1


@pytest.mark.parametrize(
    ("told", "notes"), [("on", ()), ("off", ("buyer_not_told",)), ("unknown", ("buyer_not_told",))]
)
async def test_the_record_says_when_the_buyer_may_not_be_told(
    told: Any, notes: tuple[str, ...]
) -> None:
    work, _ = bench(policy=Policy(allegro_status_mail=told))

    done = await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT)))

    assert isinstance(done, Done)
    assert done.all_notes == notes


async def test_an_order_without_a_status_counts_as_new() -> None:
    work, allegro = bench(None)

    assert isinstance(await work.run(SET, work.job(SetFulfillment(ORDER, Status.SENT))), Done)
    assert status_of(allegro) == "SENT"

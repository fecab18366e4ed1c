"""A mail that our own faults meet: it goes on unchanged, is never judged for ever, never told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from awizo.documents import Inspector
from awizo.errors import StoreError
from awizo.model import DeliveryState, Disposition, DocumentFacts, ParsedMessage
from awizo.worker.triage import MAX_INTERRUPTIONS
from support.allegro_parts import Clock, some_settings
from support.emulator_parts import an_emulator
from support.house import a_mail, as_sent
from support.office import LEASE_S, Crash, Office, learnt
from support.store_parts import BUYER

CANARY = "canary-4711"


class Poisoned(Inspector):
    """Meets a fault with every mail, until told otherwise."""

    failure: BaseException | None = None
    looks = 0

    async def inspect(self, message: ParsedMessage) -> tuple[DocumentFacts, ...]:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return ()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    clock = Clock()
    settings = some_settings()
    _, book = learnt(settings)
    made = Office(tmp_path, an_emulator(clock=clock), clock, Poisoned(settings.documents), book)
    await made.open()
    yield made
    await made.close()


def poison(office: Office, failure: BaseException | None) -> Poisoned:
    inspector = office._inspector
    assert isinstance(inspector, Poisoned)
    inspector.failure = failure
    return inspector


async def a_poisoned_mail(office: Office) -> None:
    await office.put(as_sent(a_mail(CANARY, f"Płatność {CANARY} otrzymana.", to=BUYER)), BUYER)


async def when_its_lease_is_over(office: Office) -> None:
    office.clock.at += timedelta(seconds=LEASE_S + 1)
    await office.work()


async def test_a_mail_that_cannot_be_judged_is_forwarded_and_its_words_are_not_logged(
    office: Office,
) -> None:
    poison(office, ValueError(f"cannot read {CANARY} of {BUYER}"))
    await a_poisoned_mail(office)

    with structlog.testing.capture_logs() as logs:
        await office.work()

    (stored,) = await office.deliveries()
    assert stored.delivery.disposition is Disposition.FORWARD
    assert stored.delivery.problem == "triage_failed"
    assert office.smarthost.sent.total() == 1
    (told,) = [line for line in logs if line["event"] == "triage_failed"]
    assert told["error"] == "ValueError"
    assert CANARY not in repr(logs)
    assert BUYER not in repr(logs)


async def test_a_mail_that_kills_the_process_each_time_is_forwarded_in_the_end(
    office: Office,
) -> None:
    inspector = poison(office, Crash())
    await a_poisoned_mail(office)

    for _ in range(MAX_INTERRUPTIONS + 1):
        await office.work()

    assert inspector.looks == office.crashes == MAX_INTERRUPTIONS
    (stored,) = await office.deliveries()
    assert stored.delivery.disposition is Disposition.FORWARD
    assert stored.delivery.problem == "triage_failed"
    assert office.smarthost.sent.total() == 1
    assert office.smarthost.altered == []


async def test_a_mail_that_was_once_interrupted_is_judged_all_the_same(office: Office) -> None:
    poison(office, Crash())
    await a_poisoned_mail(office)
    await office.work()
    poison(office, None)

    await office.finish()

    (stored,) = await office.deliveries()
    assert stored.delivery.state is DeliveryState.SETTLED
    assert stored.delivery.kind is not None
    history = (await office.stores.spool.show(stored.delivery.id)).history
    assert [entry.event for entry in history].count("judging_interrupted") == 1


async def test_a_mail_is_judged_again_after_the_store_was_away(office: Office) -> None:
    poison(office, StoreError("disk I/O error"))
    await a_poisoned_mail(office)
    await office.work()
    (stored,) = await office.deliveries()
    assert stored.delivery.state is DeliveryState.RECEIVED
    poison(office, None)

    await when_its_lease_is_over(office)
    await office.finish()

    (stored,) = await office.deliveries()
    assert stored.delivery.problem != "triage_failed"
    assert stored.delivery.kind is not None


async def test_a_store_that_never_takes_a_plan_keeps_no_mail_for_ever(office: Office) -> None:
    poison(office, StoreError("this mail breaks it"))
    await a_poisoned_mail(office)

    await office.work()
    for _ in range(MAX_INTERRUPTIONS):
        await when_its_lease_is_over(office)

    (stored,) = await office.deliveries()
    assert stored.delivery.disposition is Disposition.FORWARD
    assert office.smarthost.sent.total() == 1


async def test_a_mail_that_has_gone_ahead_and_cannot_be_judged_any_more_is_at_its_end(
    office: Office,
) -> None:
    await a_poisoned_mail(office)
    (leased,) = await office.stores.spool.lease_deliveries(
        owner="w", now=office.clock(), lease_s=LEASE_S, limit=1
    )
    await office.stores.spool.defer_delivery(
        leased.delivery.id, leased.lease, due_at=office.clock(), forward_at=office.clock()
    )
    (job,) = await office.stores.spool.lease_jobs(
        owner="w", now=office.clock(), lease_s=LEASE_S, limit=1, forward=True
    )
    await office._way_out.send([job])
    poison(office, ValueError("later"))

    await office.work()

    (stored,) = await office.deliveries()
    assert stored.delivery.state is DeliveryState.SETTLED
    assert stored.delivery.disposition is Disposition.FORWARD
    assert office.smarthost.sent.total() == 1

"""``awizo demo``: every mail as expected; and an outcome that is not is called so."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from awizo.cli.demo.mail import DemoMail, DemoOrder, Expected
from awizo.cli.demo.mails import demo_mails
from awizo.cli.demo.outcomes import AtAllegro, Outcome, outcome_of
from awizo.emulator.sink import CaughtMail
from awizo.model import (
    Action,
    Client,
    Delivery,
    DeliveryState,
    Disposition,
    Envelope,
    Forward,
    Job,
    JobState,
    Kind,
    Recipient,
    SpooledMessage,
)
from awizo.spool.port import StoredDelivery
from support.cli_parts import awizo, lines_of
from support.store_parts import BUYER, NOON, ORDER, an_upload

CONTENT = b"Subject: x\r\n\r\nhello\r\n"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_outcome_is_the_expected_one(tmp_path: Path) -> None:
    out, _ = await awizo(tmp_path, "demo", "--json")

    outcomes = lines_of(out)
    assert len(outcomes) >= 20
    assert [one for one in outcomes if not one["as_expected"]] == []


class TestMails:
    def the_mails(self) -> list[DemoMail]:
        made: dict[str, DemoOrder] = {}

        def order(name: str, **details: Any) -> DemoOrder:
            address = f"{name.replace('-', '')}+abc123def@allegromail.pl"
            return made.setdefault(name, DemoOrder(f"id-of-{name}", address, "Jan Kowalski"))

        return demo_mails(order)

    def test_there_is_one_of_every_kind(self) -> None:
        expected = [one for mail in self.the_mails() for one in mail.expected]

        assert {kind for one in expected for kind in one.kinds} == set(Kind)
        assert {one.ends_in for one in expected} == {"stop", "forward"}

    def test_they_are_many_and_each_is_told_from_the_others(self) -> None:
        mails = self.the_mails()

        assert len(mails) >= 20
        assert len({mail.message_id for mail in mails}) == len(mails)
        recipients = [address for mail in mails for address in mail.recipients]
        assert len(set(recipients)) == len(recipients)
        assert all(mail.content.replace(b"\r\n", b"").count(b"\n") == 0 for mail in mails)


def a_stored(
    *actions: tuple[Action, JobState], disposition: Disposition = Disposition.STOP, **fields: Any
) -> StoredDelivery:
    """A settled delivery of the one mail, as the spool would list it."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    envelope = Envelope("shop@x", (Recipient(BUYER),), Client("127.0.0.1"), NOON)
    message = SpooledMessage("m", envelope, "default", "default", 1, sha256, "<1@x>")
    delivery = Delivery(
        "d", message, Recipient(BUYER), DeliveryState.SETTLED, kind=Kind.INVOICE,
        disposition=disposition, order_id=ORDER,
    )  # fmt: skip
    jobs = tuple(
        Job(str(number), "d", "m", "default", action, state)
        for number, (action, state) in enumerate(actions)
    )
    return StoredDelivery(replace(delivery, **fields), jobs)


def judged(
    expected: Expected,
    stored: StoredDelivery,
    *,
    at_allegro: AtAllegro | None = None,
    caught: tuple[CaughtMail, ...] = (),
) -> Outcome:
    mail = DemoMail("A mail", "<1@x>", CONTENT, (BUYER,), (expected,), "shop@x")
    return outcome_of(mail, expected, [stored], at_allegro or AtAllegro(), caught)


class TestOutcomes:
    """An expectation that cannot fail would prove nothing."""

    stopped = Expected(BUYER, "stop", ("invoice",), ("upload_invoice",), ORDER, documents=("aa",))
    forwarded = Expected(BUYER, "forward", ("invoice",), order_id=ORDER)
    uploaded = (an_upload(), JobState.DONE)
    sent = (Forward(), JobState.DONE)
    same = CaughtMail("shop@x", (BUYER,), CONTENT)

    def test_a_document_filed_and_read_back_is_as_expected(self) -> None:
        outcome = judged(
            self.stopped, a_stored(self.uploaded), at_allegro=AtAllegro(documents=("aa",))
        )

        assert outcome.wrong == ()
        assert outcome.proof == "not sent on; document at Allegro, same bytes: yes"

    def test_other_bytes_at_allegro_are_wrong(self) -> None:
        outcome = judged(
            self.stopped, a_stored(self.uploaded), at_allegro=AtAllegro(documents=("bb",))
        )

        assert "same bytes: no" in outcome.proof
        assert not outcome.as_expected

    def test_a_document_filed_twice_is_wrong(self) -> None:
        outcome = judged(
            self.stopped, a_stored(self.uploaded), at_allegro=AtAllegro(documents=("aa", "aa"))
        )

        assert not outcome.as_expected

    def test_a_stopped_mail_that_left_is_wrong(self) -> None:
        outcome = judged(
            self.stopped,
            a_stored(self.uploaded),
            at_allegro=AtAllegro(documents=("aa",)),
            caught=(self.same,),
        )

        assert outcome.wrong == ("stopped, but the smarthost has it",)

    def test_a_forwarded_mail_must_arrive_once_with_the_same_bytes(self) -> None:
        stored = a_stored(self.sent, disposition=Disposition.FORWARD)
        changed = replace(self.same, content=CONTENT + b"\r\n")

        assert judged(self.forwarded, stored, caught=(self.same,)).as_expected
        for caught in ((), (changed,), (self.same, self.same)):
            assert not judged(self.forwarded, stored, caught=caught).as_expected

    @pytest.mark.parametrize(
        "fields",
        [
            {"state": DeliveryState.PLANNED},
            {"kind": Kind.OTHER},
            {"order_id": "another"},
            {"problem": "order_unknown"},
            {"disposition": Disposition.HOLD},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_whatever_the_queue_tells_otherwise_is_wrong(self, fields: dict[str, Any]) -> None:
        outcome = judged(
            self.stopped,
            a_stored(self.uploaded, **fields),
            at_allegro=AtAllegro(documents=("aa",)),
        )

        assert len(outcome.wrong) == 1

    def test_a_call_that_was_not_made_is_wrong(self) -> None:
        assert not judged(
            self.stopped, a_stored(), at_allegro=AtAllegro(documents=("aa",))
        ).as_expected

    def test_what_was_put_on_an_order_unasked_is_wrong(self) -> None:
        stored = a_stored(self.sent, disposition=Disposition.FORWARD)
        for unasked in (
            AtAllegro(links=("https://x",)),
            AtAllegro(parcels=("1",)),
            AtAllegro(status="SENT"),
        ):
            outcome = judged(self.forwarded, stored, at_allegro=unasked, caught=(self.same,))
            assert not outcome.as_expected

    def test_a_mail_that_never_reached_the_queue_is_wrong(self) -> None:
        mail = DemoMail("A mail", "<2@x>", CONTENT, (BUYER,), (self.stopped,), "shop@x")

        outcome = outcome_of(mail, self.stopped, [a_stored(self.uploaded)], AtAllegro(), ())

        assert outcome.wrong == ("0 deliveries in the queue",)

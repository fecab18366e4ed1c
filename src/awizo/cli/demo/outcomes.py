"""Compare what came of a mail with what had to come of it.

In:  the expectation that stands with the mail; the delivery as the spool knows it; the order as
     the emulator holds it; what the smarthost caught.
Out: an Outcome for each recipient, with what was read back and what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from awizo.cli.demo.mail import DemoMail, Expected
from awizo.emulator.sink import CaughtMail
from awizo.model import DeliveryState, Forward, JobState, action_name
from awizo.spool.port import StoredDelivery


@dataclass(frozen=True, slots=True)
class AtAllegro:
    """An order as it stands at the emulator: what a seller would see there."""

    documents: tuple[str, ...] = ()  # SHA-256 of each file
    links: tuple[str, ...] = ()
    parcels: tuple[str, ...] = ()
    status: str = "NEW"


@dataclass(frozen=True, slots=True)
class Outcome:
    title: str
    recipient: str
    kind: str
    order_id: str
    done: str
    proof: str
    wrong: tuple[str, ...]

    @property
    def as_expected(self) -> bool:
        return not self.wrong


def outcome_of(
    mail: DemoMail,
    expected: Expected,
    deliveries: Sequence[StoredDelivery],
    order: AtAllegro | None,
    caught: Sequence[CaughtMail],
) -> Outcome:
    """What came of *mail* for one recipient."""
    mine = [
        stored
        for stored in deliveries
        if stored.delivery.message.message_id == mail.message_id
        and stored.delivery.recipient.address == expected.recipient
    ]
    if len(mine) != 1:
        words = f"{len(mine)} deliveries in the queue"
        return Outcome(mail.title, expected.recipient, "-", "-", "-", "-", (words,))
    (stored,) = mine
    wrong = _against_plan(expected, stored)
    proofs: list[str] = []
    _read_back_mail(mail, expected, caught, proofs, wrong)
    if order is not None:
        _read_back_order(expected, order, proofs, wrong)
    delivery = stored.delivery
    done = [
        action_name(job.action) + ("" if job.state is JobState.DONE else f" {job.state}")
        for job in stored.jobs
        if not isinstance(job.action, Forward)
    ]
    ending = {"forward": "forwarded", "stop": "stopped"}.get(
        delivery.disposition or "", str(delivery.disposition or delivery.state)
    )
    return Outcome(
        title=mail.title,
        recipient=expected.recipient,
        kind=delivery.kind or "-",
        order_id=delivery.order_id or "-",
        done=", ".join((*done, ending)) + (f" ({delivery.problem})" if delivery.problem else ""),
        proof="; ".join(proofs),
        wrong=tuple(wrong),
    )


def _against_plan(expected: Expected, stored: StoredDelivery) -> list[str]:
    delivery = stored.delivery
    actions = tuple(
        action_name(job.action) for job in stored.jobs if not isinstance(job.action, Forward)
    )
    checks = (
        ("state", delivery.state, (DeliveryState.SETTLED,)),
        ("kind", delivery.kind, expected.kinds or (None,)),
        ("ends in", delivery.disposition, (expected.ends_in,)),
        ("actions", actions, (expected.actions,)),
        ("problem", delivery.problem, (expected.problem,)),
    )
    wrong = [
        f"{name}: {_said(was)} instead of {_said(wanted[0])}"
        for name, was, wanted in checks
        if was not in wanted
    ]
    if expected.actions and delivery.order_id != expected.order_id:
        wrong.append(f"order: {_said(delivery.order_id)} instead of {expected.order_id}")
    return wrong


def _read_back_mail(
    mail: DemoMail,
    expected: Expected,
    caught: Sequence[CaughtMail],
    proofs: list[str],
    wrong: list[str],
) -> None:
    """The smarthost has it once with the same bytes, or not at all."""
    copies = [one for one in caught if expected.recipient in one.recipients]
    same = [one for one in copies if one.sha256 == mail.sha256]
    if expected.ends_in == "stop":
        proofs.append("not sent on" if not copies else f"sent on {len(copies)} times")
        if copies:
            wrong.append("stopped, but the smarthost has it")
        return
    proofs.append(f"at the smarthost, same bytes: {'yes' if copies and copies == same else 'no'}")
    if len(copies) != 1 or len(same) != 1:
        wrong.append(f"the smarthost has it {len(copies)} times, {len(same)} with the same bytes")
    elif same[0].reverse_path != mail.reverse_path:
        wrong.append(f"left with the reverse-path <{same[0].reverse_path}>")


def _read_back_order(
    expected: Expected, order: AtAllegro, proofs: list[str], wrong: list[str]
) -> None:
    """The order holds exactly what had to be put on it."""
    if expected.documents or order.documents:
        same = sorted(order.documents) == sorted(expected.documents)
        proofs.append(f"document at Allegro, same bytes: {'yes' if same else 'no'}")
        if not same:
            wrong.append(
                f"{len(order.documents)} documents on the order, {len(expected.documents)} expected"
            )
    for name, have, want in (
        ("link", order.links, expected.links),
        ("parcel", order.parcels, expected.parcels),
    ):
        if have or want:
            proofs.append(f"{name} at Allegro: {'yes' if set(have) == set(want) else 'no'}")
            if sorted(have) != sorted(want):
                wrong.append(f"{name}: {_said(have)} instead of {_said(want)}")
    if order.status != "NEW" or expected.status != "NEW":
        proofs.append(f"order is {order.status}")
    if order.status != expected.status:
        wrong.append(f"order is {order.status} instead of {expected.status}")


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)

"""What every action on an order shares: what it is given, how it reports.

In:  a job and the means to carry it out.
Out: Done with its proof, or Deferral, Later, PermanentFailure.

An executor runs one attempt. It looks before it acts, because an earlier attempt may have
died after any step, and reads back before it says Done: a 200 alone is never proof. What an
attempt has achieved is saved before the next step is taken.

Slugs of the actions beyond those of ``allegro/replies.py``:

==========================  ======================================================
Done notes
``already_filed``           the document was on the order before
``already_listed``          the link or the parcel number was
``already_reached``         the order had the status, or a later one
``filed_as_link``           no invoice was requested: the link was filed instead
``buyer_not_mailed``        Allegro mails the buyer nothing: no invoice was requested, or
                            it is the sandbox
``buyer_not_told``          whether Allegro mails the buyer about statuses is unknown
``filed_as_other_carrier``  taken with carrier OTHER: no tracking at Allegro
``fulfilled_by_allegro``    Allegro's warehouse handles the order and tells the buyer
Later
``verifying``               done, being read back
``declare_uncertain``       a declaration's answer was lost; looked for before repeating
``orphan_watched``          somebody's declaration without a file has our number
PermanentFailure
``number_reused``           the number was filed with another total, buyer or kind;
                            a person must look: see ``HOLD_CODES`` in worker/schedule.py
``document_not_pdf`` …      the file is not what Allegro takes, see ``upload_invoice``
``order_cancelled``         the order was cancelled
``verification_failed``     Allegro said yes and does not list it
==========================  ======================================================

``released: true`` in a job's progress says that a person has seen a held plan and wants it
carried out: ``number_reused`` is not raised then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from awizo.allegro.account import AllegroAccount
from awizo.allegro.ports import Ledger, Memory
from awizo.errors import Deferral, PermanentFailure
from awizo.model import Job, Order
from awizo.orders.port import OrderIndex
from awizo.settings import Allegro, Policy

# FACTS 2.0: an order that an event has just announced may be 404 for minutes.
ORDER_MAY_BE_MISSING = timedelta(minutes=10)

Progress = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FollowUpSpec:
    """Something to look at again after the job is done.

    ``kind`` is ``invoice_scan`` with data ``order_id``, ``invoice_id``, ``ledger_id``,
    ``until`` (RFC 3339).
    """

    kind: str
    due_in_s: float
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """The action is carried out and read back.

    Attributes:
        note: The slug that matters most, ``None`` when all went the plain way.
        notes: Further slugs for the record.
        proof: Ids, digests, times and trace ids, as JSON values.
        also_forward: The mail holds news that this way of filing does not carry.
    """

    note: str | None = None
    notes: tuple[str, ...] = ()
    proof: Mapping[str, Any] = field(default_factory=dict)
    follow_ups: Sequence[FollowUpSpec] = ()
    also_forward: bool = False

    @property
    def all_notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*((self.note,) if self.note else ()), *self.notes)))


class Later(Deferral):
    """All is well so far; look again after a while. Counts as no failed attempt."""

    def __init__(self, due_in: timedelta, code: str = "verifying", reply: str = "") -> None:
        super().__init__(code, reply, not_before=max(due_in, timedelta(seconds=1)))


@dataclass(frozen=True, slots=True)
class ActionContext:
    """The means of one attempt.

    Attributes:
        read_document: Bytes of an attachment by its part, shrunk where that is needed.
        save_progress: Keep what was achieved; durable on return. Replaces what was kept.
    """

    account: AllegroAccount
    ledger: Ledger
    memory: Memory
    orders: OrderIndex
    policy: Policy
    allegro: Allegro
    now: Callable[[], datetime]
    read_document: Callable[[str], Awaitable[bytes]]
    save_progress: Callable[[Mapping[str, Any]], Awaitable[None]]
    delivery_id: str = ""


class Executor(Protocol):
    async def execute(self, job: Job, ctx: ActionContext) -> Done:
        """Carry out one attempt.

        Raises:
            Deferral: Try again, no sooner than it says; :class:`Later` when nothing is wrong.
            PermanentFailure: It cannot be done; ``code`` says why.
        """


class Kept:
    """What the attempts of a job have achieved so far, saved with each change."""

    def __init__(self, job: Job, ctx: ActionContext) -> None:
        self._values = dict(job.progress)
        self._save = ctx.save_progress

    def get(self, key: str) -> Any:
        return self._values.get(key)

    def moment(self, key: str) -> datetime | None:
        value = self._values.get(key)
        return datetime.fromisoformat(value) if isinstance(value, str) else None

    def count(self, key: str) -> int:
        value = self._values.get(key)
        return value if isinstance(value, int) else 0

    async def note(self, **values: Any) -> None:
        """Set values; ``None`` removes one."""
        for key, value in values.items():
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value.isoformat() if isinstance(value, datetime) else value
        await self._save(dict(self._values))


def next_look(*, since: datetime, now: datetime, after_s: Sequence[float]) -> timedelta | None:
    """When to look again whether something asynchronous has happened.

    Args:
        since: When it was asked for.
        after_s: Looks, in seconds after *since*.

    Returns:
        The wait until the next look, ``None`` when the last one is over.
    """
    for look_s in after_s:
        due = since + timedelta(seconds=look_s)
        if due > now:
            return due - now
    return None


class Work(Protocol):
    async def __call__(self, job: Job, ctx: ActionContext, kept: Kept) -> Done: ...


async def patiently(work: Work, job: Job, ctx: ActionContext) -> Done:
    """Run an attempt; an order that is not found is awaited for some minutes.

    It may have been announced just now, and one that was read before is missing for a moment
    only: the minutes count from the first time it was not found.
    """
    kept = Kept(job, ctx)
    try:
        done = await work(job, ctx, kept)
    except PermanentFailure as error:
        if error.code != "order_missing":
            raise
        since = kept.moment("missing_since")
        if since is None:
            since = ctx.now()
            await kept.note(missing_since=since)
        if ctx.now() - since >= ORDER_MAY_BE_MISSING:
            raise
        raise Deferral(
            error.code,
            error.reply,
            not_before=timedelta(seconds=30),
            status=error.status,
            trace_id=error.trace_id,
        ) from error
    except Deferral:
        if kept.get("missing_since"):
            await kept.note(missing_since=None)
        raise
    return done


def refuse_unready(order: Order, *, cancelled_too: bool = True) -> None:
    """Nothing is put on an order whose id may still be replaced (FACTS 2.3).

    Raises:
        Deferral: ``order_not_ready``: not paid, or its form lags behind.
        PermanentFailure: ``order_cancelled``, unless *cancelled_too* is False.
    """
    if order.status in ("BOUGHT", "FILLED_IN"):
        raise Deferral(
            "order_not_ready", f"the order is {order.status}", not_before=timedelta(seconds=30)
        )
    if cancelled_too and order.status == "CANCELLED":
        raise PermanentFailure("order_cancelled", "the order was cancelled")

"""The spool as the rest of the house sees it: a durable store of messages and deliveries.

In:  messages from intake, plans and results from the worker, wishes of people.
Out: leased deliveries and jobs, listings, histories, content.

Every method is one transaction. What a method returned is durable. A method that
reports on leased work raises :class:`awizo.errors.LeaseLost` when the lease has passed
to somebody else; nothing is changed then.

Bodies: ``awizo.store.spool`` on SQLite and on PostgreSQL, held to one contract test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal, Protocol, get_args

from awizo.model import (
    Action,
    ContentFacts,
    Delivery,
    DeliveryState,
    Disposition,
    Envelope,
    HistoryEntry,
    Job,
    Kind,
    Plan,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to accept. ``sha256`` is the hex digest of exactly the bytes of the body.

    ``deliveries`` has one entry for each recipient, in order, with the settled facts of its
    route: nothing about a delivery is decided later by looking at settings of that day.
    ``facts``: of a content without NUL and with no bare line end, if it is known to be one.
    """

    id: str
    envelope: Envelope
    route: str
    smarthost: str
    accounts: tuple[str, ...]
    policy: str | None
    size_bytes: int
    sha256: str
    message_id: str | None = None
    deliveries: tuple[NewDelivery, ...] = ()
    facts: ContentFacts | None = None


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """``to_buyer`` False: forwarded at once and never parsed.

    ``held_until``: when a hold from the door ends by itself.
    """

    id: str
    recipient_index: int
    to_buyer: bool
    state: DeliveryState = DeliveryState.RECEIVED
    problem: str | None = None  # "loop": accepted, but held
    held_until: datetime | None = None


WorkKind = Literal["deliveries", "forwards", "calls", "follow_ups", "holds"]
ALL_WORK: tuple[WorkKind, ...] = get_args(WorkKind)


@dataclass(frozen=True, slots=True)
class LeasedDelivery:
    """``interruptions``: how often judging it ended without a word, as when the process died."""

    delivery: Delivery
    lease: str
    to_buyer: bool
    policy: str | None
    interruptions: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What triage found, to be stored with the plan."""

    plan: Plan
    verdict: Verdict | None = None
    account: str | None = None
    order_id: str | None = None
    history: tuple[HistoryEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a delivery goes on after a step: what the pure decision returned.

    Attributes:
        state: New state, ``None`` leaves it.
        disposition: Set with ``settled`` and ``held``.
        add_jobs: Further actions to queue, such as ``Forward`` for a fallback.
        cancel_jobs: End every job that is still queued or deferred as failed, ``cancelled``.
        requeue_failed: Queue the failed jobs again, due now, with ``released: true`` added to
            their progress: a person wants the held plan carried out.
        problem: Slug to set, "" ends it, ``None`` leaves it.
        due_at: When a held delivery ends by itself.
        order: Account and id of the order that a person named; judging keeps to it.
    """

    state: DeliveryState | None = None
    disposition: Disposition | None = None
    add_jobs: tuple[Action, ...] = ()
    cancel_jobs: bool = False
    requeue_failed: bool = False
    problem: str | None = None
    notes: tuple[str, ...] = ()
    due_at: datetime | None = None
    history: tuple[HistoryEntry, ...] = ()
    order: tuple[str, str] | None = None


Decide = Callable[[Delivery, Sequence[Job]], Ending]
"""Pure: the delivery and all its jobs, after the report, to how it goes on."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Something to look at again after a delivery was settled.

    ``kind``: ``invoice_scan`` (antivirus verdict), ``delivery_check`` (fate in the Message
    Center). ``data`` holds what the look-up needs.
    """

    id: str
    delivery_id: str
    account: str | None
    kind: str
    due_at: datetime
    attempts: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    lease: str = ""


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A row of ``awizo queue``: the delivery, its jobs in order, and with ``show`` its history."""

    delivery: Delivery
    jobs: tuple[Job, ...] = ()
    verdict: Mapping[str, Any] | None = None
    history: tuple[HistoryEntry, ...] = ()
    forwarded_at: datetime | None = None
    content_kept: bool = True


@dataclass(frozen=True, slots=True)
class Counts:
    """Deliveries by state, and the oldest that is not settled: for metrics and health."""

    by_state: Mapping[str, int]
    oldest_unsettled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the mails received since some time, so far.

    Attributes:
        acted: Mails to buyers of which something was put on an order at Allegro; they are
            counted in ``stopped``, ``forwarded`` or the others as well.
        others: Mails to nobody of Allegro, which are only forwarded; not counted elsewhere.
        waiting: Neither settled nor held yet.
    """

    stopped: int = 0
    forwarded: int = 0
    bounced: int = 0
    held: int = 0
    waiting: int = 0
    acted: int = 0
    others: int = 0


class Spool(Protocol):
    # -- intake ------------------------------------------------------------------------------

    async def accept(self, message: NewMessage, body: BinaryIO) -> None:
        """Store envelope, deliveries and the bytes of *body* (from its start) durably.

        A delivery that is not to a buyer gets its ``Forward`` job here and is ``planned``. Safe
        to repeat: a message whose id is there already, from and to the same addresses, is not
        added again.

        Raises:
            StorageFull: No room; 452 for the client.
            StoreError: Anything else; 451 for the client. Nothing is kept in either case.
        """

    async def same_digest_since(self, sha256: str, recipient: str, since: datetime) -> int:
        """How often these bytes were accepted for this recipient since then (loop guard)."""

    async def seen_automatic(self, message_id: str) -> bool:
        """Whether a message with this Message-ID (with brackets) was accepted earlier and
        judged to be neither a reply nor correspondence: an answer to it is no reply to a buyer."""

    # -- work --------------------------------------------------------------------------------

    async def lease_deliveries(
        self, *, owner: str, now: datetime, lease_s: float, limit: int
    ) -> list[LeasedDelivery]:
        """Take due ``received`` deliveries to buyers, fair between routes, oldest first."""

    async def due_kinds(
        self,
        *,
        now: datetime,
        kinds: Collection[WorkKind],
        busy_smarthosts: Collection[str] = (),
    ) -> set[WorkKind]:
        """Those of *kinds* that have due work: one look that disturbs nobody. One may be named
        for which a round finds nothing: what was just accepted is not looked into.

        Here and below, mails that leave by one of *busy_smarthosts* are passed over.
        """

    async def lease_jobs(
        self,
        *,
        owner: str,
        now: datetime,
        lease_s: float,
        limit: int,
        forward: bool,
        with_siblings: bool = False,
        busy_smarthosts: Collection[str] = (),
    ) -> list[Job]:
        """Take due jobs: with *forward* only ``Forward`` jobs, else only the others.

        Only jobs of ``planned`` deliveries are handed out, and ``Forward`` jobs of those that
        are judged again while the mail itself goes on. Calls to Allegro: at most one job
        of an order (by account and order id) is leased at a time, and jobs of one delivery
        strictly in order: each waits until its earlier siblings are done or failed (a failed
        one does not keep the others from running). Forward jobs wait for nobody. Fair between
        accounts.

        *with_siblings* adds, beyond the limit, the other due ``Forward`` jobs of the same
        messages to the same smarthosts, so that they leave together.
        """

    async def renew(
        self, leases: Sequence[str], *, now: datetime, lease_s: float
    ) -> Collection[str]:
        """Prolong leases; returns those that were not lost."""

    async def take_back_leases(self, *, owner_prefix: str | None = None) -> int:
        """End every lease (of owners with this prefix): the process that had them is dead."""

    async def store_plan(
        self,
        delivery_id: str,
        lease: str,
        judgement: Judgement,
        *,
        now: datetime,
        jobs: Sequence[Action],
        first_due_at: Mapping[int, datetime] | None = None,
        ending: Ending,
        decide: Decide | None = None,
    ) -> None:
        """Store what was decided with its jobs (``first_due_at`` by position), end the lease.

        A ``Forward`` that was queued while the delivery waited stands for that of *jobs*;
        *decide* is asked then how the delivery goes on, for it may be done already.
        """

    async def defer_delivery(
        self,
        delivery_id: str,
        lease: str,
        *,
        due_at: datetime,
        history: Iterable[HistoryEntry] = (),
        problem: str | None = None,
        forward_at: datetime | None = None,
    ) -> None:
        """Judge again later (its order is not known yet); keeps the state, counts the attempt.

        With *forward_at* the mail itself does not wait: its ``Forward`` job is queued, once.
        """

    async def save_progress(self, job: Job, progress: Mapping[str, Any]) -> None:
        """Keep what this attempt has achieved so far; the lease goes on."""

    async def finish(
        self,
        job: Job,
        *,
        now: datetime,
        decide: Decide,
        entry: HistoryEntry,
        progress: Mapping[str, Any] | None = None,
        follow_ups: Sequence[FollowUp] = (),
    ) -> None:
        """The job is done."""

    async def defer(
        self,
        job: Job,
        *,
        due_at: datetime,
        code: str,
        reply: str,
        entry: HistoryEntry,
        progress: Mapping[str, Any] | None = None,
        count_attempt: bool = True,
    ) -> None:
        """Try the job again, no sooner than *due_at*."""

    async def fail(
        self, job: Job, *, now: datetime, code: str, reply: str, decide: Decide, entry: HistoryEntry
    ) -> None:
        """The job cannot be done; *decide* says how the delivery goes on."""

    async def lease_follow_ups(
        self, *, owner: str, now: datetime, lease_s: float, limit: int
    ) -> list[FollowUp]: ...

    async def end_follow_up(
        self,
        follow_up: FollowUp,
        *,
        again_at: datetime | None = None,
        data: Mapping[str, Any] | None = None,
        entry: HistoryEntry | None = None,
        reopen: Ending | None = None,
    ) -> None:
        """Finish a follow-up, or look again at *again_at*; *reopen* changes its delivery."""

    async def due_holds(self, *, now: datetime, limit: int) -> list[StoredDelivery]:
        """Held deliveries whose time is over."""

    async def next_due(
        self,
        *,
        now: datetime,
        kinds: Collection[WorkKind] = ALL_WORK,
        busy_smarthosts: Collection[str] = (),
    ) -> datetime | None:
        """When the next delivery, job or follow-up falls due, leased ones left out."""

    # -- people ------------------------------------------------------------------------------

    async def change(
        self,
        delivery_id: str,
        *,
        now: datetime,
        decide: Decide,
        judge_again: bool = False,
        retry_now: bool = False,
    ) -> None:
        """Change a delivery as *decide* says, in one transaction.

        ``retry_now`` makes what is deferred due now; ``judge_again`` makes it ``received``.

        Raises:
            NotFound: No such delivery.
            NotAllowed: Raised by *decide*; nothing is changed.
        """

    def list(
        self,
        *,
        states: Sequence[DeliveryState] | None = None,
        account: str | None = None,
        kind: Kind | None = None,
        problem_only: bool = False,
        limit: int | None = None,
        after: str | None = None,
        newest_first: bool = False,
        search: str | None = None,
        disposition: Disposition | None = None,
    ) -> AsyncIterator[StoredDelivery]:
        """Every delivery still stored, oldest first, with its jobs, without paging."""

    async def deliveries(self, ids: Collection[str]) -> dict[str, Delivery]:
        """Deliveries by their ids; those that are gone are left out."""

    async def show(self, delivery_id: str) -> StoredDelivery:
        """One delivery with its history. Raises NotFound."""

    async def content(self, message_id: str) -> bytes:
        """All bytes as they were accepted. Raises NotFound, also when purged."""

    def content_chunks(self, message_id: str) -> AsyncIterator[bytes]:
        """The same in pieces, for large messages."""

    async def add_history(self, delivery_id: str, entry: HistoryEntry) -> None: ...

    async def purge(
        self, *, content_before: datetime, history_before: datetime, now: datetime
    ) -> tuple[int, int]:
        """Remove settled deliveries' content and, later, their records; returns both counts."""

    async def counts(self) -> Counts: ...

    async def tally(self, *, since: datetime) -> Tally:
        """Count what was received since then; reads those deliveries alone."""

    async def probe(self) -> None:
        """Write and remove a row: raises StoreError when the store is not writable."""

    # -- alerts: one cause, one alert ----------------------------------------------------------

    async def raise_alert(
        self, *, cause: str, account: str | None, text: str, now: datetime, repeat_after_h: float
    ) -> bool:
        """Record an alert; True when it is new, or old enough to be told again."""

    async def clear_alert(self, *, cause: str, account: str | None) -> None: ...

    async def alerts(self) -> Sequence[Mapping[str, Any]]:
        """Standing alerts: cause, account, text, first_at, last_at, count."""

    # -- waking ------------------------------------------------------------------------------

    async def wait_for_work(self, timeout_s: float) -> None:
        """Return when something may have become due (accept, plan, people), or after a while."""

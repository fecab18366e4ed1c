"""What can go wrong at Allegro, by name: switched on and off, struck at the right call.

In:  ``NAME``, ``NAME=VALUE`` or ``NAME[=VALUE],key=value,…``.
Out: for each call, which of the scenarios that are on strike it.

Every kind stands in :data:`KINDS` with what real integrators met; ``docs/emulator.md`` tells
the same at length.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

# What a scenario may be bound to: the operations of the API.
OPERATIONS = (
    "token", "device", "register", "me", "emails", "add-email",
    "events", "event-stats", "orders", "order", "fulfillment",
    "invoices", "declare", "file", "link",
    "shipments", "shipment", "carriers", "tracking",
    "threads", "thread", "messages", "message", "send", "reply", "delete", "attachment",
)  # fmt: skip
WRITES = (
    "fulfillment", "declare", "file", "link", "shipment", "send", "reply", "delete", "add-email",
    "attachment",
)  # fmt: skip


class UnknownScenario(ValueError):
    """No such scenario, or no such argument of it; the text says which."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of trouble.

    Attributes:
        main: What a bare value after the name means.
        on: Operations it strikes unless the scenario names others; empty: it is asked for by
            name where it belongs.
        times: How often it strikes unless told otherwise; ``None``: while it is on.
        per_order: The times are counted for each order by itself.
        seconds: How long it is on unless told otherwise; ``None``: until it is switched off.
        more: Further arguments with their defaults.
    """

    name: str
    says: str
    main: str = "times"
    on: tuple[str, ...] = ()
    times: int | None = None
    per_order: bool = False
    seconds: float | None = None
    more: Mapping[str, str] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        # -- answers and connections -----------------------------------------------------------
        Kind("lost-answer", "does what it was asked, then closes the connection",
             on=WRITES, times=1),
        Kind("hang-up", "closes the connection without doing anything", on=OPERATIONS, times=1),
        Kind("timeout-done", "504 ServiceTimeoutException although it was done",
             on=("declare", "file"), times=1),
        Kind("timeout", "504 ServiceTimeoutException, nothing was done",
             on=("declare", "file"), times=1),
        Kind("failing", "500 INTERNAL_SERVER_ERROR for a while", main="seconds", on=OPERATIONS),
        Kind("slow", "answers late", main="delay", on=OPERATIONS, more={"delay": "5"}),
        Kind("not-json", "does it, but a proxy's HTML page comes back", on=OPERATIONS, times=1),
        Kind("cut-off", "does it, but half of the JSON comes back, well framed",
             on=OPERATIONS, times=1),
        Kind("truncated", "does it, but the connection breaks in the middle of the answer",
             on=OPERATIONS, times=1),
        Kind("empty-answer", "does it, but the answer has no body", on=OPERATIONS, times=1),
        # -- limits ----------------------------------------------------------------------------
        Kind("busy", "429 for all calls of the client id; calling on prolongs it",
             main="seconds", on=OPERATIONS, seconds=60, more={"retry_after": "no"}),
        Kind("metadata-too-fast", "429 of one order's invoices, other orders are not slowed",
             on=("declare",), times=1, per_order=True),
        Kind("status-limit", "the order's operation limit: 422 with a null message",
             main="limit", more={"limit": "0"}),
        Kind("waybill-limit", "WaybillsAssignedToOrderLimitReached",
             main="limit", more={"limit": "0"}),
        # -- access ----------------------------------------------------------------------------
        Kind("forbidden", "403 AccessDenied", on=("fulfillment",)),
        Kind("missing-scope", "403 on everything under one scope",
             main="scope", on=OPERATIONS, more={"scope": "allegro:api:messaging"}),
        Kind("token-theft", "somebody else has used the refresh token: invalid_grant"),
        Kind("password-change", "every token of the seller is dead at once"),
        Kind("token-not-yet", "a fresh access token is refused for a moment",
             main="delay", more={"delay": "2"}),
        # -- orders ----------------------------------------------------------------------------
        Kind("late-orders", "new orders turn up late", main="delay", more={"delay": "30"}),
        Kind("late-events", "events turn up late, behind newer ones",
             main="delay", more={"delay": "30"}),
        Kind("empty-email", "buyer.email is empty at first", main="delay", more={"delay": "30"}),
        Kind("form-lags", "READY_FOR_PROCESSING was announced, the form reads FILLED_IN",
             main="delay", more={"delay": "30"}),
        Kind("duplicate-events", "every event comes again",
             main="copies", more={"copies": "1"}),
        Kind("merged-purchases", "a purchase's id is replaced by another when it is paid",
             main="delay", more={"delay": "10"}),
        Kind("order-missing", "listed and announced, but 404 when opened",
             on=("order",), times=None),
        Kind("revision-change", "the buyer changes the order just before the status is set",
             on=("fulfillment",), times=1),
        Kind("own-warehouse", "new orders are handled by Allegro's warehouse"),
        Kind("ept", "new orders have an extended payment term: one document only"),
        Kind("not-requested", "the buyer of new orders asked for no invoice"),
        Kind("foreign-market", "new orders come from another marketplace",
             main="market", more={"market": "allegro-cz"}),
        # -- documents -------------------------------------------------------------------------
        Kind("scan-clash", "a declaration is refused: the previous file is being scanned",
             on=("declare",), times=1, per_order=True, more={"status": "409"}),
        Kind("slow-scan", "the antivirus scan takes its time", main="delay", more={"delay": "60"}),
        Kind("scan-rejects", "the antivirus scan rejects the next files", times=1, on=("file",)),
        Kind("orphan", "a declaration is made, its answer lost; it may stay hidden for a while",
             on=("declare",), times=1, more={"hidden": "0"}),
        Kind("silent-loss", "no invoice was asked for: 200, and the file is dropped",
             main="delay", on=("file",), more={"delay": "0"}),
        Kind("order-without-invoice", "no invoice was asked for: 422 ORDER-WITHOUT-INVOICE",
             on=("declare",)),
        Kind("content-invalid", "422 FILE-CONTENT-INVALID whatever the file", on=("file",),
             times=1),
        Kind("ghost-file", "409 already has a file, and GET does not list the invoice",
             on=("file",), times=1),
        Kind("link-refused", "422: the host is not on the list, whichever it is", on=("link",)),
        # -- parcels ---------------------------------------------------------------------------
        Kind("waybill-sets-sent", "a parcel number sets SENT, a paid option"),
        Kind("waybill-lag", "a parcel number is listed only after a while",
             main="delay", more={"delay": "10"}),
        Kind("carrier-refuses", "400 CarrierWaybillValidationException whatever the number",
             main="carrier", on=("shipment",), more={"carrier": ""}),
        # -- messages --------------------------------------------------------------------------
        Kind("blocked-messages", "the seller's next messages are blocked", times=None),
        Kind("verifying-for-ever", "the seller's messages hang in VERIFYING"),
        Kind("late-messages", "messages turn up late, with their earlier time",
             main="delay", more={"delay": "60"}),
        Kind("nameless-threads", "the list of threads leaves the other side out",
             on=("threads",)),
        Kind("status-mail", "the seller has switched on Allegro's mails about statuses"),
        Kind("no-mail", "nobody is ever mailed, as in the sandbox"),
    )
}  # fmt: skip

COMMON = frozenset({"times", "order", "on", "share", "seconds"})


@dataclass(slots=True)
class Scenario:
    """One that is switched on.

    Attributes:
        left: How often it still strikes, ``None``: without end; counted by order where the
            kind says so.
        order: Only calls about this order.
        share: How likely it strikes, 0..1.
        struck: How often it has.
    """

    kind: Kind
    args: dict[str, str]
    on: tuple[str, ...]
    times: int | None
    order: str
    share: float
    seconds: float | None
    left: dict[str, int] = field(default_factory=dict)
    struck: int = 0
    since: float = 0.0

    def number(self, key: str) -> float:
        return float(self.args.get(key) or self.kind.more[key])

    def text(self, key: str) -> str:
        return self.args.get(key) or self.kind.more[key]

    def flag(self, key: str) -> bool:
        return self.text(key).lower() in ("yes", "true", "1", "on")


def parse(told: str) -> Scenario:
    """Read a scenario as the command line gives it.

    Raises:
        UnknownScenario: The name, an argument or its value is not known.
    """
    first, *rest = (part.strip() for part in told.split(","))
    name, _, value = first.partition("=")
    kind = KINDS.get(name)
    if kind is None:
        raise UnknownScenario(f"{name}: no such scenario; there are {', '.join(sorted(KINDS))}")
    args = {kind.main: value} if value else {}
    for part in rest:
        key, equals, given = part.partition("=")
        if not equals:
            raise UnknownScenario(f"{name}: {part}: key=value is wanted")
        args[key] = given
    return make(kind, args)


def make(kind: Kind, args: Mapping[str, str]) -> Scenario:
    allowed = COMMON | {kind.main} | set(kind.more)
    for key in args:
        if key not in allowed:
            raise UnknownScenario(f"{kind.name}: {key}: it knows {', '.join(sorted(allowed))}")
    try:
        on = tuple(args["on"].split("+")) if args.get("on") else kind.on
        times = int(args["times"]) if args.get("times") else kind.times
        seconds = float(args["seconds"]) if args.get("seconds") else kind.seconds
        share = float(args.get("share") or 1)
        made = Scenario(
            kind=kind, args=dict(args), on=on, times=times, order=args.get("order", "").lower(),
            share=share, seconds=seconds,
        )  # fmt: skip
        for key in kind.more:
            if kind.more[key].replace(".", "").isdigit():
                made.number(key)
    except ValueError as error:
        raise UnknownScenario(f"{kind.name}: {error}") from None
    if strange := set(on) - set(OPERATIONS):
        raise UnknownScenario(
            f"{kind.name}: {', '.join(sorted(strange))}: operations are {', '.join(OPERATIONS)}"
        )
    return made


class Scenarios:
    """Those that are on. Several of one kind may be, e.g. for different orders."""

    def __init__(self, rng: random.Random) -> None:
        self.active: list[Scenario] = []
        self._rng = rng

    def add(self, scenario: Scenario, *, at_s: float) -> Scenario:
        scenario.since = at_s
        self.active.append(scenario)
        return scenario

    def remove(self, name: str) -> int:
        """Switch all of that name off; returns how many there were."""
        before = len(self.active)
        self.active = [one for one in self.active if one.kind.name != name]
        return before - len(self.active)

    def clear(self) -> None:
        self.active.clear()

    def strike(
        self, name: str, *, at_s: float, operation: str = "", order_id: str = ""
    ) -> Scenario | None:
        """The first of that name that strikes this call, and count it.

        Args:
            at_s: The time of day in seconds; a scenario with ``seconds`` is over after them.
            operation: One of :data:`OPERATIONS`; "" where the kind belongs to one place.
        """
        for one in self.active:
            if one.kind.name != name:
                continue
            if one.seconds is not None and at_s - one.since >= one.seconds:
                continue
            if operation and one.on and operation not in one.on:
                continue
            if one.order and one.order != order_id.lower():
                continue
            count_of = order_id if one.kind.per_order else ""
            if one.times is not None and one.left.setdefault(count_of, one.times) <= 0:
                continue
            if one.share < 1 and self._rng.random() >= one.share:
                continue
            if one.times is not None:
                one.left[count_of] -= 1
            one.struck += 1
            return one
        return None

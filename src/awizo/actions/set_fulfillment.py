"""Set the seller's status of an order, forwards only.

In:  the status that the mail tells the buyer.
Out: the order at that status or a later one, read back.

Looks first: an order that is there already costs no call, and each call counts towards the
order's operation limit. A status that something else set and that takes the order off this
road (cancelled, suspended, returned) is never overwritten, and none of those is ever set.
An order in Allegro's own warehouse is left alone: Allegro tells that buyer itself.

Source: PUT /order/checkout-forms/{id}/fulfillment; FACTS 2.8.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

from awizo.actions.base import (
    ActionContext,
    Done,
    Kept,
    Later,
    next_look,
    patiently,
    refuse_unready,
)
from awizo.errors import Deferral, PermanentFailure
from awizo.model import FulfillmentStatus, Job, Order, SetFulfillment

ROAD = (
    FulfillmentStatus.NEW,
    FulfillmentStatus.PROCESSING,
    FulfillmentStatus.READY_FOR_SHIPMENT,
    FulfillmentStatus.READY_FOR_PICKUP,
    FulfillmentStatus.SENT,
    FulfillmentStatus.PICKED_UP,
)
DECISIONS = 3  # FACTS 2.8: on a revision conflict decide anew, at most three times
FIRST_LOOK_S = 3.0


def reached(order: Order, wanted: FulfillmentStatus) -> bool:
    """Whether the order is at *wanted* or further on; an unknown status is NEW."""
    now = order.fulfillment_status or FulfillmentStatus.NEW
    return now in ROAD and ROAD.index(now) >= ROAD.index(wanted)


class SetFulfillmentExecutor:
    async def execute(self, job: Job, ctx: ActionContext) -> Done:
        """Bring the order to the status, unless it is there or past it.

        Raises:
            Deferral: ``order_not_ready``; ``revision_conflict`` after three decisions.
            PermanentFailure: ``operation_limit``, ``status_refused``, ``order_cancelled``,
                ``verification_failed``.
        """
        return await patiently(self._execute, job, ctx)

    async def _execute(self, job: Job, ctx: ActionContext, kept: Kept) -> Done:
        action = job.action
        assert isinstance(action, SetFulfillment)
        if action.status not in ROAD:
            raise PermanentFailure("status_refused", f"{action.status} is never set from a mail")
        for _ in range(DECISIONS):
            order = await ctx.account.order(action.order_id)
            if order.provider_id == "ALLEGRO":
                return Done(note="fulfilled_by_allegro", proof=_proof(ctx, order))
            refuse_unready(order)
            status = order.fulfillment_status
            if status is not None and status not in ROAD:
                raise PermanentFailure("status_refused", f"the order is {status}")
            if reached(order, action.status):
                return self._done(ctx, order, ours=kept.get("set_at") is not None)
            if kept.get("set_at") is not None:
                await self._look_later(ctx, kept)
            try:
                await ctx.account.set_fulfillment(
                    action.order_id, action.status, order.revision or None
                )
            except PermanentFailure as error:
                if error.code == "revision_conflict":
                    continue
                raise
            await kept.note(set_at=ctx.now())
            order = await ctx.account.order(action.order_id)
            if reached(order, action.status):
                return self._done(ctx, order, ours=True)
            await self._look_later(ctx, kept)
        raise Deferral(
            "revision_conflict",
            "the order kept changing while its status was set",
            not_before=timedelta(seconds=30),
        )

    async def _look_later(self, ctx: ActionContext, kept: Kept) -> NoReturn:
        """Set, but not to be seen yet.

        Raises:
            Later: Look again.
            PermanentFailure: ``verification_failed``.
        """
        set_at = kept.moment("set_at") or ctx.now()
        looks_s = (FIRST_LOOK_S, *ctx.policy.verify_after_s)
        wait = next_look(since=set_at, now=ctx.now(), after_s=looks_s)
        if wait is None:
            await kept.note(set_at=None)
            raise PermanentFailure("verification_failed", "the status was taken but is not shown")
        raise Later(wait)

    def _done(self, ctx: ActionContext, order: Order, *, ours: bool) -> Done:
        sandbox = ctx.allegro.environment == "sandbox"  # mails nobody
        told = ctx.policy.allegro_status_mail == "on" and not sandbox
        return Done(
            note=None if ours else "already_reached",
            notes=() if told else ("buyer_not_told",),
            proof=_proof(ctx, order),
        )


def _proof(ctx: ActionContext, order: Order) -> dict[str, object]:
    return {
        "order_id": order.order_id,
        "status": str(order.fulfillment_status or ""),
        "read_at": ctx.now().isoformat(),
        "trace_ids": ctx.account.calls.trace_ids,
    }

"""Add a parcel number to an order.

In:  a number, the carrier it most likely belongs to, and others it may belong to.
Out: the number on the order, read back, under a carrier that took it.

Looks first, over all carriers: the number may have come from the seller's panel, from
Allegro's own label service or from the carrier, and a second entry would show the buyer a
second parcel. A wrong number cannot be removed again. Allegro's own validator is the judge
of whose a number is; OTHER, without tracking, is the last resort.

Source: GET and POST /order/checkout-forms/{id}/shipments; FACTS 2.9 and 6.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from awizo.actions.base import (
    ActionContext,
    Done,
    Kept,
    Later,
    next_look,
    patiently,
    refuse_unready,
)
from awizo.allegro.replies import MaybeDone
from awizo.allegro.values import Carrier, Shipment
from awizo.errors import PermanentFailure
from awizo.model import AddShipment, Job, Order

OTHER = "OTHER"
ALLEGRO = "ALLEGRO"
WAYBILL_MAX_CHARS = 64  # openapi.yaml, CheckoutFormAddWaybillRequest
FIRST_LOOK_S = 5.0
LOST_ANSWER_LOOK_S = 60.0  # a number is assigned after the answer, also after a lost one

_ALLEGRO_DELIVERY = re.compile(r"\(\s*AD\s*\)", re.IGNORECASE)


def same_number(one: str, other: str) -> bool:
    """Whether two numbers are one, whatever their case and separators."""
    return _bare(one) == _bare(other) != ""


def _bare(number: str) -> str:
    return re.sub(r"[\s.\-]+", "", number).upper()


def carriers_to_try(
    action: AddShipment, *, delivery_method: str, known: Sequence[Carrier]
) -> list[tuple[str, str | None]]:
    """Carriers in the order to try, each with the name it needs: likeliest first, OTHER last.

    "(AD)" in the delivery method means Allegro Delivery, whoever drives (FACTS 6.1). Carriers
    that Allegro does not list are left out.
    """
    names = {carrier.id: carrier.name for carrier in known}
    wanted = [action.carrier, *action.alternatives]
    if _ALLEGRO_DELIVERY.search(delivery_method):
        wanted.insert(0, ALLEGRO)
    tried = [one for one in dict.fromkeys(wanted) if one != OTHER and one in names]
    name = action.name or names.get(action.carrier) or ""
    if action.carrier != OTHER and not name:
        name = action.carrier.replace("_", " ")
    return [*((one, None) for one in tried), (OTHER, name[:30] or None)]


class AddShipmentExecutor:
    async def execute(self, job: Job, ctx: ActionContext) -> Done:
        """Add the number, or find that it is there.

        Raises:
            PermanentFailure: ``carrier_refused``: no carrier took it; ``waybill_limit``,
                ``order_cancelled``, ``verification_failed``.
        """
        return await patiently(self._execute, job, ctx)

    async def _execute(self, job: Job, ctx: ActionContext, kept: Kept) -> Done:
        action = job.action
        assert isinstance(action, AddShipment)
        if not 0 < len(action.number) <= WAYBILL_MAX_CHARS:
            raise PermanentFailure("carrier_refused", "the number is empty or over 64 characters")
        found = await self._listed(ctx, action)
        if found is not None:
            return await self._done(ctx, action, found, ours=kept.get("posted_at") is not None)
        if kept.get("posted_at"):
            await self._look_later(ctx, kept)
        order = await ctx.account.order(action.order_id)
        if order.provider_id == ALLEGRO:
            return Done(note="fulfilled_by_allegro", proof={"order_id": action.order_id})
        refuse_unready(order)
        await self._post(ctx, kept, action, order)
        found = await self._listed(ctx, action)
        if found is not None:
            return await self._done(ctx, action, found, ours=True)
        await self._look_later(ctx, kept)
        raise AssertionError("looking later always raises")

    async def _listed(self, ctx: ActionContext, action: AddShipment) -> Shipment | None:
        for shipment in await ctx.account.shipments(action.order_id):
            if same_number(shipment.number, action.number):
                return shipment
        return None

    async def _post(
        self, ctx: ActionContext, kept: Kept, action: AddShipment, order: Order
    ) -> None:
        """Offer the number to one carrier after the other until one takes it."""
        refused_by = set(kept.get("refused_by") or ())
        words = ""
        for carrier, name in carriers_to_try(
            action, delivery_method=order.delivery_method, known=await ctx.account.carriers()
        ):
            if carrier in refused_by:
                continue
            try:
                await ctx.account.add_shipment(
                    action.order_id, carrier=carrier, number=action.number, carrier_name=name
                )
            except MaybeDone:
                await kept.note(posted_at=ctx.now(), lost=True)
                raise
            except PermanentFailure as error:
                if error.code == "waybill_invalid":
                    raise PermanentFailure(
                        "carrier_refused",
                        error.reply,
                        status=error.status,
                        trace_id=error.trace_id,
                    ) from error
                if error.code != "carrier_refused":
                    raise
                words = error.reply
                refused_by.add(carrier)
                await kept.note(refused_by=sorted(refused_by))
                continue
            await kept.note(posted_at=ctx.now(), lost=None)
            return
        raise PermanentFailure("carrier_refused", words or "no carrier took the number")

    async def _look_later(self, ctx: ActionContext, kept: Kept) -> None:
        """Posted, but not listed yet. Returns only when a lost request is to be repeated.

        Raises:
            Later: Look again.
            PermanentFailure: ``verification_failed``.
        """
        posted_at = kept.moment("posted_at") or ctx.now()
        lost = bool(kept.get("lost"))
        looks_s = (
            (FIRST_LOOK_S, LOST_ANSWER_LOOK_S)
            if lost
            else (FIRST_LOOK_S, *ctx.policy.verify_after_s)
        )
        wait = next_look(since=posted_at, now=ctx.now(), after_s=looks_s)
        if wait is not None:
            raise Later(wait)
        if not lost:
            await kept.note(posted_at=None)
            raise PermanentFailure("verification_failed", "the number was taken but is not listed")

    async def _done(
        self, ctx: ActionContext, action: AddShipment, found: Shipment, *, ours: bool
    ) -> Done:
        await ctx.orders.note_waybill(ctx.account.name, action.order_id, action.number)
        proof: dict[str, Any] = {
            "order_id": action.order_id,
            "shipment_id": found.id,
            "carrier": found.carrier,
            "waybill": found.number,
            "listed_at": ctx.now().isoformat(),
            "trace_ids": ctx.account.calls.trace_ids,
        }
        as_other = ours and found.carrier == OTHER and action.carrier != OTHER
        return Done(
            note=None if ours else "already_listed",
            notes=("filed_as_other_carrier",) if as_other else (),
            proof=proof,
        )

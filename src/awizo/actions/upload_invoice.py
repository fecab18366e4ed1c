"""File an attached sales document on its order: declare it, send the bytes, read it back.

In:  the attachment as the mail carries it, and what the document says of itself.
Out: exactly one such document on the order, proven; or why Allegro does not take it.

Declaring is not idempotent, every call makes a further object, and nothing can be deleted.
So the ledger is written before the first call, every step is saved before the next, and a
lost answer is looked for before anything is asked again. The same document may come from
the shop and from its invoicing program, rendered anew, or stand on the order already: then
nothing is uploaded.

A 200 is no proof. Where the buyer asked for no invoice Allegro may drop the file without a
word, so it is looked for again after a while; if it is gone, the document's link is filed
instead where the mail has one.

Source: FACTS 1.3 and 2.4 to 2.6.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from awizo.actions.add_link import (
    all_trace_ids,
    blamed_host,
    file_link,
    link_entry,
    refused_hosts,
)
from awizo.actions.base import (
    ActionContext,
    Done,
    FollowUpSpec,
    Kept,
    Later,
    next_look,
    patiently,
    refuse_unready,
)
from awizo.actions.document import differs, file_name, listed_twin, refuse_unfit
from awizo.allegro.ports import LedgerEntry
from awizo.allegro.replies import MaybeDone
from awizo.allegro.values import INVOICES_MAX, ListedInvoice, OrderInvoices
from awizo.errors import Deferral, PermanentFailure
from awizo.model import DocumentKind, Job, Order, UploadInvoice
from awizo.triage.invoice_numbers import normalised_number, same_number

LOST_ANSWER_LOOK_S = 10.0  # FACTS 2.4: wait some 10 s, then look for the lost declaration
LOST_ANSWERS_MAX = 3  # each may have left an orphan, and an order takes ten
ORPHAN_WATCHED_S = 90.0  # somebody else may be about to send its file
CONFLICT_WAIT_S = 45.0
FIRST_LOOK_S = 3.0
SCAN_LOOKS_S = (15.0, 60.0, 300.0, 1800.0, 7200.0)  # FACTS 2.6; the last one repeats
NUMBERS_COMPARED_FOR = timedelta(days=180)  # shops without a year in it begin anew each year

FILED = frozenset({"declared", "filed", "listed", "accepted"})


@dataclass(slots=True)
class _Attempt:
    """One attempt, and what it has found out so far."""

    ctx: ActionContext
    kept: Kept
    action: UploadInvoice
    job: Job
    pdf: bytes
    order: Order
    entry: LedgerEntry

    @property
    def order_id(self) -> str:
        return self.action.order_id

    @property
    def lost_ids(self) -> tuple[str, ...]:
        """Declarations of ours that Allegro no longer knows."""
        return tuple(self.kept.get("lost_ids") or ())

    @property
    def invoice_id(self) -> str | None:
        known = self.kept.get("invoice_id") or self.entry.invoice_id
        return known if isinstance(known, str) and known not in self.lost_ids else None

    @property
    def second_of_number(self) -> bool:
        """A person has seen that the number is taken, and wants this document filed too."""
        return bool(self.kept.get("released") and self.kept.get("number_reused"))


class UploadInvoiceExecutor:
    async def execute(self, job: Job, ctx: ActionContext) -> Done:
        """Bring the document onto the order exactly once.

        Raises:
            Deferral: ``scan_in_progress``, ``metadata_too_fast``: this order alone waits;
                ``order_not_ready``; Allegro is busy or out of reach.
            Later: Filed and being read back, or a lost answer is looked for.
            PermanentFailure: ``document_not_pdf``, ``document_empty``, ``document_too_large``,
                ``document_encrypted``, ``content_invalid``, ``document_refused``,
                ``document_rejected``, ``invoice_limit``, ``number_reused``,
                ``order_without_invoice``, ``order_cancelled``, ``verification_failed``.
        """
        return await patiently(self._execute, job, ctx)

    async def _execute(self, job: Job, ctx: ActionContext, kept: Kept) -> Done:
        action = job.action
        assert isinstance(action, UploadInvoice)
        if kept.get("as_link"):
            return await self._link(job, ctx, kept, action, kept.get("as_link"))
        pdf = await ctx.read_document(action.part)
        refuse_unfit(pdf)
        order = await ctx.account.order(action.order_id)
        # A correction may be due after a cancellation, an invoice is not (FACTS 2.6).
        refuse_unready(order, cancelled_too=action.kind is not DocumentKind.CORRECTION)
        entry = await self._entry(job, ctx, kept, action, pdf)
        attempt = _Attempt(ctx, kept, action, job, pdf, order, entry)
        try:
            return await self._file(attempt)
        except PermanentFailure as error:
            if error.code != "order_without_invoice":
                raise
            return await self._without_invoice(attempt, error)

    # -- the ledger ----------------------------------------------------------------------------

    async def _entry(
        self, job: Job, ctx: ActionContext, kept: Kept, action: UploadInvoice, pdf: bytes
    ) -> LedgerEntry:
        """The ledger's line of this document, written before the first call.

        Raises:
            PermanentFailure: ``number_reused``.
        """
        now = ctx.now()
        released = bool(kept.get("released") and kept.get("number_reused"))
        key = "" if released or not action.number else normalised_number(action.number)
        if key:
            for other in await ctx.ledger.with_number(ctx.account.name, key):
                recent = other.created_at is None or now - other.created_at < NUMBERS_COMPARED_FOR
                same_order = other.order_id == action.order_id
                if other.kind != "invoice" or other.state not in FILED or not recent:
                    continue
                if not same_order and other.document_kind != str(action.kind):
                    continue  # invoices and receipts are numbered in rows of their own
                if what := differs(action, other, by_kind=same_order):
                    await kept.note(number_reused=True)
                    raise PermanentFailure(
                        "number_reused", f"{action.number} was filed with another {what}"
                    )
        return await ctx.ledger.intend(
            LedgerEntry(
                id=f"{job.id}-2" if released else job.id,
                account=ctx.account.name,
                order_id=action.order_id,
                kind="invoice",
                number_key=key,
                sha256=action.sha256 or hashlib.sha256(pdf).hexdigest(),
                text_sha256=action.text_sha256,
                number=action.number,
                document_kind=str(action.kind),
                total=action.total,
                buyer_tax_id=action.buyer_tax_id,
                delivery_id=ctx.delivery_id,
                created_at=now,
                updated_at=now,
            )
        )

    # -- the steps -----------------------------------------------------------------------------

    async def _file(self, attempt: _Attempt) -> Done:
        ctx, entry = attempt.ctx, attempt.entry
        listed = await ctx.account.invoices(attempt.order_id)
        ours = listed.invoice(attempt.invoice_id)
        if attempt.kept.get("filed_at"):
            return await self._verify(attempt, listed)
        if ours is not None and ours.has_file:
            foreign = attempt.kept.get("invoice_id") is None and entry.state in FILED
            if foreign and ours.scan != "REJECTED":
                return await self._already(attempt, ours)  # an earlier mail's doing
            if ours.scan == "REJECTED" and entry.sha256 != attempt.action.sha256:
                await self._forget(attempt, ours.id)  # rendered anew since: a new document
            else:
                await self._filed(attempt)
                return await self._verify(attempt, listed)
        if not attempt.second_of_number:
            not_these = (attempt.invoice_id or "", *attempt.lost_ids)
            twin = listed_twin(listed, attempt.action.number, not_these=not_these)
            if twin is not None and twin.has_file:
                return await self._already(attempt, twin)
            if twin is not None and attempt.invoice_id is None:
                await self._adopt(attempt, twin)
        if attempt.invoice_id is None:
            await self._declare(attempt, listed)
        await self._send(attempt)
        return await self._verify(attempt, await ctx.account.invoices(attempt.order_id))

    async def _adopt(self, attempt: _Attempt, orphan: ListedInvoice) -> None:
        """Take over a declaration without a file that has our number.

        One that came of our own lost answer at once; anybody else gets time to send its file.
        """
        if not attempt.kept.get("lost_at"):
            since = attempt.kept.moment("orphan_at")
            if since is None:
                since = attempt.ctx.now()
                await attempt.kept.note(orphan_at=since)
            wait = next_look(since=since, now=attempt.ctx.now(), after_s=(ORPHAN_WATCHED_S,))
            if wait is not None:
                raise Later(wait, "orphan_watched")
        await self._declared(attempt, orphan.id)

    async def _declare(self, attempt: _Attempt, listed: OrderInvoices) -> None:
        kept, ctx = attempt.kept, attempt.ctx
        if kept.get("lost_at"):
            mine = self._lost_one(attempt, listed)
            if mine is not None:
                await self._declared(attempt, mine.id)
                return
            lost_at = kept.moment("lost_at") or ctx.now()
            wait = next_look(since=lost_at, now=ctx.now(), after_s=(LOST_ANSWER_LOOK_S,))
            if wait is not None:
                raise Later(wait, "declare_uncertain")
            if kept.count("lost_answers") > LOST_ANSWERS_MAX:
                raise PermanentFailure("allegro_error", "no declaration was ever answered")
        if len(listed.invoices) >= INVOICES_MAX:
            raise PermanentFailure("invoice_limit", f"{len(listed.invoices)} documents listed")
        # Noted before the call: whatever happens now, the next attempt looks first.
        await kept.note(
            lost_at=ctx.now(),
            lost_answers=kept.count("lost_answers") + 1,
            listed_before=[one.id for one in listed.invoices],
        )
        try:
            invoice_id = await ctx.account.declare_invoice(
                attempt.order_id, file_name(attempt.action), attempt.action.number
            )
        except MaybeDone:
            raise
        except Deferral:
            await self._not_declared(attempt)
            raise
        except PermanentFailure as error:
            await self._not_declared(attempt)
            if error.code != "invoice_conflict":
                raise
            raise self._conflict(attempt, listed, error) from error
        await self._declared(attempt, invoice_id)

    def _lost_one(self, attempt: _Attempt, listed: OrderInvoices) -> ListedInvoice | None:
        """What a declaration whose answer was lost has left on the order."""
        before = set(attempt.kept.get("listed_before") or ())
        for one in listed.invoices:
            if one.id in before or one.id in attempt.lost_ids or one.has_file:
                continue
            number = attempt.action.number
            named = not one.number and one.file_name == file_name(attempt.action)
            if same_number(number, one.number) or (number is None and named):
                return one
        return None

    async def _not_declared(self, attempt: _Attempt) -> None:
        """Allegro said no: nothing was lost."""
        answers = attempt.kept.count("lost_answers") - 1
        await attempt.kept.note(
            lost_at=None, listed_before=None, lost_answers=answers if answers > 0 else None
        )

    def _conflict(
        self, attempt: _Attempt, listed: OrderInvoices, error: PermanentFailure
    ) -> Deferral | PermanentFailure:
        """A 409 without a word of a scan: the limit where that is plain, else it may pass.

        Orders with an extended payment term take one document (FACTS 2.4).
        """
        one_only = attempt.order.payment_type in ("EPT", "EXTENDED_TERM")
        if one_only and any(one.has_file for one in listed.invoices):
            return PermanentFailure(
                "invoice_limit", error.reply, status=error.status, trace_id=error.trace_id
            )
        return Deferral(
            "scan_in_progress",
            error.reply,
            not_before=timedelta(seconds=CONFLICT_WAIT_S),
            status=error.status,
            trace_id=error.trace_id,
        )

    async def _declared(self, attempt: _Attempt, invoice_id: str) -> None:
        now = attempt.ctx.now()
        attempt.entry = await attempt.ctx.ledger.update(
            attempt.entry.id,
            now=now,
            state="declared",
            invoice_id=invoice_id,
            proof={
                "declared_at": now.isoformat(),
                "delivery_id": attempt.ctx.delivery_id,
                "trace_ids": all_trace_ids(attempt.ctx, attempt.entry),
            },
        )
        await attempt.kept.note(
            invoice_id=invoice_id, lost_at=None, listed_before=None, orphan_at=None
        )

    async def _send(self, attempt: _Attempt) -> None:
        invoice_id = attempt.invoice_id
        assert invoice_id is not None
        try:
            await attempt.ctx.account.put_invoice_file(attempt.order_id, invoice_id, attempt.pdf)
        except PermanentFailure as error:
            if error.code != "invoice_missing":
                raise
            await self._forget(attempt, invoice_id)
            if len(attempt.lost_ids) > LOST_ANSWERS_MAX:
                raise
            raise Deferral(
                "invoice_missing",
                error.reply,
                not_before=timedelta(seconds=LOST_ANSWER_LOOK_S),
                status=error.status,
                trace_id=error.trace_id,
            ) from error
        await self._filed(attempt)

    async def _forget(self, attempt: _Attempt, invoice_id: str) -> None:
        lost = [*attempt.lost_ids, invoice_id]
        await attempt.kept.note(invoice_id=None, lost_ids=lost, filed_at=None)

    async def _filed(self, attempt: _Attempt) -> None:
        now = attempt.ctx.now()
        attempt.entry = await attempt.ctx.ledger.update(
            attempt.entry.id,
            now=now,
            state="filed",
            proof={
                "filed_at": now.isoformat(),
                "sent_sha256": hashlib.sha256(attempt.pdf).hexdigest(),
                "size_bytes": len(attempt.pdf),
                "trace_ids": all_trace_ids(attempt.ctx, attempt.entry),
            },
        )
        await attempt.kept.note(filed_at=now, invoice_id=attempt.invoice_id)

    # -- reading back --------------------------------------------------------------------------

    async def _verify(self, attempt: _Attempt, listed: OrderInvoices) -> Done:
        """Believe it when Allegro lists it; where no invoice was asked for, when it stays."""
        ctx, kept = attempt.ctx, attempt.kept
        now = ctx.now()
        filed_at = kept.moment("filed_at") or now
        found = listed.invoice(attempt.invoice_id)
        there = found is not None and found.has_file
        if found is not None and found.scan == "REJECTED":
            await ctx.ledger.update(attempt.entry.id, now=now, state="rejected")
            raise PermanentFailure("document_rejected", "rejected by the antivirus scan")
        asked_for = attempt.order.invoice_required is True
        if not (asked_for and there):
            looks_s = ctx.policy.verify_after_s
            wait = next_look(
                since=filed_at,
                now=now,
                after_s=(FIRST_LOOK_S, *looks_s) if asked_for else looks_s,
            )
            if wait is not None:
                raise Later(wait)
        if there and found is not None:
            return await self._done(attempt, found, listed, asked_for=asked_for)
        await kept.note(filed_at=None)
        if asked_for:
            raise PermanentFailure(
                "verification_failed", "taken, but not listed", trace_id=listed.trace_id
            )
        raise PermanentFailure(
            "order_without_invoice", "taken, but not kept", trace_id=listed.trace_id
        )

    async def _done(
        self, attempt: _Attempt, found: ListedInvoice, listed: OrderInvoices, *, asked_for: bool
    ) -> Done:
        proof = await self._proven(attempt, found)
        told = asked_for and attempt.ctx.allegro.environment != "sandbox"  # it mails nobody
        return Done(
            note=None if told else "buyer_not_mailed",
            proof=proof,
            follow_ups=self._scan_follow_up(attempt, found),
        )

    async def _already(self, attempt: _Attempt, found: ListedInvoice) -> Done:
        """The document is on the order, whoever put it there."""
        proof = await self._proven(attempt, found)
        asked_for = attempt.order.invoice_required is True
        told = asked_for and attempt.ctx.allegro.environment != "sandbox"
        return Done(
            note="already_filed",
            notes=() if told else ("buyer_not_mailed",),
            proof=proof,
            follow_ups=self._scan_follow_up(attempt, found),
        )

    async def _proven(self, attempt: _Attempt, found: ListedInvoice) -> dict[str, Any]:
        ctx = attempt.ctx
        now = ctx.now()
        proof = {
            "order_id": attempt.order_id,
            "invoice_id": found.id,
            "number": attempt.action.number or found.number,
            "sha256": attempt.action.sha256 or attempt.entry.sha256,
            "uploaded_at": found.uploaded_at.isoformat() if found.uploaded_at else None,
            "listed_at": now.isoformat(),
            "scan": found.scan,
            "trace_ids": all_trace_ids(ctx, attempt.entry),
        }
        await ctx.ledger.update(
            attempt.entry.id,
            now=now,
            state="accepted" if found.scan == "ACCEPTED" else "listed",
            invoice_id=found.id,
            proof=proof,
        )
        if attempt.action.number:
            await ctx.orders.note_invoice(ctx.account.name, attempt.order_id, attempt.action.number)
        return proof

    def _scan_follow_up(self, attempt: _Attempt, found: ListedInvoice) -> tuple[FollowUpSpec, ...]:
        if found.scan == "ACCEPTED" or attempt.ctx.policy.follow_up_h <= 0:
            return ()
        until = attempt.ctx.now() + timedelta(hours=attempt.ctx.policy.follow_up_h)
        return (
            FollowUpSpec(
                "invoice_scan",
                SCAN_LOOKS_S[0],
                {
                    "order_id": attempt.order_id,
                    "invoice_id": found.id,
                    "ledger_id": attempt.entry.id,
                    "until": until.isoformat(),
                },
            ),
        )

    # -- the way of the link -------------------------------------------------------------------

    async def _without_invoice(self, attempt: _Attempt, error: PermanentFailure) -> Done:
        """Allegro keeps no file on this order: file the link, where the mail has one."""
        ctx, action = attempt.ctx, attempt.action
        await ctx.ledger.update(
            attempt.entry.id, now=ctx.now(), state="refused", proof={"reply": error.reply}
        )
        if action.or_link is None:
            raise error
        refused = await refused_hosts(ctx.memory, ctx.account.name, now=ctx.now())
        host = blamed_host(action.or_link)
        if host in refused and host not in ctx.policy.approved_link_hosts:
            raise error
        await attempt.kept.note(as_link=action.or_link)
        return await self._link(attempt.job, ctx, attempt.kept, action, action.or_link)

    async def _link(
        self, job: Job, ctx: ActionContext, kept: Kept, action: UploadInvoice, url: str
    ) -> Done:
        entry = await ctx.ledger.intend(
            link_entry(job, ctx, action.order_id, url, action.number, str(action.kind))
        )
        try:
            _, proof = await file_link(ctx, kept, order_id=action.order_id, url=url, entry=entry)
        except PermanentFailure as error:
            await kept.note(as_link=None)
            raise PermanentFailure(
                "order_without_invoice",
                f"no file was kept, and the link: {error.code} {error.reply}",
                status=error.status,
                trace_id=error.trace_id,
            ) from error
        return Done(note="filed_as_link", proof=proof)

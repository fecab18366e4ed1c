"""Add the link of a sales document to its order.

In:  the link exactly as the mail has it.
Out: the link on the order, read back; or why Allegro does not take it.

Nothing is ever fetched from a link, and nothing in it is changed: tracking parameters would
make it a new one. Allegro takes links of certain hosts only, keeps its list to itself and
holds one for each seller, so a refusal is remembered by account and host, and the next mail
of that host is planned accordingly.

Source: POST /order/{orderId}/billing-documents/links; FACTS 2.7.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from awizo.actions.base import ActionContext, Done, Kept, Later, next_look, patiently
from awizo.allegro.ports import LedgerEntry, Memory
from awizo.allegro.values import LINKS_MAX, OrderInvoices
from awizo.errors import PermanentFailure
from awizo.model import AddLink, Job
from awizo.triage.invoice_numbers import normalised_number

REFUSED_HOSTS = "refused_link_hosts"  # key in the memory; a list of hosts
REFUSAL_KEPT = timedelta(days=30)  # a seller may get the host approved meanwhile
URL_PLAUSIBLE_CHARS = 2000  # a refusal of a longer one says nothing about its host
FIRST_LOOK_S = 3.0


class AddLinkExecutor:
    async def execute(self, job: Job, ctx: ActionContext) -> Done:
        """Add the link, or find that it is there.

        Raises:
            PermanentFailure: ``link_host_refused``, ``link_refused``, ``link_limit``,
                ``verification_failed``.
        """
        return await patiently(self._execute, job, ctx)

    async def _execute(self, job: Job, ctx: ActionContext, kept: Kept) -> Done:
        action = job.action
        assert isinstance(action, AddLink)
        entry = await ctx.ledger.intend(
            link_entry(job, ctx, action.order_id, action.url, action.number, str(action.kind))
        )
        note, proof = await file_link(
            ctx, kept, order_id=action.order_id, url=action.url, entry=entry
        )
        return Done(note=note, proof=proof)


def link_entry(
    job: Job, ctx: ActionContext, order_id: str, url: str, number: str | None, kind: str
) -> LedgerEntry:
    """The ledger's line for a link, written before the first call."""
    return LedgerEntry(
        id=f"{job.id}-link",
        account=ctx.account.name,
        order_id=order_id,
        kind="link",
        number_key=normalised_number(number) if number else "",
        sha256=hashlib.sha256(url.encode()).hexdigest(),
        number=number,
        document_kind=kind,
        url=url,
        delivery_id=ctx.delivery_id,
        created_at=ctx.now(),
        updated_at=ctx.now(),
    )


async def file_link(
    ctx: ActionContext, kept: Kept, *, order_id: str, url: str, entry: LedgerEntry
) -> tuple[str | None, dict[str, Any]]:
    """Put a link on an order and read it back; returns a note and the proof.

    *entry* may be an earlier one of the same document under another spelling of the link:
    then that one counts, and *url* is not added beside it.

    Raises:
        Later: Taken, but not listed yet.
        PermanentFailure: See :meth:`AddLinkExecutor.execute`.
    """
    url = entry.url or url
    listed = await ctx.account.invoices(order_id)
    if listed.has_link(url):
        note = None if kept.get("link_sent_at") else "already_listed"
        return note, await _listed(ctx, entry, order_id, url, listed)
    sent_at = kept.moment("link_sent_at")
    if sent_at is None:
        if len(listed.links) >= LINKS_MAX:
            raise PermanentFailure("link_limit", f"{len(listed.links)} links on the order")
        await _send(ctx, order_id, url, entry)
        sent_at = ctx.now()
        await kept.note(link_sent_at=sent_at)
        entry = await ctx.ledger.update(
            entry.id,
            now=sent_at,
            state="filed",
            proof={
                "filed_at": sent_at.isoformat(),
                "delivery_id": ctx.delivery_id,
                "trace_ids": all_trace_ids(ctx, entry),
            },
        )
        listed = await ctx.account.invoices(order_id)
        if listed.has_link(url):
            return None, await _listed(ctx, entry, order_id, url, listed)
    looks_s = (FIRST_LOOK_S, *ctx.policy.verify_after_s)
    wait = next_look(since=sent_at, now=ctx.now(), after_s=looks_s)
    if wait is None:
        await kept.note(link_sent_at=None)
        raise PermanentFailure(
            "verification_failed", "the link was taken but is not listed", trace_id=listed.trace_id
        )
    raise Later(wait)


async def _send(ctx: ActionContext, order_id: str, url: str, entry: LedgerEntry) -> None:
    try:
        await ctx.account.add_link(order_id, url)
    except PermanentFailure as error:
        if error.code != "link_refused":
            raise
        await ctx.ledger.update(
            entry.id, now=ctx.now(), state="refused", proof={"reply": error.reply}
        )
        host = blamed_host(url)
        if host is None:
            raise
        await remember_refusal(ctx.memory, ctx.account.name, host, now=ctx.now())
        raise PermanentFailure(
            "link_host_refused", error.reply, status=error.status, trace_id=error.trace_id
        ) from error


async def _listed(
    ctx: ActionContext, entry: LedgerEntry, order_id: str, url: str, listed: OrderInvoices
) -> dict[str, Any]:
    now = ctx.now()
    proof = {
        "order_id": order_id,
        "url_sha256": hashlib.sha256(url.encode()).hexdigest(),
        "link_id": next((one.id for one in listed.links if one.url == url), ""),
        "listed_at": now.isoformat(),
        "trace_ids": all_trace_ids(ctx, entry),
    }
    await ctx.ledger.update(entry.id, now=now, state="listed", proof=proof)
    if entry.number:
        await ctx.orders.note_invoice(ctx.account.name, order_id, entry.number)
    return proof


def all_trace_ids(ctx: ActionContext, entry: LedgerEntry) -> list[str]:
    """Of every call that changed something for this document, in whichever attempt."""
    earlier = entry.proof.get("trace_ids") or ()
    return list(dict.fromkeys((*earlier, *ctx.account.calls.trace_ids)))


def blamed_host(url: str) -> str | None:
    """The host that a refusal of *url* speaks about; ``None`` when the link itself is odd."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme != "https" or len(url) > URL_PLAUSIBLE_CHARS or not host:
        return None
    return host.lower()


async def refused_hosts(memory: Memory, account: str, *, now: datetime) -> frozenset[str]:
    """Hosts whose links Allegro refused for this account lately."""
    return frozenset(await memory.recall(account, REFUSED_HOSTS, now=now) or ())


async def remember_refusal(memory: Memory, account: str, host: str, *, now: datetime) -> None:
    known = await refused_hosts(memory, account, now=now)
    await memory.remember(account, REFUSED_HOSTS, sorted({*known, host}), until=now + REFUSAL_KEPT)

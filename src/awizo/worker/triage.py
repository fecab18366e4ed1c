"""Judge leased deliveries: parse → documents → references, kind → order → plan, stored.

In:  a leased delivery to a buyer.
Out: its plan with its jobs in the spool; or a deferral while its order is not known yet.

The deciding is done in ``triage/``; here it is fed and its result is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from awizo.documents import Inspector
from awizo.errors import ActionError, LeaseLost, NotFound, StoreError
from awizo.model import (
    AddShipment,
    Candidates,
    ConversationEvidence,
    Delivery,
    Disposition,
    DocumentFacts,
    HistoryEntry,
    Kind,
    Match,
    Order,
    ParsedMessage,
    Plan,
    SetFulfillment,
    Unmatched,
    Verdict,
    action_name,
)
from awizo.orders.candidates import find_candidates
from awizo.orders.port import OrderIndex
from awizo.settings import Policy, Settings
from awizo.spool.port import Judgement, LeasedDelivery, Spool
from awizo.telemetry import metrics
from awizo.telemetry.logging import places
from awizo.triage.addresses import is_buyer
from awizo.triage.judge import Book, Judged, judge
from awizo.triage.match import match, match_named
from awizo.triage.parse import parse
from awizo.triage.plan import PlanContext, make_plan, without_order
from awizo.worker.alerts import Alerts
from awizo.worker.policies import policy_for
from awizo.worker.schedule import after_job, after_planning, history

log = structlog.get_logger()

# Waits between looks for an order that is not known yet; seconds. FACTS 4.4: seconds to minutes.
ORDER_STEPS_S = (2, 3, 5, 10, 15, 30, 60)

# A mail whose judging has so often ended with the process is no longer looked into.
MAX_INTERRUPTIONS = 5

FROM_MAIL_KINDS = frozenset({Kind.CONVERSATION_REPLY, Kind.FULFILMENT_CORRESPONDENCE, Kind.OTHER})


@dataclass(slots=True)
class Surroundings:
    """What judging needs to know about the world beside the mail; asked for, never guessed.

    Attributes:
        connected: Whether an account may be acted on (has tokens, or waits for new ones).
        sync: Bring an account's order index up to date now (shared by all who wait).
        first_sync_running: The account's history is still being read.
        refused_link_hosts: Document hosts that Allegro refused for the account.
        integrated_carriers: Carriers Allegro tracks; ``None`` when not learnt.
        conversation: What the Message Center says about the buyer of an order.
        sender_known: Whether Allegro takes an account's mail from an address.
    """

    connected: Callable[[str], Awaitable[bool]]
    sync: Callable[[Sequence[str]], Awaitable[None]]
    first_sync_running: Callable[[str], Awaitable[bool]]
    refused_link_hosts: Callable[[str], Awaitable[frozenset[str]]]
    integrated_carriers: Callable[[str, Sequence[str]], Awaitable[frozenset[str] | None]]
    conversation: Callable[[Order], Awaitable[ConversationEvidence | None]]
    sender_known: Callable[[str, str], Awaitable[bool]]


class Triage:
    """Judges one leased delivery at a time; many may run side by side."""

    def __init__(
        self,
        *,
        settings: Settings,
        spool: Spool,
        orders: OrderIndex,
        inspector: Inspector,
        book: Callable[[], Book],
        around: Surroundings,
        alerts: Alerts,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._orders = orders
        self._inspector = inspector
        self._book = book
        self._around = around
        self._alerts = alerts
        self._now = now

    async def handle(self, leased: LeasedDelivery) -> None:
        """Judge and store; a mail that cannot be judged is forwarded, never lost."""
        delivery = leased.delivery
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(
            delivery_id=delivery.id, message_id=delivery.message.id
        ):
            try:
                if leased.interruptions < MAX_INTERRUPTIONS:
                    await self._judge(leased)
                else:
                    log.error("triage_failed", interruptions=leased.interruptions)
                    await self._forward_unjudged(leased, "triage_failed")
            except LeaseLost:
                log.warning("lease_lost", work="triage")
            except NotFound:
                log.error("content_missing")
                await self._forward_unjudged(leased, "content_missing")
            except StoreError as error:
                # The store's trouble, not the mail's: the lease runs out, and it is judged again.
                log.warning("store_not_well", error=str(error))
            except Exception as error:
                log.error("triage_failed", error=type(error).__name__, places=places(error))
                await self._forward_unjudged(leased, "triage_failed")
            finally:
                metrics.JUDGING_SECONDS.observe(time.perf_counter() - started)

    async def _judge(self, leased: LeasedDelivery) -> None:
        delivery = leased.delivery
        envelope = delivery.message.envelope
        content = await self._spool.content(delivery.message.id)
        message = await asyncio.to_thread(parse, content)
        facts = await self._inspector.inspect(message)
        seen: tuple[str, ...] = ()
        if message.in_reply_to and await self._spool.seen_automatic(message.in_reply_to):
            seen = (message.in_reply_to,)
        judged = await self._understand(message, facts, seen, envelope.client.smtp_user)
        domains = self._settings.allegro.buyer_domains
        buyers = [r for r in envelope.recipients if is_buyer(r.address, domains)]
        matched = await self._match(leased, message, facts, judged, sole=len(buyers) == 1)
        judged = await self._with_conversation(
            judged, matched, message, facts, seen, envelope.client.smtp_user
        )
        account = matched.order.account if isinstance(matched, Match) else None
        policy = policy_for(
            self._settings,
            leased.policy,
            message=message,
            smtp_user=envelope.client.smtp_user,
            account=account,
        )
        plan = make_plan(
            message,
            judged.verdict,
            matched,
            policy,
            facts=facts,
            references=judged.references,
            context=await self._context(leased, account, judged),
        )
        if plan.wait_for_order:
            waited = await self._wait_for_order(leased, plan, policy)
            if waited is None:
                return
            plan = waited
        sender = message.from_address
        if account and sender and not await self._around.sender_known(account, sender):
            plan = replace(plan, notes=(*plan.notes, "sender_unknown"))  # never a hold
        metrics.JUDGEMENTS.labels(kind=judged.verdict.kind).inc()
        await self._store(leased, plan, judged, matched, facts, policy, account)

    async def _understand(
        self,
        message: ParsedMessage,
        facts: Sequence[DocumentFacts],
        seen: tuple[str, ...],
        smtp_user: str | None,
        conversation: ConversationEvidence | None = None,
    ) -> Judged:
        return await asyncio.to_thread(
            judge,
            message,
            facts,
            self._book(),
            conversation=conversation,
            seen_automatic_ids=seen,
            smtp_user=smtp_user,
        )

    async def _match(
        self,
        leased: LeasedDelivery,
        message: ParsedMessage,
        facts: Sequence[DocumentFacts],
        judged: Judged,
        *,
        sole: bool,
    ) -> Match | Unmatched:
        """Ask the index; when it knows nothing, bring it up to date once and ask again."""
        named = await self._named(leased.delivery)
        if named is not None:
            return match_named(named, leased.delivery.recipient.address)
        if judged.verdict.kind in FROM_MAIL_KINDS:
            candidates = await self._candidates(leased, judged)
            return self._matched(leased, message, facts, judged, candidates, sole)
        result: Match | Unmatched = Unmatched("order_unknown")
        for synced in (False, True):
            if synced:
                await self._around.sync(leased.delivery.accounts)
            candidates = await self._candidates(leased, judged)
            result = self._matched(leased, message, facts, judged, candidates, sole)
            if isinstance(result, Match) or result.reason == "order_ambiguous":
                break
        return result

    async def _named(self, delivery: Delivery) -> Order | None:
        """The order that a person named for it, if there is still one."""
        if "reassigned" not in delivery.notes or not delivery.account or not delivery.order_id:
            return None
        found = await self._orders.by_ids([delivery.account], [delivery.order_id])
        return found[0] if found else None

    async def _candidates(self, leased: LeasedDelivery, judged: Judged) -> Candidates:
        return await find_candidates(
            self._orders,
            accounts=leased.delivery.accounts,
            recipient=leased.delivery.recipient.address,
            references=judged.references,
        )

    @staticmethod
    def _matched(
        leased: LeasedDelivery,
        message: ParsedMessage,
        facts: Sequence[DocumentFacts],
        judged: Judged,
        candidates: Candidates,
        sole: bool,
    ) -> Match | Unmatched:
        return match(
            recipient=leased.delivery.recipient.address,
            message=message,
            facts=facts,
            references=judged.references,
            candidates=candidates,
            sole_buyer_recipient=sole,
        )

    async def _with_conversation(
        self,
        judged: Judged,
        matched: Match | Unmatched,
        message: ParsedMessage,
        facts: Sequence[DocumentFacts],
        seen: tuple[str, ...],
        smtp_user: str | None,
    ) -> Judged:
        """Ask the Message Center where a mail by hand might be an answer to the buyer."""
        if (
            isinstance(matched, Unmatched)
            or judged.verdict.kind in FROM_MAIL_KINDS
            or "automatic" in judged.verdict.flags
        ):
            return judged
        try:
            evidence = await self._around.conversation(matched.order)
        except ActionError as error:
            log.info("conversation_not_read", code=error.code)
            return judged
        if evidence is None:
            return judged
        return await self._understand(message, facts, seen, smtp_user, evidence)

    async def _context(
        self, leased: LeasedDelivery, account: str | None, judged: Judged
    ) -> PlanContext:
        names = (account,) if account else leased.delivery.accounts
        connected = False
        for name in names:
            connected = connected or await self._around.connected(name)
        refused: frozenset[str] = frozenset()
        integrated: frozenset[str] | None = None
        carriers = tuple(
            dict.fromkeys(
                (*(w.carrier for w in judged.references.waybills), *judged.references.carriers)
            )
        )
        if connected:
            for name in names:
                refused |= await self._around.refused_link_hosts(name)
                if carriers and Kind.PARCEL_STATUS in judged.verdict.kinds:
                    learnt = await self._around.integrated_carriers(name, carriers)
                    integrated = learnt if learnt is not None else integrated
        return PlanContext(
            observe=self._settings.mode == "observe",
            connected=connected,
            null_reverse_path=leased.delivery.message.envelope.reverse_path == "",
            refused_link_hosts=refused,
            integrated_carriers=integrated,
        )

    async def _wait_for_order(
        self, leased: LeasedDelivery, plan: Plan, policy: Policy
    ) -> Plan | None:
        """Defer the delivery while there is hope; ``None`` when it was deferred."""
        delivery = leased.delivery
        now = self._now()
        patience = policy.order_wait_s
        for account in delivery.accounts:
            if await self._around.first_sync_running(account):
                patience = max(patience, policy.order_wait_first_sync_s)
        over_at = delivery.received_at + timedelta(seconds=patience)
        reason = plan.problem or "order_unknown"
        if now >= over_at:
            return without_order(plan, reason)
        step = ORDER_STEPS_S[min(delivery.attempts, len(ORDER_STEPS_S) - 1)]
        due_at = min(now + timedelta(seconds=step), over_at)
        entries: tuple[HistoryEntry, ...] = ()
        if delivery.attempts == 0:
            entries = (history(now, "order_awaited", until=over_at.isoformat(), reason=reason),)
        # Something in the mail may be what only it says: then only its filing waits.
        goes_on = plan.disposition is Disposition.FORWARD
        await self._spool.defer_delivery(
            delivery.id,
            leased.lease,
            due_at=due_at,
            history=entries,
            problem=reason,
            forward_at=now if goes_on else None,
        )
        log.info("delivery_deferred", code=reason, retry_in_s=round(step, 1))
        return None

    async def _store(
        self,
        leased: LeasedDelivery,
        plan: Plan,
        judged: Judged,
        matched: Match | Unmatched,
        facts: Sequence[DocumentFacts],
        policy: Policy,
        account: str | None,
    ) -> None:
        now = self._now()
        delivery = leased.delivery
        jobs, ending = after_planning(plan, now=now, policy=policy)
        first_due: dict[int, datetime] = {}
        later = delivery.received_at + timedelta(seconds=self._settings.allegro.waybill_delay_s)
        if any(isinstance(action, AddShipment) for action in jobs):
            for index, action in enumerate(jobs):
                if isinstance(action, AddShipment | SetFulfillment) and later > now:
                    first_due[index] = later
        await self._spool.store_plan(
            delivery.id,
            leased.lease,
            Judgement(
                plan=plan,
                verdict=judged.verdict,
                account=account,
                order_id=matched.order_id if isinstance(matched, Match) else None,
                history=(
                    _judged_entry(now, judged.verdict, facts),
                    _planned_entry(now, plan, matched),
                ),
            ),
            now=now,
            jobs=jobs,
            first_due_at=first_due,
            ending=ending,
            decide=lambda stored, all_jobs: after_job(stored, all_jobs, now=now, policy=policy),
        )
        log.info(
            "delivery_planned",
            kind=judged.verdict.kind,
            confidence=round(judged.verdict.confidence, 3),
            actions=[action_name(action) for action in plan.actions],
            disposition=plan.disposition,
            reason=plan.reason,
            problem=plan.problem,
        )
        if plan.problem == "account_not_connected":
            for name in delivery.accounts:
                await self._alerts.raise_("account_not_connected", account=name)
        elif plan.problem:
            await self._alerts.raise_(plan.problem, account=account)

    async def _forward_unjudged(self, leased: LeasedDelivery, problem: str) -> None:
        """Our own trouble never keeps a mail: it goes on unchanged."""
        now = self._now()
        plan = Plan(reason=problem, problem=problem)
        policy = self._settings.policy
        jobs, ending = after_planning(plan, now=now, policy=policy)
        try:
            await self._spool.store_plan(
                leased.delivery.id,
                leased.lease,
                Judgement(plan=plan, history=(history(now, "planned", reason=problem),)),
                now=now,
                jobs=jobs,
                ending=ending,
                decide=lambda stored, all_jobs: after_job(stored, all_jobs, now=now, policy=policy),
            )
        except LeaseLost:
            return
        await self._alerts.raise_(problem, account=None)


def _judged_entry(now: datetime, verdict: Verdict, facts: Sequence[DocumentFacts]) -> HistoryEntry:
    documents: list[Mapping[str, Any]] = [
        {"name": f.name, "kind": f.kind, "number": f.number, "state": f.state} for f in facts
    ]
    return history(
        now,
        "judged",
        kind=verdict.kind,
        confidence=round(verdict.confidence, 4),
        secondary=list(verdict.secondary),
        runner_up=verdict.runner_up,
        flags=sorted(verdict.flags),
        unsure=verdict.unsure,
        evidence=[asdict(evidence) for evidence in verdict.evidence],
        documents=documents,
    )


def _planned_entry(now: datetime, plan: Plan, matched: Match | Unmatched) -> HistoryEntry:
    found = (
        {"order_id": matched.order_id, "method": matched.method, "others": list(matched.others)}
        if isinstance(matched, Match)
        else {"reason": matched.reason, "candidates": list(matched.candidates)}
    )
    return history(
        now,
        "planned",
        reason=plan.reason,
        actions=[action_name(action) for action in plan.actions],
        disposition=plan.disposition,
        fallback=plan.fallback,
        problem=plan.problem,
        notes=list(plan.notes),
        order=found,
    )

"""Decide what to do with one delivery to a buyer.

In:  the verdict, the documents, the references, the match and the policy.
Out: a Plan: the calls to Allegro, how the mail ends when they have succeeded, and how when
     one of them cannot be done.

Pure. Two answers are kept apart: whether actions run, and whether the mail goes on. The
costly mistake is stopping a mail that the buyer needed; the second is filing on the wrong
order. So every doubt here ends in ``forward``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from awizo.model import (
    AddLink,
    AddShipment,
    AllegroAction,
    Disposition,
    DocumentFacts,
    DocumentKind,
    DocumentLink,
    FulfillmentStatus,
    Kind,
    Match,
    ParsedMessage,
    Plan,
    References,
    SetFulfillment,
    Unmatched,
    UploadInvoice,
    Verdict,
    Waybill,
)
from awizo.settings import Policy
from awizo.triage.kinds import NEVER_STOPPED, PARCEL_KINDS, PERSONAL, SAID_HERE
from awizo.triage.match import document_fits

DOCUMENT_SURE_AT = 0.6  # below, a file is not taken for a sales document

LINK_KINDS = frozenset({Kind.INVOICE_LINK, Kind.RECEIPT_LINK})

# Flags of a verdict that say: the mail holds something only it says (docs/rules.md).
ONLY_SAID_HERE = SAID_HERE | {"only_said_here"}
NEWS_OF_PAYMENT = frozenset({"awaiting_payment", "payment_request", "on_hold"})

REPORT_TYPES = frozenset({"multipart/report", "message/delivery-status"})


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What is known beside the mail.

    Attributes:
        observe: Record what would be done; forward.
        connected: The Allegro account of this mail is connected.
        null_reverse_path: The envelope's reverse-path is empty.
        refused_link_hosts: Hosts that Allegro refused for this account.
        integrated_carriers: Carriers Allegro tracks, as learnt; ``None``: the policy's list.
    """

    observe: bool = False
    connected: bool = True
    null_reverse_path: bool = False
    refused_link_hosts: Collection[str] = ()
    integrated_carriers: Collection[str] | None = None


@dataclass(slots=True)
class _Draft:
    """What the parts of a mail ask for, before it becomes a plan."""

    actions: list[AllegroAction] = field(default_factory=list)
    forward_because: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def forward(self, reason: str) -> None:
        """The mail goes on whatever becomes of its actions."""
        self.forward_because.append(reason)

    def fall_back(self, problem: str) -> None:
        """A part of the mail cannot be carried out: it ends as the fallback says."""
        self.problems.append(problem)


def is_notice(message: ParsedMessage, *, null_reverse_path: bool = False) -> bool:
    """An automatic answer or a report: forwarded unchanged, never acted on, never bounced."""
    submitted = (message.header("auto-submitted") or "").split(";")[0].strip().lower()
    return (
        null_reverse_path
        or submitted == "auto-replied"
        or message.content_type.lower() in REPORT_TYPES
    )


def make_plan(
    message: ParsedMessage,
    verdict: Verdict,
    match: Match | Unmatched,
    policy: Policy,
    *,
    facts: Sequence[DocumentFacts] = (),
    references: References | None = None,
    context: PlanContext | None = None,
) -> Plan:
    """Return what to do with this mail, and why.

    With ``wait_for_order`` set the plan has no actions yet: an order is needed and not known;
    ask again once the index has been brought up to date, and with the waiting over through
    :func:`without_order`.

    Source: Allegro's rules of 2 March 2026 (FACTS 1.2) and the tables of ``docs/flow.md``.
    """
    context = context or PlanContext()
    references = references or References()
    if is_notice(message, null_reverse_path=context.null_reverse_path):
        return Plan(reason="notice")
    plan = _plan_by_verdict(message, verdict, match, policy, facts, references, context)
    if not context.observe and context.connected:
        return plan
    if plan.disposition is Disposition.FORWARD and not plan.actions and not plan.wait_for_order:
        return plan
    return _only_observed(plan, "observe" if context.observe else "account_not_connected")


def without_order(plan: Plan, reason: str) -> Plan:
    """The plan for a mail whose order did not turn up in time."""
    goes_on = plan.disposition is Disposition.FORWARD
    return Plan(
        disposition=plan.disposition if goes_on else plan.fallback,
        fallback=plan.fallback,
        reason=plan.reason if goes_on else reason,
        problem=reason,
        notes=plan.notes,
    )


def _only_observed(plan: Plan, reason: str) -> Plan:
    would = "act" if plan.actions or plan.wait_for_order else "not_act"
    return Plan(
        reason=reason,
        problem=None if reason == "observe" else reason,
        notes=(*plan.notes, f"would_{would}", f"would_{plan.disposition}"),
    )


def _plan_by_verdict(
    message: ParsedMessage,
    verdict: Verdict,
    match: Match | Unmatched,
    policy: Policy,
    facts: Sequence[DocumentFacts],
    references: References,
    context: PlanContext,
) -> Plan:
    if verdict.kind in NEVER_STOPPED:
        return Plan(reason=str(verdict.kind))
    if verdict.kind in policy.forward_kinds:
        return Plan(reason="kind_switched_off")
    if (
        verdict.runner_up in PERSONAL
        and verdict.confidence - verdict.runner_up_confidence < policy.doubt_margin
    ):
        return Plan(reason="doubt", notes=(f"runner_up_{verdict.runner_up}",))
    may_stop = verdict.confidence >= policy.stop_at
    may_file = verdict.confidence >= policy.file_at
    if not may_stop and not may_file:
        return Plan(reason="doubt")

    fallback = Disposition(policy.fallback.get(verdict.kind, "forward"))
    draft = _Draft()
    _ask_for_documents(draft, verdict, facts, references, match, context)
    _ask_for_parcels(draft, verdict, references, policy, context)
    _ask_for_status(draft, verdict, policy)
    _ask_for_rest(draft, verdict, facts, references, policy)
    if not may_stop:
        draft.forward("doubt")
    if not may_file:
        draft.actions.clear()
        draft.forward("doubt")

    disposition, reason = Disposition.STOP, _reason(verdict, draft)
    if draft.forward_because:
        disposition, reason = Disposition.FORWARD, draft.forward_because[0]
    elif draft.problems:
        disposition, reason = fallback, draft.problems[0]
    plan = Plan(
        actions=tuple(draft.actions),
        disposition=disposition,
        fallback=fallback,
        reason=reason,
        problem=draft.problems[0] if draft.problems else None,
        notes=tuple(dict.fromkeys(draft.notes)),
    )
    return _on_its_order(plan, match, facts)


def _reason(verdict: Verdict, draft: _Draft) -> str:
    return f"{verdict.kind}_converted" if draft.actions else f"{verdict.kind}_repeats"


def _on_its_order(plan: Plan, match: Match | Unmatched, facts: Sequence[DocumentFacts]) -> Plan:
    """Put the order into the actions, or say why there is none."""
    if not plan.actions:
        return plan
    if isinstance(match, Unmatched):
        if match.reason == "order_ambiguous":
            return without_order(plan, match.reason)
        return replace(plan, actions=(), wait_for_order=True, problem=match.reason)
    by_part = {fact.part: fact for fact in facts}
    kept: list[AllegroAction] = []
    problem: str | None = None
    for action in plan.actions:
        if isinstance(action, UploadInvoice | AddLink) and not match.ties_document:
            problem = "order_not_certain"
        elif (
            isinstance(action, UploadInvoice)
            and action.part in by_part
            and document_fits(by_part[action.part], match.order) is False
        ):
            problem = "document_of_other_order"
        else:
            kept.append(replace(action, order_id=match.order_id))
    if problem is None:
        return replace(plan, actions=tuple(kept))
    disposition = plan.fallback if plan.disposition is Disposition.STOP else plan.disposition
    return replace(
        plan, actions=tuple(kept), disposition=disposition, problem=plan.problem or problem
    )


# --- the parts of a mail ----------------------------------------------------------------------


def _ask_for_documents(
    draft: _Draft,
    verdict: Verdict,
    facts: Sequence[DocumentFacts],
    references: References,
    match: Match | Unmatched,
    context: PlanContext,
) -> None:
    sales = [fact for fact in facts if fact.is_sales_document]
    links = list(references.document_links)
    expects_file = Kind.INVOICE in verdict.kinds
    expects_link = bool(LINK_KINDS & set(verdict.kinds))
    invoice_links = [link for link in links if link.kind is Kind.INVOICE_LINK]
    uploads = 0
    for fact in sales:
        if fact.state != "ok":
            draft.fall_back(f"document_{fact.state}")
        elif fact.confidence < DOCUMENT_SURE_AT:
            draft.fall_back("document_unsure")
        else:
            uploads += 1
            draft.actions.append(
                UploadInvoice(
                    order_id="",
                    attachment=fact.name,
                    part=fact.part,
                    number=fact.number,
                    kind=fact.kind,
                    sha256=fact.sha256,
                    text_sha256=fact.text_sha256,
                    total=None if fact.total is None else str(fact.total),
                    buyer_tax_id=fact.buyer_tax_id,
                    or_link=_same_document(fact, invoice_links, len(sales)),
                )
            )
    if expects_file and not sales and not links:
        draft.fall_back("document_missing")
    if not (expects_link or expects_file):
        if links:
            draft.forward("link_not_filed")
        return
    for link in links:
        if link.kind is Kind.INVOICE_LINK and uploads:
            continue  # the same invoice is filed as a file
        host = (urlsplit(link.url).hostname or "").lower()
        if host in context.refused_link_hosts:
            draft.fall_back("link_host_refused")
        else:
            draft.actions.append(
                AddLink(order_id="", url=link.url, kind=link.kind, number=link.number)
            )
    if expects_link and not links and not uploads:
        draft.fall_back("link_missing")


def _same_document(
    fact: DocumentFacts, links: Sequence[DocumentLink], documents: int
) -> str | None:
    """The link of this very document: the same number, or one link beside one document."""
    for link in links:
        if fact.number is not None and link.number == fact.number:
            return link.url
    return links[0].url if documents == 1 and len(links) == 1 else None


def _ask_for_parcels(
    draft: _Draft,
    verdict: Verdict,
    references: References,
    policy: Policy,
    context: PlanContext,
) -> None:
    if Kind.ORDER_SENT in verdict.kinds:
        for waybill in references.waybills:
            if waybill.carrier == "OTHER" and not waybill.name:
                draft.forward("carrier_unknown")
                draft.fall_back("carrier_unknown")
            else:
                draft.actions.append(_shipment(waybill))
    if Kind.PARCEL_STATUS in verdict.kinds:
        integrated = (
            policy.integrated_carriers
            if context.integrated_carriers is None
            else context.integrated_carriers
        )
        carriers = {waybill.carrier for waybill in references.waybills} or set(references.carriers)
        if not carriers:
            draft.forward("carrier_not_known")
        elif not carriers <= set(integrated):
            draft.forward("carrier_not_integrated")


def _shipment(waybill: Waybill) -> AddShipment:
    return AddShipment(
        order_id="",
        carrier=waybill.carrier,
        number=waybill.number,
        name=waybill.name,
        alternatives=waybill.alternatives,
    )


def _ask_for_status(draft: _Draft, verdict: Verdict, policy: Policy) -> None:
    status: FulfillmentStatus | None = None
    if Kind.ORDER_SENT in verdict.kinds:
        if "partial_shipment" in verdict.flags:
            draft.forward("part_of_order_only")
        else:
            status = FulfillmentStatus.SENT
    elif Kind.ORDER_PROCESSING in verdict.kinds:
        if verdict.flags & NEWS_OF_PAYMENT:
            draft.forward("payment_awaited")
        elif "amount_named" in verdict.flags:
            draft.forward("amount_named")
        elif verdict.fulfillment_status in (
            FulfillmentStatus.PROCESSING,
            FulfillmentStatus.READY_FOR_SHIPMENT,
            FulfillmentStatus.READY_FOR_PICKUP,
        ):
            status = verdict.fulfillment_status
            if status is FulfillmentStatus.READY_FOR_PICKUP:
                draft.forward("ready_for_pickup")
    if status is None:
        return
    if status in policy.statuses:
        draft.actions.append(SetFulfillment(order_id="", status=status))
        if policy.allegro_status_mail != "on":
            draft.notes.append("buyer_not_told")
    elif policy.without_action == "forward":
        draft.forward("status_switched_off")


def _ask_for_rest(
    draft: _Draft,
    verdict: Verdict,
    facts: Sequence[DocumentFacts],
    references: References,
    policy: Policy,
) -> None:
    """What keeps a mail from being stopped whatever else it says."""
    if flags := verdict.flags & ONLY_SAID_HERE:
        draft.forward(f"holds_{min(flags)}")
    if references.waybills and not PARCEL_KINDS & set(verdict.kinds):
        draft.forward("holds_waybill")
    if verdict.kind is Kind.PAYMENT_RECEIVED and "payment_request" in verdict.flags:
        draft.forward("payment_awaited")
    if PERSONAL & set(verdict.secondary):
        draft.forward("holds_correspondence")
    if Kind.OTHER in verdict.secondary:
        draft.forward("holds_other")
    if set(verdict.secondary) & set(policy.forward_kinds):
        draft.forward("kind_switched_off")
    disregard = set(policy.disregard_attachments)
    for fact in facts:
        if not fact.is_sales_document and fact.kind not in disregard:
            draft.forward(
                "holds_unknown_file" if fact.kind is DocumentKind.UNKNOWN else f"holds_{fact.kind}"
            )

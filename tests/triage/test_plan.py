"""The plan for each kind of mail: the calls to Allegro, and whether the mail goes on.

One story for each line of the tables in ``docs/flow.md``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from awizo.model import (
    AddLink,
    AddShipment,
    Disposition,
    DocumentFacts,
    DocumentKind,
    DocumentLink,
    FulfillmentStatus,
    Kind,
    Match,
    Order,
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
from awizo.triage.plan import PlanContext, make_plan, without_order

FORWARD, STOP, HOLD = Disposition.FORWARD, Disposition.STOP, Disposition.HOLD
ORDER = "29738e61-7f6a-11e8-ac45-09db60ede9d6"
DPD = Waybill("DPD", "0000123456789U")
LINK = DocumentLink("https://shop.fakturownia.pl/invoice/Ab1", Kind.INVOICE_LINK, "FV 1/2026")
RECEIPT = DocumentLink("https://eparagony.pl/p/x1", Kind.RECEIPT_LINK)


def a_verdict(kind: Kind, *flags: str, **fields: Any) -> Verdict:
    values: dict[str, Any] = {"confidence": 0.97, "flags": frozenset(flags)}
    return Verdict(kind, **(values | fields))


def an_invoice(**fields: Any) -> DocumentFacts:
    values: dict[str, Any] = {
        "part": "2", "name": "FV 1_2026.pdf", "kind": DocumentKind.INVOICE, "number": "FV 1/2026",
        "confidence": 0.97,
    }  # fmt: skip
    return DocumentFacts(**(values | fields))


def a_file(kind: DocumentKind, name: str = "plik.pdf") -> DocumentFacts:
    return an_invoice(part="3", name=name, kind=kind, number=None)


def a_match(**fields: Any) -> Match:
    order = Order(account="default", order_id=ORDER, total=Decimal("20.00"))
    return Match(order, **({"method": "address"} | fields))


def plan_for(
    verdict: Verdict,
    *facts: DocumentFacts,
    match: Match | Unmatched | None = None,
    policy: Policy | None = None,
    message: ParsedMessage | None = None,
    context: PlanContext | None = None,
    **references: Any,
) -> Plan:
    return make_plan(
        message or ParsedMessage(),
        verdict,
        match or a_match(),
        policy or Policy(),
        facts=facts,
        references=References(**references),
        context=context,
    )


def names(plan: Plan) -> list[str]:
    return [type(action).__name__ for action in plan.actions]


# --- what is never touched ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [Kind.CONVERSATION_REPLY, Kind.FULFILMENT_CORRESPONDENCE, Kind.OTHER]
)
def test_what_a_person_wrote_is_forwarded_without_any_action(kind: Kind) -> None:
    verdict = a_verdict(kind, secondary=(Kind.INVOICE,))

    plan = plan_for(verdict, an_invoice(), waybills=(DPD,), document_links=(LINK,))

    assert (plan.actions, plan.disposition) == ((), FORWARD)


@pytest.mark.parametrize(
    ("message", "null"),
    [
        (ParsedMessage(headers=(("auto-submitted", "auto-replied"),)), False),
        (ParsedMessage(headers=(("auto-submitted", "Auto-Replied; x=y"),)), False),
        (ParsedMessage(content_type="multipart/report"), False),
        (ParsedMessage(), True),
    ],
)
def test_a_notice_is_forwarded_whatever_it_says(message: ParsedMessage, null: bool) -> None:
    plan = plan_for(
        a_verdict(Kind.INVOICE),
        an_invoice(),
        message=message,
        context=PlanContext(null_reverse_path=null),
    )

    assert (plan.actions, plan.disposition, plan.reason) == ((), FORWARD, "notice")


# --- documents ---------------------------------------------------------------------------------


def test_an_invoice_is_uploaded_and_the_mail_stopped() -> None:
    plan = plan_for(a_verdict(Kind.INVOICE), an_invoice())

    assert plan.disposition is STOP
    assert plan.fallback is FORWARD
    (action,) = plan.actions
    assert isinstance(action, UploadInvoice)
    assert (action.order_id, action.attachment, action.number) == (
        ORDER, "FV 1_2026.pdf", "FV 1/2026",
    )  # fmt: skip


def test_every_sales_document_is_uploaded_and_nothing_else() -> None:
    plan = plan_for(
        a_verdict(Kind.INVOICE),
        an_invoice(),
        an_invoice(part="4", name="korekta.pdf", kind=DocumentKind.CORRECTION),
        an_invoice(part="5", name="paragon.pdf", kind=DocumentKind.RECEIPT),
        a_file(DocumentKind.TERMS),
    )

    uploads = [action for action in plan.actions if isinstance(action, UploadInvoice)]
    assert [one.attachment for one in uploads] == ["FV 1_2026.pdf", "korekta.pdf", "paragon.pdf"]
    assert plan.disposition is STOP


@pytest.mark.parametrize(
    ("kind", "link"), [(Kind.INVOICE_LINK, LINK), (Kind.RECEIPT_LINK, RECEIPT)]
)
def test_a_link_is_added_and_the_mail_stopped(kind: Kind, link: DocumentLink) -> None:
    plan = plan_for(a_verdict(kind), document_links=(link,))

    assert plan.actions == (AddLink(ORDER, link.url, link.kind, link.number),)
    assert plan.disposition is STOP


def test_a_link_beside_its_own_document_is_the_upload_s_second_way() -> None:
    plan = plan_for(
        a_verdict(Kind.INVOICE, secondary=(Kind.INVOICE_LINK,)),
        an_invoice(),
        document_links=(LINK,),
    )

    (action,) = plan.actions
    assert isinstance(action, UploadInvoice)
    assert action.or_link == LINK.url


def test_a_receipt_link_beside_an_invoice_is_filed_as_well() -> None:
    plan = plan_for(
        a_verdict(Kind.INVOICE, secondary=(Kind.RECEIPT_LINK,)),
        an_invoice(),
        document_links=(RECEIPT,),
    )

    assert names(plan) == ["UploadInvoice", "AddLink"]


@pytest.mark.parametrize("state", ["encrypted", "damaged", "empty", "too_large"])
def test_a_document_that_cannot_be_filed_falls_back_with_its_reason(state: str) -> None:
    verdict = a_verdict(Kind.INVOICE)

    plan = plan_for(verdict, an_invoice(state=state))
    held = plan_for(
        verdict, an_invoice(state=state), policy=Policy(fallback={Kind.INVOICE: "hold"})
    )

    assert (plan.actions, plan.disposition, plan.problem) == ((), FORWARD, f"document_{state}")
    assert (held.actions, held.disposition) == ((), HOLD)


def test_a_document_of_another_order_is_not_filed_on_this_one() -> None:
    facts = an_invoice(total=Decimal("999.00"), order_ids=("0dd00d00-0000-11e8-ac45-09db60ede9d6",))

    plan = plan_for(a_verdict(Kind.INVOICE), facts)

    assert (plan.actions, plan.disposition, plan.problem) == (
        (), FORWARD, "document_of_other_order",
    )  # fmt: skip


def test_a_match_too_weak_for_a_document_files_none() -> None:
    plan = plan_for(a_verdict(Kind.INVOICE), an_invoice(), match=a_match(ties_document=False))

    assert (plan.actions, plan.disposition, plan.problem) == ((), FORWARD, "order_not_certain")


def test_a_link_whose_host_allegro_refused_falls_back() -> None:
    plan = plan_for(
        a_verdict(Kind.INVOICE_LINK),
        document_links=(LINK,),
        context=PlanContext(refused_link_hosts={"shop.fakturownia.pl"}),
    )

    assert (plan.actions, plan.disposition, plan.problem) == ((), FORWARD, "link_host_refused")


@pytest.mark.parametrize("kind", [Kind.INVOICE, Kind.INVOICE_LINK, Kind.RECEIPT_LINK])
def test_words_about_a_document_that_is_not_there_are_forwarded(kind: Kind) -> None:
    plan = plan_for(a_verdict(kind))

    assert (plan.actions, plan.disposition) == ((), FORWARD)
    assert plan.problem in ("document_missing", "link_missing")


# --- states of the order -----------------------------------------------------------------------


def test_a_payment_is_stopped() -> None:
    plan = plan_for(a_verdict(Kind.PAYMENT_RECEIVED))

    assert (plan.actions, plan.disposition) == ((), STOP)


def test_a_payment_that_asks_for_more_money_is_forwarded() -> None:
    assert plan_for(a_verdict(Kind.PAYMENT_RECEIVED, "payment_request")).disposition is FORWARD


@pytest.mark.parametrize("status", ["PROCESSING", "READY_FOR_SHIPMENT"])
def test_work_on_an_order_sets_its_status_and_the_mail_is_stopped(status: str) -> None:
    wanted = FulfillmentStatus(status)

    plan = plan_for(a_verdict(Kind.ORDER_PROCESSING, fulfillment_status=wanted))

    assert (plan.actions, plan.disposition) == ((SetFulfillment(ORDER, wanted),), STOP)
    assert "buyer_not_told" in plan.notes


def test_a_mere_confirmation_is_stopped_without_a_call() -> None:
    plan = plan_for(a_verdict(Kind.ORDER_PROCESSING, fulfillment_status=FulfillmentStatus.NEW))

    assert (plan.actions, plan.disposition) == ((), STOP)


def test_ready_in_the_shop_sets_the_status_and_goes_on() -> None:
    wanted = FulfillmentStatus.READY_FOR_PICKUP

    plan = plan_for(a_verdict(Kind.ORDER_PROCESSING, fulfillment_status=wanted))

    assert (plan.actions, plan.disposition) == ((SetFulfillment(ORDER, wanted),), FORWARD)


@pytest.mark.parametrize(
    "flag", ["on_hold", "awaiting_payment", "payment_request", "amount_named", "request"]
)
def test_an_order_that_waits_for_something_is_forwarded(flag: str) -> None:
    verdict = a_verdict(Kind.ORDER_PROCESSING, flag, fulfillment_status=FulfillmentStatus.NEW)

    assert plan_for(verdict).disposition is FORWARD


def test_a_status_that_is_switched_off_is_forwarded_unless_said_otherwise() -> None:
    verdict = a_verdict(Kind.ORDER_PROCESSING, fulfillment_status=FulfillmentStatus.PROCESSING)
    off = Policy(statuses=(FulfillmentStatus.SENT,))
    stop = Policy(statuses=(FulfillmentStatus.SENT,), without_action="stop")

    assert (plan_for(verdict, policy=off).actions, plan_for(verdict, policy=off).disposition) == (
        (), FORWARD,
    )  # fmt: skip
    assert plan_for(verdict, policy=stop).disposition is STOP


def test_no_note_is_left_where_allegro_tells_the_buyer() -> None:
    verdict = a_verdict(Kind.ORDER_PROCESSING, fulfillment_status=FulfillmentStatus.PROCESSING)

    assert plan_for(verdict, policy=Policy(allegro_status_mail="on")).notes == ()


def test_a_dispatch_adds_the_waybill_then_sets_sent_and_is_stopped() -> None:
    plan = plan_for(a_verdict(Kind.ORDER_SENT), waybills=(DPD,))

    assert plan.actions == (
        AddShipment(ORDER, "DPD", "0000123456789U"),
        SetFulfillment(ORDER, FulfillmentStatus.SENT),
    )
    assert plan.disposition is STOP


def test_a_part_of_the_order_is_filed_without_the_status_and_goes_on() -> None:
    plan = plan_for(a_verdict(Kind.ORDER_SENT, "partial_shipment"), waybills=(DPD,))

    assert (names(plan), plan.disposition) == (["AddShipment"], FORWARD)


def test_a_waybill_of_no_known_carrier_goes_on_and_the_status_is_set() -> None:
    plan = plan_for(a_verdict(Kind.ORDER_SENT), waybills=(Waybill("OTHER", "123456789"),))

    assert (names(plan), plan.disposition, plan.problem) == (
        ["SetFulfillment"], FORWARD, "carrier_unknown",
    )  # fmt: skip


def test_dispatch_and_invoice_in_one_mail_are_both_carried_out() -> None:
    plan = plan_for(
        a_verdict(Kind.ORDER_SENT, secondary=(Kind.INVOICE,)), an_invoice(), waybills=(DPD,)
    )

    assert names(plan) == ["UploadInvoice", "AddShipment", "SetFulfillment"]
    assert plan.disposition is STOP


@pytest.mark.parametrize(
    ("references", "disposition"),
    [
        ({"waybills": (DPD,)}, STOP),
        ({"carriers": ("INPOST",)}, STOP),
        ({"waybills": (Waybill("OTHER", "PNTM1", name="Magyar Posta"),)}, FORWARD),
        ({"waybills": (DPD, Waybill("OTHER", "1", name="PPL"))}, FORWARD),
        ({}, FORWARD),
    ],
)
def test_a_parcels_state_is_stopped_for_integrated_carriers_only(
    references: dict[str, Any], disposition: Disposition
) -> None:
    plan = plan_for(a_verdict(Kind.PARCEL_STATUS), **references)

    assert (plan.actions, plan.disposition) == ((), disposition)


def test_the_carriers_learnt_from_allegro_go_before_the_list() -> None:
    learnt = PlanContext(integrated_carriers={"INPOST"})

    plan = plan_for(a_verdict(Kind.PARCEL_STATUS), waybills=(DPD,), context=learnt)

    assert plan.disposition is FORWARD


def test_a_rating_request_is_stopped() -> None:
    assert plan_for(a_verdict(Kind.RATING_REQUEST)).disposition is STOP


@pytest.mark.parametrize(
    ("references", "reason"),
    [({"waybills": (DPD,)}, "holds_waybill"), ({"document_links": (LINK,)}, "link_not_filed")],
)
def test_what_no_action_takes_from_the_mail_keeps_it_from_being_stopped(
    references: dict[str, Any], reason: str
) -> None:
    plan = plan_for(a_verdict(Kind.RATING_REQUEST), **references)

    assert (plan.actions, plan.disposition, plan.reason) == ((), FORWARD, reason)


# --- doubt -------------------------------------------------------------------------------------


def test_below_both_thresholds_nothing_happens() -> None:
    plan = plan_for(a_verdict(Kind.INVOICE, confidence=0.89), an_invoice())

    assert (plan.actions, plan.disposition, plan.reason) == ((), FORWARD, "doubt")


def test_what_may_be_filed_but_not_stopped_is_filed_and_goes_on() -> None:
    policy = Policy(stop_at=0.98, file_at=0.9)

    plan = plan_for(a_verdict(Kind.INVOICE, confidence=0.95), an_invoice(), policy=policy)

    assert (names(plan), plan.disposition) == (["UploadInvoice"], FORWARD)


@pytest.mark.parametrize(
    ("runner_up", "disposition"),
    [(Kind.CONVERSATION_REPLY, FORWARD), (Kind.FULFILMENT_CORRESPONDENCE, FORWARD),
     (Kind.OTHER, STOP)],
)  # fmt: skip
def test_a_close_runner_up_that_a_person_wrote_forwards_without_action(
    runner_up: Kind, disposition: Disposition
) -> None:
    verdict = a_verdict(
        Kind.PAYMENT_RECEIVED, confidence=0.95, runner_up=runner_up, runner_up_confidence=0.85
    )

    assert plan_for(verdict).disposition is disposition


@pytest.mark.parametrize(
    "flag",
    ["question", "request", "secret_code", "delay", "defect_or_problem", "cancelled",
     "return_or_refund", "choice_for_buyer", "only_said_here"],
)  # fmt: skip
@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.INVOICE_LINK, Kind.RECEIPT_LINK}))
def test_what_only_the_mail_says_goes_on_and_its_document_is_filed(kind: Kind, flag: str) -> None:
    plan = plan_for(a_verdict(kind, flag), an_invoice(), carriers=("DPD",))

    assert plan.disposition is FORWARD
    if kind is Kind.INVOICE:
        assert names(plan) == ["UploadInvoice"]


@pytest.mark.parametrize(
    ("kind", "disposition"),
    [
        (DocumentKind.TERMS, STOP), (DocumentKind.RETURN_FORM, STOP), (DocumentKind.LABEL, STOP),
        (DocumentKind.MANUAL, STOP), (DocumentKind.GOODS_ISSUE, STOP), (DocumentKind.LOGO, STOP),
        (DocumentKind.E_INVOICE_XML, STOP), (DocumentKind.WARRANTY, FORWARD),
        (DocumentKind.CODE, FORWARD), (DocumentKind.UNKNOWN, FORWARD),
        (DocumentKind.OFFER, FORWARD), (DocumentKind.PROFORMA, FORWARD),
    ],
)  # fmt: skip
def test_a_file_that_is_not_disregarded_keeps_the_mail_from_being_stopped(
    kind: DocumentKind, disposition: Disposition
) -> None:
    assert plan_for(a_verdict(Kind.PAYMENT_RECEIVED), a_file(kind)).disposition is disposition


def test_the_list_of_disregarded_files_is_the_shops_to_change() -> None:
    policy = Policy(disregard_attachments=(DocumentKind.WARRANTY,))
    verdict = a_verdict(Kind.RATING_REQUEST)

    assert plan_for(verdict, a_file(DocumentKind.WARRANTY), policy=policy).disposition is STOP
    assert plan_for(verdict, a_file(DocumentKind.TERMS), policy=policy).disposition is FORWARD


def test_a_kind_that_is_switched_off_is_forwarded_without_action() -> None:
    policy = Policy(forward_kinds=(Kind.ORDER_SENT,))

    main = plan_for(a_verdict(Kind.ORDER_SENT), waybills=(DPD,), policy=policy)
    beside = plan_for(
        a_verdict(Kind.INVOICE, secondary=(Kind.ORDER_SENT,)), an_invoice(), policy=policy
    )

    assert (main.actions, main.disposition) == ((), FORWARD)
    assert beside.disposition is FORWARD


# --- the order ---------------------------------------------------------------------------------


def test_an_order_that_is_not_known_yet_is_waited_for() -> None:
    plan = plan_for(a_verdict(Kind.INVOICE), an_invoice(), match=Unmatched("order_unknown"))

    assert plan.wait_for_order
    assert plan.actions == ()


def test_kinds_that_only_stop_need_no_order() -> None:
    plan = plan_for(a_verdict(Kind.RATING_REQUEST), match=Unmatched("order_unknown"))

    assert (plan.wait_for_order, plan.disposition) == (False, STOP)


def test_an_ambiguous_order_falls_back_at_once_and_nothing_is_guessed() -> None:
    plan = plan_for(
        a_verdict(Kind.INVOICE), an_invoice(), match=Unmatched("order_ambiguous", ("A", "B"))
    )

    assert (plan.actions, plan.wait_for_order, plan.disposition, plan.problem) == (
        (), False, FORWARD, "order_ambiguous",
    )  # fmt: skip


def test_waiting_that_led_to_nothing_ends_as_the_fallback_says() -> None:
    policy = Policy(fallback={Kind.INVOICE: "hold"})
    waiting = plan_for(
        a_verdict(Kind.INVOICE), an_invoice(), match=Unmatched("order_unknown"), policy=policy
    )

    plan = without_order(waiting, "order_unknown")

    assert (plan.disposition, plan.problem) == (HOLD, "order_unknown")


# --- first day and bad days --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (PlanContext(observe=True), "observe"),
        (PlanContext(connected=False), "account_not_connected"),
    ],
)  # fmt: skip
def test_where_nothing_may_be_done_it_is_recorded_and_forwarded(
    context: PlanContext, reason: str
) -> None:
    plan = plan_for(a_verdict(Kind.INVOICE), an_invoice(), context=context)

    assert (plan.actions, plan.disposition, plan.reason) == ((), FORWARD, reason)
    assert set(plan.notes) >= {"would_act", "would_stop"}

"""What the rules say is compared with labels: mistakes, their cost, what was found."""

from __future__ import annotations

from typing import Any

import pytest

from awizo.cli.measuring import (
    COST_FORWARDED,
    COST_LOST,
    COST_NOT_FILED,
    COST_WRONG_DOCUMENT,
    COST_WRONG_ORDER,
    COST_WRONG_STATUS,
    Label,
    measure,
    read_label,
)

ORDER = "29738e61-7f6a-11e8-ac45-09db60ede9d6"


def a_label(kind: str = "invoice", **fields: Any) -> Label:
    return Label(**{"file": "1.eml", "kind": kind} | fields)


def said(kind: str = "invoice", **fields: Any) -> dict[str, Any]:
    """A line of ``explain`` that finds nothing and forwards."""
    return {
        "kind": kind, "confidence": 0.97, "disposition": "forward", "actions": [],
        "order_id": None, "documents": [], "invoice_numbers": [], "document_urls": [],
        "waybills": [], "fulfillment_status": None,
    } | fields  # fmt: skip


def an_upload(name: str = "FV.pdf") -> dict[str, Any]:
    return {"action": "upload_invoice", "attachment": name}


def test_an_acceptable_kind_is_right() -> None:
    report = measure([(a_label("other", acceptable=("rating_request",)), said("rating_request"))])

    assert (report.right, report.share) == (1, 1.0)
    assert report.confusion == {("other", "other"): 1}


def test_a_needed_mail_that_is_stopped_is_the_costliest_mistake() -> None:
    report = measure(
        [
            (a_label("conversation_reply", file="lost.eml"),
             said("payment_received", disposition="stop")),
            (a_label("payment_received", file="spared.eml"), said("other")),
        ]
    )  # fmt: skip

    assert [(one.file, one.cost) for one in report.mistakes] == [
        ("lost.eml", COST_LOST),
        ("spared.eml", COST_FORWARDED),
    ]
    assert report.cost == COST_LOST + COST_FORWARDED


@pytest.mark.parametrize(
    ("label", "line", "cost"),
    [
        (a_label(order_id=ORDER), said(order_id="other"), COST_WRONG_ORDER),
        (a_label(documents=("FV.pdf",)), said(actions=[an_upload("terms.pdf"), an_upload()]),
         COST_WRONG_DOCUMENT),
        (a_label(documents=("FV.pdf",)), said(), COST_NOT_FILED),
        (a_label("order_processing"),
         said("order_processing", actions=[{"action": "set_fulfillment", "status": "SENT"}]),
         COST_WRONG_STATUS),
        (a_label("invoice_link", document_urls=("https://x/1",)), said("invoice_link"),
         COST_NOT_FILED),
    ],
    ids=["wrong-order", "terms-filed", "not-filed", "wrong-status", "link-left"],
)  # fmt: skip
def test_acting_wrongly_costs_even_where_the_kind_is_right(
    label: Label, line: dict[str, Any], cost: int
) -> None:
    report = measure([(label, line)])

    assert report.right == 1
    assert [one.cost for one in report.mistakes] == [cost]


def test_what_was_found_is_counted_as_precision_and_recall() -> None:
    label = a_label(
        documents=("a.pdf", "b.pdf"), invoice_numbers=("FV 1",), waybills=(("DPD", "1"),)
    )
    line = said(
        documents=["a.pdf", "terms.pdf"],
        invoice_numbers=["FV 1"],
        waybills=[{"carrier": "GLS", "number": "1"}],
        actions=[an_upload("a.pdf"), an_upload("b.pdf")],
    )

    found = measure([(label, line)]).found

    assert (found["documents"].precision, found["documents"].recall) == (0.5, 0.5)
    assert (found["invoice numbers"].precision, found["invoice numbers"].recall) == (1, 1)
    assert (found["waybills"].precision, found["waybills"].recall) == (0, 0)
    assert (found["links"].precision, found["links"].recall) == (None, None)


def test_the_calibration_table_says_how_often_a_confidence_was_right() -> None:
    pairs = [(a_label(), said(confidence=0.97)) for _ in range(3)]
    pairs.append((a_label(), said("other", confidence=0.96)))
    pairs.append((a_label(), said(confidence=0.6)))

    low, high = measure(pairs).bins

    assert (low.above, low.count, low.right) == (0.5, 1, 1)
    assert (high.above, high.count, high.right) == (0.95, 4, 3)
    assert high.mean_confidence == pytest.approx(0.9675)


def test_labels_are_read_as_the_corpus_writes_them() -> None:
    label = read_label(
        {"file": "7.eml", "class": "invoice", "invoice_attachments": ["a.pdf"], "order_id": ORDER,
         "waybills": [{"carrier": "DPD", "number": "1"}], "hard": True, "language": "pl"}
    )  # fmt: skip

    assert (label.kind, label.documents, label.waybills) == (
        "invoice", ("a.pdf",), (("DPD", "1"),),
    )  # fmt: skip
    with pytest.raises(KeyError):
        read_label({"file": "7.eml"})
    with pytest.raises(TypeError):
        read_label({"file": "7.eml", "class": "invoice", "secondary": "order_sent"})

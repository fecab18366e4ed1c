"""What we send has the shape that Allegro describes, and what would not fit never leaves."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from awizo.allegro import schema
from awizo.model import FulfillmentStatus
from support.openapi import needs_spec, spec

SENT = [
    (schema.NewInvoice, "CheckFormsNewOrderInvoice"),
    (schema.NewInvoiceFile, "CheckFormsNewOrderInvoiceFile"),
    (schema.NewLink, "NewOrderBillingDocumentLink"),
    (schema.NewStatus, "CheckoutFormFulfillment"),
    (schema.NewShipment, "CheckoutFormAddWaybillRequest"),
]


@needs_spec
@pytest.mark.parametrize(("shape", "name"), SENT, ids=[name for _, name in SENT])
def test_every_field_that_is_sent_is_one_that_allegro_describes(
    shape: type[BaseModel], name: str
) -> None:
    described = spec()["components"]["schemas"][name]
    sent = {field.alias for field in shape.model_fields.values()}

    assert sent <= set(described["properties"])
    assert set(described.get("required", ())) <= sent


def test_what_is_not_set_is_not_sent() -> None:
    named = schema.NewInvoice(file=schema.NewInvoiceFile(name="a.pdf"))

    assert named.body() == {"file": {"name": "a.pdf"}}
    assert schema.NewStatus(status=FulfillmentStatus.SENT).body() == {"status": "SENT"}


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        (schema.NewInvoiceFile, {"name": ""}),
        (schema.NewLink, {"url": ""}),
        (schema.NewStatus, {"status": "LOST"}),
        (schema.NewShipment, {"carrier_id": "DPD", "waybill": "1" * 65}),
        (schema.NewShipment, {"carrier_id": "OTHER", "waybill": "1", "carrier_name": "x" * 31}),
    ],
)
def test_what_allegro_would_not_take_never_leaves(
    shape: type[schema.Sent], values: dict[str, str]
) -> None:
    with pytest.raises(ValidationError):
        shape(**values)

"""What the store writes as JSON comes back as it was, whatever a mail had in it."""

from __future__ import annotations

import json
from collections import UserDict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from awizo.model import (
    AddLink,
    AddShipment,
    Client,
    Disposition,
    Envelope,
    Forward,
    FulfillmentStatus,
    Plan,
    Recipient,
    SetFulfillment,
    UploadInvoice,
)
from awizo.store.codec import action_from_json, from_json, read_json, to_json

AT = datetime(2026, 3, 2, 12, 0, 0, 7, tzinfo=UTC)
ODD_TEXTS = [
    "zażółć",
    'quo"te\\',
    "nul\0",
    "line\r\n",
    "\u2028",
    "\U0001f4e6",
    "half \udcff \ud83d",
]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_an_envelope_comes_back_as_it_was(text: str) -> None:
    envelope = Envelope(
        reverse_path=text,
        recipients=(Recipient(text, notify="NEVER"), Recipient("b@example.com")),
        client=Client("::1", text, text, True),
        received_at=AT,
    )

    assert from_json(Envelope, to_json(envelope)) == envelope


@pytest.mark.parametrize(
    "action",
    [
        UploadInvoice("order", "a.pdf", total="12.30"),
        AddLink("order", "https://example.com/?a=\udcff"),
        SetFulfillment("order", FulfillmentStatus.SENT),
        AddShipment("order", "DPD", "1", alternatives=("2",)),
        Forward(),
    ],
)
def test_an_action_tells_its_name(action: Any) -> None:
    assert action_from_json(to_json(action)) == action


def test_a_plan_comes_back_with_its_actions() -> None:
    plan = Plan(
        actions=(AddLink("order", "https://example.com"),),
        disposition=Disposition.FORWARD,
        fallback=Disposition.HOLD,
        reason="half \udcff",
    )

    assert from_json(Plan, to_json(plan)) == plan


def test_what_orjson_does_not_take_is_written_all_the_same() -> None:
    assert to_json({"n": 2**70}) == '{"n":1180591620717411303424}'
    assert read_json(to_json(["\ud83d"])) == ["\ud83d"]
    assert to_json({"ok": ["\ud83d", AT, Forward()]}).isascii()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (AT, '"2026-03-02T12:00:00.000007+00:00"'),
        (AT.replace(microsecond=0), '"2026-03-02T12:00:00+00:00"'),
        (
            AT.astimezone(timezone(timedelta(hours=1))),
            '"2026-03-02T13:00:00.000007+01:00"',
        ),
        (Decimal("1.10"), '"1.10"'),
        (frozenset({"b", "a"}), '["a","b"]'),
        (UserDict({"a": (1, None)}), '{"a":[1,null]}'),
        ({Disposition.HOLD: FulfillmentStatus.SENT}, '{"hold":"SENT"}'),
    ],
)
def test_the_text_is_the_one_that_older_programs_wrote(value: Any, text: str) -> None:
    assert to_json(value) == text


def test_a_value_without_a_form_is_our_mistake() -> None:
    with pytest.raises(TypeError, match="object has no form in JSON here"):
        to_json([object()])


def test_what_is_no_json_is_said_to_be_none() -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json("{")

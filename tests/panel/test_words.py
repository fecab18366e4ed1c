"""Every slug that a seller may meet has words."""

from __future__ import annotations

import ast
from pathlib import Path

from awizo.model import ACTION_NAMES, DocumentKind, FulfillmentStatus, Kind, SetFulfillment
from awizo.panel import words
from awizo.problems import NOTES, PROBLEMS
from awizo.triage.plan import ONLY_SAID_HERE

SOURCE = Path(__file__).parents[2] / "src" / "awizo"


def reasons_in(path: str, *names: str) -> set[str]:
    """Whole words given to calls of these names, as ``reason`` or first."""
    found: set[str] = set()
    for call in ast.walk(ast.parse((SOURCE / path).read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name in names:
            given = [word.value for word in call.keywords if word.arg == "reason"]
            given += call.args[:1] if name in ("forward", "_only_observed") else []
            for one in given:
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    found.add(one.value)
    return found


def test_every_reason_of_a_plan_has_words() -> None:
    reasons = reasons_in("triage/plan.py", "Plan", "forward")
    reasons |= {f"holds_{flag}" for flag in ONLY_SAID_HERE}
    reasons |= {f"holds_{kind}" for kind in DocumentKind if kind is not DocumentKind.UNKNOWN}
    reasons |= {f"{kind}_{end}" for kind in Kind for end in ("repeats", "converted")} - {
        f"{kind}_repeats" for kind in ("conversation_reply", "fulfilment_correspondence", "other")
    }
    reasons |= {"conversation_reply", "fulfilment_correspondence", "other", "observe",
                "account_not_connected", "content_missing", "triage_failed"}  # fmt: skip

    assert len(reasons) > 40
    assert {one for one in reasons if one not in words.REASONS and one not in PROBLEMS} == set()


def test_every_event_of_a_history_has_words() -> None:
    events = set()
    for path in SOURCE.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            position = {"history": 1, "HistoryEntry": 1, "_entry": 0, "_Outcome": 0}.get(name)
            if position is not None and len(call.args) > position:
                events |= {
                    part.value
                    for part in ast.walk(call.args[position])
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }

    assert len(events) > 15
    assert events - set(words.EVENTS) == set()


def test_every_kind_document_and_action_has_words() -> None:
    assert set(words.KINDS) == set(Kind)
    assert set(words.DOCUMENTS) == {kind.value for kind in DocumentKind}
    assert set(words.ACTION_NAMES) == set(ACTION_NAMES.values())
    assert words.action_words(SetFulfillment("o", FulfillmentStatus.READY_FOR_SHIPMENT)) == (
        "Set the order to ready for shipment"
    )


def test_a_slug_without_words_speaks_for_itself() -> None:
    assert words.reason_words("something_new") == "Something new."
    assert words.reason_words("document_damaged") == PROBLEMS["document_damaged"].words
    assert words.reason_words("hold_expired") == NOTES["hold_expired"]
    assert words.code_words("cancelled").startswith("Cancelled")

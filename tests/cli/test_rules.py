"""``awizo rules``: measured on labelled mails, drafted from one that was judged wrongly."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from support.cli_parts import ORDER, WAYBILL, a_sent_mail, an_invoice_mail, awizo, lines_of


def labelled(folder: Path) -> None:
    """Three mails; the last one's label disagrees with what it says."""
    labels = [
        {"file": "1.eml", "class": "invoice", "invoice_attachments": ["FV_12_11_2026.pdf"],
         "invoice_numbers": ["FV 12/11/2026"], "order_id": None},
        {"file": "2.eml", "class": "order_sent", "order_id": ORDER, "fulfillment_status": "SENT",
         "waybills": [{"carrier": "DPD", "number": WAYBILL}]},
        {"file": "3.eml", "class": "conversation_reply", "order_id": ORDER, "hard": True},
    ]  # fmt: skip
    (folder / "1.eml").write_bytes(an_invoice_mail())
    (folder / "2.eml").write_bytes(a_sent_mail())
    (folder / "3.eml").write_bytes(a_sent_mail())
    text = "".join(json.dumps(label) + "\n" for label in labels)
    (folder / "labels.jsonl").write_text(text, encoding="utf-8")


async def test_accuracy_mistakes_and_their_cost_are_told(tmp_path: Path) -> None:
    labelled(tmp_path)

    out, _ = await awizo(tmp_path, "rules", "test", tmp_path, "--json")
    shown, _ = await awizo(tmp_path, "rules", "test", tmp_path)
    await awizo(tmp_path, "rules", "test", tmp_path, "--at-least", "0.9", expect=1)

    (said,) = lines_of(out)
    assert (said["mails"], said["right"]) == (3, 2)
    assert said["confusion"]["conversation_reply"] == {"order_sent": 1}
    (mistake,) = said["mistakes"]
    assert (mistake["file"], mistake["hard"]) == ("3.eml", True)
    assert mistake["cost"] >= 100
    assert said["found"]["documents"]["recall"] == 1
    assert "2 of 3 right" in shown
    assert "stopped, and the buyer needed it" in shown


async def test_a_drafted_rule_loads_and_is_added_where_it_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(a_sent_mail())
    config = tmp_path / "awizo.toml"
    config.write_text("", encoding="utf-8")
    rules = tmp_path / "rules" / "50-my-shop.toml"

    draft, compared = await awizo(tmp_path, "rules", "new-example", "mail.eml", "--kind", "other")
    for _ in range(2):
        await awizo(
            tmp_path, "rules", "new-example", "mail.eml", "--kind", "other", "--into", rules
        )
    checked, _ = await awizo(tmp_path, "check", "--config", config, expect=1)

    (rule,) = tomllib.loads(draft)["rule"]
    assert rule["kind"] == "other"
    assert WAYBILL not in "".join(rule["match"])
    assert "# so far: order_sent" in compared
    assert "# with it:" in compared
    assert len(tomllib.loads(rules.read_text(encoding="utf-8"))["rule"]) == 2
    assert any(line.startswith("ok") and " rules " in line for line in checked.splitlines())


async def test_a_kind_nobody_knows_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(a_sent_mail())

    _, err = await awizo(tmp_path, "rules", "new-example", "mail.eml", "--kind", "invoce", expect=2)

    assert "conversation_reply" in err

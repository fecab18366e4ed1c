"""``awizo explain``: its JSON to the letter, errors in place, nothing touched."""

from __future__ import annotations

import os
from pathlib import Path

from support.cli_parts import (
    BUYER,
    ORDER,
    WAYBILL,
    a_sent_mail,
    an_invoice_mail,
    awizo,
    lines_of,
)

KEYS = [
    "file", "recipient", "kind", "secondary", "confidence", "evidence", "order_id",
    "invoice_numbers", "documents", "document_urls", "waybills", "fulfillment_status", "actions",
    "disposition",
]  # fmt: skip


async def test_an_object_a_line_for_every_file_in_order_errors_too(tmp_path: Path) -> None:
    (tmp_path / "invoice.eml").write_bytes(an_invoice_mail())
    (tmp_path / "sent.eml").write_bytes(a_sent_mail())
    (tmp_path / "empty.eml").write_bytes(b"")

    out, _ = await awizo(
        tmp_path, "explain", "--json", "sent.eml", "missing.eml", "empty.eml", "invoice.eml",
        expect=1,
    )  # fmt: skip

    sent, missing, empty, invoice = lines_of(out)
    assert missing == {"file": "missing.eml", "error": "No such file or directory"}
    for one in (sent, empty, invoice):
        assert list(one) == KEYS
    assert [one["file"] for one in (sent, empty, invoice)] == [
        "sent.eml", "empty.eml", "invoice.eml",
    ]  # fmt: skip


async def test_an_invoice_is_told_with_its_number_its_file_and_the_call(tmp_path: Path) -> None:
    (tmp_path / "invoice.eml").write_bytes(an_invoice_mail())

    out, _ = await awizo(tmp_path, "explain", "--json", "invoice.eml")

    (said,) = lines_of(out)
    assert said["recipient"] == BUYER
    assert said["kind"] == "invoice"
    assert 0.9 <= said["confidence"] <= 1
    assert said["invoice_numbers"] == ["FV 12/11/2026"]
    assert said["documents"] == ["FV_12_11_2026.pdf"]
    assert said["order_id"] is None
    (action,) = said["actions"]
    assert (action["action"], action["order_id"]) == ("upload_invoice", None)
    assert said["disposition"] == "stop"
    assert said["evidence"]
    assert all(set(one) == {"rule", "where", "text", "weight"} for one in said["evidence"])


async def test_a_sent_mail_is_told_with_its_order_its_parcel_and_its_status(
    tmp_path: Path,
) -> None:
    (tmp_path / "sent.eml").write_bytes(a_sent_mail())

    out, _ = await awizo(tmp_path, "explain", "--json", "sent.eml")

    (said,) = lines_of(out)
    assert said["order_id"] == ORDER
    assert said["waybills"] == [{"carrier": "DPD", "number": WAYBILL}]
    assert said["fulfillment_status"] == "SENT"
    assert [one["action"] for one in said["actions"]] == ["add_shipment", "set_fulfillment"]
    assert all(one["order_id"] == ORDER for one in said["actions"])


async def test_it_judges_as_if_sent_to_a_buyer_and_as_in_enforce(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(a_sent_mail(to="friend@example.pl"))

    out, _ = await awizo(
        tmp_path, "explain", "--json", "--recipient", "x@example.pl", "mail.eml", mode="observe"
    )

    (said,) = lines_of(out)
    assert said["recipient"] == "x@example.pl"
    assert said["disposition"] == "stop"


async def test_the_first_buyer_in_the_headers_is_the_recipient(tmp_path: Path) -> None:
    mail = a_sent_mail(to="friend@example.pl").replace(
        b"Subject:", f"Bcc: {BUYER}\r\nSubject:".encode(), 1
    )
    (tmp_path / "mail.eml").write_bytes(mail)

    out, _ = await awizo(tmp_path, "explain", "--json", "mail.eml")

    assert lines_of(out)[0]["recipient"] == BUYER


async def test_nothing_is_touched_and_no_setting_is_needed(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(a_sent_mail())

    await awizo(tmp_path, "explain", "mail.eml")

    assert os.listdir(tmp_path) == ["mail.eml"]  # noqa: PTH208


async def test_people_are_shown_the_words_that_decided(tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(a_sent_mail())

    out, _ = await awizo(tmp_path, "explain", "mail.eml", "--html", "page.html")
    plain, _ = await awizo(tmp_path, "explain", "mail.eml")

    assert out == ""
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<mark" in page
    assert "order_sent" in page
    assert "order_sent" in plain
    assert WAYBILL in plain


async def test_a_mail_cannot_steer_the_terminal_or_the_page(tmp_path: Path) -> None:
    mail = a_sent_mail().replace(
        "Twoje zamówienie wysłane".encode(), b"wyslane \x1b[2J<script>alert(1)</script>"
    )
    (tmp_path / "mail.eml").write_bytes(mail)

    plain, _ = await awizo(tmp_path, "explain", "mail.eml")
    await awizo(tmp_path, "explain", "mail.eml", "--html", "page.html")

    assert "\x1b" not in plain
    assert "<script>" not in (tmp_path / "page.html").read_text(encoding="utf-8")

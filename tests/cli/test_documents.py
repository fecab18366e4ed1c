"""``awizo documents export``: the proof of every document, for people and programs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

from awizo.allegro.ports import LedgerEntry
from awizo.settings import Store
from awizo.store import open_store
from support.cli_parts import ORDER, awizo, lines_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


async def filed(folder: Path) -> None:
    """A document and a link in the ledger, the document with its proof."""
    stores = await open_store(Store(url=f"sqlite:///{folder}/awizo.db"), now=lambda: NOON)
    try:
        await stores.ledger.intend(
            LedgerEntry("1", "default", ORDER, "invoice", "FV1", "ab" * 32, number="=FV 1")
        )
        await stores.ledger.update(
            "1", now=NOON, state="accepted", invoice_id="inv-1", proof={"trace_id": "t-1"}
        )
        await stores.ledger.intend(
            LedgerEntry("2", "other", ORDER, "link", "", "", url="https://x.example/1")
        )
    finally:
        await stores.close()


async def test_every_document_is_an_object_with_its_proof(tmp_path: Path) -> None:
    await filed(tmp_path)

    out, _ = await awizo(tmp_path, "documents", "export")
    narrowed, _ = await awizo(tmp_path, "documents", "export", "--account", "other")

    document, link = lines_of(out)
    assert (document["order_id"], document["state"]) == (ORDER, "accepted")
    assert document["invoice_id"] == "inv-1"
    assert document["proof"] == {"trace_id": "t-1"}
    assert lines_of(narrowed) == [link]
    assert link["url"] == "https://x.example/1"


async def test_a_spreadsheet_gets_a_table_that_runs_nothing(tmp_path: Path) -> None:
    await filed(tmp_path)

    out, _ = await awizo(tmp_path, "documents", "export", "--csv")

    document, link = csv.DictReader(io.StringIO(out, newline=""))
    assert document["number"] == "'=FV 1"
    assert document["proof"] == '{"trace_id": "t-1"}'
    assert (link["kind"], link["number"]) == ("link", "")


async def test_a_day_in_the_future_has_none(tmp_path: Path) -> None:
    await filed(tmp_path)

    out, _ = await awizo(tmp_path, "documents", "export", "--since", "2099-01-01")

    assert out == ""

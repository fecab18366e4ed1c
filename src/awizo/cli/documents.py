"""``awizo documents``: what was filed at Allegro, each with its proof.

For the seller's records and for talks with Allegro's support: ids, digest, times, trace ids.
"""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from awizo.cli.common import ConfigOption, opened_store, print_json, run
from awizo.cli.shapes import document_shape

app = typer.Typer(no_args_is_help=True, help="What was filed at Allegro, with its proof.")


@app.command()
def export(
    config: ConfigOption = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="Only of this account.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Changed since then (UTC)."
        ),
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv/--json", help="A table with a heading, or an object a line.")
    ] = False,
) -> None:
    """Every document and link with its order, state and proof, oldest first."""

    async def work() -> None:
        async with opened_store(config) as (_, stores):
            moment = since.replace(tzinfo=UTC) if since is not None else None
            entries = await stores.ledger.export(account=account, since=moment)
            shapes = [document_shape(entry) for entry in entries]
        if not as_csv:
            for shape in shapes:
                print_json(shape)
            return
        table = csv.writer(sys.stdout, lineterminator="\r\n")  # RFC 4180
        table.writerow(COLUMNS)
        for shape in shapes:
            table.writerow([_cell(shape[column]) for column in COLUMNS])

    run(work)


COLUMNS = (
    "id", "account", "order_id", "kind", "document_kind", "number", "url", "state", "invoice_id",
    "sha256", "total", "delivery_id", "created_at", "updated_at", "proof",
)  # fmt: skip


def _cell(value: object) -> str:
    """Text of a cell; what a spreadsheet would take for a formula is made plain text."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    text = str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" else text

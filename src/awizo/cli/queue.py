"""``awizo queue``: see and steer deliveries, beside a running service or without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from awizo.cli.common import (
    ConfigOption,
    JsonOption,
    complain,
    opened_store,
    out,
    print_json,
    run,
    utc_now,
)
from awizo.cli.shapes import queued, rfc3339
from awizo.errors import AwizoError, NotFound
from awizo.model import DeliveryState, Kind
from awizo.operations import Operations
from awizo.problems import described, noted
from awizo.spool.port import StoredDelivery

app = typer.Typer(no_args_is_help=True, help="See and steer deliveries.")

NO_SUCH = "no such delivery; see 'awizo queue list'"
STATE_COLOURS = {"received": "cyan", "planned": "blue", "held": "yellow", "settled": "green"}


@app.command("list")
def list_(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    state: Annotated[
        list[DeliveryState] | None, typer.Option("--state", help="Only these states.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Only of this account.")] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only of this kind.")] = None,
    problems: Annotated[bool, typer.Option("--problems", help="Only those with one.")] = False,
) -> None:
    """Every delivery still stored, oldest first."""

    async def work() -> None:
        async with opened_store(config) as (_, stores):
            table = Table(box=None, pad_edge=False)
            for heading in ("ID", "Received", "To", "Kind", "State", "Ends in", "Done", "Problem"):
                table.add_column(heading, no_wrap=heading == "ID")
            count = 0
            async for stored in stores.spool.list(
                states=state or None, account=account, kind=kind, problem_only=problems,
                limit=limit,
            ):  # fmt: skip
                count += 1
                if as_json:
                    print_json(queued(stored))
                else:
                    _add_row(table, stored)
            if not as_json:
                out.print(table if count else "The queue is empty.")

    run(work)


def _add_row(table: Table, stored: StoredDelivery) -> None:
    shape = queued(stored)
    actions = ", ".join(f"{a['action']} {a['state']}" for a in shape["actions"]) or "-"
    table.add_row(
        shape["id"],
        stored.delivery.received_at.strftime("%m-%d %H:%M"),
        shape["recipient"],
        shape["kind"] or "-",
        Text(str(shape["state"]), style=STATE_COLOURS.get(str(shape["state"]), "")),
        shape["disposition"] or "-",
        actions,
        shape["problem"] or "",
    )


@app.command()
def show(
    delivery_id: Annotated[str, typer.Argument(metavar="ID")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    raw: Annotated[bool, typer.Option("--raw", help="The mail itself, byte for byte.")] = False,
) -> None:
    """One delivery with its history: every decision, call, reply and retry."""

    async def work() -> None:
        async with opened_store(config) as (_, stores):
            try:
                stored = await stores.spool.show(delivery_id)
            except NotFound:
                raise NotFound(f"{delivery_id}: {NO_SUCH}") from None
            if raw:
                content = await stores.spool.content(stored.delivery.message.id)
                typer.echo(content, nl=False)
                return
            shape = queued(stored, with_history=True)
            if as_json:
                print_json(shape)
                return
            for key in ("id", "recipient", "account", "kind", "state", "disposition", "order_id"):
                out.print(f"{key:<12}{shape[key] if shape[key] is not None else '-'}", markup=False)
            if shape["problem"]:
                problem = described(shape["problem"])
                out.print(Text(f"{'problem':<12}{shape['problem']}: {problem.words}", "yellow"))
                out.print(f"{'':<12}{problem.next_step}", markup=False)
            for note in shape["notes"]:
                out.print(f"{'note':<12}{note}: {noted(note)}", markup=False)
            out.print()
            for entry in stored.history:
                data = ", ".join(
                    f"{key}={value}" for key, value in entry.data.items() if key != "evidence"
                )
                out.print(
                    Text.assemble(
                        (f"{rfc3339(entry.at)}  ", "dim"), (f"{entry.event:<14} ", "bold"), data
                    ),
                    soft_wrap=True,
                )

    run(work)


def _steer(
    ids: list[str],
    config: Path | None,
    wish: Callable[[Operations, str], Awaitable[None]],
    word: str,
) -> None:
    async def work() -> int:
        failed = False
        async with opened_store(config) as (_, stores):
            operations = Operations(spool=stores.spool, now=utc_now, actor="cli")
            for one in ids:
                try:
                    await wish(operations, one)
                except NotFound:
                    failed = True
                    complain(f"{one}: {NO_SUCH}")
                except AwizoError as error:
                    failed = True
                    complain(f"{one}: {error}")
                else:
                    out.print(f"{one} {word}", markup=False)
        return 1 if failed else 0

    run(work)


IdsArgument = Annotated[list[str], typer.Argument(metavar="ID...")]


@app.command()
def retry(ids: IdsArgument, config: ConfigOption = None) -> None:
    """Make what is deferred due now."""
    _steer(ids, config, lambda operations, one: operations.retry(one), "due now")


@app.command()
def release(ids: IdsArgument, config: ConfigOption = None) -> None:
    """Carry out a held plan, or send a stopped mail on."""
    _steer(ids, config, lambda operations, one: operations.release(one), "released")


@app.command()
def forward(ids: IdsArgument, config: ConfigOption = None) -> None:
    """Send it unchanged and cancel what is queued."""
    _steer(ids, config, lambda operations, one: operations.forward(one), "will be forwarded")


@app.command()
def drop(ids: IdsArgument, config: ConfigOption = None) -> None:
    """Settle as stopped, without sending."""
    _steer(ids, config, lambda operations, one: operations.drop(one), "dropped")


@app.command()
def purge(
    config: ConfigOption = None,
    settled: Annotated[
        bool, typer.Option("--settled", help="All that is settled, not only what is past its time.")
    ] = False,
) -> None:
    """Remove content and records that are past their time."""

    async def work() -> None:
        async with opened_store(config) as (settings, stores):
            contents, records = await Operations(
                spool=stores.spool, now=utc_now, actor="cli"
            ).purge(settings.retention, everything_settled=settled)
            out.print(f"{contents} contents and {records} records removed")

    run(work)


@app.command()
def replay(
    config: ConfigOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--judge-again", help="Only show what would change.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Which stored mails the rules of today would judge differently."""

    from awizo.cli.replay import replay_stored  # the only verb here that judges

    async def work() -> None:
        async with opened_store(config) as (settings, stores):
            await replay_stored(settings, stores, dry_run=dry_run, as_json=as_json)

    run(work)

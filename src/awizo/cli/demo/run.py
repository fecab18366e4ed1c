"""``awizo demo``: everything at once on loopback; mails in, outcomes as a table.

Exit 0 when every outcome is the expected one. Nothing is left behind but, where something went
wrong, the log.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from awizo.cli.common import JsonOption, complain, err, out, print_json, run
from awizo.cli.demo.mail import DemoMail
from awizo.cli.demo.mails import demo_mails
from awizo.cli.demo.outcomes import AtAllegro, Outcome, outcome_of
from awizo.cli.demo.stage import Stage, order_maker, staged
from awizo.telemetry.logging import configure_logging

LOG = "awizo.log"
PATIENCE_S = 90.0  # the slowest mail takes some ten seconds


def command(
    as_json: JsonOption = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep everything running at the end, until Ctrl-C.")
    ] = False,
) -> None:
    """A small Allegro, a smarthost and Awizo on loopback: send mails, show what came of each."""

    async def work() -> int:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="awizo-demo-"))
        try:
            outcomes = await _perform(folder, as_json=as_json, keep=keep)
        except asyncio.CancelledError:  # Ctrl-C
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        except Exception:
            complain(f"the log is in {folder / LOG}")
            raise
        if not all(one.as_expected for one in outcomes):
            complain(f"the log is in {folder / LOG}")
            return 1
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return 0

    run(work)


async def _perform(folder: Path, *, as_json: bool, keep: bool) -> list[Outcome]:
    """Everything from the first part started to the last one stopped."""
    began = time.monotonic()
    with (folder / LOG).open("w", encoding="utf-8") as stream:
        configure_logging("info", "json", stream)
        async with staged(folder) as stage:
            mails = demo_mails(order_maker(stage.emulator))
            await stage.app.start()
            _show_places(stage, as_json=as_json)
            await _play(stage, mails)
            outcomes = await _outcomes(stage, mails)
            _show(outcomes, time.monotonic() - began, as_json=as_json)
            if keep:
                err.print("Everything keeps running. Ctrl-C ends it.")
                await asyncio.Event().wait()
    return outcomes


def _show_places(stage: Stage, *, as_json: bool) -> None:
    bound = stage.app.bound
    assert bound is not None
    if as_json:
        return
    out.print(f"Awizo        {', '.join(bound.smtp)} (SMTP), {bound.panel} (panel)", markup=False)
    out.print(f"Allegro      {stage.app.settings.allegro.api_base} (emulator)", markup=False)
    out.print(
        f"Smarthost    {stage.smarthost.host}:{stage.smarthost.port} (catches all)\n", markup=False
    )


async def _play(stage: Stage, mails: Sequence[DemoMail]) -> None:
    """Send every mail in its order, then wait until each delivery is settled."""
    count = sum(len(mail.recipients) for mail in mails)
    with Progress(
        TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), console=err, transient=True, disable=not err.is_terminal,
    ) as bar:  # fmt: skip
        sending = bar.add_task("mails sent", total=len(mails))
        settling = bar.add_task("settled", total=count)

        async def send_all() -> None:
            for mail in mails:
                await stage.send(mail)
                bar.advance(sending)

        async with asyncio.TaskGroup() as group:
            group.create_task(send_all())
            async for settled in stage.settled(count, timeout_s=PATIENCE_S):
                bar.update(settling, completed=settled)
                if not err.is_terminal:
                    err.print(f"{settled} of {count} settled")


async def _outcomes(stage: Stage, mails: Sequence[DemoMail]) -> list[Outcome]:
    deliveries = await stage.deliveries()
    caught = list(stage.smarthost.messages)
    return [
        outcome_of(
            mail,
            expected,
            deliveries,
            None if expected.order_id is None else at_allegro(stage, expected.order_id),
            caught,
        )
        for mail in mails
        for expected in mail.expected
    ]


def at_allegro(stage: Stage, order_id: str) -> AtAllegro:
    """The order as it stands at the emulator."""
    world = stage.emulator.world
    order = world.order(order_id)
    assert order is not None
    return AtAllegro(
        documents=tuple(one.sha256 or "no file" for one in order.listed_invoices(world.now())),
        links=tuple(link.url for link in order.links),
        parcels=tuple(shipment.waybill for shipment in order.shipments),
        status=order.fulfillment,
    )


def _show(outcomes: Sequence[Outcome], took_s: float, *, as_json: bool) -> None:
    good = sum(one.as_expected for one in outcomes)
    if as_json:
        for one in outcomes:
            print_json(
                {
                    "mail": one.title, "recipient": one.recipient, "kind": one.kind,
                    "order_id": one.order_id, "done": one.done, "proof": one.proof,
                    "as_expected": one.as_expected, "wrong": list(one.wrong),
                }
            )  # fmt: skip
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("Mail", ratio=5)
    table.add_column("Kind", ratio=3, overflow="fold")
    table.add_column("Order", no_wrap=True)
    table.add_column("What was done", ratio=5)
    table.add_column("Read back", ratio=5)
    for one in outcomes:
        proof = Text(one.proof)
        for words in one.wrong:
            proof.append(f"\n{words}", "red")
        mark = Text("ok", "green") if one.as_expected else Text("NO", "bold red")
        table.add_row(mark, one.title, one.kind, one.order_id[:8], one.done, proof)
    out.print(table)
    out.print(
        f"\n{good} of {len(outcomes)} outcomes as expected, in {took_s:.1f} s",
        style="green" if good == len(outcomes) else "bold red",
    )

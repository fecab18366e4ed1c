"""``awizo orders``: bring the index of orders up to date, look into it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from awizo.allegro.client import AllegroClients
from awizo.cli.common import (
    ConfigOption,
    JsonOption,
    complain,
    err,
    meant,
    opened_store,
    out,
    print_json,
    run,
    utc_now,
)
from awizo.cli.shapes import order_shape
from awizo.errors import ActionError, AwizoError, SettingsError
from awizo.orders.sync import OrderSync, SyncProgress
from awizo.problems import described
from awizo.settings import Settings
from awizo.store import Stores

app = typer.Typer(no_args_is_help=True, help="The index of orders.")

AccountOption = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Only this account.")
]


@app.command()
def sync(
    config: ConfigOption = None, account: AccountOption = None, as_json: JsonOption = False
) -> None:
    """Read what is new at Allegro now; the first time the history, which takes a while."""

    async def work() -> int:
        async with opened_store(config) as (settings, stores):
            clients = AllegroClients(settings, stores.accounts, stores.memory, now=utc_now)
            failed = False
            try:
                for name in _names(settings, account):
                    try:
                        result = await _sync(settings, stores, clients, name)
                    except AwizoError as error:
                        failed = True
                        words = _words(error)
                        if as_json:
                            print_json({"account": name, "error": words})
                        else:
                            complain(f"account {name}: {words}")
                        continue
                    if as_json:
                        print_json(result)
                    else:
                        out.print(
                            f"account {name}: {result['events']} new events, "
                            f"{result['orders']} orders known",
                            markup=False,
                        )
            finally:
                await clients.close()
            return 1 if failed else 0

    run(work)


async def _sync(
    settings: Settings, stores: Stores, clients: AllegroClients, name: str
) -> dict[str, Any]:
    """One account, with a bar on the terminal while its history is read."""
    order_sync = OrderSync(stores.orders, clients.account(name), settings.allegro)
    await clients.account(name).me()  # says at once when it is not connected
    if not (await stores.orders.sync_state(name)).first_sync_done:
        with Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
            TimeRemainingColumn(), console=err, transient=True,
            disable=not err.is_terminal,
        ) as bar:  # fmt: skip
            task = bar.add_task(f"{name}: reading history", total=1.0)

            def told(progress: SyncProgress) -> None:
                words = f"{name}: {progress.orders} orders of the history"
                bar.update(task, completed=progress.share, description=words)

            await order_sync.first_sync(name, utc_now(), progress=told)
    events = await order_sync.sync_events(name, utc_now())
    await order_sync.reread_incomplete(name, utc_now())
    return {"account": name, "events": events, "orders": await stores.orders.count(name)}


@app.command()
def find(
    text: Annotated[
        str,
        typer.Argument(help="Order id, address, login, name, waybill or invoice number."),
    ],
    config: ConfigOption = None,
    account: AccountOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Look an order up in the index; exit 1 when there is none."""

    async def work() -> int:
        async with opened_store(config) as (settings, stores):
            if account is not None:
                _names(settings, account)
            orders = await stores.orders.search(account=account, text=text, limit=limit)
            if as_json:
                for order in orders:
                    print_json(order_shape(order))
                return 0 if orders else 1
            if not orders:
                complain("no such order in the index; 'awizo orders sync' reads what is new")
                return 1
            table = Table(box=None, pad_edge=False)
            for heading in ("Order", "Account", "Bought", "Address", "Buyer", "Status", "Total"):
                table.add_column(heading, no_wrap=heading == "Order")
            for order in orders:
                bought = order.bought_at.strftime("%Y-%m-%d") if order.bought_at else "-"
                status = " ".join(filter(None, (order.status, order.fulfillment_status or "")))
                total = f"{order.total} {order.currency}" if order.total is not None else "-"
                table.add_row(
                    order.order_id, order.account, bought, order.email or "-",
                    order.buyer_name or order.buyer_login or "-", status or "-", total,
                )  # fmt: skip
            out.print(table)
            return 0

    run(work)


def _names(settings: Settings, wanted: str | None) -> tuple[str, ...]:
    if wanted is None:
        return settings.account_names
    if wanted not in settings.account_names:
        raise SettingsError(
            f"account {wanted!r} is not in the settings{meant(wanted, settings.account_names)}"
        )
    return (wanted,)


def _words(error: AwizoError) -> str:
    if isinstance(error, ActionError):
        problem = described(error.code)
        return f"{problem.words} {problem.next_step}"
    return str(error)

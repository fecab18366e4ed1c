"""``awizo spool``: back the store up, bring a backup back, move it to another database.

The work is done in ``awizo.store``; here it is asked for and told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from awizo.cli.common import ConfigOption, complain, err, opened_store, out, read_settings, run
from awizo.cli.common import utc_now as now
from awizo.errors import SettingsError
from awizo.settings import Settings, Store
from awizo.store import Moved, migrate, restore, undo_migration
from awizo.store.urls import is_postgresql, sqlite_path

app = typer.Typer(no_args_is_help=True, help="Back up, restore or move the store.")

TOLD_EVERY_ROWS = 10_000


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="New SQLite database to copy everything into.")],
    config: ConfigOption = None,
) -> None:
    """Copy the whole store into a new file, also while the service runs."""

    async def work() -> None:
        async with opened_store(config) as (settings, stores):
            await stores.backup(file)
        out.print(f"{file} holds everything but the key of the tokens", markup=False)
        err.print(f"Keep a copy of {_key_of(settings.store)} elsewhere.", markup=False)

    run(work)


@app.command("restore")
def restore_command(
    file: Annotated[Path, typer.Argument(help="What 'awizo spool backup' made.")],
    config: ConfigOption = None,
) -> None:
    """Fill the store of the settings, which must be empty, from a backup."""

    async def work() -> None:
        settings = read_settings(config, log_level="warning")
        moved = await restore(file, settings.store, progress=_told)
        _tell(moved, f"{file} was brought back into {_place(settings.store.url)}")
        err.print(
            f"The tokens need the key they were sealed with: {_key_of(settings.store)}",
            markup=False,
        )

    run(work)


@app.command("migrate")
def migrate_command(
    source: Annotated[str, typer.Argument(metavar="FROM", help="sqlite:///… or postgresql://…")],
    target: Annotated[
        str | None, typer.Argument(metavar="[TO]", help="An empty database, named the same way.")
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Stay with FROM after all, when a move was cut short.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Move the whole store to another database; FROM takes nothing any more after it.

    A service that runs on FROM answers 451 from then on: stop it, change store.url, start it.
    """

    async def work() -> int:
        settings = read_settings(config, log_level="warning")
        if undo:
            lifted = await undo_migration(_store(settings, source))
            if not lifted:
                complain(f"{_place(source)} is not on its way anywhere; nothing to undo")
                return 1
            out.print(f"{_place(source)} takes mail again", markup=False)
            return 0
        if target is None:
            raise SettingsError("name where to: awizo spool migrate FROM TO")
        moved = await migrate(
            _store(settings, source), _store(settings, target), now=now(), progress=_told
        )
        _tell(moved, f"{_place(source)} has moved to {_place(target)}")
        out.print("Now set store.url to it and start the service.")
        if is_postgresql(target):
            key = _key_of(_store(settings, source))
            out.print(f"Set store.key_file to the key of the tokens: {key}", markup=False)
        return 0

    run(work)


def _store(settings: Settings, url: str) -> Store:
    """The settings' store at another place."""
    if sqlite_path(url) is None and not is_postgresql(url):
        raise SettingsError(f"{url}: must begin with sqlite:/// or postgresql://")
    return settings.store.model_copy(update={"url": url})


def _place(url: str) -> str:
    """The URL without its password."""
    head, at, tail = url.rpartition("@")
    if not at or not is_postgresql(url):
        return url
    scheme, _, login = head.partition("://")
    return f"{scheme}://{login.partition(':')[0]}@{tail}"


def _key_of(store: Store) -> Path:
    """Where the key of the tokens lies."""
    path = sqlite_path(store.url)
    if store.key_file is not None or path is None:
        return store.key_file or Path("store.key_file")
    return path.with_name(path.name + ".key")


def _told(table: str, rows: int) -> None:
    if rows and rows % TOLD_EVERY_ROWS == 0:
        err.print(f"{table}: {rows}", markup=False)


def _tell(moved: Moved, words: str) -> None:
    counts = moved.rows
    out.print(
        f"{words}: {counts.get('messages', 0)} mails, {counts.get('deliveries', 0)} deliveries, "
        f"{counts.get('orders', 0)} orders, {counts.get('ledger', 0)} documents",
        markup=False,
        soft_wrap=True,
    )
    if moved.lost_contents:
        complain(f"{moved.lost_contents} contents were lost before and could not be copied")

"""All verbs by name, each loaded only when it is typed.

In:  the arguments of the command line.
Out: the verb's exit code.

``--help`` shows one line for each from the table below, so that nothing heavy is loaded for it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb lives: ``module:attribute``, a function or a Typer app with verbs of its own."""

    place: str
    help: str
    panel: str


SERVICE = "Service"
MAILS = "Mails"
ALLEGRO = "Allegro"
TOOLS = "Tools"

VERBS: dict[str, Verb] = {
    "serve": Verb("serve:command", "Run the proxy, the worker and the panel.", SERVICE),
    "check": Verb("check:command", "Look whether everything is set up.", SERVICE),
    "healthcheck": Verb("healthcheck:command", "Ask a running service how it is.", SERVICE),
    "spool": Verb("spool:app", "Back up, restore or move the store.", SERVICE),
    "explain": Verb("explain:command", "What Awizo would do with these mails, and why.", MAILS),
    "queue": Verb("queue:app", "See and steer deliveries.", MAILS),
    "rules": Verb("rules:app", "Measure the rules, draft new ones.", MAILS),
    "documents": Verb("documents:app", "What was filed at Allegro, with its proof.", ALLEGRO),
    "login": Verb("login:command", "Connect an Allegro account (device flow).", ALLEGRO),
    "orders": Verb("orders:app", "The index of orders.", ALLEGRO),
    "emulator": Verb("emulator:command", "A small Allegro on a port of its own.", TOOLS),
    "demo": Verb(
        "demo.run:command", "Everything at once on loopback: mails in, outcomes out.", TOOLS
    ),
    "hash-password": Verb("passwords:command", "Hash a password for the settings.", TOOLS),
}


def load(name: str) -> Any:
    """The command behind a verb."""
    module, attribute = VERBS[name].place.split(":")
    found = getattr(import_module(f"awizo.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        command: Any = get_group(found)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        command = get_command(alone)
    command.name = name
    return command


class Verbs(TyperGroup):
    """A group whose members are known by name and help before they are loaded."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        return TyperCommand(cmd_name, help=verb.help, rich_help_panel=verb.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = dict.fromkeys(VERBS)  # type: ignore[assignment]  # for "did you mean"
        name, command, rest = super().resolve_command(ctx, args)
        return name, (load(name) if name in VERBS else command), rest


def _version(wanted: bool) -> None:
    if wanted:
        from awizo import __version__

        typer.echo(f"awizo {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,  # they may hold passwords and personal data
    help="A drop-in SMTP host for shops that sell on Allegro.",
)


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Show the version.", callback=_version, is_eager=True
    ),
) -> None: ...


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; a verb's own exit code is returned."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=given, prog_name="awizo")
    except SystemExit as leaving:
        code = leaving.code
        return code if isinstance(code, int) else int(code is not None)
    return 0

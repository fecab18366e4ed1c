"""What every command shares: finding the settings, saying errors, showing tables.

Errors of the user's making end with one line on standard error and exit code 1 (2 for wrong
usage, as typer does); a fault of ours shows its trace.
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from awizo import event_loop
from awizo.errors import AwizoError
from awizo.settings import Settings, load_settings
from awizo.telemetry.logging import configure_logging

if TYPE_CHECKING:
    from awizo.store import Stores

DEFAULT_CONFIG = Path("config/awizo.toml")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="AWIZO_CONFIG",
        show_envvar=False,
        help=f"Config file; default: that of AWIZO_CONFIG, else {DEFAULT_CONFIG}, if there.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")]

WIDE = 200  # columns where nobody's terminal sets them: into a file or a pipe


class PlainConsole(Console):
    """Shows addresses, replies and file names of strangers without obeying them.

    Nothing is taken for markup, and what could steer a terminal is shown as ``·``: escape
    sequences, the C1 controls of 8-bit terminals, marks that turn the direction of writing.
    """

    def __init__(self, *, to_terminal: bool, stderr: bool = False) -> None:
        super().__init__(
            highlight=False, markup=False, width=None if to_terminal else WIDE, stderr=stderr
        )

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


out = PlainConsole(to_terminal=sys.stdout.isatty())
err = PlainConsole(to_terminal=sys.stderr.isatty(), stderr=True)


def utc_now() -> datetime:
    return datetime.now(UTC)


def read_settings(
    config: Path | None, *, log_level: str | None = None, serving: bool = False
) -> Settings:
    """The settings of this call, with logging set up to them."""
    if config is None and DEFAULT_CONFIG.is_file():
        config = DEFAULT_CONFIG
    settings = load_settings(config)
    configure_logging(log_level or settings.log.level, settings.log.format, for_good=serving)
    return settings


@asynccontextmanager
async def opened_store(
    config: Path | None, *, forget_secrets: bool = False
) -> AsyncIterator[tuple[Settings, Stores]]:
    """The settings and their store, closed again at the end; beside a running service too."""
    from awizo.store import open_store  # not needed by commands that touch nothing

    settings = read_settings(config, log_level="warning")
    stores = await open_store(settings.store, forget_secrets=forget_secrets)
    try:
        yield settings, stores
    finally:
        await stores.close()


def meant(word: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` for a misspelt name, else what there is."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names) or 'none'}"


def complain(words: str) -> None:
    """One line on standard error, however wide the terminal is."""
    err.print(f"awizo: {words}", markup=False, soft_wrap=True)


def printable(text: str) -> str:
    """A mail's own words for a terminal: what could steer it is shown as ``·``."""
    return "".join(char if char.isprintable() or char == "\n" else "·" for char in text)


@contextmanager
def plain_errors() -> Iterator[None]:
    """One clear line for failures that a person can mend."""
    try:
        yield
    except AwizoError as error:
        for line in str(error).splitlines() or [type(error).__name__]:
            complain(line)
        raise typer.Exit(1) from None
    except BrokenPipeError:
        raise typer.Exit(1) from None


def run(work: Callable[[], Coroutine[Any, Any, int | None]]) -> None:
    """Run a coroutine to its end; its number is the exit code."""
    with plain_errors():
        try:
            code = event_loop.run(work())
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        if code:
            raise typer.Exit(code)


def print_json(value: Mapping[str, Any]) -> None:
    """One object, one line, as UTF-8, whatever the terminal's width; what could steer a
    terminal is escaped."""
    line = json.dumps(value, ensure_ascii=False, default=str)
    typer.echo(line if line.isprintable() else "".join(map(_harmless, line)))


def _harmless(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else json.dumps(char)[1:-1]

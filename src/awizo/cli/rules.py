"""``awizo rules``: how good the rules are on labelled mails, and drafts of new ones."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from awizo.book import load_book
from awizo.cli.common import ConfigOption, JsonOption, err, out, print_json, read_settings, run
from awizo.cli.explain import explain_content
from awizo.cli.measuring import SORTS, Label, Report, measure, read_label
from awizo.documents import Inspector
from awizo.errors import SettingsError
from awizo.model import Kind
from awizo.resources import PACKAGE
from awizo.settings import Settings
from awizo.settings.files import rule_sources
from awizo.triage.judge import Book, judge
from awizo.triage.parse import parse
from awizo.triage.rule_draft import draft_rule
from awizo.triage.rule_files import RuleSource, compile_rules

app = typer.Typer(no_args_is_help=True, help="Measure the rules, draft new ones.")

LABELS = "labels.jsonl"
_ID = re.compile(r'^id = "([^"]+)"$', re.MULTILINE)


@app.command("test")
def measure_rules(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help=f"Mails as .eml with {LABELS}.")
    ] = None,
    config: ConfigOption = None,
    at_least: Annotated[
        float | None, typer.Option("--at-least", help="Exit 1 when a smaller share is right.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Accuracy of the rules on labelled mails: what went wrong, and what it would have cost."""

    async def work() -> int:
        settings = read_settings(config, log_level="warning")
        labels = list(_labels(_folder(folder)))
        book = load_book(settings)
        inspector = Inspector(settings.documents)
        await inspector.start()
        try:
            pairs = [
                (label, await _said(path, content, settings, book, inspector))
                for path, content, label in labels
            ]
        finally:
            await inspector.close()
        report = measure(pairs)
        if as_json:
            print_json(_shape(report))
        else:
            _show(report)
        return 1 if at_least is not None and report.share < at_least else 0

    run(work)


async def _said(
    path: Path, content: bytes, settings: Settings, book: Book, inspector: Inspector
) -> dict[str, Any]:
    explanation = await explain_content(
        content, file=path.name, recipient=None,
        settings=settings, book=book, inspector=inspector,
    )  # fmt: skip
    return explanation.shape()


def _folder(given: Path | None) -> Path:
    own = PACKAGE.parents[1] / "tests" / "corpus"
    if given is None and not own.is_dir():
        raise SettingsError(f"name a folder of labelled mails: .eml files beside a {LABELS}")
    folder = given or own
    if not folder.is_dir():
        raise SettingsError(f"{folder}: no such folder")
    return folder


def _labels(folder: Path) -> Iterator[tuple[Path, bytes, Label]]:
    """Every labelled mail of a folder and those below it.

    Raises:
        SettingsError: A label or its mail cannot be read; says which line.
    """
    files = sorted(folder.rglob(LABELS))
    if not files:
        raise SettingsError(
            f"{folder}: no {LABELS} there; one JSON object a line, see docs/rules.md"
        )
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            try:
                label = read_label(json.loads(line))
            except KeyError as error:
                raise SettingsError(f"{file}:{number}: {error} is missing") from None
            except (ValueError, TypeError, AttributeError) as error:
                raise SettingsError(f"{file}:{number}: no label: {error}") from None
            path = file.parent / label.file
            try:
                content = path.read_bytes()
            except OSError as error:
                raise SettingsError(f"{file}:{number}: {path}: {error.strerror}") from None
            yield path, content, replace(label, file=str(path.relative_to(folder)))


def _shape(report: Report) -> dict[str, Any]:
    """The line of ``rules test --json``."""
    confusion: dict[str, dict[str, int]] = {}
    for (label, kind), count in sorted(report.confusion.items()):
        confusion.setdefault(label, {})[kind] = count
    return {
        "mails": report.mails,
        "right": report.right,
        "share": round(report.share, 4),
        "cost": report.cost,
        "confusion": confusion,
        "mistakes": [asdict(one) for one in report.mistakes],
        "found": {
            sort: {**asdict(one), "precision": one.precision, "recall": one.recall}
            for sort, one in report.found.items()
        },
        "calibration": [asdict(one) for one in report.bins],
    }


def _show(report: Report) -> None:
    out.print(f"{report.right} of {report.mails} right ({report.share:.1%})", style="bold")
    out.print()
    out.print(_confusion(report))
    out.print()
    found = Table("Found in the mails", "Precision", "Recall", "Too many", "Missed", box=None,
                  pad_edge=False)  # fmt: skip
    for sort in SORTS:
        one = report.found[sort]
        found.add_row(
            sort, _share(one.precision), _share(one.recall), str(one.too_many), str(one.missed)
        )
    out.print(found)
    out.print()
    sure = Table("Confidence", "Mails", "Right", "Said", "Was", box=None, pad_edge=False)
    for one_bin in report.bins:
        sure.add_row(
            f"from {one_bin.above:.2f}", str(one_bin.count), str(one_bin.right),
            f"{one_bin.mean_confidence:.1%}", f"{one_bin.right / one_bin.count:.1%}",
        )  # fmt: skip
    out.print(sure)
    out.print()
    if not report.mistakes:
        out.print("No mail went wrong.", style="green")
        return
    wrong = Table("Cost", "Mail", "Is", "Judged", "Sure", "Ends in", "What is wrong", box=None,
                  pad_edge=False)  # fmt: skip
    for mistake in report.mistakes:
        style = "red" if mistake.cost >= 20 else "yellow" if mistake.cost else "dim"
        wrong.add_row(
            Text(str(mistake.cost), style),
            mistake.file + (" (hard)" if mistake.hard else ""), mistake.label,
            mistake.kind, f"{mistake.confidence:.0%}", mistake.disposition, mistake.words,
        )  # fmt: skip
    out.print(wrong)
    out.print(f"cost in all: {report.cost} (1 is a mail forwarded for nothing, 100 a lost one)")


def _confusion(report: Report) -> Table:
    """Rows are what the mails are, columns what they were taken for."""
    kinds = [kind.value for kind in Kind]
    used = [k for k in kinds if any(k in pair for pair in report.confusion)]
    letters = {kind: chr(ord("a") + index) for index, kind in enumerate(used)}
    table = Table(box=None, pad_edge=False)
    table.add_column("Is \\ judged as")
    for kind in used:
        table.add_column(letters[kind], justify="right")
    for label in used:
        cells = []
        for kind in used:
            count = report.confusion[label, kind]
            style = "green" if label == kind else "red"
            cells.append(Text(str(count), style) if count else Text("·", "dim"))
        table.add_row(f"{letters[label]} {label}", *cells)
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


@app.command("new-example")
def new_example(
    file: Annotated[Path, typer.Argument(help="The mail that was judged wrongly, as .eml.")],
    kind: Annotated[Kind, typer.Option("--kind", help="What it is in truth.")],
    config: ConfigOption = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", help="Add the draft to this rule file; default: only print it."),
    ] = None,
) -> None:
    """Draft a rule from a mail that was judged wrongly, for you to go over."""

    async def work() -> None:
        settings = read_settings(config, log_level="warning")
        try:
            message = parse(await asyncio.to_thread(file.read_bytes))
        except OSError as error:
            raise SettingsError(f"{file}: {error.strerror}") from None
        book = load_book(settings)
        inspector = Inspector(settings.documents)
        await inspector.start()
        try:
            facts = await inspector.inspect(message)
        finally:
            await inspector.close()
        known = await asyncio.to_thread(_text_of, into)
        draft = _with_new_id(draft_rule(message, kind), known)
        text = f"{known.rstrip()}\n\n{draft}".lstrip("\n")
        new_rules = compile_rules(_with_file(settings, str(into or "draft"), text))
        new_rules.prepare([str(into or "draft")])
        new_book = replace(book, rules=new_rules)
        for name, one in (("so far", book), ("with it", new_book)):
            verdict = judge(message, facts, one).verdict
            err.print(f"# {name}: {verdict.kind} ({verdict.confidence:.0%} sure)", markup=False)
        if verdict.kind is not kind:
            err.print("# still not what it should be: raise its weight, or set decides = true")
        broken = [words for words in new_rules.check_examples() if str(into or "draft") in words]
        for words in broken:
            err.print(f"# {words}", markup=False, soft_wrap=True)
        if into is None:
            typer.echo(draft, nl=False)
            return
        await asyncio.to_thread(_write, into, text)
        out.print(f"added to {into}; go over it, then run 'awizo check'", markup=False)

    run(work)


def _text_of(file: Path | None) -> str:
    return file.read_text(encoding="utf-8") if file is not None and file.exists() else ""


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None


def _with_new_id(draft: str, known: str) -> str:
    """The draft with a number behind its id where the file has that id already."""
    found = _ID.search(draft)
    if found is None or found[0] not in known:
        return draft
    number = 2
    while f'id = "{found[1]}-{number}"' in known:
        number += 1
    return draft.replace(found[0], f'id = "{found[1]}-{number}"', 1)


def _with_file(settings: Settings, path: str, text: str) -> Sequence[RuleSource]:
    """All rule files, this one with a new text, in load order."""
    name = Path(path).name
    texts = {Path(p).name: RuleSource(p, t) for p, t in rule_sources(settings)}
    texts[name] = RuleSource(path, text)
    return [source for _, source in sorted(texts.items())]

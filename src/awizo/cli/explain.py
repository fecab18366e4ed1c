"""``awizo explain``: what Awizo would do with a mail, and why; touches nothing."""

from __future__ import annotations

import asyncio
import html
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from awizo.book import load_book
from awizo.cli.common import (
    ConfigOption,
    JsonOption,
    complain,
    out,
    print_json,
    printable,
    read_settings,
    run,
)
from awizo.cli.shapes import explained
from awizo.documents import Inspector
from awizo.errors import SettingsError
from awizo.model import DocumentFacts, Evidence, Match, Order, ParsedMessage, Plan
from awizo.settings import Settings
from awizo.triage.addresses import is_buyer
from awizo.triage.judge import Book, Judged, judge
from awizo.triage.parse import parse
from awizo.triage.plan import make_plan


@dataclass(frozen=True, slots=True)
class Explanation:
    file: str
    recipient: str | None
    message: ParsedMessage
    judged: Judged
    facts: tuple[DocumentFacts, ...]
    plan: Plan
    order_id: str | None

    def shape(self) -> dict[str, Any]:
        return explained(
            file=self.file,
            recipient=self.recipient,
            verdict=self.judged.verdict,
            references=self.judged.references,
            facts=self.facts,
            plan=self.plan,
            order_id=self.order_id,
        )


def recipient_of(message: ParsedMessage, domains: Sequence[str]) -> str | None:
    """The first buyer in To, Cc, Bcc, Delivered-To; else the first address there."""
    addresses = (*message.to, *message.cc, *message.bcc, *message.delivered_to)
    buyers = [address for address in addresses if is_buyer(address, domains)]
    return next(iter((*buyers, *addresses)), None)


async def explain_content(
    content: bytes,
    *,
    file: str,
    recipient: str | None,
    settings: Settings,
    book: Book,
    inspector: Inspector,
) -> Explanation:
    """Judge as if sent to a buyer and as in enforce, as if the order were found."""
    message = parse(content)
    facts = await inspector.inspect(message)
    judged = judge(message, facts, book)
    found = judged.references.order_ids
    order_id = found[0].order_id if found else None
    plan = make_plan(
        message,
        judged.verdict,
        Match(Order(account="", order_id=order_id or ""), method="index_not_asked"),
        settings.policy,
        facts=facts,
        references=judged.references,
    )
    return Explanation(
        file=file,
        recipient=recipient or recipient_of(message, settings.allegro.buyer_domains),
        message=message,
        judged=judged,
        facts=tuple(facts),
        plan=plan,
        order_id=order_id,
    )


def command(
    files: Annotated[list[Path], typer.Argument(help="Mails as .eml files; - is standard input.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    recipient: Annotated[
        str | None, typer.Option("--recipient", help="Judge as sent to this address.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write a page with the evidence marked.")
    ] = None,
) -> None:
    """What Awizo would do with these mails, and why. Touches nothing."""

    async def work() -> int:
        settings = read_settings(config, log_level="warning")
        book = load_book(settings)
        inspector = Inspector(settings.documents)
        await inspector.start()
        failed = False
        pages: list[str] = []
        try:
            for file in files:
                try:
                    content = await asyncio.to_thread(_read, file)
                    explanation = await explain_content(
                        content, file=str(file), recipient=recipient,
                        settings=settings, book=book, inspector=inspector,
                    )  # fmt: skip
                except Exception as error:  # one mail's trouble is not the next one's
                    failed = True
                    words = _what_went_wrong(error)
                    if as_json:
                        print_json({"file": str(file), "error": words})
                    else:
                        complain(f"{file}: {words}")
                    continue
                if html_file is not None:
                    pages.append(as_html(explanation))
                if as_json:
                    print_json(explanation.shape())
                elif html_file is None:
                    show(explanation)
        finally:
            await inspector.close()
        if html_file is not None:
            await asyncio.to_thread(_write_page, html_file, pages)
        return 1 if failed else 0

    run(work)


def _read(file: Path) -> bytes:
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()


def _write_page(file: Path, pages: Sequence[str]) -> None:
    try:
        file.write_text(HTML_HEAD + "\n".join(pages), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None


def _what_went_wrong(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"a fault of Awizo, please report it with the mail: {error!r}"


# --- for people -------------------------------------------------------------------------------


def show(explanation: Explanation) -> None:
    """The verdict, the plan, and the words of the mail that decided, in colour."""
    shape = explanation.shape()
    verdict = explanation.judged.verdict
    out.rule(Text(explanation.file))
    out.print(f"to          {shape['recipient'] or '-'}", markup=False)
    sure = f"{verdict.confidence:.0%} sure"
    if verdict.unsure:
        sure += f", {verdict.unsure}"
    out.print(Text.assemble("kind        ", (str(verdict.kind), "bold"), f"  ({sure})"))
    if verdict.secondary:
        out.print(f"also        {', '.join(verdict.secondary)}", markup=False)
    if verdict.flags:
        out.print(f"flags       {', '.join(sorted(verdict.flags))}", markup=False)
    for label, key in (
        ("order", "order_id"),
        ("documents", "documents"),
        ("numbers", "invoice_numbers"),
        ("links", "document_urls"),
        ("status", "fulfillment_status"),
    ):
        if value := shape[key]:
            words = ", ".join(value) if isinstance(value, list) else str(value)
            out.print(f"{label:<12}{printable(words)}", markup=False, soft_wrap=True)
    for waybill in shape["waybills"]:
        out.print(f"{'parcel':<12}{waybill['carrier']} {waybill['number']}", markup=False)
    actions = ", ".join(action["action"] for action in shape["actions"]) or "no call to Allegro"
    out.print(
        Text.assemble(
            "plan        ",
            actions,
            ", then ",
            (str(shape["disposition"]), "bold"),
            f"  ({explanation.plan.reason})",
        )
    )
    if excerpt := _excerpt(explanation):
        out.print(excerpt, end="", soft_wrap=True)
    for evidence in sorted(verdict.evidence, key=lambda one: -abs(one.weight)):
        colour = "green" if evidence.weight > 0 else "red"
        about = f" → {evidence.kind}" if evidence.kind else ""
        out.print(
            Text.assemble(
                (f"  {evidence.weight:+6.2f} ", colour),
                f"{evidence.rule:<30} {evidence.where:<10} ",
                (printable(evidence.text), f"bold {colour}"),
                (about, "dim"),
            ),
            soft_wrap=True,
        )
    out.print()


HTML_HEAD = """<!doctype html><meta charset="utf-8"><title>Awizo: why</title>
<style>body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}
mark{background:#c9f0c9}mark.against{background:#f6c9c9}pre{white-space:pre-wrap;
background:#f6f6f6;padding:1rem}td{padding:.1rem .8rem .1rem 0;vertical-align:top}</style>
"""


def as_html(explanation: Explanation) -> str:
    """One mail as a section: its text with the deciding words marked, then the evidence."""
    verdict = explanation.judged.verdict
    shown = f"{explanation.message.subject}\n\n{explanation.message.text}"
    rows = "".join(
        f"<tr><td>{e.weight:+.2f}<td>{html.escape(e.rule)}<td>{html.escape(e.where)}"
        f"<td>{html.escape(e.text)}"
        for e in verdict.evidence
    )
    actions = ", ".join(a["action"] for a in explanation.shape()["actions"]) or "no call"
    return (
        f"<h2>{html.escape(explanation.file)}</h2><p><b>{verdict.kind}</b> "
        f"({verdict.confidence:.0%}); {html.escape(actions)}, then "
        f"<b>{explanation.plan.disposition}</b> ({html.escape(explanation.plan.reason)})</p>"
        f"<pre>{_marked(shown, verdict.evidence)}</pre><table>{rows}</table>"
    )


def _marked(text: str, evidence: Sequence[Evidence]) -> str:
    """Escape *text* and mark the words of the evidence where they stand in it."""
    parts: list[str] = []
    position = 0
    for span in _spans(text, evidence):
        parts.append(html.escape(text[position : span.start]))
        mark = '<mark class="against">' if span.against else "<mark>"
        words = html.escape(text[span.start : span.end])
        parts.append(f'{mark[:-1]} title="{html.escape(span.rule)}">{words}</mark>')
        position = span.end
    parts.append(html.escape(text[position:]))
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class _Span:
    """Words of a text that a rule went by; *against* a kind where its weight says so."""

    start: int
    end: int
    rule: str
    against: bool


def _spans(text: str, evidence: Sequence[Evidence]) -> list[_Span]:
    """Where the evidence stands in a text, without overlaps, the weightiest first choice."""
    spans: list[_Span] = []
    lower = text.lower()
    if len(lower) != len(text):  # a few letters grow when lowered: places would be off
        lower = text
    for one in sorted(evidence, key=lambda each: -abs(each.weight)):
        words = one.text.strip().lower()
        start = lower.find(words) if len(words) > 2 else -1
        end = start + len(words)
        if start >= 0 and not any(span.start < end and start < span.end for span in spans):
            spans.append(_Span(start, end, one.rule, one.weight < 0))
    return sorted(spans, key=lambda span: span.start)


def _excerpt(explanation: Explanation) -> Text:
    """The lines of the mail in which something decided, those words in colour."""
    message = explanation.message
    shown = printable(f"{message.subject}\n{message.text}")
    spans = _spans(shown, explanation.judged.verdict.evidence)
    coloured = Text(shown)
    for span in spans:
        coloured.stylize("bold red" if span.against else "bold green", span.start, span.end)
    lines = Text()
    position = 0
    for line in coloured.split("\n", allow_blank=True):
        end = position + len(line)
        if any(span.start <= end and position < span.end for span in spans):
            lines.append(Text("  | ", "dim"))
            lines.append(line)
            lines.append("\n")
        position = end + 1
    return lines

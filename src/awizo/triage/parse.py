"""Read a message as a reader would see it.

In:  the bytes of a message, any bytes.
Out: a ParsedMessage with its defects listed.

Pure; never raises, never runs away: what exceeds the budget is cut, with a slug in
``defects``. The tree of parts is taken apart in ``mime``, headers in ``headers``, charsets in
``charset``, HTML in ``html``, quotes and boilerplate in ``quotes``. The bytes are never
written anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from awizo.model import Attachment, Link, ParsedMessage
from awizo.triage.headers import (
    clean,
    decode_words,
    message_ids,
    parse_addresses,
    parse_date,
)
from awizo.triage.html import Mark, Page, read_html
from awizo.triage.mime import (
    Budget,
    Part,
    Remaining,
    content_of,
    take_apart,
    text_of_part,
)
from awizo.triage.quotes import sort_lines
from awizo.triage.text import adds_to, is_empty_note, merge_links, plain_lines, words_of
from awizo.triage.tnef import read_tnef

__all__ = ["Budget", "parse"]

_REPLY_SUBJECT = re.compile(
    r"\s*(?:re|odp|sv|aw|antw|vs|vá|fwd?|pd|wg|tr|відп|пд)\s?(?:\[\d+\])?\s?:", re.IGNORECASE
)
_MAX_NESTING = 5  # messages within messages


@dataclass(slots=True)
class _Body:
    """One body version: its lines, what the markup says of them, where it came from."""

    lines: list[str]
    marks: list[Mark]
    plain: bool

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(slots=True)
class _Harvest:
    """What is gathered while walking over the parts of one message."""

    bodies: list[_Body] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)  # of versions not shown, for their links
    cids: set[str] = field(default_factory=set)
    attachments: list[tuple[Attachment, str]] = field(default_factory=list)  # with Content-ID
    nested: list[ParsedMessage] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


def parse(content: bytes, budget: Budget = Budget()) -> ParsedMessage:  # noqa: B008 - frozen
    """Return what a reader sees of *content*; never raises."""
    return _Parser(budget, Remaining.of(budget)).message(content, prefix="", nesting=0)


class _Parser:
    def __init__(self, budget: Budget, left: Remaining) -> None:
        self._budget = budget
        self._left = left

    def message(self, source: bytes, *, prefix: str, nesting: int) -> ParsedMessage:
        tree = take_apart(source, self._budget, self._left, prefix=prefix)
        harvest = _Harvest(defects=tree.defects)
        self._gather(tree.root, harvest, nesting)
        return self._assemble(tree.root, harvest)

    # --- parts ------------------------------------------------------------------------------

    def _gather(self, part: Part, harvest: _Harvest, nesting: int, *, depth: int = 0) -> None:
        """Walk over *part*; its depth is bounded by the budget of ``take_apart``."""
        if part.children:
            if part.content_type == "multipart/alternative":
                self._gather_alternative(part, harvest, nesting, depth=depth)
                return
            for child in part.children:
                self._gather(child, harvest, nesting, depth=depth + 1)
            return
        kind = part.content_type
        if (
            kind == "message/rfc822"
            or kind == "message/global"
            or (part.name.lower().endswith(".eml") and not kind.startswith("multipart/"))
        ):
            self._gather_message(part, harvest, nesting)
        elif kind in ("application/ms-tnef", "application/vnd.ms-tnef") or (
            part.name.lower() in ("winmail.dat", "win.dat")
        ):
            self._gather_tnef(part, harvest, nesting)
        elif _is_body(part):
            body = self._body(part, harvest)
            if body is not None:
                harvest.bodies.append(body)
        else:
            self._attach(part, harvest)

    def _attach(self, part: Part, harvest: _Harvest) -> None:
        data = content_of(part, self._left, harvest.defects)
        inline = part.disposition == "inline" and part.content_type.startswith("image/")
        harvest.attachments.append(
            (
                Attachment(
                    name=part.name,
                    content_type=part.content_type,
                    content=data,
                    part=part.number,
                    inline=inline,
                ),
                part.content_id,
            )
        )

    def _body(self, part: Part, harvest: _Harvest) -> _Body | None:
        text = text_of_part(part, self._left, harvest.defects)
        if part.content_type == "text/html" or (
            not part.declared_type and text[:200].lstrip()[:9].lower() in ("<!doctype", "<html")
        ):
            return self._page(text, harvest)
        if len(text) > self._left.text_chars:
            text = text[: self._left.text_chars]
            harvest.defects.append("text_cut")
        self._left.text_chars -= len(text)
        lines = plain_lines(
            text,
            flowed=part.parameters.get("format", "").lower() == "flowed",
            del_sp=part.parameters.get("delsp", "").lower() == "yes",
        )
        if not any(line.strip() for line in lines):
            return None
        return _Body(lines, [Mark.NONE] * len(lines), plain=True)

    def _page(self, text: str, harvest: _Harvest) -> _Body | None:
        if len(text) > self._left.html_chars:
            text = text[: self._left.html_chars]
            harvest.defects.append("html_cut")
        self._left.html_chars -= len(text)
        harvest.html.append(text)
        page: Page = read_html(text, max_links=self._left.links)
        self._left.links -= len(page.links)
        if self._left.links <= 0:
            harvest.defects.append("too_many_links")
        harvest.links.extend(page.links)
        harvest.cids |= page.cids
        size = sum(map(len, page.lines))
        while size > self._left.text_chars:
            size -= len(page.lines.pop())
            page.marks.pop()
            harvest.defects.append("text_cut")
        self._left.text_chars -= size
        return _Body(page.lines, page.marks, plain=False) if any(page.lines) else None

    def _gather_alternative(
        self, part: Part, harvest: _Harvest, nesting: int, *, depth: int
    ) -> None:
        """Take the version that says most; never the text alone on trust."""
        versions: list[list[_Body]] = []
        for child in part.children:
            before = harvest.bodies
            harvest.bodies = []
            self._gather(child, harvest, nesting, depth=depth + 1)
            if harvest.bodies:
                versions.append(harvest.bodies)
            harvest.bodies = before
        pages = [v for v in versions if any(not body.plain for body in v)]
        plains = [v for v in versions if all(body.plain for body in v)]
        page = pages[-1] if pages else None
        plain = max(plains, key=lambda v: sum(len(b.text) for b in v)) if plains else None
        if page is None or plain is None:
            chosen = page or plain
            if chosen:
                harvest.bodies.extend(chosen)
            return
        plain_text = "\n".join(body.text for body in plain)
        page_text = "\n".join(body.text for body in page)
        harvest.texts.append(plain_text)
        harvest.bodies.extend(page)
        if is_empty_note(plain_text):
            if not words_of(page_text):
                harvest.bodies.extend(plain)
            return
        if adds_to(words_of(plain_text), words_of(page_text)):
            harvest.defects.append("alternatives_differ")
            harvest.bodies.extend(plain)

    def _gather_message(self, part: Part, harvest: _Harvest, nesting: int) -> None:
        if nesting >= _MAX_NESTING or self._left.nested <= 0:
            harvest.defects.append("too_deep" if nesting >= _MAX_NESTING else "too_many_nested")
            self._attach(part, harvest)
            return
        self._left.nested -= 1
        data = content_of(part, self._left, harvest.defects)
        inner = self.message(data, prefix=f"{part.number}.", nesting=nesting + 1)
        harvest.nested.append(inner)
        harvest.attachments.extend(
            (replace(attachment, nested=True), "") for attachment in inner.attachments
        )

    def _gather_tnef(self, part: Part, harvest: _Harvest, nesting: int) -> None:
        data = content_of(part, self._left, harvest.defects)
        found = read_tnef(data)
        if found is None or found.damaged:
            harvest.defects.append("tnef_damaged")
        # A file of which nothing is understood stays what it is; nobody can say what it holds.
        if found is None or not (found.attachments or found.text or found.html):
            harvest.attachments.append(
                (Attachment(part.name, part.content_type, data, part=part.number), "")
            )
            return
        for number, packed in enumerate(found.attachments, 1):
            harvest.attachments.append(
                (
                    Attachment(
                        name=clean(packed.name),
                        content_type=packed.content_type or "application/octet-stream",
                        content=packed.data,
                        part=f"{part.number}.{number}",
                        nested=True,
                    ),
                    "",
                )
            )
        if harvest.bodies:
            return
        if found.html:
            body = self._page(found.html, harvest)
        else:
            lines = plain_lines(found.text[: self._left.text_chars], flowed=False, del_sp=False)
            body = _Body(lines, [Mark.NONE] * len(lines), plain=True) if any(lines) else None
        if body is not None:
            harvest.bodies.append(body)

    # --- the whole --------------------------------------------------------------------------

    def _assemble(self, root: Part, harvest: _Harvest) -> ParsedMessage:
        raw = dict[str, str]()
        for name, value in root.fields:
            raw.setdefault(name, value)
        headers = tuple((name, _value(value)) for name, value in root.fields)
        first = dict[str, str]()
        for name, value in headers:
            first.setdefault(name, value)

        sender = parse_addresses(raw.get("from", ""), limit=5)
        to = parse_addresses(_all(root, "to"))
        subject = first.get("subject", "")
        in_reply_to = message_ids(first.get("in-reply-to", ""))
        own_id = message_ids(first.get("message-id", ""))
        references = message_ids(first.get("references", ""))
        is_reply = bool(in_reply_to) or _REPLY_SUBJECT.match(subject) is not None

        new: list[str] = []
        quoted: list[str] = []
        signature: list[str] = []
        footer: list[str] = []
        texts: list[str] = []
        shown: list[set[str]] = []
        for body in harvest.bodies:
            if shown:
                # Some scripts put both versions side by side instead of as alternatives.
                words = words_of(body.text)
                if words and any(len(words - other) * 10 <= len(words) for other in shown):
                    harvest.texts.append(body.text)
                    continue
            if len(harvest.bodies) > 1:
                shown.append(words_of(body.text))
            texts.append(body.text)
            parts = sort_lines(body.lines, body.marks, is_reply=is_reply, plain=body.plain)
            for gathered, piece in (
                (new, parts.new),
                (quoted, parts.quoted),
                (signature, parts.signature),
                (footer, parts.footer),
            ):
                if piece.strip():
                    gathered.append(piece)
        return ParsedMessage(
            subject=subject,
            from_address=sender[0].address if sender else "",
            from_name=sender[0].name if sender else "",
            reply_to=_addresses(_all(root, "reply-to")),
            to=tuple(box.address for box in to),
            cc=_addresses(_all(root, "cc")),
            bcc=_addresses(_all(root, "bcc")),
            delivered_to=_addresses(_all(root, "delivered-to")),
            to_names=tuple(box.name for box in to if box.name),
            date=parse_date(raw["date"]) if "date" in raw else None,
            message_id=own_id[0] if own_id else None,
            in_reply_to=in_reply_to[0] if in_reply_to else None,
            references=references,
            headers=headers,
            text="\n\n".join(texts).strip("\n"),
            new_text="\n\n".join(new).strip("\n"),
            quoted_text="\n\n".join(quoted).strip("\n"),
            signature="\n\n".join(signature).strip("\n"),
            footer="\n\n".join(footer).strip("\n"),
            html="\n".join(harvest.html),
            links=merge_links(harvest.links, [*texts, *harvest.texts], limit=self._budget.links),
            attachments=tuple(
                replace(attachment, inline=True)
                if content_id and content_id in harvest.cids
                else attachment
                for attachment, content_id in harvest.attachments
            ),
            nested=tuple(harvest.nested),
            content_type=root.content_type,
            defects=tuple(dict.fromkeys(harvest.defects)),
        )


def _is_body(part: Part) -> bool:
    """A text part that is shown, not offered as a file."""
    if part.content_type not in ("text/plain", "text/html", "text/enriched"):
        return False
    return part.disposition != "attachment" and not part.name


def _value(raw: str) -> str:
    return clean(decode_words(raw)) if "=?" in raw else clean(raw)


def _all(root: Part, wanted: str) -> str:
    return ", ".join(value for name, value in root.fields if name == wanted)


def _addresses(value: str) -> tuple[str, ...]:
    return tuple(box.address for box in parse_addresses(value)) if value else ()

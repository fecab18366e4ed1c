"""Bring plain text into the lines a reader sees.

In:  the text of a text/plain part and its parameters; text and page of one alternative.
Out: lines, links, and a judgement which alternative says more.

Pure and linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from awizo.model import Link
from awizo.triage.html import unescape

_URL = re.compile(r"https?://[^\s<>\"'\u00a0\u200b]{3,4000}", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_TRAILING = ".,;:!?*_|\\»”’…"
_PAIRS = {")": "(", "]": "[", "}": "{"}
_WORD = re.compile(r"\w{3,}")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]+")

# A text alternative that only says there is nothing in it.
_EMPTY_NOTE = re.compile(
    r"html.{0,60}(?:e-?mail|mail|message|wiadomo|zpr[aá]v|spr[aá]v|nachricht|лист)"
    r"|(?:e-?mail|mail|message|wiadomo\w+|zpr[aá]v\w+|spr[aá]v\w+|nachricht|лист).{0,80}html"
    r"|(?:view|open|see|zobacz|otw[oó]rz|zobrazit|anzeigen).{0,60}(?:browser|przegl[aą]dar|prohl[ií]že|prehliada)",
    re.IGNORECASE | re.DOTALL,
)


def plain_lines(text: str, *, flowed: bool, del_sp: bool) -> list[str]:
    """Lines of a text part, without control characters; flowed ones joined (RFC 3676)."""
    if _CONTROL.search(text):
        text = _CONTROL.sub("", text)
    lines = _LINE_END.split(text)
    return _unflowed(lines, del_sp=del_sp) if flowed else [line.rstrip() for line in lines]


def _unflowed(lines: Sequence[str], *, del_sp: bool) -> list[str]:
    out: list[str] = []
    paragraph: list[str] = []
    open_depth = -1  # quote depth of a paragraph that goes on, -1 when none does

    def finish() -> None:
        nonlocal open_depth
        if open_depth >= 0:
            marks = "> " if open_depth else ""
            if open_depth > 1:
                marks = ">" * open_depth + " "
            out.append(marks + "".join(paragraph).rstrip())
            paragraph.clear()
            open_depth = -1

    for line in lines:
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:]
        if content.startswith(" "):  # space-stuffed
            content = content[1:]
        signature = content == "-- "
        if open_depth >= 0 and (depth != open_depth or signature):
            finish()
        flows = content.endswith(" ") and not signature
        paragraph.append(content[:-1] if flows and del_sp else content)
        open_depth = depth
        if not flows:
            if signature and not depth:
                paragraph.clear()
                open_depth = -1
                out.append("-- ")
            else:
                finish()
    finish()
    return out


def urls_in(text: str) -> list[str]:
    """Web addresses written out in *text*, without the punctuation behind them."""
    if "://" not in text:
        return []
    return [_trimmed(found) for found in _URL.findall(text)]


def _trimmed(url: str) -> str:
    while url:
        last = url[-1]
        if last in _TRAILING or (last in _PAIRS and url.count(last) > url.count(_PAIRS[last])):
            url = url[:-1]
        else:
            break
    return url


def merge_links(found: Iterable[Link], texts: Iterable[str], *, limit: int) -> tuple[Link, ...]:
    """Links of the markup, then those written out; each address with a label once."""
    out: dict[tuple[str, str], Link] = {}
    addresses: set[str] = set()
    for link in found:
        if len(out) >= limit:
            break
        out.setdefault((link.url, link.label), link)
        addresses.add(link.url)
    for text in texts:
        for url in urls_in(text):
            if len(out) >= limit:
                break
            plain = unescape(url) if "&amp;" in url else url
            if plain not in addresses:
                addresses.add(plain)
                out[plain, ""] = Link(plain)
    return tuple(out.values())


def words_of(text: str) -> set[str]:
    """Words by which two versions of a text are compared, web addresses left out."""
    return set(_WORD.findall(_URL.sub(" ", text[:100_000]).lower()))


def is_empty_note(text: str) -> bool:
    """The text alternative says nothing but that there is an HTML one."""
    words = text.split()
    return not words or (len(words) <= 40 and _EMPTY_NOTE.search(text[:2_000]) is not None)


def adds_to(plain: set[str], page: set[str]) -> bool:
    """The plain version says things of its own that the page does not."""
    missing = plain - page
    return len(missing) >= 8 and len(missing) * 2 > len(plain)

"""Turn HTML into the text a reader sees, line by line.

In:  HTML as a mail carries it, broken or not.
Out: lines with what is known of each (quoted or not), links with their labels, ids of inline
     images.

Pure; the work is linear in the length. The HTML is read as a stream of tags without building
a tree: mail HTML is seldom well-formed, only blocks, links, quotes and hidden regions matter,
and a tree builder of HTML 5 is quadratic in the depth of nesting (tens of thousands of
``<div>`` cost a tree builder seconds). Regions that a mail program hides (``display:none`` in
a style attribute or a plain rule of the style sheet, preheaders) are left out.
"""

from __future__ import annotations

import html as entities
import re
from dataclasses import dataclass, field
from enum import IntEnum

from awizo.model import Link


class Mark(IntEnum):
    """What the markup says about a line."""

    NONE = 0
    INDENTED = 1  # a plain <blockquote>: a quote, or a layout
    QUOTED = 2  # a blockquote or container that mail programs use for quotes only
    DIVIDER = 3  # the quoted message begins here and goes on to the end
    SIGNATURE = 4


@dataclass(slots=True)
class Page:
    """What a reader sees of an HTML body."""

    lines: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    cids: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


# Neither alternative can look beyond the next "<", so the whole is linear. The first takes
# attribute values with a ">" in quotes, the second what is left of broken tags.
_TAG = re.compile(
    r"<(/?)([a-zA-Z][a-zA-Z0-9:]*+)"
    r"(?:((?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+)>|([^<>]*+)>)"
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "title",
        "tr",
        "ul",
        "blockquote",
    ]
)
_PARAGRAPHS = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "ul", "ol", "hr"]
)
_NOT_SHOWN = frozenset(
    [
        "script",
        "style",
        "title",
        "template",
        "select",
        "textarea",
        "object",
        "applet",
        "audio",
        "video",
        "iframe",
        "svg",
        "datalist",
        "noembed",
        "noframes",
    ]
)
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
_STRUCTURE = frozenset(
    ["div", "table", "tr", "td", "th", "tbody", "body", "html", "center", "section", "blockquote"]
)
_REGIONS = frozenset(["div", "blockquote", "span", "section"])

_ATTRIBUTE = re.compile(r"([a-zA-Z_:-]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++))")
_HIDING_STYLE = re.compile(
    r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|max-height\s{0,3}:\s{0,3}0(?![.\d]*[1-9])"
    r"|opacity\s{0,3}:\s{0,3}0(?:\.0+)?\s{0,3}(?:;|!|$)",
    re.IGNORECASE,
)
_MAX_HIDDEN_NAMES = 50
_BRACE = re.compile(r"[{}]")
_SIMPLE_SELECTOR = re.compile(r"(?:[a-zA-Z]{1,12})?([.#][a-zA-Z_][\w-]{0,60})\Z")

# Containers of quotes, by class or id: Gmail, Yahoo, Proton, Zoho, Thunderbird, Roundcube, the
# Outlooks, Apple Mail, Seznam, WP, Onet, Interia, o2, GMX.
_QUOTE_NAMES = re.compile(
    r"gmail_quote(?!_attribution|_container_sig)|gmail_extra|yahoo_quoted|protonmail_quote"
    r"|zmail_extra|moz-forward-container|replybody|quoted-?(?:text|message|content)|cite(?=[\s\"']|$)"
    r"|reply_?quote|mail-?quote|bloop_markdown_quote|tutanota_quote|mailcontent_quote"
    r"|oryginal|nh_extra|original_?message|aqm-original|stopka_cytat",
    re.IGNORECASE,
)
_DIVIDER_NAMES = re.compile(
    r"divrplyfwdmsg|appendonsend|ms-outlook-mobile-reference-message|x_divrplyfwdmsg"
    r"|mail-editor-reference-message-container|isforwardcontent|replyforwarddivider"
    r"|reply-intro|origmsg",
    re.IGNORECASE,
)
_SIGNATURE_NAMES = re.compile(
    r"gmail_signature|moz-signature|protonmail_signature|ms-outlook-mobile-signature"
    r"|applemailsignature|signature_?block|mobile_?signature",
    re.IGNORECASE,
)

# Control characters that cannot come from the mail stand for what happens between words.
_OPEN_INDENT, _OPEN_QUOTE, _OPEN_SIGNATURE, _CLOSE, _DIVIDE = "\x01", "\x02", "\x03", "\x04", "\x05"
_BLOCK, _PARAGRAPH = "\x06", "\x07"
_BREAK_OF = {name: _PARAGRAPH if name in _PARAGRAPHS else _BLOCK for name in _BLOCKS}
_EVENTS = re.compile(r"[\x01-\x05]")
_BREAKS = re.compile(r"[\x06\x07][\x06\x07\s]*")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")
_INVISIBLE = dict.fromkeys(
    [0xAD, 0x34F, 0x061C, 0x115F, 0x17B4, 0x17B5, 0x180E, *range(0x200B, 0x2010), 0x2060, 0xFEFF]
)
_HAS_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200f\u2060\ufeff]")
_HUGE_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{9,}")
_OPENING = frozenset((_OPEN_INDENT, _OPEN_QUOTE, _OPEN_SIGNATURE, _DIVIDE))
_MARK_OF = {
    _OPEN_INDENT: Mark.INDENTED,
    _OPEN_QUOTE: Mark.QUOTED,
    _OPEN_SIGNATURE: Mark.SIGNATURE,
}


def unescape(text: str) -> str:
    """Decode character references; one of absurd size is dropped."""
    if "&" not in text:
        return text
    return entities.unescape(_HUGE_REFERENCE.sub("", text))


def read_html(source: str, *, max_links: int) -> Page:
    """Return what a reader sees of *source*."""
    page = Page()
    if _CONTROLS.search(source):
        source = _CONTROLS.sub("", source)
    source = _without_comments(source)
    hidden_names = _hidden_names(source) if "none" in source or "hidden" in source else frozenset()
    joined = _stream(source, page, hidden_names, max_links)
    text = unescape(joined)
    if _HAS_INVISIBLE.search(text):
        text = text.translate(_INVISIBLE)
    _to_lines(_BREAKS.sub(_line_ends, text), page)
    return page


def _line_ends(found: re.Match[str]) -> str:
    """However many blocks end and begin here, it is one line end, or one blank line."""
    breaks = found[0]
    return "\n\n" if _PARAGRAPH in breaks or breaks.count("\n") > 1 else "\n"


def _without_comments(source: str) -> str:
    """Cut comments, conditional ones of Outlook too, in one pass."""
    if "<!" not in source:
        return source
    kept: list[str] = []
    position = 0
    while True:
        start = source.find("<!", position)
        if start < 0:
            break
        kept.append(source[position:start])
        if source.startswith("<!--", start):
            end = source.find("-->", start + 4)
            position = end + 3 if end >= 0 else start + 4
        else:
            end = source.find(">", start)
            position = end + 1 if end >= 0 else start + 2
        if end < 0:  # nothing ends any more: the rest is text
            break
    kept.append(source[position:])
    return "".join(kept)


def _hidden_names(source: str) -> frozenset[str]:
    """Classes and ids (``.preheader``, ``#x``) that the style sheet hides on every screen."""
    names: set[str] = set()
    position = 0
    lower = source.lower()
    for _ in range(20):
        start = lower.find("<style", position)
        if start < 0:
            break
        end = lower.find("</style", start)
        end = len(source) if end < 0 else end
        position = end
        sheet = _without_media(source[source.find(">", start, end) + 1 : min(end, start + 60_000)])
        for rule in sheet.split("}"):
            selectors, _, body = rule.partition("{")
            if len(selectors) < 1_000 and _HIDING_STYLE.search(body):
                for selector in selectors.split(",")[:50]:
                    simple = _SIMPLE_SELECTOR.match(selector.strip())
                    if simple and len(names) < _MAX_HIDDEN_NAMES:
                        names.add(simple[1].lower())
    return frozenset(names)


def _without_media(sheet: str) -> str:
    """Leave out ``@media {...}``: what is hidden on a phone is shown on a screen."""
    out: list[str] = []
    position = 0
    while True:
        start = sheet.find("@media", position)
        if start < 0:
            break
        out.append(sheet[position:start])
        depth = 0
        position = len(sheet)
        for brace in _BRACE.finditer(sheet, start):
            depth += 1 if brace[0] == "{" else -1
            if depth <= 0:
                position = brace.end()
                break
    out.append(sheet[position:])
    return "".join(out)


def _stream(source: str, page: Page, hidden_names: frozenset[str], max_links: int) -> str:
    """Walk over the tags; return the visible text with line ends, tabs and events in it."""
    out: list[str] = []
    position = 0
    skip = ""  # name of the hidden element that we are inside of
    skip_same = skip_structure = 0
    regions: list[tuple[str, int]] = []  # open regions: tag, how many of that tag lie inside
    href = ""
    label_from = -1
    alt = ""
    pre = 0

    for tag in _TAG.finditer(source):
        closing, name, attributes, broken = tag.groups()
        name = name.lower()
        if skip:
            if name == skip:
                skip_same += -1 if closing else 1
            if name in _STRUCTURE:
                skip_structure += -1 if closing else 1
            # The element ends, or the one that it stands in.
            if skip_same <= 0 or (skip_structure < 0 and skip not in _NOT_SHOWN):
                skip = ""
                position = tag.end()
            continue
        start = tag.start()
        if start > position:
            run = source[position:start]
            if not pre:
                out.append(run.replace("\n", " ") if "\n" in run else run)
            else:
                out.append(run)
        position = tag.end()
        attributes = attributes or broken or ""
        if closing:
            if name in _BLOCKS:
                out.append(_BREAK_OF[name])
                if name == "pre" and pre:
                    pre -= 1
            elif name == "td" or name == "th":
                out.append("\t")
            elif name == "a" and label_from >= 0:
                _add_link(page, href, "".join(out[label_from:]) or alt, max_links)
                label_from = -1
            if regions and name == regions[-1][0]:
                tag_name, inside = regions.pop()
                if inside:
                    regions.append((tag_name, inside - 1))
                else:
                    out.append(_CLOSE)
            continue
        if name in _BLOCKS:
            out.append(_BREAK_OF[name])
            if name == "li":
                out.append("- ")
            elif name == "pre":
                pre += 1
        elif name == "br":
            out.append("\n")
        elif name == "a" or name == "area":
            if label_from >= 0:
                _add_link(page, href, "".join(out[label_from:]) or alt, max_links)
            href = _attribute(attributes, "href")
            alt = _attribute(attributes, "title") if name == "a" else _attribute(attributes, "alt")
            label_from = len(out) if name == "a" else -1
            if name == "area":
                _add_link(page, href, alt, max_links)
        elif name == "img":
            where = _attribute(attributes, "src")
            if where[:4].lower() == "cid:":
                page.cids.add(where[4:])
            if label_from >= 0:
                alt = _attribute(attributes, "alt") or alt
        if name in _NOT_SHOWN or (
            attributes
            and _may_hide(attributes.lower(), hidden_names)
            and _is_hidden(attributes, hidden_names)
        ):
            if name not in _VOID:
                skip, skip_same, skip_structure = name, 1, 0
                if name in _STRUCTURE:
                    skip_structure = 1
            continue
        if name in _REGIONS:
            if regions and name == regions[-1][0]:
                regions[-1] = (name, regions[-1][1] + 1)
            elif not regions or len(regions) < 50:
                event = _region(name, attributes)
                if event == _DIVIDE:
                    out.append("\n" + _DIVIDE)
                elif event:
                    out.append("\n" + event)
                    regions.append((name, 0))
    if not skip:
        out.append(source[position:].replace("\n", " "))
    if label_from >= 0:
        _add_link(page, href, "".join(out[label_from:]) or alt, max_links)
    return "".join(out)


def _attribute(attributes: str, wanted: str) -> str:
    for name, double, single, bare in _ATTRIBUTE.findall(attributes):
        if name.lower() == wanted:
            return unescape(double or single or bare).strip()
    return ""


def _may_hide(attributes: str, hidden_names: frozenset[str]) -> bool:
    """A quick look at lower-case attributes: most tags hide nothing."""
    return (
        "none" in attributes
        or "hidden" in attributes
        or "max-height" in attributes
        or "opacity" in attributes
        or (bool(hidden_names) and any(name[1:] in attributes for name in hidden_names))
    )


def _is_hidden(attributes: str, hidden_names: frozenset[str]) -> bool:
    for spelled, double, single, bare in _ATTRIBUTE.findall(attributes):
        value = double or single or bare
        name = spelled.lower()
        if name == "style":
            if _HIDING_STYLE.search(value):
                return True
        elif name == "class":
            if hidden_names and any(f".{word}" in hidden_names for word in value.lower().split()):
                return True
        elif name == "id" and hidden_names and f"#{value.strip().lower()}" in hidden_names:
            return True
    return re.search(r"(?:^|\s)hidden(?=\s|$)", attributes) is not None


def _region(name: str, attributes: str) -> str:
    """The event that a container's names stand for, "" when it is an ordinary one."""
    lower = attributes.lower()
    names = ""
    if "class" in lower or "id" in lower:
        names = f"{_attribute(attributes, 'class')} {_attribute(attributes, 'id')}"
    if names.strip():
        if _DIVIDER_NAMES.search(names):
            return _DIVIDE
        if _SIGNATURE_NAMES.search(names):
            return _OPEN_SIGNATURE
        if _QUOTE_NAMES.search(names):
            return _OPEN_QUOTE
    if name == "blockquote":
        if re.search(r"type\s*=\s*[\"']?cite|\bcite\s*=", attributes, re.IGNORECASE):
            return _OPEN_QUOTE
        return _OPEN_INDENT
    return ""


def _add_link(page: Page, href: str, label: str, max_links: int) -> None:
    href = "".join(href.partition("<")[0].split())
    if href[:4].lower() != "http" or len(page.links) >= max_links or len(href) > 8_000:
        return
    words = " ".join(_CONTROLS.sub(" ", unescape(label[:2_000])).split())[:300]
    page.links.append(Link(href, words))


def _to_lines(text: str, page: Page) -> None:
    """Normalise white space and hand each line its mark."""
    stack: list[Mark] = []
    divided = False
    now = Mark.NONE
    blank = True
    for raw in text.split("\n"):
        line, mark = raw, now
        if _EVENTS.search(raw):
            for event in _EVENTS.findall(raw):
                if event == _CLOSE:
                    if stack:
                        stack.pop()
                elif event == _DIVIDE:
                    divided = True
                else:
                    stack.append(_MARK_OF[event])
            now = _strongest(stack, divided)
            # Words stand behind an opening event, and before a closing one.
            line = raw.lstrip()
            if line[:1] in _OPENING:
                mark = now
            line = _EVENTS.sub("", line)
        if "\t" in line:
            cells = [" ".join(cell.split()) for cell in line.split("\t")]
            line = "\t".join(cell for cell in cells if cell)
        else:
            line = " ".join(line.split())
        if line == "-":
            continue
        if line:
            page.lines.append(line)
            page.marks.append(mark)
            blank = False
        elif not blank:
            page.lines.append("")
            page.marks.append(mark)
            blank = True
    while page.lines and not page.lines[-1]:
        page.lines.pop()
        page.marks.pop()


def _strongest(stack: list[Mark], divided: bool) -> Mark:
    if divided:
        return Mark.DIVIDER
    if Mark.QUOTED in stack:
        return Mark.QUOTED
    return stack[-1] if stack else Mark.NONE

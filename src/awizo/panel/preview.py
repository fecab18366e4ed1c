"""A mail as it may be shown to a person: nothing in it runs, nothing is fetched.

In:  the bytes of a mail, any bytes.
Out: its text, its HTML stripped to harmless markup, the names of its files.

Pure; the work is bounded by the budget of the parser and by the limits here. What is left of
the HTML is shown in a sandboxed frame under a policy that allows no address at all
(:data:`FRAME_POLICY`), so that a gap in one wall is closed by the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import nh3

from awizo.model import Attachment, ParsedMessage
from awizo.triage.parse import Budget, parse

TEXT_MAX_CHARS = 60_000
HTML_MAX_CHARS = 200_000
FILES_MAX = 100
LINKS_MAX = 50
CONTENT_MAX_BYTES = 33_554_432  # a larger mail is only offered for download
SUBJECT_MAX_CHARS = 300

BUDGET = Budget(text_chars=TEXT_MAX_CHARS, html_chars=HTML_MAX_CHARS)
HEAD_BUDGET = Budget(parts=2, depth=2, text_chars=1_000, html_chars=1_000, nested=0)
HEAD_MAX_BYTES = 65_536

FRAME_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TAGS = _names(
    "a abbr address article aside b big blockquote br caption center code col colgroup dd del "
    "details div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins li "
    "main ol p pre q s section small span strike strong sub summary sup table tbody td tfoot th "
    "thead tr tt u ul"
)
# Contents that are no text for a reader; what stands between all other tags stays.
DROPPED_WITH_CONTENT = _names(
    "script style title noscript template svg math object embed applet iframe frame frameset "
    "noframes textarea select option audio video canvas map noembed xmp plaintext"
)
TABLE = {"align", "valign", "width", "height", "bgcolor"}
ATTRIBUTES: dict[str, set[str]] = {
    "*": {"style", "dir", "lang", "align"},
    # No href: a link in a mail is text here, its target stands in the list below the mail.
    "a": set(),
    "font": {"color", "size", "face"},
    # No src: a picture is shown as the words that stand for it.
    "img": {"alt"},
    "table": TABLE | {"border", "cellpadding", "cellspacing"},
    "td": TABLE | {"colspan", "rowspan"},
    "th": TABLE | {"colspan", "rowspan"},
    "tr": TABLE,
    "ol": {"start", "type"},
}
# None of these takes an address; "background" and "list-style" would.
STYLES = _names(
    "color background-color font-size font-style font-weight font-family line-height text-align "
    "text-decoration vertical-align white-space width max-width padding padding-top "
    "padding-right padding-bottom padding-left border border-top border-bottom border-left "
    "border-right border-color border-style border-width border-collapse border-radius"
)

FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Preview of the mail</title><style>
:root {{ color-scheme: light; }}
body {{ margin: 0; padding: 12px; background: #fff; color: #111;
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }}
img {{ display: inline-block; padding: 2px 6px; border: 1px dashed #999;
  background: #fff; color: #444; font-size: 13px; }}
a {{ color: #0b4f9c; text-decoration: underline; }}
table {{ max-width: 100%; }}
pre {{ white-space: pre-wrap; }}
</style></head><body>{body}</body></html>
"""


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content_type: str
    size_bytes: int
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where a link leads, as text."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Preview:
    """``html`` is harmless markup, "" where the mail has none; ``cut`` where not all is shown."""

    subject: str
    sender: str
    to: str
    cc: str
    text: str
    html: str
    files: tuple[File, ...]
    links: tuple[Target, ...]
    cut: bool


def preview_of(content: bytes) -> Preview:
    """Everything of a mail that the panel shows."""
    message = parse(content, BUDGET)
    return Preview(
        subject=message.subject[:SUBJECT_MAX_CHARS],
        sender=_named(message),
        to=", ".join(message.to)[:1_000],
        cc=", ".join(message.cc)[:1_000],
        text=message.text[:TEXT_MAX_CHARS],
        html=harmless(message.html[:HTML_MAX_CHARS]),
        files=tuple(_file(one) for one in message.attachments[:FILES_MAX]),
        links=tuple(
            Target(" ".join(link.label.split())[:200], link.url[:2_000])
            for link in message.links[:LINKS_MAX]
        ),
        cut=(
            len(message.text) >= TEXT_MAX_CHARS
            or len(message.html) >= HTML_MAX_CHARS
            or len(message.attachments) > FILES_MAX
        ),
    )


def subject_of(head: bytes) -> str:
    """The subject, from the beginning of a mail."""
    return parse(head[:HEAD_MAX_BYTES], HEAD_BUDGET).subject[:SUBJECT_MAX_CHARS]


def harmless(html: str) -> str:
    """*html* without scripts, handlers, forms, frames, pictures, addresses and styles that load."""
    if not html.strip():
        return ""
    return nh3.clean(
        html,
        tags=set(TAGS),
        clean_content_tags=set(DROPPED_WITH_CONTENT),
        attributes=ATTRIBUTES,
        filter_style_properties=set(STYLES),
        url_schemes=set(),
        link_rel=None,
        strip_comments=True,
    )


def framed(preview: Preview) -> str:
    """The whole document for the frame."""
    return FRAME.format(body=preview.html or f"<pre>{escape(preview.text)}</pre>")


def _named(message: ParsedMessage) -> str:
    if message.from_name:
        return f"{message.from_name} <{message.from_address}>"
    return message.from_address


def _file(attachment: Attachment) -> File:
    return File(
        name=attachment.name[:200],
        content_type=attachment.content_type[:100],
        size_bytes=len(attachment.content),
        nested=attachment.nested,
    )

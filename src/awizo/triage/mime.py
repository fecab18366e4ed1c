"""Take a message apart into its parts, whatever the bytes.

In:  the bytes of a message and a budget.
Out: leaves in order, with decoded headers and content, and slugs of what was odd.

Pure; never raises; the work is linear in the size of the message times the depth that the
budget allows. Parts are ranges of one ``bytes`` object until a leaf is decoded, so a large
mail is copied once.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from awizo.triage.charset import decode
from awizo.triage.headers import clean, decode_base64, decode_words, parse_parameters, split_fields


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of a message is looked at; the rest is cut, with a slug in ``defects``.

    Attributes:
        parts: Leaves of the whole message, nested messages included.
        depth: Levels of multipart and message/rfc822.
        header_bytes: Of one header block.
        header_count: Fields of one header block.
        text_chars: Of all body text together.
        html_chars: Of all HTML together, before it becomes text.
        links: Links kept.
        content_bytes: Of all decoded attachments together. A message of the largest size
            that a listener takes fits twice (an attached message counts again).
        nested: Attached messages that are parsed.
    """

    parts: int = 300
    depth: int = 20
    header_bytes: int = 256_000
    header_count: int = 1_000
    text_chars: int = 200_000
    html_chars: int = 1_000_000
    links: int = 1_000
    content_bytes: int = 150_000_000
    nested: int = 20


@dataclass(slots=True)
class Remaining:
    """What is left of a budget while one message, with those inside it, is being parsed."""

    parts: int
    text_chars: int
    html_chars: int
    links: int
    content_bytes: int
    nested: int

    @classmethod
    def of(cls, budget: Budget) -> Remaining:
        return cls(
            budget.parts,
            budget.text_chars,
            budget.html_chars,
            budget.links,
            budget.content_bytes,
            budget.nested,
        )


@dataclass(slots=True)
class Part:
    """One node of the tree; ``content`` is decoded from its transfer encoding on demand."""

    fields: list[tuple[str, str]]
    content_type: str
    parameters: dict[str, str]
    disposition: str
    name: str
    content_id: str
    number: str
    encoding: str
    source: bytes = field(repr=False)
    start: int
    end: int
    children: list[Part] = field(default_factory=list)
    declared_type: bool = True

    @property
    def is_multipart(self) -> bool:
        return bool(self.children)

    def raw(self) -> bytes:
        return self.source[self.start : self.end]


@dataclass(slots=True)
class Tree:
    root: Part
    defects: list[str]


_BODY_BEGINS = re.compile(rb"\n\r{0,2}\n")
_MAX_FALSE_BOUNDARIES = 10_000
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,120}\Z")


def take_apart(source: bytes, budget: Budget, left: Remaining, *, prefix: str = "") -> Tree:
    """Split *source* into its tree of parts.

    Args:
        prefix: Put before the numbers of the parts (``"2."`` for what lies in part 2).
    """
    defects: list[str] = []
    root = _part(source, 0, len(source), budget, defects, number="", outer="")
    stack = [(root, 0)]
    root.number = prefix.rstrip(".")
    while stack:
        part, depth = stack.pop()
        if not part.content_type.startswith("multipart/"):
            continue
        if depth >= budget.depth:
            defects.append("too_deep")
            part.content_type = "application/octet-stream"
            continue
        ranges = _ranges(part, left.parts, defects)
        if not ranges:
            # What says multipart but has no boundary in it is read as text.
            part.content_type = "text/plain"
            continue
        default = "message/rfc822" if part.content_type == "multipart/digest" else ""
        base = f"{part.number}." if part.number else ""
        for position, (start, end) in enumerate(ranges, 1):
            if left.parts <= 0:
                defects.append("too_many_parts")
                break
            left.parts -= 1
            child = _part(
                source,
                start,
                end,
                budget,
                defects,
                number=f"{base}{position}",
                outer=default,
            )
            part.children.append(child)
            stack.append((child, depth + 1))
    if not root.number and not root.children:
        root.number = "1"
    elif prefix and not root.children:
        root.number = f"{prefix}1"
    return Tree(root, defects)


def _part(
    source: bytes,
    start: int,
    end: int,
    budget: Budget,
    defects: list[str],
    *,
    number: str,
    outer: str,
) -> Part:
    head_end, body = _head(source, start, end)
    if head_end - start > budget.header_bytes:
        defects.append("header_too_large")
        head_end = start + budget.header_bytes
    fields, odd = split_fields(source[start:head_end], limit=budget.header_count)
    defects.extend(odd)
    known: dict[str, str] = {}
    for name, value in fields:
        if name.startswith("content-"):
            known.setdefault(name, value)
    head, parameters = parse_parameters(known.get("content-type", ""))
    declared = bool(head)
    if not _TYPE.match(head):
        if head:
            defects.append("content_type_broken")
        head = _mend_type(head) or outer or "text/plain"
    disposition, more = parse_parameters(known.get("content-disposition", ""))
    name = more.get("filename") or parameters.get("name") or ""
    if not name and head.startswith(("application/", "image/")):
        name = _name_of_description(known.get("content-description", ""))
    return Part(
        fields=fields,
        content_type=head,
        parameters=parameters,
        disposition=disposition,
        name=clean(name),
        content_id=known.get("content-id", "").strip().strip("<>"),
        number=number,
        encoding=known.get("content-transfer-encoding", "").strip().strip("\"';").lower(),
        source=source,
        start=body,
        end=end,
        declared_type=declared,
    )


def _name_of_description(description: str) -> str:
    words = clean(decode_words(description))
    return words if re.search(r"\.[A-Za-z0-9]{2,5}\Z", words) else ""


def _mend_type(head: str) -> str:
    if head in ("text", "plain"):
        return "text/plain"
    if head in ("html", "texthtml"):
        return "text/html"
    if head in ("pdf", "application"):
        return "application/octet-stream"
    return ""


def _head(source: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the header block ends and where the body begins."""
    if source[start : start + 1] == b"\n":
        return start, start + 1
    if source[start : start + 2] == b"\r\n":
        return start, start + 2
    found = _BODY_BEGINS.search(source, start, end)
    if found is None:
        # A part without a blank line: a header block, if it begins like one.
        line = source[start : min(start + 200, end)].partition(b"\n")[0]
        return (end, end) if re.match(rb"[\x21-\x39\x3b-\x7e]+[ \t]*:", line) else (start, start)
    return found.start(), found.end()


def _ranges(part: Part, most: int, defects: list[str]) -> list[tuple[int, int]]:
    """Ranges of the parts of a multipart, by its delimiter lines (RFC 2046 section 5.1.1)."""
    boundary = part.parameters.get("boundary", "").rstrip()
    if not boundary:
        boundary = _first_delimiter(part)
        defects.append("boundary_missing")
        if not boundary:
            return []
    # Written in ASCII by RFC; what is not must have been read as something when it came in.
    delimiter = b"--" + boundary.encode("utf-8", "replace")
    source, end = part.source, part.end
    ranges: list[tuple[int, int]] = []
    opened = -1
    false_ones = 0
    position = part.start
    closed = False
    while True:
        at = source.find(delimiter, position, end)
        if at < 0:
            break
        if at > part.start and source[at - 1 : at] not in (b"\n", b"\r"):
            # Not at the beginning of a line: go on behind the next line end.
            position = source.find(b"\n", at, end) + 1
            if position <= 0:
                break
            false_ones += 1
            if false_ones > _MAX_FALSE_BOUNDARIES:
                defects.append("boundary_flood")
                break
            continue
        line_end = source.find(b"\n", at, end)
        line_end = end if line_end < 0 else line_end + 1
        rest = source[at + len(delimiter) : min(line_end, at + len(delimiter) + 100)].strip()
        if rest not in (b"", b"--"):
            position = line_end
            false_ones += 1
            if false_ones > _MAX_FALSE_BOUNDARIES:
                defects.append("boundary_flood")
                break
            continue
        if opened >= 0:
            ranges.append((opened, _before_line_end(source, opened, at)))
        opened = -1
        if rest == b"--":
            closed = True
            break
        if len(ranges) > most:
            break
        opened = line_end
        position = line_end
    if opened >= 0:
        ranges.append((opened, end))
    if ranges and not closed:
        defects.append("boundary_not_closed")
    if not ranges and not closed:
        defects.append("boundary_not_found")
    return ranges


def _first_delimiter(part: Part) -> str:
    found = re.compile(
        rb"(?:\A|\n)--([^\s-][^\r\n]{0,70}|-*=?_[^\r\n]{1,70}|-{2,}[^\r\n]{1,70})"
    ).search(part.source[part.start : min(part.end, part.start + 4_000)])
    return found[1].decode("latin-1").rstrip() if found else ""


def _before_line_end(source: bytes, start: int, at: int) -> int:
    """The line end before a delimiter belongs to the delimiter."""
    if at - 2 >= start and source[at - 2 : at] == b"\r\n":
        return at - 2
    return max(start, at - 1)


# --- content --------------------------------------------------------------------------------

_BASE64_ONLY = re.compile(rb"[A-Za-z0-9+/=\s]+\Z")


def content_of(part: Part, left: Remaining, defects: list[str]) -> bytes:
    """Content of a leaf, its transfer encoding undone; never raises."""
    size = part.end - part.start
    if size > left.content_bytes:
        defects.append("content_cut")
        size = max(left.content_bytes, 0)
    left.content_bytes -= size
    start, end = part.start, part.start + size
    encoding = part.encoding
    if encoding == "base64":
        if _is_not_base64(part.source[start : min(end, start + 600)]):
            defects.append("transfer_encoding_wrong")
            return part.source[start:end]
        return decode_base64(memoryview(part.source)[start:end])
    raw = part.source[start:end]
    if encoding in ("quoted-printable", "quoted_printable", "quotedprintable"):
        return binascii.a2b_qp(raw)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _uudecoded(raw, defects)
    if encoding not in ("", "7bit", "8bit", "binary", "7-bit", "8-bit"):
        defects.append("transfer_encoding_unknown")
    return raw


def _is_not_base64(sample: bytes) -> bool:
    """Words with spaces between them, or a tag: text that only says it is Base64."""
    stripped = sample.strip()
    if not stripped or _BASE64_ONLY.match(stripped):
        return stripped.count(b" ") > max(4, len(stripped) // 12)
    strange = len(re.findall(rb"[^A-Za-z0-9+/=\s]", stripped))
    return strange * 10 > len(stripped) or stripped.count(b" ") > max(4, len(stripped) // 12)


def _uudecoded(raw: bytes, defects: list[str]) -> bytes:
    out: list[bytes] = []
    inside = False
    for line in raw.splitlines():
        if not inside:
            inside = line.startswith(b"begin ")
            continue
        if line.strip() in (b"end", b"`", b""):
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Padding that some encoders add: take as many bytes as the line announces.
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                defects.append("uuencode_broken")
    if not inside:
        defects.append("transfer_encoding_wrong")
        return raw
    return b"".join(out)


def text_of_part(part: Part, left: Remaining, defects: list[str]) -> str:
    """Text of a text part: transfer encoding and charset undone, cut to the budget."""
    data = content_of(part, left, defects)
    most = (left.html_chars if part.content_type == "text/html" else left.text_chars) * 4
    if len(data) > most:
        data = data[:most]
        defects.append("text_cut")
    declared = part.parameters.get("charset", "")
    if part.content_type == "text/html" and not declared:
        declared = _meta_charset(data)
    text, slug = decode(data, declared)
    if slug is not None and not (slug == "charset_missing" and data.isascii()):
        defects.append(slug)
    return text


_META = re.compile(
    rb"<meta[^<>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE
)


def _meta_charset(data: bytes) -> str:
    found = _META.search(data, 0, 4_000)
    return found[1].decode("ascii") if found else ""

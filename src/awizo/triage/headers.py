"""Read header fields as mail programs write them, not as RFC 5322 wishes.

In:  the bytes of a header block.
Out: names with decoded values, parameters, addresses, ids, a date.

Pure; never raises. Encoded words (RFC 2047) are joined before decoding, so that a letter
split over two of them survives; parameters follow RFC 2231 with its continuations, and the
encoded words in quotes that many programs write instead.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from awizo.triage.charset import decode

_MAX_VALUE = 20_000  # characters of one field that are looked at

_ENCODED = re.compile(r"=\?([^?\s=]{1,60})\?([bBqQ])\?([^?]*)(?:\?=|$)")
_FOLD = re.compile(rb"\r{0,2}\n(?=[ \t])")
_LINE = re.compile(rb"\r{0,2}\n|\r")
_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]{1,200}[ \t]*\Z")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,900}>")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def decode_words(value: str) -> str:
    """Decode the encoded words of RFC 2047 in *value*; what is broken stays as it is."""
    if "=?" not in value:
        return value
    out: list[str] = []
    pending: list[tuple[str, str]] = []  # encoding and text of adjacent words of one charset
    charset = ""
    position = 0
    for found in _ENCODED.finditer(value):
        between = value[position : found.start()]
        here = found[1].partition("*")[0].lower()  # RFC 2231 section 5 adds "*language"
        if pending and (between.strip() or here != charset):
            out.append(decode(_bytes_of(pending), charset)[0])
            pending.clear()
            out.append(between if between.strip() else "")
        elif not pending:
            out.append(between)
        pending.append((found[2].lower(), found[3]))
        charset = here
        position = found.end()
    if pending:
        out.append(decode(_bytes_of(pending), charset)[0])
    out.append(value[position:])
    return "".join(out)


def _bytes_of(words: list[tuple[str, str]]) -> bytes:
    """Bytes of adjacent words; Base64 is joined first, for some programs cut it anywhere."""
    out: list[bytes] = []
    base64 = ""
    for encoding, text in words:
        if encoding == "b":
            base64 += text
            continue
        if base64:
            out.append(decode_base64(base64.encode("ascii", "ignore")))
            base64 = ""
        out.append(binascii.a2b_qp(text.encode("ascii", "ignore"), header=True))
    if base64:
        out.append(decode_base64(base64.encode("ascii", "ignore")))
    return b"".join(out)


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def decode_base64(data: bytes | memoryview) -> bytes:
    """Decode Base64 leniently: stray characters, missing and early padding are passed over."""
    try:
        decoded = binascii.a2b_base64(data)
    except binascii.Error:
        decoded = b""
    # The decoder stops at the first padding; some programs encode line by line.
    if len(decoded) * 4 >= len(data) * 3 * 0.93 - 12:
        return decoded
    pieces: list[bytes] = []
    for piece in bytes(data).split(b"="):
        letters = _NOT_BASE64.sub(b"", piece)
        if len(letters) % 4 == 1:
            letters = letters[:-1]
        if letters:
            pieces.append(binascii.a2b_base64(letters + b"=" * (-len(letters) % 4)))
    joined = b"".join(pieces)
    return joined if len(joined) > len(decoded) else decoded


def text_of(raw: bytes, charset: str = "") -> str:
    """Text of a field body as it stands: ASCII, or raw 8-bit in whatever charset it seems."""
    return raw.decode("ascii") if raw.isascii() else decode(raw, charset)[0]


def split_fields(block: bytes, *, limit: int) -> tuple[list[tuple[str, str]], list[str]]:
    """Split a header block into fields: lower-case name and unfolded raw text.

    Returns the fields and the slugs of what was odd. A line that is no field and does not
    continue one is passed over.
    """
    fields: list[tuple[str, str]] = []
    defects: list[str] = []
    for number, line in enumerate(_LINE.split(_FOLD.sub(b"", block))):
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.match(name):
            if line.strip() and not (number == 0 and line.startswith((b"From ", b">From "))):
                defects.append("header_broken")
            continue
        if len(fields) >= limit:
            defects.append("too_many_headers")
            break
        if len(value) > _MAX_VALUE:
            defects.append("header_cut")
            value = value[:_MAX_VALUE]
        if not value.isascii():
            defects.append("header_8bit")
        fields.append((name.rstrip().decode("ascii").lower(), text_of(value).strip()))
    return fields, defects


def clean(value: str) -> str:
    """A decoded field on one line without control characters."""
    if not value.isprintable():
        value = " ".join(_CONTROL.sub("", value).split())
    return value.strip()


# --- parameters -----------------------------------------------------------------------------


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Split ``type/subtype; name=value`` into the lower-case head and decoded parameters."""
    head, _, rest = value.partition(";")
    if not rest:
        return head.strip().lower(), {}
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for name, text, quoted in _raw_parameters(rest[:_MAX_VALUE]):
        base, star, tail = name.partition("*")
        if not star:
            if quoted or name not in plain:
                plain[name] = text
            continue
        extended = tail.endswith("*") or tail == ""
        section = tail.rstrip("*")
        if section and not (section.isascii() and section.isdigit() and len(section) < 4):
            continue
        pieces.setdefault(base, {}).setdefault(int(section or 0), (extended, text))
    parameters = {name: decode_words(text) for name, text in plain.items()}
    for base, sections in pieces.items():
        joined = _join_sections(sections)
        if joined:
            parameters[base] = joined
    return head.strip().lower(), parameters


def _raw_parameters(text: str) -> list[tuple[str, str, bool]]:
    out: list[tuple[str, str, bool]] = []
    position, end = 0, len(text)
    while position < end and len(out) < 100:
        equals = text.find("=", position)
        if equals < 0:
            break
        name = text[position:equals].rpartition(";")[2].strip().lower()
        position = equals + 1
        while position < end and text[position] in " \t":
            position += 1
        quoted = text[position : position + 1] == '"'
        close = _closing_quote(text, position + 1) if quoted else -1
        if close >= 0:
            value = text[position + 1 : close].replace('\\"', '"').replace("\\\\", "\\")
            position = text.find(";", close)
        else:
            stop = text.find(";", position)
            value = text[position : stop if stop >= 0 else end].strip().strip('"')
            position = stop
            quoted = False
        if name and len(name) <= 60:
            out.append((name, value, quoted))
        if position < 0:
            break
        position += 1
    return out


def _closing_quote(text: str, position: int) -> int:
    while True:
        position = text.find('"', position)
        if position < 0:
            return -1
        slashes = position - 1
        while slashes >= 0 and text[slashes] == "\\":
            slashes -= 1
        if (position - slashes) % 2 == 1:
            return position
        position += 1


def _join_sections(sections: dict[int, tuple[bool, str]]) -> str:
    """Put RFC 2231 continuations together; the charset stands in the first one."""
    charset = ""
    data = b""
    for number in sorted(sections):
        extended, text = sections[number]
        if extended and not data and text.count("'") >= 2:
            charset, _, rest = text.partition("'")
            text = rest.partition("'")[2]
        if extended:
            data += unquote_to_bytes(text)
        elif "=?" in text:
            data += decode_words(text).encode(charset or "utf-8", "ignore")
        else:
            data += text.encode("utf-8", "surrogateescape")
    return decode(data, charset)[0]


# --- addresses, ids, dates ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mailbox:
    address: str
    name: str


_ADDRESS_TOKEN = re.compile(
    r'"(?:[^"\\]++|\\.)*+"|\((?:[^()\\]++|\\.)*+\)|<[^<>]*+>|[,;]|:(?=\s|$|[^/])|[^"(<,;:]++|.',
    re.DOTALL,
)


def parse_addresses(value: str, *, limit: int = 200) -> tuple[Mailbox, ...]:
    """Mailboxes of an address field, decoded, groups flattened; what is no address is left."""
    boxes: list[Mailbox] = []
    name: list[str] = []
    angle = ""
    comment = ""

    def finish() -> None:
        nonlocal angle, comment
        words = "".join(name).strip()
        address = angle or (words if "@" in words and " " not in words else "")
        if not address and "@" in words:
            address = next((w for w in words.split() if "@" in w), "")
            words = words.replace(address, "").strip()
        if address:
            shown = words if words != address else comment
            boxes.append(
                Mailbox(clean(decode_words(address)), clean(decode_words(shown)).strip("'\""))
            )
        name.clear()
        angle = comment = ""

    for found in _ADDRESS_TOKEN.finditer(value[:_MAX_VALUE]):
        token = found[0]
        first = token[0]
        if token in (",", ";"):
            finish()
            if len(boxes) >= limit:
                break
        elif token == ":":
            if "@" in "".join(name):
                name.append(token)
            else:
                name.clear()  # the name of a group
        elif first == '"' and len(token) > 1:
            inner = re.sub(r"\\(.)", r"\1", token[1:-1])
            after = value[found.end() : found.end() + 1]
            name.append(token if after == "@" else inner)
        elif first == "(" and len(token) > 1:
            comment = comment or token[1:-1].strip()
        elif first == "<" and len(token) > 1:
            angle = angle or token[1:-1].strip()
        else:
            name.append(token)
    if len(boxes) < limit:
        finish()
    return tuple(boxes)


def message_ids(value: str, *, limit: int = 200) -> tuple[str, ...]:
    """Message ids in *value*, each with its brackets; a bare one gets them."""
    found = _MESSAGE_ID.findall(value)[:limit]
    if found:
        return tuple(found)
    bare = value.split()
    return (f"<{bare[0]}>",) if bare and "@" in bare[0] and "<" not in bare[0] else ()


def parse_date(value: str) -> datetime | None:
    """The Date field as UTC, ``None`` when it is none."""
    try:
        moment = parsedate_to_datetime(value[:120])
        if moment.tzinfo is None:  # "-0000": the zone is not known (RFC 5322 section 3.3)
            return moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None

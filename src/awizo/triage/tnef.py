"""Read what Outlook packs into winmail.dat.

In:  the bytes of a TNEF stream.
Out: its attachments with their names, and the body text if there is one.

Pure; never raises; linear. Only what a reader sees is taken: names and data of attachments,
the plain or HTML body. Source: [MS-OXTNEF] sections 2.1.3 (attributes) and 2.1.3.4
(property lists).
"""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass, field

SIGNATURE = 0x223E9F78

_LEVEL_MESSAGE, _LEVEL_ATTACHMENT = 1, 2
_ATT_BODY = 0x0002800C
_ATT_MESSAGE_PROPERTIES = 0x00069003
_ATT_CODEPAGE = 0x00069007
_ATT_RENDER_DATA = 0x00069002  # begins a new attachment
_ATT_DATA = 0x0006800F
_ATT_TITLE = 0x00018010
_ATT_ATTACHMENT_PROPERTIES = 0x00069005

_PID_LONG_NAME = 0x3707
_PID_DISPLAY_NAME = 0x3001
_PID_MIME_TAG = 0x370E
_PID_DATA = 0x3701
_PID_BODY = 0x1000
_PID_BODY_HTML = 0x1013

_FIXED_SIZE = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 0xA: 4, 0xB: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_TEXT, _UNICODE, _BINARY, _OBJECT = 0x1E, 0x1F, 0x102, 0xD
_MULTIPLE = 0x1000
_MAX_VALUES = 10_000
_MAX_ATTACHMENTS = 200


@dataclass(slots=True)
class Packed:
    """One attachment of a TNEF stream."""

    name: str = ""
    content_type: str = ""
    data: bytes = b""


@dataclass(slots=True)
class Tnef:
    """What a TNEF stream holds; ``damaged`` when it broke off."""

    attachments: list[Packed] = field(default_factory=list)
    text: str = ""
    html: str = ""
    damaged: bool = False


class _Broken(Exception):
    """The stream ends early or contradicts itself."""


def read_tnef(data: bytes) -> Tnef | None:
    """Return what *data* holds, ``None`` when it is no TNEF stream."""
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != SIGNATURE:
        return None
    found = Tnef()
    try:
        _read_attributes(data, found)
    except (_Broken, struct.error):
        found.damaged = True
    found.attachments = [a for a in found.attachments if a.data or a.name]
    return found


def _read_attributes(data: bytes, found: Tnef) -> None:
    codepage = "cp1252"
    position = 6  # behind signature and key
    while position + 9 <= len(data):
        level, attribute, size = struct.unpack_from("<BII", data, position)
        start = position + 9
        if level not in (_LEVEL_MESSAGE, _LEVEL_ATTACHMENT) or start + size > len(data):
            raise _Broken
        value = data[start : start + size]
        position = start + size + 2  # a checksum follows, which senders get wrong
        if attribute == _ATT_CODEPAGE and size >= 4:
            codepage = f"cp{struct.unpack_from('<I', value)[0]}"
        elif attribute == _ATT_BODY:
            found.text = _text(value, codepage)
        elif attribute == _ATT_MESSAGE_PROPERTIES:
            for tag, raw in _properties(value):
                if tag == _PID_BODY:
                    found.text = found.text or _text(raw, codepage)
                elif tag == _PID_BODY_HTML:
                    found.html = found.html or _text(raw, codepage)
        elif attribute == _ATT_RENDER_DATA:
            if len(found.attachments) >= _MAX_ATTACHMENTS:
                raise _Broken
            found.attachments.append(Packed())
        elif level == _LEVEL_ATTACHMENT and found.attachments:
            _read_attachment(found.attachments[-1], attribute, value, codepage)
    if position < len(data):
        raise _Broken


def _read_attachment(packed: Packed, attribute: int, value: bytes, codepage: str) -> None:
    if attribute == _ATT_DATA:
        packed.data = value
    elif attribute == _ATT_TITLE:
        packed.name = packed.name or _text(value, codepage)
    elif attribute == _ATT_ATTACHMENT_PROPERTIES:
        for tag, raw in _properties(value):
            if tag == _PID_LONG_NAME:
                packed.name = _text(raw, codepage) or packed.name
            elif tag == _PID_DISPLAY_NAME:
                packed.name = packed.name or _text(raw, codepage)
            elif tag == _PID_MIME_TAG:
                packed.content_type = _text(raw, codepage).lower()
            elif tag == _PID_DATA and not packed.data:
                packed.data = raw if isinstance(raw, bytes) else b""


def _text(raw: bytes | str, codepage: str) -> str:
    if isinstance(raw, str):
        return raw.rstrip("\x00")
    try:
        return raw.rstrip(b"\x00").decode(codepage, "replace")
    except LookupError:
        return raw.rstrip(b"\x00").decode("cp1252", "replace")


def _properties(data: bytes) -> list[tuple[int, bytes | str]]:
    """Identifiers with values of a property list, as far as it can be read."""
    out: list[tuple[int, bytes | str]] = []
    with suppress(_Broken, struct.error):  # what was read before is worth having
        _read_properties(data, out)
    return out


def _read_properties(data: bytes, out: list[tuple[int, bytes | str]]) -> None:
    (count,) = struct.unpack_from("<I", data)
    position = 4
    for _ in range(min(count, _MAX_VALUES)):
        kind, tag = struct.unpack_from("<HH", data, position)
        position += 4
        if tag >= 0x8000:  # a named property
            position += 16
            by_name, size = struct.unpack_from("<II", data, position)
            position += 8
            if by_name:
                position += _padded(size)
        base = kind & ~_MULTIPLE
        values = 1
        if kind & _MULTIPLE or base in (_TEXT, _UNICODE, _BINARY, _OBJECT):
            (values,) = struct.unpack_from("<I", data, position)
            position += 4
        if values > _MAX_VALUES:
            raise _Broken
        for _ in range(values):
            if position > len(data):
                raise _Broken
            if base in _FIXED_SIZE:
                position += _FIXED_SIZE[base]
                continue
            if base not in (_TEXT, _UNICODE, _BINARY, _OBJECT):
                raise _Broken
            (size,) = struct.unpack_from("<I", data, position)
            position += 4
            if position + size > len(data):
                raise _Broken
            raw = data[position : position + size]
            position += _padded(size)
            if base == _OBJECT:
                raw = raw[16:]  # behind the interface identifier
            out.append((tag, raw.decode("utf-16-le", "replace") if base == _UNICODE else raw))


def _padded(size: int) -> int:
    return (size + 3) & ~3

"""Frames on the pipes between the inspector and its helpers.

A frame is a JSON object and a payload of bytes, each after its length:
``>IQ`` (header bytes, payload bytes), header, payload.

The helper runs this file's module without the rest of Awizo, so it uses the standard library
alone.
"""

from __future__ import annotations

import json
import struct
from typing import Any

LENGTHS = struct.Struct(">IQ")


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """One frame, ready for the pipe."""
    words = json.dumps(header).encode()
    return LENGTHS.pack(len(words), len(payload)) + words + payload


def lengths(head: bytes) -> tuple[int, int]:
    """Header and payload length from the first ``LENGTHS.size`` bytes."""
    header, payload = LENGTHS.unpack(head)
    return header, payload


def header_of(words: bytes) -> dict[str, Any]:
    """The JSON object of a frame. Raises ValueError when it is none."""
    try:
        header = json.loads(words)
    except RecursionError:
        raise ValueError("a frame's header is nested too deeply") from None
    if not isinstance(header, dict):
        raise ValueError("a frame's header must be an object")  # noqa: TRY004 - one error for callers
    return header

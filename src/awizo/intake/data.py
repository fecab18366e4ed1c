"""Find the end of a message in the bytes behind DATA, and give its content.

In:  chunks as they come from the socket, cut anywhere.
Out: the content (stuffed dots removed, line ends as decided), whether the end was found, and
     the bytes behind it, which are the next command.

Pure: no I/O, no clock. The result depends on the bytes alone, never on where they were cut.

Only CR LF . CR LF ends a message (RFC 5321 section 4.1.1.4); a dot with a bare CR or LF beside
it never does, so nobody can hide a second message in a first. Bare line ends are treated as
Postfix 3.9 does by default (``smtpd_forbid_bare_newline = normalize`` and
``cleanup_replace_stray_cr_lf = yes``): a bare LF is taken for the CR LF it was meant to be, CRs
in front of a line end are dropped, any other CR becomes a space. Every other byte, NUL included,
passes unchanged.

No work is done for each line: a clean chunk is searched and counted a few times by C code. Only
a chunk with bare line ends goes through a regular expression, which is linear.
"""

from __future__ import annotations

import re
from typing import Literal

import re2

CRLF = b"\r\n"
END = b"\r\n.\r\n"
DOT_LINE = b"\r\n."

# re2 searches for these several times as fast as bytes.find and bytes.count.
_LATIN = re2.Options()
_LATIN.encoding = re2.Options.Encoding.LATIN1
_LATIN.never_capture = True
_DOT_LINE = re2.compile(rb"\r\n\.", _LATIN)
_BARE_CR = re2.compile(rb"\r[^\n]", _LATIN)
_ODD = re2.compile(rb"\r(?:[^\n]|\n\.)", _LATIN)  # either of both

# A run of CRs with the LF and the leading dot behind it, or a bare LF with its dot.
# Possessive, and each match takes the whole run: linear whatever the bytes.
_LINE_END = re.compile(rb"\r++(?:\n\.?)?|\n\.?")

BareLineEnds = Literal["normalize", "reject"]


class Framer:
    """Takes the bytes behind DATA, gives the content of the message.

    Attributes:
        ended: CR LF . CR LF was found.
        rest: Bytes behind the end.
        bare: Bare line ends were seen; with ``reject`` nothing more is given then.
        line_too_long: A line had more than *max_line_bytes*, its line end not counted.
    """

    __slots__ = (
        "_after_bare_lf",
        "_at_start",
        "_carry",
        "_crs",
        "_line_bytes",
        "_max_line_bytes",
        "_normalize",
        "bare",
        "ended",
        "line_too_long",
        "rest",
    )

    def __init__(self, *, bare_line_ends: BareLineEnds, max_line_bytes: int) -> None:
        self.ended = False
        self.rest = b""
        self.bare = False
        self.line_too_long = False
        self._normalize = bare_line_ends == "normalize"
        self._max_line_bytes = max_line_bytes
        # What may turn out to be part of the end waits here. It begins with the line end of
        # the DATA command, for a dot right behind that counts; it is taken off again below.
        self._carry = CRLF
        self._at_start = True
        self._crs = 0  # further CRs in front of the carry; they wait as a number, may be many
        self._after_bare_lf = False  # what was given last ended with a bare LF
        self._line_bytes = 0  # of the line that is still open

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk; returns the content that is certain by now, maybe none of it."""
        if self.ended:
            raise ValueError("the message has ended; what follows is in rest")
        data = self._carry + chunk
        odd = _ODD.search(data)
        end = -1
        if odd is not None:
            if data.startswith(END, odd.start()):
                end, odd = odd.start(), None
            elif (dot := _DOT_LINE.search(data)) is not None:
                end = data.find(END, dot.start())
        if end >= 0:
            self.ended = True
            self.rest = data[end + len(END) :]
            self._carry = b""
            piece = data[: end + len(CRLF)]
        else:
            cut = len(data) - _possible_end(data)
            self._carry = data[cut:]
            piece = data[:cut]
            # A run of CRs is judged by what stands behind it, however it was cut.
            kept = piece.rstrip(b"\r")
            if not kept:
                self._crs += len(piece)
                return b""
            if self._crs or len(kept) < len(piece):
                piece, waiting = b"\r" * self._crs + kept, len(piece) - len(kept)
                self._crs = waiting
                return self._given(piece, maybe_odd=True)
        if self._crs:
            piece = b"\r" * self._crs + piece
            self._crs = 0
            return self._given(piece, maybe_odd=True)
        return self._given(piece, maybe_odd=odd is not None)

    def _given(self, piece: bytes, *, maybe_odd: bool) -> bytes:
        # Without a bare CR, and with as many LFs as CRs, there is no bare LF either.
        clean = not maybe_odd or _BARE_CR.search(piece) is None
        if clean and not self._after_bare_lf and piece.count(b"\n") == piece.count(b"\r"):
            if maybe_odd:
                piece = piece.replace(DOT_LINE, CRLF)
        else:
            self.bare = True
            piece = self._mended(piece)
        if self.bare and not self._normalize:
            return b""
        self._measure(piece)
        if self._at_start:
            self._at_start = False
            return piece[len(CRLF) :]
        return piece

    def _mended(self, piece: bytes) -> bytes:
        if self._after_bare_lf and piece.startswith(b"."):
            piece = piece[1:]
        # A bare LF at the very end: the dot it may stuff comes with the next chunk. (A CR LF
        # at the very end would wait in the carry, or belong to the end of the message.)
        self._after_bare_lf = piece.endswith(b"\n") and not self.ended
        return _LINE_END.sub(_one_line_end, piece)

    def _measure(self, piece: bytes) -> None:
        first = piece.find(CRLF)
        if first < 0:
            longest = self._line_bytes = self._line_bytes + len(piece)
        else:
            last = piece.rfind(CRLF)
            longest = max(self._line_bytes + first, len(piece) - last - len(CRLF))
            self._line_bytes = len(piece) - last - len(CRLF)
            if last - first > self._max_line_bytes:  # else no line in between can be too long
                longest = max(longest, *map(len, piece[first:last].split(CRLF)))
        if longest > self._max_line_bytes:
            self.line_too_long = True


def _possible_end(data: bytes) -> int:
    """How many bytes at the end of *data* may be the beginning of the end of the message."""
    for length in (4, 3, 2, 1):
        if data.endswith(END[:length]):
            return length
    return 0


def _one_line_end(match: re.Match[bytes]) -> bytes:
    found = match[0]
    return CRLF if b"\n" in found else b" " * len(found)


# --- the header, seen from outside --------------------------------------------------------------

HEADER_END = b"\r\n\r\n"
_MESSAGE_ID = re.compile(rb"^message-id[ \t]*:((?:[^\r\n]|\r\n[ \t])*)", re.I | re.M)
_ANGLE = re.compile(rb"<[^<>\x00-\x20\x7f]{1,990}>")
_RECEIVED = re.compile(rb"^received[ \t]*:", re.I | re.M)
_NO_HEADER_LINE = re.compile(rb"^(?![!-9;-~]+[ \t]*:|[ \t])", re.M)


class Head:
    """The header of a message while it arrives, without parsing it.

    Attributes:
        content: Header with its last line end, as far as it has arrived; bounded.
        too_long: The header has more than *max_bytes*.
        whole: The blank line at its end has been seen.
    """

    __slots__ = ("_complete", "_max_bytes", "content", "too_long", "whole")

    def __init__(self, *, max_bytes: int) -> None:
        self.content = bytearray()
        self.too_long = False
        self.whole = False
        self._complete = False
        self._max_bytes = max_bytes

    def take(self, piece: bytes) -> None:
        """Take a piece of content; those behind the header cost nothing."""
        if self._complete or not piece:
            return
        content = self.content
        searched = max(len(content) - len(HEADER_END), 0)
        # A few bytes more than allowed show that it is too long; the rest is not needed.
        content += piece[: self._max_bytes + len(HEADER_END) - len(content)]
        if content.startswith(CRLF):
            content.clear()
            self._complete = self.whole = True
            return
        end = content.find(HEADER_END, searched)
        if end >= 0:
            del content[end + len(CRLF) :]
            self._complete = self.whole = True
        if len(content) > self._max_bytes:
            self._complete = True
            self.whole = False
            # A text without any header has no end of a header either.
            odd = _NO_HEADER_LINE.search(content)
            begins = odd.start() if odd else len(content)
            self.too_long = begins > self._max_bytes
            del content[begins:]

    def message_id(self) -> str | None:
        """The first Message-ID with its brackets, ``None`` without one."""
        field = _MESSAGE_ID.search(self.content)
        found = _ANGLE.search(field[1]) if field else None
        return found[0].decode("utf-8", "replace") if found else None

    def hops(self) -> int:
        """How many Received fields it has."""
        return len(_RECEIVED.findall(self.content))

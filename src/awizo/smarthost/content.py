"""Send a mail's content unchanged, and prove that it was.

In:  pieces of content, cut anywhere.
Out: the same as it goes over the wire: dots stuffed (RFC 5321 section 4.5.2), the final dot.

Pure but for the reading. The digest is taken of the pieces that were handed out for writing,
stuffed dots taken off again, and must be that of the accepted message before the final dot goes.
A content that is kept in memory is digested before its transaction begins, and every piece that
is handed out is then compared with what was.

*Unchanged* has one edge: SMTP cannot carry a last line without its CR LF. Where a content has
none (none that came in by SMTP) one is sent behind it, which is not counted in the digest.

Whatever a lenient server might take for the end of a mail is never sent: a bare CR or LF (intake
has mended or refused those, so one that is met here did not come by intake), and a dot alone on a
line but for NULs, which some servers drop. Sent on, it would let the rest of the mail speak SMTP
in our name. Such a mail is held before its transaction begins.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Callable

import re2

from awizo.errors import PermanentFailure
from awizo.model import ContentFacts, SpooledMessage

CRLF = b"\r\n"
FINAL_DOT = b".\r\n"
KEEP_BYTES = 1_048_576  # what is smaller is read once, not twice

Read = Callable[[], AsyncIterator[bytes]]

# re2 searches for these several times as fast as bytes.find and bytes.count.
_LATIN = re2.Options()
_LATIN.encoding = re2.Options.Encoding.LATIN1
_LATIN.never_capture = True
_BARE_CR = re2.compile(rb"\r[^\n]", _LATIN)
_DOT_LINE = re2.compile(rb"\r\n\.", _LATIN)

# Lines that are a dot and NULs, and begin with NUL: a dot at the beginning would be stuffed.
_DOT_IN_NULS = re.compile(rb"(?:\A|\r\n)\x00++\.\x00*+\r\n")
_MAX_ODD_LINE_BYTES = 65_536  # how much of a line of NULs is kept for that search

HEADER_END = b"\r\n\r\n"


class Stuffing:
    """Content in, wire out. Raises PermanentFailure ``content_unsafe`` where it is met.

    Args:
        proven: The digest of all of it, where it was found to be safe and was in memory since.
    """

    __slots__ = ("_at_line_start", "_digest", "_held", "_odd", "_proven")

    def __init__(self, *, proven: str | None = None) -> None:
        self._proven = proven
        self._held = b""  # a CR at the end of a piece waits for its LF
        self._at_line_start = True
        self._odd = b""  # the open line, as long as it may become a dot among NULs
        self._digest = hashlib.sha256()

    def feed(self, chunk: bytes) -> bytes:
        """Take a piece of content, give what may be written."""
        at_line_start = self._at_line_start
        piece = self.check(chunk)
        wire = piece.replace(b"\r\n.", b"\r\n..") if _has_dot_line(piece) else piece
        if at_line_start and wire.startswith(b"."):
            wire = b"." + wire
        if self._proven is None or wire is not piece:
            self._count(piece, wire, at_line_start)
        return wire

    def check(self, chunk: bytes) -> bytes:
        """Take a piece of content; returns it without what waits for the next one."""
        piece = self._held + chunk if self._held else chunk
        self._held = b""
        if piece.endswith(b"\r"):
            self._held = b"\r"
            piece = piece[:-1]
        if piece:
            if self._proven is None:
                self._refuse_unsafe(piece)
            self._at_line_start = piece.endswith(CRLF)
        return piece

    def end(self) -> bytes:
        """The final dot, behind a line end where the content has none."""
        if self._held:
            raise _unsafe("a bare CR at the end")
        if self._odd.strip(b"\0") == b".":
            raise _unsafe("a dot among NULs")
        return FINAL_DOT if self._at_line_start else CRLF + FINAL_DOT

    @property
    def sha256(self) -> str:
        """Hex digest of what was given out, as a reader unstuffs it."""
        return self._digest.hexdigest() if self._proven is None else self._proven

    def _count(self, piece: bytes, wire: bytes, at_line_start: bool) -> None:
        """Take the digest of the very bytes that are given out, unstuffed anew; or compare them
        with the piece, where that of all pieces is known."""
        if at_line_start and wire.startswith(b"."):
            wire = wire[1:]
        unstuffed = wire.replace(b"\r\n.", CRLF) if _has_dot_line(wire) else wire
        if self._proven is None:
            self._digest.update(unstuffed)
        elif unstuffed != piece:
            raise damaged()

    def _refuse_unsafe(self, piece: bytes) -> None:
        # Without a bare CR, and with as many LFs as CRs, there is no bare LF either.
        if (
            piece.endswith(b"\r")
            or _BARE_CR.search(piece) is not None
            or piece.count(b"\n") != piece.count(b"\r")
        ):
            raise _unsafe("a bare line end")
        if b"\0" not in piece and not self._odd:
            return
        lines = self._odd + piece if self._odd or self._at_line_start else b"x" + piece
        if _DOT_IN_NULS.search(lines):
            raise _unsafe("a dot among NULs")
        open_line = lines[lines.rfind(CRLF) + len(CRLF) if CRLF in lines else 0 :]
        if open_line.startswith(b"\0") and not open_line.strip(b"\0").strip(b"."):
            if len(open_line) > _MAX_ODD_LINE_BYTES:
                raise _unsafe("a line of NULs")
            self._odd = open_line
        else:
            self._odd = b""


def _has_dot_line(piece: bytes) -> bool:
    return _DOT_LINE.search(piece) is not None


def damaged() -> PermanentFailure:
    """What is to be raised for a content that is not what was accepted."""
    return PermanentFailure("content_damaged", "its digest is another one now")


def _unsafe(words: str) -> PermanentFailure:
    return PermanentFailure(
        "content_unsafe", f"{words}: a lenient server could take it for the end of the mail"
    )


class Content:
    """The bytes of a message, readable again and again; small ones are kept.

    Attributes:
        proven_sha256: The digest of what is kept, once :meth:`facts` has found it to be what was
            accepted, and safe; else ``None``.
    """

    def __init__(self, read: Read, size_bytes: int) -> None:
        self._read = read
        self._keep = size_bytes <= KEEP_BYTES
        self._kept: list[bytes] | None = None
        self.proven_sha256: str | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        if self._kept is not None:
            for chunk in self._kept:
                yield chunk
            return
        kept: list[bytes] = []
        async for chunk in self._read():
            if self._keep:
                kept.append(chunk)
            yield chunk
        if self._keep:
            self._kept = kept

    async def facts(self, message: SpooledMessage) -> ContentFacts:
        """Learn what is to be known before any of it is sent.

        What intake has framed is safe as long as it is the same; anything else, and what is too
        large to be kept, is read through.

        Raises:
            PermanentFailure: ``content_unsafe``, ``content_damaged``.
            NotFound: It is no longer kept.
        """
        known = message.facts if self._keep else None
        looking, digest = _Looking(), hashlib.sha256()
        async for chunk in self.chunks():
            if known is None:
                looking.take(chunk)
            if self._keep:
                digest.update(chunk)
        facts = looking.end() if known is None else known
        if self._keep:
            if digest.hexdigest() != message.sha256:
                raise damaged()
            self.proven_sha256 = message.sha256
        return facts


class _Looking:
    """Reads a content through: whether it is safe, and where it has bytes beyond ASCII."""

    def __init__(self) -> None:
        self._eight_bit = self._eight_bit_header = False
        self._stuffing = Stuffing()
        self._in_header, self._tail = True, CRLF

    def take(self, chunk: bytes) -> None:
        self._stuffing.check(chunk)
        self._eight_bit = self._eight_bit or not chunk.isascii()
        if self._in_header:
            seen = self._tail + chunk
            end = seen.find(HEADER_END)
            self._in_header = end < 0
            head = seen if self._in_header else seen[:end]
            self._eight_bit_header = self._eight_bit_header or not head.isascii()
            self._tail = seen[-len(HEADER_END) + 1 :]

    def end(self) -> ContentFacts:
        self._stuffing.end()
        return ContentFacts(self._eight_bit, self._eight_bit_header)

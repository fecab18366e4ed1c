"""The helper process: reads PDF files that nobody vouches for.

In:  frames on stdin: ``{"ask": "text", …}`` or ``{"ask": "shrink", …}`` with the file's bytes.
Out: frames on stdout: what was found, or the smaller file.

Started by ``pool.py`` as a program of its own. It has no settings, no secrets in its
environment, may write no file, and lives under limits on memory, processor time and core
dumps. When its parent dies it gets SIGKILL (Linux) and end of file on its pipe. Whatever goes
wrong inside costs this process; the parent starts another.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import math
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pypdfium2

if TYPE_CHECKING:
    import awizo.documents.frames as frames
else:  # run as a program: only the file next to this one, nothing else of Awizo
    sys.path.append(str(Path(__file__).resolve().parent))
    import frames

    sys.path.pop()

PR_SET_PDEATHSIG = 1  # linux/prctl.h
MAX_TEXT_CHARS = 200_000
MAX_OPEN_FILES = 64


def main() -> None:
    parent, memory_bytes = int(sys.argv[1]), int(sys.argv[2])
    _die_with(parent)
    _limit(memory_bytes)
    # Libraries that print must not break our frames: stdout becomes stderr for them.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    questions = os.fdopen(0, "rb")
    answers.write(frames.pack({"ready": True}))
    while (asked := _read_frame(questions)) is not None:
        header, content = asked
        _allow_seconds(float(header["seconds"]))
        try:
            answer, payload = _answer(header, content)
        except MemoryError:
            os._exit(70)
        answer["rss_bytes"] = _resident_bytes()
        _write_all(answers, frames.pack(answer, payload))


def _resident_bytes() -> int:
    """Memory that this process holds now. ``ru_maxrss`` would count the parent's at the fork."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


def _die_with(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))
    with contextlib.suppress(ValueError, OSError):  # macOS has no working RLIMIT_AS
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _allow_seconds(seconds: float) -> None:
    """Processor time for the next file; the parent measures the wall clock."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _read_frame(source: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    head = source.read(frames.LENGTHS.size)
    if len(head) < frames.LENGTHS.size:
        return None
    header_bytes, payload_bytes = frames.lengths(head)
    header = frames.header_of(source.read(header_bytes))
    return header, source.read(payload_bytes)


def _write_all(target: Any, frame: bytes) -> None:
    view = memoryview(frame)
    while view:
        view = view[target.write(view) :]


def _answer(header: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
    if header["ask"] == "text":
        return read_text(content, int(header["max_pages"]), float(header["seconds"])), b""
    smaller = shrink(content, int(header["max_bytes"]))
    return {"done": smaller is not None}, smaller or b""


def read_text(content: bytes, max_pages: int, seconds: float) -> dict[str, Any]:
    """Text of the first pages.

    Returns:
        ``state`` (``ok``, ``encrypted``, ``empty``, ``damaged``), ``text``, ``pages`` (of the
        whole file) and ``cut`` (not all of it was read).
    """
    stop_at = time.monotonic() + seconds / 2
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        wants_password = getattr(error, "err_code", None) == pypdfium2.raw.FPDF_ERR_PASSWORD
        return {"state": "encrypted" if wants_password else "damaged"}
    pages = len(document)
    if pages == 0:
        return {"state": "empty", "pages": 0}
    texts: list[str] = []
    chars, bare, broken = 0, True, 0
    read = 0
    for index in range(min(pages, max_pages)):
        if index and (chars > MAX_TEXT_CHARS or time.monotonic() > stop_at):
            break
        read += 1
        try:
            page = document[index]
            text = page.get_textpage().get_text_range()
        except pypdfium2.PdfiumError:
            broken += 1
            continue
        texts.append(text[:MAX_TEXT_CHARS])
        chars += len(text)
        if bare and (text.strip() or next(page.get_objects(max_depth=1), None) is not None):
            bare = False
    document.close()
    if broken == read:
        return {"state": "damaged", "pages": pages}
    joined = "\n".join(texts).replace("\r\n", "\n").replace("\r", "\n")
    return {
        "state": "empty" if bare else "ok",
        "text": joined[:MAX_TEXT_CHARS].encode("utf-8", "replace").decode(),
        "pages": pages,
        "cut": read < pages,
    }


def shrink(content: bytes, max_bytes: int) -> bytes | None:
    """The same pages in a smaller file, or ``None`` when that does not get below *max_bytes*.

    Nothing that a reader sees changes: unused objects go, equal pictures are kept once,
    streams are packed anew, and only if that is not enough metadata and previews go too.
    A signed file is left alone: its signature covers its bytes.
    """
    import pikepdf

    if b"/ByteRange" in content:
        return None
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            _share_equal_streams(pdf)
            smaller = _saved(pdf)
            if len(smaller) > max_bytes:
                for key in ("/Metadata", "/PieceInfo"):
                    if key in pdf.Root:
                        del pdf.Root[key]
                for page in pdf.pages:
                    for key in ("/Thumb", "/PieceInfo", "/Metadata"):
                        if key in page.obj:
                            del page.obj[key]
                smaller = _saved(pdf)
    except (pikepdf.PdfError, ValueError, RuntimeError):
        return None
    return smaller if len(smaller) <= max_bytes else None


def _saved(pdf: Any) -> bytes:
    import pikepdf

    out = io.BytesIO()
    pikepdf.settings.set_flate_compression_level(9)
    pdf.remove_unreferenced_resources()
    pdf.save(
        out,
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
        compress_streams=True,
        recompress_flate=True,
        stream_decode_level=pikepdf.StreamDecodeLevel.generalized,
    )
    return out.getvalue()


def _share_equal_streams(pdf: Any) -> None:
    """Let equal pictures of all pages be one object."""
    import pikepdf

    first: dict[tuple[bytes, bytes], Any] = {}
    for page in pdf.pages:
        resources = page.obj.get("/Resources")
        entries = None if resources is None else resources.get("/XObject")
        if entries is None:
            continue
        for name in list(entries.keys()):
            entry = entries[name]
            if not isinstance(entry, pikepdf.Stream) or not entry.is_indirect:
                continue
            described = {key: value for key, value in entry.items() if key != "/Length"}
            if described.get("/Subtype") != pikepdf.Name.Image or any(
                getattr(value, "is_indirect", False) for value in described.values()
            ):
                continue  # what another object describes cannot be compared by its own words
            key = (entry.read_raw_bytes(), repr(sorted(described.items())).encode())
            entries[name] = first.setdefault(key, entry)


if __name__ == "__main__":
    main()

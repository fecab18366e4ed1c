"""Keep the content of a message that is arriving: little in memory, much on disk.

In:  pieces of content.
Out: a file to read it from, its size and its digest.

What does not fit in memory goes to a file without a name in *folder*: it is gone with the
process, whatever ends that. The folder is on the store's disk, for ``/tmp`` is often memory; so
the store can give the file a name in place of a copy.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
from pathlib import Path
from typing import IO, BinaryIO, cast


class Body:
    """Content on its way into the spool.

    Attributes:
        failure: Why the disk took no more, else ``None``. Pieces are dropped from then on.
    """

    __slots__ = ("_digest", "_file", "_folder", "_memory_bytes", "failure", "size_bytes")

    def __init__(self, *, memory_bytes: int, folder: Path | None) -> None:
        self.size_bytes = 0
        self.failure: OSError | None = None
        self._digest = hashlib.sha256()
        self._file: IO[bytes] = io.BytesIO()
        self._memory_bytes = memory_bytes
        self._folder = folder

    def write(self, piece: bytes) -> None:
        self.size_bytes += len(piece)
        if self.failure is not None:
            return
        self._digest.update(piece)
        try:
            if self.size_bytes > self._memory_bytes and isinstance(self._file, io.BytesIO):
                self._move_to_disk()
            self._file.write(piece)
        except OSError as error:
            self.failure = error
            self.drop()

    def _move_to_disk(self) -> None:
        in_memory = cast(io.BytesIO, self._file)
        self._file = _nameless_file(self._folder)
        self._file.write(in_memory.getvalue())

    @property
    def on_disk(self) -> bool:
        return not isinstance(self._file, io.BytesIO)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def file(self) -> BinaryIO:
        """The content, from its start. Raises OSError when the disk did not take its end."""
        self._file.seek(0)
        return cast(BinaryIO, self._file)

    def drop(self) -> None:
        self._file.close()


def _nameless_file(folder: Path | None) -> IO[bytes]:
    """A file that may be given a name; on file systems that know no such, one that may not."""
    if folder is not None and hasattr(os, "O_TMPFILE"):
        with contextlib.suppress(OSError):
            flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
            return os.fdopen(os.open(folder, flags, 0o600), "w+b")
    return tempfile.TemporaryFile(dir=folder)

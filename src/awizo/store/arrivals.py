"""Accepted messages in a file of the process that took them, until the database has them.

In:  messages as one row each; how far the database has taken them in.
Out: the same rows, durable before they are answered; read back in order by whoever takes them
     in, in this process or another.

Each process that takes mail for an SQLite database has one such file beside it. It is made once,
full of zeros, and written round and round: a batch is one write and one sync of blocks that are
there already, no lock is waited for and no other process's pages are read again. The database
tells how far it has come (table ``arrivals``), in the same transaction that takes messages in, so
each is taken in once. Only what lies before that place is written over.

A record tells its own place in the endless row of all that was ever written there, and a checksum
over everything: what a crash left half, and what stood there a round before, is none, and ends
what is read. Where the file is full, fails or has been shut, messages go into the database itself.

A file belongs to one life of one process: it gets its name when it is whole and locked, and
nobody adds to it once the lock is gone. Numbers in it are little-endian.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from awizo.store.content_files import sync_folder

log = structlog.get_logger()

RING_BYTES = 16 * 1024 * 1024
HEADER_BYTES = 4096
MAGIC = b"Awizo arrivals 1"
OPEN, SHUT = 0o600, 0o400  # a file that its owner may not write to any more is to be let go
UNFINISHED = ".new"  # ends the name of a file that is just being made
READ_BYTES = 65_536
MOST_PIECES = 1000  # of one write; Linux takes 1024
MARK = b"mail"
NAME = re.compile(r"[0-9a-f]{16}")
NO_CONTENT = 0xFFFF_FFFF
FILL_BYTES = 1024 * 1024

_HEADER = struct.Struct("<16sQ")  # MAGIC, bytes of the ring
_RECORD = struct.Struct("<4sQHII")  # MARK, place, bytes of id, record and content
_CHECKSUM = struct.Struct("<I")
_HEAD_BYTES = _RECORD.size + _CHECKSUM.size

Written = tuple[str, str, bytes | None]
"""A message: id, record (JSON, see inbox.py), content unless it lies in a file."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that waits in a file; ``ends`` is the place behind it."""

    id: str
    record: str
    content: bytes | None
    ends: int


def _seed(path: Path) -> int:
    """What the checksums of a file begin with: its name, which nobody can guess, so that no mail
    can hold what would be taken for a record."""
    return zlib.crc32(path.name.encode())


class Ring:
    """The records behind the header of a file, addressed by places that only grow.

    Args:
        seed: What the checksums begin with, see :func:`_seed`.
    """

    def __init__(self, descriptor: int, size_bytes: int, seed: int) -> None:
        self._descriptor = descriptor
        self._seed = seed
        self.size_bytes = size_bytes

    def packed(self, message: Written, place: int) -> list[bytes]:
        """A record, in pieces, the first of them its head: a content is not copied for it."""
        name, record, content = message[0].encode(), message[1].encode(), message[2]
        head = _RECORD.pack(
            MARK, place, len(name), len(record), NO_CONTENT if content is None else len(content)
        )
        body: list[bytes] = [name, record] if content is None else [name, record, content]
        checksum = zlib.crc32(head, self._seed)
        for piece in body:
            checksum = zlib.crc32(piece, checksum)
        return [head + _CHECKSUM.pack(checksum), *body]

    def read(self, place: int, size: int) -> bytes:
        """So many bytes, at most one round of them."""
        offset = place % self.size_bytes
        size = min(size, self.size_bytes)
        data = os.pread(
            self._descriptor, min(size, self.size_bytes - offset), HEADER_BYTES + offset
        )
        if len(data) < size and offset + len(data) == self.size_bytes:
            data += os.pread(self._descriptor, size - len(data), HEADER_BYTES)
        return data

    def write(self, place: int, pieces: Sequence[bytes]) -> None:
        """All of them, one behind the other. Raises OSError."""
        offset = place % self.size_bytes
        until_end = self.size_bytes - offset
        if len(pieces) <= MOST_PIECES and sum(map(len, pieces)) <= until_end:
            written = os.pwritev(self._descriptor, pieces, HEADER_BYTES + offset)
            data = b"".join(pieces)[written:] if written < sum(map(len, pieces)) else b""
            offset, until_end = offset + written, until_end - written
        else:
            data = b"".join(pieces)
        _write_all(self._descriptor, data[:until_end], HEADER_BYTES + offset)
        _write_all(self._descriptor, data[until_end:], HEADER_BYTES)

    def records(self, place: int) -> Iterator[Arrived]:
        """The whole records from this place on, in order."""
        data, begins = b"", place  # a window, and the place it begins at
        while True:
            if place + _HEAD_BYTES > begins + len(data):
                data, begins = self.read(place, READ_BYTES), place
            if (size := _size_of(data, place - begins, place)) is None or size > self.size_bytes:
                return
            if place + size > begins + len(data):
                data, begins = self.read(place, max(size, READ_BYTES)), place
            found = _record_in(data, place - begins, place, self._seed)
            if found is None:
                return
            yield found
            place = found.ends


def _size_of(data: bytes, start: int, place: int) -> int | None:
    """Bytes of the record that begins at *start*, as its head tells; ``None``: there is none."""
    if len(data) - start < _HEAD_BYTES:
        return None
    mark, said, of_id, of_record, of_content = _RECORD.unpack_from(data, start)
    if mark != MARK or said != place:
        return None
    size: int = _HEAD_BYTES + of_id + of_record + (0 if of_content == NO_CONTENT else of_content)
    return size


def _record_in(data: bytes, start: int, place: int, seed: int) -> Arrived | None:
    size = _size_of(data, start, place)
    if size is None or start + size > len(data):
        return None
    _, _, of_id, of_record, of_content = _RECORD.unpack_from(data, start)
    (checksum,) = _CHECKSUM.unpack_from(data, start + _RECORD.size)
    record = memoryview(data)[start : start + size]
    body = record[_HEAD_BYTES:]
    if zlib.crc32(body, zlib.crc32(record[: _RECORD.size], seed)) != checksum:
        return None
    return Arrived(
        id=str(body[:of_id], "utf-8"),
        record=str(body[of_id : of_id + of_record], "utf-8"),
        content=None if of_content == NO_CONTENT else bytes(body[of_id + of_record :]),
        ends=place + size,
    )


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def _identity(place: os.stat_result) -> tuple[int, int]:
    return place.st_dev, place.st_ino


# --- the end that writes ------------------------------------------------------------------------


class Arrivals:
    """The file of this process; held by a lock that ends with the process.

    One thread at a time uses it.

    Raises:
        OSError: It cannot be made; nothing is left of it then.
    """

    def __init__(self, path: Path, *, size_bytes: int) -> None:
        self.path = path
        self._place = 0  # behind the last record
        self._taken = 0  # what the database is known to have
        self._wiped = 0  # what is zeros again
        for folder in (path.parent.parent, path.parent):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            sync_folder(folder.parent)  # whoever made it: it must be there after a crash
        making = path.with_name(path.name + UNFINISHED)
        how = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
        self._descriptor = os.open(making, how, OPEN)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            making.stat()  # a sweep that came in front of the lock has removed it
            _fill(self._descriptor, size_bytes)
            making.rename(path)
            sync_folder(path.parent)
        except BaseException:
            os.close(self._descriptor)
            making.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise
        self._ring = Ring(self._descriptor, size_bytes, _seed(path))
        self._identity = _identity(os.fstat(self._descriptor))

    @property
    def name(self) -> str:
        return self.path.name

    def is_open(self) -> bool:
        """Whether it may be written to; False: another process wants it let go.

        Raises:
            OSError: It was moved or replaced: nobody would find it again.
        """
        found = self.path.stat()
        if _identity(found) != self._identity:
            raise FileNotFoundError(errno.ENOENT, "it was moved or replaced")
        return bool(found.st_mode & OPEN & ~SHUT)

    def put(self, messages: Sequence[Written], taken: Callable[[], int]) -> bool:
        """Add messages durably, all or none; False: there is no room for them.

        Args:
            taken: Asks the database how far it has come.

        Raises:
            OSError: They are not there, as far as that can still be had; let it go then.
        """
        place = self._place
        pieces: list[bytes] = []
        for message in messages:
            record = self._ring.packed(message, place)
            pieces += record
            place += sum(map(len, record))
        if place - self._taken > self._ring.size_bytes:
            self._taken = taken()
            if place - self._taken > self._ring.size_bytes:
                return False
        try:
            # Its first head comes last: without it nothing of the batch is read.
            self._ring.write(self._place + _HEAD_BYTES, pieces[1:])
            self._ring.write(self._place, pieces[:1])
            os.fdatasync(self._descriptor)
        except BaseException:
            with contextlib.suppress(OSError):  # else what is answered with 4xx goes out as well
                self._ring.write(self._place, [bytes(place - self._place)])
                os.fdatasync(self._descriptor)
            raise
        self._place = place
        return True

    def wipe(self, taken: Callable[[], int]) -> bool:
        """Overwrite with zeros what the database has; whether that is all of it."""
        if self._wiped == self._place:
            return True
        self._taken = taken()
        self._wiped = max(self._wiped, self._place - self._ring.size_bytes)  # written over
        if self._taken > self._wiped:
            self._ring.write(self._wiped, [bytes(self._taken - self._wiped)])
            os.fdatasync(self._descriptor)
            self._wiped = self._taken
        return self._wiped == self._place

    def remove(self) -> None:
        """Take its name away: the database has everything."""
        with contextlib.suppress(OSError):
            if _identity(self.path.stat()) == self._identity:
                self.path.unlink()

    def close(self) -> None:
        """Let go; what waits in it is taken in all the same. Safe to repeat."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _fill(descriptor: int, size_bytes: int) -> None:
    """Header and zeros, so that no later write needs a new block."""
    _write_all(descriptor, _HEADER.pack(MAGIC, size_bytes).ljust(HEADER_BYTES, b"\0"), 0)
    for start in range(0, size_bytes, FILL_BYTES):
        some = bytes(min(FILL_BYTES, size_bytes - start))
        _write_all(descriptor, some, HEADER_BYTES + start)
    os.fsync(descriptor)


# --- the end that reads -------------------------------------------------------------------------


class Unreadable(Exception):
    """A file of arrivals cannot be read; the text says why."""


class ArrivalFiles:
    """All such files of a database, whoever writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._told: set[str] = set()

    def path_of(self, name: str) -> Path:
        return self.folder / name

    def read(self, name: str, place: int, *, most: int, most_bytes: int) -> list[Arrived]:
        """Messages that wait from this place on, the oldest first; none: no file, or all read.

        Stops at *most*, or behind the one with which there are *most_bytes*.

        Raises:
            Unreadable: It is there, and what is in it cannot be had; logged, once.
        """
        found: list[Arrived] = []
        try:
            descriptor = os.open(self.path_of(name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                for one in _ring_in(descriptor, _seed(self.path_of(name))).records(place):
                    found.append(one)
                    if len(found) >= most or one.ends - place >= most_bytes:
                        break
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            if name not in self._told:
                self._told.add(name)
                log.error("arrivals_unreadable", path=str(self.path_of(name)), error=why)
            raise Unreadable(f"{self.path_of(name)}: {why}") from error
        return found

    def names(self) -> list[str]:
        """Those that are whole. Raises OSError when the folder cannot be read."""
        return [name for name in self._all_names() if not name.endswith(UNFINISHED)]

    def are_there(self) -> bool:
        """Whether there ever were any. Raises OSError when that cannot be known."""
        try:
            self.folder.stat()
        except FileNotFoundError:
            return False
        return True

    def _all_names(self) -> list[str]:
        try:
            return sorted(
                path.name
                for path in self.folder.iterdir()
                if NAME.fullmatch(path.name.removesuffix(UNFINISHED))
            )
        except FileNotFoundError:
            return []

    def gone(self, names: Iterable[str]) -> list[str]:
        """Those of them that are surely not there. Raises OSError when that cannot be known."""
        found = []
        for name in names:
            try:
                self.path_of(name).stat()
            except FileNotFoundError:
                found.append(name)
        return found

    def shut(self) -> None:
        """Ask every owner to let go. Raises OSError."""
        for name in self.names():
            with contextlib.suppress(FileNotFoundError):
                self.path_of(name).chmod(SHUT)

    def held(self) -> list[str]:
        """Those whose owner lives and may add to them. Raises OSError."""
        found = []
        for name in self.names():
            with self._locked(name) as locked:
                if not locked:
                    found.append(name)
        return found

    def sweep(self, taken: Callable[[], Mapping[str, int]]) -> None:
        """Remove what nobody holds: files that are taken in to their end, and unfinished ones.

        Args:
            taken: How far each that the database knows of is taken in, and durably so. It is
                asked when nobody can add to a file any more, nor wipe it: with an older answer
                what was wiped behind it would look like the end.

        Raises:
            OSError: It could not be done, or not all of it.
        """
        names = self._all_names()
        for name in names:
            with self._locked(name) as locked, contextlib.suppress(Unreadable):
                if not locked:
                    continue
                places = taken()
                if name.endswith(UNFINISHED) or not self.waits(name, places.get(name, 0)):
                    self.path_of(name).unlink(missing_ok=True)
                elif name not in places:
                    log.error("arrivals_unknown", path=str(self.path_of(name)))
        if names:
            sync_folder(self.folder)

    def waits(self, name: str, place: int) -> bool:
        """Whether there is a message from this place on. Raises Unreadable."""
        return bool(self.read(name, place, most=1, most_bytes=1))

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[bool]:
        """Hold the lock of a file that nobody else holds, as long as it is looked at."""
        try:
            descriptor = os.open(self.path_of(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield True
            return
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)


def _ring_in(descriptor: int, seed: int) -> Ring:
    header = os.pread(descriptor, _HEADER.size, 0)
    if len(header) == _HEADER.size:
        magic, size_bytes = _HEADER.unpack(header)
        if magic == MAGIC and size_bytes:
            return Ring(descriptor, size_bytes, seed)
    raise ValueError("its header is damaged")

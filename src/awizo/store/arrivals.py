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
over everything: what a crash left half, and what stood there a round before, is none. Where the
file is full, fails or has been shut, messages go into the database itself.

The layout is private to one version of the schema: all are taken in before a migration that would
change it. Numbers are little-endian.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from awizo.store.content_files import sync_folder

log = structlog.get_logger()

RING_BYTES = 16 * 1024 * 1024
HEADER_BYTES = 4096
MAGIC = b"Awizo arrivals 1"
SHUT_AT = 64  # the byte of the header that tells the owner to let go
READ_BYTES = 65_536
MARK = b"mail"
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


def _packed(message: Written, place: int) -> bytes:
    name, record, content = message[0].encode(), message[1].encode(), message[2]
    head = _RECORD.pack(
        MARK, place, len(name), len(record), NO_CONTENT if content is None else len(content)
    )
    body = b"".join((name, record, content or b""))
    return b"".join((head, _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(head))), body))


class Ring:
    """The bytes behind the header of a file, addressed by places that only grow."""

    def __init__(self, descriptor: int, size_bytes: int) -> None:
        self._descriptor = descriptor
        self.size_bytes = size_bytes

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

    def write(self, place: int, data: bytes) -> None:
        offset = place % self.size_bytes
        until_end = self.size_bytes - offset
        _write_all(self._descriptor, data[:until_end], HEADER_BYTES + offset)
        if len(data) > until_end:
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
            found = _record_in(data, place - begins, place)
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


def _record_in(data: bytes, start: int, place: int) -> Arrived | None:
    size = _size_of(data, start, place)
    if size is None or start + size > len(data):
        return None
    _, _, of_id, of_record, of_content = _RECORD.unpack_from(data, start)
    (checksum,) = _CHECKSUM.unpack_from(data, start + _RECORD.size)
    begins = start + _HEAD_BYTES
    body = data[begins : start + size]
    if zlib.crc32(body, zlib.crc32(data[start : start + _RECORD.size])) != checksum:
        return None
    return Arrived(
        id=body[:of_id].decode(),
        record=body[of_id : of_id + of_record].decode(),
        content=None if of_content == NO_CONTENT else body[of_id + of_record :],
        ends=place + size,
    )


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def _identity(place: os.stat_result) -> tuple[int, int]:
    return place.st_dev, place.st_ino


def _next_behind(ring: Ring, place: int) -> int | None:
    """The first whole record behind *place*, where none leads to it."""
    found: list[int] = []
    data = ring.read(0, ring.size_bytes)
    start = data.find(MARK)
    while start >= 0:
        there = _RECORD.unpack(ring.read(start, _RECORD.size))[1]
        fits = there > place and there % ring.size_bytes == start
        if fits and next(ring.records(there), None) is not None:
            found.append(there)
        start = data.find(MARK, start + 1)
    return min(found, default=None)


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
            if not folder.is_dir():
                with contextlib.suppress(FileExistsError):
                    folder.mkdir(mode=0o700)
                sync_folder(folder.parent)
        self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            header = _HEADER.pack(MAGIC, size_bytes).ljust(HEADER_BYTES, b"\0")
            _write_all(self._descriptor, header, 0)
            for start in range(0, size_bytes, FILL_BYTES):
                some = bytes(min(FILL_BYTES, size_bytes - start))
                _write_all(self._descriptor, some, HEADER_BYTES + start)
            os.fsync(self._descriptor)
            sync_folder(path.parent)
            self._header = mmap.mmap(self._descriptor, HEADER_BYTES, prot=mmap.PROT_READ)
        except BaseException:
            os.close(self._descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        self._ring = Ring(self._descriptor, size_bytes)
        self._identity = _identity(os.fstat(self._descriptor))

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def is_shut(self) -> bool:
        """Whether another process wants it let go: the store is about to move."""
        return self._header[SHUT_AT] != 0

    def put(self, messages: Sequence[Written], taken: Callable[[], int]) -> bool:
        """Add messages durably, all or none; False: there is no room for them.

        Args:
            taken: Asks the database how far it has come.

        Raises:
            OSError: They are not there, or may be; the file takes no more.
        """
        place, pieces = self._place, []
        for message in messages:
            pieces.append(_packed(message, place))
            place += len(pieces[-1])
        if place - self._taken > self._ring.size_bytes:
            self._taken = taken()
            if place - self._taken > self._ring.size_bytes:
                return False
        self._see_that_it_is_there()
        try:
            self._ring.write(self._place, b"".join(pieces))
            os.fdatasync(self._descriptor)
        except BaseException:
            with contextlib.suppress(OSError):  # else what is answered with 4xx goes out as well
                self._ring.write(self._place, bytes(_HEAD_BYTES))
            raise
        self._place = place
        return True

    def _see_that_it_is_there(self) -> None:
        """Refuse to write where nobody would find it again."""
        if _identity(self.path.stat()) != self._identity:
            raise FileNotFoundError(errno.ENOENT, "it was moved or replaced")

    def wipe(self, taken: Callable[[], int]) -> None:
        """Overwrite with zeros what the database has: nobody's mail stays here for good."""
        if self._wiped == self._place:
            return
        self._taken = taken()
        self._wiped = max(self._wiped, self._place - self._ring.size_bytes)  # written over
        if self._taken > self._wiped:
            self._ring.write(self._wiped, bytes(self._taken - self._wiped))
            os.fdatasync(self._descriptor)
            self._wiped = self._taken

    def close(self) -> None:
        """Let go; what waits in it is taken in all the same. Safe to repeat."""
        if self._descriptor >= 0:
            self._header.close()
            os.close(self._descriptor)
            self._descriptor = -1


# --- the end that reads -------------------------------------------------------------------------


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
        """
        found: list[Arrived] = []
        with self._opened(name) as ring:
            if ring is None:
                return found
            for one in ring.records(place):
                found.append(one)
                if len(found) >= most or one.ends - place >= most_bytes:
                    break
        return found

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[Ring | None]:
        try:
            descriptor = os.open(self.path_of(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        except OSError as error:
            self._tell("arrivals_unreadable", name, error=error.strerror)
            yield None
            return
        try:
            yield self._ring(descriptor, name)
        except OSError as error:
            self._tell("arrivals_unreadable", name, error=error.strerror)
        finally:
            os.close(descriptor)

    def _ring(self, descriptor: int, name: str) -> Ring | None:
        """The ring of an open file; ``None``: it is none of ours, or just being made."""
        try:
            header = os.pread(descriptor, _HEADER.size, 0)
        except OSError as error:
            self._tell("arrivals_unreadable", name, error=error.strerror)
            return None
        if len(header) == _HEADER.size:
            magic, size_bytes = _HEADER.unpack(header)
            if magic == MAGIC and size_bytes:
                return Ring(descriptor, size_bytes)
        return None

    def _tell(self, event: str, name: str, **words: object) -> None:
        if (event + name) not in self._told:
            self._told.add(event + name)
            log.error(event, path=str(self.path_of(name)), **words)

    def names(self) -> list[str]:
        """Those that are there."""
        try:
            return sorted(path.name for path in self.folder.iterdir())
        except OSError:
            return []

    def shut(self) -> None:
        """Tell every owner to let go; :meth:`held` tells who has not yet."""
        for name in self.names():
            with contextlib.suppress(OSError):
                descriptor = os.open(self.path_of(name), os.O_WRONLY | os.O_CLOEXEC)
                try:
                    os.pwrite(descriptor, b"\x01", SHUT_AT)
                finally:
                    os.close(descriptor)

    def held(self) -> list[str]:
        """Those whose owner lives and may add to them."""
        return [name for name in self.names() if not self._is_free(name)]

    def _is_free(self, name: str) -> bool:
        try:
            descriptor = os.open(self.path_of(name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(descriptor)

    def sweep(self, taken: dict[str, int]) -> dict[str, int]:
        """Remove the files that nobody holds and that are taken in to their end.

        Args:
            taken: How far each that the database knows of is taken in, and durably so.

        Returns:
            Where to go on in those in which the disk has lost a record before others.
        """
        go_on: dict[str, int] = {}
        for name in self.names():
            if not self._is_free(name):
                continue
            place = taken.get(name, 0)
            with self._opened(name) as ring:
                if ring is None or next(ring.records(place), None) is not None:
                    continue
                behind = _next_behind(ring, place)
                if behind is not None:
                    self._tell("arrivals_damaged", name, lost_bytes=behind - place)
                    go_on[name] = behind
                    continue
                self.path_of(name).unlink()
        return go_on

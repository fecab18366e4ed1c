"""Contents of large messages as files beside the SQLite database.

In:  bodies to keep, names to read or drop.
Out: files that are whole and on the disk before their message's row is committed.

A large content in the database is written twice (log, then database) and in the writer's one
thread; a file is written once, and beside it. A file without a row is what a crash between
the two leaves; it is swept up at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar

from awizo.errors import NotFound, StorageFull, StoreError

T = TypeVar("T")

CHUNK_BYTES = 262_144
WRITERS = 8
LEFT_ALONE_S = 3600.0  # no mail takes that long between its file and its row
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ContentFiles:
    """See :class:`awizo.store.database.Files`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="awizo-file")
        self._made: set[str] = set()

    def path_of(self, name: str) -> Path:
        """Spread over 32 folders by the end of the id, which is random.

        A new folder costs two syncs, so there are no more than a million files ask for.
        """
        return self.folder / name[-1:] / name

    async def put(self, name: str, body: BinaryIO, *, replace: bool = True) -> int | None:
        """Write all of *body* durably under *name*; returns its size in bytes.

        Safe to repeat: with *replace*, what an earlier attempt left is overwritten; without,
        ``None`` says that something is there.
        """
        return await self._to_the_end(lambda: self._put(name, body, replace=replace))

    async def _to_the_end(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The body must stay open until the thread is through with it.
            while not future.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            raise

    def _put(self, name: str, body: BinaryIO, *, replace: bool = True) -> int | None:
        path = self.path_of(name)
        size: int | None
        try:
            if (size := _named(body, path, self._make_folder, replace=replace)) is not None:
                return size
            size = 0
            body.seek(0)
            descriptor = self._open_new(path, os.O_TRUNC if replace else os.O_EXCL)
            try:
                while chunk := body.read(CHUNK_BYTES):
                    view = memoryview(chunk)
                    while view:
                        view = view[os.write(descriptor, view) :]
                    size += len(chunk)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_folder(path.parent)
        except FileExistsError:
            return None
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink()
            kind = StorageFull if error.errno in _NO_ROOM else StoreError
            raise kind(f"{path.parent}: {error.strerror}") from error
        return size

    def _open_new(self, path: Path, how_else: int) -> int:
        self._make_folder(path.parent)
        how = os.O_CREAT | os.O_WRONLY | how_else
        try:
            return os.open(path, how, 0o600)
        except FileNotFoundError:  # somebody tidied up the folder behind our back
            self._made.discard(path.parent.name)
            self._make_folder(path.parent)
            return os.open(path, how, 0o600)

    def _make_folder(self, folder: Path) -> None:
        if folder.name in self._made:
            return
        for place in (self.folder, folder):
            if not place.is_dir():
                with contextlib.suppress(FileExistsError):
                    place.mkdir(mode=0o700)
                sync_folder(place.parent)
        self._made.add(folder.name)

    async def read(self, name: str, *, offset: int, size: int) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: self.read_here(name, offset=offset, size=size)
        )

    def read_here(self, name: str, *, offset: int, size: int) -> bytes:
        try:
            with self.path_of(name).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except FileNotFoundError:
            raise NotFound(f"content of {name} is not kept") from None
        except OSError as error:
            raise StoreError(f"content of {name}: {error.strerror}") from error

    async def drop(self, names: Sequence[str]) -> None:
        await asyncio.to_thread(self._drop, names)

    def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            with contextlib.suppress(OSError):  # the sweep at the next start finds it
                self.path_of(name).unlink()

    async def left_alone(self) -> list[str]:
        """Names of files that were not touched for a while: nobody is just accepting them."""
        return await asyncio.to_thread(self._left_alone)

    def _left_alone(self) -> list[str]:
        before = time.time() - LEFT_ALONE_S
        found = []
        for path in self.folder.glob("?/*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < before:
                    found.append(path.name)
        return found

    def copy(self, names: Sequence[str], target: Path) -> None:
        """Copy files that are still there; a purge may be quicker."""
        copied = ContentFiles(target)
        for name in names:
            with contextlib.suppress(FileNotFoundError), self.path_of(name).open("rb") as file:
                copied._put(name, file)

    def close(self) -> None:
        self._pool.shutdown(wait=True)


def _named(
    body: BinaryIO, path: Path, make_folder: Callable[[Path], None], *, replace: bool
) -> int | None:
    """Give a body that is a file without a name the name *path*; ``None``: it must be copied.

    Raises:
        FileExistsError: Something has that name, and is not to be replaced.
    """
    try:
        descriptor = body.fileno()
        if os.fstat(descriptor).st_nlink:
            return None
    except (OSError, AttributeError):  # it is no file
        return None
    body.flush()
    os.fsync(descriptor)
    make_folder(path.parent)
    if replace:
        path.unlink(missing_ok=True)
    try:
        _link(descriptor, path)
    except FileExistsError:
        raise
    except OSError:  # of another disk, or there is no /proc
        return None
    sync_folder(path.parent)
    return os.fstat(descriptor).st_size


def _link(descriptor: int, path: Path) -> None:
    """Give an open file a name; see open(2) on O_TMPFILE."""
    # Only with a folder's descriptor does os.link follow the link that /proc has for the file.
    open_files = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.link(str(descriptor), path, src_dir_fd=open_files)
    finally:
        os.close(open_files)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

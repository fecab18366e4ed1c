"""What a process asked of the kernel, in order, as strace wrote it down.

In:  lines of ``strace -f -y``.
Out: calls with the moments of their beginning and end; replies that came before the disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

DOT = r'".\r\n"'  # the final dot, sent by itself
QUEUED = '"250 2.0.0 '

_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_CALL = re.compile(
    r"(?P<name>\w+)\((?P<fd>\d+)(?:<(?P<path>.*?)>(?:\(deleted\))?(?=[,) ]))?(?P<rest>.*)"
)
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)")
_UNFINISHED = "<unfinished ...>"
_ID = re.compile(r"queued as (\w+)")
_LINKED = re.compile(r', "([^"]+)", AT_SYMLINK_FOLLOW')
_RESULT = re.compile(r"\) += (?P<result>-?\d+)")


@dataclass(slots=True)
class Call:
    """One system call; ``begun`` and ``ended`` are places in the trace."""

    name: str
    thread: str
    fd: str  # a socket by its ends, for a number means another one in each process
    path: str
    text: str
    begun: int
    ended: int | None = None
    result: int | None = None

    @property
    def worked(self) -> bool:
        return self.ended is not None and self.result is not None and self.result >= 0


def calls_in(lines: Iterable[str]) -> Iterator[Call]:
    """Every call, in the order of their beginnings."""
    found: list[Call] = []
    open_by_pid: dict[str, Call] = {}
    for place, line in enumerate(lines):
        if (match := _LINE.match(line)) is None:
            continue
        pid, rest = match["pid"], match["rest"]
        if (resumed := _RESUMED.match(rest)) is not None:
            call = open_by_pid.pop(pid, None)
            if call is None:
                continue
            call.text += resumed["rest"]
        elif (begun := _CALL.match(rest)) is not None:
            path = begun["path"] or ""
            call = Call(begun["name"], pid, path or f"{pid}:{begun['fd']}", path, rest, place)
            found.append(call)
            if rest.endswith(_UNFINISHED):
                open_by_pid[pid] = call
                continue
        else:
            continue
        call.ended = place
        result = _RESULT.search(call.text)
        call.result = int(result["result"]) if result else None
    yield from found


def _holds_rows(path: str) -> bool:
    """Whether it is SQLite's log, or the arrivals of one process."""
    return path.endswith("-wal") or PurePath(path).parent.name == "arrivals"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A mail that got 250, with what was synced between its final dot and that, in order."""

    id: str
    synced: tuple[str, ...]

    def unsafe(self, *, large: bool) -> str:
        """What was not on the disk when 250 was said; "" when all was."""
        rows = [place for place, path in enumerate(self.synced) if _holds_rows(path)]
        if not rows:
            return "the log was not synced between the final dot and 250"
        if not large:
            return ""
        before = [PurePath(path) for path in self.synced[: rows[-1]]]
        contents = [place for place, path in enumerate(before) if path.name == self.id]
        if not contents:
            return "the content was not synced before its row"
        if before[contents[-1]].parent not in before[contents[-1] :]:
            return "the folder of the content was not synced between it and its row"
        return ""


def accepted_in(lines: Iterable[str]) -> list[Accepted]:
    """Every mail that got 250 in this trace."""
    calls = list(calls_in(lines))
    _name_what_was_linked(calls)
    found = []
    for reply in calls:
        if reply.name not in ("sendto", "sendmsg", "write") or QUEUED not in reply.text:
            continue
        dots = [
            call.ended
            for call in calls
            if call.name in ("recvfrom", "read")
            and call.fd == reply.fd
            and DOT in call.text
            and call.ended is not None
            and call.ended < reply.begun
        ]
        assert dots, f"250 without a final dot: {reply.text}"
        dot = max(dots)
        between = [call for call in calls if call.begun > dot and call.worked]
        done = sorted(
            (call for call in between if call.ended is not None and call.ended < reply.begun),
            key=lambda call: call.ended or 0,
        )
        syncs = [call for call in done if call.name in ("fsync", "fdatasync")]
        pwrites = [call for call in done if call.name in ("pwrite64", "pwritev", "pwritev2")]
        # A sync that follows no write to its file proves nothing about this mail.
        synced = tuple(
            sync.path
            for sync in syncs
            if not _holds_rows(sync.path)
            or any(one.path == sync.path and (one.ended or 0) < sync.begun for one in pwrites)
        )
        queued = _ID.search(reply.text)
        assert queued is not None, reply.text
        found.append(Accepted(queued[1], synced))
    return found


def _name_what_was_linked(calls: Sequence[Call]) -> None:
    """A body that waited on disk is synced without a name: what counts is when it got one."""
    nameless: dict[str, Call] = {}
    for call in calls:
        if call.name == "fsync" and PurePath(call.path).name.startswith("#"):
            nameless[call.thread] = call
            continue
        link = _LINKED.search(call.text) if call.name == "linkat" and call.worked else None
        if link and (synced := nameless.pop(call.thread, None)):
            call.name, call.path, synced.path = synced.name, link[1], ""

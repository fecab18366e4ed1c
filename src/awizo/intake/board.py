"""Counts that several intake processes keep together, so that a limit holds for all of them.

In:  what each process counts for itself.
Out: what the others count.

A piece of memory that the processes share: one row for each, which only its owner writes, so
nothing is locked. Who reads beside a write sees the count before or after it; a limit can be
passed by as many connections as arrive in that moment. Addresses are counted by a keyed hash,
so that nobody can choose one that is counted together with a victim's.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
from dataclasses import dataclass

from awizo.errors import SettingsError

ADDRESSES = 8192  # places for addresses in a row; two may share one, near the limit that is seen
ALL = 0  # the place of the connections in all
_TAKING = 1 + ADDRESSES  # the place that says whether a process takes connections
_PLACES = 2 + ADDRESSES
_ENTRY_BYTES = 4
KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class BoardPlan:
    """What a process must know to find the board; passed on with the descriptor."""

    descriptor: int
    rows: int
    key: bytes


class Board:
    """The board as one process sees it.

    Args:
        row: The row that is ours.
    """

    def __init__(self, plan: BoardPlan, *, row: int) -> None:
        self.plan = plan
        self._row = row
        size = plan.rows * _PLACES * _ENTRY_BYTES
        self._entries = memoryview(mmap.mmap(plan.descriptor, size)).cast("I")

    @classmethod
    def made_for(cls, rows: int) -> Board:
        """A new one, empty; the maker has row 0.

        Raises:
            SettingsError: This system has no such memory.
        """
        if not hasattr(os, "memfd_create"):
            raise SettingsError("intake.processes above 1 needs Linux")
        descriptor = os.memfd_create("awizo-intake")
        os.ftruncate(descriptor, rows * _PLACES * _ENTRY_BYTES)
        return cls(BoardPlan(descriptor, rows, secrets.token_bytes(KEY_BYTES)), row=0)

    def place_of(self, address: str) -> int:
        digest = hashlib.blake2b(address.encode(), digest_size=4, key=self.plan.key).digest()
        return 1 + int.from_bytes(digest, "big") % ADDRESSES

    def add(self, place: int, count: int) -> None:
        self._entries[self._row * _PLACES + place] += count

    def elsewhere(self, place: int) -> int:
        """What the other processes count there."""
        return sum(
            self._entries[row * _PLACES + place]
            for row in range(self.plan.rows)
            if row != self._row
        )

    def begin_taking(self) -> None:
        """This process takes its share of the connections from now on."""
        self._entries[self._row * _PLACES + _TAKING] = 1

    def end_taking(self) -> None:
        self._entries[self._row * _PLACES + _TAKING] = 0

    def is_unfair(self) -> bool:
        """Whether another of those that take their share has fewer than we, by more than one."""
        entries = self._entries
        ours = entries[self._row * _PLACES + ALL]
        return any(
            entries[begin + _TAKING] and entries[begin + ALL] + 1 < ours
            for begin in range(0, self.plan.rows * _PLACES, _PLACES)
        )

    def clear(self, row: int) -> None:
        """Forget what a process counted that has ended."""
        begin = row * _PLACES
        self._entries[begin : begin + _PLACES] = memoryview(bytes(_PLACES * _ENTRY_BYTES)).cast("I")

    def close(self) -> None:
        os.close(self.plan.descriptor)

"""How often Python's collector of garbage looks for objects that refer to each other in circles.

In:  a process that begins; one that has started whole.
Out: fewer looks, that go over less.

A mail makes hundreds of objects that go by themselves, and Python looks for cycles every 700.
"""

from __future__ import annotations

import gc

NEW_OBJECTS, ROUNDS = 50_000, 20


def look_seldom() -> None:
    """For a process that begins: a tenth of what it costs to import libraries was such looks."""
    gc.set_threshold(NEW_OBJECTS, ROUNDS, ROUNDS)


def settle() -> None:
    """Say that what there is now stays: the collector looks at newer objects only.

    For a process that has started whole. Rules and modules are eighty thousand objects, and
    going over all of them held the loop for forty milliseconds each time.
    """
    gc.collect()
    gc.freeze()
    look_seldom()

"""Ids sort as things came into being, and cannot be guessed."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from awizo.spool.ids import ALPHABET, Ids, new_id

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def is_id(text: str) -> bool:
    return len(text) == 26 and set(text) <= set(ALPHABET)


def time_of(some_id: str) -> datetime:
    number = 0
    for character in some_id:
        number = number << 5 | ALPHABET.index(character)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number >> 80)


def test_an_id_tells_its_time_to_the_millisecond() -> None:
    made = new_id(NOON + timedelta(milliseconds=7), secrets.token_bytes(10))

    assert is_id(made)
    assert time_of(made) == NOON + timedelta(milliseconds=7)


def test_ids_of_one_millisecond_sort_as_they_were_made() -> None:
    ids = Ids(lambda: NOON, secrets.token_bytes)

    made = [ids() for _ in range(1000)]

    assert made == sorted(made)
    assert len(set(made)) == 1000
    assert all(is_id(one) for one in made)
    assert time_of(made[-1]) - NOON < timedelta(milliseconds=2)


def test_a_clock_that_is_set_back_puts_nothing_before_what_was_there() -> None:
    now = NOON
    ids = Ids(lambda: now, secrets.token_bytes)
    before = ids()

    now -= timedelta(hours=1)
    after = ids()

    assert after > before


def test_the_largest_random_part_still_has_a_next_one() -> None:
    ids = Ids(lambda: NOON, lambda count: b"\xff" * count)

    made = [ids() for _ in range(3)]

    assert made == sorted(set(made))
    assert all(is_id(one) for one in made)

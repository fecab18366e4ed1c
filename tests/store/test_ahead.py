"""What was just taken in is at hand for whoever sends it, as far as there is room."""

from __future__ import annotations

from awizo.store.ahead import KEPT_BYTES, KEPT_S, Ahead, Found
from support.store_parts import Hand

QUARTER = bytes(KEPT_BYTES // 4)


def test_a_content_is_fetched_once() -> None:
    ahead = Ahead()
    ahead.put_contents({"one": b"first"})

    assert ahead.known(["one", "two"]) == {"one"}
    assert ahead.content("one") == b"first"
    assert ahead.content("one") is None


def test_what_came_first_stays_at_hand_when_there_is_room_for_no_more() -> None:
    ahead = Ahead()
    for name in "abcdef":
        ahead.put_contents({name: QUARTER})

    assert ahead.known("abcdef") == set("abcd")
    ahead.content("a")
    ahead.put_contents({"g": QUARTER, "h": QUARTER})
    assert ahead.known("abcdefgh") == set("bcdg")


def test_a_small_content_finds_room_beside_one_that_does_not() -> None:
    ahead = Ahead()
    ahead.put_contents({"a": QUARTER * 3, "b": QUARTER * 2, "c": QUARTER})

    assert ahead.known("abc") == set("ac")


def test_what_is_the_next_to_be_sent_finds_room_at_any_price() -> None:
    ahead = Ahead()
    for name in "abcd":
        ahead.put_contents({name: QUARTER})

    ahead.put(Found({}, {"leased": b"small"}))

    assert ahead.known(["a", "b", "c", "d", "leased"]) == {"a", "b", "c", "leased"}


def test_what_nobody_asked_for_makes_room() -> None:
    clock = Hand()
    ahead = Ahead(clock=clock)
    ahead.put_contents({"a": QUARTER * 2})
    clock.at += KEPT_S / 2
    ahead.put_contents({"b": QUARTER * 2})
    clock.at += KEPT_S / 2 + 1

    ahead.put_contents({"c": QUARTER * 2})

    assert ahead.known("abc") == set("bc")


def test_the_same_content_taken_in_twice_counts_once() -> None:
    ahead = Ahead()
    for _ in range(9):
        ahead.put_contents({"a": QUARTER})

    ahead.put_contents({"b": QUARTER * 3})

    assert ahead.known("ab") == set("ab")

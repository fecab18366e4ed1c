"""Processes that share a port know who of them has more connections than another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from awizo.intake.board import ALL, Board


@pytest.fixture
def boards() -> Iterator[list[Board]]:
    """Of the first process, which only works, and of three that take connections."""
    first = Board.made_for(4)
    others = [Board(first.plan, row=row) for row in (1, 2, 3)]
    for board in others:
        board.begin_taking()
    yield [first, *others]
    first.close()


def test_whoever_has_two_more_than_another_has_too_many(boards: list[Board]) -> None:
    boards[1].add(ALL, 2)
    boards[2].add(ALL, 1)

    assert [board.is_unfair() for board in boards] == [False, True, False, False]


def test_one_that_takes_none_is_not_waited_for(boards: list[Board]) -> None:
    boards[1].add(ALL, 5)
    boards[2].add(ALL, 5)
    boards[3].end_taking()  # it drains

    assert not any(board.is_unfair() for board in boards)


def test_one_that_has_died_is_not_waited_for_until_it_is_there_again(boards: list[Board]) -> None:
    boards[1].add(ALL, 5)
    boards[2].add(ALL, 5)
    boards[0].clear(3)
    assert not boards[1].is_unfair()

    Board(boards[0].plan, row=3).begin_taking()
    assert boards[1].is_unfair()


def test_the_first_takes_all_when_the_others_are_gone(boards: list[Board]) -> None:
    for row in (1, 2, 3):
        boards[0].clear(row)
    boards[0].add(ALL, 50)

    assert not boards[0].is_unfair()

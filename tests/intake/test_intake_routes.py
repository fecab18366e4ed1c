"""Which route a mail takes."""

from __future__ import annotations

from typing import Any

import pytest

from awizo.intake.routes import RouteChoice, choose_route
from awizo.settings import Settings
from support.intake_parts import intake_settings


def with_routes(*routes: dict[str, Any], **more: Any) -> Settings:
    return intake_settings(routes=routes, **more)


THREE_ACCOUNTS = with_routes(
    {"from": "@one.example", "accounts": ["one"]},
    {"from": "Boss@Two.example", "accounts": ["two"], "smarthost": "second", "policy": None},
    {"smtp_user": "third", "accounts": ["three"], "allowed_senders": ["@three.example", "x@y.pl"]},
    {"from": "@two.example", "accounts": ["two", "one"]},
    smarthosts={"second": {"host": "smtp2.test"}},
)


@pytest.mark.parametrize(
    ("smtp_user", "reverse_path", "accounts"),
    [
        (None, "sales@one.example", ("one",)),
        (None, "SALES@ONE.EXAMPLE", ("one",)),
        (None, "boss@two.example", ("two",)),
        (None, "other@two.example", ("two", "one")),
        ("third", "me@three.example", ("three",)),
        ("third", "me@one.example", ("one",)),
    ],
)
def test_a_seller_with_three_accounts_acts_on_the_one_of_the_first_route_that_fits(
    smtp_user: str | None, reverse_path: str, accounts: tuple[str, ...]
) -> None:
    choice = choose_route(THREE_ACCOUNTS, smtp_user, reverse_path)

    assert choice is not None
    assert choice.accounts == accounts


@pytest.mark.parametrize(
    ("smtp_user", "reverse_path"),
    [
        (None, "me@three.example"),
        (None, "x@sub.one.example"),
        (None, "x@notone.example"),
        ("Third", "me@three.example"),
        ("other", "me@three.example"),
        (None, "one.example"),
    ],
)
def test_what_fits_no_route_has_none(smtp_user: str | None, reverse_path: str) -> None:
    assert choose_route(THREE_ACCOUNTS, smtp_user, reverse_path) is None


@pytest.mark.parametrize(
    ("reverse_path", "allowed"),
    [("me@THREE.example", True), ("X@y.pl", True), ("", True), ("z@y.pl", False)],
)
def test_a_client_sends_only_as_its_own_senders(reverse_path: str, allowed: bool) -> None:
    choice = choose_route(THREE_ACCOUNTS, "third", reverse_path)

    assert choice is not None
    assert choice.sender_allowed is allowed


def test_without_routes_everything_takes_the_default_one() -> None:
    settings = intake_settings(accounts={"a": {}, "b": {}})

    assert choose_route(settings, None, "x@y.pl") == RouteChoice("default", ("a", "b"))
    assert choose_route(intake_settings(), None, "") == RouteChoice("default", ("default",))


def test_a_bounce_is_not_lost_where_routes_go_by_sender_and_acts_on_no_account() -> None:
    assert choose_route(THREE_ACCOUNTS, None, "") == RouteChoice("null", ())


def test_a_bounce_takes_the_first_senders_smarthost_where_there_is_no_default_one() -> None:
    settings = with_routes(
        {"from": "@one.example", "accounts": ["one"], "smarthost": "second"},
        smarthosts={"second": {"host": "smtp2.test"}},
    ).model_copy(update={"smarthost": Settings().smarthost})

    assert choose_route(settings, None, "") == RouteChoice("null", (), smarthost="second")


def test_a_bounce_of_a_client_that_has_a_route_takes_that_one() -> None:
    choice = choose_route(THREE_ACCOUNTS, "third", "")

    assert choice is not None
    assert (choice.name, choice.accounts) == ("third", ("three",))


def test_a_bounce_of_nobody_is_refused_where_routes_go_by_user_only() -> None:
    settings = with_routes({"smtp_user": "shop", "accounts": ["one"]})

    assert choose_route(settings, None, "") is None
    assert choose_route(settings, "other", "") is None

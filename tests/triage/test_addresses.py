"""Addresses: one spelling for each, and no stranger taken for a buyer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awizo.triage.addresses import MaskedAddress, folded, is_buyer, split

DOMAINS = ("allegromail.pl", "user.allegrogroup.pl")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8AWGqyk6a5+CUB31c122@AllegroMail.PL", "8awgqyk6a5+cub31c122@allegromail.pl"),
        ("<a@allegromail.pl.>", "a@allegromail.pl"),
        ('"a+b"@allegromail.pl', "a+b@allegromail.pl"),
        ('"a b"@Example.com', '"a b"@example.com'),
        ('"A@b"@Example.com', '"a@b"@example.com'),
        ("a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"),
        ("@relay.example:a@allegromail.pl", "a@allegromail.pl"),
        ("postmaster", "postmaster"),
        ("", ""),
    ],
)
def test_an_address_has_one_spelling(address: str, expected: str) -> None:
    assert folded(address) == expected


def test_a_masked_address_falls_into_buyer_purchase_and_domain() -> None:
    assert split("8awgqyk6a5+CUB31c122@allegromail.pl") == MaskedAddress(
        "8awgqyk6a5", "cub31c122", "allegromail.pl"
    )
    assert split("8awgqyk6a5@allegromail.pl") == MaskedAddress("8awgqyk6a5", "", "allegromail.pl")


@pytest.mark.parametrize(
    "address",
    [
        "a+b@allegromail.pl",
        "A+B@ALLEGROMAIL.PL",
        "a@allegromail.pl.",
        "x@user.allegrogroup.pl",
        "<a@allegromail.pl>",
        '"a+b"@allegromail.pl',
    ],
)
def test_a_buyer_is_known_in_any_spelling(address: str) -> None:
    assert is_buyer(address, DOMAINS)


@pytest.mark.parametrize(
    "address",
    [
        "a@sub.allegromail.pl",
        "a@allegromail.pl.example.com",
        "a@notallegromail.pl",
        "a@allegrogroup.pl",
        "@allegromail.pl",
        "allegromail.pl",
        "",
        "a@[127.0.0.1]",
        '"x@allegromail.pl"@example.com',
        "x@allegromail.pl@example.com",
    ],
)
def test_a_stranger_is_never_taken_for_a_buyer(address: str) -> None:
    assert not is_buyer(address, DOMAINS)


@given(st.text(max_size=60))
def test_any_text_can_be_asked(text: str) -> None:
    masked = split(text)

    assert masked.base == masked.base.lower()
    assert not is_buyer(text, DOMAINS) or masked.domain in DOMAINS

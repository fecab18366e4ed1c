"""A smarthost that is our own listener is refused, by whatever name it goes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from awizo.errors import SettingsError
from awizo.settings import Settings, Smarthost
from awizo.smarthost.own import refuse_own_listener
from support.smarthost_parts import an_address_of_this_machine


@dataclass(frozen=True)
class Listening:
    host: str
    port: int


@pytest.mark.parametrize(
    ("host", "listening"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("LOCALHOST", "0.0.0.0"),
        ("127.0.0.2", "0.0.0.0"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::"),
        ("::1", "::"),
        ("127.0.0.1", "::"),
    ],
)
async def test_our_own_address_is_refused_by_any_spelling(host: str, listening: str) -> None:
    settings = Settings(smarthost=Smarthost(host=host, port=2525))

    with pytest.raises(SettingsError, match="own listener"):
        await refuse_own_listener(settings, [Listening(listening, 2525)])


async def test_every_address_of_this_machine_counts_when_all_are_listened_on() -> None:
    host = an_address_of_this_machine()
    settings = Settings(smarthost=Smarthost(host=host, port=2525))

    with pytest.raises(SettingsError, match="own listener"):
        await refuse_own_listener(settings, [Listening("0.0.0.0", 2525)])
    await refuse_own_listener(settings, [Listening("127.0.0.1", 2525)])  # somebody else's then


async def test_a_named_smarthost_counts_as_well() -> None:
    settings = Settings(
        smarthost=Smarthost(host="192.0.2.1", port=587),
        smarthosts={"b": Smarthost(host="127.0.0.1", port=4650)},
    )

    with pytest.raises(SettingsError, match="smarthost b"):
        await refuse_own_listener(settings, [Listening("127.0.0.1", 2525), Listening("::", 4650)])


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 2526),
        ("127.0.0.2", 2525),
        ("192.0.2.1", 2525),
        ("no-such-host.invalid", 2525),
        ("", 2525),
    ],
)
async def test_what_is_not_ours_passes(host: str, port: int) -> None:
    settings = Settings(smarthost=Smarthost(host=host, port=port))

    await refuse_own_listener(settings, [Listening("127.0.0.1", 2525)])

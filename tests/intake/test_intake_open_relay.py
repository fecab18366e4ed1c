"""No combination of settings lets a stranger send: each is started and tried over a socket."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from awizo.errors import SettingsError
from awizo.intake.doors import refuse_open_relay
from awizo.intake.tls import make_self_signed
from support.intake_parts import NOON, a_listener, intake_settings

SHOP = {"shop": {"password": "secret"}}
STRANGER = b"PROXY TCP4 203.0.113.5 192.0.2.9 4711 25\r\n"
NAMELESS = b"PROXY UNKNOWN\r\n"

USERS: tuple[dict[str, Any], ...] = ({}, SHOP)
NETWORKS: tuple[list[str], ...] = ([], ["10.0.0.0/8", "2001:db8::/32"])
XCLIENT: tuple[list[str], ...] = ([], ["10.0.0.1"], ["127.0.0.1"])
ROUTES: tuple[tuple[dict[str, Any], ...], ...] = (
    (),
    ({"from": "shop@example.pl"},),
    ({"smtp_user": "shop"}, {"from": "@example.pl", "allowed_senders": ["shop@example.pl"]}),
)
WAYS_IN = (
    "MAIL FROM:<shop@example.pl>",
    "MAIL FROM:<>",
    "MAIL FROM:<shop@example.pl> AUTH=<>",
    "MAIL FROM:<shop@example.pl> SIZE=1 BODY=8BITMIME",
    "RCPT TO:<victim@example.com>",
    "RCPT TO:<@mx.test:victim@example.com>",
    "RCPT TO:<victim%example.com@mx.test>",
    "RCPT TO:<postmaster>",
    "DATA",
    "BDAT 5 LAST",
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("certificate")
    files = {"tls_cert_file": folder / "c.pem", "tls_key_file": folder / "k.pem"}
    make_self_signed(*files.values(), hostname="mx.test", now=NOON)
    return files


@pytest.mark.parametrize("header", [STRANGER, NAMELESS], ids=["stranger", "nameless"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("users", USERS, ids=["nobody", "users"])
async def test_a_stranger_sends_nothing_whatever_is_set(
    users: dict[str, Any], tls: bool, header: bytes, certificate: dict[str, Any]
) -> None:
    for plaintext_auth, allowed, xclient, routes in itertools.product(
        (False, True), NETWORKS, XCLIENT, ROUTES
    ):
        async with a_listener(
            proxy_protocol_from=["127.0.0.1"], users=users, allow_plaintext_auth=plaintext_auth,
            allow_networks=allowed, xclient_from=xclient, routes=routes, auth_fail_delay_s=0,
            max_errors=100, **(certificate if tls else {}),
        ) as listener:  # fmt: skip
            tried = (plaintext_auth, allowed, xclient, routes)
            client = await listener.connect(greet=False)
            await client.send(header)
            assert (await client.reply()).startswith("220 ")
            if tls:
                await client.ask("EHLO stranger")
                assert (await client.ask("STARTTLS")).startswith("220 ")
                await client.start_tls()
            for hello in ("HELO [127.0.0.1]", "EHLO localhost"):
                assert (await client.ask(hello)).startswith("250")
                # Claims, each of which would be believed of somebody else.
                for claim in (
                    "XCLIENT ADDR=127.0.0.1",
                    "XCLIENT LOGIN=shop",
                    "AUTH PLAIN AHNob3AAd3Jvbmc=",
                    "PROXY TCP4 127.0.0.1 1.1.1.1 1 2",
                ):
                    assert (await client.ask(claim))[0] == "5", (tried, claim)  # fmt: skip
                for way in WAYS_IN:
                    assert (await client.ask(way))[0] == "5", (tried, way)
            assert listener.spool.mails == []
            await client.close()


def test_a_listener_for_others_knows_how_to_tell_them_apart() -> None:
    for users, plaintext_auth, has_tls, allowed, host in itertools.product(
        USERS, (False, True), (False, True), NETWORKS,
        ("0.0.0.0", "::", "192.0.2.1", "mail.example.pl", ""),
    ):  # fmt: skip
        settings = intake_settings(
            users=users, allow_plaintext_auth=plaintext_auth, allow_networks=allowed
        )
        can_tell = bool(allowed) or (bool(users) and (has_tls or plaintext_auth))
        if can_tell:
            refuse_open_relay(settings, host, has_tls=has_tls)
        else:
            with pytest.raises(SettingsError, match="who may"):
                refuse_open_relay(settings, host, has_tls=has_tls)

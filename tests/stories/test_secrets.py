"""Canaries in every secret and every personal word, searched in everything that is told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import smtplib
from pathlib import Path
from typing import Any

import httpx
import pytest

from awizo.emulator.server import Emulator
from support.cli_parts import an_invoice_mail, awizo
from support.peers import SmtpPeer, a_peer
from support.service import Served, a_service
from support.smtp_client import logged

CLIENT_SECRET = "canary-client-secret"
SMARTHOST_PASSWORD = "canary-smarthost-password"
OTHER_PASSWORD = "canary-other-password"
SMTP_PASSWORD = "canary-smtp-password"
WRONG_PASSWORD = "canary-wrong-password"
PANEL_COOKIE = "canary-cookie"
BUYER = "8awgqyk6a5+canarybuyer@allegromail.pl"
FRIEND = "canaryfriend@example.com"
PERSONAL = ("canarybuyer", "canaryfriend", "canarysubject", "canarybody", "canaryname")


def forms_of(secret: str) -> set[str]:
    """A secret as it is, and as AUTH PLAIN, AUTH LOGIN and HTTP Basic carry it."""
    coded = {
        base64.b64encode(words.encode()).decode()
        for words in (secret, f"\0sklep\0{secret}", f"\0shop@example.pl\0{secret}",
                      f"canary-client:{secret}")
    }  # fmt: skip
    return {secret, *coded}


def log_in_wrongly(port: int) -> None:
    for mechanism in ("auth_plain", "auth_login"):
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            client.ehlo()
            client.user, client.password = "sklep", WRONG_PASSWORD
            with contextlib.suppress(smtplib.SMTPAuthenticationError):
                client.auth(mechanism[5:].upper(), getattr(client, mechanism))
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.docmd("AUTH", f"PLAIN {WRONG_PASSWORD}")
        client.docmd(WRONG_PASSWORD)
        client.docmd("MAIL", f"FROM:<{FRIEND} {WRONG_PASSWORD}")


def send(port: int, content: bytes, to: str, *, sender: str, helo: str = "shop") -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname=helo, timeout=60) as client:
        client.login("sklep", SMTP_PASSWORD)
        client.sendmail(sender, [to], content)


async def everything_told(served: Served, *ids: str) -> dict[str, str]:
    """What each way of looking at the service shows."""
    told = {}
    for name, verb in {
        "list": ("queue", "list"), "list json": ("queue", "list", "--json"),
        "check": ("check",), "check json": ("check", "--json"),
        "export": ("documents", "export"), "orders": ("orders", "find", BUYER, "--json"),
        **{f"show {one}": ("queue", "show", one) for one in ids},
        **{f"show json {one}": ("queue", "show", one, "--json") for one in ids},
    }.items():  # fmt: skip
        _, out, err = await served.run(*verb)
        told[name] = out + err
    async with httpx.AsyncClient(base_url=f"http://{served.panel}") as http:
        for path in ("/metrics", "/livez", "/readyz", "/", *(f"/deliveries/{one}" for one in ids)):
            told[path] = (await http.get(path, headers={"Cookie": f"s={PANEL_COOKIE}"})).text
    return told


@pytest.mark.slow
async def test_no_secret_is_told_anywhere_and_no_personal_word_in_log_or_metrics(
    tmp_path: Path,
) -> None:
    emulator = Emulator(clients={"canary-client": CLIENT_SECRET}, confirm_after_polls=1)
    order = emulator.add_order(email=BUYER, buyer="Canaryname Kowalski")
    user = "shop@example.pl"
    good = SmtpPeer(auth=("PLAIN",), users={user: SMARTHOST_PASSWORD})
    bad = SmtpPeer(auth=("PLAIN",), replies={"AUTH": f"535 5.7.8 no: {OTHER_PASSWORD}"})
    async with a_peer(good), a_peer(bad), emulator.serving() as url:

        def way(peer: SmtpPeer, password: str) -> dict[str, Any]:
            return {
                "host": peer.host, "port": peer.port, "tls": "none", "username": user,
                "password": password,
            }  # fmt: skip

        settings: dict[str, Any] = {
            "allegro__api_url": url,
            "allegro__auth_url": f"{url}/auth/oauth",
            "allegro__client_id": "canary-client",
            "allegro__client_secret": CLIENT_SECRET,
            "allegro__waybill_delay_s": 0,
            **{f"smarthost__{key}": value for key, value in way(good, SMARTHOST_PASSWORD).items()},
            "smarthosts": {"bad": way(bad, OTHER_PASSWORD)},
            "intake__users": {"sklep": {"password": SMTP_PASSWORD}},
            "intake__auth_fail_delay_s": 0,
            "log__level": "debug",
            "routes": [
                {"from": "@bad.example", "smarthost": "bad"},
                {"smtp_user": "sklep"},
            ],
        }
        logged_in, complaints = await awizo(tmp_path, "login", **settings)
        async with a_service(tmp_path, **settings) as served:
            await asyncio.to_thread(log_in_wrongly, served.port)
            words = b"Subject: canarysubject\r\n\r\ncanarybody\r\n"
            for content, to, sender in (
                (an_invoice_mail("canarysubject/1", BUYER), BUYER, user),
                (words, FRIEND, user),
                (words, FRIEND, "shop@bad.example"),
            ):
                await asyncio.to_thread(send, served.port, content, to, sender=sender)
            await logged(served, "delivery_settled", 2)
            await logged(served, "job_deferred", 1)
            queue = await served.queue()
            told = await everything_told(served, *(one["id"] for one in queue))
        told["log"] = "".join(served.raw)
        told["login"] = logged_in + complaints

    assert good.mails
    assert good.passwords_seen
    assert order.id in told["list json"]
    assert "canaryfriend" in told[f"/deliveries/{queue[1]['id']}"]
    assert "smarthost_auth_failed" in told["log"]
    assert "login_failed" in told["log"]
    tokens = [
        token for pair in emulator.auth._by_access.values() for token in (pair.access, pair.refresh)
    ]
    secrets = [*tokens, *(
        form
        for secret in (
            CLIENT_SECRET, SMARTHOST_PASSWORD, OTHER_PASSWORD, SMTP_PASSWORD, WRONG_PASSWORD,
            PANEL_COOKIE,
        )
        for form in forms_of(secret)
    )]  # fmt: skip
    assert len(tokens) >= 2
    leaks = [(where, one) for where, text in told.items() for one in secrets if one in text]
    assert leaks == []
    personal = [
        (where, word)
        for where in ("log", "/metrics", "/livez", "/readyz")
        for word in PERSONAL
        if word in told[where].lower()
    ]
    assert personal == []


async def test_a_database_that_cannot_be_reached_is_told_without_its_password(
    tmp_path: Path,
) -> None:
    settings = {
        "store__url": "postgresql://awizo:canary-store-password@127.0.0.1:1/awizo",
        "store__key": base64.b64encode(bytes(32)).decode(),
        "smarthost__host": "127.0.0.1",
        "smarthost__port": 9,
    }
    for verb in (("check",), ("serve",), ("queue", "list"), ("login",)):
        out, err = await awizo(tmp_path, *verb, expect=1, **settings)
        assert "canary" not in out + err, verb
        assert out + err

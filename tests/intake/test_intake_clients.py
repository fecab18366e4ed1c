"""Programs of others hand in mail; those that are not installed are skipped by name."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from support.intake_parts import Listener, a_listener

CONTENT = "Subject: zażółć\r\n\r\n.dot\r\n..two dots\r\ngęślą\r\n".encode()
USERS = {"shop": {"password": "secret"}}


async def run(*command: str, stdin: bytes = b"") -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(stdin)
    if b"TLS not available" in output:
        pytest.skip(f"{command[0]} was installed without TLS (Net::SSLeay)")
    assert process.returncode == 0, output.decode(errors="replace")


def check(listener: Listener, *, user: str | None, tls: bool) -> None:
    (mail,) = listener.spool.mails
    client = mail.message.envelope.client
    assert (client.smtp_user, client.tls) == (user, tls)
    assert mail.message.envelope.reverse_path == "shop@example.pl"
    assert CONTENT.partition(b"\r\n\r\n")[2] in mail.content


@pytest.mark.parametrize("way", ["plain", "login", "starttls", "implicit"])
async def test_curl_hands_in_a_mail(way: str, tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(CONTENT)
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    async with a_listener(
        users=USERS, tls_self_signed=True, implicit_tls_port=0, store=store
    ) as listener:
        options = {
            "plain": [],
            "login": ["--user", "shop:secret", "--login-options", "AUTH=LOGIN"],
            "starttls": ["--ssl-reqd", "--insecure", "--user", "shop:secret"],
            "implicit": ["--insecure", "--user", "shop:secret"],
        }[way]
        url = (
            f"smtps://127.0.0.1:{listener.tls_port}"
            if way == "implicit"
            else f"smtp://127.0.0.1:{listener.port}"
        )
        await run(
            "curl", "--silent", "--show-error", "--max-time", "20", url,
            "--mail-from", "shop@example.pl", "--mail-rcpt", "buyer@example.com",
            "--upload-file", str(mail), *options,
        )  # fmt: skip

        check(
            listener, user=None if way == "plain" else "shop", tls=way in ("starttls", "implicit")
        )


@pytest.mark.parametrize("way", ["plain", "login", "starttls", "implicit", "pipelined"])
async def test_swaks_hands_in_a_mail(way: str, tmp_path: Path) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    async with a_listener(
        users=USERS, tls_self_signed=True, implicit_tls_port=0, store=store
    ) as listener:
        login = ["--auth-user", "shop", "--auth-password", "secret", "--auth"]
        options = {
            "plain": [],
            "login": [*login, "LOGIN"],
            "starttls": ["--tls", *login, "PLAIN"],
            "implicit": ["--tls-on-connect", *login, "PLAIN"],
            "pipelined": ["--pipeline"],
        }[way]
        port = listener.tls_port if way == "implicit" else listener.port
        await run(
            "swaks", "--server", "127.0.0.1", "--port", str(port), "--from", "shop@example.pl",
            "--to", "buyer@example.com", "--data", "-", "--ehlo", "shop", *options,
            stdin=CONTENT,
        )  # fmt: skip

        user = None if way in ("plain", "pipelined") else "shop"
        check(listener, user=user, tls=way in ("starttls", "implicit"))

"""Who gets in: open relay, passwords, TLS, balancers, limits."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
import struct
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import argon2
import pytest

from awizo.errors import SettingsError
from awizo.intake.auth import FailureDelays, Passwords
from awizo.intake.doors import Door
from awizo.intake.proxy import owner_of
from awizo.intake.tls import Certificate, make_self_signed
from awizo.settings import SmtpUser
from support.intake_parts import (
    NOON,
    Listener,
    MemorySpool,
    RawClient,
    a_listener,
    an_intake,
    blind_context,
    intake_settings,
)

SHOP = {"shop": {"password": "secret"}}
HASHED = argon2.PasswordHasher(time_cost=1, memory_cost=1024).hash("secret")


def plain(user: str, password: str) -> str:
    return "AUTH PLAIN " + b64encode(f"\0{user}\0{password}".encode()).decode()


# --- settings that would make it unsafe -----------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "mail.example.pl", ""])
@pytest.mark.parametrize(
    "intake",
    [{}, {"users": SHOP}, {"tls_self_signed": True}],
    ids=["nothing", "passwords without TLS", "TLS without passwords"],
)
async def test_it_does_not_start_where_strangers_could_send(
    host: str, intake: dict[str, Any], tmp_path: Path
) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    server = an_intake(intake_settings(host=host, store=store, **intake))

    with pytest.raises(SettingsError) as refused:
        await server.start()

    for word in ("users", "tls_cert_file", "tls_self_signed", "allow_networks", "127.0.0.1"):
        assert word in str(refused.value)
    assert server.bound == []


@pytest.mark.parametrize(
    "intake",
    [
        {"users": SHOP, "tls_self_signed": True},
        {"allow_networks": ["10.0.0.0/8"]},
        {"users": SHOP, "allow_plaintext_auth": True},
    ],
)
async def test_it_starts_for_others_once_it_is_said_who_they_are(
    intake: dict[str, Any], tmp_path: Path
) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    server = an_intake(intake_settings(host="0.0.0.0", store=store, **intake))
    try:
        assert len(await server.start()) == 1
    finally:
        await server.close()


async def test_a_socket_of_somebody_else_is_looked_at_too() -> None:
    server = an_intake(intake_settings())
    with (
        socket.create_server(("0.0.0.0", 0)) as sock,
        pytest.raises(SettingsError, match="allow_networks"),
    ):
        await server.start(doors=[Door(sock, implicit_tls=False)])


@pytest.mark.parametrize("key", ["allow_networks", "proxy_protocol_from", "xclient_from"])
@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "2000::/3", "nonsense"])
async def test_a_list_of_trust_that_takes_in_everybody_is_refused(key: str, network: str) -> None:
    trust: dict[str, Any] = {key: [network]}
    with pytest.raises(SettingsError, match=key):
        await an_intake(intake_settings(**trust)).start()


async def test_a_port_that_is_taken_is_said_in_words() -> None:
    async with a_listener() as listener:
        with pytest.raises(SettingsError, match="cannot listen on"):
            await an_intake(intake_settings(port=listener.port)).start()


async def test_a_hash_that_is_none_is_refused_at_start() -> None:
    with pytest.raises(SettingsError, match=r"users\.shop\.password_hash"):
        await an_intake(intake_settings(users={"shop": {"password_hash": "secret"}})).start()


async def test_an_implicit_tls_port_without_certificate_is_refused_at_start() -> None:
    with pytest.raises(SettingsError, match="implicit_tls_port"):
        await an_intake(intake_settings(implicit_tls_port=0)).start()


async def test_a_certificate_that_cannot_be_read_is_refused_at_start(tmp_path: Path) -> None:
    settings = intake_settings(tls_cert_file=tmp_path / "no.pem", tls_key_file=tmp_path / "no.key")
    with pytest.raises(SettingsError, match=r"no\.pem"):
        await an_intake(settings).start()


# --- open relay -----------------------------------------------------------------------------------


def as_proxied(source: str) -> bytes:
    return f"PROXY TCP4 {source} 192.0.2.9 4711 25\r\n".encode()


async def behind_balancer(listener: Listener, header: bytes) -> RawClient:
    client = await listener.connect(greet=False)
    await client.send(header)
    return client


@pytest.mark.parametrize("recipient", ["x@allegromail.pl", "victim@example.com", "postmaster"])
async def test_a_stranger_cannot_send_to_anybody(recipient: str) -> None:
    async with a_listener(proxy_protocol_from=["127.0.0.1"]) as listener:
        client = await behind_balancer(listener, as_proxied("203.0.113.5"))
        await client.reply()
        await client.ask("EHLO stranger")

        assert (await client.ask("MAIL FROM:<shop@example.pl>")).startswith("550 5.7.1 ")
        assert (await client.ask("MAIL FROM:<>")).startswith("550 5.7.1 ")
        assert (await client.ask(f"RCPT TO:<{recipient}>")).startswith("503 ")
        assert (await client.ask("DATA")).startswith("503 ")
        assert listener.spool.mails == []


async def test_a_stranger_is_asked_for_tls_and_a_password_where_there_are_users(
    tmp_path: Path,
) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    async with a_listener(
        proxy_protocol_from=["127.0.0.1"], users=SHOP, tls_self_signed=True, store=store
    ) as listener:
        client = await behind_balancer(listener, as_proxied("203.0.113.5"))
        await client.reply()
        assert "AUTH" not in await client.ask("EHLO stranger")
        assert (await client.ask("MAIL FROM:<a@b.pl>")).startswith("530 5.7.0 ")
        assert (await client.ask(plain("shop", "secret"))).startswith("538 5.7.11 ")
        assert (await client.ask("STARTTLS")).startswith("220 2.0.0 ")
        await client.start_tls()
        assert "AUTH PLAIN LOGIN" in await client.ask("EHLO stranger")
        assert (await client.ask("MAIL FROM:<a@b.pl>")).startswith("530 5.7.0 ")
        assert (await client.ask(plain("shop", "secret"))).startswith("235 2.7.0 ")
        assert (await client.ask("MAIL FROM:<a@b.pl>")).startswith("250 2.1.0 ")


async def test_a_client_of_an_allowed_network_needs_no_password() -> None:
    async with a_listener(
        proxy_protocol_from=["127.0.0.1"], allow_networks=["203.0.113.0/24"]
    ) as listener:
        client = await behind_balancer(listener, as_proxied("203.0.113.5"))
        await client.reply()

        assert (await client.mail(b"text")).startswith("250 ")
        assert listener.spool.mails[0].message.envelope.client.address == "203.0.113.5"


# --- PROXY protocol -------------------------------------------------------------------------------


def proxy_v2(source: str | None, *, command: int = 1) -> bytes:
    signature = b"\r\n\r\n\0\r\nQUIT\n"
    if source is None:
        return signature + struct.pack("!BBH", 0x20 | command, 0x00, 0)
    tail = b"\x04\x00\x01x"  # an attribute of no interest
    if ":" in source:
        addresses = socket.inet_pton(socket.AF_INET6, source) + bytes(16)
        family = 0x21
    else:
        addresses, family = socket.inet_aton(source) + socket.inet_aton("192.0.2.9"), 0x11
    body = addresses + struct.pack("!HH", 4711, 25) + tail
    return signature + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


@pytest.mark.parametrize("source", ["203.0.113.5", "2001:db8::5"])
async def test_proxy_version_2_tells_the_client(source: str) -> None:
    async with a_listener(
        proxy_protocol_from=["127.0.0.1"], allow_networks=["203.0.113.5", "2001:db8::5"]
    ) as listener:
        client = await behind_balancer(listener, proxy_v2(source) + b"EHLO x\r\n")
        assert (await client.reply()).startswith("220 ")
        await client.reply()
        assert (await client.mail(b"text")).startswith("250 ")
        assert listener.spool.mails[0].message.envelope.client.address == source


@pytest.mark.parametrize(
    "header", [proxy_v2(None, command=0), proxy_v2(None), b"PROXY UNKNOWN\r\n"]
)
async def test_nobody_is_trusted_for_the_balancers_own_address(header: bytes) -> None:
    async with a_listener(proxy_protocol_from=["127.0.0.1"]) as listener:
        client = await behind_balancer(listener, header)
        assert (await client.reply()).startswith("220 ")
        await client.ask("EHLO health.check")

        assert (await client.ask("MAIL FROM:<a@b.pl>")).startswith("550 5.7.1 ")


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO no.header\r\n",
        b"PROXY TCP4 nonsense 1.2.3.4 1 2\r\n",
        b"PROXY " + b"x" * 200 + b"\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\x01\x02\x03\x04",
    ],
)
async def test_a_balancer_without_a_right_header_is_hung_up_on(header: bytes) -> None:
    async with a_listener(proxy_protocol_from=["127.0.0.1"]) as listener:
        client = await behind_balancer(listener, header)
        with contextlib.suppress(ConnectionError):
            assert await client.rest() == b""


async def test_a_proxy_header_of_somebody_else_is_not_believed() -> None:
    async with a_listener(proxy_protocol_from=["192.0.2.1"]) as listener:
        client = await listener.connect()

        assert (await client.ask(as_proxied("10.0.0.1")[:-2])).startswith("500 5.5.1 ")
        await client.mail(b"text")
        assert listener.spool.mails[0].message.envelope.client.address == "127.0.0.1"


@pytest.mark.parametrize("header", [as_proxied("198.51.100.7"), b"PROXY UNKNOWN\r\n"], ids=str)
async def test_a_balancer_lends_its_clients_no_right_to_xclient(header: bytes) -> None:
    async with a_listener(
        proxy_protocol_from=["127.0.0.1"], xclient_from=["127.0.0.1"]
    ) as listener:
        client = await behind_balancer(listener, header)
        assert (await client.reply()).startswith("220 ")

        assert "XCLIENT" not in await client.ask("EHLO stranger")
        assert (await client.ask("XCLIENT ADDR=127.0.0.1 LOGIN=shop"))[:3] == "500"
        assert (await client.ask("MAIL FROM:<spam@example.com>")).startswith("550 5.7.1 ")


async def test_tls_begins_right_behind_a_proxy_header(tmp_path: Path) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    async with a_listener(
        proxy_protocol_from=["127.0.0.1"], allow_networks=["203.0.113.5"],
        tls_self_signed=True, implicit_tls_port=0, store=store,
    ) as listener:  # fmt: skip

        def talk() -> bytes:
            with socket.create_connection(("127.0.0.1", listener.tls_port)) as sock:
                sock.sendall(as_proxied("203.0.113.5"))
                with blind_context().wrap_socket(sock) as tls:
                    tls.sendall(b"EHLO x\r\nMAIL FROM:<a@b.pl>\r\nQUIT\r\n")
                    found = b""
                    while piece := tls.recv(4096):
                        found += piece
                    return found

        assert b"250 2.1.0 " in await asyncio.to_thread(talk)


# --- passwords ------------------------------------------------------------------------------------


async def test_a_right_password_is_hashed_once_in_a_while() -> None:
    clock = [0.0]
    users = {"shop": SmtpUser(password_hash=HASHED)}
    passwords = Passwords(users, cache_s=300, clock=lambda: clock[0])
    hashed: list[str] = []
    matches = passwords._matches
    passwords._matches = lambda *given: hashed.append(given[1]) or matches(*given)  # type: ignore[func-returns-value,method-assign]

    assert [await passwords.are_right("shop", "secret") for _ in range(3)] == [True] * 3
    assert hashed == ["secret"]
    clock[0] = 301
    assert await passwords.are_right("shop", "secret")
    assert hashed == ["secret"] * 2


async def test_wrong_passwords_and_unknown_names_are_wrong() -> None:
    users = {
        "hashed": SmtpUser(password_hash=HASHED),
        "plain": SmtpUser.model_validate({"password": "pässword"}),
    }
    passwords = Passwords(users, cache_s=300, clock=lambda: 0.0)

    assert await passwords.are_right("plain", "pässword")
    for user, password in [
        ("hashed", "Secret"), ("hashed", ""), ("plain", "secret"), ("nobody", "secret"), ("", ""),
    ]:  # fmt: skip
        assert not await passwords.are_right(user, password)


def test_each_wrong_password_of_an_address_waits_longer() -> None:
    clock = [0.0]
    delays = FailureDelays(first_s=2, clock=lambda: clock[0])

    assert [delays.after_failure("192.0.2.1") for _ in range(6)] == [2, 4, 8, 16, 30, 30]
    assert delays.after_failure("192.0.2.2") == 2
    delays.after_success("192.0.2.1")
    assert delays.after_failure("192.0.2.1") == 2
    clock[0] = 1000
    assert delays.after_failure("192.0.2.1") == 2


async def test_a_wrong_password_is_answered_slowly() -> None:
    async with a_listener(users=SHOP, auth_fail_delay_s=0.3) as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")
        started = asyncio.get_running_loop().time()

        assert (await client.ask(plain("shop", "wrong"))).startswith("535 5.7.8 ")
        assert asyncio.get_running_loop().time() - started >= 0.3
        assert (await client.ask(plain("shop", "secret"))).startswith("235 2.7.0 ")


# --- TLS ------------------------------------------------------------------------------------------


async def test_a_certificate_is_made_once_and_its_key_is_nobody_elses(tmp_path: Path) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    seen = []
    for _ in range(2):
        async with a_listener(tls_self_signed=True, implicit_tls_port=0, store=store) as listener:
            client = await listener.connect_tls()
            tls: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
            seen.append(tls.getpeercert(binary_form=True))
            await client.close()

    assert seen[0] == seen[1]
    assert (tmp_path / "intake-key.pem").stat().st_mode & 0o777 == 0o600
    shown = Certificate(tmp_path / "intake-cert.pem", tmp_path / "intake-key.pem").fingerprint
    assert shown.replace(":", "").lower() == hashlib.sha256(seen[0] or b"").hexdigest()


async def test_a_new_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_self_signed(cert, key, hostname="old.test", now=NOON)
    async with a_listener(tls_cert_file=cert, tls_key_file=key) as listener:

        async def name_shown() -> bytes:
            client = await listener.connect()
            await client.ask("STARTTLS")
            await client.start_tls()
            tls: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
            der = tls.getpeercert(binary_form=True)
            assert der is not None
            await client.close()
            return b"old.test" if b"old.test" in der else b"new.test"

        assert await name_shown() == b"old.test"
        for path in (cert, key):
            path.unlink()
        make_self_signed(cert, key, hostname="new.test", now=NOON + timedelta(days=1))
        assert await name_shown() == b"new.test"
        cert.write_text("rubbish")
        assert await name_shown() == b"new.test"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_versions_of_tls_are_not_spoken(tmp_path: Path) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    async with a_listener(tls_self_signed=True, implicit_tls_port=0, store=store) as listener:
        context = blind_context()
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", listener.tls_port, ssl=context)


async def test_a_handshake_that_fails_disturbs_nobody(tmp_path: Path) -> None:
    store = {"url": f"sqlite:///{tmp_path}/awizo.db"}
    async with a_listener(tls_self_signed=True, implicit_tls_port=0, store=store) as listener:
        client = await listener.connect()
        await client.ask("STARTTLS")
        await client.send(b"this is no handshake\r\n" * 10)
        with contextlib.suppress(ConnectionError):
            assert b"250" not in await client.rest()
        _, writer = await asyncio.open_connection("127.0.0.1", listener.tls_port)
        writer.write(b"EHLO in.the.clear\r\n")
        writer.close()

        assert (await (await listener.connect()).mail(b"text")).startswith("250 ")


# --- limits ---------------------------------------------------------------------------------------


async def test_one_connection_too_many_hears_421() -> None:
    async with a_listener(max_connections=2) as listener:
        first, _ = await listener.connect(), await listener.connect()
        third = await listener.connect(greet=False)

        assert (await third.reply()).startswith("421 4.7.0 ")
        assert await third.rest() == b""
        await first.ask("QUIT")
        await first.close()
        assert (await (await listener.connect()).mail(b"text")).startswith("250 ")


async def test_a_stranger_has_few_connections_and_a_trusted_client_as_many_as_it_wants() -> None:
    async with a_listener(
        max_connections_per_address=2,
        proxy_protocol_from=["127.0.0.1"],
        allow_networks=["192.0.2.0/24"],
    ) as listener:

        async def greetings(source: str) -> list[str]:
            clients = [await behind_balancer(listener, as_proxied(source)) for _ in range(4)]
            found = [(await client.reply())[:9] for client in clients]
            for client in clients:
                await client.close()
            return found

        assert owner_of("2001:db8::1") == owner_of("2001:db8::ffff:1") != owner_of("2001:db8:1::1")
        strangers = await greetings("203.0.113.5")
        assert sorted(strangers) == ["220 mx.te"] * 2 + ["421 4.7.0"] * 2
        assert await greetings("192.0.2.5") == ["220 mx.te"] * 4


async def test_a_client_that_says_nothing_is_sent_away() -> None:
    async with a_listener(idle_timeout_s=0.3) as listener:
        client = await listener.connect()

        assert (await client.reply()).startswith("421 4.4.2 ")
        assert await client.rest() == b""


async def test_a_command_that_trickles_in_is_no_activity() -> None:
    async with a_listener(idle_timeout_s=0.5) as listener:
        client = await listener.connect()

        async def trickle() -> None:
            while True:
                await client.send(b"N")
                await asyncio.sleep(0.05)

        trickling = asyncio.create_task(trickle())
        assert (await client.reply(timeout_s=3)).startswith("421 4.4.2 ")
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)


async def test_a_message_that_stops_in_the_middle_is_given_up() -> None:
    async with a_listener(idle_timeout_s=0.4) as listener:
        client = await listener.connect()
        await client.begin()
        await client.send(b"half a line")

        assert (await client.reply(timeout_s=3)).startswith("421 4.4.2 ")
        assert listener.spool.mails == []


@pytest.mark.parametrize(
    ("limits", "reply"),
    [
        ({"min_data_rate_bytes_per_s": 1000}, "421 4.4.2 Data came too slowly"),
        ({"data_total_timeout_s": 0.5, "min_data_rate_bytes_per_s": 0}, "421 4.4.2 The message"),
    ],
)
async def test_a_message_that_trickles_in_is_given_up(limits: dict[str, Any], reply: str) -> None:
    async with a_listener(idle_timeout_s=1, **limits) as listener:
        client = await listener.connect()
        await client.begin()

        async def trickle() -> None:
            while True:
                await client.send(b"x")
                await asyncio.sleep(0.05)

        trickling = asyncio.create_task(trickle())
        assert (await client.reply(timeout_s=5)).startswith(reply)
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)
        assert listener.spool.mails == []


async def test_a_slow_upload_that_keeps_its_pace_may_take_longer_than_the_idle_time() -> None:
    async with a_listener(idle_timeout_s=0.4, min_data_rate_bytes_per_s=100) as listener:
        client = await listener.connect()
        await client.begin()
        for _ in range(20):
            await client.send(b"x" * 100 + b"\r\n")
            await asyncio.sleep(0.05)
        await client.send(b".\r\n")

        assert (await client.reply()).startswith("250 ")


async def test_too_many_commands_without_a_mail_end_the_connection() -> None:
    async with a_listener(max_commands=20) as listener:
        client = await listener.connect()
        await client.send(b"NOOP\r\n" * 30)

        assert await client.codes(21) == ["250"] * 20 + ["421"]
        assert await client.rest() == b""


async def test_a_pool_may_send_mails_over_one_connection_for_ever() -> None:
    async with a_listener(max_commands=20, max_errors=5) as listener:
        client = await listener.connect()
        for _ in range(30):
            assert (await client.mail(b"text")).startswith("250 ")
        assert len(listener.spool.mails) == 30


async def test_errors_are_forgiven_after_a_mail() -> None:
    async with a_listener(max_errors=3) as listener:
        client = await listener.connect()
        for _ in range(4):
            assert (await client.ask("FOO")).startswith("500 ")
            assert (await client.ask("FOO")).startswith("500 ")
            assert (await client.mail(b"text")).startswith("250 ")


async def test_a_strangers_idle_chat_is_short() -> None:
    async with a_listener(proxy_protocol_from=["127.0.0.1"]) as listener:
        client = await behind_balancer(listener, as_proxied("203.0.113.5"))
        await client.reply()
        await client.send(b"NOOP\r\n" * 101)

        assert (await client.codes(101))[-1] == "421"


async def test_two_hundred_connections_are_served_at_once() -> None:
    async with a_listener(MemorySpool(delay_s=0.01)) as listener:
        clients = await asyncio.gather(*(listener.connect() for _ in range(200)))
        replies = await asyncio.gather(*(client.mail(b"text") for client in clients))

        assert all(reply.startswith("250 ") for reply in replies)
        assert len(listener.spool.mails) == 200
        await asyncio.gather(*(client.close() for client in clients))

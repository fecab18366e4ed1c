"""What holds at the door holds at each process: TLS, passwords, trust, limits, reloading."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from awizo.intake import processes
from awizo.intake.tls import make_self_signed
from support.house import a_house
from support.intake_parts import RawClient, blind_context
from support.processes import (
    PATIENCE_S,
    PROCESSES,
    TAKERS,
    children_of,
    connected_to,
    connections_of,
    is_alive,
    named,
    several,
    takers_of,
    until,
)
from support.service import Served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BALANCER, FRONT_END = "127.0.0.2", "127.0.0.3"
FRIEND, STRANGER = "203.0.113.5", "198.51.100.7"
USERS = {"shop": {"password": "secret"}}
TRUST: dict[str, Any] = {
    "intake__proxy_protocol_from": [BALANCER],
    "intake__xclient_from": [FRONT_END],
    "intake__allow_networks": ["203.0.113.0/24"],
}
DELAY_S = 0.5


def processes_of(served: Served) -> list[int]:
    return [served.process.pid, *children_of(served.process.pid)]


async def opened(
    port: int, *, source: str = "127.0.0.1", header: bytes = b"", tls: bool = False
) -> RawClient:
    """A connection on which nothing has been read yet."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, local_addr=(source, 0), ssl=blind_context() if tls else None
    )
    client = RawClient(reader, writer)
    if header:
        await client.send(header)
    return client


async def at_each(served: Served, port: int, **how: Any) -> dict[int, RawClient]:
    """A client that was greeted by each process of those that share the port."""
    found: dict[int, RawClient] = {}
    pids = takers_of(served.process.pid)
    assert len(pids) == TAKERS
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < len(pids):
            before = {pid: connections_of(pid, port) for pid in pids}
            client = await opened(port, **how)
            assert (await client.reply(PATIENCE_S)).startswith("220")
            (pid,) = [one for one in pids if connections_of(one, port) > before[one]]
            if pid in found:
                await client.close()
                await until(has_connections(pid, port, before[pid]))
            else:
                found[pid] = client
    return found


def has_connections(pid: int, port: int, count: int) -> Callable[[], bool]:
    return lambda: connections_of(pid, port) == count


def happened(served: Served, event: str, times: int = 1) -> Callable[[], bool]:
    return lambda: len(named(served, event)) >= times


def proxied(address: str) -> bytes:
    return f"PROXY TCP4 {address} 192.0.2.9 4711 25\r\n".encode()


def certificate_of(client: RawClient) -> str:
    """The fingerprint of what the server showed."""
    der = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


async def shown_by_each(served: Served, tls_port: int) -> set[str]:
    clients = await at_each(served, tls_port, tls=True)
    found = {certificate_of(client) for client in clients.values()}
    for client in clients.values():
        await client.close()
    return found


async def test_each_process_speaks_starttls_and_implicit_tls_with_one_certificate(
    tmp_path: Path,
) -> None:
    async with several(tmp_path, intake__tls_self_signed=True, intake__implicit_tls_port=0) as (
        served,
        smarthost,
    ):
        plain_port, tls_port = (int(one.rpartition(":")[2]) for one in served.smtp)
        said = {one["sha256"] for one in named(served, "certificate_in_use")}
        assert len(said) == 1

        for client in (await at_each(served, plain_port)).values():
            assert "STARTTLS" in await client.ask("EHLO shop.example")
            assert (await client.ask("STARTTLS")).startswith("220")
            await client.start_tls()
            assert {certificate_of(client)} == said
            assert (await client.mail(b"Subject: x\r\n\r\nstarttls")).startswith("250")
            await client.close()
        for client in (await at_each(served, tls_port, tls=True)).values():
            assert {certificate_of(client)} == said
            assert (await client.mail(b"Subject: x\r\n\r\nimplicit")).startswith("250")
            await client.close()
        await smarthost.wait_for(2 * TAKERS, PATIENCE_S)


async def test_a_new_certificate_is_shown_by_each_process_and_a_broken_one_by_none(
    tmp_path: Path,
) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def make() -> None:
        cert.unlink(missing_ok=True)
        make_self_signed(cert, key, hostname="mx.test", now=datetime.now(UTC))

    make()
    async with several(
        tmp_path,
        intake__tls_cert_file=str(cert),
        intake__tls_key_file=str(key),
        intake__implicit_tls_port=0,
    ) as (served, _):
        tls_port = int(served.smtp[1].rpartition(":")[2])
        first = await shown_by_each(served, tls_port)
        assert len(first) == 1

        make()  # no signal: a handshake looks by itself
        second = await shown_by_each(served, tls_port)
        assert len(second) == 1
        assert second != first

        make()
        served.process.send_signal(signal.SIGHUP)  # and with one, before any handshake
        await until(lambda: len(reloaded(served)) == TAKERS + PROCESSES)
        third = await shown_by_each(served, tls_port)
        assert {one["sha256"] for one in reloaded(served)} == second | third

        cert.write_text("nonsense")
        served.process.send_signal(signal.SIGHUP)
        await until(lambda: len(named(served, "certificate_not_reloaded")) >= PROCESSES)
        assert await shown_by_each(served, tls_port) == third


def reloaded(served: Served) -> list[dict[str, Any]]:
    return named(served, "certificate_reloaded")


async def test_a_hang_up_signal_reloads_rules_and_ends_no_process_and_no_connection(
    tmp_path: Path,
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    async with several(tmp_path, rules__dir=str(rules)) as (served, smarthost):
        pids = processes_of(served)
        clients = await at_each(served, served.port)
        for client in clients.values():
            await client.begin()
            await client.send(b"Subject: x\r\n\r\n")
        (rules / "90-own.toml").write_text(
            '[[rule]]\nid = "own.thanks"\nkind = "other"\nweight = 1.0\n'
            "where = \"subject\"\nany = ['thanks']\n"
        )
        for pid in pids:  # a terminal that hangs up tells all of them
            os.kill(pid, signal.SIGHUP)
        await until(lambda: bool(named(served, "rules_reloaded") or named(served, "rules_refused")))
        for client in clients.values():
            await client.send(b"text\r\n.\r\n")
            assert (await client.reply(PATIENCE_S)).startswith("250")
            await client.close()
        await smarthost.wait_for(TAKERS, PATIENCE_S)
        assert processes_of(served) == pids
        assert not named(served, "intake_process_died")


async def test_each_process_takes_right_passwords_at_once_and_wrong_ones_slower_each_time(
    tmp_path: Path,
) -> None:
    async with several(tmp_path, intake__users=USERS, intake__auth_fail_delay_s=DELAY_S) as (
        served,
        smarthost,
    ):
        for client in (await at_each(served, served.port)).values():
            assert "AUTH PLAIN LOGIN" in await client.ask("EHLO shop.example")
            for nth in range(2):
                began = time.monotonic()
                assert (await client.ask(plain("shop", "wrong"))).startswith("535")
                assert time.monotonic() - began >= DELAY_S * 2**nth
            assert (await client.ask("AUTH LOGIN")).startswith("334")
            assert (await client.ask(base64.b64encode(b"shop"))).startswith("334")
            assert (await client.ask(base64.b64encode(b"secret"))).startswith("235")
            assert (await client.mail(b"Subject: x\r\n\r\nlogin")).startswith("250")
            await client.close()
        for client in (await at_each(served, served.port)).values():
            await client.ask("EHLO shop.example")
            assert (await client.ask(plain("shop", "secret"))).startswith("235")
            await client.close()
        await smarthost.wait_for(TAKERS, PATIENCE_S)


def plain(user: str, password: str) -> str:
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


async def test_each_process_believes_a_balancer_and_a_front_end_and_nobody_else(
    tmp_path: Path,
) -> None:
    async with several(tmp_path, **TRUST) as (served, smarthost):
        at_balancer = {"source": BALANCER, "header": proxied(FRIEND)}
        for client in (await at_each(served, served.port, **at_balancer)).values():
            assert "XCLIENT" not in await client.ask("EHLO friend")
            assert (await client.mail(b"Subject: x\r\n\r\nfriend")).startswith("250")
            await client.close()
        at_balancer["header"] = proxied(STRANGER)
        for client in (await at_each(served, served.port, **at_balancer)).values():
            await client.ask("EHLO stranger")
            assert (await client.ask("MAIL FROM:<a@b.pl>")).startswith("550 5.7.1")
            await client.close()

        for client in (await at_each(served, served.port, source=FRONT_END)).values():
            assert "XCLIENT" in await client.ask("EHLO front.end")
            assert (await client.ask(f"XCLIENT ADDR={STRANGER}")).startswith("220")
            await client.ask("EHLO stranger")
            assert (await client.ask("MAIL FROM:<a@b.pl>")).startswith("550 5.7.1")
            await client.close()

        for client in (await at_each(served, served.port)).values():
            assert "XCLIENT" not in await client.ask("EHLO shop.example")
            assert (await client.ask(proxied(FRIEND)[:-2])).startswith("500")
            assert (await client.ask(f"XCLIENT ADDR={FRIEND}")).startswith("500")
            await client.close()
        await smarthost.wait_for(TAKERS, PATIENCE_S)
        clients = {one["client"] for one in named(served, "mail_accepted")}
        assert clients == {FRIEND}


async def test_the_limit_of_a_strangers_address_counts_at_all_processes_together(
    tmp_path: Path,
) -> None:
    limit = 6
    async with several(tmp_path, intake__max_connections_per_address=limit, **TRUST) as (served, _):

        async def come(address: str) -> tuple[RawClient, str]:
            client = await opened(served.port, source=BALANCER, header=proxied(address))
            return client, (await client.reply(PATIENCE_S))[:3]

        held = [await come(STRANGER) for _ in range(limit)]
        assert [said for _, said in held] == ["220"] * limit
        for _ in range(2 * PROCESSES):  # whichever process they come to
            client, said = await come(STRANGER)
            assert said == "421"
            await client.close()
        others = [await come(address) for address in ("198.51.100.8", FRIEND)]
        assert [said for _, said in others] == ["220", "220"]

        # What a killed process had counted is free again, and no more than that.
        victim = max(children_of(served.process.pid), key=lambda p: connections_of(p, served.port))
        os.kill(victim, signal.SIGKILL)
        await until(lambda: bool(named(served, "intake_process_started")))
        left = [client for client, _ in held if not await is_cut(client)]
        free = limit - len(left)
        again = [await come(STRANGER) for _ in range(free + 2)]
        assert [said for _, said in again] == ["220"] * free + ["421"] * 2
        for client, _ in (*held, *others, *again):
            await client.close()


async def is_cut(client: RawClient) -> bool:
    try:
        return not await client.ask("NOOP")
    except (OSError, asyncio.IncompleteReadError):
        return True


async def test_a_port_stays_served_while_its_processes_are_killed_and_no_mail_is_lost(
    tmp_path: Path,
) -> None:
    async with several(tmp_path) as (served, smarthost):
        taken: list[str] = []
        refused = 0
        over = False

        async def shop(number: int) -> None:
            nonlocal refused
            count = 0
            while not over:
                count += 1
                recipient = f"klient{number}.{count}@example.com"
                try:
                    client = await opened(served.port)
                except ConnectionRefusedError:
                    refused += 1
                    continue
                try:
                    if not (await client.reply(PATIENCE_S)).startswith("220"):
                        continue
                    text = f"Subject: x\r\n\r\n{recipient}".encode()
                    if (await client.mail(text, recipient=recipient)).startswith("250"):
                        taken.append(recipient)
                except (OSError, AssertionError, asyncio.IncompleteReadError):
                    pass  # its process was killed; what got no 250 is ours to send again
                finally:
                    await client.close()

        shops = [asyncio.create_task(shop(number)) for number in range(6)]
        for deaths in range(1, 4):
            await asyncio.sleep(0.5)
            os.kill(children_of(served.process.pid)[0], signal.SIGKILL)
            await until(happened(served, "intake_process_died", deaths))
            await until(happened(served, "intake_process_started", deaths))
        over = True
        await asyncio.gather(*shops)

        assert refused == 0
        assert len(taken) > 50

        def arrivals() -> list[str]:
            return [one for mail in smarthost.messages for one in mail.recipients]

        # Counting is not enough: a mail whose 250 the kill swallowed comes too, unasked for.
        with contextlib.suppress(TimeoutError):
            await until(lambda: set(taken) <= set(arrivals()))
        arrived = arrivals()
        assert set(taken) <= set(arrived)
        # Such a mail is in once, though the shop does not know.
        assert len(arrived) == len(set(arrived))


async def test_mails_that_do_not_end_do_not_keep_a_service_from_ending_in_time(
    tmp_path: Path,
) -> None:
    drain_s = 2
    async with several(tmp_path, intake__drain_s=drain_s) as (served, _):
        clients = await at_each(served, served.port)
        done, stuck = await at_each(served, served.port), [*clients.values()]
        for number, client in enumerate((*stuck, *done.values())):
            await client.begin(recipient=f"klient{number}@example.com")
            await client.send(b"Subject: x\r\n\r\nHello.\r\n")
        pids = processes_of(served)
        began = time.monotonic()
        for pid in pids:  # some service managers tell every process
            os.kill(pid, signal.SIGTERM)
        for client in done.values():
            await client.send(b".\r\n")
            assert (await client.reply(PATIENCE_S)).startswith("250")
        for client in stuck:
            assert b"250" not in await client.rest(PATIENCE_S)
        assert await served.stop() == 0

        # The worker may take as long again for what it has begun.
        assert time.monotonic() - began < 2 * drain_s + 4
        assert not any(is_alive(pid) for pid in pids)
        assert not named(served, "intake_process_died")
        assert len(named(served, "mail_accepted")) == len(done)


async def test_a_service_that_ends_while_a_process_is_being_started_again_leaves_none_behind(
    tmp_path: Path,
) -> None:
    for wait_s in (0.0, 0.6, 1.2):  # in the pause, and at different stages of its start
        async with several(tmp_path, 2) as (served, _):
            (victim,) = children_of(served.process.pid)
            os.kill(victim, signal.SIGKILL)
            await until(happened(served, "intake_process_died"))
            await asyncio.sleep(wait_s)
            others = children_of(served.process.pid)
            began = time.monotonic()
            assert await served.stop() == 0
            assert time.monotonic() - began < 8
            assert not any(is_alive(pid) for pid in others)


async def test_no_process_is_started_again_to_take_mail_while_the_service_ends(
    tmp_path: Path,
) -> None:
    async with several(tmp_path, intake__drain_s=4) as (served, _):
        victim, other = children_of(served.process.pid)
        stuck = await connected_to(other, served.port)
        await stuck.begin()  # the end waits for it, longer than a new process takes
        os.kill(victim, signal.SIGKILL)
        await until(happened(served, "intake_process_died"))
        assert await served.stop() == 0
        await stuck.close()
        assert not named(served, "intake_process_started")


async def test_a_process_that_hangs_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "SILENT_S", 3.0)
    monkeypatch.setattr(processes, "ONCE_MORE_S", 1.0)
    async with a_house(tmp_path, connected=False, intake={"processes": 2}) as house:
        (hung,) = children_of(os.getpid())
        os.kill(hung, signal.SIGSTOP)
        await until(lambda: hung not in children_of(os.getpid()))
        await until(lambda: bool(children_of(os.getpid())))
        (other,) = children_of(os.getpid())
        client = await connected_to(other, house.port)
        assert (await client.mail(b"Subject: x\r\n\r\nx"))[:3] == "250"
        await client.close()
        await asyncio.sleep(5)  # one that speaks is let alone
        assert children_of(os.getpid()) == [other]

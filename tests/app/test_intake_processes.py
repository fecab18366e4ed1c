"""Several processes take mail on one port: real ones, as ``awizo serve`` starts them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections import Counter
from pathlib import Path
from statistics import median

import httpx
import pytest

from support.intake_parts import RawClient
from support.processes import (
    PATIENCE_S,
    children_of,
    connected,
    connections_of,
    handed_in,
    is_alive,
    is_listening,
    named,
    recipients_in,
    several,
    until,
)
from support.service import environment, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROCESSES = 3
CONNECTIONS = 24


async def cut_or_answered(client: RawClient) -> str:
    """The answer to the final dot; "" when there is none any more."""
    try:
        await client.send(b".\r\n")
        return await client.reply(PATIENCE_S)
    except (OSError, EOFError, AssertionError):
        return ""


async def test_mails_are_spread_over_the_processes_and_none_is_lost_when_one_is_killed(
    tmp_path: Path,
) -> None:
    async with several(tmp_path) as (served, smarthost):
        others = children_of(served.process.pid)
        assert len(others) == PROCESSES - 1
        clients = [await connected(served.port) for _ in range(CONNECTIONS)]
        # The one that asked whether it is up may not have left yet.
        await until(lambda: sum(connections_of(p, served.port) for p in others) <= CONNECTIONS)
        shares = [connections_of(pid, served.port) for pid in others]
        assert sum(shares) == CONNECTIONS, "the first works on the mails, and takes none"
        assert all(shares), shares
        victim = max(others, key=lambda pid: connections_of(pid, served.port))
        cut = connections_of(victim, served.port)
        assert cut
        for number, client in enumerate(clients):
            await client.begin(recipient=f"klient{number}@example.com")
            await client.send(b"Subject: x\r\n\r\nHello.\r\n")

        os.kill(victim, signal.SIGKILL)
        answers = await asyncio.gather(*(cut_or_answered(one) for one in clients))

        taken = [n for n, said in enumerate(answers) if said.startswith("250")]
        assert len(taken) == CONNECTIONS - cut
        await smarthost.wait_for(len(taken), PATIENCE_S)
        arrived = Counter(one for mail in smarthost.messages for one in mail.recipients)
        assert arrived == Counter(f"klient{number}@example.com" for number in taken)
        assert recipients_in(tmp_path) == arrived  # nothing half of those that were cut off
        for client in clients:
            await client.close()


async def test_a_process_that_dies_is_started_again_and_takes_mail(tmp_path: Path) -> None:
    async with several(tmp_path, 2) as (served, smarthost):
        (victim,) = children_of(served.process.pid)
        os.kill(victim, signal.SIGKILL)

        await until(lambda: bool(named(served, "intake_process_started")))

        (died,) = named(served, "intake_process_died")
        assert (died["intake"], died["status"]) == (1, -signal.SIGKILL)
        (other,) = children_of(served.process.pid)
        assert other != victim
        count = 0
        while await connections_taken(other, served.port) == 0:
            count += 1
            assert (await handed_in(served.port, f"klient{count}@example.com")).startswith("250")
        await smarthost.wait_for(count, PATIENCE_S)


async def test_the_first_process_takes_mail_only_while_no_other_does(tmp_path: Path) -> None:
    async with several(tmp_path, 2) as (served, smarthost):
        first, (other,) = served.process.pid, children_of(served.process.pid)
        kept = await connected(served.port)
        assert (connections_of(first, served.port), connections_of(other, served.port)) == (0, 1)

        os.kill(other, signal.SIGKILL)
        client = await connected(served.port)  # the queue of the port was never closed
        assert connections_of(first, served.port) == 1
        said = await client.mail(b"Subject: x\r\n\r\nHello.\r\n", recipient="a@example.com")
        assert said.startswith("250")

        await until(lambda: bool(named(served, "intake_process_started")))
        (again,) = children_of(served.process.pid)
        new = await connected(served.port)
        assert connections_of(again, served.port) == 1
        said = await client.mail(b"Subject: x\r\n\r\nHello.\r\n", recipient="b@example.com")
        assert said.startswith("250"), "what it has taken it brings to its end"
        await smarthost.wait_for(2, PATIENCE_S)
        for one in (kept, client, new):
            await one.close()


async def test_a_process_that_is_told_to_end_keeps_no_new_connection_waiting(
    tmp_path: Path,
) -> None:
    async with several(tmp_path, 2, intake__drain_s=30) as (served, _):
        (other,) = children_of(served.process.pid)
        stuck = await connected(served.port)
        await stuck.begin()  # its end waits for this mail
        os.kill(other, signal.SIGTERM)

        await asyncio.sleep(1)  # until the signal has come through

        client = await asyncio.wait_for(connected(served.port), 10)
        assert connections_of(served.process.pid, served.port) == 1
        assert is_alive(other)
        await client.send(b"QUIT\r\n")
        await client.close()
        await stuck.send(b"Subject: x\r\n\r\nHello.\r\n.\r\n")
        assert (await stuck.reply(PATIENCE_S)).startswith("250")
        await stuck.close()


async def connections_taken(pid: int, port: int) -> int:
    """Whether a new connection is one of this process."""
    client = await connected(port)
    try:
        return connections_of(pid, port)
    finally:
        await client.close()


async def test_a_kill_leaves_neither_process_nor_port_nor_lock_behind(tmp_path: Path) -> None:
    env = environment(tmp_path, smarthost__host="127.0.0.1", intake__processes=PROCESSES)
    served = await start(tmp_path, env)
    port, others = served.port, children_of(served.process.pid)
    assert len(others) == PROCESSES - 1

    await served.kill()

    again = await start(tmp_path, env | {"AWIZO_INTAKE__PORT": str(port)})
    try:
        assert not any(is_alive(pid) for pid in others)
        assert again.port == port
        assert len(children_of(again.process.pid)) == PROCESSES - 1
    finally:
        assert await again.stop() == 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


async def test_another_program_on_the_port_is_told_and_nothing_is_shared_with_it(
    tmp_path: Path,
) -> None:
    with socket.socket() as theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        theirs.bind(("127.0.0.1", 0))
        theirs.listen()
        port = theirs.getsockname()[1]
        env = environment(
            tmp_path, smarthost__host="127.0.0.1", intake__processes=2, intake__port=port
        )

        with pytest.raises(AssertionError, match="cannot listen on"):
            await start(tmp_path, env)


async def test_a_clean_end_lets_every_process_finish_its_mails(tmp_path: Path) -> None:
    async with several(tmp_path) as (served, _):
        clients = [await connected(served.port) for _ in range(CONNECTIONS)]
        others = children_of(served.process.pid)
        for number, client in enumerate(clients):
            await client.begin(recipient=f"klient{number}@example.com")
        served.process.send_signal(signal.SIGTERM)
        await until(lambda: not is_listening(served.port))

        answers = await asyncio.gather(*(cut_or_answered(one) for one in clients))

        assert all(said.startswith("250") for said in answers), answers
        for client in clients:
            await client.close()
        assert await served.stop() == 0
        assert not any(is_alive(pid) for pid in others)
        assert sum(recipients_in(tmp_path).values()) == CONNECTIONS
        assert not named(served, "intake_process_died")


async def test_limits_on_connections_hold_for_all_processes_together(tmp_path: Path) -> None:
    async with several(tmp_path, intake__max_connections=10) as (served, _):
        clients = []
        for _ in range(10):
            clients.append(await connected(served.port))

        for _ in range(6):  # whichever process they come to
            late = RawClient(*await asyncio.open_connection("127.0.0.1", served.port))
            assert (await late.reply(PATIENCE_S)).startswith("421")
            await late.close()

        for client in clients:
            await client.close()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                one = RawClient(*await asyncio.open_connection("127.0.0.1", served.port))
                said = await one.reply(PATIENCE_S)
                await one.close()
                if said.startswith("220"):
                    break


async def test_it_listens_once_and_figures_and_readiness_are_those_of_all(tmp_path: Path) -> None:
    async with several(tmp_path) as (served, smarthost):
        said = named(served, "listening")
        assert len(said) == 1
        for number in range(CONNECTIONS):
            await handed_in(served.port, f"klient{number}@example.com")
        await smarthost.wait_for(CONNECTIONS, PATIENCE_S)
        takers = {event.get("intake") for event in named(served, "mail_accepted")}
        assert len(takers) >= 2
        async with httpx.AsyncClient(base_url=f"http://{served.panel}") as panel:
            async with asyncio.timeout(PATIENCE_S):
                while True:  # they are told once a second
                    text = (await panel.get("/metrics")).text
                    if f'awizo_mails_received_total{{outcome="accepted"}} {CONNECTIONS}.0' in text:
                        break
                    await asyncio.sleep(0.1)
            ready = await panel.get("/readyz")
            assert ready.status_code == 200
            assert ready.json()["parts"]["intake_processes"] == "ok"

            stopped = children_of(served.process.pid)[0]
            os.kill(stopped, signal.SIGKILL)
            await until(lambda: bool(named(served, "intake_process_died")))
            assert (await panel.get("/readyz")).status_code == 503


async def test_mail_taken_by_another_process_leaves_without_waiting_for_a_look_around(
    tmp_path: Path,
) -> None:
    async def waits(processes: int) -> list[float]:
        folder = tmp_path / str(processes)
        await asyncio.to_thread(folder.mkdir)
        async with several(folder, processes) as (served, smarthost):
            for number in range(CONNECTIONS):
                await handed_in(served.port, f"klient{number}@example.com")
            await smarthost.wait_for(CONNECTIONS, PATIENCE_S)
            await until(lambda: len(named(served, "delivery_settled")) >= CONNECTIONS)
        return [float(event["took_s"]) for event in named(served, "delivery_settled")]

    alone, beside = await waits(1), await waits(2)

    # Compared, not measured: half a second of looking around would stand out by far.
    assert median(beside) < 5 * median(alone) + 0.1, (alone, beside)


async def test_the_log_lines_of_processes_do_not_cut_into_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")  # as in the image
    async with several(tmp_path) as (served, smarthost):

        async def hand_in(shop: int) -> None:
            for number in range(40):
                await handed_in(served.port, f"klient{shop}.{number}@example.com")

        await asyncio.gather(*(hand_in(shop) for shop in range(6)))
        await smarthost.wait_for(240, PATIENCE_S)
    assert len(served.events) == len(served.raw)
    assert len(named(served, "mail_accepted")) == 240

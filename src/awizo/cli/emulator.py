"""``awizo emulator``: the small Allegro on a port of its own, until told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from awizo.cli.common import complain, out, run
from awizo.emulator.descriptions import UnusableOrder
from awizo.emulator.gate import AgentCheck
from awizo.emulator.mailbox import MailsAreMessages
from awizo.emulator.scenarios import KINDS, UnknownScenario
from awizo.emulator.server import CLIENT_ID, CLIENT_SECRET, Emulator
from awizo.emulator.sink import CatchingSmarthost

# Sample orders, for a first look around; no real person among them.
SAMPLES: tuple[dict[str, Any], ...] = (
    {"buyer": "Jan Kowalski", "login": "jan_k", "total": "123.00", "delivery_method": "Kurier DPD"},
    {"buyer": "Anna Nowak", "login": "anna_n", "total": "59.90", "invoice_required": False},
    {
        "buyer": "Piotr Zieliński", "login": "zielinski_hurt", "total": "1845.00",
        "company": "Zieliński Hurt sp. z o.o.", "tax_id": "5252674798",
    },
    {"buyer": "Jan Kowalski", "login": "jan_k", "total": "39.00"},
    {
        "buyer": "Eva Nováková", "login": "eva_n", "total": "899.00", "currency": "CZK",
        "language": "cs-CZ", "marketplace": "allegro-cz",
    },
)  # fmt: skip

AGENT_CHECKS: tuple[AgentCheck, ...] = ("refuse", "warn", "off")


def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8080,
    seed: Annotated[int, typer.Option(help="The same seed makes the same ids.")] = 1,
    scenario: Annotated[
        list[str] | None,
        typer.Option(help="What goes wrong: NAME[=VALUE][,key=value…]; may be repeated."),
    ] = None,
    orders: Annotated[
        Path | None, typer.Option(help="JSON file of orders instead of the samples.")
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(help=f"CLIENT_ID:SECRET; default {CLIENT_ID}:{CLIENT_SECRET}."),
    ] = None,
    confirm_after: Annotated[
        int, typer.Option(help="A device code confirms itself at that poll; 0: by hand only.")
    ] = 2,
    user_agent: Annotated[
        str, typer.Option(help="refuse, warn or off: agents that Allegro would not take.")
    ] = "refuse",
    catch_mail_port: Annotated[
        int | None,
        typer.Option(help="Also catch all mail on this port; mails to buyers become messages."),
    ] = None,
    list_scenarios: Annotated[
        bool, typer.Option("--list-scenarios", help="Print what can go wrong, and stop.")
    ] = False,
) -> None:
    """A small Allegro on a port of its own. SIGTERM ends it cleanly."""
    if list_scenarios:
        for kind in sorted(KINDS.values(), key=lambda one: one.name):
            out.print(f"{kind.name:<22} {kind.says}", markup=False, soft_wrap=True)
        return

    async def work() -> int:
        try:
            emulator = _emulator(seed, scenario, client, confirm_after, user_agent)
            _add_orders(emulator, orders)
        except (UnknownScenario, UnusableOrder, ValueError, OSError) as error:
            complain(f"{error}")
            return 1
        return await _serve(emulator, host, port, catch_mail_port)

    run(work)


def _emulator(
    seed: int,
    scenarios: list[str] | None,
    clients: list[str] | None,
    confirm_after: int,
    user_agent: str,
) -> Emulator:
    check = next((one for one in AGENT_CHECKS if one == user_agent), None)
    if check is None:
        raise ValueError(f"--user-agent {user_agent}: one of {', '.join(AGENT_CHECKS)}")
    pairs = [told.partition(":") for told in clients or ()]
    if any(not name or not secret for name, _, secret in pairs):
        raise ValueError("--client: CLIENT_ID:SECRET is wanted")
    return Emulator(
        seed=seed,
        scenarios=scenarios or (),
        clients={name: secret for name, _, secret in pairs} or None,
        confirm_after_polls=confirm_after or None,
        user_agent=check,
    )


def _add_orders(emulator: Emulator, file: Path | None) -> None:
    """The samples, or those of a file: a list of objects, or ``{"orders": [...]}``."""
    told: Any = list(SAMPLES)
    if file is not None:
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise UnusableOrder(f"{file}:{error.lineno}: no JSON: {error.msg}") from None
        told = told.get("orders") if isinstance(told, dict) else told
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise UnusableOrder(f"{file}: a list of orders is wanted")
    for number, one in enumerate(told, start=1):
        try:
            emulator.add_order(**one)
        except UnusableOrder as error:
            raise UnusableOrder(f"order {number}: {error}") from None


async def _serve(emulator: Emulator, host: str, port: int, mail_port: int | None) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(emulator.serving(host, port))
            words = (
                f"emulator listens: api_url {url} auth_url {url}/auth/oauth admin {url}/emulator"
            )
            if mail_port is not None:
                catcher = CatchingSmarthost()
                stack.push_async_callback(catcher.close)
                mail_host, bound = await catcher.start(host, mail_port)
                await stack.enter_async_context(MailsAreMessages(emulator, catcher).following())
                words += f" smtp {mail_host}:{bound}"
        except OSError as error:
            complain(f"cannot listen: {error.strerror}")
            return 1
        typer.echo(words)
        await stopping.wait()
    return 0

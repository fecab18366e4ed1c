"""The demo's stage: a small Allegro, a smarthost that catches all, and the real service.

In:  a folder for the store.
Out: everything running on free loopback ports, an account connected by the real device flow;
     and what can be read back from all three.

Nothing is played here: mails go in over SMTP, calls to Allegro over HTTP, mails out over SMTP.
"""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from awizo.allegro.client import AllegroClients
from awizo.app import App
from awizo.cli.common import utc_now
from awizo.cli.demo.mail import SHOP, DemoMail, DemoOrder
from awizo.emulator.server import CLIENT_ID, CLIENT_SECRET, Emulator
from awizo.emulator.sink import CatchingSmarthost
from awizo.model import DeliveryState
from awizo.settings import Allegro, Intake, Panel, Policy, Settings, Smarthost, Store
from awizo.spool.port import StoredDelivery
from awizo.store import open_store

SMTP_TIMEOUT_S = 30
LOOK_EVERY_S = 0.1


@dataclass(slots=True)
class Stage:
    """Everything that runs."""

    emulator: Emulator
    smarthost: CatchingSmarthost
    app: App

    @property
    def smtp_port(self) -> int:
        assert self.app.bound is not None
        return int(self.app.bound.smtp[0].rpartition(":")[2])

    async def send(self, mail: DemoMail) -> None:
        """Hand a mail in, as a shop does."""
        await asyncio.to_thread(_hand_in, self.smtp_port, mail)

    async def deliveries(self) -> list[StoredDelivery]:
        return [stored async for stored in self.app.stores.spool.list()]

    async def settled(self, count: int, *, timeout_s: float) -> AsyncIterator[int]:
        """How many deliveries are settled, each time it changes; ends with *count* or the time."""
        before = -1
        try:
            async with asyncio.timeout(timeout_s):
                while before < count:
                    counts = (await self.app.stores.spool.counts()).by_state
                    now = counts.get(DeliveryState.SETTLED, 0)
                    if now != before:
                        before = now
                        yield now
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            return


def _hand_in(port: int, mail: DemoMail) -> None:
    options = [] if mail.content.isascii() else ["BODY=8BITMIME"]
    with smtplib.SMTP("127.0.0.1", port, timeout=SMTP_TIMEOUT_S) as client:
        client.sendmail(mail.reverse_path, mail.recipients, mail.content, mail_options=options)


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Start everything but the service, which waits for its orders; stop all in reverse."""
    async with AsyncExitStack() as stack:
        emulator = Emulator(confirm_after_polls=None)
        emulator.world.seller("default").email = SHOP  # Allegro takes mail from it
        allegro_url = await stack.enter_async_context(emulator.serving())
        smarthost = CatchingSmarthost()
        await smarthost.start()
        stack.push_async_callback(smarthost.close)
        settings = demo_settings(folder, allegro_url=allegro_url, smarthost=smarthost)
        await connect(settings, emulator)
        app = App(settings)
        stack.push_async_callback(app.stop)
        yield Stage(emulator, smarthost, app)


def demo_settings(folder: Path, *, allegro_url: str, smarthost: CatchingSmarthost) -> Settings:
    """The real settings, with short waits: a demo has no ten minutes for a label service."""
    return Settings(
        intake=Intake(port=0, hostname="awizo.localhost"),
        smarthost=Smarthost(host=smarthost.host, port=smarthost.port, tls="none"),
        allegro=Allegro(
            api_url=allegro_url,
            auth_url=f"{allegro_url}/auth/oauth",
            client_id=CLIENT_ID,
            client_secret=SecretStr(CLIENT_SECRET),
            waybill_delay_s=0,
            delivery_check_after_s=(),
        ),
        policy=Policy(verify_after_s=(1, 2), allegro_status_mail="on"),
        store=Store(url=f"sqlite:///{folder}/awizo.db"),
        panel=Panel(port=0),
    )


async def connect(settings: Settings, emulator: Emulator) -> None:
    """Connect the account by the device flow, confirmed as a person would in a browser."""
    stores = await open_store(settings.store)
    clients = AllegroClients(settings, stores.accounts, stores.memory, now=utc_now)
    try:
        oauth = clients.oauth("default")
        code = await oauth.start_device_flow()
        emulator.confirm(code.user_code)
        await clients.connect("default", await oauth.wait_for_device_token(code))
    finally:
        await clients.close()
        await stores.close()


def order_maker(emulator: Emulator) -> Any:
    """Make orders at the emulator by name; the same name is the same order."""
    made: dict[str, DemoOrder] = {}

    def order(name: str, *, scenario: str | None = None, **details: Any) -> DemoOrder:
        if name not in made:
            at_allegro = emulator.add_order(
                **({"buyer": "Jan Kowalski", "total": "123.00"} | details)
            )
            if scenario is not None:
                emulator.set_scenario(f"{scenario},order={at_allegro.id}")
            made[name] = DemoOrder(at_allegro.id, at_allegro.email, "Jan Kowalski")
        return made[name]

    return order

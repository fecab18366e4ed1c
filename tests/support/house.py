"""The whole service in this process, between a real shop's socket and real peers.

In:  settings that differ from those of a quick test.
Out: a house to send mail through, its deliveries, what Allegro holds and what the smarthost
     caught.

Everything is real but Allegro, which the emulator plays over a socket: intake, the SQLite
file, the worker, the helpers that read PDF files, the smarthost's connection.
"""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import awizo.worker.accounts
from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.app import App, utc_now
from awizo.emulator.oauth import Pair
from awizo.emulator.server import CLIENT_ID, CLIENT_SECRET, Emulator
from awizo.emulator.sink import CatchingSmarthost, CaughtMail
from awizo.emulator.world import Order
from awizo.model import DeliveryState
from awizo.operations import Operations
from awizo.settings import Settings
from awizo.spool.port import StoredDelivery

SHOP = "sklep@lampiony.example"
OFTEN_S = 0.05  # a fresh login is noticed

# A test does not wait as long as the world may; each of these is a setting of its own.
QUICK: dict[str, Any] = {
    "intake": {"port": 0, "hostname": "mx.test", "min_free_bytes": 0},
    "panel": {"port": 0},
    "retry": {
        "allegro_quick_s": (0.02, 0.05),
        "allegro_steps_s": (0.1, 0.2, 0.3),
        "smarthost_steps_s": (0.2, 0.3),
    },
    "policy": {"order_wait_s": 3, "verify_after_s": (0.1, 0.3)},
    "allegro": {
        "waybill_delay_s": 0,
        "sync_interval_s": 0.5,
        "delivery_check_after_s": (0.2, 0.5, 1),
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    },
}


@dataclass
class House:
    app: App
    emulator: Emulator
    smarthost: CatchingSmarthost
    settings: Settings

    @property
    def port(self) -> int:
        assert self.app.bound is not None
        return int(self.app.bound.smtp[0].rpartition(":")[2])

    @property
    def operations(self) -> Operations:
        return Operations(spool=self.app.stores.spool, now=self.app.now, actor="test")

    async def connect(self, account: str = "default", seller: str = "default") -> None:
        """Give an account tokens, as ``awizo login`` does."""
        await self.keep(account, self.emulator.issue_tokens(seller))

    async def keep(self, account: str, pair: Pair) -> None:
        now = self.app.now()
        await self.app.stores.accounts.save(
            AccountRecord(
                account,
                TokenPair(pair.access, pair.refresh, now + timedelta(hours=12), now),
                connected_at=now,
            )
        )

    async def send(
        self,
        mail: EmailMessage | bytes,
        *to: str,
        sender: str = SHOP,
        login: tuple[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> bytes:
        """Hand a mail in as a shop does; returns its bytes as they were sent."""
        content = mail if isinstance(mail, bytes) else as_sent(mail)

        def work() -> None:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
                if login is not None:
                    client.login(*login)
                refused = client.sendmail(sender, list(to), content, mail_options=options)
                assert not refused, refused

        await asyncio.to_thread(work)
        return content

    async def deliveries(self) -> list[StoredDelivery]:
        return [one async for one in self.app.stores.spool.list()]

    async def delivery_to(self, recipient: str) -> StoredDelivery:
        """The newest delivery to this recipient, with its history."""
        found = [
            one
            for one in await self.deliveries()
            if one.delivery.recipient.address.lower() == recipient.lower()
        ]
        return await self.app.stores.spool.show(found[-1].delivery.id)

    async def settled(self, *recipients: str, timeout_s: float = 30) -> StoredDelivery:
        """Wait until the newest deliveries to these are settled; returns that to the first."""
        return await self.reaches(DeliveryState.SETTLED, *recipients, timeout_s=timeout_s)

    async def reaches(
        self, state: DeliveryState, *recipients: str, timeout_s: float = 30
    ) -> StoredDelivery:
        stored = None
        try:
            async with asyncio.timeout(timeout_s):
                for recipient in recipients:
                    while True:
                        stored = await self.delivery_to(recipient)
                        if stored.delivery.state is state:
                            break
                        await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"not {state}: {stored}") from None
        return await self.delivery_to(recipients[0])

    def caught_for(self, recipient: str) -> list[CaughtMail]:
        return [mail for mail in self.smarthost.messages if recipient in mail.recipients]

    def order(self, order: Order) -> Order:
        return self.emulator.order(order.id)


def as_sent(mail: EmailMessage) -> bytes:
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def a_mail(
    subject: str,
    text: str,
    *,
    to: str = "kupujacy@example.com",
    files: Sequence[tuple[str, bytes]] = (),
    headers: dict[str, str] | None = None,
) -> EmailMessage:
    """A mail as shop software writes it."""
    mail = EmailMessage()
    mail["From"] = f"Lampiony <{SHOP}>"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = "Thu, 26 Nov 2026 10:00:00 +0100"
    mail["Message-ID"] = f"<{abs(hash((subject, text, to)))}@lampiony.example>"
    mail["X-Mailer"] = "PHPMailer 6.9.1 (https://github.com/PHPMailer/PHPMailer)"
    for name, value in (headers or {}).items():
        del mail[name]
        mail[name] = value
    mail.set_content(text, cte="8bit")
    for name, content in files:
        mail.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    return mail


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Settings with others laid over them, section by section."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


@asynccontextmanager
async def a_house(
    tmp_path: Path,
    *,
    emulator: Emulator | None = None,
    smarthost_port: int | None = None,
    connected: bool = True,
    now: Callable[[], datetime] = utc_now,
    **settings: Any,
) -> AsyncIterator[House]:
    """A running service with an Allegro and a smarthost of its own."""
    emulator = emulator or Emulator()
    smarthost = CatchingSmarthost()
    await smarthost.start()
    async with emulator.serving() as url:
        ways = {
            "smarthost": {
                "host": "127.0.0.1",
                "port": smarthost_port or smarthost.port,
                "tls": "none",
            },
            "allegro": {"api_url": url, "auth_url": f"{url}/auth/oauth"},
            "store": {"url": f"sqlite:///{tmp_path}/awizo.db"},
        }
        values = merged(merged(QUICK, ways), settings)
        app = App(Settings.model_validate(values), now=now, clock=lambda: now().timestamp())
        house = House(app, emulator, smarthost, app.settings)
        check_s = awizo.worker.accounts.CONNECTION_CHECK_S
        awizo.worker.accounts.CONNECTION_CHECK_S = OFTEN_S
        await app.start()
        try:
            if connected:
                for account in app.settings.account_names:
                    await house.connect(account, account)
            yield house
        finally:
            awizo.worker.accounts.CONNECTION_CHECK_S = check_s
            await app.stop()
            await smarthost.close()

"""Two replicas of the whole service on one PostgreSQL; one of them is killed at its work."""

from __future__ import annotations

import asyncio
import hashlib
import smtplib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.emulator.server import CLIENT_ID, CLIENT_SECRET, Emulator
from awizo.emulator.sink import CatchingSmarthost
from awizo.settings import Store
from awizo.store import open_store
from support.house import SHOP, a_mail, as_sent
from support.pdfs import a_pdf
from support.service import Served, environment, start
from support.store_parts import SOMEBODY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

MAILS = 40
ORDERS = 8
PATIENCE_S = 180.0


def an_invoice(number: str, order: Any) -> bytes:
    return a_pdf(
        [
            f"Faktura VAT nr {number}",
            "Sprzedawca: Lampiony sp. z o.o., NIP: 6793112850",
            f"Nabywca: {order.first_name} {order.last_name}",
            f"Razem do zapłaty: {order.total} PLN",
        ]
    )


def hand_in(port: int, recipient: str, content: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.sendmail(SHOP, [recipient], content)


async def test_a_replica_killed_at_its_work_loses_and_doubles_nothing(
    fresh_postgresql_url: str, tmp_path: Path
) -> None:
    key = tmp_path / "awizo.key"
    key.write_text("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n")
    key.chmod(0o600)
    emulator, smarthost = Emulator(), CatchingSmarthost()
    await smarthost.start()
    orders = [emulator.add_order() for _ in range(ORDERS)]
    invoices = [an_invoice(f"FV {number}/11/2026", order) for number, order in enumerate(orders)]
    mails = [
        (order.email, as_sent(a_mail(
            f"Faktura FV {number}/11/2026",
            f"Dzień dobry,\n\nw załączniku przesyłamy fakturę FV {number}/11/2026.\n",
            to=order.email, files=((f"FV_{number}_11_2026.pdf", pdf),),
        )))
        for number, (order, pdf) in enumerate(zip(orders, invoices, strict=True))
    ] + [
        (SOMEBODY, as_sent(a_mail(f"List {number}", "Dzień dobry!\n", to=SOMEBODY)))
        for number in range(MAILS - ORDERS)
    ]  # fmt: skip
    mails = mails[::2] + mails[1::2]  # both kinds to both replicas

    stores = await open_store(Store(url=fresh_postgresql_url, key_file=key))
    pair = emulator.issue_tokens()
    now = datetime.now(UTC)
    tokens = TokenPair(pair.access, pair.refresh, now + timedelta(hours=12), now)
    await stores.accounts.save(AccountRecord("default", tokens, connected_at=now))
    services: list[Served] = []
    try:
        async with emulator.serving() as allegro:
            settings = environment(
                tmp_path,
                store__url=fresh_postgresql_url,
                store__key_file=str(key),
                allegro__api_url=allegro,
                allegro__auth_url=f"{allegro}/auth/oauth",
                allegro__client_id=CLIENT_ID,
                allegro__client_secret=CLIENT_SECRET,
                allegro__sync_interval_s=1,
                allegro__messaging=False,
                smarthost__host="127.0.0.1",
                smarthost__port=smarthost.port,
                retry__lease_s=5,
                policy__verify_after_s=[0.2, 0.5],
            )
            services = list(await asyncio.gather(*(start(tmp_path, settings) for _ in range(2))))
            ports = [service.port for service in services]
            handed_in: Counter[str] = Counter()
            for number, (recipient, content) in enumerate(mails):
                if number == MAILS // 2:
                    await services[0].kill()
                    ports = ports[1:]
                await asyncio.to_thread(hand_in, ports[number % len(ports)], recipient, content)
                handed_in[hashlib.sha256(content).hexdigest()] += 1

            async with asyncio.timeout(PATIENCE_S):
                while True:  # a state of other processes, which nobody announces
                    counts = await stores.spool.counts()
                    if counts.by_state["settled"] == MAILS:
                        break
                    await asyncio.sleep(0.2)
            assert sum(counts.by_state.values()) == MAILS

            async for stored in stores.spool.list():
                content = await stores.spool.content(stored.delivery.message.id)
                assert handed_in[hashlib.sha256(content).hexdigest()] == 1
            for order, pdf in zip(orders, invoices, strict=True):
                assert [one.content for one in emulator.order(order.id).invoices] == [pdf]
            caught = Counter(mail.content for mail in smarthost.messages)
            assert set(caught) == {content for to, content in mails if to == SOMEBODY}
            # Once more only what the dead one had sent, but not yet written down.
            again = sum(caught.values()) - len(caught)
            assert again <= 1
            assert max(caught.values()) <= 2
    finally:
        for service in services:
            await service.kill()
        await stores.close()
        await smarthost.close()

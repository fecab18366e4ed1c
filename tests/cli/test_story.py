"""The first day of a shop, told from the command line: serve, login, a mail filed, sent on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from awizo.emulator.server import CLIENT_ID, CLIENT_SECRET, Emulator
from awizo.emulator.sink import CatchingSmarthost
from support.cli_parts import BUYER, an_invoice_mail, awizo, lines_of
from support.service import a_service
from support.smtp_client import hand_in, logged, settled


async def test_a_shop_connects_its_account_and_its_next_invoice_is_filed(tmp_path: Path) -> None:
    emulator = Emulator()
    order = emulator.add_order(buyer="Jan Kowalski", email=BUYER)
    invoice = an_invoice_mail("FV 2/11/2026")
    catcher = CatchingSmarthost()
    await catcher.start()
    async with emulator.serving() as url:
        settings: dict[str, Any] = {
            "smarthost__host": catcher.host,
            "smarthost__port": catcher.port,
            "allegro__api_url": url,
            "allegro__auth_url": f"{url}/auth/oauth",
            "allegro__client_id": CLIENT_ID,
            "allegro__client_secret": CLIENT_SECRET,
        }
        async with a_service(tmp_path, **settings) as served:
            await hand_in(served.port, an_invoice_mail("FV 1/11/2026"), BUYER)
            (before,) = await settled(served, 1)
            await awizo(tmp_path, "login", **settings)
            await logged(served, "first_sync_done")
            await hand_in(served.port, invoice, BUYER)
            _, after = await settled(served, 2)
            assert len(catcher.messages) == 1

            await awizo(tmp_path, "queue", "release", after["id"], **settings)
            await catcher.wait_for(2, timeout_s=60)

        out, _ = await awizo(tmp_path, "documents", "export", **settings)
    await catcher.close()

    assert (before["disposition"], before["problem"]) == ("forward", "account_not_connected")
    assert (after["state"], after["disposition"]) == ("settled", "stop")
    assert after["order_id"] == order.id
    (action,) = after["actions"]
    assert (action["action"], action["state"]) == ("upload_invoice", "done")
    (document,) = lines_of(out)
    (filed,) = emulator.documents(order.id)
    assert document["sha256"] == filed.sha256
    assert document["invoice_id"] == filed.id
    assert catcher.messages[1].content == invoice

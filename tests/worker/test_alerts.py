"""Alerts reach a person, and never tell the log where they were sent."""

from __future__ import annotations

from pathlib import Path

import httpx
import structlog

from awizo.settings import Alerts as AlertSettings
from awizo.settings import Store
from awizo.store import open_store
from awizo.worker.alerts import Alerts
from support.store_parts import NOON

HOOK = "https://hooks.example/services/canary-4711"


async def test_a_webhook_that_fails_keeps_its_address_out_of_the_log(tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(404)

    stores = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"), now=lambda: NOON)
    try:
        alerts = Alerts(
            settings=AlertSettings(webhook_url=HOOK),
            spool=stores.spool,
            now=lambda: NOON,
            transport=httpx.MockTransport(refuse),
        )
        with structlog.testing.capture_logs() as logs:
            await alerts.raise_("mail_blocked", account="default")

        assert [str(one.url) for one in asked] == [HOOK]
        assert "alert_not_told" in [line["event"] for line in logs]
        assert "canary" not in repr(logs)
        assert len(await stores.spool.alerts()) == 1
    finally:
        await stores.close()

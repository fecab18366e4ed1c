"""One HTTP listener for the panel, ``/livez``, ``/readyz`` and ``/metrics``.

In:  the operations, the health probes, the store.
Out: a uvicorn server inside the service's own event loop.

Refuses to listen beyond loopback without a password.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import datetime

import structlog
import uvicorn

from awizo.errors import SettingsError
from awizo.operations import Operations
from awizo.panel.app import create_panel
from awizo.panel.connections import BoundedHttp
from awizo.settings import Settings, is_loopback
from awizo.store import Stores
from awizo.telemetry.health import Health

log = structlog.get_logger()

STOP_S = 3.0


class PanelServer:
    def __init__(
        self,
        *,
        settings: Settings,
        stores: Stores,
        operations: Operations,
        health: Health,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._app = create_panel(
            settings=settings, stores=stores, operations=operations, health=health, now=now
        )
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Listen; returns ``host:port``.

        Raises:
            SettingsError: The address cannot be had, or would be open to all.
        """
        panel = self._settings.panel
        if not is_loopback(panel.host) and panel.password_hash is None:
            raise SettingsError(
                f"panel.host = {panel.host!r} is open to others: set panel.password_hash "
                "(made by 'awizo hash-password') or listen on 127.0.0.1"
            )
        family = socket.AF_INET6 if ":" in panel.host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((panel.host, panel.port))
        except OSError as error:
            listening.close()
            raise SettingsError(
                f"panel: cannot listen on {panel.host}:{panel.port}: {error.strerror}; "
                "choose another panel.port, or 0 for any free one"
            ) from None
        host, port = listening.getsockname()[:2]
        config = uvicorn.Config(
            self._app.asgi,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            http=BoundedHttp,
            ws="none",
        )
        self._server = uvicorn.Server(config)
        # Signals are the service's business, not the panel's.
        self._task = asyncio.ensure_future(self._server._serve([listening]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                break
            await asyncio.sleep(0.01)
        return f"{host}:{port}"

    async def close(self) -> None:
        self._app.close()
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        try:
            await asyncio.wait_for(self._task, STOP_S)
        except TimeoutError:
            self._server.force_exit = True
            log.warning("panel_closed_late")

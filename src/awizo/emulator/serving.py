"""Bring an application to its callers: over HTTP on a port, or in the same process.

In:  an ASGI application whose answers may want to break their own connection.
Out: an address that answers while a context lasts; a transport for httpx.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from awizo.emulator.gate import HANG_UP, ConnectionDropped

STOP_S = 2
KEEP_ALIVE_S = 75


@asynccontextmanager
async def served(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """Serve over HTTP while the context lasts; yields the address, as ``http://host:port``.

    Raises:
        OSError: The address cannot be had.
    """
    with _listener(host, port) as listening:
        open_connections: dict[Any, asyncio.Transport] = {}
        config = uvicorn.Config(
            _Breakable(app, open_connections),
            http=_protocol(open_connections),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
        )
        server = _Server(config)
        task = asyncio.ensure_future(server._serve([listening]))  # signals are the caller's
        try:
            opened = asyncio.ensure_future(server.opened.wait())
            await asyncio.wait((opened, task), return_when=asyncio.FIRST_COMPLETED)
            opened.cancel()
            if task.done():
                task.result()
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


class _Server(uvicorn.Server):
    """uvicorn, which tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.opened = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.opened.set()


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named asyncio sends without delay; 40 ms for each answer otherwise.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def _protocol(open_connections: dict[Any, asyncio.Transport]) -> type[asyncio.Protocol]:
    """uvicorn's HTTP, with the connections at hand so that one can be closed."""

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            open_connections[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            open_connections.pop(self.client, None)
            super().connection_lost(exc)

    return Protocol


class _Breakable:
    """Gives each request the means to close its own connection."""

    def __init__(self, app: ASGIApp, open_connections: Mapping[Any, asyncio.Transport]) -> None:
        self._app = app
        self._open = open_connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            connection = self._open.get(scope["client"])
            if connection is not None:
                scope.setdefault("extensions", {})[HANG_UP] = connection.close
        await self._app(scope, receive, send)


class InProcess(httpx.AsyncBaseTransport):
    """Calls the application directly; a dropped connection is httpx's own error."""

    def __init__(self, app: ASGIApp) -> None:
        self._inner = httpx.ASGITransport(app=app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except ConnectionDropped as dropped:
            if dropped.began:
                raise httpx.ReadError("the answer broke off", request=request) from None
            raise httpx.RemoteProtocolError(
                "disconnected without an answer", request=request
            ) from None

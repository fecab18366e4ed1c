"""How many connections the panel takes, and how long one may think about its request.

In:  connections of browsers, probes, and whoever else finds the port.
Out: uvicorn's own handling of HTTP, with bounds: the panel shares its file descriptors with
     the intake, and nobody may use them up by connecting and saying nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_MAX = 300
PER_ADDRESS_MAX = 60  # a browser opens six; a proxy may stand for several people
REQUEST_WITHIN_S = 20.0


class BoundedHttp(H11Protocol):
    """Closes what is too much at once, and what has asked for nothing in time."""

    _check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        of_address = sum(
            1
            for other in self.connections
            if isinstance(other, BoundedHttp) and other.client and other.client[0] == address
        )
        if len(self.connections) > CONNECTIONS_MAX or of_address > PER_ADDRESS_MAX:
            transport.abort()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._check is not None:
            self._check.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._check = self.loop.call_later(REQUEST_WITHIN_S, self._close_if_silent)

    def _close_if_silent(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            self._watch()

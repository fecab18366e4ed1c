"""A TCP proxy between a service and its peers that can kill the service at any piece of traffic.

In:  connections for somebody else, pieces of bytes in both directions.
Out: the same bytes; at the N-th piece the service is killed, with the piece passed on or lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Wire:
    """Counts the pieces on all its proxies together.

    Attributes:
        kill: Kills the service; called once, at piece ``die_at``.
        deliver: Whether that piece still reaches the other side.
    """

    kill: Callable[[], None] = lambda: None
    die_at: int | None = None
    deliver: bool = True
    count: int = 0
    killed_at: str = ""
    _servers: list[asyncio.Server] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def passes(self, what: str) -> bool:
        """Count a piece; whether it is to be passed on."""
        self.count += 1
        if self.count != self.die_at:
            return True
        self.killed_at = what
        if not self.deliver:
            self.kill()
            return False
        return True

    def passed(self) -> None:
        if self.count == self.die_at and self.deliver:
            self.kill()

    async def proxy(self, name: str, port_of: Callable[[], int]) -> int:
        """Listen for *name*; each connection goes to ``port_of()``. Returns the port."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port_of())
            except OSError:
                writer.close()
                return
            finally:
                task.add_done_callback(self._tasks.discard)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(f"to {name}", reader, there_writer))
                group.create_task(self._pump(f"from {name}", there_reader, writer))

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _pump(
        self, what: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                if not self.passes(what):
                    break
                writer.write(piece)
                await writer.drain()
                self.passed()
        with contextlib.suppress(OSError):
            writer.close()

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def a_wire() -> AsyncIterator[Wire]:
    wire = Wire()
    try:
        yield wire
    finally:
        await wire.close()

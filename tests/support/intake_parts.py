"""A listener for tests, a spool in memory behind it, and a client that speaks raw bytes."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from awizo.errors import StoreError
from awizo.intake.listener import Intake
from awizo.settings import Intake as IntakeSettings
from awizo.settings import Settings
from awizo.spool.port import NewMessage, Spool

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
INSTANCE = "0123456789abcdef"


@dataclass
class Stored:
    message: NewMessage
    content: bytes


@dataclass
class MemorySpool:
    """Takes what intake gives, as far as intake can tell; fails when told to."""

    mails: list[Stored] = field(default_factory=list)
    failure: Exception | None = None
    delay_s: float = 0.0
    bodies: list[BinaryIO] = field(default_factory=list)

    async def accept(self, message: NewMessage, body: BinaryIO) -> None:
        self.bodies.append(body)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.failure is not None:
            raise self.failure
        self.mails.append(Stored(message, body.read()))

    async def same_digest_since(self, sha256: str, recipient: str, since: datetime) -> int:
        return sum(
            given.address.lower() == recipient.lower()
            for mail in self.mails
            if mail.message.sha256 == sha256 and mail.message.envelope.received_at >= since
            for given in mail.message.envelope.recipients
        )

    async def probe(self) -> None:
        if isinstance(self.failure, StoreError):
            raise self.failure

    @property
    def contents(self) -> list[bytes]:
        return [mail.content for mail in self.mails]


def intake_settings(*, routes: tuple[dict[str, Any], ...] = (), **intake: Any) -> Settings:
    """Settings with a listener on any free port of loopback."""
    other = {key: intake.pop(key) for key in ("accounts", "smarthosts", "store") if key in intake}
    values: dict[str, Any] = {"port": 0, "hostname": "mx.test", "min_free_bytes": 0} | intake
    return Settings.model_validate(
        {
            "intake": IntakeSettings.model_validate(values),
            "smarthost": {"host": "smtp.test"},
            "routes": routes,
            **other,
        }
    )


@asynccontextmanager
async def a_listener(
    spool: Any = None,
    *,
    settings: Settings | None = None,
    now: Callable[[], datetime] = lambda: NOON,
    **intake: Any,
) -> AsyncIterator[Listener]:
    spool = MemorySpool() if spool is None else spool
    ids = itertools.count(1)
    server = Intake(
        settings or intake_settings(**intake),
        cast(Spool, spool),
        now=now,
        instance_id=INSTANCE,
        new_id=lambda: f"id{next(ids):06d}",
    )
    await server.start()
    try:
        yield Listener(server, spool)
    finally:
        await server.close()


@dataclass
class Listener:
    server: Intake
    spool: MemorySpool

    @property
    def port(self) -> int:
        return self.server.bound[0].port

    @property
    def tls_port(self) -> int:
        return next(bound.port for bound in self.server.bound if bound.implicit_tls)

    async def connect(self, *, greet: bool = True, source: str = "127.0.0.1") -> RawClient:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(source, 0)
        )
        client = RawClient(reader, writer)
        if greet:
            assert (await client.reply()).startswith("220 ")
        return client

    async def connect_tls(self) -> RawClient:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.tls_port, ssl=blind_context()
        )
        return RawClient(reader, writer)


async def until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    """Wait for a state."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - a state that rings no bell
            await asyncio.sleep(0.02)


def an_intake(settings: Settings, spool: Any = None) -> Intake:
    """A listener that is not started."""
    return Intake(
        settings,
        cast(Spool, MemorySpool() if spool is None else spool),
        now=lambda: NOON,
        instance_id=INSTANCE,
        new_id=lambda: "id",
    )


def blind_context() -> ssl.SSLContext:
    """Trusts any certificate: for self-signed ones, in tests."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class RawClient:
    """Writes bytes as they are given, reads whole replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, timeout_s: float = 10) -> str:
        """A reply with all its lines, joined by newlines; "" when the server has hung up."""
        lines = []
        async with asyncio.timeout(timeout_s):
            while True:
                line = (await self.reader.readline()).decode()
                if not line:
                    return ""
                assert line.endswith("\r\n"), line
                lines.append(line.rstrip("\r\n"))
                if line[3:4] != "-":
                    return "\n".join(lines)

    async def ask(self, command: str | bytes) -> str:
        data = command.encode() if isinstance(command, str) else command
        await self.send(data + b"\r\n")
        return await self.reply()

    async def codes(self, count: int) -> list[str]:
        return [(await self.reply())[:3] for _ in range(count)]

    async def begin(
        self, *, sender: str = "shop@example.pl", recipient: str = "buyer@example.com"
    ) -> None:
        """EHLO, MAIL, RCPT and DATA, all taken."""
        assert (await self.ask("EHLO shop.test"))[:3] == "250"
        assert (await self.ask(f"MAIL FROM:<{sender}>"))[:3] == "250"
        assert (await self.ask(f"RCPT TO:<{recipient}>"))[:3] == "250"
        assert (await self.ask("DATA"))[:3] == "354"

    async def mail(self, content: bytes, **envelope: str) -> str:
        """Hand in a mail whose dots are stuffed already; the reply to the final dot."""
        await self.begin(**envelope)
        await self.send(content + b"\r\n.\r\n")
        return await self.reply()

    async def rest(self, timeout_s: float = 10) -> bytes:
        """Everything until the server hangs up."""
        async with asyncio.timeout(timeout_s):
            return await self.reader.read()

    async def start_tls(self) -> None:
        await self.writer.start_tls(blind_context(), server_hostname="localhost")

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

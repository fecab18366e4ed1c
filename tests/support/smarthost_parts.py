"""Builders for tests of the way out: a message on its way, settings for peers, a clock."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from awizo.model import Client, Envelope, Recipient, SpooledMessage
from awizo.settings import Settings, Smarthost
from awizo.smarthost.smarthosts import Smarthosts
from awizo.smarthost.transaction import RecipientResult
from support.peers import SmtpPeer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SENDER = "shop@example.pl"
RECIPIENT = "jan@klient.test"
MAIL = b"From: shop@example.pl\r\nSubject: Hello\r\n\r\nA line.\r\n.A dot.\r\n..\r\nThe end.\r\n"


class Clock:
    """Time that a test moves on."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def tick(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Post:
    """A message with its content, ready to be sent."""

    message: SpooledMessage
    recipients: tuple[Recipient, ...]
    content: bytes = field(repr=False)
    chunk_bytes: int = 65_536

    async def read(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), self.chunk_bytes):
            yield self.content[start : start + self.chunk_bytes]


def a_post(
    content: bytes = MAIL,
    *recipients: str | Recipient,
    smarthost: str = "default",
    chunk_bytes: int = 65_536,
    sha256: str | None = None,
    size_bytes: int | None = None,
    **envelope: Any,
) -> Post:
    to = tuple(
        Recipient(one) if isinstance(one, str) else one for one in (recipients or (RECIPIENT,))
    )
    said = Envelope(
        reverse_path=SENDER, recipients=to, client=Client(address="127.0.0.1"), received_at=NOON
    )
    return Post(
        message=SpooledMessage(
            id="m1",
            envelope=replace(said, **envelope),
            route="default",
            smarthost=smarthost,
            size_bytes=len(content) if size_bytes is None else size_bytes,
            sha256=hashlib.sha256(content).hexdigest() if sha256 is None else sha256,
            message_id="<1@example.pl>",
        ),
        recipients=to,
        content=content,
        chunk_bytes=chunk_bytes,
    )


def a_smarthost(peer: SmtpPeer, **changes: Any) -> Smarthost:
    """Settings for *peer*; a test of stalls sets time-outs of its own."""
    values: dict[str, Any] = {
        "host": peer.host,
        "port": peer.port,
        "tls": "none",
        "connect_timeout_s": 30,
        "command_timeout_s": 30,
        "reply_timeout_s": 30,
        **changes,
    }
    return Smarthost(**values)


@asynccontextmanager
async def the_way_out(
    smarthost: Smarthost,
    *,
    now: Callable[[], datetime] | None = None,
    instance_id: str = "0123456789abcdef",
    **others: Smarthost,
) -> AsyncIterator[Smarthosts]:
    smarthosts = Smarthosts(
        Settings(smarthost=smarthost, smarthosts=others),
        now=now or Clock(),
        instance_id=instance_id,
    )
    try:
        yield smarthosts
    finally:
        await smarthosts.close()


async def send(smarthosts: Smarthosts, post: Post) -> list[RecipientResult]:
    return await smarthosts.send(post.message, post.recipients, post.read)


def an_address_of_this_machine() -> str:
    """One that is not loopback, where there is one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(sock.getsockname()[0])


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Return once *condition* holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def codes(results: Sequence[RecipientResult]) -> list[str]:
    """ "ok" or the slug of each result."""
    return [result.error.code if result.error else "ok" for result in results]

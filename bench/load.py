"""Loads: ``smtp-source`` for many mails, an asyncio client where times of single mails count.

In:  a port on loopback.
Out: seconds.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from dataclasses import dataclass

from bench.peers import HOST, which

SENDER = "sklep@example.pl"
CONNECTIONS = 10
SOURCE_S = 600.0


def send_many(port: int, *, count: int, size_bytes: int, persistent: bool) -> float:
    """Send *count* mails over ten connections; seconds until the last 250.

    Each mail has a Message-ID and a recipient of its own: nobody takes them for a loop.
    """
    keep = ["-d"] if persistent else []
    began = time.perf_counter()
    subprocess.run(
        [
            which("smtp-source"), *keep, "-s", str(CONNECTIONS), "-m", str(count), "-N",
            "-l", str(size_bytes), "-f", SENDER, "-t", "klient@example.com", f"{HOST}:{port}",
        ],
        check=True,
        capture_output=True,
        timeout=SOURCE_S,
    )  # fmt: skip
    return time.perf_counter() - began


@dataclass(slots=True)
class Client:
    """One connection that has said EHLO."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int) -> Client:
        reader, writer = await asyncio.open_connection(HOST, port)
        client = cls(reader, writer)
        await client.reply()
        await client.say("EHLO bench.localhost")
        return client

    async def reply(self) -> bytes:
        """The last line of a reply.

        Raises:
            RuntimeError: It is a 4xx or 5xx, or the connection is gone.
        """
        while True:
            line = await self.reader.readline()
            if line[3:4] != b"-":
                break
        if line[:1] not in (b"2", b"3"):
            raise RuntimeError(f"unexpected reply: {line!r}")
        return line

    async def say(self, command: str) -> bytes:
        self.writer.write(command.encode("ascii") + b"\r\n")
        return await self.reply()

    async def begin(self, recipient: str) -> None:
        """Everything up to the content."""
        self.writer.write(
            f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode("ascii")
        )
        for _ in range(3):
            await self.reply()

    async def send(self, content: bytes, recipient: str) -> float:
        """Send a mail whose lines begin with no dot; seconds from the final dot to its 250."""
        await self.begin(recipient)
        self.writer.write(content)
        await self.writer.drain()
        began = time.perf_counter()
        self.writer.write(b".\r\n")
        await self.reply()
        return time.perf_counter() - began

    async def quit(self) -> None:
        self.writer.write(b"QUIT\r\n")
        self.writer.close()


def content_of(size_bytes: int, number: int) -> bytes:
    """A plain mail of about this size, like no other."""
    head = (
        f"From: {SENDER}\r\nTo: klient@example.com\r\nSubject: mail {number}\r\n"
        f"Message-ID: <{number}.{time.time_ns()}@bench.localhost>\r\n\r\n"
    ).encode("ascii")
    line = b"x" * 76 + b"\r\n"
    return head + line * max(1, (size_bytes - len(head)) // len(line))

"""A smarthost that delivers nothing: it catches what it is given, for looking at.

In:  mail over SMTP, from anybody who can reach the address it listens on.
Out: envelope and bytes of each, in the order of their final dots.

It announces what a good provider does (PIPELINING, 8BITMIME, SMTPUTF8, DSN, SIZE) and takes
everything. It knows neither TLS nor passwords: listen on loopback only.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections import deque
from dataclasses import dataclass, field

MAX_MESSAGE_BYTES = 104_857_600
MAX_COMMAND_BYTES = 8192
KEEP = 10_000  # older mails are forgotten: a demo may run for weeks
END = b"\r\n.\r\n"
_MAIL = re.compile(r"MAIL FROM: ?<(.*?)>(?: (.*))?", re.IGNORECASE)
_RCPT = re.compile(r"RCPT TO: ?<(.*?)>(?: (.*))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """A mail as it arrived. ``content`` has its stuffed dots removed, nothing else is done."""

    reverse_path: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    mail_parameters: str = ""
    rcpt_parameters: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class CatchingSmarthost:
    """Listens, takes, keeps.

    Attributes:
        messages: What was caught, oldest first.
    """

    def __init__(self, hostname: str = "catcher.localhost", *, keep: int = KEEP) -> None:
        self.messages: deque[CaughtMail] = deque(maxlen=keep)
        self.host = ""
        self.port = 0
        self._hostname = hostname
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._caught = asyncio.Condition()
        self._count = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns where."""
        self._server = await asyncio.start_server(self._accepted, host, port)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]
        return self.host, self.port

    async def close(self) -> None:
        """Stop listening and hang up on whoever is connected."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self) -> None:
        """Begin anew, with nothing caught."""
        self.messages.clear()
        self._count = 0

    async def wait_for(self, count: int, timeout_s: float = 30.0) -> None:
        """Return once *count* mails have been caught since the start, or since :meth:`forget`.

        Raises:
            TimeoutError: They did not come in time.
        """
        async with asyncio.timeout(timeout_s), self._caught:
            await self._caught.wait_for(lambda: self._count >= count)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(_Bytes(reader), writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client went away, or it is us who go
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _converse(self, incoming: _Bytes, writer: asyncio.StreamWriter) -> None:
        def say(*lines: str) -> None:
            writer.write("".join(f"{line}\r\n" for line in lines).encode())

        say(f"220 {self._hostname} ESMTP catches everything")
        sender: tuple[str, str] | None = None
        recipients: list[tuple[str, str]] = []
        while True:
            await writer.drain()
            line = (await incoming.line()).decode("utf-8", "surrogateescape")
            match line[:4].upper():
                case "EHLO":
                    sender, recipients = None, []
                    say(
                        f"250-{self._hostname}",
                        "250-PIPELINING",
                        f"250-SIZE {MAX_MESSAGE_BYTES}",
                        "250-8BITMIME",
                        "250-SMTPUTF8",
                        "250-DSN",
                        "250 ENHANCEDSTATUSCODES",
                    )
                case "HELO":
                    sender, recipients = None, []
                    say(f"250 {self._hostname}")
                case "MAIL" if found := _MAIL.fullmatch(line):
                    sender, recipients = (found[1], found[2] or ""), []
                    say("250 2.1.0 taken")
                case "RCPT" if sender is not None and (found := _RCPT.fullmatch(line)):
                    recipients.append((found[1], found[2] or ""))
                    say("250 2.1.5 taken")
                case "DATA" if sender is not None and recipients:
                    say("354 go on, end with a dot on a line of its own")
                    await writer.drain()
                    content = await incoming.content()
                    await self._catch(sender, recipients, content)
                    sender, recipients = None, []
                    say(f"250 2.0.0 caught as number {self._count}")
                case "MAIL" | "RCPT":
                    say("501 5.5.4 cannot read that" if sender or line[0] in "Mm" else BAD_ORDER)
                case "DATA":
                    say(BAD_ORDER)
                case "RSET":
                    sender, recipients = None, []
                    say("250 2.0.0 forgotten")
                case "NOOP":
                    say("250 2.0.0 still here")
                case "QUIT":
                    say("221 2.0.0 bye")
                    await writer.drain()
                    return
                case _:
                    say("500 5.5.2 no such command here")

    async def _catch(
        self, sender: tuple[str, str], recipients: list[tuple[str, str]], content: bytes
    ) -> None:
        async with self._caught:
            self.messages.append(
                CaughtMail(
                    reverse_path=sender[0],
                    recipients=tuple(address for address, _ in recipients),
                    content=content,
                    mail_parameters=sender[1],
                    rcpt_parameters=tuple(parameters for _, parameters in recipients),
                )
            )
            self._count += 1
            self._caught.notify_all()


BAD_ORDER = "503 5.5.1 not now"


class _Bytes:
    """What a client sends, as commands and as contents; either may be cut anywhere."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._waiting = bytearray()

    async def _more(self) -> None:
        chunk = await self._reader.read(65_536)
        if not chunk:
            raise EOFError
        self._waiting += chunk

    async def line(self) -> bytes:
        """The next command without its line end."""
        while (end := self._waiting.find(b"\n")) < 0:
            if len(self._waiting) > MAX_COMMAND_BYTES:
                raise EOFError
            await self._more()
        line = bytes(self._waiting[:end]).rstrip(b"\r")
        del self._waiting[: end + 1]
        return line

    async def content(self) -> bytes:
        """Everything up to the dot on a line of its own, stuffed dots removed."""
        # The line end of the DATA command counts: a dot right behind it ends an empty mail.
        self._waiting[:0] = b"\r\n"
        searched = 0
        while (end := self._waiting.find(END, searched)) < 0:
            searched = max(0, len(self._waiting) - len(END))
            if len(self._waiting) > 2 * MAX_MESSAGE_BYTES:
                raise EOFError
            await self._more()
        content = bytes(self._waiting[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]
        del self._waiting[: end + len(END)]
        return content

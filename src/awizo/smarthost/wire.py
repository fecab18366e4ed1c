"""One connection to a next hop: commands and content out, replies in.

In:  bytes to write, how long to wait.
Out: replies, one for each command; Trouble when the conversation cannot go on.

A protocol of our own on asyncio's transports, because a client library reads one reply for each
command it sends and throws away what comes unasked: with it there is no pipelining, no seeing
that a server has said 552 in the middle of a mail or 421 on an idle connection, and no certainty
that what is read is the answer to what was sent. Unasked bytes are kept here and looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any, cast

from aiohappyeyeballs import start_connection

from awizo.smarthost.replies import MAX_REPLY_BYTES, NoReply, Reply, ReplyReader

PAUSE_READING_AT_BYTES = MAX_REPLY_BYTES * 2
LONGEST_LOOK_S = 0.02
ANOTHER_ADDRESS_AFTER_S = 0.25  # RFC 8305 section 5


class Trouble(Exception):
    """The conversation cannot go on; the connection is of no use any more.

    Attributes:
        code: Slug, one of those in ``replies.py``.
        reply: What the other side said, or what happened.
        status: Code of its reply, where there was one.
    """

    def __init__(self, code: str, reply: str, *, status: int | None = None) -> None:
        super().__init__(code, reply)
        self.code = code
        self.reply = reply
        self.status = status


class Wire(asyncio.Protocol):
    """Made by :func:`connect`; used by one task at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._socket: asyncio.Transport | None = None  # the same, or what lies below TLS
        self._buffer = bytearray()
        self._reader = ReplyReader()
        self._ended: str | None = None  # why nothing more will come
        self._paused = False
        self._late = False  # the reply that is waited for
        self._more: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] = self._loop.create_future()

    # -- what asyncio tells --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = self._socket = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > PAUSE_READING_AT_BYTES and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = self._ended or "the server closed the connection"
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = self._ended or (
            "the connection broke" if exc else "the server closed the connection"
        )
        self._paused = False
        self._wake()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if not self._gone.done():
            self._gone.set_result(None)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    # -- in ------------------------------------------------------------------------------------

    @property
    def quiet(self) -> bool:
        """Open, and nothing has come that was not asked for."""
        return (
            self._ended is None
            and not self._buffer
            and not self._reader.halfway
            and self._transport is not None
            and not self._transport.is_closing()
        )

    async def reply(self, timeout_s: float) -> Reply:
        """The next reply, whole, within *timeout_s*.

        Raises:
            Trouble: ``smarthost_unreachable`` when the connection ended or time is up,
                ``smarthost_protocol`` for what is no reply.
        """
        # A timer of our own: asyncio.timeout costs as much as all else that a reply takes.
        self._late = False
        timer = self._loop.call_later(timeout_s, self._time_is_up)
        try:
            while (reply := self._next_reply()) is None:
                if self._ended is not None:
                    raise Trouble("smarthost_unreachable", self._ended)
                if self._late:
                    raise Trouble("smarthost_unreachable", f"no answer within {timeout_s:g} s")
                await self._wait_for_more()
            return reply
        finally:
            timer.cancel()

    def _time_is_up(self) -> None:
        # Not by the clock: a timer may ring a moment before its time, and rings once.
        self._late = True
        self._wake()

    async def _wait_for_more(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._more = self._loop.create_future()
        try:
            await self._more
        finally:
            self._more = None

    def _next_reply(self) -> Reply | None:
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            try:
                reply = self._reader.take(line)
            except NoReply as error:
                raise Trouble("smarthost_protocol", str(error)) from None
            if reply is not None:
                return reply
        if len(self._buffer) > MAX_REPLY_BYTES:
            raise Trouble("smarthost_protocol", "the reply is too long")
        return None

    # -- out -----------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Queue bytes for sending. Raises Trouble when the connection has ended."""
        if self._transport is None or self._transport.is_closing():
            raise Trouble("smarthost_unreachable", self._ended or "the connection is closed")
        self._transport.write(data)

    async def drain(self, timeout_s: float) -> None:
        """Wait until there is room for more; raises Trouble when that takes too long."""
        if not self._paused:
            return
        self._writable = self._loop.create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await self._writable
        except TimeoutError:
            raise _takes_nothing(timeout_s) from None
        finally:
            self._writable = None

    async def flush(self, timeout_s: float) -> None:
        """Wait until the operating system has everything; raises Trouble when that takes long.

        What waits below TLS is told to nobody by asyncio, so it is looked at again and again.
        """
        if not self._waiting_bytes:
            return
        if self._transport is not None and self._transport is self._socket:
            transport = self._transport
            transport.set_write_buffer_limits(0)  # so that we are told when it is empty
            try:
                await self.drain(timeout_s)
            finally:
                transport.set_write_buffer_limits()
        pause_s = 0.001
        try:
            async with asyncio.timeout(timeout_s):
                while self._waiting_bytes:
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, LONGEST_LOOK_S)
        except TimeoutError:
            raise _takes_nothing(timeout_s) from None

    @property
    def _waiting_bytes(self) -> int:
        if self._transport is None or self._transport.is_closing() or self._socket is None:
            return 0
        above = (
            self._transport.get_write_buffer_size() if self._transport is not self._socket else 0
        )
        return above + self._socket.get_write_buffer_size()

    # -- TLS -----------------------------------------------------------------------------------

    async def start_tls(self, context: ssl.SSLContext, host: str, timeout_s: float) -> None:
        """Turn to TLS: at once, or after the 220 to STARTTLS.

        Raises:
            Trouble: ``smarthost_protocol`` when bytes came before TLS that would be read as if
                they had come through it (RFC 3207 section 5), and what :func:`tls_trouble` says.
        """
        assert self._transport is not None
        if not self.quiet:
            raise Trouble("smarthost_protocol", "the server spoke before TLS")
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                context,
                server_hostname=host,
                ssl_handshake_timeout=timeout_s,
            )
        except (OSError, ssl.CertificateError) as error:
            raise tls_trouble(error) from None
        if transport is None:
            raise Trouble("smarthost_unreachable", "the server hung up during the TLS handshake")
        self._transport = transport

    @property
    def tls_version(self) -> str | None:
        ssl_object = self._info("ssl_object")
        return ssl_object.version() if ssl_object is not None else None

    @property
    def peer_address(self) -> str:
        return _host_of(self._info("peername"))

    @property
    def own_address(self) -> str:
        return _host_of(self._info("sockname"))

    def _info(self, name: str) -> Any:  # of the transport, whichever it is now
        return self._transport.get_extra_info(name) if self._transport is not None else None

    # -- end -----------------------------------------------------------------------------------

    def abort(self) -> None:
        """Hang up at once; what was not sent yet is thrown away."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self, timeout_s: float = 1.0) -> None:
        """Hang up in good order, but do not wait long for it."""
        if self._transport is None:
            return
        self._transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._gone)
                return
        self._transport.abort()


async def connect(
    host: str, port: int, *, context: ssl.SSLContext | None, timeout_s: float
) -> Wire:
    """Open a connection, with TLS from the first byte where *context* is given.

    All addresses of the name are tried, IPv6 and IPv4 by turns (RFC 8305).

    Raises:
        Trouble: No address answered in time, or no TLS came about.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            sock = await _connected(host, port, loop)
            try:
                _, wire = await loop.create_connection(Wire, sock=sock)
            except BaseException:
                sock.close()
                raise
    except TimeoutError:
        raise Trouble("smarthost_unreachable", f"no connection within {timeout_s:g} s") from None
    except OSError as error:
        raise Trouble("smarthost_unreachable", _words(error)) from None
    if context is not None:
        try:
            if not wire.quiet:
                raise Trouble("smarthost_without_tls", "the server spoke before TLS")
            await wire.start_tls(context, host, timeout_s)
        except BaseException:
            wire.abort()
            raise
    return wire


async def _connected(host: str, port: int, loop: asyncio.AbstractEventLoop) -> socket.socket:
    """A socket that is connected to whichever address answers first."""
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await start_connection(
        addresses, happy_eyeballs_delay=ANOTHER_ADDRESS_AFTER_S, interleave=1, loop=loop
    )


def _takes_nothing(timeout_s: float) -> Trouble:
    return Trouble("smarthost_unreachable", f"took no data for {timeout_s:g} s")


def tls_trouble(error: Exception) -> Trouble:
    """Why a handshake failed, as Trouble."""
    if isinstance(error, ssl.SSLCertVerificationError | ssl.CertificateError):
        words = getattr(error, "verify_message", "") or str(error)
        return Trouble("smarthost_certificate", words)
    if isinstance(error, ssl.SSLError):
        words = (error.reason or "TLS failed").replace("_", " ").lower()
        return Trouble("smarthost_without_tls", f"no TLS came about: {words}")
    return Trouble("smarthost_unreachable", _words(error))


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _host_of(name: object) -> str:
    return str(name[0]) if isinstance(name, tuple) and name else ""

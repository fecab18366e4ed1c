"""The listener: sockets opened, connections let in, everything closed in order.

In:  settings, the spool.
Out: mails in the spool.

It does not start where it would be an open relay. Connections are accepted by a loop of our
own, so that a balancer's PROXY header is read before TLS begins, and one too many costs a line.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, TypeVar

import structlog

from awizo.intake import replies
from awizo.intake.auth import FailureDelays, Passwords
from awizo.intake.board import Board
from awizo.intake.doors import (
    Bound,
    Door,
    bound_sockets,
    certificate_of,
    refuse_open_relay,
    store_folder,
)
from awizo.intake.handler import Handler
from awizo.intake.limits import Connections, Space
from awizo.intake.proxy import (
    is_in,
    networks,
    on_loopback,
    owner_of,
    parsed_address,
    read_proxy_header,
)
from awizo.intake.replies import Reply
from awizo.intake.session import HANDSHAKE_TIMEOUT_S, SmtpSession, Surroundings
from awizo.intake.store_watch import StoreWatch
from awizo.intake.tls import Certificate
from awizo.settings import Settings
from awizo.spool.port import Spool
from awizo.telemetry import metrics
from awizo.telemetry.logging import places

log = structlog.get_logger()
T = TypeVar("T")

BACKLOG = 511
CUT_OFF_S = 1.0  # for what was cut off to go
ACCEPTS_AT_ONCE = 64
OUT_OF_FILES_PAUSE_S = 1.0
LEFT_TO_OTHERS_S = 0.001
_OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(slots=True)
class _Listening:
    sock: socket.socket
    bound: Bound
    left_to_others: bool = False  # what waits there, this once


class Intake:
    """The SMTP server of the house.

    Args:
        instance_id: Ends the greeting; a next hop that greets with it is ourselves.
        new_id: Gives names for messages and deliveries.
        on_health: Told ``False`` when the store stops taking mail, ``True`` when it does again.
        on_accepted: Told of each mail that is in the spool.
        on_held: Told the problem of each mail that is held at the door.
        board: Where processes that share the port count their connections together.
    """

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        *,
        now: Callable[[], datetime],
        instance_id: str,
        new_id: Callable[[], str],
        on_health: Callable[[bool], None] | None = None,
        on_accepted: Callable[[], None] | None = None,
        on_held: Callable[[str], None] | None = None,
        board: Board | None = None,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._now = now
        self._instance_id = instance_id
        self._new_id = new_id
        self._on_health = on_health
        self._on_accepted = on_accepted
        self._on_held = on_held
        self._board = board
        self._listening: list[_Listening] = []
        self._resting = False
        self._inherited = False
        self._sessions: set[SmtpSession] = set()
        self._beginning: set[asyncio.Task[Any]] = set()
        self._one_gone = asyncio.Event()
        self._certificate: Certificate | None = None
        self._watch: StoreWatch | None = None
        self._closing = False

    # -- start and end ---------------------------------------------------------------------------

    async def start(self, *, doors: Sequence[Door] | None = None) -> list[Bound]:
        """Listen; returns the addresses.

        Args:
            doors: Those that another has opened, in place of the settings' hosts and ports.

        Raises:
            SettingsError: It would be an open relay, an address cannot be had, a certificate
                cannot be used. The text says what to set.
        """
        settings, intake = self._settings, self._settings.intake
        allowed = networks("allow_networks", intake.allow_networks)
        self._proxies = networks("proxy_protocol_from", intake.proxy_protocol_from)
        xclient_from = networks("xclient_from", intake.xclient_from)
        hostname = intake.hostname or socket.gethostname()
        folder = store_folder(settings)
        self._certificate = certificate_of(settings, folder, hostname, self._now())
        has_tls = self._certificate is not None
        refuse_open_relay(settings, intake.host, has_tls=has_tls)
        for door in doors or ():
            refuse_open_relay(settings, door.sock.getsockname()[0], has_tls=has_tls)
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._connections = Connections(
            in_all=intake.max_connections,
            per_address=intake.max_connections_per_address,
            board=self._board,
        )
        metrics.SMTP_CONNECTIONS.set_function(lambda: self._connections.open)
        self._watch = StoreWatch(self._spool, on_change=self._on_health)
        self._allowed = allowed
        self._around = Surroundings(
            settings=settings,
            greeting=Reply(f"220 {hostname} ESMTP Awizo {self._instance_id}"),
            hostname=hostname,
            handler=Handler(
                settings,
                self._spool,
                now=self._now,
                new_id=self._new_id,
                watch=self._watch,
                on_accepted=self._on_accepted,
                on_held=self._on_held,
            ),
            watch=self._watch,
            space=Space(
                folder,
                min_free_bytes=intake.min_free_bytes,
                min_free_inodes=intake.min_free_inodes,
                clock=loop.time,
            ),
            connections=self._connections,
            passwords=Passwords(intake.users, cache_s=intake.auth_cache_s, clock=loop.time),
            delays=FailureDelays(first_s=intake.auth_fail_delay_s, clock=loop.time),
            certificate=self._certificate,
            allowed=allowed,
            xclient_from=xclient_from,
            body_folder=folder if folder is not None and folder.is_dir() else None,
        )
        self._inherited = doors is not None
        try:
            for door in doors or ():
                self._listen(door)
            if doors is None:
                for sock in bound_sockets(intake.host, intake.port):
                    self._listen(Door(sock, implicit_tls=False))
                if intake.implicit_tls_port is not None:
                    for sock in bound_sockets(intake.host, intake.implicit_tls_port):
                        self._listen(Door(sock, implicit_tls=True))
        except BaseException:
            self._stop_listening()
            raise
        return self.bound

    def _listen(self, door: Door) -> None:
        door.sock.setblocking(False)
        door.sock.listen(BACKLOG)
        name = door.sock.getsockname()
        listening = _Listening(door.sock, Bound(name[0], name[1], door.implicit_tls))
        self._listening.append(listening)
        self._loop.add_reader(door.sock.fileno(), self._accept, listening)

    @property
    def doors(self) -> list[Door]:
        """The listening sockets, for processes that are to share them."""
        return [Door(one.sock, one.bound.implicit_tls) for one in self._listening]

    def rest(self) -> None:
        """Leave new connections to the processes that share the doors."""
        self._resting = True
        for listening in self._listening:
            self._loop.remove_reader(listening.sock.fileno())

    def take(self) -> None:
        """Take new connections again, those that wait in the queue first."""
        self._resting = False
        for listening in self._listening:
            self._accept_again(listening)

    @property
    def bound(self) -> list[Bound]:
        return [listening.bound for listening in self._listening]

    @property
    def is_open(self) -> bool:
        """Whether a mail that comes now would be taken, as far as is known."""
        return bool(self._listening) and self._watch is not None and not self._watch.sick

    @property
    def open_connections(self) -> int:
        """Of this process; those count whose client has not said a word yet."""
        return self._connections.open

    def reload_tls(self) -> bool:
        """Look whether the certificate has changed; handshakes do so by themselves too."""
        return self._certificate is not None and self._certificate.reload()

    async def drain(self, timeout_s: float) -> None:
        """Stop listening, let mails on their way finish, tell the others 421, then cut off."""
        self._closing = True
        if not self._inherited:
            for listening in self._listening:
                self._accept(listening)  # those that wait hear 421 instead of a reset
        self._stop_listening()
        for session in tuple(self._sessions):
            session.ask_to_leave()
        await self._until_all_gone(timeout_s)
        await self._cut_off()

    async def close(self) -> None:
        """Stop at once; what got no 250 is not taken."""
        self._closing = True
        self._stop_listening()
        await self._cut_off()

    def _stop_listening(self) -> None:
        for listening in self._listening:
            self._loop.remove_reader(listening.sock.fileno())
            listening.sock.close()
        self._listening.clear()

    async def _cut_off(self) -> None:
        for session in tuple(self._sessions):
            session.abort()
        await asyncio.sleep(0)  # a task that is cancelled before its first step knows no end
        # A mail that is being stored right now is stored or not; nobody is told any more.
        tasks = [*self._beginning, *filter(None, [session.task for session in self._sessions])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._until_all_gone(CUT_OFF_S)
        if self._watch is not None:
            await self._watch.close()

    async def _until_all_gone(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._connections.open:
                    self._one_gone.clear()
                    await self._one_gone.wait()

    # -- connections -----------------------------------------------------------------------------

    def _accept(self, listening: _Listening) -> None:
        board = None if self._closing else self._board
        if board is not None and not listening.left_to_others and board.is_unfair():
            # Whoever runs wakes first, so one would take them all; but nobody waits for long.
            listening.left_to_others = True
            self._loop.remove_reader(listening.sock.fileno())
            self._loop.call_later(LEFT_TO_OTHERS_S, self._accept_again, listening)
            return
        listening.left_to_others = False
        for _ in range(ACCEPTS_AT_ONCE if board is None else 1):  # leave some to the others
            try:
                sock, address = listening.sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _OUT_OF_FILES:
                    raise
                log.error("out_of_files", pause_s=OUT_OF_FILES_PAUSE_S)
                self._loop.remove_reader(listening.sock.fileno())
                self._loop.call_later(OUT_OF_FILES_PAUSE_S, self._accept_again, listening)
                return
            sock.setblocking(False)
            self._let_in(sock, address[0], listening.bound)

    def _accept_again(self, listening: _Listening) -> None:
        if listening in self._listening and not self._resting:
            self._loop.add_reader(listening.sock.fileno(), self._accept, listening)

    def _let_in(self, sock: socket.socket, peer: str, bound: Bound) -> None:
        """Begin with a connection; what has to be read in front of the greeting is a task."""
        if self._connections.full:
            with contextlib.closing(sock), contextlib.suppress(OSError):
                if not bound.implicit_tls:
                    sock.send(replies.TOO_MANY_CONNECTIONS.text.encode() + b"\r\n")
            return
        self._connections.opened()
        address = _plain(peer)
        if is_in(peer, self._proxies):
            self._begin(self._read_proxy(sock, address, bound))
        else:
            self._converse(sock, bound, address, address)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = self._loop.create_task(work)
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        return task

    async def _read_proxy(self, sock: socket.socket, peer: str, bound: Bound) -> None:
        """Hear from a balancer who the client is; in front of a handshake, if there is one."""
        proxied = None
        try:
            proxied = await read_proxy_header(sock)
        finally:
            if proxied is None:
                log.warning("proxy_header_refused", peer=peer)
                sock.close()
                self._over(None)
        if proxied is not None:
            self._converse(sock, bound, peer, proxied.address)

    def _converse(self, sock: socket.socket, bound: Bound, peer: str, client: str | None) -> None:
        owner = self._counted_as(client or peer)
        admitted = owner is None or self._connections.take(owner)
        try:
            self._greet(sock, bound, peer, client, owner if admitted else None, admitted)
        except Exception as error:  # a certificate that just went, say
            log.error(
                "connection_failed", client=peer, error=type(error).__name__, places=places(error)
            )
            sock.close()
            self._over(owner if admitted else None)

    def _greet(
        self,
        sock: socket.socket,
        bound: Bound,
        peer: str,
        client: str | None,
        owner: str | None,
        admitted: bool,
    ) -> None:
        context = None
        if bound.implicit_tls and self._certificate is not None:
            context = self._certificate.context()
        session = SmtpSession(
            self._around,
            peer=peer,
            client=client,
            tls=context is not None,
            refusal=self._refusal(admitted=admitted),
        )
        session.on_end = partial(self._ended, session, owner)
        beginning = self._loop.connect_accepted_socket(
            lambda: session,  # with TLS, uvloop returns a protocol of its own in its place
            sock,
            ssl=context,
            ssl_handshake_timeout=None if context is None else HANDSHAKE_TIMEOUT_S,
        )
        self._begin(beginning).add_done_callback(partial(_begun, session, sock))
        self._sessions.add(session)

    def _ended(self, session: SmtpSession, owner: str | None) -> None:
        self._sessions.discard(session)
        self._over(owner)

    def _over(self, owner: str | None) -> None:
        """Count a connection no more."""
        if owner is not None:
            self._connections.give_back(owner)
        self._connections.closed()
        self._one_gone.set()

    def _refusal(self, *, admitted: bool) -> Reply | None:
        if self._closing:
            return replies.CLOSING
        if not admitted:
            return replies.TOO_MANY_CONNECTIONS
        if self._watch is not None and self._watch.sick:
            return replies.STORE_SICK
        return None

    def _counted_as(self, address: str) -> str | None:
        """Whose connection a stranger's is; those that are trusted are not counted for each."""
        if on_loopback(address) or is_in(address, self._allowed):
            return None
        return owner_of(address)


def _begun(session: SmtpSession, sock: socket.socket, beginning: asyncio.Task[Any]) -> None:
    """See that a connection that came to nothing is over."""
    error = None if beginning.cancelled() else beginning.exception()
    if error is None and not beginning.cancelled():
        return
    name = type(error or asyncio.CancelledError()).__name__
    if error is None or isinstance(error, TimeoutError | OSError):  # a handshake, say
        log.info("connection_failed", client=session.shown_client, error=name)
    else:
        log.error(
            "connection_failed", client=session.shown_client, error=name, places=places(error)
        )
    session.give_up()
    sock.close()


@lru_cache(maxsize=1024)
def _plain(address: str) -> str:
    ip = parsed_address(address)
    return address if ip is None else str(ip)

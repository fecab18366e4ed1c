"""One smarthost of the settings: its connections, and whether it is to be left alone.

In:  mails for it.
Out: results for each recipient, or HostTrouble: nothing was handed over, another host may do.

A connection is kept for the next mail, for ``idle_close_s`` at most. It may have gone stale
meanwhile without our having heard: what breaks on a kept connection before the final dot is
tried once more on a fresh one, so that a hop's time-outs never delay a mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import structlog

from awizo.errors import Deferral, PermanentFailure, SettingsError
from awizo.model import Recipient
from awizo.settings import Smarthost
from awizo.smarthost.breaker import Breaker
from awizo.smarthost.connection import Connection, Identity, open_connection, tls_context
from awizo.smarthost.oauth import AccessTokens
from awizo.smarthost.transaction import CannotTake, Mail, Results, transact
from awizo.smarthost.wire import Trouble
from awizo.telemetry import metrics

log = structlog.get_logger()

# Others may use the worker's hands while a slow host has all its connections busy.
WAIT_FOR_CONNECTION_S = 60.0
COME_BACK = timedelta(seconds=10)
# But not of a host that keeps all of them and moves none: its mails would take every hand.
STALLED_S = 15.0
STALLED_COME_BACK = timedelta(seconds=30)


class HostTrouble(Deferral):
    """Nothing of the mail was handed over: another host may take it."""


class Queued(Deferral):
    """All is well, but every connection is in use for longer than a worker should wait."""


class Host:
    """Safe for many tasks at once."""

    def __init__(
        self,
        name: str,
        smarthost: Smarthost,
        *,
        identity: Identity,
        now: Callable[[], datetime],
    ) -> None:
        self.name = name
        self.smarthost = smarthost
        self._identity = identity
        self._now = now
        self._tokens = AccessTokens(smarthost, name=name, now=now)
        try:
            self._context = tls_context(smarthost) if smarthost.tls != "none" else None
        except OSError as error:
            raise SettingsError(
                f"smarthost {name}: tls_ca_file {smarthost.tls_ca_file}: "
                f"{error.strerror or 'no certificate in it'}"
            ) from None
        self._breaker = Breaker()
        self._left_alone = metrics.SMARTHOST_CIRCUIT_OPEN.labels(self.name)
        self._why = ("smarthost_unreachable", "")
        self._slots = asyncio.Semaphore(smarthost.max_connections)
        self._moved_at = 0.0  # when a connection was last taken or given back; the loop's clock
        self._idle: list[tuple[Connection, asyncio.TimerHandle]] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def send(self, mail: Mail, recipients: Sequence[Recipient]) -> Results:
        """See :func:`awizo.smarthost.transaction.transact`.

        Raises:
            HostTrouble: Nothing was handed over.
            Queued: Nothing was handed over, and no other host is to be asked.
            CannotTake: The host is well, but takes no such mail, or not now.
            PermanentFailure: The content cannot be sent anywhere.
            Withdrawn: Nothing was handed over: the mail may be somebody else's by now.
        """
        async with self._slot():
            wait = self._breaker.wait(self._now())
            if wait is not None:
                code, reply = self._why
                raise HostTrouble(code, reply, not_before=wait)
            try:
                return await self._send(mail, recipients)
            finally:
                self._breaker.given_up()

    async def _send(self, mail: Mail, recipients: Sequence[Recipient]) -> Results:
        began_at = self._now()
        kept = self._take_idle()
        if kept is not None:
            try:
                return await self._use(kept, mail, recipients, began_at)
            except Trouble as trouble:
                log.info("stale_connection_replaced", smarthost=self.name, code=trouble.code)
            except CannotTake as refusal:
                # "Not now" may mean this connection only: many hops take so many mails over one.
                if not isinstance(refusal.error, Deferral):
                    raise
        try:
            return await self._use(await self.open(), mail, recipients, began_at)
        except Trouble as trouble:
            if trouble.code == "loop":
                raise CannotTake(PermanentFailure("loop", trouble.reply)) from None
            self._failed(trouble.code, trouble.reply, began_at)
            raise HostTrouble(trouble.code, trouble.reply, status=trouble.status) from None

    async def _use(
        self,
        connection: Connection,
        mail: Mail,
        recipients: Sequence[Recipient],
        began_at: datetime,
    ) -> Results:
        """One transaction; the connection is kept, or ended, whatever becomes of it."""
        try:
            results = await transact(connection, mail, recipients)
        except CannotTake as refusal:
            self._went_well()
            if isinstance(refusal.error, Deferral):
                self._end(connection)
            else:
                self._give_back(connection)
            raise
        except BaseException:
            connection.abort()
            raise
        if connection.in_doubt:
            self._failed("smarthost_in_doubt", connection.in_doubt, began_at)
        else:
            self._went_well()
        self._give_back(connection)
        return results

    async def open(self) -> Connection:
        """A connection that is ready for mail, not one of the kept ones.

        Raises:
            Trouble: It did not come about.
        """
        try:
            connection = await open_connection(
                self.smarthost, self._identity, self._context, self._tokens.get
            )
        except Trouble as trouble:
            metrics.SMARTHOST_CONNECTIONS.labels(self.name, trouble.code).inc()
            raise
        metrics.SMARTHOST_CONNECTIONS.labels(self.name, "opened").inc()
        return connection

    async def close(self) -> None:
        """End what is kept; whoever is in the middle of a mail goes on."""
        self._closed = True
        idle, self._idle = self._idle, []
        for _, timer in idle:
            timer.cancel()
        await asyncio.gather(*(connection.quit() for connection, _ in idle), *self._ending)

    # -- connections ---------------------------------------------------------------------------

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        await self._acquire()
        try:
            yield
        finally:
            self._slots.release()
            self._moved_at = asyncio.get_running_loop().time()

    async def _acquire(self) -> None:
        clock = asyncio.get_running_loop().time
        if not self._slots.locked():
            self._moved_at = clock()
            await self._slots.acquire()  # at once: no timer is needed
            return
        give_up_at = clock() + WAIT_FOR_CONNECTION_S
        while True:
            stalled_at = self._moved_at + STALLED_S
            try:
                async with asyncio.timeout_at(min(give_up_at, stalled_at)):
                    await self._slots.acquire()
                    return
            except TimeoutError:
                if clock() >= give_up_at:
                    raise _queued(COME_BACK) from None
                if clock() >= self._moved_at + STALLED_S:
                    raise _queued(STALLED_COME_BACK) from None

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection, timer = self._idle.pop()
            timer.cancel()
            if connection.wire.quiet:
                return connection
            connection.abort()
        return None

    def _give_back(self, connection: Connection) -> None:
        if self._closed or not connection.wire.quiet or not self.smarthost.idle_close_s:
            self._end(connection)
            return
        timer = asyncio.get_running_loop().call_later(
            self.smarthost.idle_close_s, self._end_idle, connection
        )
        self._idle.append((connection, timer))

    def _end_idle(self, connection: Connection) -> None:
        self._idle = [kept for kept in self._idle if kept[0] is not connection]
        self._end(connection)

    def _end(self, connection: Connection) -> None:
        task = asyncio.ensure_future(connection.quit())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    # -- how it is -----------------------------------------------------------------------------

    def _went_well(self) -> None:
        if self._breaker.is_open:
            log.info("smarthost_back", smarthost=self.name)
        self._breaker.went_well()
        self._left_alone.set(0)

    def _failed(self, code: str, reply: str, began_at: datetime) -> None:
        was_open = self._breaker.is_open
        self._breaker.failed(self._now(), code, began_at=began_at)
        self._why = (code, reply)
        left_alone = self._breaker.is_open
        self._left_alone.set(float(left_alone))
        # The mails' own records tell of each attempt; the log of how the host's state changes.
        changed = self._breaker.failures == 1 or (left_alone and not was_open)
        (log.warning if changed else log.info)(
            "smarthost_failed",
            smarthost=self.name,
            code=code,
            in_a_row=self._breaker.failures,
            left_alone=left_alone,
        )


def _queued(come_back: timedelta) -> Queued:
    return Queued("smarthost_queue", "all connections are in use", not_before=come_back)

"""The way out: hand a mail to its smarthost, or to the next in line.

In:  a message, its recipients, its content.
Out: a result for each recipient; nothing is raised but what the store raises.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from awizo.errors import ActionError, Deferral, PermanentFailure
from awizo.model import Recipient, SpooledMessage
from awizo.settings import Settings, Smarthost
from awizo.smarthost.connection import Identity
from awizo.smarthost.content import Content, Read
from awizo.smarthost.host import Host, HostTrouble, Queued
from awizo.smarthost.transaction import CannotTake, Mail, RecipientResult, Withdrawn
from awizo.smarthost.wire import Trouble

log = structlog.get_logger()

# RFC 5321 section 4.5.3.1.8: every server takes so many recipients.
MAX_RECIPIENTS = 100

_NAME = re.compile(r"[A-Za-z0-9.\-]{1,255}")


class Smarthosts:
    """All of the settings, each opened when it is first needed.

    Raises:
        SettingsError: From any method, when a certificate or token file cannot be used.
    """

    def __init__(
        self, settings: Settings, *, now: Callable[[], datetime], instance_id: str
    ) -> None:
        self._settings = settings
        self._now = now
        self._instance_id = instance_id
        self._hosts: dict[str, Host] = {}

    async def send(
        self,
        message: SpooledMessage,
        recipients: Sequence[Recipient],
        read: Read,
        *,
        may_end: Callable[[], bool] = lambda: True,
    ) -> list[RecipientResult]:
        """Hand *message* over for *recipients*; results in their order.

        Where a host is in trouble before it has taken anything, its ``fallback`` hosts are
        asked in turn.

        Args:
            read: The content, from its start, each time it is called.
            may_end: See :class:`awizo.smarthost.transaction.Mail`.

        Raises:
            NotFound: The content is no longer kept.
        """
        content = Content(read, message.size_bytes)
        try:
            mail = Mail(message, content, await content.facts(message), may_end)
        except PermanentFailure as error:
            return [_failed(recipient, error) for recipient in recipients]
        results: list[RecipientResult | None] = [None] * len(recipients)
        waiting = list(range(len(recipients)))
        while waiting:
            now, waiting = waiting[:MAX_RECIPIENTS], waiting[MAX_RECIPIENTS:]
            taken = await self._hand_over(mail, [recipients[index] for index in now])
            for position, index in enumerate(now):
                result = taken.get(position)
                if result is None:
                    waiting.append(index)
                else:
                    results[index] = result
        return [result for result in results if result is not None]

    async def _hand_over(
        self, mail: Mail, recipients: Sequence[Recipient]
    ) -> dict[int, RecipientResult]:
        first: ActionError | None = None
        for candidate in self._in_line(mail.message.smarthost):
            if first is not None:
                log.info("smarthost_passed_over", to=candidate, code=first.code)
            try:
                return await self._host(candidate).send(mail, recipients)
            except HostTrouble as error:
                first = first or error
            except CannotTake as refusal:
                first = first or refusal.error
            except (Queued, Withdrawn, PermanentFailure) as error:
                first = error
                break
        why = first or Deferral("smarthost_unknown", "not in the settings any more")
        return {index: _failed(one, why) for index, one in enumerate(recipients)}

    def _in_line(self, name: str) -> tuple[str, ...]:
        """The smarthost itself and those that stand in for it; none when it is unknown."""
        known = {"default", *self._settings.smarthosts}
        if name not in known:
            return ()
        return (name, *self._settings.smarthost_named(name).fallback)

    async def check(self, name: str) -> str:
        """Connect and log in, send nothing; what was found, in one line.

        Raises:
            Deferral: It cannot be used; ``code`` and ``reply`` say why.
        """
        smarthost = self._settings.smarthost_named(name)
        host = Host(
            name,
            smarthost,
            identity=self._identity(smarthost, any_awizo=True),
            now=self._now,
        )
        try:
            connection = await host.open()
        except Trouble as trouble:
            raise Deferral(trouble.code, trouble.reply, status=trouble.status) from None
        version = connection.wire.tls_version
        if version is None:
            tls = "no TLS"
        else:
            tls = version.replace("TLSv", "TLS ")
            tls += "" if smarthost.tls_verify else ", certificate not verified"
        words = [connection.label, tls]
        words.append(f"AUTH {connection.mechanism}" if connection.mechanism else "no log-in")
        if connection.max_size_bytes is not None:
            words.append(f"up to {connection.max_size_bytes / 1_000_000:.0f} MB")
        lacking = [one for one in ("8BITMIME", "SMTPUTF8") if not connection.offers(one)]
        if lacking:
            words.append(f"without {' and '.join(lacking)}: mails that need it are held")
        await connection.quit()
        return ", ".join(words)

    async def close(self) -> None:
        await asyncio.gather(*(host.close() for host in self._hosts.values()))

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            smarthost = self._settings.smarthost_named(name)
            self._hosts[name] = Host(
                name, smarthost, identity=self._identity(smarthost), now=self._now
            )
        return self._hosts[name]

    def _identity(self, smarthost: Smarthost, *, any_awizo: bool = False) -> Identity:
        name = smarthost.helo or self._settings.intake.hostname or socket.gethostname()
        return Identity(
            hostname=name if _NAME.fullmatch(name) else "localhost",
            instance_id=self._instance_id,
            any_awizo=any_awizo,
        )


def _failed(recipient: Recipient, error: ActionError) -> RecipientResult:
    return RecipientResult(recipient=recipient, ok=False, error=error, reply=error.reply, host="")

"""Mails to buyers become messages of the Message Center, as they do at Allegro.

In:  what the catching smarthost catches.
Out: a message of type MAIL for each buyer among the recipients whose order is known.

Allegro's judgement of mails is not public, so none is made up here: what becomes of a
message is up to the scenarios (``blocked-messages``, ``verifying-for-ever``).

Source: FACTS 2.11 and 5.2.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import takewhile

from awizo.emulator.server import Emulator
from awizo.emulator.sink import CatchingSmarthost, CaughtMail

WAITS_S = 3600.0
TEXT_MAX_CHARS = 2000


class MailsAreMessages:
    """Reads a catcher's mails as they come."""

    def __init__(self, emulator: Emulator, catcher: CatchingSmarthost) -> None:
        self._emulator = emulator
        self._catcher = catcher

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Take mails over while the context lasts."""
        task = asyncio.ensure_future(self._follow())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _follow(self) -> None:
        seen = 0
        last: CaughtMail | None = None
        while True:
            try:
                await self._catcher.wait_for(seen + 1, WAITS_S)
            except TimeoutError:
                continue
            # The catcher forgets its oldest mails, so they are counted from the newest.
            for mail in _behind(last, self._catcher.messages):
                seen += 1
                last = mail
                self.take(mail)

    def take(self, mail: CaughtMail) -> int:
        """Returns how many messages it became."""
        subject, text = _read(mail.content)
        made = 0
        for address in mail.recipients:
            order_id = self._order_of(address)
            if order_id is not None:
                self._emulator.add_message(
                    order_id, text, author="seller", subject=subject, kind="MAIL"
                )
                made += 1
        return made

    def _order_of(self, address: str) -> str | None:
        wanted = address.lower()
        for order in self._emulator.world.orders.values():
            if order.email.lower() == wanted:
                return order.id
        return None


def _behind(last: CaughtMail | None, mails: Sequence[CaughtMail]) -> list[CaughtMail]:
    new = list(takewhile(lambda one: one is not last, reversed(mails)))
    return new[::-1]


def _read(content: bytes) -> tuple[str, str]:
    """Subject and text of a mail; whatever cannot be read is left out."""
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    try:
        subject = str(mail["subject"] or "")
        body = mail.get_body(("plain", "html"))
        text = str(body.get_content()) if body is not None else ""
    except (LookupError, ValueError, AttributeError):
        return "", ""
    return subject, text[:TEXT_MAX_CHARS]

"""Read the Message Center: did the buyer write first, and what became of a forwarded mail?

In:  an order; for a mail's fate also when it left, its subject and text.
Out: ConversationEvidence, or the status Allegro gave the mail.

There is no search: threads are paged, newest first, until the buyer's turns up, and the
login is remembered with its threads. New messages come late and bear an earlier time
(FACTS 5.2), so every look reaches back over what was read before. Absence proves nothing.

Source: FACTS 2.11 and 5.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from awizo.allegro.account import AllegroAccount
from awizo.allegro.client import AllegroClients
from awizo.allegro.ports import Memory
from awizo.allegro.values import Message, Thread
from awizo.errors import PermanentFailure
from awizo.model import ConversationEvidence, Order
from awizo.triage.fold import fold

THREADS_KEPT = timedelta(days=90)
THREADS_KEPT_BETA = timedelta(minutes=10)  # a further thread may begin with each problem
ABSENCE_KEPT = timedelta(seconds=60)  # threads turn up late in the list
BEFORE_PURCHASE = timedelta(days=30)  # a question may come before the purchase
LOOK_BACK = timedelta(days=90)  # where the order's date is not known
THREAD_PAGES_MAX = 25  # of 20 threads
NAMELESS_ASKED_MAX = 20  # threads whose other side the list leaves out, opened one by one
MESSAGE_PAGES_MAX = 10  # of 20 messages

MAIL_BEFORE = timedelta(minutes=10)  # clocks differ
MAIL_AFTER = timedelta(hours=12)  # greylisting, a slow provider
ONLY_MAIL_WITHIN = timedelta(minutes=30)
TEXT_COMPARED_CHARS = 200


@dataclass(frozen=True, slots=True)
class MailFate:
    """What Allegro did with a mail: VERIFYING, DELIVERED, BLOCKED, INTERACTING, DISMISSED."""

    status: str
    message_id: str
    created_at: datetime


class Conversations:
    """The Message Center of all accounts; remembers whose threads are which."""

    def __init__(
        self, clients: AllegroClients, memory: Memory, *, now: Callable[[], datetime]
    ) -> None:
        self._clients = clients
        self._memory = memory
        self._now = now

    async def buyer_wrote(self, order: Order) -> ConversationEvidence | None:
        """When the order's buyer last wrote, about this order before all others.

        ``None`` when nothing was found; that is no proof that the buyer did not write.

        Raises:
            Deferral: Allegro could not be asked.
            PermanentFailure: ``access_denied``: the scope messaging was not granted.
        """
        account = self._clients.account(order.account)
        best: ConversationEvidence | None = None
        for thread_id in await self._threads_of(account, order):
            for message in await self._messages(
                account, thread_id, after=_since(order, self._now())
            ):
                if not message.from_buyer:
                    continue
                found = ConversationEvidence(
                    buyer_wrote_at=message.created_at,
                    thread_id=thread_id,
                    about_this_order=message.order_id == order.order_id,
                )
                if best is None or _weight(found) > _weight(best):
                    best = found
        return best

    async def fate_of_mail(
        self, order: Order, *, forwarded_at: datetime, subject: str = "", text: str = ""
    ) -> MailFate | None:
        """What became of a mail that was forwarded to the order's buyer.

        Our own message of type MAIL around that time, known by its subject or the beginning
        of its text; where neither is known, or Allegro kept neither, the only one of that half
        hour. ``None`` while none is to be seen: mails appear with gaps (FACTS 2.11).

        Raises:
            Deferral, PermanentFailure: As :meth:`buyer_wrote`.
        """
        account = self._clients.account(order.account)
        mails: list[Message] = []
        for thread_id in await self._threads_of(account, order):
            messages = await self._messages(account, thread_id, after=forwarded_at - MAIL_BEFORE)
            mails += [
                one
                for one in messages
                if one.own and one.type == "MAIL" and one.created_at <= forwarded_at + MAIL_AFTER
            ]
        mail = that_mail(mails, forwarded_at=forwarded_at, subject=subject, text=text)
        return None if mail is None else MailFate(mail.status, mail.id, mail.created_at)

    @property
    def _kept(self) -> timedelta:
        beta = self._clients.settings.allegro.messaging_version == "beta.v1"
        return THREADS_KEPT_BETA if beta else THREADS_KEPT

    # -- threads -------------------------------------------------------------------------------

    async def _threads_of(self, account: AllegroAccount, order: Order) -> tuple[str, ...]:
        """Ids of the threads with the order's buyer, remembered by login."""
        login = order.buyer_login
        if not login:
            return ()
        now = self._now()
        known = await self._memory.recall(account.name, _key(login), now=now)
        if known is not None:
            return tuple(str(one) for one in known)
        found = await self._find_threads(account, login, until=_since(order, now))
        until = now + (self._kept if found else ABSENCE_KEPT)
        await self._memory.remember(account.name, _key(login), list(found), until=until)
        return found

    async def _find_threads(
        self, account: AllegroAccount, login: str, *, until: datetime
    ) -> tuple[str, ...]:
        """Page through the threads, newest first, down to the page that holds *login*.

        Every other login on the way is remembered too. A login may have several threads
        (beta.v1: one for each problem with a purchase); those of the page count.
        """
        page: str | None = None
        asked = 0
        for _ in range(THREAD_PAGES_MAX):
            threads, page = await account.threads(page=page)
            nameless = [one.id for one in threads if not one.login][: NAMELESS_ASKED_MAX - asked]
            asked += len(nameless)
            named = [one for one in threads if one.login]
            named += await self._opened(account, nameless)
            await self._remember_others(account.name, named, login)
            mine = tuple(one.id for one in named if _same(one.login, login))
            if mine:
                return mine
            oldest = min((one.last_message_at for one in threads if one.last_message_at),
                default=None)  # fmt: skip
            if page is None or (oldest is not None and oldest < until):
                return ()
        return ()

    async def _opened(self, account: AllegroAccount, ids: Collection[str]) -> list[Thread]:
        async def one(thread_id: str) -> Thread | None:
            try:
                return await account.thread(thread_id)
            except PermanentFailure as error:
                if error.status == 404:
                    return None
                raise

        opened = await asyncio.gather(*(one(thread_id) for thread_id in ids))
        return [thread for thread in opened if thread is not None and thread.login]

    async def _remember_others(self, account: str, threads: Iterable[Thread], login: str) -> None:
        by_login: dict[str, list[str]] = {}
        for thread in threads:
            if not _same(thread.login, login):
                by_login.setdefault(_key(thread.login), []).append(thread.id)
        until = self._now() + self._kept
        for key, ids in by_login.items():
            await self._memory.remember(account, key, ids, until=until)

    async def _messages(
        self, account: AllegroAccount, thread_id: str, *, after: datetime
    ) -> list[Message]:
        """All messages written after a moment; an unknown thread has none."""
        found: list[Message] = []
        page: str | None = None
        for _ in range(MESSAGE_PAGES_MAX):
            try:
                messages, page = await account.messages(thread_id, after=after, page=page)
            except PermanentFailure as error:
                if error.status in (403, 404):
                    return found
                raise
            # The filter is asked for and not relied upon: Allegro was seen to ignore others.
            found += [one for one in messages if one.created_at > after]
            if page is None:
                break
        return found


def that_mail(
    mails: Collection[Message], *, forwarded_at: datetime, subject: str, text: str
) -> Message | None:
    """The message that one of our mails became, nearest in time where several fit."""

    def nearest(some: Collection[Message]) -> Message | None:
        return min(some, key=lambda one: abs(one.created_at - forwarded_at), default=None)

    wanted_subject, wanted_text = fold(subject).strip(), _beginning(text)
    if wanted_subject or wanted_text:
        by_both = [
            one
            for one in mails
            if wanted_subject
            and fold(one.subject).strip() == wanted_subject
            and (not wanted_text or not one.text or _alike(_beginning(one.text), wanted_text))
        ]
        by_text = [
            one for one in mails if wanted_text and _alike(_beginning(one.text), wanted_text)
        ]
        if by_both or by_text:
            return nearest(by_both or by_text)
        mails = [one for one in mails if not one.subject]
    around = [one for one in mails if abs(one.created_at - forwarded_at) <= ONLY_MAIL_WITHIN]
    return around[0] if len(around) == 1 else None


def _beginning(text: str) -> str:
    """The first letters and digits of a text, folded: what survives every rendering."""
    return "".join(char for char in fold(text) if char.isalnum())[:TEXT_COMPARED_CHARS]


def _alike(one: str, other: str) -> bool:
    short = min(len(one), len(other))
    return short >= 10 and one[:short] == other[:short]


def _key(login: str) -> str:
    return f"threads:{login.lower()}"


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _since(order: Order, now: datetime) -> datetime:
    return order.bought_at - BEFORE_PURCHASE if order.bought_at else now - LOOK_BACK


def _weight(found: ConversationEvidence) -> tuple[bool, datetime]:
    return found.about_this_order, found.buyer_wrote_at

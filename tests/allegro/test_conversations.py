"""What the Message Center says about a buyer and about our own mails."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from awizo.allegro.conversations import Conversations
from awizo.allegro.senders import unregistered_senders
from awizo.errors import PermanentFailure
from awizo.model import Order
from support.allegro_parts import START, Clock, MemoryMemory, some_clients, some_settings
from support.order_parts import an_order
from support.scripted import answer, refusal

BOUGHT = START - timedelta(days=2)


def an_open_order(**changes: Any) -> Order:
    return an_order(1, **({"buyer_login": "Kupujacy_1", "bought_at": BOUGHT} | changes))


class MessageCenter(httpx.AsyncBaseTransport):
    """Threads newest first, twenty a page; messages by thread."""

    def __init__(self, *, beta: bool = False) -> None:
        self.threads: list[dict[str, Any]] = []
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.nameless = False
        self.ignores_after = False
        self.beta = beta
        self.requests: list[httpx.Request] = []

    def add_thread(self, login: str, at: datetime = START) -> str:
        thread_id = f"thread-{len(self.threads) + 1}"
        self.threads.append(
            {
                "id": thread_id,
                "read": True,
                "lastMessageDateTime": at.isoformat(),
                "interlocutor": {"login": login, "avatarUrl": ""},
            }
        )
        self.messages[thread_id] = []
        return thread_id

    def say(self, thread: str, by_buyer: bool, at: datetime, **changes: Any) -> None:
        author: dict[str, Any] = {"login": "x", "isInterlocutor": by_buyer}
        if self.beta:
            author = {"login": "x", "role": "BUYER" if by_buyer else "SELLER"}
        self.messages[thread].append(
            {
                "id": f"message-{len(self.messages[thread])}",
                "status": "DELIVERED",
                "type": "MESSAGE_CENTER",
                "createdAt": at.isoformat(),
                "thread": {"id": thread},
                "author": author,
                "text": "Dzień dobry",
                "relatesTo": {"offer": None, "order": None},
                "hasAdditionalAttachments": False,
                "attachments": [],
            }
            | changes
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.beta != ("beta.v1" in request.headers["accept"]):
            return refusal(406, "NotAcceptable")
        path, params = request.url.path, request.url.params
        if path == "/messaging/threads":
            start = int(params.get("page.id" if self.beta else "offset", 0))
            page = self.threads[start : start + 20]
            if self.nameless:
                page = [one | {"interlocutor": None} for one in page]
            following = {"id": str(start + 20)} if start + 20 < len(self.threads) else None
            return answer(200, {"threads": page, "offset": start, "limit": 20} | (
                {"nextPage": following} if self.beta else {}))  # fmt: skip
        found = re.match(r"/messaging/threads/([^/]+)(/messages)?$", path)
        assert found
        if found[1] not in self.messages:
            return refusal(404, "NotFound")
        if not found[2]:
            return answer(200, next(one for one in self.threads if one["id"] == found[1]))
        said = self.messages[found[1]]
        if "after" in params and not self.ignores_after:
            after = datetime.fromisoformat(params["after"].replace("Z", "+00:00"))
            said = [one for one in said if datetime.fromisoformat(one["createdAt"]) > after]
        start = int(params.get("page.id" if self.beta else "offset", 0))
        return answer(200, {"messages": said[start : start + 20], "offset": start, "limit": 20})

    def asked(self, ending: str) -> int:
        return sum(request.url.path.endswith(ending) for request in self.requests)


def parts(center: MessageCenter) -> tuple[Conversations, Clock]:
    clock = Clock()
    memory = MemoryMemory()
    version = "beta.v1" if center.beta else "public.v1"
    clients = some_clients(
        center, settings=some_settings(messaging_version=version), memory=memory, now=clock
    )
    return Conversations(clients, memory, now=clock), clock


@pytest.mark.parametrize("beta", [False, True], ids=["public.v1", "beta.v1"])
async def test_a_buyer_who_wrote_is_found_in_whatever_case_the_login_is_given(beta: bool) -> None:
    center = MessageCenter(beta=beta)
    center.add_thread("somebody")
    thread = center.add_thread("KUPUJACY_1")
    center.say(thread, True, BOUGHT + timedelta(hours=1))
    center.say(thread, False, BOUGHT + timedelta(hours=2))
    conversations, _ = parts(center)

    found = await conversations.buyer_wrote(an_open_order())

    assert found is not None
    assert found.buyer_wrote_at == BOUGHT + timedelta(hours=1)
    assert (found.thread_id, found.about_this_order) == (thread, False)


async def test_a_message_about_this_very_order_goes_before_a_later_one() -> None:
    center = MessageCenter()
    order = an_open_order()
    thread = center.add_thread("Kupujacy_1")
    about = {"relatesTo": {"offer": None, "order": {"id": order.order_id.upper()}}}
    center.say(thread, True, BOUGHT + timedelta(hours=1), **about)
    center.say(thread, True, BOUGHT + timedelta(hours=5))
    conversations, _ = parts(center)

    found = await conversations.buyer_wrote(order)

    assert found is not None
    assert found.about_this_order
    assert found.buyer_wrote_at == BOUGHT + timedelta(hours=1)


@pytest.mark.parametrize("role", ["SYSTEM", "CHATBOT", "CONSULTANT", "SELLER"])
async def test_neither_allegros_chatbot_nor_our_own_words_are_a_buyers(role: str) -> None:
    center = MessageCenter(beta=True)
    thread = center.add_thread("Kupujacy_1")
    author = {"login": "Allina", "role": role, "isInterlocutor": True}
    center.say(thread, True, START, author=author)
    conversations, _ = parts(center)

    assert await conversations.buyer_wrote(an_open_order()) is None


async def test_words_from_long_before_the_purchase_do_not_count() -> None:
    for ignores_after in (False, True):
        center = MessageCenter()
        center.ignores_after = ignores_after
        center.say(center.add_thread("Kupujacy_1"), True, BOUGHT - timedelta(days=60))
        conversations, _ = parts(center)

        assert await conversations.buyer_wrote(an_open_order()) is None


async def test_the_thread_of_a_login_is_searched_once_and_remembered() -> None:
    center = MessageCenter()
    for number in range(45):
        center.add_thread(f"user{number}")
    thread = center.add_thread("Kupujacy_1")
    conversations, _ = parts(center)
    await conversations.buyer_wrote(an_open_order())
    assert center.asked("/threads") == 3

    center.say(thread, True, START)
    assert await conversations.buyer_wrote(an_open_order()) is not None
    await conversations.buyer_wrote(an_open_order(buyer_login="user7"))

    assert center.asked("/threads") == 3


async def test_a_thread_that_is_not_there_yet_is_looked_for_again_soon() -> None:
    center = MessageCenter()
    center.add_thread("somebody")
    conversations, clock = parts(center)
    assert await conversations.buyer_wrote(an_open_order()) is None

    center.say(center.add_thread("Kupujacy_1"), True, START)
    assert await conversations.buyer_wrote(an_open_order()) is None
    clock.forward(seconds=61)
    assert await conversations.buyer_wrote(an_open_order()) is not None


async def test_the_search_ends_at_threads_older_than_the_order() -> None:
    center = MessageCenter()
    for number in range(200):
        center.add_thread(f"user{number}", START - timedelta(days=number * 5))
    conversations, _ = parts(center)

    assert await conversations.buyer_wrote(an_open_order()) is None
    assert center.asked("/threads") == 1


async def test_threads_that_the_list_leaves_nameless_are_opened() -> None:
    center = MessageCenter()
    center.nameless = True
    center.add_thread("somebody")
    center.say(center.add_thread("Kupujacy_1"), True, START)
    conversations, _ = parts(center)

    assert await conversations.buyer_wrote(an_open_order()) is not None


async def test_without_the_scope_for_messages_it_is_said_so() -> None:
    class Denied(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return refusal(403, "AccessDenied")

    memory, clock = MemoryMemory(), Clock()
    conversations = Conversations(some_clients(Denied()), memory, now=clock)

    with pytest.raises(PermanentFailure) as denied:
        await conversations.buyer_wrote(an_open_order())
    assert denied.value.code == "access_denied"


def a_mail(**changes: Any) -> dict[str, Any]:
    return {
        "type": "MAIL",
        "subject": "Faktura do zamówienia",
        "text": "Dzień dobry, w załączniku",
    } | changes


@pytest.mark.parametrize("status", ["VERIFYING", "DELIVERED", "BLOCKED"])
async def test_the_fate_of_a_forwarded_mail_is_read(status: str) -> None:
    center = MessageCenter()
    thread = center.add_thread("Kupujacy_1")
    center.say(thread, False, START, **a_mail(status=status))
    conversations, _ = parts(center)

    fate = await conversations.fate_of_mail(
        an_open_order(), forwarded_at=START, subject="faktura do zamowienia"
    )

    assert fate is not None
    assert fate.status == status


async def test_among_several_mails_the_one_with_the_same_words_is_meant() -> None:
    center = MessageCenter()
    thread = center.add_thread("Kupujacy_1")
    center.say(thread, False, START, **a_mail(subject="Inne", text="Coś zupełnie innego"))
    text = "W  załączniku przesyłamy\nfakturę nr 12/2026"
    center.say(thread, False, START + timedelta(hours=1), **a_mail(subject="", text=text))
    center.say(thread, False, START, **a_mail(subject="Trzeci", text="Jeszcze inny list"))
    conversations, _ = parts(center)

    fate = await conversations.fate_of_mail(
        an_open_order(),
        forwarded_at=START,
        subject="Faktura",
        text="W załączniku przesyłamy fakturę nr 12/2026. Dziękujemy!",
    )

    assert fate is not None
    assert fate.message_id == "message-1"


async def test_the_only_mail_of_the_hour_is_meant_when_no_words_are_known() -> None:
    center = MessageCenter()
    thread = center.add_thread("Kupujacy_1")
    center.say(thread, False, START - timedelta(days=1), **a_mail())
    center.say(thread, False, START + timedelta(minutes=2), **a_mail(status="BLOCKED"))
    center.say(thread, False, START, type="MESSAGE_CENTER")
    center.say(thread, True, START, **a_mail())
    conversations, _ = parts(center)

    fate = await conversations.fate_of_mail(an_open_order(), forwarded_at=START)

    assert fate is not None
    assert fate.status == "BLOCKED"


async def test_another_mails_fate_is_never_taken_for_this_ones() -> None:
    center = MessageCenter()
    thread = center.add_thread("Kupujacy_1")
    center.say(thread, False, START, **a_mail(status="BLOCKED"))
    conversations, _ = parts(center)

    fate = await conversations.fate_of_mail(
        an_open_order(), forwarded_at=START, subject="Pytanie o adres", text="Jaki kolor?"
    )

    assert fate is None


async def test_sender_addresses_are_compared_with_all_that_the_account_has() -> None:
    class Profile(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/me":
                return answer(200, {"id": "1", "login": "s", "email": "Shop@Example.pl"})
            return answer(
                200,
                {"additional-emails": [{"id": "1", "email": "b@shop.pl", "createdAt": "x"}]},
            )

    seller = some_clients(Profile()).account("default")

    unknown = await unregistered_senders(
        seller, ["shop@example.pl", "B@shop.pl", "new@shop.pl", "new@shop.pl", ""]
    )

    assert unknown == ["new@shop.pl"]

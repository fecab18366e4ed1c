"""The emulator's Message Center and account."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from awizo.emulator.calls import Rules
from awizo.emulator.mailbox import MailsAreMessages
from awizo.emulator.sink import CatchingSmarthost, CaughtMail
from support.allegro_parts import START, Clock
from support.emulator_parts import BETA, PUBLIC, an_emulator, api

JSON = {"Content-Type": PUBLIC}


async def messages(http: httpx.AsyncClient, thread_id: str, **params: Any) -> list[dict[str, Any]]:
    answer = await http.get(f"/messaging/threads/{thread_id}/messages", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


async def test_a_buyers_message_stands_in_the_one_thread_of_the_pair() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock)
    first, second = emulator.add_order(login="jan_k"), emulator.add_order(login="jan_k")
    one = emulator.add_message(first.id, "Proszę o fakturę", kind="ASK_QUESTION")
    clock.forward(minutes=1)
    emulator.add_message(second.id, "A kiedy wysyłka?")
    async with api(emulator) as http:
        (thread,) = (await http.get("/messaging/threads")).json()["threads"]
        assert thread["interlocutor"]["login"] == "jan_k"
        assert thread["lastMessageDateTime"] == "2026-11-24T12:01:00.000Z"
        found = await messages(http, thread["id"])
        assert [message["relatesTo"]["order"]["id"] for message in found] == [second.id, first.id]
        assert found[1]["author"] == {"login": "jan_k", "isInterlocutor": True}
        assert len(await messages(http, thread["id"], after="2026-11-24T12:00:30Z")) == 1
        assert len(await messages(http, thread["id"], before="2026-11-24T12:00:30Z")) == 1
        assert (await http.get(f"/messaging/messages/{one.id}")).json()["text"] == one.text
        assert (await http.get(f"/messaging/threads/{thread['id']}")).json()["id"] == thread["id"]
        bad = await http.get(
            f"/messaging/threads/{thread['id']}/messages", params={"after": "yesterday"}
        )
        assert bad.status_code == 422


async def test_threads_come_newest_first_in_pages() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock)
    logins = [f"buyer_{number}" for number in range(23)]
    for login in logins:
        emulator.add_message(emulator.add_order(login=login).id, "hej")
        clock.forward(seconds=1)
    async with api(emulator) as http:
        first = (await http.get("/messaging/threads")).json()["threads"]
        rest = (await http.get("/messaging/threads", params={"offset": 20})).json()["threads"]
        assert [one["interlocutor"]["login"] for one in first + rest] == logins[::-1]
        assert (await http.get("/messaging/threads", params={"limit": 21})).status_code == 422
        http.headers["accept"] = BETA
        page = (await http.get("/messaging/threads")).json()
        following = page["nextPage"]["id"]
        last = (await http.get("/messaging/threads", params={"page.id": following})).json()
    assert (len(page["threads"]), len(last["threads"])) == (20, 3)
    assert last["nextPage"] is None
    assert page["threads"][0]["type"] == "COMMON"


async def test_beta_tells_the_role_of_an_author() -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    emulator.add_message(order.id, "Jestem Allina", author="chatbot")
    emulator.add_message(order.id, "hej", sent_s_ago=5)
    thread = emulator.world.thread_id("default", order.login)
    async with api(emulator, Accept=BETA) as http:
        assert [one["author"]["role"] for one in await messages(http, thread)] == [
            "CHATBOT", "BUYER",
        ]  # fmt: skip


async def test_a_new_message_needs_an_order_of_that_buyer() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock)
    order, other = emulator.add_order(login="jan_k"), emulator.add_order(login="anna_n")
    async with api(emulator) as http:

        async def send(**body: Any) -> httpx.Response:
            return await http.post("/messaging/messages", json=body, headers=JSON)

        good = {"recipient": {"login": "jan_k"}, "text": "hej", "order": {"id": order.id}}
        assert (await send(**good)).status_code == 201
        assert (await send(**good)).status_code == 429, "one a second"
        clock.forward(seconds=1)
        changes: tuple[dict[str, Any], ...] = (
            {"order": None},
            {"order": {"id": other.id}},
            {"text": ""},
            {"text": "x" * 2001},
            {"recipient": {}},
            {"attachments": [{"id": "unknown"}]},
        )
        for change in changes:
            assert (await send(**good | change)).status_code == 422
        thread = emulator.world.thread_id("default", "jan_k")
        answer = await http.post(
            f"/messaging/threads/{thread}/messages", json={"text": "i jeszcze"}, headers=JSON
        )
        assert answer.status_code == 201
        assert answer.json()["author"]["isInterlocutor"] is False
        nobody = await http.post(
            "/messaging/threads/unknown/messages", json={"text": "hej"}, headers=JSON
        )
        assert nobody.status_code == 404
        assert (await http.delete(f"/messaging/messages/{answer.json()['id']}")).status_code == 204
        assert (await http.get(f"/messaging/messages/{answer.json()['id']}")).status_code == 404


async def test_messages_are_verified_and_may_be_blocked_or_hang() -> None:
    clock = Clock()
    emulator = an_emulator(clock=clock, rules=Rules(verify_s=30))
    order = emulator.add_order()
    thread = emulator.world.thread_id("default", order.login)

    def mail(subject: str) -> None:
        emulator.add_message(order.id, "tekst", author="seller", kind="MAIL", subject=subject)
        clock.forward(seconds=1)

    mail("fine")
    emulator.set_scenario("blocked-messages=1")
    mail("blocked")
    emulator.set_scenario("verifying-for-ever,times=1")
    mail("hangs")

    async def seen() -> dict[str, str]:
        async with api(emulator) as http:
            return {one["subject"]: one["status"] for one in await messages(http, thread)}

    assert set((await seen()).values()) == {"VERIFYING"}
    clock.forward(seconds=30)
    assert await seen() == {"fine": "DELIVERED", "blocked": "BLOCKED", "hangs": "VERIFYING"}
    clock.forward(hours=24)
    assert await seen() == {"fine": "DELIVERED", "hangs": "VERIFYING"}, "shown for a day"


async def test_messages_may_turn_up_late_and_threads_without_a_name() -> None:
    clock = Clock()
    emulator = an_emulator("late-messages=60", "nameless-threads", clock=clock)
    order = emulator.add_order()
    emulator.add_message(order.id, "hej")
    emulator.add_message(order.id, "odpowiedź", author="seller")
    thread = emulator.world.thread_id("default", order.login)
    async with api(emulator) as http:
        listed = (await http.get("/messaging/threads")).json()["threads"]
        assert listed[0]["interlocutor"] is None
        opened = (await http.get(f"/messaging/threads/{thread}")).json()
        assert opened["interlocutor"]["login"] == order.login
        assert len(await messages(http, thread)) == 1
        clock.forward(seconds=60)
        late = await messages(http, thread)
    assert len(late) == 2
    assert {one["createdAt"] for one in late} == {"2026-11-24T12:00:00.000Z"}


async def test_attachments_are_declared_then_sent() -> None:
    emulator = an_emulator()
    async with api(emulator) as http:
        declared = await http.post(
            "/messaging/message-attachments", json={"filename": "a.png", "size": 3}, headers=JSON
        )
        path = f"/messaging/message-attachments/{declared.json()['id']}"
        assert (await http.get(path)).status_code == 404
        png = {"Content-Type": "image/png"}
        assert (await http.put(path, content=b"png", headers=png)).status_code == 200
        assert (await http.get(path)).content == b"png"
        zipped = {"Content-Type": "application/zip"}
        assert (await http.put(path, content=b"x", headers=zipped)).status_code == 415
        assert (await http.put(path, content=b"x" * 5_242_881, headers=png)).status_code == 413
        large = await http.post(
            "/messaging/message-attachments",
            json={"filename": "a.png", "size": 5_242_881},
            headers=JSON,
        )
        assert large.status_code == 422


async def test_the_account_has_a_login_and_further_addresses() -> None:
    async with api(an_emulator()) as http:
        assert (await http.get("/me")).json()["login"] == "sprzedawca_default"
        for address, status in (("sklep@lampiony.example", 201), ("sklep", 422), ("a b@c.d", 422)):
            answer = await http.post(
                "/account/additional-emails", json={"email": address}, headers=JSON
            )
            assert answer.status_code == status
        listed = (await http.get("/account/additional-emails")).json()["additional-emails"]
    assert [one["email"] for one in listed] == ["sklep@lampiony.example"]


@pytest.mark.parametrize(
    ("content", "subject", "text"),
    [
        (b"Subject: =?utf-8?q?Wys=C5=82ane?=\r\n\r\nPaczka\r\n", "Wysłane", "Paczka"),
        (b"\xff\xfe no mail at all", "", "no mail at all"),
        (b"Content-Type: text/plain; charset=nonsense\r\n\r\nx", "", ""),
    ],
)
async def test_a_mail_to_a_buyer_becomes_a_message(content: bytes, subject: str, text: str) -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    box = MailsAreMessages(emulator, CatchingSmarthost())

    made = box.take(CaughtMail("a@b.example", (order.email.upper(), "shop@b.example"), content))

    assert made == 1
    (message,) = emulator.world.messages
    assert (message.type, message.subject, message.order_id) == ("MAIL", subject, order.id)
    assert text in message.text
    assert message.created_at == START

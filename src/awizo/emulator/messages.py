"""The Message Center and the account over HTTP, as public.v1 and as beta.v1.

Source: openapi.yaml; FACTS 2.11, 2.12 and 5.2.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from awizo.emulator.calls import BETA, Answer, Call, Refusal
from awizo.emulator.scenarios import Scenario
from awizo.emulator.world import Attachment, Message, World, moment

TEXT_MAX_CHARS = 2000
ATTACHMENT_MAX_BYTES = 5_242_880
ATTACHMENT_MEDIA = (
    "image/png", "image/gif", "image/bmp", "image/tiff", "image/jpeg", "application/pdf",
)  # fmt: skip
POST_DISTANCE_S = 1.0  # openapi.yaml: one message a second for each user
FOR_EVER = timedelta(days=3650)


# --- threads ------------------------------------------------------


def threads(call: Call) -> Answer:
    """GET /messaging/threads, the one with the newest message first."""
    found = _threads(call)
    nameless = call.strike("nameless-threads") is not None
    end, offset, following = _page(call, len(found), offset_max=15_000_000)
    shown = [_thread(call, *one, nameless=nameless) for one in found[offset:end]]
    return Answer(200, {"threads": shown, **_paging(call, offset, following)})


def _threads(call: Call) -> list[tuple[str, str, datetime]]:
    """Id, the other side's login and the time of the newest message."""
    latest: dict[str, tuple[str, datetime]] = {}
    for one in call.world.messages:
        if one.seller != call.seller or one.visible_at > call.now:
            continue
        known = latest.get(one.thread_id)
        if known is None or known[1] < one.created_at:
            latest[one.thread_id] = (one.login, one.created_at)
    found = [(thread_id, login, at) for thread_id, (login, at) in latest.items()]
    return sorted(found, key=lambda one: one[2], reverse=True)


def _thread(
    call: Call, thread_id: str, login: str, at: datetime, *, nameless: bool = False
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": thread_id,
        "read": True,
        "lastMessageDateTime": moment(at),
        "interlocutor": None
        if nameless
        else {"login": login, "avatarUrl": "https://a.allegroimg.com/original/avatar"},
    }
    return body | ({"type": "COMMON", "subType": None} if call.media == BETA else {})


def thread(call: Call) -> Answer:
    """GET /messaging/threads/{threadId}."""
    return Answer(200, _thread(call, *_this_thread(call)))


def _this_thread(call: Call) -> tuple[str, str, datetime]:
    for found in _threads(call):
        if found[0] == call.parts["thread_id"]:
            return found
    raise Refusal(404, "ThreadNotFoundException", "Thread not found")


def _page(call: Call, count: int, *, offset_max: int) -> tuple[int, int, str | None]:
    """End and beginning of the asked-for page, and what asks for the next one in beta.v1."""
    limit = call.number("limit", low=1, high=20, default=20)
    name = "page.id" if call.media == BETA else "offset"
    offset = call.number(name, low=0, high=offset_max, default=0)
    end = offset + limit
    return end, offset, str(end) if end < count else None


def _paging(call: Call, offset: int, following: str | None) -> dict[str, Any]:
    if call.media == BETA:
        return {"nextPage": {"id": following} if following else None}
    return {"offset": offset, "limit": call.number("limit", low=1, high=20, default=20)}


# --- messages ------------------------------------------------------


def messages(call: Call) -> Answer:
    """GET /messaging/threads/{threadId}/messages, newest first."""
    thread_id, _, _ = _this_thread(call)
    before, after = call.moment("before", status=422), call.moment("after", status=422)
    found = [
        one
        for one in call.world.thread_messages(thread_id)
        if (before is None or one.created_at < before) and (after is None or one.created_at > after)
    ]
    end, offset, following = _page(call, len(found), offset_max=15_000)
    shown = [_message(call, one) for one in found[offset:end]]
    return Answer(200, {"messages": shown, **_paging(call, offset, following)})


def message(call: Call) -> Answer:
    """GET /messaging/messages/{messageId}."""
    return Answer(200, _message(call, _this_message(call)))


def _this_message(call: Call) -> Message:
    for one in call.world.messages:
        visible = one.seller == call.seller and one.visible_at <= call.now
        if one.id == call.parts["message_id"] and visible:
            return one
    raise Refusal(404, "MessageNotFoundException", "Message not found")


def _message(call: Call, one: Message) -> dict[str, Any]:
    login = {
        "buyer": one.login,
        "seller": call.world.seller(one.seller).login,
        "chatbot": "Allina",
    }[one.author]
    author: dict[str, Any] = {"login": login, "isInterlocutor": one.author == "buyer"}
    if call.media == BETA:
        author["role"] = one.author.upper()
    related: dict[str, Any] = {"offer": None}
    if one.order_id is not None:
        related["order"] = {"id": one.order_id}
    return {
        "id": one.id,
        "status": one.status(call.now),
        "type": one.type,
        "createdAt": moment(one.created_at),
        "thread": {"id": one.thread_id},
        "author": author,
        "text": one.text,
        "subject": one.subject,
        "relatesTo": related,
        "hasAdditionalAttachments": False,
        "attachments": [
            {"fileName": attached.name, "mimeType": attached.media, "status": "SAFE"}
            for attached in (call.world.attachments[key] for key in one.attachments)
        ],
        "additionalInformation": None,
    }


def send(call: Call) -> Answer:
    """POST /messaging/messages: needs an order of that buyer (FACTS 2.11)."""
    body = call.json(status=422)
    recipient = body.get("recipient")
    login = recipient.get("login") if isinstance(recipient, dict) else None
    about = body.get("order")
    order_id = about.get("id") if isinstance(about, dict) else None
    if not isinstance(login, str) or not isinstance(order_id, str):
        raise Refusal(422, "VALIDATION_ERROR", "recipient.login and order.id are required")
    order = call.world.order(order_id)
    if order is None or order.seller != call.seller or order.login.lower() != login.lower():
        raise Refusal(422, "VALIDATION_ERROR", "the order is none of this buyer's", path="order.id")
    return _write(call, order.login, body, order.id)


def reply(call: Call) -> Answer:
    """POST /messaging/threads/{threadId}/messages."""
    _, login, _ = _this_thread(call)
    return _write(call, login, call.json(status=422), None)


def _write(call: Call, login: str, body: dict[str, Any], order_id: str | None) -> Answer:
    text = body.get("text")
    if not isinstance(text, str) or not 1 <= len(text) <= TEXT_MAX_CHARS:
        raise Refusal(422, "VALIDATION_ERROR", "text: 1 to 2000 characters", path="text")
    wanted = [one.get("id") for one in body.get("attachments") or () if isinstance(one, dict)]
    if any(one not in call.world.attachments for one in wanted):
        raise Refusal(422, "VALIDATION_ERROR", "unknown attachment", path="attachments")
    _refuse_haste(call)
    made = add_message(
        call.world,
        seller=call.seller,
        login=login,
        author="seller",
        text=text,
        order_id=order_id,
        verify_s=call.rules.verify_s,
    )
    made.attachments = tuple(str(one) for one in wanted)
    judge(call.world, call.strike, made)
    return Answer(201, _message(call, made))


def _refuse_haste(call: Call) -> None:
    last = max(
        (
            one.created_at
            for one in call.world.messages
            if one.seller == call.seller and one.author == "seller" and one.type != "MAIL"
        ),
        default=None,
    )
    if last is not None and (call.now - last).total_seconds() < POST_DISTANCE_S:
        raise Refusal(429, "TOO_MANY_REQUESTS", "one message a second")


def add_message(
    world: World,
    *,
    seller: str,
    login: str,
    author: str,
    text: str,
    subject: str | None = None,
    kind: str = "MESSAGE_CENTER",
    order_id: str | None = None,
    created_at: datetime | None = None,
    visible_in_s: float = 0,
    verify_s: float = 0,
) -> Message:
    """A message in the one thread of seller and buyer."""
    made = Message(
        id=world.new_uuid(),
        thread_id=world.thread_id(seller, login),
        seller=seller,
        login=login,
        author=author,
        type=kind,
        text=text,
        subject=subject,
        order_id=order_id,
        created_at=created_at or world.now(),
        visible_at=world.in_s(visible_in_s),
        verified_at=world.in_s(verify_s),
    )
    world.messages.append(made)
    return made


def judge(world: World, strike: Callable[[str], Scenario | None], made: Message) -> None:
    """What the scenarios make of a seller's message."""
    if strike("blocked-messages"):
        made.verdict = "BLOCKED"
    if strike("verifying-for-ever"):
        made.verified_at = world.now() + FOR_EVER
    late = strike("late-messages")
    if late is not None:
        made.visible_at = world.in_s(late.number("delay"))


def delete(call: Call) -> Answer:
    """DELETE /messaging/messages/{messageId}: own ones only; deprecated at Allegro."""
    found = _this_message(call)
    if found.author != "seller":
        raise Refusal(403, "AccessDenied", "not yours")
    call.world.messages.remove(found)
    return Answer(204)


# --- attachments ------------------------------------------------------


def declare_attachment(call: Call) -> Answer:
    """POST /messaging/message-attachments."""
    body = call.json(status=422)
    name, size = body.get("filename"), body.get("size")
    if not isinstance(name, str) or not name or not isinstance(size, int):
        raise Refusal(422, "VALIDATION_ERROR", "filename and size are required")
    if not 0 <= size <= ATTACHMENT_MAX_BYTES:
        raise Refusal(422, "VALIDATION_ERROR", "at most 5 MB", path="size")
    made = Attachment(call.world.new_uuid(), name, size)
    call.world.attachments[made.id] = made
    return Answer(201, {"id": made.id})


def put_attachment(call: Call) -> Answer:
    """PUT /messaging/message-attachments/{attachmentId}."""
    found = _this_attachment(call)
    if len(call.content) > ATTACHMENT_MAX_BYTES:
        raise Refusal(413, "FILE-TOO-LARGE", "at most 5 MB")
    found.content, found.media = call.content, call.headers.get("content-type", "")
    return Answer(200, {"id": found.id})


def get_attachment(call: Call) -> Answer:
    """GET /messaging/message-attachments/{attachmentId}."""
    found = _this_attachment(call)
    if found.content is None:
        raise Refusal(404, "AttachmentNotFoundException", "Attachment not found")
    return Answer(200, found.content, {"Content-Type": found.media})


def _this_attachment(call: Call) -> Attachment:
    found = call.world.attachments.get(call.parts["attachment_id"])
    if found is None:
        raise Refusal(404, "AttachmentNotFoundException", "Attachment not found")
    return found


# --- the account ------------------------------------------------------


def me(call: Call) -> Answer:
    """GET /me."""
    seller = call.world.seller(call.seller)
    return Answer(
        200,
        {
            "id": seller.id,
            "login": seller.login,
            "firstName": "Amadeusz",
            "lastName": "Sprzedawca",
            "email": seller.email,
            "baseMarketplace": {"id": seller.marketplace},
            "company": {"name": None, "taxId": None},
            "features": [],
        },
    )


def emails(call: Call) -> Answer:
    """GET /account/additional-emails."""
    return Answer(200, {"additional-emails": call.world.seller(call.seller).additional_emails})


def add_email(call: Call) -> Answer:
    """POST /account/additional-emails; nothing has to be confirmed."""
    address = call.json().get("email")
    local, at, domain = address.partition("@") if isinstance(address, str) else ("", "", "")
    if not local or not at or "." not in domain or " " in f"{local}{domain}":
        raise Refusal(422, "VALIDATION_ERROR", "no valid address", path="email")
    made = {"id": call.world.new_uuid(), "email": f"{local}@{domain}",
        "createdAt": moment(call.now)}  # fmt: skip
    call.world.seller(call.seller).additional_emails.append(made)
    return Answer(201, made)

"""What every API call passes: token, agent, pace, media types, the scenarios; then the record.

In:  HTTP requests.
Out: HTTP answers, or a connection that breaks where a scenario wants it to.

Source: FACTS section 2.0; openapi.yaml.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from awizo.emulator import documents, messages, orders, parcels
from awizo.emulator.calls import BETA, PUBLIC, Answer, Call, Refusal, Rules
from awizo.emulator.messages import ATTACHMENT_MEDIA
from awizo.emulator.oauth import AuthRefused, AuthServer, Pair
from awizo.emulator.scenarios import Scenario, Scenarios
from awizo.emulator.world import World, moment

HANG_UP = "emulator.hang_up"  # ASGI extension: closes the connection of the request
CONTENT_MAX_BYTES = 33_554_432
LOG_KEPT = 10_000
PROLONGED_S = 5.0  # calling on while blocked prolongs the block (FACTS 2.0)
A_PROXYS_PAGE = b"<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>\n"

# Name/Version, then a page about the application (FACTS 2.0).
USER_AGENT = re.compile(r"(?P<name>[A-Za-z0-9!#$%&'*+.^_`|~-]+)/\S+ .*\(\+https://[^\s()]+\)")

ORDERS_READ, ORDERS_WRITE = "allegro:api:orders:read", "allegro:api:orders:write"
PROFILE_READ, PROFILE_WRITE = "allegro:api:profile:read", "allegro:api:profile:write"
MESSAGING = "allegro:api:messaging"

AgentCheck = Literal["refuse", "warn", "off"]


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of the API.

    Attributes:
        takes: Media types of the body; empty: there is none.
        beta: There is a ``beta.v1`` of it.
        for_application: A token without a user will do.
    """

    name: str
    method: str
    path: str
    handler: Callable[[Call], Answer]
    scope: str
    takes: tuple[str, ...] = ()
    beta: bool = False
    for_application: bool = False


_FORM = "/order/checkout-forms/{id}"
_THREAD = "/messaging/threads/{thread_id}"
_MESSAGE = "/messaging/messages/{message_id}"
_ATTACHMENT = "/messaging/message-attachments/{attachment_id}"
_JSON = (PUBLIC,)
_EITHER = (PUBLIC, BETA)
OPERATIONS = (
    Operation("me", "GET", "/me", messages.me, PROFILE_READ),
    Operation("emails", "GET", "/account/additional-emails", messages.emails, PROFILE_READ),
    Operation("add-email", "POST", "/account/additional-emails", messages.add_email,
              PROFILE_WRITE, _JSON),
    Operation("events", "GET", "/order/events", orders.events, ORDERS_READ),
    Operation("event-stats", "GET", "/order/event-stats", orders.event_stats, ORDERS_READ),
    Operation("orders", "GET", "/order/checkout-forms", orders.orders, ORDERS_READ),
    Operation("order", "GET", _FORM, orders.order, ORDERS_READ),
    Operation("fulfillment", "PUT", f"{_FORM}/fulfillment", orders.fulfillment, ORDERS_WRITE,
              _JSON),
    Operation("invoices", "GET", f"{_FORM}/invoices", documents.listing, ORDERS_READ),
    Operation("declare", "POST", f"{_FORM}/invoices", documents.declare, ORDERS_WRITE, _JSON),
    Operation("file", "PUT", f"{_FORM}/invoices/{{invoice_id}}/file", documents.put_file,
              ORDERS_WRITE, ("application/pdf",)),
    Operation("link", "POST", "/order/{id}/billing-documents/links", documents.add_link,
              ORDERS_WRITE, _JSON),
    Operation("shipments", "GET", f"{_FORM}/shipments", parcels.listing, ORDERS_READ),
    Operation("shipment", "POST", f"{_FORM}/shipments", parcels.add, ORDERS_WRITE, _JSON),
    Operation("carriers", "GET", "/order/carriers", parcels.carriers, ORDERS_READ,
              for_application=True),
    Operation("tracking", "GET", "/order/carriers/{carrier_id}/tracking", parcels.tracking,
              ORDERS_READ, for_application=True),
    Operation("threads", "GET", "/messaging/threads", messages.threads, MESSAGING, beta=True),
    Operation("thread", "GET", _THREAD, messages.thread, MESSAGING, beta=True),
    Operation("messages", "GET", f"{_THREAD}/messages", messages.messages, MESSAGING, beta=True),
    Operation("reply", "POST", f"{_THREAD}/messages", messages.reply, MESSAGING, _EITHER, True),
    Operation("send", "POST", "/messaging/messages", messages.send, MESSAGING, _EITHER, True),
    Operation("message", "GET", _MESSAGE, messages.message, MESSAGING, beta=True),
    Operation("delete", "DELETE", _MESSAGE, messages.delete, MESSAGING, beta=True),
    Operation("attachment", "POST", "/messaging/message-attachments",
              messages.declare_attachment, MESSAGING, _EITHER, True),
    Operation("attachment", "PUT", _ATTACHMENT, messages.put_attachment, MESSAGING,
              ATTACHMENT_MEDIA, True),
    Operation("attachment", "GET", _ATTACHMENT, messages.get_attachment, MESSAGING, beta=True),
)  # fmt: skip


class ConnectionDropped(Exception):
    """The connection breaks here; raised where there is no real one to close.

    Attributes:
        began: A part of the answer was sent before.
    """

    def __init__(self, began: bool) -> None:
        super().__init__("the connection was dropped")
        self.began = began


class HangUp(Response):
    """Closes the connection instead of answering, or in the middle of the answer."""

    def __init__(self, half: Response | None = None) -> None:
        super().__init__()
        self._half = half

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hang_up = scope.get("extensions", {}).get(HANG_UP)
        if hang_up is None:
            raise ConnectionDropped(began=self._half is not None)
        if self._half is not None:
            await send(
                {
                    "type": "http.response.start",
                    "status": self._half.status_code,
                    "headers": self._half.raw_headers,
                }
            )
            body = bytes(self._half.body)
            part = body[: len(body) // 2]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        hang_up()
        while (await receive())["type"] != "http.disconnect":
            pass


@dataclass(slots=True)
class Entry:
    """A call in the request log; tokens are not kept."""

    at: str
    method: str
    path: str
    query: list[tuple[str, str]]
    operation: str
    status: int = 0
    trace_id: str = ""
    client_id: str = ""
    seller: str = ""
    user_agent: str = ""
    accept: str = ""
    content_type: str = ""
    size_bytes: int = 0
    struck: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class _Pace:
    """Calls of one client id in the last minute."""

    at: deque[datetime] = field(default_factory=deque)
    blocked_until: datetime | None = None


class Gate:
    """Lets calls through to their handlers.

    Args:
        sleep: Waits for scenarios that answer late.
        app_name: The registered application's name, where the agent's must be the same.
    """

    def __init__(
        self,
        *,
        world: World,
        rules: Rules,
        scenarios: Scenarios,
        auth: AuthServer,
        user_agent: AgentCheck,
        app_name: str | None,
        requests_per_minute: int,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.world = world
        self.rules = rules
        self.scenarios = scenarios
        self.auth = auth
        self.log: deque[Entry] = deque(maxlen=LOG_KEPT)
        self._user_agent = user_agent
        self._app_name = app_name
        self._per_minute = requests_per_minute
        self._paces: dict[str, _Pace] = {}
        self._sleep = sleep

    # -- the API -------------------------------------------------------------------------------

    async def api(self, request: Request, operation: Operation) -> Response:
        """One API call."""
        entry = await self._entered(request, operation.name)
        content = await _content(request)
        entry.size_bytes = len(content)
        call = Call(
            world=self.world,
            rules=self.rules,
            scenarios=self.scenarios,
            operation=operation.name,
            parts=request.path_params,
            query=list(request.query_params.multi_items()),
            headers=request.headers,
            content=content,
            media=PUBLIC,
            seller="",
            struck=entry.struck,
        )
        slow = call.strike("slow")
        if slow is not None:
            await self._sleep(slow.number("delay"))
        if call.strike("hang-up"):
            return HangUp()
        try:
            self._admit(call, operation, entry)
            answer = operation.handler(call)
        except (Refusal, AuthRefused) as refusal:
            return self._response(entry, refusal.answer, call.media)
        return self._spoilt(call, entry, answer)

    def _admit(self, call: Call, operation: Operation, entry: Entry) -> None:
        """Everything that is checked before a handler sees the call.

        Raises:
            Refusal, AuthRefused: It does not get that far.
        """
        self._check_agent(entry)
        pair = self.auth.bearer(call.headers.get("authorization"), call.strike)
        entry.client_id, entry.seller = pair.client_id, pair.seller
        call.seller = pair.seller
        self._check_pace(call, pair)
        if call.strike("failing"):
            raise Refusal(500, "INTERNAL_SERVER_ERROR", "An error has occurred")
        if call.strike("timeout"):
            raise _timeout()
        call.media = _acceptable(entry.accept, operation)
        _check_content_type(entry.content_type, operation)
        if not pair.seller and not operation.for_application:
            raise Refusal(403, "AccessDenied", "the token is without user context")
        missing = call.strike("missing-scope")
        if missing is not None and missing.text("scope") == operation.scope:
            raise Refusal(403, "AccessDenied", f"the scope {operation.scope} is missing")
        if call.strike("forbidden"):
            raise Refusal(403, "AccessDenied", "Access is denied")

    def _check_agent(self, entry: Entry) -> None:
        if self._user_agent == "off":
            return
        found = USER_AGENT.fullmatch(entry.user_agent)
        if found is not None and self._app_name in (None, found["name"]):
            return
        words = (
            "User-Agent must be Name/Version (+https://…) with the registered application's name"
        )
        if self._user_agent == "refuse":
            raise Refusal(403, "USER-AGENT-NOT-ACCEPTED", words)
        entry.warnings.append(words)

    def _check_pace(self, call: Call, pair: Pair) -> None:
        """9,000 calls a minute for each client id; calling on while blocked prolongs it."""
        now = call.now
        pace = self._paces.setdefault(pair.client_id, _Pace())
        while pace.at and now - pace.at[0] >= timedelta(minutes=1):
            pace.at.popleft()
        pace.at.append(now)
        if pace.blocked_until is not None and now < pace.blocked_until:
            pace.blocked_until += timedelta(seconds=PROLONGED_S)
            raise _too_many(None)
        if len(pace.at) > self._per_minute:
            pace.blocked_until = now + timedelta(minutes=1)
            raise _too_many(None)
        busy = call.strike("busy")
        if busy is None:
            return
        left_s = (busy.seconds or 0) - (now.timestamp() - busy.since)
        if busy.seconds is not None and busy.struck > 1:
            busy.seconds += PROLONGED_S
        raise _too_many(math.ceil(left_s) if busy.flag("retry_after") else None)

    def _spoilt(self, call: Call, entry: Entry, answer: Answer) -> Response:
        """The answer to a deed that is done, unless a scenario loses or breaks it."""
        whole = self._response(entry, answer, call.media)
        if call.strike("lost-answer") or "orphan" in call.struck:
            entry.status = 0
            return HangUp()
        if call.strike("timeout-done"):
            return self._response(entry, _timeout().answer, call.media)
        if call.strike("not-json"):
            page = Response(A_PROXYS_PAGE, whole.status_code, media_type="text/html")
            page.headers["trace-id"] = entry.trace_id
            return page
        if call.strike("empty-answer"):
            return Response(status_code=whole.status_code, headers={"trace-id": entry.trace_id})
        body = bytes(whole.body)
        if body and call.strike("truncated"):
            return HangUp(whole)
        if body and call.strike("cut-off"):
            half = Response(body[: len(body) // 2], whole.status_code)
            half.headers["content-type"] = whole.headers.get("content-type", call.media)
            half.headers["trace-id"] = entry.trace_id
            return half
        return whole

    # -- the authorisation server --------------------------------------------------------------

    async def oauth(self, request: Request, operation: str) -> Response:
        """A call that needs no token and no particular agent (FACTS 2.0)."""
        entry = await self._entered(request, operation)

        def strike(name: str) -> Scenario | None:
            found = self.scenarios.strike(
                name, at_s=self.world.now().timestamp(), operation=operation
            )
            if found is not None:
                entry.struck.append(name)
            return found

        slow = strike("slow")
        if slow is not None:
            await self._sleep(slow.number("delay"))
        if strike("hang-up"):
            return HangUp()
        try:
            if strike("failing"):
                raise Refusal(500, "INTERNAL_SERVER_ERROR", "An error has occurred")
            answer = await self._authorized(request, operation, strike)
        except (AuthRefused, Refusal) as refusal:
            return self._response(entry, refusal.answer, "application/json")
        whole = self._response(entry, answer, "application/json")
        if strike("not-json"):
            return Response(A_PROXYS_PAGE, whole.status_code, media_type="text/html")
        return HangUp() if strike("lost-answer") else whole

    async def _authorized(
        self, request: Request, operation: str, strike: Callable[[str], Scenario | None]
    ) -> Answer:
        header = request.headers.get("authorization")
        if operation == "register":
            try:
                body = json.loads(await _content(request))
            except ValueError:
                body = None
            if not isinstance(body, dict):
                raise AuthRefused(400, "invalid_client_metadata", "a JSON object is wanted")
            return self.auth.register(body)
        form = await request.form()
        told = {key: value for key, value in form.items() if isinstance(value, str)}
        told = {**dict(request.query_params), **told}
        if operation == "device":
            base = f"{request.url.scheme}://{request.url.netloc}"
            return self.auth.start_device(header, told.get("client_id", ""), base)
        return self.auth.token(header, told, strike)

    # -- the record ----------------------------------------------------------------------------

    async def _entered(self, request: Request, operation: str) -> Entry:
        entry = Entry(
            at=moment(self.world.now()),
            method=request.method,
            path=request.url.path,
            query=[] if operation in ("token", "device", "register")
            else list(request.query_params.multi_items()),
            operation=operation,
            trace_id=f"{self.world.rng.getrandbits(64):016x}",
            user_agent=request.headers.get("user-agent", ""),
            accept=request.headers.get("accept", ""),
            content_type=request.headers.get("content-type", ""),
        )  # fmt: skip
        self.log.append(entry)
        return entry

    def _response(self, entry: Entry, answer: Answer, media: str) -> Response:
        entry.status = answer.status
        headers = {"trace-id": entry.trace_id, **answer.headers}
        if entry.warnings:
            headers["Warning"] = f'299 - "{entry.warnings[0].encode("ascii", "replace").decode()}"'
        return response(answer, media, headers)


def response(answer: Answer, media: str, headers: Mapping[str, str]) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=dict(headers))
    if isinstance(answer.body, bytes):
        return Response(answer.body, answer.status, dict(headers))
    content = json.dumps(answer.body, ensure_ascii=False).encode()
    return Response(content, answer.status, {"Content-Type": f"{media};charset=UTF-8", **headers})


async def _content(request: Request) -> bytes:
    """The whole body, up to a limit far above what Allegro takes; cut off there."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        if size < CONTENT_MAX_BYTES:
            pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _timeout() -> Refusal:
    return Refusal(504, "ServiceTimeoutException", "The service did not answer, try again")


def _too_many(retry_after_s: int | None) -> Refusal:
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Refusal(429, "TOO_MANY_REQUESTS", "Too many requests", headers=headers)


def _acceptable(accept: str, operation: Operation) -> str:
    """The media type to answer in.

    Raises:
        Refusal: 406.
    """
    offered = _EITHER if operation.beta else _JSON
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        media = part.split(";")[0].strip().lower()
        if media in offered:
            return media
        if media in ("*/*", "application/*"):
            return PUBLIC
    raise Refusal(
        406,
        "NotAcceptableException",
        "Not acceptable representation requested. Please check 'Accept' request header",
    )


def _check_content_type(told: str, operation: Operation) -> None:
    media = told.split(";")[0].strip().lower()
    if not operation.takes or media in operation.takes:
        return
    if operation.name == "file" and media.startswith("multipart/"):
        raise Refusal(422, "FILE-CONTENT-INVALID", "File must have PDF content")
    raise Refusal(
        415,
        "UnsupportedMediaTypeException",
        f"Content-Type must be one of {', '.join(operation.takes)}",
    )

"""The pages: overview, list, one delivery, its preview; and the wishes of a person.

In:  requests that the gate let in.
Out: HTML that works without a script; every wish goes to the operations.

Heavy work (reading a mail, cleaning its HTML, filling in a template) is done in two threads of
the panel's own, so that neither the mail loop nor its threads wait for a page.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from awizo.errors import NotAllowed, NotFound
from awizo.model import DeliveryState, Disposition, Kind
from awizo.operations import Operations
from awizo.panel import views, words
from awizo.panel.guard import FAULT, Visit, visit_of
from awizo.panel.looks import static_files, templates
from awizo.panel.overview import Figures
from awizo.panel.preview import (
    CONTENT_MAX_BYTES,
    FRAME_POLICY,
    HEAD_MAX_BYTES,
    Preview,
    framed,
    preview_of,
    subject_of,
)
from awizo.panel.sessions import Guessing, Password, Sessions
from awizo.settings import Settings
from awizo.spool.port import StoredDelivery
from awizo.store import Stores

log = structlog.get_logger()

T = TypeVar("T")

SEEN = "digest-of-this-page"  # where a page's own digest is put in
PAGE_ROWS = 50
HISTORY_LINES = 300
SEARCH_MAX_CHARS = 200
PREVIEWS_KEPT = 6  # of at most some 500 kB each
SUBJECTS_KEPT = 2_000

# What a person calls a state, and what the store calls it.
STANDINGS: dict[str, tuple[str, tuple[DeliveryState, ...] | None, Disposition | None]] = {
    "": ("Any", None, None),
    "held": ("Held for you", (DeliveryState.HELD,), None),
    "stopped": ("Stopped", (DeliveryState.SETTLED,), Disposition.STOP),
    "forwarded": ("Forwarded", (DeliveryState.SETTLED,), Disposition.FORWARD),
    "waiting": ("On its way", (DeliveryState.RECEIVED, DeliveryState.PLANNED), None),
    "bounced": ("Could not be sent", (DeliveryState.SETTLED,), Disposition.BOUNCE),
}

NO_SUCH = "There is no such mail, or its record was removed when its time was over."


class Pages:
    def __init__(
        self,
        *,
        settings: Settings,
        stores: Stores,
        operations: Operations,
        sessions: Sessions,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._spool = stores.spool
        self._orders = stores.orders
        self._operations = operations
        self._sessions = sessions
        self._figures = Figures(settings=settings, stores=stores, now=now)
        self._guessing = Guessing(now)
        password_hash = settings.panel.password_hash
        self._password = None if password_hash is None else Password(password_hash)
        self._files = static_files()
        self._looks = templates(self._files)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="panel")
        self._previews: OrderedDict[str, Preview] = OrderedDict()
        self._subjects: OrderedDict[str, str] = OrderedDict()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    # -- pages ---------------------------------------------------------------------------------

    async def overview(self, request: Request) -> Response:
        return await self._page(
            request, "overview.html", here="overview", figures=await self._figures.overview()
        )

    async def deliveries(self, request: Request) -> Response:
        asked = request.query_params
        standing = asked.get("state", "")
        standing = standing if standing in STANDINGS else ""
        kind = asked.get("kind", "")
        kind = kind if kind in Kind.__members__.values() else ""
        account = asked.get("account", "")
        account = account if account in self._settings.account_names else ""
        search = asked.get("q", "").strip()[:SEARCH_MAX_CHARS]
        problems = asked.get("problems", "") == "1"
        after = asked.get("after", "")[:SEARCH_MAX_CHARS]
        _, states, disposition = STANDINGS[standing]
        found = [
            stored
            async for stored in self._spool.list(
                states=states,
                disposition=disposition,
                kind=Kind(kind) if kind else None,
                account=account or None,
                problem_only=problems,
                search=search or None,
                after=after or None,
                newest_first=True,
                limit=PAGE_ROWS + 1,
            )
        ]
        chosen = {
            "state": standing, "kind": kind, "account": account, "q": search,
            "problems": "1" if problems else "",
        }  # fmt: skip
        narrowed = {key: value for key, value in chosen.items() if value}
        older = found[PAGE_ROWS - 1].delivery.id if len(found) > PAGE_ROWS else ""
        found = found[:PAGE_ROWS]
        return await self._page(
            request,
            "deliveries.html",
            here="deliveries",
            rows=await self._rows(found),
            chosen=chosen,
            narrowed=bool(narrowed),
            standings=[(slug, label) for slug, (label, *_) in STANDINGS.items()],
            kinds=[(one.value, label) for one, label in words.KINDS.items()],
            accounts=self._settings.account_names,
            here_again=urlencode(narrowed | ({"after": after} if after else {}) | {"seen": SEEN}),
            newest=f"/deliveries?{urlencode(narrowed)}" if after else "",
            older=f"/deliveries?{urlencode(narrowed | {'after': older})}" if older else "",
        )

    async def delivery(self, request: Request) -> Response:
        done = words_done(request.query_params.get("did", ""))
        return await self._delivery_page(request, done=done)

    async def preview(self, request: Request) -> Response:
        """The mail's HTML for the sandboxed frame."""
        stored = await self._spool.show(request.path_params["delivery_id"])
        preview = await self._preview(stored)
        if preview is None:
            return await self.complain(404, "Nothing to show", "Its content is not kept any more.")
        body = await self._in_thread(framed, preview)
        return HTMLResponse(
            body,
            headers={
                "content-security-policy": FRAME_POLICY,
                "x-frame-options": "SAMEORIGIN",
                "referrer-policy": "no-referrer",
            },
        )

    async def original(self, request: Request) -> Response:
        """The mail byte for byte, to be saved and never shown by the browser."""
        stored = await self._spool.show(request.path_params["delivery_id"])
        chunks = self._spool.content_chunks(stored.delivery.message.id)
        first = await anext(chunks, b"")  # so that a content that is gone is an answer of its own

        async def whole() -> AsyncIterator[bytes]:
            yield first
            async for chunk in chunks:
                yield chunk

        return StreamingResponse(
            whole(),
            media_type="message/rfc822",
            headers={
                "content-disposition": f'attachment; filename="{stored.delivery.id}.eml"',
                "content-length": str(stored.delivery.message.size_bytes),
                "content-security-policy": "sandbox; default-src 'none'",
            },
        )

    async def static(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None:
            return await self.complain(404, "Not here", "There is no such file.")
        return Response(
            file.content,
            media_type=file.media_type,
            headers={"cache-control": "public, max-age=86400"},
        )

    # -- wishes --------------------------------------------------------------------------------

    async def wish(self, request: Request) -> Response:
        delivery_id, wish = request.path_params["delivery_id"], request.path_params["wish"]
        wishes: dict[str, Callable[[str], Awaitable[None]]] = {
            "release": self._operations.release,
            "forward": self._operations.forward,
            "retry": self._operations.retry,
            "drop": self._operations.drop,
            "judge_again": self._operations.judge_again,
            "reassign": partial(
                self._operations.reassign,
                order_id=visit_of(request).form.get("order_id", ""),
                orders=self._orders,
            ),
        }
        carry_out = wishes.get(wish)
        if carry_out is None:
            return await self.complain(404, "Not here", "There is no such wish.")
        try:
            await carry_out(delivery_id)
        except NotAllowed as refusal:
            return await self._delivery_page(request, refused=str(refusal))
        self._figures.changed()
        return RedirectResponse(f"/deliveries/{delivery_id}?did={wish}", 303)

    # -- logging in ----------------------------------------------------------------------------

    async def login_form(self, request: Request) -> Response:
        if visit_of(request).logged_in:
            return RedirectResponse("/", 303)
        return await self._page(request, "login.html", here="login", sorry="")

    async def login(self, request: Request) -> Response:
        visit = visit_of(request)
        if self._password is None:
            return RedirectResponse("/", 303)
        client = request.client.host if request.client else ""
        wait = self._guessing.wait(client)
        if wait.total_seconds() > 0:
            seconds = int(wait.total_seconds()) + 1
            answer = await self._page(
                request, "login.html", here="login", status=429,
                sorry=f"Too many wrong passwords. Try again in {seconds} s.",
            )  # fmt: skip
            answer.headers["retry-after"] = str(seconds)
            return answer
        self._guessing.begin(client)
        if not await self._password.is_right(visit.form.get("password", "")):
            log.warning("panel_login_failed", client=client)
            return await self._page(
                request, "login.html", here="login", status=403, sorry="The password is wrong."
            )
        self._guessing.succeeded(client)
        self._sessions.end(visit.session_id)
        log.info("panel_logged_in", client=client)
        answer = RedirectResponse("/", 303)
        _set_cookie(answer, visit, self._sessions.begin())
        return answer

    async def logout(self, request: Request) -> Response:
        visit = visit_of(request)
        self._sessions.end(visit.session_id)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(
            visit.cookie, path="/", secure=visit.secure, httponly=True, samesite="strict"
        )
        return answer

    # -- what goes wrong -----------------------------------------------------------------------

    async def complain(self, status: int, heading: str, told: str) -> Response:
        html = await self._render("message.html", heading=heading, told=told)
        return HTMLResponse(html, status)

    async def failed(self, request: Request, error: Exception) -> Response:
        return await self.complain(500, "Something went wrong", FAULT)

    async def not_found(self, request: Request, error: Exception) -> Response:
        return await self.complain(404, "Not here", NO_SUCH)

    async def store_failed(self, request: Request, error: Exception) -> Response:
        log.error("panel_failed", error=type(error).__name__, places=[])
        return await self.complain(
            503, "The store does not answer", "Nothing was changed. Try again in a while."
        )

    # -- parts ---------------------------------------------------------------------------------

    async def _delivery_page(
        self, request: Request, *, done: str = "", refused: str = ""
    ) -> Response:
        stored = await self._spool.show(request.path_params["delivery_id"])
        page = views.page_of(stored, buyer_domains=self._settings.allegro.buyer_domains)
        left_out = max(0, len(page.history) - HISTORY_LINES)
        preview = await self._preview(stored)
        page = replace(
            page,
            history=page.history[left_out:],
            row=replace(page.row, subject=preview.subject if preview else ""),
        )
        return await self._page(
            request,
            "delivery.html",
            here="delivery",
            status=409 if refused else 200,
            page=page,
            preview=preview,
            too_large=page.content_kept and preview is None,
            history_left_out=left_out,
            done=done,
            refused=refused,
        )

    async def _rows(self, found: Sequence[StoredDelivery]) -> list[views.Row]:
        domains = self._settings.allegro.buyer_domains
        return [
            replace(
                views.row_of(stored, buyer_domains=domains), subject=await self._subject(stored)
            )
            for stored in found
        ]

    async def _subject(self, stored: StoredDelivery) -> str:
        """From the first piece of the mail: the store keeps no subjects beside it."""
        message_id = stored.delivery.message.id
        if not stored.content_kept:
            self._subjects.pop(message_id, None)
            return ""
        if message_id not in self._subjects:
            try:
                head = await anext(self._spool.content_chunks(message_id), b"")
            except NotFound:
                return ""
            self._subjects[message_id] = await self._in_thread(subject_of, head[:HEAD_MAX_BYTES])
            _keep(self._subjects, SUBJECTS_KEPT)
        return self._subjects[message_id]

    async def _preview(self, stored: StoredDelivery) -> Preview | None:
        """``None`` where there is nothing to show, or too much."""
        message = stored.delivery.message
        if not stored.content_kept or message.size_bytes > CONTENT_MAX_BYTES:
            self._previews.pop(message.id, None)
            return None
        if message.id not in self._previews:
            try:
                content = await self._spool.content(message.id)
            except NotFound:
                return None
            self._previews[message.id] = await self._in_thread(preview_of, content)
            _keep(self._previews, PREVIEWS_KEPT)
        return self._previews[message.id]

    async def _page(
        self, request: Request, template: str, *, here: str, status: int = 200, **values: Any
    ) -> Response:
        visit = visit_of(request)
        session_id = visit.session_id or self._sessions.new_id()
        html = await self._render(
            template,
            here=here,
            token=self._sessions.token(session_id),
            may_log_out=self._password is not None and visit.logged_in,
            mode=self._settings.mode,
            seen=SEEN,
            **values,
        )
        seen = hashlib.sha256(html.encode()).hexdigest()[:16]
        if "hx-request" in request.headers and request.query_params.get("seen") == seen:
            return Response(status_code=204)  # a page that refreshes itself stays as it is
        html = html.replace(SEEN, seen)
        answer = HTMLResponse(html, status)
        if not visit.session_id:
            _set_cookie(answer, visit, session_id)
        return answer

    async def _render(self, template: str, **values: Any) -> str:
        return await self._in_thread(self._looks.get_template(template).render, **values)

    async def _in_thread(self, work: Callable[..., T], *args: Any, **named: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *args, **named))


def words_done(wish: str) -> str:
    return views.DONE_WORDS.get(wish, "")


def _set_cookie(answer: Response, visit: Visit, session_id: str) -> None:
    answer.set_cookie(
        visit.cookie, session_id, path="/", secure=visit.secure, httponly=True, samesite="strict"
    )


def _keep(kept: OrderedDict[str, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)

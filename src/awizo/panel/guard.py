"""Who may ask the panel what: the one gate in front of every page.

In:  HTTP requests of browsers, and of whatever pages those browsers have open besides.
Out: requests that come from the panel's own pages, by somebody who may use them.

Holds on loopback too, where a page of the Internet may reach the panel through the browser of
whoever sits there: a foreign ``Host`` (DNS rebinding) and a foreign ``Origin`` (forged forms)
are refused, and every change is a POST with a token of the session. Probes and metrics tell no
content and stay open.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from awizo.panel.sessions import Sessions
from awizo.settings import Panel, is_loopback
from awizo.telemetry.logging import places

log = structlog.get_logger()

OPEN_TO_ALL = frozenset({"/livez", "/readyz", "/metrics"})
WITHOUT_LOGIN = frozenset({"/login"})
SAFE_METHODS = frozenset({"GET", "HEAD"})
FORM_MAX_BYTES = 16_384
FORM_MAX_FIELDS = 20
FORM_WITHIN_S = 15.0
PROXY_HEADERS = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "via")

POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Nothing for other sites. With "no-referrer" browsers would send "Origin: null" with the
    # panel's own forms, and the check of the origin would be worth nothing.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}

FAULT = "It was a fault of Awizo; its log says more."

Complaint = Callable[[int, str, str], Awaitable[Response]]
"""Make a page of a status, a heading and words."""


@dataclass(slots=True)
class Visit:
    """One request as the gate saw it; ``scope["visit"]``."""

    session_id: str
    token: str
    logged_in: bool
    secure: bool
    cookie: str
    form: dict[str, str] = field(default_factory=dict)


def visit_of(request: Request) -> Visit:
    visit: Visit = request.scope["visit"]
    return visit


class Guard:
    """ASGI middleware; see the head of this file."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        panel: Panel,
        sessions: Sessions,
        complain: Complaint,
    ) -> None:
        self._app = app
        self._panel = panel
        self._sessions = sessions
        self._complain = complain
        self._public = urlsplit(panel.public_url) if panel.public_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] in OPEN_TO_ALL:
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope, receive)
        try:
            answer = await self._refusal(request)
            await (self._app if answer is None else answer)(scope, receive, sending)
        except Exception as error:
            # Its words may hold what stays out of the log.
            log.error("panel_failed", error=type(error).__name__, places=places(error)[-5:])
            if not started:
                sorry = await self._complain(500, "Something went wrong", FAULT)
                await sorry(scope, receive, sending)

    async def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that must not come through; ``None`` lets it in."""
        if (words := self._wrong_address(request)) is not None:
            log.warning("panel_refused", reason="host")
            return await self._complain(403, "Not at this address", words)
        visit = request.scope["visit"] = self._visit(request)
        changes = request.method not in SAFE_METHODS
        if changes:
            if not self._own_page(request):
                log.warning("panel_refused", reason="origin")
                return await self._complain(
                    403,
                    "Nothing was changed",
                    "The wish did not come from a page of this panel.",
                )
            try:
                async with asyncio.timeout(FORM_WITHIN_S):
                    form = await _form(request)
            except TimeoutError:
                return await self._complain(408, "Nothing was changed", "The form came too slowly.")
            if form is None:
                return await self._complain(413, "Nothing was changed", "The form is too large.")
            visit.form = form
        if request.url.path.startswith("/static/"):
            return None
        if not visit.logged_in and request.url.path not in WITHOUT_LOGIN:
            if "hx-request" in request.headers:
                return Response(status_code=401, headers={"hx-redirect": "/login"})
            return RedirectResponse("/login", 303)
        if changes and not self._sessions.token_fits(visit.session_id, visit.form.get("token", "")):
            log.warning("panel_refused", reason="token")
            return await self._complain(
                403,
                "Nothing was changed",
                "The page was older than the running service. Go back, reload it and try again.",
            )
        return None

    # -- parts ---------------------------------------------------------------------------------

    def _visit(self, request: Request) -> Visit:
        secure = request.url.scheme == "https" or (
            self._public is not None
            and self._public.scheme == "https"
            and _host_name(request.headers.get("host", "")) == self._public.hostname
        )
        cookie = "__Host-awizo" if secure else "awizo_panel"
        session_id = request.cookies.get(cookie, "")
        logged_in = self._panel.password_hash is None or self._sessions.is_open(
            session_id, by_person="hx-request" not in request.headers
        )
        return Visit(session_id, self._sessions.token(session_id), logged_in, secure, cookie)

    def _wrong_address(self, request: Request) -> str | None:
        """Why the panel is not to be had under this name; ``None`` when it is."""
        if self._panel.password_hash is None and any(
            name in request.headers for name in PROXY_HEADERS
        ):
            return (
                "A proxy stands in between, so others could come in this way. "
                "Set panel.password_hash, made by 'awizo hash-password'."
            )
        hosts = request.headers.getlist("host")
        name = _host_name(hosts[0]) if len(hosts) == 1 else None
        if name is not None:
            if is_loopback(name) or name == self._panel.host.lower():
                return None
            if self._public is not None and name == self._public.hostname:
                return None
            # Only a name can be made to point here by a stranger.
            if self._panel.password_hash is not None and _is_address(name):
                return None
        return (
            "The panel answers to localhost and to IP addresses. To reach it by another name, "
            "set panel.public_url."
        )

    def _own_page(self, request: Request) -> bool:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = request.headers.get("origin", "")
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https"):
            return False
        if self._public is not None and _same(origin, self._panel.public_url or ""):
            return True
        return _same(origin, f"{parts.scheme}://{request.headers.get('host', '')}")


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form; ``None`` when it is larger than any of ours."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_MAX_BYTES:
            return None
    try:
        return dict(
            parse_qsl(
                body.decode("utf-8", "replace"),
                keep_blank_values=True,
                max_num_fields=FORM_MAX_FIELDS,
            )
        )
    except ValueError:
        return None


def _host_name(host: str) -> str | None:
    """Lower-case name or address of a ``Host`` header, without port and brackets."""
    try:
        parts = urlsplit(f"//{host}")
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            return None
        _ = parts.port  # raises when it is no number
    except ValueError:
        return None
    return parts.hostname.removesuffix(".") if parts.hostname else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(one: str, other: str) -> bool:
    """Whether two addresses have one origin."""
    try:
        return _origin(one) == _origin(other)
    except ValueError:
        return False


def _origin(address: str) -> tuple[str, str | None, int]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]

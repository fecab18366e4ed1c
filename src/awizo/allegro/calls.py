"""Make one call to Allegro: headers, pace, quick repeats, and a record of what was said.

In:  method, path and body; whether asking twice does harm.
Out: a Reply, or a Deferral or PermanentFailure (``replies.py``).

Retries by meaning, within one attempt: a call that never left (no connection) is repeated
whatever it was; one that may have arrived only when it is safe to repeat; a 429 never,
because calling on prolongs the block. Tokens are somebody else's (``oauth.py``).
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog

from awizo import __version__
from awizo.allegro.governor import Governor
from awizo.allegro.replies import (
    NO_STATUS,
    BusyAnswer,
    MaybeDone,
    Reply,
    errors_in,
    expected,
    retry_after,
    sorted_failure,
)
from awizo.errors import Deferral, PermanentFailure
from awizo.settings import Allegro

log = structlog.get_logger()

PUBLIC = "application/vnd.allegro.public.v1+json"
BETA = "application/vnd.allegro.beta.v1+json"
PDF = "application/pdf"

CONNECT_TIMEOUT_S = 15.0
ANSWER_MAX_BYTES = 33_554_432  # a page of 100 orders is well under 1 MB
CALLS_KEPT = 200

Params = Sequence[tuple[str, str | int]]

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NOT_IN_TOKEN = re.compile(r"[^A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 section 5.6.2


def user_agent(app_name: str, app_url: str) -> str:
    """``Name/Version (+https://…)`` with the registered application's name (FACTS 2.0)."""
    name = _NOT_IN_TOKEN.sub("-", app_name.strip()).strip("-") or "Awizo"
    return f"{name}/{__version__} (+{app_url})"


@dataclass(frozen=True, slots=True)
class Call:
    """One request and what became of it; holds nothing secret and nobody's data.

    ``path`` is without its query. ``status`` is 0 when there was no answer.
    """

    at: str
    method: str
    path: str
    status: int
    took_s: float
    trace_id: str | None = None
    note: str | None = None


class CallLog:
    """What one piece of work asked of Allegro; the oldest are dropped after 200."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=CALLS_KEPT)

    def add(self, call: Call) -> None:
        self._calls.append(call)

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(self._calls)

    @property
    def trace_ids(self) -> list[str]:
        """Of the calls that change something, newest last: what Allegro's support asks for."""
        return [call.trace_id for call in self._calls if call.method != "GET" and call.trace_id]

    def as_data(self) -> list[dict[str, Any]]:
        """For the history: plain values, empty fields left out."""
        return [
            {key: value for key, value in asdict(call).items() if value is not None}
            for call in self._calls
        ]


class Caller:
    """Calls under one client id at one address.

    Args:
        quick_s: Waits between the quick repeats of one attempt.
        jitter: Returns -1..1; spreads each wait by up to a fifth.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        governor: Governor,
        settings: Allegro,
        *,
        quick_s: Sequence[float],
        now: Callable[[], datetime],
        clock: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self._http = http
        self._governor = governor
        self._settings = settings
        self._agent = user_agent(settings.app_name, settings.app_url)
        self._quick_s = quick_s
        self._now = now
        self._clock = clock
        self._jitter = jitter

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str,
        calls: CallLog,
        params: Params = (),
        json: Any = None,
        content: bytes | None = None,
        content_type: str = PUBLIC,
        accept: str = PUBLIC,
        language: str | None = None,
        expect: Collection[int] = (),
        repeatable: bool,
        resource: str | None = None,
    ) -> Reply:
        """Make a call, with quick repeats where they do no harm.

        Args:
            expect: Statuses beyond 2xx that the caller reads itself.
            repeatable: Safe to repeat although an earlier request may have arrived.
            resource: Name of a resource with a limit of its own.

        Raises:
            Deferral: See the list in ``replies.py``; :class:`MaybeDone` when the request may
                have been carried out and must not be repeated blindly.
            PermanentFailure: A refusal that *expect* does not name.
        """
        headers = {
            "Accept": accept,
            "Accept-Language": language or self._settings.accept_language,
            "User-Agent": self._agent,
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if json is not None or content is not None:
            headers["Content-Type"] = content_type
        request = self._http.build_request(
            method,
            path,
            params=list(params) or None,
            headers=headers,
            json=json,
            content=content,
        )
        for wait_s in (*self._quick_s, None):
            try:
                reply = await self._once(request, calls, repeatable, resource)
                if not expected(reply, expect):
                    raise self.failure(reply, path=path, repeatable=repeatable)
                return reply
            except (BusyAnswer, MaybeDone):
                raise
            except Deferral as error:
                worth_it = error.code in ("allegro_unreachable", "allegro_error")
                if wait_s is None or not worth_it or error.not_before.total_seconds() > wait_s:
                    raise
                await asyncio.sleep(max(0.0, wait_s * (1 + self._jitter() / 5)))
        raise AssertionError("the last round returns or raises")

    async def _once(
        self, request: httpx.Request, calls: CallLog, repeatable: bool, resource: str | None
    ) -> Reply:
        await self._governor.permit(resource)
        started = self._clock()
        status, trace_id, note = NO_STATUS, None, None
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                response = await self._http.send(request, stream=True)
                try:
                    status = response.status_code
                    trace_id = response.headers.get("trace-id")
                    body = await _read(response)
                finally:
                    await response.aclose()
        except _NOT_SENT as error:
            note = type(error).__name__
            raise Deferral("allegro_unreachable", f"not connected: {note}") from error
        except (httpx.HTTPError, TimeoutError, _TooLong) as error:
            note = type(error).__name__
            kind = Deferral if repeatable else MaybeDone
            raise kind(
                "allegro_unreachable",
                f"no whole answer: {note}",
                status=status or None,
                trace_id=trace_id,
            ) from error
        finally:
            call = Call(
                at=self._now().isoformat(),
                method=request.method,
                path=request.url.path,
                status=status,
                took_s=round(self._clock() - started, 3),
                trace_id=trace_id,
                note=note,
            )
            calls.add(call)
            log.debug(
                "allegro_called", method=call.method, status=status, took_s=call.took_s, note=note
            )
        if status != 429:
            self._governor.succeeded()
        return Reply(
            status=status,
            body=body,
            trace_id=trace_id,
            headers={key.lower(): value for key, value in response.headers.items()},
            errors=() if 200 <= status < 300 else errors_in(body),
        )

    def failure(self, reply: Reply, *, path: str, repeatable: bool) -> Deferral | PermanentFailure:
        """What a status means that its caller has no reading of its own for; a 429 stops all."""
        wait = retry_after(reply.headers, self._now())
        error = sorted_failure(reply, path=path, repeatable=repeatable, wait=wait)
        if isinstance(error, BusyAnswer):
            stop_s = self._governor.refused(wait)
            log.warning("allegro_said_stop", stop_s=round(stop_s, 1), trace_id=reply.trace_id)
            error.not_before = timedelta(seconds=stop_s)
        return error


class _TooLong(Exception):
    """An answer over the limit."""


async def _read(response: httpx.Response) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > ANSWER_MAX_BYTES:
            raise _TooLong
        pieces.append(piece)
    return b"".join(pieces)

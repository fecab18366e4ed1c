"""Sort what Allegro answers, or fails to answer, into "try again" and "cannot help".

In:  a status with its body, or the way a request broke off.
Out: a Reply for the caller to read, or one of the failures below.

Slugs raised by this room (their words for the seller stand in ``awizo.problems``):

=========================  =======================================================
Deferral
``allegro_busy``           429, or the governor holds all calls of the client id back
``allegro_unreachable``    no connection, no answer in time, an answer cut off
``allegro_error``          5xx, or an answer that is no JSON where JSON was due
``token_refused``          401 although the token had just been renewed
``account_paused``         the account's tokens were refused for good; a person must log in
``account_not_connected``  the account has no tokens yet
``metadata_too_fast``      the 429 of one order's invoices; slows that order alone
``scan_in_progress``       the previous document of the order is still being scanned
PermanentFailure
``access_denied``          403: a missing scope, or another account's order
``order_missing``          404 on a resource of an order
``request_refused``        any other 4xx; ``status`` and the reply say which
``invalid_grant``          a refresh token is no longer honoured (within ``oauth.py``)
``client_refused``         client id, secret or software statement is wrong
``login_denied``           a person said no to the device code
``login_expired``          nobody confirmed the device code in time
``document_…``             what a document may be refused for, see the client's methods
=========================  =======================================================

A request that is not safe to repeat and whose fate is unknown raises :class:`MaybeDone`:
whoever sees it looks (GET) before it asks again.

Source: FACTS section 2.0, "Generic retry advice".
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import ValidationError

from awizo.allegro.schema import ApiError, AuthError, ErrorsHolder
from awizo.errors import Deferral, PermanentFailure

NO_STATUS = 0


class MaybeDone(Deferral):
    """The request may have been carried out: look before it is repeated."""


class BusyAnswer(Deferral):
    """A 429 that concerns every call of the client id."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete answer. ``errors`` are Allegro's own words where it gave any."""

    status: int
    body: bytes = field(repr=False)
    trace_id: str | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    errors: tuple[ApiError, ...] = ()

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def words(self) -> str:
        """What the other side said, codes first; for the record and for people."""
        said = [f"{one.code} {one.message or one.user_message}".strip() for one in self.errors]
        if said:
            return f"{self.status} " + "; ".join(said)
        return f"{self.status} " + self.body[:200].decode("utf-8", "replace")

    def says(self, *words: str) -> bool:
        """Whether one of *words* stands in an error's code or text, in any case."""
        text = " ".join(
            f"{one.code} {one.message} {one.details} {one.user_message}" for one in self.errors
        ).lower()
        return any(word.lower() in text for word in words)

    def json(self, *, repeatable: bool = True) -> Any:
        """The body as JSON.

        Raises:
            Deferral: It is none: cut off, empty, or a proxy's HTML. :class:`MaybeDone` unless
                *repeatable*.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            what = "empty answer" if not self.body.strip() else "an answer that is no JSON"
            raise self.unreadable(what, repeatable=repeatable) from None

    def unreadable(self, what: str, *, repeatable: bool = True) -> Deferral:
        kind = Deferral if repeatable else MaybeDone
        return kind(
            "allegro_error", f"{self.status} {what}", status=self.status, trace_id=self.trace_id
        )

    def refused(self, code: str) -> PermanentFailure:
        return PermanentFailure(code, self.words, status=self.status, trace_id=self.trace_id)

    def deferred(self, code: str, *, wait_s: float = 0) -> Deferral:
        return Deferral(
            code,
            self.words,
            not_before=timedelta(seconds=wait_s),
            status=self.status,
            trace_id=self.trace_id,
        )


def errors_in(body: bytes) -> tuple[ApiError, ...]:
    """Allegro's errors in a body, in either of its two shapes; empty when it has none."""
    if not body.strip():
        return ()
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    try:
        if isinstance(data, dict) and isinstance(data.get("error"), str):
            auth = AuthError.model_validate(data)
            return (ApiError(code=auth.error, message=auth.error_description or ""),)
        return tuple(ErrorsHolder.model_validate(data).errors)
    except ValidationError:
        return ()


def retry_after(headers: dict[str, str], now: datetime) -> timedelta | None:
    """How long the other side asks to wait, in either form of RFC 9110 section 10.2.3."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isdigit():
        return timedelta(seconds=min(int(value), 86_400))
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(timedelta(0), min(at - now, timedelta(days=1)))


def sorted_failure(
    reply: Reply, *, path: str, repeatable: bool, wait: timedelta | None = None
) -> Deferral | PermanentFailure:
    """The failure that a status means, when its caller has no reading of its own for it.

    Args:
        repeatable: Asking again does no harm even if this request was carried out.
        wait: What ``Retry-After`` said.
    """
    status, words, trace_id = reply.status, reply.words, reply.trace_id
    not_before = wait or timedelta(0)
    if status == 429:
        return BusyAnswer(
            "allegro_busy", words, not_before=not_before, status=status, trace_id=trace_id
        )
    if status == 401:
        return Deferral(
            "token_refused", words, not_before=not_before, status=status, trace_id=trace_id
        )
    if status >= 500 or status in (408, 425):
        kind = Deferral if repeatable else MaybeDone
        return kind("allegro_error", words, not_before=not_before, status=status, trace_id=trace_id)
    if status == 403:
        return reply.refused("access_denied")
    if status == 404 and path.startswith("/order/") and "/carriers" not in path:
        return reply.refused("order_missing")
    return reply.refused("request_refused")


def says_scan(reply: Reply) -> bool:
    """The antivirus scan of the order's previous file is still running (FACTS 2.4)."""
    return reply.status in (409, 422) and reply.says("scan")


def expected(reply: Reply, statuses: Collection[int]) -> bool:
    return reply.ok or reply.status in statuses

"""Get an account's consent, and keep its tokens alive.

In:  a client id with its secret, a person who types a code once; the stored token pair.
Out: a fresh access token whenever one is needed; the account paused when Allegro refuses.

Refresh tokens rotate: each use returns a new pair and ends the old one, so two refreshers
would lock the account out. Hence one refresher at a time (``Accounts.refreshing``), the new
pair durable before it is used, and a lost answer repeated with the *same* refresh token:
Allegro honours it for another 60 s.

Source: RFC 8628 (device flow), RFC 7591 (registration), FACTS section 3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from awizo.allegro.ports import AccountRecord, Accounts, TokenPair
from awizo.allegro.replies import Reply, errors_in, retry_after
from awizo.allegro.schema import DeviceAnswer, Registration, TokenAnswer
from awizo.errors import ActionError, Deferral, PermanentFailure, SettingsError
from awizo.settings import is_loopback

log = structlog.get_logger()

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"  # RFC 8628 section 3.4
SLOW_DOWN_S = 5.0  # RFC 8628 section 3.5: add 5 seconds to the interval
REFRESH_BEFORE = timedelta(minutes=90)  # of 12 hours (FACTS 3: when less than 1-2 h are left)
REFRESH_IDLE = timedelta(days=60)  # of 3 months
# FACTS 3: a used refresh token works for another 60 s; repeats begin no later than this.
GRACE_USED_S = 50.0
REST_S = 60.0  # after a failed renewal, while the old token still serves
GRACE_STEPS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)

Shape = TypeVar("Shape", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """What the person is shown, and what is polled with (RFC 8628 section 3.2)."""

    user_code: str
    verification_uri: str
    verification_uri_complete: str
    interval_s: float
    expires_in_s: float
    device_code: str = field(repr=False, default="")


class AuthorizationPending(Deferral):
    """The person has not answered yet: poll again after the interval."""


class SlowDown(AuthorizationPending):
    """Poll again, with an interval that is 5 seconds longer from now on."""


def refresh_due(record: AccountRecord, now: datetime) -> bool:
    """Whether the account's pair should be renewed now: early, and often enough when idle."""
    if record.tokens is None:
        return False
    left = record.tokens.expires_at - now
    return left < REFRESH_BEFORE or now - record.tokens.obtained_at >= REFRESH_IDLE


def refuse_plain_http(url: str) -> None:
    """Tokens never travel in the clear, except on this machine.

    Raises:
        SettingsError: *url* is neither https nor on loopback.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise SettingsError(f"{url}: plain http is taken on loopback only")


class OAuth:
    """The authorisation server's side of one client id.

    Args:
        http: Client whose base address is ``allegro.auth_url``.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        client_id: str,
        client_secret: str,
        *,
        now: Callable[[], datetime],
        timeout_s: float = 60,
    ) -> None:
        self._http = http
        self.client_id = client_id
        self._secret = client_secret
        self._now = now
        self._timeout_s = timeout_s

    async def start_device_flow(self) -> DeviceCode:
        """Ask for a code that a person confirms at Allegro.

        Raises:
            PermanentFailure: ``client_refused``: client id or secret is wrong.
            Deferral: Allegro is out of reach.
        """
        # RFC 8628 section 3.1 puts the client id into the body, Allegro's own examples put it
        # into the query as well (FACTS 3): both are sent.
        reply = await self._post(
            f"/device?{urlencode({'client_id': self.client_id})}", {"client_id": self.client_id}
        )
        self._raise_unless_ok(reply)
        answer = _read(DeviceAnswer, reply)
        return DeviceCode(
            user_code=answer.user_code,
            verification_uri=answer.verification_uri,
            verification_uri_complete=answer.verification_uri_complete or answer.verification_uri,
            interval_s=max(1.0, answer.interval),
            expires_in_s=answer.expires_in,
            device_code=answer.device_code,
        )

    async def poll_device_token(self, code: DeviceCode) -> TokenPair:
        """Ask once whether the person has confirmed.

        Raises:
            AuthorizationPending: Not yet; :class:`SlowDown` when polled too fast.
            PermanentFailure: ``login_denied``, ``login_expired`` or ``client_refused``.
            Deferral: Allegro is out of reach; ask again.
        """
        reply = await self._post(
            "/token", {"grant_type": DEVICE_GRANT, "device_code": code.device_code}
        )
        error = _error_of(reply)
        if error == "authorization_pending":
            raise AuthorizationPending(error)
        if error == "slow_down":
            raise SlowDown(error)
        if error == "access_denied":
            raise PermanentFailure("login_denied", "the request was denied at Allegro")
        # Allegro was seen to call an unknown or used device code an invalid one.
        if error in ("expired_token", "invalid_grant", "Invalid device code"):
            raise PermanentFailure("login_expired", "the code was not confirmed in time")
        self._raise_unless_ok(reply)
        return self._pair(reply)

    async def wait_for_device_token(
        self,
        code: DeviceCode,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> TokenPair:
        """Poll until the person has confirmed (RFC 8628 section 3.5).

        Raises:
            PermanentFailure: ``login_denied``, ``login_expired`` or ``client_refused``.
        """
        interval_s = code.interval_s
        waited_s = 0.0
        while waited_s < code.expires_in_s:
            await sleep(interval_s)
            waited_s += interval_s
            try:
                return await self.poll_device_token(code)
            except SlowDown:
                interval_s += SLOW_DOWN_S
            except AuthorizationPending:
                continue
            except Deferral:
                # RFC 8628 section 3.5: on a timeout poll less often, e.g. by doubling.
                interval_s = min(interval_s * 2, 60.0)
        raise PermanentFailure("login_expired", "the code was not confirmed in time")

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Trade a refresh token for a new pair.

        Raises:
            PermanentFailure: ``invalid_grant``: the token is no longer honoured;
                ``client_refused``: client id or secret is wrong.
            Deferral: No usable answer; the same token may be sent again within 60 s.
        """
        reply = await self._post(
            "/token", {"grant_type": "refresh_token", "refresh_token": refresh_token}
        )
        if _error_of(reply) == "invalid_grant":
            raise reply.refused("invalid_grant")
        self._raise_unless_ok(reply)
        return replace(self._pair(reply), refreshed_from=refresh_token)

    def _pair(self, reply: Reply) -> TokenPair:
        answer = _read(TokenAnswer, reply)
        now = self._now()
        return TokenPair(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            expires_at=now + timedelta(seconds=answer.expires_in),
            obtained_at=now,
        )

    async def _post(self, path: str, form: Mapping[str, str]) -> Reply:
        refuse_plain_http(str(self._http.base_url))
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._http.post(
                    path, data=dict(form), auth=httpx.BasicAuth(self.client_id, self._secret)
                )
        except (httpx.HTTPError, TimeoutError) as error:
            raise Deferral("allegro_unreachable", f"no answer: {type(error).__name__}") from error
        return Reply(
            status=response.status_code,
            body=response.content,
            trace_id=response.headers.get("trace-id"),
            headers={key.lower(): value for key, value in response.headers.items()},
            errors=() if response.is_success else errors_in(response.content),
        )

    def _raise_unless_ok(self, reply: Reply) -> None:
        if reply.ok:
            return
        wait = retry_after(reply.headers, self._now()) or timedelta(0)
        if reply.status == 429:
            raise Deferral(
                "allegro_busy",
                reply.words,
                not_before=wait or timedelta(seconds=60),
                status=429,
                trace_id=reply.trace_id,
            )
        if reply.status >= 500:
            raise Deferral(
                "allegro_error",
                reply.words,
                not_before=wait,
                status=reply.status,
                trace_id=reply.trace_id,
            )
        raise reply.refused("client_refused")


async def register_client(
    http: httpx.AsyncClient, software_statement: str, *, now: Callable[[], datetime]
) -> tuple[str, str]:
    """Register this installation as a client of its own; returns client id and secret.

    For software installed at the customer's, with a software statement that Allegro gave to
    its maker. Scopes cannot be chosen, all are on (FACTS 3).

    Raises:
        PermanentFailure: ``client_refused``: Allegro does not take the statement.
        Deferral: Allegro is out of reach.

    Source: RFC 7591 section 3; FACTS 3 (``POST /register``).
    """
    refuse_plain_http(str(http.base_url))
    try:
        response = await http.post(
            "/register",
            json={
                "software_statement": software_statement,
                "grant_types": [DEVICE_GRANT, "refresh_token"],
            },
        )
    except httpx.HTTPError as error:
        raise Deferral("allegro_unreachable", f"no answer: {type(error).__name__}") from error
    reply = Reply(
        status=response.status_code,
        body=response.content,
        trace_id=response.headers.get("trace-id"),
        errors=() if response.is_success else errors_in(response.content),
    )
    if reply.status >= 500 or reply.status == 429:
        raise reply.deferred("allegro_error", wait_s=60)
    if not reply.ok:
        raise reply.refused("client_refused")
    answer = _read(Registration, reply)
    return answer.client_id, answer.client_secret


class Refresher:
    """Renews pairs; at any time only one for an account, across tasks and processes."""

    def __init__(
        self,
        accounts: Accounts,
        oauth_of: Callable[[AccountRecord], OAuth],
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        steps_s: Sequence[float] = GRACE_STEPS_S,
    ) -> None:
        self._accounts = accounts
        self._oauth_of = oauth_of
        self._now = now
        self._clock = clock
        self._steps_s = steps_s
        self._under_way: set[str] = set()
        self._rest_until: dict[str, float] = {}

    async def access_token(self, name: str, *, not_this: str | None = None) -> str:
        """A token to call with, renewed first when that is due.

        Args:
            not_this: A token that Allegro has just refused: any other one will do, whoever
                renewed it.

        Raises:
            Deferral: ``account_not_connected``, ``account_paused``, or Allegro is out of
                reach and the old token is of no use any more.
        """
        record = await self._accounts.get(name)
        tokens = usable(record, name)
        assert record is not None
        refused = not_this is not None and tokens.access_token == not_this
        if not refused and not refresh_due(record, self._now()):
            return tokens.access_token
        still_good = not refused and tokens.expires_at - self._now() > timedelta(minutes=1)
        resting = self._clock() < self._rest_until.get(name, 0)
        if still_good and (resting or name in self._under_way):
            return tokens.access_token  # nobody waits for what is not needed yet
        self._under_way.add(name)
        try:
            return (await self._renewed(name, refused_token=not_this)).access_token
        except Deferral as error:
            self._rest_until[name] = self._clock() + REST_S
            if still_good and error.code != "account_paused":
                return tokens.access_token
            raise
        finally:
            self._under_way.discard(name)

    async def _renewed(self, name: str, *, refused_token: str | None) -> TokenPair:
        async with self._accounts.refreshing(name) as record:
            tokens = usable(record, name)
            if tokens.access_token != refused_token and not refresh_due(record, self._now()):
                return tokens  # somebody else was faster
            try:
                pair = await self._within_grace(self._oauth_of(record), tokens.refresh_token)
            except PermanentFailure as error:
                if error.code != "invalid_grant":
                    raise Deferral(error.code, error.reply, status=error.status) from error
                failure: ActionError = error
            else:
                await self._accounts.save(replace(record, tokens=pair, paused=None))
                log.info("tokens_refreshed", account=name)
                return pair
        now_stored = await self._accounts.get(name)
        if now_stored is not None and now_stored.tokens not in (None, tokens):
            return usable(now_stored, name)  # a person logged in meanwhile
        await self._accounts.pause(name, "invalid_grant")
        log.error("account_paused", account=name, code="invalid_grant")
        raise Deferral(
            "account_paused", failure.reply, status=failure.status, trace_id=failure.trace_id
        )

    async def _within_grace(self, oauth: OAuth, refresh_token: str) -> TokenPair:
        """Repeat with the same token while a lost answer may still be made good."""
        began = self._clock()
        for wait_s in (*self._steps_s, None):
            try:
                return await oauth.refresh(refresh_token)
            except Deferral as error:
                over = self._clock() - began + (wait_s or 0) > GRACE_USED_S
                asked_to_wait = error.not_before.total_seconds() > (wait_s or 0)
                if wait_s is None or over or asked_to_wait:
                    raise
                await asyncio.sleep(wait_s)
        raise AssertionError("the last round returns or raises")


def usable(record: AccountRecord | None, name: str) -> TokenPair:
    """The account's pair.

    Raises:
        Deferral: ``account_not_connected`` or ``account_paused``.
    """
    if record is None or record.tokens is None:
        raise Deferral("account_not_connected", f"account {name} has no tokens")
    if record.paused is not None:
        raise Deferral("account_paused", f"account {name} is paused: {record.paused}")
    return record.tokens


def _error_of(reply: Reply) -> str:
    return reply.errors[0].code if reply.errors else ""


def _read(shape: type[Shape], reply: Reply) -> Shape:
    try:
        return shape.model_validate(reply.json())
    except ValidationError:
        raise reply.unreadable("an answer of an unknown shape") from None

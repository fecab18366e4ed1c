"""Access tokens for XOAUTH2, from a refresh token.

In:  token address, client id, secret and refresh token of the settings.
Out: an access token that is good for another minute at least.

Google and Microsoft 365 take passwords no more. Both give out a refresh token once a person has
agreed (``docs/howto/`` says how); this exchanges it as often as needed. Microsoft's is good for
90 days and comes anew with every exchange, so a new one is kept in the file that the settings
name; one given in the settings themselves cannot be, and a warning says so.

Source: RFC 6749 section 6.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from awizo.errors import SettingsError
from awizo.settings import Smarthost
from awizo.smarthost.wire import Trouble

log = structlog.get_logger()

TIMEOUT_S = 30.0
SPARE = timedelta(seconds=60)  # a token must outlive the log-in it is fetched for
USUAL_LIFE_S = 3600.0
MAX_ANSWER_BYTES = 65_536


class Granted(BaseModel):
    """Answer of the token endpoint."""

    model_config = ConfigDict(extra="ignore")

    access_token: str
    expires_in: float = USUAL_LIFE_S
    refresh_token: str | None = None


class AccessTokens:
    """Keeps one access token for one smarthost; asked by all its connections."""

    def __init__(
        self,
        smarthost: Smarthost,
        *,
        name: str,
        now: Callable[[], datetime],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._smarthost = smarthost
        self._name = name
        self._now = now
        self._transport = transport
        self._lock = asyncio.Lock()
        self._token = ""
        self._good_until: datetime | None = None
        self._refresh_token = _first_refresh_token(smarthost)

    async def get(self, refused: str = "") -> str:
        """A token, another one than *refused*, which the hop did not take.

        Raises:
            Trouble: ``smarthost_auth_failed`` when the endpoint refuses, and
                ``smarthost_unreachable`` when it cannot be asked.
        """
        async with self._lock:
            good = self._good_until is not None and self._now() < self._good_until - SPARE
            if not good or self._token == refused:
                await self._fetch()
            return self._token

    async def _fetch(self) -> None:
        smarthost = self._smarthost
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._refresh_token,
            "client_id": smarthost.oauth_client_id or "",
        }
        if smarthost.oauth_client_secret is not None:
            form["client_secret"] = smarthost.oauth_client_secret.get_secret_value()
        if smarthost.oauth_scope:
            form["scope"] = smarthost.oauth_scope
        try:
            async with httpx.AsyncClient(
                transport=self._transport, timeout=TIMEOUT_S, follow_redirects=False
            ) as http:
                reply = await http.post(smarthost.oauth_token_url or "", data=form)
        except httpx.HTTPError as error:
            raise Trouble(
                "smarthost_unreachable", f"token endpoint: {type(error).__name__}"
            ) from None
        if reply.status_code in (400, 401, 403):
            raise Trouble("smarthost_auth_failed", f"token endpoint: {_slug_of(reply)}")
        if reply.status_code != 200 or len(reply.content) > MAX_ANSWER_BYTES:
            raise Trouble("smarthost_unreachable", f"token endpoint: HTTP {reply.status_code}")
        try:
            granted = Granted.model_validate_json(reply.content)
        except ValidationError:
            raise Trouble("smarthost_unreachable", "token endpoint: no token in it") from None
        self._token = granted.access_token
        self._good_until = self._now() + timedelta(seconds=granted.expires_in)
        if granted.refresh_token and granted.refresh_token != self._refresh_token:
            self._refresh_token = granted.refresh_token
            await self._keep_refresh_token()

    async def _keep_refresh_token(self) -> None:
        path = self._smarthost.oauth_refresh_token_file
        if path is None:
            log.warning(
                "refresh_token_not_kept",
                smarthost=self._name,
                next_step="set oauth_refresh_token_file: the provider gives out new ones",
            )
            return
        try:
            await asyncio.to_thread(_write_secret, path, self._refresh_token)
        except OSError as error:
            log.error("refresh_token_not_kept", smarthost=self._name, error=error.strerror)


def _first_refresh_token(smarthost: Smarthost) -> str:
    path = smarthost.oauth_refresh_token_file
    if path is not None:
        try:
            return path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            if smarthost.oauth_refresh_token is None:
                raise SettingsError(f"{path}: no such file; put the refresh token there") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: cannot be read: {error}") from None
    token = smarthost.oauth_refresh_token
    return token.get_secret_value() if token is not None else ""


def _write_secret(path: Path, secret: str) -> None:
    """Whole or not at all, and for nobody else to read."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _slug_of(reply: httpx.Response) -> str:
    """The ``error`` of RFC 6749 section 5.2; never the description, which may repeat secrets."""
    try:
        slug = reply.json().get("error")
    except (ValueError, AttributeError):
        slug = None
    known = isinstance(slug, str) and slug.isascii() and len(slug) < 60
    return str(slug) if known else f"HTTP {reply.status_code}"

"""The authorisation server: device flow, refresh with rotation, registration of clients.

In:  client credentials, device codes, refresh tokens; a person's yes or no.
Out: pairs of tokens, or an error as RFC 6749 and RFC 8628 say.

Refresh tokens rotate: each use makes a new pair and ends the old one, except that the used
token works for another 60 s, meant for lost answers. The authorization code flow is not here.

Source: FACTS section 3; RFC 6749 section 5.2, RFC 7591, RFC 8628.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from awizo.emulator.calls import Answer
from awizo.emulator.scenarios import Scenario
from awizo.emulator.world import World

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ACCESS_LIVES = timedelta(seconds=43_199)  # FACTS 3
REFRESH_LIVES = timedelta(days=90)
GRACE = timedelta(seconds=60)
CODE_LIVES = timedelta(hours=1)
SLOW_DOWN_S = 5.0  # RFC 8628 section 3.5
TOKEN_CHARS = 900  # long JWTs (FACTS 3): nobody may limit a column
SCOPES = (
    "allegro:api:orders:read", "allegro:api:orders:write", "allegro:api:profile:read",
    "allegro:api:profile:write", "allegro:api:messaging",
)  # fmt: skip

Strike = Callable[[str], Scenario | None]


class AuthRefused(Exception):
    """An OAuth error; ``answer`` has the shape of openapi.yaml's AuthError."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        headers = {"WWW-Authenticate": "Basic"} if error == "invalid_client" else {}
        self.answer = Answer(status, {"error": error, "error_description": description}, headers)


@dataclass(slots=True)
class Pair:
    """Two tokens that were issued together. ``seller`` is "" for an application's own token."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    client_id: str
    seller: str
    issued_at: datetime
    access_until: datetime
    refresh_until: datetime
    used_at: datetime | None = None  # when the refresh token was first used
    successor: str | None = field(default=None, repr=False)  # refresh token of the next pair
    revoked: bool = False


@dataclass(slots=True)
class Device:
    code: str
    user_code: str
    client_id: str
    until: datetime
    interval_s: float
    confirmed_for: str | None = None
    denied: bool = False
    polls: int = 0
    polled_at: datetime | None = None


class AuthServer:
    """Clients, device codes and tokens.

    Args:
        clients: Client id → secret.
        confirm_after_polls: A device code confirms itself at that poll, as if a person had
            done it; ``None``: only a person does.
    """

    def __init__(
        self,
        world: World,
        clients: Mapping[str, str],
        *,
        confirm_after_polls: int | None,
        interval_s: float,
    ) -> None:
        self._world = world
        self.clients = dict(clients)
        self._confirm_after_polls = confirm_after_polls
        self._interval_s = interval_s
        self.devices: dict[str, Device] = {}
        self._pairs: dict[str, Pair] = {}  # by refresh token
        self._by_access: dict[str, Pair] = {}

    # -- who calls -----------------------------------------------------------------------------

    def client(self, authorization: str | None) -> str:
        """The client id of an HTTP Basic header.

        Raises:
            AuthRefused: 401 ``invalid_client``.
        """
        scheme, _, value = (authorization or "").partition(" ")
        try:
            told = base64.b64decode(value, validate=True).decode()
        except ValueError:
            told = ""
        client_id, _, secret = told.partition(":")
        if scheme.lower() != "basic" or self.clients.get(client_id) != secret:
            raise AuthRefused(401, "invalid_client", "Bad client credentials")
        return client_id

    def bearer(self, authorization: str | None, strike: Strike) -> Pair:
        """The pair an access token belongs to.

        Raises:
            AuthRefused: 401, as on the API.
        """
        scheme, _, token = (authorization or "").partition(" ")
        pair = self._by_access.get(token) if scheme.lower() == "bearer" else None
        if not authorization:
            raise AuthRefused(
                401, "unauthorized", "Full authentication is required to access this resource"
            )
        now = self._world.now()
        if pair is None or pair.revoked or pair.used_at is not None or now >= pair.access_until:
            raise AuthRefused(401, "invalid_token", "Cannot convert access token")
        fresh = strike("token-not-yet")
        if fresh is not None and now - pair.issued_at < timedelta(seconds=fresh.number("delay")):
            raise AuthRefused(401, "invalid_token", "Cannot convert access token")
        return pair

    # -- device flow ---------------------------------------------------------------------------

    def start_device(self, authorization: str | None, client_id: str, base: str) -> Answer:
        """POST /auth/oauth/device (RFC 8628 section 3.2)."""
        if self.client(authorization) != client_id:
            raise AuthRefused(401, "invalid_client", "client_id is not that of the credentials")
        world = self._world
        made = Device(
            code=world.letters(32),
            user_code=world.letters(9),
            client_id=client_id,
            until=world.now() + CODE_LIVES,
            interval_s=self._interval_s,
        )
        self.devices[made.user_code] = made
        page = f"{base}/skojarz-aplikacje"
        return Answer(
            200,
            {
                "device_code": made.code,
                "user_code": made.user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?code={made.user_code}",
                "expires_in": int(CODE_LIVES.total_seconds()),
                "interval": self._interval_s,
            },
        )

    def decide(self, user_code: str, seller: str | None) -> bool:
        """A person's answer: the account it is confirmed for, or ``None`` for no.

        Returns whether there is such a code to answer.
        """
        device = self.devices.get("".join(user_code.split()).lower())
        if device is None or self._world.now() >= device.until:
            return False
        device.confirmed_for, device.denied = seller, seller is None
        return True

    def _poll(self, client_id: str, code: str) -> Answer:
        now = self._world.now()
        device = next((one for one in self.devices.values() if one.code == code), None)
        if device is None or device.client_id != client_id:
            raise AuthRefused(400, "invalid_grant", "Invalid device code")
        if now >= device.until:
            del self.devices[device.user_code]
            raise AuthRefused(400, "expired_token", "The device code has expired")
        early_s = device.interval_s * 0.9
        too_soon = device.polled_at is not None and now - device.polled_at < timedelta(
            seconds=early_s
        )
        device.polled_at = now
        if too_soon:
            device.interval_s += SLOW_DOWN_S
            raise AuthRefused(400, "slow_down", "polled faster than the interval")
        device.polls += 1
        if device.denied:
            del self.devices[device.user_code]
            raise AuthRefused(400, "access_denied", "The user has denied")
        after = self._confirm_after_polls
        if device.confirmed_for is None and after is not None and device.polls >= after:
            device.confirmed_for = "default"
        if device.confirmed_for is None:
            raise AuthRefused(400, "authorization_pending", "The user has not answered yet")
        del self.devices[device.user_code]
        return self._answer(self.issue(client_id, device.confirmed_for))

    # -- tokens --------------------------------------------------------------------------------

    def token(self, authorization: str | None, form: Mapping[str, str], strike: Strike) -> Answer:
        """POST /auth/oauth/token."""
        client_id = self.client(authorization)
        match form.get("grant_type"):
            case grant if grant == DEVICE_GRANT:
                return self._poll(client_id, form.get("device_code", ""))
            case "refresh_token":
                return self._refresh(client_id, form.get("refresh_token", ""), strike)
            case "client_credentials":
                pair = self.issue(client_id, "")
                body = self._answer(pair).body
                return Answer(200, {key: value for key, value in body.items()
                    if key != "refresh_token"})  # fmt: skip
            case other:
                raise AuthRefused(400, "unsupported_grant_type", f"{other}: not here")

    def issue(self, client_id: str, seller: str) -> Pair:
        now = self._world.now()
        if seller:
            self._world.seller(seller)
        pair = Pair(
            access=f"eyJ{self._world.letters(TOKEN_CHARS)}",
            refresh=f"eyJ{self._world.letters(TOKEN_CHARS)}",
            client_id=client_id,
            seller=seller,
            issued_at=now,
            access_until=now + ACCESS_LIVES,
            refresh_until=now + REFRESH_LIVES,
        )
        self._pairs[pair.refresh] = pair
        self._by_access[pair.access] = pair
        return pair

    def _refresh(self, client_id: str, refresh: str, strike: Strike) -> Answer:
        now = self._world.now()
        pair = self._pairs.get(refresh)
        if strike("token-theft") and pair is not None:
            pair.revoked = True
        if (
            pair is None
            or pair.revoked
            or pair.client_id != client_id
            or now >= pair.refresh_until
            or (pair.used_at is not None and now - pair.used_at > GRACE)
        ):
            raise AuthRefused(400, "invalid_grant", "Invalid refresh token")
        if pair.successor is not None:  # the answer was lost: the pair of it is void
            self._pairs[pair.successor].revoked = True
        following = self.issue(client_id, pair.seller)
        pair.successor = following.refresh
        pair.used_at = pair.used_at or now
        return self._answer(following)

    def revoke_all(self, seller: str) -> None:
        """As a changed password does."""
        for pair in self._pairs.values():
            if pair.seller == seller or not seller:
                pair.revoked = True

    def _answer(self, pair: Pair) -> Answer:
        body: dict[str, Any] = {
            "access_token": pair.access,
            "token_type": "bearer",
            "refresh_token": pair.refresh,
            "expires_in": int(ACCESS_LIVES.total_seconds()),
            "scope": " ".join(SCOPES),
            "allegro_api": True,
            "iss": "https://allegro.pl",
        }
        return Answer(200, body)

    # -- Dynamic Client Registration -----------------------------------------------------------

    def register(self, body: Mapping[str, Any]) -> Answer:
        """POST /register with a software statement (RFC 7591); scopes cannot be chosen."""
        statement = body.get("software_statement")
        if not isinstance(statement, str) or not statement.strip():
            raise AuthRefused(400, "invalid_software_statement", "a software statement is needed")
        client_id, secret = self._world.letters(32), self._world.letters(64)
        self.clients[client_id] = secret
        grants = body.get("grant_types") or [DEVICE_GRANT, "refresh_token"]
        return Answer(
            201,
            {
                "client_id": client_id,
                "client_secret": secret,
                "client_secret_expires_at": 0,
                "grant_types": grants,
            },
        )

"""Who may log in: passwords checked, right ones remembered for a while, wrong ones slowed.

In:  user names and passwords as AUTH PLAIN and LOGIN give them.
Out: whether they are right.

argon2 costs memory and time on purpose: it runs in threads, two at once, and a verified
password is not hashed again for ``intake.auth_cache_s``. Passwords are never kept, only an HMAC
with a key of this process.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from collections import OrderedDict
from collections.abc import Callable, Mapping

import argon2
import structlog

from awizo.errors import SettingsError
from awizo.settings import SmtpUser

log = structlog.get_logger()

HASHES_AT_ONCE = 2  # of 64 MiB each (RFC 9106 section 4, second choice)
MAX_CACHED = 10_000
MAX_DELAY_S = 30.0
FORGET_AFTER_S = 600.0
MAX_ADDRESSES = 10_000


class Passwords:
    """Verifies passwords against the settings.

    Args:
        clock: Seconds, monotonic.

    Raises:
        SettingsError: A ``password_hash`` is none that argon2 made.
    """

    def __init__(
        self, users: Mapping[str, SmtpUser], *, cache_s: float, clock: Callable[[], float]
    ) -> None:
        self._users = users
        self._cache_s = cache_s
        self._clock = clock
        self._hasher = argon2.PasswordHasher()
        self._threads = asyncio.Semaphore(HASHES_AT_ONCE)
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, float] = OrderedDict()
        hashes = {name: user.password_hash for name, user in users.items() if user.password_hash}
        for name, password_hash in hashes.items():
            try:
                argon2.extract_parameters(password_hash)
            except argon2.exceptions.InvalidHashError:
                raise SettingsError(
                    f"intake.users.{name}.password_hash is no argon2 hash; "
                    "make one with 'awizo hash-password'"
                ) from None
        # Checked for names that do not exist, so that the time tells nothing about names.
        self._nobody = next(iter(hashes.values()), None)

    async def are_right(self, user: str, password: str) -> bool:
        known = self._users.get(user)
        if known is not None and known.password is not None:
            expected = known.password.get_secret_value().encode()
            return hmac.compare_digest(expected, password.encode())
        key = hmac.digest(self._key, f"{user}\0{password}".encode(), hashlib.sha256)
        if self._verified.get(key, 0.0) > self._clock():
            return True
        password_hash = known.password_hash if known is not None else self._nobody
        if password_hash is None:
            return False
        async with self._threads:
            right = await asyncio.to_thread(self._matches, password_hash, password)
        if known is None or not right:
            return False
        self._verified[key] = self._clock() + self._cache_s
        while len(self._verified) > MAX_CACHED:
            self._verified.popitem(last=False)
        return True

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except argon2.exceptions.VerificationError:
            return False


class FailureDelays:
    """How long a wrong password waits for its answer: longer with each of the same address."""

    def __init__(self, *, first_s: float, clock: Callable[[], float]) -> None:
        self._first_s = first_s
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def after_failure(self, address: str) -> float:
        """Count a failure; returns the seconds to wait."""
        count, last = self._failures.pop(address, (0, 0.0))
        if self._clock() - last > FORGET_AFTER_S:
            count = 0
        self._failures[address] = (count + 1, self._clock())
        while len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)
        return min(self._first_s * 2.0 ** min(count, 10), max(MAX_DELAY_S, self._first_s))

    def after_success(self, address: str) -> None:
        self._failures.pop(address, None)


def decoded(text: bytes) -> str | None:
    """Base64 of UTF-8 as text, ``None`` when it is none; "=" is the empty one (RFC 4954)."""
    if text == b"=":
        return ""
    try:
        return b64decode(text, validate=True).decode("utf-8")
    except (Base64Error, UnicodeDecodeError):
        return None


def plain_credentials(message: str) -> tuple[str, str] | None:
    """User and password of a PLAIN message (RFC 4616 section 2), ``None`` when it is none.

    An authorization identity other than the user is no credentials of ours: nobody may act for
    somebody else.
    """
    parts = message.split("\0")
    if len(parts) != 3 or not parts[1] or parts[0] not in ("", parts[1]):
        return None
    return parts[1], parts[2]

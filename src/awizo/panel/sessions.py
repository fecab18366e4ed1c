"""Who uses the panel: logged-in sessions, tokens against forged forms, a brake on guessing.

In:  cookies and passwords as a browser sends them, the time.
Out: whether they are right, and how long to wait before the next try.

Sessions live in this process: after a restart everybody logs in anew, and a form that was
open before is refused with a word. Passwords and session ids are never kept, only digests.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import argon2

from awizo.errors import SettingsError

ID_BYTES = 32
IDLE_AFTER = timedelta(minutes=30)
ENDS_AFTER = timedelta(hours=12)
SESSIONS_MAX = 200
FREE_TRIES = 2  # wrong passwords before the first wait
FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=5)
FORGET_AFTER = timedelta(minutes=30)
ADDRESSES_MAX = 5_000
PASSWORD_MAX_CHARS = 1_000


@dataclass(slots=True)
class _Session:
    began_at: datetime
    seen_at: datetime


class Sessions:
    """Logged-in browsers by the digest of their session's id."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._key = secrets.token_bytes(32)
        self._open: OrderedDict[bytes, _Session] = OrderedDict()

    @staticmethod
    def new_id() -> str:
        """An id that cannot be guessed; not logged in by itself."""
        return secrets.token_urlsafe(ID_BYTES)

    def token(self, session_id: str) -> str:
        """What a form of this session must carry."""
        return hmac.new(self._key, f"form {session_id}".encode(), hashlib.sha256).hexdigest()

    def token_fits(self, session_id: str, token: str) -> bool:
        return bool(session_id) and hmac.compare_digest(
            self.token(session_id).encode(), token.encode()
        )

    def begin(self) -> str:
        """Log in: a fresh id, so that one known from before is worth nothing."""
        session_id = self.new_id()
        now = self._now()
        self._open[self._digest(session_id)] = _Session(now, now)
        while len(self._open) > SESSIONS_MAX:
            self._open.popitem(last=False)
        return session_id

    def is_open(self, session_id: str, *, by_person: bool) -> bool:
        """Whether it is logged in; only what a person does keeps it from running out."""
        digest = self._digest(session_id)
        session = self._open.get(digest)
        if session is None:
            return False
        now = self._now()
        if now - session.seen_at > IDLE_AFTER or now - session.began_at > ENDS_AFTER:
            del self._open[digest]
            return False
        if by_person:
            session.seen_at = now
        return True

    def end(self, session_id: str) -> None:
        self._open.pop(self._digest(session_id), None)

    def _digest(self, session_id: str) -> bytes:
        return hmac.digest(self._key, f"session {session_id}".encode(), "sha256")


class Guessing:
    """How long an address must wait after wrong passwords: twice as long after each.

    A try counts as wrong from its beginning, so that many at once are no way around.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._tries: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def wait(self, address: str) -> timedelta:
        """What is left of the wait; zero: try now."""
        count, last = self._of(address)
        if count < FREE_TRIES:
            return timedelta(0)
        wait = min(FIRST_WAIT * (1 << min(count - FREE_TRIES, 16)), LONGEST_WAIT)
        return max(timedelta(0), last + wait - self._now())

    def begin(self, address: str) -> None:
        count, _ = self._of(address)
        self._tries[_network(address)] = (count + 1, self._now())
        self._tries.move_to_end(_network(address))
        while len(self._tries) > ADDRESSES_MAX:
            self._tries.popitem(last=False)

    def succeeded(self, address: str) -> None:
        self._tries.pop(_network(address), None)

    def _of(self, address: str) -> tuple[int, datetime]:
        count, last = self._tries.get(_network(address), (0, self._now()))
        return (0, last) if self._now() - last > FORGET_AFTER else (count, last)


class Password:
    """The one password of the panel.

    Raises:
        SettingsError: ``panel.password_hash`` is none that argon2 made.
    """

    def __init__(self, password_hash: str) -> None:
        try:
            argon2.extract_parameters(password_hash)
        except argon2.exceptions.InvalidHashError:
            raise SettingsError(
                "panel.password_hash is no argon2 hash; make one with 'awizo hash-password'"
            ) from None
        self._hash = password_hash
        self._hasher = argon2.PasswordHasher()
        self._one_at_once = asyncio.Semaphore(1)  # of 64 MiB each (RFC 9106 section 4)

    async def is_right(self, password: str) -> bool:
        """argon2 costs time and memory on purpose: in a thread, one at a time."""
        if not password or len(password) > PASSWORD_MAX_CHARS:
            return False
        async with self._one_at_once:
            return await asyncio.to_thread(self._matches, password)

    def _matches(self, password: str) -> bool:
        try:
            return self._hasher.verify(self._hash, password)
        except argon2.exceptions.VerificationError:
            return False


def _network(address: str) -> str:
    """One guesser: an IPv4 address, or the /64 that one line of IPv6 is given."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return address

"""Seal secrets at rest: AES-256-GCM under a key in a file, or from the environment.

In:  a secret, the place it belongs to.
Out: text that says nothing, and the secret again for whoever has the key.

What was sealed for one place (an account's tokens) does not open in another, so rows cannot be
swapped. A word sealed with the key stands in the database: with another key the store says so
at once, instead of failing at the first token.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
import threading
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from awizo.errors import SettingsError
from awizo.store.database import Transaction

log = structlog.get_logger()

KEY_BYTES = 32
NONCE_BYTES = 12  # NIST SP 800-38D section 8.2: 96 bits, drawn at random
HOW_TO_MAKE = (
    "make one with: (umask 077; head -c 32 /dev/urandom | base64 > awizo.key), keep a copy of it "
    "in a safe place, and set store.key_file (or the key itself as AWIZO_STORE__KEY)"
)
IF_LOST = "If it is lost for good, 'awizo login --lost-key' drops all tokens and begins anew."
_WORD = "awizo"
_WORD_PLACE = "key check"


class Sealer:
    """Seals with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str, place: str) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), place.encode())
        return "1:" + base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, place: str) -> str:
        """Raises ValueError when this key did not seal it, or not for this place."""
        version, _, text = sealed.partition(":")
        if version != "1":
            raise ValueError("sealed in a way that this version does not know")
        raw = base64.b64decode(text)
        try:
            return self._cipher.decrypt(
                raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()
            ).decode()
        except InvalidTag:
            raise ValueError("sealed with another key") from None


class KeyFile:
    """The key, read at first need; made at first need where that is allowed.

    Args:
        path: Where it lies; ``None`` when nothing says where.
        make: Make it when it is not there (beside an SQLite database).
        key: The key itself, in base64; then no file is looked at.
    """

    def __init__(self, path: Path | None, *, make: bool, key: str | None = None) -> None:
        self.path = path
        self._make = make
        self._key = key
        self._sealer: Sealer | None = None
        self._lock = threading.Lock()

    def sealer(self, *, to_seal: bool = False) -> Sealer:
        """The sealer of this key. Blocks for the file; with *to_seal* a key may be made.

        Raises:
            SettingsError: There is no key, or the file holds none; says what to do.
        """
        with self._lock:
            if self._sealer is None:
                self._sealer = Sealer(self._read(may_make=to_seal and self._make))
            return self._sealer

    def _read(self, *, may_make: bool) -> bytes:
        if self._key is not None:
            return _key_in(self._key.encode(), "store.key")
        if self.path is None:
            raise SettingsError(f"store.key_file is not set, tokens cannot be kept: {HOW_TO_MAKE}")
        try:
            if may_make:
                self._make_file(self.path)
            text = self.path.read_bytes()
            open_to_others = self.path.stat().st_mode & 0o077
        except FileNotFoundError:
            raise SettingsError(
                f"the key file {self.path} is not there; put it back where it was, or, if there "
                f"never was one, {HOW_TO_MAKE}. {IF_LOST}"
            ) from None
        except OSError as error:
            raise SettingsError(f"the key file {self.path}: {error.strerror}") from None
        if open_to_others:
            log.warning("key_file_open_to_others", path=str(self.path), wanted="0600")
        return _key_in(text, str(self.path))

    def _make_file(self, path: Path) -> None:
        """Whole or not at all, by whichever process is first; on the disk before it is used."""
        if path.exists():
            return
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(descriptor, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
                log.info("key_file_made", path=str(path))
        finally:
            draft.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _key_in(text: bytes, where: str) -> bytes:
    with contextlib.suppress(binascii.Error):
        key = base64.b64decode(b"".join(text.split()), validate=True)
        if len(key) == KEY_BYTES:
            return key
    raise SettingsError(f"{where} holds no key (32 bytes in base64); {HOW_TO_MAKE}")


def check_word(tx: Transaction) -> str | None:
    """The sealed word; ``None`` while nothing was ever sealed."""
    row = tx.row("SELECT value FROM facts WHERE name = :name", {"name": _WORD_PLACE})
    return None if row is None else str(row["value"])


def fits(sealer: Sealer, word: str | None) -> bool:
    if word is None:
        return True
    try:
        return sealer.open(word, _WORD_PLACE) == _WORD
    except ValueError:
        return False


def put_word(tx: Transaction, sealer: Sealer) -> None:
    """Leave the sealed word with the first secret.

    Raises:
        SettingsError: Another key has sealed what is there.
    """
    tx.execute(
        "INSERT INTO facts (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING",
        {"name": _WORD_PLACE, "value": sealer.seal(_WORD, _WORD_PLACE)},
    )
    if not fits(sealer, check_word(tx)):
        raise SettingsError(wrong_key(None))


def forget_word(tx: Transaction) -> None:
    tx.execute("DELETE FROM facts WHERE name = :name", {"name": _WORD_PLACE})


def wrong_key(path: Path | None) -> str:
    where = "store.key_file" if path is None else str(path)
    return (
        f"the key in {where} is not the one that the tokens in the store were sealed with; put "
        f"the right key file back. {IF_LOST}"
    )

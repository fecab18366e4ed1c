"""Log in at a next hop: PLAIN, LOGIN, CRAM-MD5, XOAUTH2.

In:  what the hop offers, what the settings ask for.
Out: the mechanism that was used; Trouble when the log-in failed.

A secret is only ever said over verified TLS, or to this very machine; that is looked at here
again, whatever the settings let through.

Sources: RFC 4954, RFC 4616 (PLAIN), RFC 2195 (CRAM-MD5), Google's and Microsoft's description of
XOAUTH2 ("user=" {user} ^A "auth=Bearer " {token} ^A ^A).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable

from awizo.settings import Smarthost
from awizo.smarthost.replies import Reply, error_of
from awizo.smarthost.wire import Trouble

NOT_THIS_MECHANISM = 504  # RFC 4954 section 4
GO_ON = 334
TELLTALE_CHARS = 24  # so much of a secret in a reply, and the reply is not passed on

Say = Callable[[str], Awaitable[Reply]]
Token = Callable[[str], Awaitable[str]]
"""An access token, another one than that of the argument."""


def mechanisms(smarthost: Smarthost, offered: str) -> tuple[str, ...]:
    """Those to try, in this order, upper case; pure.

    ``auto`` takes XOAUTH2 where a refresh token is set, else whichever of PLAIN, LOGIN and
    CRAM-MD5 the hop offers: over TLS a plain password is as safe and more widely kept right.
    """
    here = set(offered.upper().split())
    if smarthost.auth != "auto":
        wanted: tuple[str, ...] = (smarthost.auth.upper(),)
    elif smarthost.uses_oauth:
        wanted = ("XOAUTH2",)
    else:
        wanted = ("PLAIN", "LOGIN", "CRAM-MD5")
    return tuple(name for name in wanted if name in here)


async def log_in(say: Say, smarthost: Smarthost, offered: str, token: Token) -> str:
    """Log in with the settings' name and secret; returns the mechanism that was taken.

    Raises:
        Trouble: ``smarthost_auth_failed``, or ``smarthost_busy`` for a 4xx.
    """
    names = mechanisms(smarthost, offered)
    if not names:
        offers = f"AUTH {offered.upper()}" if offered else "no AUTH"
        raise Trouble("smarthost_auth_failed", f"the server offers {offers[:120]}")
    user = smarthost.username or ""
    password = smarthost.password.get_secret_value() if smarthost.password else ""
    told = [password, _coded(password), _coded(f"\0{user}\0{password}")]
    for name in names:
        match name:
            case "PLAIN":
                reply = await say("AUTH PLAIN " + _coded(f"\0{user}\0{password}"))
            case "LOGIN":
                reply = await _login(say, user, password)
            case "CRAM-MD5":
                reply = await _cram_md5(say, user, password)
            case _:
                told.append(await token(""))
                reply = await _xoauth2(say, user, told[-1])
                if reply.code == 535:  # what was kept may have been withdrawn meanwhile
                    told.append(await token(told[-1]))
                    reply = await _xoauth2(say, user, told[-1])
        if reply.positive:
            return name
        if reply.code != NOT_THIS_MECHANISM:
            break
    error = error_of(reply, "auth")
    said = error.reply
    if any(secret and secret[:TELLTALE_CHARS] in said for secret in told):
        said = f"{reply.code} (the reply repeats the secret)"  # and replies go to the log
    raise Trouble(error.code, said, status=error.status)


async def _login(say: Say, user: str, password: str) -> Reply:
    reply = await say("AUTH LOGIN")
    if reply.code == GO_ON:
        reply = await say(_coded(user))
    if reply.code == GO_ON:
        reply = await say(_coded(password))
    return reply


async def _cram_md5(say: Say, user: str, password: str) -> Reply:
    reply = await say("AUTH CRAM-MD5")
    if reply.code != GO_ON:
        return reply
    try:
        challenge = base64.b64decode(" ".join(reply.lines), validate=True)
    except (binascii.Error, ValueError):
        raise Trouble("smarthost_protocol", "its CRAM-MD5 challenge is no base64") from None
    digest = hmac.new(password.encode(), challenge, hashlib.md5).hexdigest()
    return await say(_coded(f"{user} {digest}"))


async def _xoauth2(say: Say, user: str, token: str) -> Reply:
    reply = await say("AUTH XOAUTH2 " + _coded(f"user={user}\1auth=Bearer {token}\1\1"))
    if reply.code == GO_ON:  # an error as JSON; an empty line asks for the real reply
        reply = await say("")
    return reply


def _coded(words: str) -> str:
    return base64.b64encode(words.encode()).decode("ascii")

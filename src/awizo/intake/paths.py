"""Read the arguments of MAIL and RCPT.

In:  the words behind ``MAIL FROM:`` and ``RCPT TO:``.
Out: the address with its parameters, or the reply that refuses them.

Pure. What is let through can be written into another SMTP command as it is: no control
characters, no angle brackets or blanks outside quotes, nothing but ASCII unless the mail was
declared SMTPUTF8. Beyond that it is lenient where the world is: a blank behind the colon, no
angle brackets, two dots in a row.

Sources: RFC 5321 sections 4.1.2, 4.1.3 and 4.5.3.1; RFC 1870 (SIZE); RFC 6152 (BODY); RFC 6531
(SMTPUTF8); RFC 3461 section 4 (RET, ENVID, NOTIFY, ORCPT); RFC 4954 section 5 (AUTH).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

from awizo.intake import replies
from awizo.intake.replies import Reply
from awizo.model import Recipient

MAX_ADDRESS_BYTES = 320  # 64 + "@" + 255 (RFC 5321 4.5.3.1); long local parts are in use (VERP)
MAX_DOMAIN_BYTES = 255
MAX_LABEL_BYTES = 63
MAX_ENVID_CHARS = 100  # RFC 3461 section 4.4
MAX_ORCPT_CHARS = 500  # RFC 3461 section 4.2

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_NON_ASCII = "\u00a0-\ud7ff\ue000-\U0010ffff"  # no C1 controls, no surrogates
_ATOMS = re.compile(rf"[{_ATEXT}.{_NON_ASCII}]+")
_QUOTED = re.compile(rf'"(?:[ !#-\[\]-~{_NON_ASCII}]|\\[ -~])*"')
_LABEL = re.compile(
    rf"[A-Za-z0-9_{_NON_ASCII}](?:[A-Za-z0-9_\-{_NON_ASCII}]*[A-Za-z0-9_{_NON_ASCII}])?"
)
_ROUTE = re.compile(r"@[^\s:<>]+(?:,@[^\s:<>]+)*:")
_IN_BRACKETS = re.compile(r"[ <>]")
_BARE = re.compile(r"[ <>]|$")
_PARAMETER = re.compile(rf"([A-Za-z0-9][A-Za-z0-9\-]*)(?:=([!-<>-~{_NON_ASCII}]+))?")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9\-]+")
_NUMBER = re.compile(r"[0-9]{1,20}")
_NOTIFY = frozenset({"SUCCESS", "FAILURE", "DELAY"})


@dataclass(frozen=True, slots=True)
class Sender:
    """What MAIL said. ``address`` "" is the null reverse-path."""

    address: str
    size_bytes: int = 0
    body: str | None = None
    smtputf8: bool = False
    ret: str | None = None
    envid: str | None = None


def read_mail(argument: str, *, extended: bool) -> Sender | Reply:
    """Read what stands behind ``MAIL``; *extended* is False after HELO."""
    found = _after(argument, "FROM")
    if found is None:
        return replies.bad_parameter("Syntax: MAIL FROM:<address>")
    split = _split_path(found)
    if split is None:
        return replies.bad_path("Malformed sender")
    path, words = split
    if words and not extended:
        return replies.bad_parameter("Parameters need EHLO")
    parameters = _parameters(words)
    if isinstance(parameters, Reply):
        return parameters
    size_bytes = 0
    body = ret = envid = None
    smtputf8 = False
    for name, value in parameters.items():
        match name:
            case "SIZE":
                if value is None or not _NUMBER.fullmatch(value):
                    return replies.bad_parameter("SIZE takes a number")
                size_bytes = int(value)
            case "BODY":
                body = (value or "").upper()
                if body not in ("7BIT", "8BITMIME"):
                    return replies.bad_parameter("BODY is 7BIT or 8BITMIME")
            case "SMTPUTF8":
                if value is not None:
                    return replies.bad_parameter("SMTPUTF8 takes no value")
                smtputf8 = True
            case "RET":
                ret = (value or "").upper()
                if ret not in ("FULL", "HDRS"):
                    return replies.bad_parameter("RET is FULL or HDRS")
            case "ENVID":
                if not value or len(value) > MAX_ENVID_CHARS or not _XTEXT.fullmatch(value):
                    return replies.bad_parameter("ENVID takes xtext, at most 100 characters")
                envid = value
            case "AUTH":  # who wrote it first; known to clients that log in, of no use to us
                if not value or not _XTEXT.fullmatch(value):
                    return replies.bad_parameter("AUTH takes xtext")
            case _:
                return replies.unknown_parameter("MAIL")
    if path and (refusal := _refused(path, utf8=smtputf8, local_name_suffices=False)):
        return refusal
    return Sender(
        address=path, size_bytes=size_bytes, body=body, smtputf8=smtputf8, ret=ret, envid=envid
    )


def read_rcpt(argument: str, *, extended: bool, smtputf8: bool) -> Recipient | Reply:
    """Read what stands behind ``RCPT``."""
    found = _after(argument, "TO")
    if found is None:
        return replies.bad_parameter("Syntax: RCPT TO:<address>")
    split = _split_path(found)
    if split is None or not split[0]:
        return replies.bad_path("Malformed recipient")
    path, words = split
    if words and not extended:
        return replies.bad_parameter("Parameters need EHLO")
    parameters = _parameters(words)
    if isinstance(parameters, Reply):
        return parameters
    notify = orcpt = None
    for name, value in parameters.items():
        match name:
            case "NOTIFY":
                notify = (value or "").upper()
                wishes = notify.split(",")
                if notify != "NEVER" and not (
                    _NOTIFY.issuperset(wishes) and len(set(wishes)) == len(wishes)
                ):
                    return replies.bad_parameter("NOTIFY is NEVER or of SUCCESS,FAILURE,DELAY")
            case "ORCPT":
                if value is None or not _is_typed_address(value, utf8=smtputf8):
                    return replies.bad_parameter("ORCPT takes type;xtext")
                orcpt = value
            case _:
                return replies.unknown_parameter("RCPT")
    if refusal := _refused(path, utf8=smtputf8, local_name_suffices=True):
        return refusal
    return Recipient(address=path, notify=notify, orcpt=orcpt)


def _after(argument: str, keyword: str) -> str | None:
    head, colon, rest = argument.partition(":")
    return rest.strip(" ") if colon and head.strip(" ").upper() == keyword else None


def _split_path(text: str) -> tuple[str, str] | None:
    """The path without brackets and source route, and the parameters behind it."""
    bracketed = text.startswith("<")
    at = 1 if bracketed else 0
    # A source route is to be accepted and passed over (RFC 5321 appendix C).
    if bracketed and (route := _ROUTE.match(text, at)):
        at = route.end()
    start = at
    if quoted := _QUOTED.match(text, at):
        at = quoted.end()
    stop = (_IN_BRACKETS if bracketed else _BARE).search(text, at)
    if stop is None:
        return None
    path = text[start : stop.start()]
    behind = text[stop.start() :]
    if bracketed:
        if not behind.startswith(">"):
            return None
        behind = behind[1:]
    elif not path:
        return None
    if behind and not behind.startswith(" "):
        return None
    return path, behind.strip(" ")


def _parameters(words: str) -> dict[str, str | None] | Reply:
    found: dict[str, str | None] = {}
    for word in words.split():
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None:
            return replies.bad_parameter("Malformed parameter")
        name = parameter[1].upper()
        if name in found:
            return replies.bad_parameter("A parameter was given twice")
        found[name] = parameter[2]
    return found


def _is_typed_address(value: str, *, utf8: bool) -> bool:
    kind, semicolon, address = value.partition(";")
    if not semicolon or len(value) > MAX_ORCPT_CHARS or not _ADDRESS_TYPE.fullmatch(kind):
        return False
    if kind.lower() == "utf-8":  # RFC 6533 section 3: its own encoding, or UTF-8 as it is
        return bool(address) and (utf8 or address.isascii())
    return bool(_XTEXT.fullmatch(address))


def _refused(address: str, *, utf8: bool, local_name_suffices: bool) -> Reply | None:
    """Why this is no address that can be passed on, or ``None``."""
    if not address.isascii() and not utf8:
        return Reply("553 5.6.7 An address beyond ASCII needs SMTPUTF8")
    try:
        length = len(address.encode())
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return replies.bad_path("Address is no UTF-8")
    if not address.isprintable():
        return replies.bad_path("Malformed address")
    if length > MAX_ADDRESS_BYTES:
        return replies.bad_path("Address too long")
    local, at, domain = address.rpartition("@")
    if not at:
        # RFC 5321 section 4.5.1: postmaster is known everywhere.
        if local_name_suffices and address.lower() == "postmaster":
            return None
        return replies.bad_path("Address needs a domain")
    if not _ATOMS.fullmatch(local) and not _QUOTED.fullmatch(local):
        return replies.bad_path("Malformed local part")
    if not _is_domain(domain):
        return replies.bad_path("Malformed domain")
    return None


@lru_cache(maxsize=4096)
def _is_domain(domain: str) -> bool:
    if domain.startswith("[") and domain.endswith("]"):
        return _is_literal(domain[1:-1])
    return len(domain.encode()) <= MAX_DOMAIN_BYTES and all(
        len(label.encode()) <= MAX_LABEL_BYTES and _LABEL.fullmatch(label)
        for label in domain.split(".")
    )


def _is_literal(text: str) -> bool:
    try:
        if text[:5].lower() == "ipv6:":
            return "%" not in text and bool(ipaddress.IPv6Address(text[5:]))
        return bool(ipaddress.IPv4Address(text))
    except ValueError:
        return False

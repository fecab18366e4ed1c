"""Compare and take apart e-mail addresses, masked buyers' addresses above all.

In:  addresses as SMTP or a header gave them.
Out: one spelling for each, its parts, and whether it belongs to a buyer at Allegro.

Pure. Local parts are case-sensitive by RFC 5321 section 2.4, but Allegro treats its masked
addresses as one in any case, and shop software writes them in any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PLAIN_LOCAL = re.compile(r"[^\s\"(),:;<>@\[\\\]]+")


@dataclass(frozen=True, slots=True)
class MaskedAddress:
    """``<base>+<suffix>@<domain>``: the buyer, the purchase, the platform; all folded.

    The base stays the same for a buyer, the suffix changes with each purchase
    (FACTS section 4). ``suffix`` is "" when the address has no ``+`` part.
    """

    base: str
    suffix: str
    domain: str


def _parts(address: str) -> tuple[str, str]:
    address = address.strip()
    if address.startswith("<") and address.endswith(">"):
        address = address[1:-1].strip()
    if address.startswith("@") and ":" in address:  # a source route, RFC 5321 appendix C
        address = address.partition(":")[2]
    if address.startswith('"'):  # a quoted local part may hold an "@"
        end = _closing_quote(address)
        if end and address[end : end + 1] == "@":
            local, domain = address[:end], address[end + 1 :]
            unquoted = re.sub(r"\\(.)", r"\1", local[1:-1], flags=re.DOTALL)
            return (unquoted if _PLAIN_LOCAL.fullmatch(unquoted) else local), domain
    local, _, domain = address.rpartition("@")
    return (local, domain) if local or domain != address else (address, "")


def _closing_quote(address: str) -> int:
    """Index behind the quoted string that *address* begins with, 0 when it never ends."""
    position = 1
    while position < len(address):
        if address[position] == "\\":
            position += 1
        elif address[position] == '"':
            return position + 1
        position += 1
    return 0


def folded(address: str) -> str:
    """Return the one spelling under which an address is compared and stored.

    Lower case on both sides of the "@", without angle brackets, needless quotes and the
    trailing dot of an absolute domain name.
    """
    local, domain = _parts(address)
    domain = domain.strip().lower()
    if not domain.startswith("["):
        domain = domain.removesuffix(".")
    local = local.strip().lower()
    return f"{local}@{domain}" if domain else local


def split(address: str) -> MaskedAddress:
    """Take a masked address apart at its first "+" (RFC 5233 calls the rest the detail)."""
    local, domain = _parts(folded(address))
    if local.startswith('"'):
        return MaskedAddress(local, "", domain)
    base, _, suffix = local.partition("+")
    return MaskedAddress(base, suffix, domain)


def is_buyer(address: str, domains: Iterable[str]) -> bool:
    """Whether *address* is a buyer's masked address: its domain is one of *domains* exactly.

    Case and a trailing dot do not matter; a subdomain or an address literal is no match, and
    neither is a domain without a local part.
    """
    local, domain = _parts(folded(address))
    if not local or not domain:
        return False
    return any(domain == wanted.strip().lower().removesuffix(".") for wanted in domains)

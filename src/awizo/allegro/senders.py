"""Know which sender addresses Allegro takes mail from.

In:  From addresses of the shop's mails.
Out: those that are not registered with the account; Allegro refuses mail from them.

Source: FACTS 2.12 and 4.2.
"""

from __future__ import annotations

from collections.abc import Iterable

from awizo.allegro.account import AllegroAccount
from awizo.triage.addresses import folded


async def registered_senders(account: AllegroAccount) -> frozenset[str]:
    """The account's own address and its additional ones, folded.

    Raises:
        Deferral: Allegro could not be asked.
        PermanentFailure: ``access_denied``: the scope profile:read was not granted.
    """
    seller = await account.me()
    addresses = (seller.email, *await account.additional_emails())
    return frozenset(folded(address) for address in addresses if address)


async def unregistered_senders(account: AllegroAccount, addresses: Iterable[str]) -> list[str]:
    """Those of *addresses* that the account is not registered with, as they were given.

    Raises:
        Deferral, PermanentFailure: As :func:`registered_senders`.
    """
    wanted = [address for address in dict.fromkeys(addresses) if address]
    if not wanted:
        return []
    known = await registered_senders(account)
    return [address for address in wanted if folded(address) not in known]

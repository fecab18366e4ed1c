"""Offer the orders a mail may belong to.

In:  the recipient's masked address and the references found in the mail.
Out: Candidates by full address, by its base, by order id.

Only accounts of the mail's own route are asked: an index hit elsewhere is no hit.
"""

from __future__ import annotations

from collections.abc import Sequence

from awizo.model import Candidates, References
from awizo.orders.port import OrderIndex
from awizo.triage.addresses import folded, split


async def find_candidates(
    index: OrderIndex, *, accounts: Sequence[str], recipient: str, references: References
) -> Candidates:
    """Look the recipient and the order ids up; at most three index hits."""
    address = folded(recipient)
    masked = split(address)
    ids = tuple(dict.fromkeys(found.order_id for found in references.order_ids))
    by_address = await index.by_address(accounts, address) if masked.suffix else ()
    by_base = await index.by_base(accounts, masked.base, masked.domain)
    by_id = await index.by_ids(accounts, ids) if ids else ()
    return Candidates(by_address=by_address, by_base=by_base, by_id=by_id)

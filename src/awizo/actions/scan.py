"""Follow a filed document until Allegro's antivirus scan has spoken.

In:  the data of an ``invoice_scan`` follow-up, and how often it was looked at.
Out: the verdict so far, and when to look again.

The verdict comes some time after the upload and is not announced; nobody but this look
tells the seller that a document was rejected (FACTS 2.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from awizo.actions.upload_invoice import SCAN_LOOKS_S
from awizo.allegro.account import AllegroAccount
from awizo.allegro.ports import Ledger

ScanVerdict = Literal["waiting", "accepted", "rejected", "gone"]


@dataclass(frozen=True, slots=True)
class ScanLook:
    """``gone``: not listed any more. ``again_at`` is ``None`` when the matter is over."""

    verdict: ScanVerdict
    again_at: datetime | None = None
    trace_id: str | None = None


async def look_at_scan(
    account: AllegroAccount,
    ledger: Ledger,
    data: Mapping[str, Any],
    *,
    attempts: int,
    now: datetime,
) -> ScanLook:
    """Read the verdict once and keep it in the ledger.

    A document that has vanished is looked for until the last look before it is believed.

    Args:
        attempts: Looks made before this one.

    Raises:
        Deferral: Allegro could not be asked; look again.
        PermanentFailure: The order is gone, or access to it is denied.
    """
    listed = await account.invoices(str(data["order_id"]))
    found = listed.invoice(str(data["invoice_id"]))
    entry_id = str(data["ledger_id"])
    again_at = next_scan_look(data, attempts=attempts, now=now)
    seen = {"scan_read_at": now.isoformat(), "scan_trace_id": listed.trace_id}
    if found is None or not found.has_file:
        if again_at is not None:
            return ScanLook("waiting", again_at, listed.trace_id)
        await ledger.update(entry_id, now=now, state="refused", proof=seen | {"scan": "gone"})
        return ScanLook("gone", None, listed.trace_id)
    if found.scan in ("ACCEPTED", "REJECTED"):
        verdict: ScanVerdict = "accepted" if found.scan == "ACCEPTED" else "rejected"
        await ledger.update(entry_id, now=now, state=verdict, proof=seen | {"scan": found.scan})
        return ScanLook(verdict, None, listed.trace_id)
    return ScanLook("waiting", again_at, listed.trace_id)


def next_scan_look(data: Mapping[str, Any], *, attempts: int, now: datetime) -> datetime | None:
    """When to look again: ever more seldom, until the time of ``until`` is over."""
    step_s = SCAN_LOOKS_S[min(attempts + 1, len(SCAN_LOOKS_S) - 1)]
    again_at = now + timedelta(seconds=step_s)
    return again_at if again_at <= datetime.fromisoformat(str(data["until"])) else None

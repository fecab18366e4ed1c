"""Kinds of mail in groups that triage treats alike, and flags that say the same.

Constants only.
"""

from __future__ import annotations

from awizo.model import Kind

PERSONAL = frozenset({Kind.CONVERSATION_REPLY, Kind.FULFILMENT_CORRESPONDENCE})
NEVER_STOPPED = PERSONAL | {Kind.OTHER}
DOCUMENT_KINDS = frozenset({Kind.INVOICE, Kind.INVOICE_LINK, Kind.RECEIPT_LINK})

# What a mail may say of the order's state in passing, on the way to its point.
STATES = frozenset(
    {Kind.PAYMENT_RECEIVED, Kind.ORDER_PROCESSING, Kind.ORDER_SENT, Kind.PARCEL_STATUS}
)

# Kinds whose templates ask the buyer nothing; those that ask for a rating do.
ASK_NOTHING = STATES | DOCUMENT_KINDS

PARCEL_KINDS = frozenset({Kind.ORDER_SENT, Kind.PARCEL_STATUS})

# Of two steps of one parcel the mail is about one; the other is only mentioned.
ONE_OF = frozenset({Kind.ORDER_PROCESSING, Kind.ORDER_SENT, Kind.PARCEL_STATUS})

# Flags that say: the mail holds something only it says.
SAID_HERE = frozenset(
    {
        "question",
        "request",
        "secret_code",
        "delay",
        "defect_or_problem",
        "cancelled",
        "return_or_refund",
        "choice_for_buyer",
    }
)

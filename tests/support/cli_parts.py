"""Calls of the program as its user makes them, and mails to feed it."""

from __future__ import annotations

import json
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from awizo.cli.demo.pdf import invoice_pdf
from support.service import environment, run_awizo

BUYER = "8awgqyk6a5+cub31c122@allegromail.pl"
ORDER = "29738e61-7f6a-11e8-ac45-09db60ede9d6"
WAYBILL = "0000797406976U"


def an_invoice_mail(number: str = "FV 12/11/2026", to: str = BUYER) -> bytes:
    """An invoice as PDF; its words and its file agree."""
    message = EmailMessage(policy=SMTP)
    message["From"] = "Lampiony <sklep@lampiony.example>"
    message["To"] = to
    message["Subject"] = f"Faktura {number}"
    message["Message-ID"] = f"<{number.replace(' ', '-').replace('/', '-')}@lampiony.example>"
    message.set_content(f"Dzień dobry,\n\nw załączniku przesyłamy fakturę {number}.\n")
    message.add_attachment(
        invoice_pdf(number), maintype="application", subtype="pdf", filename="FV_12_11_2026.pdf"
    )
    return message.as_bytes()


def a_sent_mail(to: str = BUYER) -> bytes:
    """The parcel was handed over, its number and the order id are in the mail."""
    return (
        f"From: sklep@lampiony.example\r\nTo: {to}\r\nSubject: Twoje zamówienie wysłane\r\n"
        "Message-ID: <sent@lampiony.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"Dzień dobry,\r\n\r\nTwoje zamówienie {ORDER} zostało wysłane kurierem DPD. Numer listu "
        f"przewozowego: {WAYBILL}\r\n"
    ).encode()


async def awizo(
    folder: Path, *arguments: str | Path, expect: int = 0, **settings: Any
) -> tuple[str, str]:
    """Call the program in *folder*; returns what it said on both channels.

    Asserts the exit code, and that nothing looks like a crash.
    """
    code, out, err = await run_awizo(
        *map(str, arguments), env=environment(folder, **settings), folder=folder
    )
    assert "Traceback" not in err, err
    assert code == expect, f"exit code {code}\n{out}\n{err}"
    return out, err


def lines_of(out: str) -> list[dict[str, Any]]:
    """One JSON object a line, and nothing else."""
    return [json.loads(line) for line in out.splitlines()]

"""What a mail of the demo is: its bytes, its envelope, and what must come of it.

In:  words, files and headers as a shop program would put them together.
Out: DemoMail with one Expected for each recipient, collected in order by :class:`Post`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Protocol

SHOP = "sklep@lampiony.example"
PDF = "application/pdf"

File = tuple[str, bytes, str]
"""Name, content, media type."""


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """An order the demo made at the emulator."""

    order_id: str
    address: str
    buyer: str


class Orders(Protocol):
    """Makes the order of a name at the emulator."""

    def __call__(self, name: str, **details: Any) -> DemoOrder: ...


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come out for one recipient, and how the order must stand in the end.

    Attributes:
        kinds: Kinds that the mail may be named after: a mail may be several things at once.
        actions: Names of the calls to Allegro, in order.
        documents: SHA-256 of each file that must stand on the order.
        parcels: Numbers that must stand on it.
        status: Seller's status that it must have.
    """

    recipient: str
    ends_in: str
    kinds: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    order_id: str | None = None
    problem: str | None = None
    documents: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    parcels: tuple[str, ...] = ()
    status: str = "NEW"


@dataclass(frozen=True, slots=True)
class DemoMail:
    title: str
    message_id: str
    content: bytes = field(repr=False)
    recipients: tuple[str, ...]
    expected: tuple[Expected, ...]
    reverse_path: str = SHOP

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def write_mail(
    to: str,
    subject: str,
    text: str | None = None,
    *,
    html: str | None = None,
    files: tuple[File, ...] = (),
    headers: Mapping[str, str] | None = None,
    charset: str = "utf-8",
    message_id: str,
) -> bytes:
    """A mail with CRLF line ends; plain text, HTML or both, and attachments."""
    message = EmailMessage(policy=SMTP)
    message["Date"] = "Fri, 20 Nov 2026 10:15:00 +0100"
    message["From"] = f"Lampiony <{SHOP}>"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = message_id
    for name, value in (headers or {}).items():
        message[name] = value
    if text is not None:
        message.set_content(text, charset=charset)
        if html is not None:
            message.add_alternative(html, subtype="html", charset=charset)
    elif html is not None:
        message.set_content(html, subtype="html", charset=charset)
    for name, content, kind in files:
        maintype, subtype = kind.split("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes()


class Post:
    """Collects the mails in the order of their sending."""

    def __init__(self) -> None:
        self.mails: list[DemoMail] = []

    def add(
        self,
        title: str,
        order: DemoOrder,
        subject: str,
        text: str | None = None,
        *,
        ends_in: str,
        kind: str | tuple[str, ...],
        actions: tuple[str, ...] = (),
        filed: tuple[str, ...] = (),
        links: tuple[str, ...] = (),
        parcels: tuple[str, ...] = (),
        status: str = "NEW",
        problem: str | None = None,
        html: str | None = None,
        files: tuple[File, ...] = (),
        headers: Mapping[str, str] | None = None,
        charset: str = "utf-8",
        reverse_path: str = SHOP,
    ) -> None:
        """A mail to the buyer of *order*.

        Args:
            filed: Names of those *files* that must stand on the order in the end.
        """
        message_id = f"<demo-{len(self.mails) + 1:02}@lampiony.example>"
        contents = {name: content for name, content, _ in files}
        expected = Expected(
            recipient=order.address,
            ends_in=ends_in,
            kinds=(kind,) if isinstance(kind, str) else kind,
            actions=actions,
            order_id=order.order_id,
            problem=problem,
            documents=tuple(hashlib.sha256(contents[name]).hexdigest() for name in filed),
            links=links,
            parcels=parcels,
            status=status,
        )
        content = write_mail(
            order.address, subject, text, html=html, files=files, headers=headers,
            charset=charset, message_id=message_id,
        )  # fmt: skip
        self.mails.append(
            DemoMail(title, message_id, content, (order.address,), (expected,), reverse_path)
        )

    def add_to_all(
        self, title: str, to: str, subject: str, text: str, expected: tuple[Expected, ...]
    ) -> None:
        """A mail to several, or to nobody who buys."""
        message_id = f"<demo-{len(self.mails) + 1:02}@lampiony.example>"
        content = write_mail(to, subject, text, message_id=message_id)
        recipients = tuple(one.recipient for one in expected)
        self.mails.append(DemoMail(title, message_id, content, recipients, expected))

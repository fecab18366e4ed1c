"""Tell the sender that a mail could not be delivered: RFC 3464, ``multipart/report``.

In:  the message, what its smarthost said about a recipient, the beginning of its content.
Out: the bytes of a notice from the null reverse-path; whether one may be sent at all.

Pure; the same notice has the same bytes. Nobody is told twice and no loop begins: never for a
null reverse-path, an automatic answer or a report, never to a buyer's masked address, never where
the sender asked not to be told.

Sources: RFC 3461 section 6 (when, and what to return), RFC 3464 (the report), RFC 6533 (addresses
beyond ASCII), RFC 3834 section 2 (automatic answers).
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime

from awizo.errors import Deferral
from awizo.model import Envelope, Recipient, SpooledMessage
from awizo.smarthost.transaction import RecipientResult
from awizo.triage.addresses import is_buyer

CRLF = b"\r\n"
MAX_HEADER_BYTES = 32_768  # of the original, where only its header is returned

_REPLY = re.compile(r"[245]\d\d(?:[ -]([245]\.\d{1,3}\.\d{1,3}))?(?= |$)")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_AUTOMATIC = re.compile(
    rb"^(?:auto-submitted[ \t]*:[ \t\r\n]*auto-replied"
    rb"|content-type[ \t]*:[ \t\r\n]*(?:multipart/report|message/delivery-status))\b",
    re.IGNORECASE | re.MULTILINE,
)

WORDS = """\
Wiadomość nie mogła zostać dostarczona do tych odbiorców:
This message could not be delivered to these recipients:

{recipients}

Powód podano powyżej, szczegóły dla administratora są w załączniku.
The reason is given above, details for the administrator are attached.
"""


def may_bounce(
    envelope: Envelope,
    recipient: Recipient,
    buyer_domains: Iterable[str],
    head_of_original: bytes = b"",
) -> bool:
    """Whether the sender may be told that the mail did not reach *recipient*."""
    if not envelope.reverse_path or is_buyer(envelope.reverse_path, buyer_domains):
        return False
    if recipient.notify and "FAILURE" not in recipient.notify.upper().split(","):
        return False  # NEVER, or only of success or delay (RFC 3461 section 4.1)
    return not _AUTOMATIC.search(_header(head_of_original))


def build_bounce(
    *,
    message: SpooledMessage,
    failed: Sequence[RecipientResult],
    head_of_original: bytes,
    hostname: str,
    now: datetime,
) -> bytes:
    """The notice, to be sent from ``<>`` to the message's reverse-path.

    Args:
        failed: Results of the recipients that were not reached.
        head_of_original: As much of its content as may be returned; all of it is where the
            sender asked for it (RET=FULL) and this is all there is, else its header.
        hostname: Name of this machine.
    """
    envelope = message.envelope
    host = hostname if "." in hostname else f"{hostname}.localdomain"
    original = _original_part(message, head_of_original)
    report = _report_part(envelope, failed, host, now)
    digest = hashlib.sha256(report + original + message.id.encode()).hexdigest()
    boundary = f"=_awizo_{digest[:40]}".encode()
    headers = [
        f"From: Mail Delivery System <MAILER-DAEMON@{host}>",
        f"To: <{envelope.reverse_path}>",
        "Subject: Undelivered Mail Returned to Sender",
        f"Date: {format_datetime(now)}",
        f"Message-ID: <{digest[40:]}.{message.id}@{host}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        f' boundary="{boundary.decode()}"',
    ]
    if message.message_id and message.message_id.isascii() and message.message_id.isprintable():
        headers.insert(5, f"In-Reply-To: {message.message_id}")
    parts = (_words_part(failed), report, original)
    between = CRLF + b"--" + boundary
    return (
        CRLF.join(line.encode() for line in headers)
        + CRLF
        + b"".join(between + CRLF + part for part in parts)
        + between
        + b"--"
        + CRLF
    )


# --- the three parts --------------------------------------------------------------------------


def _words_part(failed: Sequence[RecipientResult]) -> bytes:
    told = "\n".join(f"  <{one.recipient.address}>\n    {_why(one)}" for one in failed)
    part = EmailMessage()
    part.set_content(WORDS.format(recipients=told), cte="quoted-printable")
    del part["MIME-Version"]
    return part.as_bytes(policy=policy.SMTP)


def _report_part(
    envelope: Envelope, failed: Sequence[RecipientResult], host: str, now: datetime
) -> bytes:
    about_message = [f"Reporting-MTA: dns; {host}"]
    if envelope.envid and (envid := _decoded(envelope.envid)):
        about_message.insert(0, f"Original-Envelope-Id: {envid}")
    about_message.append(f"Arrival-Date: {format_datetime(envelope.received_at)}")
    groups = [about_message, *(_about(one, now) for one in failed)]
    body = "\r\n\r\n".join("\r\n".join(group) for group in groups)
    return b"Content-Type: message/delivery-status\r\n\r\n" + body.encode("ascii") + CRLF


def _about(one: RecipientResult, now: datetime) -> list[str]:
    lines = []
    if one.recipient.orcpt:
        kind, _, address = one.recipient.orcpt.partition(";")
        if address.isascii() and (decoded := _decoded(address)):
            lines.append(f"Original-Recipient: {kind}; {decoded}")
    lines.append(f"Final-Recipient: {_typed(one.recipient.address)}")
    lines.append("Action: failed")
    lines.append(f"Status: {_status(one)}")
    if one.host:
        lines.append(f"Remote-MTA: dns; {one.host.rpartition(':')[0]}")
    if _REPLY.match(one.reply):
        lines.append(f"Diagnostic-Code: smtp; {_ascii(one.reply)}")
    else:
        lines.append(f"Diagnostic-Code: X-Awizo; {_ascii(_why(one))}")
    lines.append(f"Last-Attempt-Date: {format_datetime(now)}")
    return lines


def _original_part(message: SpooledMessage, head: bytes) -> bytes:
    whole = len(head) >= message.size_bytes
    if message.envelope.ret == "FULL" and whole:
        coding = "7bit" if head.isascii() else "8bit"
        return (
            f"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: {coding}\r\n\r\n"
        ).encode() + head
    header = _header(head)
    if len(header) > MAX_HEADER_BYTES:
        header = header[: header.rfind(CRLF, 0, MAX_HEADER_BYTES) + len(CRLF)]
    if header.isascii():
        return b"Content-Type: text/rfc822-headers\r\n\r\n" + header
    # Header with raw 8-bit bytes: the notice itself must pass everywhere.
    return (
        b"Content-Type: text/rfc822-headers; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ) + binascii.b2a_qp(header, istext=True)


def _header(head: bytes) -> bytes:
    """The header section with its last line end; nothing where the content has none."""
    if head.startswith(CRLF):
        return b""
    end = head.find(CRLF + CRLF)
    return head if end < 0 else head[: end + len(CRLF)]


# --- words ------------------------------------------------------------------------------------


def _why(one: RecipientResult) -> str:
    return one.reply or (one.error.code if one.error else "")


def _status(one: RecipientResult) -> str:
    """Status code of RFC 3463: the next hop's own, else what fits."""
    said = _REPLY.match(one.reply)
    if said is not None and said[1]:
        return said[1]
    if isinstance(one.error, Deferral):
        return "4.4.7"  # delivery time expired
    if one.error is not None and one.error.code == "smarthost_size_limit":
        return "5.3.4"
    return "5.0.0"


def _typed(address: str) -> str:
    if address.isascii():
        return f"rfc822; {address}"
    # utf-8-addr-xtext of RFC 6533 section 3: the report stays ASCII.
    coded = "".join(
        char if char.isascii() and char not in "\\+=" else f"\\x{{{ord(char):X}}}"
        for char in address
    )
    return f"utf-8; {coded}"


def _decoded(xtext: str) -> str:
    """xtext of RFC 3461 section 4 as text; as it is where that would not be printable ASCII."""
    plain = _XTEXT.sub(lambda found: chr(int(found[1], 16)), xtext)
    return plain if plain.isascii() and plain.isprintable() else xtext


def _ascii(words: str) -> str:
    return words.encode("ascii", "replace").decode("ascii")

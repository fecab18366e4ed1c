"""Mails as bytes, written by hand: what a test does not say has a plain default."""

from __future__ import annotations

import base64

BOUNDARY = "=_part"


def a_mail(
    body: str | bytes = "Dzień dobry\r\n",
    *,
    headers: str | bytes = "",
    content_type: str = "text/plain; charset=utf-8",
    encoding: str = "8bit",
    charset: str = "utf-8",
) -> bytes:
    raw = body if isinstance(body, bytes) else body.encode(charset)
    more = headers if isinstance(headers, bytes) else headers.encode("utf-8")
    if more and not more.endswith(b"\r\n"):
        more += b"\r\n"
    return (
        b"From: Sklep <sklep@example.com>\r\nTo: a+b@allegromail.pl\r\n"
        + more
        + b"MIME-Version: 1.0\r\nContent-Type: "
        + content_type.encode()
        + b"\r\nContent-Transfer-Encoding: "
        + encoding.encode()
        + b"\r\n\r\n"
        + raw
    )


def a_page(html: str, *, headers: str = "") -> bytes:
    return a_mail(html, content_type="text/html; charset=utf-8", headers=headers)


def a_part(
    content: str | bytes,
    content_type: str = "text/plain; charset=utf-8",
    *,
    headers: str = "",
    encoding: str = "8bit",
) -> bytes:
    raw = content if isinstance(content, bytes) else content.encode()
    if encoding == "base64":
        raw = base64.encodebytes(raw).replace(b"\n", b"\r\n")
    head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    if headers:
        head += headers.rstrip("\r\n") + "\r\n"
    return head.encode() + b"\r\n" + raw


def a_multipart(
    *parts: bytes, kind: str = "mixed", boundary: str = BOUNDARY, headers: str = ""
) -> bytes:
    mark = f"--{boundary}".encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    return a_mail(
        body,
        content_type=f'multipart/{kind}; boundary="{boundary}"',
        headers=headers,
    )


def inner(kind: str, boundary: str, *parts: bytes) -> bytes:
    """A multipart as a part of another."""
    mark = f"--{boundary}".encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode() + body

"""A signature made before the mail came to us is still right when it has left."""

from __future__ import annotations

import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.peers import SmtpPeer, a_peer
from support.smarthost_parts import a_post, a_smarthost, codes, send, the_way_out

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed(content: bytes, canonicalize: bytes) -> bytes:
    private = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return bytes(
        dkim.sign(content, b"s1", b"example.pl", private, canonicalize=(canonicalize, canonicalize))
        + content
    )


def public_key(name: bytes, timeout: int = 5) -> bytes:
    assert name == b"s1._domainkey.example.pl."
    der = KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


@pytest.mark.parametrize("canonicalize", [b"simple", b"relaxed"])
@pytest.mark.parametrize("chunk_bytes", [1, 7, 65_536])
@pytest.mark.parametrize(
    "body",
    [
        b"Plain.\r\n",
        b".\r\n..\r\n.hidden\r\nend.\r\n\r\n\r\n",
        "Zażółć gęślą  jaźń \t\r\n. \r\n".encode(),
        b"long " * 2000 + b"\r\n",
        b"",
    ],
    ids=["plain", "dots", "8bit", "long line", "empty"],
)
async def test_a_signature_survives(canonicalize: bytes, chunk_bytes: int, body: bytes) -> None:
    content = signed(
        b"From: shop@example.pl\r\nTo: jan@klient.test\r\nSubject: Order\r\n"
        b"X-Odd:   spaces \t kept\r\n\tand folds\r\n\r\n" + body,
        canonicalize,
    )
    async with a_peer(SmtpPeer()) as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post(content, chunk_bytes=chunk_bytes))) == ["ok"]

        arrived = peer.mails[0].content
        assert arrived == content
        assert dkim.verify(arrived, dnsfunc=public_key)
        assert not dkim.verify(arrived.replace(b"Order", b"order"), dnsfunc=public_key)

"""Postfix, Exim and OpenSMTPD take our mails, and pass on the very bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from awizo.errors import Deferral, PermanentFailure
from awizo.model import Recipient
from support.peers import Certificates, SmtpPeer, a_peer
from support.real_hops import (
    GONE,
    LATER,
    PASSWORD,
    USER,
    Exim,
    OpenSmtpd,
    Postfix,
    RealHop,
    a_real_hop,
)
from support.smarthost_parts import a_post, a_smarthost, codes, send, the_way_out, until

pytestmark = pytest.mark.slow


def hops(*kinds: type[RealHop]) -> list[Any]:
    return [
        pytest.param(
            kind,
            id=kind.name,
            marks=pytest.mark.skipif(kind.why_not() is not None, reason=kind.why_not() or ""),
        )
        for kind in kinds
    ]


HOPS = hops(Postfix, Exim, OpenSmtpd)
WITH_TLS = hops(Postfix, Exim)
WITH_LOG_IN = hops(Exim)

HEAD = (
    b"From: shop@example.pl\r\nTo: jan@klient.test\r\nSubject: Order %d\r\n"
    b"Date: Mon, 02 Mar 2026 12:00:00 +0000\r\nMessage-ID: <%d@example.pl>\r\n"
    b"X-Odd:  a \t b\r\n\r\n"
)
BODIES = (
    b"Plain text.\r\n",
    b".\r\n..\r\n.hidden\r\n...\r\nend\r\n",
    b"trailing blanks \t\r\n\r\n\r\n\r\n",
    "Zażółć gęślą jaźń\r\n".encode(),
    (b"x" * 900 + b"\r\n") * 100,
    b"",
)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture
def ca_file(tmp_path: Path, certificates: Certificates) -> Path:
    path = tmp_path / "ca.pem"
    certificates.authority.cert_pem.write_to_path(str(path))
    return path


def settings_for(hop: RealHop, tls: str, ca_file: Path, **changes: Any) -> Any:
    port = hop.tls_port if tls == "implicit" else hop.port
    return a_smarthost(
        SmtpPeer(host="127.0.0.1", port=port),
        **{"tls": tls, "tls_ca_file": ca_file, "command_timeout_s": 30, "reply_timeout_s": 30},
        **changes,
    )


@pytest.mark.parametrize("kind", HOPS)
async def test_a_real_server_takes_mails_of_every_shape_over_every_kind_of_connection(
    kind: type[RealHop], certificates: Certificates, ca_file: Path
) -> None:
    async with a_peer() as target, a_real_hop(kind, target.port, certificates.authority) as hop:
        sent: dict[bytes, bytes] = {}
        for tls in kind.tls:
            async with the_way_out(settings_for(hop, tls, ca_file)) as smarthosts:
                for body in BODIES:
                    content = a_head(len(sent)) + body
                    sent[subject_of(content)] = content
                    assert codes(await send(smarthosts, a_post(content))) == ["ok"]
        await until(lambda: len(target.mails) == len(sent), 60)

        for mail in target.mails:
            assert mail.content.endswith(sent[subject_of(mail.content)])
            assert mail.content.count(b"Received:") == 1
            assert mail.recipients == ("jan@klient.test",)


def a_head(number: int) -> bytes:
    return HEAD % (number, number)


def subject_of(content: bytes) -> bytes:
    return content.partition(b"Subject: ")[2].partition(b"\r\n")[0]


@pytest.mark.parametrize("kind", HOPS)
async def test_a_real_server_takes_some_recipients_and_refuses_others(
    kind: type[RealHop], certificates: Certificates, ca_file: Path
) -> None:
    async with (
        a_peer() as target,
        a_real_hop(kind, target.port, certificates.authority) as hop,
        the_way_out(settings_for(hop, "none", ca_file)) as smarthosts,
    ):
        ok, gone, later, too = await send(
            smarthosts, a_post(a_head(1), "a@klient.test", GONE, LATER, "b@klient.test")
        )

        assert ok.ok
        assert too.ok
        assert isinstance(gone.error, PermanentFailure)
        assert gone.error.status == 550
        if kind is not OpenSmtpd:  # it knows no "not now" in its rules
            assert isinstance(later.error, Deferral)
            assert later.error.status in (450, 451)
        none = await send(smarthosts, a_post(a_head(2), GONE))
        again = await send(smarthosts, a_post(a_head(3), "c@klient.test"))
        assert (codes(none), codes(again)) == (["smarthost_refused"], ["ok"])


@pytest.mark.parametrize("kind", HOPS)
async def test_a_real_server_says_how_much_it_takes_and_is_not_sent_more(
    kind: type[RealHop], certificates: Certificates, ca_file: Path
) -> None:
    async with (
        a_peer() as target,
        a_real_hop(kind, target.port, certificates.authority) as hop,
        the_way_out(settings_for(hop, "none", ca_file)) as smarthosts,
    ):
        large = a_head(1) + b"x" * 78 + b"\r\n" * 200_000
        assert codes(await send(smarthosts, a_post(large))) == ["smarthost_size_limit"]
        understated = a_post(large, size_bytes=1000)
        (result,) = await send(smarthosts, understated)

        assert isinstance(result.error, PermanentFailure)
        assert result.error.status in (552, 554)


@pytest.mark.parametrize("kind", HOPS)
async def test_wishes_about_notices_are_passed_on_by_a_real_server(
    kind: type[RealHop], certificates: Certificates, ca_file: Path
) -> None:
    async with (
        a_peer() as target,
        a_real_hop(kind, target.port, certificates.authority) as hop,
        the_way_out(settings_for(hop, "none", ca_file)) as smarthosts,
    ):
        orcpt = "rfc822;Jan+2B1@klient.test"
        recipient = Recipient("jan@klient.test", "FAILURE,DELAY", orcpt)
        post = a_post(a_head(1), recipient, ret="HDRS", envid="Id+2B7")

        assert codes(await send(smarthosts, post)) == ["ok"]
        await until(lambda: bool(target.mails), 60)
        assert "NOTIFY=FAILURE,DELAY" in target.mails[0].rcpts[0]
        assert f"ORCPT={orcpt}" in target.mails[0].rcpts[0]
        assert "RET=HDRS" in target.mails[0].mail
        assert "ENVID=Id+2B7" in target.mails[0].mail


@pytest.mark.parametrize("kind", WITH_LOG_IN)
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_real_server_lets_us_in_with_each_of_its_mechanisms(
    kind: type[RealHop], tls: str, certificates: Certificates, ca_file: Path
) -> None:
    async with a_peer() as target, a_real_hop(kind, target.port, certificates.authority) as hop:
        for mechanism in kind.mechanisms:
            key = {"username": USER, "password": PASSWORD, "auth": mechanism.lower()}
            async with the_way_out(settings_for(hop, tls, ca_file, **key)) as smarthosts:
                assert f"AUTH {mechanism}" in await smarthosts.check("default")
                assert codes(await send(smarthosts, a_post(a_head(1)))) == ["ok"]
            key["password"] = "mistaken"
            async with the_way_out(settings_for(hop, tls, ca_file, **key)) as smarthosts:
                assert codes(await send(smarthosts, a_post(a_head(1)))) == ["smarthost_auth_failed"]


@pytest.mark.parametrize("kind", WITH_TLS)
async def test_a_real_server_whose_certificate_nobody_vouches_for_gets_nothing(
    kind: type[RealHop], certificates: Certificates, ca_file: Path
) -> None:
    async with a_peer() as target, a_real_hop(kind, target.port, certificates.authority) as hop:
        for tls in ("starttls", "implicit"):
            strict = settings_for(hop, tls, ca_file).model_copy(update={"tls_ca_file": None})
            async with the_way_out(strict) as smarthosts:
                assert codes(await send(smarthosts, a_post(a_head(1)))) == ["smarthost_certificate"]
        assert not target.mails

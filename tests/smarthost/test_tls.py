"""TLS as the settings ask for it: verified, or not at all; no secret without it."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from awizo.errors import Deferral, SettingsError
from awizo.settings import Smarthost
from awizo.smarthost.connection import Connection, _refuse_to_tell
from awizo.smarthost.wire import Trouble, Wire
from support.peers import HANG_UP, Certificates, SmtpPeer, a_peer
from support.smarthost_parts import MAIL, a_post, a_smarthost, codes, send, the_way_out

CERTIFICATES = Certificates()


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    CERTIFICATES.authority.cert_pem.write_to_path(str(path))
    return path


def a_tls_peer(tls: str, *names: str, **changes: object) -> SmtpPeer:
    return SmtpPeer(
        tls=tls,
        tls_context=CERTIFICATES.server_context(*names),
        **changes,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_mail_goes_over_verified_tls(tls: str, ca_file: Path) -> None:
    async with a_peer(a_tls_peer(tls)) as peer:
        smarthost = a_smarthost(peer, tls=tls, tls_ca_file=ca_file)
        async with the_way_out(smarthost) as smarthosts:
            assert codes(await send(smarthosts, a_post())) == ["ok"]
            assert peer.mails[0].content == MAIL
            assert peer.mails[0].tls in ("TLSv1.2", "TLSv1.3")


async def test_a_mail_of_many_megabytes_goes_whole_over_tls(ca_file: Path) -> None:
    content = b"Subject: large\r\n\r\n" + b".dots and text " * 60 * 8_000 + b"\r\n"
    async with a_peer(a_tls_peer("implicit")) as peer:
        smarthost = a_smarthost(peer, tls="implicit", tls_ca_file=ca_file)
        async with the_way_out(smarthost) as smarthosts:
            assert codes(await send(smarthosts, a_post(content))) == ["ok"]
            assert codes(await send(smarthosts, a_post(content))) == ["ok"]
            assert [mail.content == content for mail in peer.mails] == [True, True]


async def test_what_is_announced_before_tls_counts_no_more_after_it(ca_file: Path) -> None:
    peer = a_tls_peer("starttls", replies={"EHLO": [None, "250-mx\r\n250 8BITMIME"]})
    async with (
        a_peer(peer),
        the_way_out(a_smarthost(peer, tls="starttls", tls_ca_file=ca_file)) as smarthosts,
    ):
        await send(smarthosts, a_post(MAIL, body="8BITMIME"))

        assert peer.mails[0].mail.endswith("> BODY=8BITMIME")  # no SIZE any more


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_certificate_nobody_vouches_for_is_refused(tls: str) -> None:
    async with (
        a_peer(a_tls_peer(tls)) as peer,
        the_way_out(a_smarthost(peer, tls=tls)) as smarthosts,
    ):
        (result,) = await send(smarthosts, a_post())

        assert isinstance(result.error, Deferral)
        assert result.error.code == "smarthost_certificate"
        assert not peer.mails


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_certificate_of_another_name_is_refused(tls: str, ca_file: Path) -> None:
    async with a_peer(a_tls_peer(tls, "smtp.elsewhere.test")) as peer:
        smarthost = a_smarthost(peer, tls=tls, tls_ca_file=ca_file)
        async with the_way_out(smarthost) as smarthosts:
            assert codes(await send(smarthosts, a_post())) == ["smarthost_certificate"]
            assert not peer.mails


async def test_an_unverified_certificate_will_do_where_the_settings_say_so() -> None:
    async with (
        a_peer(a_tls_peer("starttls")) as peer,
        the_way_out(a_smarthost(peer, tls="starttls", tls_verify=False)) as smarthosts,
    ):
        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert peer.mails[0].tls is not None


async def test_a_hop_that_offers_no_starttls_gets_no_mail(ca_file: Path) -> None:
    async with a_peer() as peer:  # or somebody between took the offer out
        smarthost = a_smarthost(peer, tls="starttls", tls_ca_file=ca_file, username="shop")
        async with the_way_out(smarthost) as smarthosts:
            assert codes(await send(smarthosts, a_post())) == ["smarthost_without_tls"]
            assert peer.commands == [peer.commands[0]]
            assert not peer.mails


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("454 4.7.0 TLS not available", "smarthost_busy"),
        ("501 5.5.4 no", "smarthost_without_tls"),
        (HANG_UP, "smarthost_unreachable"),
    ],
)
async def test_a_refused_starttls_gets_no_mail(reply: str, code: str, ca_file: Path) -> None:
    peer = a_tls_peer("starttls", replies={"STARTTLS": reply})
    async with a_peer(peer):
        smarthost = a_smarthost(peer, tls="starttls", tls_ca_file=ca_file)
        async with the_way_out(smarthost) as smarthosts:
            assert codes(await send(smarthosts, a_post())) == [code]
            assert not peer.mails


async def test_tls_on_a_port_without_it_says_so(ca_file: Path) -> None:
    async with a_peer() as peer:
        smarthost = a_smarthost(peer, tls="implicit", tls_ca_file=ca_file)
        async with the_way_out(smarthost) as smarthosts:
            assert codes(await send(smarthosts, a_post())) == ["smarthost_without_tls"]


async def test_what_was_injected_before_tls_is_never_read_as_if_it_came_through_it(
    ca_file: Path,
) -> None:
    peer = a_tls_peer("starttls", replies={"STARTTLS": "220 go on\r\n250 injected"})
    async with a_peer(peer):
        smarthost = a_smarthost(peer, tls="starttls", tls_ca_file=ca_file)
        async with the_way_out(smarthost) as smarthosts:
            assert codes(await send(smarthosts, a_post())) == ["smarthost_protocol"]
            assert not peer.mails


async def test_tls_that_is_cut_during_the_handshake_is_unreachable(ca_file: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer = SmtpPeer(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    async with the_way_out(a_smarthost(peer, tls="implicit", tls_ca_file=ca_file)) as smarthosts:
        (result,) = await send(smarthosts, a_post())

        assert isinstance(result.error, Deferral)
        assert result.error.code in ("smarthost_unreachable", "smarthost_without_tls")
    server.close()


async def test_a_handshake_that_stalls_ends_in_time(ca_file: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer = SmtpPeer(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    smarthost = a_smarthost(peer, tls="implicit", tls_ca_file=ca_file, connect_timeout_s=0.3)
    async with the_way_out(smarthost) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["smarthost_unreachable"]
    server.close()


async def test_old_tls_is_not_spoken(ca_file: Path) -> None:
    peer = a_tls_peer("implicit")
    assert peer.tls_context is not None
    peer.tls_context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        peer.tls_context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        peer.tls_context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with a_peer(peer):
        smarthost = a_smarthost(peer, tls="implicit", tls_ca_file=ca_file)
        async with the_way_out(smarthost) as smarthosts:
            (result,) = await send(smarthosts, a_post())

            assert isinstance(result.error, Deferral)
            assert result.error.code in ("smarthost_unreachable", "smarthost_without_tls")
            assert not peer.connections


async def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    nothing = tmp_path / "none.pem"
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (nothing, empty):
        smarthost = Smarthost(host="127.0.0.1", tls_ca_file=path)
        async with the_way_out(smarthost) as smarthosts:
            with pytest.raises(SettingsError, match=path.name):
                await smarthosts.check("default")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tls": "none", "allow_plaintext": True}, "smarthost_without_tls"),
        ({"tls": "starttls", "tls_verify": False}, "smarthost_certificate"),
        ({"tls": "implicit", "tls_verify": False}, "smarthost_certificate"),
    ],
)
async def test_a_secret_is_told_to_nobody_who_is_not_verified(
    changes: dict[str, object], code: str
) -> None:
    """The settings refuse it too; this is the door itself."""
    smarthost = Smarthost(host="smtp.example.pl", username="shop", **changes)

    with pytest.raises(Trouble) as caught:
        _refuse_to_tell(Connection(Wire(), smarthost))

    assert caught.value.code == code

"""Log-in with name and password, or with a token; nothing of it is ever told on."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import structlog

from awizo.errors import Deferral, SettingsError
from awizo.settings import Smarthost, load_settings
from awizo.smarthost.auth import mechanisms
from support.peers import Certificates, SmtpPeer, a_peer
from support.smarthost_parts import (
    Clock,
    a_post,
    a_smarthost,
    an_address_of_this_machine,
    codes,
    send,
    the_way_out,
)

USER, PASSWORD = "shop@example.pl", "canary-zażółć-4711"


def a_locked_peer(*auth: str, **changes: object) -> SmtpPeer:
    return SmtpPeer(auth=auth, users={USER: PASSWORD}, **changes)  # type: ignore[arg-type]


def a_key(peer: SmtpPeer, **changes: object) -> Smarthost:
    return a_smarthost(peer, **{"username": USER, "password": PASSWORD, **changes})


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
async def test_each_mechanism_lets_us_in(mechanism: str) -> None:
    async with a_peer(a_locked_peer(mechanism)) as peer, the_way_out(a_key(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert peer.mails[0].user == USER


async def test_the_settings_may_choose_the_mechanism() -> None:
    async with (
        a_peer(a_locked_peer("PLAIN", "LOGIN", "CRAM-MD5")) as peer,
        the_way_out(a_key(peer, auth="cram-md5")) as smarthosts,
    ):
        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert "AUTH CRAM-MD5" in peer.commands
        assert not peer.passwords_seen


@pytest.mark.parametrize(
    ("auth", "offered", "tried"),
    [
        ("auto", "CRAM-MD5 LOGIN PLAIN", ("PLAIN", "LOGIN", "CRAM-MD5")),
        ("auto", "login GSSAPI", ("LOGIN",)),
        ("auto", "XOAUTH2", ()),
        ("login", "PLAIN LOGIN", ("LOGIN",)),
        ("cram-md5", "PLAIN", ()),
    ],
)
def test_mechanisms_are_tried_in_order_as_far_as_they_are_offered(
    auth: str, offered: str, tried: tuple[str, ...]
) -> None:
    smarthost = Smarthost.model_validate({"auth": auth})
    assert mechanisms(smarthost, offered) == tried


async def test_a_mechanism_that_was_offered_in_vain_gives_way_to_the_next() -> None:
    peer = a_locked_peer("LOGIN", replies={"EHLO": "250-mx\r\n250 AUTH PLAIN LOGIN"})
    async with a_peer(peer), the_way_out(a_key(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["ok"]


async def test_the_older_spelling_of_the_offer_is_understood() -> None:
    peer = a_locked_peer("LOGIN", replies={"EHLO": "250-mx\r\n250 AUTH=LOGIN"})
    async with a_peer(peer), the_way_out(a_key(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["ok"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
async def test_a_wrong_password_waits_for_a_person(mechanism: str) -> None:
    async with (
        a_peer(a_locked_peer(mechanism)) as peer,
        the_way_out(a_key(peer, password="mistaken")) as smarthosts,
    ):
        (result,) = await send(smarthosts, a_post())

        assert isinstance(result.error, Deferral)
        assert result.error.code == "smarthost_auth_failed"
        assert result.reply.startswith("535 5.7.8")
        assert not peer.mails


async def test_a_wrong_password_is_not_said_again_for_every_mail() -> None:
    clock = Clock()
    async with (
        a_peer(a_locked_peer("PLAIN")) as peer,
        the_way_out(a_key(peer, password="mistaken"), now=clock) as smarthosts,
    ):
        for _ in range(20):
            assert codes(await send(smarthosts, a_post())) == ["smarthost_auth_failed"]
        assert len(peer.passwords_seen) == 1

        clock.tick(61)
        await send(smarthosts, a_post())
        await send(smarthosts, a_post())
        assert len(peer.passwords_seen) == 2


async def test_a_hop_that_cannot_check_passwords_now_is_asked_later() -> None:
    peer = a_locked_peer("PLAIN", replies={"AUTH": "454 4.7.0 temporary failure"})
    async with a_peer(peer), the_way_out(a_key(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["smarthost_busy"]


async def test_nothing_is_sent_where_the_log_in_is_not_offered() -> None:
    async with a_peer() as peer, the_way_out(a_key(peer)) as smarthosts:
        (result,) = await send(smarthosts, a_post())

        assert result.error is not None
        assert result.error.code == "smarthost_auth_failed"
        assert "no AUTH" in result.reply
        assert not peer.mails


async def test_the_password_is_told_over_tls_only_after_tls_began(tmp_path: Path) -> None:
    certificates = Certificates()
    ca_file = tmp_path / "ca.pem"
    certificates.authority.cert_pem.write_to_path(str(ca_file))
    peer = a_locked_peer("PLAIN", tls="starttls", tls_context=certificates.server_context())
    async with (
        a_peer(peer),
        the_way_out(a_key(peer, tls="starttls", tls_ca_file=ca_file)) as smarthosts,
    ):
        assert codes(await send(smarthosts, a_post())) == ["ok"]

        assert [(user, secret) for user, secret, _ in peer.passwords_seen] == [(USER, PASSWORD)]
        assert all(tls is not None for *_, tls in peer.passwords_seen)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tls": "none", "allow_plaintext": True}, "smarthost_without_tls"),
        ({"tls": "starttls", "tls_verify": False}, "smarthost_certificate"),
    ],
)
async def test_no_password_leaves_this_machine_without_verified_tls(
    changes: dict[str, object], code: str
) -> None:
    """The settings refuse it at start; this is what holds should they not."""
    certificates = Certificates()
    peer = a_locked_peer(
        "PLAIN", tls=str(changes["tls"]), tls_context=certificates.server_context()
    )
    host = an_address_of_this_machine()
    await peer.start("0.0.0.0")
    try:
        async with the_way_out(a_key(peer, host=host, **changes)) as smarthosts:
            assert codes(await send(smarthosts, a_post())) == [code]
            assert not peer.passwords_seen
    finally:
        await peer.close()


@pytest.mark.parametrize(
    "echo",
    [
        PASSWORD,
        base64.b64encode(PASSWORD.encode()).decode(),
        base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode(),
    ],
)
async def test_a_hop_that_repeats_the_password_puts_it_into_no_record(echo: str) -> None:
    peer = a_locked_peer("PLAIN", replies={"AUTH": f"535 5.7.8 wrong: {echo}"})
    async with a_peer(peer), the_way_out(a_key(peer)) as smarthosts:
        with structlog.testing.capture_logs() as logs:
            (result,) = await send(smarthosts, a_post())

        for told in (result.reply, str(result.error), repr(logs)):
            assert echo not in told
            assert "canary" not in told


# --- tokens -----------------------------------------------------------------------------------


class TokenEndpoint:
    """A token endpoint over real HTTP: one answer for each request."""

    def __init__(self, *answers: tuple[int, dict[str, object]]) -> None:
        self.answers = list(answers)
        self.forms: list[dict[str, list[str]]] = []
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[TokenEndpoint]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/token"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        self.forms.append(parse_qs((await reader.readexactly(length)).decode()))
        status, answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body = json.dumps(answer).encode()
        writer.write(
            b"HTTP/1.1 %d x\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % (status, len(body)) + body
        )
        await writer.drain()
        writer.close()


def granted(token: str, **more: object) -> tuple[int, dict[str, object]]:
    return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600, **more}


def a_token_key(peer: SmtpPeer, endpoint: TokenEndpoint, **changes: object) -> Smarthost:
    values: dict[str, object] = {
        "username": USER,
        "oauth_token_url": endpoint.url,
        "oauth_client_id": "client",
        "oauth_client_secret": "canary-secret",
        "oauth_refresh_token": "canary-refresh",
        **changes,
    }
    return a_smarthost(peer, **values)


async def test_xoauth2_fetches_a_token_once_for_many_connections() -> None:
    peer = SmtpPeer(auth=("XOAUTH2", "PLAIN"), tokens={"t1"})
    async with TokenEndpoint(granted("t1")).listening() as endpoint, a_peer(peer):
        smarthost = a_token_key(peer, endpoint, oauth_scope="smtp.send", idle_close_s=0)
        async with the_way_out(smarthost) as smarthosts:
            results = await asyncio.gather(*(send(smarthosts, a_post()) for _ in range(4)))

            assert [codes(one) for one in results] == [["ok"]] * 4
            assert peer.mails[0].user == USER
            assert endpoint.forms == [
                {
                    "grant_type": ["refresh_token"],
                    "refresh_token": ["canary-refresh"],
                    "client_id": ["client"],
                    "client_secret": ["canary-secret"],
                    "scope": ["smtp.send"],
                }
            ]


async def test_a_token_is_fetched_anew_before_it_runs_out() -> None:
    clock = Clock()
    peer = SmtpPeer(auth=("XOAUTH2",), tokens={"t1", "t2"})
    async with TokenEndpoint(granted("t1"), granted("t2")).listening() as endpoint, a_peer(peer):
        smarthost = a_token_key(peer, endpoint, idle_close_s=0)
        async with the_way_out(smarthost, now=clock) as smarthosts:
            await send(smarthosts, a_post())
            clock.tick(3600 - 61)
            await send(smarthosts, a_post())
            clock.tick(2)
            await send(smarthosts, a_post())

            assert [token for _, token, _ in peer.passwords_seen] == ["t1", "t1", "t2"]


async def test_a_withdrawn_token_is_replaced_at_once() -> None:
    peer = SmtpPeer(auth=("XOAUTH2",), tokens={"t2"})
    async with (
        TokenEndpoint(granted("t1"), granted("t2")).listening() as endpoint,
        a_peer(peer),
        the_way_out(a_token_key(peer, endpoint)) as smarthosts,
    ):
        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert [token for _, token, _ in peer.passwords_seen] == ["t1", "t2"]


async def test_a_withdrawn_token_is_replaced_once_for_all_connections() -> None:
    peer = SmtpPeer(auth=("XOAUTH2",), tokens={"t2"})
    answers = (granted("t1"), granted("t2"), granted("t3"))
    async with TokenEndpoint(*answers).listening() as endpoint, a_peer(peer):
        smarthost = a_token_key(peer, endpoint, max_connections=4)
        async with the_way_out(smarthost) as smarthosts:
            results = await asyncio.gather(*(send(smarthosts, a_post()) for _ in range(4)))

            assert [codes(one) for one in results] == [["ok"]] * 4
            assert len(endpoint.forms) == 2


async def test_a_token_that_is_never_taken_waits_for_a_person() -> None:
    peer = SmtpPeer(auth=("XOAUTH2",))
    async with (
        TokenEndpoint(granted("canary-access")).listening() as endpoint,
        a_peer(peer),
        the_way_out(a_token_key(peer, endpoint)) as smarthosts,
    ):
        (result,) = await send(smarthosts, a_post())

        assert isinstance(result.error, Deferral)
        assert result.error.code == "smarthost_auth_failed"
        assert "canary" not in str(result.error)


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ((400, {"error": "invalid_grant"}), "smarthost_auth_failed", "invalid_grant"),
        ((401, {"error": "invalid_client"}), "smarthost_auth_failed", "invalid_client"),
        ((403, {}), "smarthost_auth_failed", "HTTP 403"),
        ((503, {}), "smarthost_unreachable", "HTTP 503"),
        ((200, {"odd": 1}), "smarthost_unreachable", "no token"),
    ],
)
async def test_a_token_endpoint_in_trouble_is_told_apart(
    answer: tuple[int, dict[str, object]], code: str, words: str
) -> None:
    peer = SmtpPeer(auth=("XOAUTH2",))
    async with (
        TokenEndpoint(answer).listening() as endpoint,
        a_peer(peer),
        the_way_out(a_token_key(peer, endpoint)) as smarthosts,
    ):
        (result,) = await send(smarthosts, a_post())

        assert result.error is not None
        assert result.error.code == code
        assert words in result.reply


async def test_a_new_refresh_token_is_kept_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "refresh-token"
    path.write_text("first\n")
    peer = SmtpPeer(auth=("XOAUTH2",), tokens={"t1"})
    answer = granted("t1", refresh_token="second")
    async with TokenEndpoint(answer).listening() as endpoint, a_peer(peer):
        smarthost = a_token_key(
            peer, endpoint, oauth_refresh_token=None, oauth_refresh_token_file=path
        )
        for _ in range(2):  # the second time as after a restart
            async with the_way_out(smarthost) as smarthosts:
                assert codes(await send(smarthosts, a_post())) == ["ok"]

        assert [form["refresh_token"] for form in endpoint.forms] == [["first"], ["second"]]
        assert path.read_text() == "second\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not path.with_name(".refresh-token.new").exists()


async def test_a_new_refresh_token_that_cannot_be_kept_is_told_about() -> None:
    peer = SmtpPeer(auth=("XOAUTH2",), tokens={"t1"})
    answer = granted("t1", refresh_token="canary-second")
    async with (
        TokenEndpoint(answer).listening() as endpoint,
        a_peer(peer),
        the_way_out(a_token_key(peer, endpoint)) as smarthosts,
    ):
        with structlog.testing.capture_logs() as logs:
            assert codes(await send(smarthosts, a_post())) == ["ok"]

        assert any(line["event"] == "refresh_token_not_kept" for line in logs)
        assert "canary" not in repr(logs)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('username = "a"\npassword = "b"\ntls = "none"\nallow_plaintext = true\n', "password"),
        ('username = "a"\npassword = "b"\ntls_verify = false\n', "tls_ca_file"),
        ('auth = "xoauth2"\nusername = "a"\n', "oauth_refresh_token_file"),
        ('oauth_refresh_token = "x"\nusername = "a"\noauth_client_id = "c"\n', "oauth_token_url"),
        (
            'oauth_refresh_token = "x"\nusername = "a"\noauth_client_id = "c"\n'
            'oauth_token_url = "http://login.example.pl/token"\n',
            "https",
        ),
        ('fallback = ["default"]\n', "fallback"),
    ],
)
def test_settings_that_would_tell_a_secret_are_refused(
    lines: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "awizo.toml"
    path.write_text(f'[smarthost]\nhost = "smtp.example.pl"\n{lines}')

    with pytest.raises(SettingsError, match=words):
        load_settings(path, environ={})

"""Attacks with raw sockets, each by its name."""

from __future__ import annotations

import asyncio
import contextlib
import random
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from awizo.intake.paths import Sender, read_mail, read_rcpt
from awizo.model import Recipient
from support.intake_parts import MemorySpool, RawClient, a_listener, until

EVIL = (
    b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nowned"
)


@pytest.mark.parametrize(
    "fake_end",
    [
        b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n",
        b"\r\n.\r\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n..\r\n", b"\r\n. \r\n",
        b"\r\n .\r\n", b"\n\n.\n\n", b"\r\n.\x0b\r\n", b"\r\n.\x85\r\n", b"\x1a\r\n..\x1a",
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["normalize", "reject"])
@pytest.mark.parametrize("split", [False, True], ids=["one packet", "byte by byte"])
async def test_no_second_mail_can_be_smuggled_in_a_first(
    fake_end: bytes, mode: str, split: bool
) -> None:
    content = b"Subject: first\r\n\r\nhello" + fake_end + EVIL + b"\r\n.\r\nQUIT\r\n"
    async with a_listener(bare_line_ends=mode) as listener:
        client = await listener.connect()
        await client.begin()
        for part in [content[i : i + 1] for i in range(len(content))] if split else [content]:
            await client.send(part)
        answers = await client.rest()

        assert answers.count(b"\r\n") == 2  # one for the mail, one for QUIT
        assert answers[:3] in (b"250", b"550")
        assert len(listener.spool.mails) == (1 if answers.startswith(b"250") else 0)
        for mail in listener.spool.mails:
            assert mail.message.envelope.reverse_path == "shop@example.pl"
            # And nothing in it ends a message at the next hop.
            assert mail.content.count(b"\r\n") == mail.content.count(b"\n")
            assert mail.content.count(b"\r\n") == mail.content.count(b"\r")


@pytest.mark.parametrize(
    "address",
    [
        b"a@b.pl>\rRCPT TO:<victim@example.com", b"a\rb@example.com", b"a\nb@example.com",
        b"a\0@example.com", b"a@example.com\0", b'"a\rb"@example.com', b'"a\\\rb"@example.com',
        b"a@example.com> NOTIFY=NEVER\rX", b"a\x7f@example.com", b"a@exam\tple.com",
        b"a\xe2\x80\xa8b@example.com", b"a\xc2\x85b@example.com", b"a<b@example.com",
        b'"a"b"@example.com', b"a@[192.0.2.1]x", b"a@[IPv6:fe80::1%eth0]", b"@example.com",
        b"a@", b"a@.", b"a@b..c", b"x" * 300 + b"@" + b"y" * 60 + b".pl",
    ],
)  # fmt: skip
@pytest.mark.parametrize("utf8", [b"", b" SMTPUTF8"])
async def test_no_address_can_break_out_of_its_line(address: bytes, utf8: bytes) -> None:
    async with a_listener() as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")
        assert (await client.ask(b"MAIL FROM:<a@b.pl>" + utf8))[:3] == "250"
        await client.send(b"RCPT TO:<" + address + b">\r\nNOOP\r\n")
        answers = []
        while True:
            answers.append(await client.reply())
            if answers[-1] == "250 2.0.0 OK":
                break

        assert all(answer.startswith("5") for answer in answers[:-1])
        assert (await client.ask("DATA"))[:3] in ("503", "554")


@pytest.mark.parametrize("name", ["ENVID", "ORCPT", "RET", "NOTIFY", "AUTH", "X"])
@pytest.mark.parametrize("value", [b"a\rb", b"a\0b", b"a b", b"+0", b"a=b", b"\xff", b""])
async def test_no_parameter_can_break_out_of_its_line(name: str, value: bytes) -> None:
    async with a_listener() as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")
        await client.send(b"MAIL FROM:<a@b.pl> " + name.encode() + b"=" + value + b"\r\n")

        assert (await client.reply()).startswith("5")


async def test_a_header_cannot_be_injected_by_the_name_a_client_gives() -> None:
    async with a_listener() as listener:
        client = await listener.connect()
        assert (await client.ask(b"EHLO a\rX-Injected: y")).startswith("500 ")
        await client.ask("EHLO zażółć\u202e <x>")
        await client.ask("MAIL FROM:<a@b.pl>")
        await client.ask("RCPT TO:<c@d.pl>")
        await client.ask("DATA")
        await client.ask("text\r\n.")

        helo = listener.spool.mails[0].message.envelope.client.helo
        assert helo == "zażółć? <x>"
        assert listener.spool.contents == [b"text\r\n"]


async def test_pipelined_garbage_ends_in_421() -> None:
    noise = random.Random(4).randbytes(200_000)
    async with a_listener() as listener:
        client = await listener.connect()
        with contextlib.suppress(ConnectionError):
            await client.send(noise + b"\r\n" * 50)
        with contextlib.suppress(ConnectionError):
            assert (await client.rest()).rstrip().split(b"\r\n")[-1].startswith(b"421 ")

        assert (await (await listener.connect()).mail(b"text")).startswith("250 ")


async def test_a_line_without_end_takes_no_memory() -> None:
    async with a_listener() as listener:
        client = await listener.connect()
        for _ in range(200):
            await client.send(b"A" * 65_536)
        await client.send(b"\r\n")

        assert (await client.reply()).startswith("500 5.5.2 ")
        (session,) = listener.server._sessions
        assert len(session._wire._buffer) == 0


async def test_a_client_that_never_reads_is_paused_and_not_buffered() -> None:
    async with a_listener(max_commands=10**9) as listener:
        client = await listener.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while True:
                await client.send(b"HELP\r\n" * 10_000)
                sent += 60_000

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flood(), 1.5)
        (session,) = listener.server._sessions
        assert session.transport.get_write_buffer_size() < 2_000_000
        assert len(session._wire._buffer) < 1_000_000
        assert sum(map(len, session._out)) < 2_000_000


async def test_a_client_that_never_reads_is_cut_off_in_the_end() -> None:
    async with a_listener(max_commands=10**9, idle_timeout_s=0.5) as listener:
        client = await listener.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(5):
                while listener.server._sessions:
                    await client.send(b"HELP\r\n" * 10_000)

        await until(lambda: not listener.server._sessions)


async def test_a_flood_of_commands_does_not_stop_the_others() -> None:
    async with a_listener(max_commands=10**9) as listener:
        flooder, other = await listener.connect(), await listener.connect()
        reading = asyncio.create_task(flooder.reader.read(10**9))
        flooding = asyncio.create_task(flooder.send(b"NOOP\r\n" * 200_000))
        await asyncio.sleep(0.1)
        started = asyncio.get_running_loop().time()

        assert (await other.ask("NOOP"))[:3] == "250"
        assert asyncio.get_running_loop().time() - started < 2
        for task in (flooding, reading):
            task.cancel()
        await asyncio.gather(flooding, reading, return_exceptions=True)


async def test_ten_thousand_recipients_are_bounded() -> None:
    async with a_listener(max_recipients=100) as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")
        await client.ask("MAIL FROM:<a@b.pl>")
        await client.send(b"".join(b"RCPT TO:<r%d@example.com>\r\n" % n for n in range(5000)))
        codes = await client.codes(5000)

        assert codes == ["250"] * 100 + ["452"] * 4900
        await client.ask("DATA")
        assert (await client.ask("text\r\n.")).startswith("250 ")
        assert len(listener.spool.mails[0].message.deliveries) == 100


async def test_half_open_connections_do_not_keep_others_out() -> None:
    async with a_listener(max_connections=50, idle_timeout_s=0.5) as listener:
        lorises = [await listener.connect() for _ in range(49)]
        for loris in lorises:
            await loris.send(b"EHL")

        assert (await (await listener.connect()).mail(b"text")).startswith("250 ")
        for loris in lorises:
            assert (await loris.reply()).startswith("421 4.4.2 ")


async def test_a_command_hidden_in_base64_is_no_command() -> None:
    users = {"shop": {"password": "secret"}}
    async with a_listener(users=users, auth_fail_delay_s=0) as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")
        await client.send(b"AUTH LOGIN\r\nMAIL FROM:<evil@example.com>\r\nNOOP\r\n")

        assert (await client.reply()).startswith("334 ")
        assert (await client.reply()).startswith("501 5.5.2 ")
        assert (await client.reply()).startswith("250 2.0.0 ")


async def test_secrets_and_addresses_stay_out_of_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    users = {"canaryuser": {"password": "canarypassword"}}
    spool = MemorySpool(failure=RuntimeError("oops"))
    async with a_listener(spool, users=users, auth_fail_delay_s=0) as listener:
        client = await listener.connect()
        await client.ask("EHLO shop")
        await client.ask("AUTH PLAIN AGNhbmFyeXVzZXIAY2FuYXJ5cGFzc3dvcmQ=")
        await client.ask("AUTH PLAIN AGNhbmFyeXVzZXIAY2FuYXJ5d3Jvbmc=")
        await client.mail(b"Subject: canarysubject\r\n\r\ncanarybody", recipient="canary@a.pl")
        spool.failure = None
        await client.mail(b"Subject: canarysubject\r\n\r\ncanarybody", sender="canary@b.pl")

    written = capsys.readouterr()
    assert "mail_accepted" in written.out + written.err
    assert "mail_not_accepted" in written.out + written.err
    assert "canary" not in written.out + written.err


PIECES = st.sampled_from(
    [
        "a", "ż", "@", ".", "<", ">", '"', "\\", " ", ":", ",", ";", "=", "+", "[", "]", "\t", "%",
        "\r\n", "\n", "\0", "\x7f", "\x85", "\u2028", "\udcff", "a@b.pl", "b.pl", "SIZE=1", "(",
        "NOTIFY=NEVER", "ORCPT=rfc822;x", "ENVID=x", "SMTPUTF8", "RET=HDRS", "FROM:<", "TO:<", "!",
        "127.0.0.1", "IPv6:::1", "xn--", ")",
    ]
)  # fmt: skip
ARGUMENTS = st.builds(
    lambda keyword, pieces: f"{keyword}:<" + "".join(pieces),
    st.sampled_from(["FROM", "TO"]),
    st.lists(PIECES, max_size=14),
)


@settings(max_examples=2000, deadline=None)
@given(ARGUMENTS | st.text(max_size=40))
@example('FROM:<"a\\"> b"@c.pl> SIZE=1')
@example("TO:<a@b.pl> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+40b.pl")
def test_whatever_is_taken_for_an_address_is_written_and_read_as_the_same(argument: str) -> None:
    sender = read_mail(argument, extended=True)
    if isinstance(sender, Sender):
        again = f"FROM:<{sender.address}>" + (" SMTPUTF8" if sender.smtputf8 else "")
        assert again.isprintable()
        found = read_mail(again, extended=True)
        assert isinstance(found, Sender)
        assert found.address == sender.address
    recipient = read_rcpt(argument, extended=True, smtputf8=True)
    if isinstance(recipient, Recipient):
        again = f"TO:<{recipient.address}>"
        for key in ("notify", "orcpt"):
            if value := getattr(recipient, key):
                again += f" {key.upper()}={value}"
        assert again.isprintable()
        assert read_rcpt(again, extended=True, smtputf8=True) == recipient


# --- fuzzing --------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        b"EHLO x", b"HELO x", b"MAIL FROM:<a@b.pl>", b"MAIL FROM:<>", b"RCPT TO:<c@d.pl>",
        b"RCPT TO:<e@f.pl> NOTIFY=NEVER", b"DATA", b"RSET", b"NOOP", b"QUIT", b"VRFY x", b"HELP",
        b"AUTH PLAIN", b"AUTH LOGIN", b"AUTH PLAIN AHNob3AAc2VjcmV0", b"STARTTLS", b"EXPN",
        b".", b"..", b"text", b"*", b"", b"\0", b"\r", b"BDAT 5 LAST", b"XCLIENT ADDR=1.2.3.4",
        b"MAIL FROM:<a@b.pl> SIZE=5 BODY=8BITMIME SMTPUTF8", b"\xff\xfe", b"MAIL FROM:",
        b"RCPT TO:<" + b"x" * 5000 + b">", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2",
    ]
)  # fmt: skip
LINES = st.lists(
    st.tuples(st.one_of(WORDS, st.binary(max_size=60)), st.sampled_from([b"\r\n", b"\n", b"\r"])),
    max_size=30,
)


async def play(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> bytes:
    stream = b"".join(word + end for word, end in lines)
    spool = MemorySpool()
    users = {"shop": {"password": "secret"}}
    async with a_listener(spool, users=users, auth_fail_delay_s=0, max_errors=1000) as listener:
        client: RawClient = await listener.connect()
        borders = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
        with contextlib.suppress(OSError):
            for start, end in pairwise(borders):
                await client.send(stream[start:end])
                await asyncio.sleep(0)
            client.writer.write_eof()
        answers = b""
        with contextlib.suppress(OSError):
            answers = await client.rest(timeout_s=20)
        accepted = answers.count(b"250 2.0.0 queued as ")
        assert accepted == len(spool.mails)
        await client.close()
    return answers


@settings(max_examples=60, deadline=None)
@given(LINES, st.lists(st.integers(min_value=0, max_value=4000), max_size=6))
def test_any_dialogue_is_answered_in_whole_lines_without_an_error_of_ours(
    lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    answers = asyncio.run(play(lines, cuts))

    assert b"451 " not in answers
    for line in answers.split(b"\r\n")[:-1]:
        assert line[:3].isdigit(), line
        assert line[3:4] in (b" ", b"-"), line
        # RFC 2034: an enhanced code of the same class, but for HELO, EHLO and 3xx.
        plain = line.startswith((b"250-", b"250 HELP", b"250 mx.test", b"334 ", b"354 "))
        assert plain or line[4:6] == line[:1] + b".", line


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(LINES, st.lists(st.integers(min_value=0, max_value=4000), max_size=6))
def test_a_great_many_dialogues_are_answered_in_whole_lines(
    lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    test_any_dialogue_is_answered_in_whole_lines_without_an_error_of_ours.hypothesis.inner_test(  # type: ignore[attr-defined]
        lines, cuts
    )

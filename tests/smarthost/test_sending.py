"""A mail leaves as it came, and each recipient gets an answer of its own."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from awizo.errors import Deferral, PermanentFailure
from awizo.model import Recipient
from support.peers import GOOD, HANG_UP, SmtpPeer, a_peer
from support.smarthost_parts import MAIL, SENDER, a_post, a_smarthost, codes, send, the_way_out


async def test_a_mail_arrives_byte_for_byte_with_its_envelope() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        post = a_post(MAIL, "a@x.test", "b@y.test")

        results = await send(smarthosts, post)

        (mail,) = peer.mails
        assert mail.content == MAIL
        assert hashlib.sha256(mail.content).hexdigest() == post.message.sha256
        assert (mail.reverse_path, mail.recipients) == (SENDER, ("a@x.test", "b@y.test"))
        assert [result.recipient for result in results] == list(post.recipients)
        assert all(result.ok and result.reply == "250 2.0.0 queued" for result in results)
        assert results[0].host == f"127.0.0.1:{peer.port}"


async def test_one_transaction_carries_all_recipients_in_one_burst() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        await send(smarthosts, a_post(MAIL, "a@x.test", "b@y.test", "c@z.test"))

        verbs = [command.split(" ")[0] for command in peer.commands]
        assert verbs == ["EHLO", "MAIL", "RCPT", "RCPT", "RCPT", "DATA"]
        (burst,) = [one for one in peer.connections[0].bursts if one.startswith(b"MAIL")]
        assert burst.count(b"RCPT") == 3
        assert burst.endswith(b"DATA\r\n")


async def test_without_pipelining_each_command_waits_for_its_answer() -> None:
    peer = SmtpPeer(extensions=("8BITMIME",))
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(MAIL, "a@x.test", "b@y.test"))

        assert codes(results) == ["ok", "ok"]
        assert all(burst.count(b"\r\n") == 1 for burst in peer.connections[0].bursts[:4])


async def test_each_recipient_has_a_result_of_its_own() -> None:
    peer = SmtpPeer(
        replies={
            "RCPT gone@x.test": "550 5.1.1 no such user",
            "RCPT later@x.test": "450 4.2.0 greylisted",
        }
    )
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(
            smarthosts, a_post(MAIL, "ok@x.test", "gone@x.test", "later@x.test", "too@x.test")
        )

        assert codes(results) == ["ok", "smarthost_refused", "smarthost_busy", "ok"]
        assert isinstance(results[1].error, PermanentFailure)
        assert results[1].reply == "550 5.1.1 no such user"
        assert isinstance(results[2].error, Deferral)
        assert peer.mails[0].recipients == ("ok@x.test", "too@x.test")


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("8BITMIME",)])
@pytest.mark.parametrize("data", ["503 5.5.1 no valid recipients", "354 go on", HANG_UP])
@pytest.mark.parametrize("refused", ["MAIL", "RCPT"])
async def test_when_nobody_is_accepted_no_content_is_sent_whatever_data_is_answered(
    extensions: tuple[str, ...], data: Any, refused: str
) -> None:
    pipelined = "PIPELINING" in extensions
    peer = SmtpPeer(
        extensions=extensions,
        replies={
            refused: ["550 5.1.1 no", None],
            "DATA": [data, None] if pipelined else [None],
        },
    )
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["smarthost_refused"]
        assert ("DATA" in peer.commands) is pipelined
        assert not peer.mails

        assert codes(await send(smarthosts, a_post())) == ["ok"]
        assert [mail.content for mail in peer.mails] == [MAIL]


async def test_a_421_to_a_data_that_was_said_too_early_ends_the_connection_only() -> None:
    peer = SmtpPeer(replies={"RCPT": ["550 5.1.1 no", None], "DATA": ["421 4.3.2 closing", None]})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        assert codes(await send(smarthosts, a_post())) == ["smarthost_refused"]
        assert codes(await send(smarthosts, a_post())) == ["ok"]


async def test_the_null_reverse_path_stays_null() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        await send(smarthosts, a_post(MAIL, reverse_path=""))

        assert peer.mails[0].mail.startswith("MAIL FROM:<> ")


async def test_dsn_parameters_go_on_with_their_xtext() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        recipient = Recipient("a@x.test", notify="SUCCESS,FAILURE", orcpt="rfc822;A+2Bb@x.test")
        await send(smarthosts, a_post(MAIL, recipient, ret="HDRS", envid="Id+2B7+3D"))

        assert peer.mails[0].mail == (
            f"MAIL FROM:<{SENDER}> SIZE={len(MAIL)} RET=HDRS ENVID=Id+2B7+3D"
        )
        assert peer.mails[0].rcpts == (
            "RCPT TO:<a@x.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;A+2Bb@x.test",
        )


async def test_nothing_is_said_that_the_next_hop_did_not_offer() -> None:
    peer = SmtpPeer(extensions=())
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        recipient = Recipient("a@x.test", notify="NEVER", orcpt="rfc822;a@x.test")
        results = await send(
            smarthosts, a_post(MAIL, recipient, ret="FULL", envid="x", body="8BITMIME")
        )

        assert codes(results) == ["ok"]
        assert peer.mails[0].mail == f"MAIL FROM:<{SENDER}>"
        assert peer.mails[0].rcpts == ("RCPT TO:<a@x.test>",)


async def test_eight_bit_content_is_declared_even_where_the_shop_did_not() -> None:
    content = "Subject: x\r\n\r\nZażółć\r\n".encode()
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        await send(smarthosts, a_post(content))

        assert "BODY=8BITMIME" in peer.mails[0].mail
        assert peer.mails[0].content == content


async def test_a_next_hop_without_8bitmime_never_gets_an_eight_bit_mail() -> None:
    peer = SmtpPeer(extensions=tuple(one for one in GOOD if one != "8BITMIME"))
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        eight_bit = await send(smarthosts, a_post("Subject: x\r\n\r\nZażółć\r\n".encode()))
        seven_bit = await send(smarthosts, a_post(MAIL, body="8BITMIME"))

        assert codes(eight_bit) == ["next_hop_lacks_8bitmime"]
        assert isinstance(eight_bit[0].error, PermanentFailure)
        assert codes(seven_bit) == ["ok"]
        assert len(peer.mails) == 1


async def test_an_international_recipient_needs_smtputf8_and_the_others_do_not() -> None:
    peer = SmtpPeer(extensions=tuple(one for one in GOOD if one != "SMTPUTF8"))
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(MAIL, "żółć@x.test", "a@x.test", smtputf8=True))

        assert codes(results) == ["next_hop_lacks_smtputf8", "ok"]
        assert peer.mails[0].recipients == ("a@x.test",)


async def test_an_international_header_or_sender_needs_smtputf8() -> None:
    header = "Subject: Zażółć\r\n\r\nx\r\n".encode()
    peer = SmtpPeer(extensions=tuple(one for one in GOOD if one != "SMTPUTF8"))
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        by_header = await send(smarthosts, a_post(header, smtputf8=True))
        by_sender = await send(smarthosts, a_post(MAIL, reverse_path="ż@x.test", smtputf8=True))
        undeclared = await send(smarthosts, a_post(header))

        assert codes(by_header) == codes(by_sender) == ["next_hop_lacks_smtputf8"]
        assert codes(undeclared) == ["ok"]  # what shops send every day, and every server takes


async def test_smtputf8_goes_on_where_the_next_hop_takes_it() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(MAIL, "żółć@x.test", smtputf8=True))

        assert codes(results) == ["ok"]
        assert peer.mails[0].mail.endswith(" SMTPUTF8")
        assert peer.mails[0].recipients == ("żółć@x.test",)


async def test_a_mail_larger_than_the_next_hop_takes_is_not_offered() -> None:
    peer = SmtpPeer(extensions=("SIZE 100",))
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(b"Subject: x\r\n\r\n" + b"y" * 200 + b"\r\n"))

        assert codes(results) == ["smarthost_size_limit"]
        assert not any(command.startswith("MAIL") for command in peer.commands)


async def test_more_recipients_than_every_server_must_take_go_in_several_transactions() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(MAIL, *(f"r{n}@x.test" for n in range(250))))

        assert all(result.ok for result in results)
        assert [len(mail.recipients) for mail in peer.mails] == [100, 100, 50]
        assert [result.recipient.address for result in results] == [
            f"r{n}@x.test" for n in range(250)
        ]


async def test_recipients_over_the_next_hops_limit_follow_in_another_transaction() -> None:
    limit = "452 4.5.3 too many recipients"
    peer = SmtpPeer(replies={"RCPT c@x.test": [limit, None], "RCPT d@x.test": [limit, limit, None]})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(
            smarthosts, a_post(MAIL, "a@x.test", "b@x.test", "c@x.test", "d@x.test")
        )

        assert codes(results) == ["ok"] * 4
        assert [mail.recipients for mail in peer.mails] == [
            ("a@x.test", "b@x.test"),
            ("c@x.test",),
            ("d@x.test",),
        ]


async def test_a_mail_that_was_refused_is_not_offered_again_for_those_over_the_limit() -> None:
    peer = SmtpPeer(
        replies={"RCPT b@x.test": "452 4.5.3 too many recipients", "DOT": "554 5.7.1 spam"}
    )
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(MAIL, "a@x.test", "b@x.test"))

        assert codes(results) == ["smarthost_refused", "smarthost_busy"]
        assert peer.commands.count("DATA") == 1


async def test_a_limit_that_takes_nobody_is_no_endless_loop() -> None:
    peer = SmtpPeer(replies={"RCPT": "452 4.5.3 too many recipients"})
    async with a_peer(peer), the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(MAIL, "a@x.test", "b@x.test"))

        assert codes(results) == ["smarthost_busy"] * 2
        assert not peer.mails


async def test_a_smarthost_that_the_settings_no_longer_name_is_waited_for() -> None:
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(MAIL, smarthost="former"))

        assert codes(results) == ["smarthost_unknown"]
        assert isinstance(results[0].error, Deferral)
        assert not peer.connections


async def test_a_mail_of_many_megabytes_is_streamed_and_arrives_whole() -> None:
    line = b".dots and text " * 60 + b"\r\n"
    content = b"Subject: large\r\n\r\n" + line * 12_000
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        results = await send(smarthosts, a_post(content, chunk_bytes=10_007))

        assert codes(results) == ["ok"]
        assert peer.mails[0].content == content

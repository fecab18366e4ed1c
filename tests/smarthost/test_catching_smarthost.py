"""The catching smarthost of the demo keeps what it is given, byte for byte."""

from __future__ import annotations

import asyncio
import smtplib

from awizo.emulator.sink import CatchingSmarthost


async def test_a_mail_is_caught_with_its_envelope_and_bytes() -> None:
    sink = CatchingSmarthost()
    host, port = await sink.start()
    content = b"Subject: dots\r\n\r\n.\r\n..two\r\nnone\r\n" + b"x" * 5000 + b"\r\n"

    def send() -> None:
        with smtplib.SMTP(host, port, timeout=10) as client:
            client.sendmail("a@shop.test", ["b@x.test", "c@x.test"], content)

    await asyncio.to_thread(send)
    await sink.wait_for(1)
    await sink.close()

    (mail,) = sink.messages
    assert mail.content == content
    assert (mail.reverse_path, mail.recipients) == ("a@shop.test", ("b@x.test", "c@x.test"))


async def test_mails_sent_in_one_burst_on_one_connection_are_told_apart() -> None:
    sink = CatchingSmarthost()
    reader, writer = await asyncio.open_connection(*await sink.start())
    one = b"MAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<b@x.test> NOTIFY=NEVER\r\nDATA\r\n"

    writer.write(b"EHLO me\r\n" + one + b"first\r\n.\r\n" + one + b".\r\nQUIT\r\n")
    said = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await sink.close()

    assert [mail.content for mail in sink.messages] == [b"first\r\n", b""]
    assert sink.messages[0].mail_parameters == "BODY=8BITMIME"
    assert sink.messages[0].rcpt_parameters == ("NOTIFY=NEVER",)
    assert said.count(b"250 2.0.0 caught") == 2
    assert said.endswith(b"221 2.0.0 bye\r\n")


async def test_a_mail_without_recipients_is_not_asked_for() -> None:
    sink = CatchingSmarthost()
    reader, writer = await asyncio.open_connection(*await sink.start())

    writer.write(b"EHLO me\r\nDATA\r\nMAIL FROM:<a@x.test>\r\nDATA\r\nRCPT nobody\r\nQUIT\r\n")
    said = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await sink.close()

    assert said.count(b"503 5.5.1") == 2
    assert b"501 5.5.4" in said
    assert not sink.messages

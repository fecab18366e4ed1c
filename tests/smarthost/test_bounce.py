"""The sender is told what was not delivered and why, once, and never the wrong one."""

from __future__ import annotations

import email
import hashlib
from email import policy
from email.message import EmailMessage, Message

import pytest

from awizo.errors import ActionError, Deferral, PermanentFailure
from awizo.model import Recipient
from awizo.settings.sections import BUYER_DOMAINS
from awizo.smarthost.bounce import build_bounce, may_bounce
from awizo.smarthost.transaction import RecipientResult
from support.peers import a_peer
from support.smarthost_parts import (
    NOON,
    Post,
    a_post,
    a_smarthost,
    codes,
    send,
    the_way_out,
)

ORIGINAL = (
    b"From: shop@example.pl\r\nTo: jan@klient.test\r\nSubject: Order\r\n"
    b"Message-ID: <1@example.pl>\r\n\r\nThe secret body.\r\n"
)


def a_failure(
    recipient: str | Recipient = "jan@klient.test",
    reply: str = "550 5.1.1 no such user",
    error: ActionError | None = None,
    host: str = "smtp.example.pl:587",
) -> RecipientResult:
    return RecipientResult(
        recipient=Recipient(recipient) if isinstance(recipient, str) else recipient,
        ok=False,
        error=error or PermanentFailure("smarthost_refused", reply),
        reply=reply,
        host=host,
    )


def bounced(post: Post, *failed: RecipientResult, head: bytes | None = None) -> bytes:
    return build_bounce(
        message=post.message,
        failed=failed or (a_failure(),),
        head_of_original=post.content if head is None else head,
        hostname="mail.example.pl",
        now=NOON,
    )


def parts_of(content: bytes) -> tuple[EmailMessage, list[Message]]:
    message = email.message_from_bytes(content, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    return message, list(message.iter_parts())


def report_of(content: bytes) -> list[Message]:
    groups = parts_of(content)[1][1].get_payload()
    assert isinstance(groups, list)
    return groups  # type: ignore[return-value]


def test_a_bounce_is_a_report_with_words_facts_and_the_header_of_the_original() -> None:
    message, (words, report, original) = parts_of(bounced(a_post(ORIGINAL)))

    assert message["From"] == "Mail Delivery System <MAILER-DAEMON@mail.example.pl>"
    assert message["To"] == "shop@example.pl"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<1@example.pl>"
    assert message["Date"].datetime == NOON
    told = words.get_content()  # type: ignore[attr-defined]
    assert "<jan@klient.test>" in told
    assert "550 5.1.1 no such user" in told
    assert "nie mogła zostać dostarczona" in told
    assert report.get_content_type() == "message/delivery-status"
    assert original.get_content_type() == "text/rfc822-headers"
    kept = original.get_payload(decode=True)
    assert isinstance(kept, bytes)
    assert b"Subject: Order" in kept
    assert b"secret" not in kept


def test_the_facts_are_those_of_rfc_3464() -> None:
    post = a_post(ORIGINAL, envid="Id+2B7")
    recipient = Recipient("jan@klient.test", orcpt="rfc822;Jan+2B1@klient.test")

    about_message, about_recipient = report_of(bounced(post, a_failure(recipient)))

    assert dict(about_message.items()) == {
        "Original-Envelope-Id": "Id+7",
        "Reporting-MTA": "dns; mail.example.pl",
        "Arrival-Date": "Mon, 02 Mar 2026 12:00:00 +0000",
    }
    assert dict(about_recipient.items()) == {
        "Original-Recipient": "rfc822; Jan+1@klient.test",
        "Final-Recipient": "rfc822; jan@klient.test",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; smtp.example.pl",
        "Diagnostic-Code": "smtp; 550 5.1.1 no such user",
        "Last-Attempt-Date": "Mon, 02 Mar 2026 12:00:00 +0000",
    }


def test_each_recipient_has_facts_of_its_own() -> None:
    content = bounced(a_post(ORIGINAL), a_failure("a@x.test"), a_failure("b@x.test"))

    _, *recipients = report_of(content)

    assert [one["Final-Recipient"] for one in recipients] == [
        "rfc822; a@x.test",
        "rfc822; b@x.test",
    ]


@pytest.mark.parametrize(
    ("failure", "status", "diagnostic"),
    [
        (a_failure(reply="554 spam"), "5.0.0", "smtp; 554 spam"),
        (
            a_failure(reply="550-5.7.26 unauthenticated"),
            "5.7.26",
            "smtp; 550-5.7.26 unauthenticated",
        ),
        (
            a_failure(reply="450 4.2.0 grey", error=Deferral("smarthost_busy", "450 4.2.0 grey")),
            "4.2.0",
            "smtp; 450 4.2.0 grey",
        ),
        (
            a_failure(
                reply="no answer within 300 s",
                error=Deferral("smarthost_unreachable", "no answer within 300 s"),
                host="",
            ),
            "4.4.7",
            "X-Awizo; no answer within 300 s",
        ),
        (
            a_failure(
                reply="too large", error=PermanentFailure("smarthost_size_limit", "too large")
            ),
            "5.3.4",
            "X-Awizo; too large",
        ),
    ],
)
def test_the_status_is_the_next_hops_own_or_what_fits(
    failure: RecipientResult, status: str, diagnostic: str
) -> None:
    _, about = report_of(bounced(a_post(ORIGINAL), failure))

    assert (about["Status"], about["Diagnostic-Code"]) == (status, diagnostic)


def test_ret_full_returns_the_whole_mail_unchanged() -> None:
    content = bounced(a_post(ORIGINAL, ret="FULL"))

    original = parts_of(content)[1][2]
    assert original.get_content_type() == "message/rfc822"
    assert ORIGINAL in content


def test_ret_full_of_a_mail_too_large_to_return_returns_its_header() -> None:
    large = ORIGINAL + b"x" * 100_000 + b"\r\n"

    original = parts_of(bounced(a_post(large, ret="FULL"), head=large[:65_536]))[1][2]

    assert original.get_content_type() == "text/rfc822-headers"


@pytest.mark.parametrize("ret", ["HDRS", None])
def test_without_ret_full_the_body_is_not_returned(ret: str | None) -> None:
    assert b"secret" not in bounced(a_post(ORIGINAL, ret=ret))


def test_a_header_without_end_is_cut_at_a_line() -> None:
    endless = b"Subject: x\r\n" + b"X-Filler: y\r\n" * 10_000

    original = parts_of(bounced(a_post(endless), head=endless[:65_536]))[1][2]

    kept = original.get_payload(decode=True)
    assert isinstance(kept, bytes)
    assert len(kept) <= 32_768
    assert kept.replace(b"\r\n", b"\n").endswith(b"X-Filler: y\n")


def test_a_header_with_raw_letters_leaves_the_notice_in_ascii() -> None:
    header = "Subject: Zażółć\r\nX: y=z\r\n\r\nbody\r\n".encode()

    content = bounced(a_post(header))

    assert content.isascii()
    kept = parts_of(content)[1][2].get_payload(decode=True)
    assert isinstance(kept, bytes)
    assert "Subject: Zażółć\r\nX: y=z" in kept.decode().replace("\r\n", "\n").replace("\n", "\r\n")


def test_an_international_recipient_is_told_in_ascii() -> None:
    _, about = report_of(bounced(a_post(ORIGINAL), a_failure("żak@x.test")))

    assert about["Final-Recipient"] == "utf-8; \\x{17C}ak@x.test"


def test_a_coded_line_end_becomes_no_field_of_its_own() -> None:
    post = a_post(ORIGINAL, envid="a+0D+0AStatus: 2.0.0")
    recipient = Recipient("jan@klient.test", orcpt="rfc822;a+0D+0AAction: delivered")
    error = PermanentFailure("smarthost_refused", "550 no\r\nAction: delivered")

    about_message, about = report_of(bounced(post, a_failure(recipient, error.reply, error)))

    assert about_message["Status"] is None
    assert about.get_all("Action") == ["failed"]


def test_the_same_notice_has_the_same_bytes_and_only_whole_line_ends() -> None:
    first, second = bounced(a_post(ORIGINAL)), bounced(a_post(ORIGINAL))

    assert first == second
    assert first.replace(b"\r\n", b"").count(b"\n") == 0
    assert first.replace(b"\r\n", b"").count(b"\r") == 0


async def test_a_notice_can_itself_be_sent() -> None:
    content = bounced(a_post(ORIGINAL, ret="FULL"))
    async with a_peer() as peer, the_way_out(a_smarthost(peer)) as smarthosts:
        post = a_post(content, "shop@example.pl", reverse_path="")

        assert codes(await send(smarthosts, post)) == ["ok"]
        assert peer.mails[0].reverse_path == ""
        assert hashlib.sha256(peer.mails[0].content).hexdigest() == post.message.sha256


# --- who may be told --------------------------------------------------------------------------


def may(
    *,
    reverse_path: str = "shop@example.pl",
    notify: str | None = None,
    head: bytes = ORIGINAL,
) -> bool:
    post = a_post(ORIGINAL, Recipient("jan@klient.test", notify=notify), reverse_path=reverse_path)
    return may_bounce(post.message.envelope, post.recipients[0], BUYER_DOMAINS, head)


def test_a_sender_is_told() -> None:
    assert may()
    assert may(notify="FAILURE")
    assert may(notify="SUCCESS,FAILURE,DELAY")


def test_a_null_reverse_path_is_never_told() -> None:
    assert not may(reverse_path="")


@pytest.mark.parametrize(
    "buyer", ["a1b2+c3@allegromail.pl", "A1B2@AllegroMail.PL", "x+y@user.allegrogroup.pl"]
)
def test_a_buyer_is_never_told(buyer: str) -> None:
    assert not may(reverse_path=buyer)


@pytest.mark.parametrize("notify", ["NEVER", "SUCCESS", "DELAY", "SUCCESS,DELAY", "never"])
def test_a_sender_who_did_not_ask_for_failures_is_not_told(notify: str) -> None:
    assert not may(notify=notify)


@pytest.mark.parametrize(
    "field",
    [
        b"Auto-Submitted: auto-replied",
        b"auto-submitted:\r\n auto-replied (vacation)",
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="x"',
        b"Content-Type:\r\n\tmessage/delivery-status",
    ],
)
def test_an_answer_or_a_report_is_never_answered(field: bytes) -> None:
    assert not may(head=b"From: a@b\r\n" + field + b"\r\n\r\nbody\r\n")


def test_what_only_speaks_of_reports_is_told() -> None:
    assert may(head=b"Subject: x\r\n\r\nAuto-Submitted: auto-replied\r\n")
    assert may(head=b"Auto-Submitted: auto-generated\r\n\r\nbody\r\n")
    assert may(head=b"X-Auto-Submitted: auto-replied\r\n\r\nbody\r\n")

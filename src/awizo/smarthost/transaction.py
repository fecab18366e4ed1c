"""Hand one mail to a next hop for some recipients, and say what became of each.

In:  a connection that is ready, a mail, its recipients.
Out: a result for each recipient.

One MAIL, all RCPT, one DATA, in one go where the hop takes that: where nobody is accepted DATA is
refused as well. Until the final dot is written nothing has been handed over, so whatever goes
wrong before may be tried again at once, elsewhere; from then on, only the next hop's reply ends
the matter, and where none comes the mail may be there twice: that window is
counted (``awizo_smarthost_in_doubt``), and no other exists.

Sources: RFC 5321 sections 3.3, 4.1.1.4, 4.2.5 and 4.5.3; RFC 2920 section 3.1 (PIPELINING);
RFC 1870 (SIZE); RFC 6152 (8BITMIME); RFC 6531 (SMTPUTF8); RFC 3461 (DSN).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from awizo.errors import ActionError, Deferral, PermanentFailure
from awizo.model import ContentFacts, Recipient, SpooledMessage
from awizo.smarthost.connection import QUIT_TIMEOUT_S, Connection
from awizo.smarthost.content import Content, Stuffing, damaged
from awizo.smarthost.replies import Reply, Stage, error_of
from awizo.smarthost.wire import Trouble
from awizo.telemetry import metrics

_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_TOO_MANY_RECIPIENTS = (None, "4.5.3")


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """What became of a mail for one recipient.

    Attributes:
        error: Why not, where it was not taken: Deferral or PermanentFailure.
        reply: What the next hop said last, one line.
        host: Who said it, ``host:port``.
    """

    recipient: Recipient
    ok: bool
    error: ActionError | None
    reply: str
    host: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A message with what must be known about its content before it is sent.

    Attributes:
        may_end: Asked before the final dot. ``False``: somebody else may be sending it by now,
            so the transaction is broken off, and the hop throws away what it has.
    """

    message: SpooledMessage
    content: Content
    facts: ContentFacts
    may_end: Callable[[], bool] = lambda: True

    @property
    def needs_smtputf8(self) -> bool:
        """For the sake of the message itself; a recipient may need it as well."""
        envelope = self.message.envelope
        return not envelope.reverse_path.isascii() or (
            envelope.smtputf8 and self.facts.eight_bit_header
        )


class Withdrawn(Deferral):
    """The mail was ours no longer; nothing was handed over, and no other hop is to be asked."""


class CannotTake(Exception):
    """This next hop cannot take this mail at all, though nothing is wrong with it."""

    def __init__(self, error: ActionError) -> None:
        super().__init__(error.code)
        self.error = error


Results = dict[int, RecipientResult]


async def transact(connection: Connection, mail: Mail, recipients: Sequence[Recipient]) -> Results:
    """Hand *mail* over for *recipients*; results by position.

    A recipient that has no result met the hop's limit of recipients: it belongs into another
    transaction, now.

    Raises:
        Trouble: The connection broke before the final dot; nothing was handed over.
        CannotTake: The hop takes no such mail, or not now; nothing was handed over.
        PermanentFailure: ``content_damaged``, ``content_unsafe``; nothing was handed over.
        Withdrawn: It was ours no longer before the final dot; nothing was handed over.
    """
    refuse_what_it_cannot_take(connection, mail)
    results: Results = {}
    sendable: list[int] = []
    for index, recipient in enumerate(recipients):
        refusal = _refused_here(connection, recipient)
        if refusal is None:
            sendable.append(index)
        else:
            results[index] = _failed(connection, recipient, refusal)
    if not sendable:
        return results

    accepted: list[int] = []
    too_many: list[int] = []
    sender, replies = await _envelope(connection, mail, [recipients[index] for index in sendable])
    if not sender.positive:
        await _end_unsent(connection)
        error = error_of(sender, "mail")
        if isinstance(error, Deferral):
            raise CannotTake(error)
        return results | {i: _failed(connection, recipients[i], error) for i in sendable}
    for index, reply in zip(sendable, replies, strict=True):
        if reply.positive:
            accepted.append(index)
        else:
            results[index] = _failed(connection, recipients[index], error_of(reply, "rcpt"))
            if reply.code == 452 and reply.enhanced in _TOO_MANY_RECIPIENTS:
                too_many.append(index)
    if not accepted:
        await _end_unsent(connection)
        return results

    said, stage = await _content(connection, mail)
    for index in accepted:
        results[index] = _result(connection, recipients[index], said, stage)
    if results[accepted[0]].ok:
        for index in too_many:
            del results[index]
    return results


def refuse_what_it_cannot_take(connection: Connection, mail: Mail) -> None:
    """Raises CannotTake for what no recipient could help: 8-bit content, addresses, size."""
    code = words = ""
    limit = connection.max_size_bytes
    if mail.facts.eight_bit and not connection.offers("8BITMIME"):
        code, words = "next_hop_lacks_8bitmime", "8-bit content, and the server offers no 8BITMIME"
    elif mail.needs_smtputf8 and not connection.offers("SMTPUTF8"):
        code = "next_hop_lacks_smtputf8"
        words = "international sender or header, and the server offers no SMTPUTF8"
    elif limit is not None and mail.message.size_bytes > limit:
        code = "smarthost_size_limit"
        words = f"the server takes {limit} bytes, the mail has {mail.message.size_bytes}"
    elif _UNSENDABLE.search(mail.message.envelope.reverse_path):
        code, words = "smarthost_refused", "the sender's address has control characters"
    if code:
        raise CannotTake(PermanentFailure(code, words))


def _refused_here(connection: Connection, recipient: Recipient) -> ActionError | None:
    if not recipient.address.isascii() and not connection.offers("SMTPUTF8"):
        return PermanentFailure(
            "next_hop_lacks_smtputf8", "international address, and the server offers no SMTPUTF8"
        )
    if _UNSENDABLE.search(recipient.address):
        return PermanentFailure("smarthost_refused", "the address has control characters")
    return None


# --- the envelope -----------------------------------------------------------------------------


def mail_command(connection: Connection, mail: Mail, *, smtputf8: bool) -> str:
    """MAIL with the parameters that the hop takes.

    BODY says what the content is, not what the client declared: many shops send 8-bit content
    without a word, and a hop that was not told may cut the eighth bit off.
    """
    envelope = mail.message.envelope
    words = [f"MAIL FROM:<{envelope.reverse_path}>"]
    if connection.offers("SIZE"):
        words.append(f"SIZE={mail.message.size_bytes}")
    if connection.offers("8BITMIME") and (mail.facts.eight_bit or envelope.body == "8BITMIME"):
        words.append("BODY=8BITMIME")
    if smtputf8:
        words.append("SMTPUTF8")
    if connection.offers("DSN"):
        if envelope.ret:
            words.append(f"RET={envelope.ret}")
        if envelope.envid:
            words.append(f"ENVID={envelope.envid}")
    return " ".join(words)


def rcpt_command(connection: Connection, recipient: Recipient, *, smtputf8: bool) -> str:
    """RCPT with the wishes about notices, as they came, where the hop takes them."""
    words = [f"RCPT TO:<{recipient.address}>"]
    if connection.offers("DSN"):
        if recipient.notify:
            words.append(f"NOTIFY={recipient.notify}")
        if recipient.orcpt and (smtputf8 or recipient.orcpt.isascii()):
            words.append(f"ORCPT={recipient.orcpt}")
    return " ".join(words)


async def _envelope(
    connection: Connection, mail: Mail, recipients: Sequence[Recipient]
) -> tuple[Reply, list[Reply]]:
    """Say MAIL and each RCPT; the reply to the one, the replies to the others.

    After a refused MAIL there are no replies to RCPT that mean anything. With PIPELINING, DATA has
    been said as well; its reply is still to come.
    """
    smtputf8 = connection.offers("SMTPUTF8") and (
        mail.message.envelope.smtputf8
        or mail.needs_smtputf8
        or not all(recipient.address.isascii() for recipient in recipients)
    )
    sender = mail_command(connection, mail, smtputf8=smtputf8)
    commands = [rcpt_command(connection, one, smtputf8=smtputf8) for one in recipients]
    if connection.offers("PIPELINING"):
        await connection.write(sender, *commands, "DATA")
        reply = _going_on(await connection.reply())
        return reply, [_going_on(await connection.reply()) for _ in commands]
    reply = _going_on(await connection.say(sender))
    if not reply.positive:
        return reply, []
    return reply, [_going_on(await connection.say(command)) for command in commands]


def _going_on(reply: Reply) -> Reply:
    """Raises Trouble for 421: nothing that is said after it means anything."""
    if reply.code == 421:
        raise Trouble("smarthost_busy", reply.text, status=reply.code)
    return reply


# --- the content ------------------------------------------------------------------------------


async def _content(connection: Connection, mail: Mail) -> tuple[Reply | None, Stage]:
    """DATA, the content, the final dot; the reply that decides, ``None``: in doubt.

    Raises:
        Trouble: The connection broke before the final dot.
        PermanentFailure: ``content_damaged``: it is not what was accepted.
        Withdrawn: It may be somebody else's by now.
    """
    if _data_is_said(connection):
        reply = _going_on(await connection.reply())
    else:
        reply = _going_on(await connection.say("DATA"))
    if reply.code != 354:
        if reply.code < 400:
            raise Trouble("smarthost_protocol", f"answers DATA with {reply.text}")
        await _reset(connection)
        return reply, "data"
    stuffing = Stuffing(proven=mail.content.proven_sha256)
    wire = connection.wire
    timeout_s = connection.smarthost.command_timeout_s
    try:
        async for chunk in mail.content.chunks():
            if not wire.quiet:
                raise Trouble("smarthost_unreachable", "it spoke, or hung up, within the mail")
            wire.write(stuffing.feed(chunk))
            await wire.drain(timeout_s)
        if stuffing.sha256 != mail.message.sha256:
            raise damaged()
        final_dot = stuffing.end()
        # The dot must not wait behind content: what breaks while it waits would be in doubt.
        await wire.flush(timeout_s)
        if not wire.quiet:
            raise Trouble("smarthost_unreachable", "it spoke, or hung up, within the mail")
        if not mail.may_end():
            raise Withdrawn("lease_lost", "the database was away, another replica may send it")
    except Trouble as trouble:
        return await _early_reply(connection, trouble), "data"
    except BaseException:
        # Cut off in the middle of a mail: the server throws away what it has.
        connection.abort()
        raise
    return await _reply_to(connection, final_dot), "dot"


async def _early_reply(connection: Connection, trouble: Trouble) -> Reply:
    """A refusal that came before the final dot counts; anything else is Trouble."""
    try:
        reply = _going_on(await connection.reply(QUIT_TIMEOUT_S))
    except Trouble as later:
        raise later if later.status == 421 else trouble from None
    finally:
        connection.abort()
    if reply.code < 400:
        raise Trouble("smarthost_protocol", f"answers before the end: {reply.text}")
    return reply


async def _reply_to(connection: Connection, final_dot: bytes) -> Reply | None:
    """Write the final dot and wait for what is said to it; ``None`` when nobody can know."""
    try:
        connection.wire.write(final_dot)
        reply = await connection.reply(connection.smarthost.reply_timeout_s)
    except asyncio.CancelledError:
        connection.abort()
        metrics.SMARTHOST_IN_DOUBT.inc()
        raise
    except Trouble as trouble:
        connection.abort()
        metrics.SMARTHOST_IN_DOUBT.inc()
        connection.in_doubt = trouble.reply
        return None
    if reply.code < 400 and not reply.positive:
        connection.abort()
        metrics.SMARTHOST_IN_DOUBT.inc()
        connection.in_doubt = reply.text
        return None
    if reply.code == 421:
        connection.abort()
    return reply


def _data_is_said(connection: Connection) -> bool:
    return connection.offers("PIPELINING")


async def _end_unsent(connection: Connection) -> None:
    """Nobody was accepted; a hop that asks for the content all the same is hung up on.

    (RFC 2920 section 3.1 would have it get an empty one, which some deliver.)
    """
    if _data_is_said(connection):
        try:
            refused = (await connection.reply()).code >= 400
        except Trouble:
            refused = False
        if not refused:
            connection.abort()
            return
    await _reset(connection)


async def _reset(connection: Connection) -> None:
    """Make the connection fit for the next mail, or end it."""
    try:
        reply = await connection.say("RSET")
    except Trouble:
        connection.abort()
        return
    if not reply.positive:
        connection.abort()


# --- results ----------------------------------------------------------------------------------


def _result(
    connection: Connection, recipient: Recipient, reply: Reply | None, stage: Stage
) -> RecipientResult:
    if reply is None:
        return _failed(connection, recipient, Deferral("smarthost_in_doubt", connection.in_doubt))
    if not reply.positive:
        return _failed(connection, recipient, error_of(reply, stage))
    return RecipientResult(
        recipient=recipient, ok=True, error=None, reply=reply.text, host=connection.label
    )


def _failed(connection: Connection, recipient: Recipient, error: ActionError) -> RecipientResult:
    return RecipientResult(
        recipient=recipient, ok=False, error=error, reply=error.reply, host=connection.label
    )

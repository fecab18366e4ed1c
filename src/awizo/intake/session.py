"""The commands of SMTP: who may send, what a mail is made of, TLS and log-in.

In:  commands of one connection, who it comes from, the settings.
Out: replies; whole messages for the handler.

Sources: RFC 5321; RFC 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8), 3461 (DSN), 3207
(STARTTLS), 4954 (AUTH).
"""

# ruff: noqa: N802 - the methods of the commands are named as in aiosmtpd

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from awizo.intake import auth, replies
from awizo.intake.auth import FailureDelays, Passwords
from awizo.intake.conversation import NEVER, Conversation, Work
from awizo.intake.handler import Handler, Received
from awizo.intake.limits import STRESS_IDLE_S, Connections, Space
from awizo.intake.paths import Sender, read_mail, read_rcpt
from awizo.intake.proxy import Network, Told, is_in, on_loopback, owner_of, read_xclient
from awizo.intake.reading import MessageReader, MuchTooLarge
from awizo.intake.replies import Reply
from awizo.intake.routes import RouteChoice, choose_route
from awizo.intake.store_watch import StoreWatch
from awizo.intake.tls import Certificate
from awizo.model import Client, Recipient
from awizo.settings import Settings
from awizo.telemetry import metrics

log = structlog.get_logger()

MAX_HELO_CHARS = 255
MAX_WRONG_PASSWORDS = 5  # on one connection
HANDSHAKE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions of a listener share."""

    settings: Settings
    greeting: Reply
    hostname: str
    handler: Handler
    watch: StoreWatch
    space: Space
    connections: Connections
    passwords: Passwords
    delays: FailureDelays
    certificate: Certificate | None
    allowed: tuple[Network, ...]
    xclient_from: tuple[Network, ...]
    body_folder: Path | None


@dataclass(slots=True)
class Transaction:
    """A mail between MAIL and its end."""

    sender: Sender
    route: RouteChoice | None
    recipients: dict[str, Recipient] = field(default_factory=dict)
    some_refused: bool = False


class SmtpSession(Conversation):
    """One connection and what is known of its client.

    Args:
        peer: Address at the other end of the socket.
        client: Address of the client, as the socket or a trusted balancer tells; ``None`` when
            a balancer does not know it.
        tls: The connection began with a handshake.
        refusal: All that the client gets to hear.
    """

    def __init__(
        self,
        around: Surroundings,
        *,
        peer: str,
        client: str | None,
        tls: bool,
        refusal: Reply | None = None,
    ) -> None:
        super().__init__(
            around.settings.intake,
            greeting=around.greeting,
            client=client or peer,
            tls=tls,
            refusal=refusal,
        )
        self._around = around
        self._peer = peer
        self._client = client
        self._helo = ""
        self._extended = False
        self._smtp_user: str | None = None
        self._mail: Transaction | None = None
        self._incoming: MessageReader | None = None
        self._wrong_passwords = 0
        self._trusted = self._is_trusted()
        # Of the client, not of a balancer in front of it: else all of its clients could say so.
        self._may_xclient = client is not None and is_in(client, around.xclient_from)

    @property
    def is_stranger(self) -> bool:
        return not self._trusted and self._smtp_user is None

    def idle_timeout_s(self) -> float:
        patience_s = self._intake.idle_timeout_s
        stressed = self.is_stranger and self._around.connections.stressed
        return min(patience_s, STRESS_IDLE_S) if stressed else patience_s

    def forget_mail(self) -> None:
        self._mail = None
        reader, self._incoming = self._incoming, None
        if reader is not None:
            reader.body.drop()

    # -- greeting --------------------------------------------------------------------------------

    def smtp_HELO(self, hostname: str) -> None:
        if self._hello(hostname, extended=False):
            self.say(Reply(f"250 {self._around.hostname}"))

    def smtp_EHLO(self, hostname: str) -> None:
        if not self._hello(hostname, extended=True):
            return
        lines = [
            self._around.hostname,
            "PIPELINING",
            f"SIZE {self._intake.max_message_bytes}",
            "8BITMIME",
            "SMTPUTF8",
            "DSN",
        ]
        if self._around.certificate is not None and not self._tls:
            lines.append("STARTTLS")
        if self._intake.users and self._may_log_in_here():
            lines.append("AUTH PLAIN LOGIN")
        if self._may_xclient:
            lines.append("XCLIENT ADDR HELO LOGIN NAME PORT PROTO DESTADDR DESTPORT")
        lines += ["ENHANCEDSTATUSCODES", "HELP"]
        text = "\r\n".join(f"250-{line}" for line in lines[:-1])
        self.say(Reply(f"{text}\r\n250 {lines[-1]}"))

    def _hello(self, name: str, *, extended: bool) -> bool:
        """Shops give odd names (blanks, underscores, their IP without brackets): all is taken,
        but it is only kept, never sent to anybody."""
        if not name:
            self.say(replies.NEED_NAME)
            return False
        printable = "".join(c if c.isprintable() else "?" for c in name)
        self._helo = printable[:MAX_HELO_CHARS]
        self._extended = extended
        self._mail = None
        return True

    # -- a mail ----------------------------------------------------------------------------------

    def smtp_MAIL(self, arg: str) -> None:
        if not self._helo:
            self.say(replies.SAY_HELLO)
            return
        if self._mail is not None:
            self.say(replies.NESTED_MAIL)
            return
        if (refusal := self._no_right_to_send()) is not None:
            self.say(refusal)
            return
        sender = read_mail(arg, extended=self._extended)
        if isinstance(sender, Reply):
            self.say(sender)
            return
        if sender.size_bytes > self._intake.max_message_bytes:
            self.say(replies.TOO_LARGE)
            return
        if self._around.watch.sick:
            self.say(replies.ERROR_OF_OURS)
            return
        if not self._around.space.has_room(sender.size_bytes):
            self.say(replies.STORAGE_FULL)
            return
        route = choose_route(self._around.settings, self._smtp_user, sender.address)
        if route is not None and not route.sender_allowed:
            self.say(replies.SENDER_NOT_ALLOWED)
            return
        self._mail = Transaction(sender, route)
        self.say(replies.SENDER_OK)

    def _no_right_to_send(self) -> Reply | None:
        if self._trusted or self._smtp_user is not None:
            return None
        if not self._intake.users:
            return replies.NO_RELAY
        return replies.MUST_AUTHENTICATE if self._may_log_in_here() else replies.MUST_START_TLS

    def smtp_RCPT(self, arg: str) -> None:
        mail = self._mail
        if mail is None:
            self.say(replies.NEED_MAIL)
            return
        recipient = self._recipient(mail, arg)
        if isinstance(recipient, Reply):
            mail.some_refused = True
            self.say(recipient)
            return
        mail.recipients.setdefault(recipient.address, recipient)  # twice named, once delivered
        self.say(replies.RECIPIENT_OK)

    def _recipient(self, mail: Transaction, arg: str) -> Recipient | Reply:
        if mail.route is None:
            return replies.NO_ROUTE
        if len(mail.recipients) >= self._intake.max_recipients:
            return replies.TOO_MANY_RECIPIENTS
        return read_rcpt(arg, extended=self._extended, smtputf8=mail.sender.smtputf8)

    def smtp_DATA(self, arg: str) -> None:
        mail = self._mail
        refusal = None
        if arg:
            refusal = replies.NO_ARGUMENT
        elif mail is None:
            refusal = replies.NEED_MAIL
        elif not mail.recipients:
            refusal = replies.NO_VALID_RECIPIENT if mail.some_refused else replies.NEED_RECIPIENT
        elif not self._around.space.has_room():
            refusal = replies.STORAGE_FULL
        if mail is None or mail.route is None or refusal is not None:
            self.say(refusal or replies.NEED_MAIL)
            if self._more_waits and not self._closing:
                # A message sent on unasked would be read as commands, its author's commands.
                self.say(replies.PIPELINED_BEHIND_DATA)
            return
        self.say(replies.START_DATA)
        reader = MessageReader(self._intake, folder=self._around.body_folder, now=self.loop.time())
        self._incoming = reader

        def look_at_the_clock(now: float) -> float:
            if (expired := reader.expired(now)) is None:
                return now + reader.tick_s
            self._expire(expired)
            return NEVER

        self._patience(reader.tick_s, look_at_the_clock)
        self._message = self._read_message

    def _read_message(self, chunk: bytes) -> bytes | None:
        assert self._incoming is not None
        try:
            return self._incoming.take(chunk)
        except MuchTooLarge:
            self.say(replies.MUCH_TOO_LARGE)
        except Exception as error:
            # What still comes of the message must not be read as commands.
            self._failed(error)
            self._closing = self._cut = True
        return b""

    def _message_ended(self) -> Work | None:
        self._patience(None, self._idle_check)
        mail, reader = self._mail, self._incoming
        self._mail = None
        if self._closing or mail is None or mail.route is None or reader is None:
            self.forget_mail()
            return None
        if (refusal := reader.refusal()) is not None:
            metrics.MAILS_RECEIVED.labels("refused").inc()
            self.forget_mail()
            self.say(refusal)
            return None
        return self._accept(
            Received(
                sender=mail.sender,
                recipients=tuple(mail.recipients.values()),
                route=mail.route,
                client=Client(
                    address=self._client or "",
                    helo=self._helo,
                    smtp_user=self._smtp_user,
                    tls=self._tls,
                ),
                body=reader.body,
                message_id=reader.head.message_id(),
                facts=reader.facts,
            )
        )

    async def _accept(self, received: Received) -> None:
        try:
            reply = await self._around.handler.accept(received)
        finally:
            self.forget_mail()
        if reply.code == 250:
            self._errors = self._chat = 0
        self.say(reply)

    # -- small commands --------------------------------------------------------------------------

    def smtp_RSET(self, arg: str) -> None:
        if arg:
            self.say(replies.NO_ARGUMENT)
            return
        self._mail = None
        self.say(replies.OK)

    def smtp_NOOP(self, arg: str) -> None:
        self.say(replies.OK)

    def smtp_QUIT(self, arg: str) -> None:
        self.say(replies.NO_ARGUMENT if arg else replies.BYE)

    def smtp_HELP(self, arg: str) -> None:
        self.say(replies.HELP)

    def smtp_VRFY(self, arg: str) -> None:
        self.say(replies.CANNOT_VERIFY if arg else replies.bad_parameter("Syntax: VRFY address"))

    def smtp_EXPN(self, arg: str) -> None:  # type: ignore[override]
        self.say(replies.NOT_IMPLEMENTED)

    # -- TLS and AUTH ----------------------------------------------------------------------------

    def smtp_STARTTLS(self, arg: str) -> Work | None:
        refusal = None
        if arg:
            refusal = replies.NO_ARGUMENT
        elif self._tls:
            refusal = replies.TLS_RUNS
        elif self._around.certificate is None:
            refusal = replies.TLS_NOT_OFFERED
        self.say(refusal or replies.START_TLS)
        return None if refusal is not None else self._start_tls()

    async def _start_tls(self) -> None:
        assert self._around.certificate is not None
        await self._begin_tls(self._around.certificate.context(), HANDSHAKE_TIMEOUT_S)
        self._forget()

    def _forget(self) -> None:
        """Begin again: nothing that was said so far counts (RFC 3207 section 4.2)."""
        self._helo = ""
        self._extended = False
        self._smtp_user = None
        self._mail = None

    def smtp_AUTH(self, arg: str) -> Work | None:
        mechanism, _, initial = arg.partition(" ")
        refusal = None
        if not self._intake.users:
            refusal = replies.AUTH_NOT_OFFERED
        elif not self._extended:
            refusal = replies.SAY_HELLO
        elif not self._may_log_in_here():
            refusal = replies.AUTH_NEEDS_TLS
        elif self._smtp_user is not None or self._mail is not None:
            refusal = replies.AUTH_NOT_NOW
        elif mechanism.upper() not in ("PLAIN", "LOGIN"):
            refusal = replies.AUTH_UNKNOWN_MECHANISM
        if refusal is not None:
            self.say(refusal)
            return None
        return (
            self._log_in_plain(initial) if mechanism.upper() == "PLAIN" else self._log_in(initial)
        )

    async def _log_in_plain(self, initial: str) -> None:
        message = await self._answer("", initial)
        if message is not None:
            await self._check(auth.plain_credentials(message) if message else None)

    async def _log_in(self, initial: str) -> None:
        user = await self._answer("VXNlcm5hbWU6", initial)  # "Username:"
        password = None if user is None else await self._answer("UGFzc3dvcmQ6", "")
        if password is not None:
            await self._check((user, password) if user else None)

    async def _answer(self, challenge: str, initial: str) -> str | None:
        """The client's answer to a challenge in base64, decoded; ``None``: it was refused."""
        if initial:
            line = initial.encode("utf-8", "surrogateescape")
        else:
            self.say(Reply(f"334 {challenge}"))
            await self._flush()
            answer = await self.next_line()
            if answer is None:
                return None
            line = answer.rstrip(b"\r\n")
            if line == b"*":
                self.say(replies.AUTH_ABORTED)
                return None
        text = auth.decoded(line)
        if text is None:
            self.say(replies.AUTH_BAD_BASE64)
        return text

    async def _check(self, credentials: tuple[str, str] | None) -> None:
        owner = owner_of(self._client or self._peer)
        if credentials is not None and await self._around.passwords.are_right(*credentials):
            self._smtp_user = credentials[0]
            self._around.delays.after_success(owner)
            metrics.SMTP_LOGINS.labels("right").inc()
            self.say(replies.AUTH_OK)
            return
        metrics.SMTP_LOGINS.labels("wrong").inc()
        self._wrong_passwords += 1
        delay_s = self._around.delays.after_failure(owner)
        log.warning(
            "login_failed", client=self._client or self._peer, attempt=self._wrong_passwords
        )
        await asyncio.sleep(delay_s)
        last = self._wrong_passwords >= MAX_WRONG_PASSWORDS
        self.say(replies.AUTH_WRONG)
        if last and not self._closing:
            self.say(replies.AUTH_TOO_OFTEN)

    def _may_log_in_here(self) -> bool:
        return self._tls or self._intake.allow_plaintext_auth or self._on_loopback()

    def _on_loopback(self) -> bool:
        return on_loopback(self._client or "")

    def _is_trusted(self) -> bool:
        """May send without a password: this machine, and the networks of the settings."""
        return self._on_loopback() or is_in(self._client or "", self._around.allowed)

    # -- XCLIENT ---------------------------------------------------------------------------------

    def smtp_XCLIENT(self, arg: str) -> None:
        if not self._may_xclient:
            self.say(replies.UNKNOWN_COMMAND)
            return
        if self._mail is not None:
            self.say(replies.NESTED_MAIL)
            return
        told = read_xclient(arg)
        if told is None:
            self.say(replies.bad_parameter("Malformed XCLIENT attribute"))
            return
        self._believe(told)
        self.say(self._around.greeting)

    def _believe(self, told: Told) -> None:
        self._helo = ""
        self._extended = False
        self._mail = None
        if told.address is not None:
            self._client = told.address or None
            self.shown_client = told.address or self._peer
            self._smtp_user = None
            self._trusted = self._is_trusted()
        if told.login is not None:
            self._smtp_user = told.login or None


SmtpSession.commands = {
    name.removeprefix("smtp_"): getattr(SmtpSession, name)
    for name in dir(SmtpSession)
    if name.startswith("smtp_")
}

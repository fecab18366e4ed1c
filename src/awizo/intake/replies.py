"""What a client hears: every reply that is not made up of settings.

Each carries an enhanced status code (RFC 2034, codes of RFC 3463), but the greeting, the answer
to HELO and EHLO, and 3xx, which have none by that RFC. Nothing of an error of ours is told:
the client hears 451, the cause goes to the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, without its line end; several lines where it is a list.

    Attributes:
        closes: The connection ends behind it.
    """

    text: str
    closes: bool = False
    code: int = field(init=False)
    line: bytes = field(init=False)  # as it is sent

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", int(self.text[:3]))
        object.__setattr__(self, "line", self.text.encode() + b"\r\n")


OK = Reply("250 2.0.0 OK")
SENDER_OK = Reply("250 2.1.0 Sender OK")
RECIPIENT_OK = Reply("250 2.1.5 Recipient OK")
BYE = Reply("221 2.0.0 Bye", closes=True)
START_TLS = Reply("220 2.0.0 Ready to start TLS")
START_DATA = Reply("354 End data with <CR><LF>.<CR><LF>")
CANNOT_VERIFY = Reply("252 2.0.0 Not verified; send a mail and see")
HELP = Reply(
    "214-2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP STARTTLS AUTH QUIT\r\n"
    "214 2.0.0 Mail handed in here goes to the Allegro orders it is about, or on unchanged"
)

AUTH_OK = Reply("235 2.7.0 Authentication successful")
AUTH_WRONG = Reply("535 5.7.8 Authentication credentials invalid")
AUTH_ABORTED = Reply("501 5.7.0 Authentication aborted")
AUTH_BAD_BASE64 = Reply("501 5.5.2 Not base64")
AUTH_NOT_NOW = Reply("503 5.5.1 AUTH is not possible now")
AUTH_UNKNOWN_MECHANISM = Reply("504 5.5.4 Unknown mechanism; PLAIN and LOGIN are there")
AUTH_NOT_OFFERED = Reply("502 5.5.1 AUTH is not offered")
AUTH_NEEDS_TLS = Reply("538 5.7.11 A password is taken over TLS only; use STARTTLS first")
AUTH_TOO_OFTEN = Reply("421 4.7.0 Too many wrong passwords", closes=True)

MUST_START_TLS = Reply("530 5.7.0 Use STARTTLS first, then log in")
MUST_AUTHENTICATE = Reply("530 5.7.0 Log in first")
NO_RELAY = Reply("550 5.7.1 Relaying denied")
NO_ROUTE = Reply("550 5.7.1 No route for this client and sender")
SENDER_NOT_ALLOWED = Reply("550 5.7.1 This client may not send as this sender")

UNKNOWN_COMMAND = Reply("500 5.5.1 Command not recognized")
NOT_IMPLEMENTED = Reply("502 5.5.1 Command not implemented")
BAD_SYNTAX = Reply("500 5.5.2 Syntax error")
LINE_TOO_LONG = Reply("500 5.5.2 Line too long")
BARE_IN_COMMAND = Reply("550 5.5.2 Bare line end in a command", closes=True)
NEED_NAME = Reply("501 5.5.4 Say your name: EHLO host")
NO_ARGUMENT = Reply("501 5.5.4 This command takes no argument")
SAY_HELLO = Reply("503 5.5.1 Say EHLO first")
NESTED_MAIL = Reply("503 5.5.1 One sender only; RSET begins again")
NEED_MAIL = Reply("503 5.5.1 MAIL comes first")
NEED_RECIPIENT = Reply("503 5.5.1 RCPT comes first")
NO_VALID_RECIPIENT = Reply("554 5.5.1 No valid recipients")
TLS_RUNS = Reply("503 5.5.1 TLS runs already")
TLS_NOT_OFFERED = Reply("502 5.5.1 STARTTLS is not offered")
NOT_SMTP = Reply("421 4.7.0 This is SMTP", closes=True)
PIPELINED_BEHIND_DATA = Reply("421 4.5.0 Nothing may be sent behind DATA unasked", closes=True)

TOO_LARGE = Reply("552 5.3.4 Message too large")
MUCH_TOO_LARGE = Reply("552 5.3.4 Message too large", closes=True)
HEADER_TOO_LARGE = Reply("552 5.3.4 Message header too large")
LINE_IN_DATA_TOO_LONG = Reply("554 5.6.0 Message has a line that is too long")
BARE_IN_DATA = Reply("550 5.5.2 Message has bare line ends; lines end with <CR><LF>")
TOO_MANY_HOPS = Reply("554 5.4.6 Too many hops; this mail goes in circles")
TOO_MANY_RECIPIENTS = Reply("452 4.5.3 Too many recipients; send the rest in another mail")

STORAGE_FULL = Reply("452 4.3.1 Not enough room; try again later")
ERROR_OF_OURS = Reply("451 4.3.0 Not possible at the moment; try again later")

STORE_SICK = Reply("421 4.3.2 Not accepting mail at the moment; try again later", closes=True)
CLOSING = Reply("421 4.3.2 Going out of service; try again later", closes=True)
TOO_MANY_CONNECTIONS = Reply("421 4.7.0 Too many connections; try again later", closes=True)
TOO_MANY_ERRORS = Reply("421 4.7.0 Too many errors", closes=True)
TOO_MANY_COMMANDS = Reply("421 4.7.0 Too many commands", closes=True)
IDLE = Reply("421 4.4.2 Nothing came for too long", closes=True)
TOO_SLOW = Reply("421 4.4.2 Data came too slowly", closes=True)
TOOK_TOO_LONG = Reply("421 4.4.2 The message took too long", closes=True)


def queued(message_id: str) -> Reply:
    return Reply(f"250 2.0.0 queued as {message_id}")


def bad_path(words: str) -> Reply:
    """A sender or recipient that is no address; *words* are ours, never the client's."""
    return Reply(f"553 5.1.3 {words}")


def bad_parameter(words: str) -> Reply:
    return Reply(f"501 5.5.4 {words}")


def unknown_parameter(command: str) -> Reply:
    return Reply(f"555 5.5.4 {command} parameter not recognized")

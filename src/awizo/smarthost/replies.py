"""Read the replies of a next hop, and sort them: try again, or never.

In:  lines as they came from the socket; a reply and the stage it answers.
Out: Reply; Deferral or PermanentFailure with a slug.

Pure. The slugs, beyond what ``worker/schedule.py`` and ``problems.py`` say about them:

============================  =====================================================
Deferral
``smarthost_unreachable``     no connection, no greeting, hung up, no answer in time
``smarthost_without_tls``     TLS was asked for and cannot be had
``smarthost_certificate``     the certificate is not the host's, or nobody vouches for it
``smarthost_auth_failed``     name, password or token refused
``smarthost_busy``            a 4xx
``smarthost_protocol``        what it says is no SMTP
``smarthost_in_doubt``        no answer after the final dot: it may have the mail
``smarthost_queue``           all our connections to it are in use
``lease_lost``                the mail may be another replica's by now; broken off before the dot
``smarthost_unknown``         the settings no longer name it
PermanentFailure
``smarthost_refused``         a 5xx about this mail or this recipient
``smarthost_size_limit``      larger than the next hop takes
``next_hop_lacks_8bitmime``   8-bit content and no 8BITMIME; held, never re-encoded
``next_hop_lacks_smtputf8``   an international address or header and no SMTPUTF8; held
``content_unsafe``            bytes that a lenient server takes for the end of a mail; held
``content_damaged``           the content is not what was accepted; held
``loop``                      the next hop is this very Awizo; held
============================  =====================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from awizo.errors import ActionError, Deferral, PermanentFailure, one_line

Stage = Literal["connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot"]

# RFC 5321 section 4.5.3.1.5 allows 512 octets for a line; real servers write longer ones.
MAX_LINE_BYTES = 4096
MAX_REPLY_BYTES = 65_536

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?= |$)")

LOG_IN_FIRST = (530, 534, 538)  # RFC 4954 section 6: it is the log-in that is wrong


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; ``lines`` without code and line end."""

    code: int
    lines: tuple[str, ...] = ()

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def text(self) -> str:
        """Code and words as one printable line of at most 200 characters."""
        return one_line(f"{self.code} {' '.join(self.lines)}")

    @property
    def enhanced(self) -> str | None:
        """Enhanced status code of RFC 3463, where the words begin with a fitting one."""
        found = _ENHANCED.match(self.lines[0]) if self.lines else None
        if found is None or found[1] != str(self.code)[0]:
            return None
        return found[0]


class NoReply(ValueError):
    """These bytes are no reply; the text says why, without repeating them."""


class ReplyReader:
    """Puts replies together from lines, within limits.

    A multi-line reply counts with the code of its last line, as Postfix takes it.
    """

    __slots__ = ("_bytes", "_lines")

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._bytes = 0

    @property
    def halfway(self) -> bool:
        return bool(self._lines)

    def take(self, line: bytes) -> Reply | None:
        """Take a line without its line end; a reply when it was the last one.

        Raises:
            NoReply: Too long, or no SMTP.
        """
        self._bytes += len(line)
        if len(line) > MAX_LINE_BYTES or self._bytes > MAX_REPLY_BYTES:
            raise NoReply("the reply is too long")
        found = _LINE.fullmatch(line)
        if found is None:
            raise NoReply("the reply has no code")
        self._lines.append((found[3] or b"").decode("utf-8", "replace"))
        if found[2] == b"-":
            return None
        reply = Reply(int(found[1]), tuple(self._lines))
        self._lines, self._bytes = [], 0
        return reply


def extensions_of(reply: Reply) -> dict[str, str]:
    """Keywords of an EHLO reply, upper case, with their parameters.

    ``AUTH=LOGIN``, an older spelling that is still met, counts as ``AUTH LOGIN``.
    """
    found: dict[str, str] = {}
    for line in reply.lines[1:]:
        keyword, _, rest = line.strip().partition(" ")
        name, sign, behind = keyword.partition("=")
        words = f"{behind} {rest}".strip() if sign else rest.strip()
        if name.upper() == "AUTH":
            words = f"{found.get('AUTH', '')} {words}".strip()
        found[name.upper()] = words
    return found


def error_of(reply: Reply, stage: Stage) -> ActionError:
    """Sort a reply that is not the one hoped for."""
    if reply.code == 421 or 400 <= reply.code < 500:
        return Deferral("smarthost_busy", reply.text, status=reply.code)
    if not 500 <= reply.code < 600:
        return Deferral("smarthost_protocol", reply.text, status=reply.code)
    match stage:
        case "connect" | "ehlo":
            # It refuses us, not a mail: every mail would fail for good by our settings' fault.
            return Deferral("smarthost_unreachable", reply.text, status=reply.code)
        case "starttls":
            return Deferral("smarthost_without_tls", reply.text, status=reply.code)
        case "auth":
            return Deferral("smarthost_auth_failed", reply.text, status=reply.code)
        case "mail" | "rcpt" | "data" if reply.code in LOG_IN_FIRST:
            return Deferral("smarthost_auth_failed", reply.text, status=reply.code)
        case "rcpt" if reply.code == 552 and reply.enhanced is None:
            # RFC 5321 section 4.5.3.1.10: older servers say so for "too many recipients".
            return Deferral("smarthost_busy", reply.text, status=reply.code)
    return PermanentFailure("smarthost_refused", reply.text, status=reply.code)

"""Failures, sorted by the one bit that matters: is another attempt worth it?

AwizoError
├── SettingsError          a config file, variable or option is wrong; says which and what to do
├── RuleError              a rule file is wrong: file, line, rule, words
├── StoreError             the store did not do what was asked
│   ├── StorageFull        no room: 452 4.3.1 to a client
│   └── LeaseLost          someone else owns the work by now; the result must be thrown away
├── NotFound               no such delivery, account, order
├── NotAllowed             the state of a thing forbids this operation; says which state
└── ActionError            an action on a spooled message did not succeed
    ├── Deferral           try again later
    └── PermanentFailure   retrying the same request cannot help
"""

from __future__ import annotations

from datetime import timedelta

REPLY_MAX_CHARS = 200


def one_line(reply: str) -> str:
    """The other side's words as one printable line of at most 200 characters."""
    words = " ".join("".join(c if c.isprintable() else " " for c in reply).split())
    return words if len(words) <= REPLY_MAX_CHARS else words[: REPLY_MAX_CHARS - 1] + "…"


class AwizoError(Exception):
    """Every failure that Awizo raises on purpose."""


class SettingsError(AwizoError):
    """Settings that cannot be used; the text says where and what to do."""


class RuleError(AwizoError):
    """A rule file that cannot be used; the text names file, line, rule and words."""


class StoreError(AwizoError):
    """The store did not do what was asked; nothing of it was kept."""


class StorageFull(StoreError):
    """No room left for another message."""


class LeaseLost(StoreError):
    """The lease ran out and somebody else may have taken the work."""


class NotFound(AwizoError):
    """No such thing."""


class NotAllowed(AwizoError):
    """The thing is there, but in a state that forbids this."""


class ActionError(AwizoError):
    """An action on a spooled message did not succeed.

    Attributes:
        code: Stable slug for logs, metrics and tests, e.g. ``order_missing``.
        reply: What the other side said: one line, cut at 200 characters.
        status: HTTP or SMTP status code, where there was one.
        trace_id: Allegro's ``trace-id``, which its support asks for.
    """

    def __init__(
        self, code: str, reply: str = "", *, status: int | None = None, trace_id: str | None = None
    ) -> None:
        self.code = code
        self.reply = one_line(reply)
        self.status = status
        self.trace_id = trace_id
        super().__init__(f"{code}: {self.reply}" if self.reply else code)


class Deferral(ActionError):
    """Worth another attempt, no sooner than the other side asked for.

    Attributes:
        not_before: Shortest wait before the next attempt.
    """

    def __init__(
        self,
        code: str,
        reply: str = "",
        *,
        not_before: timedelta = timedelta(0),
        status: int | None = None,
        trace_id: str | None = None,
    ) -> None:
        super().__init__(code, reply, status=status, trace_id=trace_id)
        self.not_before = not_before


class PermanentFailure(ActionError):
    """Retrying the same request cannot help."""

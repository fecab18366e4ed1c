"""Which policy holds for what the worker has in its hands.

In:  settings; a mail that is being judged, or a delivery that goes on.
Out: the policy: ``[policy]``, with the changes of a named one.

Pure. What a mail itself decides is decided once, when it is judged, and stands in the plan.
"""

from __future__ import annotations

from awizo.model import Delivery, ParsedMessage
from awizo.settings import Policy, Settings


def policy_for(
    settings: Settings,
    named: str | None,
    *,
    message: ParsedMessage,
    smtp_user: str | None,
    account: str | None,
) -> Policy:
    """The policy of a mail: of its sender's section, else its route's, else its account's."""
    for sender in settings.senders:
        mailer = message.header("x-mailer") or ""
        own = message.from_address.lower()
        wanted = (sender.from_ or "").lower()
        if wanted and own != wanted and not (wanted.startswith("@") and own.endswith(wanted)):
            continue
        if sender.smtp_user is not None and sender.smtp_user != smtp_user:
            continue
        if sender.x_mailer is not None and sender.x_mailer.lower() not in mailer.lower():
            continue
        return settings.policy_named(sender.policy)
    if named is not None:
        return settings.policy_named(named)
    return settings.policy_named(settings.account(account).policy if account else None)


def policy_of(settings: Settings, delivery: Delivery) -> Policy:
    """The policy of a delivery by its route, else by its account.

    One that a later config file no longer names gives way to ``[policy]``.
    """
    own = settings.account(delivery.account).policy if delivery.account else None
    name = delivery.message.policy or own
    return settings.policy_named(name if name in settings.policies else None)

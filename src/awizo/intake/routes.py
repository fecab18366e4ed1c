"""Choose the route of a mail: which accounts, which smarthost, which policy.

In:  settings, who logged in, the reverse-path.
Out: the first route that matches, or ``None``: then nothing may be sent.

Pure. Without routes everything goes the default way: all accounts, smarthost ``default``.

A null reverse-path (a bounce, an automatic reply) matches no ``from``. It must not be lost for
that, and it never acts on an account: where it is not matched by its SMTP user and ``from``
routes exist, it goes the way ``null``: no accounts, and the smarthost ``default``, or that of
the first ``from`` route where ``default`` has no host. A client whose SMTP user is named by
routes has to match one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from awizo.settings import Route, Settings


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """Settled facts of a mail's route.

    Attributes:
        sender_allowed: Its client may use this reverse-path.
    """

    name: str
    accounts: tuple[str, ...]
    smarthost: str = "default"
    policy: str | None = None
    sender_allowed: bool = True


def choose_route(
    settings: Settings, smtp_user: str | None, reverse_path: str
) -> RouteChoice | None:
    """The route of a mail from *smtp_user* (``None``: not logged in) with this reverse-path."""
    if not settings.routes:
        return RouteChoice(name="default", accounts=settings.account_names)
    for route in settings.routes:
        if route.smtp_user is not None:
            matches = route.smtp_user == smtp_user
        else:
            matches = _is_among(reverse_path, (route.from_ or "",))
        if matches:
            return _choice(route, reverse_path)
    if reverse_path == "" and (smarthost := _smarthost_for_null_path(settings)) is not None:
        return RouteChoice(name="null", accounts=(), smarthost=smarthost)
    return None


def _choice(route: Route, reverse_path: str) -> RouteChoice:
    return RouteChoice(
        name=route.name or route.smtp_user or route.from_ or "",
        accounts=route.accounts,
        smarthost=route.smarthost,
        policy=route.policy,
        sender_allowed=(
            not reverse_path
            or not route.allowed_senders
            or _is_among(reverse_path, route.allowed_senders)
        ),
    )


def _smarthost_for_null_path(settings: Settings) -> str | None:
    by_sender = [route for route in settings.routes if route.from_ is not None]
    if not by_sender:
        return None
    return "default" if settings.smarthost.host else by_sender[0].smarthost


def _is_among(address: str, patterns: tuple[str, ...]) -> bool:
    """Whether an address is one of these, or of one of these ``@domains``; case is no matter."""
    folded = address.casefold()
    _, at, domain = folded.rpartition("@")
    return any(
        folded == pattern.casefold() or (bool(at) and f"@{domain}" == pattern.casefold())
        for pattern in patterns
        if pattern
    )

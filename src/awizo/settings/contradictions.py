"""Refuse settings that fit key by key, but not together.

In:  the whole settings.
Out: nothing, or the first contradiction: a name that is not defined, a secret that would be
     readable on the way.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from awizo.errors import SettingsError
from awizo.settings.loopback import is_loopback
from awizo.settings.sections import Panel
from awizo.settings.whole import Settings


def refuse_contradictions(settings: Settings) -> None:
    """Refuse what fits each field but not the whole.

    Raises:
        SettingsError: The text names the keys, and what to set.
    """
    known = {"default", *settings.smarthosts}
    for index, route in enumerate(settings.routes, 1):
        label = f"routes[{index}] ({route.name or route.smtp_user or route.from_})"
        if route.smarthost not in known:
            raise SettingsError(
                f"{label}: smarthost {route.smarthost!r} is not defined; known: "
                f"{', '.join(sorted(known))}"
            )
        if route.policy is not None and route.policy not in settings.policies:
            raise SettingsError(
                f"{label}: policy {route.policy!r} is not defined; add [policies.{route.policy}]"
            )
        if settings.accounts:
            for account in route.accounts:
                if account not in settings.accounts:
                    raise SettingsError(
                        f"{label}: account {account!r} is not defined; add [accounts.{account}]"
                    )
    for sender in settings.senders:
        if sender.policy not in settings.policies:
            raise SettingsError(f"senders: policy {sender.policy!r} is not defined")
    for name, owner in settings.accounts.items():
        if owner.policy is not None and owner.policy not in settings.policies:
            raise SettingsError(f"accounts.{name}: policy {owner.policy!r} is not defined")
    for key, url in (
        ("api_url", settings.allegro.api_base),
        ("auth_url", settings.allegro.auth_base),
    ):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"allegro.{key}: {url!r} is no http(s) address")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise SettingsError(
                f"allegro.{key}: plain http is taken on loopback only, tokens would be readable "
                "on the way; use https"
            )
    for name in known:
        _refuse_unsafe_smarthost(settings, name, known)
    _refuse_unsafe_panel(settings.panel)


def _refuse_unsafe_panel(panel: Panel) -> None:
    if panel.public_url is None:
        return
    parts = urlsplit(panel.public_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise SettingsError(
            f"panel.public_url: {panel.public_url!r} is no address of a panel; write it as "
            "https://panel.example.com, without a path"
        )
    if panel.password_hash is None and not is_loopback(parts.hostname):
        raise SettingsError(
            "panel.public_url lets others reach the panel: set panel.password_hash, made by "
            "'awizo hash-password'"
        )


def _refuse_unsafe_smarthost(settings: Settings, name: str, known: set[str]) -> None:
    smarthost = settings.smarthost_named(name)
    for other in smarthost.fallback:
        if other not in known or other == name:
            raise SettingsError(f"smarthost {name}: fallback {other!r} is not defined")
    if smarthost.uses_oauth or smarthost.auth == "xoauth2":
        if not smarthost.uses_oauth:
            raise SettingsError(
                f"smarthost {name}: xoauth2 needs oauth_refresh_token_file, or oauth_refresh_token"
            )
        for key in ("username", "oauth_token_url", "oauth_client_id"):
            if not getattr(smarthost, key):
                raise SettingsError(f"smarthost {name}: xoauth2 needs {key}")
        url = urlsplit(smarthost.oauth_token_url or "")
        if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname or "")):
            raise SettingsError(
                f"smarthost {name}: oauth_token_url must be https, the refresh token would be "
                "readable on the way"
            )
    if not smarthost.host or is_loopback(smarthost.host):
        return
    if smarthost.tls == "none" and not smarthost.allow_plaintext:
        raise SettingsError(
            f'smarthost {name}: tls = "none" sends mail and password readable to '
            f"{smarthost.host}; use starttls or implicit, or set allow_plaintext = true"
        )
    if smarthost.username is not None and (smarthost.tls == "none" or not smarthost.tls_verify):
        raise SettingsError(
            f"smarthost {name}: the password would be told to whoever answers for "
            f"{smarthost.host}; use starttls or implicit with tls_verify, set tls_ca_file for a "
            "private authority, or leave username out"
        )

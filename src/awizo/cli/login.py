"""``awizo login``: connect an Allegro account by the device flow (RFC 8628).

In:  the settings' client id, an account's name.
Out: the account's tokens in the store, encrypted; a running service notices by itself.

Needs no terminal: the address and the code are printed, and polled for until the person has
confirmed them in any browser. The QR code is for terminals only.
"""

from __future__ import annotations

import io
from typing import Annotated

import typer

from awizo.allegro.client import AllegroClients
from awizo.allegro.oauth import DeviceCode
from awizo.allegro.senders import registered_senders
from awizo.cli.common import (
    ConfigOption,
    JsonOption,
    err,
    meant,
    opened_store,
    out,
    print_json,
    run,
    utc_now,
)
from awizo.errors import ActionError, PermanentFailure, SettingsError
from awizo.problems import described
from awizo.settings import Settings
from awizo.store import Stores

STATUS_MAIL = {
    "unknown": (
        "Allegro mails your buyers about a status only if you switched that on there (sales "
        "settings, messages to buyers), and no interface shows whether you did. Look, then set "
        'policy.allegro_status_mail to "on" or "off".'
    ),
    "off": (
        "policy.allegro_status_mail is off: buyers are told nothing when a status mail of the "
        "shop is stopped. Switch these mails on at Allegro, then set it to on."
    ),
}


def command(
    config: ConfigOption = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="Account of the settings.")
    ] = None,
    lost_key: Annotated[
        bool,
        typer.Option(
            "--lost-key",
            help="The key file is lost for good: drop the tokens of all accounts first.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Connect an Allegro account: prints an address and a code, waits until both are used."""

    async def work() -> None:
        async with opened_store(config, forget_secrets=lost_key) as (settings, stores):
            name = _account_name(settings, account)
            clients = AllegroClients(settings, stores.accounts, stores.memory, now=utc_now)
            try:
                await _connect(settings, stores, clients, name, as_json=as_json)
            finally:
                await clients.close()

    run(work)


def _account_name(settings: Settings, wanted: str | None) -> str:
    names = settings.account_names
    if wanted is None:
        if len(names) == 1:
            return names[0]
        raise SettingsError(f"several accounts are set; name one: --account {' | '.join(names)}")
    if wanted not in names:
        raise SettingsError(
            f"account {wanted!r} is not in the settings{meant(wanted, names)}; "
            f"add [accounts.{wanted}] to the config file"
        )
    return wanted


async def _connect(
    settings: Settings, stores: Stores, clients: AllegroClients, name: str, *, as_json: bool
) -> None:
    record = await stores.accounts.get(name)
    registered = record is not None and record.client_id
    if not registered and settings.allegro.software_statement is not None:
        record = await clients.register(name)
    elif not registered and not settings.client_of(name)[0]:
        raise SettingsError(
            "allegro.client_id is not set: register an application of type 'device' at "
            "https://apps.developer.allegro.pl and put its client id and secret into the config "
            "file, or into AWIZO_ALLEGRO__CLIENT_ID and AWIZO_ALLEGRO__CLIENT_SECRET"
        )
    oauth = clients.oauth(name, record)
    try:
        code = await oauth.start_device_flow()
        _show(code, as_json=as_json)
        tokens = await oauth.wait_for_device_token(code)
        connected = await clients.connect(name, tokens)
    except ActionError as error:
        raise SettingsError(_words(error, settings)) from None
    wanted = settings.account(name).login
    if wanted and wanted != connected.login:
        await stores.accounts.remove(name)
        raise SettingsError(
            f"confirmed as {connected.login}, but accounts.{name}.login is {wanted}: not "
            "connected; log in at Allegro as the right seller and run this again"
        )
    for cause in ("account_not_connected", "invalid_grant", "access_denied", "client_refused"):
        await stores.spool.clear_alert(cause=cause, account=name)
    if as_json:
        print_json({"account": name, "connected": True, "login": connected.login})
    else:
        out.print(f"Account {name} is connected as {connected.login}.", markup=False)
    await _remind(settings, clients, name)


def _show(code: DeviceCode, *, as_json: bool) -> None:
    """Address and code, on a terminal with a QR code to scan; at once, also into a pipe."""
    if as_json:
        print_json(
            {
                "verification_uri": code.verification_uri,
                "verification_uri_complete": code.verification_uri_complete,
                "user_code": code.user_code,
                "expires_in_s": code.expires_in_s,
                "interval_s": code.interval_s,
            }
        )
        return
    if out.is_terminal:
        out.print(_qr_code(code.verification_uri_complete), markup=False)
    out.print(f"Open     {code.verification_uri_complete}", markup=False, soft_wrap=True)
    out.print(f"or       {code.verification_uri}", markup=False, soft_wrap=True)
    out.print(f"Code     {code.user_code}", markup=False)
    minutes = max(1, round(code.expires_in_s / 60))
    out.print(f"Log in there as the seller and confirm within {minutes} minutes. Waiting ...")
    out.file.flush()


def _qr_code(address: str) -> str:
    import segno  # only here

    drawn = io.StringIO()
    segno.make(address, error="l", micro=False).terminal(drawn, compact=True, border=2)
    return drawn.getvalue()


async def _remind(settings: Settings, clients: AllegroClients, name: str) -> None:
    """What no interface of Allegro tells, and what it takes mail from."""
    words = STATUS_MAIL.get(settings.policy.allegro_status_mail)
    if words:
        err.print(f"Note: {words}", markup=False, soft_wrap=True)
    try:
        senders = sorted(await registered_senders(clients.account(name)))
    except ActionError:
        return
    err.print(
        "Allegro takes mail to its buyers only from registered addresses; of this account: "
        + (", ".join(senders) or "none"),
        markup=False,
        soft_wrap=True,
    )


def _words(error: ActionError, settings: Settings) -> str:
    match error.code:
        case "login_denied":
            return "the request was denied at Allegro; run this again to be asked anew"
        case "login_expired":
            return "the code was not confirmed in time; run this again for a new one"
        case "allegro_unreachable":
            return f"{settings.allegro.auth_base} does not answer: {error.reply}; try again later"
    said = f" ({error.reply})" if error.reply else ""
    problem = described(error.code)
    kind = "" if isinstance(error, PermanentFailure) else " Try again later."
    return f"{problem.words}{said} {problem.next_step}{kind}"

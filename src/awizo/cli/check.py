"""``awizo check``: settings, rules, store, smarthost, tokens, sender addresses; a line each."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr
from rich.text import Text

from awizo.allegro.client import AllegroAccount, AllegroClients
from awizo.allegro.senders import registered_senders, unregistered_senders
from awizo.book import load_book
from awizo.cli.common import ConfigOption, JsonOption, out, print_json, read_settings, run, utc_now
from awizo.errors import AwizoError, SettingsError
from awizo.problems import described
from awizo.settings import Settings
from awizo.smarthost.smarthosts import Smarthosts
from awizo.store import Stores, open_store

SENDERS_LOOKED_AT = 500  # newest deliveries
WARNING = "warning: "  # begins the words of what is well, but should be another way


def command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look whether everything is set up; exit 1 on any failure."""

    async def work() -> int:
        failed = False
        async for name, ok, words in checks(config):
            failed = failed or not ok
            if as_json:
                print_json({"check": name, "ok": ok, "words": words})
            else:
                warns = ok and words.startswith(WARNING)
                mark = Text("warn", "yellow") if warns else Text("ok  ", "green")
                mark = mark if ok else Text("FAIL", "red")
                out.print(Text.assemble(mark, f" {name:<22} ", words), soft_wrap=True)
        return 1 if failed else 0

    run(work)


Line = tuple[str, bool, str]


async def checks(config: Path | None) -> AsyncIterator[Line]:
    """Every check in turn: name, whether it is well, one line of words."""
    try:
        settings = read_settings(config, log_level="error")
    except SettingsError as error:
        yield "settings", False, str(error).replace("\n", "; ")
        return
    yield "settings", True, str(settings.config_file or "defaults and environment")
    if words := told_to_others(settings):
        yield "settings file", True, f"{WARNING}{words}"

    async def rules() -> str:
        book = load_book(settings)
        broken = book.rules.check_examples()
        if broken:
            raise SettingsError("; ".join(broken))
        return "every rule compiles and holds its examples"

    yield await _asked("rules", rules)
    if settings.allegro.environment == "sandbox":
        yield "sandbox", True, "Allegro's sandbox mails nobody, whatever is filed or set there"
    for name in ("default", *settings.smarthosts):
        yield await _asked(f"smarthost {name}", partial(_smarthost, settings, name))
    try:
        stores = await open_store(settings.store)
    except AwizoError as error:
        yield "store", False, str(error)
        return
    try:
        yield await _asked("store", lambda: _store(stores))
        clients = AllegroClients(settings, stores.accounts, stores.memory, now=utc_now)
        try:
            for account in settings.account_names:
                async for line in _account(settings, stores, clients, account):
                    yield line
        finally:
            await clients.close()
        fresh_since = utc_now() - timedelta(hours=settings.alerts.repeat_after_h)
        for alert in await stores.spool.alerts():
            about = f" ({alert['account']})" if alert["account"] else ""
            words = f"{alert['cause']}{about}: {alert['text']}"
            if alert["last_at"] < fresh_since:
                words += f" Last seen {alert['last_at']:%Y-%m-%d %H:%M}."
            yield "alert", alert["last_at"] < fresh_since, words
    finally:
        await stores.close()


def told_to_others(settings: Settings) -> str | None:
    """What to do where other users of this machine can read secrets in the config file."""
    path = settings.config_file
    if path is None:
        return None
    try:
        readable = stat.S_IMODE(path.stat().st_mode) & stat.S_IROTH
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    keys = [key for key in secret_keys(settings) if _stands_in(written, key)]
    if not readable or not keys:
        return None
    names = ", ".join(".".join(key) for key in keys)
    return f"others on this machine can read {names}; run: chmod 640 {path}"


def secret_keys(section: BaseModel, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all settings that hold a secret."""
    for name, value in section:
        path = (*above, name)
        if isinstance(value, SecretStr) and value.get_secret_value():
            yield path
        elif isinstance(value, BaseModel):
            yield from secret_keys(value, path)
        elif isinstance(value, dict):
            for key, one in value.items():
                if isinstance(one, BaseModel):
                    yield from secret_keys(one, (*path, key))
        elif path == ("store", "url") and urlsplit(value).password:
            yield path


def _stands_in(written: Mapping[str, object], key: tuple[str, ...]) -> bool:
    value: object = written
    for name in key:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True


async def _asked(name: str, check: Callable[[], Awaitable[str]]) -> Line:
    try:
        return name, True, await check()
    except AwizoError as error:
        return name, False, str(error).replace("\n", "; ")


async def _smarthost(settings: Settings, name: str) -> str:
    if not settings.smarthost_named(name).host:
        raise SettingsError(
            "smarthost.host is not set; name the seller's mail provider, e.g. smtp.example.pl"
        )
    smarthosts = Smarthosts(settings, now=utc_now, instance_id="check")
    try:
        return await smarthosts.check(name)
    finally:
        await smarthosts.close()


async def _store(stores: Stores) -> str:
    await stores.spool.probe()
    counts = await stores.spool.counts()
    waiting = sum(n for state, n in counts.by_state.items() if state != "settled")
    return f"writable, {waiting} deliveries on their way"


async def _account(
    settings: Settings, stores: Stores, clients: AllegroClients, account: str
) -> AsyncIterator[Line]:
    label = f"account {account}"
    record = await stores.accounts.get(account)
    if record is None or record.tokens is None:
        option = "" if account == "default" else f" --account {account}"
        yield label, False, f"not connected; run 'awizo login{option}'"
        return
    if record.paused:
        yield (
            label,
            False,
            described(record.paused).words + " " + described(record.paused).next_step,
        )
        return

    client = clients.account(account)

    async def me() -> str:
        seller = await client.me()
        wanted = settings.account(account).login
        if wanted and wanted != seller.login:
            raise SettingsError(f"connected as {seller.login}, but {wanted} is set")
        count = await stores.orders.count(account)
        return f"connected as {seller.login}, {count} orders known"

    connected = await _asked(label, me)
    yield connected
    if connected[1]:
        yield await _asked(f"{label} senders", partial(_senders, settings, stores, client, account))
    status_mail = settings.policy.allegro_status_mail
    yield (
        f"{label} status mail",
        True,
        {
            "on": "on: Allegro tells the buyer about each status",
            "off": "off: the buyer is not told about statuses",
            "unknown": "unknown: Allegro mails buyers about a status only if the seller switched "
            "it on; look there, then set policy.allegro_status_mail",
        }[status_mail],
    )


async def _senders(settings: Settings, stores: Stores, client: AllegroAccount, account: str) -> str:
    """Whether Allegro takes mail from the addresses that the shop sends as."""
    used: dict[str, None] = {}
    for route in settings.routes:
        if account in route.accounts:
            used.update(dict.fromkeys(a for a in (route.from_, *route.allowed_senders) if a))
    async for stored in stores.spool.list(newest_first=True, limit=SENDERS_LOOKED_AT):
        if account == stored.delivery.account:
            used[stored.delivery.message.envelope.reverse_path] = None
    addresses = [address for address in used if address and not address.startswith("@")]
    unknown = await unregistered_senders(client, addresses)
    known = ", ".join(sorted(await registered_senders(client)))
    if unknown:
        raise SettingsError(
            f"Allegro takes no mail from {', '.join(unknown)}, only from {known}; "
            + described("sender_unknown").next_step
        )
    seen = f"{len(addresses)} in use, all registered" if addresses else "none seen yet"
    return f"{seen}; Allegro takes mail from {known or 'no address'}"

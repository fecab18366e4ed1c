"""Every knob, its unit in its name; the one reader of files, environment and secrets.

Order of precedence: command line, environment (``AWIZO_SECTION__KEY``, ``AWIZO_MODE``),
``config/awizo.toml``, the defaults below. Unknown keys are errors that name the file, the
line and the key that was probably meant.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from awizo.errors import SettingsError
from awizo.model import DocumentKind, FulfillmentStatus, Kind
from awizo.resources import config_dir

Tls = Literal["none", "starttls", "implicit"]
Share = Annotated[float, Field(ge=0, le=1)]

BUYER_DOMAINS = ("allegromail.pl", "user.allegrogroup.pl")  # FACTS 4.1: production, sandbox

ENVIRONMENTS = {  # FACTS 2.0 and 3
    "production": ("https://api.allegro.pl", "https://allegro.pl/auth/oauth"),
    "sandbox": (
        "https://api.allegro.pl.allegrosandbox.pl",
        "https://allegro.pl.allegrosandbox.pl/auth/oauth",
    ),
}


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SmtpUser(Section):
    """A shop that may log in. ``password_hash`` is argon2 (``awizo hash-password``)."""

    password_hash: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _one_of(self) -> SmtpUser:
        if (self.password_hash is None) == (self.password is None):
            raise ValueError("set exactly one of password_hash and password")
        return self


class Intake(Section):
    host: str = "127.0.0.1"
    port: int = Field(2525, ge=0, le=65535)
    implicit_tls_port: int | None = Field(None, ge=0, le=65535)
    hostname: str | None = None  # in the greeting; default: the machine's name
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_self_signed: bool = False  # make a certificate at first start, log its fingerprint
    users: dict[str, SmtpUser] = {}
    allow_networks: tuple[str, ...] = ()  # clients that need no AUTH
    allow_plaintext_auth: bool = False  # AUTH without TLS beyond loopback
    proxy_protocol_from: tuple[str, ...] = ()
    xclient_from: tuple[str, ...] = ()
    max_message_bytes: int = Field(26_214_400, gt=0)
    max_recipients: int = Field(1000, ge=100)  # RFC 5321 4.5.3.1.8: at least 100
    max_line_bytes: int = Field(1_048_576, ge=1000)
    max_header_bytes: int = Field(262_144, ge=1024)
    max_connections: int = Field(500, gt=0)
    max_connections_per_address: int = Field(100, gt=0)
    max_commands: int = Field(10_000, gt=0)
    max_errors: int = Field(20, gt=0)
    idle_timeout_s: float = Field(300, gt=0)  # RFC 5321 4.5.3.2.7: at least 5 minutes
    data_total_timeout_s: float = Field(3600, gt=0)
    min_data_rate_bytes_per_s: float = Field(100, ge=0)
    bare_line_ends: Literal["normalize", "reject"] = "normalize"  # default as Postfix 3.9
    memory_body_bytes: int = Field(262_144, gt=0)  # larger bodies wait on disk, not in memory
    min_free_bytes: int = Field(104_857_600, ge=0)
    min_free_inodes: int = Field(1000, ge=0)
    auth_cache_s: float = Field(300, ge=0)
    auth_fail_delay_s: float = Field(2, ge=0)
    drain_s: float = Field(10, ge=0)
    processes: int = Field(1, ge=1)


class Smarthost(Section):
    host: str = ""
    port: int = Field(587, ge=1, le=65535)
    tls: Tls = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    auth: Literal["auto", "plain", "login", "cram-md5", "xoauth2"] = "auto"
    oauth_token_url: str | None = None
    oauth_client_id: str | None = None
    oauth_client_secret: SecretStr | None = None
    oauth_scope: str | None = None
    oauth_refresh_token: SecretStr | None = None
    # Read at start in place of the above, and written when the provider gives out a new one.
    oauth_refresh_token_file: Path | None = None
    tls_verify: bool = True
    tls_ca_file: Path | None = None
    allow_plaintext: bool = False
    connect_timeout_s: float = Field(30, gt=0)
    command_timeout_s: float = Field(300, gt=0)  # RFC 5321 4.5.3.2
    reply_timeout_s: float = Field(600, gt=0)  # after the final dot; RFC 5321 4.5.3.2.6
    max_connections: int = Field(4, gt=0)
    idle_close_s: float = Field(30, ge=0)
    helo: str | None = None
    fallback: tuple[str, ...] = ()  # names of other smarthosts, tried in order

    @property
    def uses_oauth(self) -> bool:
        return self.oauth_refresh_token is not None or self.oauth_refresh_token_file is not None


class Allegro(Section):
    environment: Literal["production", "sandbox"] = "production"
    api_url: str | None = None
    auth_url: str | None = None
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    app_name: str = "Awizo"
    app_url: str = "https://github.com/awizo/awizo"
    buyer_domains: tuple[str, ...] = BUYER_DOMAINS
    waybill_delay_s: float = Field(600, ge=0)
    timeout_s: float = Field(60, gt=0)  # FACTS 2.0: leaky buckets answer slowly
    requests_per_minute: int = Field(9000, gt=0)  # per client id, FACTS 2.0
    sync_interval_s: float = Field(60, gt=0)
    sync_events_days: int = Field(60, ge=0, le=60)
    sync_orders_days: int = Field(365, ge=0, le=365)
    accept_language: Literal["en-US", "pl-PL", "uk-UA", "sk-SK", "cs-CZ", "hu-HU"] = "en-US"
    messaging: bool = True  # read the Message Center for evidence and fate of mails
    messaging_version: Literal["public.v1", "beta.v1"] = "public.v1"
    delivery_check_after_s: tuple[float, ...] = (60, 600, 3600, 21600)
    verifying_alert_after_s: float = Field(21600, gt=0)
    software_statement: SecretStr | None = None  # Dynamic Client Registration (FACTS 3)

    @property
    def api_base(self) -> str:
        return (self.api_url or ENVIRONMENTS[self.environment][0]).rstrip("/")

    @property
    def auth_base(self) -> str:
        return (self.auth_url or ENVIRONMENTS[self.environment][1]).rstrip("/")


class Account(Section):
    """An Allegro account; fields left out are those of ``[allegro]``."""

    login: str | None = None  # checked against /me when set
    client_id: str | None = None
    client_secret: SecretStr | None = None
    policy: str | None = None


class PolicyChange(Section):
    """What a named policy changes of ``[policy]``; the keys are those of :class:`Policy`."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Route(Section):
    """Which client acts on which accounts through which smarthost; first match wins.

    Exactly one of ``smtp_user`` and ``from`` (an address, or ``@domain``, of the reverse-path).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = ""
    smtp_user: str | None = None
    from_: str | None = Field(None, alias="from")
    accounts: tuple[str, ...] = ("default",)
    smarthost: str = "default"
    policy: str | None = None
    allowed_senders: tuple[str, ...] = ()  # addresses or @domains; empty: any

    @model_validator(mode="after")
    def _one_of(self) -> Route:
        if (self.smtp_user is None) == (self.from_ is None):
            raise ValueError("set exactly one of smtp_user and from")
        return self


class Store(Section):
    url: str = "sqlite:///var/awizo.db"
    key_file: Path | None = None
    key: SecretStr | None = None  # the key itself, for AWIZO_STORE__KEY; goes before key_file
    pool_size: int = Field(8, gt=0)
    busy_timeout_s: float = Field(30, gt=0)


class SenderPolicy(Section):
    """Overrides for mails of one sender; all fields given must agree."""

    from_: str | None = Field(None, alias="from")
    smtp_user: str | None = None
    x_mailer: str | None = None
    policy: str

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class GiveUpAfterMin(Section):
    """How long an action is tried before the plan falls back, in minutes."""

    documents: float = Field(240, gt=0)
    statuses: float = Field(120, gt=0)


class Policy(Section):
    """What may be done with which mail."""

    stop_at: Share = 0.90
    file_at: Share = 0.90
    doubt_margin: Share = 0.15
    fallback: dict[Kind, Literal["forward", "hold"]] = {}
    # A kind listed here is forwarded unchanged, without any action.
    forward_kinds: tuple[Kind, ...] = ()
    # Statuses Awizo may set. PROCESSING ends the buyer's right to cancel alone (FACTS 2.8).
    statuses: tuple[FulfillmentStatus, ...] = (
        FulfillmentStatus.PROCESSING,
        FulfillmentStatus.READY_FOR_SHIPMENT,
        FulfillmentStatus.READY_FOR_PICKUP,
        FulfillmentStatus.SENT,
    )
    without_action: Literal["forward", "stop"] = "forward"
    disregard_attachments: tuple[DocumentKind, ...] = (
        DocumentKind.TERMS,
        DocumentKind.RETURN_FORM,
        DocumentKind.LABEL,
        DocumentKind.MANUAL,
        DocumentKind.GOODS_ISSUE,
        DocumentKind.LOGO,
        DocumentKind.E_INVOICE_XML,
    )
    integrated_carriers: tuple[str, ...] = (  # FACTS 6.1; what Allegro can track
        "ALLEGRO", "DHL", "DPD", "FEDEX", "GLS", "INPOST", "ORLEN", "PACKETA", "POCZTA_POLSKA",
        "UPS", "DB_SCHENKER", "GEIS", "MEEST", "WEDO", "DPD_CZ", "DPD_SK", "DPD_HU",
        "EXPRESS_ONE",
    )  # fmt: skip
    allegro_status_mail: Literal["unknown", "on", "off"] = "unknown"
    give_up_after_min: GiveUpAfterMin = GiveUpAfterMin()
    order_wait_s: float = Field(300, ge=0)
    order_wait_first_sync_s: float = Field(1800, ge=0)
    hold_max_h: float = Field(24, gt=0)
    verify_after_s: tuple[float, ...] = (30, 300)
    follow_up_h: float = Field(24, ge=0)
    link_hosts: tuple[str, ...] = ()  # document hosts beyond those of the rule files
    approved_link_hosts: tuple[str, ...] = ()  # known to be on Allegro's list for this account


class Retry(Section):
    allegro_quick_s: tuple[float, ...] = (1, 3, 9)
    allegro_steps_s: tuple[float, ...] = (10, 30, 60, 300, 900, 3600)
    smarthost_steps_s: tuple[float, ...] = (60, 300, 900, 1800, 3600)
    smarthost_give_up_h: float = Field(96, gt=0)  # RFC 5321 4.5.4.1
    lease_s: float = Field(60, gt=0)


class Retention(Section):
    keep_days: float = Field(30, gt=0)
    history_days: float = Field(90, gt=0)


class Alerts(Section):
    email_to: tuple[str, ...] = ()
    email_from: str = ""
    webhook_url: str | None = None
    repeat_after_h: float = Field(24, gt=0)


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console", "auto"] = "auto"


class Panel(Section):
    host: str = "127.0.0.1"
    port: int = Field(8025, ge=0, le=65535)
    enabled: bool = True
    password_hash: str | None = None  # argon2; required beyond loopback
    # Where browsers reach it when not by address or localhost, such as behind a proxy with TLS.
    public_url: str | None = None


class Rules(Section):
    dir: Path | None = None  # default: ``rules`` beside the config file


class Documents(Section):
    helpers: int = Field(1, ge=1)
    helper_memory_bytes: int = Field(1_073_741_824, gt=0)
    helper_timeout_s: float = Field(20, gt=0)  # of computing; four times as long by the clock
    max_pages: int = Field(20, gt=0)


class Settings(BaseSettings):
    """All of it. ``config_file`` is where it was read from, ``None`` without a file.

    Made directly it takes its arguments alone; :func:`load_settings` reads the sources.
    """

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="AWIZO_", env_nested_delimiter="__"
    )

    mode: Literal["enforce", "observe"] = "enforce"
    intake: Intake = Intake()
    smarthost: Smarthost = Smarthost()
    smarthosts: dict[str, Smarthost] = {}
    allegro: Allegro = Allegro()
    accounts: dict[str, Account] = {}
    routes: tuple[Route, ...] = ()
    store: Store = Store()
    policy: Policy = Policy()
    policies: dict[str, PolicyChange] = {}
    senders: tuple[SenderPolicy, ...] = ()
    retry: Retry = Retry()
    retention: Retention = Retention()
    alerts: Alerts = Alerts()
    log: Log = Log()
    panel: Panel = Panel()
    rules: Rules = Rules()
    documents: Documents = Documents()
    config_file: Path | None = Field(None, exclude=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    def policy_named(self, name: str | None) -> Policy:
        """``[policy]`` with the changes of ``[policies.NAME]``."""
        if name is None:
            return self.policy
        return _with_changes(self.policy, self.policies[name])

    def smarthost_named(self, name: str) -> Smarthost:
        return self.smarthost if name == "default" else self.smarthosts[name]

    @property
    def account_names(self) -> tuple[str, ...]:
        """Accounts of the settings and the routes; ``default`` where none is named."""
        named = dict.fromkeys(self.accounts)
        for route in self.routes:
            named.update(dict.fromkeys(route.accounts))
        return tuple(named) or ("default",)

    def account(self, name: str) -> Account:
        return self.accounts.get(name, Account())

    def client_of(self, account: str) -> tuple[str, SecretStr]:
        """Client id and secret of an account; its own, else those of ``[allegro]``."""
        own = self.account(account)
        if own.client_id is not None:
            return own.client_id, own.client_secret or SecretStr("")
        return self.allegro.client_id, self.allegro.client_secret


def _with_changes(policy: Policy, changes: PolicyChange) -> Policy:
    changed = changes.model_dump(exclude_unset=True)
    return Policy.model_validate(_merge(policy.model_dump(), changed))


# --- reading ----------------------------------------------------------------------------------

NOT_SETTINGS = frozenset({"AWIZO_CONFIG", "AWIZO_OPENAPI"})  # variables with another meaning


class _Environment(EnvSettingsSource):
    """pydantic-settings' own reading of the environment, from a mapping given by hand."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {key.lower(): value for key, value in self._environ.items()}


def load_settings(
    config_file: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings from file, environment and *overrides* (the command line).

    Raises:
        SettingsError: A file is missing or no TOML, a key is unknown, a value does not fit; the
            text names file, line and key, and what was probably meant.
    """
    environ = os.environ if environ is None else environ
    text = ""
    merged: dict[str, Any] = {}
    if config_file is not None:
        text = _read(config_file)
        try:
            merged = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{config_file}: no valid TOML: {error}") from None
    _refuse_unknown_variables(environ)
    try:
        from_environment = _Environment(environ)()
    except ValueError:
        raise SettingsError(
            f"environment: {_unreadable_variable(environ)}: lists and tables are written as "
            'JSON, e.g. \'["a", "b"]\''
        ) from None
    merged = _merge(_merge(merged, from_environment), overrides or {})
    try:
        settings = Settings.model_validate(merged)
        for changes in settings.policies.values():
            _with_changes(settings.policy, changes)
    except ValidationError as error:
        raise SettingsError(_explained(error, config_file, text, from_environment)) from None
    settings = settings.model_copy(update={"config_file": config_file})
    _refuse_contradictions(settings)
    return settings


def rule_sources(settings: Settings) -> list[tuple[str, str]]:
    """Names and texts of the rule files in load order.

    The files that come with Awizo first, then those of ``rules.dir`` (default: ``rules`` beside
    the config file). A file of the same name takes the place of the one that comes with Awizo.

    Raises:
        SettingsError: A file cannot be read.
    """
    found: dict[str, Path] = {}
    beside = settings.config_file.parent / "rules" if settings.config_file else None
    for folder in (config_dir() / "rules", settings.rules.dir or beside):
        if folder is None or not folder.is_dir():
            continue
        found.update({path.name: path for path in folder.glob("*.toml")})
    return [(str(path), _read(path)) for _, path in sorted(found.items())]


def config_text(settings: Settings, name: str) -> str:
    """A data file such as ``hosts.toml``: beside the config file, else the one of Awizo."""
    if settings.config_file is not None and (settings.config_file.parent / name).is_file():
        return _read(settings.config_file.parent / name)
    return _read(config_dir() / name)


def is_loopback(host: str) -> bool:
    """Whether a host of the settings can only mean this machine."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = (
            _merge(below, value)
            if isinstance(below, Mapping) and isinstance(value, Mapping)
            else value
        )
    return merged


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    for name in environ:
        upper = name.upper()
        if not upper.startswith("AWIZO_") or upper in NOT_SETTINGS:
            continue
        top = upper.removeprefix("AWIZO_").split("__")[0].lower()
        if top not in Settings.model_fields or top == "config_file":
            meant = _did_you_mean(top, Settings)
            raise SettingsError(f"environment: {name} is no setting{meant}")


def _unreadable_variable(environ: Mapping[str, str]) -> str:
    """Name of the variable whose value cannot be read."""
    for name, value in environ.items():
        try:
            _Environment({name: value})()
        except ValueError:
            return name
    return "AWIZO_…"


def _explained(
    error: ValidationError,
    config_file: Path | None,
    text: str,
    from_environment: Mapping[str, Any],
) -> str:
    return "\n".join(
        _explained_one(one["loc"], one["type"], one["msg"], config_file, text, from_environment)
        for one in error.errors(include_url=False, include_input=False)
    )


def _explained_one(
    loc: tuple[int | str, ...],
    slug: str,
    words: str,
    config_file: Path | None,
    text: str,
    from_environment: Mapping[str, Any],
) -> str:
    path = [part for part in loc if part not in ("[key]",)]
    dotted = ".".join(str(part) for part in path)
    if _stands_in(from_environment, path):
        where = "environment: " + "AWIZO_" + "__".join(str(part).upper() for part in path)
    elif config_file is not None:
        line = _line_of(text, [str(part) for part in path if isinstance(part, str)])
        where = f"{config_file}:{line}: {dotted}" if line else f"{config_file}: {dotted}"
    else:
        where = dotted or "settings"
    if slug == "extra_forbidden":
        return f"{where} is no setting{_did_you_mean(str(path[-1]), _model_at(path[:-1]))}"
    return f"{where}: {words[0].lower()}{words[1:].removeprefix('alue error, ')}"


def _stands_in(data: Any, path: list[int | str]) -> bool:
    for part in path:
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return bool(path)


_TABLE = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-.\"' ]+?)\s*=")


def _line_of(text: str, path: list[str]) -> int | None:
    """Line of a key in a TOML text, or of the table it would stand in."""
    table: list[str] = []
    best: int | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = [part.strip("\"' ") for part in header[1].split(".")]
            here = table
        elif key := _KEY.match(line):
            here = table + [part.strip("\"' ") for part in key[1].split(".")]
        else:
            continue
        if here == path:
            return number
        if here and here == path[: len(here)]:
            best = number
    return best


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _model_at(path: list[int | str]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = Settings
    skip = False
    for part in path:
        if skip or isinstance(part, int) or model is None:
            skip = False
            continue
        field = model.model_fields.get(part)
        if field is None:
            return None
        skip = get_origin(field.annotation) is dict
        model = next(_models_in(field.annotation), None)
    return model


def _did_you_mean(word: str, model: type[BaseModel] | None) -> str:
    if model is None:
        return ""
    names = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known here: {', '.join(sorted(names))}"


def _refuse_contradictions(settings: Settings) -> None:
    """What fits each field but not the whole."""
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

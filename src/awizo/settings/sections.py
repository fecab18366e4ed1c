"""The sections of the settings: every knob, its unit in its name, its default and its limits.

In:  raw values of one table.
Out: a frozen section, or pydantic's complaint about each value that does not fit.

What fits each section but not the whole is found in ``contradictions.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from awizo.model import DocumentKind, FulfillmentStatus, Kind

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

"""All sections in one, and what is said of them together.

In:  the sections.
Out: Settings: policies, smarthosts and accounts by their names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from awizo.settings.merging import with_changes
from awizo.settings.sections import (
    Account,
    Alerts,
    Allegro,
    Documents,
    Intake,
    Log,
    Panel,
    Policy,
    PolicyChange,
    Retention,
    Retry,
    Route,
    Rules,
    SenderPolicy,
    Smarthost,
    Store,
)


class Settings(BaseSettings):
    """All of it. ``config_file`` is where it was read from, ``None`` without a file.

    Made directly it takes its arguments alone; ``reading.py`` reads the sources.
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
        return with_changes(self.policy, self.policies[name])

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

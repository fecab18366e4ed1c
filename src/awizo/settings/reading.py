"""Read the settings from their sources.

In:  a config file, the environment, the command line.
Out: Settings, or a SettingsError that names the file, the line and the key.

A later source goes before an earlier one: the defaults, the file, the environment
(``AWIZO_SECTION__KEY``, ``AWIZO_MODE``), the command line.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from awizo.errors import SettingsError
from awizo.settings.contradictions import refuse_contradictions
from awizo.settings.explaining import did_you_mean, explained
from awizo.settings.files import read_text
from awizo.settings.merging import merge, with_changes
from awizo.settings.whole import Settings

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
        text = read_text(config_file)
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
    merged = merge(merge(merged, from_environment), overrides or {})
    try:
        settings = Settings.model_validate(merged)
        for changes in settings.policies.values():
            with_changes(settings.policy, changes)
    except ValidationError as error:
        raise SettingsError(explained(error, config_file, text, from_environment)) from None
    settings = settings.model_copy(update={"config_file": config_file})
    refuse_contradictions(settings)
    return settings


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    for name in environ:
        upper = name.upper()
        if not upper.startswith("AWIZO_") or upper in NOT_SETTINGS:
            continue
        top = upper.removeprefix("AWIZO_").split("__")[0].lower()
        if top not in Settings.model_fields or top == "config_file":
            meant = did_you_mean(top, Settings)
            raise SettingsError(f"environment: {name} is no setting{meant}")


def _unreadable_variable(environ: Mapping[str, str]) -> str:
    """Name of the variable whose value cannot be read."""
    for name, value in environ.items():
        try:
            _Environment({name: value})()
        except ValueError:
            return name
    return "AWIZO_…"

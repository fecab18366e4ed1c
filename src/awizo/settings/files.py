"""The files beside the settings: rule files and tables such as ``hosts.toml``.

In:  settings, which say where the config file lies.
Out: the texts, of a file of one's own in place of the one that comes with Awizo.
"""

from __future__ import annotations

from pathlib import Path

from awizo.errors import SettingsError
from awizo.resources import config_dir
from awizo.settings.whole import Settings


def rule_files(settings: Settings) -> list[Path]:
    """The rule files in load order.

    The files that come with Awizo first, then those of ``rules.dir`` (default: ``rules`` beside
    the config file). A file of the same name takes the place of the one that comes with Awizo.
    """
    found: dict[str, Path] = {}
    beside = settings.config_file.parent / "rules" if settings.config_file else None
    for folder in (config_dir() / "rules", settings.rules.dir or beside):
        if folder is None or not folder.is_dir():
            continue
        found.update({path.name: path for path in folder.glob("*.toml")})
    return [path for _, path in sorted(found.items())]


def own_rule_files(settings: Settings) -> list[Path]:
    """Those of :func:`rule_files` that do not come with Awizo."""
    return [path for path in rule_files(settings) if path.parent != config_dir() / "rules"]


def rule_sources(settings: Settings) -> list[tuple[str, str]]:
    """Names and texts of the rule files in load order.

    Raises:
        SettingsError: A file cannot be read.
    """
    return [(str(path), read_text(path)) for path in rule_files(settings)]


def table_file(settings: Settings, name: str) -> Path:
    """A table such as ``hosts.toml``: beside the config file, else the one of Awizo."""
    if settings.config_file is not None and (settings.config_file.parent / name).is_file():
        return settings.config_file.parent / name
    return config_dir() / name


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        SettingsError: It is not there, cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None

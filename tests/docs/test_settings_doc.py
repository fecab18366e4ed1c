"""docs/settings.md: every key of the settings, with its default, and no other."""

from __future__ import annotations

import json
import re
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from awizo.settings import Settings, sections

TEXT = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")

SECTIONS: dict[str, type[BaseModel]] = {
    "`[intake]`": sections.Intake,
    "`[intake.users.NAME]`": sections.SmtpUser,
    "`[smarthost]` and `[smarthosts.NAME]`": sections.Smarthost,
    "`[allegro]`": sections.Allegro,
    "`[accounts.NAME]`": sections.Account,
    "`[[routes]]`": sections.Route,
    "`[store]`": sections.Store,
    "`[policy]`": sections.Policy,
    "`[policy.give_up_after_min]`": sections.GiveUpAfterMin,
    "`[[senders]]`": sections.SenderPolicy,
    "`[retry]`": sections.Retry,
    "`[retention]`": sections.Retention,
    "`[alerts]`": sections.Alerts,
    "`[log]`": sections.Log,
    "`[panel]`": sections.Panel,
    "`[rules]`": sections.Rules,
    "`[documents]`": sections.Documents,
}

UNITS = {
    "_per_minute": "calls a minute",
    "_bytes_per_s": "bytes a second",
    "_s": "seconds",
    "_h": "hours",
    "_days": "days",
    "_bytes": "bytes",
}


def rows(title: str) -> dict[str, tuple[str, str, str]]:
    """Key → purpose, unit, default, of the table under a heading."""
    start = TEXT.index(f"\n## {title}\n")
    end = TEXT.find("\n## ", start + 1)
    table = TEXT[start : end if end > 0 else None]
    found = {}
    for line in table.splitlines():
        if row := re.fullmatch(r"\| `([a-z0-9_]+)` \| (.+) \| (.*) \| `(.+)` \|", line):
            found[row[1]] = (row[2], row[3].strip(), row[4])
    return found


def shown(value: Any) -> str:
    """A default as it would be written in the config file."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(shown(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{}" if not value else json.dumps(value)
    return "unset" if value is None else json.dumps(str(value), ensure_ascii=False)


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_lists_every_key_with_its_default(title: str) -> None:
    told = rows(title)
    expected = {}
    for name, field in SECTIONS[title].model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            continue  # a table of its own
        key = field.alias or name
        expected[key] = "required" if field.is_required() else shown(default)

    required = {key for key, default in expected.items() if default == "required"}
    assert {key: row[2] for key, row in told.items() if key not in required} == {
        key: default for key, default in expected.items() if key not in required
    }
    assert required <= set(told)


@pytest.mark.parametrize("title", SECTIONS)
def test_a_key_with_a_unit_in_its_name_says_that_unit(title: str) -> None:
    for key, (purpose, unit, _) in rows(title).items():
        assert len(purpose) > 5, key
        for ending, words in UNITS.items():
            if key.endswith(ending):
                assert unit.startswith(words), f"{key}: {unit!r}"
                break


def test_every_section_of_the_settings_is_described() -> None:
    described = {
        re.sub(r"[`\[\]]", "", part).split(".")[0]
        for title in SECTIONS
        for part in title.split(" and ")
    } | {"mode"}

    assert {"config_file", "policies"} | described == set(Settings.model_fields)
    assert "`[policies.NAME]`" in TEXT
    assert rows("Top of the file")["mode"][2] == '"enforce"'

"""The example of an environment file holds settings, and no secret."""

from __future__ import annotations

import re
from pathlib import Path

from awizo.settings import load_settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "config" / "awizo.env.example").read_text(encoding="utf-8")


def variables(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(AWIZO_\w+)=(.*)$", text, re.MULTILINE))


def test_every_variable_is_a_setting() -> None:
    shown = variables(re.sub(r"^# (?=AWIZO_)", "", TEXT, flags=re.MULTILINE))
    shown = {key: value.strip("'") for key, value in shown.items()}

    settings = load_settings(None, environ=shown)

    assert settings.smarthost.host == "smtp.example.pl"
    assert settings.mode == "observe"
    assert "shop" in settings.intake.users


def test_secrets_are_left_empty_and_the_filled_in_file_is_not_committed() -> None:
    for key, value in variables(TEXT).items():
        if re.search("PASSWORD|SECRET", key):
            assert value == "", key
    assert "config/awizo.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()

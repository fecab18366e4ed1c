"""``awizo check``: what is set so that others could read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from awizo.cli.check import told_to_others
from awizo.settings import load_settings

SECRETS = """
[smarthost]
host = "smtp.example.pl"
password = "canary-1"
[smarthosts.second]
host = "smtp2.example.pl"
oauth_refresh_token = "canary-2"
username = "x"
oauth_client_id = "x"
oauth_token_url = "https://x.example"
[accounts.lampy]
client_secret = "canary-3"
[intake.users.shop]
password = "canary-4"
[store]
url = "postgresql://awizo:canary-5@db/awizo"
"""
KEYS = (
    "smarthost.password", "smarthosts.second.oauth_refresh_token", "accounts.lampy.client_secret",
    "intake.users.shop.password", "store.url",
)  # fmt: skip


def told(tmp_path: Path, text: str, mode: int, **environ: str) -> str | None:
    path = tmp_path / "awizo.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return told_to_others(load_settings(path, environ=environ))


def test_secrets_in_a_file_that_others_can_read_are_named_and_not_shown(tmp_path: Path) -> None:
    words = told(tmp_path, SECRETS, 0o644)

    assert words is not None
    assert all(key in words for key in KEYS)
    assert "chmod 640" in words
    assert "canary" not in words


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_secrets_that_the_file_keeps_are_no_matter(mode: int, tmp_path: Path) -> None:
    assert told(tmp_path, SECRETS, mode) is None


def test_a_file_without_secrets_may_be_read_by_all(tmp_path: Path) -> None:
    text = '[smarthost]\nhost = "smtp.example.pl"\n[store]\nurl = "postgresql://awizo@db/awizo"\n'

    assert told(tmp_path, text, 0o644, AWIZO_SMARTHOST__PASSWORD="canary") is None

"""Settings: every key shown, every mistake named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from awizo.errors import SettingsError
from awizo.settings import Policy, Settings, load_settings

SHOWN = Path(__file__).parents[2] / "config" / "awizo.toml"


def load(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "awizo.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ=environ)


def keys_of(model: type[BaseModel], prefix: str) -> set[str]:
    return {f"{prefix}.{field.alias or name}" for name, field in model.model_fields.items()}


def test_the_shown_config_file_is_valid_as_it_stands() -> None:
    settings = load_settings(SHOWN, environ={})

    assert settings.mode == "enforce"
    assert settings.policy == Policy()


def test_the_shown_config_file_shows_every_key_with_its_default(tmp_path: Path) -> None:
    shown = SHOWN.read_text(encoding="utf-8")
    uncommented = re.sub(r"(?m)^# (?=(\[|[a-z_]+ = ))", "", shown)
    # Tables that only exist as examples would contradict each other; look at keys alone.
    for section in ("intake", "smarthost", "allegro", "store", "policy", "retry", "retention",
                    "alerts", "log", "panel", "rules", "documents"):  # fmt: skip
        model = type(getattr(Settings(), section))
        for name, field in model.model_fields.items():
            key = field.alias or name
            assert re.search(rf"(?m)^({key} = |\[{section}\.{key}[\].])", uncommented) or re.search(
                rf"(?m)^\[{section}\.{key}", uncommented
            ), f"{section}.{key} is not shown"


def test_a_misspelt_key_is_named_with_file_line_and_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, 'mode = "enforce"\n\n[smarthost]\nhosst = "smtp.example.pl"\n')

    assert "awizo.toml:4" in str(caught.value)
    assert "smarthost.hosst" in str(caught.value)
    assert "did you mean 'host'?" in str(caught.value)


def test_a_misspelt_section_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"awizo.toml:1.*smarthots.*did you mean 'smarthosts?'"):
        load(tmp_path, '[smarthots]\nhost = "x"\n')


def test_a_value_that_does_not_fit_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"awizo.toml:2: policy.stop_at"):
        load(tmp_path, "[policy]\nstop_at = 3\n")


def test_text_that_is_no_toml_is_named_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"awizo\.toml: no valid TOML"):
        load(tmp_path, "[policy\n")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_settings(tmp_path / "none.toml", environ={})


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[smarthost]\nhost = "a"\nport = 25\n',
        AWIZO_SMARTHOST__HOST="b",
        AWIZO_MODE="observe",
        AWIZO_ALLEGRO__BUYER_DOMAINS='["x.pl"]',
    )

    assert settings.smarthost.host == "b"
    assert settings.smarthost.port == 25
    assert settings.mode == "observe"
    assert settings.allegro.buyer_domains == ("x.pl",)


def test_an_unknown_variable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="AWIZO_SMARTHOTS__HOST is no setting"):
        load(tmp_path, "", AWIZO_SMARTHOTS__HOST="x")
    with pytest.raises(SettingsError, match="did you mean 'host'"):
        load(tmp_path, "", AWIZO_SMARTHOST__HOSTT="x")


def test_passwords_do_not_show_when_settings_are_printed(tmp_path: Path) -> None:
    settings = load(tmp_path, "", AWIZO_SMARTHOST__PASSWORD="canary-4711")

    assert "canary-4711" not in repr(settings)
    assert "canary-4711" not in settings.model_dump_json()


def test_a_named_policy_changes_only_what_it_names(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "[policy]\nfile_at = 0.95\n[policies.careful]\nstop_at = 0.97\n"
        'fallback = {invoice = "hold"}\n',
    )

    careful = settings.policy_named("careful")
    assert careful.stop_at == 0.97
    assert careful.file_at == 0.95
    assert careful.fallback == {"invoice": "hold"}


def test_a_wrong_key_in_a_named_policy_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="stop_att"):
        load(tmp_path, "[policies.careful]\nstop_att = 0.97\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[allegro]\napi_url = "http://api.allegro.pl"\n', "https"),
        ('[smarthost]\nhost = "smtp.example.pl"\ntls = "none"\n', "allow_plaintext"),
        ('[[routes]]\nsmtp_user = "a"\nsmarthost = "b"\n', "'b' is not defined"),
        ('[[routes]]\nsmtp_user = "a"\npolicy = "p"\n', r"add \[policies.p\]"),
        ('[accounts.x]\n[[routes]]\nsmtp_user = "a"\naccounts = ["y"]\n', r"add \[accounts.y\]"),
        ('[[routes]]\nsmtp_user = "a"\nfrom = "@b.pl"\n', "exactly one"),
    ],
)
def test_a_contradiction_is_refused_with_what_to_do(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(tmp_path, text)


def test_plain_http_is_taken_on_loopback(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[allegro]\napi_url = "http://127.0.0.1:1/"\nauth_url = "http://localhost:1/auth/oauth"\n',
    )

    assert settings.allegro.api_base == "http://127.0.0.1:1"

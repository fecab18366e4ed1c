"""Wrong input is answered in one clear line that says what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import argon2
import pytest

from support.cli_parts import awizo
from support.service import PROGRAM, a_service, environment


async def test_without_a_verb_help_is_shown_with_every_verb(tmp_path: Path) -> None:
    out, _ = await awizo(tmp_path, "--help")

    for verb in ("serve", "demo", "explain", "login", "check", "queue", "orders", "rules"):
        assert verb in out


async def test_the_version_is_told(tmp_path: Path) -> None:
    out, _ = await awizo(tmp_path, "--version")

    assert out.startswith("awizo 0.")


async def test_a_misspelt_verb_is_guessed(tmp_path: Path) -> None:
    _, err = await awizo(tmp_path, "explan", "x.eml", expect=2)

    assert "'explain'" in err


async def test_a_misspelt_key_is_told_with_file_line_and_guess(tmp_path: Path) -> None:
    config = tmp_path / "awizo.toml"
    config.write_text('mode = "enforce"\n\n[intake]\nprot = 2525\n', encoding="utf-8")

    _, err = await awizo(tmp_path, "serve", "--config", config, expect=1)

    assert f"{config}:4" in err
    assert "'port'" in err
    assert len(err.splitlines()) == 1


async def test_a_list_that_is_no_json_is_told_with_its_variable(tmp_path: Path) -> None:
    _, err = await awizo(tmp_path, "queue", "list", expect=1, intake__allow_networks="10.0.0.0/8")

    assert "AWIZO_INTAKE__ALLOW_NETWORKS: lists and tables are written as JSON" in err
    assert len(err.splitlines()) == 1


async def test_a_missing_config_file_is_told(tmp_path: Path) -> None:
    _, err = await awizo(tmp_path, "check", "--config", tmp_path / "nope.toml", expect=1)
    out, _ = await awizo(tmp_path, "check", "--config", tmp_path / "nope.toml", expect=1)

    assert err == ""
    assert "nope.toml: no such file" in out


async def test_serve_without_a_smarthost_says_what_to_set(tmp_path: Path) -> None:
    _, err = await awizo(tmp_path, "serve", expect=1)

    assert "AWIZO_SMARTHOST__HOST" in err


async def test_a_second_service_on_the_same_store_is_refused(tmp_path: Path) -> None:
    smarthost = {"smarthost__host": "127.0.0.1", "smarthost__port": 9}
    async with a_service(tmp_path, **smarthost):
        _, err = await awizo(tmp_path, "serve", expect=1, log__level="error", **smarthost)

    assert "another 'awizo serve'" in err
    assert len(err.splitlines()) == 1


async def test_a_broken_rule_is_told_with_its_file_and_its_name(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "50-my-shop.toml").write_text(
        '[[rule]]\nid = "mine"\nkind = "order_sent"\nweight = 3\nmatch = ["(unclosed"]\n',
        encoding="utf-8",
    )
    config = tmp_path / "awizo.toml"
    config.write_text("", encoding="utf-8")

    out, _ = await awizo(tmp_path, "check", "--config", config, expect=1)

    line = next(one for one in out.splitlines() if " rules" in one)
    assert line.startswith("FAIL")
    assert "50-my-shop.toml" in line
    assert "'mine'" in line


@pytest.mark.parametrize("verb", ["show", "retry", "release", "forward", "drop"])
async def test_an_unknown_delivery_is_told(tmp_path: Path, verb: str) -> None:
    _, err = await awizo(tmp_path, "queue", verb, "nobody", expect=1)

    assert "nobody" in err
    assert "no such delivery" in err
    assert len(err.splitlines()) == 1


async def test_nobody_listening_is_told_by_the_healthcheck(tmp_path: Path) -> None:
    _, err = await awizo(tmp_path, "healthcheck", expect=1, panel__port=1)

    assert "is 'awizo serve' running" in err


async def test_an_account_that_is_not_set_is_told_with_a_guess(tmp_path: Path) -> None:
    _, err = await awizo(
        tmp_path, "login", "--account", "lampy", expect=1, accounts={"lampa": {}, "kwiaty": {}}
    )

    assert "did you mean 'lampa'?" in err


async def test_a_login_without_a_client_id_says_where_to_get_one(tmp_path: Path) -> None:
    _, err = await awizo(tmp_path, "login", expect=1)

    assert "apps.developer.allegro.pl" in err
    assert "AWIZO_ALLEGRO__CLIENT_ID" in err


async def test_labels_that_are_none_are_told_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text('\n{"file": "1.eml"}\n', encoding="utf-8")

    _, err = await awizo(tmp_path, "rules", "test", tmp_path, expect=1)

    assert "labels.jsonl:2: 'class' is missing" in err


async def test_a_password_is_hashed_for_the_settings(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "hash-password", cwd=tmp_path, env=environment(tmp_path),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate(b"correct horse\n")
    _, err = await awizo(tmp_path, "hash-password", expect=1)

    assert argon2.PasswordHasher().verify(out.decode().strip(), "correct horse")
    assert "no password given" in err

"""The Dockerfile keeps its promises, as far as its text tells; ``make image-test`` runs it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
FIRST, LAST = TEXT.rsplit("\nFROM ", 1)


def test_it_has_two_stages_over_a_base_that_can_be_chosen() -> None:
    assert re.search(r"^ARG BASE=\S+$", TEXT, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE) == ["${BASE}", "${BASE}"]


def test_dependencies_are_installed_by_hash_and_never_compiled() -> None:
    assert "--require-hashes" in FIRST
    assert "--only-binary :all:" in FIRST
    assert "pip install" not in LAST
    assert "apt-get" not in TEXT


def test_it_runs_as_a_user_without_a_shell_whose_only_folder_is_the_volume() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", LAST, re.MULTILINE)

    assert user is not None
    assert int(user[1]) >= 1000
    assert "/usr/sbin/nologin" in LAST
    assert re.search(r"^VOLUME /var/lib/awizo$", LAST, re.MULTILINE)
    assert re.search(r"^WORKDIR /var/lib/awizo$", LAST, re.MULTILINE)


def test_it_has_a_health_check_and_stops_by_sigterm() -> None:
    assert 'CMD ["awizo", "healthcheck"' in LAST
    assert re.search(r"^STOPSIGNAL SIGTERM$", LAST, re.MULTILINE)


def test_only_what_the_image_is_made_of_is_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--from)(\S+) ", TEXT, re.MULTILINE))

    assert "*" in ignored
    assert {path.split("/")[0] for path in copied} == kept
    assert "config/awizo.env" in ignored


def test_the_image_carries_the_configuration_where_the_program_looks() -> None:
    assert 'cp -r config "$site/awizo/_config"' in FIRST

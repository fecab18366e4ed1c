"""docker-compose.yml keeps its promises: what is published, who starts when, how it is locked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

OURS = sorted(name for name, service in SERVICES.items() if service["image"] == "awizo:latest")


def in_profile(profile: str | None) -> set[str]:
    return {
        name
        for name, service in SERVICES.items()
        if (profile in service.get("profiles", []) if profile else "profiles" not in service)
    }


def test_awizo_alone_starts_by_default() -> None:
    assert in_profile(None) == {"awizo"}


def test_the_demo_brings_an_allegro_and_a_catching_smarthost() -> None:
    assert in_profile("demo") == {"demo", "emulator", "awizo-demo"}
    assert "--catch-mail-port" in SERVICES["emulator"]["command"]
    # Plain http to Allegro is taken on loopback only: the same network namespace.
    assert SERVICES["awizo-demo"]["network_mode"] == "service:emulator"


def test_the_scale_profile_has_replicas_a_database_and_a_balancer() -> None:
    assert in_profile("scale") == {"database", "awizo-replica", "balancer"}
    assert SERVICES["awizo-replica"]["deploy"]["replicas"] == 2
    assert "ports" not in SERVICES["awizo-replica"]


def test_only_the_smtp_port_is_published_and_only_on_this_machine() -> None:
    published = {port for service in SERVICES.values() for port in service.get("ports", [])}

    assert published == {"127.0.0.1:2525:2525"}
    for profile in (None, "demo", "scale"):
        publishing = [name for name in in_profile(profile) if "ports" in SERVICES[name]]
        assert len(publishing) == 1, f"{profile}: two services want the same port"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_locked_down(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged", False)
    assert service.get("network_mode") != "host"
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


def test_no_password_stands_in_the_file() -> None:
    # A value may be a reference to a variable, empty by default, and nothing else.
    assert not re.search(r"\$\{\w*(PASSWORD|SECRET|TOKEN)\w*:-[^}]", TEXT)
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN", key) and name != "awizo-demo":
                assert str(value).startswith("${"), f"{name}: {key}"


@pytest.mark.parametrize("name", OURS)
def test_trust_ends_at_composes_own_network(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    subnet = COMPOSE["networks"]["default"]["ipam"]["config"][0]["subnet"]

    for key in ("AWIZO_INTAKE__ALLOW_NETWORKS", "AWIZO_INTAKE__PROXY_PROTOCOL_FROM"):
        if key in environment:
            assert json.loads(environment[key]) == [subnet]


@pytest.mark.parametrize("name", OURS)
def test_what_compose_sets_are_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from awizo.settings import load_settings

    environment = {
        key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
        for key, value in SERVICES[name].get("environment", {}).items()
    }

    settings = load_settings(None, environ=environment)

    if "AWIZO_INTAKE__HOST" in environment:
        assert settings.intake.host == "0.0.0.0"
        assert settings.intake.allow_networks == ("172.31.25.0/24",)


def test_configuration_is_mounted_read_only() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            if volume.startswith("./"):
                assert volume.endswith(":ro"), volume


def test_the_balancer_tells_who_the_client_is() -> None:
    text = (ROOT / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")

    assert "send-proxy-v2" in text
    assert re.search(r"server-template \S+ 2 awizo-replica:2525", text)
    assert "mode tcp" in text

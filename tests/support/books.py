"""Hosts, carriers and words as they come with the program, compiled once for the tests."""

from __future__ import annotations

from awizo.errors import RuleError
from awizo.resources import config_dir
from awizo.triage.references import compile_carriers, compile_hosts
from awizo.triage.vocabulary import compile_vocabulary

HOSTS = compile_hosts((config_dir() / "hosts.toml").read_text("utf-8"))
CARRIERS = compile_carriers((config_dir() / "carriers.toml").read_text("utf-8"))
WORDS = compile_vocabulary((config_dir() / "words.tsv").read_text("utf-8"))

__all__ = ["CARRIERS", "HOSTS", "WORDS", "RuleError"]

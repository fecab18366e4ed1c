"""Read the rule files and the tables of words, hosts and carriers, and compile them into one book.

In:  settings (which say where the files lie).
Out: a Book for judging, replaced whole when a file changes.

A file that does not compile is refused with its file, line, rule and words; the book that
runs stays in force.
"""

from __future__ import annotations

import threading

import structlog

from awizo.errors import AwizoError
from awizo.settings import Settings
from awizo.settings.files import own_rule_files, read_text, rule_files, rule_sources, table_file
from awizo.triage.judge import Book
from awizo.triage.references import compile_carriers, compile_hosts
from awizo.triage.rule_files import RuleSource, compile_rules
from awizo.triage.vocabulary import compile_vocabulary

log = structlog.get_logger()

WORDS, HOSTS, CARRIERS = "words.tsv", "hosts.toml", "carriers.toml"


def load_book(settings: Settings) -> Book:
    """Compile what the files say.

    Raises:
        RuleError: A file does not compile.
        SettingsError: A file cannot be read.
    """
    words, hosts, carriers = (
        read_text(table_file(settings, name)) for name in (WORDS, HOSTS, CARRIERS)
    )
    sources = [RuleSource(path, text) for path, text in rule_sources(settings)]
    rules = compile_rules(sources, threading.Lock())
    # Ours are known to compile; whether a shop's own do is seen before they are in force.
    rules.prepare([str(path) for path in own_rule_files(settings)])
    return Book(
        rules=rules,
        words=compile_vocabulary(words),
        hosts=compile_hosts(hosts),
        carriers=compile_carriers(carriers),
    )


class BookKeeper:
    """Holds the book in force; looks at the files again when told to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen = self._stamp()
        self.book = load_book(settings)

    def refresh(self) -> bool:
        """Compile anew if a file changed; a broken one keeps the old book in force."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            book = load_book(self._settings)
        except AwizoError as error:
            log.error("rules_refused", error=str(error))
            return False
        if broken := book.rules.check_examples():
            log.error("rules_refused", error="; ".join(broken[:5]))
            return False
        self.book = book
        log.info("rules_reloaded")
        return True

    def _stamp(self) -> tuple[tuple[str, float], ...]:
        """What tells that a file changed, came or went."""
        tables = [table_file(self._settings, name) for name in (WORDS, HOSTS, CARRIERS)]
        stamps: list[tuple[str, float]] = []
        for path in (*rule_files(self._settings), *tables):
            try:
                stamps.append((str(path), path.stat().st_mtime))
            except OSError:
                stamps.append((str(path), 0.0))
        return tuple(stamps)

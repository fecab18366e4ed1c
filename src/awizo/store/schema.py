"""Bring a database to the schema of this program.

In:  the numbered files of ``migrations/`` and a transaction.
Out: the statements still to run, in the dialect of the database.

A migration is never changed once released; a change of the schema is a new file. A database
that is newer than the program is refused: an old program would write rows that lack what the
new one needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from awizo.errors import StoreError
from awizo.store.database import Dialect

_NAME = re.compile(r"^(\d{4})_\w+\.sql$")
_ONLY = re.compile(r"^-- only: (\w+)$", re.MULTILINE)
_STATEMENT_END = re.compile(r";[ \t]*\n(?=\s*(?:--|CREATE|ALTER|INSERT|UPDATE|DELETE|DROP|\Z))")


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    text: str

    def statements(self, dialect: Dialect) -> Iterator[str]:
        """Each statement with the dialect's words put in, those of other dialects left out."""
        text = self.text
        for word in ("blob", "identity", "clustered"):
            text = text.replace(f"${word}", getattr(dialect, word))
        for statement in _STATEMENT_END.split(text):
            only = _ONLY.search(statement)
            if only is not None and only[1] != dialect.name:
                continue
            sql = "\n".join(
                line for line in statement.splitlines() if not line.lstrip().startswith("--")
            ).strip()
            if sql:
                yield sql


def migrations() -> list[Migration]:
    """All of them, in order."""
    found = []
    for entry in (files("awizo.store") / "migrations").iterdir():
        if name := _NAME.match(entry.name):
            found.append(Migration(int(name[1]), entry.name, entry.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.number)


def outstanding(version: int, place: str) -> list[Migration]:
    """Migrations that a database at *version* still needs.

    Raises:
        StoreError: The database is newer than this program.
    """
    known = migrations()
    newest = known[-1].number
    if version > newest:
        raise StoreError(
            f"{place} was written by a newer Awizo (schema {version}, this one knows {newest}); "
            "install that version again, or restore the backup made before the upgrade"
        )
    return [migration for migration in known if migration.number > version]

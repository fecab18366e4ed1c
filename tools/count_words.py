"""Print ``config/words.tsv`` anew: in how many labelled texts of each kind a word occurs.

In:  tests/corpus/dev, tests/triage/phrases and tests/triage/wordings.
Out: the table on standard output; write it with ``make words``.

The mails that accuracy is measured on (``held`` and ``fresh``) are never counted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path

from awizo.model import Kind
from awizo.triage.parse import parse
from awizo.triage.structure import Unit, units_of
from awizo.triage.vocabulary import counted

TESTS = Path(__file__).resolve().parents[1] / "tests"
NO_WORDINGS = frozenset({"boilerplate", "only-here"})  # lines that state no kind
HEAD = """\
# In how many labelled texts of each kind a word stands, by its first five letters.
# "s:" is a word of the subject, "*" counts the texts. Made by tools/count_words.py.
"""


def mails() -> Iterator[tuple[Kind, Sequence[Unit]]]:
    folder = TESTS / "corpus" / "dev"
    for line in (folder / "labels.jsonl").read_text("utf-8").splitlines():
        label = json.loads(line)
        yield Kind(label["class"]), units_of(parse((folder / label["file"]).read_bytes()))


def wordings() -> Iterator[tuple[Kind, Sequence[Unit]]]:
    for folder in ("phrases", "wordings"):
        for file in sorted((TESTS / "triage" / folder).glob("*.txt")):
            if file.stem in NO_WORDINGS:
                continue
            for kind, subject, text in _lines(file):
                mail = EmailMessage()
                mail["From"] = "Sklep <sklep@example.com>"
                mail["Subject"] = subject
                mail.set_content(text)
                yield kind, units_of(parse(mail.as_bytes()))


def _lines(file: Path) -> Iterator[tuple[Kind, str, str]]:
    kind = Kind.OTHER
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("= "):
            kind = Kind(line[2:].split("|")[0].strip())  # the first of several that may be named
        elif line and not line.startswith("#"):
            subject, _, text = line.partition("::")
            yield kind, subject.strip(), text.strip()


if __name__ == "__main__":
    sys.stdout.write(HEAD + counted([*mails(), *wordings()]))

"""Draft a rule from a mail that was judged wrongly.

In:  a ParsedMessage and the kind it should have got.
Out: TOML for a shop's own rule file, with the mail's telling words and an example.

Pure. The draft is a beginning for a person: it quotes the subject and the first sentences,
with everything that changes from mail to mail (numbers, addresses) taken out.
"""

from __future__ import annotations

import json
import re

from awizo.model import Kind, ParsedMessage
from awizo.triage.fold import fold

# Figures, addresses, and what TOML does not take.
_CHANGING = re.compile(r"\S*[\d@/#\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]\S*")
_SPECIAL = re.compile(r"([\\.^$|()\[\]{}*+?])")
_MIN_WORDS = 2
_SENTENCES = 2


def draft_rule(message: ParsedMessage, wanted: Kind) -> str:
    """Return a ``[[rule]]`` that would make mails like *message* count as *wanted*."""
    stripped = map(str.strip, message.new_text.splitlines())
    lines = [line for line in stripped if len(line.split()) > _MIN_WORDS]
    told = [message.subject, *lines[:_SENTENCES]]
    patterns = [pattern for pattern in map(_pattern, told) if pattern]
    slug = "-".join(re.findall(r"[a-z]+", fold(message.subject))[:4]) or "mail"
    match = ",\n  ".join(f"'{pattern}'" for pattern in patterns)
    examples = ",\n  ".join(json.dumps(text, ensure_ascii=False) for text in told if _pattern(text))
    return (
        f"# Drafted from a mail of {message.from_address or 'an unknown sender'}: keep the words\n"
        "# that all such mails share, and add what must not match as counter_examples.\n"
        "[[rule]]\n"
        f'id = "my-{slug}"\n'
        f'kind = "{wanted}"\n'
        "weight = 5\n"
        f"match = [\n  {match},\n]\n"
        f"examples = [\n  {examples},\n]\n"
        'why = "Judged wrongly before."\n'
    )


def _pattern(text: str) -> str:
    """The longest run of words that another such mail would repeat, as a pattern."""
    runs = [run.split() for run in _CHANGING.split(fold(text).split("\n")[0])]
    best = max(runs, key=len, default=[])
    words = " ".join(best).strip(" ,.;:-'\"!?()[]").replace("'", ".")
    if len(words.split()) < _MIN_WORDS:
        return ""
    return _SPECIAL.sub(r"\\\1", words).replace("\\.", ".")

"""Judge a parsed mail: documents → references → kind.

In:  a ParsedMessage, the facts of its documents, the book of rules, hosts and carriers.
Out: the verdict and the references.

Pure; the order it belongs to and the plan follow in ``match`` and ``plan``.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from awizo.model import ConversationEvidence, DocumentFacts, ParsedMessage, References, Verdict
from awizo.triage.classify import classify
from awizo.triage.references import Carriers, Hosts, find_references
from awizo.triage.rules import RuleSet
from awizo.triage.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Book:
    """What judging goes by: compiled once, replaced whole when files change."""

    rules: RuleSet
    words: Vocabulary
    hosts: Hosts
    carriers: Carriers


@dataclass(frozen=True, slots=True)
class Judged:
    verdict: Verdict
    references: References


def judge(
    message: ParsedMessage,
    facts: Sequence[DocumentFacts],
    book: Book,
    *,
    conversation: ConversationEvidence | None = None,
    seen_automatic_ids: Container[str] = (),
    smtp_user: str | None = None,
) -> Judged:
    """Return what kind of mail this is and everything that may tie it to an order."""
    references = find_references(message, facts, book.hosts, book.carriers)
    verdict = classify(
        message,
        facts,
        references,
        book.rules,
        book.words,
        conversation=conversation,
        seen_automatic_ids=seen_automatic_ids,
        smtp_user=smtp_user,
    )
    return Judged(verdict, references)

"""Judge what kind of mail this is, how sure, and on what evidence.

In:  a ParsedMessage, the facts of its documents, its references, the compiled rules and words.
Out: a Verdict: kind, calibrated confidence, evidence, what else is true, flags, runner-up.

Pure. Evidence is added up as log-odds for each kind (``tally``, ``sums``, ``vocabulary``) and
becomes a verdict in ``verdict``. The costly mistake is to take a reply or a free-form mail for
a repetition, so those are never below the bar that a stopping kind has to clear.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from awizo.model import (
    ConversationEvidence,
    DocumentFacts,
    Evidence,
    Kind,
    ParsedMessage,
    References,
    Verdict,
)
from awizo.triage.kinds import PERSONAL
from awizo.triage.language import languages_of
from awizo.triage.rules import RuleSet
from awizo.triage.structure import (
    MAX_CHARS,
    Unit,
    asks,
    count_told,
    names_amount,
    names_key,
    sentences_of_labels,
    shape_of,
    units_of,
)
from awizo.triage.sums import sums_of, weigh_free_text
from awizo.triage.tally import PROOF_FROM, Tally
from awizo.triage.usual import USUAL, is_unusual
from awizo.triage.verdict import verdict_of
from awizo.triage.vocabulary import Told, Vocabulary

LICENCE_KEY = 4.0  # a code in hand: whatever the frame, this mail delivers it
KNOWN_FROM = 2.0  # strength from which a rule knows what a sentence says


def classify(
    message: ParsedMessage,
    facts: Sequence[DocumentFacts],
    references: References,
    rules: RuleSet,
    vocabulary: Vocabulary,
    *,
    conversation: ConversationEvidence | None = None,
    seen_automatic_ids: Container[str] = (),
    smtp_user: str | None = None,
) -> Verdict:
    """Return what kind of mail *message* is.

    Args:
        facts: Of its attachments, from ``awizo.documents``.
        conversation: What the Message Center says of the buyer, when it was asked.
        seen_automatic_ids: Message-IDs of automatic mails that passed through here; an
            In-Reply-To naming one is a program's doing.
        smtp_user: Who handed the mail in, for the rules' per-sender sections.
    """
    shape = shape_of(message, conversation=conversation, seen_automatic_ids=seen_automatic_ids)
    units = units_of(message)
    tally = Tally()
    for evidence in shape.evidence:
        tally.fix(evidence)
    languages = _languages(units)
    decided = _ask_rules(tally, message, units, languages, rules, smtp_user)
    if shape.marked_automatic:
        tally.flags.add("automatic")
    if shape.reply_headers:
        tally.flags.add("reply_headers")
    if asks(units):
        tally.flags.add("asks")
    if names_amount(units):
        tally.flags.add("amount_named")
    if (key := names_key(message.new_text[:MAX_CHARS])) is not None:
        tally.flags.add("secret_code")
        # Beside an invoice the invoice is filed, and the flag sends the mail on all the same.
        weight = 0.0 if any(fact.is_sales_document for fact in facts) else LICENCE_KEY
        correspondence = Kind.FULFILMENT_CORRESPONDENCE
        tally.fix(Evidence("structure.licence-key", "body", key, weight, correspondence))
    sums = sums_of(tally, facts, references)
    weigh_free_text(tally, sums, message, references, shape)
    _mark_unusual(tally, units, languages)
    # What proves an answer is not talked away by the words it answers with.
    answer = tally.fixed.get(Kind.CONVERSATION_REPLY, 0.0) >= PROOF_FROM
    words = Told({}, {}) if answer else vocabulary.told(units)
    return verdict_of(tally, sums, words, shape, references, decided, count_told(units))


def _ask_rules(
    tally: Tally,
    message: ParsedMessage,
    units: Sequence[Unit],
    languages: Sequence[str],
    rules: RuleSet,
    smtp_user: str | None,
) -> tuple[str, Kind] | None:
    """Add what the rules say; return the rule that decides the matter, if one does."""
    senders = {
        sender.name: sender
        for sender in rules.sender_of(
            from_address=message.from_address,
            smtp_user=smtp_user,
            x_mailer=message.header("x-mailer") or message.header("user-agent") or "",
        )
    }
    for sender in senders.values():
        for kind, weight in sender.kinds:
            tally.fix(Evidence(f"sender.{sender.name}", "sender", sender.name, weight, kind))
    decided: tuple[str, Kind] | None = None
    sentence = sentences_of_labels(units)
    hits = rules.holding(
        [unit.folded for unit in units], [unit.place for unit in units], frozenset(languages)
    )
    for hit in hits:
        rule, unit = hit.rule, units[hit.unit]
        if rule.sender is not None and rule.sender not in senders:
            continue
        tally.flags |= rule.flags
        start, end = rules.span(rule, unit.folded)
        words = unit.words(start, end)
        for kind, weight in rule.kinds:
            effective = weight if weight <= 0 else weight * _share_of(unit, kind)
            tally.say(kind, sentence.get(hit.unit, hit.unit), effective)
            if effective > 0:
                tally.heard[rule.group] = tally.heard.get(rule.group, 0.0) + effective
            tally.evidence.append(Evidence(rule.id, unit.place, words, round(effective, 2), kind))
        if not rule.kinds:
            tally.evidence.append(Evidence(rule.id, unit.place, words, 0.0))
        if rule.status is not None:
            strength = max((weight for _, weight in rule.kinds), default=1.0) * unit.factor
            tally.statuses.append((strength, rule.status))
        if rule.decides:
            decided = (rule.id, rule.kinds[0][0])
    return decided


def _languages(units: Sequence[Unit]) -> tuple[str, ...]:
    """Languages that subject and text may be written in."""
    written = [unit for unit in units if unit.place in ("subject", "body")]
    return languages_of(
        " ".join([unit.folded for unit in written]), " ".join([unit.original for unit in written])
    )


def _share_of(unit: Unit, kind: Kind) -> float:
    """How much a sentence counts for a kind, by its place.

    What a person has to say may stand at the end; advertising at the end of a mail about an
    order makes no newsletter of it.
    """
    if unit.place != "body":
        return unit.factor
    if kind in PERSONAL:
        return 1.0
    return unit.factor**3 if kind is Kind.OTHER else unit.factor


def _mark_unusual(tally: Tally, units: Sequence[Unit], languages: Sequence[str]) -> None:
    """Flag a mail with a sentence of words that templates about an order's state do not use."""
    language = next(iter(languages), None) or max(
        (name for name in tally.heard if name in USUAL), key=lambda n: tally.heard[n], default=""
    )  # a short mail's small words do not tell; the rules that hold do
    known = {
        number
        for table in tally.said.values()
        for number, weight in table.items()
        if weight >= KNOWN_FROM
    }
    for number, unit in enumerate(units):
        salutation = unit.original.rstrip().endswith(",")
        if (
            unit.place == "body"
            and not salutation
            and is_unusual(unit.original, unit.folded, (language,), known=number in known)
        ):
            tally.flags.add("unusual")
            tally.evidence.append(Evidence("structure.unusual", "body", unit.original[:80], 0.0))
            return

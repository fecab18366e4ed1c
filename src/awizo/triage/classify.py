"""Judge what kind of mail this is, how sure, and on what evidence.

In:  a ParsedMessage, the facts of its documents, its references, the compiled rules.
Out: a Verdict: kind, calibrated confidence, evidence, what else is true, flags, runner-up.

Pure. Evidence is added up as log-odds for each kind; in one sentence only the strongest rule
for a kind counts, and further sentences that say the same count less, so that a long template
does not talk itself into certainty. What is true beside the main kind does not make it less
sure; only what contradicts it does. The costly mistake is to take a reply or a free-form mail
for a repetition, so those are never below the bar that a stopping kind has to clear.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from awizo.model import (
    ConversationEvidence,
    DocumentFacts,
    DocumentKind,
    Evidence,
    FulfillmentStatus,
    Kind,
    ParsedMessage,
    References,
    Verdict,
)
from awizo.triage.calibration import PRIORS, calibrated, probabilities
from awizo.triage.language import languages_of
from awizo.triage.rules import RuleSet
from awizo.triage.structure import Shape, Unit, asks, count_told, names_amount, shape_of, units_of
from awizo.triage.usual import USUAL, is_unusual

REPEATED = (1.0, 0.6, 0.35, 0.2, 0.1)  # what the 1st, 2nd … sentence for a kind counts
SECONDARY_FROM = 3.4  # log-odds of its own that a kind needs to be called true as well
DOCUMENT_SURE_AT = 0.6
# What a single sentence can make sure of where others stand beside it that do not bear it out:
# on mails that the rules had never seen, one such verdict in eleven was wrong.
ONE_WITNESS = 0.89
BAD_NEWS_FROM = 3.9  # a person's words that make the state of the order a side remark
BESIDE_BAD_NEWS = 0.65
MUCH_ABOUT_RATING = 7.0
BESIDE_DOCUMENT = 0.5
PROOF_FROM = 5.0  # a document in hand, the header of a reply: as good as two witnesses
STEP_FROM = 3.0  # strength of a sentence that tells a step of the parcel
SUBJECT = 0  # number of the subject among the texts of a mail
KNOWN_FROM = 2.0  # strength from which a rule knows what a sentence says
CUE_FROM = 1.0  # words weaker than this are none
FREE_TEXT_FROM = 5  # words; fewer are hardly a letter
SALES_DOCUMENT = 6.0
DOCUMENT_LINK = 6.0
PARCEL_BESIDE_DOCUMENT = 2.5

PERSONAL = frozenset({Kind.CONVERSATION_REPLY, Kind.FULFILMENT_CORRESPONDENCE})
NEVER_STOPPED = PERSONAL | {Kind.OTHER}
DOCUMENT_KINDS = frozenset({Kind.INVOICE, Kind.INVOICE_LINK, Kind.RECEIPT_LINK})

# "Delivered to the pick-up point" is not picked up yet.
PARCEL_STEPS = (FulfillmentStatus.READY_FOR_PICKUP, FulfillmentStatus.PICKED_UP)

# What a mail may say of the order's state in passing, on the way to its point.
STATES = frozenset(
    {Kind.PAYMENT_RECEIVED, Kind.ORDER_PROCESSING, Kind.ORDER_SENT, Kind.PARCEL_STATUS}
)

# Kinds whose templates ask the buyer nothing; those that ask for a rating do.
ASK_NOTHING = STATES | DOCUMENT_KINDS

PARCEL_KINDS = frozenset({Kind.ORDER_SENT, Kind.PARCEL_STATUS})

# Of two steps of one parcel the mail is about one; the other is only mentioned.
ONE_OF = frozenset({Kind.ORDER_PROCESSING, Kind.ORDER_SENT, Kind.PARCEL_STATUS})

# Flags that say: the mail holds something only it says.
SAID_HERE = frozenset(
    {
        "question",
        "request",
        "secret_code",
        "delay",
        "defect_or_problem",
        "cancelled",
        "return_or_refund",
        "choice_for_buyer",
    }
)

WORK_FLAGS = frozenset({"work_begun", "packed", "pickup_in_shop"})
HUMAN_FLAGS = frozenset({"human_writer", "question", "request", "only_said_here"})
LETTER_FLAGS = HUMAN_FLAGS | {"about_order"}
MONEY_AWAITED = frozenset({"awaiting_payment", "payment_request", "on_hold"})


@dataclass(slots=True)
class _Tally:
    """Evidence on its way to a sum."""

    said: dict[Kind, dict[int, float]] = field(default_factory=dict)  # kind → unit → weight
    against: dict[Kind, dict[int, float]] = field(default_factory=dict)
    fixed: dict[Kind, float] = field(default_factory=dict)  # from structure
    evidence: list[Evidence] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    statuses: list[tuple[float, FulfillmentStatus]] = field(default_factory=list)
    heard: dict[str, float] = field(default_factory=dict)  # language of rules → their weight

    def say(self, kind: Kind, unit: int, weight: float) -> None:
        table = self.said if weight > 0 else self.against
        units = table.setdefault(kind, {})
        known = units.get(unit, 0.0)
        units[unit] = max(known, weight) if weight > 0 else min(known, weight)

    def fix(self, evidence: Evidence) -> None:
        if evidence.kind is not None:
            self.fixed[evidence.kind] = self.fixed.get(evidence.kind, 0.0) + evidence.weight
        self.evidence.append(evidence)

    def words_for(self, kind: Kind) -> float:
        """Log-odds that the mail's words give to *kind*."""
        weights = sorted(self.said.get(kind, {}).values(), reverse=True)
        return sum(
            weight * share for weight, share in zip(weights, _shares(len(weights)), strict=True)
        )

    def words_against(self, kind: Kind) -> float:
        weights = sorted(self.against.get(kind, {}).values())
        return sum(
            weight * share for weight, share in zip(weights, _shares(len(weights)), strict=True)
        )

    def witnesses(self, kind: Kind) -> int:
        """How many sentences and facts say independently that it is *kind*."""
        said = sum(weight >= CUE_FROM for weight in self.said.get(kind, {}).values())
        fixed = self.fixed.get(kind, 0.0)
        return said + (2 if fixed >= PROOF_FROM else int(fixed >= CUE_FROM))


def _shares(count: int) -> tuple[float, ...]:
    return (REPEATED + (0.05,) * max(0, count - len(REPEATED)))[:count]


def classify(
    message: ParsedMessage,
    facts: Sequence[DocumentFacts],
    references: References,
    rules: RuleSet,
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
    tally = _Tally()
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
    scores = _scores(tally, facts, references)
    _weigh_free_text(tally, scores, message, references, shape)
    _mark_unusual(tally, units, languages)
    return _verdict(tally, scores, shape, facts, references, decided, count_told(units))


def _ask_rules(
    tally: _Tally,
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
            tally.say(kind, hit.unit, effective)
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


def _scores(
    tally: _Tally, facts: Sequence[DocumentFacts], references: References
) -> dict[Kind, float]:
    """Add words and structure; words about a document count for the form it comes in."""
    words = {kind: tally.words_for(kind) for kind in Kind}
    if max(words[kind] for kind in PERSONAL) >= BAD_NEWS_FROM:
        for kind in STATES:
            words[kind] *= BESIDE_BAD_NEWS
    if words[Kind.RATING_REQUEST] >= MUCH_ABOUT_RATING:
        for kind in STATES:
            words[kind] *= BESIDE_BAD_NEWS  # "It was delivered three days ago: rate it."
    if words[Kind.RATING_REQUEST] >= BAD_NEWS_FROM and tally.flags & SAID_HERE == {"question"}:
        words[Kind.FULFILMENT_CORRESPONDENCE] *= BESIDE_BAD_NEWS  # "Does it fit? Then rate us."
    about_document = max(words[kind] for kind in DOCUMENT_KINDS)
    sales = [f for f in facts if f.is_sales_document and f.confidence >= DOCUMENT_SURE_AT]
    unread = [f for f in facts if f.kind is DocumentKind.UNKNOWN and _may_be_document(f)]
    proforma = any(f.kind in (DocumentKind.PROFORMA, DocumentKind.OFFER) for f in facts)
    if proforma and not sales:
        tally.flags.add("awaiting_payment")
    if sales and "awaiting_payment" in tally.flags:  # of the advance invoice it settles
        words[Kind.ORDER_PROCESSING] *= BESIDE_DOCUMENT
    if any(f.kind is DocumentKind.CORRECTION for f in sales):  # comes of a return: it may say so
        words[Kind.FULFILMENT_CORRESPONDENCE] *= 0.5
    links = {link.kind for link in references.document_links}
    if sales:
        for kind in DOCUMENT_KINDS:
            words[kind] = 0.0
        words[Kind.INVOICE] = about_document * 0.7
        names = ", ".join(fact.name or fact.part for fact in sales)
        tally.fix(
            Evidence("structure.sales-document", "attachment", names, SALES_DOCUMENT, Kind.INVOICE)
        )
    elif links:
        for kind in DOCUMENT_KINDS:
            words[kind] = about_document * 0.7 if kind in links else 0.0
        for link in {one.kind: one for one in references.document_links}.values():
            tally.fix(
                Evidence("structure.document-link", "link", link.url, DOCUMENT_LINK, link.kind)
            )
    elif unread and not proforma:
        words[Kind.INVOICE] = about_document
        words[Kind.INVOICE_LINK] = words[Kind.RECEIPT_LINK] = 0.0
    elif about_document > 0:
        for kind in DOCUMENT_KINDS:
            words[kind] *= 0.3 if proforma else 0.55
        tally.flags.add("document_missing")
    if references.waybills and (sales or links):  # documents travel with the dispatch
        number = references.waybills[0].number
        tally.fix(
            Evidence(
                "structure.parcel-beside-document", "body", number,
                PARCEL_BESIDE_DOCUMENT, Kind.ORDER_SENT,
            )
        )  # fmt: skip
    return {
        kind: PRIORS.get(kind, 0.0)
        + words[kind]
        + tally.words_against(kind)
        + tally.fixed.get(kind, 0.0)
        for kind in Kind
    }


def _may_be_document(fact: DocumentFacts) -> bool:
    """A file that could be an invoice though nothing says so: a PDF, or no known type."""
    return fact.state != "not_pdf"


def _weigh_free_text(
    tally: _Tally,
    scores: dict[Kind, float],
    message: ParsedMessage,
    references: References,
    shape: Shape,
) -> None:
    """A text about an order that states none of the known facts was written by a person."""
    said = max(tally.words_for(kind) + tally.fixed.get(kind, 0.0) for kind in Kind)
    if said >= CUE_FROM and not tally.flags & HUMAN_FLAGS:
        return  # a weak word is better than none
    about = references.order_ids or references.order_numbers or references.waybills
    if not about and not tally.flags & LETTER_FLAGS:
        return
    if (
        said < 2.0
        and not shape.marked_automatic
        and len(message.new_text.split()) >= FREE_TEXT_FROM
    ):
        words = " ".join(message.new_text.split()[:8])
        evidence = Evidence(
            "structure.free-text", "body", words, 1.5, Kind.FULFILMENT_CORRESPONDENCE
        )
        tally.evidence.append(evidence)
        scores[Kind.FULFILMENT_CORRESPONDENCE] += evidence.weight


def _mark_unusual(tally: _Tally, units: Sequence[Unit], languages: Sequence[str]) -> None:
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


# --- from sums to a verdict -----------------------------------------------------------------------


def _verdict(
    tally: _Tally,
    scores: Mapping[Kind, float],
    shape: Shape,
    facts: Sequence[DocumentFacts],
    references: References,
    decided: tuple[str, Kind] | None,
    told: int,
) -> Verdict:
    chances = probabilities(scores)
    ranked = sorted(Kind, key=lambda kind: (-scores[kind], kind))
    main = ranked[0]
    own = {kind: tally.words_for(kind) + tally.fixed.get(kind, 0.0) for kind in Kind}
    secondary = _secondary(main, ranked, own, scores, tally.flags)
    agreeing = secondary if main not in NEVER_STOPPED else ()
    confidence = calibrated(chances[main] + sum(chances[kind] for kind in agreeing))
    rest = [kind for kind in ranked if kind is not main and kind not in agreeing]
    runner_up = rest[0]
    decided_by: str | None = None
    if decided is not None and not shape.reply_headers and main is not Kind.CONVERSATION_REPLY:
        decided_by = decided[0]
        if decided[1] is not main:
            main, confidence, secondary = decided[1], 0.99, ()
        else:
            confidence = max(confidence, 0.99)
        runner_up, runner_up_confidence = rest[-1], 0.0
    else:
        runner_up_confidence = round(chances[runner_up], 4)
    flags = set(tally.flags)
    unsure: str | None = None
    if decided_by is None:
        confidence, unsure = _capped(confidence, main, own, flags, shape)
        parcel = bool(references.waybills) and main in PARCEL_KINDS
        alone = tally.witnesses(main) + parcel < 2 <= told
        if alone and confidence > ONE_WITNESS and not _stands_alone(tally, main, own):
            confidence, unsure = ONE_WITNESS, "one_witness"
    if "asks" in flags:
        flags.discard("asks")
        if main in ASK_NOTHING:
            flags.add("question")
    if "unusual" in flags:
        flags.discard("unusual")
        if main in ASK_NOTHING:
            flags.add("only_said_here")
    if "download" in flags and not references.document_links:
        flags.add("secret_code")
    if flags & SAID_HERE:
        flags.add("only_said_here")
    kinds = (main, *secondary)
    return Verdict(
        kind=main,
        confidence=round(confidence, 4),
        evidence=tuple(sorted(tally.evidence, key=lambda e: -abs(e.weight))),
        secondary=secondary,
        runner_up=runner_up,
        runner_up_confidence=runner_up_confidence,
        fulfillment_status=_status(kinds, tally, flags),
        flags=frozenset(flags),
        unsure=unsure,
        decided_by=decided_by,
    )


def _stands_alone(tally: _Tally, main: Kind, own: Mapping[Kind, float]) -> bool:
    """One plain sentence of the text suffices where nothing else in the mail points elsewhere.

    A subject that its text does not bear out does not; nor does one for a kind that is forwarded
    anyway, where being sure gains nothing.
    """
    said = tally.said.get(main, {})
    return (
        main not in NEVER_STOPPED
        and any(unit != SUBJECT for unit in said)
        and all(own[kind] < CUE_FROM for kind in Kind if kind is not main)
    )


def _secondary(
    main: Kind,
    ranked: Sequence[Kind],
    own: Mapping[Kind, float],
    scores: Mapping[Kind, float],
    flags: set[str],
) -> tuple[Kind, ...]:
    """What else is true of the mail, likeliest first."""
    out: list[Kind] = []
    for kind in ranked:
        if kind is main or kind in NEVER_STOPPED:
            continue
        if kind in DOCUMENT_KINDS:
            if scores[kind] >= SECONDARY_FROM and own[kind] >= DOCUMENT_LINK:
                out.append(kind)
        elif main in NEVER_STOPPED:
            continue
        elif own[kind] >= SECONDARY_FROM and scores[kind] >= SECONDARY_FROM:
            if kind in ONE_OF and ONE_OF & {main, *out}:
                continue
            if main is Kind.RATING_REQUEST and kind in STATES:
                continue  # "it was delivered three days ago: how do you like it?"
            if kind is Kind.ORDER_PROCESSING and not flags & WORK_FLAGS:
                continue  # a thank-you beside something else
            out.append(kind)
    return tuple(out)


def _capped(
    confidence: float,
    main: Kind,
    own: Mapping[Kind, float],
    flags: set[str],
    shape: Shape,
) -> tuple[float, str | None]:
    """Doubt that no sum of words can talk away, with its reason."""
    if main not in NEVER_STOPPED:
        if main in DOCUMENT_KINDS and "document_missing" in flags:
            return min(confidence, 0.7), "document_missing"
        if shape.weak_reply_headers:
            return min(confidence, 0.85), "reply_headers_on_automatic_mail"
        if shape.quoted:
            return min(confidence, 0.85), "quotes_a_mail"
        # Beside a document the flags see to it that the mail goes on; the document is filed.
        beside_document = main in DOCUMENT_KINDS and flags & SAID_HERE
        if not beside_document and max(own[kind] for kind in PERSONAL) >= SECONDARY_FROM:
            return min(confidence, 0.85), "personal_words"
    if confidence < 0.5:
        return confidence, "faint_evidence"
    if confidence < 0.9:
        return confidence, "close_runner_up"
    return confidence, None


def _status(kinds: Sequence[Kind], tally: _Tally, flags: set[str]) -> FulfillmentStatus | None:
    """The order status that the mail implies."""
    told = {status for strength, status in tally.statuses if strength >= STEP_FROM}
    for kind in kinds:
        if kind is Kind.ORDER_SENT:
            return None if "partial_shipment" in flags else FulfillmentStatus.SENT
        if kind is Kind.PARCEL_STATUS:
            # "Status of your parcel: delivered": a step that is plainly told goes before "sent".
            return next((one for one in PARCEL_STEPS if one in told), FulfillmentStatus.SENT)
        if kind is Kind.ORDER_PROCESSING:
            if "pickup_in_shop" in flags:
                return FulfillmentStatus.READY_FOR_PICKUP
            if "packed" in flags:
                return FulfillmentStatus.READY_FOR_SHIPMENT
            if "work_begun" in flags and not flags & MONEY_AWAITED:
                return FulfillmentStatus.PROCESSING
            return FulfillmentStatus.NEW
    return None

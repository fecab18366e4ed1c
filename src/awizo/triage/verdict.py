"""From sums of evidence to a verdict: kind, confidence, what else is true, and every doubt.

In:  log-odds for each kind, what the words of the vocabulary say, the tally they rest on.
Out: a Verdict.

Pure. What is true beside the main kind does not make it less sure; only what contradicts it
does. Some doubts no sum can talk away: they cap the confidence, and the verdict names them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from awizo.model import Evidence, FulfillmentStatus, Kind, References, Verdict
from awizo.triage.calibration import calibrated, probabilities
from awizo.triage.kinds import (
    ASK_NOTHING,
    DOCUMENT_KINDS,
    NEVER_STOPPED,
    ONE_OF,
    PARCEL_KINDS,
    PERSONAL,
    SAID_HERE,
    STATES,
)
from awizo.triage.structure import Shape
from awizo.triage.sums import DOCUMENT_LINK
from awizo.triage.tally import CUE_FROM, PROOF_FROM, Tally
from awizo.triage.vocabulary import Told

SECONDARY_FROM = 3.4  # log-odds of its own that a kind needs to be called true as well
# What a single sentence can make sure of where others stand beside it that do not bear it out:
# on mails that the rules had never seen, one such verdict in eleven was wrong.
ONE_WITNESS = 0.89
# Words alone name a kind, but make no verdict sure; nor is one that they plainly speak against.
WORDS_ALONE = 0.89
WORDS_AGAINST_FROM = 2.0
STEP_FROM = 3.0  # strength of a sentence that tells a step of the parcel
SUBJECT = 0  # number of the subject among the texts of a mail

WORK_FLAGS = frozenset({"work_begun", "packed", "pickup_in_shop"})
MONEY_AWAITED = frozenset({"awaiting_payment", "payment_request", "on_hold"})

# "Delivered to the pick-up point" is not picked up yet.
PARCEL_STEPS = (FulfillmentStatus.READY_FOR_PICKUP, FulfillmentStatus.PICKED_UP)


def verdict_of(
    tally: Tally,
    by_rules: Mapping[Kind, float],
    words: Told,
    shape: Shape,
    references: References,
    decided: tuple[str, Kind] | None,
    told: int,
) -> Verdict:
    """Name the kind that rules, structure and words together speak for.

    Args:
        by_rules: Log-odds of rules and structure.
        words: What the vocabulary adds to them.
        decided: The rule that decides the matter, if one does, and its kind.
        told: How many sentences of the mail tell something.
    """
    scores = {kind: by_rules[kind] + words.weights.get(kind, 0.0) for kind in Kind}
    chances = probabilities(scores)
    ranked = sorted(Kind, key=lambda kind: (-scores[kind], kind))
    main = ranked[0]
    _show_words(tally, words, ranked)
    own = {kind: tally.words_for(kind) + tally.fixed.get(kind, 0.0) for kind in Kind}
    secondary = _secondary(main, ranked, own, scores, by_rules, tally)
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
    kinds = (main, *secondary)
    flags = set(tally.flags)
    unsure: str | None = None
    if decided_by is None:
        confidence, unsure = _capped(confidence, main, own, flags, shape)
        parcel = bool(references.waybills) and main in PARCEL_KINDS
        alone = tally.witnesses(main) + parcel < 2 <= told
        if alone and confidence > ONE_WITNESS and not _stands_alone(tally, main, own):
            confidence, unsure = ONE_WITNESS, "one_witness"
        doubt = _doubt_of_words(tally, by_rules, words, kinds)
        if doubt is not None and confidence > WORDS_ALONE:
            confidence, unsure = WORDS_ALONE, doubt
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


def _show_words(tally: Tally, words: Told, ranked: Sequence[Kind]) -> None:
    """Put what the vocabulary says for the two likeliest kinds among the evidence."""
    for kind in ranked[:2]:
        if kind in words.weights:
            tally.evidence.append(
                Evidence(
                    "vocabulary",
                    "text",
                    " ".join(words.strongest[kind]),
                    round(words.weights[kind], 2),
                    kind,
                )
            )


def _doubt_of_words(
    tally: Tally, by_rules: Mapping[Kind, float], words: Told, kinds: Sequence[Kind]
) -> str | None:
    """Why the vocabulary keeps a verdict for *kinds* (the main one first) from being sure."""
    if max(by_rules, key=lambda kind: by_rules[kind]) not in kinds:
        return "words_alone"
    proven = tally.fixed.get(kinds[0], 0.0) >= PROOF_FROM
    if not proven and words.against(*kinds) >= WORDS_AGAINST_FROM:
        return "words_against"
    return None


def _stands_alone(tally: Tally, main: Kind, own: Mapping[Kind, float]) -> bool:
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
    by_rules: Mapping[Kind, float],
    tally: Tally,
) -> tuple[Kind, ...]:
    """What else is true of the mail, likeliest first."""
    flags = tally.flags
    out: list[Kind] = []

    def weight_of(kind: Kind) -> float:
        # What structure shows is not talked away by the words of the mail's main matter.
        shown = tally.fixed.get(kind, 0.0) >= SECONDARY_FROM
        return max(scores[kind], by_rules[kind]) if shown else scores[kind]

    for kind in ranked:
        if kind is main or kind in NEVER_STOPPED:
            continue
        if kind in DOCUMENT_KINDS:
            if scores[kind] >= SECONDARY_FROM and own[kind] >= DOCUMENT_LINK:
                out.append(kind)
        elif main in NEVER_STOPPED:
            continue
        elif min(own[kind], weight_of(kind)) >= SECONDARY_FROM:
            if kind in ONE_OF and ONE_OF & {main, *out}:
                continue
            if main in DOCUMENT_KINDS and kind in STATES and _only_headed(tally, kind):
                continue  # "Order completed: your documents", and the text is about these alone
            if main is Kind.RATING_REQUEST and kind in STATES:
                continue  # "it was delivered three days ago: how do you like it?"
            if kind is Kind.ORDER_PROCESSING and (
                main is Kind.PAYMENT_RECEIVED or not flags & WORK_FLAGS
            ):
                continue  # what comes next, or a thank-you, beside something else
            out.append(kind)
    return tuple(out)


def _only_headed(tally: Tally, kind: Kind) -> bool:
    """Whether nothing but the subject says *kind*."""
    return not tally.fixed.get(kind) and set(tally.said.get(kind, ())) == {SUBJECT}


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


def _status(kinds: Sequence[Kind], tally: Tally, flags: set[str]) -> FulfillmentStatus | None:
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

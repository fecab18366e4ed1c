"""Compare what the rules say of labelled mails with their labels.

In:  labels (as in the corpus: one JSON object a line) and the lines of ``awizo explain``.
Out: a confusion matrix, the mistakes with what each would have cost, precision and recall of
     what was found in the mails, and whether the confidence keeps its word.

Pure. The costs weigh mistakes against each other; one point is a mail that was forwarded for
nothing. The orders of magnitude are those of ``docs/rules.md``: a mail that the buyer needed and
never got is the worst, a document on a wrong order cannot be taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from awizo.triage import kinds

NEEDED = frozenset(str(kind) for kind in kinds.NEVER_STOPPED)
DOCUMENT_KINDS = frozenset(str(kind) for kind in kinds.DOCUMENT_KINDS)
FILING = frozenset({"upload_invoice", "add_link"})

COST_LOST = 100  # stopped, and the buyer needed it
COST_WRONG_ORDER = 100  # one buyer's document would be shown to another
COST_WRONG_DOCUMENT = 30  # filed for good, and no sales document
COST_CONVERTED = 20  # forwarded as it should be, and acted on as it should not
COST_WRONG_STATUS = 5
COST_NOT_FILED = 3  # Allegro blocks the mail, and the document is not on the order
COST_FORWARDED = 1  # Allegro may block it and warn the seller

BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01)


@dataclass(frozen=True, slots=True)
class Label:
    """What a person says of a mail; the fields are told in ``docs/rules.md``."""

    file: str
    kind: str
    acceptable: tuple[str, ...] = ()
    secondary: tuple[str, ...] = ()
    order_id: str | None = None
    documents: tuple[str, ...] = ()
    invoice_numbers: tuple[str, ...] = ()
    document_urls: tuple[str, ...] = ()
    waybills: tuple[tuple[str, str], ...] = ()
    fulfillment_status: str | None = None
    hard: bool = False
    why: str = ""

    def allows(self, kind: str) -> bool:
        return kind == self.kind or kind in self.acceptable


def read_label(raw: Mapping[str, Any]) -> Label:
    """One line of ``labels.jsonl``.

    Raises:
        KeyError: ``file`` or ``class`` is missing.
        TypeError, ValueError: A field has another shape.
    """
    return Label(
        file=str(raw["file"]),
        kind=str(raw["class"]),
        acceptable=_texts(raw, "acceptable"),
        secondary=_texts(raw, "secondary"),
        order_id=raw.get("order_id"),
        documents=_texts(raw, "invoice_attachments"),
        invoice_numbers=_texts(raw, "invoice_numbers"),
        document_urls=_texts(raw, "document_urls"),
        waybills=tuple(
            (str(one["carrier"]), str(one["number"])) for one in raw.get("waybills") or ()
        ),
        fulfillment_status=raw.get("fulfillment_status"),
        hard=bool(raw.get("hard", False)),
        why=str(raw.get("why") or ""),
    )


def _texts(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = raw.get(name) or ()
    if isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{name} is not a list of texts")
    return tuple(value)


@dataclass(slots=True)
class Found:
    """How well one sort of thing was found; counts over all mails."""

    right: int = 0
    too_many: int = 0
    missed: int = 0

    def add(self, found: Iterable[Hashable], wanted: Iterable[Hashable]) -> None:
        have, want = Counter(found), Counter(wanted)
        right = sum((have & want).values())
        self.right += right
        self.too_many += sum(have.values()) - right
        self.missed += sum(want.values()) - right

    @property
    def precision(self) -> float | None:
        named = self.right + self.too_many
        return self.right / named if named else None

    @property
    def recall(self) -> float | None:
        wanted = self.right + self.missed
        return self.right / wanted if wanted else None


@dataclass(frozen=True, slots=True)
class Mistake:
    """What was wrong with one mail, the costliest thing of it first in ``words``."""

    file: str
    label: str
    kind: str
    confidence: float
    disposition: str
    cost: int
    words: str
    hard: bool = False


@dataclass(frozen=True, slots=True)
class Bin:
    """Verdicts of a similar confidence."""

    above: float
    count: int
    right: int
    mean_confidence: float


@dataclass(slots=True)
class Report:
    mails: int = 0
    right: int = 0
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    mistakes: list[Mistake] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=dict)
    bins: list[Bin] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.right / self.mails if self.mails else 0.0

    @property
    def cost(self) -> int:
        return sum(one.cost for one in self.mistakes)


SORTS = ("documents", "invoice numbers", "links", "waybills", "order ids", "statuses")


def measure(pairs: Sequence[tuple[Label, Mapping[str, Any]]]) -> Report:
    """Compare labels with what was said of their mails (lines of ``awizo explain --json``)."""
    report = Report(found={sort: Found() for sort in SORTS})
    for label, said in pairs:
        report.mails += 1
        kind = str(said["kind"])
        right = label.allows(kind)
        report.right += right
        report.confusion[label.kind, label.kind if right else kind] += 1
        _count(report.found, label, said)
        cost, words = _costs(label, said)
        if not right or cost:
            report.mistakes.append(
                Mistake(
                    file=label.file,
                    label=label.kind,
                    kind=kind,
                    confidence=float(said["confidence"]),
                    disposition=str(said["disposition"]),
                    cost=cost,
                    words=words or "named wrongly, without effect",
                    hard=label.hard,
                )
            )
    report.mistakes.sort(key=lambda one: (-one.cost, one.file))
    report.bins = _bins(
        [(float(said["confidence"]), label.allows(str(said["kind"]))) for label, said in pairs]
    )
    return report


def _count(found: Mapping[str, Found], label: Label, said: Mapping[str, Any]) -> None:
    found["documents"].add(said["documents"], label.documents)
    found["invoice numbers"].add(said["invoice_numbers"], label.invoice_numbers)
    found["links"].add(said["document_urls"], label.document_urls)
    waybills = [(one["carrier"], one["number"]) for one in said["waybills"]]
    found["waybills"].add(waybills, label.waybills)
    found["order ids"].add(_one(said["order_id"]), _one(label.order_id))
    if label.kind in ("order_processing", "order_sent"):
        found["statuses"].add(_one(said["fulfillment_status"]), _one(label.fulfillment_status))


def _one(value: object) -> tuple[str, ...]:
    return () if value is None else (str(value),)


def _costs(label: Label, said: Mapping[str, Any]) -> tuple[int, str]:
    """What acting on the verdict would have cost, and in words why."""
    costs: list[tuple[int, str]] = []
    actions = [str(one["action"]) for one in said["actions"]]
    stopped = said["disposition"] == "stop"
    needed = label.kind in NEEDED or bool(NEEDED & set(label.acceptable))
    if label.kind in NEEDED and stopped:
        costs.append((COST_LOST, "stopped, and the buyer needed it"))
    # A document that the label knows may be filed beside what makes the mail go on.
    filed = FILING if DOCUMENT_KINDS & {*label.secondary, *label.acceptable} else frozenset()
    if label.kind in NEEDED and (unwanted := [one for one in actions if one not in filed]):
        costs.append((COST_CONVERTED, f"acted on ({', '.join(unwanted)}) and should not be"))
    if said["order_id"] is not None and label.order_id not in (None, said["order_id"]):
        costs.append((COST_WRONG_ORDER, "taken for another order's"))
    uploads = {str(one.get("attachment")) for one in said["actions"] if "attachment" in one}
    if wrong := sorted(uploads - set(label.documents)):
        costs.append((COST_WRONG_DOCUMENT, f"would file {', '.join(wrong)}"))
    missed = [name for name in label.documents if name not in uploads]
    if missed and not needed:
        costs.append((COST_NOT_FILED, f"does not file {', '.join(missed)}"))
    links = {str(one.get("url")) for one in said["actions"] if "url" in one}
    if not needed and not uploads and (unlinked := set(label.document_urls) - links):
        costs.append((COST_NOT_FILED, f"does not link {', '.join(sorted(unlinked))}"))
    statuses = [str(one["status"]) for one in said["actions"] if one["action"] == "set_fulfillment"]
    if label.kind in ("order_processing", "order_sent") and any(
        status != label.fulfillment_status for status in statuses
    ):
        costs.append((COST_WRONG_STATUS, f"would set {', '.join(statuses)}"))
    if not needed and not stopped and not actions and not label.allows(str(said["kind"])):
        costs.append((COST_FORWARDED, "forwarded for nothing"))
    costs.sort(reverse=True)
    return sum(cost for cost, _ in costs), "; ".join(words for _, words in costs)


def _bins(verdicts: Collection[tuple[float, bool]]) -> list[Bin]:
    bins = []
    for low, high in pairwise(BINS):
        inside = [(sure, right) for sure, right in verdicts if low <= sure < high]
        if inside:
            bins.append(
                Bin(
                    above=low,
                    count=len(inside),
                    right=sum(right for _, right in inside),
                    mean_confidence=sum(sure for sure, _ in inside) / len(inside),
                )
            )
    return bins

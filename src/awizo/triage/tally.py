"""Evidence about a mail's kind on its way to a sum.

In:  what rules and structure say, sentence by sentence.
Out: log-odds for each kind, with the evidence they rest on.

In one sentence only the strongest rule for a kind counts, and further sentences that say the
same count less, so that a long template does not talk itself into certainty.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from awizo.model import Evidence, FulfillmentStatus, Kind

REPEATED = (1.0, 0.6, 0.35, 0.2, 0.1)  # what the 1st, 2nd … sentence for a kind counts
CUE_FROM = 1.0  # words weaker than this are none
PROOF_FROM = 5.0  # a document in hand, the header of a reply: as good as two witnesses


@dataclass(slots=True)
class Tally:
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

    def loudest(self, kind: Kind) -> float:
        """The weight of the sentence that says *kind* most strongly."""
        return max(self.said.get(kind, {}).values(), default=0.0)

    def witnesses(self, kind: Kind) -> int:
        """How many sentences and facts say independently that it is *kind*."""
        said = sum(weight >= CUE_FROM for weight in self.said.get(kind, {}).values())
        fixed = self.fixed.get(kind, 0.0)
        return said + (2 if fixed >= PROOF_FROM else int(fixed >= CUE_FROM))


def _shares(count: int) -> tuple[float, ...]:
    return (REPEATED + (0.05,) * max(0, count - len(REPEATED)))[:count]

"""Turn sums of evidence into probabilities that keep their word.

In:  log-odds for each kind.
Out: probabilities; a confidence that is right as often as it says.

Pure. How the numbers were found is told in ``docs/rules.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp

from awizo.model import Kind

# What a mail without any evidence is taken for.
PRIORS: Mapping[Kind, float] = {Kind.OTHER: 0.8, Kind.FULFILMENT_CORRESPONDENCE: 0.6}

TEMPERATURE = 1.0
MOST = 0.995  # no mail is surer than the rules have been seen to be


def probabilities(scores: Mapping[Kind, float]) -> dict[Kind, float]:
    """Softmax of the sums at the fitted temperature."""
    top = max(scores.values())
    odds = {kind: exp((score - top) / TEMPERATURE) for kind, score in scores.items()}
    total = sum(odds.values())
    return {kind: value / total for kind, value in odds.items()}


def calibrated(probability: float) -> float:
    return min(probability, MOST)

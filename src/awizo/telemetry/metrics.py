"""Counters and gauges of the running service, in Prometheus' form.

Labels hold slugs and account names only; their number is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.exposition import generate_latest

REGISTRY = CollectorRegistry()

DELIVERIES_SETTLED = Counter(
    "awizo_deliveries_settled",
    "Deliveries that came to their end.",
    ("kind", "disposition"),
    registry=REGISTRY,
)
JUDGEMENTS = Counter(
    "awizo_judgements", "Mails to buyers that were judged.", ("kind",), registry=REGISTRY
)
JUDGING_SECONDS = Histogram(
    "awizo_judging_seconds",
    "Time from the lease of a delivery to its stored plan.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
ATTEMPTS = Counter(
    "awizo_attempts",
    "Attempts at actions by outcome: done, deferred, failed.",
    ("action", "outcome", "code"),
    registry=REGISTRY,
)
DELIVERIES = Gauge(
    "awizo_deliveries", "Deliveries in the spool by state.", ("state",), registry=REGISTRY
)
OLDEST_UNSETTLED_SECONDS = Gauge(
    "awizo_oldest_unsettled_seconds",
    "Age of the oldest delivery that is not settled.",
    registry=REGISTRY,
)
ALERTS = Gauge("awizo_alerts", "Standing alerts by cause.", ("cause",), registry=REGISTRY)
ORDERS_INDEXED = Gauge(
    "awizo_orders_indexed", "Orders in the local index.", ("account",), registry=REGISTRY
)
MAILS_RECEIVED = Counter(
    "awizo_mails_received",
    "Mails read to their end: accepted, or why not.",
    ("outcome",),
    registry=REGISTRY,
)
ACCEPT_SECONDS = Histogram(
    "awizo_accept_seconds",
    "Time from the final dot of a mail to its reply.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
SMTP_CONNECTIONS = Gauge("awizo_smtp_connections", "Open connections of shops.", registry=REGISTRY)
SMTP_REFUSALS = Counter(
    "awizo_smtp_refusals",
    "Replies of 4xx and 5xx by code and enhanced code.",
    ("reply",),
    registry=REGISTRY,
)
SMTP_LOGINS = Counter(
    "awizo_smtp_logins", "Log-ins of shops: right, wrong.", ("outcome",), registry=REGISTRY
)

SMARTHOST_IN_DOUBT = Counter(
    "awizo_smarthost_in_doubt",
    "Final dots without an answer: the smarthost may have the mail, and gets it once more.",
    registry=REGISTRY,
)
SMARTHOST_CONNECTIONS = Counter(
    "awizo_smarthost_connections",
    "Connections to smarthosts by how opening them went: opened, or why not.",
    ("smarthost", "outcome"),
    registry=REGISTRY,
)
SMARTHOST_CIRCUIT_OPEN = Gauge(
    "awizo_smarthost_circuit_open",
    "1 while a smarthost in trouble is left alone.",
    ("smarthost",),
    registry=REGISTRY,
)


# --- several processes, one set of figures --------------------------------------------------------

Sample = tuple[str, dict[str, str], float]
"""Name, labels, value."""


def samples() -> list[Sample]:
    """What this process has counted, for the one that is asked."""
    return [
        (sample.name, dict(sample.labels), sample.value)
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.value and not sample.name.endswith("_created")
    ]


class Summed:
    """Our own figures, with those that other processes sent added to them."""

    def __init__(self) -> None:
        self._of: dict[str, list[Sample]] = {}
        self._ended: list[Sample] = []

    def put(self, process: str, said: list[Sample]) -> None:
        self._of[process] = said

    def ended(self, process: str) -> None:
        """Keep what an ended process has counted; what it had open is open no more."""
        gauges = {family.name for family in REGISTRY.collect() if family.type == "gauge"}
        said = [one for one in self._of.pop(process, []) if one[0] not in gauges]
        totals = _totals([*self._ended, *said])
        self._ended = [(name, dict(labels), value) for (name, labels), value in totals.items()]

    def collect(self) -> Iterator[Metric]:
        theirs = _totals([*self._ended, *(one for said in self._of.values() for one in said)])
        for family in REGISTRY.collect():
            for index, sample in enumerate(family.samples):
                more = theirs.pop(_key(sample.name, sample.labels), 0.0)
                family.samples[index] = sample._replace(value=sample.value + more)
            names = {family.name + ending for ending in ("", "_total", "_bucket", "_count", "_sum")}
            for key in [key for key in theirs if key[0] in names]:
                family.add_sample(key[0], dict(key[1]), theirs.pop(key))
            yield family


Key = tuple[str, tuple[tuple[str, str], ...]]


def _key(name: str, labels: Mapping[str, str]) -> Key:
    return name, tuple(sorted(labels.items()))


def _totals(said: Iterable[Sample]) -> dict[Key, float]:
    totals: dict[Key, float] = {}
    for name, labels, value in said:
        key = _key(name, labels)
        totals[key] = totals.get(key, 0.0) + value
    return totals


OTHERS = Summed()


def exposition() -> bytes:
    """Everything as text in Prometheus' exposition format."""
    return generate_latest(OTHERS)

"""Counters and gauges of the running service, in Prometheus' form.

Labels hold slugs and account names only; their number is bounded.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
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


def exposition() -> bytes:
    """Everything as text in Prometheus' exposition format."""
    return generate_latest(REGISTRY)

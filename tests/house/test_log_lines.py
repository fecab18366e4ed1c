"""A line of the log shows of a value what the value shows of itself."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import structlog

from awizo.telemetry.logging import configure_logging


@dataclass(frozen=True)
class Pair:
    name: str
    secret: str = field(repr=False)


def logged(**event: object) -> dict[str, object]:
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    structlog.get_logger().info("something", **event)
    line: dict[str, object] = json.loads(stream.getvalue())
    return line


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)


def test_a_secret_that_its_value_hides_stays_hidden() -> None:
    line = logged(pair=Pair("a", "canary"), inside=[Pair("b", "canary")])

    assert "canary" not in json.dumps(line)
    assert line["pair"] == "Pair(name='a')"


def test_half_a_surrogate_pair_and_a_time_are_no_end_of_a_line() -> None:
    line = logged(text="half \udcff", at=datetime(2026, 3, 2, tzinfo=UTC), number=2**70)

    assert line["text"] == "half \udcff"
    assert line["number"] == 2**70
    assert str(line["at"]).startswith("datetime.datetime(2026, 3, 2")

"""Tests run on the event loop that the service runs on, and compile the same rules once.

In:  asynchronous tests.
Out: each on uvloop where there is one; those of intake on asyncio's own loop as well, which
     takes its place where there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pytest

from awizo.event_loop import loop_factory
from awizo.triage.rule_files import RuleSource, compile_rules
from awizo.triage.rules import RuleSet

ON_BOTH = {"intake"}
HERE = Path(__file__).parent


@lru_cache(maxsize=4)
def _compiled(sources: tuple[RuleSource, ...]) -> RuleSet:
    return compile_rules(sources)


def _compiled_once(sources: Sequence[RuleSource]) -> RuleSet:
    return _compiled(tuple(sources))


@pytest.fixture(autouse=True, scope="session")
def _rules_are_compiled_once() -> Iterator[None]:
    """Hundreds of tests start a service with the rules that come with it: half a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("awizo.book.compile_rules", _compiled_once)
        yield


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    factory = loop_factory()
    if factory is None:
        return {"asyncio": asyncio.new_event_loop}
    if item.path.relative_to(HERE).parts[0] in ON_BOTH:
        return {"uvloop": factory, "asyncio": asyncio.new_event_loop}
    return {"uvloop": factory}

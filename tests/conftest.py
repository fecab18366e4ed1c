"""Tests run on the loop of the service, compile the same rules once, and are spread evenly.

In:  asynchronous tests.
Out: each on uvloop where there is one; those of intake on asyncio's own loop as well, which
     takes its place where there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock

import pytest

from awizo.event_loop import loop_factory
from awizo.triage.rule_files import RuleSource, compile_rules
from awizo.triage.rules import RuleSet

ON_BOTH = {"intake"}
HERE = Path(__file__).parent


@lru_cache(maxsize=4)
def _compiled(sources: tuple[RuleSource, ...]) -> RuleSet:
    return compile_rules(sources, Lock())


def _compiled_once(sources: Sequence[RuleSource], _: object = None) -> RuleSet:
    return _compiled(tuple(sources))


@pytest.fixture(autouse=True, scope="session")
def _rules_are_compiled_once() -> Iterator[None]:
    """Hundreds of tests start a service with the rules that come with it: half a second each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("awizo.book.compile_rules", _compiled_once)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files with slow tests: each process begins with a stretch of all of them."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow = [path for path, found in files.items() if any(map(_is_slow, found))]
    count = sum(len(files[path]) for path in files if path not in slow)
    spread: list[pytest.Item] = []
    done = 0
    waiting = list(slow)
    for path, found in files.items():
        if path in slow:
            continue
        spread += found
        done += len(found)
        while waiting and (len(slow) - len(waiting) + 1) * count <= done * len(slow):
            spread += files[waiting.pop(0)]
    items[:] = spread + [item for path in waiting for item in files[path]]


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    factory = loop_factory()
    if factory is None:
        return {"asyncio": asyncio.new_event_loop}
    if item.path.relative_to(HERE).parts[0] in ON_BOTH:
        return {"uvloop": factory, "asyncio": asyncio.new_event_loop}
    return {"uvloop": factory}

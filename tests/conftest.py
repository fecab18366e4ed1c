"""Tests run on the event loop that the service runs on.

In:  asynchronous tests.
Out: each on uvloop where there is one; those of intake on asyncio's own loop as well, which
     takes its place where there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from awizo.event_loop import loop_factory

ON_BOTH = {"intake"}
HERE = Path(__file__).parent


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    factory = loop_factory()
    if factory is None:
        return {"asyncio": asyncio.new_event_loop}
    if item.path.relative_to(HERE).parts[0] in ON_BOTH:
        return {"uvloop": factory, "asyncio": asyncio.new_event_loop}
    return {"uvloop": factory}

"""Lay one set of values over another.

In:  what holds, and what changes it.
Out: both in one; a table is merged key by key, anything else is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awizo.settings.sections import Policy, PolicyChange


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """*base* with the values of *over*."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = (
            merge(below, value)
            if isinstance(below, Mapping) and isinstance(value, Mapping)
            else value
        )
    return merged


def with_changes(policy: Policy, changes: PolicyChange) -> Policy:
    """A policy with what a named one changes of it."""
    changed = changes.model_dump(exclude_unset=True)
    return Policy.model_validate(merge(policy.model_dump(), changed))

"""Dataclasses of the model as JSON and back.

In:  values made of dataclasses, enums, tuples, sets, mappings, times, decimals.
Out: text for a column; and the same value again.

Reading is tolerant: a field that this program does not know is passed over, one that is
missing takes its default. So rows of an older or a newer program can be read. Actions carry
their name under ``action``.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from awizo.model import ACTION_NAMES, Action

T = TypeVar("T")

_ACTIONS = {name: kind for kind, name in ACTION_NAMES.items()}


def to_json(value: Any) -> str:
    readable = plain(value)
    text = json.dumps(readable, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, from a broken mail
        return json.dumps(readable, separators=(",", ":"))
    return text


def from_json(kind: type[T], text: str) -> T:
    reader: Callable[[Any], T] = _reader(_as_key(kind))
    return reader(json.loads(text))


def action_from_json(text: str) -> Action:
    action: Action = _read_action(json.loads(text))
    return action


def plain(value: Any) -> Any:
    """The value as JSON knows it: dicts, lists, strings, numbers, true, false, null."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        name = ACTION_NAMES.get(type(value))
        return fields if name is None else {"action": name, **fields}
    raise TypeError(f"{type(value).__name__} has no form in JSON here")


def _read_action(data: Mapping[str, Any]) -> Any:
    return _dataclass_reader(_as_key(_ACTIONS[data["action"]]))(data)


def _as_key(kind: Any) -> Any:
    """A type as what a cache is asked by."""
    return kind


def _itself(data: Any) -> Any:
    return data


@cache
def _dataclass_reader(kind: type[Any]) -> Callable[[Mapping[str, Any]], Any]:
    hints = get_type_hints(kind)
    readers = {f.name: _reader(hints[f.name]) for f in dataclasses.fields(kind) if f.init}

    def read(data: Mapping[str, Any]) -> Any:
        return kind(**{name: readers[name](data[name]) for name in readers if name in data})

    return read


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """How a value of type *kind* is read from its JSON form."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _union_reader(arguments)
    if origin in (tuple, frozenset, list):
        inner = _reader(arguments[0])
        return lambda data: origin(inner(item) for item in data)
    if isinstance(kind, type):
        if dataclasses.is_dataclass(kind):
            return _dataclass_reader(kind)
        if issubclass(kind, datetime):
            return datetime.fromisoformat
        if issubclass(kind, Enum | Decimal):
            return kind
    return _itself


def _union_reader(members: tuple[Any, ...]) -> Callable[[Any], Any]:
    some = [member for member in members if member is not types.NoneType]
    if all(member in ACTION_NAMES for member in some):
        return _read_action
    inner = _reader(some[0]) if len(some) == 1 else _itself
    return lambda data: None if data is None else inner(data)

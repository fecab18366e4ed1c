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
import operator
import types
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from awizo.model import ACTION_NAMES, Action

T = TypeVar("T")

_ACTIONS = {name: kind for kind, name in ACTION_NAMES.items()}


# Made once: json.dumps makes one for each call with settings of its own.
_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_encoded_ascii = json.JSONEncoder(separators=(",", ":")).encode


def to_json(value: Any) -> str:
    return encoded(plain(value))


def encoded(readable: Any) -> str:
    """What JSON knows already, as its text."""
    text = _encoded(readable)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, from a broken mail
        return _encoded_ascii(readable)
    return text


def from_json(kind: type[T], text: str) -> T:
    reader: Callable[[Any], T] = _reader(_as_key(kind))
    return reader(json.loads(text))


def action_from_json(text: str) -> Action:
    action: Action = _read_action(json.loads(text))
    return action


def plain(value: Any) -> Any:
    """The value as JSON knows it: dicts, lists, strings, numbers, true, false, null."""
    return _writer(_as_key(type(value)))(value)


@cache
def _writer(kind: type[Any]) -> Callable[[Any], Any]:
    """How a value of type *kind* is brought into its JSON form."""
    writer: Callable[[Any], Any]
    if issubclass(kind, Enum):
        writer = operator.attrgetter("value")
    elif issubclass(kind, str | bool | int | float | types.NoneType):
        writer = _itself
    elif issubclass(kind, datetime):
        writer = kind.isoformat
    elif issubclass(kind, Decimal):
        writer = str
    elif issubclass(kind, Mapping):
        writer = _plain_mapping
    elif issubclass(kind, frozenset | set):
        writer = _plain_set
    elif issubclass(kind, tuple | list):
        writer = _plain_list
    elif dataclasses.is_dataclass(kind):
        writer = _dataclass_writer(kind)
    else:
        raise TypeError(f"{kind.__name__} has no form in JSON here")
    return writer


def _plain_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(plain(key)): plain(item) for key, item in value.items()}


def _plain_set(value: Collection[Any]) -> list[Any]:
    return sorted(plain(item) for item in value)


def _plain_list(value: Collection[Any]) -> list[Any]:
    return [plain(item) for item in value]


def _dataclass_writer(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    names = tuple(field.name for field in dataclasses.fields(kind))
    action = ACTION_NAMES.get(kind)
    head = {} if action is None else {"action": action}

    def write(value: Any) -> dict[str, Any]:
        fields = dict(head)
        for name in names:
            item = getattr(value, name)
            fields[name] = plain(item)
        return fields

    return write


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

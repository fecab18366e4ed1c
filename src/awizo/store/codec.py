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
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from awizo.model import ACTION_NAMES, Action

T = TypeVar("T")

_ACTIONS = {name: kind for kind, name in ACTION_NAMES.items()}


def to_json(value: Any) -> str:
    """The value as text. Keys are strings; a number of more than 64 bits is read as a float.

    Raises:
        TypeError: There is something in it that has no form in JSON here.
    """
    try:
        return orjson.dumps(value, _form, orjson.OPT_PASSTHROUGH_DATACLASS).decode()
    except TypeError:
        return _encoded(value)


def read_json(text: str | bytes) -> Any:
    """What a text says: dicts, lists, strings, numbers, true, false, null.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)


def from_json(kind: type[T], text: str) -> T:
    reader: Callable[[Any], T] = _reader(_as_key(kind))
    return reader(read_json(text))


def action_from_json(text: str) -> Action:
    action: Action = _read_action(read_json(text))
    return action


def _form(value: Any) -> Any:
    """What a writer of JSON does not know, in a form that it does; what is in it may be next."""
    return _former(_as_key(type(value)))(value)


@cache
def _former(kind: type[Any]) -> Callable[[Any], Any]:
    former: Callable[[Any], Any]
    if issubclass(kind, Enum):
        former = operator.attrgetter("value")
    elif issubclass(kind, datetime):
        former = kind.isoformat
    elif issubclass(kind, Decimal):
        former = str
    elif issubclass(kind, Mapping):
        former = dict
    elif issubclass(kind, frozenset | set):
        former = sorted
    elif issubclass(kind, tuple):
        former = list
    elif dataclasses.is_dataclass(kind):
        former = _dataclass_former(kind)
    else:
        raise TypeError(f"{kind.__name__} has no form in JSON here")
    return former


def _dataclass_former(kind: type[Any]) -> Callable[[Any], dict[str, Any]]:
    names = tuple(field.name for field in dataclasses.fields(kind))
    action = ACTION_NAMES.get(kind)
    head = {} if action is None else {"action": action}

    def form(value: Any) -> dict[str, Any]:
        return {**head, **{name: getattr(value, name) for name in names}}

    return form


# What orjson does not take, half a surrogate pair from a broken mail above all, is
# written by the standard library, in ASCII.
_encoded = json.JSONEncoder(separators=(",", ":"), default=_form).encode


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

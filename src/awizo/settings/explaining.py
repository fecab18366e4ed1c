"""Say which value does not fit, where it stands, and what was probably meant.

In:  pydantic's complaint; the text of the config file and the values of the environment.
Out: lines for a person: file, line and key, or the variable.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from awizo.settings.whole import Settings


def explained(
    error: ValidationError,
    config_file: Path | None,
    text: str,
    from_environment: Mapping[str, Any],
) -> str:
    """One line for each value that does not fit.

    Args:
        text: Of the config file; empty without one.
        from_environment: What the environment has set, which goes before the file.
    """
    return "\n".join(
        _explained_one(one["loc"], one["type"], one["msg"], config_file, text, from_environment)
        for one in error.errors(include_url=False, include_input=False)
    )


def _explained_one(
    loc: tuple[int | str, ...],
    slug: str,
    words: str,
    config_file: Path | None,
    text: str,
    from_environment: Mapping[str, Any],
) -> str:
    path = [part for part in loc if part not in ("[key]",)]
    dotted = ".".join(str(part) for part in path)
    if _stands_in(from_environment, path):
        where = "environment: " + "AWIZO_" + "__".join(str(part).upper() for part in path)
    elif config_file is not None:
        line = _line_of(text, [str(part) for part in path if isinstance(part, str)])
        where = f"{config_file}:{line}: {dotted}" if line else f"{config_file}: {dotted}"
    else:
        where = dotted or "settings"
    if slug == "extra_forbidden":
        return f"{where} is no setting{did_you_mean(str(path[-1]), _model_at(path[:-1]))}"
    return f"{where}: {words[0].lower()}{words[1:].removeprefix('alue error, ')}"


def _stands_in(data: Any, path: list[int | str]) -> bool:
    for part in path:
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return bool(path)


_TABLE = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-.\"' ]+?)\s*=")


def _line_of(text: str, path: list[str]) -> int | None:
    """Line of a key in a TOML text, or of the table it would stand in."""
    table: list[str] = []
    best: int | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = [part.strip("\"' ") for part in header[1].split(".")]
            here = table
        elif key := _KEY.match(line):
            here = table + [part.strip("\"' ") for part in key[1].split(".")]
        else:
            continue
        if here == path:
            return number
        if here and here == path[: len(here)]:
            best = number
    return best


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _model_at(path: list[int | str]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = Settings
    skip = False
    for part in path:
        if skip or isinstance(part, int) or model is None:
            skip = False
            continue
        field = model.model_fields.get(part)
        if field is None:
            return None
        skip = get_origin(field.annotation) is dict
        model = next(_models_in(field.annotation), None)
    return model


def did_you_mean(word: str, model: type[BaseModel] | None) -> str:
    """The nearest known name, else all of them; nothing where *model* is not known."""
    if model is None:
        return ""
    names = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known here: {', '.join(sorted(names))}"

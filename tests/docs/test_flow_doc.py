"""docs/flow.md draws the house as the tests hold it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "flow.md").read_text(encoding="utf-8")


def the_house() -> ModuleType:
    path = ROOT / "tests" / "house" / "test_import_rules.py"
    spec = importlib.util.spec_from_file_location("house_rules", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_floors_are_those_that_the_imports_are_held_to() -> None:
    told = [
        frozenset(re.findall(r"`([a-z_]+)`", rooms))
        for rooms in re.findall(r"^\| \d+ \| (.+?) \|", TEXT, re.MULTILINE)
    ]

    assert told == list(the_house().FLOORS)


def test_every_room_says_what_it_is_for() -> None:
    rooms = {room for floor in the_house().FLOORS for room in floor}
    there = {
        path.stem
        for path in (ROOT / "src" / "awizo").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    } - {"__init__", "__main__", "__pycache__"}

    assert there <= rooms
    for room in rooms:
        assert f"`{room}`" in TEXT

"""The house stays a house: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "awizo"

# From top to bottom: each room uses only rooms above it. Rooms on one line are neighbours
# that do not know each other.
FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(floor.split())
    for floor in (
        "errors resources event_loop collector",
        "model",
        "problems",
        "settings",
        "telemetry",
        "triage",
        "documents book",
        "store",
        "spool orders",
        "allegro smarthost",
        "actions",
        "worker",
        "intake",
        "operations",
        "panel",
        "app",
        "emulator",
        "cli",
    )
)
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}

# The bodies in store/ take the value types of the ports they fill, which stand in rooms below.
PORTS = frozenset({"awizo.spool.port", "awizo.orders.port", "awizo.allegro.ports"})
ALSO_ALLOWED = {"store": PORTS | {"awizo.spool.ids", "awizo.spool.codec"}}

PURE = ("triage/", "worker/schedule.py")
IMPURE_MODULES = frozenset(
    {"asyncio", "socket", "time", "random", "secrets", "sqlite3", "httpx", "structlog", "os",
     "subprocess", "threading", "pathlib", "tempfile", "awizo.telemetry"}
)  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(SOURCE.rglob("*.py")):
        relative = path.relative_to(SOURCE)
        yield relative.as_posix(), path


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)


def room_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "awizo" and len(parts) > 1 else None


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=[name for name, _ in modules()])
def test_each_room_uses_only_rooms_above_it(name: str, path: Path) -> None:
    own = name.split("/")[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    assert own in FLOOR_OF, f"{own} is not drawn in the house"
    for imported in imports_of(path):
        room = room_of(imported)
        if room is None or room == own or imported in ALSO_ALLOWED.get(own, ()):
            continue
        assert FLOOR_OF[room] < FLOOR_OF[own], f"{name} imports {imported}, a room below it"


def test_the_emulator_uses_nothing_of_ours_but_words() -> None:
    for name, path in modules():
        if name.startswith("emulator/"):
            rooms = {room_of(imported) for imported in imports_of(path)} - {None, "emulator"}
            assert rooms <= {"model", "errors"}, name


def test_decisions_are_pure() -> None:
    for name, path in modules():
        if name.startswith(PURE):
            text = path.read_text(encoding="utf-8")
            for imported in imports_of(path):
                roots = {imported, imported.split(".")[0], ".".join(imported.split(".")[:2])}
                assert not roots & IMPURE_MODULES, f"{name} imports {imported}"
            tree = ast.parse(text)
            for node in ast.walk(tree):
                assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), f"{name} awaits"


def test_no_two_modules_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for name, path in modules():
        module = "awizo." + name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        graph[module] = {imported for imported in imports_of(path) if room_of(imported)}
    done: set[str] = set()

    def walk(module: str, road: tuple[str, ...]) -> None:
        assert module not in road, " → ".join((*road[road.index(module) :], module))
        if module in done or module not in graph:
            return
        for imported in graph[module]:
            if imported != module:
                walk(imported, (*road, module))
        done.add(module)

    for module in graph:
        walk(module, ())

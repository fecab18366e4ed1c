"""Templates and static files, read once: a page is one rendering in a thread.

In:  the name of a template and its values.
Out: HTML, everything in it escaped.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).resolve().parent
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    content: bytes
    media_type: str
    digest: str


def static_files() -> dict[str, StaticFile]:
    """Every file of ``static`` by its name."""
    found = {}
    for path in sorted((HERE / "static").iterdir()):
        if path.suffix in TYPES:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:12]
            found[path.name] = StaticFile(content, TYPES[path.suffix], digest)
    return found


def templates(files: dict[str, StaticFile]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        time=time_tag, exact_time=exact_time_tag, size=size_words, count=count_words
    )
    environment.globals["static"] = lambda name: f"/static/{name}?v={files[name].digest}"
    return environment


def time_tag(moment: datetime | None) -> Markup:
    """UTC for everybody; the page's script puts it into the reader's own time."""
    if moment is None:
        return Markup("–")
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.isoformat(timespec="seconds"), utc.strftime("%Y-%m-%d %H:%M UTC")
    )


def exact_time_tag(moment: datetime) -> Markup:
    """To the second, for what is told step by step."""
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}" data-exact>{}</time>').format(
        utc.isoformat(timespec="milliseconds"), utc.strftime("%Y-%m-%d %H:%M:%S UTC")
    )


def size_words(size_bytes: int) -> str:
    if size_bytes < 1_000:
        return f"{size_bytes} bytes"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1_000:.0f} kB"
    return f"{size_bytes / 1_000_000:.1f} MB"


def count_words(count: int, one: str, more: str) -> str:
    """``1 mail``, ``2 mails``."""
    return f"{count:,} {one if count == 1 else more}".replace(",", "\u202f")


def age_words(age: timedelta) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{count_words(seconds // size, unit, unit + 's')} ago"
    return "just now"

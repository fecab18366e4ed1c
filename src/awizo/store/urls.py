"""What ``store.url`` names.

In:  a URL.
Out: the path of an SQLite database; or that it is a PostgreSQL one.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from awizo.errors import SettingsError


def sqlite_path(url: str) -> Path | None:
    """The file of an ``sqlite:`` URL: three slashes and a relative path, or four and an absolute.

    Returns:
        ``None`` for another database.

    Raises:
        SettingsError: It is an SQLite URL without a file.
    """
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite":
        return None
    if not rest.startswith("///") or not rest.strip("/") or ":memory:" in rest:
        raise SettingsError(
            f"store.url: {url}: must name a file, as in sqlite:///var/awizo.db (relative to the "
            "working directory) or sqlite:////var/lib/awizo/awizo.db"
        )
    return Path(rest[3:])


def is_postgresql(url: str) -> bool:
    return urlsplit(url).scheme in ("postgresql", "postgres")

"""Take addresses apart without trusting them.

In:  an address as a mail has it.
Out: its parts, or none where it is no address.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

MAX_URL_CHARS = 4000  # longer ones are data in the shape of an address


def split_url(url: str) -> SplitResult | None:
    """The parts of an address; ``None`` for one that no browser would open either."""
    if len(url) > MAX_URL_CHARS:
        return None
    try:
        return urlsplit(url)
    except ValueError:  # a half bracket, a host that Unicode would turn into another
        return None

"""The command line: ``awizo VERB``.

In:  arguments.
Out: an exit code: 0 done, 1 could not be done (one line says why), 2 wrong usage.
"""

from __future__ import annotations

from collections.abc import Sequence

from awizo.collector import look_seldom


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    look_seldom()
    from awizo.cli.commands import run_command  # the libraries it needs are slow to load

    return run_command(arguments)

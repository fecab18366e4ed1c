"""Find the files that come with the program: rules, hosts, carriers, migrations, sample mails.

They lie in ``config/`` of a source checkout and in ``awizo/_config`` of an installed wheel;
both hold the same.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def config_dir() -> Path:
    """Folder of the packaged configuration.

    Raises:
        FileNotFoundError: Neither place holds it: the installation is broken.
    """
    for place in (PACKAGE / "_config", PACKAGE.parents[1] / "config"):
        if place.is_dir():
            return place
    raise FileNotFoundError("the files that come with Awizo are missing; install it again")

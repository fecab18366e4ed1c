"""Take this machine's pip configuration into another root: a chroot, an image that is built.

Usage: machine_pip.py FILE

Writes to FILE, in the form of a ``pip.conf``, what pip was told here by its files and by its
environment, and prints the local files and folders that it names, one a line, so that they
can be mounted at the same place. Nothing of it is ever committed.
"""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit


def configured() -> dict[str, dict[str, str]]:
    """Section → option → value, the environment's words last."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, dict[str, str]] = {}
    later: dict[str, str] = {}
    for line in told.splitlines():
        name, separator, value = line.partition("=")
        section, dot, option = name.rpartition(".")
        if not (separator and dot) or option in ("config-file", "version"):
            continue
        words = str(ast.literal_eval(value))
        if section == ":env:":
            later[option] = words
        else:
            found.setdefault(section, {})[option] = words
    if later:
        found.setdefault("global", {}).update(later)
    return found


def local_places(settings: dict[str, dict[str, str]]) -> list[str]:
    """Files and folders that the values name, as paths or as ``file:`` addresses.

    The pages of a local index name files beside its folder, so the folder above is taken.
    """
    places: dict[str, None] = {}
    for options in settings.values():
        for value in options.values():
            for word in value.split():
                path = Path(word)
                if word.startswith("file:"):
                    path = Path(unquote(urlsplit(word).path)).parent
                if path.is_absolute() and path.exists():
                    places[str(path)] = None
    return list(places)


def main() -> None:
    settings = configured()
    writing = configparser.RawConfigParser()
    for section, options in settings.items():
        writing[section] = {
            # A value of several lines is indented, as an ini file asks for.
            option: value.replace("\n", "\n\t")
            for option, value in options.items()
        }
    with Path(sys.argv[1]).open("w", encoding="utf-8") as file:
        writing.write(file)
    print("\n".join(local_places(settings)))


if __name__ == "__main__":
    main()

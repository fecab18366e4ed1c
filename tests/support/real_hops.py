"""Real mail servers as next hops: private instances, each with a configuration of its own.

Postfix, Exim and OpenSMTPD, started on free loopback ports as root, none of the system's own
files touched. They take mail for anybody, over plain SMTP, STARTTLS and TLS from the first byte,
and relay it to a peer of the test, which keeps the bytes.

``tools/peers.sh`` installs Postfix, and unpacks the other two into ``.peers``, because Debian lets
only one mail server be installed at a time. What is not there is named by :meth:`why_not`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trustme

HOST = "127.0.0.1"
USER, PASSWORD = "shop", "s3cret-zażółć"
GONE, LATER = "gone@klient.test", "later@klient.test"
UNPACKED = Path(__file__).parents[2] / ".peers"
START_S = 30.0


def program(name: str) -> str:
    """Full path, also of what lies in an administrator's folders; "" when it is not there."""
    folders = [str(UNPACKED / "usr/sbin"), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]
    return shutil.which(name, path=":".join(folders)) or ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class RealHop:
    """One server. ``port`` is plain with STARTTLS, ``tls_port`` is TLS from the first byte.

    ``tls`` names the ways it can be spoken to. It relays to ``relay_port``; GONE is refused for
    good, LATER for now where it can.
    """

    name = ""
    needs_programs: tuple[str, ...] = ()
    needs_user = ""
    mechanisms: tuple[str, ...] = ()
    tls: tuple[str, ...] = ("none", "starttls", "implicit")

    def __init__(self, folder: Path, relay_port: int, authority: trustme.CA) -> None:
        self.folder = folder
        self.relay_port = relay_port
        self.port, self.tls_port = free_port(), free_port()
        certificate = authority.issue_cert("127.0.0.1", "localhost", key_type=trustme.KeyType.RSA)
        self.key, self.chain = folder / "key.pem", folder / "chain.pem"
        self.key.write_bytes(certificate.private_key_pem.bytes())
        self.chain.write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
        self.key.chmod(0o600)
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def why_not(cls) -> str | None:
        """Why it cannot be started here; ``None`` when it can."""
        missing = [name for name in cls.needs_programs if not program(name)]
        if missing:
            return f"{cls.name} is not there ({', '.join(missing)}): run tools/peers.sh as root"
        if os.geteuid() != 0:
            return f"{cls.name} is started by root only"
        try:
            pwd.getpwnam(cls.needs_user or "root")
        except KeyError:
            return f"{cls.name} needs the user {cls.needs_user}: run tools/peers.sh as root"
        return None

    def prepare(self) -> list[str]:
        """Write the configuration; returns the command that runs it in the foreground."""
        raise NotImplementedError

    async def start(self) -> None:
        self.process = await asyncio.to_thread(self._run)
        await self._listening(self.port)
        if "implicit" in self.tls:
            await self._listening(self.tls_port)

    def _run(self) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("wb") as output:
            return subprocess.Popen(
                self.prepare(), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    async def _listening(self, port: int) -> None:
        assert self.process is not None
        async with asyncio.timeout(START_S):
            while True:
                if self.process.poll() is not None:
                    raise RuntimeError((self.folder / "output").read_text(errors="replace"))
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(HOST, port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        if self.process is None:
            return
        await asyncio.to_thread(self.end)
        try:
            await asyncio.to_thread(self.process.wait, 10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def end(self) -> None:
        """Ask it to stop."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)


class Postfix(RealHop):
    name = "Postfix"
    needs_programs = ("postfix",)
    needs_user = "postfix"

    def prepare(self) -> list[str]:
        config = self.folder / "config"
        for place in (config, self.folder / "queue", self.folder / "data"):
            place.mkdir()
        shutil.chown(self.folder / "data", "postfix")
        main = {
            "compatibility_level": "3.6",
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "maillog_file": self.folder / "log",
            "maillog_file_prefixes": self.folder,
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "inet_interfaces": HOST,
            "inet_protocols": "ipv4",
            "myhostname": "postfix.peer.test",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "relayhost": f"[{HOST}]:{self.relay_port}",
            "local_transport": "error:not here",
            "alias_maps": "",
            "alias_database": "",
            "notify_classes": "",
            "disable_dns_lookups": "yes",
            "smtp_host_lookup": "native",
            "smtputf8_enable": "yes",
            "message_size_limit": "200000",
            "smtpd_tls_chain_files": f"{self.key}, {self.chain}",
            "smtpd_tls_security_level": "may",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtpd_recipient_restrictions": (
                f"check_recipient_access inline:{{ {{{GONE} = 550 5.1.1 gone}}"
                f" {{{LATER} = 450 4.2.0 later}} }}"
            ),
        }
        (config / "main.cf").write_text("".join(f"{key} = {main[key]}\n" for key in main))
        (config / "master.cf").write_text(
            f"{HOST}:{self.port} inet n - n - - smtpd\n"
            f"{HOST}:{self.tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n"
            "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\n"
            "qmgr unix n - n 300 1 qmgr\nrewrite unix - - n - - trivial-rewrite\n"
            "bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n"
            "trace unix - - n - 0 bounce\nproxymap unix - - n - - proxymap\n"
            "smtp unix - - n - - smtp\nrelay unix - - n - - smtp\nerror unix - - n - - error\n"
            "retry unix - - n - - error\nanvil unix - - n - 1 anvil\n"
            "tlsmgr unix - - n 1000? 1 tlsmgr\nscache unix - - n - 1 scache\n"
            "postlog unix-dgram n - n - 1 postlogd\n"
        )
        return [program("postfix"), "-c", str(config), "start-fg"]

    def end(self) -> None:  # its master leaves the process group
        command = [program("postfix"), "-c", str(self.folder / "config"), "stop"]
        subprocess.run(command, check=False, capture_output=True)


class Exim(RealHop):
    name = "Exim"
    needs_programs = ("exim4",)
    needs_user = "Debian-exim"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def prepare(self) -> list[str]:
        for place in (self.folder / "spool", self.folder / "log"):
            place.mkdir()
            shutil.chown(place, "Debian-exim", "Debian-exim")
        shutil.chown(self.key, "Debian-exim")
        config = self.folder / "exim.conf"
        config.write_text(
            f"""\
primary_hostname = exim.peer.test
exim_path = {program("exim4")}
exim_user = Debian-exim
exim_group = Debian-exim
keep_environment =
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/log/%slog
pid_file_path = {self.folder}/spool/pid
daemon_smtp_ports = {self.port} : {self.tls_port}
tls_on_connect_ports = {self.tls_port}
local_interfaces = {HOST}
tls_advertise_hosts = *
tls_certificate = {self.chain}
tls_privatekey = {self.key}
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
message_size_limit = 200000
begin acl
rcpt:
  deny recipients = {GONE}
       message = gone
  defer recipients = {LATER}
       message = later
  accept
begin routers
out:
  driver = manualroute
  route_list = * {HOST}::{self.relay_port}
  self = send
  transport = out
begin transports
out:
  driver = smtp
  hosts_avoid_tls = *
begin authenticators
PLAIN:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and {{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
LOGIN:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and {{{{eq{{$auth1}}{{{USER}}}}}{{eq{{$auth2}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth1
CRAM:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{USER}}}{{{PASSWORD}}}fail}}
  server_set_id = $auth1
""",
            encoding="utf-8",
        )
        return [program("exim4"), "-C", str(config), "-bdf", "-q1h"]


class OpenSmtpd(RealHop):
    """Its paths are compiled in, so it gets a small root folder of its own.

    Without TLS: the 6.8 of Debian 12 was built against OpenSSL 3, where its handshake ends with
    "missing private key", whatever the key; and it takes no password without TLS.
    """

    name = "OpenSMTPD"
    needs_programs = ("smtpd", "ldd", "chroot", "mknod")
    tls = ("none",)

    def prepare(self) -> list[str]:
        root = self.folder / "root"
        for place in ("etc", "dev", "tmp", "proc", "usr/sbin", "usr/libexec/opensmtpd"):
            (root / place).mkdir(parents=True)
        for place in ("var/spool", "var/run", "var/lib/opensmtpd/empty"):
            (root / place).mkdir(parents=True)
        binary = program("smtpd")
        shutil.copy(binary, root / "usr/sbin/smtpd")
        listed = subprocess.run(["ldd", binary], check=True, capture_output=True, text=True)
        for word in listed.stdout.split():
            if word.startswith("/"):
                (root / word[1:]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(word, root / word[1:])
        for device, numbers in (("null", "1 3"), ("urandom", "1 9")):
            path = root / "dev" / device
            subprocess.run(["mknod", "-m", "666", path, "c", *numbers.split()], check=True)
        users = (("root", 0), ("opensmtpd", 901), ("opensmtpq", 902))
        empty = "/var/lib/opensmtpd/empty"
        (root / "etc/passwd").write_text(
            "".join(f"{name}:x:{number}:{number}::{empty}:/nologin\n" for name, number in users)
        )
        (root / "etc/group").write_text("".join(f"{name}:x:{number}:\n" for name, number in users))
        etc = root / "etc"
        (etc / "hosts").write_text("127.0.0.1 localhost\n")
        (etc / "smtpd.conf").write_text(
            f"""\
smtp max-message-size 200000
listen on {HOST} port {self.port} hostname opensmtpd.peer.test
action "out" relay host smtp://{HOST}:{self.relay_port}
match from any for rcpt-to "{GONE}" reject
match from any for any action "out"
"""
        )
        chroot = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"
        return [chroot, str(root), "/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"]


def _open_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="awizo-hop-"))
    folder.chmod(0o755)
    return folder


@asynccontextmanager
async def a_real_hop(
    kind: type[RealHop], relay_port: int, authority: trustme.CA
) -> AsyncIterator[RealHop]:
    """A running server; its folder is open to the users that it turns into."""
    folder = await asyncio.to_thread(_open_folder)
    hop = kind(folder, relay_port, authority)
    try:
        await hop.start()
        yield hop
    finally:
        await hop.stop()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

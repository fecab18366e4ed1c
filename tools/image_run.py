"""Run a built image as compose would, and see that it does its work.

Usage: image_run.py IMAGE.json ROOT

IMAGE.json is what ``buildah inspect --type image`` says, ROOT the image's files. The image's own
command runs as the image's own user with no capability, no new privileges and a root file
system that is read-only but for the volume and ``/tmp``. A mail goes in over SMTP and must come
out at a smarthost, the same bytes; the image's own health check must be content; SIGTERM must
end it with 0.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from awizo.emulator.sink import CatchingSmarthost

START_S = 30.0
STOP_S = 20.0
SETTLE_S = 20.0
DEMO_S = 180.0

MAIL = b"".join(
    line + b"\r\n"
    for line in (
        b"From: sklep@example.pl",
        b"To: klient@example.com",
        b"Subject: =?utf-8?q?Dzi=C4=99kujemy?=",
        b"",
        b"A line that no relay may touch:   trailing blanks   ",
        b".a dot that was stuffed on the way",
    )
)

NOT_IN_THE_IMAGE = ("cc", "gcc", "g++", "clang", "make", "ld", "rustc", "cargo")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Image:
    """What the image says about how it wants to be run."""

    def __init__(self, described: dict[str, Any], root: Path) -> None:
        config = described["Docker"]["config"]
        self.root = root
        self.user: str = config["User"]
        self.environ: dict[str, str] = dict(item.split("=", 1) for item in config["Env"])
        self.command: list[str] = [*config["Entrypoint"], *config["Cmd"]]
        self.health: list[str] = config["Healthcheck"]["Test"]
        self.folder: str = config["WorkingDir"]
        self.volumes: list[str] = list(config["Volumes"])

    def argv(self, command: list[str], volume: Path) -> list[str]:
        """*command* in the image, in namespaces of its own, as compose runs it."""
        user, _, group = self.user.partition(":")
        root = self.root
        mounts = "\n".join(
            (
                "set -e",
                f"mount --bind {root} {root}",
                f"mount --bind {volume} {root}{self.folder}",
                f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp",  # noqa: S108 - the image's own
                f"mount -t proc proc {root}/proc",
                f"mount --rbind /dev {root}/dev",
                f"mount -o remount,bind,ro {root}",
                f"exec chroot {root} /usr/bin/setpriv --reuid={user} --regid={group} "
                "--clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "
                f'/bin/sh -c \'cd {self.folder} && exec "$@"\' sh "$@"',
            )
        )
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", mounts, "sh",
                *command]  # fmt: skip

    def health_command(self) -> list[str]:
        assert self.health[0] == "CMD", self.health
        return self.health[1:]


def say(words: str) -> None:
    print(words, flush=True)


def look_into(image: Image) -> None:
    """What must not be in the image, and what it must ask for."""
    found = [
        str(folder / name)
        for folder in (image.root / "usr/bin", image.root / "bin", image.root / "usr/local/bin")
        for name in NOT_IN_THE_IMAGE
        if (folder / name).exists()
    ]
    assert not found, f"a compiler in the image: {found}"
    assert image.user.split(":")[0] not in ("", "0", "root"), "the image runs as root"
    assert image.volumes == [image.folder], image.volumes
    pip_conf = image.root / "etc/pip.conf"
    assert not pip_conf.exists() or not pip_conf.read_bytes(), "the builder's pip.conf is in it"
    assert not any(name.startswith("PIP_") for name in image.environ), image.environ
    say("ok   no compiler, no root, nothing of the build machine")


async def run(image: Image, volume: Path, log: IO[bytes]) -> None:
    smarthost = CatchingSmarthost()
    _, smarthost_port = await smarthost.start()
    smtp_port, panel_port = free_port(), free_port()
    environ = image.environ | {
        "AWIZO_INTAKE__PORT": str(smtp_port),
        "AWIZO_PANEL__PORT": str(panel_port),
        "AWIZO_SMARTHOST__HOST": "127.0.0.1",
        "AWIZO_SMARTHOST__PORT": str(smarthost_port),
        "AWIZO_SMARTHOST__TLS": "none",
        "HOME": image.folder,
    }
    service = await asyncio.create_subprocess_exec(
        *image.argv(image.command, volume), env=environ, stdout=log, stderr=log
    )
    try:
        await healthy(image, volume, environ, service)
        say("ok   started, and its health check is content")
        await asyncio.to_thread(write_attempt, image, volume, environ)
        say("ok   its root file system is read-only")
        await asyncio.to_thread(send, smtp_port)
        await smarthost.wait_for(1, timeout_s=SETTLE_S)
        assert smarthost.messages[0].content == MAIL, smarthost.messages[0].content
        assert smarthost.messages[0].recipients == ("klient@example.com",)
        say("ok   a mail went through it, byte for byte")
        await stop(service)
        say("ok   SIGTERM ended it with 0")
    except BaseException:
        log.seek(0)
        sys.stderr.write(log.read().decode("utf-8", "replace")[-4000:])
        raise
    finally:
        if service.returncode is None:
            service.kill()
            await service.wait()
        await smarthost.close()


async def healthy(
    image: Image, volume: Path, environ: dict[str, str], service: asyncio.subprocess.Process
) -> None:
    async with asyncio.timeout(START_S):
        while True:
            assert service.returncode is None, f"the service ended with {service.returncode}"
            check = await asyncio.create_subprocess_exec(
                *image.argv(image.health_command(), volume),
                env=environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if await check.wait() == 0:
                return
            await asyncio.sleep(0.2)


def write_attempt(image: Image, volume: Path, environ: dict[str, str]) -> None:
    def succeeds(script: str) -> bool:
        argv = image.argv(["sh", "-c", script], volume)
        return subprocess.run(argv, env=environ, capture_output=True, check=False).returncode == 0

    for place in ("/opt/awizo/x", "/etc/awizo/x", "/x"):
        assert not succeeds(f": > {place}"), f"{place} could be written"
    assert succeeds(f": > {image.folder}/x && rm {image.folder}/x"), "its volume is read-only"


def send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.sendmail("sklep@example.pl", ["klient@example.com"], MAIL)


async def stop(service: asyncio.subprocess.Process) -> None:
    """SIGTERM to the image's own process: the only child of its namespace's first."""
    children = await asyncio.to_thread(
        Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text
    )
    os.kill(int(children.split()[0]), signal.SIGTERM)
    code = await asyncio.wait_for(service.wait(), STOP_S)
    assert code == 0, f"SIGTERM ended it with {code}"


def demo(image: Image, volume: Path) -> None:
    """What ``docker compose --profile demo up demo`` does; exit 0 is every expected outcome."""
    done = subprocess.run(
        image.argv([image.command[0], "demo"], volume),
        env=image.environ | {"HOME": image.folder},
        capture_output=True,
        text=True,
        timeout=DEMO_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    say("ok   the demo runs in it: " + done.stdout.strip().splitlines()[-1])


def main() -> None:
    described = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    image = Image(described, Path(sys.argv[2]))
    look_into(image)
    with tempfile.TemporaryDirectory() as folder:
        volume = Path(folder) / "volume"
        volume.mkdir()
        user, _, group = image.user.partition(":")
        os.chown(volume, int(user), int(group))
        volume.chmod(0o700)
        Path(folder).chmod(0o711)
        with tempfile.TemporaryFile() as log:
            asyncio.run(run(image, volume, log))
        demo(image, volume)
    say("image-test: 1 passed, 0 failed")


if __name__ == "__main__":
    main()

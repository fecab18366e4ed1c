"""Golden dialogues: files of ``tests/dialogues`` played against the real listener."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from awizo.settings import Settings
from support.intake_parts import Listener, RawClient, Stored, a_listener, intake_settings

DIALOGUES = sorted((Path(__file__).parent.parent / "dialogues").glob("*.txt"))


def facts(stored: Stored) -> dict[str, Any]:
    """What a dialogue may say about an accepted mail."""
    message, envelope = stored.message, stored.message.envelope
    return {
        "reverse_path": envelope.reverse_path,
        "recipients": [recipient.address for recipient in envelope.recipients],
        "notify": [recipient.notify for recipient in envelope.recipients],
        "orcpt": [recipient.orcpt for recipient in envelope.recipients],
        "ret": envelope.ret,
        "envid": envelope.envid,
        "body": envelope.body,
        "smtputf8": envelope.smtputf8,
        "client": envelope.client.address,
        "helo": envelope.client.helo,
        "smtp_user": envelope.client.smtp_user,
        "tls": envelope.client.tls,
        "route": message.route,
        "accounts": list(message.accounts),
        "content": stored.content.decode("utf-8", "replace"),
    }


def matches(pattern: str, line: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), line) is not None


class Player:
    def __init__(self, listener: Listener, client: RawClient) -> None:
        self.listener = listener
        self.client = client
        self.to_send = b""

    async def line(self) -> str:
        return (await self.client.reader.readline()).decode().removesuffix("\r\n")

    async def play(self, step: str) -> None:
        word, _, rest = step.partition(" ")
        if word in ("C:", "C="):
            self.to_send += (
                rest.encode() + b"\r\n"
                if word == "C:"
                else rest.encode().decode("unicode_escape").encode("latin-1")
            )
            return
        if word == "repeat-bytes":
            count, _, byte = rest.partition(" ")
            self.to_send += byte.encode() * int(count)
            return
        await self.client.send(self.to_send)
        self.to_send = b""
        match word:
            case "S:":
                line = await self.line()
                assert matches(rest, line), f"expected {rest!r}, got {line!r}"
            case "S|":
                lines = (await self.client.reply()).split("\n")
                assert any(matches(rest, line) for line in lines), f"no {rest!r} in {lines!r}"
            case "TLS":
                await self.client.start_tls()
            case "END":
                assert await self.client.rest() == b""
            case "mails":
                assert len(self.listener.spool.mails) == int(rest)
            case "stored":
                known = facts(self.listener.spool.mails[-1])
                for name, value in json.loads(rest).items():
                    assert known[name] == value
            case "repeat":
                count, _, pattern = rest.partition(" ")
                for number in range(int(count)):
                    assert (await self.client.ask(pattern % number)).startswith("250 ")
            case _:
                raise ValueError(f"not a step of a dialogue: {step!r}")


def read_dialogue(path: Path, folder: Path) -> tuple[Settings, list[str]]:
    intake: dict[str, Any] = {}
    sections: dict[str, Any] = {"store": {"url": f"sqlite:///{folder}/awizo.db"}}
    steps = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("set "):
            intake |= json.loads(line.removeprefix("set "))
        elif line.startswith("set-all "):
            sections |= json.loads(line.removeprefix("set-all "))
        elif line and not line.startswith("#"):
            steps.append(line)
    return intake_settings(**intake, **sections), steps


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
async def test_the_listener_answers_as_the_dialogue_says(path: Path, tmp_path: Path) -> None:
    settings, steps = read_dialogue(path, tmp_path)
    async with a_listener(settings=settings) as listener:
        player = Player(listener, await listener.connect(greet=False))
        for step in steps:
            await player.play(step)
        await player.client.close()

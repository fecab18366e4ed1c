"""Nothing that a stranger wrote steers the terminal of whoever looks at the queue."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from awizo.cli.common import PlainConsole, print_json
from awizo.settings import Store
from awizo.store import open_store
from support.cli_parts import awizo, lines_of
from support.store_parts import NOON, PLANNED, a_judgement, accepted, an_entry

# Clear the screen, set the title, the same in 8-bit controls, turn the direction, go back.
STEERING = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202etxt.exe\r\x08\x7f\U000e0001"
MARKUP = '"[/x][bold red]"@example.pl'


def controls(text: str) -> set[str]:
    return {char for char in text if unicodedata.category(char)[0] == "C" and char != "\n"}


def test_what_is_printed_as_text_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    console = PlainConsole(to_terminal=False)
    table = Table(box=None)
    table.add_column("To")
    table.add_row(f"{MARKUP}{STEERING}")
    table.add_row(Text(STEERING, style="red"))

    console.print(table)
    console.print(f"reply={STEERING}", soft_wrap=True)

    told = capsys.readouterr().out
    assert controls(told) == set()
    assert "[/x][bold red]" in told


def test_json_stays_the_same_object_and_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"recipient": f"zażółć {STEERING}"}

    print_json(value)

    line = capsys.readouterr().out
    assert controls(line) == set()
    assert "zażółć" in line
    assert json.loads(line) == value


async def test_the_queue_is_listed_whatever_stands_in_it(tmp_path: Path) -> None:
    stores = await open_store(Store(url=f"sqlite:///{tmp_path}/awizo.db"), now=lambda: NOON)
    try:
        (delivery_id,) = await accepted(
            stores.spool,
            recipients=(f"{MARKUP}{STEERING}@allegromail.pl",),
            message_id=f"<{STEERING}>",
            envid=STEERING,
        )
        (leased,) = await stores.spool.lease_deliveries(owner="t", now=NOON, lease_s=60, limit=1)
        await stores.spool.store_plan(
            delivery_id,
            leased.lease,
            a_judgement(history=(an_entry("judged", name=STEERING, reply=f"550 {STEERING}"),)),
            now=NOON,
            jobs=(),
            ending=PLANNED,
        )
    finally:
        await stores.close()

    for verb in (("list",), ("show", delivery_id)):
        said, _ = await awizo(tmp_path, "queue", *verb)
        assert controls(said) == set(), verb
        assert re.search(r"\[/x\]", said)
        as_json, _ = await awizo(tmp_path, "queue", *verb, "--json")
        assert controls(as_json) == set(), verb
        (shown,) = lines_of(as_json)
        assert shown["message_id"] == f"<{STEERING}>"

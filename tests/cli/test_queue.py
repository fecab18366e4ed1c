"""``awizo queue`` beside a running service and without one: its JSON, its wishes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from awizo.emulator.sink import CatchingSmarthost
from support.cli_parts import BUYER, a_sent_mail, an_invoice_mail, awizo, lines_of
from support.service import a_service
from support.smtp_client import hand_in, logged, settled

KEYS = [
    "id", "message_id", "account", "recipient", "kind", "state", "disposition", "order_id",
    "actions", "received_at", "problem",
]  # fmt: skip


@pytest.fixture
async def catcher() -> AsyncIterator[CatchingSmarthost]:
    smarthost = CatchingSmarthost()
    await smarthost.start()
    yield smarthost
    await smarthost.close()


def smarthost_at(catcher: CatchingSmarthost) -> dict[str, Any]:
    return {"smarthost__host": catcher.host, "smarthost__port": catcher.port}


async def test_every_delivery_is_listed_oldest_first_beside_the_service_and_after_it(
    tmp_path: Path, catcher: CatchingSmarthost
) -> None:
    async with a_service(tmp_path, **smarthost_at(catcher)) as served:
        await hand_in(
            served.port, b"Message-ID: <1@x>\r\n\r\nto nobody who buys\r\n", "a@example.pl"
        )
        await hand_in(served.port, an_invoice_mail(), BUYER, "copy@example.pl")
        beside = await settled(served, 3)

    out, _ = await awizo(tmp_path, "queue", "list", "--json")
    assert lines_of(out) == beside
    for one in beside:
        assert list(one) == KEYS
    assert [one["recipient"] for one in beside] == ["a@example.pl", BUYER, "copy@example.pl"]
    assert beside[0]["message_id"] == "<1@x>"
    assert [one["kind"] for one in beside] == [None, "invoice", None]
    assert {one["disposition"] for one in beside} == {"forward"}
    assert [one["problem"] for one in beside] == [None, "account_not_connected", None]
    assert all(one["received_at"].endswith("Z") for one in beside)


async def test_the_list_is_narrowed_and_show_adds_the_history(
    tmp_path: Path, catcher: CatchingSmarthost
) -> None:
    async with a_service(tmp_path, **smarthost_at(catcher)) as served:
        await hand_in(served.port, a_sent_mail(), BUYER)
        await hand_in(served.port, an_invoice_mail(), BUYER)
        first, _ = await settled(served, 2)

        out, _ = await awizo(tmp_path, "queue", "list", "--json", "--limit", "1")
        assert lines_of(out) == [first]
        out, _ = await awizo(tmp_path, "queue", "list", "--json", "--state", "held")
        assert out == ""
        out, _ = await awizo(tmp_path, "queue", "show", first["id"], "--json")

    (shown,) = lines_of(out)
    assert {key: shown[key] for key in KEYS} == first
    events = [entry["event"] for entry in shown["history"]]
    assert events[0] == "received"
    assert {"judged", "planned", "forwarded", "settled"} <= set(events)
    assert [entry["at"] for entry in shown["history"]] == sorted(
        entry["at"] for entry in shown["history"]
    )


async def test_a_mail_is_shown_byte_for_byte(tmp_path: Path, catcher: CatchingSmarthost) -> None:
    mail = an_invoice_mail()
    async with a_service(tmp_path, **smarthost_at(catcher)) as served:
        await hand_in(served.port, mail, "friend@example.pl")
        (one,) = await settled(served, 1)

    out, _ = await awizo(tmp_path, "queue", "show", "--raw", one["id"])

    assert out.encode() == mail


async def test_wishes_are_done_beside_the_service(
    tmp_path: Path, catcher: CatchingSmarthost
) -> None:
    payment = (
        b"Subject: =?utf-8?q?P=C5=82atno=C5=9B=C4=87_otrzymana?=\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
        + "Dzień dobry, otrzymaliśmy Twoją płatność za zamówienie. Dziękujemy!\r\n".encode()
    )
    async with a_service(tmp_path, mode="observe", **smarthost_at(catcher)) as served:
        await hand_in(served.port, payment, BUYER)
        (one,) = await settled(served, 1)
        assert len(catcher.messages) == 1

        await awizo(tmp_path, "queue", "release", one["id"], expect=1)
        out, _ = await awizo(tmp_path, "queue", "forward", one["id"])

        assert out == f"{one['id']} will be forwarded\n"
        await catcher.wait_for(2)
        assert catcher.messages[0].content == catcher.messages[1].content == payment


async def test_a_waiting_mail_is_retried_dropped_and_purged(tmp_path: Path) -> None:
    gone = CatchingSmarthost()
    await gone.start()
    await gone.close()
    async with a_service(tmp_path, **smarthost_at(gone)) as served:
        await hand_in(served.port, an_invoice_mail(), "friend@example.pl")
        await logged(served, "job_deferred")
        (one,) = await served.queue()
        assert one["state"] == "planned"

        out, _ = await awizo(tmp_path, "queue", "retry", one["id"])
        assert out == f"{one['id']} due now\n"
        await awizo(tmp_path, "queue", "drop", one["id"])
        (dropped,) = await served.queue()
        assert (dropped["state"], dropped["disposition"]) == ("settled", "stop")
        await awizo(tmp_path, "queue", "purge", "--settled")
        assert await served.queue() == []


async def test_replay_shows_what_changed_rules_would_judge_differently(
    tmp_path: Path, catcher: CatchingSmarthost
) -> None:
    config = tmp_path / "awizo.toml"
    config.write_text("", encoding="utf-8")
    async with a_service(tmp_path, **smarthost_at(catcher)) as served:
        await hand_in(served.port, a_sent_mail(), BUYER)
        (one,) = await settled(served, 1)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "50-my-shop.toml").write_text(
        '[[rule]]\nid = "mine"\nkind = "other"\ndecides = true\nweight = 9\n'
        "match = ['zostalo wyslane']\nexamples = [\"Twoje zamówienie zostało wysłane\"]\n"
        'why = "test"\n',
        encoding="utf-8",
    )

    same, _ = await awizo(tmp_path, "queue", "replay", "--dry-run", "--json")
    out, _ = await awizo(tmp_path, "queue", "replay", "--dry-run", "--json", "--config", config)

    assert same == ""
    (said,) = lines_of(out)
    assert (said["id"], said["was"], said["would_be"]) == (one["id"], "order_sent", "other")


async def test_the_healthcheck_is_well_while_the_service_runs(
    tmp_path: Path, catcher: CatchingSmarthost
) -> None:
    async with a_service(tmp_path, **smarthost_at(catcher)) as served:
        port = int(served.panel.rpartition(":")[2])
        out, _ = await awizo(tmp_path, "healthcheck", panel__port=port)
        assert out == "well\n"

    await awizo(tmp_path, "healthcheck", panel__port=port, expect=1)

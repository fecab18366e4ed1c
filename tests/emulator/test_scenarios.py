"""Scenarios by name: how they are written, when they strike, and that each is told of."""

from __future__ import annotations

import random
import re
from pathlib import Path

import httpx
import pytest

from awizo.emulator.gate import OPERATIONS as GATE_OPERATIONS
from awizo.emulator.scenarios import (
    KINDS,
    OPERATIONS,
    WRITES,
    Scenarios,
    UnknownScenario,
    parse,
)
from awizo.problems import PROBLEMS
from support.allegro_parts import Clock
from support.emulator_parts import PUBLIC, an_emulator, api, code_of

DOCS = Path(__file__).parents[2] / "docs" / "emulator.md"
JSON = {"Content-Type": PUBLIC}


# --- how they are written ------------------------------------------------------


def test_a_bare_value_is_the_kinds_main_argument() -> None:
    assert parse("lost-answer=3").times == 3
    assert parse("failing=90").seconds == 90
    assert parse("late-orders=12").number("delay") == 12
    assert parse("busy").seconds == 60
    assert parse("busy=5,retry_after=yes").flag("retry_after")


def test_further_arguments_follow_after_commas() -> None:
    found = parse("lost-answer=2, on=declare+file, order=ABC, share=0.5")
    assert (found.times, found.on, found.order, found.share) == (2, ("declare", "file"), "abc", 0.5)


@pytest.mark.parametrize(
    ("told", "word"),
    [("nonsense", "lost-answer"), ("slow,on=nowhere", "declare"), ("slow,colour=red", "delay"),
     ("slow=soon", "soon"), ("slow,on", "key=value"), ("lost-answer=often", "often")],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_what_there_is(told: str, word: str) -> None:
    with pytest.raises(UnknownScenario) as refused:
        parse(told)
    assert word in str(refused.value)


def test_every_kind_can_be_switched_on_bare() -> None:
    for name in KINDS:
        an_emulator(name)


def test_operations_have_the_same_names_everywhere() -> None:
    api_names = {one.name for one in GATE_OPERATIONS}
    assert api_names | {"token", "device", "register"} == set(OPERATIONS)
    writing = {one.name for one in GATE_OPERATIONS if one.method != "GET"}
    assert writing == set(WRITES)


def test_every_scenario_is_told_of_in_the_docs() -> None:
    rows = set(re.findall(r"^\| `([a-z-]+)`", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert rows >= set(KINDS)
    assert {row for row in rows if row in KINDS} == set(KINDS)


def test_the_words_for_every_symptom_are_words_of_ours() -> None:
    rows = re.findall(r"^\| A\d+ \|.*\| (.*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 22
    notes = {"filed_as_link", "buyer_not_mailed", "buyer_not_told"}
    said = {word for row in rows for word in re.findall(r"`([a-z_]+)`", row)}
    assert said - notes <= set(PROBLEMS)


# --- when they strike ------------------------------------------------------


def some(told: str) -> Scenarios:
    found = Scenarios(random.Random(1))
    found.add(parse(told), at_s=0)
    return found


def test_one_strikes_as_often_as_it_was_told() -> None:
    on = some("lost-answer=2")
    hits = [on.strike("lost-answer", at_s=0, operation="file") is not None for _ in range(3)]
    assert hits == [True, True, False]


def test_one_strikes_its_operations_and_its_order_alone() -> None:
    on = some("lost-answer,on=file,order=A")
    assert on.strike("lost-answer", at_s=0, operation="declare", order_id="a") is None
    assert on.strike("lost-answer", at_s=0, operation="file", order_id="b") is None
    assert on.strike("lost-answer", at_s=0, operation="file", order_id="a") is not None


def test_some_count_for_each_order_by_itself() -> None:
    on = some("scan-clash")
    found = [
        on.strike("scan-clash", at_s=0, operation="declare", order_id=order) is not None
        for order in ("a", "a", "b", "b")
    ]
    assert found == [True, False, True, False]


def test_one_ends_after_its_seconds() -> None:
    on = some("failing=10")
    assert on.strike("failing", at_s=9.9, operation="me") is not None
    assert on.strike("failing", at_s=10, operation="me") is None


def test_a_share_strikes_that_part_of_the_calls_and_the_same_ones_for_a_seed() -> None:
    def struck() -> list[bool]:
        on = some("failing,share=0.3")
        return [on.strike("failing", at_s=0, operation="me") is not None for _ in range(1000)]

    assert struck() == struck()
    assert 230 < sum(struck()) < 370


# --- answers and connections ------------------------------------------------------


async def test_an_answer_is_lost_after_the_deed_and_a_connection_before_it() -> None:
    emulator = an_emulator("hang-up,on=link", "lost-answer,on=link")
    order = emulator.add_order()
    path, body = f"/order/{order.id}/billing-documents/links", {"url": "https://paragony.pl/1"}
    async with api(emulator) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post(path, json=body, headers=JSON)
        assert order.links == []
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post(path, json=body, headers=JSON)
        assert len(order.links) == 1
        assert (await http.post(path, json=body, headers=JSON)).status_code == 409


async def test_a_refused_call_is_no_deed_whose_answer_could_be_lost() -> None:
    emulator = an_emulator("lost-answer,on=link")
    order = emulator.add_order()
    path = f"/order/{order.id}/billing-documents/links"
    async with api(emulator) as http:
        refused = await http.post(path, json={"url": "https://docs.example"}, headers=JSON)
        assert refused.status_code == 422
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post(path, json={"url": "https://paragony.pl/1"}, headers=JSON)


async def test_a_timeout_may_be_one_that_succeeded() -> None:
    emulator = an_emulator("timeout,on=link", "timeout-done,on=link")
    order = emulator.add_order()
    path, body = f"/order/{order.id}/billing-documents/links", {"url": "https://paragony.pl/1"}
    async with api(emulator) as http:
        first = await http.post(path, json=body, headers=JSON)
        assert (first.status_code, len(order.links)) == (504, 0)
        second = await http.post(path, json=body, headers=JSON)
        assert (second.status_code, len(order.links)) == (504, 1)
    assert code_of(second) == "ServiceTimeoutException"


async def test_allegro_fails_for_a_while() -> None:
    clock = Clock()
    emulator = an_emulator("failing=30", clock=clock)
    async with api(emulator) as http:
        failed = await http.get("/me")
        assert (failed.status_code, code_of(failed)) == (500, "INTERNAL_SERVER_ERROR")
        clock.forward(seconds=30)
        assert (await http.get("/me")).status_code == 200


async def test_answers_come_late() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with api(an_emulator("slow=7,times=1", sleep=sleep)) as http:
        assert (await http.get("/me")).status_code == 200
        await http.get("/me")
    assert waited == [7]


async def test_answers_break_in_four_ways() -> None:
    emulator = an_emulator(*(f"{name},on=me" for name in (
        "not-json", "empty-answer", "truncated", "cut-off")))  # fmt: skip
    async with api(emulator) as http:
        page = await http.get("/me")
        assert page.headers["content-type"].startswith("text/html")
        assert (await http.get("/me")).content == b""
        with pytest.raises(httpx.ReadError):
            await http.get("/me")
        half = await http.get("/me")
        with pytest.raises(ValueError):
            half.json()
        assert half.headers["content-type"] == f"{PUBLIC};charset=UTF-8"
        assert (await http.get("/me")).json()["login"]


async def test_a_429_stops_every_call_and_calling_on_prolongs_it() -> None:
    clock = Clock()
    async with api(an_emulator("busy=30,retry_after=yes", clock=clock)) as http:
        first = await http.get("/me")
        assert (first.status_code, first.headers["retry-after"]) == (429, "30")
        clock.forward(seconds=29)
        assert (await http.get("/order/carriers")).status_code == 429
        clock.forward(seconds=2)
        assert (await http.get("/me")).status_code == 429
        clock.forward(seconds=10)
        assert (await http.get("/me")).status_code == 200


async def test_a_429_may_say_nothing_of_when() -> None:
    async with api(an_emulator("busy")) as http:
        assert "retry-after" not in (await http.get("/me")).headers


async def test_access_is_denied_to_one_thing_or_to_a_scope() -> None:
    emulator = an_emulator("forbidden", "missing-scope")
    order = emulator.add_order()
    async with api(emulator) as http:
        denied = await http.put(
            f"/order/checkout-forms/{order.id}/fulfillment", json={"status": "SENT"}, headers=JSON
        )
        assert (denied.status_code, code_of(denied)) == (403, "AccessDenied")
        assert (await http.get("/messaging/threads")).status_code == 403
        assert (await http.get("/me")).status_code == 200


async def test_buyers_are_told_of_a_status_only_if_the_seller_wished_it() -> None:
    emulator = an_emulator()
    order = emulator.add_order()
    path = f"/order/checkout-forms/{order.id}/fulfillment"
    async with api(emulator) as http:
        await http.put(path, json={"status": "PROCESSING"}, headers=JSON)
        assert order.told == []
        emulator.set_scenario("status-mail")
        await http.put(path, json={"status": "SENT"}, headers=JSON)
        assert [one["what"] for one in order.told] == ["status SENT"]
        emulator.set_scenario("no-mail")
        await http.put(path, json={"status": "PICKED_UP"}, headers=JSON)
    assert len(order.told) == 1, "the sandbox mails nobody"

"""A link comes onto its order unaltered, and a refused host is remembered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from awizo.actions.add_link import AddLinkExecutor, refused_hosts
from awizo.actions.base import Done
from awizo.errors import PermanentFailure
from awizo.model import AddLink
from support.action_parts import ORDER, OTHER_ORDER, Bench
from support.little_allegro import LittleAllegro
from support.scripted import refusal

ADD_LINK = AddLinkExecutor()
URL = "https://Docs.example/F%20V?a=1&b=ż&utm_source=mail#x"


def bench(**kwargs: Any) -> tuple[Bench, LittleAllegro]:
    allegro = LittleAllegro(ORDER, OTHER_ORDER)
    return Bench(allegro, **kwargs), allegro


def refuse_links(allegro: LittleAllegro) -> None:
    allegro.before = lambda request: (
        refusal(422, "InvalidUrl") if request.method == "POST" else None
    )


async def test_a_link_is_added_exactly_as_the_mail_has_it_and_read_back() -> None:
    work, allegro = bench()

    done = await work.run(ADD_LINK, work.job(AddLink(ORDER, URL, number="FV 1/2026")))

    assert isinstance(done, Done)
    assert done.note is None
    assert [one["url"] for one in allegro.links[ORDER]] == [URL]
    assert work.ledger.entries["job-1-link"].state == "listed"


async def test_nothing_is_ever_fetched_from_a_link() -> None:
    work, allegro = bench()
    hosts: set[str] = set()
    allegro.before = lambda request: hosts.add(request.url.host)

    await work.run(ADD_LINK, work.job(AddLink(ORDER, URL)))

    assert hosts == {"api.example"}


async def test_a_link_that_is_there_already_is_done() -> None:
    work, allegro = bench()
    allegro.links[ORDER].append({"id": "l", "url": URL})

    done = await work.run(ADD_LINK, work.job(AddLink(ORDER, URL)))

    assert isinstance(done, Done)
    assert done.note == "already_listed"
    assert allegro.count("POST", "/links") == 0


async def test_a_409_is_done_once_it_is_listed() -> None:
    work, allegro = bench()

    def before(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST":
            allegro.links[ORDER].append({"id": "l", "url": URL})
            return refusal(409, "X")
        return None

    allegro.before = before

    assert isinstance(await work.run(ADD_LINK, work.job(AddLink(ORDER, URL))), Done)


async def test_the_same_document_under_a_new_tracking_parameter_is_not_added_twice() -> None:
    work, allegro = bench()
    first = AddLink(ORDER, "https://docs.example/1?t=1", number="FV 1/2026")
    again = AddLink(ORDER, "https://docs.example/1?t=2", number="FV_1_2026")

    await work.run(ADD_LINK, work.job(first))
    done = await work.run(ADD_LINK, work.job(again, "job-2"))

    assert isinstance(done, Done)
    assert len(allegro.links[ORDER]) == 1


async def test_a_refused_host_is_remembered_for_its_account_and_not_for_ever() -> None:
    work, allegro = bench()
    refuse_links(allegro)

    failed = await work.run(ADD_LINK, work.job(AddLink(ORDER, URL)))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "link_host_refused"
    now = work.clock()
    assert await refused_hosts(work.memory, "default", now=now) == {"docs.example"}
    assert await refused_hosts(work.memory, "another", now=now) == frozenset()
    later = now + timedelta(days=31)
    assert await refused_hosts(work.memory, "default", now=later) == frozenset()


@pytest.mark.parametrize("url", ["http://docs.example/1", "https://docs.example/" + "x" * 3000])
async def test_an_odd_link_that_is_refused_gives_its_host_no_bad_name(url: str) -> None:
    work, allegro = bench()
    refuse_links(allegro)

    failed = await work.run(ADD_LINK, work.job(AddLink(ORDER, url)))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "link_refused"
    assert await refused_hosts(work.memory, "default", now=work.clock()) == frozenset()


async def test_a_link_that_was_taken_but_is_never_listed_is_not_done() -> None:
    work, allegro = bench()
    allegro.after = lambda request: (
        allegro.links[ORDER].clear() if request.method == "POST" else None
    )

    failed = await work.run(ADD_LINK, work.job(AddLink(ORDER, URL)))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "verification_failed"
    assert work.codes == ["verifying"] * 3


async def test_ten_links_are_the_end() -> None:
    work, allegro = bench()
    allegro.links[ORDER] = [{"id": str(n), "url": f"https://x.example/{n}"} for n in range(10)]

    failed = await work.run(ADD_LINK, work.job(AddLink(ORDER, URL)))

    assert isinstance(failed, PermanentFailure)
    assert failed.code == "link_limit"


async def test_a_lost_answer_is_harmless() -> None:
    work, allegro = bench()
    lost = [True]

    def after(request: httpx.Request) -> Exception | None:
        if request.method == "POST" and lost:
            lost.clear()
            return httpx.ReadTimeout("lost")
        return None

    allegro.after = after

    assert isinstance(await work.run(ADD_LINK, work.job(AddLink(ORDER, URL))), Done)
    assert len(allegro.links[ORDER]) == 1

"""The list and one delivery: what it is, what was done, why."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from awizo.model import AddLink, Disposition, Forward, Kind, Plan, Verdict
from awizo.problems import PROBLEMS
from awizo.spool.port import Ending, Judgement
from awizo.store import Stores
from support.panel_parts import RATING, Browser, Clock, a_panel, judged, readable
from support.store_parts import (
    BODY,
    BUYER,
    FORWARDED,
    HELD,
    NOON,
    ORDER,
    OTHER_BUYER,
    SOMEBODY,
    STOPPED,
    Desk,
    accepted,
    an_upload,
    seconds,
)


def listed(html: str) -> list[str]:
    return re.findall(r'<a id="mail-[^"]+" class="mail [^"]*" href="/deliveries/([^"]+)"', html)


async def a_mixed_spool(desk: Desk) -> dict[str, str]:
    ids = {
        "held": await desk.planned(1, an_upload(), ending=HELD, accounts=("one",)),
        "stopped": await judged(desk, 2, RATING, ending=STOPPED, recipients=(OTHER_BUYER,)),
    }
    (ids["friend"],) = await accepted(desk.spool, 3, recipients=(SOMEBODY,))
    (ids["new"],) = await accepted(desk.spool, 4)
    return ids


class TestList:
    async def test_the_newest_comes_first_with_its_subject_and_standing(
        self, browser: Browser, desk: Desk
    ) -> None:
        ids = await a_mixed_spool(desk)

        answer = await browser.get("/deliveries")

        assert listed(answer.text) == [ids["new"], ids["friend"], ids["stopped"], ids["held"]]
        assert "FV-1" in answer.text
        page = readable(answer.text)
        assert "Held for you FV-1 Invoice or receipt" in page
        assert PROBLEMS["number_reused"].words in page
        assert "On its way FV-1 Not to an Allegro buyer friend@example.pl" in page

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ("state=held", ["held"]),
            ("state=stopped", ["stopped"]),
            ("state=waiting", ["new", "friend"]),
            ("state=forwarded", []),
            ("kind=rating_request", ["stopped"]),
            ("problems=1", ["held"]),
            ("account=one", ["held"]),
            ("q=FRIEND%40", ["friend"]),
            ("q=number_reused", ["held"]),
            (f"q={ORDER}&state=held", ["held"]),
            ("q=nothing+fits", []),
            ("state=nonsense&kind=nonsense&account=nonsense", ["new", "friend", "stopped", "held"]),
        ],
    )
    async def test_it_is_narrowed(
        self, stores: Stores, clock: Clock, desk: Desk, asked: str, found: list[str]
    ) -> None:
        ids = await a_mixed_spool(desk)
        browser = a_panel(stores, clock, accounts={"one": {}, "two": {}})

        answer = await browser.get(f"/deliveries?{asked}")

        assert listed(answer.text) == [ids[name] for name in found]
        if not found:
            assert "No mail fits this." in answer.text

    async def test_it_is_paged_without_losing_or_doubling_a_mail(
        self, browser: Browser, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("awizo.panel.pages.PAGE_ROWS", 3)
        for number in range(8):
            await accepted(desk.spool, number)
        seen: list[str] = []
        path = "/deliveries?state=waiting"
        for _ in range(3):
            html = (await browser.get(path)).text
            seen += listed(html)
            older = re.search(r'<a href="([^"]+)" rel="next">Older</a>', html)
            path = older[1].replace("&amp;", "&") if older else ""

        assert path == ""
        assert seen == sorted(await desk.ids(), reverse=True)
        assert len(seen) == 8

    async def test_a_page_that_refreshes_itself_is_sent_anew_only_when_it_has_changed(
        self, browser: Browser, desk: Desk
    ) -> None:
        """Else whoever is reading or choosing would be disturbed all the time."""
        delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
        for path in ("/deliveries?state=stopped", "/"):
            html = (await browser.get(path)).text
            (again,) = re.findall(r'id="live" hx-get="([^"]+)"', html)
            again = again.replace("&amp;", "&")
            same = await browser.get(again, **{"hx-request": "true"})
            assert (same.status_code, same.content) == (204, b"")

            await judged(desk, 2 + len(path), RATING, ending=STOPPED)
            browser.clock.pass_(timedelta(minutes=2))  # past what is remembered of the figures
            assert (await browser.get(again, **{"hx-request": "true"})).status_code == 200
            assert (await browser.get(again)).status_code == 200
        settled = (await browser.get(f"/deliveries/{delivery_id}")).text
        assert 'id="live">' in settled  # it moves no more

    async def test_an_empty_house_says_what_to_do(self, browser: Browser) -> None:
        assert "Point your shop's outgoing mail at Awizo." in await browser.text("/deliveries")


async def a_mail_that_is(desk: Desk, standing: str, number: int) -> str:
    match standing:
        case "new":
            (delivery_id,) = await accepted(desk.spool, number)
        case "held":
            delivery_id = await desk.planned(number, an_upload(), ending=HELD)
        case "held without a plan":
            delivery_id = await desk.planned(number, ending=HELD)
        case "stopped":
            delivery_id = await judged(desk, number, RATING, ending=STOPPED)
        case "waiting":
            delivery_id = await desk.planned(number, an_upload())
        case "filed":
            delivery_id = await desk.planned(number, an_upload())
            (job,) = await desk.calls()
            await desk.finish(job, STOPPED)
        case "leaving":
            delivery_id = await desk.planned(number, Forward())
        case _:
            delivery_id = await desk.planned(number, Forward())
            (job,) = await desk.forwards()
            await desk.finish(job, FORWARDED)
    return delivery_id


class TestOne:
    async def test_a_stopped_mail_tells_what_it_is_what_was_done_and_why(
        self, browser: Browser, desk: Desk
    ) -> None:
        delivery_id = await judged(desk, 1, RATING, ending=STOPPED)

        page = await browser.text(f"/deliveries/{delivery_id}")

        assert "Stopped Request for a rating FV-1" in page
        assert "It was stopped: the buyer did not get it." in page
        assert "Why: Allegro asks the buyer for a rating itself." in page
        assert "Request for a rating, 99 % sure; second guess: Order in progress." in page
        assert "+4.4 wystaw ocenę text · speaks for Request for a rating · rule pl-rating" in page
        assert page.index("+4.4") < page.index("+1.1")
        assert "Received from the shop" in page

    async def test_what_could_not_be_filed_is_not_told_to_be_filed(
        self, browser: Browser, desk: Desk
    ) -> None:
        filing = Judgement(
            plan=Plan((an_upload(),), Disposition.STOP, reason="invoice_converted"),
            verdict=Verdict(Kind.INVOICE, 0.97),
        )
        delivery_id = await judged(desk, 1, filing, jobs=(an_upload(),))
        (job,) = await desk.calls()
        gone_on = Ending(add_jobs=(Forward(),), problem="order_missing")
        await desk.fail(job, gone_on, code="order_missing")
        (forward,) = await desk.forwards()
        await desk.finish(forward, FORWARDED)

        page = await browser.text(f"/deliveries/{delivery_id}")

        assert "It was forwarded unchanged." in page
        assert (
            "Why: What it says belongs on the order at Allegro, not in a mail. "
            "That could not be done, so the mail takes the other way." in page
        )
        assert PROBLEMS["order_missing"].words in page
        assert "The other side said: “no such order”" in page

    async def test_what_a_person_decided_is_told_beside_what_was_decided_before(
        self, browser: Browser, desk: Desk
    ) -> None:
        delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
        await browser.wish(delivery_id, "release")
        (forward,) = await desk.forwards()
        await desk.finish(forward, FORWARDED)

        page = await browser.text(f"/deliveries/{delivery_id}")

        assert "It was sent on by a person, unchanged." in page
        assert "A person decided so. Before that: Allegro asks the buyer for a rating" in page

    async def test_what_is_tried_again_tells_the_words_the_reply_and_the_next_try(
        self, browser: Browser, desk: Desk
    ) -> None:
        delivery_id = await desk.planned(1, an_upload())
        (job,) = await desk.calls()
        await desk.defer(job, due_at=NOON + seconds(300))

        page = await browser.text(f"/deliveries/{delivery_id}")

        assert "something did not work yet and is tried again" in page
        assert "Put the invoice FV 1/2026 on the order tried again later FV-1.pdf" in page
        assert f"{PROBLEMS['allegro_busy'].words} allegro_busy" in page
        assert "The other side said: “slow down”" in page
        assert "Next try 2026-03-02 12:05 UTC , tried 1 time so far." in page

    async def test_a_held_mail_tells_the_problem_the_next_step_and_until_when(
        self, browser: Browser, desk: Desk
    ) -> None:
        delivery_id = await desk.planned(1, an_upload(), ending=HELD)

        page = await browser.text(f"/deliveries/{delivery_id}")

        problem = PROBLEMS["number_reused"]
        assert f"{problem.words} What to do: {problem.next_step}" in page
        assert "If nobody decides, it is forwarded at 2026-03-03 12:00 UTC" in page

    @pytest.mark.parametrize(
        ("name", "wishes"),
        [
            ("held", ["release", "forward", "drop", "judge_again"]),
            ("held without a plan", ["release", "drop", "judge_again"]),
            ("stopped", ["release", "judge_again"]),
            ("filed", ["release"]),
            ("waiting", ["retry", "forward", "drop", "judge_again"]),
            ("leaving", ["retry", "drop", "judge_again"]),
            ("forwarded", ["forward"]),
            ("new", ["retry", "forward", "drop"]),
        ],
    )
    async def test_each_state_offers_what_its_operations_allow(
        self, browser: Browser, desk: Desk, name: str, wishes: list[str]
    ) -> None:
        delivery_id = await a_mail_that_is(desk, name, 1)

        html = (await browser.get(f"/deliveries/{delivery_id}")).text

        assert re.findall(r'id="wish-(\w+)"', html) == wishes
        # Another order may be named as long as it may be judged again.
        assert ('id="name-order"' in html) == ("judge_again" in wishes)
        for number, wish in enumerate(wishes, 2):  # none of them is an empty promise
            other_id = await a_mail_that_is(desk, name, number)
            answer = await browser.wish(other_id, wish)
            assert answer.status_code == 303, readable(answer.text)

    async def test_mail_to_others_is_told_to_be_unread(self, browser: Browser, desk: Desk) -> None:
        (delivery_id,) = await accepted(desk.spool, 1, recipients=(SOMEBODY,))

        page = await browser.text(f"/deliveries/{delivery_id}")

        assert "is passed on at once and never read" in page
        assert "How it was judged" not in page

    async def test_the_original_is_saved_byte_for_byte_and_never_shown(
        self, browser: Browser, desk: Desk
    ) -> None:
        body = b"Subject: x\r\n\r\n" + b"<script>alert(1)</script>\r\n" * 40_000
        (delivery_id,) = await accepted(desk.spool, 1, body=body)

        answer = await browser.get(f"/deliveries/{delivery_id}/original.eml")

        assert answer.content == body
        assert answer.headers["content-type"] == "message/rfc822"
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox")

    async def test_what_is_no_longer_kept_is_told_and_not_offered(
        self, browser: Browser, desk: Desk
    ) -> None:
        delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
        await browser.get(f"/deliveries/{delivery_id}")  # a page that was looked at before
        later = NOON + timedelta(days=31)
        await desk.spool.purge(content_before=later, history_before=NOON, now=later)

        page = await browser.text(f"/deliveries/{delivery_id}")

        assert "Its content was removed when its time was over" in page
        assert "FV-1" not in page
        assert "Send it on" not in page
        assert (await browser.get(f"/deliveries/{delivery_id}/original.eml")).status_code == 404
        assert (await browser.get(f"/deliveries/{delivery_id}/preview")).status_code == 404
        assert "FV-1" not in await browser.text("/deliveries")

    async def test_a_mail_too_large_to_show_is_still_offered(
        self, browser: Browser, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("awizo.panel.pages.CONTENT_MAX_BYTES", len(BODY) - 1)
        (delivery_id,) = await accepted(desk.spool, 1)

        page = await browser.text(f"/deliveries/{delivery_id}")

        assert "is too large to be shown here" in page
        assert "Save the original" in page

    async def test_links_that_were_filed_are_shown_as_text(
        self, browser: Browser, desk: Desk
    ) -> None:
        delivery_id = await desk.planned(1, AddLink(ORDER, "javascript:alert(1)"))

        html = (await browser.get(f"/deliveries/{delivery_id}")).text

        assert "javascript:alert(1)" in html
        assert 'href="javascript' not in html

    async def test_what_is_not_there_is_told_in_words(self, browser: Browser) -> None:
        for path in ("/deliveries/nothing", "/deliveries/nothing/preview", "/nowhere",
                     "/static/../app.py", "/static/nothing.js"):  # fmt: skip
            answer = await browser.get(path)
            assert answer.status_code == 404, path
            assert "Not here" in answer.text


async def test_heavy_work_is_done_in_threads_of_the_panels_own(
    browser: Browser, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from awizo.panel import pages

    seen: dict[str, str] = {}
    for name in ("preview_of", "subject_of"):
        original = getattr(pages, name)

        def watched(content: bytes, name: str = name, original: object = original) -> object:
            seen[name] = threading.current_thread().name
            return original(content)  # type: ignore[operator]

        monkeypatch.setattr(pages, name, watched)
    (delivery_id,) = await accepted(desk.spool, 1, recipients=(BUYER,))
    await browser.get("/deliveries")
    await browser.get(f"/deliveries/{delivery_id}")

    assert set(seen) == {"preview_of", "subject_of"}
    assert all(name.startswith("panel") for name in seen.values())

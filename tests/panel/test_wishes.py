"""What a person may do: through the operations, in their words, and only from the panel's pages."""

from __future__ import annotations

import pytest

from awizo.model import DeliveryState, Disposition, Forward
from awizo.store import Stores
from support.panel_parts import RATING, Browser, a_panel, judged, readable, state_of
from support.store_parts import FORWARDED, HELD, NOON, STOPPED, Desk, an_upload, seconds

STOPPED_NOW = (DeliveryState.SETTLED, Disposition.STOP)


async def test_a_stopped_mail_is_sent_on_and_the_history_says_by_whom(
    browser: Browser, desk: Desk
) -> None:
    delivery_id = await judged(desk, 1, RATING, ending=STOPPED)

    answer = await browser.wish(delivery_id, "release")

    assert answer.headers["location"] == f"/deliveries/{delivery_id}?did=release"
    assert "Released. It goes on now." in await browser.text(answer.headers["location"])
    (job,) = await desk.forwards()
    assert job.delivery_id == delivery_id
    assert "Released by panel" in await browser.text(f"/deliveries/{delivery_id}")


async def test_a_held_mail_is_dropped_and_told_to_be_dropped_by_a_person(
    browser: Browser, desk: Desk
) -> None:
    delivery_id = await desk.planned(1, an_upload(), ending=HELD)

    await browser.wish(delivery_id, "drop")

    assert await state_of(desk, delivery_id) == STOPPED_NOW
    assert "It was dropped by a person: nobody got it." in await browser.text(
        f"/deliveries/{delivery_id}"
    )


async def test_what_waits_is_due_at_once(browser: Browser, desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.defer(job, due_at=NOON + seconds(3600))

    await browser.wish(delivery_id, "retry")

    (again,) = await desk.calls()
    assert again.delivery_id == delivery_id


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("retry", "it is settled, nothing waits; 'release' or 'forward' sends it on"),
        ("release", "it was forwarded already; 'forward' sends it once more"),
        ("drop", "it is settled already (forward)"),
        ("judge_again", "something was already done for it; judging again could repeat it"),
    ],
)
async def test_what_the_state_forbids_is_refused_in_the_words_of_the_operations(
    browser: Browser, desk: Desk, wish: str, words: str
) -> None:
    delivery_id = await desk.planned(1, Forward())
    (job,) = await desk.forwards()
    await desk.finish(job, FORWARDED)
    before = await desk.show(delivery_id)

    answer = await browser.wish(delivery_id, wish)

    assert answer.status_code == 409
    assert f"Not done: {words}." in readable(answer.text)
    assert await desk.show(delivery_id) == before


async def test_wishes_for_what_is_not_there_are_told(browser: Browser, desk: Desk) -> None:
    delivery_id = await judged(desk, 1, RATING, ending=STOPPED)

    token = await browser.token(f"/deliveries/{delivery_id}")

    assert (await browser.wish("nothing", "release", token=token)).status_code == 404
    assert (await browser.wish(delivery_id, "explode")).status_code == 404


# -- forged wishes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1:8025.evil.example"},
        {"origin": "http://127.0.0.1:notaport"},
        {"origin": "file://"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
async def test_a_wish_from_another_page_changes_nothing(
    browser: Browser, desk: Desk, headers: dict[str, str]
) -> None:
    delivery_id = await judged(desk, 1, RATING, ending=STOPPED)

    answer = await browser.wish(delivery_id, "release", **headers)

    assert answer.status_code == 403
    assert "Nothing was changed" in answer.text
    assert await state_of(desk, delivery_id) == STOPPED_NOW


@pytest.mark.parametrize("token", ["", "0" * 64, "ż"])
async def test_a_wish_without_the_token_of_its_session_changes_nothing(
    browser: Browser, desk: Desk, token: str
) -> None:
    delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
    await browser.get("/")

    answer = await browser.wish(delivery_id, "release", token=token)

    assert answer.status_code == 403
    assert await state_of(desk, delivery_id) == STOPPED_NOW


async def test_a_token_is_worth_nothing_in_another_session_or_after_a_restart(
    browser: Browser, stores: Stores, desk: Desk
) -> None:
    delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
    token = await browser.token(f"/deliveries/{delivery_id}")
    other, restarted = a_panel(stores), a_panel(stores)
    restarted.http.cookies = browser.http.cookies
    await other.get("/")

    for one in (other, restarted):
        answer = await one.wish(delivery_id, "release", token=token)
        assert answer.status_code == 403
    assert await state_of(desk, delivery_id) == STOPPED_NOW
    assert (await browser.wish(delivery_id, "release", token=token)).status_code == 303


async def test_a_link_changes_nothing(browser: Browser, desk: Desk) -> None:
    delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
    token = await browser.token(f"/deliveries/{delivery_id}")

    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = await browser.http.request(
            method,
            f"/deliveries/{delivery_id}/release",
            params={"token": token},
            headers={"origin": browser.base},
        )
        assert answer.status_code in (403, 404, 405), method
    assert await state_of(desk, delivery_id) == STOPPED_NOW


async def test_a_form_larger_than_any_of_ours_is_not_read(browser: Browser, desk: Desk) -> None:
    delivery_id = await judged(desk, 1, RATING, ending=STOPPED)
    token = await browser.token(f"/deliveries/{delivery_id}")

    for data in ({"token": token, "x": "y" * 20_000}, {str(n): "y" for n in range(30)}):
        answer = await browser.http.post(
            f"/deliveries/{delivery_id}/release", data=data, headers={"origin": browser.base}
        )
        assert answer.status_code == 413
    assert await state_of(desk, delivery_id) == STOPPED_NOW

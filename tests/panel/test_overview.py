"""The first page: what needs the seller, what was done, how the accounts are."""

from __future__ import annotations

from datetime import timedelta

from awizo.allegro.ports import AccountRecord, TokenPair
from awizo.model import Order
from awizo.orders.port import SyncState
from awizo.problems import PROBLEMS
from awizo.store import Stores
from support.panel_parts import Browser, Clock, a_panel
from support.store_parts import (
    FORWARDED,
    HELD,
    NOON,
    OTHER_ORDER,
    SOMEBODY,
    STOPPED,
    Desk,
    accepted,
    an_upload,
)


def tokens() -> TokenPair:
    return TokenPair("access-secret", "refresh-secret", NOON + timedelta(hours=12), NOON)


async def test_an_alert_is_told_with_its_words_its_next_step_and_what_was_said(
    browser: Browser,
) -> None:
    problem = PROBLEMS["link_host_refused"]
    await browser.stores.spool.raise_alert(
        cause="link_host_refused", account="shop-two",
        text=f"{problem.words} Host <faktury.example> not allowed {problem.next_step}",
        now=NOON, repeat_after_h=24,
    )  # fmt: skip

    page = await browser.text("/")

    assert "What needs you" in page
    assert problem.words in page
    assert f"What to do: {problem.next_step}" in page
    assert "“Host <faktury.example> not allowed”" in page
    assert "Account shop-two" in page
    assert "/deliveries?q=link_host_refused" in (await browser.get("/")).text


async def test_a_quiet_day_says_so(browser: Browser) -> None:
    page = await browser.text("/")

    assert "Nothing needs you" in page
    assert "No alert stands and no mail is held." in page


async def test_a_held_mail_is_what_needs_the_seller(browser: Browser, desk: Desk) -> None:
    await desk.planned(1, an_upload(), ending=HELD)

    assert "1 mail is held until you decide." in await browser.text("/")


async def test_the_mode_is_told_plainly(stores: Stores) -> None:
    observing = await a_panel(stores, mode="observe").text("/")
    acting = await a_panel(stores).text("/")

    assert "Observing only" in observing
    assert "changes nothing at Allegro" in observing
    assert "Acting" in acting
    assert "Observing only" not in acting


async def test_what_became_of_the_mails_of_a_day_and_of_a_week(
    browser: Browser, desk: Desk
) -> None:
    await desk.planned(1, ending=STOPPED, received_at=NOON - timedelta(days=3))
    await desk.planned(2, ending=STOPPED)
    await desk.planned(3, an_upload(OTHER_ORDER))
    (job,) = await desk.calls()
    await desk.finish(job, FORWARDED)
    await accepted(desk.spool, 4, recipients=(SOMEBODY,))

    page = await browser.text("/")

    assert "Stopped 1 2 Forwarded to buyers 1 1 Put on an order at Allegro" in page
    assert "stopped or not 1 1 Held 0 0" in page
    assert "passed on unread 1 1" in page


async def test_accounts_tell_their_connection_last_sync_and_orders(
    stores: Stores, clock: Clock
) -> None:
    panel = a_panel(stores, clock, accounts={"good": {}, "lost": {}, "new": {}})
    await stores.accounts.save(AccountRecord("good", tokens(), login="Lampiony_pl"))
    await stores.accounts.save(AccountRecord("lost", tokens(), paused="invalid_grant"))
    await stores.orders.upsert("good", [Order("good", f"o-{number}") for number in range(3)])
    await stores.orders.save_sync_state(
        "good", SyncState(first_sync_done=True, synced_at=NOON - timedelta(minutes=2))
    )

    page = await panel.text("/")

    assert "good (Lampiony_pl) Connected. Last sync 2 minutes ago Orders known 3" in page
    assert f"lost {PROBLEMS['invalid_grant'].words}" in page
    assert "new Not connected: its mails are only forwarded. Run 'awizo login'." in page
    assert "secret" not in (await panel.get("/")).text


async def test_the_seller_is_asked_about_allegros_own_status_mail_until_it_is_known(
    stores: Stores,
) -> None:
    question = "Does Allegro mail your buyers about a status?"

    assert question in await a_panel(stores).text("/")
    assert question not in await a_panel(stores, policy={"allegro_status_mail": "on"}).text("/")
    off = await a_panel(stores, policy={"allegro_status_mail": "off"}).text("/")
    assert "Allegro's own status mails are off" in off

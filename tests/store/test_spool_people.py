"""The spool's contract: what people see and change, alerts, retention."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from awizo.errors import LeaseLost, NotAllowed, NotFound
from awizo.model import Delivery, DeliveryState, Disposition, Forward, Job, JobState, Kind
from awizo.spool.port import Ending, Tally
from awizo.store import Stores
from awizo.store.database import Transaction
from support.store_parts import (
    BUYER,
    FORWARDED,
    GOES_ON,
    HELD,
    NOON,
    ORDER,
    OTHER_BUYER,
    OTHER_ORDER,
    SOMEBODY,
    STOPPED,
    Desk,
    a_follow_up,
    a_message,
    accepted,
    an_upload,
    deciding,
    seconds,
)

# -- changing ------------------------------------------------------------------------------------


async def test_what_a_state_forbids_changes_nothing(desk: Desk) -> None:
    delivery_id = await desk.planned(1, ending=STOPPED)
    before = await desk.show(delivery_id)

    def refuse(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
        raise NotAllowed("it is settled")

    with pytest.raises(NotAllowed):
        await desk.spool.change(delivery_id, now=NOON, decide=refuse, retry_now=True)
    assert await desk.show(delivery_id) == before


async def test_there_is_nothing_to_change_about_what_is_not_there(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.spool.change("dx", now=NOON, decide=GOES_ON)
    with pytest.raises(NotFound):
        await desk.spool.show("dx")


async def test_retry_makes_a_deferred_job_due_now(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.defer(job, due_at=NOON + timedelta(hours=1))
    await desk.spool.change(delivery_id, now=NOON + seconds(1), decide=GOES_ON, retry_now=True)
    (again,) = await desk.calls(now=NOON + seconds(1))
    assert again.due_at == NOON + seconds(1)


async def test_retry_makes_a_mail_that_waits_for_its_order_due_now(desk: Desk) -> None:
    (delivery_id,) = await accepted(desk.spool)
    (leased,) = await desk.deliveries()
    await desk.spool.defer_delivery(delivery_id, leased.lease, due_at=NOON + timedelta(hours=1))
    await desk.spool.change(delivery_id, now=NOON + seconds(1), decide=GOES_ON, retry_now=True)
    assert len(await desk.deliveries(now=NOON + seconds(1))) == 1


async def test_retry_leaves_what_is_under_way_alone(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.spool.change(delivery_id, now=NOON, decide=GOES_ON, retry_now=True)
    assert await desk.at("host:2").calls() == []
    await desk.finish(job)


async def test_judging_again_takes_the_lease_of_whoever_judges_now(desk: Desk) -> None:
    (delivery_id,) = await accepted(desk.spool)
    (judging,) = await desk.deliveries()
    await desk.spool.change(delivery_id, now=NOON, decide=GOES_ON, judge_again=True)
    with pytest.raises(LeaseLost):
        await desk.plan(judging, Forward())
    (again,) = await desk.deliveries()
    assert again.delivery.attempts == 0


async def test_a_person_s_decision_beats_a_worker_s(desk: Desk) -> None:
    delivery_id = await desk.planned(1, Forward())
    (job,) = await desk.forwards()
    dropped = Ending(state=DeliveryState.SETTLED, disposition=Disposition.STOP, cancel_jobs=True)
    await desk.spool.change(delivery_id, now=NOON, decide=deciding(dropped))
    with pytest.raises(LeaseLost):
        await desk.finish(job, FORWARDED)
    assert (await desk.show(delivery_id)).delivery.disposition is Disposition.STOP


# -- listing -------------------------------------------------------------------------------------


async def a_mixed_spool(desk: Desk) -> dict[str, str]:
    ids = {
        "invoice": await desk.planned(1, an_upload(), accounts=("one",)),
        "held": await desk.planned(2, an_upload(), ending=HELD, accounts=("two",)),
        "stopped": await desk.planned(3, ending=STOPPED, accounts=("one",)),
    }
    (ids["received"],) = await accepted(desk.spool, 4, recipients=(OTHER_BUYER,))
    (ids["forward"],) = await accepted(desk.spool, 5, recipients=(SOMEBODY,))
    return ids


async def test_the_list_holds_everything_oldest_first(desk: Desk) -> None:
    ids = await a_mixed_spool(desk)
    assert await desk.ids() == sorted(ids.values())
    assert await desk.ids(newest_first=True) == sorted(ids.values(), reverse=True)


async def test_the_list_is_narrowed_by_state_account_kind_and_problem(desk: Desk) -> None:
    ids = await a_mixed_spool(desk)
    assert await desk.ids(states=[DeliveryState.HELD]) == [ids["held"]]
    assert await desk.ids(states=[DeliveryState.HELD, DeliveryState.RECEIVED]) == [
        ids["held"],
        ids["received"],
    ]
    assert await desk.ids(account="one") == [ids["invoice"], ids["stopped"]]
    assert await desk.ids(kind=Kind.INVOICE) == [ids["invoice"], ids["held"], ids["stopped"]]
    assert await desk.ids(kind=Kind.OTHER) == []
    assert await desk.ids(problem_only=True) == [ids["held"]]
    assert await desk.ids(account="one", states=[DeliveryState.SETTLED]) == [ids["stopped"]]
    assert await desk.ids(states=[]) == []


async def test_the_list_is_searched_by_address_order_id_and_problem(desk: Desk) -> None:
    ids = await a_mixed_spool(desk)
    assert await desk.ids(search="FRIEND@") == [ids["forward"]]
    assert await desk.ids(search=ORDER[:8]) == [ids["invoice"], ids["held"], ids["stopped"]]
    assert await desk.ids(search="reused") == [ids["held"]]
    assert await desk.ids(search=ids["received"]) == [ids["received"]]
    assert await desk.ids(search="100%_") == []


async def test_the_list_is_narrowed_by_how_the_mails_ended(desk: Desk) -> None:
    ids = await a_mixed_spool(desk)
    assert await desk.ids(disposition=Disposition.STOP) == [ids["stopped"]]
    assert await desk.ids(disposition=Disposition.HOLD) == [ids["held"]]
    assert await desk.ids(disposition=Disposition.BOUNCE) == []


async def test_the_list_is_taken_in_pieces(desk: Desk) -> None:
    ids = sorted((await a_mixed_spool(desk)).values())
    assert await desk.ids(limit=2) == ids[:2]
    assert await desk.ids(limit=2, after=ids[1]) == ids[2:4]
    assert await desk.ids(limit=2, after=ids[3], newest_first=True) == [ids[2], ids[1]]
    assert await desk.ids(limit=0) == []


async def test_the_list_streams_page_after_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("awizo.store.listing.PAGE_ROWS", 7)
    for number in range(30):
        await accepted(desk.spool, number)
    listed = []
    async for stored in desk.spool.list():
        listed.append(stored.delivery.id)
        if len(listed) == 3:  # a mail that comes in while the list is being read is in it
            await accepted(desk.spool, 99)
    assert listed == sorted(set(listed))
    assert len(listed) == 31
    assert len(await desk.ids(limit=15)) == 15


async def test_one_delivery_is_shown_with_its_history_and_a_list_without(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    assert (await desk.show(delivery_id)).history != ()
    assert (await desk.all())[0].history == ()
    assert (await desk.all())[0].jobs == (await desk.show(delivery_id)).jobs


async def test_counts_say_how_many_there_are_and_which_waits_longest(desk: Desk) -> None:
    empty = await desk.spool.counts()
    assert sum(empty.by_state.values()) == 0
    assert empty.oldest_unsettled_at is None

    await desk.planned(1, ending=STOPPED, received_at=NOON - seconds(50))
    await desk.planned(2, an_upload(), received_at=NOON - seconds(20))
    await accepted(desk.spool, 3, received_at=NOON - seconds(10))
    counts = await desk.spool.counts()
    assert counts.by_state == {"received": 1, "planned": 1, "held": 0, "settled": 1}
    assert counts.oldest_unsettled_at == NOON - seconds(20)


async def test_a_tally_says_what_became_of_the_mails_since_some_time(desk: Desk) -> None:
    assert await desk.spool.tally(since=NOON) == Tally()

    await desk.planned(1, ending=STOPPED, received_at=NOON - seconds(90000))
    await desk.planned(2, an_upload())
    (job,) = await desk.calls()
    await desk.finish(job, STOPPED)
    await desk.planned(3, an_upload(OTHER_ORDER), Forward())
    (call,) = await desk.calls()
    await desk.finish(call)
    (forward,) = await desk.forwards()
    await desk.finish(forward, FORWARDED)
    await desk.planned(4, ending=HELD)
    await desk.planned(5, ending=STOPPED)
    await accepted(desk.spool, 6)
    await accepted(desk.spool, 7, recipients=(SOMEBODY,))

    assert await desk.spool.tally(since=NOON - timedelta(days=1)) == Tally(
        stopped=2, forwarded=1, held=1, waiting=1, acted=2, others=1
    )
    assert (await desk.spool.tally(since=NOON - timedelta(days=7))).stopped == 3


# -- retention -----------------------------------------------------------------------------------

DAY = timedelta(days=1)


async def purged(desk: Desk, days: float, history_days: float = 90) -> tuple[int, int]:
    """Purge *days* after noon what was settled before then."""
    now = NOON + timedelta(days=days)
    return await desk.spool.purge(
        content_before=now - timedelta(days=30),
        history_before=now - timedelta(days=history_days),
        now=now,
    )


@pytest.mark.parametrize("size", [100, 100_000])
async def test_content_goes_first_and_the_record_later(size: int, desk: Desk) -> None:
    delivery_id = await desk.planned(1, ending=STOPPED, body=b"x" * size)
    message_id = a_message(1).id
    assert await purged(desk, 29.9) == (0, 0)
    assert await desk.spool.content(message_id) == b"x" * size

    assert await purged(desk, 30.1) == (1, 0)
    with pytest.raises(NotFound):
        await desk.spool.content(message_id)
    stored = await desk.show(delivery_id)
    assert not stored.content_kept
    assert stored.history != ()
    assert await purged(desk, 31) == (0, 0)

    assert await purged(desk, 90.1) == (0, 1)
    with pytest.raises(NotFound):
        await desk.show(delivery_id)
    assert await desk.all() == []


async def test_what_is_not_settled_is_kept_for_ever(desk: Desk) -> None:
    await desk.planned(1, an_upload())
    await desk.planned(2, an_upload(), ending=HELD)
    await accepted(desk.spool, 3)
    assert await purged(desk, 1000) == (0, 0)
    assert await desk.spool.content(a_message(1).id)


async def test_content_is_kept_while_one_recipient_still_waits_for_it(desk: Desk) -> None:
    await accepted(desk.spool, 1, recipients=(BUYER, SOMEBODY))
    (leased,) = await desk.deliveries()
    await desk.plan(leased, ending=STOPPED)
    assert await purged(desk, 100) == (0, 0)
    (job,) = await desk.forwards()
    await desk.finish(job, FORWARDED)
    assert await purged(desk, 100) == (1, 2)


async def test_content_is_kept_while_its_fate_is_still_followed(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.finish(job, STOPPED, follow_ups=(a_follow_up(delivery_id=delivery_id),))
    assert await purged(desk, 100) == (0, 0)
    (follow_up,) = await desk.follow_ups()
    await desk.spool.end_follow_up(follow_up)
    assert await purged(desk, 100) == (1, 1)


async def test_everything_that_is_settled_can_go_at_once(desk: Desk) -> None:
    for number in range(450):  # more than one batch
        await accepted(desk.spool, number, recipients=(SOMEBODY,), received_at=NOON - DAY)
    for job in await desk.forwards(limit=449):
        await desk.finish(job, FORWARDED, now=NOON - seconds(1))
    assert await desk.spool.purge(content_before=NOON, history_before=NOON, now=NOON) == (449, 449)
    assert len(await desk.all()) == 1


async def test_nothing_of_a_purged_mail_is_left_in_any_table(desk: Desk, stores: Stores) -> None:
    delivery_id = await desk.planned(1, an_upload())
    (job,) = await desk.calls()
    await desk.finish(job, STOPPED, follow_ups=(a_follow_up(delivery_id=delivery_id),))
    (follow_up,) = await desk.follow_ups()
    await desk.spool.end_follow_up(follow_up)
    await purged(desk, 100)

    def rows(tx: Transaction) -> dict[str, int]:
        tables = ("messages", "contents", "deliveries", "jobs", "history", "follow_ups")
        return {table: len(tx.rows(f"SELECT * FROM {table}")) for table in tables}

    assert set((await stores.database.read(rows)).values()) == {0}


# -- alerts --------------------------------------------------------------------------------------


async def test_one_cause_raises_one_alert_until_it_is_old_enough(desk: Desk) -> None:
    async def again(hours: float, account: str | None = "one") -> bool:
        return await desk.spool.raise_alert(
            cause="invalid_grant",
            account=account,
            text=f"after {hours}",
            now=NOON + timedelta(hours=hours),
            repeat_after_h=24,
        )

    assert await again(0)
    assert not await again(1)
    assert await again(2, account="two")
    assert await again(2, account=None)
    assert not await again(23.9)
    assert await again(24)
    assert not await again(47)

    one = next(alert for alert in await desk.spool.alerts() if alert["account"] == "one")
    assert one == {
        "cause": "invalid_grant",
        "account": "one",
        "text": "after 47",
        "first_at": NOON,
        "last_at": NOON + timedelta(hours=47),
        "count": 5,
    }
    assert {alert["account"] for alert in await desk.spool.alerts()} == {"one", "two", None}


async def test_an_alert_that_was_cleared_is_new_when_it_comes_back(desk: Desk) -> None:
    for _ in range(2):
        assert await desk.spool.raise_alert(
            cause="x", account=None, text="t", now=NOON, repeat_after_h=24
        )
        await desk.spool.clear_alert(cause="x", account="other")
        assert len(await desk.spool.alerts()) == 1
        await desk.spool.clear_alert(cause="x", account=None)
        assert await desk.spool.alerts() == []
    await desk.spool.clear_alert(cause="x", account=None)


async def test_a_job_that_a_person_cancelled_stays_cancelled(desk: Desk) -> None:
    delivery_id = await desk.planned(1, an_upload())
    await desk.spool.change(delivery_id, now=NOON, decide=deciding(Ending(cancel_jobs=True)))
    await desk.spool.change(delivery_id, now=NOON, decide=GOES_ON, retry_now=True)
    assert await desk.calls() == []
    assert (await desk.show(delivery_id)).jobs[0].state is JobState.FAILED

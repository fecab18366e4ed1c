"""What integrators met at Allegro, each against the real client and the real actions.

The emulator misbehaves as their reports tell; requests and answers are held to openapi.yaml
where that is at hand. A1 to A22 number the symptoms as ``docs/emulator.md`` does.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from awizo.actions.add_link import AddLinkExecutor, refused_hosts
from awizo.actions.add_shipment import AddShipmentExecutor
from awizo.actions.base import Done, Executor
from awizo.actions.scan import look_at_scan
from awizo.actions.set_fulfillment import SetFulfillmentExecutor
from awizo.actions.upload_invoice import UploadInvoiceExecutor
from awizo.allegro.client import AllegroClients
from awizo.allegro.conversations import Conversations
from awizo.emulator.calls import Rules
from awizo.emulator.world import Order as OrderThere
from awizo.errors import Deferral, PermanentFailure
from awizo.model import (
    AddLink,
    AddShipment,
    AllegroAction,
    DocumentKind,
    FulfillmentStatus,
    SetFulfillment,
    UploadInvoice,
)
from awizo.orders.sync import OrderSync
from support.allegro_parts import Clock, MemoryMemory, some_settings
from support.emulator_parts import Held, Shop, a_shop, accounts_at, an_emulator
from support.order_parts import MemoryIndex

LINK = "https://hub.eparagony.pl/p/k"
INPOST = "638045236705746863150614"
EXECUTORS: dict[type[AllegroAction], Callable[[], Executor]] = {
    UploadInvoice: UploadInvoiceExecutor,
    AddLink: AddLinkExecutor,
    SetFulfillment: SetFulfillmentExecutor,
    AddShipment: AddShipmentExecutor,
}


async def do(shop: Shop, action: AllegroAction, job_id: str = "job-1") -> Done | PermanentFailure:
    """Attempt after attempt, as the worker does, until it is done or cannot be done."""
    executor = EXECUTORS[type(action)]()
    return await shop.bench.run(executor, shop.bench.job(action, job_id))


def an_invoice(shop: Shop, order: OrderThere, number: str = "FV 1/11/2026", **more: Any) -> Any:
    content = f"%PDF-1.7\n{number}\n%%EOF".encode()
    shop.bench.documents[number] = content
    return UploadInvoice(
        order.id, f"{number}.pdf", part=number, number=number,
        sha256=hashlib.sha256(content).hexdigest(), **more,
    )  # fmt: skip


def numbers(shop: Shop, order: OrderThere) -> list[str | None]:
    """Numbers of the documents whose file is at Allegro."""
    return [one.number for one in shop.emulator.documents(order.id)]


def calls(shop: Shop, operation: str) -> int:
    return sum(one.operation == operation for one in shop.emulator.requests)


# --- documents ------------------------------------------------------


async def test_a1_a_file_that_is_dropped_without_a_word_becomes_a_link_or_is_told() -> None:
    shop = a_shop("silent-loss=10")
    with_link = shop.order(invoice_required=False)
    without = shop.order(invoice_required=False)

    linked = await do(shop, an_invoice(shop, with_link, or_link=LINK))
    lost = await do(shop, an_invoice(shop, without, "FV 2/11/2026"), "job-2")

    assert isinstance(linked, Done)
    assert linked.note == "filed_as_link"
    assert [one.url for one in with_link.links] == [LINK]
    assert isinstance(lost, PermanentFailure)
    assert lost.code == "order_without_invoice"


async def test_a1_an_unasked_document_that_stays_is_done_with_a_note() -> None:
    shop = a_shop()
    order = shop.order(invoice_required=False)

    done = await do(shop, an_invoice(shop, order))

    assert isinstance(done, Done)
    assert done.note == "buyer_not_mailed"
    assert order.told == []
    assert numbers(shop, order) == ["FV 1/11/2026"]


async def test_a1_an_order_that_may_have_no_invoice_takes_the_link() -> None:
    shop = a_shop("order-without-invoice")
    order = shop.order(invoice_required=False)
    done = await do(shop, an_invoice(shop, order, or_link=LINK))
    assert isinstance(done, Done)
    assert done.note == "filed_as_link"


@pytest.mark.parametrize("on", ["declare", "file"])
@pytest.mark.parametrize(
    "scenario", ["timeout-done", "timeout", "lost-answer", "hang-up", "truncated", "cut-off",
                 "not-json", "empty-answer", "failing"],
)  # fmt: skip
async def test_a2_whatever_becomes_of_an_answer_the_document_is_there_once(
    scenario: str, on: str
) -> None:
    shop = a_shop(f"{scenario},on={on},times=2")
    order = shop.order()

    done = await do(shop, an_invoice(shop, order))

    assert isinstance(done, Done)
    assert numbers(shop, order) == ["FV 1/11/2026"]
    (kept,) = shop.emulator.documents(order.id)
    assert kept.sha256 == done.proof["sha256"]
    orphans = [one for one in order.invoices if one.content is None]
    assert not orphans, "what was declared was adopted"


@pytest.mark.parametrize("on", ["invoices", "order"])
@pytest.mark.parametrize("scenario", ["failing", "not-json", "cut-off", "truncated", "hang-up"])
async def test_a2_a_question_without_a_usable_answer_is_asked_again(scenario: str, on: str) -> None:
    shop = a_shop(f"{scenario},on={on},times=5")
    order = shop.order()
    assert isinstance(await do(shop, an_invoice(shop, order)), Done)
    assert numbers(shop, order) == ["FV 1/11/2026"]


async def test_a3_during_a_scan_the_next_document_waits_and_other_orders_do_not() -> None:
    shop = a_shop("slow-scan=100")
    order, other = shop.order(), shop.order()
    assert isinstance(await do(shop, an_invoice(shop, order)), Done)

    second = await do(shop, an_invoice(shop, order, "FV 2/11/2026"), "job-2")
    waited_for = list(shop.bench.codes)
    third = await do(shop, an_invoice(shop, other, "FV 3/11/2026"), "job-3")

    assert isinstance(second, Done)
    assert isinstance(third, Done)
    assert set(waited_for) == {"scan_in_progress"}
    assert "scan_in_progress" not in shop.bench.codes
    assert numbers(shop, order) == ["FV 1/11/2026", "FV 2/11/2026"]


@pytest.mark.parametrize("status", [409, 422])
async def test_a4_a_scan_clash_at_the_very_first_call_is_waited_for(status: int) -> None:
    shop = a_shop(f"scan-clash=3,status={status}")
    order = shop.order()
    assert isinstance(await do(shop, an_invoice(shop, order)), Done)
    assert shop.bench.codes[:3] == ["scan_in_progress"] * 3
    assert len(order.invoices) == 1


async def test_a5_content_that_allegro_calls_invalid_is_told() -> None:
    shop = a_shop("content-invalid")
    failed = await do(shop, an_invoice(shop, shop.order()))
    assert isinstance(failed, PermanentFailure)
    assert failed.code == "content_invalid"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>", "document_encrypted"),  # A6
        (b"", "document_empty"),
        (b"JVBERi0xLjc=", "document_not_pdf"),  # A8
        (b"%PDF-" + b"x" * 3_000_000, "document_too_large"),
    ],
)
async def test_a6_a8_what_cannot_be_taken_is_never_declared(content: bytes, code: str) -> None:
    shop = a_shop()
    order = shop.order()
    action = an_invoice(shop, order)
    shop.bench.documents[action.part] = content

    failed = await do(shop, action)

    assert isinstance(failed, PermanentFailure)
    assert failed.code == code
    assert order.invoices == []


@pytest.mark.parametrize("hidden", [0, 5, 300])
async def test_a7_a_lost_declaration_is_adopted_or_left_after_a_bounded_wait(hidden: int) -> None:
    shop = a_shop(f"orphan,hidden={hidden}")
    order = shop.order()

    assert isinstance(await do(shop, an_invoice(shop, order)), Done)

    assert numbers(shop, order) == ["FV 1/11/2026"]
    assert len(order.invoices) == (2 if hidden > 60 else 1)


async def test_a7_somebody_elses_declaration_without_a_file_is_left_some_time() -> None:
    shop = a_shop()
    order = shop.order()
    shop.emulator.file_document(order.id, "FV 1/11/2026", None)
    done = await do(shop, an_invoice(shop, order))
    assert isinstance(done, Done)
    assert shop.bench.codes == ["orphan_watched"]
    assert len(order.invoices) == 1


async def test_a18_corrections_are_further_documents() -> None:
    shop = a_shop()
    order = shop.order()
    await do(shop, an_invoice(shop, order))
    correction = an_invoice(shop, order, "FK 1/11/2026", kind=DocumentKind.CORRECTION)
    assert isinstance(await do(shop, correction, "job-2"), Done)
    shop.emulator.cancel(order.id)
    later = an_invoice(shop, order, "FK 2/11/2026", kind=DocumentKind.CORRECTION)
    assert isinstance(await do(shop, later, "job-3"), Done)
    assert numbers(shop, order) == ["FV 1/11/2026", "FK 1/11/2026", "FK 2/11/2026"]


async def test_a20_an_order_with_extended_term_takes_one_document() -> None:
    shop = a_shop("ept")
    order = shop.order()
    assert isinstance(await do(shop, an_invoice(shop, order)), Done)
    failed = await do(shop, an_invoice(shop, order, "FV 2/11/2026"), "job-2")
    assert isinstance(failed, PermanentFailure)
    assert failed.code == "invoice_limit"


async def test_an_eleventh_document_is_told() -> None:
    shop = a_shop()
    order = shop.order()
    for number in range(10):
        shop.emulator.file_document(order.id, f"A {number}", b"%PDF-1.7")
    failed = await do(shop, an_invoice(shop, order))
    assert isinstance(failed, PermanentFailure)
    assert failed.code == "invoice_limit"


async def test_a_document_of_another_program_is_not_filed_again() -> None:
    shop = a_shop()
    order = shop.order()
    shop.emulator.file_document(order.id, "FV_1_11_2026", b"%PDF-1.7 theirs")
    done = await do(shop, an_invoice(shop, order))
    assert isinstance(done, Done)
    assert done.note == "already_filed"
    assert calls(shop, "declare") == 0


async def test_metadata_that_comes_too_fast_slows_its_order_alone() -> None:
    shop = a_shop("metadata-too-fast=2")
    order, other = shop.order(), shop.order()
    account = shop.bench.clients.account("default")
    with pytest.raises(Deferral) as waiting:
        await account.declare_invoice(order.id, "a.pdf", None)
    assert waiting.value.code == "metadata_too_fast"
    await account.invoices(other.id)  # the client id is not stopped
    assert isinstance(await do(shop, an_invoice(shop, order)), Done)
    assert shop.bench.codes[0] == "metadata_too_fast"


async def test_a_file_that_is_there_and_is_not_is_told_at_last() -> None:
    shop = a_shop("ghost-file,times=9")
    order = shop.order()
    failed = await do(shop, an_invoice(shop, order))
    assert isinstance(failed, PermanentFailure)
    assert failed.code == "verification_failed"


async def test_a_document_that_the_scan_rejects_is_told() -> None:
    shop = a_shop("scan-rejects", rules=Rules(scan_s=60))
    order = shop.order()
    done = await do(shop, an_invoice(shop, order))
    assert isinstance(done, Done)
    shop.clock.forward(seconds=60)
    (follow_up,) = done.follow_ups
    seen = await look_at_scan(
        shop.bench.clients.account("default"), shop.bench.ledger, follow_up.data,
        attempts=0, now=shop.clock(),
    )  # fmt: skip
    assert seen.verdict == "rejected"


# --- links ----------------------------------------------------------


@pytest.mark.parametrize("scenario", ["lost-answer", "timeout-done", "timeout", "hang-up"])
async def test_a16_a_receipt_goes_as_a_link_once_whatever_becomes_of_the_answer(
    scenario: str,
) -> None:
    shop = a_shop(f"{scenario},on=link,times=6")
    order = shop.order()
    assert isinstance(await do(shop, AddLink(order.id, LINK)), Done)
    assert [one.url for one in order.links] == [LINK]


async def test_a17_a_host_that_is_not_on_the_list_is_told_and_remembered() -> None:
    shop = a_shop()
    failed = await do(shop, AddLink(shop.order().id, "https://docs.example/1"))
    assert isinstance(failed, PermanentFailure)
    assert failed.code == "link_host_refused"
    assert await refused_hosts(shop.bench.memory, "default", now=shop.clock()) == {"docs.example"}


async def test_a_link_that_is_there_is_done() -> None:
    shop = a_shop()
    order = shop.order()
    await do(shop, AddLink(order.id, LINK))
    again = await do(shop, AddLink(order.id, LINK), "job-2")
    assert isinstance(again, Done)
    assert again.note == "already_listed"
    assert calls(shop, "link") == 1


# --- the status -----------------------------------------------------


def sent(order: OrderThere) -> SetFulfillment:
    return SetFulfillment(order.id, FulfillmentStatus.SENT)


async def test_a9_a_status_that_is_denied_is_told() -> None:
    shop = a_shop("forbidden")
    order = shop.order()
    failed = await do(shop, sent(order))
    assert isinstance(failed, PermanentFailure)
    assert (failed.code, failed.status) == ("access_denied", 403)
    assert failed.trace_id == shop.emulator.requests[-1].trace_id
    assert calls(shop, "fulfillment") == 1, "a refusal is not asked again"


async def test_a10_a_number_alone_leaves_the_status_to_us_unless_allegro_sets_it() -> None:
    plain, paid = a_shop(), a_shop("waybill-sets-sent")
    for shop in (plain, paid):
        order = shop.order(delivery_method="InPost")
        assert isinstance(await do(shop, AddShipment(order.id, "INPOST", INPOST)), Done)
        done = await do(shop, sent(order), "job-2")
        assert isinstance(done, Done)
        assert order.fulfillment == "SENT"
    assert calls(plain, "fulfillment") == 1
    assert calls(paid, "fulfillment") == 0


async def test_a11_a12_nobody_claims_that_the_buyer_was_told() -> None:
    shop = a_shop()
    order = shop.order()
    done = await do(shop, sent(order))
    assert isinstance(done, Done)
    assert "buyer_not_told" in done.all_notes
    assert order.told == []


@pytest.mark.parametrize("scenario", ["lost-answer", "timeout-done", "empty-answer"])
async def test_a_status_is_set_once_although_its_answer_was_lost(scenario: str) -> None:
    shop = a_shop(f"{scenario},on=fulfillment,times=1")
    order = shop.order()
    assert isinstance(await do(shop, sent(order)), Done)
    assert order.operations == 1


async def test_a_buyers_change_in_between_is_read_before_deciding_anew() -> None:
    shop = a_shop("revision-change=2")
    order = shop.order()
    assert isinstance(await do(shop, sent(order)), Done)
    assert calls(shop, "fulfillment") == 3
    assert calls(shop, "order") >= 3


async def test_an_order_that_keeps_changing_waits() -> None:
    shop = a_shop("revision-change=3")
    order = shop.order()
    assert isinstance(await do(shop, sent(order)), Done)
    assert shop.bench.codes == ["revision_conflict"]


async def test_an_order_whose_changes_are_used_up_is_told() -> None:
    shop = a_shop("status-limit")
    failed = await do(shop, sent(shop.order()))
    assert isinstance(failed, PermanentFailure)
    assert failed.code == "operation_limit"


async def test_an_order_of_allegros_own_warehouse_is_left_alone() -> None:
    shop = a_shop("own-warehouse")
    order = shop.order()
    both: tuple[AllegroAction, ...] = (sent(order), AddShipment(order.id, "INPOST", INPOST))
    for number, action in enumerate(both):
        done = await do(shop, action, f"job-{number}")
        assert isinstance(done, Done)
        assert done.note == "fulfilled_by_allegro"
    assert calls(shop, "fulfillment") + calls(shop, "shipment") == 0


# --- parcels --------------------------------------------------------


@pytest.mark.parametrize("scenario", ["lost-answer", "timeout-done", "cut-off", "not-json"])
async def test_a_number_is_on_the_order_once_although_its_answer_was_lost(scenario: str) -> None:
    shop = a_shop(f"{scenario},on=shipment,times=1", "waybill-lag=20")
    order = shop.order(delivery_method="InPost")
    assert isinstance(await do(shop, AddShipment(order.id, "INPOST", INPOST)), Done)
    assert [one.waybill for one in order.shipments] == [INPOST]


async def test_a_number_goes_to_the_carrier_that_takes_it_and_to_other_at_last() -> None:
    shop = a_shop()
    order, foreign = (shop.order(delivery_method="Kurier") for _ in range(2))

    second = await do(shop, AddShipment(order.id, "DPD", INPOST, alternatives=("INPOST",)))
    last = await do(shop, AddShipment(foreign.id, "DPD", "81321897517"), "job-2")

    assert isinstance(second, Done)
    assert isinstance(last, Done)
    assert [one.carrier for one in order.shipments] == ["INPOST"]
    assert [(one.carrier, one.carrier_name) for one in foreign.shipments] == [("OTHER", "DPD")]
    assert "filed_as_other_carrier" in last.all_notes


async def test_a_number_that_allegros_label_service_added_is_not_added_again() -> None:
    shop = a_shop()
    order = shop.order()
    shop.emulator.add_waybill(order.id, "ALLEGRO", "6380 4523 6705 7468 6315 0614")
    done = await do(shop, AddShipment(order.id, "INPOST", INPOST))
    assert isinstance(done, Done)
    assert done.note == "already_listed"
    assert len(order.shipments) == 1


async def test_an_order_that_takes_no_more_numbers_is_told() -> None:
    shop = a_shop("waybill-limit")
    failed = await do(shop, AddShipment(shop.order().id, "INPOST", INPOST))
    assert isinstance(failed, PermanentFailure)
    assert failed.code == "waybill_limit"


async def test_integrated_carriers_are_learnt_from_tracking() -> None:
    account = a_shop().bench.clients.account("default")
    assert await account.trackable("INPOST")
    assert not await account.trackable("WEDO")


# --- tokens and pace ------------------------------------------------


def two_processes(*scenarios: str) -> tuple[Clock, Held, list[AllegroClients], Any]:
    """Two that share the store of accounts; the tokens are due for renewal."""
    clock = Clock()
    emulator = an_emulator(*scenarios, clock=clock)
    held = Held(emulator, requests_too=True)
    accounts = accounts_at(emulator, clock)
    made = [
        AllegroClients(
            some_settings(), accounts, MemoryMemory(), now=clock, transport=held,
            clock=lambda: clock().timestamp(), jitter=lambda: 0.0,
        )
        for _ in range(2)
    ]  # fmt: skip
    clock.forward(hours=11)
    return clock, held, made, emulator


async def test_a13_two_processes_never_use_a_refresh_token_twice() -> None:
    _, _, both, emulator = two_processes()
    for clients in both:
        await clients.account("default").me()
    assert sum(one.operation == "token" for one in emulator.requests) == 1


async def test_a13_a_lost_answer_is_made_good_within_the_grace() -> None:
    _, _, (clients, _), emulator = two_processes("lost-answer,on=token")
    clients.refresher._steps_s = (0.0, 0.0)
    await clients.account("default").me()
    assert [one.operation for one in emulator.requests] == ["token", "token", "me"]


async def test_a13_stolen_tokens_pause_the_account_and_say_so() -> None:
    clock, _, (clients, _), _ = two_processes("token-theft")
    clock.forward(hours=2)
    with pytest.raises(Deferral) as paused:
        await clients.account("default").me()
    assert paused.value.code == "account_paused"
    record = await clients._accounts.get("default")
    assert record is not None
    assert record.paused == "invalid_grant"


async def test_a14_a_changed_password_pauses_the_account_at_the_next_call() -> None:
    shop = a_shop()
    order = shop.order()
    shop.emulator.set_scenario("password-change")

    _, outcome = await shop.bench.attempt(SetFulfillmentExecutor(), shop.bench.job(sent(order)))

    assert isinstance(outcome, Deferral)
    assert outcome.code == "account_paused"
    before = len(shop.emulator.requests)
    _, again = await shop.bench.attempt(SetFulfillmentExecutor(), shop.bench.job(sent(order)))
    assert isinstance(again, Deferral)
    assert len(shop.emulator.requests) == before, "a paused account asks nothing"


async def test_a_401_right_after_a_renewal_is_a_matter_of_waiting() -> None:
    clock, _, (clients, _), emulator = two_processes("token-not-yet=5,times=3")
    with pytest.raises(Deferral) as refused:
        await clients.account("default").me()
    assert refused.value.code in ("token_refused", "allegro_unreachable")
    clock.forward(seconds=10)
    assert (await clients.account("default").me()).login == emulator.seller.login


@pytest.mark.parametrize("retry_after", ["yes", "no"])
async def test_a15_a_429_stops_everything_until_it_is_over(retry_after: str) -> None:
    clock, _, (clients, _), emulator = two_processes()
    emulator.set_scenario(f"busy=60,retry_after={retry_after}")
    await clients.refresher.access_token("default")
    account = clients.account("default")
    with pytest.raises(Deferral) as busy:
        await account.me()
    assert busy.value.code == "allegro_busy"
    asked = len(emulator.requests)
    for _ in range(5):
        with pytest.raises(Deferral):
            await account.carriers()
    assert len(emulator.requests) == asked, "nothing is asked during the stop"
    clock.forward(seconds=busy.value.not_before.total_seconds() + 1)
    await account.me()


# --- orders ---------------------------------------------------------


def a_sync(shop: Shop) -> tuple[OrderSync, MemoryIndex]:
    account = shop.bench.clients.account("default")
    index = MemoryIndex()
    return OrderSync(index, account, shop.bench.clients.settings.allegro), index


async def test_a19_orders_of_other_marketplaces_are_read_like_any() -> None:
    shop = a_shop("foreign-market=allegro-hu")
    order = shop.order(currency="HUF", language="hu-HU", tax_id="12345678", company="Kft.")
    read = await shop.bench.clients.account("default").order(order.id)
    assert (read.marketplace, read.currency, read.tax_ids) == ("allegro-hu", "HUF", ("12345678",))


async def test_a21_an_order_is_found_by_its_address_and_by_the_part_before_the_plus() -> None:
    shop = a_shop()
    one, two = shop.order(login="jan_k"), shop.order(login="jan_k")
    sync, index = a_sync(shop)
    await sync.first_sync("default", shop.clock())
    base, _, domain = one.email.partition("@")

    exact = await index.by_address(["default"], one.email)
    same_buyer = await index.by_base(["default"], base.partition("+")[0], domain)

    assert [order.order_id for order in exact] == [one.id]
    assert {order.order_id for order in same_buyer} == {one.id, two.id}


async def test_a22_an_order_that_is_announced_and_not_found_is_awaited_then_given_up() -> None:
    shop = a_shop("order-missing=3")
    assert isinstance(await do(shop, sent(shop.order())), Done)
    assert shop.bench.codes == ["order_missing"] * 3

    gone = a_shop("order-missing")
    failed = await do(gone, sent(gone.order()))
    assert isinstance(failed, PermanentFailure)
    assert failed.code == "order_missing"


@pytest.mark.parametrize(
    "scenario",
    ["late-orders=40", "late-events=40", "empty-email=40", "form-lags=40", "duplicate-events=3",
     "merged-purchases=40", "order-missing=2", "failing,on=order,times=5",
     "not-json,on=events,times=2", "truncated,on=orders+events+order,share=0.3,times=9"],
)  # fmt: skip
async def test_the_index_comes_to_hold_exactly_the_orders_that_there_are(scenario: str) -> None:
    shop = a_shop()
    sync, index = a_sync(shop)
    shop.order()
    await sync.first_sync("default", shop.clock())
    shop.emulator.set_scenario(scenario)
    late, other = shop.order(login="jan_k"), shop.order(login="jan_k")

    for _ in range(8):
        shop.clock.forward(seconds=10)
        try:
            await sync.sync_events("default", shop.clock())
            await sync.reread_incomplete("default", shop.clock())
        except Deferral:
            continue

    there = {
        order.id for order in shop.emulator.world.orders.values() if order.is_there(shop.clock())
    }
    assert set(index.orders) == there
    for order in (late, other):
        known = index.orders[order.id]
        assert (known.email, known.complete, known.status) == (
            order.email, True, "READY_FOR_PROCESSING",
        )  # fmt: skip


async def test_purchases_paid_together_live_on_under_their_new_id() -> None:
    shop = a_shop()
    old = [shop.order(login="jan_k", status="FILLED_IN") for _ in range(2)]
    sync, index = a_sync(shop)
    await sync.first_sync("default", shop.clock())
    shop.clock.forward(seconds=5)
    merged = shop.emulator.merge_orders([one.id for one in old])

    await sync.sync_events("default", shop.clock())

    assert set(index.orders) == {merged.id}


# --- conversations --------------------------------------------------


async def test_what_the_buyer_wrote_is_found_also_late_and_in_a_nameless_thread() -> None:
    for version in ("public.v1", "beta.v1"):
        shop = a_shop("nameless-threads")
        clients = AllegroClients(
            some_settings(messaging_version=version), accounts_at(shop.emulator, shop.clock),
            MemoryMemory(), now=shop.clock, transport=shop.held, jitter=lambda: 0.0,
        )  # fmt: skip
        order = shop.order()
        ours = await clients.account("default").order(order.id)
        conversations = Conversations(clients, MemoryMemory(), now=shop.clock)
        assert await conversations.buyer_wrote(ours) is None
        shop.emulator.add_message(order.id, "Jestem Allina", author="chatbot")
        shop.emulator.add_message(order.id, "Proszę o fakturę", visible_in_s=90)
        shop.clock.forward(seconds=80)
        assert await conversations.buyer_wrote(ours) is None
        shop.clock.forward(seconds=80)

        found = await conversations.buyer_wrote(ours)

        assert found is not None
        assert found.about_this_order
        assert found.buyer_wrote_at == shop.clock() - timedelta(seconds=160)


@pytest.mark.parametrize(
    ("scenario", "fate"),
    [(None, "DELIVERED"), ("blocked-messages", "BLOCKED"), ("verifying-for-ever", "VERIFYING")],
)
async def test_the_fate_of_a_forwarded_mail_is_read(scenario: str | None, fate: str) -> None:
    shop = a_shop(*([scenario] if scenario else []))
    order = shop.order()
    ours = await shop.bench.clients.account("default").order(order.id)
    shop.emulator.add_message(
        order.id, "Dzień dobry, zmieniamy termin dostawy", author="seller", kind="MAIL",
        subject="Zamówienie 1",
    )  # fmt: skip
    shop.emulator.add_message(order.id, "inna wiadomość", author="seller", kind="MAIL")
    shop.clock.forward(minutes=1)
    conversations = Conversations(shop.bench.clients, shop.bench.memory, now=shop.clock)

    seen = await conversations.fate_of_mail(ours, forwarded_at=shop.clock(), subject="Zamówienie 1")

    assert seen is not None
    assert seen.status == fate


# --- over a socket --------------------------------------------------


@pytest.mark.parametrize("scenario", ["lost-answer", "truncated", "timeout-done", "hang-up"])
async def test_the_same_holds_over_a_real_connection(scenario: str) -> None:
    clock = Clock()
    emulator = an_emulator(f"{scenario},on=declare+file,times=2", clock=clock)
    order = emulator.add_order()
    async with emulator.serving() as url, httpx.AsyncHTTPTransport() as network:
        shop = a_shop()
        clients = AllegroClients(
            some_settings(api_url=url), accounts_at(emulator, clock), MemoryMemory(), now=clock,
            transport=network, jitter=lambda: 0.0,
        )  # fmt: skip
        bench = replace(shop.bench, clock=clock)
        bench.clients = clients
        shop = Shop(emulator, clock, shop.held, bench)
        done = await do(shop, an_invoice(shop, order))
    assert isinstance(done, Done)
    assert numbers(shop, order) == ["FV 1/11/2026"]


async def test_an_answer_that_comes_too_late_may_have_been_a_deed() -> None:
    clock = Clock()
    emulator = an_emulator("slow=1,on=declare,times=1", clock=clock, sleep=asyncio.sleep)
    order = emulator.add_order()
    async with emulator.serving() as url:
        clients = AllegroClients(
            some_settings(api_url=url, timeout_s=0.2), accounts_at(emulator, clock),
            MemoryMemory(), now=clock, jitter=lambda: 0.0,
        )  # fmt: skip
        shop = a_shop()
        bench = replace(shop.bench, clock=clock)
        bench.clients = clients
        shop = Shop(emulator, clock, shop.held, bench)
        assert isinstance(await do(shop, an_invoice(shop, order)), Done)
        await clients.close()
    assert numbers(shop, order) == ["FV 1/11/2026"]

"""Several Allegro accounts behind one host: a seller with three, an agency with many clients.

The whole service against the emulator. What one client sends is never put on another's order,
and one account's trouble is nobody else's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from awizo.emulator.gate import OPERATIONS
from awizo.emulator.world import Order
from awizo.model import DeliveryState, Disposition
from awizo.spool.port import StoredDelivery
from support.house import House, a_mail
from support.hurry import HurriedHouse, a_hurried_house
from support.pdfs import a_pdf

WRITES = {one.name for one in OPERATIONS if one.method != "GET"}
SHOPS = ("lampiony", "kubki", "meble")
BY_SENDER: dict[str, Any] = {
    "accounts": {name: {} for name in SHOPS},
    "routes": [{"from": f"@{name}.example", "accounts": [name]} for name in SHOPS],
}
AGENCY: dict[str, Any] = {
    "accounts": {"north": {"policy": "careful"}, "south": {}},
    "policies": {"careful": {"fallback": {"invoice": "hold"}}},
    "routes": [
        {"name": "client-north", "smtp_user": "north", "accounts": ["north"]},
        {"name": "client-south", "smtp_user": "south", "accounts": ["south"]},
    ],
    "intake": {"users": {"north": {"password": "north-1"}, "south": {"password": "south-1"}}},
}


def an_invoice(order: Order, number: str) -> bytes:
    return a_pdf(
        [
            f"Faktura VAT nr {number}",
            f"Nabywca: {order.first_name} {order.last_name}",
            f"Razem do zapłaty: {order.total} PLN",
        ]
    )


async def send_invoice(
    house: House,
    order: Order,
    number: str,
    *,
    sender: str = "sklep@lampiony.example",
    login: tuple[str, str] | None = None,
) -> bytes:
    pdf = an_invoice(order, number)
    await house.send(
        a_mail(
            f"Faktura {number} do zamówienia",
            f"Dzień dobry,\n\nw załączniku przesyłamy fakturę {number}.\n",
            to=order.email,
            files=(("faktura.pdf", pdf),),
            headers={"From": sender},
        ),
        order.email,
        sender=sender,
        login=login,
    )
    return pdf


async def send_reply(house: House, order: Order, **how: Any) -> bytes:
    return await house.send(
        a_mail(
            "Pana zamówienie",
            "Dzień dobry,\n\nniestety czerwony lampion jest chwilowo niedostępny. Czy może być "
            "zielony? Proszę o odpowiedź, wtedy wyślemy jeszcze dziś.\n\nPozdrawiam\nAnna",
            to=order.email,
        ),
        order.email,
        **how,
    )


def ended(stored: StoredDelivery) -> tuple[str | None, Disposition | None, str | None]:
    return stored.delivery.account, stored.delivery.disposition, stored.delivery.problem


def writes(work: HurriedHouse) -> list[tuple[str, str]]:
    """Every call that changes something: who made it, and what it was."""
    return [
        (one.seller, one.operation) for one in work.emulator.requests if one.operation in WRITES
    ]


# --- routes -------------------------------------------------------------------------------------


async def test_a_seller_with_three_accounts_on_one_host_has_each_shops_mail_on_its_own(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, **BY_SENDER) as work:
        orders = {name: work.emulator.add_order(seller=name) for name in SHOPS}
        sent = {
            name: await send_invoice(
                work.house, order, f"FV {name}/1", sender=f"sklep@{name}.example"
            )
            for name, order in orders.items()
        }

        for name, order in orders.items():
            stored = await work.settled(order.email)

            assert ended(stored) == (name, Disposition.STOP, None)
            assert [one.content for one in work.emulator.documents(order.id)] == [sent[name]]
        assert sorted(writes(work)) == sorted(
            (name, operation) for name in SHOPS for operation in ("declare", "file")
        )


async def test_of_several_accounts_of_one_route_the_one_that_has_the_order_is_acted_on(
    tmp_path: Path,
) -> None:
    """The same person has another masked address at each account, so the index decides."""
    async with a_hurried_house(tmp_path, accounts={name: {} for name in SHOPS}) as work:
        order = work.emulator.add_order(seller="kubki", login="jan_k")
        work.emulator.add_order(seller="meble", login="jan_k")
        await send_invoice(work.house, order, "FV 1/11/2026")

        stored = await work.settled(order.email)

        assert ended(stored) == ("kubki", Disposition.STOP, None)
        assert writes(work) == [("kubki", "declare"), ("kubki", "file")]


async def test_an_agencys_clients_act_each_on_their_own_account_under_their_own_policy(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, "content-invalid,times=9", **AGENCY) as work:
        north, south = (work.emulator.add_order(seller=one) for one in ("north", "south"))
        await send_invoice(work.house, north, "FV 1/11/2026", login=("north", "north-1"))
        await send_invoice(work.house, south, "FV 1/11/2026", login=("south", "south-1"))

        forwarded = await work.settled(south.email)
        held = await work.until(lambda one: one.delivery.state is DeliveryState.HELD, north.email)

        assert ended(held) == ("north", Disposition.HOLD, "content_invalid")
        assert ended(forwarded) == ("south", Disposition.FORWARD, "content_invalid")
        assert held.delivery.message.route == "client-north"
        assert work.house.caught_for(north.email) == []


async def test_one_client_never_acts_on_another_clients_order(tmp_path: Path) -> None:
    """An index hit on an account of somebody else's route is no hit."""
    async with a_hurried_house(tmp_path, **AGENCY) as work:
        order = work.emulator.add_order(seller="south")
        await work.until_synced(order)
        await send_invoice(work.house, order, "FV 1/11/2026", login=("north", "north-1"))

        stored = await work.until(
            lambda one: one.delivery.state in (DeliveryState.HELD, DeliveryState.SETTLED),
            order.email,
        )

        assert stored.delivery.problem == "order_unknown"
        assert stored.delivery.order_id is None
        assert writes(work) == []
        readers = {one.seller for one in work.emulator.requests if order.id in one.path}
        assert readers <= {"south"}, "not even read"


async def test_an_order_id_in_the_text_opens_no_door_to_another_account(tmp_path: Path) -> None:
    async with a_hurried_house(tmp_path, **AGENCY) as work:
        own, foreign = (work.emulator.add_order(seller=one) for one in ("north", "south"))
        await work.until_synced(own, foreign)
        await work.house.send(
            a_mail(
                "Twoje zamówienie jest w realizacji",
                "Rozpoczęliśmy realizację Twojego zamówienia. Pakujemy je właśnie w magazynie.\n"
                f"Numer zamówienia Allegro: {foreign.id}\n",
                to=own.email,
            ),
            own.email,
            login=("north", "north-1"),
        )

        await work.settled(own.email)

        assert foreign.fulfillment == "NEW"
        assert {seller for seller, _ in writes(work)} <= {"north"}


# --- one account's trouble ----------------------------------------------------------------------


async def test_a_paused_account_holds_its_own_actions_only_and_no_mail_that_can_go(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, **BY_SENDER) as work:
        orders = {name: work.emulator.add_order(seller=name) for name in SHOPS}
        await work.until_synced(*orders.values())
        await work.house.app.stores.accounts.pause("kubki", "invalid_grant")
        for name in ("kubki", "meble"):
            sender = f"sklep@{name}.example"
            await send_invoice(work.house, orders[name], "FV 1/11/2026", sender=sender)
        answer_to = work.emulator.add_order(seller="kubki")
        sent = await send_reply(work.house, answer_to, sender="sklep@kubki.example")

        filed = await work.settled(orders["meble"].email)
        went = await work.settled(answer_to.email)
        waiting = await work.until(
            lambda one: any(job.code == "account_paused" for job in one.jobs), orders["kubki"].email
        )

        assert ended(filed) == ("meble", Disposition.STOP, None)
        assert went.delivery.disposition is Disposition.FORWARD
        assert [one.content for one in work.house.caught_for(answer_to.email)] == [sent]
        assert waiting.delivery.state is DeliveryState.PLANNED
        assert "kubki" not in {seller for seller, _ in writes(work)}
        standing = await work.house.app.stores.spool.alerts()
        assert [(one["cause"], one["account"]) for one in standing] == [("invalid_grant", "kubki")]

        await work.house.connect("kubki", "kubki")
        stored = await work.settled(orders["kubki"].email)
        assert ended(stored) == ("kubki", Disposition.STOP, None)
        await work.alerted()


async def test_what_waits_for_a_paused_account_too_long_is_mailed_after_all(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path) as work:
        order = work.emulator.add_order()
        await work.until_synced(order)
        await work.house.app.stores.accounts.pause("default", "invalid_grant")
        began = work.clock()
        await send_invoice(work.house, order, "FV 1/11/2026")

        stored = await work.settled(order.email)

        assert ended(stored) == ("default", Disposition.FORWARD, "account_paused")
        assert len(work.house.caught_for(order.email)) == 1
        assert (work.clock() - began).total_seconds() > 3.5 * 3600
        await work.alerted("invalid_grant")


async def test_a_routes_policy_says_how_long_its_mails_wait(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "policies": {"hasty": {"give_up_after_min": {"documents": 5}}},
        "routes": [
            {"from": "sklep@lampiony.example", "accounts": ["default"], "policy": "hasty"},
        ],
    }
    async with a_hurried_house(tmp_path, "scan-clash,times=1000", **settings) as work:
        order = work.emulator.add_order()
        await work.until_synced(order)
        began = work.clock()
        await send_invoice(work.house, order, "FV 1/11/2026")

        stored = await work.settled(order.email)

        assert ended(stored) == ("default", Disposition.FORWARD, "scan_in_progress")
        assert (work.clock() - began).total_seconds() < 600


async def test_one_accounts_429_stops_all_that_share_its_client_id_and_no_others(
    tmp_path: Path,
) -> None:
    """The requests are counted by client id, and calling on prolongs the block."""
    settings: dict[str, Any] = {
        "accounts": {
            "lampiony": {},
            "kubki": {},
            "meble": {"client_id": "own", "client_secret": "own-secret"},
        }
    }
    clients = {"emulator": "emulator-secret", "own": "own-secret"}
    async with a_hurried_house(tmp_path, clients=clients, **settings) as work:
        pair = work.emulator.issue_tokens("meble", "own")
        await work.house.keep("meble", pair)
        orders = {name: work.emulator.add_order(seller=name) for name in SHOPS}
        await work.until_synced(*orders.values())
        work.emulator.set_scenario("busy=600,on=order+invoices+events+me+emails")
        await send_invoice(work.house, orders["lampiony"], "FV 1/11/2026")
        await work.until(
            lambda one: any(job.code == "allegro_busy" for job in one.jobs),
            orders["lampiony"].email,
        )

        blocked = {one.client_id for one in work.emulator.requests if one.status == 429}
        assert "emulator" in blocked
        counted = [one.client_id for one in work.emulator.requests if one.status == 429]
        assert counted.count("emulator") <= 2, "each account of the id would have asked by itself"


# --- not connected, or only watching ------------------------------------------------------------


async def test_without_a_connected_account_all_is_decided_nothing_done_and_one_alert_raised(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, connected=False) as work:
        orders = [work.emulator.add_order() for _ in range(3)]
        for number, order in enumerate(orders):
            await send_invoice(work.house, order, f"FV {number}/11/2026")

        for order in orders:
            stored = await work.settled(order.email)

            assert stored.delivery.disposition is Disposition.FORWARD
            assert stored.delivery.problem == "account_not_connected"
            assert stored.delivery.kind == "invoice"
            assert {"would_act", "would_stop"} <= set(stored.delivery.notes)
            assert len(work.house.caught_for(order.email)) == 1
        alerts = await work.alerts()
        assert list(alerts) == ["account_not_connected"]
        assert "awizo login" in alerts["account_not_connected"]
        assert work.emulator.requests == []


async def test_an_account_that_is_connected_later_is_served_without_a_restart(
    tmp_path: Path,
) -> None:
    async with a_hurried_house(tmp_path, connected=False) as work:
        before = work.emulator.add_order()
        await send_invoice(work.house, before, "FV 1/11/2026")
        await work.settled(before.email)
        await work.house.connect()
        order = work.emulator.add_order()
        await work.until_synced(order)
        await send_invoice(work.house, order, "FV 2/11/2026")

        stored = await work.settled(order.email)

        assert ended(stored) == ("default", Disposition.STOP, None)
        await work.alerted()


@pytest.mark.parametrize("what", ["invoice", "sent", "link", "processing"])
async def test_in_observe_everything_is_decided_and_forwarded_and_no_writing_call_made(
    what: str, tmp_path: Path
) -> None:
    mails = {
        "sent": ("Zamówienie zostało wysłane", "Twoje zamówienie zostało wysłane kurierem DPD. "
                 "Numer przesyłki: 1000713716065U\n"),
        "link": ("Twój e-paragon", "Twój e-paragon jest dostępny pod adresem:\n"
                 "https://hub.eparagony.pl/p/kBMS3mGfh66D\n"),
        "processing": ("Zamówienie w realizacji", "Rozpoczęliśmy realizację Twojego zamówienia. "
                       "Pakujemy je właśnie w magazynie.\n"),
    }  # fmt: skip
    async with a_hurried_house(tmp_path, mode="observe") as work:
        order = work.emulator.add_order()
        await work.until_synced(order)
        if what == "invoice":
            await send_invoice(work.house, order, "FV 1/11/2026")
        else:
            subject, text = mails[what]
            await work.house.send(a_mail(subject, text, to=order.email), order.email)

        stored = await work.settled(order.email)

        assert ended(stored) == ("default", Disposition.FORWARD, None)
        assert {"would_act", "would_stop"} <= set(stored.delivery.notes)
        assert len(work.house.caught_for(order.email)) == 1
        assert writes(work) == []
        assert await work.alerts() == {}

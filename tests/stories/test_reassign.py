"""A mail that fits two orders is held; a person names one, and its document is filed there."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from awizo.model import DeliveryState, Disposition
from support.house import a_house, a_mail
from support.pdfs import a_pdf


async def test_a_person_names_the_order_of_a_held_invoice_in_the_panel(tmp_path: Path) -> None:
    async with a_house(
        tmp_path, policy={"fallback": {"invoice": "hold"}, "order_wait_s": 0.5}
    ) as house:
        first = house.emulator.add_order()
        second = house.emulator.add_order(email=first.email)
        other = house.emulator.add_order()
        pdf = a_pdf(["Faktura VAT nr FV 7/11/2026", "Sprzedawca: Lampiony sp. z o.o."])
        mail = a_mail(
            "Faktura FV 7/11/2026",
            "Dzień dobry,\n\nw załączniku przesyłamy fakturę FV 7/11/2026.\n",
            to=first.email,
            files=(("FV_7_11_2026.pdf", pdf),),
        )
        await house.send(mail, first.email)
        held = await house.reaches(DeliveryState.HELD, first.email)
        assert held.delivery.problem == "order_ambiguous"
        page = f"/deliveries/{held.delivery.id}"

        assert house.app.bound is not None
        base = f"http://{house.app.bound.panel}"
        async with httpx.AsyncClient(base_url=base, headers={"origin": base}) as panel:

            async def name(order_id: str) -> httpx.Response:
                found = re.search(r'name="token" value="(\w+)"', (await panel.get(page)).text)
                assert found is not None
                return await panel.post(
                    f"{page}/reassign", data={"token": found[1], "order_id": order_id}
                )

            refused = await name(other.id)
            assert refused.status_code == 409
            assert "another buyer" in refused.text
            assert (await name(second.id)).status_code == 303
            settled = await house.settled(first.email)

        assert settled.delivery.disposition is Disposition.STOP
        assert settled.delivery.order_id == second.id
        assert [one.content for one in house.order(second).invoices] == [pdf]
        assert house.order(first).invoices == []
        assert house.order(other).invoices == []
        assert house.caught_for(first.email) == []
        standing = [one["cause"] for one in await house.app.stores.spool.alerts()]
        assert "order_ambiguous" not in standing

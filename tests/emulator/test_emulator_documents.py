"""The emulator's documents and links: it takes and refuses what Allegro does."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import httpx
import pytest

from awizo.emulator.calls import Rules
from awizo.emulator.server import Emulator
from awizo.emulator.world import Order
from support.allegro_parts import Clock
from support.emulator_parts import PDF, an_emulator, api, code_of

PDF_MEDIA = {"Content-Type": "application/pdf"}


async def declare(http: httpx.AsyncClient, order: Order, number: str | None = "FV 1") -> Any:
    body: dict[str, Any] = {"file": {"name": "fv.pdf"}}
    return await http.post(
        f"/order/checkout-forms/{order.id}/invoices",
        json=body | ({"invoiceNumber": number} if number else {}),
        headers={"Content-Type": http.headers["content-type"]},
    )


async def put(
    http: httpx.AsyncClient, order: Order, invoice_id: str, content: bytes = PDF, **headers: str
) -> httpx.Response:
    return await http.put(
        f"/order/checkout-forms/{order.id}/invoices/{invoice_id}/file",
        content=content,
        headers=PDF_MEDIA | headers,
    )


async def upload(http: httpx.AsyncClient, order: Order, number: str = "FV 1") -> httpx.Response:
    declared = await declare(http, order, number)
    assert declared.status_code == 201, declared.text
    return await put(http, order, declared.json()["id"])


async def invoices(http: httpx.AsyncClient, order: Order) -> dict[str, Any]:
    answer = await http.get(f"/order/checkout-forms/{order.id}/invoices")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def a_place(*scenarios: str, **told: Any) -> tuple[Emulator, Order, Clock]:
    clock = Clock()
    rules = told.pop("rules", None)
    emulator = an_emulator(*scenarios, clock=clock, rules=rules)
    return emulator, emulator.add_order(**told), clock


# --- the plain way ------------------------------------------------------


async def test_a_document_is_declared_sent_and_listed() -> None:
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        declared = await declare(http, order)
        listed = (await invoices(http, order))["invoices"][0]
        assert listed["file"] == {"name": "fv.pdf"}, "an orphan shows without a file"
        sent = await put(http, order, declared.json()["id"])
        listed = await invoices(http, order)

    assert (declared.status_code, sent.status_code, sent.content) == (201, 200, b"")
    assert listed["invoices"][0]["invoiceNumber"] == "FV 1"
    assert listed["invoices"][0]["file"]["securityVerification"]["status"] == "ACCEPTED"
    assert listed["hasExternalInvoices"] is False
    (kept,) = emulator.documents(order.id)
    assert kept.content == PDF
    assert kept.sha256 == hashlib.sha256(PDF).hexdigest()
    assert [one["what"] for one in order.told] == ["invoice FV 1"]


async def test_declaring_twice_makes_two() -> None:
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        await upload(http, order)
        await upload(http, order)
        assert len((await invoices(http, order))["invoices"]) == 2


async def test_the_antivirus_scan_is_over_later() -> None:
    emulator, order, clock = a_place(rules=Rules(scan_s=30))
    async with api(emulator) as http:
        await upload(http, order)
        file = (await invoices(http, order))["invoices"][0]["file"]
        assert file["securityVerification"] == {"status": "WAITING"}
        clock.forward(seconds=30)
        file = (await invoices(http, order))["invoices"][0]["file"]
        assert file["securityVerification"]["status"] == "ACCEPTED"
        assert file["securityVerification"]["verifiedAt"]


# --- what is not taken ------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", {}, 422, "EMPTY-ATTACHMENT"),
        (base64.b64encode(PDF), {}, 422, "FILE-CONTENT-INVALID"),
        (b'{"file": "%PDF-"}', {}, 422, "FILE-CONTENT-INVALID"),
        (b"--x\r\n" + PDF, {"Content-Type": "multipart/form-data; boundary=x"}, 422,
         "FILE-CONTENT-INVALID"),
        (b"--x\r\n" + PDF, {}, 422, "FILE-CONTENT-INVALID"),
        (PDF, {"Content-Type": "application/octet-stream"}, 415, "UnsupportedMediaTypeException"),
        (b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>", {}, 422, "EMPTY-ATTACHMENT"),
        (b"%PDF-" + b"x" * 2_999_996, {}, 413, "FILE-TOO-LARGE"),
    ],
    ids=["empty", "base64", "json", "multipart", "multipart body", "media", "encrypted", "large"],
)  # fmt: skip
async def test_a_file_that_is_no_raw_pdf_is_refused(
    content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        declared = (await declare(http, order)).json()["id"]
        answer = await put(http, order, declared, content, **headers)
        assert (answer.status_code, code_of(answer)) == (status, code)
        assert emulator.documents(order.id) == []
        assert (await put(http, order, declared)).status_code == 200, "the declaration still takes"


async def test_three_megabytes_are_just_taken() -> None:
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        declared = (await declare(http, order)).json()["id"]
        answer = await put(http, order, declared, b"%PDF-" + b"x" * 2_999_995)
    assert answer.status_code == 200


async def test_a_second_file_for_one_declaration_is_a_conflict() -> None:
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        declared = (await declare(http, order)).json()["id"]
        await put(http, order, declared)
        answer = await put(http, order, declared, b"%PDF-1.7 another")
    assert answer.status_code == 409
    assert "already has invoice file" in answer.json()["errors"][0]["message"]
    assert emulator.documents(order.id)[0].content == PDF


async def test_a_file_for_nothing_is_missing_without_a_word() -> None:
    emulator, order, _ = a_place()
    other = emulator.add_order()
    async with api(emulator) as http:
        declared = (await declare(http, order)).json()["id"]
        for path in (
            f"/order/checkout-forms/{order.id}/invoices/unknown/file",
            f"/order/checkout-forms/{other.id}/invoices/{declared}/file",
        ):
            answer = await http.put(path, content=PDF, headers=PDF_MEDIA)
            assert answer.status_code == 404
            assert answer.json()["errors"][0]["message"] is None


async def test_an_order_takes_ten_documents() -> None:
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        for number in range(10):
            assert (await upload(http, order, f"FV {number}")).status_code == 200
        assert (await declare(http, order, "FV 11")).status_code == 409


async def test_an_order_with_extended_term_takes_one() -> None:
    emulator, order, _ = a_place("ept")
    async with api(emulator) as http:
        await upload(http, order)
        assert (await declare(http, order, "FV 2")).status_code == 409


@pytest.mark.parametrize(
    "body", [b"{}", b'{"file": {}}', b'{"file": {"name": ""}}', b'{"file": {"name": "a"}, '
             b'"invoiceNumber": 5}'],
)  # fmt: skip
async def test_a_declaration_without_a_name_is_refused(body: bytes) -> None:
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        answer = await http.post(f"/order/checkout-forms/{order.id}/invoices", content=body)
    assert answer.status_code == 422


async def test_a_declaration_that_is_no_json_is_a_bad_request() -> None:
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        answer = await http.post(f"/order/checkout-forms/{order.id}/invoices", content=b"{")
    assert answer.status_code == 400


async def test_a_rejected_payment_takes_no_document() -> None:
    emulator, order, _ = a_place(payment_rejected=True)
    async with api(emulator) as http:
        assert (await declare(http, order)).status_code == 422


# --- pace ------------------------------------------------------


async def test_while_a_file_is_scanned_its_order_takes_no_other() -> None:
    emulator, order, clock = a_place("slow-scan=60")
    other = emulator.add_order()
    async with api(emulator) as http:
        await upload(http, order)
        answer = await declare(http, order, "FV 2")
        assert answer.status_code == 409
        assert answer.json()["errors"][0]["message"] == (
            f"Security scan for SELLER invoice in given order {order.id} is in progress"
        )
        assert (await upload(http, other)).status_code == 200, "other orders are not slowed"
        clock.forward(seconds=60)
        assert (await upload(http, order, "FV 2")).status_code == 200


@pytest.mark.parametrize("status", [409, 422])
async def test_the_scan_may_clash_at_the_very_first_call(status: int) -> None:
    emulator, order, _ = a_place(f"scan-clash,status={status}")
    other = emulator.add_order()
    async with api(emulator) as http:
        assert (await declare(http, order)).status_code == status
        assert (await declare(http, other)).status_code == status, "once for each order"
        assert (await declare(http, order)).status_code == 201


async def test_a_second_declaration_without_a_file_between_comes_too_fast() -> None:
    emulator, order, clock = a_place()
    other = emulator.add_order()
    async with api(emulator) as http:
        first = await declare(http, order)
        assert (await declare(http, order)).status_code == 429
        assert (await declare(http, other)).status_code == 201
        await put(http, order, first.json()["id"])
        assert (await declare(http, order)).status_code == 201
        clock.forward(seconds=5)
        assert (await declare(http, order)).status_code == 201


async def test_metadata_may_be_too_fast_at_the_very_first_call() -> None:
    emulator, order, _ = a_place("metadata-too-fast")
    async with api(emulator) as http:
        answer = await declare(http, order)
        assert answer.status_code == 429
        assert "metadata too fast" in answer.json()["errors"][0]["message"]
        assert (await declare(http, order)).status_code == 201


# --- what goes wrong ------------------------------------------------------


async def test_a_declaration_can_be_lost_and_stay_hidden() -> None:
    emulator, order, clock = a_place("orphan,hidden=60")
    async with api(emulator) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await declare(http, order)
        assert (await invoices(http, order))["invoices"] == []
        clock.forward(seconds=60)
        assert len((await invoices(http, order))["invoices"]) == 1


async def test_without_a_request_for_an_invoice_the_file_may_be_dropped_silently() -> None:
    emulator, order, clock = a_place("silent-loss=20", invoice_required=False)
    asked = emulator.add_order()
    async with api(emulator) as http:
        assert (await upload(http, order)).status_code == 200
        assert (await upload(http, asked)).status_code == 200
        assert len((await invoices(http, order))["invoices"]) == 1
        clock.forward(seconds=20)
        assert (await invoices(http, order))["invoices"] == []
        assert len((await invoices(http, asked))["invoices"]) == 1
    assert emulator.documents(order.id) == []
    assert order.told == []


async def test_without_a_request_for_an_invoice_it_may_be_refused() -> None:
    emulator, order, _ = a_place("order-without-invoice", invoice_required=False)
    async with api(emulator) as http:
        answer = await declare(http, order)
        assert (answer.status_code, code_of(answer)) == (422, "ORDER-WITHOUT-INVOICE")
        assert (await declare(http, emulator.add_order())).status_code == 201


async def test_a_file_may_be_invalid_rejected_or_a_ghost() -> None:
    emulator, order, _ = a_place("content-invalid", "ghost-file", "scan-rejects")
    async with api(emulator) as http:
        first = (await declare(http, order)).json()["id"]
        ghost = await put(http, order, first)
        assert ghost.status_code == 409
        assert (await invoices(http, order))["invoices"] == []
        second = (await declare(http, order)).json()["id"]
        invalid = await put(http, order, second)
        assert (invalid.status_code, code_of(invalid)) == (422, "FILE-CONTENT-INVALID")
        assert (await put(http, order, second)).status_code == 200
        listed = (await invoices(http, order))["invoices"][0]["file"]
    assert listed["securityVerification"]["status"] == "REJECTED"
    assert order.told == [], "nobody is mailed about a rejected file"


# --- links ------------------------------------------------------


async def link(http: httpx.AsyncClient, order: Order, url: Any) -> httpx.Response:
    return await http.post(
        f"/order/{order.id}/billing-documents/links", json={"url": url},
        headers={"Content-Type": http.headers["content-type"]},
    )  # fmt: skip


async def test_a_link_is_taken_once_and_listed_as_it_is() -> None:
    url = "https://hub.eparagony.pl/p/k?utm_source=mail&x=ą"
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        assert (await link(http, order, url)).status_code == 201
        assert (await link(http, order, url)).status_code == 409
        assert [one["url"] for one in (await invoices(http, order))["links"]] == [url]


@pytest.mark.parametrize(
    "url",
    ["https://docs.example/1", "http://hub.eparagony.pl/1", "https://evileparagony.pl/1",
     "https://hub.eparagony.pl/" + "x" * 2000, "https://[::1/", "", 5, None],
)  # fmt: skip
async def test_a_link_of_another_host_or_form_is_refused(url: Any) -> None:
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        assert (await link(http, order, url)).status_code == 422
    assert order.links == []


async def test_an_order_takes_ten_links_and_a_list_may_change() -> None:
    emulator, order, _ = a_place()
    async with api(emulator) as http:
        for number in range(10):
            await link(http, order, f"https://paragony.pl/{number}")
        assert (await link(http, order, "https://paragony.pl/11")).status_code == 422
        emulator.set_scenario("link-refused")
        other = emulator.add_order()
        assert (await link(http, other, "https://paragony.pl/1")).status_code == 422

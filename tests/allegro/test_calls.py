"""One call: what is sent, what is repeated, how answers are sorted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta

import httpx
import pytest

from awizo.allegro.calls import user_agent
from awizo.allegro.client import AllegroAccount
from awizo.allegro.replies import MaybeDone
from awizo.errors import ActionError, Deferral, PermanentFailure
from awizo.model import FulfillmentStatus
from support.allegro_parts import connected, some_clients, some_settings
from support.scripted import Answer, ScriptedNetwork, answer, refusal

ORDER = "29738e61-7f6a-11e8-ac45-09db60ede9d6"
ME = {"id": "1", "login": "seller", "email": "shop@example.pl"}
LATE = httpx.ReadTimeout("late")
AWAY = httpx.ConnectError("refused")


def account(*answers: Answer) -> tuple[AllegroAccount, ScriptedNetwork]:
    network = ScriptedNetwork(answers)
    return some_clients(network).account("default"), network


async def failure(work: Awaitable[object]) -> ActionError:
    with pytest.raises(ActionError) as raised:
        await work
    return raised.value


async def test_a_call_bears_media_type_language_token_and_the_registered_applications_name() -> (
    None
):
    seller, network = account(answer(200, ME))

    await seller.me()

    headers = network.requests[0].headers
    assert headers["accept"] == "application/vnd.allegro.public.v1+json"
    assert headers["authorization"] == "Bearer acc-0"
    assert headers["accept-language"] == "en-US"
    assert re.fullmatch(
        r"My-Shop-App/[0-9.]+ \(\+https://shop\.example/app\)", headers["user-agent"]
    )
    assert "content-type" not in headers


def test_a_user_agent_name_holds_no_spaces_and_no_odd_characters() -> None:
    assert user_agent("Sklep „Żuk” 2", "https://x.pl").startswith("Sklep-uk-2/")
    assert user_agent("", "https://x.pl").startswith("Awizo/")


async def test_json_goes_out_under_allegros_media_type_and_a_pdf_as_raw_bytes() -> None:
    seller, network = account(answer(201, {"id": "inv-1"}), answer(200, b""))

    await seller.declare_invoice(ORDER, "FV 1.pdf", "FV 1")
    await seller.put_invoice_file(ORDER, "inv-1", b"%PDF-1.7 \xff\x00\r\n")

    declared, sent = network.requests
    assert declared.headers["content-type"] == "application/vnd.allegro.public.v1+json"
    assert declared.content == b'{"file":{"name":"FV 1.pdf"},"invoiceNumber":"FV 1"}'
    assert sent.headers["content-type"] == "application/pdf"
    assert sent.content == b"%PDF-1.7 \xff\x00\r\n"
    assert sent.url.path == f"/order/checkout-forms/{ORDER}/invoices/inv-1/file"


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b'{"id": "1", "log', b"[1, 2]"])
async def test_an_answer_that_is_not_what_was_promised_is_a_passing_trouble(body: bytes) -> None:
    seller, _ = account(answer(200, body))

    error = await failure(seller.me())

    assert isinstance(error, Deferral)
    assert error.code == "allegro_error"


@pytest.mark.parametrize("trouble", [LATE, AWAY, answer(503), answer(504)])
async def test_what_is_safe_to_repeat_is_repeated_within_the_attempt(trouble: Answer) -> None:
    seller, network = account(trouble, answer(200, ME))

    assert (await seller.me()).login == "seller"
    assert len(network.requests) == 2


async def test_three_quick_repeats_and_no_more() -> None:
    seller, network = account(answer(502))

    error = await failure(seller.me())

    assert isinstance(error, Deferral)
    assert (error.code, error.status) == ("allegro_error", 502)
    assert len(network.requests) == 4


async def test_a_declaration_whose_answer_was_lost_is_never_repeated_blindly() -> None:
    for trouble in (LATE, answer(504), answer(201, b""), answer(201, b'{"id": "in'),
                    httpx.RemoteProtocolError("cut off")):  # fmt: skip
        seller, network = account(trouble)

        error = await failure(seller.declare_invoice(ORDER, "a.pdf", None))

        assert isinstance(error, MaybeDone)
        assert len(network.requests) == 1


async def test_a_declaration_that_never_left_is_repeated() -> None:
    seller, network = account(AWAY, answer(201, {"id": "inv-1"}))

    assert await seller.declare_invoice(ORDER, "a.pdf", None) == "inv-1"
    assert len(network.requests) == 2


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "access_denied", PermanentFailure),
        (404, "order_missing", PermanentFailure),
        (406, "request_refused", PermanentFailure),
        (500, "allegro_error", Deferral),
        (429, "allegro_busy", Deferral),
    ],
)
async def test_a_status_is_sorted_into_try_again_and_cannot_help(
    status: int, code: str, kind: type[ActionError]
) -> None:
    seller, _ = account(refusal(status, "Whatever", "the words", trace_id="trace-9"))

    error = await failure(seller.order(ORDER))

    assert isinstance(error, kind)
    assert (error.code, error.status, error.trace_id) == (code, status, "trace-9")
    assert error.reply == f"{status} Whatever the words"


async def test_a_429_is_not_repeated_and_stops_the_other_accounts_of_the_client_id_too() -> None:
    network = ScriptedNetwork([refusal(429, "TOO_MANY", Retry_After="120")])
    accounts = connected()
    accounts.records["second"] = accounts.records["default"]
    clients = some_clients(network, accounts=accounts)

    error = await failure(clients.account("default").me())
    other = await failure(clients.account("second").me())

    assert isinstance(error, Deferral)
    assert isinstance(other, Deferral)
    assert timedelta(seconds=119) <= error.not_before <= timedelta(seconds=120)
    assert other.not_before > timedelta(seconds=110)
    assert len(network.requests) == 1


async def test_retry_after_on_a_5xx_is_taken_at_its_word() -> None:
    seller, network = account(answer(503, {}, Retry_After="90"))

    error = await failure(seller.me())

    assert isinstance(error, Deferral)
    assert error.not_before == timedelta(seconds=90)
    assert len(network.requests) == 1


async def test_the_429_of_one_orders_metadata_slows_no_other_call() -> None:
    too_fast = refusal(429, "X", "You're trying to add another metadata too fast.")
    seller, _ = account(too_fast, answer(200, ME))

    error = await failure(seller.declare_invoice(ORDER, "a.pdf", None))

    assert error.code == "metadata_too_fast"
    assert (await seller.me()).login == "seller"


async def test_an_expired_token_is_renewed_once_and_the_call_made_again() -> None:
    network = ScriptedNetwork(
        [
            answer(401, {"error": "unauthorized"}),
            answer(200, {"access_token": "acc-1", "refresh_token": "ref-1", "expires_in": 43199}),
            answer(200, ME),
        ]
    )
    accounts = connected()
    clients = some_clients(network, accounts=accounts)

    assert (await clients.account("default").me()).login == "seller"

    assert network.paths == ["/me", "/auth/oauth/token", "/me"]
    assert network.requests[2].headers["authorization"] == "Bearer acc-1"
    tokens = accounts.records["default"].tokens
    assert tokens is not None
    assert (tokens.refresh_token, tokens.refreshed_from) == ("ref-1", "ref-0")


async def test_a_token_refused_right_after_its_renewal_is_a_passing_trouble() -> None:
    pair = {"access_token": "acc-1", "refresh_token": "ref-1", "expires_in": 43199}
    seller, network = account(answer(401), answer(200, pair), answer(401))

    error = await failure(seller.me())

    assert isinstance(error, Deferral)
    assert error.code == "token_refused"
    assert network.paths == ["/me", "/auth/oauth/token", "/me"]


async def test_what_was_asked_is_recorded_with_trace_ids_and_without_secrets() -> None:
    seller, _ = account(answer(200, ME, trace_id="t-1"), answer(201, {"id": "i"}, trace_id="t-2"))

    await seller.me()
    await seller.declare_invoice(ORDER, "a.pdf", None)

    assert [(call.method, call.path, call.status) for call in seller.calls.calls] == [
        ("GET", "/me", 200),
        ("POST", f"/order/checkout-forms/{ORDER}/invoices", 201),
    ]
    assert seller.calls.trace_ids == ["t-2"]
    assert "acc-0" not in str(seller.calls.as_data())


async def test_a_failed_call_is_recorded_too() -> None:
    seller, _ = account(LATE)

    await failure(seller.me())

    assert [call.status for call in seller.calls.calls] == [0, 0, 0, 0]
    assert seller.calls.calls[0].note == "ReadTimeout"


async def test_an_endless_answer_is_given_up_in_time() -> None:
    class Dripping(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0.02)

    network = ScriptedNetwork([lambda request: httpx.Response(200, stream=Dripping())])
    clients = some_clients(network, settings=some_settings(timeout_s=0.1, quick_s=()))

    error = await failure(clients.account("default").me())

    assert error.code == "allegro_unreachable"


async def test_a_carriers_list_is_kept_as_long_as_its_headers_say() -> None:
    carriers = {"carriers": [{"id": "DHL", "name": "DHL"}, {"id": "OTHER", "name": None}]}
    seller, network = account(answer(200, carriers, Cache_Control="public, max-age=600"))

    first = await seller.carriers()
    second = await seller.carriers()

    assert [one.id for one in first] == ["DHL", "OTHER"] == [one.id for one in second]
    assert len(network.requests) == 1


async def test_whether_a_carrier_is_integrated_is_learnt_from_its_tracking_and_remembered() -> None:
    seller, network = account(refusal(400, "INTEGRATOR_STATUSES_ILLEGAL_ARGUMENT"))

    assert not await seller.trackable("WEDO")
    assert not await seller.trackable("WEDO")
    assert not await seller.trackable("OTHER")
    assert len(network.requests) == 1


async def test_a_status_that_was_not_answered_is_not_sent_again_by_itself() -> None:
    seller, network = account(LATE)

    error = await failure(seller.set_fulfillment(ORDER, FulfillmentStatus.SENT, "r1"))

    assert isinstance(error, MaybeDone)
    assert len(network.requests) == 1
    assert network.requests[0].url.params["checkoutForm.revision"] == "r1"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (refusal(409, "X", "Security scan for SELLER invoice in given order is in progress"),
            "scan_in_progress"),
        (refusal(422, "X", "previously uploaded file is still in scanning"), "scan_in_progress"),
        (refusal(409, "X", "Order already has seller invoice"), "invoice_conflict"),
        (refusal(422, "ORDER-WITHOUT-INVOICE", "cannot have an invoice"), "order_without_invoice"),
        (refusal(422, "VALIDATION", "payment is rejected"), "document_refused"),
    ],
)  # fmt: skip
async def test_a_refused_declaration_is_told_by_its_words(reply: httpx.Response, code: str) -> None:
    seller, _ = account(reply)

    assert (await failure(seller.declare_invoice(ORDER, "a.pdf", None))).code == code


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (refusal(422, "FILE-CONTENT-INVALID"), "content_invalid"),
        (refusal(422, "EMPTY-ATTACHMENT"), "document_empty"),
        (refusal(413, "TOO-LARGE"), "document_too_large"),
        (refusal(404, "NotFound"), "invoice_missing"),
    ],
)
async def test_a_refused_file_is_told_by_its_words(reply: httpx.Response, code: str) -> None:
    seller, _ = account(reply)

    assert (await failure(seller.put_invoice_file(ORDER, "i", b"%PDF-"))).code == code


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (refusal(400, "CarrierWaybillValidationException"), "carrier_refused"),
        (refusal(400, "WaybillValidationException"), "waybill_invalid"),
        (refusal(409, "X", "used in too many orders"), "waybill_limit"),
        (refusal(400, "WaybillsAssignedToOrderLimitReached"), "waybill_limit"),
        (refusal(422, "WaybillsAssignedToOrderLimitReached"), "waybill_limit"),
    ],
)
async def test_a_refused_waybill_is_told_by_its_words(reply: httpx.Response, code: str) -> None:
    seller, _ = account(reply)

    refused = await failure(seller.add_shipment(ORDER, carrier="DPD", number="1"))

    assert refused.code == code


async def test_ids_cannot_break_out_of_the_path() -> None:
    seller, network = account(refusal(404, "NotFound"))

    await failure(seller.order("../../me?x="))

    assert network.requests[0].url.raw_path == b"/order/checkout-forms/..%2F..%2Fme%3Fx%3D"

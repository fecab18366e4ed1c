"""A mail belongs to exactly one order, or to none: nothing is guessed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awizo.model import (
    Candidates,
    DocumentFacts,
    DocumentKind,
    LineItem,
    Match,
    Order,
    ParsedMessage,
    References,
    Unmatched,
    Waybill,
)
from awizo.triage.match import document_fits, match, match_named

BUYER = "8awgqyk6a5+cub31c122@allegromail.pl"
BARE = "8awgqyk6a5@allegromail.pl"
SECOND = "8awgqyk6a5+ffff00001@allegromail.pl"
STRANGER = "zzzzqyk6a5+cub31c122@allegromail.pl"


def an_order(order_id: str = "A", email: str = BUYER, **fields: Any) -> Order:
    values: dict[str, Any] = {"status": "READY_FOR_PROCESSING", "buyer_name": "Anna Kowalska"}
    return Order(account="default", order_id=order_id, email=email, **(values | fields))


def an_invoice(**fields: Any) -> DocumentFacts:
    values: dict[str, Any] = {"part": "2", "name": "FV.pdf", "kind": DocumentKind.INVOICE}
    return DocumentFacts(**(values | fields))


def matched(
    *,
    recipient: str = BUYER,
    text: str = "",
    facts: tuple[DocumentFacts, ...] = (),
    to_names: tuple[str, ...] = (),
    by_address: tuple[Order, ...] = (),
    by_base: tuple[Order, ...] = (),
    by_id: tuple[Order, ...] = (),
    sole: bool = True,
    **references: Any,
) -> Match | Unmatched:
    return match(
        recipient=recipient,
        message=ParsedMessage(text=text, new_text=text, to_names=to_names),
        facts=facts,
        references=References(**references),
        candidates=Candidates(by_address=by_address, by_base=by_base, by_id=by_id),
        sole_buyer_recipient=sole,
    )


def method_of(result: Match | Unmatched) -> tuple[str, str, bool]:
    assert isinstance(result, Match), result
    return result.order_id, result.method, result.ties_document


# --- certain ------------------------------------------------------------------------------------


def test_the_full_address_of_one_order_is_certain() -> None:
    result = matched(by_address=(an_order("A"),), by_base=(an_order("A"), an_order("B", SECOND)))

    assert method_of(result) == ("A", "address", True)
    assert isinstance(result, Match)
    assert result.others == ("B",)


def test_case_of_the_address_does_not_matter() -> None:
    result = matched(recipient=BUYER.upper(), by_address=(an_order("A"),))

    assert method_of(result) == ("A", "address", True)


def test_an_order_id_of_the_same_buyer_wins_over_a_bare_base() -> None:
    orders = (an_order("A"), an_order("B", SECOND))

    result = matched(recipient=BARE, by_base=orders, by_id=(orders[1],))

    assert method_of(result) == ("B", "order_id", True)


def test_an_order_id_of_another_buyer_is_ignored() -> None:
    foreign = an_order("X", STRANGER)

    assert method_of(matched(by_address=(an_order("A"),), by_id=(foreign,))) == (
        "A",
        "address",
        True,
    )
    assert matched(recipient=BARE, by_id=(foreign,)) == Unmatched("order_unknown")


def test_address_and_order_id_that_disagree_are_ambiguous() -> None:
    result = matched(by_address=(an_order("A"),), by_id=(an_order("B", SECOND),))

    assert result == Unmatched("order_ambiguous", ("A", "B"))


# --- not yet ------------------------------------------------------------------------------------


def test_nothing_known_is_unknown() -> None:
    assert matched() == Unmatched("order_unknown")


def test_an_order_not_ready_is_waited_for() -> None:
    result = matched(by_address=(an_order("A", status="FILLED_IN"),))

    assert result == Unmatched("order_not_ready", ("A",))


def test_an_address_with_a_suffix_never_falls_back_on_another_order_of_the_buyer() -> None:
    result = matched(by_base=(an_order("B", SECOND),), facts=(an_invoice(total=Decimal(5)),))

    assert result == Unmatched("order_unknown", ("B",))


def test_an_order_whose_address_is_still_empty_is_nobodys() -> None:
    assert matched(recipient=BARE, by_id=(an_order("A", ""),)) == Unmatched("order_unknown")


# --- several orders -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "method"),
    [
        ({"invoice_numbers": ("FV_1_2026",)}, "invoice_number"),
        ({"waybills": (Waybill("GLS", "56933335891"),)}, "waybill"),
        ({"facts": (an_invoice(total=Decimal("12.50")),)}, "amount"),
        ({"amounts": (Decimal("12.50"), Decimal("1.00"))}, "amount"),
        ({"facts": (an_invoice(buyer_tax_id="5261040828"),)}, "tax_id"),
        ({"text": "Wysłaliśmy: Lampa biurkowa, dębowa."}, "item_title"),
    ],
)
def test_several_orders_are_told_apart_by_what_only_one_has(
    told: dict[str, Any], method: str
) -> None:
    first = an_order("A", BUYER, total=Decimal("99.00"))
    second = an_order(
        "B",
        BUYER,
        total=Decimal("12.50"),
        invoice_numbers=("FV 1/2026",),
        waybills=("56933335891",),
        tax_ids=("5261040828",),
        line_items=(LineItem("1", "Lampa biurkowa dębowa"),),
    )

    assert method_of(matched(by_address=(first, second), **told)) == ("B", method, True)


def test_several_orders_and_nothing_to_tell_them_apart_are_ambiguous() -> None:
    orders = (an_order("A"), an_order("B"))

    assert matched(by_address=orders) == Unmatched("order_ambiguous", ("A", "B"))


def test_a_buyers_name_does_not_tell_his_own_orders_apart() -> None:
    orders = (an_order("A"), an_order("B"))

    assert isinstance(matched(by_address=orders, names=("Anna Kowalska",)), Unmatched)


def test_evidence_for_two_orders_is_ambiguous() -> None:
    first = an_order("A", invoice_numbers=("FV 1/2026",))
    second = an_order("B", total=Decimal("12.50"))

    result = matched(
        by_address=(first, second), invoice_numbers=("FV 1/2026",), amounts=(Decimal("12.50"),)
    )

    assert result == Unmatched("order_ambiguous", ("A", "B"))


def test_one_open_order_among_several_is_not_enough() -> None:
    from awizo.model import FulfillmentStatus

    sent = an_order("A", fulfillment_status=FulfillmentStatus.SENT)

    assert isinstance(matched(recipient=BARE, by_base=(sent, an_order("B", SECOND))), Unmatched)


# --- an address without its "+" part --------------------------------------------------------------


def test_the_only_order_behind_a_bare_address_ties_no_document() -> None:
    result = matched(recipient=BARE, by_base=(an_order("A"),), facts=(an_invoice(),))

    assert method_of(result) == ("A", "only_order", False)


@pytest.mark.parametrize(
    "fields",
    [
        {"buyer_name": "ANNA KOWALSKA"},
        {"total": Decimal("12.50")},
        {"number": "FV/1/2026"},
    ],
)
def test_it_does_when_number_amount_or_name_agrees(fields: dict[str, Any]) -> None:
    order = an_order("A", total=Decimal("12.50"), invoice_numbers=("FV 1/2026",))

    result = matched(recipient=BARE, by_base=(order,), facts=(an_invoice(**fields),))

    assert method_of(result)[::2] == ("A", True)


def test_it_does_not_when_the_document_names_somebody_else() -> None:
    order = an_order("A", total=Decimal("12.50"))
    document = an_invoice(total=Decimal("12.50"), buyer_name="Jan Nowak")

    result = matched(recipient=BARE, by_base=(order,), facts=(document,))

    assert method_of(result) == ("A", "only_order", False)


# --- several buyers ---------------------------------------------------------------------------


def test_a_mail_to_several_buyers_is_ambiguous_without_more() -> None:
    assert matched(by_address=(an_order("A"),), sole=False) == Unmatched("order_ambiguous", ("A",))


def test_a_mail_to_several_buyers_is_acted_on_where_the_document_names_the_buyer() -> None:
    result = matched(
        by_address=(an_order("A"),), facts=(an_invoice(buyer_name="Anna Kowalska"),), sole=False
    )

    assert method_of(result) == ("A", "address", True)


def test_the_name_of_a_recipient_in_the_header_ties_nothing() -> None:
    result = matched(
        by_address=(an_order("A"),),
        names=("Anna Kowalska",),
        to_names=("Anna Kowalska", "Jan Nowak"),
        sole=False,
    )

    assert result == Unmatched("order_ambiguous", ("A",))


def test_an_order_id_ties_a_mail_to_several_buyers_to_its_own_buyer_alone() -> None:
    order = an_order("A")
    other = an_order("X", STRANGER)

    assert method_of(matched(by_address=(order,), by_id=(order,), sole=False))[0] == "A"
    assert isinstance(
        matched(recipient=STRANGER, by_address=(other,), by_id=(order,), sole=False), Unmatched
    )


# --- a document and its order -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "order", "fits"),
    [
        (an_invoice(order_ids=("A",)), an_order("A"), True),
        (an_invoice(order_ids=("B",), buyer_name="Anna Kowalska"), an_order("A"), False),
        (an_invoice(number="FV_1_2026"), an_order("A", invoice_numbers=("FV 1/2026",)), True),
        (an_invoice(buyer_tax_id="5261040828"), an_order("A", tax_ids=("526-104-08-28",)), True),
        (an_invoice(buyer_tax_id="7740001454"), an_order("A", tax_ids=("5261040828",)), False),
        (an_invoice(buyer_name="Kowalska Anna"), an_order("A"), True),
        (an_invoice(buyer_name="Jan Nowak"), an_order("A"), False),
        (an_invoice(buyer_name="Meble Nowak Sp. z o.o."), an_order("A"), None),
        (an_invoice(buyer_name="Anna Nowak"), an_order("A"), None),
        (an_invoice(buyer_name="Przed korektą"), an_order("A"), None),
        (an_invoice(), an_order("A"), None),
        (an_invoice(total=Decimal(5)), an_order("A", total=Decimal(5)), True),
        (an_invoice(total=Decimal(6)), an_order("A", total=Decimal(5)), None),
    ],
)
def test_a_document_ties_contradicts_or_says_nothing(
    document: DocumentFacts, order: Order, fits: bool | None
) -> None:
    assert document_fits(document, order) is fits


emails = st.sampled_from([BUYER, BARE, SECOND, STRANGER, ""])
orders = st.lists(
    st.builds(
        an_order,
        st.sampled_from(["A", "B", "C"]),
        emails,
        total=st.sampled_from([None, Decimal(1), Decimal(2)]),
        status=st.sampled_from(["READY_FOR_PROCESSING", "FILLED_IN", "CANCELLED", ""]),
    ),
    max_size=4,
)


@given(recipient=emails, by_address=orders, by_base=orders, by_id=orders, sole=st.booleans())
def test_no_mail_ever_matches_the_order_of_another_buyer(
    recipient: str,
    by_address: list[Order],
    by_base: list[Order],
    by_id: list[Order],
    sole: bool,
) -> None:
    result = matched(
        recipient=recipient,
        by_address=tuple(by_address),
        by_base=tuple(by_base),
        by_id=tuple(by_id),
        amounts=(Decimal(1),),
        sole=sole,
    )

    if isinstance(result, Match):
        base = recipient.partition("@")[0].partition("+")[0]
        assert result.order.email.partition("@")[0].partition("+")[0] == base != ""
        assert result.order.status != "FILLED_IN"


def test_an_order_that_a_person_named_is_taken_if_it_is_this_buyers_and_ready() -> None:
    named = match_named(an_order("A"), BUYER.upper())
    assert isinstance(named, Match)
    assert (named.order_id, named.method, named.ties_document) == ("A", "person", True)
    assert match_named(an_order("A", "other1+abc@allegromail.pl"), BUYER) == Unmatched(
        "order_unknown"
    )
    assert match_named(an_order("A", ""), BUYER) == Unmatched("order_unknown")
    assert match_named(an_order("A", status="BOUGHT"), BUYER) == Unmatched(
        "order_not_ready", ("A",)
    )

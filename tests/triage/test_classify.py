"""What kind of mail it is, how sure, on what evidence, and what keeps it from being sure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from awizo.model import (
    ConversationEvidence,
    DocumentFacts,
    DocumentKind,
    FulfillmentStatus,
    Kind,
    ParsedMessage,
    Verdict,
)
from awizo.triage.judge import Book, judge
from awizo.triage.parse import parse
from awizo.triage.rule_files import RuleSource, compile_rules
from awizo.triage.rules import RuleSet
from awizo.triage.vocabulary import COLUMNS, Vocabulary
from support.books import CARRIERS, HOSTS, WORDS
from support.language_rules import all_rules
from support.rawmail import a_mail

NOW = datetime(2026, 10, 12, 9, tzinfo=UTC)
SENT = "Twoje zamówienie 4432 zostało wysłane kurierem DPD."
NO_WORDS = Vocabulary([0] * len(COLUMNS), {})
PAID = "Twoja wpłata za zamówienie 4432 została zaksięgowana."


def a_message(body: str = SENT, subject: str = "Informacja", **headers: str) -> ParsedMessage:
    lines = [f"Subject: {subject}", *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items())]
    return parse(a_mail(body.replace("\n", "\r\n"), headers="\r\n".join(lines)))


def an_invoice(**fields: Any) -> DocumentFacts:
    values: dict[str, Any] = {
        "part": "2", "name": "FV 12_2026.pdf", "kind": DocumentKind.INVOICE, "number": "FV 12/2026",
        "text_sha256": "x", "confidence": 0.97,
    }  # fmt: skip
    return DocumentFacts(**(values | fields))


def verdict_on(
    message: ParsedMessage,
    *facts: DocumentFacts,
    rules: RuleSet | None = None,
    words: Vocabulary = WORDS,
    **more: Any,
) -> Verdict:
    book = Book(rules or all_rules(), NO_WORDS if rules else words, HOSTS, CARRIERS)
    return judge(message, facts, book, **more).verdict


def rules_with(text: str) -> RuleSet:
    return compile_rules([RuleSource("50-my-shop.toml", text)])


# --- evidence ---------------------------------------------------------------------------------


def test_every_verdict_names_rule_place_words_and_weight() -> None:
    verdict = verdict_on(a_message())

    strongest = verdict.evidence[0]
    assert verdict.kind is Kind.ORDER_SENT
    assert (strongest.rule, strongest.where, strongest.kind) == ("pl-sent", "body", verdict.kind)
    assert "zostało wysłane" in strongest.text
    assert strongest.weight > 4


def test_the_runner_up_is_named_with_its_chance() -> None:
    verdict = verdict_on(a_message(f"{SENT}\n{PAID}"))

    assert verdict.runner_up is not None
    assert 0 < verdict.runner_up_confidence < verdict.confidence


def test_saying_the_same_again_adds_less_and_less() -> None:
    once, twice, often = (
        verdict_on(a_message("\n\n".join([SENT] * times)), words=NO_WORDS).confidence
        for times in (1, 2, 8)
    )

    assert once < twice <= often
    assert often < 1


def test_what_stands_late_in_the_mail_counts_less() -> None:
    filler = "\n\n".join(f"Lampa numer {n} jest bardzo ładna." for n in range(9))

    early = verdict_on(a_message(f"{SENT}\n\n{filler}"))
    late = verdict_on(a_message(f"{filler}\n\n{SENT}"))

    assert early.confidence > late.confidence


def test_rows_of_the_product_table_say_nothing() -> None:
    table = "Książka „Paczka została doręczona”\t1\t20,00 zł\nKubek „Zapłacono”\t2\t30,00 zł\n"

    verdict = verdict_on(a_message(f"{SENT}\n\n{table}"))

    assert verdict.kinds == (Kind.ORDER_SENT,)


def test_a_mail_of_which_nothing_is_known_goes_to_a_person_without_confidence() -> None:
    nothing = a_message("Kocyk jest bardzo miękki i miły w dotyku, polecam zimą.")

    verdict = verdict_on(nothing)

    assert verdict_on(nothing, words=NO_WORDS).kind in (Kind.FULFILMENT_CORRESPONDENCE, Kind.OTHER)
    assert verdict.confidence < 0.5
    assert verdict.unsure == "faint_evidence"


def test_an_empty_mail_is_judged_without_confidence() -> None:
    verdict = verdict_on(ParsedMessage())

    assert verdict.kind is Kind.OTHER
    assert verdict.confidence < 0.5


# --- several things at once -----------------------------------------------------------------------


def test_an_invoice_beside_the_dispatch_makes_the_dispatch_no_less_sure() -> None:
    verdict = verdict_on(a_message(f"{SENT} Fakturę dołączamy."), an_invoice())

    assert set(verdict.kinds) == {Kind.INVOICE, Kind.ORDER_SENT}
    assert verdict.confidence >= 0.9


def test_bad_news_make_the_state_of_the_order_a_side_remark() -> None:
    verdict = verdict_on(a_message(f"{PAID} Niestety jednego kubka zabrakło, wyślemy go osobno."))

    assert verdict.kind is Kind.FULFILMENT_CORRESPONDENCE
    assert Kind.PAYMENT_RECEIVED not in verdict.secondary


def test_a_rating_request_that_mentions_the_delivery_is_only_a_rating_request() -> None:
    text = "Paczka została doręczona trzy dni temu. Oceń zakupy na Allegro.\n\nDodaj opinię"

    assert verdict_on(a_message(text, "Oceń nas")).kinds == (Kind.RATING_REQUEST,)


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("Czy wysłać paczkę na stary adres?", "question"),
        ("Prosimy o podanie numeru telefonu.", "request"),
        ("Twój kod aktywacyjny: ABCD-1234-EFGH", "secret_code"),
        ("Druga część opóźni się o tydzień.", "delay"),
        ("Jedna szklanka pękła przy pakowaniu.", "defect_or_problem"),
        ("Pieniądze za kubek zwróciliśmy na konto.", "return_or_refund"),
    ],
)
def test_what_only_this_mail_says_is_flagged(text: str, flag: str) -> None:
    verdict = verdict_on(a_message(f"{SENT}\n\n{text}"))

    assert {flag, "only_said_here"} <= verdict.flags


# --- documents --------------------------------------------------------------------------------


def test_words_about_a_document_that_is_not_there_are_not_believed() -> None:
    verdict = verdict_on(a_message("W załączniku przesyłamy fakturę.", "Faktura"))

    assert verdict.kind is Kind.INVOICE
    assert verdict.confidence <= 0.7
    assert verdict.unsure == "document_missing"


def test_an_attached_invoice_needs_no_words() -> None:
    assert verdict_on(a_message("", "Dokument"), an_invoice()).kind is Kind.INVOICE


def test_a_proforma_is_no_invoice_and_money_is_awaited() -> None:
    proforma = an_invoice(kind=DocumentKind.PROFORMA, name="proforma.pdf")

    verdict = verdict_on(
        a_message("Przesyłamy proformę z danymi do przelewu.", "Proforma 7/2026"), proforma
    )

    assert verdict.kind is Kind.ORDER_PROCESSING
    assert verdict.fulfillment_status is FulfillmentStatus.NEW
    assert "awaiting_payment" in verdict.flags


def test_a_correction_may_speak_of_the_refund_it_is_for() -> None:
    correction = an_invoice(kind=DocumentKind.CORRECTION, name="korekta.pdf")

    verdict = verdict_on(
        a_message("W załączniku korekta, 40 zł oddamy na konto.", "Korekta 1/2026"), correction
    )

    assert verdict.kind is Kind.INVOICE
    assert "return_or_refund" in verdict.flags


def test_a_link_makes_it_the_kind_of_its_document() -> None:
    receipt = verdict_on(a_message("Twój e-paragon: https://eparagony.pl/p/kBMS3mGfh66D"))
    invoice = verdict_on(
        a_message("Faktura: https://shop.fakturownia.pl/invoice/VXFDejZ5o7bhAqAVpvBnp")
    )

    assert receipt.kind is Kind.RECEIPT_LINK
    assert invoice.kind is Kind.INVOICE_LINK


# --- conversations ----------------------------------------------------------------------------


def test_an_in_reply_to_of_any_domain_makes_a_reply() -> None:
    verdict = verdict_on(a_message(PAID, In_Reply_To="<1@unknown.example>"), an_invoice())

    assert verdict.kind is Kind.CONVERSATION_REPLY
    assert verdict.confidence >= 0.9
    assert verdict.secondary == (Kind.INVOICE,)


@pytest.mark.parametrize(
    "mark",
    [
        {"Auto_Submitted": "auto-generated"},
        {"Precedence": "bulk"},
        {"List_Unsubscribe": "<https://example.com/u>"},
        {"X_Shopware_Event_Name": "state_enter"},
    ],
)
def test_an_in_reply_to_on_a_mail_marked_automatic_only_raises_doubt(mark: dict[str, str]) -> None:
    verdict = verdict_on(a_message(SENT, In_Reply_To="<7f3a@crm.example>", **mark))

    assert verdict.kind is Kind.ORDER_SENT
    assert verdict.confidence < 0.9


def test_an_automatic_mark_does_not_hide_an_answer_to_allegros_own_message() -> None:
    verdict = verdict_on(
        a_message(
            "Nowy klucz to ABCD-1234-EFGH.",
            "Re: Klucz",
            In_Reply_To="<a1@messages.allegro.pl>",
            Auto_Submitted="auto-generated",
        )
    )

    assert verdict.kind is Kind.CONVERSATION_REPLY


@pytest.mark.parametrize(
    "program_id",
    ["<1.2-openerp-7-account.move@odoo.example>", "<time.1-dolibarr-inv123@shop.example>"],
)
def test_a_program_that_threads_its_own_mails_answers_nobody(program_id: str) -> None:
    assert verdict_on(a_message(SENT, In_Reply_To=program_id)).kind is Kind.ORDER_SENT


def test_an_answer_to_a_mail_that_awizo_saw_leave_as_automatic_answers_nobody() -> None:
    message = a_message(SENT, In_Reply_To="<order-mail-1@shop.example.com>")

    alone = verdict_on(message)
    seen = verdict_on(message, seen_automatic_ids={"<order-mail-1@shop.example.com>"})

    assert alone.kind is Kind.CONVERSATION_REPLY
    assert seen.kind is Kind.ORDER_SENT


def test_references_alone_and_re_alone_prove_nothing() -> None:
    verdict = verdict_on(a_message(SENT, "Re: zamówienie", References="<x@allegromail.pl>"))

    assert verdict.kind is Kind.ORDER_SENT
    assert verdict.confidence >= 0.9


def test_a_quoted_buyer_makes_a_reply_without_any_header() -> None:
    verdict = verdict_on(
        a_message(
            "Tak, jest w zestawie.\n\n"
            "W dniu 3.10.2026 o 9:12 Jan napisał:\n> Czy jest kabel w zestawie?"
        )
    )

    assert verdict.kind is Kind.CONVERSATION_REPLY


def test_a_mail_that_quotes_another_is_never_sure_to_be_stopped() -> None:
    old = "-----Original Message-----\nFrom: Jan\nSent: dzis\nTo: x\nSubject: y\n\nCzy jest?"
    quoted = f"{SENT} {PAID}\n\n{old}"

    verdict = verdict_on(a_message(quoted, "Zamówienie wysłane"))

    assert verdict.kind is Kind.CONVERSATION_REPLY or verdict.confidence < 0.9


def test_an_answer_from_a_help_desk_is_known_by_its_subject() -> None:
    verdict = verdict_on(a_message("Obrus można odesłać.", "Re: [#20881] Zwrot obrusu"))

    assert verdict.kind in (Kind.CONVERSATION_REPLY, Kind.FULFILMENT_CORRESPONDENCE)


def test_a_vacation_notice_is_no_reply_though_it_has_the_headers() -> None:
    verdict = verdict_on(
        a_message(
            "Do 20 października przebywam na urlopie.",
            In_Reply_To="<1@allegromail.pl>",
            Auto_Submitted="auto-replied",
        )
    )

    assert verdict.kind is Kind.OTHER


def test_a_buyer_who_wrote_lately_makes_a_reply_likelier() -> None:
    message = a_message("Tak, kubek jest w zestawie.", Date="Mon, 12 Oct 2026 11:00:00 +0200")

    def chance(days_ago: int) -> Verdict:
        wrote = ConversationEvidence(NOW - timedelta(days=days_ago), about_this_order=True)
        return verdict_on(message, conversation=wrote)

    assert chance(1).kind is Kind.CONVERSATION_REPLY
    assert chance(60).kind is not Kind.CONVERSATION_REPLY


# --- the shop's own rules -----------------------------------------------------------------------

DECIDES = """
[[rule]]
id = "mine"
kind = "order_sent"
match = ['klub kawy']
decides = true
"""


def test_a_shops_own_rule_ends_the_matter() -> None:
    verdict = verdict_on(a_message("Klub kawy czeka."), rules=rules_with(DECIDES))

    assert (verdict.kind, verdict.decided_by) == (Kind.ORDER_SENT, "mine")
    assert verdict.confidence >= 0.9


def test_no_rule_ever_decides_against_a_reply() -> None:
    message = a_message("Klub kawy czeka.", In_Reply_To="<1@allegromail.pl>")

    verdict = verdict_on(message, rules=rules_with(DECIDES))

    assert (verdict.kind, verdict.decided_by) == (Kind.CONVERSATION_REPLY, None)


def test_a_rule_of_a_sender_holds_for_that_sender_only() -> None:
    rules = rules_with(
        "[[sender]]\nname = 'panel'\nsmtp_user = ['panel']\n"
        "[[rule]]\nid = 'mine'\nkind = 'order_sent'\nweight = 6\n"
        "match = ['kawa']\nsender = 'panel'\n"
    )
    message = a_message("Kawa jedzie.")

    assert verdict_on(message, rules=rules, smtp_user="panel").kind is Kind.ORDER_SENT
    assert verdict_on(message, rules=rules, smtp_user="crm").kind is not Kind.ORDER_SENT


# --- status -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Dziękujemy za zamówienie.", FulfillmentStatus.NEW),
        ("Zamówienie jest w trakcie kompletowania.", FulfillmentStatus.PROCESSING),
        ("Zamówienie spakowane, czeka na kuriera.", FulfillmentStatus.READY_FOR_SHIPMENT),
        ("Zamówienie czeka w naszym sklepie na odbiór.", FulfillmentStatus.READY_FOR_PICKUP),
        ("Zamówienie zostało wysłane.", FulfillmentStatus.SENT),
        ("Część zamówienia została wysłana, resztę wyślemy jutro.", None),
        ("Przesyłka została doręczona.", FulfillmentStatus.PICKED_UP),
        ("Płatność została zaksięgowana.", None),
        ("Zamówienie zostało anulowane.", None),
    ],
)
def test_the_status_that_the_mail_implies(text: str, status: FulfillmentStatus | None) -> None:
    assert verdict_on(a_message(text)).fulfillment_status is status


def test_a_mail_by_hand_after_the_buyer_asked_is_an_answer_even_with_an_invoice() -> None:
    asked = ConversationEvidence(NOW - timedelta(hours=3), about_this_order=True)
    by_hand = a_message("W załączniku przesyłam fakturę.", **{"User-Agent": "Roundcube Webmail"})
    by_a_shop = a_message("W załączniku przesyłamy fakturę.", **{"X-Mailer": "PHPMailer 6.9.1"})

    answer = verdict_on(by_hand, an_invoice(), conversation=asked)
    template = verdict_on(by_a_shop, an_invoice(), conversation=asked)

    assert answer.kind is Kind.CONVERSATION_REPLY
    assert template.kind is Kind.INVOICE

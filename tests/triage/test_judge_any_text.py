"""Judging holds for any text: it ends, is repeatable, and quotes the mail in its evidence."""

from __future__ import annotations

import email
import email.policy
import statistics
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awizo.model import Kind, Link, ParsedMessage, Verdict
from awizo.settings import Policy
from awizo.triage.fold import fold
from awizo.triage.judge import Book, judge
from awizo.triage.kinds import NEVER_STOPPED
from awizo.triage.language import languages_of
from awizo.triage.parse import parse
from awizo.triage.rule_draft import draft_rule
from awizo.triage.rule_files import RuleSource, compile_rules
from awizo.triage.structure import sentences, units_of
from support.books import CARRIERS, HOSTS, WORDS
from support.language_rules import all_rules, told
from support.phrases import Phrase, phrases
from support.rawmail import a_mail

BOOK = Book(all_rules(), WORDS, HOSTS, CARRIERS)
VOCABULARY = """
zamówienie wysłaliśmy paczkę fakturę wpłata dotarła Zásilka odeslána platba csomag feladtuk
your order shipped payment Rechnung Zahlung посилка оплата nie ale czy ? ! . 12,00 zł
https://x.pl/f?a=1 0000123456789U FV/1/2026
"""
PIECES = st.sampled_from(["\n", *VOCABULARY.split()])
TEXTS = st.one_of(st.text(max_size=400), st.lists(PIECES, max_size=60).map(" ".join))


def verdict_on(message: ParsedMessage) -> Verdict:
    return judge(message, (), BOOK).verdict


@settings(max_examples=60, deadline=None)
@given(subject=st.text(max_size=80), text=TEXTS, footer=st.text(max_size=80))
def test_any_text_gets_a_verdict_in_bounds_and_the_same_again(
    subject: str, text: str, footer: str
) -> None:
    message = ParsedMessage(subject=subject, text=text, new_text=text, footer=footer)

    verdict = verdict_on(message)

    assert 0 < verdict.confidence <= 0.995
    assert verdict.kind not in verdict.secondary
    assert verdict.runner_up not in (verdict.kind, *verdict.secondary)
    assert verdict == verdict_on(message)
    if verdict.kind in NEVER_STOPPED:
        assert verdict.fulfillment_status is None


@settings(max_examples=60, deadline=None)
@given(subject=TEXTS, text=TEXTS)
def test_evidence_quotes_the_mail(subject: str, text: str) -> None:
    message = ParsedMessage(subject=subject, text=text, new_text=text)

    units = {unit.place: "" for unit in units_of(message)}
    for unit in units_of(message):
        units[unit.place] += f"\n{unit.original}"
    for evidence in verdict_on(message).evidence:
        if evidence.where == "text":
            written = fold(" ".join(units.values()))
            assert all(word in written for word in evidence.text.split())
        elif not evidence.rule.startswith("structure."):
            assert evidence.text in units[evidence.where]


@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_sentences_lose_no_word_but_rows_of_products(text: str) -> None:
    rows = "\t" in text or any(line.strip()[:1].isdigit() for line in text.splitlines())
    kept = "".join("".join(sentences(text)).split())

    if not rows:
        assert kept == "".join("".join(text.splitlines()).split())


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=300))
def test_languages_are_told_or_left_open(text: str) -> None:
    assert set(languages_of(fold(text), text)) <= {"pl", "cs", "sk", "hu", "en", "de", "uk"}


@pytest.mark.parametrize("language", ["pl", "cs", "sk", "hu", "en", "de", "uk"])
def test_the_language_of_a_mail_is_among_those_told(language: str) -> None:
    bank = [p for name in (language, f"{language}-more") for p in _bank(name)]

    missed = [
        p.text
        for p in bank
        if (found := languages_of(fold(f"{p.subject} {p.text}"), p.text)) and language not in found
    ]

    assert len(missed) <= len(bank) * 0.02, missed


def _bank(name: str) -> tuple[Phrase, ...]:
    try:
        return phrases(name)
    except FileNotFoundError:
        return ()


@settings(max_examples=40, deadline=None)
@given(subject=TEXTS, text=TEXTS, kind=st.sampled_from(sorted(Kind)))
def test_a_drafted_rule_compiles_and_holds_for_its_examples(
    subject: str, text: str, kind: Kind
) -> None:
    draft = draft_rule(ParsedMessage(subject=subject, text=text, new_text=text), kind)

    if "match = [\n  ,\n]" in draft:
        return  # the mail has no words to go by
    rules = compile_rules([RuleSource("50-my-shop.toml", draft)])

    assert rules.rules[0].kinds == ((kind, 5.0),)
    assert rules.check_examples() == []


# --- what the structure of a text hides -----


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Zamówienie o wartości 89,90 zł. Gdy je wyślemy, napiszemy.", 2),
        ("Adres: ul. Długa 5, firma X Sp. z o.o. Dziękujemy", 1),
        ("Czy wysłać? Proszę o odpowiedź.", 2),
        ("Paczka została dziś przekazana kurierowi, który dostarczy ją\npod wskazany adres.", 1),
        ("Dzień dobry,\nzamówienie wysłane", 1),
        ("Status:\nWysłane", 2),
    ],
)
def test_a_text_falls_into_its_sentences(text: str, count: int) -> None:
    assert len(sentences(text)) == count, sentences(text)


def test_an_address_asks_no_question() -> None:
    outcome = told("Śledzenie", "Paczkę możesz śledzić na https://x.pl/czy?numer=1&co=2")

    assert "question" not in outcome.verdict.flags


def test_boilerplate_throughout_is_judged_by_its_first_lines() -> None:
    outcome = told("Nowe zasady", "Zmieniamy politykę prywatności.")

    assert outcome.kind == "other"


# --- pace -----


def test_judging_a_mail_costs_little_more_than_reading_it() -> None:
    lines = [
        "Dzień dobry Anna,",
        "Twoje zamówienie 12345 wysłaliśmy kurierem DPD.",
        "Lampa 12,00 zł",
    ]
    raw = a_mail("\r\n".join(lines * 6), headers="Subject: Wysłaliśmy Twoje zamówienie")

    def read() -> None:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert len(str(message["Subject"]))
        assert message.get_content()

    def cost(work: Callable[[], object]) -> float:
        times = []
        for _ in range(60):
            started = time.process_time()
            work()
            times.append(time.process_time() - started)
        return statistics.median(times)

    assert cost(lambda: judge(parse(raw), (), BOOK)) < 20 * cost(read)


def test_no_text_makes_judging_run_away() -> None:
    for piece in ("czy ", "wysłaliśmy ", "a" * 50 + " ", "? ", "faktura nr 1/2 ", "zamówienie\n"):
        text = piece * (100_000 // len(piece))
        started = time.process_time()
        verdict_on(ParsedMessage(subject=text, text=text, new_text=text))
        assert time.process_time() - started < 2


def test_many_links_and_headers_are_bounded() -> None:
    links = tuple(Link(f"https://x.pl/{n}?czy", f"Śledź paczkę {n}") for n in range(5_000))
    headers = tuple((f"x-{n}", "wysłaliśmy paczkę") for n in range(5_000))
    started = time.process_time()

    verdict = verdict_on(ParsedMessage(subject="x", text="x", links=links, headers=headers))

    assert time.process_time() - started < 2
    assert verdict.confidence < Policy().stop_at

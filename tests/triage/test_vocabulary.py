"""The words of a mail are counted, not thought up, and make no verdict sure by themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from awizo.errors import RuleError
from awizo.model import Kind
from awizo.resources import config_dir
from awizo.triage.parse import parse
from awizo.triage.structure import units_of
from awizo.triage.vocabulary import COLUMNS, Vocabulary, compile_vocabulary, counted
from support.language_rules import told
from support.rawmail import a_mail

ROOT = Path(__file__).resolve().parents[2]
HEAD = "\t".join(("word", *COLUMNS))


def row(word: str, **counts: int) -> str:
    return "\t".join((word, *(str(counts.get(column, 0)) for column in COLUMNS)))


def a_table(*rows: str) -> Vocabulary:
    texts = row("*", **dict.fromkeys(COLUMNS, 100))
    return compile_vocabulary("\n".join(("# why", HEAD, texts, *rows)))


def weights(vocabulary: Vocabulary, text: str, subject: str = "") -> dict[str, float]:
    parts = units_of(parse(a_mail(text, headers=f"Subject: {subject}")))
    return {str(kind): weight for kind, weight in vocabulary.told(parts).weights.items()}


def test_a_word_speaks_for_the_kind_whose_texts_have_it() -> None:
    told_by = weights(a_table(row("posz", order_sent=40, other=1)), "poszla nie, posz tak")

    assert max(told_by, key=lambda kind: told_by[kind]) == "order_sent"
    assert told_by["order_sent"] > 0 > told_by["rating_request"]


def test_a_word_that_is_everywhere_says_nothing() -> None:
    told_by = weights(a_table(row("zamow", **dict.fromkeys(COLUMNS, 50))), "zamówienie")

    assert all(abs(weight) < 0.05 for weight in told_by.values())


def test_a_word_counts_once_however_often_it_is_said() -> None:
    table = a_table(row("paczk", order_sent=40))

    assert weights(table, "Paczka!") == weights(table, "Paczka! Paczka, paczki, paczkę.")


def test_the_same_word_in_the_subject_is_a_word_of_its_own() -> None:
    table = a_table(row("paczk", order_sent=40), row("s:paczk", parcel_status=40))

    assert weights(table, "paczka")["order_sent"] > 0
    told_by = weights(table, "x", subject="paczka")
    assert told_by["parcel_status"] > 0


def test_document_words_speak_for_each_form_of_a_document_alike() -> None:
    told_by = weights(a_table(row("faktu", document=40)), "faktura")

    assert told_by["invoice"] == told_by["invoice_link"] == told_by["receipt_link"] > 0


def test_unknown_words_and_no_words_say_nothing() -> None:
    table = a_table(row("paczk", order_sent=40))

    assert weights(table, "qwertz") == weights(table, "") == {}


def test_what_was_counted_is_read_as_it_was_written() -> None:
    texts = [
        (Kind.ORDER_SENT, units_of(parse(a_mail("Paczka poszła", headers="Subject: Paczka")))),
        (Kind.ORDER_SENT, units_of(parse(a_mail("Paczka jedzie", headers="Subject: Paczka")))),
        (Kind.OTHER, units_of(parse(a_mail("Jedzie tramwaj", headers="Subject: Rozkład")))),
    ]

    text = counted(texts)

    words = {line.split("\t")[0] for line in text.splitlines()[2:]}
    assert words == {"paczk", "s:paczk", "jedzi"}, "a word of one text only is left out"
    assert len(compile_vocabulary(text)) == len(words)
    assert row("paczk", order_sent=2) in text.splitlines()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line"),
        ("word\tinvoice", "first line"),
        (f"{HEAD}\n{row('paczk', order_sent=4)}", "'*'"),
        (f"{HEAD}\n{row('*')}\npaczk\t1", "words.tsv:3"),
        (f"{HEAD}\n{row('*')}\n{row('paczk', other=-1)}", "words.tsv:3"),
        (f"{HEAD}\n{row('*')}\n{row('paczk')[:-1]}x", "words.tsv:3"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(RuleError, match=r"words\.tsv") as refused:
        compile_vocabulary(text)

    assert words in str(refused.value)


def test_words_alone_name_a_kind_and_make_nothing_sure() -> None:
    outcome = told("Kurier ma już wszystko", "Karton odjechał od nas rano, niech służy.")

    assert outcome.kind == "order_sent"
    assert not outcome.sure
    assert outcome.ends == "forward"


def test_what_the_words_said_stands_in_the_evidence() -> None:
    verdict = told("Paczka w drodze", "Wysłaliśmy Twoje zamówienie kurierem.").verdict

    said = [e for e in verdict.evidence if e.rule == "vocabulary"]
    assert {e.kind for e in said} == {verdict.kind, verdict.runner_up}
    assert all(e.where == "text" for e in said)
    assert "paczk" in next(e.text for e in said if e.kind is verdict.kind)


@pytest.mark.slow
def test_the_table_is_what_the_labelled_texts_give() -> None:
    again = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "count_words.py")],
        capture_output=True,
        check=True,
        encoding="utf-8",
    ).stdout

    kept = (config_dir() / "words.tsv").read_text("utf-8")
    assert again == kept, "make words"

"""Rule files compile into one set of rules, or are refused with file, line, rule and words."""

from __future__ import annotations

from pathlib import Path

import pytest

from awizo.errors import RuleError
from awizo.model import FulfillmentStatus, Kind
from awizo.triage.fold import fold
from awizo.triage.rule_files import RuleSource, compile_rules
from awizo.triage.rules import Hit, RuleSet
from support.language_rules import all_rules, letters_no_folded_text_has

SENT = """
language = "pl"

[[rule]]
id = "sent"
kind = "order_sent"
weight = 4
match = ['\\bwyslal\\w*']
"""


def rules_of(*texts: str) -> RuleSet:
    return compile_rules([RuleSource(f"{n:02}.toml", text) for n, text in enumerate(texts)])


def hits(
    rules: RuleSet, text: str, place: str = "body", languages: tuple[str, ...] = ()
) -> set[str]:
    found: list[Hit] = rules.holding([fold(text)], [place], languages)
    return {hit.rule.id for hit in found}


# --- what a rule looks at ------------------------------------------------------------------------


def test_a_rule_holds_for_folded_text() -> None:
    assert hits(rules_of(SENT), "WYSŁALIŚMY paczkę") == {"sent"}


def test_every_also_must_occur_and_no_unless_may() -> None:
    rules = rules_of(SENT + "also = ['paczk']\nunless = ['faktur']\n")

    assert hits(rules, "Wysłaliśmy paczkę") == {"sent"}
    assert hits(rules, "Wysłaliśmy list") == set()
    assert hits(rules, "Wysłaliśmy paczkę i fakturę") == set()


def test_a_rule_looks_at_one_sentence_at_a_time() -> None:
    rules = rules_of(SENT + "also = ['paczk']\n")

    assert rules.holding(["wyslalismy", "paczka"], ["body", "body"]) == []


def test_a_rule_looks_only_where_it_says() -> None:
    rules = rules_of(SENT + "where = ['subject']\n")

    assert hits(rules, "wysłaliśmy", "subject") == {"sent"}
    assert hits(rules, "wysłaliśmy", "body") == set()


def test_traces_are_matched_beside_the_text() -> None:
    rules = rules_of(
        "[[rule]]\nid = 'woo'\nkind = 'order_sent'\nmatch = ['x-mailer: phpmailer']\n"
        "where = ['header']\n"
    )

    assert hits(rules, "X-Mailer: PHPMailer 6.9", "header") == {"woo"}
    assert hits(rules, "X-Mailer: PHPMailer 6.9", "body") == set()


def test_only_the_languages_of_the_mail_are_asked_and_rules_of_none() -> None:
    rules = rules_of(
        SENT,
        "language = 'cs'\n[[rule]]\nid = 'cs-sent'\nkind = 'order_sent'\nmatch = ['wysl']\n",
        "[[rule]]\nid = 'any'\nkind = 'other'\nmatch = ['wysl']\n",
    )

    assert hits(rules, "wyslalismy") == {"sent", "cs-sent", "any"}
    assert hits(rules, "wyslalismy", languages=("pl",)) == {"sent", "any"}


def test_the_words_that_made_a_rule_hold_are_found() -> None:
    rules = rules_of(SENT + "also = ['paczk']\n")
    text = "dzis wyslalismy twoja paczke"

    start, end = rules.span(rules.rules[0], text)

    assert text[start:end] == "wyslalismy twoja paczk"


def test_letters_count_as_letters_in_cyrillic_too() -> None:
    rules = rules_of(
        "language = 'uk'\n[[rule]]\nid = 'sent'\nkind = 'order_sent'\n"
        "match = ['^\\w+ надісл\\w+$']\n"
    )

    assert hits(rules, "Посилку надіслано") == {"sent"}


def test_named_word_lists_are_put_in_place_and_may_name_others() -> None:
    rules = rules_of(
        "language = 'pl'\n[words]\nparcel = ['paczk\\w+']\nthing = ['{parcel}', 'towar']\n"
        "[[rule]]\nid = 'a'\nkind = 'order_sent'\nmatch = ['wyslan\\w+ {thing}']\n"
    )

    assert hits(rules, "wysłana paczka") == {"a"}
    assert hits(rules, "wysłany towar") == {"a"}


# --- tuning without code -------------------------------------------------------------------------


def test_a_later_file_replaces_a_rule_of_the_same_id() -> None:
    rules = rules_of(SENT, SENT.replace("order_sent", "other").replace("wyslal", "nadal"))

    assert [rule.kinds for rule in rules.rules] == [((Kind.OTHER, 4.0),)]
    assert hits(rules, "wysłaliśmy") == set()


def test_a_later_file_switches_a_rule_off() -> None:
    rules = rules_of(SENT, "[[rule]]\nid = 'sent'\nenabled = false\n")

    assert rules.rules == ()


def test_a_sender_is_known_by_address_domain_user_or_mailer() -> None:
    rules = rules_of(
        "[[sender]]\nname = 'shop'\nfrom = ['@shop.pl']\nsmtp_user = ['panel']\n"
        "x_mailer = ['phpmailer']\nkinds = { order_sent = 1 }\n"
    )

    def known(address: str = "", user: str | None = None, mailer: str = "") -> bool:
        return bool(rules.sender_of(from_address=address, smtp_user=user, x_mailer=mailer))

    assert known("Anna@SHOP.pl")
    assert known(user="Panel")
    assert known(mailer="PHPMailer 6.8.0")
    assert not known("anna@myshop.pl.example", "other", "swift")


def test_a_status_and_flags_come_with_the_rule() -> None:
    rule = rules_of(SENT + "status = 'SENT'\nflags = ['partial_shipment']\n").rules[0]

    assert rule.status is FulfillmentStatus.SENT
    assert rule.flags == {"partial_shipment"}


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ("match = ['a(b']", "missing"),
        ("match = ['a(?=b)']", "invalid perl operator"),
        ("mtach = ['a']", "did you mean 'match'"),
        ("match = ['a']\nkind = 'order_send'", "did you mean 'order_sent'"),
        ("match = ['a']\nflags = ['quesion']", "did you mean 'question'"),
        ("match = ['a']\nwhere = ['boddy']", "did you mean 'body'"),
        ("match = ['a']\nstatus = 'SEND'", "did you mean 'SENT'"),
        ("match = ['a']\nwhere = ['body', 'header']", "rules of their own"),
        ("match = ['a']\nweight = 99", "from -12 to 12"),
        ("match = ['a {thing}']", "no word list 'thing'"),
        ("match = ['\\bпосилка\\b']", "Latin letters only"),
        ("match = []", "give a string or a list"),
        ("match = ['a']\nsender = 'shop'", "no sender 'shop'"),
        ("match = ['a']\nkind = 'other'\nkinds = { order_sent = 1 }\ndecides = true", "one kind"),
    ],
)
def test_a_bad_rule_is_refused_with_file_line_rule_and_words(added: str, words: str) -> None:
    kind = "" if "kind =" in added else "kind = 'other'\n"
    text = f"# a shop's own\n\n[[rule]]\nid = 'mine'\n{kind}{added}\n"

    with pytest.raises(RuleError) as error:
        rules_of(text)

    assert str(error.value).startswith("00.toml:4: rule 'mine'")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule]\n", "00.toml"),
        ("langage = 'pl'\n", "did you mean 'language'"),
        ("[rule]\nid = 'a'\n", "write [[rule]]"),
        ("[[rule]]\nkind = 'other'\n", "without an id"),
        ("[[rule]]\nid = 'a'\nmatch = ['a']\n", "gives no evidence"),
        ("[[rule]]\nid = 'a'\nkind = 'other'\n", "has no match"),
        ("[[rule]]\nid = 'a'\nmatch = ['a']\nweight = 2\n", "weight without a kind"),
        ("[[sender]]\nfrm = ['a']\n", "did you mean 'from'"),
        ("[[sender]]\nfrom = ['a']\n", "needs a name"),
        (SENT + SENT.replace('language = "pl"', ""), "twice in the file"),
    ],
)
def test_a_bad_file_is_refused(text: str, words: str) -> None:
    with pytest.raises(RuleError) as error:
        rules_of(text)

    assert words in str(error.value)


def test_an_example_that_does_not_hold_is_named_with_file_line_rule_and_words() -> None:
    rules = rules_of(
        SENT + "examples = ['Wysłaliśmy', 'Nadaliśmy']\ncounter_examples = ['Wysłaliśmy fakturę']\n"
    )

    assert rules.check_examples() == [
        "00.toml:5: rule 'sent': example does not match: 'Nadaliśmy'",
        "00.toml:5: rule 'sent': counter example matches: 'Wysłaliśmy fakturę'",
    ]


# --- the rules that come with the program ------------------------------------------------------


def test_every_rule_holds_for_its_examples_and_not_for_its_counter_examples() -> None:
    assert all_rules().check_examples() == []


def test_every_rule_has_an_example() -> None:
    assert [rule.id for rule in all_rules().rules if not rule.examples] == []


@pytest.mark.parametrize("language", ["pl", "en"])
def test_no_pattern_asks_for_a_letter_that_folding_takes_away(language: str) -> None:
    assert letters_no_folded_text_has(language) == []


def test_a_shops_own_50_file_comes_after_every_file_of_ours() -> None:
    names = sorted({Path(rule.path).name for rule in all_rules().rules})

    assert names
    assert [name for name in names if name >= "50-my-shop.toml"] == []


def test_every_id_begins_with_the_language_of_its_file() -> None:
    for rule in all_rules().rules:
        language = rule.path.split(".")[-2]
        assert rule.id.startswith(f"{language}-") or len(language) > 2, rule.where

"""The rules of one language, asked about a short mail, with the rules of all others present."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cache

from awizo.model import Match, Order, Plan, Verdict
from awizo.resources import config_dir
from awizo.settings import Policy
from awizo.triage.fold import fold
from awizo.triage.judge import Book, judge
from awizo.triage.parse import parse
from awizo.triage.plan import make_plan
from awizo.triage.rule_files import RuleSource, compile_rules
from awizo.triage.rules import RuleSet
from support.books import CARRIERS, HOSTS, WORDS


@cache
def all_rules() -> RuleSet:
    """Every rule file that comes with the program."""
    files = sorted((config_dir() / "rules").glob("*.toml"))
    return compile_rules([RuleSource(file.name, file.read_text("utf-8")) for file in files])


def broken_examples(language: str) -> list[str]:
    """Examples and counter examples of the language's rule files that do not hold."""
    return [line for line in all_rules().check_examples() if f".{language}.toml:" in line]


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    plan: Plan

    @property
    def kind(self) -> str:
        return str(self.verdict.kind)

    @property
    def status(self) -> str | None:
        status = self.verdict.fulfillment_status
        return None if status is None else str(status)

    @property
    def sure(self) -> bool:
        return self.verdict.confidence >= Policy().stop_at

    @property
    def ends(self) -> str:
        return str(self.plan.disposition)


def told(subject: str, body: str, **headers: str) -> Outcome:
    """What is made of a plain-text mail to a buyer whose order is known."""
    mail = EmailMessage()
    mail["From"] = "Sklep <sklep@example.com>"
    mail["To"] = "abcdefghij+123456789@allegromail.pl"
    mail["Subject"] = subject
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(body)
    message = parse(mail.as_bytes())
    judged = judge(message, (), Book(all_rules(), WORDS, HOSTS, CARRIERS))
    order = Match(Order(account="", order_id="order"), method="masked_address")
    plan = make_plan(message, judged.verdict, order, Policy(), references=judged.references)
    return Outcome(judged.verdict, plan)


def letters_no_folded_text_has(language: str) -> list[str]:
    """Patterns with a letter that folding takes away: they could never match."""
    found: list[str] = []
    for file in sorted((config_dir() / "rules").glob(f"*.{language}.toml")):
        data = tomllib.loads(file.read_text("utf-8"))
        patterns = [p for named in data.get("words", {}).values() for p in named]
        for rule in data.get("rule", ()):
            patterns += [p for field in ("match", "also", "unless") for p in rule.get(field, ())]
        # Lower-cased by hand: "\W" is no letter.
        plain = [re.sub(r"\\[A-Z]", "", pattern) for pattern in patterns]
        found += [f"{file.name}: {p}" for p in plain if any(fold(c) != c for c in p if c != " ")]
    return found

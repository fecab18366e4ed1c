"""Deliveries as the pages show them: in plain words, with nothing left to decide in a template.

In:  deliveries with their jobs and history as the spool gives them.
Out: frozen values: a headline, the reasons, the evidence, the actions, the buttons.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from awizo.model import (
    Delivery,
    DeliveryState,
    Disposition,
    Forward,
    HistoryEntry,
    Job,
    JobState,
    Kind,
    Plan,
)
from awizo.panel import words
from awizo.problems import described, noted
from awizo.spool.port import StoredDelivery
from awizo.triage.addresses import is_buyer

COULD_NOT_BE_DONE = "That could not be done, so the mail takes the other way."

OPEN = (JobState.QUEUED, JobState.DEFERRED)
HIDDEN_DATA = frozenset({"evidence", "documents", "calls", "by", "action"})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a delivery stands: a slug for its colour, a word, and whether it still moves."""

    slug: str
    word: str
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Button:
    """Something a person may do now; ``effect`` says what happens then."""

    wish: str
    label: str
    effect: str
    main: bool = False


@dataclass(frozen=True, slots=True)
class ActionLine:
    title: str
    detail: str
    state: str
    state_words: str
    code: str
    code_words: str
    reply: str
    attempts: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    rule: str
    where: str
    text: str
    weight: float
    speaks_for: str
    share: int  # 0..100, of the heaviest one


@dataclass(frozen=True, slots=True)
class HistoryLine:
    at: datetime
    title: str
    by: str
    details: tuple[tuple[str, str], ...]
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    id: str
    message_id: str
    received_at: datetime
    recipient: str
    account: str
    kind: str
    standing: Standing
    problem: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One delivery, whole."""

    row: Row
    headline: str
    why: tuple[str, ...]
    problem: str
    problem_level: str
    problem_words: str
    next_step: str
    notes: tuple[str, ...]
    confidence: int | None
    runner_up: str
    evidence: tuple[EvidenceLine, ...]
    actions: tuple[ActionLine, ...]
    history: tuple[HistoryLine, ...]
    buttons: tuple[Button, ...]
    may_reassign: bool
    order_id: str
    matched_by: str
    other_orders: tuple[str, ...]
    documents: Mapping[str, str]
    due_at: datetime | None
    settled_at: datetime | None
    reverse_path: str
    size_bytes: int
    sha256: str
    route: str
    smarthost: str
    content_kept: bool


def row_of(stored: StoredDelivery, *, buyer_domains: Sequence[str]) -> Row:
    delivery = stored.delivery
    return Row(
        id=delivery.id,
        message_id=delivery.message.id,
        received_at=delivery.received_at,
        recipient=delivery.recipient.address,
        account=delivery.account or "",
        kind=what_it_is(delivery, buyer_domains),
        standing=standing(delivery, stored.jobs),
        problem=described(delivery.problem).words if delivery.problem else "",
    )


def what_it_is(delivery: Delivery, buyer_domains: Sequence[str]) -> str:
    if delivery.kind is not None:
        return words.KINDS[delivery.kind]
    if not is_buyer(delivery.recipient.address, buyer_domains):
        return words.NO_BUYER
    if delivery.state is DeliveryState.RECEIVED:
        return words.NOT_JUDGED
    return "Not judged"


def standing(delivery: Delivery, jobs: Sequence[Job]) -> Standing:
    if delivery.state is DeliveryState.RECEIVED:
        word = "Waits for its order" if delivery.problem else "Being judged"
        return Standing("waiting", word, moves=True)
    if delivery.state is DeliveryState.PLANNED:
        return Standing("waiting", "On its way", moves=True)
    if delivery.state is DeliveryState.HELD:
        return Standing("held", "Held for you")
    acted = any(_acted(job) for job in jobs)
    match delivery.disposition:
        case Disposition.STOP:
            return Standing("stopped", "Filed at Allegro, stopped" if acted else "Stopped")
        case Disposition.FORWARD:
            return Standing("forwarded", "Filed and forwarded" if acted else "Forwarded")
        case _:
            return Standing("bounced", "Could not be sent")


def page_of(stored: StoredDelivery, *, buyer_domains: Sequence[str]) -> Page:
    delivery = stored.delivery
    plan = delivery.plan or Plan()
    verdict = stored.verdict or {}
    judged = _last(stored.history, "judged")
    found = _found(_last(stored.history, "planned"))
    kept = stored.content_kept
    problem = described(delivery.problem) if delivery.problem else None
    runner_up = verdict.get("runner_up")
    return Page(
        row=row_of(stored, buyer_domains=buyer_domains),
        headline=headline(stored),
        why=why(stored, plan, buyer_domains),
        problem=delivery.problem or "",
        problem_level=problem.level if problem else "",
        problem_words=problem.words if problem else "",
        next_step=problem.next_step if problem else "",
        notes=tuple(noted(note) for note in dict.fromkeys((*delivery.notes, *_notes(stored)))),
        confidence=int(100 * float(verdict["confidence"])) if verdict else None,
        runner_up=words.KINDS[Kind(runner_up)] if runner_up else "",
        evidence=evidence_lines(verdict.get("evidence", ())),
        actions=tuple(action_line(job) for job in stored.jobs),
        history=tuple(history_line(entry) for entry in stored.history),
        buttons=buttons(stored) if kept or delivery.state is not DeliveryState.SETTLED else (),
        may_reassign=may_reassign(stored),
        order_id=delivery.order_id or "",
        matched_by=words.MATCHED_BY.get(str(found.get("method")), ""),
        other_orders=tuple(
            str(one) for one in (*found.get("others", ()), *found.get("candidates", ()))
        ),
        documents=_documents(judged),
        due_at=delivery.due_at if delivery.state is not DeliveryState.SETTLED else None,
        settled_at=delivery.settled_at,
        reverse_path=delivery.message.envelope.reverse_path,
        size_bytes=delivery.message.size_bytes,
        sha256=delivery.message.sha256,
        route=delivery.message.route,
        smarthost=delivery.message.smarthost,
        content_kept=kept,
    )


def headline(stored: StoredDelivery) -> str:
    """What was done with it, in one sentence."""
    delivery = stored.delivery
    acted = any(_acted(job) for job in stored.jobs)
    by = _steered_by(stored.history)
    match delivery.state, delivery.disposition:
        case DeliveryState.RECEIVED, _ if delivery.problem:
            return "It waits for its order to turn up at Allegro."
        case DeliveryState.RECEIVED, _:
            return "It is being judged."
        case DeliveryState.PLANNED, _:
            return _on_its_way(stored.jobs)
        case DeliveryState.HELD, _:
            return "It is held until you decide. Nobody has it yet but Awizo."
        case _, Disposition.STOP if by == "dropped":
            return "It was dropped by a person: nobody got it."
        case _, Disposition.STOP if acted:
            return "What it says was put on the order at Allegro, and the mail was stopped."
        case _, Disposition.STOP:
            return "It was stopped: the buyer did not get it."
        case _, Disposition.FORWARD if by in ("released", "forward_ordered"):
            return "It was sent on by a person, unchanged."
        case _, Disposition.FORWARD if acted:
            return "What it says was put on the order at Allegro, and the mail was forwarded too."
        case _, Disposition.FORWARD:
            return "It was forwarded unchanged."
    return "The mail provider refused it for good, so it could not be sent."


def why(stored: StoredDelivery, plan: Plan, buyer_domains: Sequence[str]) -> tuple[str, ...]:
    """Why it was decided so; the problem, if there is one, is told beside it."""
    delivery = stored.delivery
    if delivery.plan is None:
        if is_buyer(delivery.recipient.address, buyer_domains):
            return ()
        return ("Mail to anybody but Allegro's buyers is passed on at once and never read.",)
    told = [words.reason_words(plan.reason)]
    failed = any(
        job.state is JobState.FAILED
        and job.code != "cancelled"
        and not isinstance(job.action, Forward)
        for job in stored.jobs
    )
    if failed:
        told.append(COULD_NOT_BE_DONE)
    if _steered_by(stored.history) in ("released", "forward_ordered", "dropped"):
        told.insert(0, "A person decided so. Before that:")
    if plan.reason == delivery.problem:
        told = []
    elif plan.problem and plan.problem != delivery.problem:
        told.append(described(plan.problem).words)
    return tuple(told)


def evidence_lines(evidence: Iterable[Mapping[str, Any]]) -> tuple[EvidenceLine, ...]:
    """Heaviest first."""
    found = sorted(evidence, key=lambda one: -abs(float(one["weight"])))
    heaviest = max((abs(float(one["weight"])) for one in found), default=0.0) or 1.0
    return tuple(
        EvidenceLine(
            rule=str(one["rule"]),
            where=words.PLACES.get(str(one["where"]), words.spoken(str(one["where"]))),
            text=str(one["text"]),
            weight=round(float(one["weight"]), 2),
            speaks_for=words.KINDS[Kind(one["kind"])] if one.get("kind") else "",
            share=round(100 * abs(float(one["weight"])) / heaviest),
        )
        for one in found
    )


def action_line(job: Job) -> ActionLine:
    return ActionLine(
        title=words.action_words(job.action),
        detail=words.action_detail(job.action),
        state="cancelled" if job.code == "cancelled" else job.state.value,
        state_words="cancelled" if job.code == "cancelled" else words.JOB_STATES[job.state],
        code=job.code or "",
        code_words=words.code_words(job.code) if job.code and job.code != "cancelled" else "",
        reply=job.reply or "",
        attempts=job.attempts,
        due_at=job.due_at if job.state in OPEN else None,
    )


def history_line(entry: HistoryEntry) -> HistoryLine:
    title = words.EVENTS.get(entry.event, words.spoken(entry.event).capitalize())
    action = entry.data.get("action")
    if action is not None:
        title = f"{title}: {words.ACTION_NAMES.get(str(action), words.spoken(str(action)))}"
    return HistoryLine(
        at=entry.at,
        title=title,
        by=str(entry.data.get("by", "")),
        details=tuple(_flat(entry.data)),
        calls=tuple(_call_words(call) for call in entry.data.get("calls", ())),
    )


def may_reassign(stored: StoredDelivery) -> bool:
    """Whether a person may still name its order: nothing was done or begun for it."""
    begun = any(job.state is JobState.DONE or job.progress for job in stored.jobs)
    return stored.content_kept and stored.delivery.kind is not None and not begun


def buttons(stored: StoredDelivery) -> tuple[Button, ...]:
    """What may be worth doing now. Operations have the last word: they see the state as it is."""
    delivery = stored.delivery
    done = any(job.state is JobState.DONE for job in stored.jobs)
    leaving = any(isinstance(job.action, Forward) and job.state in OPEN for job in stored.jobs)
    release, forward, retry, drop, again = (BUTTONS[name] for name in BUTTONS)
    offered: list[Button] = []
    match delivery.state:
        case DeliveryState.HELD:
            offered = [release, forward, drop] if _holds_calls(stored) else [RELEASE_STOPPED, drop]
        case DeliveryState.SETTLED if delivery.disposition is Disposition.FORWARD:
            return (FORWARD_AGAIN,)
        case DeliveryState.SETTLED:
            offered = [RELEASE_STOPPED]
        case _:
            offered = [retry, *([] if leaving else [forward]), drop]
    if not done and delivery.kind is not None:
        offered.append(again)
    return tuple(offered)


BUTTONS: Mapping[str, Button] = {
    button.wish: button
    for button in (
        Button(
            "release",
            "Release",
            "Carries out what was held: what it says is put on the order at Allegro.",
            main=True,
        ),
        Button("forward", "Forward unchanged", "Sends the mail as it is; nothing more is filed."),
        Button("retry", "Try now", "What waits is tried at once.", main=True),
        Button("drop", "Drop", "Ends it without sending. It is kept and can still be released."),
        Button("judge_again", "Judge again", "By the rules of today, as if it had just come in."),
    )
}
RELEASE_STOPPED = Button(
    "release", "Send it on", "Sends the mail to its recipient, unchanged.", main=True
)
FORWARD_AGAIN = Button("forward", "Send once more", "The recipient gets the mail a second time.")

DONE_WORDS: Mapping[str, str] = {
    "release": "Released. It goes on now.",
    "forward": "It is being forwarded unchanged.",
    "retry": "It is tried now.",
    "drop": "Dropped. It was not sent.",
    "judge_again": "It is being judged again.",
    "reassign": "It is being judged again, with that order.",
}


# -- parts -------------------------------------------------------------------------------------


def _acted(job: Job) -> bool:
    return job.state is JobState.DONE and not isinstance(job.action, Forward)


def _holds_calls(stored: StoredDelivery) -> bool:
    """Whether releasing a held mail calls Allegro; else it sends the mail, as forwarding does."""
    plan = stored.delivery.plan or Plan()
    if any(isinstance(job.action, Forward) and job.state is JobState.FAILED for job in stored.jobs):
        return any(job.state in OPEN for job in stored.jobs)
    return any(job.state is not JobState.DONE for job in stored.jobs) or (
        bool(plan.actions) and not stored.jobs
    )


def _failed(job: Job) -> bool:
    return (
        job.state is JobState.FAILED
        and job.code != "cancelled"
        and not isinstance(job.action, Forward)
    )


def _on_its_way(jobs: Sequence[Job]) -> str:
    waiting = [job for job in jobs if job.state in OPEN]
    if any(job.state is JobState.DEFERRED for job in waiting):
        return "It is on its way: something did not work yet and is tried again."
    if waiting and all(isinstance(job.action, Forward) for job in waiting):
        return "It is being forwarded."
    return "It is on its way: what it says is being put on the order at Allegro."


def _steered_by(history: Sequence[HistoryEntry]) -> str:
    """The last wish of a person that decided how it ended, if one did."""
    wishes = ("released", "forward_ordered", "dropped", "judged_again", "reassigned")
    return next((entry.event for entry in reversed(history) if entry.event in wishes), "")


def _last(history: Sequence[HistoryEntry], event: str) -> Mapping[str, Any]:
    return next((entry.data for entry in reversed(history) if entry.event == event), {})


def _found(planned: Mapping[str, Any]) -> Mapping[str, Any]:
    order = planned.get("order")
    return order if isinstance(order, Mapping) else {}


def _documents(judged: Mapping[str, Any]) -> dict[str, str]:
    """File name → what triage took it for."""
    told: dict[str, str] = {}
    for one in judged.get("documents", ()):
        kind = words.DOCUMENTS.get(str(one.get("kind")), "file")
        number = f" {one['number']}" if one.get("number") else ""
        state = f", {words.spoken(str(one['state']))}" if one.get("state", "ok") != "ok" else ""
        told[str(one.get("name", ""))] = f"{kind}{number}{state}"
    return told


def _notes(stored: StoredDelivery) -> Iterable[str]:
    """Notes of actions stand in the history alone."""
    for entry in stored.history:
        if entry.event == "job_done" and (note := entry.data.get("note")):
            yield str(note)


def _flat(data: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key, value in data.items():
        if key in HIDDEN_DATA or value in (None, "", [], {}):
            continue
        if isinstance(value, Mapping):
            yield from (
                (words.spoken(inner), _plain(one))
                for inner, one in value.items()
                if one not in (None, "", [], {})
            )
        else:
            yield words.spoken(key), _plain(value)


def _call_words(call: Mapping[str, Any]) -> str:
    """One request to Allegro; its support asks for the trace id."""
    told = f"{call.get('method', '')} {call.get('path', '')}: {call.get('status') or 'no answer'}"
    return f"{told}, trace id {call['trace_id']}" if call.get("trace_id") else told


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and value.endswith("+00:00"):
        with contextlib.suppress(ValueError):
            return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S} UTC"
    return str(value)

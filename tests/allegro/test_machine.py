"""From a document in a mail to the document at Allegro, whatever Allegro does.

Mails with invoices, corrections and links arrive, again and rendered anew; Allegro loses
answers, hides what it took, scans, drops, refuses, is busy; the process dies between any two
calls; another program files the same documents; orders turn up late. Then everything is let
run to its end in peace, and the books are compared: each document is at Allegro exactly once,
none on a wrong order, and a mail was stopped only where its documents are there.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from awizo.documents import Inspector
from awizo.emulator.world import Invoice, Order
from awizo.model import DeliveryState, Disposition
from awizo.settings import Settings
from awizo.triage.judge import Book
from support.allegro_parts import Clock
from support.emulator_parts import an_emulator
from support.house import a_mail, as_sent
from support.office import Office, learnt
from support.pdfs import a_pdf


@dataclass(frozen=True)
class Document:
    """A document of the shop: ``order`` is the name of the order that it belongs to."""

    order: str
    number: str
    title: str = "Faktura VAT"
    url: str = ""


# Two orders of one buyer; numbers that differ only in where their digits stand; an order whose
# buyer asked for no invoice; one that turns up late.
DOCUMENTS = (
    Document("first", "FV 1/11/2026"),
    Document("first", "FV 11/1/2026"),
    Document("first", "FK 1/11/2026", title="Faktura korygująca"),
    Document("second", "FV 2/11/2026"),
    Document("second", "", url="https://hub.eparagony.pl/p/second"),
    Document("unasked", "FV 3/11/2026"),
    Document("late", "FV 4/11/2026"),
    Document("late", "", url="https://lampiony.fakturownia.pl/invoice/hJ3kLmN8pQrStUv2"),
)
RENDERINGS = ("shop", "ledger")

FAULTS = (
    "", "",
    "lost-answer,on=declare", "lost-answer,on=file", "lost-answer,on=link",
    "hang-up,on=declare", "hang-up,on=file", "hang-up,on=link+invoices+order",
    "timeout-done,on=declare", "timeout-done,on=file", "timeout-done,on=link",
    "timeout,on=declare", "timeout,on=file",
    "not-json,on=declare", "cut-off,on=declare", "truncated,on=declare", "empty-answer,on=declare",
    "cut-off,on=invoices,times=5", "failing,on=invoices,times=5", "failing,on=order+events,times=9",
    "orphan", "orphan,hidden=7", "orphan,hidden=40", "orphan,hidden=600",
    "scan-clash", "scan-clash=2,status=422", "slow-scan=70,times=1", "metadata-too-fast",
    "busy=30,times=1", "busy=20,retry_after=yes,times=1",
    "order-missing=1", "silent-loss=20,times=1", "order-without-invoice,times=1", "scan-rejects",
)  # fmt: skip

# At which call to Allegro from now the process dies, and whether before it or behind it.
DEATHS = st.none() | st.tuples(st.integers(0, 12), st.booleans())
MAILS = (*((one,) for one in DOCUMENTS), (DOCUMENTS[0], DOCUMENTS[2]))
MAILS_MAX = 10
IN_MEMORY = Path("/dev/shm")  # hundreds of small databases: syncing them is another test's matter

# What makes Allegro keep less than it was given: the mail goes on as it is then.
LOSING = ("silent-loss", "order-without-invoice", "scan-rejects")


@dataclass
class Tools:
    """What is dear to start, shared by all runs."""

    runner: asyncio.Runner
    inspector: Inspector
    book: Book


@pytest.fixture(scope="module")
def tools() -> Iterator[Tools]:
    with asyncio.Runner() as runner:
        inspector, book = learnt(Settings())
        runner.run(inspector.start())
        yield Tools(runner, inspector, book)
        runner.run(inspector.close())


def mail_of(documents: tuple[Document, ...], order: Order, rendering: str) -> bytes:
    """A mail as shops write it: documents attached, or the link of one."""
    files: list[tuple[str, bytes]] = []
    words: list[str] = []
    for one in documents:
        if one.url:
            what = "e-paragon" if "paragon" in one.url else "fakturę"
            words.append(f"Państwa {what} można pobrać pod adresem:\n{one.url}")
            continue
        words.append(f"w załączniku przesyłamy dokument {one.title} {one.number}.")
        lines = [
            f"{one.title} nr {one.number}",
            *(["do faktury FV 9/10/2026"] if "koryg" in one.title else []),
            "Sprzedawca: Lampiony sp. z o.o., NIP: 6793112850",
            f"Nabywca: {order.first_name} {order.last_name}",
            f"Razem do zapłaty: {order.total} PLN",
            f"wydruk: {rendering}",
        ]
        files.append((re.sub(r"\W+", "_", one.number) + ".pdf", a_pdf(lines)))
    first = documents[0]
    name = "e-paragon" if "paragon" in first.url else f"Faktura {first.number}".strip()
    subject = f"{name} do zamówienia"
    text = "Dzień dobry,\n\n" + "\n".join(words) + "\n\nPozdrawiamy\nLampiony\n"
    return as_sent(a_mail(subject, text, to=order.email, files=files))


class DocumentsReachAllegro(RuleBasedStateMachine):
    tools: Tools

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        self.clock = Clock()
        self.emulator = an_emulator(clock=self.clock)
        buyer = {"buyer": "Jan Kowalski", "login": "jan_k"}
        self.orders = {
            "first": self.emulator.add_order(**buyer, total="123.00"),
            "second": self.emulator.add_order(**buyer, total="59.90"),
            "unasked": self.emulator.add_order(
                buyer="Anna Nowak", total="45.00", invoice_required=False
            ),
            "late": self.emulator.add_order(buyer="Ewa Lis", total="78.00", appears_in_s=45),
        }
        self.office = Office(
            Path(self.folder.name), self.emulator, self.clock, self.tools.inspector, self.tools.book
        )
        self.tools.runner.run(self.office.open())
        self.mails: dict[str, tuple[Document, ...]] = {}
        self.others: set[Document] = set()
        self.losing = False
        self.hidden = 0  # declarations that Allegro kept from its list for a while

    # -- what happens --------------------------------------------------------------------------

    @rule(
        documents=st.none() | st.sampled_from(MAILS),
        rendering=st.sampled_from(RENDERINGS),
        fault=st.sampled_from(FAULTS),
        dies_at=DEATHS,
        wait_s=st.sampled_from((None, None, 1, 11, 50, 130)),
        theirs=st.sampled_from((*(None,) * 20, DOCUMENTS[0], DOCUMENTS[3])),
    )
    def the_house_works_in_a_storm(
        self,
        documents: tuple[Document, ...] | None,
        rendering: str,
        fault: str,
        dies_at: tuple[int, bool] | None,
        wait_s: int | None,
        theirs: Document | None,
    ) -> None:
        """Everything at once, as one rule: hypothesis leaves single rules out of many runs.

        A mail arrives, or time passes: *wait_s*, or until something is due. Another program
        may file *theirs* before the storm breaks.
        """
        if theirs is not None:
            self._another_program_files(theirs)
        if documents is not None and len(self.mails) < MAILS_MAX:
            order = self.orders[documents[0].order]
            content = mail_of(documents, order, rendering)
            mail_id = self.tools.runner.run(self.office.put(content, order.email))
            self.mails[mail_id] = documents
        elif wait_s is not None:
            self.clock.forward(seconds=wait_s)
        else:
            due = self.tools.runner.run(self.office.next_due())
            self.clock.at = max(due or self.clock(), self.clock())
        if fault:
            self.emulator.set_scenario(fault)
        if dies_at is not None:
            self.office.network.crash_in, self.office.network.crash_before = dies_at
        self.tools.runner.run(self.office.work())
        self.office.network.crash_in = None
        for one in self.emulator.scenarios.active:
            self.losing |= bool(one.struck) and one.kind.name in LOSING
            self.hidden += one.struck if one.args.get("hidden") else 0
        self.emulator.scenarios.clear()

    def _another_program_files(self, document: Document) -> None:
        """Without looking, as they do; but not while ours is between its two calls."""
        order = self.orders[document.order]
        if not order.invoices and document not in self.others:
            self.emulator.file_document(order.id, document.number.replace("/", "_"), b"%PDF-1.7")
            self.others.add(document)

    # -- what must hold ------------------------------------------------------------------------

    def _kept(self, order: Order) -> list[Invoice]:
        """Documents of ours that are at Allegro and not rejected."""
        now = self.clock()
        return [
            one
            for one in order.kept_invoices(now)
            if one.content is not None
            and b"Lampiony" in one.content
            and one.scan(now) != "REJECTED"
        ]

    @invariant()
    def nothing_is_there_twice_or_astray(self) -> None:
        if not hasattr(self, "orders"):
            return
        for name, order in self.orders.items():
            numbers = Counter(self._number_in(one) for one in self._kept(order))
            belonging = {one.number for one in DOCUMENTS if one.order == name}
            assert set(numbers) <= belonging, f"on a wrong order: {numbers}"
            for other in self.others:
                if self.orders[other.order] is order:
                    numbers[other.number] += 1
            assert all(times == 1 for times in numbers.values()), f"twice: {numbers}"
            urls = [link.url for link in order.links]
            assert len(urls) == len(set(urls))
            assert set(urls) <= {one.url for one in DOCUMENTS if one.order == name}
        assert not self.office.smarthost.altered

    def _number_in(self, invoice: Invoice) -> str:
        """What the bytes say, not what was declared; both must agree."""
        content = invoice.content or b""
        found = [one.number for one in DOCUMENTS if one.number and
            f" nr {one.number})".encode() in content]  # fmt: skip
        assert len(found) == 1, "bytes that were never sent"
        assert invoice.number == found[0], "declared under another number"
        return found[0]

    def teardown(self) -> None:
        if not hasattr(self, "office"):
            return
        try:
            self.tools.runner.run(self.office.finish())
            self.nothing_is_there_twice_or_astray()
            self._everything_has_come_to_its_end()
        finally:
            self.tools.runner.run(self.office.close())
            self.folder.cleanup()

    def _everything_has_come_to_its_end(self) -> None:
        orphans = [
            one.number
            for order in self.orders.values()
            for one in order.invoices
            if one.content is None
        ]
        assert len(orphans) <= self.hidden, f"declared in vain: {orphans}"
        for stored in self.tools.runner.run(self.office.deliveries()):
            delivery = stored.delivery
            said = [(job.action, job.state, job.code) for job in stored.jobs]
            assert delivery.state is DeliveryState.SETTLED, (delivery.state, said)
            documents = self.mails[delivery.message.id]
            there = all(self._is_there(one) for one in documents)
            sent = self.office.smarthost.sent[delivery.message.id, delivery.recipient.address]
            if delivery.disposition is Disposition.STOP:
                assert there, f"stopped, but lost: {documents} {said}"
                assert sent == 0
            else:
                assert delivery.disposition is Disposition.FORWARD
                assert sent == 1, f"forwarded {sent} times"
                assert self.losing, (
                    f"needlessly forwarded: {delivery.problem} {documents} {said} {delivery.kind}"
                )

    def _is_there(self, document: Document) -> bool:
        order = self.orders[document.order]
        if document.url:
            return any(one.url == document.url for one in order.links)
        ours = any(one.number == document.number for one in self._kept(order))
        return ours or document in self.others


def run(tools: Tools, *, examples: int, steps: int) -> None:
    machine = type("Machine", (DocumentsReachAllegro,), {"tools": tools})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,  # False, and more examples, to look for what is not known yet
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_every_document_reaches_allegro_exactly_once(tools: Tools) -> None:
    run(tools, examples=12, steps=20)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_document_reaches_allegro_exactly_once_in_many_runs(tools: Tools) -> None:
    run(tools, examples=14, steps=40)

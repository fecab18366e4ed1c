"""Whatever happens on the way: each document on its order exactly once, none lost, none astray.

Mails with documents arrive, are sent again and rendered anew; attempts meet lost answers,
swallowed requests, orphans that do not show, scans, crashes; another program files the same
documents. In the end everything is tried in peace, and the books are compared.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from awizo.actions.base import Done, Later
from awizo.actions.upload_invoice import UploadInvoiceExecutor
from awizo.errors import Deferral, PermanentFailure
from awizo.model import Job, UploadInvoice
from support.action_parts import ORDER, OTHER_ORDER, Bench
from support.little_allegro import LittleAllegro
from support.scripted import answer, refusal

ORDERS = (ORDER, OTHER_ORDER)
DOCUMENTS = (  # order, number, total
    (ORDER, "FV 1/11/2026", "10.00"),
    (ORDER, "FV 11/1/2026", "20.00"),
    (OTHER_ORDER, "FV 2/11/2026", "30.00"),
    (OTHER_ORDER, None, "40.00"),
)
RENDERINGS = ("shop", "ledger")

FAULTS = (
    "none", "post lost", "post swallowed", "post 504 done", "orphan hidden", "put lost",
    "put 504 undone", "put 504 done", "scan 409", "scan 422", "too fast", "get 500",
    "post cut off", "crash 0", "crash 1", "crash 2",
)  # fmt: skip


def pdf(document: int, rendering: str) -> bytes:
    return f"%PDF-1.7\ndocument {document} by {rendering}\n%%EOF".encode()


class LyingAllegro(LittleAllegro):
    """Does one bad thing on the next fitting request; may hide fresh orphans for a while."""

    def __init__(self) -> None:
        super().__init__(*ORDERS)
        self.fault = "none"
        self.hidden: dict[str, tuple[str, dict[str, Any]]] = {}
        self.hidden_ever = 0
        self.before = self._before
        self.after = self._after

    def _take(self, *faults: str) -> str | None:
        if self.fault in faults:
            taken, self.fault = self.fault, "none"
            return taken
        return None

    def _before(self, request: httpx.Request) -> httpx.Response | Exception | None:
        path = request.url.path
        if request.method == "POST" and path.endswith("/invoices"):
            match self._take("post swallowed", "scan 409", "scan 422", "too fast"):
                case "post swallowed":
                    return httpx.ReadTimeout("swallowed")
                case "scan 409":
                    return refusal(409, "X", "Security scan is in progress")
                case "scan 422":
                    return refusal(422, "X", "file is still in scanning")
                case "too fast":
                    return refusal(429, "X", "adding metadata too fast")
        if request.method == "PUT" and self._take("put 504 undone"):
            return answer(504)
        if request.method == "GET" and self._take("get 500"):
            return answer(500)
        return None

    def _after(self, request: httpx.Request) -> httpx.Response | Exception | None:
        path = request.url.path
        if request.method == "POST" and path.endswith("/invoices"):
            match self._take("post lost", "post 504 done", "orphan hidden", "post cut off"):
                case "post lost":
                    return httpx.ReadTimeout("lost")
                case "post 504 done":
                    return answer(504)
                case "post cut off":
                    return answer(201, b'{"id": "inv')
                case "orphan hidden":
                    order_id = path.split("/")[3]
                    orphan = self.invoices[order_id].pop()
                    self.hidden[orphan["id"]] = (order_id, orphan)
                    self.hidden_ever += 1
                    return httpx.ReadTimeout("lost")
        if request.method == "PUT":
            match self._take("put lost", "put 504 done"):
                case "put lost":
                    return httpx.ReadTimeout("lost")
                case "put 504 done":
                    return answer(504)
        return None

    def show_hidden(self) -> None:
        for order_id, orphan in self.hidden.values():
            self.invoices[order_id].append(orphan)
        self.hidden.clear()


class DocumentsReachAllegro(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.allegro = LyingAllegro()
        self.work = Bench(self.allegro)
        self.upload = UploadInvoiceExecutor()
        self.open: dict[str, Job] = {}
        self.ended: dict[str, Done | PermanentFailure] = {}
        self.sent: dict[str, tuple[int, str]] = {}  # job → document, rendering
        self.filed_by_others: set[int] = set()

    @rule(document=st.sampled_from(range(len(DOCUMENTS))), rendering=st.sampled_from(RENDERINGS))
    def a_mail_arrives(self, document: int, rendering: str) -> None:
        if len(self.sent) >= 8:
            return
        order_id, number, total = DOCUMENTS[document]
        job_id = f"job-{len(self.sent)}"
        part = f"{document}-{rendering}"
        self.work.documents[part] = pdf(document, rendering)
        action = UploadInvoice(
            order_id=order_id,
            attachment=f"{rendering}-{document}.pdf",
            part=part,
            number=number,
            sha256=f"{document}{rendering}".ljust(64, "0"),
            # Without a number only the text tells that two renderings are one document.
            text_sha256=f"{document}".ljust(64, "f") if number is None else "",
            total=total,
        )
        self.open[job_id] = self.work.job(action, job_id)
        self.sent[job_id] = (document, rendering)

    @rule(choice=st.integers(0, 7), fault=st.sampled_from(FAULTS))
    def an_attempt_is_made(self, choice: int, fault: str) -> None:
        if self.open:
            job_id = sorted(self.open)[choice % len(self.open)]
            if fault.startswith("crash"):
                self.work.crash_after_saves = int(fault[-1])
            else:
                self.allegro.fault = fault
            self._attempt(job_id)
            self.allegro.fault = "none"
            self.work.crash_after_saves = None

    @rule(seconds=st.sampled_from((1, 5, 30, 120)))
    def time_passes(self, seconds: int) -> None:
        self.work.clock.forward(seconds=seconds)

    @rule()
    def hidden_orphans_show(self) -> None:
        self.allegro.show_hidden()

    @rule(document=st.sampled_from([0, 1, 2]))
    def another_program_files_it_too(self, document: int) -> None:
        """As others do: without looking, but only while nothing of ours is under way."""
        order_id, number, _ = DOCUMENTS[document]
        busy = any(job.action.order_id == order_id for job in self.open.values())  # type: ignore[union-attr]
        if not busy and not self._with_number(order_id, str(number)):
            self.allegro.add_invoice(order_id, str(number).replace("/", "_"))
            self.filed_by_others.add(document)

    @invariant()
    def nothing_is_there_twice_or_astray(self) -> None:
        if not hasattr(self, "allegro"):
            return
        filed: Counter[int] = Counter()
        for order_id in ORDERS:
            for invoice in self.allegro.invoices[order_id]:
                content = self.allegro.files.get(invoice["id"])
                if content is None:
                    continue
                document = int(re.findall(rb"document (\d)", content)[0])
                assert DOCUMENTS[document][0] == order_id, "on a wrong order"
                assert (invoice["invoiceNumber"] or None) == DOCUMENTS[document][1]
                filed[document] += 1
        for document, times in filed.items():
            assert times == 1, "filed twice"
            assert document not in self.filed_by_others, "filed beside another program's"

    def teardown(self) -> None:
        if not hasattr(self, "allegro"):
            return
        self.allegro.show_hidden()
        for _ in range(40):
            for job_id in sorted(self.open):
                self._attempt(job_id)
            self.work.clock.forward(seconds=60)
        assert not self.open, "never ended"
        for job_id, outcome in self.ended.items():
            assert isinstance(outcome, Done), f"{job_id}: {outcome}"
        for document in {document for document, _ in self.sent.values()}:
            order_id, number, _ = DOCUMENTS[document]
            marks = [
                one
                for one in self.allegro.invoices[order_id]
                if b"document %d " % document in self.allegro.files.get(one["id"], b"")
            ]
            others = document in self.filed_by_others
            assert len(marks) + others == 1, f"lost or doubled: {number}"
        orphans = [
            one
            for order_id in ORDERS
            for one in self.allegro.invoices[order_id]
            if one["invoiceNumber"] and "uploadedAt" not in one["file"]
        ]
        assert len(orphans) <= self.allegro.hidden_ever, "an orphan that was there to be adopted"
        self.nothing_is_there_twice_or_astray()
        self.runner.close()

    def _with_number(self, order_id: str, number: str) -> bool:
        return any(
            re.sub(r"\W|_", "/", one["invoiceNumber"] or "") == re.sub(r"\W|_", "/", number)
            for one in self.allegro.invoices[order_id]
        )

    def _attempt(self, job_id: str) -> None:
        job, outcome = self.runner.run(self.work.attempt(self.upload, self.open[job_id]))
        if isinstance(outcome, Done | PermanentFailure):
            del self.open[job_id]
            self.ended[job_id] = outcome
            return
        assert isinstance(outcome, Deferral)
        self.open[job_id] = replace(job)
        if not isinstance(outcome, Later):
            assert outcome.code in {
                "allegro_unreachable", "allegro_error", "scan_in_progress", "metadata_too_fast",
                "invoice_missing", "crashed",
            }  # fmt: skip


DocumentsReachAllegro.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestEveryDocumentReachesAllegroOnce = DocumentsReachAllegro.TestCase

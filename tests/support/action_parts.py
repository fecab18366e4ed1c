"""Run an action as the worker does: attempt by attempt, with what each one saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from awizo.actions.base import ActionContext, Done, Executor, Later
from awizo.errors import ActionError, Deferral, PermanentFailure
from awizo.model import AllegroAction, Job
from awizo.settings import Policy
from support.allegro_parts import (
    Clock,
    MemoryAccounts,
    MemoryLedger,
    MemoryMemory,
    connected,
    some_clients,
)
from support.order_parts import MemoryIndex

ORDER = "29738e61-7f6a-11e8-ac45-09db60ede9d6"
OTHER_ORDER = "39738e61-7f6a-11e8-ac45-09db60ede9d6"
PDF = b"%PDF-1.7\nwhole and well\n%%EOF\n"


class Crash(BaseException):
    """The process died."""


@dataclass
class Bench:
    """The means of actions; the ledger and the memory outlive every attempt."""

    network: httpx.AsyncBaseTransport
    clock: Clock = field(default_factory=Clock)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    memory: MemoryMemory = field(default_factory=MemoryMemory)
    index: MemoryIndex = field(default_factory=MemoryIndex)
    policy: Policy = field(default_factory=Policy)
    documents: dict[str, bytes] = field(default_factory=lambda: {"2": PDF})
    saved: list[Mapping[str, Any]] = field(default_factory=list)
    crash_after_saves: int | None = None
    accounts: MemoryAccounts | None = None

    def __post_init__(self) -> None:
        self.clients = some_clients(
            self.network,
            now=self.clock,
            # tokens are another story
            accounts=self.accounts or connected(self.clock(), hours_left=24 * 30),
            memory=self.memory,
        )

    def job(self, action: AllegroAction, job_id: str = "job-1", **progress: Any) -> Job:
        return Job(
            id=job_id,
            delivery_id=f"delivery-of-{job_id}",
            message_id="m",
            account="default",
            action=action,
            queued_at=self.clock(),
            progress=progress,
        )

    async def attempt(self, executor: Executor, job: Job) -> tuple[Job, Done | ActionError]:
        """One attempt; returns the job with its progress, and how it ended."""
        progress = dict(job.progress)

        async def save(values: Mapping[str, Any]) -> None:
            progress.clear()
            progress.update(values)
            self.saved.append(dict(values))
            if self.crash_after_saves is not None:
                self.crash_after_saves -= 1
                if self.crash_after_saves < 0:
                    self.crash_after_saves = None
                    raise Crash

        async def read(part: str) -> bytes:
            return self.documents[part]

        context = ActionContext(
            account=self.clients.account("default"),
            ledger=self.ledger,
            memory=self.memory,
            orders=self.index,
            policy=self.policy,
            allegro=self.clients.settings.allegro,
            now=self.clock,
            read_document=read,
            save_progress=save,
            delivery_id=job.delivery_id,
        )
        try:
            outcome: Done | ActionError = await executor.execute(job, context)
        except ActionError as error:
            outcome = error
        except Crash:
            outcome = Deferral("crashed")
        return replace(job, progress=progress, attempts=job.attempts + 1), outcome

    async def run(
        self, executor: Executor, job: Job, *, attempts: int = 25
    ) -> Done | PermanentFailure:
        """Attempt until it is done or cannot be done, letting the asked-for time pass."""
        self.codes: list[str] = []
        for _ in range(attempts):
            job, outcome = await self.attempt(executor, job)
            self.last_job = job
            if isinstance(outcome, Done | PermanentFailure):
                return outcome
            assert isinstance(outcome, Deferral)
            self.codes.append(outcome.code)
            wait_s = outcome.not_before.total_seconds()
            self.clock.forward(seconds=wait_s if isinstance(outcome, Later) else wait_s + 10)
        raise AssertionError(f"no end after {attempts} attempts: {self.codes}")

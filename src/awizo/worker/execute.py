"""Carry out leased jobs that act on an order: calls to Allegro.

In:  a leased job.
Out: done in the spool with its proof and its follow-ups, or what ``outcomes.py`` makes of the
     failure.

Jobs that send a mail on are carried out in ``way_out.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from awizo.actions.base import ActionContext, Done, Executor
from awizo.allegro.calls import CallLog
from awizo.allegro.client import AllegroAccount, AllegroClients
from awizo.allegro.ports import Ledger, Memory
from awizo.documents import Inspector
from awizo.errors import ActionError, LeaseLost, NotFound, PermanentFailure
from awizo.model import Job, action_name
from awizo.orders.port import OrderIndex
from awizo.settings import Policy, Settings
from awizo.spool.port import FollowUp, Spool
from awizo.telemetry import metrics
from awizo.triage.parse import parse
from awizo.worker.outcomes import Outcomes, crashed
from awizo.worker.policies import policy_of
from awizo.worker.schedule import history

log = structlog.get_logger()

PDF_MAX_BYTES = 3_000_000  # FACTS 2.5: 3 MB, taken as decimal


class Execution:
    """Runs jobs; many may run side by side, each under a lease of its own."""

    def __init__(
        self,
        *,
        settings: Settings,
        spool: Spool,
        orders: OrderIndex,
        ledger: Ledger,
        memory: Memory,
        inspector: Inspector,
        clients: AllegroClients,
        executors: Mapping[type[Any], Executor],
        outcomes: Outcomes,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._orders = orders
        self._ledger = ledger
        self._memory = memory
        self._inspector = inspector
        self._clients = clients
        self._executors = executors
        self._outcomes = outcomes
        self._now = now
        self._new_id = new_id

    async def act(self, job: Job) -> None:
        """Try one action on an order once, and report."""
        with structlog.contextvars.bound_contextvars(delivery_id=job.delivery_id, job_id=job.id):
            try:
                stored = await self._spool.show(job.delivery_id)
                policy = policy_of(self._settings, stored.delivery)
                account = self._clients.account(job.account or stored.delivery.account or "")
                try:
                    done = await self._try(job, account, policy)
                except ActionError as error:
                    await self._outcomes.not_done(job, error, policy, account.calls)
                    return
                except (LeaseLost, asyncio.CancelledError):
                    raise
                except Exception as error:
                    crash = crashed(error, action_name(job.action))
                    await self._outcomes.not_done(job, crash, policy, account.calls)
                    return
                await self._done(job, done, policy, account.calls)
            except LeaseLost:
                log.warning("lease_lost", work=action_name(job.action))
            except NotFound:
                log.warning("delivery_gone", work=action_name(job.action))

    async def _try(self, job: Job, account: AllegroAccount, policy: Policy) -> Done:
        if not account.name:
            raise PermanentFailure("account_not_connected")

        async def read_document(part: str) -> bytes:
            return await self._document(job.message_id, part)

        async def save_progress(progress: Mapping[str, Any]) -> None:
            await self._spool.save_progress(job, progress)

        context = ActionContext(
            account=account,
            ledger=self._ledger,
            memory=self._memory,
            orders=self._orders,
            policy=policy,
            allegro=self._settings.allegro,
            now=self._now,
            read_document=read_document,
            save_progress=save_progress,
            delivery_id=job.delivery_id,
        )
        return await self._executors[type(job.action)].execute(job, context)

    async def _document(self, message_id: str, part: str) -> bytes:
        """The bytes of an attachment, shrunk without loss where Allegro's limit asks for it."""
        message = await asyncio.to_thread(parse, await self._spool.content(message_id))
        for attachment in message.attachments:
            if attachment.part == part:
                if len(attachment.content) <= PDF_MAX_BYTES:
                    return attachment.content
                smaller = await self._inspector.shrink(attachment.content, PDF_MAX_BYTES)
                return attachment.content if smaller is None else smaller
        raise PermanentFailure("content_missing", f"no part {part}")

    async def _done(self, job: Job, done: Done, policy: Policy, calls: CallLog) -> None:
        now = self._now()
        name = action_name(job.action)
        metrics.ATTEMPTS.labels(action=name, outcome="done", code=done.note or "").inc()
        decide, outcome = self._outcomes.deciding(now, policy, notes=done.all_notes)
        await self._spool.finish(
            job,
            now=now,
            decide=decide,
            entry=history(
                now,
                "job_done",
                job,
                action=name,
                note=done.note,
                proof=dict(done.proof),
                calls=calls.as_data(),
            ),
            follow_ups=[
                FollowUp(
                    id=self._new_id(),
                    delivery_id=job.delivery_id,
                    account=job.account,
                    kind=spec.kind,
                    due_at=now + timedelta(seconds=spec.due_in_s),
                    data=spec.data,
                )
                for spec in done.follow_ups
            ],
        )
        log.info("job_done", action=name, attempt=job.attempts + 1, note=done.note)
        self._outcomes.log_settled(outcome)

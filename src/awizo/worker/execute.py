"""Carry out leased jobs: calls to Allegro, and the way out to the smarthost.

In:  a leased job (for Forward: with its siblings of the same message).
Out: done, deferred or failed in the spool, the attempt in the history, the delivery going
     on as ``worker/schedule.py`` decides.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from awizo.actions.base import ActionContext, Done, Executor, Later
from awizo.actions.forward import forward
from awizo.allegro.calls import CallLog
from awizo.allegro.client import AllegroAccount, AllegroClients
from awizo.allegro.ports import Ledger, Memory
from awizo.documents import Inspector
from awizo.errors import (
    ActionError,
    Deferral,
    LeaseLost,
    NotFound,
    PermanentFailure,
    SettingsError,
    StoreError,
)
from awizo.model import Delivery, DeliveryState, Disposition, Job, action_name
from awizo.orders.port import OrderIndex
from awizo.settings import Policy, Settings
from awizo.smarthost import RecipientResult, Smarthosts
from awizo.smarthost.bounce import build_bounce, may_bounce
from awizo.spool.port import Decide, Ending, FollowUp, Spool
from awizo.telemetry import metrics
from awizo.telemetry.logging import places
from awizo.triage.addresses import is_buyer
from awizo.triage.parse import parse
from awizo.worker.alerts import Alerts
from awizo.worker.outbox import Outbox
from awizo.worker.schedule import (
    FORWARD_HOLD_CODES,
    after_job,
    give_up_after,
    history,
    next_attempt_at,
    steps_s,
)

log = structlog.get_logger()

# Our own trouble with the next hop: nothing the mail can help, a person must act.
TROUBLE_AT_SMARTHOST = frozenset(
    {
        "smarthost_unreachable",
        "smarthost_auth_failed",
        "smarthost_without_tls",
        "smarthost_certificate",
        "smarthost_protocol",
        "smarthost_unknown",
    }
)
ACCOUNT_TROUBLE = frozenset({"account_paused", "invalid_grant"})
PAUSED_STEP_S = 300.0
PDF_MAX_BYTES = 3_000_000  # FACTS 2.5: 3 MB, taken as decimal
BOUNCE_HEAD_BYTES = 65_536
REPORT_AGAIN_S = 1.0


class Execution:
    """Runs jobs; many may run side by side, each under a lease of its own.

    Args:
        are_ours: Whether nobody else can have taken any of these leases.
    """

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
        smarthosts: Smarthosts,
        executors: Mapping[type[Any], Executor],
        alerts: Alerts,
        outbox: Outbox,
        hostname: str,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        new_id: Callable[[], str],
        are_ours: Callable[[Sequence[str]], bool] = lambda leases: True,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._orders = orders
        self._ledger = ledger
        self._memory = memory
        self._inspector = inspector
        self._clients = clients
        self._smarthosts = smarthosts
        self._executors = executors
        self._alerts = alerts
        self._outbox = outbox
        self._hostname = hostname
        self._now = now
        self._jitter = jitter
        self._new_id = new_id
        self._are_ours = are_ours
        # Standing alerts about the way out, with the smarthosts that have the trouble.
        self._smarthost_alerts: dict[str, set[str]] = {code: set() for code in TROUBLE_AT_SMARTHOST}

    # -- calls to Allegro ---------------------------------------------------------------------

    async def act(self, job: Job) -> None:
        """Try one action on an order once, and report."""
        with structlog.contextvars.bound_contextvars(delivery_id=job.delivery_id, job_id=job.id):
            try:
                stored = await self._spool.show(job.delivery_id)
                policy = self._policy_of(stored.delivery)
                account = self._clients.account(job.account or stored.delivery.account or "")
                try:
                    done = await self._try(job, account, policy)
                except ActionError as error:
                    await self._not_done(job, error, policy, account.calls)
                    return
                except (LeaseLost, asyncio.CancelledError):
                    raise
                except Exception as error:
                    crash = _crashed(error, action_name(job.action))
                    await self._not_done(job, crash, policy, account.calls)
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
        decide, outcome = self._deciding(now, policy, notes=done.all_notes)
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
        self._log_settled(outcome)

    async def _not_done(
        self, job: Job, error: ActionError, policy: Policy, calls: CallLog | None = None
    ) -> None:
        now = self._now()
        name = action_name(job.action)
        said = {
            "code": error.code,
            "reply": error.reply,
            "status": error.status,
            "trace_id": error.trace_id,
            "calls": calls.as_data() if calls is not None else None,
        }
        paused = error.code in ACCOUNT_TROUBLE
        if paused:
            await self._alerts.raise_("invalid_grant", account=job.account)
        due_at = self._again_at(job, error, now, policy)
        if due_at is not None:
            metrics.ATTEMPTS.labels(action=name, outcome="deferred", code=error.code).inc()
            await self._spool.defer(
                job,
                due_at=due_at,
                code=error.code,
                reply=error.reply,
                entry=history(now, "job_deferred", job, action=name, due_at=str(due_at), **said),
                count_attempt=not isinstance(error, Later),
            )
            log.info(
                "job_deferred",
                action=name,
                attempt=job.attempts + 1,
                code=error.code,
                status=error.status,
                retry_in_s=round((due_at - now).total_seconds(), 1),
            )
            return
        metrics.ATTEMPTS.labels(action=name, outcome="failed", code=error.code).inc()
        decide, outcome = self._deciding(now, policy)
        gave_up = isinstance(error, Deferral)
        await self._spool.fail(
            job,
            now=now,
            code=error.code,
            reply=error.reply,
            decide=decide,
            entry=history(now, "job_failed", job, action=name, gave_up=gave_up, **said),
        )
        log.warning(
            "job_failed", action=name, attempt=job.attempts + 1, code=error.code,
            status=error.status, gave_up=gave_up,
        )  # fmt: skip
        if not paused:  # one cause, one alert
            await self._alerts.raise_(error.code, account=job.account, detail=error.reply)
        self._log_settled(outcome)

    def _again_at(
        self, job: Job, error: ActionError, now: datetime, policy: Policy
    ) -> datetime | None:
        if not isinstance(error, Deferral):
            return None
        if isinstance(error, Later):
            return now + error.not_before
        first_due = job.queued_at or now
        steps = steps_s(job.action, self._settings.retry)
        if error.code in ACCOUNT_TROUBLE:
            # Costs no call while it lasts, and is over as soon as a person has logged in.
            steps = tuple(min(step, PAUSED_STEP_S) for step in steps)
        return next_attempt_at(
            queued_at=first_due,
            now=now,
            attempts=job.attempts + 1,
            steps_s=steps,
            give_up_after=give_up_after(job.action, policy=policy, retry=self._settings.retry),
            jitter=self._jitter(),
            not_before=error.not_before,
        )

    def _deciding(
        self, now: datetime, policy: Policy, notes: Sequence[str] = ()
    ) -> tuple[Decide, list[tuple[Delivery, Ending]]]:
        """The decision for the spool's transaction, and what it was, for the log after it."""
        outcome: list[tuple[Delivery, Ending]] = []

        def decide(delivery: Delivery, jobs: Sequence[Job]) -> Ending:
            ending = after_job(delivery, jobs, now=now, policy=policy)
            if notes:
                ending = replace(ending, notes=tuple(dict.fromkeys((*ending.notes, *notes))))
            outcome[:] = [(delivery, ending)]
            return ending

        return decide, outcome

    def _log_settled(self, outcome: Sequence[tuple[Delivery, Ending]]) -> None:
        for delivery, ending in outcome:
            if ending.state is DeliveryState.SETTLED and ending.disposition is not None:
                log_settled(delivery, ending.disposition, ending.problem, self._now())

    def _policy_of(self, delivery: Delivery) -> Policy:
        """Limits of time and notes; what was decided by the mail itself stands in the plan."""
        return policy_of(self._settings, delivery)

    # -- the way out ---------------------------------------------------------------------------

    async def send(self, group: Sequence[Job]) -> None:
        """Hand one message to its smarthost for all recipients of *group*, and report each."""
        with structlog.contextvars.bound_contextvars(message_id=group[0].message_id):
            try:
                await self._send(group)
            except LeaseLost:
                log.warning("lease_lost", work="forward")

    async def _send(self, group: Sequence[Job]) -> None:
        found = await self._spool.deliveries([job.delivery_id for job in group])
        ready = [job for job in group if job.delivery_id in found]
        if len(ready) < len(group):
            log.warning("delivery_gone", work="forward")
        if not ready:
            return
        deliveries = {job.id: found[job.delivery_id] for job in ready}
        message = deliveries[ready[0].id].message
        try:
            results = await forward(
                [(job, deliveries[job.id].recipient) for job in ready],
                message,
                lambda: self._spool.content_chunks(message.id),
                self._smarthosts,
                may_end=lambda: self._are_ours([job.lease for job in ready]),
            )
        except NotFound:
            results = _all_failed(ready, deliveries, PermanentFailure("content_missing"))
        except StoreError:
            raise  # nothing was sent; the leases run out, and it is tried again
        except Exception as error:  # settings that cannot be used, or a fault of ours
            crash = _crashed(error, "forward")
            await self._alerts.raise_(crash.code, account=None, detail=crash.reply)
            results = _all_failed(ready, deliveries, crash)
        # Those that have left first: until that is written down, they would be sent again.
        for job in sorted(ready, key=lambda job: not results[job.id].ok):
            with structlog.contextvars.bound_contextvars(
                delivery_id=job.delivery_id, job_id=job.id
            ):
                await self._report(job, deliveries[job.id], results[job.id])

    async def _report(self, job: Job, delivery: Delivery, result: RecipientResult) -> None:
        """Write down what became of one recipient, whatever becomes of the others.

        A mail that has left is reported again and again while the store is sick, until it is
        written down or somebody else has the lease: a report that is lost doubles the mail.
        """
        while True:
            try:
                if result.ok:
                    await self._sent(job, delivery, result)
                else:
                    await self._not_sent(job, delivery, result)
            except LeaseLost:
                log.warning("lease_lost", work="forward")
            except NotFound:
                log.warning("delivery_gone", work="forward")
            except StoreError as error:
                if result.ok:
                    log.warning("report_repeated", error=str(error))
                    await asyncio.sleep(REPORT_AGAIN_S)
                    continue
                log.error("report_lost", error=str(error))
            except Exception as error:  # the others are to be written down all the same
                _crashed(error, "forward")
            return

    async def _sent(self, job: Job, delivery: Delivery, result: RecipientResult) -> None:
        now = self._now()
        policy = self._policy_of(delivery)
        metrics.ATTEMPTS.labels(action="forward", outcome="done", code="").inc()
        decide, outcome = self._deciding(now, policy)
        await self._spool.finish(
            job,
            now=now,
            decide=decide,
            entry=history(
                now, "forwarded", job, host=result.host, reply=result.reply,
                sha256=delivery.message.sha256,
            ),
            follow_ups=self._delivery_check(delivery, now),
        )  # fmt: skip
        log.info("job_done", action="forward", attempt=job.attempts + 1)
        self._log_settled(outcome)
        await self._smarthost_is_well(delivery.message.smarthost)

    async def _smarthost_is_well(self, name: str) -> None:
        """End the alerts about a smarthost that takes mail again, unless another has the same.

        After a start nothing is known about any, so the first mail that leaves ends those of
        the process before; a smarthost still in trouble raises its own anew.
        """
        # Copied: other mails leave, and others fail, while an alert is being ended.
        for code, troubled in tuple(self._smarthost_alerts.items()):
            troubled.discard(name)
            if not troubled and self._smarthost_alerts.get(code) is troubled:
                del self._smarthost_alerts[code]
                with contextlib.suppress(StoreError):  # the next start looks again
                    await self._alerts.clear(code, account=None)

    def _delivery_check(self, delivery: Delivery, now: datetime) -> list[FollowUp]:
        """Look for the fate of a mail to a buyer in the Message Center later on.

        Its order may be known only by then: what cannot wait leaves before it is found.
        """
        allegro = self._settings.allegro
        if (
            not allegro.messaging
            or not allegro.delivery_check_after_s
            or (delivery.order_id is None and delivery.state is not DeliveryState.RECEIVED)
            or not is_buyer(delivery.recipient.address, allegro.buyer_domains)
        ):
            return []
        return [
            FollowUp(
                id=self._new_id(),
                delivery_id=delivery.id,
                account=delivery.account,
                kind="delivery_check",
                due_at=now + timedelta(seconds=allegro.delivery_check_after_s[0]),
                data={"order_id": delivery.order_id, "forwarded_at": now.isoformat()},
            )
        ]

    async def _not_sent(self, job: Job, delivery: Delivery, result: RecipientResult) -> None:
        error = result.error or Deferral("smarthost_busy", result.reply)
        policy = self._policy_of(delivery)
        if error.code in TROUBLE_AT_SMARTHOST:
            troubled = self._smarthost_alerts.setdefault(error.code, set())
            troubled.add(delivery.message.smarthost)
            await self._alerts.raise_(error.code, account=None, detail=error.reply)
        now = self._now()
        again = self._again_at(job, error, now, policy)
        # A mail that was held for such a code already is given up, not held again.
        held = error.code in FORWARD_HOLD_CODES and "hold_expired" not in delivery.notes
        if again is None and not held:
            # The bounce is durable before the failure is: at worst it is written twice, and
            # its id, made of the job's, keeps it from being sent twice.
            await self._bounce(job, delivery, result)
        await self._not_done(job, error, policy)

    async def _bounce(self, job: Job, delivery: Delivery, result: RecipientResult) -> None:
        message = delivery.message
        domains = self._settings.allegro.buyer_domains
        head = b""
        with contextlib.suppress(NotFound):  # a notice without the original is still one
            async for chunk in self._spool.content_chunks(message.id):
                head += chunk
                if len(head) >= BOUNCE_HEAD_BYTES:
                    break
        if not may_bounce(message.envelope, delivery.recipient, domains, head):
            return
        content = build_bounce(
            message=message,
            failed=[result],
            head_of_original=head[:BOUNCE_HEAD_BYTES],
            hostname=self._hostname,
            now=self._now(),
        )
        await self._outbox.put(
            content,
            reverse_path="",
            recipients=(message.envelope.reverse_path,),
            smarthost=message.smarthost,
            message_id=f"{job.id}b",
            accounts=delivery.accounts,
        )
        log.warning("bounce_queued", code=result.error.code if result.error else "")


def _crashed(error: Exception, action: str) -> Deferral:
    """A fault of ours is tried again, and given up like any other. Its words stay out of the
    log, for they may be the mail's."""
    log.error("action_crashed", action=action, error=type(error).__name__, places=places(error))
    words = str(error) if isinstance(error, SettingsError) else type(error).__name__
    return Deferral("action_failed", words)


def _all_failed(
    jobs: Sequence[Job], deliveries: Mapping[str, Delivery], error: ActionError
) -> dict[str, RecipientResult]:
    return {
        job.id: RecipientResult(
            recipient=deliveries[job.id].recipient, ok=False, error=error, reply="", host=""
        )
        for job in jobs
    }


def policy_of(settings: Settings, delivery: Delivery) -> Policy:
    """The policy of a delivery by its route, else by its account.

    One that a later config file no longer names gives way to ``[policy]``.
    """
    own = settings.account(delivery.account).policy if delivery.account else None
    name = delivery.message.policy or own
    return settings.policy_named(name if name in settings.policies else None)


def log_settled(
    delivery: Delivery, disposition: Disposition, problem: str | None, now: datetime
) -> None:
    """The one line that tells a delivery's story."""
    metrics.DELIVERIES_SETTLED.labels(
        kind=str(delivery.kind or ""), disposition=str(disposition)
    ).inc()
    log.info(
        "delivery_settled",
        delivery_id=delivery.id,
        kind=delivery.kind,
        disposition=disposition,
        problem=problem or delivery.problem,
        account=delivery.account,
        took_s=round((now - delivery.received_at).total_seconds(), 3),
    )

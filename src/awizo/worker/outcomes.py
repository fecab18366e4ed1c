"""Write down what one try at a job came to, for calls and forwards alike.

In:  a job and its failure; or the wish to decide how its delivery goes on.
Out: deferred or failed in the spool, the attempt in the history and counted, the alert raised;
     the delivery going on as ``worker/schedule.py`` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from awizo.actions.base import Later
from awizo.allegro.calls import CallLog
from awizo.errors import ActionError, Deferral, SettingsError
from awizo.model import Delivery, DeliveryState, Disposition, Job, action_name
from awizo.settings import Policy, Retry
from awizo.spool.port import Decide, Ending, Spool
from awizo.telemetry import metrics
from awizo.telemetry.logging import places
from awizo.worker.alerts import Alerts
from awizo.worker.schedule import after_job, give_up_after, history, next_attempt_at, steps_s

log = structlog.get_logger()

ACCOUNT_TROUBLE = frozenset({"account_paused", "invalid_grant"})
PAUSED_STEP_S = 300.0


class Outcomes:
    """Reports of attempts; every job of the process may share one."""

    def __init__(
        self,
        *,
        retry: Retry,
        spool: Spool,
        alerts: Alerts,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        self._retry = retry
        self._spool = spool
        self._alerts = alerts
        self._now = now
        self._jitter = jitter

    async def not_done(
        self, job: Job, error: ActionError, policy: Policy, calls: CallLog | None = None
    ) -> None:
        """Put a job off while another attempt may help, else have its delivery go on without."""
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
        due_at = self.again_at(job, error, now, policy)
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
        decide, outcome = self.deciding(now, policy)
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
        self.log_settled(outcome)

    def again_at(
        self, job: Job, error: ActionError, now: datetime, policy: Policy
    ) -> datetime | None:
        """When to try again; ``None`` when that cannot help, or the job has grown too old."""
        if not isinstance(error, Deferral):
            return None
        if isinstance(error, Later):
            return now + error.not_before
        first_due = job.queued_at or now
        steps = steps_s(job.action, self._retry)
        if error.code in ACCOUNT_TROUBLE:
            # Costs no call while it lasts, and is over as soon as a person has logged in.
            steps = tuple(min(step, PAUSED_STEP_S) for step in steps)
        return next_attempt_at(
            queued_at=first_due,
            now=now,
            attempts=job.attempts + 1,
            steps_s=steps,
            give_up_after=give_up_after(job.action, policy=policy, retry=self._retry),
            jitter=self._jitter(),
            not_before=error.not_before,
        )

    def deciding(
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

    def log_settled(self, outcome: Sequence[tuple[Delivery, Ending]]) -> None:
        """Tell of a delivery that is at its end now."""
        for delivery, ending in outcome:
            if ending.state is DeliveryState.SETTLED and ending.disposition is not None:
                _log_settled(delivery, ending.disposition, ending.problem, self._now())


def crashed(error: Exception, action: str) -> Deferral:
    """A fault of ours is tried again, and given up like any other. Its words stay out of the
    log, for they may be the mail's."""
    log.error("action_crashed", action=action, error=type(error).__name__, places=places(error))
    words = str(error) if isinstance(error, SettingsError) else type(error).__name__
    return Deferral("action_failed", words)


def _log_settled(
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

"""Carry out leased jobs that send a mail on: the way out to the smarthost.

In:  leased Forward jobs of one message, for all recipients that are due.
Out: each recipient sent, put off, held or bounced in the spool; alerts about a smarthost that
     is in trouble, ended when it takes mail again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from awizo.actions.forward import forward
from awizo.errors import (
    ActionError,
    Deferral,
    LeaseLost,
    NotFound,
    PermanentFailure,
    StoreError,
)
from awizo.model import Delivery, DeliveryState, Job
from awizo.settings import Settings
from awizo.smarthost.bounce import build_bounce, may_bounce
from awizo.smarthost.smarthosts import Smarthosts
from awizo.smarthost.transaction import RecipientResult
from awizo.spool.port import FollowUp, Spool
from awizo.telemetry import metrics
from awizo.triage.addresses import is_buyer
from awizo.worker.alerts import Alerts
from awizo.worker.outbox import Outbox
from awizo.worker.outcomes import Outcomes, crashed
from awizo.worker.policies import policy_of
from awizo.worker.schedule import FORWARD_HOLD_CODES, history

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
_FORWARDED = metrics.ATTEMPTS.labels(action="forward", outcome="done", code="")
BOUNCE_HEAD_BYTES = 65_536
REPORT_AGAIN_S = 1.0


class WayOut:
    """Sends messages; many may be on their way side by side, each under leases of its own.

    Args:
        are_ours: Whether nobody else can have taken any of these leases.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        spool: Spool,
        smarthosts: Smarthosts,
        alerts: Alerts,
        outbox: Outbox,
        outcomes: Outcomes,
        hostname: str,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        are_ours: Callable[[Sequence[str]], bool] = lambda leases: True,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._smarthosts = smarthosts
        self._alerts = alerts
        self._outbox = outbox
        self._outcomes = outcomes
        self._hostname = hostname
        self._now = now
        self._new_id = new_id
        self._are_ours = are_ours
        # Standing alerts about the way out, with the smarthosts that have the trouble.
        self._smarthost_alerts: dict[str, set[str]] = {code: set() for code in TROUBLE_AT_SMARTHOST}

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
            crash = crashed(error, "forward")
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
                crashed(error, "forward")
            return

    async def _sent(self, job: Job, delivery: Delivery, result: RecipientResult) -> None:
        now = self._now()
        policy = policy_of(self._settings, delivery)
        _FORWARDED.inc()
        decide, outcome = self._outcomes.deciding(now, policy)
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
        self._outcomes.log_settled(outcome)
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
        policy = policy_of(self._settings, delivery)
        if error.code in TROUBLE_AT_SMARTHOST:
            troubled = self._smarthost_alerts.setdefault(error.code, set())
            troubled.add(delivery.message.smarthost)
            await self._alerts.raise_(error.code, account=None, detail=error.reply)
        now = self._now()
        again = self._outcomes.again_at(job, error, now, policy)
        # A mail that was held for such a code already is given up, not held again.
        held = error.code in FORWARD_HOLD_CODES and "hold_expired" not in delivery.notes
        if again is None and not held:
            # The bounce is durable before the failure is: at worst it is written twice, and
            # its id, made of the job's, keeps it from being sent twice.
            await self._bounce(job, delivery, result)
        await self._outcomes.not_done(job, error, policy)

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


def _all_failed(
    jobs: Sequence[Job], deliveries: Mapping[str, Delivery], error: ActionError
) -> dict[str, RecipientResult]:
    return {
        job.id: RecipientResult(
            recipient=deliveries[job.id].recipient, ok=False, error=error, reply="", host=""
        )
        for job in jobs
    }

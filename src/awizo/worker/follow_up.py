"""Look after what was settled: virus scans of filed documents, fates of forwarded mails.

In:  leased follow-ups, made by ``worker/execute.py`` and ``worker/way_out.py`` when a job was done.
Out: each ended, or due again; the delivery marked or reopened where Allegro thinks otherwise.

``invoice_scan``    the antivirus verdict comes after the upload and is announced nowhere; a
                    document that was rejected, or has vanished, reopens its delivery.
``delivery_check``  what the Message Center says of a mail to a buyer that was forwarded. A
                    blocked one was judged wrongly: this is how Awizo learns that Allegro
                    disagrees.

Source: FACTS 2.6, 2.11 and 1.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from awizo.actions.scan import look_at_scan
from awizo.allegro.client import AllegroClients
from awizo.allegro.conversations import Conversations
from awizo.allegro.ports import Ledger
from awizo.errors import ActionError, Deferral, LeaseLost, NotFound, PermanentFailure
from awizo.model import DeliveryState
from awizo.settings import Policy, Settings
from awizo.spool.port import Ending, FollowUp, Spool, StoredDelivery
from awizo.telemetry.logging import places
from awizo.triage.parse import parse
from awizo.worker.alerts import Alerts
from awizo.worker.policies import policy_of
from awizo.worker.schedule import history, next_mail_look, when_refused_later

log = structlog.get_logger()

BUSY_WAIT = timedelta(minutes=5)  # Allegro could not be asked: look again no sooner
MAIL_GIVE_UP = timedelta(hours=48)  # after the mail left, whoever could not be asked
CRASHES_MAX = 10

NOTE_JUDGED_WRONGLY = "judged_wrongly"
VERIFYING = "VERIFYING"
BLOCKED = "BLOCKED"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one look came to: what the history keeps, when to look again, what it changes."""

    event: str
    said: dict[str, Any]
    again_at: datetime | None = None
    reopen: Ending | None = None
    alert: str | None = None


class FollowUps:
    """Handles one leased follow-up at a time; many may run side by side."""

    def __init__(
        self,
        *,
        settings: Settings,
        spool: Spool,
        ledger: Ledger,
        clients: AllegroClients,
        conversations: Conversations,
        alerts: Alerts,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._ledger = ledger
        self._clients = clients
        self._conversations = conversations
        self._alerts = alerts
        self._now = now

    async def handle(self, follow_up: FollowUp) -> None:
        """Look once and report; trouble of ours or Allegro's puts the look off."""
        with structlog.contextvars.bound_contextvars(
            delivery_id=follow_up.delivery_id, follow_up_id=follow_up.id
        ):
            try:
                stored = await self._spool.show(follow_up.delivery_id)
                outcome = await self._look(follow_up, stored)
                await self._report(follow_up, outcome)
            except LeaseLost:
                log.warning("lease_lost", work=follow_up.kind)
            except NotFound:
                log.info("delivery_gone", work=follow_up.kind)

    async def _look(self, follow_up: FollowUp, stored: StoredDelivery) -> _Outcome:
        look = {"invoice_scan": self._scan, "delivery_check": self._mail}.get(follow_up.kind)
        account = follow_up.account or stored.delivery.account
        if look is None or account is None:
            return _Outcome("follow_up_ended", {"kind": follow_up.kind, "code": "not_known"})
        try:
            return await look(follow_up, account, stored)
        except Deferral as error:
            return self._put_off(follow_up, error)
        except PermanentFailure as error:
            return _Outcome(
                "follow_up_failed",
                {"kind": follow_up.kind, **_words(error)},
                alert=error.code if error.code == "access_denied" else None,
            )
        except Exception as error:
            if isinstance(error, NotFound | LeaseLost):
                raise
            log.error(
                "follow_up_crashed",
                kind=follow_up.kind,
                error=type(error).__name__,
                places=places(error),
            )
            again = follow_up.attempts < CRASHES_MAX
            return _Outcome(
                "follow_up_failed",
                {"kind": follow_up.kind, "code": type(error).__name__},
                again_at=self._now() + BUSY_WAIT if again else None,
            )

    async def _report(self, follow_up: FollowUp, outcome: _Outcome) -> None:
        now = self._now()
        await self._spool.end_follow_up(
            follow_up,
            again_at=outcome.again_at,
            entry=history(now, outcome.event, **outcome.said),
            reopen=outcome.reopen,
        )
        log.info(outcome.event, again=outcome.again_at is not None, **outcome.said)
        if outcome.alert is not None:
            await self._alerts.raise_(outcome.alert, account=follow_up.account)

    def _put_off(self, follow_up: FollowUp, error: Deferral) -> _Outcome:
        """Allegro could not be asked: the same look again, while there is time."""
        again_at = self._now() + max(error.not_before, BUSY_WAIT)
        over_at = (
            datetime.fromisoformat(str(follow_up.data["until"]))
            if follow_up.kind == "invoice_scan"
            else datetime.fromisoformat(str(follow_up.data["forwarded_at"])) + MAIL_GIVE_UP
        )
        in_time = again_at <= over_at
        return _Outcome(
            "follow_up_deferred" if in_time else "follow_up_failed",
            {"kind": follow_up.kind, **_words(error)},
            again_at=again_at if in_time else None,
        )

    # -- the virus scan of a document ----------------------------------------------------------

    async def _scan(self, follow_up: FollowUp, account: str, stored: StoredDelivery) -> _Outcome:
        now = self._now()
        look = await look_at_scan(
            self._clients.account(account),
            self._ledger,
            follow_up.data,
            attempts=follow_up.attempts,
            now=now,
        )
        said: dict[str, Any] = {
            "verdict": look.verdict,
            "invoice_id": follow_up.data.get("invoice_id"),
            "trace_id": look.trace_id,
        }
        problem = {"rejected": "document_rejected", "gone": "verification_failed"}.get(look.verdict)
        if problem is None:
            return _Outcome("scan_looked_at", said, again_at=look.again_at)
        ending = when_refused_later(
            stored.delivery,
            stored.jobs,
            problem=problem,
            now=now,
            policy=self._policy_of(stored),
        )
        return _Outcome("scan_looked_at", said, reopen=ending, alert=problem)

    # -- the fate of a forwarded mail ----------------------------------------------------------

    async def _mail(self, follow_up: FollowUp, account: str, stored: StoredDelivery) -> _Outcome:
        now = self._now()
        allegro = self._settings.allegro
        forwarded_at = datetime.fromisoformat(str(follow_up.data["forwarded_at"]))
        order_id = follow_up.data.get("order_id") or stored.delivery.order_id
        if not order_id:
            still_awaited = stored.delivery.state is DeliveryState.RECEIVED
            return _Outcome(
                "follow_up_deferred" if still_awaited else "follow_up_ended",
                {"kind": follow_up.kind, "code": "order_unknown"},
                again_at=now + BUSY_WAIT if still_awaited else None,
            )
        order = await self._clients.account(account).order(str(order_id))
        subject, text = await self._beginning_of(stored)
        fate = await self._conversations.fate_of_mail(
            order, forwarded_at=forwarded_at, subject=subject, text=text
        )
        status = None if fate is None else fate.status
        said: dict[str, Any] = {
            "status": status or "not_seen",
            "allegro_message_id": None if fate is None else fate.message_id,
        }
        if status == BLOCKED:
            return _Outcome(
                "mail_looked_at",
                said,
                reopen=Ending(problem="mail_blocked", notes=(NOTE_JUDGED_WRONGLY,)),
                alert="mail_blocked",
            )
        if status not in (None, VERIFYING):
            return _Outcome("mail_looked_at", said)
        again_at = next_mail_look(
            forwarded_at=forwarded_at, now=now, after_s=allegro.delivery_check_after_s
        )
        waited_s = (now - forwarded_at).total_seconds()
        too_long = waited_s >= allegro.verifying_alert_after_s or again_at is None
        if status == VERIFYING and too_long:
            problem = "mail_still_verifying"
            ending = None if stored.delivery.problem else Ending(problem=problem)
            return _Outcome("mail_looked_at", said, again_at, reopen=ending, alert=problem)
        return _Outcome("mail_looked_at", said, again_at)

    async def _beginning_of(self, stored: StoredDelivery) -> tuple[str, str]:
        """Subject and text of the mail, empty when its content is gone."""
        try:
            content = await self._spool.content(stored.delivery.message.id)
        except NotFound:
            return "", ""
        message = await asyncio.to_thread(parse, content)
        return message.subject, message.text

    def _policy_of(self, stored: StoredDelivery) -> Policy:
        return policy_of(self._settings, stored.delivery)


def _words(error: ActionError) -> dict[str, Any]:
    return {
        "code": error.code,
        "reply": error.reply,
        "status": error.status,
        "trace_id": error.trace_id,
    }

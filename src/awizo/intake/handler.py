"""Take a received message into the spool, and say so only when it is durable.

In:  what the session gathered: sender, recipients, route, client, content.
Out: the reply to the final dot.

250 is a promise: it is given after ``Spool.accept`` has returned, and nothing can fail behind
it. An error of ours is 451 without its text. Who may send, and what the protocol asks for, is
settled before; what becomes of the mail is decided later, by the worker.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from awizo.errors import StorageFull, StoreError
from awizo.intake import replies
from awizo.intake.body import Body
from awizo.intake.loops import LoopGuard
from awizo.intake.paths import Sender
from awizo.intake.replies import Reply
from awizo.intake.routes import RouteChoice
from awizo.intake.store_watch import StoreWatch
from awizo.model import Client, ContentFacts, DeliveryState, Envelope, Recipient
from awizo.settings import Settings
from awizo.spool.port import NewDelivery, NewMessage, Spool
from awizo.telemetry import metrics
from awizo.telemetry.logging import places
from awizo.triage.addresses import is_buyer

log = structlog.get_logger()

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Received:
    """A whole message as it came over the wire."""

    sender: Sender
    recipients: tuple[Recipient, ...]
    route: RouteChoice
    client: Client
    body: Body
    message_id: str | None
    facts: ContentFacts | None = None


class Handler:
    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        watch: StoreWatch,
        on_accepted: Callable[[], None] | None = None,
        on_held: Callable[[str], None] | None = None,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._now = now
        self._new_id = new_id
        self._watch = watch
        self._on_accepted = on_accepted
        self._on_held = on_held
        self._loops = LoopGuard(spool)
        self._log = log.bind()  # once: the lazy one looks its settings up for each line

    async def accept(self, received: Received) -> Reply:
        """Store a message with its deliveries; never raises but for cancellation."""
        started = time.perf_counter()
        try:
            reply, outcome = await self._accept(received)
        except StorageFull:
            reply, outcome = replies.STORAGE_FULL, "storage_full"
            log.error("mail_not_accepted", reason="storage_full")
        except StoreError as error:
            self._watch.failed()
            reply, outcome = replies.ERROR_OF_OURS, "store_error"
            log.error("mail_not_accepted", reason="store_error", error=type(error).__name__)
        except OSError as error:
            full = error.errno in _NO_ROOM
            reply = replies.STORAGE_FULL if full else replies.ERROR_OF_OURS
            outcome = "storage_full" if full else "disk_error"
            log.error("mail_not_accepted", reason=outcome, errno=error.errno)
        except Exception as error:
            reply, outcome = replies.ERROR_OF_OURS, "error"
            log.error("mail_not_accepted", reason=type(error).__name__, places=places(error))
        finally:
            received.body.drop()
        metrics.MAILS_RECEIVED.labels(outcome).inc()
        metrics.ACCEPT_SECONDS.observe(time.perf_counter() - started)
        return reply

    async def _accept(self, received: Received) -> tuple[Reply, str]:
        body, route = received.body, received.route
        if body.failure is not None:
            raise body.failure
        now = self._now()
        content = body.file()
        sha256 = body.sha256
        addresses = tuple(recipient.address for recipient in received.recipients)
        circling = await self._loops.circling(sha256, addresses, now=now)
        policy = self._settings.policy_named(route.policy)
        held_until = now + timedelta(hours=policy.hold_max_h)
        message = NewMessage(
            id=self._new_id(),
            envelope=Envelope(
                reverse_path=received.sender.address,
                recipients=received.recipients,
                client=received.client,
                received_at=now,
                body=received.sender.body,
                smtputf8=received.sender.smtputf8,
                ret=received.sender.ret,
                envid=received.sender.envid,
            ),
            route=route.name,
            smarthost=route.smarthost,
            accounts=route.accounts,
            policy=route.policy,
            size_bytes=body.size_bytes,
            sha256=sha256,
            message_id=received.message_id,
            facts=received.facts,
            deliveries=tuple(
                self._delivery(index, address, held_until if address in circling else None)
                for index, address in enumerate(addresses)
            ),
        )
        await self._spool.accept(message, content)
        if self._on_accepted is not None:
            self._on_accepted()
        self._log.info(
            "mail_accepted",
            message_id=message.id,
            size_bytes=message.size_bytes,
            recipients=len(addresses),
            client=received.client.address,
        )
        if circling:
            log.warning("mail_held", message_id=message.id, problem="loop", count=len(circling))
            if self._on_held is not None:
                self._on_held("loop")
        return replies.queued(message.id), "accepted"

    def _delivery(self, index: int, address: str, held_until: datetime | None) -> NewDelivery:
        circling = held_until is not None
        return NewDelivery(
            id=self._new_id(),
            recipient_index=index,
            to_buyer=is_buyer(address, self._settings.allegro.buyer_domains),
            state=DeliveryState.HELD if circling else DeliveryState.RECEIVED,
            problem="loop" if circling else None,
            held_until=held_until,
        )

"""``awizo queue replay``: judge what is stored by the rules of today.

In:  the stored mails to buyers with the verdicts they got.
Out: a line for each that would be judged differently: as another kind, or no longer (or only
     now) surely enough to be stopped.

What the Message Center said at the time is not asked again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from awizo.book import load_book
from awizo.cli.common import complain, out, print_json, utc_now
from awizo.documents import Inspector
from awizo.errors import NotAllowed, NotFound
from awizo.model import DeliveryState, Verdict
from awizo.operations import Operations
from awizo.settings import Settings
from awizo.spool.port import StoredDelivery
from awizo.store import Stores
from awizo.triage.judge import Book, judge
from awizo.triage.parse import parse


@dataclass(frozen=True, slots=True)
class _Judged:
    """What a verdict comes to: its kind, and whether it is sure enough to act on."""

    kind: str
    confidence: float
    sure: bool

    def __str__(self) -> str:
        return f"{self.kind} ({self.confidence:.0%}{'' if self.sure else ', not sure enough'})"


async def replay_stored(
    settings: Settings, stores: Stores, *, dry_run: bool, as_json: bool
) -> None:
    """Say of which stored mails the verdict would be another one; judge those anew if asked to.

    What is settled stays as it is.
    """
    book = load_book(settings)
    inspector = Inspector(settings.documents)
    await inspector.start()
    looked_at = changed = 0
    try:
        async for stored in stores.spool.list():
            if stored.verdict is None or not stored.content_kept:
                continue
            looked_at += 1
            verdict = await _verdict(stored, stores, inspector, book)
            was = _judged(settings, stored.verdict["kind"], float(stored.verdict["confidence"]))
            now = _judged(settings, verdict.kind, verdict.confidence)
            if (was.kind, was.sure) == (now.kind, now.sure):
                continue
            changed += 1
            _tell(stored, was, now, as_json=as_json)
            if not dry_run:
                await _judge_again(stored, stores)
    finally:
        await inspector.close()
    if not as_json:
        out.print(f"{changed} of {looked_at} judged differently", markup=False)


def _judged(settings: Settings, kind: str, confidence: float) -> _Judged:
    return _Judged(str(kind), confidence, confidence >= settings.policy.stop_at)


async def _verdict(
    stored: StoredDelivery, stores: Stores, inspector: Inspector, book: Book
) -> Verdict:
    """The verdict of today, on what was known at the time."""
    delivery = stored.delivery
    message = await asyncio.to_thread(parse, await stores.spool.content(delivery.message.id))
    seen: tuple[str, ...] = ()
    if message.in_reply_to and await stores.spool.seen_automatic(message.in_reply_to):
        seen = (message.in_reply_to,)
    facts = await inspector.inspect(message)
    return judge(
        message,
        facts,
        book,
        seen_automatic_ids=seen,
        smtp_user=delivery.message.envelope.client.smtp_user,
    ).verdict


def _tell(stored: StoredDelivery, was: _Judged, now: _Judged, *, as_json: bool) -> None:
    delivery = stored.delivery
    if as_json:
        print_json(
            {
                "id": delivery.id,
                "state": delivery.state,
                "was": was.kind,
                "was_confidence": round(was.confidence, 4),
                "would_be": now.kind,
                "confidence": round(now.confidence, 4),
            }
        )
    else:
        out.print(f"{delivery.id}  {delivery.state:<9} {was} -> {now}", markup=False)


async def _judge_again(stored: StoredDelivery, stores: Stores) -> None:
    if stored.delivery.state is DeliveryState.SETTLED:
        return
    operations = Operations(spool=stores.spool, now=utc_now, actor="cli")
    try:
        await operations.judge_again(stored.delivery.id)
    except (NotAllowed, NotFound) as error:
        complain(f"{stored.delivery.id}: {error}")

"""Look at every file beside a mail.

In:  a ParsedMessage.
Out: one DocumentFacts for each attachment, in order.

A PDF is what begins like one, whatever it is called, and is judged by its text, which a helper
process reads. Anything else is judged by its name, type and first bytes. What a mail's words
or its order make of it is left to ``triage``.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace

import structlog

from awizo.documents.facts import judge_text, near_words
from awizo.documents.other_files import judge_other
from awizo.documents.pool import HelperDied, Pool
from awizo.documents.scans import believed
from awizo.model import Attachment, DocumentFacts, ParsedMessage
from awizo.settings import Documents

log = structlog.get_logger()

PDF_MAGIC = b"%PDF-"
MAGIC_WITHIN_BYTES = 1024  # readers accept a header within the first 1024 bytes
ALLEGRO_MAX_BYTES = 3_000_000  # FACTS 2.5: 3 MB; taken as decimal, the smaller reading
MAX_KILLED_PER_MESSAGE = 3


class Inspector:
    """Reads documents in helper processes. Use ``start`` and ``close``, or let the first PDF
    start a helper."""

    def __init__(self, settings: Documents) -> None:
        self._max_pages = settings.max_pages
        self._pool = Pool(
            size=settings.helpers,
            memory_bytes=settings.helper_memory_bytes,
            timeout_s=settings.helper_timeout_s,
        )

    async def start(self) -> None:
        """Have the helpers ready. Without any the service still runs: PDFs stay unread."""
        try:
            await self._pool.warm_up()
        except HelperDied:
            log.error("document_helper_not_started")

    async def close(self) -> None:
        await self._pool.close()

    async def inspect(self, message: ParsedMessage) -> tuple[DocumentFacts, ...]:
        """Say what each attachment is; never raises over a bad file."""
        killed = 0
        found: list[DocumentFacts] = []
        for attachment in message.attachments:
            if not is_pdf(attachment.content):
                found.append(judge_other(attachment, near_words(message, attachment.name)))
            elif killed < MAX_KILLED_PER_MESSAGE:
                facts, died = await self._inspect_pdf(attachment, message)
                killed += died
                found.append(facts)
            else:  # a mail full of files made to waste our time
                found.append(_unread(attachment, message, "damaged"))
        return believed(message, found, _unread_pdfs(message, found))

    async def shrink(self, pdf: bytes, max_bytes: int = ALLEGRO_MAX_BYTES) -> bytes | None:
        """The same pages in at most *max_bytes*, or ``None`` when that cannot be had."""
        try:
            answer, smaller = await self._pool.ask({"ask": "shrink", "max_bytes": max_bytes}, pdf)
        except HelperDied:
            return None
        return smaller if answer.get("done") else None

    async def _inspect_pdf(
        self, attachment: Attachment, message: ParsedMessage
    ) -> tuple[DocumentFacts, bool]:
        try:
            answer, _ = await self._pool.ask(
                {"ask": "text", "max_pages": self._max_pages}, attachment.content
            )
        except HelperDied:
            return _unread(attachment, message, "damaged"), True
        state = str(answer["state"])
        if state != "ok":
            return _unread(attachment, message, state), False
        facts = await asyncio.to_thread(
            judge_text,
            str(answer["text"]),
            attachment.name,
            near_words(message, attachment.name),
            part=attachment.part,
            sha256=_digest(attachment.content),
            size_bytes=len(attachment.content),
        )
        if facts.size_bytes > ALLEGRO_MAX_BYTES and await self.shrink(attachment.content) is None:
            facts = replace(facts, state="too_large")
        return facts, False


def _unread_pdfs(message: ParsedMessage, found: Sequence[DocumentFacts]) -> list[int]:
    return [
        place
        for place, (attachment, fact) in enumerate(zip(message.attachments, found, strict=True))
        if is_pdf(attachment.content) and fact.state == "ok" and not fact.text_sha256
    ]


def is_pdf(content: bytes) -> bool:
    """By its first bytes alone: names and types are often wrong."""
    return PDF_MAGIC in content[:MAGIC_WITHIN_BYTES]


def _unread(attachment: Attachment, message: ParsedMessage, state: str) -> DocumentFacts:
    """A PDF whose text cannot be had: what its name and the mail say."""
    return judge_text(
        "",
        attachment.name,
        near_words(message, attachment.name),
        part=attachment.part,
        sha256=_digest(attachment.content),
        size_bytes=len(attachment.content),
        state=state,
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

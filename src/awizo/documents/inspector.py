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
from dataclasses import replace

import structlog

from awizo.documents.facts import judge_text, near_words
from awizo.documents.other_files import judge_other
from awizo.documents.pool import HelperDied, Pool
from awizo.documents.titles import titles_in
from awizo.model import (
    SALES_DOCUMENTS,
    Attachment,
    DocumentFacts,
    DocumentKind,
    ParsedMessage,
)
from awizo.settings import Documents
from awizo.triage.words import clean, plain

log = structlog.get_logger()

PDF_MAGIC = b"%PDF-"
MAGIC_WITHIN_BYTES = 1024  # readers accept a header within the first 1024 bytes
ALLEGRO_MAX_BYTES = 3_000_000  # FACTS 2.5: 3 MB; taken as decimal, the smaller reading
MAX_KILLED_PER_MESSAGE = 3
BELIEVED = 0.65  # confidence of a lone scan that its mail calls an invoice


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
        return tuple(_believed(message, found))

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


def _believed(message: ParsedMessage, found: list[DocumentFacts]) -> list[DocumentFacts]:
    """Take the mail's word for a scan that lies alone: "the invoice is attached" is that file.

    Only where the mail speaks of no other sort of file, and the scan's name of none either.
    """
    files = [fact for fact in found if fact.kind is not DocumentKind.LOGO]
    if len(files) != 1 or files[0].text_sha256 or files[0].state != "ok":
        return found
    (scan,) = files
    if not scan.is_sales_document or scan.confidence >= BELIEVED:
        return found
    words = plain(clean(f"{near_words(message, scan.name)}\n{scan.name}"))
    titles = [title.kind for line in words.split("\n")[:40] for title in titles_in(line[:400])]
    if any(kind not in SALES_DOCUMENTS for kind in titles):
        return found
    return [replace(fact, confidence=BELIEVED) if fact is scan else fact for fact in found]


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

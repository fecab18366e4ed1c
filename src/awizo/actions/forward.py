"""Hand a message to its smarthost, byte for byte.

In:  the Forward jobs of one message that are due together, its content.
Out: what became of each job.

One SMTP transaction carries all of them where the smarthost takes that many recipients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from awizo.actions.base import Later
from awizo.errors import Deferral
from awizo.model import Job, Recipient, SpooledMessage
from awizo.smarthost.content import Read
from awizo.smarthost.smarthosts import Smarthosts
from awizo.smarthost.transaction import RecipientResult


async def forward(
    jobs: Sequence[tuple[Job, Recipient]],
    message: SpooledMessage,
    read: Read,
    smarthosts: Smarthosts,
    *,
    may_end: Callable[[], bool] = lambda: True,
) -> Mapping[str, RecipientResult]:
    """Send *message* to the recipients of *jobs*; results by the jobs' ids.

    Not safe to repeat after a success: report what became of it before anything else.

    Args:
        may_end: Asked before each final dot; ``False``: the mail is no longer ours to send.

    Raises:
        NotFound: The content is no longer kept.
    """
    results = await smarthosts.send(
        message, [recipient for _, recipient in jobs], read, may_end=may_end
    )
    return {job.id: _patient(result) for (job, _), result in zip(jobs, results, strict=True)}


def _patient(result: RecipientResult) -> RecipientResult:
    """Waiting for a free connection, or for the database, is no failed attempt."""
    error = result.error
    if isinstance(error, Deferral) and error.code in ("smarthost_queue", "lease_lost"):
        return replace(result, error=Later(error.not_before, error.code, error.reply))
    return result

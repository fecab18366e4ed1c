"""Hand a message to its smarthost, byte for byte.

In:  the Forward jobs of one message that are due together, its content.
Out: what became of each job.

One SMTP transaction carries all of them where the smarthost takes that many recipients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from awizo.actions.base import Later
from awizo.errors import Deferral
from awizo.model import Job, Recipient, SpooledMessage
from awizo.smarthost import RecipientResult, Smarthosts
from awizo.smarthost.content import Read


async def forward(
    jobs: Sequence[tuple[Job, Recipient]],
    message: SpooledMessage,
    read: Read,
    smarthosts: Smarthosts,
) -> Mapping[str, RecipientResult]:
    """Send *message* to the recipients of *jobs*; results by the jobs' ids.

    Not safe to repeat after a success: report what became of it before anything else.

    Raises:
        NotFound: The content is no longer kept.
    """
    results = await smarthosts.send(message, [recipient for _, recipient in jobs], read)
    return {job.id: _patient(result) for (job, _), result in zip(jobs, results, strict=True)}


def _patient(result: RecipientResult) -> RecipientResult:
    """Waiting for a free connection is no failed attempt."""
    error = result.error
    if isinstance(error, Deferral) and error.code == "smarthost_queue":
        return replace(result, error=Later(error.not_before, error.code, error.reply))
    return result

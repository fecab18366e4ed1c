"""Tell a person: one cause, one alert, with the next step.

In:  a problem slug with its account.
Out: a log line; where configured also a mail through the smarthost and a webhook call.

An alert is repeated only after ``alerts.repeat_after_h``; standing ones show in the panel
and in ``awizo check``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

import structlog

from awizo.problems import described
from awizo.settings import Alerts as AlertSettings
from awizo.spool.port import Spool
from awizo.telemetry import metrics

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger()

WEBHOOK_TIMEOUT_S = 10.0

SendMail = Callable[[bytes, str, tuple[str, ...]], Awaitable[None]]
"""Accept a message of ours: content, reverse-path, recipients."""


class Alerts:
    def __init__(
        self,
        *,
        settings: AlertSettings,
        spool: Spool,
        now: Callable[[], datetime],
        send_mail: SendMail | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._now = now
        self._send_mail = send_mail
        self._transport = transport

    async def raise_(self, cause: str, *, account: str | None, detail: str = "") -> None:
        """Record the alert and tell it when it is new; never fails."""
        problem = described(cause)
        text = " ".join(part for part in (problem.words, detail, problem.next_step) if part)
        try:
            fresh = await self._spool.raise_alert(
                cause=cause,
                account=account,
                text=text,
                now=self._now(),
                repeat_after_h=self._settings.repeat_after_h,
            )
            if not fresh:
                return
            metrics.ALERTS.labels(cause=cause).set(1)
            (log.error if problem.level == "error" else log.warning)(
                "alert_raised",
                cause=cause,
                account=account,
                words=problem.words,
                next_step=problem.next_step,
            )
            await self._tell(cause, account, text)
        except Exception as error:
            # Not its words: the address of a webhook is a secret.
            log.error("alert_not_told", cause=cause, error=type(error).__name__)

    async def clear(self, cause: str, *, account: str | None) -> None:
        await self._spool.clear_alert(cause=cause, account=account)
        metrics.ALERTS.labels(cause=cause).set(0)

    async def _tell(self, cause: str, account: str | None, text: str) -> None:
        if self._settings.email_to and self._send_mail is not None:
            message = EmailMessage()
            sender = self._settings.email_from or self._settings.email_to[0]
            message["From"] = sender
            message["To"] = ", ".join(self._settings.email_to)
            message["Subject"] = f"Awizo: {cause}" + (f" ({account})" if account else "")
            message["Date"] = format_datetime(self._now())
            message["Auto-Submitted"] = "auto-generated"
            message.set_content(text + "\n")
            await self._send_mail(
                message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
                sender,
                self._settings.email_to,
            )
        if self._settings.webhook_url:
            import httpx  # only now: it takes long, and most services have no webhook

            async with httpx.AsyncClient(
                transport=self._transport, timeout=WEBHOOK_TIMEOUT_S
            ) as http:
                reply = await http.post(
                    self._settings.webhook_url,
                    json={"cause": cause, "account": account, "text": text},
                )
                reply.raise_for_status()

"""One API call as the handlers see it, and what they answer.

In:  a request whose token and media types were found good.
Out: an Answer; a Refusal raised on the way becomes one.

Error bodies have the shape of openapi.yaml (``ErrorsHolder``). Codes are the ones integrators
have seen where that is known; ``docs/emulator.md`` lists those that are our own guess.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from awizo.emulator.scenarios import Scenario, Scenarios
from awizo.emulator.world import Order, World

PUBLIC = "application/vnd.allegro.public.v1+json"
BETA = "application/vnd.allegro.beta.v1+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is JSON unless it is bytes; ``None`` for no body at all."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The call is refused."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str | None,
        *,
        details: str | None = None,
        path: str | None = None,
        metadata: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.answer = Answer(
            status,
            {
                "errors": [
                    {
                        "code": code,
                        "message": message,
                        "details": details,
                        "path": path,
                        "userMessage": message or "The request contains incorrect data.",
                        "metadata": dict(metadata or {}),
                    }
                ]
            },
            headers or {},
        )


@dataclass(slots=True)
class Rules:
    """How this Allegro is set up.

    Attributes:
        scan_s: How long the antivirus scan takes; 0: the verdict is there at once.
        metadata_gap_s: Two declarations without a file between them need this distance.
        verify_s: How long a message is VERIFYING.
        link_hosts: Hosts whose links are taken, with all hosts under them.
    """

    max_file_bytes: int = 3_000_000  # FACTS 2.5: 3 MB, unknown whether decimal
    invoices_max: int = 10
    links_max: int = 10
    operations_max: int = 30
    waybills_max: int = 30
    waybill_orders_max: int = 10
    scan_s: float = 1.0
    metadata_gap_s: float = 5.0
    verify_s: float = 1.0
    link_hosts: tuple[str, ...] = ("eparagony.pl", "paragony.pl", "fakturownia.pl")


@dataclass(slots=True)
class Call:
    """A call that has passed the gate.

    Attributes:
        operation: One of ``scenarios.OPERATIONS``.
        media: ``PUBLIC`` or ``BETA``, as asked for.
        seller: Name of the account the token belongs to, "" for an application's token.
        struck: Names of the scenarios that struck, for the request log.
    """

    world: World
    rules: Rules
    scenarios: Scenarios
    operation: str
    parts: Mapping[str, str]
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    content: bytes
    media: str
    seller: str
    struck: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.world.now()

    def strike(self, name: str, order_id: str = "") -> Scenario | None:
        """The scenario of that name, if it strikes this call."""
        found = self.scenarios.strike(
            name, at_s=self.now.timestamp(), operation=self.operation,
            order_id=order_id or self.parts.get("id", ""),
        )  # fmt: skip
        if found is not None:
            self.struck.append(name)
        return found

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    def number(self, name: str, *, low: int, high: int, default: int) -> int:
        """A whole number of the query.

        Raises:
            Refusal: 422: it is none, or out of bounds.
        """
        told = self.one(name)
        if told is None:
            return default
        if not told.isascii() or not told.isdigit() or not low <= int(told) <= high:
            raise Refusal(
                422,
                "ConstraintViolationException",
                f"{name} must be a number from {low} to {high}",
                path=name,
            )
        return int(told)

    def moment(self, name: str, *, status: int = 400) -> datetime | None:
        told = self.one(name)
        if told is None:
            return None
        try:
            at = datetime.fromisoformat(told)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise Refusal(
                status, "IllegalArgumentException", f"{name} is no time with a zone", path=name
            )
        return at

    def json(self, *, status: int = 400, code: str = "JsonParseException") -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            Refusal: It is none.
        """
        try:
            body = json.loads(self.content)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise Refusal(status, code, "An error has occurred: the body is no JSON object")
        return body

    def order(self, *, refuse_malformed: bool = False) -> Order:
        """The order of the path.

        Raises:
            Refusal: 404, also for another account's order (FACTS 4.4).
        """
        order_id = self.parts["id"]
        if refuse_malformed and not _like_uuid(order_id):
            raise Refusal(422, "VALIDATION_ERROR", "the order id is no UUID", path="id")
        found = self.world.order(order_id)
        if found is None or found.seller != self.seller or not found.is_there(self.now):
            raise Refusal(
                404,
                "CheckoutFormNotFoundException",
                f"Checkout form {order_id} was not found",
                metadata={"checkoutFormId": order_id},
            )
        return found


def _like_uuid(text: str) -> bool:
    parts = text.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(
        char in "0123456789abcdefABCDEF" for part in parts for char in part
    )

"""A network that answers as a script says, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def answer(status: int = 200, body: Any = None, **headers: str) -> httpx.Response:
    """An answer with a JSON body (or raw bytes); underscores in header names become hyphens."""
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return httpx.Response(
        status,
        content=content,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def refusal(status: int, code: str, message: str = "", **headers: str) -> httpx.Response:
    errors = [{"code": code, "message": message, "path": None, "userMessage": ""}]
    return answer(status, {"errors": errors}, **headers)


class ScriptedNetwork(httpx.AsyncBaseTransport):
    """Gives the answers in turn; the last one repeats."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, Exception):
            raise given
        if isinstance(given, httpx.Response):
            # A fresh one each time: a response can be read only once.
            return httpx.Response(given.status_code, headers=given.headers, content=given.content)
        return given(request)

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]


class SteppingClock:
    """Seconds that go on when told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at

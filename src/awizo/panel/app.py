"""The panel's pages and the service's health, as a Starlette application.

In:  the store for reading, the operations for every change.
Out: HTML for people, plain answers for probes and scrapers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from awizo.operations import Operations
from awizo.settings import Settings
from awizo.store import Stores
from awizo.telemetry import metrics
from awizo.telemetry.health import Health

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def create_panel(
    *,
    settings: Settings,
    stores: Stores,
    operations: Operations,
    health: Health,
    now: Callable[[], datetime],
) -> Starlette:
    """The application; it holds no state of its own."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        readiness = await health.readiness()
        return JSONResponse(
            {"ready": readiness.ready, "parts": readiness.parts},
            status_code=200 if readiness.ready else 503,
        )

    async def metrics_page(_: Request) -> Response:
        return Response(metrics.exposition(), media_type=METRICS_TYPE)

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics_page),
        ]
    )

"""The panel's pages and the service's health, as a Starlette application.

In:  the store for reading, the operations for every change.
Out: HTML for people, plain answers for probes and scrapers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from awizo.errors import NotFound, StoreError
from awizo.operations import Operations
from awizo.panel.guard import Guard
from awizo.panel.pages import Pages
from awizo.panel.sessions import Sessions
from awizo.settings import Settings
from awizo.store import Stores
from awizo.telemetry import metrics
from awizo.telemetry.health import Health

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class PanelApp:
    """The application behind its gate; ``close`` ends its threads."""

    asgi: ASGIApp
    close: Callable[[], None]


def create_panel(
    *,
    settings: Settings,
    stores: Stores,
    operations: Operations,
    health: Health,
    now: Callable[[], datetime],
) -> PanelApp:
    """Put pages, probes and gate together.

    Raises:
        SettingsError: ``panel.password_hash`` is none that argon2 made.
    """

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

    sessions = Sessions(now)
    pages = Pages(
        settings=settings, stores=stores, operations=operations, sessions=sessions, now=now
    )

    async def http_error(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return await pages.complain(status, "Not here", "The panel has no such page.")

    inner = Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics_page),
            Route("/", pages.overview),
            Route("/deliveries", pages.deliveries),
            Route("/deliveries/{delivery_id}", pages.delivery),
            Route("/deliveries/{delivery_id}/preview", pages.preview),
            Route("/deliveries/{delivery_id}/original.eml", pages.original),
            Route("/deliveries/{delivery_id}/{wish}", pages.wish, methods=["POST"]),
            Route("/login", pages.login_form),
            Route("/login", pages.login, methods=["POST"]),
            Route("/logout", pages.logout, methods=["POST"]),
            Route("/static/{name}", pages.static),
        ],
        exception_handlers={
            HTTPException: http_error,
            NotFound: pages.not_found,
            StoreError: pages.store_failed,
            Exception: pages.failed,  # raised again afterwards, so that the gate logs it
        },
    )
    guarded = Guard(inner, panel=settings.panel, sessions=sessions, complain=pages.complain)
    return PanelApp(guarded, pages.close)

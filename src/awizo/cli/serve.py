"""``awizo serve``: run the proxy, the worker and the panel until told to stop."""

from __future__ import annotations

import asyncio
import signal

import structlog

from awizo.app import App
from awizo.cli.common import ConfigOption, read_settings, run
from awizo.collector import settle
from awizo.event_loop import prefer_throughput

log = structlog.get_logger()


def command(config: ConfigOption = None) -> None:
    """Run the proxy, the worker and the panel. SIGTERM ends it cleanly."""

    async def work() -> None:
        settings = read_settings(config, serving=True)
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        if settings.intake.processes > 1:
            prefer_throughput()
        app = App(settings)
        loop.add_signal_handler(signal.SIGHUP, app.reload)
        await app.start()
        settle()
        try:
            await app.wait(stopping)
        finally:
            await app.stop()

    run(work)

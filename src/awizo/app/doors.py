"""Open the doors by which mails come in: one listener, or several processes on one port.

In:  settings, a store that keeps mails, the alerts.
Out: open doors, known to the health checks; what ends them and what looks at their
     certificates again is left with the parts of the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from awizo.app.parts import Parts
from awizo.errors import StoreError
from awizo.intake.board import Board
from awizo.intake.listener import Intake
from awizo.intake.processes import IntakeProcesses
from awizo.settings import Settings
from awizo.smarthost.own import refuse_own_listener
from awizo.store import Stores
from awizo.store.serving import ServingLock
from awizo.telemetry.health import Health
from awizo.worker.alerts import Alerts


async def open_doors(
    settings: Settings,
    stores: Stores,
    alerts: Alerts,
    *,
    lock: ServingLock | None,
    parts: Parts,
    health: Health,
    now: Callable[[], datetime],
    instance_id: str,
    new_id: Callable[[], str],
    switch_interval_s: float,
) -> tuple[str, ...]:
    """Listen; returns the addresses.

    Args:
        lock: Kept by the intake processes too, as long as one of them lives.
        switch_interval_s: That of this process, for the others.

    Raises:
        SettingsError: The port is taken, or the smarthost is this very listener.
    """
    held = _Held(alerts)
    parts.on_stop("alerts", held.all_told)
    several = settings.intake.processes > 1
    board = Board.made_for(settings.intake.processes) if several else None
    intake = Intake(
        settings,
        stores.spool,
        now=now,
        instance_id=instance_id,
        new_id=new_id,
        on_held=held.tell,
        board=board,
    )
    bound = await intake.start()
    parts.on_reload(intake.reload_tls)
    parts.on_stop("intake", lambda: intake.drain(settings.intake.drain_s))
    health.add("store", stores.spool.probe)
    health.add("intake", partial(_see_open, lambda: intake.is_open))
    await refuse_own_listener(settings, bound)
    if board is not None:
        processes = IntakeProcesses(
            settings,
            instance_id=instance_id,
            board=board,
            doors=intake.doors,
            on_work=stores.database.announce_work,
            on_held=held.tell,
            # This process works on the mails, and takes some in while nobody else does.
            on_served=lambda served: intake.rest() if served else intake.take(),
            switch_interval_s=switch_interval_s,
            keep_open=() if lock is None else (lock.descriptor,),
        )
        # All are drained at the same time.
        parts.stop_instead("intake", lambda: _drain_all(intake, processes, settings.intake.drain_s))
        await processes.start()
        health.add("intake_processes", partial(_see_open, lambda: processes.are_open))
        parts.on_reload(processes.reload)
    return tuple(str(address) for address in bound)


class _Held:
    """Raises the alert about mails that intake held, once at a time for each problem."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        self._telling: dict[str, asyncio.Task[None]] = {}

    def tell(self, problem: str) -> None:
        if problem not in self._telling:  # else the alert is just being raised
            telling = asyncio.create_task(self._alerts.raise_(problem, account=None))
            self._telling[problem] = telling
            telling.add_done_callback(lambda _: self._telling.pop(problem))

    async def all_told(self) -> None:
        await asyncio.gather(*self._telling.values(), return_exceptions=True)


async def _see_open(is_open: Callable[[], bool]) -> None:
    if not is_open():
        raise StoreError("intake is closed")


async def _drain_all(intake: Intake, processes: IntakeProcesses, timeout_s: float) -> None:
    await asyncio.gather(intake.drain(timeout_s), processes.drain(timeout_s))

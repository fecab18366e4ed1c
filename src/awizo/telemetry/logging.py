"""Log events as one line each, JSON or for the eye.

In:  level and format of the settings.
Out: structlog configured for the process; the stdlib's loggers (aiosmtpd, uvicorn, httpx)
     go the same way, warnings and above only.

Subjects, addresses, bodies and tokens stay out of the log; ids tie its lines together. For the
same reason a traceback never shows the values of variables.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from pathlib import PurePath
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import Processor

NOISY = ("mail.log", "httpx", "httpcore", "uvicorn.access", "asyncio")


def configure_logging(
    level: str, style: str, stream: TextIO | None = None, *, for_good: bool = False
) -> None:
    """Set up structlog and the stdlib's root logger.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        style: ``json``, ``console``, or ``auto``: console on a terminal, JSON elsewhere.
        stream: Where lines go; standard error by default, so that standard output stays
            free for the answers of commands.
        for_good: It stays so until the process ends: what makes a line is put together once.
    """
    stream = sys.stderr if stream is None else stream
    for_people = style == "console" or (style == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if for_people:
        final: list[Processor] = [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    else:
        final = [
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(_as_json),
        ]
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # A line in one write: several processes share the stream, and none may cut into another.
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=for_good,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _unknown(value: Any) -> Any:
    """As structlog does it: what JSON does not know is shown as Python shows it."""
    return value.__structlog__() if hasattr(value, "__structlog__") else repr(value)


# A dataclass says by its repr what of it may be shown: no token, no secret.
_AS_PYTHON_SHOWS_IT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def _as_json(event: Any, **_: Any) -> str:
    try:
        return orjson.dumps(event, _unknown, _AS_PYTHON_SHOWS_IT).decode()
    except TypeError:  # half a surrogate pair, say
        return json.dumps(event, default=_unknown)


def places(error: BaseException) -> list[str]:
    """Where an error came from, outermost first, as ``file:line function``.

    For errors whose words may hold what stays out of the log.
    """
    return [
        f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]

"""``awizo healthcheck``: ask a running service on this machine how it is.

Exit 0 when it lives and is ready. For containers and supervisors; touches neither the store
nor the network.
"""

from __future__ import annotations

import http.client
import json

from awizo.cli.common import ConfigOption, out, plain_errors, read_settings
from awizo.errors import AwizoError

TIMEOUT_S = 6.0  # each part is given 5 s to answer, see telemetry/health.py


def command(config: ConfigOption = None) -> None:
    """Ask /livez and /readyz of the panel's port; exit 1 unless both are well."""
    with plain_errors():
        settings = read_settings(config, log_level="error")
        panel = settings.panel
        if not panel.enabled or panel.port == 0:
            raise AwizoError(
                "nobody can be asked: set panel.enabled = true and a panel.port of your choice"
            )
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(panel.host, panel.host)
        for path in ("/livez", "/readyz"):
            status, body = _ask(host, panel.port, path)
            if status != 200:
                raise AwizoError(f"{path} answers {status}: {_parts(body)}")
        out.print("well")


def _ask(host: str, port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read(65_536)
    except (OSError, http.client.HTTPException) as error:
        words = getattr(error, "strerror", None) or type(error).__name__
        raise AwizoError(
            f"{host}:{port} does not answer ({words}); is 'awizo serve' running with this "
            "config file?"
        ) from None
    finally:
        connection.close()


def _parts(body: bytes) -> str:
    """What is not well, of the answer of ``/readyz``."""
    try:
        parts = json.loads(body)["parts"]
        return ", ".join(f"{name}: {word}" for name, word in parts.items() if word != "ok")
    except (ValueError, LookupError, TypeError, AttributeError):
        return "no reason given"

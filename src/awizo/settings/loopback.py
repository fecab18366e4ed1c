"""Which hosts of the settings can only mean this machine.

In:  a host name or an address.
Out: whether what is sent there cannot leave the machine.
"""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host of the settings can only mean this machine."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False

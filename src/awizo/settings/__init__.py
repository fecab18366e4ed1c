"""Every knob, its unit in its name; the one reader of files, environment and secrets.

Order of precedence: command line, environment (``AWIZO_SECTION__KEY``, ``AWIZO_MODE``),
``config/awizo.toml``, the defaults in ``sections.py``. Unknown keys are errors that name the
file, the line and the key that was probably meant.
"""

from awizo.settings.loopback import is_loopback
from awizo.settings.reading import load_settings
from awizo.settings.sections import (
    Alerts,
    Allegro,
    Documents,
    Intake,
    Panel,
    Policy,
    Retention,
    Retry,
    Route,
    Smarthost,
    SmtpUser,
    Store,
)
from awizo.settings.whole import Settings

__all__ = [
    "Alerts",
    "Allegro",
    "Documents",
    "Intake",
    "Panel",
    "Policy",
    "Retention",
    "Retry",
    "Route",
    "Settings",
    "Smarthost",
    "SmtpUser",
    "Store",
    "is_loopback",
    "load_settings",
]

"""``python -m awizo``."""

from __future__ import annotations

import sys

from awizo.cli import main

sys.exit(main())

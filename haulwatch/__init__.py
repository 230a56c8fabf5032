"""The front door: command line, settings, wiring, supervision. Nothing below it knows how the parts are wired."""

from datetime import UTC, datetime
from typing import Final

__version__: Final = "0.1.0"

RELEASED: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock can honestly be before it: `haulwatch doctor` holds the system clock to it."""

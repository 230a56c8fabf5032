"""The command line, settings, wiring and supervision.

Arguments and environment variables enter; running processes leave. No package below knows how the parts are wired.
"""

from datetime import UTC, datetime
from typing import Final

__version__: Final = "0.1.0"

RELEASED: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""A system clock before this date is wrong; `haulwatch doctor` checks it."""

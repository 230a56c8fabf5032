"""Devices that go beyond a limit, by name: in the log, and in a small file that /readyz and /metrics read.

Each process that holds limits has one: collector, recorder, judge. It names a device once a minute and limit, however
often that happens.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from ingest.process.status_file import replace_status

SHOWN_MS: Final = 3_600_000
"""A device is named for so long after it was last beyond a limit."""
MAX_DEVICES: Final = 50
"""Named at once, those that were beyond a limit last: made-up ids must not fill the file."""
_LOG_EVERY_MS: Final = 60_000
_WRITE_EVERY_MS: Final = 1_000

_log = logging.getLogger(__name__)


class Limit(StrEnum):
    """What is limited. The files hold the values, and the metrics have them as labels."""

    RATE = "rate"
    """Messages or bytes beyond the rate of a device: only counted."""
    SHARE = "share"
    """Messages that have waited long for their device's share of the raw log."""
    DEAD_LETTERS = "dead_letters"
    """Refused readings for which there was no room: only counted."""
    COMPARTMENTS = "compartments"
    SCATTERED_TIMES = "scattered_times"
    """Readings that could not be compared with the store."""
    WAITING_READINGS = "waiting_readings"
    """Readings that were not judged, because too many of their device waited."""
    ALERTS = "alerts"
    """Alert changes that were not published."""


class OverLimit:
    """The devices beyond a limit that one process holds. `now_ms` is the wall clock."""

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._path, self._now_ms = path, now_ms
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        """By device and limit: how much was beyond it, and when last, ms; the last at the end."""
        self._log_at: dict[tuple[str, str], int] = {}
        self._write_at = 0
        self._written = True
        self._write()  # what the former process wrote is over

    def note(self, device: str, limit: Limit, count: int) -> None:
        """Note that so much of a device was beyond a limit."""
        now, key = self._now_ms(), (device, limit.value)
        before, _ = self._counts.pop(key, (0, 0))
        self._counts[key] = (before + count, now)
        while len(self._counts) > MAX_DEVICES:
            oldest = next(iter(self._counts))
            del self._counts[oldest]
            self._log_at.pop(oldest, None)
        if now >= self._log_at.get(key, 0):
            self._log_at[key] = now + _LOG_EVERY_MS
            _log.warning(
                "limits: %s is beyond its limit of %s, %d so far; the other devices go on: see docs/operation.md",
                device or "a device without a name",
                limit.value.replace("_", " "),
                before + count,
                extra={"device_id": device},
            )
        self._written = False
        self.report()

    def report(self) -> None:
        """Write the file if something changed, at most once a second. Never raises."""
        now = self._now_ms()
        if not self._written and now >= self._write_at:
            self._write_at = now + _WRITE_EVERY_MS
            self._write()

    def _write(self) -> None:
        found = [(device, limit, count, at) for (device, limit), (count, at) in self._counts.items()]
        replace_status(self._path, json.dumps(found).encode())
        self._written = True


def read_over_limit(paths: Sequence[Path], now: int) -> dict[str, dict[str, int]]:
    """How much was beyond each limit, by device, of devices named in the last hour. `now`: ms. Never raises."""
    found: dict[str, dict[str, int]] = {}
    for path in paths:
        try:
            rows = json.loads(path.read_bytes())
            recent = [
                (str(device), str(limit), int(count)) for device, limit, count, at in rows if abs(now - at) < SHOWN_MS
            ]
        except (OSError, ValueError, TypeError):
            continue
        for device, limit, count in recent:
            of_device = found.setdefault(device, {})
            of_device[limit] = of_device.get(limit, 0) + count
    return found


def named(found: Mapping[str, Mapping[str, int]], most: int = 3) -> str:
    """One line that names the devices: "truck-7 (rate 9,000, alerts 30), truck-8 (rate 2)"."""
    parts = [
        f"{device or '(unknown)'} ({', '.join(f'{limit} {count:,}' for limit, count in sorted(limits.items()))})"
        for device, limits in sorted(found.items(), key=lambda item: -sum(item[1].values()))
    ]
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more

"""Heartbeat of a process: one small file, written once a second by its event loop, read by the API.

It shows that the loop turns, and the offset reached. Readiness judges the progress by the consumer's offset
(`haulwatch.health.readiness`).
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from ingest.process.pause import pause
from ingest.process.status_file import replace_status

EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Beat:
    """The newest heartbeat of a process."""

    at: int
    """ms since 1970 UTC."""
    offset: int = 0
    """Last record of the raw log that it finished, if that is ahead of its committed offset; else 0."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Readings on which a rule raised, by its name; of the judge."""
    failed_at: int | None = None
    """Time of the last of them that this process saw, ms since 1970 UTC."""
    damaged: int = 0
    """Records with verdicts that it passed because they are damaged; of a judge among several."""


async def keep_beating(
    path: Path,
    stop: asyncio.Event,
    offset: Callable[[], int] = lambda: 0,
    failures: Callable[[], tuple[Mapping[str, int], int | None]] = lambda: ({}, None),
    damaged: Callable[[], int] = lambda: 0,
) -> None:
    """Write heartbeats from the event loop that does the work, until `stop` is set."""
    while not stop.is_set():
        beat = Beat(time.time_ns() // 1_000_000, offset(), *failures(), damaged())
        replace_status(path, json.dumps(asdict(beat)).encode())
        await pause(stop, EVERY_S)


def last_beat(path: Path) -> Beat | None:
    """Read a heartbeat file; None if there is none or it cannot be read."""
    try:
        fields = json.loads(path.read_bytes())
        failures = {str(name): int(count) for name, count in fields.get("failures", {}).items()}
        offset, damaged = int(fields.get("offset", 0)), int(fields.get("damaged", 0))
        return Beat(int(fields["at"]), offset, failures, fields.get("failed_at"), damaged)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None

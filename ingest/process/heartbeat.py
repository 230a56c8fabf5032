"""A process says that its loop still turns: one small file, written once a second, read by the API.

It says that, and how far it has come. Whether the work gets on shows in the consumer's offset
(`haulwatch.health.readiness`).
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ingest.process.pause import pause
from ingest.process.status_file import replace_status

EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Beat:
    """What a process said last."""

    at: int
    """ms since 1970 UTC."""
    offset: int = 0
    """The last record of the raw log it is done with, where that is ahead of what it has committed; else 0."""


async def keep_beating(path: Path, stop: asyncio.Event, offset: Callable[[], int] = lambda: 0) -> None:
    """Beat from the event loop that does the work, until told to stop."""
    while not stop.is_set():
        said = Beat(time.time_ns() // 1_000_000, offset())
        replace_status(path, json.dumps(asdict(said)).encode())
        await pause(stop, EVERY_S)


def last_beat(path: Path) -> Beat | None:
    """None if it never beat, or the file is torn."""
    try:
        said = json.loads(path.read_bytes())
        return Beat(int(said["at"]), int(said.get("offset", 0)))
    except (OSError, ValueError, TypeError, LookupError):
        return None

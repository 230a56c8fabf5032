"""Counts committed readings whose write to the store is not confirmed: the `queued` part of the ledger."""

import re
from collections import Counter
from typing import Final

from msgspec import json

from ingest.ledger.state.port import Statements

_DEVICE: Final = re.compile(",device=([^, ]+)")
"""Cannot match inside another tag's value: commas and equals signs are escaped there."""


def queued(db: Statements) -> int:
    return sum(len(json.decode(places)) for (places,) in db.execute("SELECT places FROM outbox"))


def queued_by_device(db: Statements) -> Counter[str]:
    batches = db.execute("SELECT lines FROM outbox")
    return Counter([device_of_line(line) for (lines,) in batches for line in json.decode(lines, type=list[str])])


def device_of_line(line: str) -> str:
    """Device id of a reading's line of line protocol (`ingest.recorder.line`)."""
    found = _DEVICE.search(line)
    if found is None:
        raise ValueError(f"{line[:100]!r} is not the line of a reading")
    return found[1]

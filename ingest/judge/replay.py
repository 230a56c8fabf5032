"""The raw log judged again, in its own order or shuffled inside the lateness bound: alerts must not change."""

import random
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from devices.codecs.codec import Flaw
from devices.codecs.registry import decode
from devices.readings.refusals import DecodeError
from ingest.log.records import TICK_TOPIC, LogRecord
from rules.alerts.model import AlertChange

_PAGE: Final = 10_000


class Log(Protocol):
    """The part of the raw log a replay reads."""

    def read(self, after: int, limit: int) -> list[LogRecord]: ...


def every_record(log: Log) -> list[LogRecord]:
    """All that the log still keeps, in its order; in memory, so for logs of hours rather than weeks."""
    records: list[LogRecord] = []
    while page := log.read(records[-1].offset if records else 0, _PAGE):
        records += page
    return records


def shuffled(records: Sequence[LogRecord], lateness_ms: int, seed: int) -> list[LogRecord]:
    """Put messages in another order that judgement must not notice.

    A message may move back until its readings are `lateness_ms` behind the newest device time seen, so that its
    lateness stays inside the bound; one that was later than that to begin with keeps its place, as do ticks
    and messages nobody can read. `received_at` travels with the message.
    """
    dice = random.Random(seed)  # noqa: S311 - a reproducible order, not a secret
    newest = 0
    keyed: list[tuple[float, LogRecord]] = []
    for record in records:
        span = _span(record)
        if span is not None:
            newest = max(newest, span[1])
        room_ms = lateness_ms - (newest - span[0]) if span is not None else 0
        keyed.append((newest + dice.uniform(0, max(room_ms, 0)), record))
    keyed.sort(key=lambda pair: pair[0])
    return [record for _, record in keyed]


def _span(record: LogRecord) -> tuple[int, int] | None:
    """Oldest and newest device time in a message."""
    if record.message.topic == TICK_TOPIC:
        return None
    try:
        decoded = decode(record.message.topic, record.message.payload)
    except DecodeError:
        return None
    times = [reading.ts for reading in decoded if not isinstance(reading, Flaw)]
    return (min(times), max(times)) if times else None


class AlertStep(NamedTuple):
    """What must be the same in a replay: which alert, which phase, when."""

    alert_id: str
    phase: str
    at: int


def alert_steps(changes: Iterable[AlertChange]) -> set[AlertStep]:
    return {AlertStep(change.alert_id, change.phase, change.at) for change in changes}

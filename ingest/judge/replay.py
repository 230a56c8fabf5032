"""Replay: reads a whole raw log, and shuffles it within the lateness bound. The alerts must stay the same."""

import random
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from devices.codecs.codec import Flaw
from devices.codecs.registry import codec_of
from devices.readings.refusals import DecodeError
from ingest.log.ports import LogReader
from ingest.log.records import NO_READINGS, LogRecord, RawMessage
from rules.alerts.model import AlertChange

_RECORDS_PER_READ: Final = 10_000


def every_record(log: LogReader) -> list[LogRecord]:
    """All records that the log still keeps, in order. Held in memory: for logs of hours, not of weeks."""
    records: list[LogRecord] = []
    while more := log.read(records[-1].offset if records else 0, _RECORDS_PER_READ):
        records += more
    return records


def shuffled(records: Sequence[LogRecord], lateness_ms: int, seed: int) -> list[LogRecord]:
    """Put messages in another order that gives the same alerts.

    A message may move back until its readings are `lateness_ms` behind the newest device time seen, so that its
    lateness stays inside the bound. A message that was later than that keeps its position, as do ticks and messages
    that cannot be decoded. Messages of one topic and instant keep their order, because the first one counts. No
    message moves over a revision of city or rules, nor over a tick: there time has passed.
    `received_at` moves with the message.
    """
    dice = random.Random(seed)  # noqa: S311 - a reproducible order, not a secret
    newest_ts = 0
    fixed = 0
    keyed: list[tuple[int, float, LogRecord]] = []
    last_place: dict[tuple[str, int], float] = {}
    for record in records:
        fixed += record.message.topic in NO_READINGS
        times = _device_times(record.message)
        if times is not None:
            newest_ts = max(newest_ts, times[1])
        room_ms = lateness_ms - (newest_ts - times[0]) if times is not None else 0
        place = newest_ts + dice.uniform(0, max(room_ms, 0))
        if times is not None and times[0] == times[1]:
            instant = (record.message.topic, times[0])
            place = last_place[instant] = max(place, last_place.get(instant, place))
        if record.message.topic in NO_READINGS:
            place = 0  # before all that follows it
        keyed.append((fixed, place, record))
    keyed.sort(key=lambda entry: entry[:2])
    return [record for *_, record in keyed]


def _device_times(message: RawMessage) -> tuple[int, int] | None:
    """Oldest and newest device time in a message; None if it has no reading."""
    if message.topic in NO_READINGS:
        return None
    try:
        decoded = codec_of(message.dialect).decode(message.topic, message.payload)
    except DecodeError:
        return None
    times = [item.ts for item in decoded if not isinstance(item, Flaw)]
    return (min(times), max(times)) if times else None


class AlertStep(NamedTuple):
    """The part of an alert change that a replay must repeat: which alert, which phase, when."""

    alert_id: str
    phase: str
    at: int


def alert_steps(changes: Iterable[AlertChange]) -> set[AlertStep]:
    return {AlertStep(change.continues or change.alert_id, change.phase, change.at) for change in changes}

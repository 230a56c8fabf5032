"""Replay: reads a whole raw log, and shuffles it inside the reorder window. The alerts must stay the same."""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

from msgspec.structs import replace

from devices.city.model import City
from devices.codecs.codec import Flaw
from devices.codecs.manifests import MANIFEST
from devices.codecs.registry import codec_of
from devices.readings.decoding import UNREGISTERED
from devices.readings.refusals import DecodeError
from ingest.log.ports import LogReader
from ingest.log.records import CITY_TOPIC, NO_READINGS, REVISION_TOPICS, TICK_TOPIC, LogRecord, RawMessage
from ingest.log.revisions import city_of_record
from rules.alerts.model import AlertChange
from rules.engine.reorder_buffer import HOLD_MS, WINDOW_MS

_RECORDS_PER_READ: Final = 10_000
_PAUSE_MS: Final = 20_000
"""A longer step of receive time: nobody listened, since a tick comes each 10 s."""
_BACK_MS: Final = 1_000
"""Several collectors may append out of order by so much; further back this machine's clock was set."""
_MARGIN_MS: Final = 2_000
"""Fleet time is known to a second, and the delays themselves move it."""
_DELAYED_PART: Final = 0.25
"""Most messages stay, so that the delays do not look like clocks that lag, which would hold fleet time back."""
_AROUND_LATE_MS: Final = HOLD_MS + WINDOW_MS
"""When readings come that are late, what was said about the time before may still be held: that stays as it was."""


def every_record(log: LogReader) -> list[LogRecord]:
    """All records that the log still keeps, in order. Held in memory: for logs of hours, not of weeks."""
    records: list[LogRecord] = []
    while more := log.read(records[-1].offset if records else 0, _RECORDS_PER_READ):
        records += more
    return records


def shuffled(records: Sequence[LogRecord], fleet_times: Sequence[int], seed: int) -> list[LogRecord]:
    """Put messages in another order that the engine promises to judge alike, as a slow network would deliver them.

    A message is delayed, and its receive time with it, for as long as its oldest reading stays inside the reorder
    window: behind the newest device time, and behind fleet time (`fleet_times`: after each record, ms). It moves over
    ticks; a tick then tells of less silence, as the collector would have written it. In their place stay: messages that
    came later than that and what was received around them; messages ahead of receive time, retained, or without a
    reading. No message moves over a revision of city or rules, or over a time in which nobody listened. Messages of a
    topic that have an instant in common keep their order, because the first one counts.
    """
    dice = random.Random(seed)  # noqa: S311 - a reproducible order, not a secret
    places = _places(records, fleet_times)
    delays: list[int] = []
    last_place: dict[tuple[int, str, int], int] = {}
    for place in places:
        at = place.received + (dice.randint(0, place.room) if dice.random() < _DELAYED_PART else 0)
        instants = [(place.segment, place.topic, ts) for ts in place.times]
        at = max([at, *(last_place.get(instant, at) for instant in instants)])
        last_place.update(dict.fromkeys(instants, at))
        delays.append(at - place.received)
    order = sorted(
        range(len(records)), key=lambda index: (places[index].segment, places[index].received + delays[index], index)
    )
    return list(_with_their_ticks(records, places, delays, order))


@dataclass(frozen=True, slots=True)
class _Place:
    """A record in the log that is shuffled."""

    segment: int
    """Nothing moves from one to another."""
    received: int
    """Receive time, ms; never less than that of a record before it in the segment."""
    room: int
    """The longest delay, ms."""
    topic: str
    times: frozenset[int]
    """Device times of its readings."""


def _places(records: Sequence[LogRecord], fleet_times: Sequence[int]) -> list[_Place]:
    segments, received = _segments(records)
    times = list(_corrected_times(records))
    newest = list(accumulate((max(each, default=0) for each in times), max))
    furthest = list(accumulate(map(max, newest, fleet_times), max))  # both may not leave a reading behind
    ends = {segment: index for index, segment in enumerate(segments)}
    return [
        _Place(segments[i], received[i], room, records[i].message.topic, times[i])
        for i, room in enumerate(_rooms(records, times, segments, received, furthest, ends))
    ]


def _rooms(
    records: Sequence[LogRecord],
    times: Sequence[frozenset[int]],
    segments: Sequence[int],
    received: Sequence[int],
    furthest: Sequence[int],
    ends: Mapping[int, int],
) -> Iterator[int]:
    bounds = [min(own) + WINDOW_MS - _MARGIN_MS if own else 0 for own in times]
    late = sorted(received[index] for index, bound in enumerate(bounds) if bound and furthest[index] > bound)
    for index, record in enumerate(records):
        message, own, bound = record.message, times[index], bounds[index]
        moves = bool(own) and not (message.retained or message.waited)
        if not moves or max(own) > message.received_at or _is_near(late, received[index]):
            yield 0
            continue
        end = ends[segments[index]]
        last = min(bisect_right(furthest, bound) - 1, end)  # the last record that it may come after
        until = received[last + 1] - 1 if last < end else received[end]
        yield max(0, min(until - received[index], bound - furthest[index]))


def _is_near(late: Sequence[int], received: int) -> bool:
    """`late`: receive times in order."""
    index = bisect_left(late, received - _AROUND_LATE_MS)
    return index < len(late) and late[index] <= received + _AROUND_LATE_MS


def _segments(records: Sequence[LogRecord]) -> tuple[list[int], list[int]]:
    segments, received = [], []
    segment, latest = 0, 0
    for index, record in enumerate(records):
        at = latest if record.message.waited else record.message.received_at
        revision = record.message.topic in REVISION_TOPICS
        if revision or (index and not -_BACK_MS <= at - latest <= _PAUSE_MS):
            segment, latest = segment + 1, at
        latest = max(latest, at)
        segments.append(segment)
        received.append(latest)
        segment += revision
    return segments, received


def _with_their_ticks(
    records: Sequence[LogRecord], places: Sequence[_Place], delays: Sequence[int], order: Sequence[int]
) -> Iterator[LogRecord]:
    latest = 0
    for index in order:
        record, now = records[index], places[index].received + delays[index]
        message = record.message
        if message.topic == TICK_TOPIC and message.payload.isdigit():
            before = places[index - 1].received if index else 0
            quiet_ms = max(0, int(message.payload) - max(0, latest - before))
            record = replace(record, message=replace(message, payload=str(quiet_ms).encode()))
        elif delays[index]:
            record = replace(record, message=replace(message, received_at=message.received_at + delays[index]))
        latest = now
        yield record


def _corrected_times(records: Sequence[LogRecord]) -> Iterator[frozenset[int]]:
    """Device times of the readings in each record, read and corrected by the revision of the city that holds there."""
    revisions = [record.message.payload for record in records if record.message.topic == CITY_TOPIC]
    city = city_of_record(revisions[0]) if revisions else None
    for record in records:
        if record.message.topic == CITY_TOPIC:
            city = city_of_record(record.message.payload) or city
        yield _device_times(record.message, city)


def _device_times(message: RawMessage, city: City | None) -> frozenset[int]:
    """`city`: None for a log without revisions, whose messages are read as those of unregistered devices."""
    if message.topic in NO_READINGS:
        return frozenset()
    codec = codec_of(message.dialect)
    device_id = codec.device_of(message.topic)
    device = None if city is None else city.devices.get(device_id)
    is_manifest = message.dialect == MANIFEST.dialect  # its times are true
    by_ms = 0 if is_manifest or device is None else device.clock_correction_s * 1000
    decoding = UNREGISTERED if city is None else city.decoding_of(device_id, message.dialect)
    try:
        decoded = codec.decode(message.topic, message.payload, decoding=decoding)
    except DecodeError:
        return frozenset()
    return frozenset(item.ts + by_ms for item in decoded if not isinstance(item, Flaw))


class AlertStep(NamedTuple):
    """The part of an alert change that a replay must repeat: which alert, which phase, when."""

    alert_id: str
    phase: str
    at: int


def alert_steps(changes: Iterable[AlertChange]) -> set[AlertStep]:
    return {AlertStep(change.continues or change.alert_id, change.phase, change.at) for change in changes}

"""Which messages of the raw log a pack holds: as few as lead to the same alert when they are judged again.

    own    devices that the alert is about or names, and the tickets of its vehicle, from a day before
    near   and devices that were within 2 km of its place, since rules compare those
    own    from a week before, for rules that remember for longer
    all    every message from a day before, while a pack can hold them

The first that leads to the same alert is taken, else the one that comes nearest. Of records left out, one in five
seconds stays as a mark that time went on; ticks stay.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, NamedTuple

from devices.city.columns import pack_city, unpack_city
from devices.city.model import City, DeviceRole
from devices.codecs.codec import Flaw
from devices.codecs.registry import codec_of
from devices.geo.geometry import LatLon
from devices.readings.instants import DAY_MS, HOUR_MS, MINUTE_MS
from devices.readings.models import Position, Reading, Weighing
from ingest.evidence.errors import NotJudged
from ingest.evidence.judging import Comparison, judge_again, narrowed_record
from ingest.evidence.log_window import LogWindow, OutOfTime, ReadableLog, Revision, is_of_pack, is_readable
from ingest.evidence.places import Places, judged_by_few_places
from ingest.evidence.raw_messages import MAX_MESSAGES, devices_of, passed
from ingest.evidence.readings import InLogOrder
from ingest.log.flood_record import flood_of
from ingest.log.records import CITY_TOPIC, NO_READINGS, REVISION_TOPICS, RULES_TOPIC, LogRecord, RawMessage
from rules.alerts.model import AlertChange
from rules.weighing.truck_match import marks_of_ticket, marks_of_vehicle

NEAR_M: Final = 2_000
"""Rules compare trucks within 300 m (a jam) and 1 km (a jammer) of each other."""
MAX_BYTES: Final = 32 << 20
"""Payloads of one pack: making it takes six times as much memory."""
MAX_REVISIONS: Final = 500
"""Each is a file."""
_MARK_MS: Final = 5_000
"""Judgement takes a longer step than a minute for one in which nobody listened."""
_AFTER_MS: Final = MINUTE_MS
"""The journal's clock may be behind the collector's by so much."""
_AROUND_MS: Final = 10 * MINUTE_MS
"""Receive times of a log may step back by so much where a clock was set."""
_NO_CITY: Final = -1
_NO_RULES: Final = 0
"""Offsets of revisions that stand before the messages where the log has none."""


OUT_OF_TIME: Final = "reading the raw log took too long: `haulwatch evidence export` takes the time it needs"


class Scope(StrEnum):
    """Whose messages a pack holds."""

    OWN = "own"
    NEAR = "near"
    ALL = "all"


class Instead(StrEnum):
    """What stands in for a revision that held when the messages begin, where the raw log does not have it."""

    LATER = "later"
    """The first after that, of the log."""
    NOW = "now"
    """That of the registry at the export."""
    EARLIER = "earlier"
    """The last that can be read: records after it are damaged, and it may be among them."""


class Attempt(NamedTuple):
    scope: Scope
    lead_ms: int
    """From so long before the alert."""


ATTEMPTS: Final = (
    Attempt(Scope.OWN, DAY_MS),
    Attempt(Scope.NEAR, DAY_MS),
    Attempt(Scope.OWN, 7 * DAY_MS),
    Attempt(Scope.ALL, DAY_MS),
)
SHORTER: Final = (Attempt(Scope.OWN, 6 * HOUR_MS), Attempt(Scope.OWN, HOUR_MS))
"""Where not even those of one device fit."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What held before the first record that is read, where the log does not say."""

    city: Callable[[], City]
    rules: Callable[[], bytes]
    """As a record of the log has it."""
    newest: Mapping[str, int] = field(default_factory=dict)
    """By topic: offset of the last revision in the log. Saves looking for it."""


@dataclass(frozen=True, slots=True)
class Selected:
    """The messages of a pack, and what judging them again led to."""

    records: tuple[LogRecord, ...]
    """Revisions first where they came before the messages; a city's holds the devices of the pack only."""
    logged: Mapping[int, bytes]
    """Payloads of the revisions as the log has them, by offset."""
    attempt: Attempt
    comparison: Comparison | None
    why_not: str = ""
    """Why they could not be judged again."""
    log_begins_at: int | None = None
    """Receive time of the oldest record that the log keeps, where that is later than wanted, ms."""
    damaged: tuple[tuple[int, int], ...] = ()
    """First and last offset of records that cannot be read."""
    instead: Mapping[str, Instead] = field(default_factory=dict)
    """By topic of revisions."""
    places: Places = Places.ALL
    """Which places of the city the revisions hold."""
    out_of_time: bool = False
    """More messages may have led to the same alert; there was no time to read them."""


class _TooMany(Exception):
    """More messages than a pack can hold."""


@dataclass(slots=True)
class _Scan:
    records: list[LogRecord] = field(default_factory=list)
    damaged: list[tuple[int, int]] = field(default_factory=list)
    plates: set[str] = field(default_factory=set)
    size_bytes: int = 0
    marked_at: int = 0
    revisions: int = 0

    def keep(self, record: LogRecord) -> None:
        self.size_bytes += len(record.message.payload)
        self.revisions += record.message.topic in REVISION_TOPICS
        if len(self.records) >= MAX_MESSAGES or self.size_bytes > MAX_BYTES or self.revisions > MAX_REVISIONS:
            raise _TooMany
        self.records.append(record)
        self.marked_at = record.message.received_at

    def pass_by(self, record: LogRecord) -> None:
        received_at = record.message.received_at
        if not record.message.waited and not 0 <= received_at - self.marked_at < _MARK_MS:
            self.keep(passed(record.offset, received_at))


class Selection:
    """Selects for one alert."""

    def __init__(
        self,
        log: ReadableLog,
        changes: Sequence[AlertChange],
        recorded_until: int,
        in_force: InForce,
        max_payload_bytes: int,
        part: City | None,
        in_time: Callable[[], bool] = lambda: True,
    ) -> None:
        """`recorded_until`: when the last change was recorded, wall clock in ms; `part`: what whoever asks may see.

        `in_time`: False where the log is not read any more: the nearest so far is taken.
        """
        self._window, self._changes = LogWindow(log, recorded_until + _AFTER_MS + _AROUND_MS, in_time), changes
        self._until = recorded_until + _AFTER_MS
        self._in_force, self._max_bytes, self._part = in_force, max_payload_bytes, part
        self._since = min(min(change.opened_at, change.onset or change.at, change.at) for change in changes)
        places = (LatLon(one.lat, one.lon) for one in changes if one.lat is not None and one.lon is not None)
        self._place = next(places, None)
        self._instead: dict[str, Instead] = {}

    def select(self) -> Selected:
        """The messages. Raises RawLogError, and what reading the registry raises."""
        best: Selected | None = None
        tried: set[tuple[Scope, int]] = set()
        for attempt in (*ATTEMPTS, *SHORTER):
            if attempt in SHORTER and best is not None:
                break
            start = self._start(attempt.lead_ms)
            if (attempt.scope, start) in tried:
                continue
            tried.add((attempt.scope, start))
            try:
                found = self._attempt(attempt, start)
            except OutOfTime:
                return replace(best or self._nothing(OUT_OF_TIME), out_of_time=True)
            if found is None:
                continue
            if found.comparison is not None and found.comparison.same:
                return found
            best = found if best is None or _is_nearer(found, best) else best
        return best or self._nothing("the messages of its devices are more than a pack can hold")

    def _nothing(self, why_not: str) -> Selected:
        """Only what they would be judged by."""
        start = self._window.offset_at(self._since - _AROUND_MS)
        held = sorted(
            (self._held(topic, start) for topic in (CITY_TOPIC, RULES_TOPIC)), key=lambda record: record.offset
        )
        records = tuple(narrowed_record(one, self._named(), (), self._part) for one in held)
        return Selected(records, _logged(held), SHORTER[-1], None, why_not, instead=dict(self._instead))

    def _start(self, lead_ms: int) -> int:
        """The offset after which is read."""
        since = self._since
        return self._window.start(since - lead_ms - _AROUND_MS, since - HOUR_MS, self._until + _AROUND_MS)

    def _attempt(self, attempt: Attempt, start: int) -> Selected | None:
        """None if they are too many, or those of an attempt before."""
        held = [self._held(topic, start) for topic in (CITY_TOPIC, RULES_TOPIC)]
        city = unpack_city(held[0].message.payload)
        before = sorted((one for one in held if one.offset <= start), key=lambda record: record.offset)
        devices = self._devices(city)
        try:
            if attempt.scope is Scope.NEAR:
                near = self._near(city)
                if not near - devices:
                    return None
                devices |= near
            if attempt.scope is Scope.ALL:
                if self._part is not None:
                    return None
                scan = self._scan(start, lambda record: True, InLogOrder((), city))
            else:
                devices = {device_id for device_id in devices if self._sees(device_id)}
                order = InLogOrder((), city)
                scan = self._scan(start, _of_devices(city, devices, self._sees, order), order)
        except _TooMany:
            return None
        if scan.records:
            lead_ms = max(0, self._since - scan.records[0].message.received_at)
            attempt = attempt._replace(lead_ms=min(attempt.lead_ms, lead_ms))
        return self._judged(attempt, [*before, *scan.records], scan, city)

    def _judged(self, attempt: Attempt, records: list[LogRecord], scan: _Scan, city: City) -> Selected:
        logged = _logged(records)
        begins = self._begins_at(attempt)
        try:
            if attempt.scope is not Scope.ALL:
                devices = set(devices_of(records)) | self._named()
                plates = _plates_of(records, InLogOrder(records, city))
                records = [
                    narrowed_record(one, devices, plates, self._part) if one.message.topic in REVISION_TOPICS else one
                    for one in records
                ]
            if attempt.scope is Scope.ALL:
                comparison, places = judge_again(records, self._changes, self._max_bytes), Places.ALL
            else:
                records, comparison, places = judged_by_few_places(records, self._changes, self._max_bytes)
            why_not = ""
        except NotJudged as exc:
            comparison, places, why_not = None, Places.ALL, str(exc)
        until = None if comparison is None else comparison.until
        kept = tuple(one for one in records if until is None or one.offset <= until)
        damaged, instead = tuple(scan.damaged), dict(self._instead)
        return Selected(kept, logged, attempt, comparison, why_not, begins, damaged, instead, places)

    def _sees(self, device_id: str) -> bool:
        return self._part is None or device_id in self._part.devices

    def _named(self) -> set[str]:
        subjects = {change.subject for change in self._changes}
        return subjects | {ref.device_id for change in self._changes for ref in change.evidence.readings}

    def _devices(self, city: City) -> set[str]:
        """Those that the alert is about or names, and others on the same vehicles."""
        named = self._named()
        vehicles = {city.devices[name].vehicle_id for name in named if name in city.devices} - {None}
        return named | {device.id for device in city.devices.values() if device.vehicle_id in vehicles}

    def _near(self, city: City) -> set[str]:
        """Trucks that were within 2 km of the place, from an hour before."""
        if self._place is None:
            return set()
        found: set[str] = set()
        centre = city.plane.xy(self._place)
        start = self._window.offset_at(self._since - HOUR_MS - _AROUND_MS)
        order = InLogOrder((), city)
        for record in self._window.records(start, []):
            order.follow(record.message)
            device_id = codec_of(record.message.dialect).device_of(record.message.topic)
            device = city.devices.get(device_id)
            if device is None or device.role is not DeviceRole.TRUCK or device_id in found:
                continue
            for reading in order.readings(record.message):
                if isinstance(reading, Position) and city.plane.xy(reading).distance_m(centre) <= NEAR_M:
                    found.add(device_id)
        return found

    def _scan(self, start: int, wants: Callable[[LogRecord], bool], order: InLogOrder) -> _Scan:
        scan = _Scan()
        for record in self._window.records(start, scan.damaged):
            order.follow(record.message)
            if is_of_pack(record, wants):
                scan.keep(record)
            else:
                scan.pass_by(record)
        return scan

    def _begins_at(self, attempt: Attempt) -> int | None:
        begins = self._window.begins_at()
        return None if begins is None or begins <= self._since - attempt.lead_ms else begins

    def _held(self, topic: str, start: int) -> LogRecord:
        """The revision that held at `start`: the last before it, else the first after it, else that of now.

        Where another stands in for it, that is noted. None did where the log begins with it.
        """
        self._instead.pop(topic, None)
        found, later = self._looked_for(topic, start)
        if found is not None:
            if found.past_damage:
                self._instead[topic] = Instead.EARLIER
            return found.record
        if later is not None and topic not in self._instead:
            return later
        if later is not None:
            payload = later.message.payload
        else:
            self._instead[topic] = Instead.NOW
            payload = pack_city(self._in_force.city()) if topic == CITY_TOPIC else self._in_force.rules()
        return LogRecord(_NO_CITY if topic == CITY_TOPIC else _NO_RULES, RawMessage(topic, payload, 0))

    def _looked_for(self, topic: str, start: int) -> tuple[Revision | None, LogRecord | None]:
        """The revision before `start`, or else the first after it; neither where time is up."""
        try:
            found = self._window.revision_before(topic, start, self._in_force.newest.get(topic))
            return found, self._later(topic, start) if found is None else None
        except OutOfTime:
            return None, None

    def _later(self, topic: str, start: int) -> LogRecord | None:
        """The first revision after `start`, noted where messages or damage come before it."""
        damaged: list[tuple[int, int]] = []
        before = False
        for record in self._window.records(start, damaged):
            if record.message.topic == topic and is_readable(record):
                if before or damaged:
                    self._instead[topic] = Instead.LATER
                return record
            before |= record.message.topic not in NO_READINGS
        return None


def _logged(records: Sequence[LogRecord]) -> dict[int, bytes]:
    """Payloads of the revisions that the log has, by offset."""
    revisions = [one for one in records if one.offset > 0 and one.message.topic in REVISION_TOPICS]
    return {one.offset: one.message.payload for one in revisions}


def _is_nearer(found: Selected, best: Selected) -> bool:
    if found.comparison is None or best.comparison is None:
        return found.comparison is not None
    return len(found.comparison.differences) < len(best.comparison.differences)


def _of_devices(
    city: City, devices: set[str], sees: Callable[[str], bool], order: InLogOrder
) -> Callable[[LogRecord], bool]:
    """Whether a record, which `order` follows, is of one of the devices, tells of one, or is a ticket about one of
    their vehicles.
    """
    carriers = {city.devices[id_].vehicle_id or "" for id_ in devices if id_ in city.devices}
    plates = {form for id_ in carriers for vehicle in city.versions_of(id_) for form in marks_of_vehicle(vehicle)}

    def wants(record: LogRecord) -> bool:
        message = record.message
        flood = flood_of(message)
        device_id = codec_of(message.dialect).device_of(message.topic if flood is None else flood.topic)
        if device_id in devices:
            return True
        device = city.devices.get(device_id)
        if not plates or device is None or device.role is not DeviceRole.WEIGHBRIDGE or not sees(device_id):
            return False
        return any(plate in plates for plate in _plates(order.readings(message)))

    return wants


def _plates_of(records: Sequence[LogRecord], order: InLogOrder) -> set[str]:
    found: set[str] = set()
    for record in records:
        order.follow(record.message)
        found.update(_plates(order.readings(record.message)))
    return found


def _plates(readings: Iterable[Reading | Flaw]) -> Iterator[str]:
    for reading in readings:
        if isinstance(reading, Weighing):
            yield from marks_of_ticket(reading)

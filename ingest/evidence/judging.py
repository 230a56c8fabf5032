"""What a pack is judged by: revisions of city and rules as files, and the judge run again on its messages.

A revision of the city is JSON, since people read it too; a revision of the rules is the record itself. The city holds
only the devices of the pack, their vehicles and permits, and the places that are needed (`ingest.evidence.places`).
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from devices.city.columns import city_of, pack_city, rows_of, unpack_city
from devices.city.model import City
from ingest.evidence.errors import NotJudged, PackRefused
from ingest.evidence.raw_messages import RevisionFile
from ingest.judge.judge_record import judge_record
from ingest.judge.rejudge import Rejudging
from ingest.log.records import CITY_TOPIC, REVISION_TOPICS, RULES_TOPIC, LogRecord
from rules.alerts.model import AlertChange
from rules.rule_sets.model import BadRuleSet
from rules.rule_sets.record import unpack
from rules.weighing.truck_match import marks_of_vehicle

FOLDER: Final = "judging/"
_WKB: Final = "_wkb"
_MAX_DIFFERENCES: Final = 50
_NOT_COMPARED: Final = frozenset({"alert_id", "continues"})
"""The journal gives an alert another id where a person had closed the one that judgement means."""


def narrowed(city: City, devices: Collection[str], plates: Collection[str], part: City | None = None) -> City:
    """The city with these devices only, and the vehicles that carry them or have one of these plates or tags, in any
    of the forms by which they are compared.

    `part`: what somebody sees who may not see all of it; of everything else, only what is in it too.
    """
    if part is not None:
        city = _within(city, part)
    kept = {id_: device for id_, device in city.devices.items() if id_ in devices}
    carriers = {device.vehicle_id for device in kept.values()}
    vehicles = {
        id_: vehicle
        for id_, vehicle in city.vehicles.items()
        if id_ in carriers or any(not marks_of_vehicle(one).isdisjoint(plates) for one in city.versions_of(id_))
    }
    past = tuple(vehicle for vehicle in city.past_vehicles if vehicle.id in vehicles)
    permits = tuple(permit for permit in city.permits if permit.vehicle_id in vehicles)
    haulier_ids = {vehicle.haulier_id for vehicle in (*vehicles.values(), *past)}
    return replace(
        city,
        devices=kept,
        vehicles=vehicles,
        past_vehicles=past,
        permits=permits,
        profiles={id_: one for id_, one in city.profiles.items() if any(id_ == own.profile for own in kept.values())},
        hauliers=tuple(haulier for haulier in city.hauliers if haulier.id in haulier_ids),
        licences=tuple(licence for licence in city.licences if licence.haulier_id in haulier_ids),
        drivers=(),
    )


def _within(city: City, part: City) -> City:
    routes, zones = {route.id for route in part.routes}, {zone.id for zone in part.zones}
    return replace(
        city,
        devices={id_: device for id_, device in city.devices.items() if id_ in part.devices},
        vehicles={id_: vehicle for id_, vehicle in city.vehicles.items() if id_ in part.vehicles},
        past_vehicles=tuple(vehicle for vehicle in city.past_vehicles if vehicle.id in part.vehicles),
        gates=tuple(gate for gate in city.gates if gate.site_id in part.sites),
        sites={id_: site for id_, site in city.sites.items() if id_ in part.sites},
        past_sites=tuple(site for site in city.past_sites if site.id in part.sites),
        routes=tuple(route for route in city.routes if route.id in routes),
        zones=tuple(zone for zone in city.zones if zone.id in zones),
        districts=part.districts,
        fleets=part.fleets,
    )


def narrowed_record(
    record: LogRecord, devices: Collection[str], plates: Collection[str], part: City | None
) -> LogRecord:
    """The record of a revision that can be read, a city's narrowed."""
    if record.message.topic != CITY_TOPIC:
        return record
    city = narrowed(unpack_city(record.message.payload), devices, plates, part)
    return LogRecord(record.offset, _with_payload(record, pack_city(city)), record.place)


def revision_files(
    records: Sequence[LogRecord], logged: Mapping[int, bytes]
) -> tuple[dict[str, bytes], dict[int, RevisionFile]]:
    """The files of the revisions among the records, and where each is. `logged`: offset → payload as the log has it."""
    contents: dict[str, bytes] = {}
    places: dict[int, RevisionFile] = {}
    for record in records:
        if record.message.topic not in REVISION_TOPICS:
            continue
        is_city = record.message.topic == CITY_TOPIC
        name = f"{FOLDER}{'city' if is_city else 'rules'}-{max(record.offset, 0)}.json"
        contents[name] = _city_json(record.message.payload) if is_city else record.message.payload
        whole = logged.get(record.offset)
        places[record.offset] = RevisionFile(name, "" if whole is None else sha256(whole).hexdigest())
    return contents, places


def revision_payloads(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """By file, what the record of its revision holds. Raises PackRefused."""
    found: dict[str, bytes] = {}
    for name, content in files.items():
        if name.startswith(f"{FOLDER}rules-"):
            found[name] = content
        elif name.startswith(f"{FOLDER}city-"):
            found[name] = _packed_city(name, content)
    return found


def _city_json(payload: bytes) -> bytes:
    city = unpack_city(payload)
    body = {"revision": city.revision, "rows": rows_of(city)}
    return (json.dumps(body, ensure_ascii=False, indent=1, default=bytes.hex) + "\n").encode()


def _packed_city(name: str, content: bytes) -> bytes:
    try:
        body = json.loads(content)
        rows = {table: [_with_shapes(row) for row in found] for table, found in body["rows"].items()}
        return pack_city(city_of(rows, int(body["revision"])))
    except Exception as exc:  # a hostile file fails somewhere in json, shapely or a dataclass
        raise PackRefused(name, f"is no revision of a city: {exc}") from exc


def _with_shapes(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: bytes.fromhex(value) if key.endswith(_WKB) else value for key, value in row.items()}


def _with_payload(record: LogRecord, payload: bytes) -> Any:
    return type(record.message)(record.message.topic, payload, record.message.received_at)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes of one alert as the journal has them, beside those that its messages lead to."""

    changes: tuple[AlertChange, ...]
    """Judged again."""
    differences: tuple[str, ...] = ()
    until: int | None = None
    """Offset of the record that led to the last change; None if not all changes came again."""

    @property
    def same(self) -> bool:
        return not self.differences


@dataclass(slots=True)
class _Wanted:
    """Changes of the journal, and what came again."""

    journal: Mapping[tuple[str, int], AlertChange]
    ids: frozenset[str]
    found: dict[tuple[str, int], AlertChange] = field(default_factory=dict)
    until: int | None = None

    def note(self, changes: Sequence[AlertChange], offset: int) -> bool:
        """True when all changes have come again."""
        for change in changes:
            if change.alert_id in self.ids:
                self.found.setdefault((change.phase, change.revision), change)
        complete = self.journal.keys() <= self.found.keys()
        if complete and self.until is None:
            self.until = offset
        return complete


def judge_again(records: Sequence[LogRecord], journal: Sequence[AlertChange], max_payload_bytes: int) -> Comparison:
    """Judge the records with a new engine until all changes of the alert have come. Raises NotJudged."""
    judging = _engine(records)
    wanted = _Wanted(
        {(change.phase, change.revision): change for change in journal},
        frozenset(change.continues or change.alert_id for change in journal),
    )
    for record in records:
        if record.message.topic in REVISION_TOPICS:
            judging.take_revision(record.message)
        if wanted.note(judge_record(judging.engine, record, max_payload_bytes), record.offset):
            break
    first = min((change.revision for change in journal), default=0)
    again = tuple(change for (_, revision), change in wanted.found.items() if revision >= first)
    return Comparison(again, tuple(_differences(wanted))[:_MAX_DIFFERENCES], wanted.until)


def _engine(records: Sequence[LogRecord]) -> Rejudging:
    """A new engine, by the first revisions. Raises NotJudged: there are none, or this version has other rules."""
    first: dict[str, LogRecord] = {}
    for record in records:
        if record.message.topic not in REVISION_TOPICS:
            continue
        if record.message.topic == RULES_TOPIC:
            try:
                unpack(record.message.payload)
            except BadRuleSet as exc:
                raise NotJudged(f"the rule set at offset {record.offset} is not one of this version: {exc}") from exc
        first.setdefault(record.message.topic, record)
    if first.keys() != REVISION_TOPICS:
        raise NotJudged("the messages come without a city or without rules")
    city = unpack_city(first[CITY_TOPIC].message.payload)
    return Rejudging(city, unpack(first[RULES_TOPIC].message.payload))


def _differences(wanted: _Wanted) -> Iterator[str]:
    for key, change in wanted.journal.items():
        name = f"revision {change.revision} ({change.phase})"
        again = wanted.found.get(key)
        if again is None:
            yield f"{name}: does not come again"
            continue
        before, after = change.model_dump(mode="json"), again.model_dump(mode="json")
        left_out = _NOT_COMPARED | ({"opened_at"} if change.continues else set())
        for field_name in sorted(before.keys() - left_out):
            if before[field_name] is None and field_name == "onset":
                continue  # recorded before there was one
            yield from _difference(f"{name}: {field_name}", before[field_name], after[field_name])
    first, last = min(r for _, r in wanted.journal), max(r for _, r in wanted.journal)
    for phase, revision in sorted(wanted.found.keys() - wanted.journal.keys()):
        if first < revision <= last:
            yield f"revision {revision} ({phase}): comes again and is not in the journal"


def _difference(name: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _difference(f"{name}.{key}", before.get(key), after.get(key))
    elif before != after:
        yield f"{name}: {_short(before)}, judged again {_short(after)}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"


def offsets_of(records: Sequence[LogRecord]) -> tuple[int, int]:
    """The first and the last offset of messages of devices; 0 and 0 if there are none."""
    own = [record.offset for record in records if record.message.topic not in REVISION_TOPICS]
    return (own[0], own[-1]) if own else (0, 0)

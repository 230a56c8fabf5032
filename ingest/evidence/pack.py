"""Puts a pack together: alert, messages, readings, tracks, what was in force, custody, record; then seals it.

The same material gives the same bytes: nothing here asks a clock.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from devices.access.signatures import SigningKey
from devices.city.model import City
from devices.people.audit import AuditEntry
from ingest.evidence.archive import MAX_FILES, MAX_JSON_BYTES, MAX_PACK_BYTES, write_archive
from ingest.evidence.attached import Held, attachment_files, attachment_notes
from ingest.evidence.errors import NotExported
from ingest.evidence.in_force import city_of, health, in_force, rules_of
from ingest.evidence.judging import offsets_of, revision_files
from ingest.evidence.manifest import (
    FORMAT,
    SUMS,
    TIMESTAMP,
    TIMESTAMP_SIGNATURE,
    Judged,
    Manifest,
    Messages,
    Missing,
    Program,
    entries_of,
    sealed,
    sums_of,
)
from ingest.evidence.places import Places, counted
from ingest.evidence.raw_messages import MESSAGES_FILE, START, as_lines, is_passed
from ingest.evidence.readings import READINGS_FILE, Fix, Heard, fixes_of, readings_of, track_files
from ingest.evidence.readings import as_lines as reading_lines
from ingest.evidence.selection import OUT_OF_TIME, Instead, Scope, Selected
from ingest.log.records import CITY_TOPIC, NO_READINGS, RULES_TOPIC
from rules.alerts.actions import AlertDetail, AlertView
from rules.alerts.model import TAKEN_BACK, AlertChange
from rules.catalogue import build_rules, corridor_m
from rules.rule_sets.model import BadRuleSet
from rules.rule_sets.record import unpack

ALERT_FILE: Final = "alert/alert.json"
CHANGES_FILE: Final = "alert/changes.json"
FIRST_FILE: Final = "alert/before_amendment.json"
IN_FORCE_FILE: Final = "registry/in_force.json"
HEALTH_FILE: Final = "devices/health.json"
CUSTODY_FILE: Final = "custody/custody.json"
README_FILE: Final = "README.txt"
MAX_TRACK_FILES: Final = 1_000
MAX_TRACK_BYTES: Final = 128 << 20
_ENTRY_BYTES: Final = 700
"""The archive's own for a file: less than half of it at the file, less than half in its directory."""
_WHAT: Final = {CITY_TOPIC: "city", RULES_TOPIC: "rule set"}
_INSTEAD: Final = {
    Instead.LATER: "the raw log does not have the {what} that held when the messages begin: the first recorded after "
    "that stands in for it",
    Instead.NOW: "no {what} from before or during the messages was found in the raw log: that of the registry at the "
    "export stands in for it",
    Instead.EARLIER: "the raw log is damaged before the messages: the last {what} that can be read stands in for the "
    "one that held",
}


_ALL_PLACES: Final = (
    "the places near the tracks and those of permits do not lead to the same alert: all {sites:,} sites, {routes:,} "
    "routes and {zones:,} zones of the city are in the pack"
)


class Exported(NamedTuple):
    """Who made the pack."""

    by: str
    at: int
    """Wall clock, ms."""
    how: str
    """`haulwatch evidence export`, or the endpoint."""


@dataclass(frozen=True, slots=True)
class Material:
    """All that a pack is made of."""

    detail: AlertDetail
    selected: Selected
    custody: Sequence[AuditEntry]
    """Who looked at the alert, acted on it or exported it, oldest first."""
    sensor_alerts: Sequence[AlertView]
    """About the devices of the pack, around the time of the alert."""
    exported: Exported
    version: str
    """Of the program."""
    timezone: str
    max_payload_bytes: int
    attachments: Sequence[Held] = ()
    """Photos and documents of the alert, oldest first."""


class Contents(NamedTuple):
    """What the record shows, beside the files themselves."""

    material: Material
    city: City
    heard: Sequence[Heard]
    fixes: Mapping[str, Sequence[Fix]]
    in_force: Mapping[str, Any]
    health: Mapping[str, Any]
    judged: Judged
    missing: Missing
    key_id: str
    corridor_m: float
    """Half the width of a route, as the rules had it."""

    @property
    def change(self) -> AlertChange:
        """The alert as it stands; of one that was taken back, as it was before."""
        return present(self.material.detail)


Records = Callable[[Contents], Mapping[str, bytes | str]]
"""Makes the record for people, by name of the file; a text in its place says why it could not."""
Stamp = Callable[[bytes], bytes]
"""Asks a time-stamping authority for a time stamp of these bytes. Raises NotExported."""


def present(detail: AlertDetail) -> AlertChange:
    """The last change that says what happened: a closing or a retraction may have no place and no readings."""
    changes = [entry.change for entry in detail.changes]
    with_readings = [change for change in changes if change.evidence.readings and change.amendment not in TAKEN_BACK]
    return (with_readings or changes)[-1]


def amended_at(detail: AlertDetail) -> int | None:
    """Index of the first change that amended what was published before; None if there is none."""
    for index, entry in enumerate(detail.changes):
        if index and entry.change.amendment is not None:
            return index
    return None


def build_pack(material: Material, key: SigningKey, records: Records, stamp: Stamp | None = None) -> bytes:
    """The archive. Raises NotExported."""
    detail, selected = material.detail, material.selected
    if not detail.changes:
        raise NotExported(f"the journal holds no change of alert {detail.alert.alert_id}")
    until = selected.comparison.until if selected.comparison is not None else None
    revisions, places = revision_files(selected.records, selected.logged)
    chained = as_lines(selected.records, places)
    city = city_of(selected.records, until)
    heard = readings_of(selected.records, city)
    fixes = fixes_of(heard, city)
    change = present(detail)
    devices = {one.reading.device_id for one in heard} | {change.subject}
    contents = Contents(
        material, city, heard, fixes,
        in_force(city, change, fixes.get(change.subject, ()), devices) | {"rule_set": json.loads(_rules(selected))},
        health(heard, material.sensor_alerts), _judged(selected), _missing(selected, detail, heard), key.public.id,
        _corridor_m(selected),
    )  # fmt: skip
    tracks, tracks_left_out = _tracks(fixes, _named(detail))
    files = {
        README_FILE: _README.encode(),
        **_alert_files(detail),
        **revisions,
        MESSAGES_FILE: chained.content,
        READINGS_FILE: reading_lines(heard),
        **tracks,
        IN_FORCE_FILE: _json(contents.in_force),
        HEALTH_FILE: _json(contents.health),
        CUSTODY_FILE: _custody(material),
        **attachment_files(material.attachments),
    }
    made = records(contents)
    files |= {name: content for name, content in made.items() if isinstance(content, bytes)}
    files[SUMS] = sums_of(files)
    own = [one for one in selected.records if one.message.topic not in NO_READINGS and not is_passed(one)]
    first, last = offsets_of(own)
    manifest = Manifest(
        format=FORMAT,
        alert_id=detail.alert.alert_id,
        rule=detail.alert.rule,
        subject=detail.alert.subject,
        phase=str(detail.alert.phase),
        amendment=None if detail.alert.amendment is None else str(detail.alert.amendment),
        key_id=key.public.id,
        program=Program(version=material.version, rules=rule_versions()),
        messages=Messages(
            count=len(own),
            first_offset=first,
            last_offset=last,
            chain_start=START.hex(),
            chain_head=chained.head,
            scope=str(selected.attempt.scope),
            places=str(selected.places),
            lead_ms=selected.attempt.lead_ms,
            max_payload_bytes=material.max_payload_bytes,
        ),
        judged_again=contents.judged,
        missing=contents.missing,
        notes=(
            *_selection_notes(selected),
            *tracks_left_out,
            *attachment_notes(material.attachments),
            *_not_made(made),
        ),
        files=entries_of(files),
    )
    whole = sealed(files, manifest, key)
    if stamp is not None:
        token = stamp(whole["manifest.sig"])
        whole |= {TIMESTAMP: token, TIMESTAMP_SIGNATURE: key.sign(token)}
    _check_bounds(whole)
    return write_archive(whole)


def _selection_notes(selected: Selected) -> tuple[str, ...]:
    """What stands in for revisions that the raw log does not have, and whether time was up."""
    instead = [_INSTEAD[how].format(what=_WHAT[topic]) for topic, how in sorted(selected.instead.items())]
    if selected.places is Places.ALL and selected.comparison is not None and selected.attempt.scope is not Scope.ALL:
        sites, routes, zones = counted(city_of(selected.records))
        instead.append(_ALL_PLACES.format(sites=sites, routes=routes, zones=zones))
    return (*instead, OUT_OF_TIME) if selected.out_of_time else tuple(instead)


def _not_made(made: Mapping[str, bytes | str]) -> Iterator[str]:
    for name, why in made.items():
        if isinstance(why, str):
            yield f"{name} was not made: {why}"


def _named(detail: AlertDetail) -> set[str]:
    """Devices that the alert is about or names."""
    changes = [entry.change for entry in detail.changes]
    return {one.subject for one in changes} | {ref.device_id for one in changes for ref in one.evidence.readings}


def _tracks(fixes: Mapping[str, Sequence[Fix]], named: Collection[str]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files of tracks, and a note where some are left out: those of the named devices are the last to be."""
    kept: dict[str, bytes] = {}
    size_bytes, left_out = 0, 0
    for device_id in sorted(fixes, key=lambda id_: (id_ not in named, id_)):
        files = dict(track_files({device_id: fixes[device_id]}))
        size_bytes += sum(map(len, files.values()))
        if len(kept) + len(files) > MAX_TRACK_FILES or size_bytes > MAX_TRACK_BYTES:
            left_out += 1
        else:
            kept |= files
    note = f"tracks of {left_out} devices are left out, more than a pack can hold: {READINGS_FILE} has their positions"
    return kept, (note,) if left_out else ()


def _check_bounds(files: Mapping[str, bytes]) -> None:
    """What a reader refuses is not written. Raises NotExported."""
    size_bytes = sum(len(content) + _ENTRY_BYTES for content in files.values())
    if len(files) > MAX_FILES or size_bytes > MAX_PACK_BYTES:
        raise NotExported(
            f"the pack would have {len(files):,} files, {size_bytes >> 20:,} MiB: a pack has at most {MAX_FILES:,}, "
            f"{MAX_PACK_BYTES >> 20:,} MiB"
        )
    for name, content in files.items():
        if name.endswith(".json") and len(content) > MAX_JSON_BYTES:
            raise NotExported(f"{name} would be larger than {MAX_JSON_BYTES >> 20} MiB, which no reader takes")


def rule_versions() -> dict[str, int]:
    """Of this program."""
    return {rule.name: rule.version for rule in build_rules()}


def _rules(selected: Selected) -> bytes:
    until = selected.comparison.until if selected.comparison is not None else None
    return rules_of(selected.records, until).message.payload


def _corridor_m(selected: Selected) -> float:
    """As the rule set has it, where this version can read it."""
    try:
        return corridor_m(unpack(_rules(selected)).rules)
    except BadRuleSet:
        return corridor_m(build_rules())


def _judged(selected: Selected) -> Judged:
    if selected.comparison is None:
        return Judged(same=False, why_not=selected.why_not)
    return Judged(same=selected.comparison.same, differences=selected.comparison.differences)


def _missing(selected: Selected, detail: AlertDetail, heard: Sequence[Heard]) -> Missing:
    found = {(one.reading.device_id, str(one.reading.kind), one.reading.ts) for one in heard}
    named = {(ref.device_id, ref.kind, ref.ts) for entry in detail.changes for ref in entry.change.evidence.readings}
    readings = tuple({"device_id": id_, "kind": kind, "ts": ts} for id_, kind, ts in sorted(named - found))
    return Missing(log_begins_at=selected.log_begins_at, readings=readings, damaged=selected.damaged)


def _alert_files(detail: AlertDetail) -> dict[str, bytes]:
    files = {
        ALERT_FILE: _json({
            "alert": detail.alert.model_dump(mode="json"),
            "actions": [action.model_dump(mode="json") for action in detail.actions],
        }),
        CHANGES_FILE: _json([entry.model_dump(mode="json") for entry in detail.changes]),
    }  # fmt: skip
    amended = amended_at(detail)
    if amended is not None:
        files[FIRST_FILE] = _json(detail.changes[amended - 1].model_dump(mode="json"))
    return files


def _custody(material: Material) -> bytes:
    """Without the addresses of people: whoever gets a pack needs none of our network."""
    return _json({
        "exported": material.exported._asdict(),
        "entries": [entry.model_dump(mode="json", exclude={"address"}) for entry in material.custody],
    })  # fmt: skip


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


_README: Final = """\
An evidence pack of Haulwatch 证据包
===================================

It is a lead for officers, not proof by itself.
本证据包是执法线索，不能单独作为处罚依据。

record_zh.pdf, record_en.pdf   the record for people 证据记录
alert/                         the alert, every change of it, what people did 告警及其全部变更
raw/messages.jsonl             messages as the broker delivered them, chained 原始报文（哈希链）
judging/                       city and rule set by which they were judged 研判所依据的登记数据与规则
readings/, track/              the same, decoded; tracks as GeoJSON and GPX 读数与轨迹
registry/, devices/            versions in force; clocks, gaps, sensors 生效版本与设备状况
custody/                       who looked at the alert and exported it 查看与导出记录
attachments/                   photos and documents, if there are any 照片与文件（如有）

Verify all of it, and judge the messages again 验证并重新研判:

    haulwatch evidence verify FILE.zip --key PUBLIC_KEY.pem

Without Haulwatch 不用 Haulwatch 验证:

    openssl pkeyutl -verify -rawin -pubin -inkey public_key.pem -in manifest.json -sigfile manifest.sig
    sha256sum --check SHA256SUMS

The first command says whether manifest.json is what the owner of the key signed; take the public key from somebody you
trust, not from the pack. manifest.json holds the SHA-256 of every file, SHA256SUMS among them.
"""

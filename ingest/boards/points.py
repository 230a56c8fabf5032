"""Points of the boards besides readings: the state of ingestion, of each alert and suspected site, and the positions of
places.

Pure functions; `ingest.boards.feed` writes the points. `devices.readings.series` names measurements, tags and fields.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from devices.city.labels import Label, labels_of, labels_of_areas
from devices.city.model import City
from devices.readings.series import (
    ALERT_STATE_MEASUREMENT,
    CHOICE_SEPARATOR,
    HEALTH_MEASUREMENT,
    PLACE_MEASUREMENT,
    SUSPECTED_SITE_MEASUREMENT,
    FieldValue,
    Point,
    area_tags,
)
from ingest.alerts.rate import AlertRate
from ingest.collector.collector import CollectorStatus
from ingest.ledger.report import Ledger, RecorderStatus
from rules.alerts.actions import AlertView, Outcome
from rules.engine.not_judged import NotJudged
from rules.suspected_sites.model import Proposal

DAY_MS: Final = 86_400_000
_P99: Final = 0.99
_NAMED: Final = 10
"""Devices beyond a limit that the boards name."""


@dataclass(frozen=True, slots=True)
class IngestionStatus:
    """The state of ingestion at one moment. Unknown values are None or absent."""

    at: int
    """Wall clock, ms."""
    ledger: Ledger
    behind: Mapping[str, tuple[int, float | None]]
    """Consumer → messages it has not read yet, and seconds since the oldest of them was received."""
    collector: CollectorStatus | None
    recorder: RecorderStatus
    broker: Mapping[str, float]
    """The fields of part `broker` that the broker publishes."""
    disk: tuple[int, int] | None
    """Free bytes on the raw log's disk, and bytes of the raw log."""
    alert_rate: AlertRate | None = None
    """How often alerts call people."""
    over_limit: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How much was beyond each limit, by device (`ingest.process.over_limit`)."""


def health_points(status: IngestionStatus) -> Iterator[Point]:
    """One point for each part, all at one instant. Numbers are floats, so that no field changes its type."""
    total = status.ledger.total
    yield _health(
        status.at,
        "ledger",
        {
            "received": total.received,
            "stored": total.stored,
            "duplicate": total.duplicate,
            "quarantined": sum(total.quarantined.values()),
            "queued": total.queued,
            "gaps": total.gaps,
            "devices": len(status.ledger.devices),
        },
    )
    for reason, readings in total.quarantined.items():
        yield _health(status.at, "quarantine", {"readings": readings}, of=reason)
    for cause in NotJudged:
        yield _health(status.at, "not_judged", {"readings": total.not_judged.get(cause, 0)}, of=cause)
    for consumer, (messages, oldest_s) in status.behind.items():
        fields: dict[str, float] = {"lag_messages": messages}
        if oldest_s is not None:
            fields["lag_s"] = oldest_s
        yield _health(status.at, "consumer", fields, of=consumer)
    yield _health(status.at, "collector", _collector(status.collector))
    yield _health(status.at, "recorder", _recorder(status.recorder))
    if offsets := sorted(
        abs(line.clock_offset_ms) for line in status.ledger.devices if line.clock_offset_ms is not None
    ):
        worst = {"offset_p50_ms": median(offsets), "offset_worst_ms": offsets[-1]}
        yield _health(status.at, "clock", {**worst, "offset_p99_ms": offsets[int(_P99 * (len(offsets) - 1))]})
    if status.broker:
        yield _health(status.at, "broker", status.broker)
    if status.disk is not None:
        yield _health(status.at, "disk", {"free_bytes": status.disk[0], "size_bytes": status.disk[1]})
    if status.alert_rate is not None:
        called = {"called": status.alert_rate.called, "called_per_operator": status.alert_rate.per_operator}
        yield _health(status.at, "alerts", called)


def over_limit_points(status: IngestionStatus, describe: Callable[[str], Mapping[str, FieldValue]]) -> Iterator[Point]:
    """The devices that are furthest beyond a limit, by rank. `describe` returns the `SUBJECT_FIELDS`."""
    beyond = [(count, device, limit) for device, limits in status.over_limit.items() for limit, count in limits.items()]
    for rank, (count, device, limit) in enumerate(sorted(beyond, key=lambda row: (-row[0], *row[1:]))[:_NAMED], 1):
        fields = {"device": device, "limit": limit, "beyond": float(count), **describe(device)}
        yield Point(HEALTH_MEASUREMENT, (("of", f"{rank:02}"), ("part", "over_limit")), fields, status.at)


def _health(at: int, part: str, fields: Mapping[str, float], of: str = "") -> Point:
    tags = (("of", of), ("part", part)) if of else (("part", part),)
    return Point(HEALTH_MEASUREMENT, tags, {name: float(value) for name, value in fields.items()}, at)


def _collector(collector: CollectorStatus | None) -> dict[str, float]:
    if collector is None:
        return {"connected": 0}
    return {
        "connected": collector.connected,
        "messages": collector.received,
        "reconnects": collector.reconnects,
        "disk_full": collector.disk_full,
    }


def _recorder(recorder: RecorderStatus) -> dict[str, float]:
    fields: dict[str, float] = {"waits": recorder.trouble is not None, "pending": recorder.pending}
    if recorder.write_ms is not None and recorder.slowest_write_ms is not None:
        fields |= {"write_ms": recorder.write_ms, "slowest_write_ms": recorder.slowest_write_ms}
    return fields


def alert_state_points(
    alerts: Iterable[AlertView],
    area: Callable[[AlertView], Mapping[str, str]],
    describe: Callable[[str], Mapping[str, FieldValue]],
) -> Iterator[Point]:
    """The state of each alert, at its `opened_at`: a row that is written again replaces the former one, field by field.

    So `area` must return the same `AREA_TAGS` of an alert's device every time. Two alerts of one rule, device and
    compartment never open at one instant: their ids would be the same. `describe` returns the `SUBJECT_FIELDS`.
    """
    for alert in alerts:
        tags = {"device": alert.subject, "rule": alert.rule, **area(alert)}
        compartment = alert.evidence.measures.get("compartment")
        if isinstance(compartment, str):
            tags["compartment"] = compartment
        yield Point(
            ALERT_STATE_MEASUREMENT,
            tuple(sorted(tags.items())),
            {**_state(alert), **describe(alert.subject)},
            alert.opened_at,
        )


def _state(alert: AlertView) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {
        "alert_id": alert.alert_id,
        "opened_at": alert.opened_at,
        "severity": str(alert.severity),
        "phase": str(alert.phase),
        "outcome": str(alert.outcome or "none"),
        "title": alert.title.en,
        "title_zh": alert.title.zh,
        "open": int(alert.open),
        "acknowledged": int(alert.acknowledged_at is not None),
        "handled": int(alert.outcome is not None),
        "false_alarm": int(alert.outcome is Outcome.FALSE_ALARM),
        "shelved_until": alert.shelved_until or 0,
        "learned_at": alert.learned_at or 0,
        "listed_only": int(alert.listed_only),
    }
    if alert.lat is not None and alert.lon is not None:
        fields |= {"lat": alert.lat, "lon": alert.lon}
    if alert.acknowledged_at is not None:
        fields["acknowledge_s"] = (alert.acknowledged_at - alert.first_recorded_at) / 1000
    if alert.handled_at is not None:
        fields["handle_s"] = (alert.handled_at - alert.first_recorded_at) / 1000
    if alert.closed_at is not None:
        fields["lasted_s"] = (alert.closed_at - alert.opened_at) / 1000
    return fields


def place_points(city: City, at: int) -> Iterator[Point]:
    """What each device is called and where it stands, at the midnight (UTC) before `at`."""
    districts, fleets = labels_of_areas(city.districts), labels_of_areas(city.fleets)
    for device_id, label in labels_of(city, at).items():
        device = city.devices[device_id]
        tags = {
            "device": device.id,
            "role": str(device.role),
            **_choice("choice", label, device.id),
            **area_tags(device),
        }
        if device.district is not None:
            tags |= _choice("district_choice", districts.get(device.district), device.district)
        if device.fleet is not None:
            tags |= _choice("fleet_choice", fleets.get(device.fleet), device.fleet)
        fields: dict[str, FieldValue] = {"name": label.en, "name_zh": label.zh}
        site = city.site_of(device, at)
        if site is not None:
            tags |= _choice("site_choice", Label(site.name, site.name_zh), site.id)
            centroid = site.area.centroid
            fields |= {"lat": centroid.y, "lon": centroid.x}
        yield Point(PLACE_MEASUREMENT, tuple(sorted(tags.items())), fields, at // DAY_MS * DAY_MS)


def suspected_site_points(sites: Iterable[Proposal]) -> Iterator[Point]:
    """The state of each suspected site. `sites` are all there are: those that were proposed at one instant are a
    millisecond apart in the order of their ids, since no id is a tag.
    """
    same_instant: Counter[int] = Counter()
    for site in sorted(sites, key=lambda site: (site.proposed_at, site.id)):
        last = site.decisions[-1] if site.decisions else None
        fields: dict[str, FieldValue] = {
            "site_id": site.id,
            "state": str(site.state),
            "lat": site.lat,
            "lon": site.lon,
            "radius_m": site.radius_m,
            "trucks": len(site.trucks),
            "visits": site.visits,
            "days": site.days,
            "last_seen": site.last_seen,
            "busiest_hour": site.busiest_hour,
            "decided_by": "" if last is None else last.actor,
            "reason": "" if last is None else last.reason,
        }
        ts = site.proposed_at + same_instant[site.proposed_at]
        same_instant[site.proposed_at] += 1
        yield Point(SUSPECTED_SITE_MEASUREMENT, (("kind", str(site.kind)),), fields, ts)


def _choice(tag: str, label: Label | None, id_: str) -> dict[str, str]:
    """The tags by which people choose it by name, in both languages."""
    name = label or Label(id_, id_)
    return {tag: f"{name.en}{CHOICE_SEPARATOR}{id_}", f"{tag}_zh": f"{name.zh}{CHOICE_SEPARATOR}{id_}"}

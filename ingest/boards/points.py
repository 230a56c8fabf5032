"""What the boards are told besides readings: how ingestion fares, where each alert stands, where things stand.

Measurements, tags and fields are those of `devices.readings.series`; pure functions, written by `ingest.boards.feed`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from devices.city.model import City
from devices.readings.series import (
    ALERT_STATE_MEASUREMENT,
    HEALTH_MEASUREMENT,
    PLACE_MEASUREMENT,
    FieldValue,
    Point,
    area_tags,
)
from ingest.collector.collector import CollectorStatus
from ingest.ledger.report import Ledger, RecorderStatus
from rules.alerts.actions import AlertView, Outcome

DAY_MS: Final = 86_400_000
_P99: Final = 0.99


@dataclass(frozen=True, slots=True)
class IngestionStatus:
    """How ingestion fares at one moment; what is not known is None or left out."""

    at: int
    """Wall clock, ms."""
    ledger: Ledger
    behind: Mapping[str, tuple[int, float | None]]
    """Consumer → messages not read yet, and seconds since the oldest of them was received."""
    collector: CollectorStatus | None
    recorder: RecorderStatus
    broker: Mapping[str, float]
    """The fields of part `broker`, as far as the broker tells."""
    disk: tuple[int, int] | None
    """Bytes free where the raw log is, and bytes of the raw log."""


def health_points(look: IngestionStatus) -> Iterator[Point]:
    """One point for each part, all at one instant; all figures are floats, so that no field changes its type."""
    total = look.ledger.total
    yield _health(
        look.at,
        "ledger",
        {
            "received": total.received,
            "stored": total.stored,
            "duplicate": total.duplicate,
            "quarantined": sum(total.quarantined.values()),
            "queued": total.queued,
            "gaps": total.gaps,
            "devices": len(look.ledger.devices),
        },
    )
    for reason, readings in total.quarantined.items():
        yield _health(look.at, "quarantine", {"readings": readings}, of=reason)
    for consumer, (messages, oldest_s) in look.behind.items():
        fields: dict[str, float] = {"lag_messages": messages}
        if oldest_s is not None:
            fields["lag_s"] = oldest_s
        yield _health(look.at, "consumer", fields, of=consumer)
    yield _health(look.at, "collector", _collector(look.collector))
    yield _health(look.at, "recorder", _recorder(look.recorder))
    if offsets := sorted(abs(line.clock_offset_ms) for line in look.ledger.devices if line.clock_offset_ms is not None):
        worst = {"offset_p50_ms": median(offsets), "offset_worst_ms": offsets[-1]}
        yield _health(look.at, "clock", {**worst, "offset_p99_ms": offsets[int(_P99 * (len(offsets) - 1))]})
    if look.broker:
        yield _health(look.at, "broker", look.broker)
    if look.disk is not None:
        yield _health(look.at, "disk", {"free_bytes": look.disk[0], "size_bytes": look.disk[1]})


def _health(at: int, part: str, fields: Mapping[str, float], of: str = "") -> Point:
    tags = (("of", of), ("part", part)) if of else (("part", part),)
    return Point(HEALTH_MEASUREMENT, tags, {name: float(value) for name, value in fields.items()}, at)


def _collector(status: CollectorStatus | None) -> dict[str, float]:
    if status is None:
        return {"connected": 0}
    return {
        "connected": status.connected,
        "messages": status.received,
        "reconnects": status.reconnects,
        "disk_full": status.disk_full,
    }


def _recorder(status: RecorderStatus) -> dict[str, float]:
    fields: dict[str, float] = {"waits": status.trouble is not None, "pending": status.pending}
    if status.write_ms is not None and status.slowest_write_ms is not None:
        fields |= {"write_ms": status.write_ms, "slowest_write_ms": status.slowest_write_ms}
    return fields


def alert_state_points(alerts: Iterable[AlertView], area: Callable[[AlertView], Mapping[str, str]]) -> Iterator[Point]:
    """Each alert as it stands, at its `opened_at`: written again, a row replaces the one before.

    So `area` gives the `AREA_TAGS` of an alert's device, the same every time. Two alerts of one rule, device and
    compartment never open at one instant: their ids would be the same.
    """
    for alert in alerts:
        tags = {"device": alert.subject, "rule": alert.rule, **area(alert)}
        compartment = alert.evidence.measures.get("compartment")
        if isinstance(compartment, str):
            tags["compartment"] = compartment
        yield Point(ALERT_STATE_MEASUREMENT, tuple(sorted(tags.items())), _state(alert), alert.opened_at)


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
    """Where each device with a site stands, at the midnight (UTC) before `at`."""
    for device in city.devices.values():
        site = city.sites.get(device.site_id) if device.site_id is not None else None
        if site is None:
            continue
        middle = site.area.centroid
        tags = {"device": device.id, **area_tags(device)}
        fields: dict[str, FieldValue] = {"lat": middle.y, "lon": middle.x, "name": site.name, "name_zh": site.name_zh}
        yield Point(PLACE_MEASUREMENT, tuple(sorted(tags.items())), fields, at // DAY_MS * DAY_MS)

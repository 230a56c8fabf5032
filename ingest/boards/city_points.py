"""Points of the boards about weighings, manifests and indicators. Pure; `ingest.boards.city_feed` writes them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime

from devices.city.labels import Label, labels_of_areas
from devices.city.model import City
from devices.readings.series import (
    CITY_LOADS_MEASUREMENT,
    INDICATOR_MEASUREMENT,
    MANIFEST_MEASUREMENT,
    FieldValue,
    Point,
)
from rules.indicators.board_rows import LoadSums, ManifestRow
from rules.indicators.model import Indicator, IndicatorReport
from rules.manifests.model import FINAL, ManifestState


def load_points(rows: Iterable[LoadSums], city: City) -> Iterator[Point]:
    """One point for each row, at midnight UTC of its day."""
    districts = labels_of_areas(city.districts)
    for row in rows:
        heading = row.heading
        district = districts.get(heading.district, Label(heading.district, heading.district))
        site = city.sites.get(heading.site)
        tags = {"flow": str(heading.flow), "site": heading.site, "stream": heading.stream}
        if heading.district:
            tags["district"] = heading.district
        fields: dict[str, FieldValue] = {
            "net_kg": row.net_kg,
            "estimated_kg": row.estimated_kg,
            "loads": row.loads,
            "estimated": row.estimated,
            "unknown": row.unknown,
            "waiting": row.waiting,
            "label": heading.site if site is None else site.name,
            "label_zh": heading.site if site is None else site.name_zh,
            "district_label": district.en,
            "district_label_zh": district.zh,
        }
        yield Point(CITY_LOADS_MEASUREMENT, tuple(sorted(tags.items())), fields, midnight_ms(heading.day))


def manifest_point(row: ManifestRow, city: City, area: Mapping[str, str]) -> Point:
    """The state of a manifest, at its issue. `area`: the same `AREA_TAGS` of its truck each time, or there would be two
    rows of it. A truck gets no two manifests in one millisecond: each is a transaction of its own.
    """
    source, destination = city.sites.get(row.source_id), city.sites.get(row.destination_id)
    fields: dict[str, FieldValue] = {
        "number": row.number,
        "state": str(row.state),
        "stream": row.stream,
        "source": row.source_id if source is None else source.name,
        "source_zh": row.source_id if source is None else source.name_zh,
        "destination": row.destination_id if destination is None else destination.name,
        "destination_zh": row.destination_id if destination is None else destination.name_zh,
        "arrive_by": row.arrive_by,
        "open": int(row.state not in FINAL),
        "closed": int(row.state is ManifestState.CLOSED),
        "overdue": int(row.state is ManifestState.OVERDUE),
        "discrepancy": int(row.state is ManifestState.DISCREPANCY),
        "void": int(row.state is ManifestState.VOID),
    }
    if row.sent_kg is not None:
        fields["sent_kg"] = float(row.sent_kg)
    if row.net_kg is not None:
        fields["net_kg"] = float(row.net_kg)
    return Point(MANIFEST_MEASUREMENT, tuple(sorted({"device": row.device_id, **area}.items())), fields, row.issued_at)


def indicator_points(report: IndicatorReport) -> Iterator[Point]:
    """One point for each indicator, at midnight UTC of the last day."""
    for one in report.indicators:
        tags = (("indicator", str(one.id)),)
        yield Point(INDICATOR_MEASUREMENT, tags, _indicator(one), midnight_ms(report.last_day.isoformat()))


def _indicator(one: Indicator) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {
        "shown": int(one.value is not None),
        "name": one.name.en,
        "name_zh": one.name.zh,
        "unit": one.unit.en,
        "unit_zh": one.unit.zh,
        "why": "; ".join(held.text.en for held in one.withheld),
        "why_zh": "；".join(held.text.zh for held in one.withheld),
    }
    numbers = {name: getattr(one, name) for name in ("value", "baseline", "target", "progress_pct")}
    return fields | {name: float(value) for name, value in numbers.items() if value is not None}


def midnight_ms(day: str) -> int:
    """Midnight UTC of a date, ms: days of boards begin there, and today's row is never in the future of its viewers."""
    return round(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp() * 1000)

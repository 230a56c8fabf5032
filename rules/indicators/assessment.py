"""Assessment 考核 of hauliers, vehicles and drivers: a score from counts that are shown beside it. Pure.

    score = Σ weight × part ÷ Σ weights, each part from 0 to 100:

    alerts     100 − Σ points of the upheld alerts × 100 ÷ trips, not below 0
    manifests  closed manifests ÷ trips × 100
    data       (loads weighed in full + trips of which departure and arrival were seen) ÷ (loads + trips) × 100

Trips are those under a manifest, or the loads that came to sites, whichever are more: who drives without manifests has
trips all the same. An alert is upheld when a person closed it as a confirmed violation, and it was not taken back. So
an appeal that ends in a correction of the alert changes the score at once. Who has few trips, or little data, is not
assessed.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from devices.city.model import City
from rules.alerts.actions import Outcome
from rules.alerts.model import Severity, Text
from rules.indicators.programme import AssessmentRules
from rules.indicators.trips import Trip, over_or_late

_FULL: Final = 100.0


class SubjectKind(StrEnum):
    """Who is assessed."""

    HAULIER = "haulier"
    VEHICLE = "vehicle"
    DRIVER = "driver"


class PartId(StrEnum):
    """What a score is made of."""

    ALERTS = "alerts"
    MANIFESTS = "manifests"
    DATA = "data"


class NotAssessed(StrEnum):
    """Why somebody has no score."""

    FEW_TRIPS = "few_trips"
    LITTLE_DATA = "little_data"


class AlertSum(NamedTuple):
    """An alert about a truck in the span, as it stands."""

    alert_id: str
    device_id: str
    severity: Severity
    opened_at: int
    outcome: Outcome | None


class VehicleLoads(NamedTuple):
    """Loads that a vehicle brought to sites in one day."""

    vehicle_id: str
    at: int
    """The first of them, ms."""
    loads: int
    in_full: int
    """Gross and tare were weighed."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class AssessmentCounts(_Value):
    """What a score rests on."""

    trips: int = Field(description="Under a manifest, or loads that came to sites, whichever are more")
    under_manifest: int
    closed: int = Field(description="Trips whose manifest is closed")
    loads: int = Field(description="Loads that came to sites")
    loads_in_full: int = Field(description="Of these, those of which gross and tare were weighed")
    trips_seen: int = Field(description="Trips of which departure and arrival were seen")
    upheld: dict[Severity, int] = Field(description="Alerts that a person confirmed as violations")
    other_alerts: int = Field(description="Alerts that a person closed otherwise: they count nothing")
    undecided: int = Field(description="Alerts that nobody has closed yet: they count nothing")


class ScorePart(_Value):
    """One part of a score."""

    id: PartId
    weight: float
    score: float | None = Field(description="0 to 100; null: not assessed")


class Assessment(_Value):
    """One haulier, vehicle or driver."""

    kind: SubjectKind
    id: str
    name: Text
    score: float | None = Field(description="0 to 100; null: not assessed, and `why_not` says why")
    why_not: NotAssessed | None
    parts: tuple[ScorePart, ...]
    counts: AssessmentCounts
    alerts: tuple[str, ...] = Field(description="Ids of the upheld alerts, at most the newest 50")


class _Subject:
    """The state of one of them."""

    def __init__(self) -> None:
        self.trips: list[Trip] = []
        self.alerts: list[AlertSum] = []
        self.loads = self.in_full = 0


_MOST_ALERTS: Final = 50


def assessments(
    kind: SubjectKind,
    trips: Iterable[Trip],
    alerts: Sequence[AlertSum],
    loads: Iterable[VehicleLoads],
    city: City,
    rules: AssessmentRules,
) -> list[Assessment]:
    """All that had a trip, a load or an alert in the span: the lowest score first, then those not assessed, by id."""
    subjects: dict[str, _Subject] = {}
    done = over_or_late(trips)
    driven = _by_vehicle(done)
    for trip in done:
        if (id_ := _subject_of_trip(kind, trip, city)) is not None:
            subjects.setdefault(id_, _Subject()).trips.append(trip)
    for alert in alerts:
        if (id_ := _subject_of_alert(kind, alert, driven, city)) is not None:
            subjects.setdefault(id_, _Subject()).alerts.append(alert)
    if kind is not SubjectKind.DRIVER:
        for one in loads:
            id_ = one.vehicle_id if kind is SubjectKind.VEHICLE else _haulier_of(one.vehicle_id, city, one.at)
            if id_ is not None:
                subject = subjects.setdefault(id_, _Subject())
                subject.loads += one.loads
                subject.in_full += one.in_full
    found = [_assessed(kind, id_, subject, city, rules) for id_, subject in subjects.items()]
    return sorted(found, key=lambda one: (one.score is None, one.score, one.id))


def _assessed(kind: SubjectKind, id_: str, subject: _Subject, city: City, rules: AssessmentRules) -> Assessment:
    counts = _counts(subject)
    scores = _scores(counts, rules)
    why_not = None
    if counts.trips < rules.least_trips:
        why_not = NotAssessed.FEW_TRIPS
    elif scores[PartId.DATA] < rules.least_data_pct:
        why_not = NotAssessed.LITTLE_DATA
    weights = {part: float(getattr(rules.weights, part)) for part in PartId}
    score = sum(weights[part] * scores[part] for part in PartId) / sum(weights.values())
    upheld = sorted((one for one in subject.alerts if _is_upheld(one)), key=lambda one: -one.opened_at)
    return Assessment(
        kind=kind,
        id=id_,
        name=_name(kind, id_, city),
        score=None if why_not is not None else _rounded(score),
        why_not=why_not,
        parts=tuple(
            ScorePart(id=part, weight=weights[part], score=None if why_not else _rounded(scores[part]))
            for part in PartId
        ),
        counts=counts,
        alerts=tuple(one.alert_id for one in upheld[:_MOST_ALERTS]),
    )


def _counts(subject: _Subject) -> AssessmentCounts:
    upheld = [one.severity for one in subject.alerts if _is_upheld(one)]
    undecided = sum(one.outcome is None for one in subject.alerts)
    return AssessmentCounts(
        trips=max(len(subject.trips), subject.loads),
        under_manifest=len(subject.trips),
        closed=sum(trip.is_closed for trip in subject.trips),
        loads=subject.loads,
        loads_in_full=subject.in_full,
        trips_seen=sum(trip.is_seen for trip in subject.trips),
        upheld={severity: upheld.count(severity) for severity in Severity},
        other_alerts=len(subject.alerts) - len(upheld) - undecided,
        undecided=undecided,
    )


def _scores(counts: AssessmentCounts, rules: AssessmentRules) -> dict[PartId, float]:
    """0 to 100 each; 0 where there is nothing to divide by, which is never shown."""
    if not counts.trips:
        return dict.fromkeys(PartId, 0.0)
    points = sum(rules.points.get(severity, 0.0) * count for severity, count in counts.upheld.items())
    complete, checked = counts.loads_in_full + counts.trips_seen, counts.loads + counts.under_manifest
    return {
        PartId.ALERTS: max(0.0, _FULL - points * 100 / counts.trips),
        PartId.MANIFESTS: _FULL * counts.closed / counts.trips,
        PartId.DATA: _FULL * complete / checked,
    }


def _is_upheld(alert: AlertSum) -> bool:
    return alert.outcome is Outcome.CONFIRMED_VIOLATION


def _rounded(score: float) -> float:
    """To one decimal, but never up to 100."""
    return _FULL if score >= _FULL else min(round(score, 1), 99.9)


def _by_vehicle(trips: Iterable[Trip]) -> dict[str, list[Trip]]:
    found: dict[str, list[Trip]] = {}
    for trip in trips:
        found.setdefault(trip.vehicle_id, []).append(trip)
    return found


def _subject_of_trip(kind: SubjectKind, trip: Trip, city: City) -> str | None:
    match kind:
        case SubjectKind.VEHICLE:
            return trip.vehicle_id
        case SubjectKind.DRIVER:
            return trip.driver or None
        case SubjectKind.HAULIER:
            return _haulier_of(trip.vehicle_id, city, trip.began_at)


def _subject_of_alert(
    kind: SubjectKind, alert: AlertSum, driven: Mapping[str, Sequence[Trip]], city: City
) -> str | None:
    """Whom an alert is about. A driver counts while a trip under a manifest with his name was under way."""
    device = city.devices.get(alert.device_id)
    vehicle_id = None if device is None else device.vehicle_id
    if vehicle_id is None:
        return None
    match kind:
        case SubjectKind.VEHICLE:
            return vehicle_id
        case SubjectKind.HAULIER:
            return _haulier_of(vehicle_id, city, alert.opened_at)
        case SubjectKind.DRIVER:
            under_way = (
                trip
                for trip in driven.get(vehicle_id, ())
                if trip.began_at <= alert.opened_at and (not trip.ended_at or alert.opened_at <= trip.ended_at)
            )
            latest = max(under_way, key=lambda trip: trip.began_at, default=None)
            return None if latest is None else latest.driver or None


def _haulier_of(vehicle_id: str, city: City, ts: int) -> str | None:
    """The haulier that had the vehicle at `ts`, ms."""
    vehicle = city.vehicle_at(vehicle_id, ts)
    return None if vehicle is None else vehicle.haulier_id or vehicle.carrier or None


def _name(kind: SubjectKind, id_: str, city: City) -> Text:
    if kind is SubjectKind.VEHICLE and id_ in city.vehicles:
        plate = city.vehicles[id_].plate
        return Text(en=plate, zh=plate)
    if kind is SubjectKind.HAULIER:
        named = [one for one in city.hauliers if one.id == id_]
        if named:
            newest = max(named, key=lambda one: one.version)
            return Text(en=newest.name, zh=newest.name_zh)
    return Text(en=id_, zh=id_)

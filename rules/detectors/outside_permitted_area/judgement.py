"""Judges whether a truck collects where none of its permits allows that. Driving through is allowed.

What readings carry of collecting: a truck stands beside a source of waste, its on-board weight rises, its terminal
says empty and then loaded. A stop at one source is a suspicion; a second source, or a load that rose while it stood
outside, confirms it. A stop at which the scale shows a load that stays as it was is none. Only trucks whose valid
permits all name areas are judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import City, DeviceRole, Vehicle
from devices.city.sites import SOURCES, Site
from devices.geo.geometry import XY
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, where, who, whole_seconds
from rules.detectors.outside_permitted_area import wording
from rules.detectors.outside_permitted_area.parameters import OutsidePermittedAreaParameters
from rules.tracking import Fix, LoadState, Track
from rules.tracking.load import ASSUMED_PAYLOAD_KG, EMPTY_SHARE
from rules.tracking.stays import Stay, follow_stay, source_beside

MAX_SOURCES: Final = 8
"""Sources that one alert names; more prove nothing further."""
_EMPTY: Final = LoadState.EMPTY
_FIELDS: Final = ("lat", "lon", "speed_kmh", "load", "load_kg")
_RISE_STEP_KG: Final = 100.0
"""A weight that is higher by less is the same."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Source:
    """A source beside which the truck stood for long enough."""

    id: str
    name: str
    name_zh: str


@dataclass(slots=True)
class Outing:
    """A truck's stops outside its areas, from the first at which it may have collected. Times are device time, ms."""

    onset: int
    place: XY
    place_en: str
    place_zh: str
    areas_en: str
    areas_zh: str
    area_ids: str
    outside_m: float
    """From the nearest of its areas to the first stop."""
    base_kg: float | None
    """Steady load before the first stop; None where it is not known."""
    stay_since: int
    """Beginning of the last stay,"""
    stay_kg: float | None
    """and the steady load before it; None where it is not known."""
    collected_at: int
    """When it collected last, or stopped first."""
    stood_at: int = 0
    """The last fix at which it stood; 0 once it drove on."""
    stood_ms: int = 0
    was_empty: bool = False
    """Its terminal reported so there."""
    filled_since: int = 0
    """Since when it says otherwise; 0 while it does not."""
    rise_kg: float = 0.0
    sources: list[Source] = field(default_factory=list)
    confirmed: bool = False
    given: bool = False
    """People were notified."""
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class AreaState:
    """State of one truck."""

    stay: Stay | None = None
    outing: Outing | None = None
    """None while it has not stood outside its areas, as nearly always."""


class OutsidePermittedArea(Rule[AreaState]):
    """SUSPECTED or CONFIRMED when a truck collects outside its areas, CLEAR when it is back or collects no more."""

    name: ClassVar = "outside_permitted_area"
    version: ClassVar = 2
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = AreaState

    def __init__(self, parameters: OutsidePermittedAreaParameters | None = None) -> None:
        self.parameters: OutsidePermittedAreaParameters = parameters or OutsidePermittedAreaParameters()

    def judge(self, observation: Observation, state: AreaState) -> Sequence[Verdict]:
        """Judge a position that came in order: while nothing began, only of a truck that stays."""
        fix, track, outing = observation.fix, observation.track, state.outing
        if fix is None or track is None or not fix.usable:
            return ()
        if outing is None and (fix.moving or not observation.city.has_areas):
            state.stay = None
            return ()
        state.stay = follow_stay(state.stay, fix, track)
        depth_m = _depth_m(observation, fix)
        over = self._over(fix, outing, depth_m)
        if over is not None or depth_m is None:
            return self._end(observation, state, over or wording.FREE)
        if depth_m < -(self.parameters.margin_m + fix.outside_m()):
            self._outside(observation, fix, track, state, -depth_m)
        outing = state.outing
        if outing is None or not (outing.sources or outing.confirmed):
            return ()
        outing.given = True
        return (self._verdict(observation, outing),)

    def _over(self, fix: Fix, outing: Outing | None, depth_m: float | None) -> Text | None:
        """Why this is no collecting outside its areas, or no more; None if it may be."""
        if depth_m is None:
            return wording.FREE
        if depth_m > fix.outside_m():
            return wording.BACK
        quiet_ms = fix.ts - outing.collected_at if outing is not None else 0
        return wording.quiet(quiet_ms) if quiet_ms >= self.parameters.quiet_s * 1000 else None

    def _outside(self, observation: Observation, fix: Fix, track: Track, state: AreaState, outside_m: float) -> None:
        outing, stay = state.outing, state.stay
        if stay is not None and (outing is None or self._begins_anew(stay, outing)):
            outing = state.outing = self._begin(observation, fix, track, stay, outside_m)
        if outing is not None:
            self._follow(observation, fix, track, stay, outing)

    def _begins_anew(self, stay: Stay, outing: Outing) -> bool:
        """True at a new stay if it has not collected at those before."""
        collected = bool(outing.sources) or outing.rise_kg > 0 or outing.filled_since > 0
        return stay.since != outing.stay_since and not collected

    def _begin(self, observation: Observation, fix: Fix, track: Track, stay: Stay, outside_m: float) -> Outing:
        place = where(fix.xy, observation.city, observation.calendar_ts)
        area_ids = _areas_of(observation, fix)
        areas = _names(observation.city, area_ids)
        base_kg = self._fresh_kg(fix, track)
        return Outing(
            onset=stay.since,
            place=fix.xy,
            place_en=place.en,
            place_zh=place.zh,
            areas_en=areas.en,
            areas_zh=areas.zh,
            area_ids=",".join(sorted(area_ids)),
            outside_m=outside_m,
            base_kg=base_kg,
            stay_since=stay.since,
            stay_kg=base_kg,
            collected_at=fix.ts,
        )

    def _fresh_kg(self, fix: Fix, track: Track) -> float | None:
        """The steady load a short while before this fix; None where it is not known."""
        load = track.load
        is_fresh = load.steady_ts > 0 and fix.ts - load.steady_ts <= self.parameters.weight_age_s * 1000
        return load.steady_kg if is_fresh else None

    def _follow(self, observation: Observation, fix: Fix, track: Track, stay: Stay | None, outing: Outing) -> None:
        """Add a fix outside the areas: how long it stood, beside which source, and what its load does."""
        limits, stands = self.parameters, stay is not None and not _is_elsewhere(fix)
        if stay is not None and stands:
            outing.stood_ms += fix.ts - outing.stood_at if outing.stood_at and not fix.regained else 0
            if stay.since != outing.stay_since:
                outing.stay_since, outing.stay_kg = stay.since, self._fresh_kg(fix, track)
            long_enough = fix.ts - stay.since >= limits.stay_s * 1000
            if long_enough and not self._took_nothing(track, outing, observation.vehicle):
                beside = source_beside(stay, limits.near_m, observation.calendar_ts, observation.city)
                self._visit(beside, fix.ts, outing)
        outing.stood_at = fix.ts if stands else 0
        weighed = self._weigh(observation, fix, track, outing)
        if stands or weighed:
            outing.refs = bounded(outing.refs, ref(observation.reading, *_FIELDS))
        stood_long = outing.stood_ms >= limits.stay_s * 1000
        filled = outing.filled_since > 0 and fix.ts - outing.filled_since >= limits.stay_s * 1000
        has_load = filled or outing.rise_kg >= self._enough_kg(observation.vehicle)
        outing.confirmed |= (stood_long and has_load) or len(outing.sources) >= limits.sources

    def _took_nothing(self, track: Track, outing: Outing, vehicle: Vehicle | None) -> bool:
        """True if its scale was weighed with since the stop, shows a load, and no more of it than before."""
        load, before_kg = track.load, outing.stay_kg
        if before_kg is None or load.steady_ts - outing.stay_since < self.parameters.stay_s * 500:
            return False
        carries = before_kg > EMPTY_SHARE * _payload_kg(vehicle)
        return carries and load.steady_kg - before_kg < self.parameters.unchanged_kg

    def _visit(self, source: Site | None, ts: int, outing: Outing) -> None:
        """Count the source beside which it has stood for long enough."""
        if source is None:
            return
        outing.collected_at = ts
        if len(outing.sources) < MAX_SOURCES and all(other.id != source.id for other in outing.sources):
            outing.sources = [*outing.sources, Source(source.id, source.name, source.name_zh)]

    def _weigh(self, observation: Observation, fix: Fix, track: Track, outing: Outing) -> bool:
        """Compare the load with the one before, and return whether it shows that it collected.

        Less than before is a new beginning.
        """
        load, position, rose = track.load, observation.position, False
        if load.steady_ts == fix.ts:
            if outing.base_kg is None or load.steady_kg < outing.base_kg - self._enough_kg(observation.vehicle):
                outing.base_kg, outing.rise_kg = load.steady_kg, 0.0
            if load.steady_kg - outing.base_kg >= outing.rise_kg + _RISE_STEP_KG:
                outing.rise_kg, rose = load.steady_kg - outing.base_kg, True
        if position is not None and position.load is not None:
            if load.terminal is _EMPTY:
                outing.was_empty, outing.filled_since = True, 0
            elif outing.was_empty and not outing.filled_since:
                outing.filled_since, rose = fix.ts, True
        if rose:
            outing.collected_at = fix.ts
        return rose

    def _enough_kg(self, vehicle: Vehicle | None) -> float:
        return max(self.parameters.rise_kg, self.parameters.rise_share * _payload_kg(vehicle))

    def _end(self, observation: Observation, state: AreaState, why: Text) -> Sequence[Verdict]:
        """End what people were notified of; what was only beginning is forgotten."""
        outing, state.outing = state.outing, None
        if outing is None or not outing.given:
            return ()
        last = self._verdict(observation, outing)
        assert last.evidence is not None  # noqa: S101 - made there
        found = {
            "findings": (*last.evidence.findings, why),
            "readings": tuple(bounded(outing.refs, ref(observation.reading, *_FIELDS))),
        }
        return (replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found)),)

    def _verdict(self, observation: Observation, outing: Outing) -> Verdict:
        place = Text(en=outing.place_en, zh=outing.place_zh)
        areas = Text(en=outing.areas_en, zh=outing.areas_zh)
        who_text = who(observation.device, observation.city, observation.calendar_ts)
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED if outing.confirmed else Level.SUSPECTED,
            at=observation.ts,
            onset=outing.onset,
            severity=Severity.P3 if outing.confirmed else Severity.P4,
            place=observation.city.plane.latlon(outing.place),
            title=wording.title(who_text, areas, place, confirmed=outing.confirmed),
            evidence=self._evidence(observation, outing),
            basis=f"{len(outing.sources)} {outing.confirmed}",
        )

    def _evidence(self, observation: Observation, outing: Outing) -> Evidence:
        limits, outside_m, rise_kg = self.parameters, round(outing.outside_m, 1), round(outing.rise_kg)
        findings = [wording.stood(outing.stood_ms, outside_m)]
        measures: dict[str, float | int | str | bool] = {
            "areas": outing.area_ids,
            "outside_m": outside_m,
            "stood_s": whole_seconds(outing.stood_ms),
            "sources": ",".join(source.id for source in outing.sources),
            "filled": outing.filled_since > 0,
        }
        if outing.sources:
            findings.append(wording.at_sources(_joined(outing.sources), limits))
        if outing.base_kg is not None:
            base_kg = round(outing.base_kg)
            measures |= {"base_kg": base_kg, "rise_kg": rise_kg}
            findings.append(wording.rose(rise_kg, base_kg))
        if outing.filled_since:
            findings.append(wording.FILLED)
        return Evidence(
            parameters=limits.model_dump(),
            findings=tuple(findings),
            ruled_out=wording.ruled_out(limits),
            readings=tuple(outing.refs),
            measures=measures,
        )


def _payload_kg(vehicle: Vehicle | None) -> float:
    return vehicle.payload_kg if vehicle is not None and vehicle.payload_kg else ASSUMED_PAYLOAD_KG


def _areas_of(observation: Observation, fix: Fix) -> frozenset[str]:
    vehicle_id = observation.device.vehicle_id
    return observation.city.areas_of(vehicle_id, observation.calendar_ts) if vehicle_id is not None else frozenset()


def _depth_m(observation: Observation, fix: Fix) -> float | None:
    """How deep the fix lies in the truck's areas, metres, negative outside; None if it may collect anywhere."""
    area_ids = _areas_of(observation, fix)
    found = observation.city.zone_geometry.permitted_at(fix.xy, observation.calendar_ts, area_ids) if area_ids else None
    return None if found is None else found.depth_m


def _is_elsewhere(fix: Fix) -> bool:
    """True inside a site where trucks do not collect: they tip, park or are washed there."""
    return any(distance_m == 0 and site.kind not in SOURCES for site, distance_m in fix.sites)


def _names(city: City, area_ids: frozenset[str]) -> Text:
    """What people call these areas, by their newest versions."""
    names = {zone.id: (zone.name, zone.name_zh) for zone in city.zones if zone.id in area_ids}
    known = [names.get(area_id, (area_id, area_id)) for area_id in sorted(area_ids)]
    return Text(en=", ".join([name for name, _ in known]), zh="、".join([name_zh for _, name_zh in known]))


def _joined(sources: Sequence[Source]) -> Text:
    return Text(en=", ".join([each.name for each in sources]), zh="、".join([each.name_zh for each in sources]))

"""Judges whether a truck drives faster than it may.

The speed is the one that the terminal reports: worked out from positions it would err by more than a fine allows. The
positions must bear it out, though. A terminal that reports no speed is not judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.city.sites import Route
from devices.geo.geometry import XY
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, where, who, whole_seconds
from rules.detectors.speeding import wording
from rules.detectors.speeding.parameters import SpeedingParameters
from rules.tracking import Fix

_FIELDS: Final = ("lat", "lon", "speed_kmh", "accuracy_m")


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Race:
    """One drive above the limit. Times are device time, ms."""

    onset: int
    place: XY
    place_en: str
    place_zh: str
    readings: int = 0
    """Positions above it without a break."""
    over_ms: int = 0
    over_m: float = 0.0
    ts: int = 0
    """Of the last position above it; 0 after a break."""
    peak_kmh: float = 0.0
    """The highest speed for its limit, with the limit that held there."""
    limit_kmh: float = 0.0
    route_en: str = ""
    """Whose limit it is; empty where that of all roads holds."""
    route_zh: str = ""
    over_pct: float = 0.0
    """By how much it was above the limit, at most,"""
    second_pct: float = 0.0
    """and the second highest value, which decides about the severity."""
    below_since: int = 0
    """Since when it drives below the limit; 0 while it does not."""
    given: bool = False
    """People were notified."""
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class SpeedState:
    """State of one truck."""

    race: Race | None = None


class Speeding(Rule[SpeedState]):
    """CONFIRMED from `hold_s` above the limit on, CLEAR after `below_s` below it."""

    name: ClassVar = "speeding"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    asks_calendar: ClassVar = True
    state = SpeedState

    def __init__(self, parameters: SpeedingParameters | None = None) -> None:
        self.parameters: SpeedingParameters = parameters or SpeedingParameters()

    def judge(self, observation: Observation, state: SpeedState) -> Sequence[Verdict]:
        """Judge a position that came in order."""
        position, fix, race = observation.position, observation.fix, state.race
        if fix is None or position is None:
            return ()
        if race is not None and not race.given and fix.blind:
            state.race = race = None
        speed_kmh = position.speed_kmh
        if speed_kmh is None or not fix.usable or (race is None and not fix.moving):
            return ()
        route, limit_kmh = self._limit(observation, fix)
        is_over = speed_kmh > limit_kmh * (1 + self.parameters.over_pct / 100)
        is_over = is_over and speed_kmh > limit_kmh + self.parameters.over_kmh
        if is_over:
            race = state.race = self._race_on(observation, fix, race, speed_kmh, limit_kmh, route)
        elif race is not None and not race.given:
            state.race = race = None
        if race is None or not race.given:
            return ()
        race.ts = fix.ts if is_over else 0
        race.below_since = (race.below_since or fix.ts) if speed_kmh < limit_kmh else 0
        if race.below_since and fix.ts - race.below_since >= self.parameters.below_s * 1000:
            state.race = None
            return (self._cleared(observation, race, fix.ts - race.below_since),)
        return (self._verdict(observation, race),)

    def _limit(self, observation: Observation, fix: Fix) -> tuple[Route | None, float]:
        """The limit that holds here, km/h, and the approved route that names it.

        Of several routes the highest one: a truck may be on any of them.
        """
        found: Route | None = None
        highest_kmh = 0.0
        for route in observation.approved_routes():
            if route.limit_kmh is None or route.limit_kmh <= highest_kmh:
                continue
            if observation.is_on_route(route, self.parameters.corridor_m):
                found, highest_kmh = route, route.limit_kmh
        return (None, self.parameters.limit_kmh) if found is None else (found, highest_kmh)

    def _race_on(
        self,
        observation: Observation,
        fix: Fix,
        race: Race | None,
        speed_kmh: float,
        limit_kmh: float,
        route: Route | None,
    ) -> Race:
        """Add a position above the limit."""
        limits = self.parameters
        if race is None or (fix.regained and not race.given):
            place = where(fix.xy, observation.city, observation.calendar_ts)
            race = Race(fix.ts, fix.xy, place.en, place.zh)
        elif race.ts and not fix.regained:
            race.over_ms += fix.ts - race.ts
            race.over_m += fix.run_m
        race.ts = fix.ts
        race.readings += 1
        race.refs = bounded(race.refs, ref(observation.reading, *_FIELDS))
        over_pct = round((speed_kmh / limit_kmh - 1) * 100, 1)
        if over_pct > race.over_pct:
            race.second_pct, race.over_pct = race.over_pct, over_pct
            race.peak_kmh, race.limit_kmh = speed_kmh, limit_kmh
            race.route_en, race.route_zh = (route.name, route.name_zh) if route is not None else ("", "")
        else:
            race.second_pct = max(race.second_pct, over_pct)
        long_enough = race.readings >= limits.readings and race.over_ms >= limits.hold_s * 1000
        if long_enough and race.over_m >= race.over_ms / 3600 * race.limit_kmh * limits.borne_out_pct / 100:
            race.given = True
        return race

    def _cleared(self, observation: Observation, race: Race, below_ms: int) -> Verdict:
        last = self._verdict(observation, race)
        assert last.evidence is not None  # noqa: S101 - made there
        found = {
            "findings": (*last.evidence.findings, wording.below(below_ms)),
            "readings": tuple(bounded(race.refs, ref(observation.reading, *_FIELDS))),
        }
        return replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found))

    def _severity(self, race: Race) -> Severity:
        if race.second_pct > self.parameters.gravest_pct:
            return Severity.P1
        return Severity.P2 if race.second_pct > self.parameters.grave_pct else Severity.P3

    def _verdict(self, observation: Observation, race: Race) -> Verdict:
        over_m = round(race.over_m, 1)
        route = Text(en=race.route_en, zh=race.route_zh)
        why = wording.limit_of_route(route) if race.route_en else wording.limit_of_all(race.limit_kmh)
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.reading.ts,
            onset=race.onset,
            severity=self._severity(race),
            place=observation.city.plane.latlon(race.place),
            title=wording.title(
                who(observation.device, observation.city, observation.calendar_ts),
                Text(en=race.place_en, zh=race.place_zh),
                race.peak_kmh,
                race.limit_kmh,
            ),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=(wording.above(race.over_ms, over_m, race.over_pct), why),
                ruled_out=(wording.BORNE_OUT, wording.not_one(self.parameters.readings)),
                readings=tuple(race.refs),
                measures={
                    "peak_kmh": race.peak_kmh,
                    "limit_kmh": race.limit_kmh,
                    "over_pct": race.over_pct,
                    "over_s": whole_seconds(race.over_ms),
                    "over_m": over_m,
                },
            ),
        )

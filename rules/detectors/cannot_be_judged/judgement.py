"""Judges whether a device gives what judgement needs; if not, people are notified once, with the reason.

Missing data is never "fine": a truck without a usable fix, without an approved route or with a speed of 0 while it
moves raises no alert of any other rule. Each reason is an incident of its own (`part`), given once and cleared when it
ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from devices.city.model import DeviceRole
from devices.readings.models import Fill, Position, Status
from devices.readings.motion import STILL_KMH
from rules.alerts.model import Evidence, ReadingRef, Severity
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, who, whole_seconds
from rules.detectors.cannot_be_judged import wording
from rules.detectors.cannot_be_judged.parameters import CannotBeJudgedParameters
from rules.tracking import Fix, LoadState, Quality

NO_FIX: Final = "no_fix"
NO_SATELLITES: Final = "no_satellites"
NO_ROUTE: Final = "no_route"
LONG_INTERVAL: Final = "long_interval"
NO_SPEED: Final = "no_speed"
FROZEN_FIX: Final = "frozen_fix"
STATUS_ONLY: Final = "status_only"
NO_DEPOSITS: Final = "no_deposits"
_GNSS: Final = "gnss_anomaly"
_OF_A_RECEIVER: Final = frozenset({NO_FIX, FROZEN_FIX})
"""Findings that are a part of an anomaly of the receiver, where that has an alert."""
_BAD: Final = Quality.BAD
_LOADED: Final = LoadState.LOADED
_UNKNOWN: Final = LoadState.UNKNOWN
_FIELDS: Final = ("lat", "lon", "located", "speed_kmh", "satellites", "load")


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Trouble:
    """One reason, while it lasts. Times are device time, ms."""

    since: int
    readings: int = 0
    good: int = 0
    """Good readings in a row since."""
    given: bool = False
    """People were notified."""
    x: float = 0.0
    """Where it began, with `y`, metres on the city's plane."""
    y: float = 0.0
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class JudgeabilityState:
    """State of one device: at most one entry a reason. Times are device time, ms."""

    ts: int = 0
    """Its newest measurement."""
    driving: bool = False
    """It drove then, or may have."""
    lat: float = 0.0
    """Of its newest position, with `lon`."""
    lon: float = 0.0
    troubles: dict[str, Trouble] | None = None
    """By reason; None before the first, as for most devices."""

    def trouble(self, reason: str) -> Trouble | None:
        return self.troubles.get(reason) if self.troubles else None


class CannotBeJudged(Rule[JudgeabilityState]):
    """CONFIRMED once for each reason, CLEAR when it is over; the severity is always P4."""

    name: ClassVar = "cannot_be_judged"
    version: ClassVar = 1
    roles: ClassVar = frozenset(DeviceRole)
    asks_calendar: ClassVar = True
    state = JudgeabilityState

    def __init__(self, parameters: CannotBeJudgedParameters | None = None) -> None:
        self.parameters: CannotBeJudgedParameters = parameters or CannotBeJudgedParameters()
        limits = self.parameters
        # A compiled field is read in a tenth of the time of a model's.
        self._interval_factor: float = limits.interval_factor
        self._silent_intervals: int = limits.silent_intervals
        self._longest_interval_s: int = limits.longest_interval_s
        self._silent_at_least_s: int = limits.silent_at_least_s
        self._frozen_kmh: float = limits.frozen_kmh
        self._no_speed_m: float = limits.no_speed_m
        self._lasting: dict[str, tuple[int, int]] = {
            NO_FIX: (limits.no_fix_s * 1000, limits.readings),
            NO_SATELLITES: (limits.no_satellites_s * 1000, limits.readings),
            NO_ROUTE: (limits.no_route_s * 1000, limits.readings),
            LONG_INTERVAL: (0, limits.interval_readings),
            NO_SPEED: (0, limits.readings),
            FROZEN_FIX: (limits.frozen_s * 1000, limits.readings),
            STATUS_ONLY: (limits.status_only_s * 1000, limits.statuses),
            NO_DEPOSITS: (0, limits.readings),
        }
        """By reason: for how long, ms, and in how many readings it must hold before it is given."""

    def judge(self, observation: Observation, state: JudgeabilityState) -> Sequence[Verdict]:
        """Check one reading of the device itself, in order."""
        if not observation.own:
            return ()
        reading, position, fix = observation.reading, observation.position, observation.fix
        if position is not None and fix is not None and self._is_fine(position, fix, observation, state):
            self._remember(position, fix, state)
            return ()
        verdicts: list[Verdict] = []
        if isinstance(reading, Status):
            self._check_status(reading, observation, state, verdicts)
            return verdicts
        if state.troubles:
            self._note(STATUS_ONLY, False, observation, state, verdicts)
        self._check_interval(observation, state, verdicts)
        if position is not None and fix is not None:
            self._check_fix(position, fix, observation, state, verdicts)
            self._check_speed(position, fix, observation, state, verdicts)
            self._check_route(fix, observation, state, verdicts)
            self._remember(position, fix, state)
        if isinstance(reading, Fill):
            self._check_deposits(reading, observation, state, verdicts)
        state.ts = max(state.ts, observation.ts)
        return verdicts

    def _is_fine(self, position: Position, fix: Fix, observation: Observation, state: JudgeabilityState) -> bool:
        """True if a position gives all that judgement needs and nothing is counted, as nearly always."""
        if state.troubles or not fix.usable or position.satellites == 0:
            return False
        if fix.ts - state.ts > self._interval_factor * observation.device.report_interval_s * 1000:
            return False
        speed_kmh, track = position.speed_kmh, observation.track
        if speed_kmh is not None:
            if speed_kmh == 0 and fix.run_m > 0:
                return False
            if speed_kmh >= self._frozen_kmh and position.lat == state.lat and position.lon == state.lon:
                return False
        return track is not None and (track.load.state is not _LOADED or bool(observation.approved_routes()))

    def _remember(self, position: Position, fix: Fix, state: JudgeabilityState) -> None:
        """Note where it was, and whether it drove."""
        speed_kmh = position.speed_kmh
        standing = speed_kmh is not None and speed_kmh < STILL_KMH
        state.lat, state.lon = position.lat, position.lon
        state.driving = not standing and position.ignition_on is not False
        state.ts = max(state.ts, fix.ts)

    def _check_interval(self, observation: Observation, state: JudgeabilityState, verdicts: list[Verdict]) -> None:
        registered_s = observation.device.report_interval_s
        reading = observation.reading
        interval_ms = reading.ts - state.ts
        if not state.ts or interval_ms <= 0:
            return
        if isinstance(reading, Position) and reading.speed_kmh is not None and reading.speed_kmh < STILL_KMH:
            return  # many terminals report less often while they stand
        # Only trucks measure at times of their own; a bridge weighs when a truck comes.
        at_least_s = self._longest_interval_s if isinstance(reading, Position) else self._silent_at_least_s
        silent_s = max(self._silent_intervals * registered_s, at_least_s)
        if interval_ms > silent_s * 1000:  # a silence, and no interval: it ends what was counted, not what was given
            trouble = state.trouble(LONG_INTERVAL)
            if state.troubles and trouble is not None and not trouble.given:
                del state.troubles[LONG_INTERVAL]
            return
        bad = interval_ms > self._interval_factor * registered_s * 1000
        self._note(LONG_INTERVAL, bad, observation, state, verdicts)

    def _check_status(
        self, status: Status, observation: Observation, state: JudgeabilityState, verdicts: list[Verdict]
    ) -> None:
        """A device that sends statuses and measures nothing lives, and nothing of it is judged.

        A weighbridge measures when a truck comes; an empty truck that stands may rest.
        """
        limits, device, track = self.parameters, observation.device, observation.track
        loaded = track is not None and track.load.state is LoadState.LOADED
        rests = device.role is DeviceRole.TRUCK and state.ts > 0 and not (loaded or state.driving)
        if device.role is DeviceRole.WEIGHBRIDGE or not status.online or rests:
            return
        awaited_s = max(limits.silent_intervals * device.report_interval_s, limits.silent_at_least_s)
        if status.ts - state.ts > awaited_s * 1000:
            self._note(STATUS_ONLY, True, observation, state, verdicts)

    def _check_deposits(
        self, fill: Fill, observation: Observation, state: JudgeabilityState, verdicts: list[Verdict]
    ) -> None:
        """A point with deposit hours counts its deposits, or nobody knows when they are made."""
        missing = fill.deposits is None and bool(
            observation.city.deposit_hours_of(observation.device, observation.calendar_ts)
        )
        self._note(NO_DEPOSITS, missing, observation, state, verdicts)

    def _check_fix(
        self, position: Position, fix: Fix, observation: Observation, state: JudgeabilityState, verdicts: list[Verdict]
    ) -> None:
        none = position.satellites == 0
        self._note(NO_SATELLITES, none, observation, state, verdicts)
        # A parked truck may stand under a roof; `no_satellites` and the rule `device_datum` report their own cases.
        track = observation.track
        in_other_datum = fix.quality is not _BAD and track is not None and not track.datum.believed
        blind = not fix.usable and not none and not in_other_datum and position.ignition_on is not False
        self._note(NO_FIX, blind, observation, state, verdicts)

    def _check_speed(
        self, position: Position, fix: Fix, observation: Observation, state: JudgeabilityState, verdicts: list[Verdict]
    ) -> None:
        speed_kmh = position.speed_kmh
        if speed_kmh is None or not position.located:
            return
        same = position.lat == state.lat and position.lon == state.lon
        frozen = same and speed_kmh >= self._frozen_kmh
        self._note(FROZEN_FIX, frozen, observation, state, verdicts)
        if not fix.usable:
            return
        moved = speed_kmh == 0 and fix.run_m > 0
        if speed_kmh > 0 or moved:
            trouble = state.trouble(NO_SPEED)
            far = trouble is not None and _far(trouble, fix, self._no_speed_m)
            self._note(NO_SPEED, moved, observation, state, verdicts, far=far)
            if trouble is None and (begun := state.trouble(NO_SPEED)) is not None:
                begun.x, begun.y = fix.xy.x, fix.xy.y

    def _check_route(
        self, fix: Fix, observation: Observation, state: JudgeabilityState, verdicts: list[Verdict]
    ) -> None:
        track = observation.track
        if track is None or not fix.usable or track.load.state is _UNKNOWN:
            return
        loaded = track.load.state is _LOADED
        if loaded and (fix.speed_kmh is None or fix.speed_kmh < STILL_KMH):
            return  # it says nothing while it stands
        missing = loaded and not observation.approved_routes()
        self._note(NO_ROUTE, missing, observation, state, verdicts)

    def _note(
        self,
        reason: str,
        bad: bool,
        observation: Observation,
        state: JudgeabilityState,
        verdicts: list[Verdict],
        *,
        far: bool = True,
    ) -> None:
        """Count a reading for or against a reason; give it when it has lasted, clear it when it is over.

        `far`: the truck moved as far as it must before the reason is given.
        """
        if not bad and not state.troubles:
            return  # as nearly always
        if state.troubles is None:
            state.troubles = {}
        trouble = state.troubles.get(reason)
        reading = observation.reading
        if not bad:
            if trouble is None:
                return
            trouble.good += 1
            if not trouble.given or trouble.good >= self.parameters.clear_readings:
                del state.troubles[reason]
                if trouble.given:
                    verdicts.append(Verdict(observation.device.id, Level.CLEAR, reading.ts, trouble.since, part=reason))
            return
        if trouble is None:
            trouble = state.troubles[reason] = Trouble(reading.ts)
        trouble.good = 0
        if trouble.given:
            return
        trouble.readings += 1
        trouble.refs = bounded(trouble.refs, ref(reading, *_present(observation)))
        hold_ms, readings = self._lasting[reason]
        if far and trouble.readings >= readings and reading.ts - trouble.since >= hold_ms:
            trouble.given = True
            verdicts.append(self._verdict(reason, trouble, observation))
            trouble.refs = []

    def _verdict(self, reason: str, trouble: Trouble, observation: Observation) -> Verdict:
        device, at, fix = observation.device, observation.reading.ts, observation.fix
        lasted_ms = at - trouble.since
        findings = [wording.lasts(reason, lasted_ms, trouble.readings), wording.not_judged(reason)]
        measures: dict[str, float | int | str | bool] = {
            "reason": reason,
            "lasted_s": whole_seconds(lasted_ms),
            "readings": trouble.readings,
        }
        if reason == LONG_INTERVAL:
            interval_s = lasted_ms / 1000 / max(trouble.readings - 1, 1)
            findings.append(wording.interval(interval_s, device.report_interval_s))
            measures["interval_s"] = round(interval_s)
            measures["registered_interval_s"] = device.report_interval_s
        return Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=at,
            onset=trouble.since,
            severity=Severity.P4,
            place=observation.city.plane.latlon(fix.xy) if fix is not None else None,
            title=wording.title(who(device, observation.city, observation.calendar_ts), reason),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=tuple(findings),
                readings=tuple(trouble.refs),
                measures=measures,
            ),
            part=reason,
            folds_into=_GNSS if reason in _OF_A_RECEIVER else "",
        )


def _present(observation: Observation) -> Sequence[str]:
    return _FIELDS if isinstance(observation.reading, Position) else ()


def _far(trouble: Trouble, fix: Fix, limit_m: float) -> bool:
    dx, dy = fix.xy.x - trouble.x, fix.xy.y - trouble.y
    return dx * dx + dy * dy >= limit_m * limit_m

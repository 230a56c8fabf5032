"""Judges whether waste is deposited at a recycling point outside the hours of the point.

A reading says how many deposits there were since the one before: they are outside the hours only if that whole time
is. So the first reading of a compartment, and one after a gap that touches the hours, say nothing. A point without
hours, and one whose device counts no deposits, are not judged. The subject is the device, for all its compartments.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from devices.city.hours import Hours, hours_text
from devices.city.model import DeviceRole
from devices.readings.models import Fill
from rules.alerts.model import Evidence, ReadingRef, Severity, Text
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, who
from rules.detectors.deposit_outside_hours import wording
from rules.detectors.deposit_outside_hours.parameters import DepositOutsideHoursParameters

MAX_COMPARTMENTS: Final = 32
"""Compartments followed of one device: more than any has. Firmware that invents names must not fill the memory."""
_DAY_MS: Final = 86_400_000
_MINUTE_MS: Final = 60_000
_FILL: Final = Fill


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class LastFill:
    """The last reading of one compartment."""

    ts: int
    """Device time, ms."""
    fill_pct: float


@dataclass(slots=True)
class Incident:
    """Deposits outside the hours of one point, none long after the one before. Times are device time, ms."""

    onset: int
    """Of the reading that counted the first."""
    hours: str
    """Those of the point, as people read them."""
    first_min: int
    """Minutes of the city's day between which the first was made, with `last_min`."""
    last_min: int
    apart_min: int
    """Minutes between the hours and the deposit that is nearest to them, at least."""
    last_ts: int = 0
    """Of the reading that counted the last."""
    deposits: int = 0
    compartments: list[str] = field(default_factory=list)
    refs: list[ReadingRef] = field(default_factory=list)


@dataclass(slots=True)
class DepositState:
    """State of one recycling point with hours."""

    last: dict[str, LastFill] = field(default_factory=dict)
    """By compartment."""
    incident: Incident | None = None
    days: list[int] = field(default_factory=list)
    """The last days, of the city's calendar, on which an incident began."""


class DepositOutsideHours(Rule[DepositState]):
    """CONFIRMED at a deposit outside the hours of the point, CLEAR when they begin or no further one comes."""

    name: ClassVar = "deposit_outside_hours"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.RECYCLING_POINT})
    asks_calendar: ClassVar = True
    state = DepositState

    def __init__(self, parameters: DepositOutsideHoursParameters | None = None) -> None:
        self.parameters: DepositOutsideHoursParameters = parameters or DepositOutsideHoursParameters()

    def judge(self, observation: Observation, state: DepositState) -> Sequence[Verdict]:
        """Judge a fill reading; other readings mean nothing here."""
        fill = observation.reading
        if type(fill) is not _FILL:
            return ()
        hours = observation.city.deposit_hours_of(observation.device, observation.calendar_ts)
        if not hours:
            state.last.clear()
            return self._end(observation, state, wording.FREE)
        before = _take(state, fill)
        if fill.deposits and before is not None:
            incident = self._deposits(observation, fill, before, state, hours)
            if incident is not None:
                return (self._verdict(observation, state, incident),)
        return () if state.incident is None else self._go_on(observation, state, state.incident, hours)

    def _deposits(
        self, observation: Observation, fill: Fill, before: LastFill, state: DepositState, hours: tuple[Hours, ...]
    ) -> Incident | None:
        """Take the deposits of a reading into the incident; None if they may not be outside the hours."""
        limits, city = self.parameters, observation.city
        if fill.ts - before.ts >= _DAY_MS or before.fill_pct - fill.fill_pct >= limits.emptied_points:
            return None
        first_min = city.minute_of_day(observation.calendar_of(before.ts))
        last_min = city.minute_of_day(observation.calendar_ts)
        apart_min = min([window.apart_min(first_min, last_min) for window in hours])
        if apart_min * 60 <= limits.grace_s:
            return None
        incident = state.incident
        if incident is None:
            incident = state.incident = Incident(fill.ts, hours_text(hours), first_min, last_min, apart_min)
            self._count_day(city.day_of(observation.calendar_ts), state)
        incident.last_ts = fill.ts
        incident.deposits += fill.deposits or 0
        incident.apart_min = min(incident.apart_min, apart_min)
        if fill.compartment not in incident.compartments and len(incident.compartments) < MAX_COMPARTMENTS:
            incident.compartments = sorted([*incident.compartments, fill.compartment])
        incident.refs = bounded(incident.refs, ref(fill, "compartment", "deposits", "fill_pct", "weight_kg"))
        return incident

    def _count_day(self, day: int, state: DepositState) -> None:
        since = day - self.parameters.repeat_within_days
        state.days = [*(other for other in state.days if since < other < day), day]

    def _go_on(
        self, observation: Observation, state: DepositState, incident: Incident, hours: tuple[Hours, ...]
    ) -> Sequence[Verdict]:
        """End the incident, or say that it goes on as it was."""
        minute = observation.city.minute_of_day(observation.calendar_ts)
        if any(window.covers(minute) for window in hours):
            return self._end(observation, state, wording.OPENED)
        quiet_ms = observation.ts - incident.last_ts
        if quiet_ms >= self.parameters.quiet_s * 1000:
            return self._end(observation, state, wording.quiet(quiet_ms))
        return (Verdict(observation.device.id, Level.CONFIRMED, observation.ts, incident.onset, self._severity(state)),)

    def _end(self, observation: Observation, state: DepositState, why: Text) -> Sequence[Verdict]:
        incident, state.incident = state.incident, None
        if incident is None:
            return ()
        last = self._verdict(observation, state, incident)
        assert last.evidence is not None  # noqa: S101 - made there
        found = {"findings": (*last.evidence.findings, why)}
        return (replace(last, level=Level.CLEAR, evidence=last.evidence.model_copy(update=found)),)

    def _severity(self, state: DepositState) -> Severity:
        return Severity.P3 if len(state.days) >= self.parameters.repeat_days else Severity.P4

    def _verdict(self, observation: Observation, state: DepositState, incident: Incident) -> Verdict:
        limits, days = self.parameters, len(state.days)
        findings = [
            wording.counted(incident.deposits, incident.compartments),
            wording.first(incident.first_min, incident.last_min),
            wording.apart(incident.apart_min * _MINUTE_MS),
        ]
        if days >= limits.repeat_days:
            findings.append(wording.repeated(days, limits.repeat_within_days))
        point = who(observation.device, observation.city, observation.calendar_ts)
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=observation.ts,
            onset=incident.onset,
            severity=self._severity(state),
            place=observation.city.site_centre(observation.device, observation.calendar_ts),
            title=wording.title(point, incident.hours, incident.deposits),
            evidence=Evidence(
                parameters=limits.model_dump(),
                findings=tuple(findings),
                ruled_out=(wording.WHOLLY_OUTSIDE, wording.no_grace(limits), wording.not_emptied(limits)),
                readings=tuple(incident.refs),
                measures={
                    "deposits": incident.deposits,
                    "compartments": ",".join(incident.compartments),
                    "hours": incident.hours,
                    "apart_s": incident.apart_min * 60,
                    "days": days,
                },
            ),
        )


def _take(state: DepositState, fill: Fill) -> LastFill | None:
    """Note the reading of its compartment and return the one before, if it is known.

    Of too many compartments the one that was heard least recently is forgotten.
    """
    before = state.last.get(fill.compartment)
    if before is None and len(state.last) >= MAX_COMPARTMENTS:
        del state.last[min((last.ts, name) for name, last in state.last.items())[1]]
    state.last[fill.compartment] = LastFill(fill.ts, fill.fill_pct)
    return before

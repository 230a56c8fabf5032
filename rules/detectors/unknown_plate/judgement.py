"""Judges whether the plate on a weighbridge ticket is that of a registered vehicle.

A ticket that fits no truck moves no load and retracts nothing, so people must know of it: once for each plate and day,
since a haulier who is not registered weighs all day.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from devices.city.model import City, DeviceRole
from devices.readings.models import Weighing
from devices.readings.plates import comparable_plate
from rules.alerts.model import Evidence, Severity
from rules.contract.observation import Observation
from rules.contract.rule import FleetRule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import ref, who
from rules.detectors.unknown_plate import wording
from rules.detectors.unknown_plate.parameters import UnknownPlateParameters

MAX_PLATES: Final = 2_000
"""Plates reported in the last days, of the whole city; beyond it the oldest are forgotten and may be reported again."""
_SLOT_MS: Final = 10_000
_SLOTS: Final = 64
"""A verdict's part is the 10 s of its ticket, of the last 10 min: two trucks of one bridge are two alerts, and a bridge
has no more parts than these."""


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class NoState:
    """Each ticket is judged by itself."""


@dataclass(slots=True)
class ReportedPlates:
    """Plates that were reported, the last one at the end."""

    days: dict[str, int] = field(default_factory=dict)
    """By comparable plate: the newest day (of the city's calendar, counted from year 1) on which it was reported."""


class UnknownPlate(FleetRule[NoState, ReportedPlates]):
    """CONFIRMED and LEFT_OPEN at a ticket whose plate no vehicle has; its memory drops what was reported that day."""

    name: ClassVar = "unknown_plate"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.WEIGHBRIDGE})
    asks_calendar: ClassVar = True
    ordered: ClassVar = False  # each ticket is looked up once, by itself
    state = NoState
    memory = ReportedPlates

    def __init__(self, parameters: UnknownPlateParameters | None = None) -> None:
        self.parameters: UnknownPlateParameters = parameters or UnknownPlateParameters()

    def judge(self, observation: Observation, state: NoState) -> Sequence[Verdict]:
        """Look up the plate of a settled ticket."""
        return self._verdicts(observation, observation.reading.ts)

    def judge_late(self, observation: Observation, state: NoState) -> Sequence[Verdict]:
        """A ticket is looked up however late it comes."""
        return self._verdicts(observation, observation.heard_at)

    def compare(self, verdict: Verdict, memory: ReportedPlates, city: City) -> Iterable[Verdict]:
        """Drop a verdict about a plate that was reported on its day, by whichever bridge."""
        if verdict.level is not Level.CONFIRMED:
            return (verdict,)
        day = city.day_of(verdict.onset)
        if memory.days.get(verdict.shared, 0) >= day:
            return ()
        memory.days.pop(verdict.shared, None)
        memory.days[verdict.shared] = day
        if len(memory.days) > MAX_PLATES:
            del memory.days[next(iter(memory.days))]
        return (verdict,)

    def _verdicts(self, observation: Observation, at: int) -> Sequence[Verdict]:
        ticket, city = observation.reading, observation.city
        if not isinstance(ticket, Weighing) or ticket.plate is None or not ticket.stable or not observation.own:
            return ()
        if not city.vehicles:  # a city that registers no trucks expects none
            return ()
        if any(vehicle.validity.covers(observation.calendar_ts) for vehicle in city.vehicles_of_plate(ticket.plate)):
            return ()
        bridge = observation.device
        part = str(ticket.ts // _SLOT_MS % _SLOTS)
        unknown = Verdict(
            subject=bridge.id,
            level=Level.CONFIRMED,
            at=at,
            onset=ticket.ts,
            severity=Severity.P4,
            place=city.site_centre(bridge, observation.calendar_ts),
            title=wording.title(ticket.plate, who(bridge, city, observation.calendar_ts)),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=(wording.finding(ticket.plate, ticket.ticket),),
                ruled_out=wording.RULED_OUT,
                readings=(ref(ticket, "ticket", "plate", "gross_kg", "tare_kg", "net_kg", "direction"),),
                measures={"plate": ticket.plate},
            ),
            part=part,
            shared=comparable_plate(ticket.plate),
        )
        return (unknown, Verdict(bridge.id, Level.LEFT_OPEN, at, ticket.ts, part=part))

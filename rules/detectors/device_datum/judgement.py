"""Says once that a truck's terminal sends another datum than the one it is registered with.

An alert of its own, because somebody has to act: to correct the registry or the terminal. Until then no position of the
truck is used, so that an honest truck raises no deviation and no dumping.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from devices.city.model import DeviceRole
from devices.geo.geometry import Datum
from devices.readings.models import Position
from rules.alerts.model import Evidence, ReadingRef, Severity
from rules.contract.observation import Observation
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import bounded, ref, who
from rules.detectors.device_datum import wording
from rules.detectors.device_datum.parameters import DeviceDatumParameters
from rules.tracking import DatumTrack


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class DatumState:
    """State of one truck."""

    onset: int = 0
    """Device time, ms, of the first position in the other datum; 0 without an alert."""
    refs: tuple[ReadingRef, ...] = ()
    """Positions that fit the other datum only, until it is recognised."""


class DeviceDatum(Rule[DatumState]):
    """CONFIRMED once when a terminal sends another datum, CLEAR when its positions fit the registered one.

    Not at every reading: nothing about it changes, and people need no reminder every half an hour.
    """

    name: ClassVar = "device_datum"
    version: ClassVar = 1
    roles: ClassVar = frozenset({DeviceRole.TRUCK})
    state = DatumState

    def __init__(self, parameters: DeviceDatumParameters | None = None) -> None:
        self.parameters: DeviceDatumParameters = parameters or DeviceDatumParameters()

    def judge(self, observation: Observation, state: DatumState) -> Sequence[Verdict]:
        """Judge a position that came in order."""
        track, position = observation.track, observation.position
        if track is None or position is None:
            return ()
        datum = track.datum
        if datum.recognised:
            if state.onset:
                return ()
            state.onset = datum.since
            state.refs = tuple(bounded(state.refs, ref(position, "lat", "lon")))
            return (self._verdict(observation, position, datum, state),)
        if state.onset:
            onset, state.onset, state.refs = state.onset, 0, ()
            return (Verdict(observation.device.id, Level.CLEAR, position.ts, onset),)
        if not datum.believed:
            state.refs = tuple(bounded(state.refs, ref(position, "lat", "lon")))
        elif state.refs and not datum.shifted:
            state.refs = ()
        return ()

    def _verdict(self, observation: Observation, position: Position, datum: DatumTrack, state: DatumState) -> Verdict:
        registered = observation.device.datum
        sent = Datum.GCJ02 if registered is Datum.WGS84 else Datum.WGS84
        city = observation.city
        place = datum.at
        return Verdict(
            subject=observation.device.id,
            level=Level.CONFIRMED,
            at=position.ts,
            onset=state.onset,
            severity=Severity.P4,
            place=None if place is None else city.plane.latlon(place),
            title=wording.title(who(observation.device, city, observation.calendar_ts), sent),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=wording.findings(registered, sent, datum.shifted, datum.driven_m),
                ruled_out=wording.RULED_OUT,
                readings=state.refs,
                measures={
                    "registered_datum": str(registered),
                    "sent_datum": str(sent),
                    "fixes": datum.shifted,
                    "fixes_registered": datum.straight,
                    "driven_m": round(datum.driven_m, 1),
                },
            ),
        )

"""Says that a device's clock is wrong: it stands hours off, or it stepped.

An alert of its own, because somebody has to act, and because all alerts by that clock are dated by it. Dated by fleet
time, since the device's own time is what is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from devices.city.model import DeviceRole
from rules.alerts.model import Evidence, Severity
from rules.contract.observation import ClockFound
from rules.contract.rule import Rule
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import ref, who, whole_seconds
from rules.detectors.device_clock import wording
from rules.detectors.device_clock.parameters import DeviceClockParameters


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class ClockState:
    """State of one device. Times are fleet time, ms."""

    onset: int = 0
    """When it went wrong; 0 without an alert."""
    said_at: int = 0
    """Date of the last verdict."""


class DeviceClock(Rule[ClockState]):
    """CONFIRMED when another wrong offset is believed, CLEAR when one is believed that is right."""

    name: ClassVar = "device_clock"
    version: ClassVar = 1
    roles: ClassVar = frozenset(DeviceRole)
    ordered: ClassVar = False  # it compares with receive time
    spans_runs: ClassVar = True
    state = ClockState

    def __init__(self, parameters: DeviceClockParameters | None = None) -> None:
        self.parameters: DeviceClockParameters = parameters or DeviceClockParameters()

    def judge_clock(self, found: ClockFound, state: ClockState) -> Sequence[Verdict]:
        """Judge the offset that is believed now."""
        device_id = found.device.id
        state.said_at = at = max(found.now, state.said_at)
        if abs(found.offset_ms) > self.parameters.off_s * 1000:
            state.onset = state.onset or max(at - found.over_ms, 1)
            return (self._verdict(found, at, state.onset),)
        if not state.onset:
            return ()
        onset, state.onset = state.onset, 0
        return (Verdict(device_id, Level.CLEAR, at, onset, over=True),)

    def _verdict(self, found: ClockFound, at: int, onset: int) -> Verdict:
        device, city, reading = found.device, found.city, found.reading
        refused = reading is None and found.offset_ms > 0
        needed_s = wording.needed_correction_s(found.offset_ms, found.correction_s)
        return Verdict(
            subject=device.id,
            level=Level.CONFIRMED,
            at=at,
            onset=onset,
            severity=Severity.P3,
            place=city.site_centre(device, found.now),
            title=wording.title(who(device, city, found.now), found.offset_ms),
            evidence=Evidence(
                parameters=self.parameters.model_dump(),
                findings=wording.findings(
                    found.offset_ms,
                    found.correction_s,
                    found.stepped_ms,
                    found.readings,
                    found.over_ms,
                    refused=refused,
                ),
                ruled_out=wording.RULED_OUT,
                readings=() if reading is None else (ref(reading),),
                measures={
                    "offset_s": _seconds(found.offset_ms),
                    "clock_correction_s": found.correction_s,
                    "stepped_s": _seconds(found.stepped_ms),
                    "readings": found.readings,
                    "over_s": whole_seconds(found.over_ms),
                }
                | ({} if needed_s is None else {"needed_clock_correction_s": needed_s}),
            ),
            basis=str(round(found.offset_ms / 60_000)),
        )


def _seconds(ms: int) -> int:
    return whole_seconds(ms) if ms >= 0 else -whole_seconds(-ms)

"""Late readings that wait until it is known whether the clock of their device stepped back."""

from collections.abc import Iterable
from typing import Final

from devices.city.model import Device
from devices.readings.models import Reading
from rules.engine.clocks.device_clock import AGREE_MS
from rules.engine.device_state import DeviceState
from rules.engine.timers import CandidateTimers

MAX_CANDIDATES: Final = 256
_WAIT_MS: Final = 300_000
_WAIT_MS_PER_INTERVAL_S: Final = 3_500
"""Candidates wait for the next one at least 5 min, and three and a half intervals of their device."""


class Candidates:
    """Keeps the candidates of all devices, at most `MAX_CANDIDATES` each."""

    def __init__(self, device_states: Iterable[DeviceState] = ()) -> None:
        """`device_states`: devices that may have candidates already."""
        self._timers = CandidateTimers()
        for device_state in device_states:
            device_state.candidates_at = 0
            self._schedule(device_state)

    def keep(self, reading: Reading, device_state: DeviceState, device: Device, fleet_now: int) -> bool:
        """Keep a late reading if it may be by a clock that stepped back; else False."""
        clock = device_state.clock
        if reading.device_id != device_state.device_id or len(device_state.candidates) >= MAX_CANDIDATES:
            return False
        if clock.other >= clock.offset - AGREE_MS:
            return False
        device_state.candidates = (*device_state.candidates, reading)
        device_state.candidates_due = fleet_now + max(_WAIT_MS, _WAIT_MS_PER_INTERVAL_S * device.report_interval_s)
        self._schedule(device_state)
        return True

    def take(self, device_state: DeviceState) -> tuple[Reading, ...]:
        """Those kept of a device; none is kept any more."""
        taken, device_state.candidates, device_state.candidates_due = device_state.candidates, (), 0
        return taken

    def pop(self, fleet_now: int) -> DeviceState | None:
        """The next device whose candidates have waited long enough."""
        while (device_state := self._timers.pop(fleet_now)) is not None:
            device_state.candidates_at = 0
            if device_state.candidates and device_state.candidates_due <= fleet_now:
                return device_state
            self._schedule(device_state)
        return None

    def _schedule(self, device_state: DeviceState) -> None:
        """Keep one timer no later than the candidates are due; it is corrected when it fires."""
        due = device_state.candidates_due
        if device_state.candidates and (not device_state.candidates_at or due < device_state.candidates_at):
            device_state.candidates_at = due
            self._timers.add(device_state)

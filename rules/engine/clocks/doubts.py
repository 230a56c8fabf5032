"""Devices whose clock may be far off, and of which nothing more came that could tell: what they sent was buffered."""

from collections.abc import Iterable
from typing import Final

from devices.city.model import Device
from rules.engine.device_state import DeviceState
from rules.engine.timers import DoubtTimers

_WAIT_MS: Final = 300_000
_WAIT_MS_PER_INTERVAL_S: Final = 3_500
"""More is awaited for at least 5 min, and for three and a half intervals of the device."""


class Doubts:
    """Waits for the next reading of each such device."""

    def __init__(self, device_states: Iterable[DeviceState] = ()) -> None:
        """`device_states`: devices that may be waited for already."""
        self._timers = DoubtTimers()
        for device_state in device_states:
            device_state.doubt_at = 0
            self._schedule(device_state)

    def wait(self, device_state: DeviceState, device: Device, fleet_now: int) -> None:
        """Wait for the next reading of a device whose clock is doubtful."""
        device_state.clock.doubt_due = fleet_now + max(_WAIT_MS, _WAIT_MS_PER_INTERVAL_S * device.report_interval_s)
        self._schedule(device_state)

    def pop(self, fleet_now: int) -> DeviceState | None:
        """The next device that was waited for long enough."""
        while (device_state := self._timers.pop(fleet_now)) is not None:
            device_state.doubt_at = 0
            if device_state.clock.doubtful and device_state.clock.doubt_due <= fleet_now:
                return device_state
            self._schedule(device_state)
        return None

    def _schedule(self, device_state: DeviceState) -> None:
        """Keep one timer no later than the wait ends; it is corrected when it fires."""
        due = device_state.clock.doubt_due
        if device_state.clock.doubtful and due and (not device_state.doubt_at or due < device_state.doubt_at):
            device_state.doubt_at = due
            self._timers.add(device_state)

"""Trackers of an engine: each reading goes through the trackers of its device's role."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from devices.city.model import City, Device, DeviceRole
from devices.readings.models import Reading
from rules.engine.device_state import DeviceState
from rules.engine.failures import RuleFailures
from rules.tracking.tracker import Tracker

TRACKING: Final = "tracking"
"""Name under which failures of trackers are counted."""


class _IndexedTracker(NamedTuple):
    """A tracker and the index of its state in `DeviceState.tracker_states`."""

    state_index: int
    tracker: Tracker[Any, Any]


class TrackerSet:
    """The trackers by device role."""

    def __init__(self, trackers: Sequence[Tracker[Any, Any]], failures: RuleFailures) -> None:
        """`failures`: readings on which a tracker raised, counted here under `TRACKING`."""
        indexed = [_IndexedTracker(n, tracker) for n, tracker in enumerate(trackers)]
        self._of_role = {role: [entry for entry in indexed if role in entry.tracker.roles] for role in DeviceRole}
        self._failures = failures
        self.count: Final = len(indexed)

    def follows(self, role: DeviceRole) -> bool:
        """True if any tracker follows devices of this role."""
        return len(self._of_role[role]) > 0

    def follow(self, reading: Reading, device: Device, device_state: DeviceState, city: City) -> list[Any] | None:
        """Take a reading into the trackers of the device and return their facts; None if one of them raised."""
        facts: list[Any] = []
        states = device_state.tracker_states
        for index, tracker in self._of_role[device.role]:
            state = states[index]
            if state is None:
                state = states[index] = tracker.state()
            try:
                fact = tracker.follow(state, reading, device, device_state.vehicle, city)
            except Exception as exc:  # noqa: BLE001 - a reading that breaks tracking must not stop judgement
                self._failures.note(TRACKING, exc)
                states[index] = None
                return None
            if fact is not None:
                facts.append(fact)
        return facts

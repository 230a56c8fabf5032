"""Trackers of an engine: each reading goes through the trackers of its device's role."""

from collections.abc import Sequence
from typing import Any, Final

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.readings.models import Reading
from rules.engine.device_state import DeviceState
from rules.engine.failures import RuleFailures
from rules.tracking.tracker import Tracker

TRACKING: Final = "tracking"
"""Name under which failures of trackers are counted."""


class IndexedTracker:
    """A tracker and the index of its state in `DeviceState.tracker_states`; looked at for every reading."""

    __slots__ = ("follow", "state", "state_index")

    def __init__(self, state_index: int, tracker: Tracker[Any, Any]) -> None:
        self.state_index: Final = state_index
        self.state: Final = tracker.state
        self.follow: Final = tracker.follow


class TrackerSet:
    """The trackers by device role."""

    def __init__(self, trackers: Sequence[Tracker[Any, Any]], failures: RuleFailures) -> None:
        """`failures`: readings on which a tracker raised, counted here under `TRACKING`."""
        indexed = [(tracker, IndexedTracker(n, tracker)) for n, tracker in enumerate(trackers)]
        self.of_role = {role: [entry for tracker, entry in indexed if role in tracker.roles] for role in DeviceRole}
        """Trackers that follow devices of a role."""
        self._failures = failures
        self.count: Final = len(indexed)

    def follow(
        self,
        reading: Reading,
        device: Device,
        vehicle: Vehicle | None,
        device_state: DeviceState,
        city: City,
        trackers: list[IndexedTracker],
        clock_off_ms: int,
    ) -> list[Any] | None:
        """Take a reading into the trackers of its device's role and return their facts; None if one of them raised."""
        facts: list[Any] = []
        states = device_state.tracker_states
        for tracker in trackers:
            state = states[tracker.state_index]
            if state is None:
                state = states[tracker.state_index] = tracker.state()
            try:
                fact = tracker.follow(state, reading, device, vehicle, city, clock_off_ms, facts)
            except Exception as exc:  # noqa: BLE001 - a reading that breaks tracking must not stop judgement
                self._failures.note(TRACKING, exc)
                states[tracker.state_index] = None
                return None
            if fact is not None:
                facts.append(fact)
        return facts

"""Everything the device stage keeps of one device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from devices.city.model import Approvals, City, Device, Vehicle
from devices.city.sites import version_at
from devices.readings.models import Reading
from devices.readings.series import MAX_COMPARTMENTS
from rules.engine.clocks.device_clock import DeviceClock
from rules.engine.late.late_readings import LateReadings
from rules.engine.not_judged import NotJudged
from rules.engine.reorder_buffer import ReorderBuffer, is_status
from rules.engine.rules_in_force import RulesInForce
from rules.tracking.manifest_book import ManifestBook

NOT_BEGUN: Final = 1 << 62
"""In `rules_begun`: the rule is off."""
_SPANS_RUNS: Final = ManifestBook
"""Manifests are dated by true time: they go on whatever the clock of the truck does."""
_UNKNOWN: Final = NotJudged.CLOCK_UNKNOWN.value

FORMER: Final = 1
"""`judged_until` of a state that a version wrote which did not note it."""


@dataclass(slots=True)
class DeviceState:
    """State of one device, in one object: in a large city it is in no processor cache when a reading arrives, and every
    further table would be another wait for memory, and so would be a list that is nearly always empty.
    """

    device_id: str
    buffer: ReorderBuffer
    rule_states: list[Any]
    """State of each rule, in the engine's order of rules; None before the rule's first reading."""
    tracker_states: list[Any]
    """State of each tracker, in the registry's order; None before the tracker's first reading."""
    late: int = 0
    """Readings that came too late to be put in order."""
    judged_until: int = 0
    """Newest device time judged, ms, of its measurements and of tickets about it; 0 before the first."""
    statuses: tuple[tuple[int, str], ...] = ()
    """Device time, ms, and part with session (`order_key`) of its newest statuses judged, in order."""
    retained: tuple[tuple[int, str, str], ...] = ()
    """Device time, ms, kind and part of readings that the broker replayed and that are counted as not judged."""
    judged: int = 0
    """Its own readings that were judged, each once."""
    not_judged: dict[str, int] = field(default_factory=dict)
    """Its own readings that were not judged, by reason (`rules.engine.not_judged`)."""
    given_up: int = 0
    """Late readings up to this device time, ms, are not judged because what they need took too much memory."""
    compartments: tuple[str, ...] = ()
    """Compartments that its readings name, in the order of the log; the recorder stores the same ones."""
    late_readings: LateReadings | None = None
    """None while no gap is kept."""
    clock: DeviceClock = field(default_factory=DeviceClock)
    candidates: tuple[Reading, ...] = ()
    """Late readings that may be by a clock that stepped back, in the order of arrival (`rules.engine.clocks.runs`)."""
    candidates_due: int = 0
    """Fleet time, ms, until which they wait; 0 while there are none."""
    rules_begun: dict[str, int] | None = None
    """Rules that are or were off for the device, by name: device time, ms, after which each began anew."""
    may_be_weighed: bool = True
    """By its last fix, it is or may be so near a weighbridge that a ticket may still come about what it sends."""
    # What follows is not written to the row.
    flush_at: int = 0
    """Fleet time, ms, of its entry in the flush timers; 0 without one. Never later than the buffer is due."""
    wake_at: int = 0
    """Fleet time, ms, of its valid entry in the silence timers; 0 without one."""
    judge_again_at: int = 0
    """Fleet time, ms, of its valid entry in the timers of late readings; 0 without one."""
    candidates_at: int = 0
    """Fleet time, ms, of its valid entry in the timers of candidates; 0 without one."""
    doubt_at: int = 0
    """Fleet time, ms, of its valid entry in the timers of doubtful clocks; 0 without one."""
    gaps_end_at: int = 0
    """Fleet time, ms, at which the gap ends that was opened first; 0 while none is kept."""
    changed: bool = False
    """Changed since it was written."""
    device: Device | None = field(default=None, compare=False)
    """The device in the present city; None before the first look-up, and for one the city does not have."""
    vehicles: Sequence[Vehicle] = field(default=(), compare=False)
    """The versions of the vehicle that carries it, the latest first; most vehicles have one."""
    scope_changes: bool = field(default=False, compare=False)
    """Vehicle or site have several versions: which rules hold is asked for each reading."""
    approvals: Approvals = field(default=(), compare=False)
    in_force: RulesInForce | None = field(default=None, compare=False)
    """The rules that hold for the device; None as long as `device` is."""

    def takes(self, compartment: str) -> bool:
        """False if the compartment would be one more than a device may have: the recorder quarantines its readings."""
        if compartment in self.compartments:
            return True
        if len(self.compartments) >= MAX_COMPARTMENTS:
            return False
        self.compartments = (*self.compartments, compartment)
        return True

    def may_judge_at_once(self) -> bool:
        """True if what is complete by its numbers need not wait: what comes late for it all the same has a place."""
        return self.late_readings is not None and self.clock.steady and not self.may_be_weighed

    def was_judged(self, reading: Reading) -> bool:
        """True if it is a numbered reading of the device that came before, as far as its readings are kept.

        Only by a steady clock, so that few of them are newer: to look at a whole day's takes some milliseconds.
        """
        late, is_numbered = self.late_readings, reading.seq is not None and reading.device_id == self.device_id
        return is_numbered and late is not None and self.clock.steady and late.judged.holds(reading)

    def look_up(self, city: City, in_force: Callable[[Device, City, int], RulesInForce], now: int) -> bool:
        """Find the device in the city, if it has it, and the rules that hold for it.

        True if more of them are off than before: `note_rules_off` notes that.
        """
        device = self.device = city.devices.get(self.device_id)
        if device is None:
            return False
        self.in_force = in_force(device, city, self.judged_until or now)
        if device.vehicle_id is None:
            self.may_be_weighed = False
        else:
            self.vehicles, self.approvals = city.versions_of(device.vehicle_id), city.approvals_of(device.vehicle_id)
        self.scope_changes = len(self.vehicles) > 1 or len(city.versions_of_site(device.site_id or "")) > 1
        begun, off = self.rules_begun or {}, self.in_force.off.values()
        return not all(begun.get(name) == NOT_BEGUN for name in off)

    def vehicle_at(self, ts: int) -> Vehicle | None:
        """The version of the vehicle that holds at `ts`, true time in ms, as admission takes it."""
        return version_at(self.vehicles, ts)

    def note_rules_off(self) -> None:
        """Note that the rules begin anew that are off now."""
        if self.in_force is not None:
            self.rules_begun = (self.rules_begun or {}) | dict.fromkeys(self.in_force.off.values(), NOT_BEGUN)

    def count_judged(self, reading: Reading) -> None:
        """Count an own reading that was judged; by rules without a calendar only, it is not judged yet."""
        if self.clock.doubtful and not is_status(reading):
            self.clock.doubted += 1
            self.not_judged[_UNKNOWN] = self.not_judged.get(_UNKNOWN, 0) + 1
        else:
            self.judged += 1

    def count_settled(self) -> None:
        """Count as judged what was not, as long as nothing was known of the clock."""
        if self.clock.doubted:
            self.not_judged[_UNKNOWN] -= self.clock.doubted
            self.judged += self.clock.doubted

    def forget_city(self) -> None:
        self.device, self.vehicles, self.approvals, self.in_force = None, (), (), None

    def time_was_set(self, fleet_now: int, heard_after: int, by_ms: int) -> None:
        """Note that fleet time was wrong and went on by `by_ms`, or that a leap was followed (0): nothing waits
        for a wrong time, or counts as heard at it if it was later.
        """
        if self.candidates_due:
            self.candidates_due += by_ms
        if self.clock.doubt_due:
            self.clock.doubt_due += by_ms
        self.buffer.time_was_set(fleet_now, heard_after)
        if self.late_readings is not None:
            self.late_readings.time_was_set(fleet_now)

    def begin_run(self, *, opens_gap: bool) -> None:
        """Forget what was judged, and all trackers but that of the manifests. `opens_gap`: what comes may be older than
        the first reading.
        """
        self.buffer = ReorderBuffer(self.device_id)
        self.tracker_states = [state if type(state) is _SPANS_RUNS else None for state in self.tracker_states]
        self.judged_until, self.given_up, self.statuses = 0 if opens_gap else FORMER, 0, ()
        self.flush_at = self.wake_at = 0
        off = [name for name, ts in (self.rules_begun or {}).items() if ts == NOT_BEGUN]
        self.rules_begun = dict.fromkeys(off, NOT_BEGUN) if off else None
        self.clock.run += 1
        self.clock.tickets = ()

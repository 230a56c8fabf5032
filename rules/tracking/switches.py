"""Debounced switches: raw switch values bounce, stick and chatter."""

from dataclasses import dataclass
from typing import Final

ON_AFTER_MS: Final = 2_000
OFF_AFTER_MS: Final = 3_000
CHATTER_EDGES: Final = 6
CHATTER_WITHIN_MS: Final = 60_000
HEALTHY_AFTER_MS: Final = 600_000
"""How long a switch counts as faulty after its last edge beyond `CHATTER_EDGES`, or after it was up impossibly."""
DRIVING_KMH: Final = 30.0
FAST_KMH: Final = 60.0
SLOWER_SHARE: Final = 0.25
IMPOSSIBLE_MS: Final = 300_000
"""A bed that is up so long while the truck drives at `FAST_KMH`, or four times as long at `DRIVING_KMH`, is the switch:
it would have met wires and bridges. Shorter, it may be a forgotten bed."""
STALE_AFTER_MS: Final = 120_000
"""A value holds no longer than this without a new report."""


@dataclass(slots=True)
class Switch:
    """One switch, debounced: on after 2 s, off after 3 s. Times are device time, ms."""

    on: bool | None = None
    """None: unknown."""
    since: int = 0
    """When the debounced value began."""
    raw: bool | None = None
    raw_since: int = 0
    seen: int = 0
    edges: tuple[int, ...] = ()
    """Times of the edges in the last minute."""
    fault_until: int = 0
    drives_since: int = 0
    """When it was first up while driving, since it was down while driving; 0 before."""
    drove_ts: int = 0
    """The last such report, if it drives on; 0 otherwise."""
    drove_ms: int = 0
    """How long in all,"""
    fast_ms: float = 0.0
    """and with what was slower than `FAST_KMH` counted by `SLOWER_SHARE`."""

    def take(self, raw: bool | None, ts: int) -> None:
        """Take a reported value; None is a report without the switch."""
        if raw is None or (self.seen and ts - self.seen > STALE_AFTER_MS):
            if ts - self.seen > STALE_AFTER_MS:
                self.on = self.raw = None
            if raw is None:
                return
        self.seen = ts
        if raw is not self.raw:
            self._edge(raw, ts)
        if raw is not self.on and ts - self.raw_since >= (ON_AFTER_MS if raw else OFF_AFTER_MS):
            self.on, self.since = raw, self.raw_since

    def take_speed(self, speed_kmh: float | None, ts: int) -> None:
        """Take the speed of a truck whose lift switch is up, or was while it drove.

        Only down while it drives is what a bed does: an inverted switch is down wherever it tips.
        """
        drives = speed_kmh is not None and speed_kmh >= DRIVING_KMH
        if not self.raw and drives:
            self.drives_since = self.drove_ts = self.drove_ms = 0
            self.fast_ms = 0.0
            return
        if speed_kmh is None or not drives:
            self.drove_ts = 0
        else:
            if self.drove_ts and ts - self.drove_ts <= STALE_AFTER_MS:
                step_ms = ts - self.drove_ts
                self.drove_ms += step_ms
                self.fast_ms += step_ms if speed_kmh >= FAST_KMH else step_ms * SLOWER_SHARE
            self.drives_since, self.drove_ts = self.drives_since or ts, ts
        if self.is_impossible:
            self.fault_until = ts + HEALTHY_AFTER_MS

    @property
    def is_impossible(self) -> bool:
        """True while it is up although the truck drove as long as none can with its bed up."""
        return self.fast_ms >= IMPOSSIBLE_MS

    def faulty(self, ts: int) -> bool:
        """True while a switch that chattered, or showed what cannot be, is not to be trusted."""
        return ts < self.fault_until

    def is_on(self, ts: int) -> bool:
        """True if the switch is on and not faulty."""
        return self.on is True and not self.faulty(ts)

    def on_for_ms(self, ts: int) -> int:
        """How long the switch has been on; 0 if it is off, unknown or faulty."""
        return ts - self.since if self.is_on(ts) else 0

    def _edge(self, raw: bool, ts: int) -> None:
        if self.raw is not None:
            self.edges = (*(edge for edge in self.edges if ts - edge < CHATTER_WITHIN_MS), ts)
            if len(self.edges) > CHATTER_EDGES:
                self.fault_until = ts + HEALTHY_AFTER_MS
        self.raw, self.raw_since = raw, ts

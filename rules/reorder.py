"""Putting one device's readings into the order they were measured in, whatever order they arrive in."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from devices.readings import MODELS, Fill, Kind, Reading

WINDOW_MS: Final = 30_000
"""How much older than the device's newest reading another may be and still be put in its place."""

HOLD_MS: Final = 2 * WINDOW_MS
"""Readings that arrive at most `WINDOW_MS` after newer ones of the fleet have left every lane when fleet time is this
far past them: what compares devices waits for it."""

OrderKey = tuple[int, str, str, str]


def order_key(reading: Reading) -> OrderKey:
    """Device time first; then what can be measured at one instant, in a fixed order."""
    part = reading.compartment if isinstance(reading, Fill) else ""
    return reading.ts, reading.kind, reading.device_id, part


class Heard(NamedTuple):
    """A reading, and how late it was for the fleet when it arrived."""

    reading: Reading
    at: int
    """Its device time; or, if it came later than the window allows, fleet time less the window. ms."""


@dataclass(slots=True)
class Lane:
    """One device's readings on their way to judgement.

    A reading is let go when the device's newest one is more than the window ahead of it, or when fleet time says that
    nothing older can still come. Of readings with the same order key the one whose JSON sorts first is judged: an
    arbitrary choice, but one that does not depend on which came first.
    """

    newest: int = 0
    """Newest device time of the device itself, ms."""
    open_from: int = 0
    """Readings before this device time come too late to be put in order."""
    due: int = 0
    """Fleet time at which everything waiting is let go; 0 when nothing waits."""
    keys: list[OrderKey] = field(default_factory=list)
    waiting: list[Heard] = field(default_factory=list)
    """In order, beside their keys."""

    def arrive(self, reading: Reading, fleet_now: int, *, own: bool = True) -> list[Heard] | None:
        """Take a reading in and return those that may be judged now, in order; None when it is too late for that.

        `own` is False for what another device measured of this one (a ticket): it does not move the device's time on.
        """
        ts = reading.ts
        if ts < self.open_from:
            return None
        self._put(heard(reading, fleet_now))
        if own and ts > self.newest:
            self.newest = ts
            self.open_from = max(self.open_from, ts - WINDOW_MS)
        released = self._release_before(self.open_from)
        self.due = self._due(fleet_now)
        return released

    def flush(self, fleet_now: int) -> list[Heard]:
        """Everything that waits, once fleet time has reached `due`; else nothing."""
        if not self.due or fleet_now < self.due:
            return []
        self.open_from = max(self.open_from, self.keys[-1][0] + 1)
        self.due = 0
        released, self.waiting, self.keys = self.waiting, [], []
        return released

    def dump(self) -> bytes:
        """For a snapshot: JSON."""
        waiting = ",".join(
            f'["{reading.kind}",{reading.model_dump_json(exclude_none=True)},{at}]' for reading, at in self.waiting
        )
        times = f'"newest":{self.newest},"open_from":{self.open_from},"due":{self.due}'
        return f'{{{times},"waiting":[{waiting}]}}'.encode()

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> "Lane":
        # Not strict: JSON has no enums.
        waiting = [
            Heard(MODELS[Kind(kind)].model_validate(said, strict=False), at) for kind, said, at in dumped["waiting"]
        ]
        keys = [order_key(reading) for reading, _ in waiting]
        return cls(dumped["newest"], dumped["open_from"], dumped["due"], keys, waiting)

    def _put(self, arrived: Heard) -> None:
        key = order_key(arrived.reading)
        if not self.keys or key > self.keys[-1]:
            self.keys.append(key)
            self.waiting.append(arrived)
            return
        place = bisect_left(self.keys, key)
        if self.keys[place] != key:
            self.keys.insert(place, key)
            self.waiting.insert(place, arrived)
        elif _content(arrived.reading) < _content(self.waiting[place].reading):
            self.waiting[place] = arrived

    def _release_before(self, ts: int) -> list[Heard]:
        count = bisect_left(self.keys, (ts,))
        if not count:
            return []
        released = self.waiting[:count]
        del self.waiting[:count], self.keys[:count]
        return released

    def _due(self, fleet_now: int) -> int:
        """Fleet time `WINDOW_MS` after the newest that waits.

        For a device that lags behind the fleet, or uploads what it buffered, after its last arrival instead.
        """
        if not self.keys:
            return 0
        newest = self.keys[-1][0]
        return (newest if fleet_now < newest + WINDOW_MS else fleet_now) + WINDOW_MS


def heard(reading: Reading, fleet_now: int) -> Heard:
    return Heard(reading, max(reading.ts, fleet_now - WINDOW_MS))


def _content(reading: Reading) -> str:
    return reading.model_dump_json(exclude={"seq"})

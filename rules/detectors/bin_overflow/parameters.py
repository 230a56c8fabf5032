"""Thresholds of rule `bin_overflow`."""

from typing import Final

from rules.contract.rule import Parameters

_LEAST_PCT: Final = 1.0


class BinOverflowParameters(Parameters):
    """Levels are in percent of a compartment's height. No standard sets these defaults: each has its reason."""

    warn_pct: float = 80.0
    """Nearly full: a fifth is left, so that a collection can still come in time."""
    full_pct: float = 90.0
    """Full: the sensor sees the top of a heap, and bags no longer fall in. `overflow_at_pct` of a device (devices.yaml)
    goes before it, and moves `warn_pct` and `leave_pct` by as much."""
    readings: int = 3
    """This many of the last `of_readings` at a level prove it: two high readings among low ones are noise."""
    of_readings: int = 5
    """Three of five at a level is the same as a median of five at it."""
    lasting_s: int = 900
    """Or at a level without a break for so long: devices that report every quarter of an hour need no third reading."""
    seldom_s: int = 14_400
    """Of a device with an interval from this on one reading is published, as a suspicion, and one low reading ends it:
    the next comes hours later."""
    leave_pct: float = 70.0
    """Below this the incident ends: 10 points under `warn_pct`, so that it does not flap."""
    leave_readings: int = 2
    """Readings in a row below `leave_pct`: one alone may be a slip of the sensor."""
    emptied_points: float = 30.0
    """A fall by at least this many percentage points, borne out by a second reading, is an emptying."""
    blocked_points: float = 40.0
    """A leap by at least this many percentage points without a deposit is a covered sensor, not a full compartment."""
    believed_points: float = 10.0
    """A level that rises by so much after such a leap comes from a sensor that measures: a cover holds still."""
    blocked_deposits: int = 20
    """After so many deposits a leap is believed: from a fifth full, bags of 4 % each have filled the compartment."""
    blocked_s: int = 7_200
    """After so long a leap is reported as doubtful, with or without deposits: somebody has to look in any case."""
    rejoin_s: int = 21_600
    """A level that rises again within 6 h, without an emptying in between, continues the overflow: it hovers."""
    gap_intervals: int = 2
    """A gap longer than this many report intervals hides deposits, so a leap after it proves no covered sensor."""

    def full_at(self, full_pct: float) -> "BinOverflowParameters":
        """Those of a bin that is full at another level, by reason of its form or of where its sensor sits: nearly full
        and no longer full lie as far below it as here, but above nought.
        """
        lower_by = self.full_pct - full_pct
        levels = {
            "warn_pct": max(self.warn_pct - lower_by, _LEAST_PCT),
            "leave_pct": max(self.leave_pct - lower_by, _LEAST_PCT),
        }
        return self.model_copy(update={"full_pct": full_pct, **levels})

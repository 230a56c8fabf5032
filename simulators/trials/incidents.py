"""Labels: incidents that truly happen in a trial, and the rule that must notice each."""

from dataclasses import dataclass

SYSTEM = "system"
"""Subject of an incident that concerns no single device."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident. Times are true time, ms; the device's own clock may differ (`Trial.clocks_ms`)."""

    rule: str
    subject: str
    """A device id, or `SYSTEM`."""
    behaviour: str
    """What was staged."""
    start_ms: int
    end_ms: int
    begins_ms: int
    """From here on people could know: delay is counted from it. A dump begins when the bed rises, and its stop is part
    of the incident."""
    required: bool = True
    """False: true, but too small or too short to ask for an alert, or a part of another incident. An alert about it is
    right, and its absence is no miss."""
    hold_s: float = 0.0
    """How long it must last before anybody calls it an incident, as the field defines it."""
    needs: frozenset[str] = frozenset()
    """Fields of a reading without which nobody can see it."""

"""Everything the engine knows of one device."""

from dataclasses import dataclass
from typing import Any

from rules.incidents import IncidentBook
from rules.reorder import Lane
from rules.tracking import Track


@dataclass(slots=True)
class Dossier:
    """Of one device; or of a subject that is none ("system"), which has a book only."""

    device_id: str
    lane: Lane
    states: list[Any]
    """Of each rule, in the engine's order of rules; None before it was asked."""
    track: Track | None = None
    """Of a truck."""
    book: IncidentBook | None = None
    """Its incidents; None before the first."""
    wake_at: int = 0
    """Fleet time, ms, of its entry in the engine's queue of silences; 0 without one. Not written down."""
    late: int = 0
    """Readings that came too late to be put in order."""

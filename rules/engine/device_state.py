"""Everything the engine knows of one device."""

from dataclasses import dataclass, field
from typing import Any

from devices.city.model import Approvals, Device, Vehicle
from rules.engine.incidents import DeviceIncidents
from rules.engine.reorder_buffer import ReorderBuffer
from rules.tracking import Track


@dataclass(slots=True)
class DeviceState:
    """Of one device; or of a subject that is none ("system"), which has a book only.

    In a large city every reading meets a dossier that no processor remembers: what it needs stands here at hand.
    """

    device_id: str
    lane: ReorderBuffer
    states: list[Any]
    """Of each rule, in the engine's order of rules; None before it was asked."""
    track: Track | None = None
    """Of a truck."""
    book: DeviceIncidents | None = None
    """Its incidents; None before the first."""
    late: int = 0
    """Readings that came too late to be put in order."""
    # What follows is not written down.
    flush_at: int = 0
    """Fleet time, ms, of its entry in the engine's queue of lanes; 0 without one. Never later than the lane is due."""
    wake_at: int = 0
    """Fleet time, ms, of its valid entry in the engine's queue of silences; 0 without one."""
    changed: bool = False
    """Since it was written down."""
    device: Device | None = field(default=None, compare=False)
    """As the engine's city has it; None before that was asked, and for one it does not have."""
    vehicle: Vehicle | None = field(default=None, compare=False)
    approvals: Approvals = field(default=(), compare=False)

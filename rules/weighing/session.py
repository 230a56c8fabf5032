"""The weighing session: what one visit of one truck to one site weighed, gross, tare and net. Values only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_STAY_MS: Final = 12 * 3_600_000
"""Gross and tare of one visit lie at most so far apart: a shift. Later the truck was here a second time."""


class TareSource(StrEnum):
    """Where the tare of a session comes from. The values are in the database and stay."""

    WEIGHED = "weighed"
    """The truck was weighed empty during this visit, or its ticket has a tare."""
    REGISTERED = "registered"
    """The registry has it."""
    HISTORY = "history"
    """The median of what the truck weighed empty lately."""


class Flow(StrEnum):
    """Which way the load went through the gate of the site."""

    IN = "in"
    OUT = "out"


class MatchedBy(StrEnum):
    """How the truck of a weighing was found. The values are in the database and stay."""

    PLATE = "plate"
    """One registered vehicle has the plate on the ticket, in any spelling."""
    SIMILAR_PLATE = "similar_plate"
    """The plate on the ticket was misread, and one registered plate only fits it."""
    TAG = "tag"
    """One registered vehicle has the RFID tag, and the plate is missing, or that of the vehicle misread."""
    PERSON = "person"
    """A person named it."""
    NOTHING = "nothing"
    """No truck was found: the weighing waits for a person."""


@dataclass(frozen=True, slots=True)
class WeighingSession:
    """One visit as the weighbridge saw it. Times are device time of the bridge, ms; weights are kg."""

    site: str
    """Id of the site."""
    bridge: str
    """Device id of the weighbridge that weighed the truck last."""
    vehicle: str | None
    """Device id of the truck; None: nobody knows which it was."""
    plate: str
    """As the bridge wrote it; empty where it wrote none."""
    entered_at: int
    """The first weighing of the visit."""
    left_at: int | None
    """The last weighing, if it was on the way out."""
    gross_kg: float
    tare_kg: float | None
    """None: there is none by any source."""
    net_kg: float | None
    """The load that went through the gate."""
    tare_source: TareSource | None
    tickets: tuple[str, ...]
    """Numbers as the bridge wrote them, in order of time."""
    confidence: float
    """0 to 1: that these weights are of this truck and this visit."""
    flow: Flow = Flow.IN
    weighed_at: int = 0
    """When the load went through the gate: the weighing that completes it, not one that repeats or corrects it."""
    vehicle_id: str | None = None
    """Registered vehicle; it may have no terminal, so no `vehicle`."""
    matched_by: MatchedBy = MatchedBy.NOTHING
    material: str | None = None
    """As the site names it."""
    manifest: str | None = None
    """Number of the manifest on the ticket."""
    weighings: tuple[tuple[str, int], ...] = ()
    """Bridge and instant of each weighing that belongs to it, in order of time."""

    @property
    def is_weighed(self) -> bool:
        """Both weights come from scales."""
        return self.tare_source is TareSource.WEIGHED

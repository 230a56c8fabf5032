"""What is remembered of the tickets of one truck, or of one bridge."""

from dataclasses import dataclass, field

from devices.geo.geometry import XY
from rules.alerts.model import ReadingRef


# Checkpoints write the fields of states by name: a renamed field loses what it held.
@dataclass(slots=True)
class Slip:
    """A ticket of a truck. Times are device time of its bridge, ms."""

    ticket: str
    number: str
    """As it is compared."""
    direction: str
    bridge_id: str
    site_id: str
    ts: int
    net_kg: float
    cited: ReadingRef
    seen: bool = False
    """The truck gave a usable fix since."""
    left: bool = False
    """It left the site since, or nobody knows where it was."""


@dataclass(slots=True)
class Ghost:
    """A ticket at which the truck was not seen at the bridge; more fixes decide."""

    ticket: str
    bridge_id: str
    site_id: str
    ts: int
    at: XY
    """Where the truck was, at the last usable fix so far."""
    away_m: float
    """How far from the fence, at the nearest fix so far."""
    cited: list[ReadingRef]


@dataclass(slots=True)
class Frames:
    """Weights of one truck while the scale moved, and none at rest since. Times are device time, ms."""

    plate: str
    ticket: str
    since: int
    until: int
    count: int
    lowest_kg: float
    highest_kg: float
    cited: list[ReadingRef]


@dataclass(slots=True)
class Counted:
    """A ticket of a bridge."""

    ts: int
    """Of its first weighing."""
    manual: ReadingRef | None = None
    is_tag_reported: bool = False
    """It was found to have the tag of another truck."""
    """The weighing that a person typed."""


@dataclass(slots=True)
class BridgeState:
    """What is remembered of the tickets of one bridge."""

    frames: dict[str, Frames] = field(default_factory=dict)
    """By plate, or ticket."""
    counted: dict[str, Counted] = field(default_factory=dict)
    """By number, the newest last."""
    manual_since: int = 0
    """Beginning of the running incident of manual entries, device time in ms; 0 without one."""


@dataclass(slots=True)
class TicketState:
    """Of a truck: its last tickets and tares. Of a bridge: `bridge`."""

    slips: tuple[Slip, ...] = ()
    """The last load weighed in each direction."""
    watching: bool = False
    """It did not leave since one of them."""
    ghosts: tuple[Ghost, ...] = ()
    tares: tuple[float, ...] = ()
    """Weighed, kg, the newest last."""
    odd_kg: float = 0.0
    """The tare that was given as off its band; 0 while the last one was not."""
    bridge: BridgeState | None = None

"""Events, the clusters they form, and the proposals made of these.

Times of events are device time, those of proposals and decisions wall clock, in ms since 1970 UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from devices.db import tables
from devices.errors import OperatorError
from devices.geo.geometry import LatLon
from devices.readings.text import ShortText

MAX_REASON: Final = 500
"""Characters."""
ID_PATTERN: Final = r"^[0-9a-f]{16}$"


class PlaceKind(StrEnum):
    """What a place is suspected to be."""

    DUMP = tables.DUMP
    """An unlicensed disposal site 黑消纳场."""
    SOURCE = "source"
    """An unlicensed construction site 黑工地: trucks leave it loaded."""


class EventKind(StrEnum):
    """What a truck did outside every permitted site."""

    STOPPED_LOADED = "stopped_loaded"
    STOPPED_OFF_ROUTE = "stopped_off_route"
    """Loaded, off its approved routes."""
    BED_RAISED = "bed_raised"
    MAY_HAVE_TIPPED = "may_have_tipped"
    TIPPED = "tipped"
    """Two independent sensors agree (`illegal_dumping`, confirmed)."""
    LOADED_UP = "loaded_up"
    """It came empty and left loaded."""

    @property
    def place(self) -> PlaceKind:
        return PlaceKind.SOURCE if self is EventKind.LOADED_UP else PlaceKind.DUMP

    @property
    def is_stop(self) -> bool:
        """The truck only stood there."""
        return self in {EventKind.STOPPED_LOADED, EventKind.STOPPED_OFF_ROUTE}


STOP_POINTS: Final = 1
"""A stop on a route weighs least, and nothing else weighs as little."""
POINTS: Final[Mapping[EventKind, int]] = MappingProxyType(
    {
        EventKind.STOPPED_LOADED: STOP_POINTS,
        EventKind.STOPPED_OFF_ROUTE: 2,
        EventKind.BED_RAISED: 2,
        EventKind.MAY_HAVE_TIPPED: 2,
        EventKind.TIPPED: 3,
        EventKind.LOADED_UP: 2,
    }
)
"""What an event weighs. A stop alone has many honest reasons, an emptied truck has few."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one truck."""

    kind: EventKind
    truck: str
    """Device id."""
    at: int
    place: LatLon
    alert_id: str
    """The alert about it."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Visits of trucks to one place."""

    kind: PlaceKind
    place: LatLon
    """Their centre."""
    radius_m: float
    """Covers all of them."""
    first_seen: int
    last_seen: int
    trucks: tuple[str, ...]
    """Device ids, sorted."""
    visits: int
    days: int
    """Days of the city's calendar with a visit."""
    hours: tuple[int, ...]
    """Number of visits by hour of the city's day, 24 of them: when a patrol meets somebody there."""
    alerts: tuple[str, ...]
    """Ids of the alerts it rests on, oldest first."""


class ProposalState(StrEnum):
    """What people make of a proposal."""

    PROPOSED = "proposed"
    """Nobody has decided yet."""
    ACCEPTED = tables.ACCEPTED
    """A person says that it is such a site."""
    DISMISSED = "dismissed"
    """A person says that it is none, or none any more."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Decision(_Value):
    """What a person decided about a proposal."""

    state: ProposalState
    actor: ShortText
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]
    at: int


class Proposal(_Value):
    """A place that is proposed to people as a suspected site."""

    id: str
    kind: PlaceKind
    state: ProposalState
    lat: float
    lon: float
    radius_m: float
    first_seen: int
    last_seen: int
    trucks: tuple[str, ...]
    visits: int
    days: int
    hours: tuple[int, ...]
    alerts: tuple[str, ...]
    proposed_at: int
    updated_at: int
    """When its figures last changed."""
    decisions: tuple[Decision, ...] = ()
    """Oldest first."""

    @property
    def place(self) -> LatLon:
        return LatLon(lat=self.lat, lon=self.lon)

    @property
    def busiest_hour(self) -> int:
        """The hour of the city's day with most visits, the first of them if several have as many."""
        return max(range(len(self.hours)), key=self.hours.__getitem__)


class UnknownProposal(OperatorError):
    """No proposal has this id."""


class AlreadyDecided(OperatorError):
    """The proposal is in that state already."""

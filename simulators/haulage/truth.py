"""What truly happened to each trip and each load, and what must be found of it. Values only; kg are those that the
scales showed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, NamedTuple


class Label(StrEnum):
    """What a trip is."""

    HONEST = "honest"
    ESTIMATE = "estimate"
    """Its load was estimated by volume, and is another one."""
    WEIGHED_AGAIN = "weighed again"
    """Under another number, some minutes later."""
    CORRECTED = "corrected"
    """The ticket was wrong, and is corrected later."""
    MISREAD = "plate misread"
    """An O for a zero, or no province: it can only be this truck."""
    REROUTED = "rerouted"
    """The destination rejected it, another site took it."""
    RETURNED = "returned"
    """The destination rejected it, and the truck brought it back."""
    UNWEIGHED_AT_SOURCE = "unweighed at source"
    SHORT = "short"
    """A part of the load is gone on arrival."""
    LATE = "late"
    """The truck breaks down on its way."""
    UNWEIGHED = "unweighed"
    """It drives past the scale at its destination."""
    EARLY_SCAN = "early scan"
    """Confirmed at the gate long before the truck was there."""
    NEVER_ARRIVED = "never arrived"
    """Confirmed at the gate, and the truck never came."""
    ILLEGIBLE = "plate illegible"
    """The plate on the ticket is of no truck."""
    OTHER_PLATE = "another plate"
    """The plate on the ticket is of another truck."""


ANOMALIES: Final = (
    Label.UNWEIGHED_AT_SOURCE, Label.SHORT, Label.LATE, Label.UNWEIGHED, Label.EARLY_SCAN, Label.NEVER_ARRIVED,
    Label.ILLEGIBLE, Label.OTHER_PLATE,
)  # fmt: skip
"""Labels of trips with which something is wrong. All others must close by themselves."""


OVERDUE: Final = "manifest_overdue"
SHORTFALL: Final = "mass_shortfall"
ALERTED: Final[Mapping[Label, str]] = {
    Label.SHORT: SHORTFALL,
    Label.LATE: OVERDUE,
    Label.UNWEIGHED: OVERDUE,
    Label.NEVER_ARRIVED: OVERDUE,
    Label.ILLEGIBLE: OVERDUE,
    Label.OTHER_PLATE: OVERDUE,
}
"""Rules by which people must learn of it; of a short load only where its source has a weighbridge as well."""


class Verdict(NamedTuple):
    """What a manifest must be in the end."""

    state: Literal["closed", "discrepancy", "overdue"]
    outcome: str | None
    """`delivered` or `returned`, once it is closed."""
    was_overdue: bool
    source_kg: float | None
    """As weighed at the source."""
    net_kg: float | None
    """As weighed at the destination."""


@dataclass(frozen=True, slots=True)
class TripTruth:
    """One trip with its manifest."""

    number: str
    label: Label
    leg: str
    vehicle_id: str
    device_id: str
    verdict: Verdict
    begins_at: int
    ends_at: int
    """From the empty truck at the source to the empty truck at the source, device time, ms."""
    alerts: tuple[str, ...] = ()
    """Rules that must raise an alert about it; no other trip may have one of these."""


class LoadTruth(NamedTuple):
    """A load that went over a weighbridge."""

    trip: str
    site: str
    bridge: str
    flow: Literal["in", "out"]
    stream: str
    at: int
    """When it was weighed, device time of the bridge, ms: the weighing that completes it."""
    net_kg: float
    vehicle_id: str | None
    """The truck that its ticket leads to; None: to no registered one."""


class Heading(NamedTuple):
    """What tonnes are summed by."""

    day: str
    site: str
    stream: str
    flow: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Of a whole night."""

    trips: Sequence[TripTruth]
    loads: Sequence[LoadTruth]
    tonnes_kg: Mapping[Heading, float]
    """Sums of `loads`, kg."""

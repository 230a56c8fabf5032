"""What a record of a manifest says: the deed, and the terms that judgement needs. Values only."""

from enum import StrEnum

from msgspec import Struct


class ManifestDeed(StrEnum):
    """What is done with a manifest. The values are in the raw log and stay."""

    ISSUE = "issue"
    CONFIRM_SOURCE = "confirm_source"
    """The source confirms what was loaded."""
    REJECT = "reject"
    """The disposal site does not take the load: it goes back to its source."""
    REROUTE = "reroute"
    """The load goes to another disposal site, as a new leg."""
    CONFIRM_DISPOSAL = "confirm_disposal"
    """The disposal site confirms that it took the load, where no weighbridge does."""
    SETTLE = "settle"
    """A person closes what does not close by itself: a discrepancy, or a load whose truck was not seen to leave."""
    BEGIN_CORRECTION = "begin_correction"
    CORRECT = "correct"
    """Other terms hold; the correction ends."""
    VOID = "void"
    WEIGH = "weigh"
    """A person says whose truck a weighing is of: it is of the load of this manifest."""
    UNWEIGH = "unweigh"
    """It is not, or not any more."""
    CHECK = "check"
    """By the clock: the load should have arrived by now."""


class NamedWeight(Struct, frozen=True, kw_only=True, gc=False):
    """A weighing whose truck a person named, with `weigh` and `unweigh`."""

    session: str
    """Id of the weighing session."""
    bridge: str
    """Device id."""
    ticket: str
    """Its number, as numbers are compared."""
    at: int
    """When the load went over the scale, true time, ms."""
    leaves: bool = False
    """It weighed the load at its source."""
    net_kg: float | None = None
    """None: the session is not weighed full and empty, so it only shows that the truck was there."""


class ManifestTerms(Struct, frozen=True, kw_only=True, gc=False):
    """The part of a manifest by which its trip is judged. Times are true time, ms since 1970 UTC."""

    source: str
    """Id of the site where the load comes from."""
    destination: str
    """Id of the site where it goes to."""
    depart_at: int
    arrive_by: int
    """The planned time window."""
    declared_kg: float | None = None
    """The load as declared; None where only its volume is, without a density."""
    estimated: bool = False
    """Nobody weighed it."""
    loss_pct: float = 0.0
    """Of the load, so much may leave it as water on the way, as it was when the manifest was issued."""
    declared_error_pct: float = 0.0
    """What was declared may be off by so much: a volume × a density. 0: as a scale."""

"""What a rule says of one subject at one device time. Whether that makes an alert is decided in
`rules.engine.incidents`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from devices.geo.geometry import LatLon
from rules.alerts.model import Evidence, Severity, Text


class Level(StrEnum):
    """How sure the rule is. Missing data is UNKNOWN, never CLEAR."""

    CLEAR = "clear"
    """The condition has ended; what ran is closed."""
    CANDIDATE = "candidate"
    """The condition may be beginning; nobody is told."""
    SUSPECTED = "suspected"
    """People are told that it may be so."""
    CONFIRMED = "confirmed"
    """People are told that it is so."""
    LEFT_OPEN = "left_open"
    """Confirmed and over; it waits for a person, and a new incident may begin beside it."""
    UNKNOWN = "unknown"
    """The data that would tell is missing; what ran goes on."""
    RETRACTED = "retracted"
    """Later data showed that the incident with this onset never was one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's word: given at every reading while something is wrong, once when it is over, and else not at all."""

    subject: str
    """A device id, or "system"."""
    level: Level
    at: int
    """Device time, ms, of what made the rule speak."""
    onset: int
    """Device time, ms, when the incident began."""
    severity: Severity = Severity.P4
    place: LatLon | None = None
    """Where the incident began."""
    title: Text | None = None
    """None repeats what was said before."""
    evidence: Evidence | None = None
    """None repeats what was said before."""
    part: str = ""
    """Tells apart incidents of one subject that have nothing to do with each other: its compartments."""
    shared: str = ""
    """What several subjects may have in common (the id of a route), for rules that compare devices."""


class HeldVerdict(NamedTuple):
    """A verdict that waits for fleet time; ordered by its first five fields, which no two share."""

    at: int
    rule: str
    subject: str
    part: str
    serial: int
    verdict: Verdict

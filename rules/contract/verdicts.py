"""Verdicts: what a rule concludes about one subject at one device time.

`rules.engine.incidents` decides whether a verdict makes an alert.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from devices.geo.geometry import LatLon
from rules.alerts.model import Evidence, Severity, Text


class Level(StrEnum):
    """How sure the rule is. Missing data is UNKNOWN, never CLEAR."""

    CLEAR = "clear"
    """The condition has ended; the running incident closes."""
    CANDIDATE = "candidate"
    """The condition may be beginning; nobody is notified."""
    SUSPECTED = "suspected"
    """People are notified that it may be so."""
    CONFIRMED = "confirmed"
    """People are notified that it is so."""
    LEFT_OPEN = "left_open"
    """Confirmed and over; the alert waits for a person, and a new incident may begin beside it."""
    UNKNOWN = "unknown"
    """The data that would decide is missing; the running incident goes on."""
    RETRACTED = "retracted"
    """Later data showed that the incident with this onset never happened."""
    EXCUSED = "excused"
    """What other devices did explains the incident with this onset: nobody is notified of it."""
    STANDS = "stands"
    """It does not, or not any more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's conclusion: given at every reading while something is wrong, once when it ends; otherwise none.

    Rows on disk hold verdicts by these field names.
    """

    subject: str
    """A device id, or "system"."""
    level: Level
    at: int
    """Device time, ms, of the reading or silence that led to the verdict."""
    onset: int
    """Device time, ms, when the incident began."""
    severity: Severity = Severity.P4
    place: LatLon | None = None
    """Where the incident began."""
    title: Text | None = None
    """None repeats the previous one."""
    evidence: Evidence | None = None
    """None repeats the previous one."""
    part: str = ""
    """Separates independent incidents of one subject, such as its compartments."""
    shared: str = ""
    """What several subjects may have in common (the id of a route), for rules that compare devices."""
    basis: str = ""
    """What the evidence rests on, in words that no person reads. Evidence with another basis is worth a revision."""
    over: bool = False
    """With CLEAR: what caused it is removed, so what begins after it is a new incident, however near."""
    folds_into: str = ""
    """A rule of whose incident this is a part, if it has one at this time and place. Both rules are `ordered`
    (`rules.engine.incidents.folding`).
    """
    beside_order: bool = False
    """It comes of what has no place among the device's readings in order: other devices, or a reading too late for
    every place. So it is not given again when those readings are judged again. The engine sets it.
    """
    excused: bool = False
    """What other devices did explains its incident, by what has been compared so far."""
    notified_once: bool = False
    """That it lasts is no news: people are notified again of another severity or `basis` only."""


class RuleVerdict(NamedTuple):
    """A verdict and the rule that gave it: what the device stage hands to the fleet stage."""

    rule: str
    rule_version: int
    verdict: Verdict


class HeldVerdict(NamedTuple):
    """A verdict that waits for fleet time; ordered by its first five fields, which no two share.

    Rows on disk hold it as an array in this order.
    """

    at: int
    rule: str
    subject: str
    part: str
    serial: int
    verdict: Verdict

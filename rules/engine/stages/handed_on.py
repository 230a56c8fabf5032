"""Verdicts on their way from the device stage of a partition to the fleet stage."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rules.contract.verdicts import RuleVerdict
from rules.engine.late.late_verdicts import Judged


class HandedOn(NamedTuple):
    """What one record of the raw log led to."""

    fleet_time: int
    """Of the partition, ms."""
    verdicts: Sequence[Judged]
    off: Mapping[str, Sequence[str]] | None = None
    """After another revision of city or rules: names of the rules that are off, by device of the partition."""
    off_of_others: Sequence[str] = ()
    """Likewise for subjects that are no devices."""


def subject_of(judged: Judged) -> str:
    """The device that a verdict is about, or what is said about its readings."""
    return judged.verdict.subject if isinstance(judged, RuleVerdict) else judged.subject

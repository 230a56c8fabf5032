"""Finds outages: many devices silent at once are the network or the platform. One alert stands for all of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from rules.alerts.model import Evidence, Severity
from rules.contract.rule import Parameters
from rules.contract.verdicts import Level, Verdict
from rules.detectors.silent_device import wording

SYSTEM: Final = "system"
"""Subject of the alert that stands for all."""


# Checkpoints write the fields by name: a renamed field loses what it held.
@dataclass(slots=True)
class Outage:
    """Silences of the whole fleet. Devices are named by id."""

    awaited: set[str] = field(default_factory=set)
    """Devices that were heard and did not shut down."""
    overdue: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    """Silent devices with an alert of their own; all of them are overdue. Named as in checkpoints."""
    since: int = 0
    """Onset of the outage, device time in ms; 0 while there is none."""
    covered: dict[str, Verdict] = field(default_factory=dict)
    """By device: the verdict that the outage's alert stands for."""

    def share_pct(self) -> float:
        """Share of the awaited devices that are overdue."""
        return self._share_pct(len(self.overdue))

    def unalerted_share_pct(self) -> float:
        """As `share_pct`, without devices that have an alert: those broken before do not make an outage last."""
        return self._share_pct(len(self.overdue) - len(self.told))

    def _share_pct(self, devices: int) -> float:
        return 100.0 * devices / len(self.awaited) if self.awaited else 0.0


def apply_outage(
    verdict: Verdict,
    memory: Outage,
    *,
    parameters: Parameters,
    begins_pct: float,
    ends_pct: float,
    at_least: int,
) -> Iterable[Verdict]:
    """Pass a silence on, or let the one alert stand for it; after the outage, pass on those that are still silent.

    Verdicts come in the order of device time over all devices. Their levels mean: CLEAR heard, CANDIDATE overdue,
    CONFIRMED silent, UNKNOWN shut down by itself.
    """
    subject = verdict.subject
    match verdict.level:
        case Level.CLEAR | Level.UNKNOWN:
            memory.overdue.discard(subject)
            memory.told.discard(subject)
            memory.covered.pop(subject, None)
            (memory.awaited.add if verdict.level is Level.CLEAR else memory.awaited.discard)(subject)
            return (verdict, *_end_if_over(verdict.at, memory, ends_pct))
        case Level.CANDIDATE:
            memory.overdue.add(subject)
            return ()
        case Level.CONFIRMED if subject not in memory.told:
            if not memory.since and memory.share_pct() > begins_pct and len(memory.overdue) >= at_least:
                memory.since = verdict.onset
            if memory.since:
                memory.covered[subject] = verdict
                return (_outage(verdict.at, memory, parameters),)
            memory.told.add(subject)
    return (verdict,)


def _end_if_over(at: int, memory: Outage, ends_pct: float) -> Iterator[Verdict]:
    if not memory.since or memory.unalerted_share_pct() > ends_pct:
        return
    yield Verdict(SYSTEM, Level.CLEAR, at, memory.since)
    memory.since = 0
    for subject, silent in sorted(memory.covered.items()):
        memory.told.add(subject)
        yield replace(silent, at=at)
    memory.covered = {}


def _outage(at: int, memory: Outage, parameters: Parameters) -> Verdict:
    overdue, awaited = len(memory.overdue), len(memory.awaited)
    return Verdict(
        subject=SYSTEM,
        level=Level.CONFIRMED,
        at=at,
        onset=memory.since,
        severity=Severity.P2,
        title=wording.outage_title(overdue, awaited),
        evidence=Evidence(
            parameters=parameters.model_dump(),
            findings=(wording.outage_share(memory.share_pct()),),
            measures={"overdue_devices": overdue, "awaited_devices": awaited},
        ),
    )

"""Many devices silent at once: the network or the platform, not the devices. One alert instead of hundreds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from rules.alerts.model import Evidence, Severity, Text
from rules.contract.rule import Parameters
from rules.contract.verdicts import Level, Verdict

SYSTEM: Final = "system"
"""Subject of the alert that stands for all."""


@dataclass(slots=True)
class Outage:
    """Which devices are awaited, which of them are overdue, and which silences one alert stands for."""

    awaited: set[str] = field(default_factory=set)
    overdue: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    """Silent devices with an alert of their own."""
    since: int = 0
    """Onset of the outage, device time in ms; 0 while there is none."""
    covered: dict[str, Verdict] = field(default_factory=dict)
    """What would have been said of each device."""

    def share_pct(self) -> float:
        return self._share_pct(len(self.overdue))

    def untold_share_pct(self) -> float:
        """Of those that have no alert of their own: devices that were broken before do not make an outage last."""
        return self._share_pct(len(self.overdue) - len(self.told))  # who is told of is overdue

    def _share_pct(self, devices: int) -> float:
        return 100.0 * devices / len(self.awaited) if self.awaited else 0.0


def settle_outage(
    verdict: Verdict,
    memory: Outage,
    *,
    parameters: Parameters,
    begins_pct: float,
    ends_pct: float,
    at_least: int,
) -> Iterable[Verdict]:
    """Pass a silence on, or let the one alert stand for it; after the outage, speak of those still silent.

    Verdicts come in the order of device time over all devices. Read by level: CLEAR heard, CANDIDATE overdue,
    CONFIRMED silent, UNKNOWN shut down by itself.
    """
    subject = verdict.subject
    match verdict.level:
        case Level.CLEAR | Level.UNKNOWN:
            memory.overdue.discard(subject)
            memory.told.discard(subject)
            memory.covered.pop(subject, None)
            (memory.awaited.add if verdict.level is Level.CLEAR else memory.awaited.discard)(subject)
            return (verdict, *_maybe_over(verdict.at, memory, ends_pct))
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


def _maybe_over(at: int, memory: Outage, ends_pct: float) -> Iterator[Verdict]:
    if not memory.since or memory.untold_share_pct() > ends_pct:
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
        title=Text(
            en=f"{overdue} of {awaited} devices are silent at once: check network and platform",
            zh=f"{awaited}台设备中有{overdue}台同时离线，请检查网络和平台",
        ),
        evidence=Evidence(
            parameters=parameters.model_dump(),
            findings=(
                Text(
                    en=f"{memory.share_pct():.0f} % of the devices heard before are overdue",
                    zh=f"曾在线设备中{memory.share_pct():.0f}%逾期未上报",
                ),
            ),
            measures={"overdue_devices": overdue, "awaited_devices": awaited},
        ),
    )

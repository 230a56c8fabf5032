"""Compares alarms with labels, incident by incident."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from haulwatch.evaluation.alarms import Alarm
from simulators.trials.incidents import Incident

BEFORE_MS: Final = 60_000
AFTER_MS: Final = 600_000
"""An alarm is about an incident if it says that it began at most so long before its start, and after its end."""
_EXAMPLES: Final = 5


@dataclass
class Tally:
    """Counts of one rule in one tier; those of several trials add up."""

    incidents: int = 0
    """That must be noticed, by terminals that can see them."""
    found: int = 0
    unseen: int = 0
    """Incidents that no terminal of the tier has a sensor for; not among `incidents`."""
    withdrawn: int = 0
    """Incidents about which people were told, and then told that there was none: not among `found`."""
    duplicates: int = 0
    """Further alerts about an incident that was found."""
    false_alarms: int = 0
    about_others: int = 0
    """Alarms that are right, about what need not be noticed."""
    device_days: float = 0.0
    delays_s: list[float] = field(default_factory=list)
    """From when each incident that was found began, until people were told."""
    held_s: list[float] = field(default_factory=list)
    """Of each of those: how long an incident must last, as the field defines it."""
    confirmed_s: list[float] = field(default_factory=list)
    """As `delays_s`, until people were told that it is so; of those confirmed."""
    by_behaviour: Counter[str] = field(default_factory=Counter)
    found_by_behaviour: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    """The first few incidents missed, and false alarms."""

    def add(self, other: "Tally") -> None:
        for name in ("incidents", "found", "unseen", "withdrawn", "duplicates", "false_alarms", "about_others"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.device_days += other.device_days
        self.delays_s += other.delays_s
        self.held_s += other.held_s
        self.confirmed_s += other.confirmed_s
        self.by_behaviour.update(other.by_behaviour)
        self.found_by_behaviour.update(other.found_by_behaviour)
        self.examples = [*self.examples, *other.examples][:_EXAMPLES]


def compare(
    incidents: Iterable[Incident],
    alarms: Iterable[Alarm],
    clocks_ms: Mapping[str, int],
    lacks: frozenset[str],
    trial: str,
) -> dict[str, Tally]:
    """Tallies by rule. `clocks_ms`: by how much the clock of a device is ahead; `lacks`: fields that nobody sends.

    `trial` names it in examples.
    """
    tallies: dict[str, Tally] = defaultdict(Tally)
    labels: dict[tuple[str, str], list[Incident]] = defaultdict(list)
    for incident in incidents:
        labels[incident.rule, incident.subject].append(incident)
    given: dict[tuple[str, str], list[Alarm]] = defaultdict(list)
    for alarm in alarms:
        given[alarm.rule, alarm.subject].append(alarm)
    for key in {**labels, **given}:
        rule, subject = key
        _compare_one(tallies[rule], labels.get(key, []), given.get(key, []), clocks_ms.get(subject, 0), lacks, trial)
    return dict(tallies)


def _compare_one(
    tally: Tally,
    incidents: Sequence[Incident],
    alarms: Sequence[Alarm],
    clock_ms: int,
    lacks: frozenset[str],
    trial: str,
) -> None:
    """Each alarm counts for one incident: of those that it may be about, one that must be noticed, and the nearest."""
    about: dict[int, list[Alarm]] = defaultdict(list)
    false_alerts: dict[str, Alarm] = {}
    right_alerts: set[str] = set()
    for alarm in sorted(alarms, key=lambda one: one.told_ms):
        candidates = [
            (not incident.required, off_ms, number)
            for number, incident in enumerate(incidents)
            if (off_ms := _off_ms(alarm, incident, clock_ms)) is not None
        ]
        if candidates:
            about[min(candidates)[2]].append(alarm)
            right_alerts.add(alarm.alert_id)
        else:
            false_alerts.setdefault(alarm.alert_id, alarm)
    for number, incident in enumerate(incidents):
        _count(tally, incident, about[number], lacks, trial)
    for alert_id, alarm in false_alerts.items():
        if alert_id not in right_alerts:
            tally.false_alarms += 1
            _example(tally, f"{trial}: false {alarm.subject} {alarm.onset_ms}: {alarm.title}")


def _count(tally: Tally, incident: Incident, alarms: Sequence[Alarm], lacks: frozenset[str], trial: str) -> None:
    if not incident.required:
        tally.about_others += len({alarm.alert_id for alarm in alarms})
        return
    if incident.needs & lacks:
        tally.unseen += 1
        tally.about_others += len({alarm.alert_id for alarm in alarms})
        return
    tally.incidents += 1
    tally.by_behaviour[incident.behaviour] += 1
    standing = [alarm for alarm in alarms if not alarm.withdrawn]
    if not standing:
        tally.withdrawn += bool(alarms)
        _example(tally, f"{trial}: missed {incident.subject} {incident.behaviour} {incident.start_ms}")
        return
    tally.found += 1
    tally.found_by_behaviour[incident.behaviour] += 1
    tally.duplicates += len({alarm.alert_id for alarm in alarms}) - 1
    tally.delays_s.append((standing[0].told_ms - incident.begins_ms) / 1000)
    tally.held_s.append(incident.hold_s)
    confirmed = [alarm.confirmed_ms for alarm in standing if alarm.confirmed_ms is not None]
    if confirmed:
        tally.confirmed_s.append((min(confirmed) - incident.begins_ms) / 1000)


def _off_ms(alarm: Alarm, incident: Incident, clock_ms: int) -> int | None:
    """How far the alarm's beginning is from the incident's; None if it is about another.

    By the device's clock, or by true time: alerts about a clock are dated by the fleet's.
    """
    offs = [
        abs(alarm.onset_ms - incident.start_ms - ahead_ms)
        for ahead_ms in (0, clock_ms)
        if incident.start_ms - BEFORE_MS <= alarm.onset_ms - ahead_ms <= incident.end_ms + AFTER_MS
    ]
    return min(offs, default=None)


def _example(tally: Tally, line: str) -> None:
    if len(tally.examples) < _EXAMPLES:
        tally.examples.append(line)

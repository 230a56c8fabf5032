"""Compares what was found of a night of haulage with the simulator's truth. It knows no code that found it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from simulators.haulage.truth import ANOMALIES, Heading, Label, LoadTruth, TripTruth, Truth, Verdict


class FoundSession(NamedTuple):
    """A weighing session as it stands."""

    site: str
    flow: str
    at: int
    net_kg: float | None
    vehicle_id: str | None
    is_weighed: bool
    """Gross and tare both come from a scale."""


class FoundAlert(NamedTuple):
    """An alert that was not taken back."""

    rule: str
    device_id: str
    at: int
    manifest: str | None
    """That it names."""


@dataclass(frozen=True)
class Found:
    """What an installation says of a night."""

    manifests: Mapping[str, Verdict]
    sessions: Sequence[FoundSession]
    tonnes_kg: Mapping[Heading, float]
    """The ledger's sums of what was weighed."""
    alerts: Sequence[FoundAlert] = ()
    """Of the rules about manifests and weights."""


@dataclass(frozen=True, slots=True)
class LabelCount:
    """Trips of one label, and how many of their manifests are as they must be."""

    trips: int
    right: int


@dataclass
class Comparison:
    """The night, counted."""

    labels: dict[Label, LabelCount] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """One line for each manifest or load that is not as it must be."""
    alerts: int = 0
    alerts_right: int = 0
    loads: int = 0
    loads_right: int = 0
    ledger_kg: float = 0.0
    """Sum over the lines of the ledger."""
    difference_kg: float = 0.0
    """Sum of the absolute differences of all lines."""

    @property
    def is_good(self) -> bool:
        return not self.wrong and self.difference_kg == 0


def compare(truth: Truth, found: Found) -> Comparison:
    done = Comparison()
    _compare_manifests(truth, found, done)
    _compare_loads(truth.loads, found.sessions, done)
    _compare_alerts(truth.trips, found.alerts, done)
    for heading in sorted({*truth.tonnes_kg, *found.tonnes_kg}):
        true_kg, kg = truth.tonnes_kg.get(heading, 0.0), found.tonnes_kg.get(heading, 0.0)
        done.ledger_kg += kg
        if kg != true_kg:
            done.difference_kg += abs(kg - true_kg)
            done.wrong.append(f"ledger {'/'.join(heading)}: {kg:,.0f} kg, truly {true_kg:,.0f} kg")
    return done


def _compare_manifests(truth: Truth, found: Found, done: Comparison) -> None:
    counts: dict[Label, list[bool]] = defaultdict(list)
    for trip in truth.trips:
        verdict = found.manifests.get(trip.number)
        counts[trip.label].append(verdict == trip.verdict)
        done.states[verdict.state if verdict is not None else "none"] += 1
        if verdict != trip.verdict:
            line = f"{trip.number} of {trip.device_id} on {trip.leg}, {trip.label}"
            done.wrong.append(f"{line}: {_words(verdict)}, not {_words(trip.verdict)}")
    done.wrong += [f"manifest {one}: no trip has it" for one in sorted({*found.manifests} - _numbers(truth))]
    done.labels = {label: LabelCount(len(right), sum(right)) for label, right in sorted(counts.items())}


def _compare_loads(loads: Iterable[LoadTruth], sessions: Sequence[FoundSession], done: Comparison) -> None:
    """Each load is one session with its weight, its time and its truck, and nothing else is."""
    true = Counter(FoundSession(one.site, one.flow, one.at, one.net_kg, one.vehicle_id, True) for one in loads)
    seen = Counter(sessions)
    done.loads, done.loads_right = true.total(), (true & seen).total()
    done.wrong += [f"no session of {one}" for one in (true - seen).elements()]
    done.wrong += [f"session of no load: {one}" for one in (seen - true).elements()]


def _compare_alerts(trips: Sequence[TripTruth], alerts: Iterable[FoundAlert], done: Comparison) -> None:
    """Each trip that people must learn of has its alert, and no other trip has one."""
    true = {(rule, trip.number) for trip in trips for rule in trip.alerts}
    seen = {(one.rule, _trip_of(one, trips)) for one in alerts}
    done.alerts, done.alerts_right = len(true), len(true & seen)
    labels = {trip.number: trip.label for trip in trips}
    done.wrong += [f"no alert {rule} about {number}, {labels[number]}" for rule, number in sorted(true - seen)]
    done.wrong += [f"alert {rule} about {one}, {labels.get(one, '?')}" for rule, one in sorted(seen - true)]


def _trip_of(alert: FoundAlert, trips: Iterable[TripTruth]) -> str:
    """Number of the trip that an alert is about: the one that it names, else by its time."""
    if alert.manifest is not None:
        return alert.manifest
    of_truck = [one for one in trips if one.device_id == alert.device_id]
    return next((one.number for one in of_truck if one.begins_at <= alert.at <= one.ends_at), alert.device_id)


def _numbers(truth: Truth) -> set[str]:
    return {trip.number for trip in truth.trips}


def _words(verdict: Verdict | None) -> str:
    if verdict is None:
        return "no manifest"
    kg = "/".join("?" if one is None else f"{one:.0f}" for one in (verdict.source_kg, verdict.net_kg))
    return f"{verdict.state} {verdict.outcome or ''}{' was overdue' if verdict.was_overdue else ''} {kg} kg"


def is_anomaly(label: Label) -> bool:
    """Something is wrong with such a trip."""
    return label in ANOMALIES

"""What was raised of each pair, and what is wrong with it."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from tests.twins.stories import Label
from tests.twins.town import PAIRS, WEIGHED, Pair

STEP_MS: Final = {"jt808": 1_000, "chirpstack": 1, "sparkplug": 1, "scale": 0}
"""How much coarser the time of a dialect is. A scale has that of its gateway: the label holds it."""


class Raised(NamedTuple):
    """An alert of a device. Times are device time, ms."""

    rule: str
    phases: tuple[str, ...]
    """Each that it went through, in order."""
    severity: str
    measures: Mapping[str, object]
    began_ms: int
    confirmed_ms: int | None
    closed_ms: int | None


def raised(journal: Path) -> dict[str, list[Raised]]:
    """Alerts by subject, in the order of rules."""
    found: dict[str, list[Raised]] = {}
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT alert_id, subject, rule, severity, evidence, opened_at, confirmed_at, closed_at FROM alert "
            "ORDER BY rule, opened_at"
        ).fetchall()
        for alert_id, subject, rule, severity, evidence, *times in rows:
            steps = db.execute("SELECT phase FROM alert_change WHERE alert_id = ? ORDER BY no", (alert_id,))
            phases = tuple(dict.fromkeys(phase for (phase,) in steps))
            one = Raised(rule, phases, severity, json.loads(evidence).get("measures", {}), *times)
            found.setdefault(subject, []).append(one)
    return found


def wrong(found: Mapping[str, list[Raised]], labels: Mapping[str, Label]) -> list[str]:
    """Sentences; empty if every pair raised what its label says, and twins the same."""
    faults = []
    for dialect, pair in PAIRS.items():
        natives, twins = found.get(pair.native, []), found.get(pair.dialect, [])
        for subject, alerts in ((pair.native, natives), (pair.dialect, twins)):
            faults += _against_label(subject, alerts, labels[dialect])
        faults += _against_twin(dialect, pair, natives, twins)
    strangers = found.keys() - {subject for pair in PAIRS.values() for subject in pair}
    return faults + [f"{subject} raised {[one.rule for one in found[subject]]}" for subject in sorted(strangers)]


def _against_label(subject: str, alerts: list[Raised], label: Label) -> list[str]:
    of_rule = [one for one in alerts if one.rule == label.rule]
    if len(of_rule) != 1:
        return [f"{subject} raised {len(of_rule)} alerts of {label.rule}, not 1: {alerts}"]
    [alert] = of_rule
    first, last = label.began_ms
    # Device time of the dialect may be cut off to its step.
    if not first - max(STEP_MS.values()) <= alert.began_ms <= last:
        return [f"{subject}: {label.rule} began at {alert.began_ms}, not in {label.began_ms}"]
    if not set(label.phases) <= set(alert.phases):
        return [f"{subject}: {label.rule} was {alert.phases}, not {label.phases}"]
    return []


def _against_twin(dialect: str, pair: Pair, natives: list[Raised], twins: list[Raised]) -> list[str]:
    if [_kind(one) for one in natives] != [_kind(one) for one in twins]:
        return [f"{pair.native} raised {natives}\n{pair.dialect} raised {twins}"]
    if pair is WEIGHED:
        return []
    faults = []
    for native, twin in zip(natives, twins, strict=True):
        for name in ("began_ms", "confirmed_ms", "closed_ms"):
            ours, theirs = getattr(native, name), getattr(twin, name)
            if (ours is None) is not (theirs is None) or abs((ours or 0) - (theirs or 0)) > STEP_MS[dialect]:
                faults.append(f"{dialect}: {native.rule}: {name} is {ours} of the native, {theirs} of its twin")
    return faults


def _kind(alert: Raised) -> tuple[object, ...]:
    """What must be equal: everything but times, and the names of bridge and ticket."""
    measures = {name: value for name, value in alert.measures.items() if name not in {"bridge", "ticket"}}
    return alert.rule, alert.phases, alert.severity, measures

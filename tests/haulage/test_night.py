"""A night of eight trucks through judgement and the stores of the desk: each manifest, session and sum is as the
simulator's truth has it, also where tickets come hours late and twice.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from simulators.haulage.night import Night, stage
from simulators.haulage.truth import Label
from tests.haulage.found import Found, FoundAlert, FoundSession, compare
from tests.haulage.in_memory import in_memory

MIDNIGHT_MS = 1_790_006_400_000
"""2026-09-21T16:00:00Z: midnight in the city."""


@pytest.fixture
def night() -> Night:
    return stage("1", 8, 40, MIDNIGHT_MS)


def test_every_manifest_and_every_kilogram_is_found(night: Night, tmp_path: Path) -> None:
    with in_memory(night, tmp_path) as path:
        found = path.run(night.arrivals(late=0.2, twice=0.1))
    done = compare(night.truth, found)
    assert done.wrong == []
    assert {label for label, count in done.labels.items() if count.trips} == set(Label)
    assert (done.loads_right, done.ledger_kg) == (len(night.truth.loads), sum(night.truth.tonnes_kg.values()))


def test_whatever_is_missing_or_wrong_is_counted(night: Night) -> None:
    truth = night.truth
    sessions = [FoundSession(one.site, one.flow, one.at, one.net_kg, one.vehicle_id, True) for one in truth.loads]
    alerts = [
        FoundAlert(rule, trip.device_id, trip.begins_at, trip.number) for trip in truth.trips for rule in trip.alerts
    ]
    right = Found({one.number: one.verdict for one in truth.trips}, sessions, truth.tonnes_kg, alerts)
    assert compare(truth, right).is_good
    first, heading = truth.trips[0], min(truth.tonnes_kg)
    other = first.verdict._replace(net_kg=1.0)
    more = {**truth.tonnes_kg, heading: truth.tonnes_kg[heading] + 1}
    for number, found in (
        (1, replace(right, manifests={**right.manifests, first.number: other})),
        (len(truth.trips), replace(right, manifests={})),
        (1, replace(right, manifests={**right.manifests, "X": other})),
        (1, replace(right, sessions=sessions[1:])),
        (1, replace(right, sessions=[*sessions, sessions[0]])),
        (2, replace(right, sessions=[sessions[0]._replace(net_kg=1.0), *sessions[1:]])),
        (1, replace(right, alerts=alerts[1:])),
        (1, replace(right, alerts=[*alerts, alerts[0]._replace(manifest="X")])),
        (1, replace(right, tonnes_kg=more)),
    ):
        assert len(compare(truth, found).wrong) == number
    assert compare(truth, replace(right, tonnes_kg=more)).difference_kg == 1

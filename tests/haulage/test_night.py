"""A night of eight trucks through judgement and the stores of the desk: each manifest, session and sum is as the
simulator's truth has it, also where tickets come hours late and twice.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from simulators.haulage.night import Night, stage
from simulators.haulage.truth import Label
from tests.haulage.found import Found, compare
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
    right = Found({one.number: one.verdict for one in truth.trips}, [], truth.tonnes_kg)
    assert [line for line in compare(truth, right).wrong if not line.startswith("no session")] == []

    def but(change: Callable[[Found], Found]) -> list[str]:
        return [line for line in compare(truth, change(right)).wrong if not line.startswith("no session")]

    first, heading = truth.trips[0], min(truth.tonnes_kg)
    other = first.verdict._replace(net_kg=1.0)
    assert len(but(lambda found: replace(found, manifests={**found.manifests, first.number: other}))) == 1
    assert len(but(lambda found: replace(found, manifests={}))) == len(truth.trips)
    assert len(but(lambda found: replace(found, manifests={**found.manifests, "X": other}))) == 1
    more = {**truth.tonnes_kg, heading: truth.tonnes_kg[heading] + 1}
    assert len(but(lambda found: replace(found, tonnes_kg=more))) == 1
    assert compare(truth, replace(right, tonnes_kg=more)).difference_kg == 1

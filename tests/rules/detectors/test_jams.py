"""Jams by hand: which trucks they explain, until when, and that many trucks do not stop the judgement."""

from typing import Final

import pytest

from devices.geo.geometry import LatLon
from devices.geo.sphere import distance_m
from rules.contract.verdicts import Level
from rules.detectors.stopped_loaded import jams
from rules.detectors.stopped_loaded.jams import Jams, Stand
from rules.detectors.stopped_loaded.parameters import StoppedLoadedParameters
from tests.compiled import interpreted_only

LIMITS: Final = StoppedLoadedParameters()  # three trucks within 300 m, and 300 s afterwards
ROAD: Final = LatLon(35.5, 112.9)


def stand(subject: str, onset_s: int, ended_s: int, *, last_s: int = 0, lat: float = ROAD.lat) -> Stand:
    """A stand; where `last_s` is given it was too long from its tenth minute to then."""
    onset = onset_s * 1000
    too_long_at = onset + 600_000 if last_s else 0
    place = LatLon(lat, ROAD.lon)
    return Stand(subject, onset, place, onset + 120_000, too_long_at, last_s * 1000, ended_s * 1000)


def memory_of(*stands: Stand) -> Jams:
    memory = Jams()
    for one in stands:
        memory.stands.setdefault(one.subject, []).append(one)
    cell = f"{int(ROAD.lat / 0.01 + 1e-9)} {int(ROAD.lon / 0.01 + 1e-9)}"
    memory.cells[cell] = list(memory.stands)
    return memory


@pytest.mark.parametrize(("last_s", "excused"), [(2_200, True), (2_201, False)])
def test_a_jam_whose_trucks_change_goes_on_where_the_next_begins_within_five_minutes(
    last_s: int, excused: bool
) -> None:
    """Three stand from 200 s to 1,100 s, again to 1,200 s, and from 1,250 s to 1,900 s; it is over 300 s later."""
    z = stand("Z", 150, 0, last_s=last_s)
    coming = [stand("A", 100, 1_000), stand("B", 200, 1_100), stand("C", 210, 1_200), stand("D", 1_150, 2_000)]
    memory = memory_of(z, *coming, stand("X", 1_250, 1_900), stand("Y", 1_250, 1_900))
    found = list(jams.settle([z], 5_000_000, memory, LIMITS))
    assert (z.excused, z.excused_until) == (excused, 2_200_000)
    assert [(one.subject, one.level) for one in found] == ([("Z", Level.EXCUSED)] if excused else [])


def test_one_truck_that_stands_twice_counts_once() -> None:
    z = stand("Z", 100, 0, last_s=900)
    memory = memory_of(z, stand("A", 100, 800), stand("A", 200, 900))
    assert list(jams.settle([z], 5_000_000, memory, LIMITS)) == []
    assert z.excused_until == 0


def test_what_comes_after_a_stand_does_not_explain_it() -> None:
    """The others come at 1,000 s, when it was loaded for the last time."""
    z = stand("Z", 100, 0, last_s=999)
    memory = memory_of(z, stand("A", 1_000, 0), stand("B", 1_000, 0))
    assert list(jams.settle([z], 5_000_000, memory, LIMITS)) == []


@interpreted_only
def test_the_work_of_one_settling_is_the_square_of_the_trucks_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    trucks = 200
    most, measured, centres = 3 * trucks**2, 0, 0
    together = jams._together

    def counted(a: LatLon, b: LatLon) -> float:
        nonlocal measured
        measured += 1
        assert measured <= most, "more distances than pairs of trucks, thrice"
        return distance_m(a, b)

    def counted_together(*args: object) -> object:
        nonlocal centres
        centres += 1
        assert centres <= trucks, "more searches than trucks"
        return together(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(jams, "distance_m", counted)
    monkeypatch.setattr(jams, "_together", counted_together)
    stands = [stand(f"T{n}", n, 2_000 + n, last_s=1_500 + n, lat=ROAD.lat + n * 1e-5) for n in range(1, trucks + 1)]
    found = list(jams.settle([stands[0]], 5_000_000, memory_of(*stands), LIMITS))
    assert len(found) == trucks
    assert {one.level for one in found} == {Level.EXCUSED}

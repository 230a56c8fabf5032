"""Stories of compartments that are emptied, and of levels that only look like it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.city.model import Device
from devices.readings.models import Fill, Reading
from rules.detectors.bin_overflow.parameters import BinOverflowParameters
from rules.tracking.emptyings import (
    EMPTIED_POINTS,
    KEPT_MS,
    MOST_KEPT,
    SELDOM_S,
    BinLevels,
    BinTracker,
    Emptying,
)
from tests.rules.town import T0, fills, town

CITY = town()
POINT = CITY.devices["P01"]
HOUR_S, DAY_S = 3_600, 86_400


def followed(*rows: list[Reading], point: Device = POINT) -> BinLevels:
    state = BinLevels()
    for reading in sorted((reading for row in rows for reading in row), key=lambda reading: reading.ts):
        BinTracker().follow(state, reading, point, None, CITY)
    return state


def kept(state: BinLevels) -> list[Emptying]:
    """The emptyings of all compartments, oldest first."""
    return sorted((one for span in state.spans() for one in span.emptyings), key=lambda one: one.ts)


def emptied(*levels: float, every_s: int = 300, interval_s: int = 300, **fields: Any) -> list[tuple[int, float, float]]:
    """Reading after it (counted from 0), level before, level after."""
    readings = fills(levels, every_s=every_s, **({"deposits": 1} | fields))
    point = replace(POINT, report_interval_s=interval_s)
    return [
        (round((one.ts - T0) / 1000 / every_s), one.from_pct, one.to_pct)
        for one in kept(followed(readings, point=point))
    ]


@pytest.mark.parametrize(
    ("levels", "found"),
    [
        ((80, 81, 82, 5, 6, 7), [(3, 82, 6)]),
        ((80, 81, 82, 52.1, 52.1), []),  # 29.9 points
        ((80, 81, 82, 52, 52), [(3, 82, 52)]),
        ((60, 61, 5, 62, 63), []),  # one low reading
        ((60, 61, 62, 5, 62, 5, 62), []),
        ((20, 20, 95, 20, 20), []),  # one high reading
        ((20, 95, 20, 20, 95, 20, 20), []),
        ((95, 20, 20, 20), []),  # the first reading alone is high
        ((80, 80, 65, 50, 35, 20, 5, 5, 5), [(3, 80, 5)]),  # a crew at work, each step less than 30 points
        ((80, 81, 82, 40, 41, 5, 5), [(3, 82, 5)]),  # in two goes
    ],
)
def test_a_fall_that_two_readings_show_on_both_sides_is_an_emptying(
    levels: tuple[float, ...], found: list[tuple[int, float, float]]
) -> None:
    assert emptied(*levels) == found


def test_a_heap_that_settles_is_not_emptied() -> None:
    assert emptied(*(90 - 5 * n for n in range(16)), every_s=1_200) == []


def test_a_compartment_is_emptied_as_often_as_it_is() -> None:
    day = (5, 20, 40, 60, 80)
    assert [after for after, _, _ in emptied(*day, *day, *day, every_s=HOUR_S, interval_s=HOUR_S)] == [5, 10]


@pytest.mark.parametrize(("interval_s", "found"), [(DAY_S, [2]), (SELDOM_S, [2]), (SELDOM_S - 1, [])])
def test_a_bin_that_reports_seldom_is_believed_at_once(interval_s: int, found: list[int]) -> None:
    """Its next reading may show the bin half full again; of others, one low reading proves nothing."""
    assert [after for after, _, _ in emptied(60, 85, 8, every_s=interval_s, interval_s=interval_s)] == found
    assert [after for after, _, _ in emptied(60, 85, 8, 70, every_s=interval_s, interval_s=interval_s)] == found


def test_an_emptying_in_a_blind_stretch_lies_between_two_readings() -> None:
    state = followed(fills([70, 75, 80]), fills([4, 5], start_s=DAY_S))
    assert kept(state) == [Emptying("paper", T0 + DAY_S * 1000, T0 + 120_000, 80, 5)]


def test_what_lay_on_the_sensor_is_not_what_was_in_the_bin() -> None:
    assert emptied(20, 20, 95, 95, 95, 20, 20, deposits=0) == []
    assert emptied(50, 50, 95, 95, 4, 4, deposits=0) == [(4, 50, 4)], "emptied while it was covered"
    assert emptied(20, 20, 95, 95, 95, 20, 20, deposits=9) == [(5, 95, 20)], "people filled it"
    assert emptied(20, 20, 80, 91, 92, 20, 20, deposits=0) == [(5, 92, 20)], "it rose on: the sensor measures"
    assert emptied(20, 20, *[95] * 26, 20, 20, deposits=0) == [(28, 95, 20)], (
        "two hours later somebody must have looked"
    )


def test_two_compartments_are_two() -> None:
    state = followed(fills([80, 81, 82, 5, 6]), fills([80, 81, 82, 83, 84], part="plastic"))
    assert [one.compartment for one in kept(state)] == ["paper"]


def test_the_fact_comes_with_the_reading_that_makes_it_certain() -> None:
    state, tracker = BinLevels(), BinTracker()
    facts = [tracker.follow(state, fill, POINT, None, CITY) for fill in fills([80, 81, 82, 5, 6, 7])]
    assert facts == [None] * 4 + [Emptying("paper", T0 + 180_000, T0 + 120_000, 82, 6), None]


def test_little_is_kept() -> None:
    """A sensor out of order falls all day; a day and two hours later nothing can change it any more."""
    broken = followed(fills([80, 81, 82, 5, 6] * 400, every_s=600))
    assert len(kept(broken)) == MOST_KEPT
    [span] = broken.spans()
    assert T0 < span.start < span.emptyings[0].ts, "of what was before nothing is known any more"
    later = followed(fills([80, 81, 82, 5, 6]), fills([80, 81, 82, 5, 6], start_s=KEPT_MS // 1000 + 1_000))
    assert [one.ts for one in kept(later)] == [T0 + KEPT_MS + 1_180_000]
    invented = followed(*(fills([80, 81, 82], part=f"c{n}", start_s=300 * n) for n in range(200)))
    assert len(invented.compartments) == 32


def test_both_ask_the_same_of_a_fall() -> None:
    rule = BinOverflowParameters()
    assert (rule.emptied_points, rule.seldom_s) == (EMPTIED_POINTS, SELDOM_S)


_LEVELS = st.lists(st.tuples(st.floats(0, 120), st.sampled_from([0, 1, None])), max_size=60)


@given(_LEVELS, st.sampled_from([60, 600, DAY_S]))
def test_every_emptying_is_a_fall_that_readings_show(rows: list[tuple[float, int | None]], every_s: int) -> None:
    readings = [
        Fill(device_id="P01", ts=T0 + n * every_s * 1000, compartment="paper", fill_pct=pct, deposits=deposits)
        for n, (pct, deposits) in enumerate(rows)
    ]
    levels = {fill.ts: fill.fill_pct for fill in readings}
    before = 0
    for one in kept(followed(list(readings), point=replace(POINT, report_interval_s=every_s))):
        assert one.after in levels
        assert before <= one.after < one.ts in levels
        assert one.from_pct - one.to_pct >= EMPTIED_POINTS
        assert one.from_pct - levels[one.ts] >= EMPTIED_POINTS
        assert one.from_pct in {pct for ts, pct in levels.items() if ts <= one.after}
        before = one.ts

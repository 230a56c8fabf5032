"""Several trucks at one place: a jam, a closed road, a pit. What each uploads up to a day late, in any order and over
any restarts, leaves the alerts of what was acted.

The oracle is written beside each story, by the definitions of the rules' documentation; no second run of the engine.
"""

from collections.abc import Callable, Sequence
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.alerts.model import TAKEN_BACK, Phase
from tests.examples import examples
from tests.rules.engine.test_any_order import (
    MIXED,
    NEWEST,
    OLDEST,
    Record,
    Restart,
    Upload,
    as_records,
    keepers,
    play,
    uploaded,
)
from tests.rules.town import Trip

DEVIATION, STOPPED = "route_deviation", "stopped_loaded"
RULES: Final = {DEVIATION, STOPPED}
"""The rules that excuse one truck by what others did."""
HOURS_KEPT = 26

Label = tuple[str, str, str]
"""Rule, truck, severity: one incident that people must be told of, and that ends."""
Shift = tuple[list[Trip], list[Label]]


def standing(truck: str, begins_s: float, lasts_s: float, x: float = 4_000, load: str = "loaded") -> Trip:
    """It stands for a while at `x` on the road, then drives on, tips and is gone."""
    drive_s = x / (40 / 3.6)
    trip = Trip(truck, 0, 0, at_s=begins_s - drive_s, load=load).drive(x, 0).stand(lasts_s).drive(9_990, 0)
    return trip.now(load="empty").stand(300)


def leaving(truck: str, at_s: float, x: float = 3_000) -> Trip:
    """Empty, it drives around something: 600 m aside, and back."""
    trip = Trip(truck, 500, 0, at_s=at_s, load="empty").drive(x, 0).drive(x, 600).drive(x + 100, 600)
    return trip.drive(x + 100, 0).drive(9_000, 0).stand(300)


def to_a_pit(truck: str, at_s: float) -> Trip:
    """Loaded, 2.5 km down a lane at 3 km; it stops there and comes back empty."""
    trip = Trip(truck, 500, 0, at_s=at_s, load="loaded").drive(3_000, 0).drive(3_000, -2_500, kmh=25).stand(170)
    return trip.now(load="empty").stand(60).drive(3_000, 0).drive(9_000, 0).stand(300)


def a_jam() -> Shift:
    return [standing(f"T{n}", 600 + 30 * n, 1_500 - 100 * n, 4_000 + 80 * n) for n in (1, 2, 3)], []


def a_jam_of_which_one_is_empty() -> Shift:
    loads = {1: "loaded", 2: "empty", 3: "loaded"}
    return [standing(f"T{n}", 600 + 30 * n, 1_500, 4_000 + 80 * n, loads[n]) for n in (1, 2, 3)], []


def two_are_no_jam() -> Shift:
    return (
        [standing(f"T{n}", 600 + 30 * n, 1_500, 4_000 + 80 * n) for n in (1, 2)],
        [(STOPPED, "T1", "P3"), (STOPPED, "T2", "P3")],
    )


def three_after_each_other_are_no_jam() -> Shift:
    """The third comes when the first is gone."""
    return (
        [standing(f"T{n}", 900 * n, 1_000, 4_000 + 40 * n) for n in (1, 2, 3)],
        [(STOPPED, f"T{n}", "P3") for n in (1, 2, 3)],
    )


def one_stays_when_the_jam_is_over() -> Shift:
    """The others leave after 15 min, it after 50."""
    trips = [standing(f"T{n}", 600 + 30 * n, stay_s, 4_000 + 80 * n) for n, stay_s in ((1, 3_000), (2, 900), (3, 930))]
    return trips, [(STOPPED, "T1", "P3")]


def one_stood_long_before_the_jam() -> Shift:
    trips = [standing("T1", 600, 2_400), *(standing(f"T{n}", 2_000 + 30 * n, 700, 4_000 + 80 * n) for n in (2, 3))]
    return trips, [(STOPPED, "T1", "P3")]


def a_long_jam_whose_ends_see_two() -> Shift:
    """250 m between them: the one in the middle stands among three, and a jam is around it."""
    return [standing(f"T{n}", 600 + 30 * n, 1_500, 4_000 + 250 * n) for n in (1, 2, 3)], []


def a_closed_road() -> Shift:
    return [leaving(f"T{n}", 600 * n) for n in (1, 2, 3, 4)], []


def two_leave_and_the_third_comes_too_late() -> Shift:
    """40 min after the first."""
    return (
        [leaving("T1", 0), leaving("T2", 300), leaving("T3", 2_500)],
        [(DEVIATION, "T1", "P2"), (DEVIATION, "T2", "P2"), (DEVIATION, "T3", "P2")],
    )


def three_at_a_pit() -> Shift:
    return [to_a_pit(f"T{n}", 300 * n) for n in (1, 2, 3)], [(DEVIATION, f"T{n}", "P1") for n in (1, 2, 3)]


def two_drive_around_and_one_goes_to_a_pit() -> Shift:
    """It is no sign of a closed road, and two are too few."""
    return (
        [leaving("T1", 0), leaving("T2", 300), to_a_pit("T3", 600)],
        [(DEVIATION, "T1", "P2"), (DEVIATION, "T2", "P2"), (DEVIATION, "T3", "P1")],
    )


def a_closed_road_and_one_that_goes_to_a_pit() -> Shift:
    return [*(leaving(f"T{n}", 300 * n) for n in (1, 2, 3)), to_a_pit("T4", 900)], [(DEVIATION, "T4", "P1")]


STORIES: Final[tuple[Callable[[], Shift], ...]] = (
    a_jam,
    a_jam_of_which_one_is_empty,
    two_are_no_jam,
    three_after_each_other_are_no_jam,
    one_stays_when_the_jam_is_over,
    one_stood_long_before_the_jam,
    a_long_jam_whose_ends_see_two,
    a_closed_road,
    two_leave_and_the_third_comes_too_late,
    three_at_a_pit,
    two_drive_around_and_one_goes_to_a_pit,
    a_closed_road_and_one_that_goes_to_a_pit,
)
each_story = pytest.mark.parametrize("story", STORIES, ids=[story.__name__ for story in STORIES])


def records(trips: Sequence[Trip], uploads: dict[str, list[Upload]], seed: int) -> list[Record]:
    arriving = uploaded({trip.truck: trip.readings for trip in trips}, uploads, seed)
    ends_s = HOURS_KEPT * 3600 if uploads else max(trip.now_s for trip in trips) + 1_800
    return as_records([*arriving, *keepers(int(ends_s))])


def check(
    story: Callable[[], Shift],
    uploads: dict[str, list[Upload]] | None = None,
    restarts: Sequence[Restart] = (),
    seed: int = 0,
) -> None:
    trips, labels = story()
    _, journal = play(records(trips, uploads or {}, seed), restarts)
    found = [one for one in journal.last() if one.rule in RULES and one.amendment not in TAKEN_BACK]
    assert sorted((one.rule, one.subject, str(one.severity)) for one in found) == sorted(labels)
    assert {one.phase for one in found} <= {Phase.CLOSED}
    for one in found:
        steps = [step for step in journal.changes.values() if step.alert_id == one.alert_id]
        assert any(step.phase is Phase.CONFIRMED for step in steps), one


@each_story
def test_in_order(story: Callable[[], Shift]) -> None:
    check(story)


@each_story
@pytest.mark.parametrize("late", ["T1", "T2", "T3"])
def test_one_of_them_uploads_all_of_it_hours_later(story: Callable[[], Shift], late: str) -> None:
    check(story, {late: [Upload(0, 20 * 60, MIXED, again=False)]})


_uploads = st.lists(
    st.builds(
        Upload, st.integers(0, 999), st.integers(75, 23 * 60), st.sampled_from([OLDEST, NEWEST, MIXED]), st.booleans()
    ),
    max_size=2,
)
_restarts = st.lists(
    st.builds(Restart, st.integers(0, 999), st.sampled_from(["checkpoint", "restart", "kill"])), max_size=3
)


@pytest.mark.long
@each_story
@settings(max_examples=examples(2, exploring=20), deadline=None)
@given(
    uploads=st.fixed_dictionaries(dict.fromkeys(("T1", "T2", "T3", "T4"), _uploads)),
    restarts=_restarts,
    seed=st.integers(0, 1 << 16),
)
def test_uploads_up_to_a_day_late_and_restarts(
    story: Callable[[], Shift], uploads: dict[str, list[Upload]], restarts: list[Restart], seed: int
) -> None:
    check(story, uploads, restarts, seed)

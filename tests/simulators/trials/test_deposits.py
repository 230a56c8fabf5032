"""Deposits at a point with hours, on fills written by hand."""

from dataclasses import replace
from random import Random

from devices.city.hours import Hours
from devices.readings.models import Fill
from simulators.trials.deposits import Opening
from tests.rules.town import town

MINUTE_MS = 60_000
MIDNIGHT_MS = 1_790_006_400_000
"""2026-09-22T00:00+08:00, in the town's time zone."""
HOURS = (Hours(7 * 60, 9 * 60), Hours(17 * 60, 19 * 60))
CITY = replace(town(), sites={**town().sites, "point": replace(town().sites["point"], deposit_hours=HOURS)})


def at_ms(hour: int, minute: int = 0) -> int:
    return MIDNIGHT_MS + (hour * 60 + minute) * MINUTE_MS


def opening(seed: int = 1, hours: tuple[Hours, ...] = HOURS) -> Opening:
    return Opening(CITY, hours, at_ms(6), at_ms(16), Random(seed))


def fills(*deposits: tuple[int, int], compartment: str = "paper") -> list[Fill]:
    """Each two minutes from six to sixteen; deposits by time, ms."""
    counts = dict(deposits)
    return [
        Fill(device_id="P01", ts=ts, compartment=compartment, fill_pct=40.0, deposits=counts.get(ts, 0))
        for ts in range(at_ms(6), at_ms(16), 2 * MINUTE_MS)
    ]


def spans(made: list[Fill], hours: tuple[Hours, ...] = HOURS) -> list[tuple[int, int]]:
    found = opening(hours=hours).incidents("P01", made)
    return [(incident.start_ms - MIDNIGHT_MS, incident.end_ms - MIDNIGHT_MS) for incident in found]


def test_deposits_within_the_hours_are_none_outside() -> None:
    assert spans(fills((at_ms(7), 2), (at_ms(8, 58), 1))) == []


def test_ten_minutes_before_and_after_the_hours_are_none_outside() -> None:
    assert spans(fills((at_ms(6, 52), 1), (at_ms(9, 8), 1))) == []
    late = at_ms(9, 14)
    assert spans(fills((late, 1))) == [(late - MIDNIGHT_MS, late - MIDNIGHT_MS + 1)]


def test_deposits_half_an_hour_apart_are_one_incident() -> None:
    first, second, third = at_ms(11), at_ms(11, 30), at_ms(12, 2)
    found = spans(fills((first, 1), (second, 2), (third, 1)))
    assert found == [(first - MIDNIGHT_MS, second - MIDNIGHT_MS + 1), (third - MIDNIGHT_MS, third - MIDNIGHT_MS + 1)]


def test_two_compartments_are_one_point() -> None:
    both = [*fills((at_ms(11), 1)), *fills((at_ms(11, 4), 1), compartment="plastic")]
    assert len(spans(both)) == 1


def test_a_point_without_hours_has_none_outside() -> None:
    assert spans(fills((at_ms(12), 5)), hours=()) == []
    assert all(opening(hours=()).is_open(at_ms(hour)) for hour in range(24))


def test_what_the_crew_counts_is_no_deposit_of_people() -> None:
    """Half of the points are emptied at a closed hour: the level falls, and the lid was opened."""
    plain = fills()
    changed = [made for seed in range(20) if (made := opening(seed).emptied_by_the_crew(list(plain))) != plain]
    assert 5 <= len(changed) <= 15
    for made in changed:
        (emptied,) = [fill for fill in made if fill.deposits]
        after = [fill.fill_pct for fill in made if fill.ts >= emptied.ts]
        assert max(after) < 10


def test_some_points_are_used_while_they_are_closed() -> None:
    points = [opening(seed) for seed in range(30)]
    used = [point for point in points if any(point.is_open(at_ms(10) + n * MINUTE_MS) for n in range(420))]
    assert 10 <= len(used) < 30

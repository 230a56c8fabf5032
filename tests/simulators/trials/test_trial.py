"""Trials: repeatable, plausible, and complete in their labels."""

from collections import Counter
from functools import cache
from itertools import pairwise

import pytest
from msgspec.structs import asdict

from devices.readings.models import Position
from simulators.trials.incidents import SYSTEM
from simulators.trials.tiers import CHEAP_LACKS, TIERS, tier
from simulators.trials.trial import Trial, stage


@cache
def trial(name: str, seed: str = "2", number: int = 0) -> Trial:
    return stage(tier(name), seed, number)


def test_equal_seeds_give_equal_trials() -> None:
    """In the tier with the fewest readings; all are staged by the same steps."""
    again = stage(tier("cheap"), "2", 0)
    assert again.arrivals == trial("cheap").arrivals
    assert again.incidents == trial("cheap").incidents


def test_other_seeds_and_numbers_give_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.trials.trial.SHIFT_H", 1)
    one = stage(tier("cheap"), "2", 0)
    for seed, number in (("4", 0), ("2", 1)):
        other = stage(tier("cheap"), seed, number)
        assert other.arrivals != one.arrivals
        assert other.incidents != one.incidents


def test_arrivals_come_in_order_and_after_they_were_measured() -> None:
    arrivals = trial("clean").arrivals
    assert all(a.received_ms <= b.received_ms for a, b in pairwise(arrivals))
    clocks = trial("clean").clocks_ms
    assert all(one.received_ms >= one.reading.ts - clocks.get(one.reading.device_id, 0) for one in arrivals)


def test_incidents_lie_in_the_shift_and_vary() -> None:
    staged = trial("clean")
    first_ms, last_ms = staged.arrivals[0].received_ms, staged.arrivals[-1].received_ms
    assert len({incident.behaviour for incident in staged.incidents}) >= 8
    for incident in staged.incidents:
        assert first_ms <= incident.start_ms or incident.subject == SYSTEM  # the day of a bridge begins at midnight
        assert first_ms <= incident.begins_ms <= incident.end_ms <= last_ms
        assert incident.start_ms <= incident.begins_ms <= incident.end_ms


def test_trucks_move_as_trucks_do() -> None:
    """Between two fixes ten seconds apart no truck is faster than 110 km/h, the receiver's error allowed; but for those
    whose receiver is staged to leap.
    """
    last: dict[str, Position] = {}
    leaping = {incident.subject for incident in trial("clean").incidents if incident.rule == "gnss_anomaly"}
    plane, pairs, leaps = trial("clean").city.plane, 0, 0
    for one in trial("clean").arrivals:
        if not isinstance(one.reading, Position) or one.reading.device_id in leaping:
            continue
        before, last[one.reading.device_id] = last.get(one.reading.device_id), one.reading
        if before is not None and 0 < one.reading.ts - before.ts <= 10_000:
            metres = plane.xy(before).distance_m(plane.xy(one.reading))
            pairs += 1
            leaps += metres > 30.6 * (one.reading.ts - before.ts) / 1000 + 30
    assert pairs > 30_000
    assert leaps < 20  # where a receiver that was frozen or without a fix comes back


def test_the_cheap_tier_has_no_quality_fields_and_a_fix_a_minute() -> None:
    last: dict[str, int] = {}
    for one in trial("cheap").arrivals:
        if isinstance(one.reading, Position):
            values = asdict(one.reading)
            assert all(values[name] is None for name in CHEAP_LACKS)
            assert one.reading.ts - last.get(one.reading.device_id, 0) >= 60_000
            last[one.reading.device_id] = one.reading.ts


def test_every_tier_can_be_staged_and_says_what_it_is() -> None:
    assert len({one.name for one in TIERS}) == len(TIERS) == 10
    assert all(one.says for one in TIERS)
    with pytest.raises(LookupError, match="clean, urban"):
        tier("muddy")


def test_only_what_concerns_a_rule_is_staged_for_it() -> None:
    staged = stage(tier("cheap"), "2", 0, frozenset({"speeding"}))
    behaviours = Counter(incident.behaviour for incident in staged.incidents if incident.rule == "speeding")
    assert set(behaviours) == {"drive_too_fast"}
    assert behaviours["drive_too_fast"] > 10


def test_blind_zones_hold_readings_back_until_they_end() -> None:
    staged = trial("reconnect")
    late = [one for one in staged.arrivals if one.received_ms - one.reading.ts > 120_000]
    assert len(late) > 500
    zones = [incident for incident in staged.incidents if incident.behaviour == "blind_zone"]
    assert zones
    assert not any(zone.required for zone in zones)
    for zone in zones:
        inside = [
            one
            for one in staged.arrivals
            if one.reading.device_id == zone.subject
            and isinstance(one.reading, Position)
            and zone.begins_ms <= one.reading.ts < zone.end_ms
        ]
        assert all(one.received_ms >= zone.end_ms for one in inside)

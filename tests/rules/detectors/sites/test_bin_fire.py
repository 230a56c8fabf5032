"""Stories of recycling points that burn, and of probes that only seem to."""

from collections.abc import Sequence
from typing import Any

import pytest

from devices.readings.models import Reading
from rules.alerts.model import AlertChange
from rules.contract.observation import Observation
from rules.detectors.bin_fire.judgement import MAX_COMPARTMENTS, BinFire, FireState
from rules.detectors.bin_fire.parameters import BinFireParameters
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, at_s, fills, judged, summaries, town


def probe(
    temperatures: Sequence[float | None],
    *,
    every_s: int = 60,
    start_s: int = 0,
    smoke: Sequence[bool | None] = (),
    **more: Any,
) -> list[Reading]:
    """Readings of one compartment that stands a third full."""
    readings: list[Reading] = []
    for n, temperature_c in enumerate(temperatures):
        smokes = smoke[n] if n < len(smoke) else None
        at = start_s + n * every_s
        readings += fills([33.0], every_s=every_s, start_s=at, temperature_c=temperature_c, smoke=smokes, **more)
    return readings


def changes(*rows: Sequence[Reading]) -> list[AlertChange]:
    return judged([BinFire()], *rows)


COOL = [20.0, 20.5, 21.0]
CALM = [38.0, *[25.0] * 12]


def test_seventy_degrees_twice_are_a_fire_and_ten_calm_minutes_its_end() -> None:
    found = changes(probe([*COOL, 75.0, 90.0, 120.0, 60.0, *CALM]))
    assert summaries(found) == ["P01 confirmed P1", "P01 closed P1"]
    assert (found[0].opened_at - T0) / 1000 == 180
    assert at_s(found[0]) == 240
    assert at_s(found[1]) == 7 * 60 + 600


def test_a_terminal_that_reports_at_once_is_believed_within_half_a_minute() -> None:
    found = changes(probe(COOL, every_s=300), probe([72.0, 74.0], every_s=20, start_s=900))
    assert [at_s(change) for change in found] == [920]


def test_one_hot_reading_is_a_probe_that_started() -> None:
    """85.0 is what a common probe gives before its first measurement."""
    assert changes(probe([*COOL, 85.0, 21.0, 20.0, 85.0, 20.0, *COOL])) == []


def test_a_fast_rise_is_a_fire_before_it_is_hot() -> None:
    found = changes(probe([20.0, 26.0, 32.0, 38.0, 44.0, 50.0, 56.0]))
    assert summaries(found) == ["P01 confirmed P1"]
    assert at_s(found[0]) == 300
    assert found[0].evidence.findings[0].en == "The temperature rose from 20 °C to 50 °C in 5 min"


def test_a_summer_day_is_no_fire() -> None:
    """A metal bin in the sun: 20 to 62 °C in two hours; and one that leaps once and stays there."""
    assert changes(probe([20.0 + n * 0.35 for n in range(120)])) == []
    assert changes(probe([30.0, 30.0, 55.0, 55.0, 56.0, 55.0])) == []
    assert changes(probe([30.0, 47.0, 30.0, 47.0, 30.0, 47.0])) == []


def test_a_rise_takes_three_readings_however_far_they_are_apart() -> None:
    assert changes(probe([20.0, 20.0, 48.0, 48.0], every_s=300)) == []


def test_smoke_is_told_at_once_and_believed_when_it_stays() -> None:
    found = changes(probe([20.0] * 5, smoke=[False, False, True, True, True]))
    assert summaries(found) == ["P01 provisional P1", "P01 confirmed P1"]
    assert [at_s(change) for change in found] == [120, 180]


def test_smoke_from_a_warm_compartment_is_a_fire_at_once() -> None:
    found = changes(probe([20.0, 46.0], smoke=[False, True]))
    assert summaries(found) == ["P01 confirmed P1"]


def test_smoke_of_one_reading_stays_a_suspicion_and_ends() -> None:
    found = changes(probe([20.0] * 14, smoke=[False, True, *[False] * 12]))
    assert summaries(found) == ["P01 provisional P1", "P01 closed P1"]


def test_a_point_without_probe_or_smoke_sensor_is_not_judged() -> None:
    assert changes(probe([None] * 20)) == []
    assert summaries(changes(probe([None] * 3, smoke=[False, True, True])))[-1] == "P01 confirmed P1"
    assert summaries(changes(probe([20.0, 75.0, 80.0])))[-1] == "P01 confirmed P1"


def test_a_probe_that_stands_still_is_doubtful() -> None:
    found = changes(probe([*COOL, *[300.0] * 20]))
    assert {str(change.phase) for change in found} == {"provisional"}
    assert "it may be broken" in found[0].evidence.ruled_out[0].en
    assert summaries(changes(probe([*COOL, 300.0, 300.0, 310.0])))[-1] == "P01 confirmed P1"


def test_two_compartments_that_burn_are_one_alert_and_end_together() -> None:
    paper = probe([*COOL, 75.0, 90.0, 85.0, *CALM])
    plastic = probe([*COOL, 20.0, 20.0, 75.0, 80.0, 82.0, *CALM], part="plastic", start_s=5)
    found = changes(paper, plastic)
    assert len({change.alert_id for change in found}) == 1
    assert at_s(found[-1]) == 8 * 60 + 600 + 5


def test_embers_that_flare_up_do_not_end_it() -> None:
    found = changes(probe([*COOL, 75.0, 90.0, *[30.0] * 8, 60.0, *[30.0] * 14]))
    assert summaries(found) == ["P01 confirmed P1", "P01 closed P1"]
    assert at_s(found[1]) == (3 + 2 + 8 + 1) * 60 + 600


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    readings = probe([*COOL, *COOL, 75.0, 90.0, 120.0, 60.0, *CALM])
    ((_, opened_at, phase, severity),) = holds_however_it_is_told(BinFire, readings)
    assert (opened_at - T0, phase, severity) == (360_000, "closed", "P1")


def test_the_alert_explains_itself_in_both_languages() -> None:
    change = changes(probe([*COOL, 75.0, 90.0]))[0]
    assert change.title.en == "Point: compartment paper is on fire"
    assert change.title.zh == "point场：纸类箱起火"
    assert change.evidence.findings[0].en == "At 70 °C or more in 2 readings in a row, 90 °C at most"
    assert change.evidence.findings[0].zh == "连续2次读数不低于70°C，最高90°C"
    assert change.evidence.parameters == BinFireParameters().model_dump()
    assert [cited.values["temperature_c"] for cited in change.evidence.readings] == [75, 90]
    assert change.lat == pytest.approx(35.49, abs=0.1)


def test_memory_is_bounded() -> None:
    rule, state = BinFire(), FireState()
    for n in range(200):
        (fill,) = probe([60.0 + n % 30], start_s=n, part=f"c{n}")
        city = town()
        device = city.devices["P01"]
        rule.judge(Observation(fill, fill.ts, device, None, (), city, [], []), state)
    assert len(state.last) == MAX_COMPARTMENTS
    assert len(state.probes) <= MAX_COMPARTMENTS

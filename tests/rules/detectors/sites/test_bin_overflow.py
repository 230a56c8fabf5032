"""Stories of compartments that fill, are emptied, or only seem to."""

from dataclasses import replace

import pytest

from devices.city.model import City
from rules.alerts.model import AlertChange
from rules.detectors.bin_overflow.judgement import MAX_COMPARTMENTS, BinOverflow
from rules.detectors.bin_overflow.parameters import BinOverflowParameters
from rules.engine.engine import RuleEngine
from tests.rules.town import at_s, fills, judged, rows, run, summaries, town


def changes(*levels: float, **fields: object) -> list[AlertChange]:
    return judged([BinOverflow()], fills(levels, **({"deposits": 0} | fields)))  # type: ignore[arg-type]


def test_a_compartment_that_fills_is_warned_of_then_full() -> None:
    found = changes(60, 75, 82, 84, 87, 91, 93, 94, 95)
    assert summaries(found) == ["P01 provisional P4", "P01 confirmed P3"]
    assert [at_s(change) for change in found] == [240, 420]  # the third reading at each level
    assert at_s(found[0]) - (found[0].at - found[0].opened_at) / 1000 == 120  # began with the first


@pytest.mark.parametrize(("level", "lines"), [(79.9, 0), (80, 1), (89.9, 1), (90, 2)])
def test_thresholds(level: float, lines: int) -> None:
    found = changes(70, level, level, level, level)
    assert len({str(change.phase) for change in found}) == min(lines, 1)
    assert (found[-1].severity if found else None) == [None, "P4", "P3"][lines]


def test_two_high_readings_among_low_ones_are_noise() -> None:
    assert changes(60, 95, 61, 62, 95, 60, 61) == []


def test_slow_reporters_need_a_quarter_of_an_hour() -> None:
    assert summaries(changes(70, 92, 93, every_s=899)) == []
    assert summaries(changes(70, 92, 93, every_s=900)) == ["P01 confirmed P3"]


def test_deposits_while_full_make_it_urgent() -> None:
    assert summaries(changes(70, 91, 92, 93, deposits=0))[-1] == "P01 confirmed P3"
    assert summaries(changes(70, 91, 92, 93, 94, deposits=2))[-1] == "P01 confirmed P2"


def test_it_closes_below_seventy_twice_and_not_before() -> None:
    full = (80, 91, 92, 93)
    assert summaries(changes(*full, 75, 72, 70))[-1] == "P01 confirmed P3"
    assert summaries(changes(*full, 75, 69, 74))[-1] == "P01 confirmed P3"
    assert summaries(changes(*full, 75, 69, 69))[-1] == "P01 closed P3"


def test_an_emptying_closes_it_at_the_second_low_reading() -> None:
    found = changes(80, 91, 92, 100, 70, 70)
    assert summaries(found)[-1] == "P01 closed P3"
    assert changes(80, 91, 92, 100, 71, 71)[-1].closed_at is None


def test_a_single_low_reading_is_no_emptying() -> None:
    assert summaries(changes(80, 91, 92, 93, 10, 93, 94))[-1] == "P01 confirmed P3"


def test_after_an_emptying_the_old_readings_do_not_count() -> None:
    assert summaries(changes(80, 91, 92, 93, 5, 6, 40, 70, 92, deposits=9))[-1] == "P01 closed P2"


def test_a_leap_without_deposits_is_a_covered_sensor() -> None:
    assert changes(20, 95, 95, 95, 95, 95, deposits=0) == []
    assert summaries(changes(20, 95, 95, 95, 95, 95, deposits=5))[-1] == "P01 confirmed P2"
    assert summaries(changes(60, 95, 95, 95, 95, 95, deposits=0))[-1] == "P01 confirmed P3"  # 35 points are no leap


def test_a_sensor_that_is_uncovered_is_believed_again() -> None:
    assert summaries(changes(20, 95, 95, 30, 50, 70, 85, 91, 92, 93, deposits=0))[-1] == "P01 confirmed P3"


def test_two_compartments_are_two_alerts() -> None:
    paper = fills([70, 95, 95, 95], part="paper", deposits=3)
    plastic = fills([70, 95, 95, 95], part="plastic", deposits=3)
    found = judged([BinOverflow()], paper, plastic)
    assert len({change.alert_id for change in found}) == 2
    assert {change.evidence.measures["compartment"] for change in found} == {"paper", "plastic"}
    assert {change.subject for change in found} == {"P01"}


def test_the_alert_explains_itself() -> None:
    full = changes(70, 91, 92, 93)[-1]
    assert full.title.en == "Point: compartment paper is full (93 %)"
    assert full.title.zh.endswith("：纸类箱已满溢（93%）"), "no word of a device's in a Chinese sentence"
    assert [ref.values["fill_pct"] for ref in full.evidence.readings][-1] == 93
    assert full.lat is not None


def test_a_compartment_without_a_name_is_called_as_its_device_calls_it() -> None:
    full = judged([BinOverflow()], fills([70, 91, 92, 93], part="bin-7"))[-1]
    assert full.title.en.endswith(": compartment bin-7 is full (93 %)")
    assert full.title.zh.endswith("：bin-7箱已满溢（93%）")


def test_a_compartment_found_full_after_a_silence_is_full() -> None:
    """Nobody knows what was deposited while nothing was heard; that is no covered sensor."""
    found = judged([BinOverflow()], fills([20, 21], deposits=0), fills([95] * 4, start_s=7200, deposits=0))
    assert summaries(found)[-1] == "P01 confirmed P3"


def test_a_device_that_invents_compartments_does_not_fill_the_memory() -> None:
    engine = RuleEngine(town(), [BinOverflow()])
    run(engine, (r for n in range(200) for r in fills([95] * 4, part=f"c{n}", start_s=300 * n, deposits=2)))
    state = rows(engine)["P01"][f"bin_overflow/{BinOverflow.version}"]
    assert len(state["compartments"]) == MAX_COMPARTMENTS


@pytest.mark.parametrize(("level", "lines"), [(95, ["P01 provisional P4", "P01 confirmed P2"]), (78, [])])
def test_a_bin_that_reports_once_a_day_is_told_of_by_its_first_reading(level: float, lines: list[str]) -> None:
    readings = fills([40, level, level], every_s=86_400, deposits=3)
    changes = judged([BinOverflow()], readings, city=daily())
    assert summaries(changes) == lines
    assert [at_s(change) for change in changes] == [86_400.0 * n for n in range(1, len(lines) + 1)]
    if lines:
        assert changes[0].evidence.findings[0].en == "At 80 % or more in one reading; it reports every 24.0 h"
        assert changes[0].evidence.findings[0].zh == "一次读数不低于80%，该设备每24.0小时上报一次"


def daily() -> City:
    """P01 reports once a day."""
    city = town()
    return town(devices={**city.devices, "P01": replace(city.devices["P01"], report_interval_s=86_400)})


@pytest.mark.parametrize(
    ("low", "finding"),
    [
        (8, "Emptied: the level fell from 85 % to 8 %"),
        (66, "Below 70 % in one reading, without an emptying"),
    ],
)
def test_of_a_bin_that_reports_once_a_day_one_low_reading_ends_it(low: float, finding: str) -> None:
    changes = judged([BinOverflow()], fills([40, 85, low, 60], every_s=86_400, deposits=3), city=daily())
    assert summaries(changes) == ["P01 provisional P4", "P01 closed P4"]
    assert at_s(changes[1]) == 2 * 86_400
    assert [text.en for text in changes[1].evidence.findings] == [finding]
    assert [cited.values["fill_pct"] for cited in changes[1].evidence.readings] == [85, low]


def test_a_crew_that_empties_by_and_by_has_emptied_it() -> None:
    """No step has 30 points; until now the level only sank, and what followed went on with the old alert."""
    crew = changes(70, 91, 92, 93, 72, 51, 33, 12, 3, 3, 30, 60, 79, 91, 92, 93)
    assert summaries(crew) == ["P01 confirmed P3", "P01 closed P3", "P01 confirmed P3"]
    assert crew[1].title.en == "Point: compartment paper was full and has been emptied (33 %)"
    assert [text.zh for text in crew[1].evidence.findings] == ["已清运：满度由92%降至33%"]
    assert [cited.values["fill_pct"] for cited in crew[1].evidence.readings] == [91, 92, 93, 72, 51, 33]
    assert len({change.alert_id for change in crew}) == 2, "what is full after an emptying is another incident"


def test_a_bin_may_be_full_at_a_level_of_its_own() -> None:
    """Nearly full and no longer full lie as far below it as those of all bins lie below 90 %."""
    city = town()
    own = town(devices={**city.devices, "P01": replace(city.devices["P01"], overflow_at_pct=60.0)})

    def told(*levels: float) -> list[AlertChange]:
        return judged([BinOverflow()], fills(levels, deposits=0), city=own)

    assert told(40, 49.9, 49.9, 49.9) == []
    assert summaries(told(40, 50, 50, 50)) == ["P01 provisional P4"]
    full = told(40, 60, 61, 62)
    assert summaries(full) == ["P01 confirmed P3"]
    assert full[0].evidence.findings[0].en == "At 60 % or more in 3 of the last 5 readings or for 15 min"
    in_force = full[0].evidence.parameters
    assert (in_force["full_pct"], in_force["warn_pct"], in_force["leave_pct"]) == (60, 50, 40)
    assert summaries(told(40, 60, 61, 62, 45, 41, 40))[-1] == "P01 confirmed P3"
    assert summaries(told(40, 60, 61, 62, 45, 39, 39))[-1] == "P01 closed P3"
    others = judged([BinOverflow()], fills([40, 60, 61, 62], point="P02", deposits=0), city=own)
    assert others == []


@pytest.mark.parametrize(("full_pct", "warn_pct", "leave_pct"), [(90, 80, 70), (120, 110, 100), (30, 20, 10)])
def test_its_own_level_moves_all_three(full_pct: float, warn_pct: float, leave_pct: float) -> None:
    own = BinOverflowParameters().full_at(full_pct)
    assert (own.full_pct, own.warn_pct, own.leave_pct) == (full_pct, warn_pct, leave_pct)
    narrow = BinOverflowParameters(warn_pct=50, leave_pct=20).full_at(30)
    assert 0 < narrow.leave_pct <= narrow.warn_pct < narrow.full_pct == 30

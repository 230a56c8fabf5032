"""Stories of a sorting line whose hopper fills and in front of which trucks wait. It reports each 30 s."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from msgspec import convert

from devices.city.model import City, Device, DeviceRole
from devices.readings.models import Reading, Throughput
from rules.alerts.model import AlertChange
from rules.detectors.station_backlog.judgement import StationBacklog
from rules.detectors.station_backlog.parameters import StationBacklogParameters
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, at_s, judged, summaries, town

EVERY_S = 30


def station() -> City:
    line = Device("L1", DeviceRole.STATION_LINE, site_id="tip", report_interval_s=EVERY_S)
    return replace(town(), devices={**town().devices, "L1": line})


class Line:
    """A line's readings, built step by step."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.readings: list[Reading] = []

    def works(self, minutes: float, hopper_pct: float | None = 40.0, **fields: Any) -> "Line":
        """Report for so long."""
        for _ in range(round(minutes * 60 / EVERY_S)):
            self.now_s += EVERY_S
            shown: dict[str, Any] = {"running": True, "rate_t_per_h": 20.0, "queue_trucks": 0} | fields
            shown |= {"device_id": "L1", "ts": T0 + round(self.now_s * 1000), "hopper_pct": hopper_pct}
            self.readings.append(convert(shown, Throughput))
        return self

    def stands(self, minutes: float, queue_trucks: int | None, hopper_pct: float | None = 40.0) -> "Line":
        return self.works(minutes, hopper_pct, running=False, rate_t_per_h=0.0, queue_trucks=queue_trucks)

    def quiet(self, minutes: float) -> "Line":
        self.now_s += minutes * 60
        return self


def changes(line: Line) -> list[AlertChange]:
    return judged([StationBacklog()], line.readings, city=station())


def minutes(found: Sequence[AlertChange]) -> list[float]:
    return [at_s(change) / 60 for change in found]


def test_a_hopper_that_is_full_for_ten_minutes_is_found_and_ends_when_it_is_worked_off() -> None:
    found = changes(Line().works(5).works(20, 95).works(5, 80).works(5, 60))
    assert summaries(found) == ["L1 confirmed P3", "L1 closed P3"]
    assert (found[0].opened_at - T0) / 60_000 == 5.5
    assert minutes(found) == [15.5, 31.0]


def test_a_truck_that_fills_it_for_some_minutes_is_none() -> None:
    line = Line()
    for _ in range(6):
        line.works(9, 96).works(3, 70)
    assert changes(line) == []


def test_at_the_edge_of_full_it_neither_flaps_nor_ends() -> None:
    line = Line().works(20, 95)
    for _ in range(40):
        line.works(1, 88).works(1, 91)
    assert summaries(changes(line)) == ["L1 confirmed P3", "L1 confirmed P3", "L1 confirmed P3"]  # told each half hour


@pytest.mark.parametrize(("queue", "severity"), [(1, "P3"), (4, "P3"), (5, "P2"), (9, "P2")])
def test_a_line_that_stands_while_trucks_wait_is_found_after_five_minutes(queue: int, severity: str) -> None:
    found = changes(Line().works(5).stands(10, queue).works(5))
    assert summaries(found) == [f"L1 confirmed {severity}", f"L1 closed {severity}"]
    assert minutes(found) == [10.5, 16.0]


def test_a_queue_that_grows_is_graver() -> None:
    found = changes(Line().works(5).stands(10, 2).stands(10, 6).works(5))
    assert summaries(found) == ["L1 confirmed P3", "L1 confirmed P2", "L1 closed P2"]


def test_a_line_that_stands_at_night_or_works_its_queue_off_is_none() -> None:
    assert changes(Line().works(5).stands(480, 0, 60.0)) == []
    assert changes(Line().works(120, 60, queue_trucks=7)) == []


def test_short_stops_to_clear_the_belt_are_none() -> None:
    line = Line()
    for _ in range(10):
        line.stands(4, 6).works(2, queue_trucks=3)
    assert changes(line) == []


def test_one_wrong_value_proves_nothing_and_ends_nothing() -> None:
    assert changes(Line().works(10).works(0.5, 100).works(10)) == []
    found = changes(Line().works(15, 95).works(0.5, 3).works(15, 95))
    assert summaries(found) == ["L1 confirmed P3"]


def test_a_line_that_reports_neither_hopper_nor_queue_is_not_judged() -> None:
    assert changes(Line().stands(60, None, None)) == []


def test_a_line_without_a_hopper_sensor_is_judged_by_its_queue() -> None:
    assert summaries(changes(Line().stands(10, 2, None).works(5, None))) == ["L1 confirmed P3", "L1 closed P3"]


def test_hours_without_a_reading_are_no_hours_of_a_full_hopper() -> None:
    assert changes(Line().works(2, 95).quiet(240).works(2, 95).works(5)) == []


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    readings = Line().works(10).works(20, 95).stands(15, 6, 97).works(10, 50).readings
    ((_, _, phase, severity),) = holds_however_it_is_told(StationBacklog, readings, city=station())
    assert (phase, severity) == ("closed", "P2")


def test_the_alert_explains_itself_in_both_languages() -> None:
    opened, graver, closed = changes(Line().works(5).works(11, 95.5).stands(10, 6, 97).works(5, 50))
    assert opened.title.en == "Tip: the hopper is full"
    assert opened.title.zh == "tip场：料仓积压"
    assert [text.en for text in opened.evidence.findings] == [
        "The hopper has been at 90 % or more for 10 min, at up to 95.5 %"
    ]
    assert [text.zh for text in opened.evidence.findings] == ["料仓不低于90%已持续10分钟，最高95.5%"]
    assert graver.title.en == "Tip: the line has stopped while trucks wait"
    assert graver.title.zh == "tip场：生产线停机，车辆排队"
    assert graver.evidence.findings[1].en == "The line has stood still for 5 min while trucks wait, at most: 6"
    assert graver.evidence.findings[1].zh == "生产线停机且车辆排队已持续5分钟，排队车辆最多：6"
    assert (closed.title.en, closed.title.zh) == ("Tip: the backlog is worked off", "tip场：积压已消除")
    assert closed.evidence.findings[-1].en == "The hopper is below 70 %, and the line runs or nobody waits"
    assert closed.evidence.parameters == StationBacklogParameters().model_dump()
    assert closed.lat is not None

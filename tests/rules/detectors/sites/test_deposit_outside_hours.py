"""Stories of a point where people may deposit from 06:30 to 09:00 and from 17:30 to 20:30. They begin at 22:13:20."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from devices.city.hours import Hours
from devices.city.model import City
from devices.city.sites import Validity
from devices.readings.models import Reading
from rules.alerts.model import AlertChange
from rules.detectors.deposit_outside_hours.judgement import MAX_COMPARTMENTS, DepositOutsideHours, DepositState
from rules.detectors.deposit_outside_hours.parameters import DepositOutsideHoursParameters
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, at_s, fills, judged, summaries, town

MORNING, EVENING = Hours(6 * 60 + 30, 9 * 60), Hours(17 * 60 + 30, 20 * 60 + 30)
DAY_S = 86_400
MORNING_S = (24 * 60 + 6 * 60 + 30 - 22 * 60 - 13) * 60 - 20
"""Seconds from the beginning of a story until the hours of the morning begin."""


def with_hours(*hours: Hours, **changed: Any) -> City:
    point = replace(town().sites["point"], deposit_hours=hours, **changed)
    return replace(town(), sites={**town().sites, "point": point})


def deposits(counts: Sequence[int | None], *, every_s: int = 120, start_s: int = 0, **more: Any) -> list[Reading]:
    """Readings of one compartment, with the deposits that each counts; its level stays as it is."""
    readings: list[Reading] = []
    for n, count in enumerate(counts):
        given: dict[str, Any] = {"deposits": count} if count is not None else {}
        readings += fills([33.0], every_s=every_s, start_s=start_s + n * every_s, **given, **more)
    return readings


def changes(*rows: Sequence[Reading], city: City | None = None, **parameters: Any) -> list[AlertChange]:
    rule = DepositOutsideHours(DepositOutsideHoursParameters(**parameters))
    return judged([rule], *rows, city=city or with_hours(MORNING, EVENING))


def test_a_deposit_at_night_raises_once_and_ends_half_an_hour_after_the_last() -> None:
    found = changes(deposits([0, 0, 1, 0, 0, 2, *[0] * 20]))
    assert summaries(found) == ["P01 confirmed P4", "P01 confirmed P4", "P01 closed P4"]
    assert [at_s(change) for change in found] == [240, 240 + 1800, 600 + 1800]
    assert {(change.opened_at - T0) / 1000 for change in found} == {240}
    assert found[-1].evidence.measures["deposits"] == 3


def test_within_the_hours_people_may_deposit() -> None:
    assert changes(deposits([0, 3, 5, 0], start_s=MORNING_S + 60)) == []
    assert changes(deposits([0, 3, 5, 0]), city=with_hours(Hours(22 * 60, 6 * 60))) == []
    assert changes(deposits([0, 3, 5, 0]), city=with_hours(Hours(0, 24 * 60))) == []


@pytest.mark.parametrize(("before_s", "raises"), [(600, False), (540, False), (720, True)])
def test_ten_minutes_before_the_hours_are_none(before_s: int, raises: bool) -> None:
    """The lid opens within the two minutes that end so long before the hours."""
    assert bool(changes(deposits([0, 1, 0], start_s=MORNING_S - before_s - 120))) is raises


@pytest.mark.parametrize(("after_s", "raises"), [(480, False), (600, False), (900, True)])
def test_ten_minutes_after_the_hours_are_none(after_s: int, raises: bool) -> None:
    ends_s = MORNING_S + 150 * 60
    assert bool(changes(deposits([0, 1, 0], start_s=ends_s + after_s))) is raises


def test_deposits_that_may_have_been_made_within_the_hours_are_not_judged() -> None:
    """It was not heard between six in the morning and eleven."""
    assert changes(deposits([0, 9], every_s=5 * 3600, start_s=MORNING_S - 1800)) == []
    assert changes(deposits([0, 9], every_s=DAY_S + 60)) == []
    assert summaries(changes(deposits([0, 9], every_s=5 * 3600))) == ["P01 confirmed P4"]


def test_the_first_reading_says_nothing_of_when() -> None:
    assert changes(deposits([7, 0, 0])) == []


def test_a_device_that_counts_no_deposits_is_not_judged() -> None:
    assert changes(deposits([None] * 5)) == []


def test_a_crew_that_empties_it_deposits_nothing() -> None:
    rows = fills([72.0], start_s=0, deposits=0), fills([4.0], start_s=120, deposits=2)
    assert changes(*rows) == []
    assert summaries(changes(fills([72.0], deposits=0), fills([63.0], start_s=120, deposits=2))) == ["P01 confirmed P4"]


def test_all_compartments_of_a_point_are_one_incident() -> None:
    paper, plastic = deposits([0, 1, 0]), deposits([0, 0, 1], part="plastic", start_s=30)
    [found] = changes(paper, plastic)
    assert found.evidence.measures["compartments"] == "paper"
    closed = changes(paper, plastic, deposits([0] * 20, start_s=400))[-1]
    assert (closed.evidence.measures["compartments"], closed.evidence.measures["deposits"]) == ("paper,plastic", 2)


def test_points_are_judged_one_by_one() -> None:
    found = changes(deposits([0, 1, 0]), deposits([0, 1, 0], point="P02", start_s=10))
    assert summaries(found) == ["P01 confirmed P4", "P02 confirmed P4"]


def test_it_ends_when_the_hours_begin() -> None:
    found = changes(deposits([0, 1, 0, 0, 0, 0, 0, 0, 0], start_s=MORNING_S - 900))
    assert summaries(found) == ["P01 confirmed P4", "P01 closed P4"]
    assert found[-1].evidence.findings[-1].en == "Its hours have begun"
    assert 0 <= at_s(found[-1]) - MORNING_S < 120


def nights(*days: int) -> list[list[Reading]]:
    return [deposits([0, 1, *[0] * 20], start_s=day * DAY_S) for day in days]


def test_the_third_day_of_a_week_is_worse() -> None:
    assert [change.severity for change in changes(*nights(0, 1, 6))] == ["P4", "P4", "P4", "P4", "P3", "P3"]
    assert {change.severity for change in changes(*nights(0, 1, 7))} == {"P4"}
    assert {change.severity for change in changes(*nights(0, 6, 10, 16))} == {"P4"}
    twice = deposits([0, 1, *[0] * 20], start_s=3600)
    assert {change.severity for change in changes(*nights(0, 1), twice)} == {"P4"}, "a day counts once"


def test_a_point_without_hours_is_not_judged() -> None:
    assert changes(deposits([0, 4, 5]), city=town()) == []


def test_the_hours_are_those_of_their_time() -> None:
    """From 22:20 on the point may be used at night."""
    until = T0 + 400_000
    city = with_hours(Hours(21 * 60, 7 * 60), validity=Validity(until, None), version=2)
    past = replace(town().sites["point"], deposit_hours=(MORNING,), validity=Validity(None, until))
    found = changes(deposits([0, 1, 0, 0, 1, 1]), city=replace(city, past_sites=(past,)))
    assert summaries(found) == ["P01 confirmed P4", "P01 closed P4"]
    assert found[0].evidence.measures["hours"] == "06:30-09:00"
    assert found[1].evidence.measures["deposits"] == 1
    free = replace(with_hours(validity=Validity(until, None), version=2), past_sites=(past,))
    assert (
        changes(deposits([0, 1, 0, 0, 1]), city=free)[-1].evidence.findings[-1].en == "It no longer has deposit hours"
    )


def test_firmware_that_invents_compartments_fills_no_memory() -> None:
    rule, city = DepositOutsideHours(), with_hours(MORNING)
    rows = [deposits([0, 1], part=f"c{n}", every_s=1, start_s=n * 2) for n in range(3 * MAX_COMPARTMENTS)]
    [found] = judged([rule], *rows, city=city)
    assert found.severity == "P4"
    assert isinstance(rule.state(), DepositState)


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    readings = deposits([0, 0, 1, 0, 2, 0, 1, *[0] * 20])
    held = holds_however_it_is_told(DepositOutsideHours, readings, city=with_hours(MORNING, EVENING))
    assert [(phase, severity) for _, _, phase, severity in held] == [("closed", "P4")]


def test_the_alert_explains_itself_in_both_languages() -> None:
    opened, closed = changes(deposits([0, 2, *[0] * 20]))
    assert opened.title.en == "Point: deposits outside its hours 06:30-09:00, 17:30-20:30: 2"
    assert opened.title.zh == "point场：在投放时段06:30-09:00, 17:30-20:30之外投放，次数：2"
    assert [text.en for text in opened.evidence.findings] == [
        "Deposits counted outside its hours: 2, compartments: paper",
        "The first was made between 22:13 and 22:15 by the city's clocks",
        "Its hours were 103 min away at the nearest",
    ]
    assert [text.zh for text in opened.evidence.findings] == [
        "投放时段外计数的投放：2次，箱体：纸类",
        "首次投放发生于当地时间22:13至22:15之间",
        "距最近的投放时段103分钟",
    ]
    assert closed.evidence.findings[-1].en == "No further deposit outside its hours for 30 min"
    assert closed.evidence.findings[-1].zh == "30分钟内投放时段外无新的投放"
    assert opened.evidence.parameters == DepositOutsideHoursParameters().model_dump()
    assert opened.evidence.measures == {
        "deposits": 2,
        "compartments": "paper",
        "hours": "06:30-09:00, 17:30-20:30",
        "apart_s": 6180,
        "days": 1,
    }
    assert len(opened.evidence.ruled_out) == 3
    third = changes(*nights(0, 1, 2))[-1]
    assert third.evidence.findings[3].en == "It is so on 3 of the last 7 days"
    assert third.evidence.findings[3].zh == "最近7天中有3天如此"

"""Deposits at smart points in the indicators of recyclables: counted once, and only where enough points weigh."""

from dataclasses import replace
from typing import Any

import pytest

from devices.city.model import Device, DeviceRole
from devices.city.sites import Validity
from rules.indicators.model import Asked, Indicator
from tests.rules.indicators.small_city import Bridges, ms, parts, small_city, why

DAY = "2026-07-01"
BEFORE = "2025-07-01"
POINTS = {"recyclables_from": "points"}
BOTH = {"recyclables_from": "both"}


@pytest.fixture
def city(bridges: Bridges) -> Bridges:
    """A city with two points, and what was weighed and deposited in a day and in the same day a year before."""
    whole = small_city()
    points = {id_: Device(id_, DeviceRole.RECYCLING_POINT, site_id=f"at-{id_}") for id_ in ("P1", "P2")}
    bridges.city = replace(whole, devices={**whole.devices, **points})
    for day, times in ((BEFORE, 1.0), (DAY, 1.5)):
        bridges.load(day, "sorting", "paper", 1_000)
        bridges.load(day, "burner", "residual", 8_000, hour=8)
        bridges.load(day, "plant", "kitchen", 2_000, hour=9)
        bridges.deposit(day, "P1", "paper", 600 * times)
        bridges.deposit(day, "P2", "metal", 400 * times)
        bridges.deposit(day, "P2", "batteries", 9_000)  # a word of the point's own: no recyclable
    return bridges


@pytest.mark.parametrize(
    ("programme", "growth", "recycled", "deposited"),
    [
        # 1 ÷ 1 - 1; (1 + 2) ÷ (8 + 2 + 1): what points collect goes on to the sorting centre
        ({}, 0.0, 27.27, 1.5),
        # 1.5 ÷ 1 - 1; (1.5 + 2) ÷ (8 + 2 + 1.5)
        (POINTS, 50.0, 30.43, 1.5),
        # (1 + 1.5) ÷ (1 + 1) - 1; (1 + 1.5 + 2) ÷ (8 + 2 + 2.5)
        (BOTH, 25.0, 36.0, 1.5),
    ],
)
def test_the_file_of_the_city_says_where_recyclables_are_weighed(
    city: Bridges, programme: dict[str, Any], growth: float, recycled: float, deposited: float
) -> None:
    grown = city.indicator("recyclables_growth", DAY, DAY, programme)
    rate = city.indicator("household_recycling", DAY, DAY, programme)
    assert (grown.value, rate.value) == (growth, recycled), [*why(grown), *why(rate)]
    assert (parts(grown)["deposited"], parts(rate)["deposited"]) == (deposited, deposited)
    assert grown.quality is not None
    expected = (2, 2, 0) if programme else (0, 0, 0)
    assert (grown.quality.deposits, grown.quality.points, grown.quality.points_without_deposits) == expected
    collected = city.indicator("household_collected", DAY, DAY, programme)
    assert parts(collected).keys() == {"whole", "daily"}
    assert "deposit" not in collected.scope.en


def test_the_scope_says_what_counts(city: Bridges) -> None:
    for programme, en, zh in (
        ({}, "do not", "不计入"),
        (POINTS, "sorting centres does not", "过磅量不计入"),
        (BOTH, "none of these", "合计"),
    ):
        scope = city.indicator("recyclables_growth", DAY, DAY, programme).scope
        assert en in scope.en
        assert zh in scope.zh


def test_points_that_report_no_deposit_leave_a_hole(city: Bridges) -> None:
    silent = Device("P3", DeviceRole.RECYCLING_POINT, site_id="at-P3")
    city.city = replace(city.city, devices={**city.city.devices, "P3": silent})
    found = city.indicator("recyclables_growth", DAY, DAY, POINTS)
    assert (found.value, why(found)) == (None, ["points_without_deposits"])
    assert found.withheld[0].text.en.startswith("1 of 3 ")
    assert found.withheld[0].text.zh.startswith("3个智能回收点中1个")
    assert city.indicator("recyclables_growth", DAY, DAY).value == 0.0  # nothing is asked of points that do not count
    since = replace(silent, validity=Validity(ms("2026-07-02", 0), None))
    city.city = replace(city.city, devices={**city.city.devices, "P3": since})
    assert city.indicator("recyclables_growth", DAY, DAY, POINTS).value == 50.0


def test_days_without_any_deposit_are_too_many(city: Bridges) -> None:
    found = city.indicator("recyclables_growth", DAY, "2026-07-04", POINTS)  # 1 of 4 days
    assert why(found) == ["days_without_data"]


def test_without_points_there_is_no_value_of_points(city: Bridges) -> None:
    city.city = small_city()
    assert why(city.indicator("recyclables_growth", DAY, DAY, POINTS)) == ["no_points"]


def test_the_file_narrows_points_and_materials(city: Bridges) -> None:
    def asked(**target: list[str]) -> Indicator:
        programme = {**POINTS, "indicators": {"recyclables_growth": target}}
        return city.indicator("recyclables_growth", DAY, DAY, programme)

    found = asked(sites=["at-P1"], streams=["paper", "metal"])
    assert (found.value, parts(found)["whole"]) == (50.0, 0.9)
    assert parts(asked(streams=["metal"]))["whole"] == 0.6
    assert why(asked(sites=["at-P1", "nowhere"])) == ["unknown_sites"]


def test_who_sees_a_part_sees_the_deposits_of_its_points(city: Bridges) -> None:
    seen = {id_: one for id_, one in city.city.devices.items() if id_ != "P2"}
    asked: Asked = city.asked(DAY, DAY, ms(DAY, 48), city=replace(city.city, devices=seen), vehicles=frozenset({"VT1"}))
    [found] = [one for one in city.report(asked, POINTS).indicators if one.id == "recyclables_growth"]
    assert parts(found)["deposited"] == 0.9


def test_days_that_are_not_over_do_not_grow(city: Bridges) -> None:
    city.deposit("2025-07-02", "P1", "paper", 1_000)
    city.deposit("2026-07-02", "P1", "paper", 10)
    asked = city.asked(DAY, "2026-07-02", ms("2026-07-02", 9))
    [found] = [one for one in city.report(asked, POINTS).indicators if one.id == "recyclables_growth"]
    assert (found.value, parts(found)["base"]) == (50.0, 1.0)

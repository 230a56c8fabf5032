"""Indicators of weights of a small city, against figures that were computed by hand."""

from dataclasses import replace
from typing import Any

import pytest

from devices.city.sites import Site, SiteKind, Validity
from rules.indicators.weights import percent
from tests.rules.indicators.small_city import Bridges, ms, parts, small_city, why
from tests.rules.town import square

DAY = "2026-07-01"
NEXT = "2026-07-02"


def a_day_of_a_city(bridges: Bridges, day: str = DAY) -> None:
    """What a whole city weighed in a day, kg."""
    bridges.load(day, "plant", "demolition", 15_000, hour=8)
    bridges.load(day, "plant", "拆除垃圾", 12_000, hour=9)
    bridges.load(day, "plant", "aggregate", 9_000, hour=17, direction="out")  # a product, no waste
    bridges.load(day, "fill", "decoration", 3_000, hour=17)
    bridges.load(day, "tip", "spoil", 20_000, hour=10)
    bridges.load(day, "burner", "residual", 8_000, hour=8)
    bridges.load(day, "transfer", "residual", 8_000, hour=6)  # the same waste, on its way
    bridges.load(day, "fill", "residual", 1_000, hour=8)
    bridges.load(day, "plant", "kitchen", 4_000, hour=7)
    bridges.load(day, "sorting", "paper", 2_500, hour=11)
    bridges.load(day, "sorting", "metal", 500, hour=12)
    bridges.load(day, "sorting", "paper", 2_000, hour=18, direction="out")  # sold
    bridges.load(day, "plant", "sludge", 6_000, hour=13)
    bridges.load(day, "burner", "污泥", 2_000, hour=14)


BY_HAND: list[tuple[str, float, dict[str, float]]] = [
    # (15 + 12) ÷ (15 + 12 + 20 + 3) = 27 ÷ 50 = 54 %
    ("construction_recycling", 54.0, {"part": 27.0, "whole": 50.0, "landfill": 3.0, "disposal_site": 20.0}),
    # (2.5 + 0.5 + 4) ÷ (8 + 1 + 4 + 2.5 + 0.5) = 7 ÷ 16 = 43.75 %
    ("household_recycling", 43.75, {"part": 7.0, "whole": 16.0}),
    # 8 + 1 + 4 = 13 t in two days: 6.5 t a day, × 365 ÷ 10,000 = 0.237 → 0.24
    ("household_collected", 0.24, {"whole": 13.0, "daily": 6.5}),
    ("incineration_share", 61.54, {"part": 8.0, "whole": 13.0}),  # 8 ÷ 13
    ("kitchen_share", 30.77, {"part": 4.0, "whole": 13.0}),  # 4 ÷ 13
    ("sludge_recycling", 75.0, {"part": 6.0, "whole": 8.0, "incineration_plant": 2.0}),  # 6 ÷ (6 + 2)
    ("spoil_inflow", 0.36, {"whole": 20.0, "daily": 10.0}),  # 10 t a day × 365 ÷ 10,000 = 0.365 → 0.36
]
"""Value, and weights in tonnes, of two days of which the second has no weighing."""


def test_the_indicators_are_those_of_a_computation_by_hand(bridges: Bridges) -> None:
    a_day_of_a_city(bridges)
    report = bridges.report(bridges.asked(DAY, NEXT, ms(NEXT, 48)), {"needs": {"days_pct": 50}})
    found = {str(one.id): one for one in report.indicators}
    for indicator, value, weights_t in BY_HAND:
        one = found[indicator]
        assert (one.value, one.withheld) == (value, ()), indicator
        assert parts(one).items() >= weights_t.items()
        assert one.quality is not None
        assert (one.quality.weighed_pct, one.quality.days_without_data) == (100.0, 1)


def test_a_target_says_how_far_the_city_has_come(quick_bridges: Bridges) -> None:
    a_day_of_a_city(quick_bridges)
    target = {"baseline": 14.34, "baseline_year": 2020, "target": 60, "target_year": 2025}
    found = quick_bridges.indicator(
        "construction_recycling", DAY, DAY, {"indicators": {"construction_recycling": target}}
    )
    # (54 - 14.34) ÷ (60 - 14.34) = 39.66 ÷ 45.66 = 86.9 %
    assert (found.progress_pct, found.met) == (86.9, False)
    assert (found.baseline, found.baseline_year, found.target, found.target_year) == (14.34, 2020, 60, 2025)
    less = {"indicators": {"household_collected": {"baseline": 1.0, "target": 0.5}}}
    found = quick_bridges.indicator("household_collected", DAY, DAY, less)
    # 13 t a day × 365 ÷ 10,000 = 0.4745 → 0.47, less than what is aimed at: (0.47 - 1) ÷ (0.5 - 1) = 106 %
    assert (found.value, found.progress_pct, found.met) == (0.47, 106.0, True)


def test_weight_is_shared_among_the_people_of_the_city(quick_bridges: Bridges) -> None:
    a_day_of_a_city(quick_bridges)
    found = quick_bridges.indicator("household_collected", DAY, DAY, {"population": 10_000})
    assert parts(found)["per_head"] == 1.3  # 13,000 kg ÷ 10,000


def test_the_file_of_the_city_narrows_streams_and_sites(quick_bridges: Bridges) -> None:
    a_day_of_a_city(quick_bridges)
    narrowed = {"streams": ["demolition", "decoration"], "sites": ["plant", "fill"]}
    found = quick_bridges.indicator(
        "construction_recycling", DAY, DAY, {"indicators": {"construction_recycling": narrowed}}
    )
    assert (found.value, parts(found)["whole"]) == (90.0, 30.0)  # 27 ÷ (27 + 3)
    assert "demolition, decoration" in found.scope.en
    assert "plant, fill" in found.scope.zh


def test_a_site_that_the_file_names_and_nobody_registered_is_named(quick_bridges: Bridges) -> None:
    a_day_of_a_city(quick_bridges)
    named = {"indicators": {"spoil_inflow": {"sites": ["tip", "tipp", "plant"]}}}
    found = quick_bridges.indicator("spoil_inflow", DAY, DAY, named)
    assert (found.value, why(found)) == (None, ["unknown_sites"])
    assert found.withheld[0].text.en.endswith("plant, tipp")


def test_recyclables_grow_by_the_same_days_of_the_year_before(bridges: Bridges) -> None:
    bridges.load("2025-07-01", "sorting", "paper", 2_000)
    bridges.load("2025-07-02", "sorting", "glass", 2_000)
    bridges.load("2025-07-03", "sorting", "glass", 9_000)  # another day
    bridges.load(DAY, "sorting", "paper", 2_500)
    bridges.load(NEXT, "sorting", "textile", 2_700)
    found = bridges.indicator("recyclables_growth", DAY, NEXT)
    assert (found.value, parts(found)) == (30.0, {"whole": 5.2, "base": 4.0})  # 5.2 ÷ 4 - 1
    # Of a span that is not over only the days that are over are compared: 2.5 ÷ 2 - 1
    asked = bridges.asked(DAY, NEXT, ms(NEXT, 13))
    [growth] = [one for one in bridges.report(asked).indicators if one.id == "recyclables_growth"]
    assert growth.value == 25.0


def test_without_a_year_before_there_is_no_growth(quick_bridges: Bridges) -> None:
    quick_bridges.load(DAY, "sorting", "paper", 2_500)
    found = quick_bridges.indicator("recyclables_growth", DAY, DAY)
    assert (found.value, why(found)) == (None, ["base"])
    assert "no load was weighed" in found.withheld[0].text.en
    assert "没有过磅记录" in found.withheld[0].text.zh


@pytest.mark.parametrize(
    ("spoilt", "reasons"),
    [
        ([{"material": None}], ["unknown_loads"]),  # 1 of 11 loads is 9.1 %: 5 % may be unknown
        ([{"material": "渣 土"}], ["unknown_loads"]),  # a name that is none of a stream
        ([{"tare_kg": None, "net_kg": None, "plate": "豫A99999"}], ["unknown_loads"]),  # no net weight
        ([{"plate": "豫A99999"}], []),  # nobody knows the truck; its weight counts
        ([{"tare_kg": None, "net_kg": None, "gross_kg": 150_000.0}], ["estimates"]),  # 138 t with the registered tare
    ],
)
def test_no_value_comes_of_data_that_cannot_carry_it(
    quick_bridges: Bridges, spoilt: list[dict[str, Any]], reasons: list[str]
) -> None:
    for n in range(10):
        quick_bridges.load(DAY, "tip", "spoil", 10_000, hour=6 + n)
    for more in spoilt:
        fields: dict[str, Any] = {"material": "spoil", "kg": 10_000, "hour": 20}
        quick_bridges.load(DAY, "tip", **fields | more)
    found = quick_bridges.indicator("spoil_inflow", DAY, DAY)
    assert why(found) == reasons
    assert (found.value is None) == bool(reasons)
    assert found.quality is not None
    assert found.quality.loads == 11


def test_quality_counts_what_is_estimated_and_what_waits(quick_bridges: Bridges) -> None:
    for n in range(8):
        quick_bridges.load(DAY, "tip", "spoil", 10_000, hour=6 + n)
    quick_bridges.load(DAY, "tip", "spoil", 10_000, hour=20, plate="豫A99999")
    quick_bridges.load(DAY, "tip", "spoil", 0, hour=21, gross_kg=22_000.0, tare_kg=None, net_kg=None)
    found = quick_bridges.indicator("spoil_inflow", DAY, DAY).quality
    assert found is not None
    # 90 t were weighed, 10 t have the registered tare of 12 t: 90 %
    assert (found.loads, found.waiting, found.estimated, found.weighed_pct) == (10, 1, 1, 90.0)


def test_days_without_any_weighing_are_too_many(quick_bridges: Bridges) -> None:
    for day in range(1, 8):
        quick_bridges.load(f"2026-07-{day:02}", "tip", "spoil", 10_000)
    assert quick_bridges.indicator("spoil_inflow", DAY, "2026-07-08").value is not None  # 7 of 8 days
    found = quick_bridges.indicator("spoil_inflow", DAY, "2026-07-10")  # 7 of 10
    assert why(found) == ["days_without_data"]
    assert found.withheld[0].text.en == "3 of 10 days have no weighing"


def test_a_rare_stream_has_data_on_days_when_its_site_weighed_something_else(quick_bridges: Bridges) -> None:
    for day in range(1, 6):
        quick_bridges.load(f"2026-07-0{day}", "fill", "residual", 5_000)
    quick_bridges.load("2026-07-03", "fill", "sludge", 5_000, hour=15)
    found = quick_bridges.indicator("sludge_recycling", DAY, "2026-07-05")
    assert found.quality is not None
    assert (why(found), found.value, found.quality.days_without_data) == ([], 0.0, 0)


def test_a_site_without_a_weighbridge_leaves_a_hole(quick_bridges: Bridges) -> None:
    a_day_of_a_city(quick_bridges)
    city = small_city()
    blind = {f"tip{n}": Site(f"tip{n}", SiteKind.DISPOSAL_SITE, "x", "场", square(0, 0, 60)) for n in range(2)}
    quick_bridges.city = replace(city, sites={**city.sites, **blind})
    found = quick_bridges.indicator("spoil_inflow", DAY, DAY)
    assert (why(found), found.withheld[0].text.en[:7]) == (["sites_without_scale"], "2 of 3 ")
    closed = {id_: replace(one, validity=Validity(None, ms(DAY, 0))) for id_, one in blind.items()}
    quick_bridges.city = replace(city, sites={**city.sites, **closed})
    assert quick_bridges.indicator("spoil_inflow", DAY, DAY).value is not None
    elsewhere = {id_: replace(one, streams=("residual",)) for id_, one in blind.items()}
    quick_bridges.city = replace(city, sites={**city.sites, **elsewhere})
    assert quick_bridges.indicator("spoil_inflow", DAY, DAY).value is not None


def test_a_city_without_such_a_site_has_no_such_indicator(quick_bridges: Bridges) -> None:
    city = small_city()
    quick_bridges.city = replace(city, sites={id_: one for id_, one in city.sites.items() if id_ != "tip"})
    assert why(quick_bridges.indicator("spoil_inflow", DAY, DAY)) == ["no_sites"]


@pytest.mark.parametrize(("part", "shown"), [(1, 0.0), (99_999, 99.99), (100_000, 100.0), (66_666, 66.67)])
def test_a_hundred_percent_is_all_of_it(part: int, shown: float) -> None:
    assert percent(part, 100_000) == shown


def test_a_plant_weighs_products_under_other_names_and_a_ticket_without_a_name_is_lost(quick_bridges: Bridges) -> None:
    for n in range(9):
        quick_bridges.load(DAY, "plant", "demolition", 10_000, hour=6 + n)
    quick_bridges.load(DAY, "plant", "aggregate", 9_000, hour=18)
    found = quick_bridges.indicator("construction_recycling", DAY, DAY).quality
    assert found is not None
    assert (found.loads, found.without_stream) == (9, 0)
    quick_bridges.load(DAY, "plant", None, 9_000, hour=19)
    found = quick_bridges.indicator("construction_recycling", DAY, DAY).quality
    assert found is not None
    assert (found.loads, found.without_stream) == (10, 1)

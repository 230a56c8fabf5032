"""Indicators of counts, late data, and what a part of the city sees."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import insert

from devices.city.model import Device, DeviceRole
from rules.cases.indicators import Figures
from rules.indicators.definitions import DEFINITIONS, IndicatorId
from rules.indicators.store import a_year_before
from rules.manifests.tables import manifest, manifest_state
from tests.rules.indicators.small_city import Bridges, ms, parts, small_city, why

DAY = "2026-07-01"
HOUR_MS = 3_600_000


def issue(bridges: Bridges, number: str, state: str, **more: Any) -> None:
    """Write a manifest as the desk and the judge do. `more`: times and ticket of its trip, and others."""
    given: dict[str, Any] = {
        "left_at": ms(DAY, 9),
        "arrived_at": ms(DAY, 10),
        "weighed_at": ms(DAY, 10),
        "ticket": f"N{number}",
    } | more
    check_at = given.pop("check_at", ms(DAY, 11))
    stream, vehicle = given.pop("stream", "spoil"), given.pop("vehicle", "VT1")
    recorded_at = given.pop("recorded_at", 1)
    document = {
        "stream": stream,
        "arrive_by": ms(DAY, 11),
        "driver": given.pop("driver", "li"),
        "haulier": given.pop("haulier", None),
    }
    with bridges.engine.begin() as connection:
        connection.execute(
            insert(manifest).values(
                number=number, code=f"code-{number}", vehicle_id=vehicle, device_id=vehicle[1:], version=1,
                source_id="source", destination_id="tip", issued_at=ms(DAY, 8), issued_by="li", check_at=check_at,
                document=document,
            )
        )  # fmt: skip
        connection.execute(
            insert(manifest_state).values(
                number=number, device_id=vehicle[1:], judged_in="disk", judged_to=1, state=state, overdue_at=0,
                closed_at=ms(DAY, 11) if state == "closed" else 0, recorded_at=recorded_at, manifest=given,
            )
        )  # fmt: skip


def test_trips_with_a_closed_manifest_are_counted_by_hand(bridges: Bridges) -> None:
    for number in ("1", "2", "3"):
        issue(bridges, number, "closed")
    issue(bridges, "4", "overdue", arrived_at=0, weighed_at=0, ticket="")
    issue(bridges, "5", "discrepancy")
    issue(bridges, "6", "void")  # counts nowhere
    issue(bridges, "7", "draft", left_at=0, arrived_at=0, weighed_at=0, ticket="")  # no trip
    issue(bridges, "8", "in_transit", arrived_at=0, weighed_at=0, ticket="", check_at=ms(DAY, 49))  # has time left
    issue(bridges, "9", "in_transit", arrived_at=0, weighed_at=0, ticket="", check_at=None)  # has none left
    issue(bridges, "10", "closed", left_at=ms("2026-07-02", 0))  # the day after
    for hour in range(6):  # four of these came with a manifest (1, 2, 3, 5), two without
        bridges.load(DAY, "tip", "spoil", 10_000, hour=6 + hour)
    bridges.load(DAY, "burner", "residual", 10_000, hour=6)  # needs none
    found = bridges.indicator("manifests_closed", DAY, DAY)
    # 1, 2, 3 closed; 4, 5, 9 not; two without: 3 ÷ (6 + 2) = 37.5 %
    assert (found.value, why(found)) == (37.5, [])
    assert parts(found) == {"closed": 3, "under_manifest": 6, "without": 2, "under_way": 1}
    assert why(bridges.indicator("manifests_closed", "2026-07-03", "2026-07-03")) == ["no_trips"]


def test_points_that_report_are_those_heard_in_the_last_day_or_since(quick_bridges: Bridges) -> None:
    city = small_city()
    points = {f"P{n}": Device(f"P{n}", DeviceRole.RECYCLING_POINT, site_id="sorting") for n in range(4)}
    quick_bridges.city = replace(city, devices={**city.devices, **points})
    end = ms("2026-07-02", 0)
    heard = {"P0": end - 24 * HOUR_MS, "P1": end - 24 * HOUR_MS - 1, "P2": end + HOUR_MS, "T1": end}
    found = quick_bridges.indicator("points_reporting", DAY, DAY, heard_at=heard)
    assert (found.value, parts(found)) == (50.0, {"heard": 2, "registered": 4})
    late = quick_bridges.asked(DAY, DAY, end + 31 * 24 * HOUR_MS + 1, heard_at=heard)
    [found] = [one for one in quick_bridges.report(late).indicators if one.id == "points_reporting"]
    assert (found.value, why(found)) == (None, ["too_long_ago"])


def test_the_closing_rate_is_that_of_public_reports(quick_bridges: Bridges) -> None:
    figures = Figures(
        opened=3, closed=2, closed_in_time=1, overdue=1, duplicates=4, closing_rate_pct=66.7, in_time_rate_pct=50.0
    )
    assert quick_bridges.indicator("reports_closed", DAY, DAY, reports=figures).value == 66.67
    assert why(quick_bridges.indicator("reports_closed", DAY, DAY)) == ["no_reports"]


def test_a_late_load_changes_its_day_and_the_change_is_shown(bridges: Bridges) -> None:
    over = ms("2026-07-02", 0)
    bridges.load(DAY, "tip", "spoil", 10_000, hour=8, at=ms(DAY, 8))
    bridges.load(DAY, "tip", "spoil", 10_000, hour=23.9, at=over - 1)
    before = bridges.indicator("spoil_inflow", DAY, DAY)
    bridges.load(DAY, "tip", "spoil", 6_000, hour=10, at=over)
    bridges.load("2026-07-02", "tip", "spoil", 9_000, hour=1, at=over + HOUR_MS)  # in time, of the next day
    asked = bridges.asked(DAY, DAY, ms(DAY, 48))
    report = bridges.report(asked)
    after = next(one for one in report.indicators if one.id == "spoil_inflow")
    assert (parts(before)["whole"], parts(after)["whole"]) == (20.0, 26.0)
    assert [(one.day, one.revisions, one.net_kg) for one in report.late] == [(DAY, 1, 6_000)]


def test_the_day_of_a_load_is_that_of_the_city(bridges: Bridges) -> None:
    bridges.load(DAY, "tip", "spoil", 10_000, hour=0)
    bridges.load(DAY, "tip", "spoil", 20_000, hour=23.99)
    bridges.load("2026-07-02", "tip", "spoil", 40_000, hour=0)
    assert parts(bridges.indicator("spoil_inflow", DAY, DAY))["whole"] == 30.0


def test_a_day_that_is_not_over_counts_by_the_part_that_has_passed(quick_bridges: Bridges) -> None:
    quick_bridges.load(DAY, "tip", "spoil", 10_000, hour=3)
    report = quick_bridges.report(quick_bridges.asked(DAY, DAY, ms(DAY, 6)))
    found = next(one for one in report.indicators if one.id == "spoil_inflow")
    assert not report.is_over
    assert parts(found)["daily"] == 40.0  # 10 t in a quarter of a day
    assert found.quality is not None
    assert found.quality.days == 0


def test_who_sees_a_part_gets_figures_of_it_and_no_targets(bridges: Bridges) -> None:
    bridges.load(DAY, "tip", "spoil", 10_000, plate="晋ET1")
    bridges.load(DAY, "tip", "spoil", 20_000, hour=13, plate="晋ET2")
    bridges.load(DAY, "tip", "spoil", 40_000, hour=14, plate="豫A99999")
    issue(bridges, "1", "closed", vehicle="VT1")
    issue(bridges, "2", "overdue", vehicle="VT2", ticket="")
    of_city = {"spoil_inflow": {"target": 16, "sites": ["tip"]}, "construction_recycling": {"sites": ["plant"]}}
    whole = small_city()
    part = replace(whole, sites={id_: site for id_, site in whole.sites.items() if id_ != "plant"})
    asked = bridges.asked(DAY, DAY, ms(DAY, 48), vehicles=frozenset({"VT1"}), city=part)
    report = bridges.report(asked, {"indicators": of_city})
    found = {one.id: one for one in report.indicators}
    assert report.is_part
    assert parts(found[IndicatorId.SPOIL_INFLOW])["whole"] == 10.0
    assert (found[IndicatorId.SPOIL_INFLOW].target, found[IndicatorId.SPOIL_INFLOW].met) == (None, None)
    assert found[IndicatorId.MANIFESTS_CLOSED].value == 100.0
    assert why(found[IndicatorId.CONSTRUCTION_RECYCLING]) == ["no_sites"]
    assert "plant" not in found[IndicatorId.CONSTRUCTION_RECYCLING].scope.zh


def test_every_indicator_is_in_a_report_once_with_its_definition(quick_bridges: Bridges) -> None:
    report = quick_bridges.report(quick_bridges.asked(DAY, DAY, ms(DAY, 48)))
    assert [one.id for one in report.indicators] == list(IndicatorId) == list(DEFINITIONS)
    for one in report.indicators:
        assert one.value is None
        assert one.withheld
        assert all(text.en and text.zh for text in (one.name, one.unit, one.formula, one.scope))


@pytest.mark.parametrize(
    ("day", "before"), [("2026-03-01", "2025-03-01"), ("2024-02-29", "2023-02-28"), ("2025-02-28", "2024-02-28")]
)
def test_a_year_before(day: str, before: str) -> None:
    assert a_year_before(date.fromisoformat(day)) == date.fromisoformat(before)

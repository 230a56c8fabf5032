"""Stories of trucks at the border of the area that the city may supervise: 8 km of road, 5 km to the north."""

from dataclasses import replace

import pytest

from devices.city.model import City
from devices.city.sites import Zone, ZoneKind
from rules.alerts.model import AlertChange
from rules.detectors.left_jurisdiction.judgement import LeftJurisdiction
from rules.detectors.left_jurisdiction.parameters import LeftJurisdictionParameters
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, Trip, at_s, judged, summaries, town, zone

HOME = zone("town", ZoneKind.JURISDICTION, -3000, -3000, 8000, 5000)
BEYOND = zone("beyond", ZoneKind.JURISDICTION, 8000, -3000, 14_000, 5000)


def bounded(*more: Zone) -> City:
    return replace(town(), zones=(HOME, *more))


def northward(truck: str = "T1", load: str | None = "loaded", *, every_s: float = 10) -> Trip:
    """A truck at the northern border, 1 km before it; it drives 40 km/h."""
    return Trip(truck, 2000, 3900, every_s=every_s, load=load).drive(2000, 4000)


def changes(trip: Trip, city: City | None = None) -> list[AlertChange]:
    return judged([LeftJurisdiction()], trip.readings, city=city or bounded())


def test_a_loaded_truck_that_leaves_is_found_and_closed_when_it_is_back() -> None:
    found = changes(northward().drive(2000, 7000).drive(2000, 4000).stand(60))
    assert summaries(found) == ["T1 confirmed P1", "T1 closed P1"]
    # 1.2 km at 40 km/h: 200 m beyond the border after 108 s.
    assert (found[0].opened_at - T0) / 1000 == pytest.approx(10 + 108, abs=2)
    assert at_s(found[0]) == pytest.approx(10 + 108 + 60, abs=10)
    # 150 m beyond the border on the way back, for a minute: 1.85 km after the turn at 280 s.
    assert at_s(found[1]) == pytest.approx(280 + 167 + 60, abs=12)


@pytest.mark.parametrize(("load", "severity"), [("loaded", "P1"), ("partial", "P2"), (None, "P2"), ("empty", "P3")])
def test_its_load_gives_the_severity(load: str | None, severity: str) -> None:
    assert summaries(changes(northward(load=load).drive(2000, 7000)))[0] == f"T1 confirmed {severity}"


def test_along_the_border_it_is_inside() -> None:
    assert changes(Trip("T1", -2000, 5150, load="loaded").drive(7000, 5150)) == []


def test_for_half_a_minute_outside_it_is_not_told() -> None:
    assert changes(northward().drive(2000, 5350).drive(2000, 4000)) == []


def test_between_two_areas_there_is_no_border() -> None:
    trip = Trip("T6", 6000, 1000, load="loaded").drive(12_000, 1000)
    assert changes(trip, bounded(BEYOND)) == []
    assert summaries(changes(trip)) == ["T6 confirmed P1"]


def test_an_approved_route_lets_it_leave() -> None:
    assert changes(Trip("T1", 6000, 0, load="loaded").drive(9990, 0).stand(300).drive(6000, 0)) == []
    assert summaries(changes(Trip("T6", 6000, 0, load="loaded").drive(9990, 0).stand(300))) == ["T6 confirmed P1"]


def test_a_city_without_areas_judges_nothing() -> None:
    assert changes(northward().drive(2000, 9000), town()) == []


def test_a_receiver_that_is_off_proves_nothing() -> None:
    trip = Trip("T1", 2000, 4800, load="loaded", accuracy_m=30.0)
    for n in range(200):
        trip.y = 5160 + (n * 13) % 60
        trip.now_s += 10
        trip.report(4.0)
    assert changes(trip) == []


@pytest.mark.parametrize("every_s", [30, 60])
def test_sparse_reports_find_it_too(every_s: float) -> None:
    found = changes(northward(every_s=every_s).drive(2000, 8000))
    assert summaries(found)[0] == "T1 confirmed P1"


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    readings = northward().drive(2000, 7000).drive(2000, 4000).stand(60).readings
    ((_, _, phase, severity),) = holds_however_it_is_told(LeftJurisdiction, readings, city=bounded())
    assert (phase, severity) == ("closed", "P1")


def test_the_alert_explains_itself_in_both_languages() -> None:
    opened, closed = changes(northward().drive(2000, 7000).drive(2000, 4000).stand(60))
    assert opened.title.en == "Truck 晋ET1 left the area of jurisdiction Town, at a point 2.2 km from Point"
    assert opened.title.zh == "车辆晋ET1驶离管辖区town区，距point场2.2公里"
    assert [text.en for text in opened.evidence.findings] == [
        "It was outside for 62 s and 689 m, up to 889 m beyond the border",
        "It was loaded, according to the terminal's load state",
    ]
    assert [text.zh for text in opened.evidence.findings] == [
        "在界外62秒、行驶689米，距边界最远889米",
        "车辆载货，依据：终端载重状态",
    ]
    assert closed.evidence.findings[-1].en == "It has been back for 60 s"
    assert closed.evidence.findings[-1].zh == "已返回60秒"
    assert opened.evidence.parameters == LeftJurisdictionParameters().model_dump()
    assert opened.evidence.measures["zone"] == "town"

"""Stories of trucks in and near a zone where no truck may be: a square of 2 km, 300 m north of the road."""

from dataclasses import replace

import pytest

from devices.city.model import City
from devices.city.sites import ALWAYS, Validity, ZoneKind
from rules.alerts.model import AlertChange
from rules.detectors.forbidden_zone.judgement import ForbiddenZone
from rules.detectors.forbidden_zone.parameters import ForbiddenZoneParameters
from rules.engine.engine import RuleEngine
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, Trip, at_s, judged, road, rows, run, summaries, town, zone


def zoned(validity: Validity = ALWAYS) -> City:
    old_town = zone("old-town", ZoneKind.FORBIDDEN, 3000, 300, 5000, 2300)
    return replace(town(), zones=(replace(old_town, validity=validity),))


def hauling(truck: str = "T1", load: str | None = "loaded", *, every_s: float = 10) -> Trip:
    """A truck on the road, 500 m before the corner that leads through the zone; it drives 40 km/h."""
    return Trip(truck, 2500, 0, every_s=every_s, load=load).drive(3500, 0)


def through(trip: Trip) -> Trip:
    return trip.drive(3500, 2800).drive(3500, 4000)


def changes(trip: Trip, city: City | None = None) -> list[AlertChange]:
    return judged([ForbiddenZone()], trip.readings, city=city or zoned())


def test_a_loaded_truck_that_drives_through_is_found_and_closed() -> None:
    found = changes(through(hauling()))
    assert summaries(found) == ["T1 confirmed P1", "T1 closed P1"]
    # At 40 km/h the edge is passed 27 s after the corner, the far side 180 s later; the corner at 100 s.
    assert (found[0].opened_at - T0) / 1000 == pytest.approx(100 + 27, abs=2)
    assert at_s(found[0]) == pytest.approx(100 + 27 + 60, abs=10)
    # 50 m beyond the far side for a minute
    assert at_s(found[1]) == pytest.approx(100 + 27 + 180 + 5 + 60, abs=10)


@pytest.mark.parametrize(("load", "severity"), [("loaded", "P1"), ("partial", "P2"), (None, "P2"), ("empty", "P3")])
def test_its_load_gives_the_severity(load: str | None, severity: str) -> None:
    assert summaries(changes(through(hauling(load=load))))[0] == f"T1 confirmed {severity}"


def test_a_dump_inside_makes_it_no_less() -> None:
    trip = hauling().drive(3500, 1500).stand(120).now(load="empty").stand(60)
    assert {str(change.severity) for change in changes(trip)} == {"P1"}


def test_the_road_beside_the_zone_is_free() -> None:
    assert changes(hauling().drive(9000, 0)) == []
    assert changes(Trip("T1", 2000, 250, load="loaded", accuracy_m=25.0).drive(6000, 250)) == []


def test_a_corner_that_is_cut_is_too_short() -> None:
    """300 m through the corner of the zone: 27 s."""
    assert changes(Trip("T1", 4500, 0, load="loaded").drive(4850, 280).drive(5060, 490).drive(6000, 490)) == []


def test_beside_the_edge_a_receiver_that_is_off_proves_nothing() -> None:
    trip = Trip("T1", 2000, 270, load="loaded", accuracy_m=30.0)
    for n in range(200):
        trip.x, trip.y = 3000 + 10 * n, 270 + (n * 13) % 58
        trip.now_s += 10
        trip.report(4.0)
    assert changes(trip) == []


def test_one_fix_inside_is_the_receivers() -> None:
    trip = Trip("T1", 2500, 0, every_s=60, load="loaded").drive(3500, 0)
    trip.y = 600
    trip.now_s += 60
    trip.report(40.0)
    trip.y = 0
    assert changes(trip.drive(9000, 0)) == []


def test_one_fix_outside_does_not_begin_it_anew() -> None:
    """Inside for 90 s; after 40 s the receiver shows a place 100 m outside."""
    trip = Trip("T1", 2500, 0, load="loaded").drive(3150, 0)
    entered_s = trip.now_s + 300 / (40 / 3.6)
    trip.drive(3150, 750).x = 2900
    trip.stand(10, speed_kmh=40.0)
    trip.x = 3150
    found = changes(trip.drive(3150, 800).drive(3150, 200))
    assert summaries(found)[0] == "T1 confirmed P1"
    assert (found[0].opened_at - T0) / 1000 == pytest.approx(entered_s, abs=2)


def test_an_approved_route_lets_it_pass() -> None:
    line = road((0, 0), (3500, 0), (3500, 4000), (10_000, 0))
    routes = (replace(town().routes[0], line=line),)
    assert changes(through(hauling()), replace(zoned(), routes=routes)) == []
    assert summaries(changes(through(hauling("T6")), replace(zoned(), routes=routes)))[0] == "T6 confirmed P1"


def test_a_zone_is_judged_only_while_it_is_valid() -> None:
    assert changes(through(hauling()), zoned(Validity(None, T0))) == []
    assert changes(through(hauling()), zoned(Validity(T0 - 1, None)))


def test_a_city_without_zones_judges_nothing() -> None:
    assert changes(through(hauling()), town()) == []


@pytest.mark.parametrize("every_s", [30, 60])
def test_sparse_reports_find_it_too(every_s: float) -> None:
    found = changes(through(hauling(every_s=every_s)))
    assert summaries(found)[0] == "T1 confirmed P1"
    assert (found[0].opened_at - T0) / 1000 == pytest.approx(100 + 27, abs=30)


def test_standing_inside_counts_and_one_wrong_fix_outside_ends_nothing() -> None:
    trip = hauling().drive(3500, 1000).stand(300)
    trip.y = 100
    trip.stand(10)
    trip.y = 1000
    assert summaries(changes(trip.stand(300))) == ["T1 confirmed P1"]


def test_a_blind_stretch_is_no_proof_that_it_has_left() -> None:
    trip = hauling().drive(3500, 1000).stand(100).stand(600, located=False)
    assert summaries(changes(trip)) == ["T1 confirmed P1"]
    assert changes(hauling().drive(3500, 360).stand(600, located=False).drive(3500, 0)) == []


def test_far_from_every_zone_nothing_is_kept_of_a_truck() -> None:
    engine = RuleEngine(zoned(), [ForbiddenZone()])
    run(engine, Trip("T1", 5200, 1000, load="loaded").drive(5200, 3000).drive(9000, 3000).readings)
    assert rows(engine)["T1"][f"forbidden_zone/{ForbiddenZone.version}"] == {"visit": None}


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    readings = through(hauling()).readings
    ((_, _, phase, severity),) = holds_however_it_is_told(ForbiddenZone, readings, city=zoned())
    assert (phase, severity) == ("closed", "P1")


def test_the_alert_explains_itself_in_both_languages() -> None:
    opened, closed = changes(through(hauling()))
    assert opened.title.en == "Truck 晋ET1 drove into the forbidden zone Old-Town, at a point 2.7 km from Depot"
    assert opened.title.zh == "车辆晋ET1闯入禁行区old-town区，距depot场2.7公里"
    assert [text.en for text in opened.evidence.findings] == [
        "It was inside for 63 s and 700 m, up to 500 m from its edge",
        "It was loaded, according to the terminal's load state",
    ]
    assert [text.zh for text in opened.evidence.findings] == [
        "在区内63秒、行驶700米，距边界最远500米",
        "车辆载货，依据：终端载重状态",
    ]
    assert closed.evidence.findings[-1].en == "It has been outside for 60 s"
    assert closed.evidence.findings[-1].zh == "已驶出60秒"
    assert opened.evidence.parameters == ForbiddenZoneParameters().model_dump()
    assert opened.evidence.measures["zone"] == "old-town"
    assert len(opened.evidence.ruled_out) == 2

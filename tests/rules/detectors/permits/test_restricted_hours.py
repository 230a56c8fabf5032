"""Stories of trucks whose permits let them haul from 06:00 to 22:40 only. The stories begin at 22:13:20 in the city."""

from dataclasses import replace
from typing import Any

import pytest

from devices.city.hours import Hours
from devices.city.model import City
from devices.city.sites import Validity
from rules.alerts.model import AlertChange
from rules.detectors.restricted_hours.judgement import RestrictedHours
from rules.detectors.restricted_hours.parameters import RestrictedHoursParameters
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, Trip, at_s, judged, summaries, town

DAY = Hours(6 * 60, 22 * 60 + 40)
BEGIN = 22 * 60 + 13
"""The minute of the city's day at which stories begin, and 20 s."""
ENDS_S = (DAY.end_min - BEGIN) * 60 - 20
"""Seconds from the beginning until the hours end."""


def restricted(hours: tuple[Hours, ...] = (DAY,)) -> City:
    permits = tuple(replace(permit, hours=hours) for permit in town().permits)
    return replace(town(), permits=permits)


def at(seconds: float, load: str | None = "loaded", **fields: Any) -> Trip:
    """A truck that has stood at its source since long, seconds after the hours ended."""
    start_s = ENDS_S + seconds - 600
    return Trip("T1", 100, 0, at_s=start_s, load=load, **fields).stand(600)


def changes(trip: Trip, city: City | None = None) -> list[AlertChange]:
    return judged([RestrictedHours()], trip.readings, city=city or restricted())


def test_the_stories_begin_when_they_say() -> None:
    assert town().minute_of_day(T0) == BEGIN
    assert T0 % 60_000 == 20_000


def test_a_haul_after_the_hours_is_found_after_two_minutes_and_ends_when_it_parks() -> None:
    trip = at(1800)
    sets_out_s = trip.now_s + 10
    trip.drive(6000, 0)
    stops_s = trip.now_s + 10
    found = changes(trip.stand(400))
    assert summaries(found) == ["T1 confirmed P3", "T1 closed P3"]
    assert (found[0].opened_at - T0) / 1000 == sets_out_s
    assert [at_s(change) for change in found] == [sets_out_s + 120, stops_s + 300]


def test_within_the_hours_it_may_haul() -> None:
    assert changes(Trip("T1", 100, 0, load="loaded").drive(9000, 0)) == []
    assert changes(at(1800).drive(9000, 0), restricted((Hours(22 * 60 + 50, 24 * 60),))) == []
    assert changes(at(1800).drive(9000, 0), restricted((DAY, Hours(23 * 60, 2 * 60)))) == []


def test_a_haul_that_was_begun_in_time_may_end_ten_minutes_later() -> None:
    trip = Trip("T1", 100, 0, at_s=ENDS_S - 400, load="loaded").drive(9900, 0)  # 880 s: until 480 s after the hours
    assert changes(trip.stand(60).now(load="empty").stand(600)) == []
    longer = Trip("T1", 100, 0, at_s=ENDS_S - 100, load="loaded").drive(9900, 0)  # until 780 s after the hours
    found = changes(longer.stand(60))
    assert summaries(found) == ["T1 confirmed P3"]
    assert (found[0].opened_at - T0) / 1000 == pytest.approx(ENDS_S + 600, abs=11)


def test_traffic_lights_and_queues_do_not_end_the_haul_begun_in_time() -> None:
    trip = Trip("T1", 100, 0, at_s=ENDS_S - 200, load="loaded").drive(1000, 0).stand(240).drive(4000, 0)
    assert changes(trip.now(load="empty").stand(400)) == []


def test_who_waits_for_the_end_of_the_hours_has_no_grace() -> None:
    trip = Trip("T1", 100, 0, at_s=ENDS_S - 500, load="loaded").stand(560)
    assert summaries(changes(trip.drive(6000, 0)))[0] == "T1 confirmed P3"


@pytest.mark.parametrize("fields", [{"load": "empty"}, {"load": "partial"}, {"load": None}])
def test_a_truck_that_is_not_known_to_be_loaded_may_drive(fields: dict[str, Any]) -> None:
    assert changes(at(1800, **fields).drive(3000, 0)) == []


def test_a_manifest_is_a_haul() -> None:
    # It has said nothing of its load, and carries a manifest from the gate on.
    assert summaries(changes(at(1800, load=None).now(manifest="M-1").drive(6000, 0)))[0] == "T1 confirmed P3"


def test_manoeuvring_on_a_site_and_driving_for_a_minute_are_none() -> None:
    trip = at(1800)
    for n in range(20):
        trip.drive(100 + 20 * (n % 2), 0, kmh=8).stand(60)
    assert changes(trip) == []
    assert changes(at(1800).drive(1000, 0).stand(600)) == []


def test_it_ends_when_the_hours_begin_and_when_it_is_empty() -> None:
    opens = Hours(23 * 60 + 30, 6 * 60)
    found = changes(at(2400).drive(9900, 0), restricted((opens,)))
    assert summaries(found) == ["T1 confirmed P3", "T1 closed P3"]
    assert found[-1].evidence.findings[-1].en == "Its permitted hours have begun"
    emptied = changes(at(1800).drive(6000, 0).now(load="empty").drive(3000, 0))
    assert emptied[-1].evidence.findings[-1].en == "It is empty now, according to the terminal's load state"


def test_a_permit_without_hours_and_a_truck_without_a_permit_are_not_judged() -> None:
    free = replace(town().permits[0], id="free")
    assert changes(at(1800).drive(6000, 0), replace(restricted(), permits=(*restricted().permits, free))) == []
    expired = tuple(replace(permit, validity=Validity(None, T0)) for permit in restricted().permits)
    assert changes(at(1800).drive(6000, 0), replace(restricted(), permits=expired)) == []
    assert changes(at(1800).drive(6000, 0), town()) == []


def test_reports_a_minute_apart_find_it_too() -> None:
    assert summaries(changes(at(1800, every_s=60).drive(6000, 0)))[0] == "T1 confirmed P3"


def test_late_uploads_and_restarts_end_in_the_same_alert() -> None:
    readings = at(1800).drive(6000, 0).stand(400).readings
    ((_, _, phase, severity),) = holds_however_it_is_told(RestrictedHours, readings, city=restricted())
    assert (phase, severity) == ("closed", "P3")


def test_the_alert_explains_itself_in_both_languages() -> None:
    opened, closed = changes(at(1800).drive(6000, 0).stand(400))
    assert opened.title.en == "Truck 晋ET1 hauled outside its permitted hours 06:00-22:40, at a point 151 m from Source"
    assert opened.title.zh == "车辆晋ET1在许可时段06:00-22:40之外运输，距source场151米"
    assert [text.en for text in opened.evidence.findings] == [
        "It drove 1.3 km in 2 min outside its hours",
        "It was loaded, according to the terminal's load state",
    ]
    assert [text.zh for text in opened.evidence.findings] == [
        "在许可时段外行驶1.3公里、2分钟",
        "车辆载货，依据：终端载重状态",
    ]
    assert closed.evidence.findings[-1].en == "It has been parked for 5 min"
    assert closed.evidence.findings[-1].zh == "已停车5分钟"
    assert opened.evidence.parameters == RestrictedHoursParameters().model_dump()
    assert opened.evidence.measures["hours"] == "06:00-22:40"
    assert len(opened.evidence.ruled_out) == 2

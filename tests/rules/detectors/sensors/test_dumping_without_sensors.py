"""Stories of trucks with neither lift nor load sensor, which report each minute: most trucks of the field."""

from typing import Any

import pytest

from rules.alerts.model import AlertChange
from rules.detectors.illegal_dumping.judgement import IllegalDumping
from tests.rules.agreement import CHECKS
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import T0, Trip, at_s, judged, summaries, ticket


def loaded(**fields: Any) -> Trip:
    """A truck that was loaded at its source and is 4 km on its way, after some minutes."""
    return Trip("T1", 0, 0, every_s=60, **fields).stand(300).drive(4000, 0)


def changes(trip: Trip, *others: Any) -> list[AlertChange]:
    found = judged([IllegalDumping()], trip.readings, *others)
    for change in found:
        CHECKS["illegal_dumping"](change)
    return found


def home(trip: Trip) -> Trip:
    """Back to the source along the route."""
    return trip.drive(300, 0).drive(0, 0).stand(300)


def test_a_loaded_truck_that_stops_and_drives_back_may_have_dumped() -> None:
    trip = loaded()
    stopped_s = trip.now_s
    found = changes(home(trip.stand(180)))
    assert summaries(found) == ["T1 provisional P3", "T1 closed P3"]
    assert at_s(found[0]) - stopped_s <= 600, "the target of the field for such trucks"


def test_it_says_that_it_is_only_a_suspicion_and_why() -> None:
    (found, _) = changes(home(loaded().stand(180)))
    assert found.title.en.startswith("Truck 晋ET1 may have tipped its load outside permitted sites")
    assert "疑似" in found.title.zh
    assert any(text.en.startswith("No lift or load sensor") for text in found.evidence.ruled_out)
    assert any(text.zh.startswith("无举升和载重传感器") for text in found.evidence.ruled_out)
    assert any("m back along its route (+2.5)" in text.en for text in found.evidence.findings)
    assert any("沿核准线路折返" in text.zh for text in found.evidence.findings)
    assert found.evidence.measures["sensor_families"] == ""


@pytest.mark.parametrize("stands_s", [60, 180, 1_200])
def test_one_that_drives_on_to_the_site_has_rested(stands_s: int) -> None:
    assert changes(loaded().stand(stands_s).drive(10_000, 0).stand(600).drive(300, 0)) == []


def test_one_that_rests_off_its_route_and_comes_back_to_it_has_rested() -> None:
    trip = loaded().drive(4000, 900).stand(600).drive(4000, 0).drive(10_000, 0).stand(600)
    assert changes(trip) == []


def test_turning_in_a_yard_is_no_way_back() -> None:
    assert changes(loaded().stand(120).drive(3_700, 0).drive(10_000, 0).stand(600)) == []


def test_an_empty_truck_may_stop_on_its_way_back() -> None:
    trip = loaded().drive(10_000, 0).stand(600).drive(5000, 0).stand(1200).drive(300, 0)
    assert changes(trip) == []


def test_who_was_where_it_may_tip_has_no_load_to_dump_even_if_nobody_saw_it_tip() -> None:
    """It is at the site for less than a minute, so that it still counts as loaded."""
    trip = loaded().drive(9_700, 0).drive(10_000, 0).drive(9_700, 0).drive(5_000, 0).stand(300).drive(300, 0)
    assert changes(trip) == []


def test_who_was_out_of_sight_may_have_tipped_where_it_may() -> None:
    assert changes(home(loaded().quiet(900).drive(4_500, 0).stand(180))) == []


@pytest.mark.parametrize("fields", [{"lift_up": False}, {"load": "loaded"}, {"load_kg": 12_000.0}])
def test_a_truck_with_a_sensor_is_judged_by_it(fields: dict[str, Any]) -> None:
    assert changes(home(loaded(**fields).stand(180))) == []


def test_the_last_stop_before_it_turned_is_the_one() -> None:
    """It waits at a red light 700 m before it tips."""
    trip = loaded().stand(60).drive(4_700, 0)
    tipped_s = trip.now_s + 60
    found = changes(home(trip.stand(180)))
    assert summaries(found) == ["T1 provisional P3", "T1 closed P3"]
    assert (found[0].opened_at - T0) / 1000 == tipped_s


def test_a_red_light_on_the_way_back_is_no_second_dump() -> None:
    trip = loaded().stand(180).drive(2500, 0).stand(60).drive(1500, 0).stand(120)
    found = changes(home(trip))
    assert summaries(found) == ["T1 provisional P3", "T1 closed P3"]


def test_the_next_load_is_judged_anew() -> None:
    trip = home(loaded().stand(180)).stand(600).drive(5000, 0).stand(180)
    assert summaries(changes(home(trip))) == ["T1 provisional P3", "T1 closed P3"] * 2


def test_off_the_route_it_is_likelier_and_still_no_certainty() -> None:
    trip = loaded().drive(4000, 500).stand(240).drive(4000, 0)
    found = changes(home(trip))
    assert summaries(found) == ["T1 provisional P2", "T1 closed P2"]


def test_a_manifest_that_ends_outside_every_site_is_a_sign() -> None:
    trip = loaded(manifest="M1").stand(120).now(manifest=None).stand(60).drive(6000, 0).drive(10_000, 0).stand(900)
    found = changes(trip)
    assert summaries(found)[0] == "T1 provisional P3"
    assert any("manifest ended" in text.en for text in found[0].evidence.findings)
    assert any("电子联单在许可场地外结束" in text.zh for text in found[0].evidence.findings)


def test_a_manifest_that_ends_at_the_site_is_none() -> None:
    trip = loaded(manifest="M1").stand(120).drive(10_000, 0).stand(300).now(manifest=None).stand(300).drive(300, 0)
    assert changes(trip) == []


def test_a_manifest_that_is_named_now_and_then_is_none() -> None:
    trip = loaded()
    for n in range(12):
        trip.stand(60, manifest="M1" if n % 3 == 0 else None)
    assert changes(trip.drive(10_000, 0).stand(300)) == []


def test_a_ticket_that_shows_the_load_takes_it_back() -> None:
    trip = loaded().stand(180).drive(3000, 0).stand(120).drive(10_000, 0).stand(300)
    found = changes(trip, [ticket("T1", trip.now_s - 200)])
    assert summaries(found)[0] == "T1 provisional P3"
    assert summaries(found)[-1] == "T1 retracted P3"


def test_without_an_approved_route_it_shows_only_at_the_source() -> None:
    trip = Trip("T6", 0, 0, every_s=60).stand(300).drive(4000, 0).stand(180).drive(0, 0).stand(300)
    assert [change.severity for change in changes(trip)] == ["P3", "P3"]


def test_late_uploads_restarts_and_numbers_end_in_the_same_alert() -> None:
    readings = home(loaded(manifest="M1").stand(180).now(manifest=None)).stand(300).readings
    assert len(holds_however_it_is_told(IllegalDumping, readings)) == 1

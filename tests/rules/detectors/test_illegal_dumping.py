"""Stories of loads that go astray, and of stops that look like it."""

from typing import Any

import pytest

from devices.city.sites import Hotspot
from rules.alerts.model import AlertChange
from rules.detectors.illegal_dumping.judgement import IllegalDumping
from tests.rules.agreement import CHECKS
from tests.rules.town import Trip, at_s, judged, place, summaries, ticket, town

SENSORS: dict[str, Any] = {"load_kg": 12_000.0, "load": "loaded", "lift_up": False, "cover_open": False}


def hauling(x: float = 4000, y: float = 0, **fields: Any) -> Trip:
    """Loaded, on the road, to a place where nobody may tip."""
    return Trip("T1", 500, 0, **(SENSORS | fields)).drive(x, y)


def tips(trip: Trip, *, kg: float | None = 400.0) -> Trip:
    trip.stand(20).now(cover_open=True).stand(20).now(lift_up=True).stand(20)
    if kg is not None:
        trip.now(load_kg=kg, load="empty")
    return trip.stand(30).now(lift_up=False, cover_open=False).stand(60)


def changes(*rows: Any) -> list[AlertChange]:
    return judged([IllegalDumping()], *(row.readings if isinstance(row, Trip) else row for row in rows))


def test_a_load_tipped_beside_the_road_is_confirmed_and_waits_for_people() -> None:
    trip = tips(hauling()).drive(9000, 0).stand(1200)
    found = changes(trip)
    assert summaries(found) == ["T1 provisional P2", "T1 confirmed P1", "T1 confirmed P1"]
    assert [change.revised for change in found] == [False, False, True]


def test_it_is_suspected_within_a_minute_and_confirmed_within_three() -> None:
    trip = hauling()
    stopped_s = trip.now_s
    suspected, confirmed = changes(tips(trip))
    assert at_s(suspected) - stopped_s <= 60
    assert at_s(confirmed) - stopped_s <= 180


def test_tipping_where_it_is_permitted_is_quiet() -> None:
    at_the_tip = tips(hauling(9990)).drive(500, 0)
    assert changes(at_the_tip) == []


def test_a_disposal_site_that_is_not_in_the_permit_is_not_permitted() -> None:
    assert summaries(changes(tips(hauling(5000, 4000))))[-1] == "T1 confirmed P1"


@pytest.mark.parametrize(("beyond_m", "raised"), [(20, False), (60, True)])
def test_the_gate_is_inside_sixty_metres_before_it_are_not(beyond_m: float, raised: bool) -> None:
    assert bool(changes(tips(hauling(10_000 - 60 - beyond_m)))) is raised


def unseen(from_m: float, gap_s: float, until_m: float) -> Trip:
    """Loaded, it waits at a light, is not heard for so long, and is empty when it is heard again."""
    trip = hauling(from_m).stand(30)
    trip.now_s += gap_s
    trip.x = until_m
    return trip.now(load_kg=300.0, load="empty")


@pytest.mark.parametrize("gap_s", [300, 540])
def test_a_load_that_went_to_the_tip_unseen_is_quiet(gap_s: float) -> None:
    """The tip is at 10 km; the gap is long enough for the way there and back. After a blind zone the live readings come
    first.
    """
    assert changes(unseen(8_500, gap_s, 8_000).drive(2000, 0)) == []
    assert changes(unseen(8_500, gap_s, 8_000).stand(90).drive(2000, 0)) == []


def test_a_load_that_went_unseen_where_no_tip_can_be_reached_is_told() -> None:
    """4 km from where it was is no tip that it may use, and the one at 10 km is too far to be back after 5 min."""
    assert summaries(changes(unseen(3_000, 300, 2_500).drive(500, 0)))[0] == "T1 provisional P2"


def test_cleaning_the_bed_where_it_is_loaded_is_quiet() -> None:
    assert changes(tips(Trip("T1", 10, 0, **SENSORS))) == []


def test_a_red_light_and_a_long_wait_are_quiet() -> None:
    assert changes(hauling().stand(90).drive(6000, 0).stand(1200).drive(9000, 0)) == []


def test_an_empty_truck_that_raises_its_bed_is_quiet() -> None:
    assert changes(tips(hauling(load_kg=100.0, load="empty"), kg=100.0)) == []


def test_bed_up_with_the_load_still_on_fades() -> None:
    """Cleared of suspicion when the weight is the same after the bed came down."""
    trip = hauling().now(cover_open=True).stand(30).now(lift_up=True).stand(60).now(lift_up=False).stand(90)
    assert summaries(changes(trip)) == ["T1 provisional P2", "T1 closed P2"]


@pytest.mark.parametrize(("kg_left", "dropped"), [(9_200.0, False), (8_800.0, True)])
def test_three_tonnes_and_a_quarter_are_a_drop(kg_left: float, dropped: bool) -> None:
    trip = hauling(load=None).stand(30).now(load_kg=kg_left).stand(300)
    assert (summaries(changes(trip)) == ["T1 provisional P2"]) is dropped


def test_weight_alone_is_one_family_and_never_confirms() -> None:
    trip = hauling().stand(30).now(load_kg=300.0, load="empty").stand(400)
    assert summaries(changes(trip)) == ["T1 provisional P2"]


def test_a_suspicion_not_borne_out_closes_ten_minutes_after_the_stop() -> None:
    trip = hauling().stand(30).now(load_kg=300.0, load="empty").stand(60).drive(6000, 0).stand(900)
    suspected, closed = changes(trip)
    assert summaries([suspected, closed]) == ["T1 provisional P2", "T1 closed P2"]
    assert at_s(closed) - at_s(suspected) > 600


def test_lift_and_load_without_cover_sensor_confirm() -> None:
    assert summaries(changes(tips(hauling(cover_open=None).now(cover_open=None))))[-1] == "T1 confirmed P1"


def test_a_chattering_lift_has_no_vote() -> None:
    trip = hauling().stand(20)
    for n in range(40):
        trip.every_s = 2
        trip.stand(2, lift_up=n % 2 == 0)
    trip.every_s = 10
    assert changes(trip.stand(100, lift_up=True)) == []


def test_a_twitch_of_the_lift_is_nothing() -> None:
    trip = hauling()
    trip.every_s = 1
    assert changes(trip.stand(20).stand(4, lift_up=True).stand(100)) == []


def test_in_the_depot_it_takes_more() -> None:
    lift_only = hauling(5000, -2000, load_kg=None, load=None).stand(30).now(lift_up=True).stand(200)
    assert changes(lift_only) == []


def test_weight_lost_inside_the_tip_is_not_held_against_the_stop_after_it() -> None:
    trip = Trip("T1", 9500, 0, **SENSORS).drive(9995, 0).now(lift_up=True).stand(60)
    trip.now(load_kg=300.0, load="empty").stand(30).now(lift_up=False).stand(30).drive(9500, 0).stand(120)
    assert changes(trip) == []


def test_a_bad_position_during_the_tip_does_not_hide_it() -> None:
    trip = hauling().stand(20)
    trip.now(located=False, lift_up=True, cover_open=True).stand(30).now(load_kg=300.0).stand(20)
    assert summaries(changes(trip))[-1].startswith("T1 confirmed")


def test_two_half_tips_at_one_place_are_one_alert() -> None:
    trip = tips(hauling(), kg=6_000.0).drive(4150, 0, kmh=15).now(load_kg=6000.0, load="loaded").stand(40)
    found = changes(tips(trip).drive(8000, 0))
    assert len({change.alert_id for change in found}) == 1


def to_the_tip(after: Trip) -> Trip:
    return after.drive(9995, 0).stand(200)


def lifted() -> Trip:
    """Bed and cover go up and down beside the road; the scale is broken, so nobody knows whether the load is on."""
    broken: dict[str, Any] = {"load_kg": None, "load": None}
    return tips(hauling(**broken), kg=None)


def test_a_ticket_of_the_tip_that_shows_the_load_retracts() -> None:
    trip = to_the_tip(lifted())
    assert summaries(changes(trip, [ticket("T1", trip.now_s - 150)]))[-1] == "T1 retracted P2"


@pytest.mark.parametrize(
    "given",
    [
        {"net_kg": 3_000.0},
        {"direction": "out"},
        {"manual_entry": True},
        {"stable": False},
        {"plate": "晋ET2"},
        {"tare_kg": None, "net_kg": 1_000.0},
        {"tare_kg": 30_000.0},
        {"tare_kg": 2_000.0},
    ],
)
def test_a_ticket_that_proves_nothing_retracts_nothing(given: dict[str, Any]) -> None:
    trip = to_the_tip(lifted())
    assert "retracted" not in " ".join(summaries(changes(trip, [ticket("T1", trip.now_s - 150, **given)])))


def test_a_ticket_from_before_the_dump_that_is_sent_again_retracts_nothing() -> None:
    """The bridge sends what it has not been acknowledged again, dated anew."""
    trip = to_the_tip(lifted())
    weighed_s = trip.now_s - 150
    assert summaries(changes(trip, [ticket("T1", 5), ticket("T1", weighed_s, ticket="2")]))[-1] == "T1 retracted P2"
    assert "retracted" not in " ".join(summaries(changes(trip, [ticket("T1", 5), ticket("T1", weighed_s)])))


def test_a_ticket_after_two_hours_or_after_loading_again_retracts_nothing() -> None:
    late = lifted().drive(9995, 0).stand(7300)
    assert "retracted" not in " ".join(summaries(changes(late, [ticket("T1", late.now_s - 10)])))
    again = to_the_tip(lifted().drive(0, 0).stand(120).drive(500, 0))
    assert "retracted" not in " ".join(summaries(changes(again, [ticket("T1", again.now_s - 150)])))


def test_an_outlier_at_the_tip_does_not_hide_that_it_loaded_again() -> None:
    """One fix 160 m north of the tip, before the ticket: it has left nothing and emptied nothing."""
    again = lifted().drive(0, 0).stand(120).drive(500, 0).drive(10_000, 0).stand(90)
    again.y = 160
    again.now_s += again.every_s
    again.report(0.0)
    again.y = 0
    again.stand(60)
    assert "retracted" not in " ".join(summaries(changes(again, [ticket("T1", again.now_s - 30)])))


def test_the_alert_explains_itself() -> None:
    confirmed = changes(tips(hauling()))[-1]
    assert "晋ET1" in confirmed.title.zh
    assert confirmed.evidence.measures["sensor_families"] == "cover,lift,load"
    assert float(confirmed.evidence.measures["score"]) >= 1.5
    assert any("loaded to empty" in text.en for text in confirmed.evidence.findings)
    assert confirmed.evidence.parameters["lift_standing_s"] == 8
    assert len(confirmed.evidence.readings) <= 12


def test_confirmed_and_then_the_scale_shows_the_load_still_on_is_retracted() -> None:
    """Off its route with bed and cover up for minutes, and as heavy as before when the bed is down again."""
    trip = hauling(4000, 300).now(cover_open=True).stand(30).now(lift_up=True).stand(200)
    found = changes(trip.now(lift_up=False).stand(90).drive(6000, 0))
    assert summaries(found) == ["T1 provisional P2", "T1 confirmed P1", "T1 retracted P1"]
    assert any("weight was the same" in text.en for text in found[-1].evidence.findings)


def test_a_scale_that_lags_retracts_and_confirms_again() -> None:
    trip = hauling(4000, 300).now(cover_open=True).stand(30).now(lift_up=True).stand(200)
    found = changes(trip.now(lift_up=False).stand(90).now(load_kg=300.0, load="empty").stand(100))
    assert summaries(found) == ["T1 provisional P2", "T1 confirmed P1", "T1 retracted P1", "T1 confirmed P1"]
    assert len({change.alert_id for change in found}) == 1
    assert [change.revision for change in found] == [1, 2, 3, 4]


def test_evidence_tells_apart_what_was_not_seen_and_what_nobody_could_see() -> None:
    trip = hauling(cover_open=None, load_kg=None).stand(30).now(lift_up=True, load="empty").stand(40)
    ruled_out = " | ".join(text.en for text in changes(trip)[-1].evidence.ruled_out)
    assert "Not measured: the on-board weight; the cover" in ruled_out
    assert "_" not in ruled_out
    seen = changes(tips(hauling().now(cover_open=False)))[0]
    assert not any("Not measured" in text.en for text in seen.evidence.ruled_out)


def test_a_lift_that_was_also_driven_with_does_not_count_as_standing() -> None:
    trip = hauling().stand(20).now(lift_up=True, load="empty").drive(4080, 0, kmh=5).stand(20)
    raised = next(t for t in changes(trip)[-1].evidence.findings if t.en.startswith("Bed up"))
    assert raised.en.startswith("Bed up 10 s while standing")


def test_one_leap_out_of_the_tip_with_the_bed_up_is_no_stop_outside() -> None:
    """The fix back in the tip is too far away to be believed at once; it must not bear out the leap."""
    trip = hauling(9990).stand(20).now(lift_up=True).quiet(15)
    trip.y = 372
    trip.stand(10)
    trip.y, trip.every_s = 0, 8
    assert changes(trip.stand(80)) == []


def a_raised_bed(x: float = 4000) -> Trip:
    """Half a minute with the bed up, and no sensor that tells of the load."""
    return (
        hauling(x, 0, load_kg=None, load=None, cover_open=None)
        .stand(20)
        .now(lift_up=True)
        .stand(30)
        .now(lift_up=False)
        .stand(10)
        .drive(9000, 0)
    )


def at_hotspot(x: float, radius_m: float, trip: Trip) -> list[AlertChange]:
    city = town(hotspots=(Hotspot("3f0a9c51be7d2846", place(x, 0), radius_m), Hotspot("far", place(0, 9000), 500)))
    return judged([IllegalDumping()], trip.readings, city=city)


def test_a_known_dump_makes_a_suspicion_of_what_would_be_none() -> None:
    """Bed up while standing +3, known dump +1: even odds."""
    assert changes(a_raised_bed()) == []
    found = at_hotspot(4030, 50, a_raised_bed())
    assert summaries(found)[0] == "T1 provisional P2"
    texts = found[0].evidence.findings
    assert [text.en for text in texts if "dump" in text.en] == ["In a known unlicensed dump (3f0a9c51be7d2846) (+1.0)"]
    assert [text.zh for text in texts if "黑消纳场" in text.zh] == ["位于已认定的黑消纳场（3f0a9c51be7d2846）（+1.0）"]
    assert found[0].evidence.measures["hotspot"] == "3f0a9c51be7d2846"
    for change in found:
        CHECKS["illegal_dumping"](change)


def test_beside_a_known_dump_is_not_in_it() -> None:
    assert at_hotspot(4060, 50, a_raised_bed()) == []


def test_two_families_are_needed_in_a_known_dump_too() -> None:
    trip = a_raised_bed().drive(4000, 0).stand(400)
    assert "confirmed" not in " ".join(summaries(at_hotspot(4000, 50, trip)))

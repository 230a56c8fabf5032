"""RFID tags at weighbridges: which truck a tag finds, and where it contradicts the plate."""

from dataclasses import replace

import pytest
from msgspec import structs

from devices.city.haulage import Vehicle
from devices.city.sites import Validity
from devices.readings.models import Weighing
from rules.detectors.weighbridge_integrity.judgement import WeighbridgeIntegrity
from rules.engine.routing import ReadingRouter
from rules.weighing.session import MatchedBy
from rules.weighing.sessions import sessions_of
from rules.weighing.site_weighing import site_weighing
from rules.weighing.truck_match import TruckMatcher, marks_of_ticket, marks_of_vehicle
from tests.rules.town import T0, judged, summaries, ticket, town

TAG, OTHER = "E280 1160 6000 0001", "E280116060000002"
OURS, THEIRS = Vehicle("VT1", "晋E01B42", tags=("e280-1160-6000-0001",)), Vehicle("VT2", "晋E01B43", tags=(OTHER,))
CITY = town(vehicles={"VT1": OURS, "VT2": THEIRS})
NEVER = (MatchedBy.NOTHING, None, 0.0)


@pytest.mark.parametrize(
    ("plate", "tag", "found"),
    [
        ("晋E·01B42", TAG, (MatchedBy.PLATE, "VT1", 1.0)),
        (None, TAG, (MatchedBy.TAG, "VT1", 0.95)),
        ("晋E01842", TAG, (MatchedBy.TAG, "VT1", 0.98)),  # look-alike: without the tag it waits for a person
        ("晋EO1B42", TAG, (MatchedBy.TAG, "VT1", 0.98)),
        ("晋E01B42", OTHER, (MatchedBy.PLATE, "VT1", 0.5)),
        ("晋EO1B42", OTHER, NEVER),
        ("豫A99999", TAG, NEVER),
        ("晋EO1B42", "E2", (MatchedBy.SIMILAR_PLATE, "VT1", 0.97)),
        (None, "E2", NEVER),
        (None, "", NEVER),
    ],
)
def test_a_tag_finds_the_truck_and_never_overrules_a_registered_plate(
    plate: str | None, tag: str, found: tuple[MatchedBy, str | None, float]
) -> None:
    match = TruckMatcher(CITY).match(plate, T0, tag)
    assert (match.by, match.vehicle_id, match.confidence) == found


def test_a_tag_is_that_of_its_vehicle_then_and_of_nobody_where_two_have_it() -> None:
    moved = town(
        vehicles={
            "VT1": replace(OURS, validity=Validity(None, T0)),
            "VT2": replace(THEIRS, tags=OURS.tags, validity=Validity(T0)),
        }
    )
    assert [TruckMatcher(moved).match(None, ts, TAG).vehicle_id for ts in (T0 - 1, T0)] == ["VT1", "VT2"]
    twice = town(vehicles={"VT1": OURS, "VT2": replace(THEIRS, tags=OURS.tags)})
    assert TruckMatcher(twice).match(None, T0, TAG).vehicle_id is None
    assert TruckMatcher(twice).match("晋E01B42", T0, TAG).confidence == 1.0


def weighed(plate: str | None, tag: str | None, at_s: float = 0, number: str = "A") -> Weighing:
    return structs.replace(ticket("T1", at_s), plate=plate, rfid=tag, ticket=number)


def test_a_ticket_with_a_tag_alone_is_of_its_truck_in_sessions_and_in_judgement() -> None:
    one = weighed(None, TAG)
    placed = site_weighing(one, CITY, TruckMatcher(CITY))
    assert placed is not None
    [session] = sessions_of([placed])
    assert (session.vehicle_id, session.vehicle, session.matched_by) == ("VT1", "T1", MatchedBy.TAG)
    assert 0 < session.confidence <= 0.95
    assert ReadingRouter(CITY).also_about(one) == ("T1",)
    assert ReadingRouter(CITY).also_about(weighed("豫A99999", TAG)) == ()
    assert ReadingRouter(CITY).also_about(weighed("晋E01B42", OTHER)) == ("T1",)
    assert marks_of_ticket(one) & marks_of_vehicle(OURS)
    assert not marks_of_ticket(one) & marks_of_vehicle(THEIRS)
    assert marks_of_ticket(weighed("晋E01B42", OTHER)) & marks_of_vehicle(THEIRS)


@pytest.mark.parametrize("plate", ["晋E01B43", "豫A99999", "晋EO1B43"])
def test_a_plate_with_the_tag_of_another_truck_is_found_once_for_its_ticket(plate: str) -> None:
    again = weighed(plate, TAG, 30)
    found = judged([WeighbridgeIntegrity()], [weighed(plate, TAG), again, weighed("晋E01B42", TAG, 60, "B")], city=CITY)
    [change] = [one for one in found if one.evidence.measures.get("reason") == "tag"]
    assert (change.evidence.measures["plate"], change.evidence.measures["tag_vehicle"]) == (plate, "VT1")
    assert "晋E01B42" in change.title.en
    assert "的电子标签属晋E01B42" in change.title.zh
    assert change.evidence.readings[0].values["rfid"] == TAG


@pytest.mark.parametrize(("plate", "tag"), [("晋E01B42", TAG), ("晋E01842", TAG), (None, TAG), ("晋E01B42", "E2")])
def test_a_plate_that_agrees_with_its_tag_as_far_as_both_are_known_raises_nothing(plate: str | None, tag: str) -> None:
    assert summaries(judged([WeighbridgeIntegrity()], [weighed(plate, tag)], city=CITY)) == []

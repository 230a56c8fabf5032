"""Stories of visits over weighbridges, and the sessions that come of them, in any order."""

from dataclasses import replace as replaced
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.readings.models import Weighing
from rules.weighing.session import Flow, MatchedBy, TareSource, WeighingSession
from rules.weighing.sessions import Tare, sessions_of
from rules.weighing.site_weighing import SiteWeighing, site_weighing
from rules.weighing.tares import drifts, histories, registered_tare, usual_tare, weighed_tares
from rules.weighing.truck_match import TruckMatch, TruckMatcher
from tests.examples import examples
from tests.rules.town import T0, town

HOUR_S = 3_600
CITY = town(
    devices={
        **town().devices,
        "W0": Device("W0", DeviceRole.WEIGHBRIDGE, site_id="source"),
        "W2": Device("W2", DeviceRole.WEIGHBRIDGE, site_id="tip"),
        "W3": Device("W3", DeviceRole.WEIGHBRIDGE, site_id="othertip"),
    }
)


def half(at_s: float, kg: float, direction: str, **more: Any) -> Weighing:
    fields: dict[str, Any] = {"device_id": "W1", "plate": "晋ET1", "ticket": "A"} | more
    return Weighing(ts=T0 + round(at_s * 1000), gross_kg=kg, direction=direction, **fields)  # type: ignore[arg-type]


def whole(at_s: float, gross: float, tare: float, direction: str = "out", **more: Any) -> Weighing:
    return replace(half(at_s, gross, direction, **more), tare_kg=tare, net_kg=gross - tare)


def sessions(*weighings: Weighing, city: City = CITY, registered: bool = True) -> list[WeighingSession]:
    trucks = TruckMatcher(city)
    placed = [one for weighing in weighings if (one := site_weighing(weighing, city, trucks)) is not None]
    return sessions_of(placed, registered_tare(city)) if registered else sessions_of(placed)


def test_gross_on_the_way_in_and_the_whole_ticket_on_the_way_out_are_one_session() -> None:
    (one,) = sessions(half(0, 27_840, "in"), whole(160, 27_840, 12_500))
    assert (one.site, one.bridge, one.vehicle, one.vehicle_id) == ("tip", "W1", "T1", "VT1")
    assert (one.gross_kg, one.tare_kg, one.net_kg) == (27_840, 12_500, 15_340)
    assert (one.entered_at - T0, one.left_at, one.weighed_at - T0) == (0, T0 + 160_000, 160_000)
    assert (one.flow, one.tare_source, one.matched_by) == (Flow.IN, TareSource.WEIGHED, MatchedBy.PLATE)
    assert (one.tickets, one.confidence) == (("A",), 1.0)
    assert one.weighings == (("W1", T0), ("W1", T0 + 160_000))


def test_two_halves_with_different_numbers_on_two_bridges_of_a_site_are_one_session() -> None:
    (one,) = sessions(half(0, 27_840, "in"), half(900, 12_500, "out", ticket="B", device_id="W2"))
    assert (one.gross_kg, one.tare_kg, one.net_kg, one.tickets) == (27_840, 12_500, 15_340, ("A", "B"))
    assert one.confidence == 0.95


def test_at_a_source_the_truck_comes_empty() -> None:
    (one,) = sessions(half(0, 12_500, "in", device_id="W0"), half(900, 27_840, "out", device_id="W0"), registered=False)
    assert (one.flow, one.gross_kg, one.tare_kg, one.net_kg) == (Flow.OUT, 27_840, 12_500, 15_340)


def test_the_same_ticket_sent_again_and_a_correction_make_no_second_session() -> None:
    sent = [half(0, 27_840, "in"), whole(160, 27_840, 12_500), whole(7_200, 27_840, 12_500)]
    assert [one.net_kg for one in sessions(*sent)] == [15_340]
    (one,) = sessions(*sent, whole(9_000, 27_840, 12_700, ticket="A2", corrects="A"))
    assert (one.net_kg, one.tickets) == (15_140, ("A", "A2"))


def test_a_correction_of_the_plate_moves_the_session_to_the_other_truck() -> None:
    sent = [whole(0, 27_840, 12_500), whole(3_600, 27_840, 12_500, plate="晋ET2", ticket="A2", corrects="A")]
    assert [(one.vehicle, one.net_kg) for one in sessions(*sent)] == [("T2", 15_340)]


@pytest.mark.parametrize(
    "visit",
    [
        [half(0, 27_600, "in"), half(60, 27_840, "in", ticket="2"), half(900, 12_500, "out", ticket="3")],
        [half(0, 27_840, "in"), half(900, 12_480, "out", ticket="2"), half(960, 12_500, "out", ticket="3")],
        [whole(0, 27_000, 12_500), whole(60, 27_840, 12_500, ticket="2")],
        [whole(0, 27_000, 12_500), whole(200, 27_100, 12_500, ticket="2"), whole(400, 27_840, 12_500, ticket="3")],
    ],
)
def test_a_truck_that_is_weighed_again_under_another_number_brought_one_load(visit: list[Weighing]) -> None:
    (one,) = sessions(*visit)
    assert (one.net_kg, one.flow, len(one.weighings)) == (15_340, Flow.IN, len(visit))


def test_gross_and_tare_that_are_both_on_the_way_in_are_not_the_same_weight_again() -> None:
    assert len(sessions(half(0, 27_840, "in"), half(240, 12_500, "in", ticket="2"))) == 2


@pytest.mark.parametrize(("bridge", "direction", "flow"), [("W1", "out", Flow.IN), ("W0", "in", Flow.OUT)])
def test_an_empty_weight_alone_is_no_load_the_other_way(bridge: str, direction: str, flow: Flow) -> None:
    """Trucks leave a disposal site empty and come empty to a construction site."""
    (one,) = sessions(half(0, 12_510, direction, device_id=bridge))
    assert (one.flow, one.gross_kg, one.net_kg) == (flow, 12_510, None)


def test_numbers_that_begin_anew_each_day_name_another_load_each_day() -> None:
    days = [whole(24 * HOUR_S * n, 27_000 + n, 12_500, ticket="1", plate=f"晋ET{n % 5 + 1}") for n in range(140)]
    assert [one.net_kg for one in sessions(*days)] == [14_500 + n for n in range(140)]


def test_a_correction_is_of_the_last_weighing_with_the_number_it_names() -> None:
    days = [whole(24 * HOUR_S * n, 27_000 + n, 12_500, ticket="1") for n in range(3)]
    corrected = whole(24 * HOUR_S + 600, 20_000, 12_500, ticket="9", corrects="1")
    assert [one.net_kg for one in sessions(*days, corrected)] == [14_500, 7_500, 14_502]


def test_two_visits_of_a_day_are_two_sessions_also_without_numbers_that_differ() -> None:
    visits = [
        half(0, 27_840, "in"), half(600, 12_500, "out"), half(HOUR_S, 26_000, "in", ticket="B"),
        half(HOUR_S + 600, 12_520, "out", ticket="B"),
    ]  # fmt: skip
    assert [one.net_kg for one in sessions(*visits)] == [15_340, 13_480]


def test_a_half_without_its_other_half_takes_the_registered_tare_and_says_so() -> None:
    (one,) = sessions(half(0, 27_840, "in"))
    assert (one.tare_kg, one.net_kg, one.tare_source) == (12_000, 15_840, TareSource.REGISTERED)
    assert (one.left_at, one.confidence) == (None, 0.8)
    (one,) = sessions(half(0, 27_840, "in"), registered=False)
    assert (one.tare_kg, one.net_kg, one.tare_source) == (None, None, None)


def test_the_halves_of_two_shifts_are_two_sessions() -> None:
    apart = [half(0, 27_840, "in"), half(13 * HOUR_S, 12_500, "out", ticket="B")]
    assert [one.tare_source for one in sessions(*apart)] == [TareSource.REGISTERED, None]


def test_weights_that_are_not_to_be_believed_make_no_session() -> None:
    moving = replace(half(0, 27_840, "in"), stable=False)
    wrong = replace(whole(60, 27_840, 12_500), net_kg=9_000.0)
    assert sessions(moving, wrong) == []
    assert sessions(replace(half(0, 27_840, "in"), device_id="T1")) == []


def test_a_typed_weight_is_less_sure() -> None:
    (one,) = sessions(replace(whole(0, 27_840, 12_500), manual_entry=True))
    assert one.confidence == 0.9


@pytest.mark.parametrize(
    ("written", "by", "confidence"),
    [
        ("晋EO1B42", MatchedBy.SIMILAR_PLATE, 0.97),
        ("晋E01842", MatchedBy.NOTHING, 0.0),
        ("E01B42", MatchedBy.SIMILAR_PLATE, 0.9),
        ("EO1B42", MatchedBy.NOTHING, 0.0),
        ("E01842", MatchedBy.NOTHING, 0.0),
        ("晋e·01b42", MatchedBy.PLATE, 1.0),
        ("豫E01B42", MatchedBy.NOTHING, 0.0),
        ("晋E01B43", MatchedBy.NOTHING, 0.0),
        ("?", MatchedBy.NOTHING, 0.0),
        (None, MatchedBy.NOTHING, 0.0),
    ],
)
def test_a_misread_plate_fits_where_one_registered_plate_does(
    written: str | None, by: MatchedBy, confidence: float
) -> None:
    city = town(vehicles={"V1": Vehicle("V1", "晋E01B42"), "V2": Vehicle("V2", "晋E77777")})
    found = TruckMatcher(city).match(written, T0)
    assert (found.by, found.confidence) == (by, confidence)
    assert found.vehicle_id == (None if by is MatchedBy.NOTHING else "V1")


@pytest.mark.parametrize("written", ["晋E01842", "EO1B42", "E01842"])
def test_a_plate_that_may_be_right_as_it_was_read_waits_with_the_look_alike_as_a_candidate(written: str) -> None:
    trucks = TruckMatcher(town(vehicles={"V1": Vehicle("V1", "晋E01B42"), "V2": Vehicle("V2", "晋E77777")}))
    assert trucks.match(written, T0) == TruckMatch()
    assert [one.id for one in trucks.candidates(written, T0)] == ["V1"]


def test_a_plate_that_fits_two_vehicles_fits_none() -> None:
    city = town(vehicles={"V1": Vehicle("V1", "晋E01B42"), "V2": Vehicle("V2", "晋E01842")})
    trucks = TruckMatcher(city)
    assert trucks.match("晋E0184Z", T0).vehicle_id is None
    assert trucks.match("晋E01842", T0).vehicle_id == "V2"
    assert [one.id for one in trucks.candidates("晋E0184Z", T0)] == ["V1", "V2"]


def test_an_unknown_truck_is_one_visit_by_its_plate_and_waits_for_a_person() -> None:
    strange: dict[str, Any] = {"plate": "豫A99999"}
    one, other = sessions(half(0, 27_840, "in", **strange), half(600, 12_500, "out", **strange),
                          whole(700, 20_000, 12_000, plate=None, ticket="B"))  # fmt: skip
    assert (one.net_kg, one.vehicle_id, one.confidence, one.plate) == (15_340, None, 0.0, "豫A99999")
    assert (other.net_kg, other.vehicle_id, other.plate) == (8_000, None, "")


def test_whom_a_person_named_is_the_truck_of_the_whole_ticket() -> None:
    trucks = TruckMatcher(CITY)
    sent = [half(0, 27_840, "in", plate="豫A99999"), whole(160, 27_840, 12_500, plate="豫A99999")]
    placed = [one for weighing in sent if (one := site_weighing(weighing, CITY, trucks)) is not None]
    by_person = TruckMatch("VT3", "T3", MatchedBy.PERSON, 1.0)
    (found,) = sessions_of([replaced(placed[0], truck=by_person), placed[1]])
    assert (found.vehicle, found.matched_by, found.confidence) == ("T3", MatchedBy.PERSON, 1.0)


def test_a_truck_without_a_registered_tare_takes_the_median_of_its_former_ones() -> None:
    city = replaced(CITY, vehicles={"VT1": Vehicle("VT1", "晋ET1")})
    visits = [whole(HOUR_S * n, 27_000, 12_000 + 20 * n, ticket=f"{n}") for n in range(5)]
    weighed = sessions(*visits, city=city)
    tare = usual_tare(city, weighed_tares(weighed))
    assert tare("VT1", T0 + 10 * HOUR_S * 1000) == Tare(12_040, TareSource.HISTORY)
    assert tare("VT1", visits[3].ts) == Tare(12_020, TareSource.HISTORY)
    assert tare("VT1", visits[2].ts) is None
    assert tare("VT2", T0) is None
    (history,) = histories(weighed, city)
    assert (history.tares, history.usual_kg, history.last_kg, history.off_registered_kg) == (5, 12_040, 12_080, None)
    assert history.deviation_kg == round(1.4826 * 20, 1)


def test_a_bridge_that_weighs_all_trucks_heavier_drifts() -> None:
    visits = [
        whole(HOUR_S * n + 60 * truck, 27_000 + off, 12_000 + 100 * truck + off, device_id=bridge,
              ticket=f"{n} {truck}", plate=f"晋ET{truck}")
        for truck in range(1, 6)
        for n, (bridge, off) in enumerate([("W1", 0), ("W3", 120), ("W1", 20), ("W3", 140)])
    ]  # fmt: skip
    by_bridge = {one.bridge: one for one in drifts(sessions(*visits))}
    assert (by_bridge["W3"].drift_kg, by_bridge["W3"].trucks) == (120, 5)
    assert by_bridge["W1"].drift_kg == -120


tours = st.lists(
    st.tuples(
        st.sampled_from(["T1", "T2", "豫A99999"]),
        st.integers(1, 40),
        st.sampled_from(["halves", "numbers", "whole", "both", "in", "out", "corrected", "again"]),
        st.sampled_from(["W1", "W2", "W3", "W0"]),
        st.integers(600, 900),
    ),
    max_size=14,
)


def told(of_trucks: list[tuple[str, int, str, str, int]]) -> tuple[list[Weighing], list[float]]:
    """Visits, one after the other, and the net weight of each in the order of time, as truth."""
    sent: list[Weighing] = []
    nets: list[float] = []
    now_s = 0.0
    for n, (truck, minutes, how, bridge, load) in enumerate(of_trucks):
        now_s += 60 * minutes + 600
        plate = f"晋E{truck}" if truck.startswith("T") else truck
        full, empty = 12_000.0 + 20 * load, 12_000.0
        more: dict[str, Any] = {"plate": plate, "device_id": bridge, "ticket": f"{n}"}
        heavy_first = bridge != "W0"
        first, second = (full, empty) if heavy_first else (empty, full)
        ins, outs = half(now_s, first, "in", **more), half(now_s + 300, second, "out", **more)
        made = {
            "halves": [ins, outs],
            "numbers": [ins, replace(outs, ticket=f"{n}b")],
            "whole": [whole(now_s + 300, full, empty, **more)],
            "both": [ins, whole(now_s + 300, full, empty, **more)],
            "in": [whole(now_s, full, empty, "in", **more)],
            "out": [whole(now_s, full, empty, **more)],
            "corrected": [
                whole(now_s, full + 200, empty, **more),
                whole(now_s + 100, full, empty, corrects=f"{n}", **more | {"ticket": f"{n}c"}),
            ],
            "again": [whole(now_s, full, empty, **more), whole(now_s + 5_000, full, empty, **more)],
        }[how]
        sent += made
        nets.append(full - empty)
    return sent, nets


@settings(max_examples=examples(60, exploring=600))
@given(tours, st.randoms(use_true_random=False))
def test_each_visit_is_one_session_with_its_true_net_in_any_order(
    of_trucks: list[tuple[str, int, str, str, int]], rng: Random
) -> None:
    sent, nets = told(of_trucks)
    found = sessions(*sent)
    assert sorted(one.net_kg or 0.0 for one in found) == sorted(nets)
    shuffled = list(sent)
    rng.shuffle(shuffled)
    assert sessions(*shuffled) == found
    ids = [one for session in found for one in session.weighings]
    assert sorted(ids) == sorted((one.device_id, one.ts) for one in sent)


@settings(max_examples=examples(60, exploring=600))
@given(st.lists(st.tuples(
    st.integers(0, 40), st.sampled_from(["T1", "T2", None]), st.sampled_from(["in", "out"]),
    st.sampled_from(["A", "B", "C"]), st.sampled_from([None, "A", "B"]),
    st.sampled_from([12_000.0, 12_020.0, 27_000.0]), st.sampled_from([None, 12_000.0]), st.sampled_from(["W1", "W2"]),
), max_size=16, unique_by=lambda one: (one[0], one[7])), st.randoms(use_true_random=False))  # fmt: skip
def test_any_weighings_in_any_order_are_in_one_session_each(tickets: list[Any], rng: Random) -> None:
    sent = [
        half(1_800 * at, kg, direction, plate=None if truck is None else f"晋E{truck}", ticket=number,
             corrects=corrects, tare_kg=tare, device_id=bridge)
        for at, truck, direction, number, corrects, kg, tare, bridge in tickets
    ]  # fmt: skip
    found = sessions(*sent)
    shuffled = list(sent)
    rng.shuffle(shuffled)
    assert sessions(*shuffled) == found
    ids = [one for session in found for one in session.weighings]
    assert sorted(ids) == sorted((one.device_id, one.ts) for one in sent)
    assert all(one.net_kg is None or one.net_kg >= 0 for one in found)


def test_a_weighing_without_a_site_is_left_out() -> None:
    trucks = TruckMatcher(CITY)
    adrift = replaced(CITY, devices={**CITY.devices, "W9": Device("W9", DeviceRole.WEIGHBRIDGE)})
    assert site_weighing(half(0, 27_840, "in", device_id="W9"), adrift, trucks) is None
    placed = site_weighing(half(0, 27_840, "in"), CITY, trucks)
    assert isinstance(placed, SiteWeighing)

"""Stories of tickets whose plate fits no registered vehicle."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from devices.city.model import Device, DeviceRole, Vehicle
from devices.city.sites import Validity
from devices.readings.models import Weighing
from rules.alerts.model import AlertChange
from rules.detectors.unknown_plate.judgement import MAX_PLATES, ReportedPlates, UnknownPlate
from rules.engine.engine import RuleEngine
from tests.rules.town import T0, judged, rows, run, summaries, ticket, town

CITY = town(devices={**town().devices, "W2": Device("W2", DeviceRole.WEIGHBRIDGE, site_id="othertip")})
MIDNIGHT_S = ((datetime.fromtimestamp(T0 / 1000, UTC) + timedelta(hours=8)).replace(
    hour=0, minute=0, second=0, microsecond=0
) + timedelta(hours=16)).timestamp() - T0 / 1000  # fmt: skip
"""The first midnight in Shanghai after T0, in seconds after it."""


def unknown(at_s: float, plate: str = "晋A·99999", bridge: str = "W1", **more: Any) -> Weighing:
    one = ticket("T1", at_s, plate=plate, ticket=f"{at_s}", **more)
    return Weighing(**{name: getattr(one, name) for name in one.__struct_fields__} | {"device_id": bridge})


def changes(*tickets: Weighing) -> list[AlertChange]:
    return judged([UnknownPlate()], tickets, city=CITY)


def test_a_plate_that_no_vehicle_has_is_told_once_a_day() -> None:
    found = changes(*(unknown(600 * n) for n in range(10)))
    assert summaries(found) == ["W1 confirmed P4"]
    assert found[0].opened_at == T0


def test_it_is_told_again_on_the_next_day_of_the_city() -> None:
    found = changes(unknown(MIDNIGHT_S - 60), unknown(MIDNIGHT_S + 60), unknown(MIDNIGHT_S + 120))
    assert [change.opened_at - T0 for change in found] == [(MIDNIGHT_S - 60) * 1000, (MIDNIGHT_S + 60) * 1000]


def test_all_bridges_and_spellings_are_one_plate() -> None:
    found = changes(unknown(0), unknown(30, "晋a99999", "W2"), unknown(600, "晋Ａ－９９９９９", "W2"))
    assert summaries(found) == ["W1 confirmed P4"]


def test_two_trucks_one_after_the_other_are_two_alerts() -> None:
    found = changes(unknown(0), unknown(45, "晋A·88888"))
    assert [change.evidence.measures["plate"] for change in found] == ["晋A·99999", "晋A·88888"]
    assert len({change.alert_id for change in found}) == 2


@pytest.mark.parametrize("plate", ["晋ET1", "晋E·T1", "晋e t1", "晋Ｅ－Ｔ１"])
def test_a_registered_plate_is_none_in_any_spelling(plate: str) -> None:
    assert changes(unknown(0, plate)) == []


def test_a_city_without_vehicles_expects_none() -> None:
    assert judged([UnknownPlate()], [unknown(0)], city=replace(CITY, vehicles={})) == []


def test_neither_is_a_ticket_without_a_plate_or_a_frame_before_rest() -> None:
    assert changes(ticket("T1", 0, plate=None), unknown(10, stable=False)) == []


def test_a_vehicle_that_was_registered_later_is_unknown_before() -> None:
    late = {"V9": Vehicle("V9", "晋A99999", validity=Validity(T0 + 300_000, None))}
    city = replace(CITY, vehicles={**CITY.vehicles, **late})
    assert summaries(judged([UnknownPlate()], [unknown(0)], city=city)) == ["W1 confirmed P4"]
    assert judged([UnknownPlate()], [unknown(600)], city=city) == []


def test_a_ticket_that_comes_out_of_order_or_very_late_is_found_once() -> None:
    tickets = [unknown(5 * n, f"晋A·{n % 3:05}") for n in range(9)]
    in_order = {change.alert_id for change in changes(*tickets)}
    Random(3).shuffle(tickets)
    engine = RuleEngine(CITY, [UnknownPlate()])
    assert {change.alert_id for change in run(engine, tickets)} == in_order
    assert run(engine, [unknown(3 * 3600)]) != []
    late = run(engine, [unknown(2 * 3600, "晋A·77777"), unknown(2 * 3600 + 60, "晋A·77777")])
    assert summaries(late) == ["W1 confirmed P4"]


def test_the_alert_explains_itself() -> None:
    (alert,) = changes(unknown(0))
    assert alert.title.en == "Tip: ticket for plate 晋A·99999, which no registered vehicle has"
    assert alert.title.zh == "tip场：磅单车牌晋A·99999无对应登记车辆"
    assert "register the vehicle" in alert.evidence.findings[0].en
    assert "请登记车辆" in alert.evidence.findings[0].zh
    (reading,) = alert.evidence.readings
    assert (reading.device_id, reading.ts, reading.values["plate"]) == ("W1", T0, "晋A·99999")
    assert alert.lat == pytest.approx(35.49, abs=0.01)


def test_memory_is_bounded() -> None:
    engine = RuleEngine(CITY, [UnknownPlate()])
    run(engine, (unknown(20 * n, f"晋A·{n:05}") for n in range(MAX_PLATES + 300)))
    fleet = rows(engine)["fleet"]
    assert len(fleet["memories"]["unknown_plate/1"]["days"]) == MAX_PLATES
    assert len(rows(engine)["W1"]["book"]["cases"]) <= 64
    assert ReportedPlates().days == {}

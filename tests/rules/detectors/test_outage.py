"""Stories of outages: many devices that fall silent together, and those that do so beside them, later or loaded.

The oracle is the story: who went silent when, and why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec import structs

from devices.city.model import Area, City, Device, DeviceRole, Vehicle
from devices.readings.models import Reading
from rules.alerts.model import AlertChange, Text
from rules.detectors.silent_device.judgement import SilentDevice
from rules.detectors.silent_device.wording import devices_of
from rules.engine.engine import RuleEngine
from tests.rules.town import T0, Trip, at_s, fills, in_time, rows, run, summaries, town

HOUR_S = 3600


def county(**changed: Any) -> City:
    """Points P01-P36 that report every minute: 18 in the north, 12 in the south, 6 in the west; trucks T1-T6 of one
    carrier, A01-A06 of another.
    """
    districts = ["north"] * 18 + ["south"] * 12 + ["west"] * 6
    points = [
        Device(f"P{n:02}", DeviceRole.RECYCLING_POINT, district=district, report_interval_s=60)
        for n, district in enumerate(districts, 1)
    ]
    trucks = [Device(f"T{n}", DeviceRole.TRUCK, vehicle_id=f"VT{n}", report_interval_s=10) for n in range(1, 7)]
    trucks += [Device(f"A{n:02}", DeviceRole.TRUCK, vehicle_id=f"VA{n:02}", report_interval_s=10) for n in range(1, 7)]
    vehicles = {
        device.vehicle_id: Vehicle(device.vehicle_id, f"晋E{device.id}", "Tai" if device.id[0] == "T" else "Anhe")
        for device in trucks
        if device.vehicle_id
    }
    parts: dict[str, Any] = {"devices": {one.id: one for one in (*points, *trucks)}, "vehicles": vehicles}
    return town(**parts | changed)


def reports(
    device: str, until_s: float, *, lost: Sequence[tuple[float, float]] = (), load: str = "empty"
) -> list[Reading]:
    """What a device sends, but not in the stretches `lost` (seconds)."""
    phase = sum(map(ord, device)) % 10
    if device[0] == "P":
        sent: list[Reading] = fills([10.0] * int(until_s // 60), point=device, every_s=60, start_s=phase)
    else:
        sent = Trip(device, 100, 100, at_s=phase, load=load).stand(until_s).readings
    return [one for one in sent if not any(start <= (one.ts - T0) / 1000 < end for start, end in lost)]


def points(first: int, last: int) -> list[str]:
    return [f"P{n:02}" for n in range(first, last + 1)]


NORTH, SOUTH, WEST = points(1, 18), points(19, 30), points(31, 36)
POINTS = points(1, 36)
TAI, ANHE = [f"T{n}" for n in range(1, 7)], [f"A{n:02}" for n in range(1, 7)]
NEVER = 1e9


def told(
    until_s: float,
    lost: Mapping[str, Sequence[tuple[float, float]]],
    *,
    devices: Iterable[str] = (*POINTS, *TAI, *ANHE),
    loaded: Iterable[str] = (),
    city: City | None = None,
) -> list[AlertChange]:
    streams = [
        reports(one, until_s, lost=lost.get(one, ()), load="loaded" if one in {*loaded} else "empty") for one in devices
    ]
    return sent(*streams, city=city)


def sent(*streams: Iterable[Reading], city: City | None = None) -> list[AlertChange]:
    """A minute more completes everything and is not silence."""
    return run(RuleEngine(city or county(), [SilentDevice()]), in_time(*streams), quiet_s=60)


def first_at(found: Iterable[AlertChange], subject: str) -> float | None:
    return next((at_s(change) for change in found if change.subject == subject), None)


def subjects(found: Iterable[AlertChange]) -> set[str]:
    return {change.subject for change in found}


def of(found: Iterable[AlertChange], subject: str) -> list[AlertChange]:
    return [change for change in found if change.subject == subject]


def test_a_loaded_truck_that_falls_silent_two_hours_later_has_its_own_alerts() -> None:
    """12 devices of 36 are gone for good: after an hour each has its own alert, and nothing hides behind them."""
    gone = {one: [(600, NEVER)] for one in SOUTH}
    found = told(3.6 * HOUR_S, gone | {"T1": [(600 + 2 * HOUR_S, NEVER)]}, devices=[*POINTS, "T1", "T2"], loaded=["T1"])
    assert summaries(of(found, "system")) == ["system confirmed P2", "system confirmed P2", "system closed P2"]
    assert [at_s(change) - 7800 for change in of(found, "T1")[:3]] == pytest.approx([180, 600, 1200], abs=10)
    assert summaries(of(found, "T1"))[:3] == ["T1 confirmed P3", "T1 confirmed P2", "T1 confirmed P1"]
    for one in SOUTH:
        assert summaries(of(found, one)) == [f"{one} confirmed P4"]
        assert 600 + HOUR_S <= (first_at(found, one) or 0) <= 600 + HOUR_S + 900 + 60
    assert "an hour" not in found[0].title.en
    assert "12 of 36" not in " ".join(change.title.en for change in of(found, "T1"))


def test_a_loaded_truck_lost_in_the_outage_itself_stands_outside_it() -> None:
    found = told(3000, {one: [(600, NEVER)] for one in TAI}, loaded=["T1", "A01"])
    assert [at_s(change) for change in of(found, "T1")] == pytest.approx([780, 1200, 1800], abs=10)
    assert subjects(found) == {"system", "T1"}
    (finding,) = [text for text in of(found, "T1")[0].evidence.findings if "outage" in text.en]
    assert finding.en == "It fell silent in an outage of 6 of 6 devices; a loaded truck is reported all the same"
    assert finding.zh == "离线时正发生群体离线（6台中6台）；载货车辆仍单独告警"
    assert not any("No outage" in text.en for text in of(found, "T1")[0].evidence.ruled_out)


def test_a_device_outside_the_area_has_its_own_alert() -> None:
    found = told(2400, {one: [(600, NEVER)] for one in (*SOUTH, "P01")})
    assert subjects(found) == {"system", "P01"}
    assert found[0].title.en == "12 of 12 devices of district south are silent at once: check network and platform"
    assert found[0].title.zh == "south区域的设备共12台，有12台同时离线，请检查网络和平台"


def test_an_outage_calls_a_district_and_a_carrier_as_people_do() -> None:
    fleets = (Area("anhe", "Anhe Haulage", "安和运输"),)
    city = county(districts=(Area("south", "South side", "南区"),), fleets=fleets)
    assert devices_of("district:south", city) == Text(en="devices in South side", zh="南区的设备")
    assert devices_of("district:west", city) == Text(en="devices of district west", zh="west区域的设备")
    assert devices_of("carrier:anhe", city) == Text(en="devices of carrier Anhe Haulage", zh="运输企业安和运输的设备")


def test_a_device_that_falls_silent_long_after_the_outage_began_has_its_own_alert() -> None:
    lost = {one: [(600, NEVER)] for one in SOUTH[:10]}
    found = told(3000, lost | {SOUTH[11]: [(1500, NEVER)]})
    assert subjects(found) == {"system", SOUTH[11]}


def test_the_network_of_one_carrier_is_one_alert_and_not_urgent() -> None:
    found = told(2400, {one: [(600, NEVER)] for one in ANHE})
    assert summaries(found) == ["system confirmed P3"]
    assert found[0].title.en == "6 of 6 devices of carrier Anhe are silent at once: check network and platform"


def test_the_whole_city_is_one_alert_however_often_its_devices_report() -> None:
    lost = {one: [(600, 1800)] for one in (*POINTS, *TAI, *ANHE)}
    found = told(3000, lost)
    assert subjects(found) == {"system"}
    assert [str(change.phase) for change in found][-1] == "closed"
    assert len({change.alert_id for change in found}) == 1
    last_open = found[-2]
    assert last_open.severity == "P2"
    assert "of 48 devices are silent" in last_open.title.en


def test_a_restart_of_the_platform_is_no_storm_although_trucks_are_loaded() -> None:
    """For nine minutes nothing is heard: of single trucks that says nothing."""
    lost = {one: [(600, 1140)] for one in (*POINTS, *TAI, *ANHE)}
    found = told(3000, lost, loaded=[*TAI, "A01"])
    assert subjects(found) == {"system"}
    assert str(found[-1].phase) == "closed"


def test_loaded_trucks_have_their_own_alerts_when_nothing_is_heard_for_long() -> None:
    engine = RuleEngine(county(), [SilentDevice()])
    streams = [reports(one, 600, load="loaded" if one == "T1" else "empty") for one in (*POINTS, *TAI, *ANHE)]
    quiet = run(engine, in_time(*streams), quiet_s=1300)
    assert summaries(of(quiet, "T1")) == ["T1 confirmed P2", "T1 confirmed P1"]
    assert subjects(quiet) == {"system", "T1"}


def test_two_outages_at_once_are_two_alerts() -> None:
    lost = {one: [(600, 2400)] for one in WEST} | {one: [(630, 1500)] for one in ANHE}
    found = told(4000, lost)
    assert subjects(found) == {"system"}
    titles = {change.alert_id: change.title.en for change in found if str(change.phase) == "confirmed"}
    assert sorted(titles.values()) == [
        "6 of 6 devices of carrier Anhe are silent at once: check network and platform",
        "6 of 6 devices of district west are silent at once: check network and platform",
    ]
    closed = {change.alert_id: change.closed_at for change in found if change.closed_at}
    assert len(closed) == 2


def test_a_second_outage_while_the_first_lasts_has_its_own_hour() -> None:
    lost = {one: [(600, NEVER)] for one in WEST} | {one: [(3000, NEVER)] for one in SOUTH}
    found = told(8200, lost)
    west = {first_at(found, one) for one in WEST}
    south = {first_at(found, one) for one in SOUTH}
    assert all(600 + HOUR_S <= (at or 0) <= 600 + HOUR_S + 960 for at in west)
    assert all(3000 + HOUR_S <= (at or 0) <= 3000 + HOUR_S + 960 for at in south)


def test_an_outage_whose_area_grows_stays_one_alert() -> None:
    """The south is lost first, the rest of the city three minutes later."""
    lost = {one: [(600, 2400)] for one in SOUTH} | {one: [(780, 2400)] for one in (*NORTH, *WEST, *TAI, *ANHE)}
    found = told(4000, lost)
    assert subjects(found) == {"system"}
    assert len({change.alert_id for change in found}) == 1
    assert "district south" in found[0].title.en
    assert "of 48 devices were silent" in found[-1].title.en


def test_devices_that_come_back_are_cleared_and_the_last_ones_have_their_own_alerts() -> None:
    lost = {one: [(600.0, 1500.0)] for one in SOUTH} | {"P19": [(600.0, NEVER)], "P20": [(600.0, 1600.0)]}
    found = told(5000, lost)
    assert summaries(of(found, "system")) == ["system confirmed P2", "system closed P2"]
    closed = of(found, "system")[-1]
    assert closed.title.en == "12 of 12 devices of district south were silent at once; still silent: 1"
    assert 1600 <= at_s(closed) <= 1680
    assert summaries(of(found, "P19")) == ["P19 confirmed P4"]
    assert (first_at(found, "P19") or 0) <= 1680 + 900
    (text,) = [text for text in of(found, "P19")[0].evidence.findings if "outage" in text.en]
    assert "群体离线" in text.zh


def test_an_outage_that_flaps_is_damped() -> None:
    """Off for five minutes and on for four, for two hours."""
    lost = {one: [(start, start + 300.0) for start in range(600, 7800, 540)] for one in SOUTH}
    found = told(9600, lost)
    assert len({change.alert_id for change in of(found, "system")}) == 1
    assert len(found) <= 10
    assert subjects(found) == {"system"}


def test_devices_broken_for_long_do_not_help_an_outage_to_begin() -> None:
    """18 of 36 points broke one by one; later three more at once are three alerts."""
    lost: dict[str, Sequence[tuple[float, float]]] = {one: [(600 + 900 * n, NEVER)] for n, one in enumerate(NORTH)}
    lost |= {one: [(600 + 900 * 19, NEVER)] for one in SOUTH[:3]}
    found = told(600 + 900 * 22, lost, devices=POINTS)
    assert subjects(found) == {*NORTH, *SOUTH[:3]}


def test_a_slow_reporter_that_fell_silent_long_before_is_not_hidden() -> None:
    hourly = {"P01": Device("P01", DeviceRole.RECYCLING_POINT, district="south", report_interval_s=1200)}
    city = county()
    city = replace(city, devices={**city.devices, **hourly})
    slow = [one for one in reports("P01", 1000) if one.ts < T0 + 60_000]
    others = [reports(one, 7000, lost=[(3500, NEVER)] if one in SOUTH else ()) for one in (*POINTS[1:], *TAI)]
    found = sent(slow, *others, city=city)
    assert [at_s(change) for change in of(found, "P01")] == pytest.approx([4200], abs=70)


def test_the_alerts_do_not_depend_on_the_order_of_arrival_or_on_restarts() -> None:
    lost = {one: [(600, 2400)] for one in SOUTH} | {one: [(700, 1500)] for one in ANHE} | {"T1": [(640, 2500)]}
    streams = [
        reports(one, 3000, lost=lost.get(one, ()), load="loaded" if one == "T1" else "empty")
        for one in (*POINTS, *TAI, *ANHE)
    ]
    expected = {change.model_dump_json() for change in sent(*streams)}
    assert {"system", "T1"} <= {AlertChange.model_validate_json(change).subject for change in expected}
    for seed in range(3):
        dice = Random(seed)
        shuffled = sorted((one for row in streams for one in row), key=lambda one: one.ts + dice.uniform(0, 30_000))
        engine, kept, found = RuleEngine(county(), [SilentDevice()]), dict[str, bytes](), list[AlertChange]()
        newest = 0
        for n, reading in enumerate(shuffled):
            newest = max(newest, reading.ts)
            engine.receive(newest)
            found += engine.judge(reading)
            if n % 700 == 350:
                fleet, states = engine.unsaved()
                kept.update(states)
                engine = RuleEngine(county(), [SilentDevice()])
                engine.restore(fleet, kept.items())
        assert {change.model_dump_json() for change in [*found, *run(engine, (), quiet_s=60)]} == expected


def test_rows_name_each_silent_device_once_and_forget_those_that_are_back() -> None:
    city = county()
    engine = RuleEngine(city, [SilentDevice()])
    streams = [reports(one, 1200, lost=[(600, NEVER)] if one in SOUTH else ()) for one in POINTS]
    run(engine, in_time(*streams), quiet_s=0)
    memory = rows(engine)["fleet"]["memories"]["silent_device/1"]
    assert memory["running"][0]["silent"].keys() == {*SOUTH}
    assert len(msgspec.msgpack.encode(memory)) < 200 * len(POINTS)
    later = [structs.replace(one, ts=one.ts + 1_200_000) for row in streams for one in row if one.ts < T0 + 600_000]
    again = [structs.replace(one, ts=one.ts + 1_200_000) for one in reports("P19", 600)]
    run(engine, in_time(later, again))
    memory = rows(engine)["fleet"]["memories"]["silent_device/1"]
    assert (memory["running"], memory["fallen"], memory["released"], memory["told"]) == ([], {}, {}, [])


def test_the_row_of_a_former_version_goes_on() -> None:
    """It had one outage of the whole city, with the verdicts it stood for."""
    engine = RuleEngine(county(), [SilentDevice()])
    streams = [reports(one, 1200, lost=[(600, NEVER)] if one in SOUTH else ()) for one in POINTS]
    before = run(engine, in_time(*streams), quiet_s=0)
    assert summaries(before) == ["system confirmed P2"]
    fleet, states = engine.unsaved()
    kept = dict(states)
    row = msgspec.msgpack.decode(fleet)
    memory = row["memories"]["silent_device/1"]
    (outage,) = memory["running"]
    for name in ("fallen", "running", "released"):
        del memory[name]
    memory |= {"overdue": SOUTH, "told": [], "since": outage["since"], "covered": {}}
    again = RuleEngine(county(), [SilentDevice()])
    again.restore(msgspec.msgpack.encode(row), kept.items())
    rest = [reports(one, 6000, lost=[(0, 1200)]) for one in POINTS if one not in SOUTH]
    found = run(again, in_time(*rest))
    assert subjects(found) == {"system", *SOUTH}
    for one in SOUTH:
        assert summaries(of(found, one)) == [f"{one} confirmed P4"]

"""Places where a truck cannot be, and tracks in another datum: no state, no alert, shown as what they are."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devices.geo.gcj02 import gcj02_of, wgs84_of
from devices.geo.geometry import Datum, LatLon
from devices.readings.models import Kind
from tests.field_cases.path import BASE_MS, DELAY_MS, Message, Outcome, PathUnderTest, case, jincheng

Change = Callable[[dict[str, Any]], dict[str, Any]]


def changed(messages: list[Message], change: Change) -> list[Message]:
    return [replace(message, payload=change(message.payload)) for message in messages]


def is_elsewhere(payload: dict[str, Any]) -> bool:
    """Whether a position of the handed tips is the false one."""
    return bool(abs(payload["lat"] - 35.5) > 1)


def moved(lat: float, lon: float, **more: Any) -> Change:
    """Put the false positions of a case somewhere else."""
    return lambda payload: payload | {"lat": lat, "lon": lon} | more if is_elsewhere(payload) else payload


def alerts(outcome: Outcome) -> list[str]:
    return [f"{alert.rule} {alert.severity}" for alert in outcome.alerts]


@pytest.mark.parametrize("name", ["01-null-island-at-the-tip", "03a-factory-position"])
def test_a_tip_under_a_false_position_raises_nothing_and_is_stored_as_no_fix(tmp_path: Path, name: str) -> None:
    messages = case(name)
    outcome = PathUnderTest(tmp_path).send(messages)
    assert alerts(outcome) == []
    device = messages[0].topic.split("/")[2]
    false = [message.payload for message in messages if is_elsewhere(message.payload)]
    rows = outcome.rows[device, Kind.POSITION]
    assert len(rows) == len(messages)
    assert [row.ts for row in rows if row.fields["located"] is False] == [payload["ts"] for payload in false]
    assert outcome.ledger.total.outside_region == len(false)
    assert outcome.ledger.balanced


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        (90, 0), (-90, 0), (90, 180), (0, 180), (0, -180), (35.5, 0), (0, 112.83), (35.5, 180), (35.5, -112.83),
        (-35.5, 112.83), (1e-7, 1e-7), (22.54, 114.06), (31.2304, 121.4737), (39.9042, 116.4074), (51.4778, -0.0014),
        (36.9, 112.83), (35.5, 114.6),
    ],
)  # fmt: skip
@pytest.mark.parametrize("quality", [{}, {"satellites": 12, "hdop": 0.7, "accuracy_m": 2.0}])
def test_wherever_a_receiver_puts_a_tip_outside_the_region_nothing_is_raised(
    tmp_path: Path, lat: float, lon: float, quality: dict[str, Any]
) -> None:
    messages = changed(case("01-null-island-at-the-tip"), moved(lat, lon, **quality))
    assert alerts(PathUnderTest(tmp_path).send(messages)) == []


def test_a_truck_that_is_first_heard_at_the_factory_is_nowhere(tmp_path: Path) -> None:
    messages = [message for message in case("03a-factory-position") if is_elsewhere(message.payload)]
    outcome = PathUnderTest(tmp_path).send(messages)
    assert alerts(outcome) == []
    assert outcome.ledger.total.stored == len(messages)


def test_an_alert_cites_positions_outside_the_region_as_they_are_stored(tmp_path: Path) -> None:
    body = {"lat": 0.0, "lon": 0.0, "speed_kmh": 20.0, "satellites": 9, "hdop": 0.9, "ignition_on": True}
    messages = [
        Message("haulwatch/v1/truck-002/position", {"ts": ts, **body}, ts + DELAY_MS)
        for ts in range(BASE_MS, BASE_MS + 900_000, 10_000)
    ]
    outcome = PathUnderTest(tmp_path).send(messages)
    stored = {row.ts: row.fields for row in outcome.rows["truck-002", Kind.POSITION]}
    [alert] = [alert for alert in outcome.of("cannot_be_judged") if alert.evidence.measures["reason"] == "no_fix"]
    assert alert.evidence.readings
    for cited in alert.evidence.readings:
        assert cited.values == {name: stored[cited.ts][name] for name in cited.values}
        assert cited.values["located"] is False


def test_a_tip_outside_sites_but_in_the_region_is_still_found(tmp_path: Path) -> None:
    """The margin must not hide what is to be found: 30 km beyond the outermost site."""
    region = jincheng().region
    messages = changed(case("03a-factory-position"), moved(region.north - 0.2, 112.83))
    [alert] = PathUnderTest(tmp_path).send(messages).of("illegal_dumping")
    assert alert.severity == "P1"


def test_a_silence_after_false_positions_is_placed_where_the_truck_was_last_located(tmp_path: Path) -> None:
    messages = case("01-null-island-at-the-tip")
    last = max(n for n, message in enumerate(messages) if is_elsewhere(message.payload))
    outcome = PathUnderTest(tmp_path).send(messages[: last + 1], quiet_ms=3_600_000)
    [alert] = outcome.of("silent_device", "truck-002")
    assert alert.lat is not None
    assert 35 < alert.lat < 36


def test_a_truck_without_a_fix_at_zero_is_stored_and_raises_nothing(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path).send(case("25-unlocated-at-zero"))
    assert {alert.rule for alert in outcome.alerts} <= {"silent_device"}, "it was not heard for 200 s"
    assert [row.fields["located"] for row in outcome.rows["truck-002", Kind.POSITION]] == [True, False]
    assert outcome.ledger.total.outside_region == 0, "the terminal said itself that it has no fix"


def test_a_terminal_that_speaks_gcj02_is_said_once_and_raises_nothing_else(tmp_path: Path) -> None:
    messages = case("04-terminal-speaks-gcj02")
    outcome = PathUnderTest(tmp_path).send(messages)
    assert alerts(outcome) == ["device_datum P4"]
    [alert] = outcome.alerts
    assert len([change for change in outcome.changes if change.rule == "device_datum"]) == 1
    measures = alert.evidence.measures
    assert measures["registered_datum"] == "wgs84"
    assert measures["sent_datum"] == "gcj02"
    assert int(measures["fixes"]) >= 30
    assert float(measures["driven_m"]) >= 2_000
    assert "datum: gcj02" in alert.evidence.findings[-1].en
    assert "datum: gcj02" in alert.evidence.findings[-1].zh
    for reading in alert.evidence.readings:
        stored = next(row for row in outcome.rows["truck-001", Kind.POSITION] if row.ts == reading.ts)
        assert reading.values == {name: stored.fields[name] for name in ("lat", "lon")}


@pytest.mark.parametrize("every", [1, 3, 6])
def test_a_terminal_that_speaks_gcj02_raises_no_false_alert_at_longer_intervals(tmp_path: Path, every: int) -> None:
    messages = case("04-terminal-speaks-gcj02")[::every]
    truck = jincheng().devices["truck-001"]
    slower = replace(truck, report_interval_s=truck.report_interval_s * every)
    outcome = PathUnderTest(tmp_path, jincheng(more={"truck-001": slower})).send(messages)
    assert set(alerts(outcome)) <= {"device_datum P4"}


def test_a_device_registered_with_gcj02_is_judged_converted_and_raises_nothing(tmp_path: Path) -> None:
    city = jincheng()
    registered = replace(city.devices["truck-001"], datum=Datum.GCJ02)
    messages = case("04-terminal-speaks-gcj02")
    outcome = PathUnderTest(tmp_path, jincheng(more={"truck-001": registered})).send(messages)
    assert alerts(outcome) == []
    [first, *_] = outcome.rows["truck-001", Kind.POSITION]
    assert (first.fields["lat"], first.fields["lon"]) == (messages[0].payload["lat"], messages[0].payload["lon"])


def test_a_dump_by_a_device_registered_with_gcj02_is_found_at_its_place_and_says_so(tmp_path: Path) -> None:
    """The false place of the factory case put in the open country, everything sent in GCJ-02."""
    there = LatLon(lat=jincheng().region.north - 0.2, lon=112.83)

    def in_gcj02(payload: dict[str, Any]) -> dict[str, Any]:
        sent = gcj02_of(there if is_elsewhere(payload) else LatLon(lat=payload["lat"], lon=payload["lon"]))
        return payload | {"lat": sent.lat, "lon": sent.lon}

    registered = replace(jincheng().devices["truck-001"], datum=Datum.GCJ02)
    messages = changed(case("03a-factory-position"), in_gcj02)
    outcome = PathUnderTest(tmp_path, jincheng(more={"truck-001": registered})).send(messages)
    [alert] = outcome.of("illegal_dumping")
    assert alert.lat == pytest.approx(there.lat, abs=1e-5)
    assert alert.lon == pytest.approx(there.lon, abs=1e-5)
    assert any("GCJ-02" in finding.en and "GCJ-02" in finding.zh for finding in alert.evidence.findings)


def test_a_device_that_sends_wgs84_although_it_is_registered_with_gcj02_is_said_too(tmp_path: Path) -> None:
    def in_wgs84(payload: dict[str, Any]) -> dict[str, Any]:
        place = wgs84_of(LatLon(lat=payload["lat"], lon=payload["lon"]))
        return payload | {"lat": place.lat, "lon": place.lon}

    registered = replace(jincheng().devices["truck-001"], datum=Datum.GCJ02)
    messages = changed(case("04-terminal-speaks-gcj02"), in_wgs84)
    outcome = PathUnderTest(tmp_path, jincheng(more={"truck-001": registered})).send(messages)
    assert alerts(outcome) == ["device_datum P4"]
    assert outcome.alerts[0].evidence.measures["sent_datum"] == "wgs84"


def test_the_datum_is_closed_when_the_registry_is_corrected(tmp_path: Path) -> None:
    messages = case("04-terminal-speaks-gcj02")
    path = PathUnderTest(tmp_path)
    path.send(messages[:-40], quiet_ms=0)
    path.city = jincheng(more={"truck-001": replace(path.city.devices["truck-001"], datum=Datum.GCJ02)})
    outcome = path.send(messages[-40:])
    assert alerts(outcome) == ["device_datum P4"]
    assert [change.phase for change in outcome.changes if change.rule == "device_datum"][-1] == "closed"

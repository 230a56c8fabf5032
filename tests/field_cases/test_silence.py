"""Old and repeated readings prove no life, through recorder and judge."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.resources.latest_status import latest_status
from devices.city.model import DeviceRole
from devices.readings.models import Kind
from ingest.store import Row
from rules.alerts.actions import AlertView
from tests.field_cases.path import (
    BASE_MS,
    DELAY_MS,
    Message,
    Outcome,
    PathUnderTest,
    case,
    in_order_of_arrival,
    jincheng,
    live,
    registered_truck,
)
from tests.field_cases.path import others as fleet

TRUCK = "truck-001"
MINUTE_MS = 60_000


def silences(outcome: Outcome, device: str) -> list[AlertView]:
    return outcome.of("silent_device", device)


def heard_at(outcome: Outcome, device: str) -> int | None:
    (line,) = [line for line in outcome.ledger.devices if line.device == device]
    return line.heard_at


def positions(device: str, start_ms: int, end_ms: int, *, step_ms: int = 10_000, **fields: Any) -> list[Message]:
    body = {"lat": 35.5, "lon": 112.83, "speed_kmh": 0.0, "satellites": 9, "hdop": 1.0} | fields
    topic = f"haulwatch/v1/{device}/position"
    return [Message(topic, {"ts": ts, **body}, ts + DELAY_MS) for ts in range(start_ms, end_ms, step_ms)]


def test_a_stuck_receiver_that_repeats_one_fix_is_silent(tmp_path: Path) -> None:
    stuck = live(case("08-stuck-receiver-repeats-one-fix"))
    last = stuck[-1]
    frozen = [replace(last, received_at=last.received_at + n * 10_000) for n in range(1, 120)]
    end = frozen[-1].received_at
    path = PathUnderTest(tmp_path)
    outcome = path.send(in_order_of_arrival(stuck, frozen, fleet(BASE_MS, end)))
    (alert,) = silences(outcome, TRUCK)
    assert (alert.open, alert.severity, alert.opened_at) == (True, "P1", BASE_MS + 590_000)
    new = max(message.received_at for message in stuck[:60])
    assert heard_at(outcome, TRUCK) == new  # the live map says silent by this


def test_a_stuck_receiver_is_silent_when_nobody_else_reports(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path).send(live(case("08-stuck-receiver-repeats-one-fix")))
    (alert,) = silences(outcome, TRUCK)
    assert alert.open


def test_what_the_broker_replays_closes_no_silence(tmp_path: Path) -> None:
    (retained,) = case("09-retained-position-of-a-dead-truck")
    start = retained.payload["ts"]
    before = positions(TRUCK, start - 10 * MINUTE_MS, start, load="loaded")
    alive = replace(retained, retain=False)
    path = PathUnderTest(tmp_path)
    silent = path.send(in_order_of_arrival(before, [alive], fleet(start - 10 * MINUTE_MS, start + 30 * MINUTE_MS)))
    (alert,) = silences(silent, TRUCK)
    assert (alert.open, alert.severity) == (True, "P1")
    replayed = replace(retained, retain=True, received_at=start + 31 * MINUTE_MS)
    again = in_order_of_arrival([replayed], fleet(start + 30 * MINUTE_MS, start + 40 * MINUTE_MS))
    outcome = path.send(again)
    assert [(one.alert_id, one.open) for one in silences(outcome, TRUCK)] == [(alert.alert_id, True)]
    assert [change for change in outcome.changes if change.subject == TRUCK and change.phase == "closed"] == []
    assert heard_at(outcome, TRUCK) == start + DELAY_MS
    assert outcome.ledger.balanced


def test_a_replayed_position_of_an_unknown_past_is_not_life(tmp_path: Path) -> None:
    """A new installation: the store has never had the retained reading, so it is stored, and proves nothing."""
    (retained,) = case("09-retained-position-of-a-dead-truck")
    late = replace(retained, retain=True, received_at=retained.received_at + 3_600_000)
    start = late.received_at
    outcome = PathUnderTest(tmp_path).send(in_order_of_arrival([late], fleet(start, start + 20 * MINUTE_MS)))
    assert outcome.rows[TRUCK, Kind.POSITION]
    assert heard_at(outcome, TRUCK) is None
    assert outcome.alerts == []


@pytest.mark.parametrize("loop", [1, 2, 30], ids=["newest", "last two", "whole buffer"])
def test_repeats_of_many_readings_are_no_life_either(tmp_path: Path, loop: int) -> None:
    own = positions(TRUCK, BASE_MS, BASE_MS + 5 * MINUTE_MS, load="loaded")
    end = BASE_MS + 40 * MINUTE_MS
    times = range(BASE_MS + 5 * MINUTE_MS, end, 10_000)
    repeats = [
        replace(message, received_at=at + DELAY_MS)
        for message, at in zip(itertools.cycle(own[-loop:]), times, strict=False)
    ]
    outcome = PathUnderTest(tmp_path).send(in_order_of_arrival(own, repeats, fleet(BASE_MS, end)))
    (alert,) = silences(outcome, TRUCK)
    assert (alert.open, alert.severity) == (True, "P1")


def test_refused_messages_are_no_life(tmp_path: Path) -> None:
    own = positions(TRUCK, BASE_MS, BASE_MS + 5 * MINUTE_MS, load="loaded")
    end = BASE_MS + 40 * MINUTE_MS
    broken = [
        replace(message, payload=b'{"ts": 1, "lat": "north"}')
        for message in positions(TRUCK, BASE_MS + 5 * MINUTE_MS, end)
    ]
    outcome = PathUnderTest(tmp_path).send(in_order_of_arrival(own, broken, fleet(BASE_MS, end)))
    (alert,) = silences(outcome, TRUCK)
    assert (alert.open, alert.severity) == (True, "P1")
    assert any("refused" in finding.en for finding in alert.evidence.findings)
    assert heard_at(outcome, TRUCK) == own[-1].received_at


def test_a_registered_device_heard_only_with_refused_readings_is_silent(tmp_path: Path) -> None:
    end = BASE_MS + 120 * MINUTE_MS
    broken = [replace(message, payload=b"{}") for message in positions("tk-new", BASE_MS, end)]
    path = PathUnderTest(tmp_path, registered_truck())
    outcome = path.send(in_order_of_arrival(broken, fleet(BASE_MS, end)))
    (alert,) = silences(outcome, "tk-new")
    assert (alert.open, alert.severity) == (True, "P4")
    assert "never been heard" in alert.title.en
    assert "从未" in alert.title.zh
    first = path.send(
        in_order_of_arrival(positions("tk-new", end, end + 5 * MINUTE_MS), fleet(end, end + 5 * MINUTE_MS))
    )
    assert [one.open for one in silences(first, "tk-new")] == [False]


def test_nothing_is_said_of_59_devices_while_an_installation_is_set_up(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path, registered_truck()).send(
        fleet(BASE_MS, BASE_MS + 180 * MINUTE_MS, step_ms=60_000)
    )
    assert outcome.of("silent_device") == []


def everybody(city_devices: list[str], start_ms: int, end_ms: int, step_ms: int) -> list[Message]:
    status = {"online": True, "session": 1}
    return [
        Message(f"haulwatch/v1/{device}/status", {"ts": ts, **status}, ts + DELAY_MS)
        for ts in range(start_ms, end_ms, step_ms)
        for device in city_devices
    ]


def test_one_registered_device_that_is_never_heard_is_silent(tmp_path: Path) -> None:
    path = PathUnderTest(tmp_path, registered_truck())
    heard = sorted(path.city.devices.keys() - {"tk-new"})
    day = everybody(heard, BASE_MS, BASE_MS + 26 * 60 * MINUTE_MS, 30 * MINUTE_MS)
    outcome = path.send(day)
    (alert,) = silences(outcome, "tk-new")
    assert (alert.subject, alert.severity, alert.open) == ("tk-new", "P4", True)
    again = path.send(everybody(heard, BASE_MS + 26 * 60 * MINUTE_MS, BASE_MS + 72 * 60 * MINUTE_MS, 30 * MINUTE_MS))
    assert len(silences(again, "tk-new")) == 1
    assert len([change for change in again.changes if change.subject == "tk-new"]) == 1


def statuses(outcome: Outcome, device: str) -> Row | None:
    return latest_status(outcome.rows[device, Kind.STATUS])


def test_a_will_of_the_same_second_as_its_birth_is_no_conflict(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path).send([replace(m, retain=False) for m in case("11-will-of-the-same-second")])
    assert outcome.ledger.total.quarantined == {}
    assert outcome.ledger.total.stored == 2
    latest = statuses(outcome, "truck-011")
    assert latest is not None
    assert latest.fields["online"] is False


def status(ts_s: float, session: int, cause: str, device: str = TRUCK) -> Message:
    ts = BASE_MS + round(ts_s * 1000)
    body = {"ts": ts, "online": cause not in {"will", "shutdown"}, "session": session, "cause": cause}
    return Message(f"haulwatch/v1/{device}/status", body, ts + DELAY_MS)


@pytest.mark.parametrize(
    ("sent", "online"),
    [
        ([status(0, 8, "birth"), status(300, 8, "heartbeat"), status(0, 8, "will")], False),
        ([status(1, 8, "birth"), status(0, 8, "will")], False),
        ([status(0, 8, "birth"), status(0, 8, "will"), status(0, 9, "birth")], True),
        ([status(0, 8, "birth"), status(400, 9, "birth"), status(0, 8, "will")], True),
        ([status(0, 8, "birth"), status(0, 8, "shutdown")], False),
        ([status(0, 8, "birth"), status(60, 8, "shutdown"), status(600, 9, "birth")], True),
        ([status(0, 800, "birth"), status(0, 800, "will"), status(600, 1, "birth")], True),
        ([status(0, 1, "will")], False),
    ],
    ids=["cut", "older will", "same second again", "late will", "shutdown", "on again", "counts from 1", "will alone"],
)
def test_the_latest_status(tmp_path: Path, sent: list[Message], online: bool) -> None:
    outcome = PathUnderTest(tmp_path).send(sent)
    latest = statuses(outcome, TRUCK)
    assert latest is not None
    assert latest.fields["online"] is online
    assert asyncio.run(_again(tmp_path, sent)) == 0


async def _again(folder: Path, sent: list[Message]) -> int:
    """How many of the messages are stored once more when the broker delivers them again."""
    path = PathUnderTest(folder)
    before = await asyncio.to_thread(path.drain)
    after = await asyncio.to_thread(path.send, sent)
    return after.ledger.total.stored - before.ledger.total.stored


def reports_of(role: DeviceRole, count: int, start_ms: int, end_ms: int, *, load: str = "empty") -> list[Message]:
    """The first devices of a kind, reporting as registered; trucks every 30 s."""
    city = jincheng()
    devices = sorted(device.id for device in city.devices.values() if device.role is role)[:count]
    if role is DeviceRole.TRUCK:
        return [one for n in devices for one in positions(n, start_ms, end_ms, step_ms=30_000, load=load)]
    body = {"compartment": "paper", "fill_pct": 20, "deposits": 2}
    return [
        Message(f"haulwatch/v1/{device}/fill", {"ts": ts, **body}, ts + DELAY_MS)
        for ts in range(start_ms, end_ms, 120_000)
        for device in devices
    ]


def test_an_outage_hides_no_loaded_truck(tmp_path: Path) -> None:
    """12 devices of 36 are gone for good; two hours later a loaded truck falls silent."""
    (first,) = case("12-outage-hides-a-loaded-truck")
    start, hours = first.payload["ts"], 60 * MINUTE_MS
    lost_at, silent_at, end = start + 10 * MINUTE_MS, start + 10 * MINUTE_MS + 2 * hours, start + 3 * hours
    trucks = [
        replace(one, payload={**one.payload, "load": "loaded"}) if TRUCK in one.topic else one
        for one in reports_of(DeviceRole.TRUCK, 12, start, end)
        if not (TRUCK in one.topic and one.payload["ts"] > silent_at)
    ]
    bins = reports_of(DeviceRole.RECYCLING_POINT, 24, start, end)
    gone = {f"point-{n:03}" for n in range(1, 13)}
    bins = [one for one in bins if one.topic.split("/")[2] not in gone or one.payload["ts"] < lost_at]
    outcome = PathUnderTest(tmp_path).send(in_order_of_arrival(trucks, bins), quiet_ms=60_000)
    (own,) = silences(outcome, TRUCK)
    steps = [change for change in outcome.changes if change.alert_id == own.alert_id]
    assert [str(step.severity) for step in steps[:3]] == ["P3", "P2", "P1"]
    assert (own.open, own.opened_at) == (True, silent_at)
    assert {alert.subject for alert in outcome.of("silent_device")} == {"system", TRUCK, *gone}
    (outage,) = silences(outcome, "system")
    assert not outage.open
    for device in gone:
        (alert,) = silences(outcome, device)
        assert alert.open


def test_a_restart_of_the_host_is_no_storm(tmp_path: Path) -> None:
    """Nobody is heard for eight minutes; some of the trucks are loaded."""
    (first,) = case("34-host-restart")
    start = first.payload["ts"]
    end, down, up = start + 40 * MINUTE_MS, start + 10 * MINUTE_MS, start + 18 * MINUTE_MS
    streams = [
        reports_of(DeviceRole.TRUCK, 24, start, end, load="loaded"),
        reports_of(DeviceRole.RECYCLING_POINT, 30, start, end),
    ]
    sent = [one for one in in_order_of_arrival(*streams) if not down <= one.payload["ts"] < up]
    outcome = PathUnderTest(tmp_path).send(sent, quiet_ms=60_000)
    assert [(alert.subject, alert.severity, alert.open) for alert in outcome.of("silent_device")] == [
        ("system", "P2", False)
    ]


def test_each_replayed_reading_is_counted_once_as_not_judged(tmp_path: Path) -> None:
    """A dead truck, of which the broker keeps position and birth, on an installation that connects three times."""
    at = BASE_MS + 60 * MINUTE_MS
    (retained,) = positions(TRUCK, BASE_MS, BASE_MS + 1)
    replayed = [replace(retained, retain=True), replace(status(-30, 8, "birth"), retain=True)]
    times = [replace(one, received_at=at + n * 20 * MINUTE_MS) for n in range(3) for one in replayed]
    heard = [replace(one, retain=False) for one in replayed]
    fresh = PathUnderTest(tmp_path / "never heard").send(in_order_of_arrival(times, fleet(at, at + 70 * MINUTE_MS)))
    assert fresh.judge.engine.not_judged == {TRUCK: {"retained": 2}}
    known = PathUnderTest(tmp_path / "heard before").send(
        in_order_of_arrival(heard, times, fleet(BASE_MS, at + 70 * MINUTE_MS))
    )
    assert known.judge.engine.not_judged == {}
    for outcome in (fresh, known):
        (stored,) = [line.stored for line in outcome.ledger.devices if line.device == TRUCK]
        assert stored == 2
        engine = outcome.judge.engine
        assert engine.judged[TRUCK] + sum(engine.not_judged.get(TRUCK, {}).values()) == stored


@pytest.mark.parametrize("sessions", [(8, 9), (9, 8), (8, 8)], ids=["in order", "the old one late", "sent again"])
def test_connections_within_one_second_of_the_clock_are_all_judged(tmp_path: Path, sessions: tuple[int, int]) -> None:
    sent = [status(0, session, cause) for session in sessions for cause in ("birth", "will")]
    times = [replace(one, received_at=one.received_at + n * 70_000) for n, one in enumerate(sent)]
    outcome = PathUnderTest(tmp_path).send(in_order_of_arrival(times, fleet(BASE_MS, BASE_MS + 10 * MINUTE_MS)))
    (stored,) = [line.stored for line in outcome.ledger.devices if line.device == TRUCK]
    assert outcome.judge.engine.judged[TRUCK] == stored
    assert outcome.judge.engine.not_judged == {}

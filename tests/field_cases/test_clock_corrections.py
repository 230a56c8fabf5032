"""Clocks that the registry corrects (`clock_correction_s`), through recorder and judge: stored, judged and said.

The oracle is the true time of each message, which the test gives: a truck drives for ten minutes and tips in the open
for a minute, as in `test_clocks`. With the right correction everything is as if the clock were right.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from devices.city.model import City
from devices.readings.models import Kind
from ingest.judge.rejudge import fleet_times, rejudge
from ingest.judge.replay import alert_steps, every_record, shuffled
from ingest.log.raw_log import RawLog
from ingest.log.revisions import city_record
from rules.alerts.actions import AlertView
from rules.catalogue import build_rules
from tests.field_cases.path import (
    BASE_MS,
    DELAY_MS,
    Message,
    Outcome,
    PathUnderTest,
    in_order_of_arrival,
    others,
    registered_truck,
)
from tests.field_cases.test_clocks import (
    HOUR_MS,
    MINUTE_MS,
    READINGS,
    ROLLOVER_MS,
    TIPS_FROM,
    TRUCK,
    always,
    assert_every_reading_is_accounted_for,
    clocks,
    drive,
    dumps,
    findings,
    stepped,
)

EIGHT_H = 28_800
TIPPED_AT = BASE_MS + TIPS_FROM * 10_000
POINT = "point-002"


def corrected(city: City, correction_s: int, device_id: str = TRUCK) -> City:
    device = replace(city.devices[device_id], clock_correction_s=correction_s)
    return replace(city, devices={**city.devices, device_id: device})


def other_alerts(outcome: Outcome) -> list[str]:
    """But for those that the truck of these tests always raises: it tips, and it has no route."""
    return [alert.rule for alert in outcome.standing() if alert.rule not in {"illegal_dumping", "cannot_be_judged"}]


def the_dump_at_its_true_time(outcome: Outcome) -> AlertView:
    [dump] = dumps(outcome)
    assert dump.severity == "P1"
    assert abs(dump.opened_at - TIPPED_AT) <= MINUTE_MS
    return dump


def import_city(path: PathUnderTest, city: City, at: int) -> None:
    """Put a revision of the city into the log, as whoever notices an import does."""
    with closing(RawLog(path.folder / "raw")) as log:
        log.append([city_record(city, at)])


def replayed(path: PathUnderTest) -> set[tuple[str, str, int]]:
    with closing(RawLog(path.folder / "raw")) as log:
        return set(alert_steps(rejudge(every_record(log), path.city, build_rules())))


CORRECTED = [
    pytest.param(-8 * HOUR_MS, EIGHT_H, id="8 h behind"),
    pytest.param(8 * HOUR_MS, -EIGHT_H, id="8 h ahead"),
    pytest.param(ROLLOVER_MS, 619_315_200, id="1024 weeks behind"),
]


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a fleet"])
@pytest.mark.parametrize(("offset_ms", "correction_s"), CORRECTED)
def test_a_corrected_clock_is_as_good_as_a_right_one_and_is_said(
    tmp_path: Path, offset_ms: int, correction_s: int, alone: bool
) -> None:
    fleet = [] if alone else others(BASE_MS, BASE_MS + READINGS * 10_000)
    messages = in_order_of_arrival(drive(always(offset_ms)), fleet)
    outcome = PathUnderTest(tmp_path, corrected(registered_truck(), correction_s)).send(messages)
    dump = the_dump_at_its_true_time(outcome)
    said = [finding for finding in dump.evidence.findings if "clock_correction_s" in finding.en]
    assert [f"{correction_s:+}" in finding.en and f"{correction_s:+}" in finding.zh for finding in said] == [True]
    assert other_alerts(outcome) == []
    times = [row.ts for row in outcome.rows[TRUCK, Kind.POSITION]]
    assert sorted(times) == [BASE_MS + n * 10_000 for n in range(READINGS)]
    counted = {line.device: line.clock_corrected for line in outcome.ledger.devices}
    assert counted.pop(TRUCK) == READINGS == outcome.ledger.total.clock_corrected
    assert set(counted.values()) <= {0}
    assert outcome.ledger.total.quarantined == {}
    assert outcome.judge.engine.not_judged == {}
    assert_every_reading_is_accounted_for(outcome)


def test_a_clock_without_a_correction_is_not_said_to_have_one(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path, registered_truck()).send(drive(always(0)))
    assert not any("correct" in finding for finding in findings(the_dump_at_its_true_time(outcome)))
    assert outcome.ledger.total.clock_corrected == 0


def test_the_time_of_a_last_will_and_of_a_retained_status_is_corrected_too(tmp_path: Path) -> None:
    statuses = [("birth", False), ("will", False), ("will", True)]
    messages = [
        Message(
            f"haulwatch/v1/{TRUCK}/status",
            {"ts": BASE_MS + n * 60_000 - 8 * HOUR_MS, "online": cause == "birth", "session": n, "cause": cause},
            BASE_MS + n * 60_000 + DELAY_MS,
            retain,
        )
        for n, (cause, retain) in enumerate(statuses)
    ]
    outcome = PathUnderTest(tmp_path, corrected(registered_truck(), EIGHT_H)).send(messages)
    assert [row.ts for row in outcome.rows[TRUCK, Kind.STATUS]] == [BASE_MS + n * 60_000 for n in range(3)]


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a fleet"])
@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("cut", [10, 40, 68, 100])
def test_a_clock_that_gets_its_correction_closes_the_alert_and_raises_nothing_else(
    tmp_path: Path, cut: int, alone: bool, restarted: bool
) -> None:
    behind = registered_truck()
    path = PathUnderTest(tmp_path, behind)
    fleet = [] if alone else others(BASE_MS, BASE_MS + READINGS * 10_000)
    messages = in_order_of_arrival(drive(always(-8 * HOUR_MS)), fleet)
    imported_at = BASE_MS + cut * 10_000
    before = [message for message in messages if message.received_at < imported_at]
    import_city(path, behind, BASE_MS)
    if restarted:
        path.send(before, quiet_ms=0)
    else:
        with closing(RawLog(path.folder / "raw")) as log:
            log.append([message.raw() for message in before])
    import_city(path, corrected(behind, EIGHT_H), imported_at)
    outcome = path.send(messages[len(before) :])
    assert [alert.open for alert in clocks(outcome)] == [False] * (cut >= 40), "believed after three minutes"
    tipped_at = TIPPED_AT - (8 * HOUR_MS if cut == 100 else 0)
    [dump] = dumps(outcome)
    assert (dump.severity, abs(dump.opened_at - tipped_at) <= MINUTE_MS) == ("P1", True)
    assert set(other_alerts(outcome)) <= {"device_clock"}
    assert outcome.judge.engine.not_judged == {}
    assert outcome.judge.engine.late == {}
    assert outcome.ledger.total.clock_corrected == READINGS - cut
    assert_every_reading_is_accounted_for(outcome)
    assert alert_steps(outcome.changes) == replayed(path)


def fills(levels: Sequence[float], offset_ms: int, first: int = 0) -> list[Message]:
    """A reading each two minutes, received a second later."""
    return [
        Message(
            f"haulwatch/v1/{POINT}/fill",
            {"ts": BASE_MS + n * 120_000 + offset_ms, "compartment": "main", "fill_pct": level, "deposits": 1},
            BASE_MS + n * 120_000 + DELAY_MS,
        )
        for n, level in enumerate(levels, start=first)
    ]


def test_eight_hours_that_did_not_pass_make_no_full_bin(tmp_path: Path) -> None:
    """Two readings at a level, with eight hours between them, would be an overflow."""
    path = PathUnderTest(tmp_path)
    before = [40.0] * 5 + [92.0]
    import_city(path, path.city, BASE_MS)
    path.send(fills(before, -8 * HOUR_MS), quiet_ms=0)
    import_city(path, corrected(path.city, EIGHT_H, POINT), BASE_MS + len(before) * 120_000)
    outcome = path.send(fills([92.0] + [40.0] * 5, -8 * HOUR_MS, len(before)))
    assert outcome.of("bin_overflow") == []
    assert [alert.open for alert in clocks(outcome)] == [False]
    assert_every_reading_is_accounted_for(outcome)


def test_a_bin_that_is_full_when_its_clock_gets_a_correction_is_raised_again_at_the_true_time(tmp_path: Path) -> None:
    path = PathUnderTest(tmp_path)
    import_city(path, path.city, BASE_MS)
    path.send(fills([95.0] * 12, -8 * HOUR_MS), quiet_ms=0)
    import_city(path, corrected(path.city, EIGHT_H, POINT), BASE_MS + 12 * 120_000)
    outcome = path.send(fills([95.0] * 12, -8 * HOUR_MS, 12))
    wrong, right = outcome.of("bin_overflow", POINT)
    assert (wrong.opened_at < BASE_MS - 7 * HOUR_MS, wrong.open) == (True, False)
    assert any("clock_correction_s was changed" in finding for finding in [wrong.title.en, *findings(wrong)])
    assert (BASE_MS + 12 * 120_000 <= right.opened_at <= BASE_MS + 18 * 120_000, right.open) == (True, True)
    assert [alert.open for alert in clocks(outcome)] == [False]


def test_a_silent_device_stays_silent_when_its_correction_changes(tmp_path: Path) -> None:
    end = BASE_MS + 60 * MINUTE_MS
    silent = [
        replace(message, payload=message.payload | {"load": "loaded", "ts": message.payload["ts"] - 8 * HOUR_MS})
        for message in others(BASE_MS, BASE_MS + 20 * MINUTE_MS, trucks=["truck-010"])
    ]
    messages = in_order_of_arrival(others(BASE_MS, end), silent)
    half = [message for message in messages if message.received_at < BASE_MS + 40 * MINUTE_MS]
    path = PathUnderTest(tmp_path)
    import_city(path, path.city, BASE_MS)
    path.send(half, quiet_ms=0)
    import_city(path, corrected(path.city, EIGHT_H, "truck-010"), BASE_MS + 40 * MINUTE_MS)
    outcome = path.send(messages[len(half) :], quiet_ms=0)
    assert [alert.open for alert in outcome.of("silent_device", "truck-010")] == [True]
    heard = others(end, end + 10 * MINUTE_MS, trucks=["truck-010", *(f"truck-{n:03}" for n in range(12, 25))])
    heard = [
        replace(m, payload=m.payload | {"ts": m.payload["ts"] - 8 * HOUR_MS}) if "truck-010" in m.topic else m
        for m in heard
    ]
    outcome = path.send(heard, quiet_ms=0)
    assert [alert.open for alert in outcome.of("silent_device", "truck-010")] == [False]
    assert [alert.open for alert in clocks(outcome)] == [False]


def test_a_whole_fleet_that_gets_its_corrections_at_once_raises_nothing(tmp_path: Path) -> None:
    """All devices of one make are 8 h behind, so that they lead fleet time, but for two trucks."""
    end = BASE_MS + 30 * MINUTE_MS
    wrong = [f"truck-{n:03}" for n in range(12, 25)]
    fleet = [
        replace(message, payload=message.payload | {"ts": message.payload["ts"] - 8 * HOUR_MS})
        for message in others(BASE_MS, end, trucks=wrong)
    ]
    messages = in_order_of_arrival(fleet, others(BASE_MS, end, trucks=["truck-010", "truck-011"]))
    half = [message for message in messages if message.received_at < BASE_MS + 15 * MINUTE_MS]
    path = PathUnderTest(tmp_path)
    import_city(path, path.city, BASE_MS)
    before = path.send(half, quiet_ms=0)
    city = path.city
    for device_id in wrong:
        city = corrected(city, EIGHT_H, device_id)
    import_city(path, city, BASE_MS + 15 * MINUTE_MS)
    outcome = path.send(messages[len(half) :], quiet_ms=MINUTE_MS)
    assert {alert.alert_id for alert in outcome.alerts} == {alert.alert_id for alert in before.alerts}
    assert [alert for alert in outcome.alerts if alert.open] == []
    assert abs(outcome.judge.engine.fleet_time - end) <= 2 * MINUTE_MS
    assert outcome.judge.engine.not_judged == {}
    assert_every_reading_is_accounted_for(outcome)
    assert alert_steps(outcome.changes) == replayed(path)


def test_messages_of_corrected_clocks_in_another_order_give_the_same_alerts(tmp_path: Path) -> None:
    path = PathUnderTest(tmp_path, corrected(registered_truck(), EIGHT_H))
    import_city(path, path.city, BASE_MS)
    fleet = others(BASE_MS, BASE_MS + READINGS * 10_000)
    outcome = path.send(in_order_of_arrival(drive(always(-8 * HOUR_MS)), fleet))
    with closing(RawLog(path.folder / "raw")) as log:
        records = every_record(log)
    again = shuffled(records, fleet_times(records, path.city, build_rules()), seed=7)
    of_truck = [record.message.topic.split("/")[2:3] == [TRUCK] for record in records]
    moved = [at for at, before, after in zip(of_truck, records, again, strict=True) if before.message != after.message]
    assert any(moved), "also messages of the corrected device"
    assert len(moved) > len(records) / 10
    assert alert_steps(rejudge(again, path.city, build_rules())) == alert_steps(outcome.changes)


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a fleet"])
def test_a_clock_that_is_mended_while_its_correction_stays_is_said_to_need_none(tmp_path: Path, alone: bool) -> None:
    fleet = [] if alone else others(BASE_MS, BASE_MS + READINGS * 10_000)
    messages = in_order_of_arrival(drive(stepped(-8 * HOUR_MS, at=0, until=90)), fleet)
    outcome = PathUnderTest(tmp_path, corrected(registered_truck(), EIGHT_H)).send(messages)
    assert outcome.ledger.total.quarantined == {"future_time": READINGS - 90}
    [wrong] = clocks(outcome)
    assert (wrong.open, "8.0 h ahead" in wrong.title.en) == (True, True)
    said = " ".join(findings(wrong))
    assert "refused" in said
    assert "28800" in said
    assert "set clock_correction_s to 0" in said
    assert "clock_correction_s 设为 0" in " ".join(finding.zh for finding in wrong.evidence.findings)
    assert "zone" not in said


@pytest.mark.parametrize(
    ("offset_ms", "needed_s"), [*[(p.values[0], p.values[1]) for p in CORRECTED], (-3_005_000, 3_006)]
)
def test_what_is_said_of_a_clock_names_the_correction_that_makes_it_right(
    tmp_path: Path, offset_ms: int, needed_s: int
) -> None:
    outcome = PathUnderTest(tmp_path / "wrong", registered_truck()).send(drive(always(offset_ms)))
    [wrong] = clocks(outcome)
    assert wrong.evidence.measures["needed_clock_correction_s"] == needed_s
    assert any(f"set clock_correction_s to {needed_s} " in finding for finding in findings(wrong))
    assert any(f"clock_correction_s 设为 {needed_s}" in finding.zh for finding in wrong.evidence.findings)
    right = PathUnderTest(tmp_path / "right", corrected(registered_truck(), needed_s)).send(drive(always(offset_ms)))
    assert clocks(right) == []


def test_a_correction_with_the_wrong_sign_says_the_right_one(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path, corrected(registered_truck(), -EIGHT_H)).send(drive(always(-8 * HOUR_MS)))
    [wrong] = clocks(outcome)
    assert "16.0 h behind" in wrong.title.en
    assert wrong.evidence.measures["needed_clock_correction_s"] == EIGHT_H


def test_a_clock_at_its_first_second_needs_more_than_a_correction_can_be(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path, registered_truck()).send(drive(always(946_684_800_000 - BASE_MS)))
    [wrong] = clocks(outcome)
    assert "needed_clock_correction_s" not in wrong.evidence.measures
    assert "Set the clock of the device" in findings(wrong)


def test_a_time_that_its_correction_puts_before_2000_is_quarantined_and_says_why(tmp_path: Path) -> None:
    body = {"ts": 946_684_800_000 + 1_000, "online": True, "session": 1}
    message = Message(f"haulwatch/v1/{TRUCK}/status", body, BASE_MS)
    outcome = PathUnderTest(tmp_path, corrected(registered_truck(), -EIGHT_H)).send([message])
    assert outcome.ledger.total.quarantined == {"out_of_bounds": 1}
    assert outcome.ledger.total.clock_corrected == 0

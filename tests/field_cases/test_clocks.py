"""Clocks that are wrong, through recorder and judge: what is raised, what is said of the clock, what is judged.

The oracle is written by hand: a truck drives for ten minutes and tips in the open for a minute; a clock changes how
that is dated, never whether it is found, unless its readings are refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rules.alerts.actions import AlertView
from tests.field_cases.path import (
    BASE_MS,
    DELAY_MS,
    Message,
    Outcome,
    PathUnderTest,
    case,
    in_order_of_arrival,
    live,
    others,
    registered_truck,
)

TRUCK = "tk-new"
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
SOURCE, TIP = (35.500508, 112.829439), (35.532702, 112.787408)
READINGS, TIPS_FROM, TIPS_UNTIL = 140, 71, 80
"""The truck stands at its source until reading 12, drives until 68, and has its bed up between these two."""
TO_2000_MS = 946_684_800_000 - BASE_MS
ROLLOVER_MS = -1_024 * 7 * DAY_MS

Clock = Callable[[int], int]
"""Device time less true time, ms, at the n-th reading."""


def drive(clock: Clock, n_readings: int = READINGS) -> list[Message]:
    """A loaded truck that tips in the open; one reading each 10 s, received a second later."""
    messages = []
    for n in range(n_readings):
        share = min(max((n - 12) / 56, 0), 1)
        lat, lon = (a + (b - a) * share for a, b in zip(SOURCE, TIP, strict=True))
        load_kg = 16_000 if n < TIPS_FROM + 2 else max(16_000 - 3_000 * (n - TIPS_FROM - 1), 0)
        body = {
            "ts": BASE_MS + n * 10_000 + clock(n), "seq": n, "lat": lat, "lon": lon,
            "speed_kmh": 36.0 if 0 < share < 1 else 0.0, "lift_up": TIPS_FROM <= n < TIPS_UNTIL, "cover_open": False,
            "satellites": 10, "hdop": 0.9, "accuracy_m": 4.0, "load_kg": load_kg,
            "load": "loaded" if load_kg > 2_000 else "empty",
        }  # fmt: skip
        messages.append(Message(f"haulwatch/v1/{TRUCK}/position", body, BASE_MS + n * 10_000 + DELAY_MS))
    return messages


def dumps(outcome: Outcome) -> list[AlertView]:
    return outcome.of("illegal_dumping", TRUCK)


def clocks(outcome: Outcome) -> list[AlertView]:
    return outcome.of("device_clock")


def findings(alert: AlertView) -> list[str]:
    return [finding.en for finding in alert.evidence.findings]


def assert_every_reading_is_accounted_for(outcome: Outcome) -> None:
    assert outcome.ledger.balanced
    engine = outcome.judge.engine
    for line in outcome.ledger.devices:
        accounted = engine.judged[line.device] + sum(engine.not_judged.get(line.device, {}).values())
        assert accounted == line.stored, line.device


def always(offset_ms: int) -> Clock:
    return lambda _: offset_ms


def stepped(offset_ms: int, at: int = 40, until: int = READINGS) -> Clock:
    """Right until reading `at`, and again from `until` on."""
    return lambda n: offset_ms if at <= n < until else 0


WRONG = [
    pytest.param(always(TO_2000_MS), "9829 days behind", TO_2000_MS, id="2000 from the start"),
    pytest.param(always(ROLLOVER_MS), "7168 days behind", ROLLOVER_MS, id="1024 weeks behind"),
    pytest.param(always(-8 * HOUR_MS), "8.0 h behind", -8 * HOUR_MS, id="8 h behind"),
    pytest.param(stepped(-HOUR_MS), "60 min behind", -HOUR_MS, id="an hour back while it drives"),
    pytest.param(stepped(TO_2000_MS), "9829 days behind", TO_2000_MS, id="2000 while it drives"),
    pytest.param(stepped(ROLLOVER_MS), "7168 days behind", ROLLOVER_MS, id="1024 weeks back while it drives"),
    pytest.param(stepped(-HOUR_MS, at=68), "60 min behind", -HOUR_MS, id="an hour back just before it tips"),
]


@pytest.mark.parametrize(("clock", "said", "offset_ms"), WRONG)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a fleet"])
def test_a_dump_by_a_clock_that_is_behind_is_found_and_says_so(
    tmp_path: Path, clock: Clock, said: str, offset_ms: int, alone: bool
) -> None:
    fleet = [] if alone else others(BASE_MS, BASE_MS + READINGS * 10_000)
    outcome = PathUnderTest(tmp_path, registered_truck()).send(in_order_of_arrival(drive(clock), fleet))
    [wrong] = clocks(outcome)
    assert (wrong.subject, wrong.open, wrong.severity) == (TRUCK, True, "P3")
    assert said in wrong.title.en
    assert abs(wrong.opened_at - BASE_MS) < READINGS * 10_000, "dated by fleet time"
    [dump] = dumps(outcome)
    assert dump.severity == "P1"
    tipped_at = BASE_MS + TIPS_FROM * 10_000 + offset_ms
    assert abs(dump.opened_at - tipped_at) <= MINUTE_MS
    assert any(f"Dated by a clock that is {said}" in finding for finding in findings(dump))
    other = {alert.rule for alert in outcome.standing()} - {"device_clock", "illegal_dumping"}
    assert other <= {"cannot_be_judged"}, "it has no route"
    assert outcome.judge.engine.not_judged == {}
    assert_every_reading_is_accounted_for(outcome)


@pytest.mark.parametrize("cut", [45, 57, 60, 72])
def test_a_restart_while_a_step_back_is_not_believed_yet_changes_nothing(tmp_path: Path, cut: int) -> None:
    path, messages = PathUnderTest(tmp_path, registered_truck()), drive(stepped(-HOUR_MS))
    path.send(messages[:cut], quiet_ms=0)
    outcome = path.send(messages[cut:])
    [dump] = dumps(outcome)
    assert abs(dump.opened_at - (BASE_MS + TIPS_FROM * 10_000 - HOUR_MS)) <= MINUTE_MS
    assert len(clocks(outcome)) == 1
    assert_every_reading_is_accounted_for(outcome)


def test_a_step_back_that_nothing_follows_is_late_readings_after_a_while(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path, registered_truck()).send(drive(stepped(-HOUR_MS), 50), quiet_ms=20 * MINUTE_MS)
    assert outcome.judge.engine.late == {TRUCK: 10}
    assert_every_reading_is_accounted_for(outcome)


def test_an_upload_at_any_pace_between_live_readings_begins_no_run(tmp_path: Path) -> None:
    """It buffered half an hour, and sends one old reading after each live one."""
    live_ones = drive(always(0), 200)
    buffered = [
        replace(
            message, payload=dict(message.payload) | {"ts": BASE_MS - 30 * MINUTE_MS + n * 10_000, "load": "loaded"}
        )
        for n, message in enumerate(live_ones[20:])
    ]
    outcome = PathUnderTest(tmp_path, registered_truck()).send(
        in_order_of_arrival(live_ones, buffered), quiet_ms=10 * MINUTE_MS
    )
    assert clocks(outcome) == []
    assert any(alert.severity == "P1" and alert.amendment != "retracted" for alert in dumps(outcome))
    assert_every_reading_is_accounted_for(outcome)


def test_what_is_said_of_a_clock_names_its_likely_cause(tmp_path: Path) -> None:
    said = {}
    for name, offset_ms in (("zone", -8 * HOUR_MS), ("gps", ROLLOVER_MS), ("none", -3_000_000)):
        outcome = PathUnderTest(tmp_path / name, registered_truck()).send(drive(always(offset_ms)))
        [alert] = clocks(outcome)
        said[name] = " ".join(findings(alert))
    assert "time of another zone" in said["zone"]
    assert "GPS week rollover" in said["gps"]
    assert "zone" not in said["none"] + said["gps"]


def test_a_device_that_is_8_h_ahead_is_heard_only_in_refusals_and_said_to_be(tmp_path: Path) -> None:
    fleet = others(BASE_MS, BASE_MS + READINGS * 10_000)
    messages = in_order_of_arrival(drive(always(8 * HOUR_MS)), fleet)
    outcome = PathUnderTest(tmp_path, registered_truck()).send(messages)
    [wrong] = clocks(outcome)
    assert "8.0 h ahead" in wrong.title.en
    assert any("refused" in finding for finding in findings(wrong))
    assert dumps(outcome) == []
    assert outcome.ledger.total.quarantined == {"future_time": READINGS}


def test_a_lone_device_that_is_8_h_ahead_is_said_to_be(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path, registered_truck()).send(drive(always(8 * HOUR_MS)))
    [wrong] = clocks(outcome)
    assert "8.0 h ahead" in wrong.title.en


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a fleet"])
@pytest.mark.parametrize("burst", [1, 2, 4])
def test_readings_119_s_ahead_make_no_honest_one_late(tmp_path: Path, alone: bool, burst: int) -> None:
    ahead: Clock = lambda n: 119_000 if n >= 30 and n % 8 < burst and not 60 <= n < 90 else 0  # noqa: E731
    fleet = [] if alone else others(BASE_MS, BASE_MS + READINGS * 10_000)
    messages = in_order_of_arrival(drive(ahead), fleet)
    outcome = PathUnderTest(tmp_path, registered_truck()).send(messages, quiet_ms=4 * MINUTE_MS)
    assert outcome.judge.engine.late == {}
    assert [alert.severity for alert in dumps(outcome)] == ["P1"]
    assert clocks(outcome) == []
    assert_every_reading_is_accounted_for(outcome)


@pytest.mark.parametrize("offset_ms", [-8 * HOUR_MS, -HOUR_MS, ROLLOVER_MS])
def test_a_clock_that_is_set_right_closes_the_alert(tmp_path: Path, offset_ms: int) -> None:
    outcome = PathUnderTest(tmp_path, registered_truck()).send(drive(stepped(offset_ms, at=0, until=90)))
    [wrong] = clocks(outcome)
    assert not wrong.open
    assert [alert.severity for alert in dumps(outcome)] == ["P1"]


def test_a_clock_that_steps_back_and_forward_again_closes_it_too(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path, registered_truck()).send(drive(stepped(-HOUR_MS, at=30, until=60), 180))
    [wrong] = clocks(outcome)
    assert not wrong.open
    assert [alert.severity for alert in dumps(outcome)] == ["P1"]
    assert_every_reading_is_accounted_for(outcome)


def test_a_clock_that_steps_back_twice_over_the_same_time_raises_each_dump_once(tmp_path: Path) -> None:
    """It is set to 2000 at each start: device times come again, and an alert is not taken for the one before."""
    once = drive(always(TO_2000_MS), 120)
    again = [replace(message, received_at=message.received_at + 2 * HOUR_MS) for message in once]
    for message, body in zip(again, [dict(message.payload) for message in once], strict=True):
        body["ts"] += 1_000  # not to the very millisecond, or the store has it already
        object.__setattr__(message, "payload", body)
    outcome = PathUnderTest(tmp_path, registered_truck()).send([*once, *again])
    assert [alert.severity for alert in dumps(outcome)] == ["P1", "P1"]
    assert_every_reading_is_accounted_for(outcome)


def shifted(messages: Sequence[Message], machine: Callable[[int], int]) -> list[Message]:
    """The same messages in the same order, received by a machine whose clock is so far ahead, ms."""
    return [
        replace(message, received_at=message.received_at + machine(message.received_at - BASE_MS))
        for message in messages
    ]


def day_ahead(since_ms: int) -> int:
    """From the 20th to the 25th minute this machine's clock is a day ahead."""
    return DAY_MS if 20 * MINUTE_MS <= since_ms < 25 * MINUTE_MS else 0


@pytest.mark.parametrize("sign", [1, -1], ids=["ahead", "behind"])
@pytest.mark.parametrize("with_truck", [False, True], ids=["machine", "machine and truck"])
def test_this_machine_and_a_truck_a_day_off_lead_nobody(tmp_path: Path, sign: int, with_truck: bool) -> None:
    """Nobody is silent but the loaded truck that is, and it is missed in time."""
    end = BASE_MS + 60 * MINUTE_MS
    honest = others(BASE_MS, end)
    wrong = others(BASE_MS, end, trucks=["truck-011"])
    if with_truck:
        wrong = [
            replace(m, payload=m.payload | {"ts": m.payload["ts"] + sign * day_ahead(m.received_at - BASE_MS)})
            for m in wrong
        ]
    silent = others(BASE_MS, BASE_MS + 30 * MINUTE_MS, trucks=["truck-010"])
    silent = [replace(message, payload=message.payload | {"load": "loaded"}) for message in silent]
    messages = in_order_of_arrival(honest, wrong, silent)
    path = PathUnderTest(tmp_path)
    outcome = path.send_as_received(shifted(messages, lambda since_ms: sign * day_ahead(since_ms)))
    silences = {(alert.subject, alert.severity, alert.open) for alert in outcome.of("silent_device")}
    outage = {("system", "P2", False)} if sign < 0 else set()  # all readings are refused for five minutes
    assert silences == {("truck-010", "P1", True)} | outage
    [missed] = [change for change in outcome.changes if change.rule == "silent_device" and change.severity == "P3"]
    assert missed.at - BASE_MS == 30 * MINUTE_MS - 10_000 + 180_000
    assert {alert.subject for alert in clocks(outcome)} <= {"truck-011"}
    assert abs(outcome.judge.engine.fleet_time - end) <= 2 * MINUTE_MS


@pytest.mark.parametrize("name", ["05a-clock-back-rtc-2000", "05c-clock-back-one-hour-back"])
def test_a_handed_clock_that_stepped_back_raises_the_dump_and_says_so(tmp_path: Path, name: str) -> None:
    outcome = PathUnderTest(tmp_path, registered_truck()).send(live(case(name)))
    found = {(alert.rule, alert.severity) for alert in outcome.standing() if alert.rule != "cannot_be_judged"}
    assert found == {("illegal_dumping", "P1"), ("device_clock", "P3")}
    assert "behind" in clocks(outcome)[0].title.en
    assert outcome.judge.engine.not_judged == {}


def test_a_handed_clock_that_is_8_h_behind_is_said_to_be(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path).send(live(case("07a-eight-hours-behind"), step_ms=120_000))
    [wrong] = clocks(outcome)
    assert (wrong.subject, wrong.open) == ("point-002", True)
    assert "8.0 h behind" in wrong.title.en
    assert "慢8.0小时" in wrong.title.zh
    [full] = outcome.of("bin_overflow", "point-002")
    assert any("8.0 h behind" in finding for finding in findings(full))

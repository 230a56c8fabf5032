"""The collector is cut off, or down, and time passes that nobody measured. The oracle is what the test lets happen.

Ticks come each ten seconds while the collector listens; none while it does not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from ingest.log.records import TICK_TOPIC
from tests.field_cases.path import BASE_MS, DELAY_MS, Message, Outcome, PathUnderTest, registered_truck
from tests.field_cases.test_clock_corrections import EIGHT_H, corrected, import_city
from tests.field_cases.test_clocks import HOUR_MS, MINUTE_MS, TIPS_FROM, TRUCK, Clock, always, clocks, drive, dumps

STANDS: Final = {"lat": 35.4836, "lon": 112.8362, "speed_kmh": 0.0, "satellites": 10, "hdop": 0.9}
TICK_MS: Final = 10_000


def standing(trucks: Iterable[str], start: int, end: int, clock_ms: int = 0, load: str = "empty") -> list[Message]:
    """Trucks in the depot, one reading each ten seconds, by clocks that are so far ahead."""
    return [
        Message(f"haulwatch/v1/{truck}/position", {"ts": ts + clock_ms, **STANDS, "load": load}, ts + DELAY_MS)
        for truck in trucks
        for ts in range(start, end, 10_000)
    ]


def trucks(first: int, end: int) -> list[str]:
    return [f"truck-{number:03}" for number in range(first, end)]


def driven(start: int, clock: Clock = always(0), readings: int = 140) -> list[Message]:  # noqa: B008 - no state
    """The truck that tips in the open, from `start` on."""
    moved = start - BASE_MS
    return [
        replace(
            message,
            received_at=message.received_at + moved,
            payload=message.payload | {"ts": message.payload["ts"] + moved},
        )
        for message in drive(clock, readings)
    ]


def uploaded(messages: Iterable[Message], away: range, back: int) -> list[Message]:
    """What was measured in `away` arrives at `back`, oldest first."""
    return [replace(one, received_at=back) if one.received_at in away else one for one in messages]


def heard(messages: Sequence[Message], end: int, away: range = range(0)) -> list[Message]:
    """In the order of arrival, with the ticks of a collector that listens but for `away`."""
    arriving = sorted(messages, key=lambda message: message.received_at)
    ends = [*(message.received_at for message in arriving[1:]), end]
    ticks = [
        Message(TICK_TOPIC, str(TICK_MS).encode(), at)
        for message, until in zip(arriving, ends, strict=True)
        for at in range(message.received_at + TICK_MS, until, TICK_MS)
        if at not in away
    ]
    return sorted([*arriving, *ticks], key=lambda message: message.received_at)


def send(folder: Path, messages: Sequence[Message], end: int, away: range = range(0)) -> Outcome:
    return PathUnderTest(folder, registered_truck()).send_as_received(heard(messages, end, away))


def rules_of(outcome: Outcome, subject: str) -> set[str]:
    return {alert.rule for alert in outcome.alerts if alert.subject == subject}


@pytest.mark.parametrize("first_after_min", [0, 11, 40])
def test_a_night_without_a_collector_accuses_no_clock(tmp_path: Path, first_after_min: int) -> None:
    """Eight hours; the first reading comes some time after the collector is back, by another truck."""
    away = range(BASE_MS + HOUR_MS, BASE_MS + 9 * HOUR_MS)
    start = away.stop + first_after_min * MINUTE_MS
    sent = [*standing(["truck-001"], BASE_MS, BASE_MS + 40 * MINUTE_MS), *driven(start)]
    outcome = send(tmp_path, sent, start + 40 * MINUTE_MS, away)
    assert clocks(outcome) == []
    (dump,) = dumps(outcome)
    assert dump.severity == "P1"
    assert abs(dump.opened_at - start - TIPS_FROM * 10_000) <= MINUTE_MS


@pytest.mark.parametrize("minutes", [12, 25, 120])
def test_what_nobody_listened_to_is_no_silence(tmp_path: Path, minutes: int) -> None:
    """The devices keep nothing: all that they sent meanwhile is lost. They never stopped."""
    away = range(BASE_MS + 20 * MINUTE_MS, BASE_MS + (20 + minutes) * MINUTE_MS)
    end = away.stop + 20 * MINUTE_MS
    sent = [*standing(trucks(12, 24), BASE_MS, end), *standing([TRUCK], BASE_MS, end, load="loaded")]
    outcome = send(tmp_path, [one for one in sent if one.received_at not in away], end, away)
    assert outcome.of("silent_device") == []


def test_a_truck_that_died_meanwhile_is_missed_from_then_on(tmp_path: Path) -> None:
    away = range(BASE_MS + 20 * MINUTE_MS, BASE_MS + 80 * MINUTE_MS)
    end = away.stop + 20 * MINUTE_MS
    sent = [*standing(trucks(12, 24), BASE_MS, end), *standing([TRUCK], BASE_MS, away.start, load="loaded")]
    outcome = send(tmp_path, [one for one in sent if one.received_at not in away], end, away)
    (silence,) = outcome.of("silent_device")
    assert (silence.subject, silence.open) == (TRUCK, True)
    assert abs(silence.opened_at - away.start) <= MINUTE_MS


def test_uploads_take_no_belief_from_clocks_that_are_right(tmp_path: Path) -> None:
    """Two of thirteen are eight hours behind, and live again ten minutes before the others upload."""
    away = range(BASE_MS + 20 * MINUTE_MS, BASE_MS + 140 * MINUTE_MS)
    end = away.stop + 30 * MINUTE_MS
    wrong = standing(trucks(12, 14), BASE_MS, end, clock_ms=-8 * HOUR_MS)
    right = [*standing(trucks(14, 24), BASE_MS, end), *driven(away.start - 400_000)]
    longer = range(away.start, away.stop + 10 * MINUTE_MS)
    sent = [*uploaded(wrong, away, away.stop), *uploaded(right, longer, longer.stop)]
    outcome = send(tmp_path, sent, end, away)
    assert {alert.subject for alert in clocks(outcome) if alert.open} == {"truck-012", "truck-013"}
    assert "device_clock" not in rules_of(outcome, TRUCK)
    assert [dump.severity for dump in dumps(outcome)] == ["P1"]


def test_a_lone_truck_whose_clock_is_set_right_was_not_silent(tmp_path: Path) -> None:
    """It begins eight hours behind, and is heard each ten seconds."""
    set_at, end = BASE_MS + 10 * MINUTE_MS, BASE_MS + 40 * MINUTE_MS
    before = standing([TRUCK], BASE_MS, set_at, clock_ms=-8 * HOUR_MS, load="loaded")
    outcome = send(tmp_path, [*before, *standing([TRUCK], set_at, end, load="loaded")], end)
    assert outcome.of("silent_device") == []


@pytest.mark.parametrize("live_first", [False, True])
def test_a_dump_is_found_although_the_clock_is_corrected_while_the_truck_is_away(
    tmp_path: Path, live_first: bool
) -> None:
    away = range(BASE_MS + 20 * MINUTE_MS, BASE_MS + 140 * MINUTE_MS)
    end, start, imported_at = away.stop + 40 * MINUTE_MS, away.start - 400_000, away.stop - HOUR_MS + 1
    truck = driven(start, always(-8 * HOUR_MS), readings=900)
    sent = [
        *standing(trucks(12, 15), BASE_MS, end),
        *uploaded(truck, away, away.stop + (11_500 if live_first else 500)),
    ]
    arriving = heard(sent, end)
    city = registered_truck()
    path = PathUnderTest(tmp_path, city)
    path.send_as_received([one for one in arriving if one.received_at < imported_at])
    path.city = corrected(city, EIGHT_H)
    import_city(path, path.city, imported_at)
    outcome = path.send_as_received([one for one in arriving if one.received_at >= imported_at])
    (dump,) = dumps(outcome)
    assert dump.severity == "P1"
    assert abs(dump.opened_at - start - TIPS_FROM * 10_000) <= MINUTE_MS
    assert outcome.judge.engine.not_judged == {}

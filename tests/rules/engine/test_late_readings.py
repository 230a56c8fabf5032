"""Readings that come late: any arrival order over a day ends in the same alerts, and every reading is accounted for."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devices.city.sites import Validity
from devices.readings.models import Position, Reading, Status
from rules.alerts.model import AlertChange, Amendment
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.engine.late.reading_pack import ReadingPack
from rules.engine.reorder_buffer import BufferedReading, order_key
from tests.examples import examples
from tests.rules.town import T0, Trip, fills, in_time, run, summaries, ticket, town

HOUR_MS = 3_600_000


@cache
def story() -> tuple[Reading, ...]:
    """Within an hour: T1 deviates, T2 dumps, T4 tips where it may (and a ticket says so), P24 overflows, P23 hovers:
    its alert comes back twice, so that its closings are held.
    """
    deviates = Trip("T1", 0, 0, load="loaded").stand(60).drive(4000, 0).drive(4000, 1500).drive(4000, 0).drive(9000, 0)
    dumps = Trip("T2", 0, 0, at_s=3, load="loaded", load_kg=12_000.0, lift_up=False, cover_open=False).drive(3000, 0)
    dumps.now(cover_open=True).stand(40).stand(80, lift_up=True).now(load_kg=300.0, load="empty").stand(
        60, lift_up=True
    )
    dumps.stand(60).drive(9800, 0)
    weighed = Trip("T4", 0, 0, at_s=1, load="loaded", lift_up=False, cover_open=False).drive(5000, 0)
    weighed.now(cover_open=True).stand(30).stand(200, lift_up=True).now(cover_open=False).drive(9990, 0).stand(300)
    overflow = fills([50, 70, 85, 88, 91, 93, 96, 97, 20, 15], point="P24", every_s=300, deposits=4)
    hovers = fills([*[92, 93, 94, 68, 68] * 3, 69, 68], point="P23", every_s=120)
    trips = (deviates, dumps, weighed)
    return tuple(in_time(*(trip.readings for trip in trips), overflow, hovers, [ticket("T4", weighed.now_s - 200)]))


def clock(until_ms: int) -> list[tuple[int, Reading]]:
    """Another truck that reports once a minute: fleet time goes on."""
    trip = Trip("T6", 500, 500, at_s=-60, every_s=60)
    return [(reading.ts, reading) for reading in trip.stand((until_ms - T0) / 1000).readings]


def play(arrivals: Iterable[tuple[int, Reading]], restarts: Sequence[int] = ()) -> tuple[RuleEngine, list[AlertChange]]:
    """Judge in the order of arrival; after each of `restarts` messages the engine goes on from its rows."""
    engine, kept, changes = RuleEngine(town(), build_rules()), dict[str, bytes](), list[AlertChange]()
    for n, (at_ms, reading) in enumerate(sorted(arrivals, key=lambda arrival: arrival[0])):
        engine.receive(at_ms)
        changes += engine.judge(reading)
        if n in restarts:
            fleet, devices = engine.unsaved()
            kept.update(devices)
            engine = RuleEngine(town(), build_rules())
            engine.restore(fleet, kept.items())
    for _ in range(15):
        changes += engine.advance(10_000)
    assert not engine.failures
    for change in changes:
        assert change.title.en.startswith("Withdrawn: ") is (change.amendment is Amendment.RETRACTED), change
    return engine, changes


def standing(changes: Iterable[AlertChange]) -> set[tuple[str, str, str, str]]:
    """The alerts in the end; silence depends on when a device is heard."""
    last = {change.alert_id: change for change in changes}
    return {
        (change.rule, change.alert_id, str(change.phase), str(change.severity))
        for change in last.values()
        if change.amendment is not Amendment.RETRACTED and change.rule != "silent_device"
    }


@cache
def expected() -> frozenset[tuple[str, str, str, str]]:
    _, changes = play([*((reading.ts, reading) for reading in story()), *clock(T0 + HOUR_MS)])
    return frozenset(standing(changes))


def test_the_story_has_alerts_of_every_rule() -> None:
    assert {rule for rule, *_ in expected()} == {
        "illegal_dumping",
        "bed_raised_outside",
        "route_deviation",
        "bin_overflow",
    }


@settings(max_examples=examples(4, exploring=40))
@example(seed=996, pieces=6, restarts=[])  # a day after the gap it waits as if its clock had stepped back
@given(seed=st.integers(0, 1 << 32), pieces=st.integers(1, 6), restarts=st.lists(st.integers(0, 900), max_size=4))
def test_any_arrival_order_over_a_day_ends_in_the_same_alerts(seed: int, pieces: int, restarts: list[int]) -> None:
    """Each device is offline for stretches of its time and uploads them hours later, in order, reversed or mixed."""
    dice = Random(seed)
    arrivals = clock(T0 + 26 * HOUR_MS)
    of_device: dict[str, list[Reading]] = {}
    for reading in story():
        of_device.setdefault(reading.device_id, []).append(reading)
    for readings in of_device.values():
        cuts = sorted(dice.sample(range(1, len(readings)), min(pieces, len(readings) - 1))) if len(readings) > 1 else []
        for start, end in zip([0, *cuts], [*cuts, len(readings)], strict=True):
            part, uploaded_at = readings[start:end], T0 + dice.randrange(HOUR_MS, 24 * HOUR_MS)
            order = dice.choice(("live", "oldest", "newest", "mixed"))
            if order == "mixed":
                dice.shuffle(part)
            for n, reading in enumerate(reversed(part) if order == "newest" else part):
                arrivals.append((reading.ts if order == "live" else uploaded_at + 200 * n, reading))
    engine, changes = play(arrivals, restarts)
    assert standing(changes) == expected()
    assert engine.not_judged == {}


@pytest.mark.long
@settings(max_examples=examples(2, exploring=20))
@example(seed=1120, repeats=22)  # withdrawn, then confirmed and withdrawn again by one second judgement
@given(seed=st.integers(0, 1 << 32), repeats=st.integers(0, 30))
def test_stored_is_judged_and_not_judged(seed: int, repeats: int) -> None:
    """Readings come in any order, some of them again within the day, and some older than every gap that is kept."""
    dice = Random(seed)
    sent = [*story(), *dice.choices(story(), k=repeats)]
    arrivals = [(T0 + dice.randrange(HOUR_MS, 20 * HOUR_MS), reading) for reading in sent]
    stale = Trip("T6", 500, 500, at_s=-7200).stand(600).readings
    arrivals += [(T0 + dice.randrange(30 * HOUR_MS, 34 * HOUR_MS), reading) for reading in stale]
    live = [fills([10.0] * (35 * 12), point=point, every_s=300) for point in ("P01", "P02")]  # a quorum, with T6
    arrivals += [*clock(T0 + 35 * HOUR_MS), *((reading.ts, reading) for row in live for reading in row)]
    engine, _ = play(arrivals, restarts=(100, 500))
    stored = {order_key(reading) for _, reading in arrivals}
    for device_id in {key[2] for key in stored}:
        accounted = engine.judged[device_id] + sum(engine.not_judged.get(device_id, {}).values())
        assert accounted == sum(key[2] == device_id for key in stored), device_id
    assert engine.not_judged == {"T6": {"too_late": len(stale)}}


def offline_dump(first: Sequence[Reading]) -> list[tuple[int, Reading]]:
    """T2 goes offline at 200 s, tips, and is back an hour later with `first`, then with what it buffered."""
    arrivals = clock(T0 + 3 * HOUR_MS)
    for reading in story():
        if reading.device_id == "T2":
            buffered = reading.ts > T0 + 200_000
            arrivals.append((T0 + HOUR_MS + 5_000 if buffered else reading.ts, reading))
    return [*arrivals, *((T0 + HOUR_MS, reading) for reading in first)]


def test_a_birth_before_the_buffer_hides_nothing() -> None:
    birth = Status(device_id="T2", ts=T0 + HOUR_MS, online=True, session=2, cause="birth")
    _, changes = play(offline_dump([birth]))
    assert standing(changes) == {alert for alert in expected() if alert[0] == "illegal_dumping"}


def test_a_live_fix_before_the_buffer_hides_nothing() -> None:
    _, changes = play(offline_dump(Trip("T2", 9800, 0, at_s=3590, load="empty").stand(10).readings))
    assert standing(changes) == {alert for alert in expected() if alert[0] == "illegal_dumping"}
    (dump,) = [change for change in changes if change.rule == "illegal_dumping" and change.phase == "confirmed"]
    assert dump.amendment is Amendment.NEW_LATE
    assert dump.at < T0 + HOUR_MS, "dated by device time"


def test_a_retained_reading_that_waits_among_those_uploaded_counts_once() -> None:
    """A broker may replay what has just been uploaded, before it is judged behind its gap."""
    engine = RuleEngine(town(), build_rules())
    lost = range(T0 + 200_001, T0 + 300_000)
    arrivals = sorted([one for one in offline_dump([]) if one[1].ts not in lost], key=lambda arrival: arrival[0])
    uploaded = max((one for _, one in arrivals if one.device_id == "T2"), key=lambda one: one.ts)
    for at_ms, reading in arrivals:
        engine.receive(at_ms)
        engine.judge(reading)
        if T0 + HOUR_MS + 5_000 < at_ms <= T0 + HOUR_MS + 120_000:
            engine.judge_retained(uploaded)
    assert engine.judged["T2"] == sum(reading.device_id == "T2" for _, reading in arrivals)
    assert engine.not_judged == {}


def test_what_waits_of_a_device_that_is_no_longer_valid_then_counts_so() -> None:
    """The registry ends the device while it waits; nothing failed."""
    city, until = town(), T0 + 300_000
    drive = Trip("T1", 0, 0, load="empty").stand(60).drive(9000, 0).readings
    live, late = [one for one in drive if one.ts < until], [one for one in drive if one.ts >= until]
    assert late
    engine = RuleEngine(city, build_rules())
    back = Trip("T1", 9000, 0, at_s=3600, load="empty").stand(60).readings
    for at_ms, reading in [*((one.ts, one) for one in (*live, *back)), *((back[-1].ts + 1, one) for one in late)]:
        engine.receive(at_ms)
        engine.judge(reading)
    ended = replace(city.devices["T1"], validity=Validity(None, until))
    engine.replace_city(replace(city, devices={**city.devices, "T1": ended}))
    for _ in range(60):
        engine.advance(10_000)
    counted = engine.not_judged["T1"]
    assert set(counted) == {"not_valid"}
    assert counted["not_valid"] >= len(late)
    assert engine.judged["T1"] + counted["not_valid"] == len(drive) + len(back)


def test_a_ticket_of_an_offline_truck_hides_nothing() -> None:
    _, changes = play(offline_dump([ticket("T2", 3500, direction="out")]))
    assert standing(changes) == {alert for alert in expected() if alert[0] == "illegal_dumping"}


def test_a_suspicion_that_the_buffer_does_not_bear_out_is_retracted() -> None:
    """Seen before and after an offline stretch only, a stop looks longer than it was."""
    stays = Trip("T2", 3000, 0, load="loaded", lift_up=False).stand(40)
    elsewhere = Trip("T2", 3000, 0, at_s=50, load="loaded", lift_up=False).drive(4000, 0).drive(3000, 0)
    stays_again = Trip("T2", 3000, 0, at_s=elsewhere.now_s + 900, load="empty", lift_up=False).stand(300)
    buffer = [*elsewhere.readings]
    back = stays_again.readings[0].ts
    arrivals = [(reading.ts, reading) for reading in (*stays.readings, *stays_again.readings)]
    arrivals += [(back + 5_000, reading) for reading in buffer]
    engine, changes = play([*arrivals, *clock(T0 + HOUR_MS)])
    in_order = play([*((reading.ts, reading) for _, reading in arrivals), *clock(T0 + HOUR_MS)])[1]
    assert standing(changes) == standing(in_order)
    assert engine.not_judged == {}


def test_a_silence_is_retracted_only_when_measurements_fill_it() -> None:
    """A birth and heartbeats say that the device lives, not what it measured."""
    before = Trip("T1", 500, 0, load="loaded").stand(100)
    beats = [Status(device_id="T1", ts=T0 + s * 1000, online=True, session=2) for s in range(720, 1000, 60)]
    after = Trip("T1", 500, 0, at_s=1000, load="loaded").stand(600)
    found = play(
        [*((reading.ts, reading) for reading in [*before.readings, *beats, *after.readings]), *clock(T0 + HOUR_MS // 2)]
    )[1]
    assert "retracted" not in " ".join(summaries(found))
    assert "T1 closed P2" in summaries(found)


def test_of_two_readings_of_one_instant_the_first_that_arrived_counts_also_when_it_came_late() -> None:
    readings = [reading for reading in story() if reading.device_id == "T2" and isinstance(reading, Position)]
    forged = [Position(device_id="T2", ts=reading.ts, lat=35.0, lon=112.0) for reading in readings]
    arrivals = offline_dump([])
    for reading, other in zip(readings, forged, strict=True):
        arrivals.append((T0 + 2 * HOUR_MS, other))
        assert reading.ts == other.ts
    _, changes = play(arrivals)
    assert standing(changes) == {alert for alert in expected() if alert[0] == "illegal_dumping"}


def test_a_pack_gives_back_what_was_put_in() -> None:
    pack, readings = ReadingPack(), [BufferedReading(reading.ts, reading.ts + 5, reading) for reading in story()]
    for reading in readings:
        pack.add(reading)
    assert pack.after(0) == readings
    assert pack.count == len(readings)
    middle = readings[100].ts
    assert pack.after(middle) == [entry for entry in readings if entry.ts > middle]
    assert pack.size < 60 * len(readings)
    pack.drop_after(middle)
    assert pack.after(0) == [entry for entry in readings if entry.ts <= middle]
    pack.drop_until(middle)
    assert (pack.count, pack.size) == (0, 0)


def test_an_engine_without_late_readings_keeps_quiet_about_them() -> None:
    engine = RuleEngine(town(), build_rules())
    run(engine, story())
    assert (engine.not_judged, engine.late) == ({}, {})


def test_a_closed_road_still_excuses_what_began_before_a_gap() -> None:
    """Three trucks leave the road at one place; one of them is then offline and uploads."""
    trips = [
        Trip(truck, 0, 0, at_s=60 + 120 * n).drive(6000, 0).drive(6000, -900, kmh=25).stand(1200)
        for n, truck in enumerate(("T1", "T2", "T3"))
    ]
    first = trips[0].readings
    left = next(n for n, reading in enumerate(first) if reading.ts > T0 + 760_000)
    back = T0 + 1_800_000
    arrivals = [(reading.ts, reading) for trip in trips[1:] for reading in trip.readings]
    arrivals += [(reading.ts, reading) for reading in first[:left]]
    arrivals += [(back, first[-1]), *((back + 5_000, reading) for reading in first[left:-1])]
    _, changes = play([*arrivals, *clock(T0 + HOUR_MS)])
    assert standing(changes) == set()
    assert "T1 retracted P3" in summaries(changes) or "T1 retracted P2" in summaries(changes)


def test_a_closing_that_is_held_is_published_after_late_readings_too() -> None:
    """P23 sank at last; before its closing is due, readings come that make it wait longer, for one more return."""
    hovers = [reading for reading in story() if reading.device_id == "P23"]
    uploaded_at = hovers[-1].ts + 8 * 60_000
    arrivals = [(uploaded_at if n in range(9, 12) else reading.ts, reading) for n, reading in enumerate(hovers)]
    _, in_order = play([*((reading.ts, reading) for reading in hovers), *clock(T0 + 2 * HOUR_MS)])
    _, late = play([*arrivals, *clock(T0 + 2 * HOUR_MS)])
    (closed, *_), (closed_late, *_) = (
        [change for change in reversed(changes) if change.rule == "bin_overflow"] for changes in (in_order, late)
    )
    assert str(closed.phase) == str(closed_late.phase) == "closed"
    assert closed.at == closed_late.at > uploaded_at
    assert closed.closed_at == closed_late.closed_at


def test_what_is_a_day_late_has_no_place_although_no_other_gap_opens() -> None:
    """The gap before the first reading of a lone device ends too, and with it the keeping of all its readings."""
    old = Trip("T6", 500, 500, at_s=-7200).stand(10).readings[0]
    steady = [(reading.ts, reading) for reading in Trip("T6", 500, 500, every_s=20).stand(26 * 3600).readings]
    engine, _ = play([*steady, (T0 + 51 * HOUR_MS // 2, old)])
    assert engine.not_judged == {"T6": {"too_late": 1}}
    engine, _ = play([*steady, (T0 + 20 * HOUR_MS, old)])
    assert engine.not_judged == {}

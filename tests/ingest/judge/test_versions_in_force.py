"""A route and a fence that change today: yesterday stays as it was judged, also what is uploaded of it afterwards."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from devices.city.model import City
from devices.city.succession import from_instant
from devices.readings.models import Reading
from ingest.judge.rejudge import rejudge
from ingest.judge.replay import alert_steps, every_record
from ingest.log.raw_log import RawLog
from ingest.log.records import LogRecord, RawMessage
from ingest.log.revisions import city_record
from rules.alerts.model import AlertChange, Amendment, Phase
from rules.catalogue import build_rules
from tests.ingest.judge.test_judge import FakeJournal, message
from tests.ingest.judge.test_revisions import judge_all, judge_of
from tests.rules.town import T0, Trip, road, square, town

CHANGE_S = 3_600
CHANGE = T0 + CHANGE_S * 1000
OLD = town(revision=1)
DRAWN_AGAIN = replace(
    OLD,
    revision=2,
    routes=(replace(OLD.routes[0], line=road((0, 0), (3_000, 0), (3_000, 1_200), (10_000, 1_200), (10_000, 0))),),
)
"""The East road makes a detour from now on: what was off it is on it, and the straight way is off."""
NEW = from_instant(OLD, DRAWN_AGAIN, CHANGE)


def detour(truck: str, at_s: float) -> Trip:
    """Straight on, up to where the detour will be, and back the same way: minutes off the road as it was."""
    trip = Trip(truck, 500, 0, at_s=at_s, load="loaded").drive(3_000, 0).drive(3_000, 1_200)
    return trip.stand(200).drive(3_000, 0).drive(500, 0)


def sent(*messages: Iterable[RawMessage]) -> list[RawMessage]:
    """In the order of receipt."""
    return sorted((one for row in messages for one in row), key=lambda one: one.received_at)


def live(readings: Iterable[Reading]) -> list[RawMessage]:
    return [message(reading) for reading in readings]


def uploaded(readings: Iterable[Reading], at_s: float) -> list[RawMessage]:
    """All at once, in the order of time."""
    start = T0 + round(at_s * 1000)
    return [structs.replace(message(reading), received_at=start + 100 * n) for n, reading in enumerate(readings)]


def clock(until_s: float) -> list[RawMessage]:
    """Another truck that reports all the time: fleet time goes on."""
    return live(Trip("T6", 500, 500, at_s=-60, every_s=30).stand(until_s + 60).readings)


def story() -> list[RawMessage]:
    """T1 is off the old route before the change. T2 was too, but uploads that an hour later. T3 drives straight on
    after the change.
    """
    of_t2 = detour("T2", 300).readings
    before, after = Trip("T2", 500, 0).stand(290), Trip("T2", 500, 0, at_s=CHANGE_S + 900).stand(300)
    return sent(
        clock(CHANGE_S + 2_400),
        live(detour("T1", 60).readings),
        live(before.readings),
        live(after.readings),
        uploaded(of_t2, CHANGE_S + 1_250),
        live(Trip("T3", 500, 0, at_s=CHANGE_S + 300, load="loaded").drive(9_000, 0).readings),
    )


def written(log: RawLog, messages: Sequence[RawMessage], city: City | None) -> None:
    """The messages, with the revision of the old city before them, and another city at the change."""
    changed = [] if city is None else [city_record(city, CHANGE)]
    log.append([city_record(OLD, messages[0].received_at), *sent(messages, changed)])


def deviations(changes: Iterable[AlertChange]) -> dict[str, list[AlertChange]]:
    """Changes of alerts of route deviation that stand in the end, by truck."""
    found: dict[str, list[AlertChange]] = {}
    for change in changes:
        if change.rule == "route_deviation":
            found.setdefault(change.subject, []).append(change)
    return {truck: steps for truck, steps in found.items() if steps[-1].amendment is not Amendment.RETRACTED}


def judged(
    folder: Path, messages: Sequence[RawMessage], city: City | None
) -> tuple[list[AlertChange], list[LogRecord]]:
    journal = FakeJournal()
    with closing(RawLog(folder / "raw")) as log:
        written(log, messages, city)
        judge_all(judge_of(folder, log, journal, OLD))
        return journal.order, every_record(log)


def test_a_route_that_changes_today_leaves_yesterday_as_it_was(tmp_path: Path) -> None:
    order, records = judged(tmp_path / "new", story(), NEW)
    unchanged, _ = judged(tmp_path / "old", story(), None)
    assert deviations(order).keys() == {"T1", "T2", "T3"}
    assert deviations(unchanged).keys() == {"T1", "T2"}
    assert alert_steps(deviations(order)["T1"]) == alert_steps(deviations(unchanged)["T1"])
    late, never = (deviations(found)["T2"][-1] for found in (order, unchanged))
    assert (late.onset, late.closed_at, late.evidence.measures) == (
        never.onset,
        never.closed_at,
        never.evidence.measures,
    )
    assert alert_steps(rejudge(records, OLD, build_rules())) == alert_steps(order)


def test_a_shape_that_is_drawn_over_judges_late_readings_of_yesterday_by_it(tmp_path: Path) -> None:
    """Why a change is a version: here it is none."""
    order, _ = judged(tmp_path, story(), DRAWN_AGAIN)
    assert deviations(order).keys() == {"T1", "T3"}


MOVED = replace(
    OLD,
    revision=2,
    sites={**OLD.sites, "tip": replace(OLD.sites["tip"], area=square(10_000, 3_000, 60))},
)
"""The tip is somewhere else from now on."""


def tipping(truck: str, at_s: float) -> list[Reading]:
    """To the tip as it was, where it unloads, and away."""
    trip = Trip(truck, 8_000, 0, at_s=at_s, load_kg=12_000.0, lift_up=False, cover_open=False).drive(10_000, 0)
    trip.stand(30).now(lift_up=True, cover_open=True).stand(60).now(load_kg=100.0).stand(30).now(lift_up=False)
    return trip.stand(60).now(cover_open=False).drive(8_000, 0).readings


@pytest.mark.parametrize(
    ("city", "expected"), [(from_instant(OLD, MOVED, CHANGE), {"T3"}), (MOVED, {"T2", "T3"}), (None, set[str]())]
)
def test_who_unloaded_at_the_old_fence_yesterday_did_right_however_late_it_is_known(
    tmp_path: Path, city: City | None, expected: set[str]
) -> None:
    """T1 live before the change, T2 then too, but uploaded after it; T3 after the change, where the tip was. In place
    of a version, drawn over, the fence judges T2 by where it is now.
    """
    before, after = Trip("T2", 8_000, 0).stand(290), Trip("T2", 8_000, 0, at_s=CHANGE_S + 900).stand(300)
    messages = sent(
        clock(CHANGE_S + 2_400),
        live(tipping("T1", 60)),
        live(before.readings),
        live(after.readings),
        uploaded(tipping("T2", 300), CHANGE_S + 1_250),
        live(tipping("T3", CHANGE_S + 300)),
    )
    order, records = judged(tmp_path, messages, city)
    raised = [change for change in order if change.rule in {"bed_raised_outside", "illegal_dumping"}]
    last = {change.alert_id: change for change in raised}.values()
    assert {change.subject for change in last if change.amendment is not Amendment.RETRACTED} == expected
    assert alert_steps(rejudge(records, OLD, build_rules())) == alert_steps(order)


def through_the_change() -> list[Reading]:
    """Off the old route from three minutes before its end on, and on the new one after it."""
    trip = Trip("T4", 500, 0, at_s=CHANGE_S - 660, load="loaded").drive(3_000, 0).drive(3_000, 1_200)
    return trip.drive(3_600, 1_200, kmh=6).drive(9_000, 1_200).readings


def test_an_alert_in_whose_middle_a_route_ends_is_the_same_live_and_late(tmp_path: Path) -> None:
    readings = through_the_change()
    until_s = (readings[-1].ts - T0) / 1000
    as_it_happens, records = judged(tmp_path / "live", sent(clock(until_s + 1_200), live(readings)), NEW)
    [steps] = deviations(as_it_happens).values()
    assert steps[0].at < CHANGE < (steps[-1].closed_at or 0)
    assert steps[-1].phase is Phase.CLOSED
    assert alert_steps(rejudge(records, OLD, build_rules())) == alert_steps(as_it_happens)

    hidden = [reading for reading in readings if reading.ts > readings[20].ts]
    shown = [reading for reading in readings if reading.ts <= readings[20].ts]
    back = Trip("T4", 9_000, 1_200, at_s=until_s + 300).stand(60).readings
    messages = sent(clock(until_s + 2_400), live(shown), live(back), uploaded(hidden, until_s + 400))
    afterwards, _ = judged(tmp_path / "late", messages, NEW)
    [again] = deviations(afterwards).values()
    assert (again[-1].alert_id, again[-1].onset, again[-1].closed_at) == (
        steps[-1].alert_id, steps[-1].onset, steps[-1].closed_at,
    )  # fmt: skip


def test_a_late_alert_names_the_plate_that_the_truck_had_then(tmp_path: Path) -> None:
    truck = OLD.vehicles[OLD.devices["T2"].vehicle_id or ""]
    plated = replace(OLD, revision=2, vehicles={**OLD.vehicles, truck.id: replace(truck, plate="晋E·AFTER")})
    order, _ = judged(tmp_path, story(), from_instant(OLD, plated, CHANGE))
    late = deviations(order)["T2"][-1]
    assert late.onset is not None and late.onset < CHANGE  # noqa: PT018 - one claim
    assert truck.plate in late.title.en and "AFTER" not in late.title.en  # noqa: PT018 - one claim

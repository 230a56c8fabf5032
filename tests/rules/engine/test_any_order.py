"""Whatever a day of bad connections and restarts does to the order of readings: the alerts of the story, and no other.

The oracle is what the story's author says happened, `HAPPENED`; no second run of the engine.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cache
from random import Random
from typing import Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.city.model import City
from devices.readings.models import Reading, Status
from rules.alerts.model import TAKEN_BACK, AlertChange, Phase
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.engine.reorder_buffer import order_key
from rules.engine.rows.unwritten import UnwrittenRows
from tests.rules.town import T0, Trip, fills, ticket, town

MINUTE_MS = 60_000
OLDEST, NEWEST, MIXED = "oldest first", "newest first", "mixed"
DAY_MINUTES = 24 * 60


class Happened(NamedTuple):
    """One thing that people must be told of, exactly once. Times are seconds since `T0`."""

    rule: str
    subject: str
    severity: str
    begins_s: float
    begins_until_s: float
    over: bool


HAPPENED = (
    # T1 drives 4 km of road in 6 min 10 s after a minute's wait, then 1.5 km across country and back, loaded.
    Happened("route_deviation", "T1", "P1", 420, 440, over=True),
    # T2 stands at 3 km from 283 s on, opens its cover, raises its bed at 323 s; the scale falls while it is up.
    Happened("illegal_dumping", "T2", "P1", 273, 333, over=False),
    # T4 raises its bed at 5 km, where it may not, and takes its load to the tip afterwards.
    Happened("bed_raised_outside", "T4", "P2", 440, 520, over=True),
    # P24 passes 80 % at 600 s, is full with deposits from 1,200 s, and emptied at 2,400 s.
    Happened("bin_overflow", "P24", "P2", 600, 1200, over=True),
    # P23 is full from the beginning, sinks and rises twice, and stays low at last.
    Happened("bin_overflow", "P23", "P3", 0, 240, over=True),
)
"""The raised bed of T2 is a part of its dump. T4 seems to tip, but a weighbridge takes its load in later: only the
raised bed stands.
T3 is switched off, loaded, from
300 s to 1,500 s, and has nothing to upload of that: its silence stands, whenever it became known. Its first reading is
live: one that was never heard is not missed after minutes.
"""
SILENT = {"T3"}
DEVICES = ("T1", "T2", "T3", "T4", "P23", "P24", "W1")
TICK_MS = 30_000


@cache
def story() -> dict[str, list[Reading]]:
    """What each device measures, in order. At the end everybody is empty and says that it shuts down."""
    t1 = Trip("T1", 0, 0, load="loaded").stand(60).drive(4000, 0).drive(4000, 1500).drive(4000, 0).drive(9000, 0)
    t2 = Trip("T2", 0, 0, at_s=3, load="loaded", load_kg=12_000.0, lift_up=False, cover_open=False).drive(3000, 0)
    t2.now(cover_open=True).stand(40).stand(80, lift_up=True)
    t2.now(load_kg=300.0, load="empty").stand(60, lift_up=True).stand(60).drive(9800, 0)
    t3 = Trip("T3", 100, 0, at_s=7, load="loaded").stand(300).quiet(1200).stand(300)
    t4 = Trip("T4", 0, 0, at_s=1, load="loaded", lift_up=False, cover_open=False).drive(5000, 0)
    t4.now(cover_open=True).stand(30).stand(200, lift_up=True).now(cover_open=False).drive(9990, 0).stand(300)
    told: dict[str, list[Reading]] = {}
    for trip in (t1, t2, t3, t4):
        trip.now(load="empty").stand(30)
        told[trip.truck] = trip.readings
    told["P24"] = fills([50, 70, 85, 88, 91, 93, 96, 97, 20, 15], point="P24", every_s=300, deposits=4)
    told["P23"] = fills([*[92, 93, 94, 68, 68] * 3, 69, 68], point="P23", every_s=120)
    told["W1"] = [ticket("T4", t4.now_s - 230), ticket("T4", t4.now_s - 60, net_kg=200, direction="out", ticket="2")]
    for device_id, readings in told.items():
        end = readings[-1].ts + 5_000
        readings.append(Status(device_id=device_id, ts=end, online=False, session=1, cause="shutdown"))
    return told


class Upload(NamedTuple):
    """A stretch of a device's readings that it sends late, from this share of them on."""

    from_permille: int
    minute: int
    """Of the day."""
    order: str
    again: bool
    """Ten minutes later it sends the same once more."""


class Restart(NamedTuple):
    at_permille: int
    """Share of all records."""
    kind: Literal["checkpoint", "restart", "kill"]
    """A checkpoint alone; one from which an engine goes on; or an engine that goes on from the last one, so that the
    records since are judged again."""


Record = tuple[int, Reading | None]
"""Time of arrival, ms, and a reading, or a tick: nobody was heard since the record before."""


def uploaded(
    measured: Mapping[str, list[Reading]],
    uploads: Mapping[str, list[Upload]],
    seed: int,
    silent: Set[str] = frozenset(),
) -> list[tuple[int, Reading]]:
    """When each reading arrives, ms: what no upload covers, when it is measured. The first one of `silent` does so."""
    dice, arriving = Random(seed), list[tuple[int, Reading]]()
    for device_id, readings in measured.items():
        cuts = sorted(uploads.get(device_id, []))
        starts = [max(cut.from_permille * len(readings) // 1000, device_id in silent) for cut in cuts]
        arriving += [(reading.ts, reading) for reading in readings[: starts[0] if starts else None]]
        for cut, start, end in zip(cuts, starts, [*starts[1:], len(readings)], strict=False):
            part, at = readings[start:end], T0 + cut.minute * MINUTE_MS
            if cut.order == NEWEST:
                part.reverse()
            elif cut.order == MIXED:
                dice.shuffle(part)
            for sent_at in [at, at + 10 * MINUTE_MS][: 1 + cut.again]:
                arriving += [(sent_at + 200 * n, reading) for n, reading in enumerate(part)]
    return arriving


def arrivals(uploads: dict[str, list[Upload]], seed: int) -> list[Record]:
    """All records of a day and two hours. What no upload covers is sent when it is measured."""
    return as_records([*uploaded(story(), uploads, seed, silent=SILENT), *keepers(26 * 3600)])


def keepers(until_s: int) -> list[tuple[int, Reading]]:
    """Arrivals of two trucks and a bin that are always online: fleet time goes on."""
    rows: list[Sequence[Reading]] = [fills([10.0] * (until_s // 300), point="P01", every_s=300)]
    for n, keeper in enumerate(("T5", "T6")):
        rows.append(Trip(keeper, 500 + n, 500, at_s=-60 + n, every_s=150).stand(until_s).readings)
    return [(reading.ts, reading) for row in rows for reading in row]


def as_records(arriving: Iterable[tuple[int, Reading]]) -> list[Record]:
    """In the order of arrival, with ticks while nothing comes."""
    records, now = list[Record](), T0 - 60_000
    for at, reading in sorted(arriving, key=lambda arrival: arrival[0]):
        records += [(tick, None) for tick in range(now + TICK_MS, at, TICK_MS)]
        records.append((at, reading))
        now = at
    return records


SAVING_TAKES = 40
"""Records that are judged until the last row of a checkpoint is made."""


class Journal:
    """Alert changes by their key, as the journal keeps them: one that is judged again is the very same."""

    def __init__(self) -> None:
        self.changes: dict[tuple[str, str, int], AlertChange] = {}

    def record(self, changes: Iterable[AlertChange]) -> None:
        for change in changes:
            key = change.alert_id, str(change.phase), change.revision
            assert self.changes.setdefault(key, change) == change

    def last(self) -> list[AlertChange]:
        """Each alert as it stands in the end."""
        return list({change.alert_id: change for change in self.changes.values()}.values())


class Checkpoints:
    """What is on disk. Each checkpoint is written while judgement goes on."""

    def __init__(self) -> None:
        self.fleet, self.rows, self.at = b"", dict[str, bytes](), 0
        """`at`: records that were judged before."""
        self._begun: tuple[int, dict[str, bytes], UnwrittenRows] | None = None

    def begin(self, engine: RuleEngine, n: int) -> None:
        self.end(engine)
        self._begun = n, dict(engine.unsaved().devices), engine.begin_saving()

    def go_on(self, engine: RuleEngine, n: int) -> None:
        if self._begun is not None and n >= self._begun[0] + SAVING_TAKES:
            self.end(engine)

    def end(self, engine: RuleEngine) -> None:
        """All rows are as if they had been made when it began."""
        if self._begun is None:
            return
        self.at, at_once, unwritten = self._begun
        unwritten.make_all()
        rows = {row.id: row.packed for row in unwritten.take(0, 0)}
        assert rows == at_once
        engine.end_saving()
        self.fleet, self._begun = unwritten.fleet, None
        self.rows.update(rows)

    def load(self, city: City) -> RuleEngine:
        self._begun = None
        engine = RuleEngine(city, build_rules())
        if self.fleet:
            engine.restore(self.fleet, self.rows.items())
        return engine


def play(
    records: Sequence[Record], restarts: Sequence[Restart], city: City | None = None, quiet_ticks: int = 15
) -> tuple[RuleEngine, Journal]:
    """Judge in the order of arrival, by default in the town; then nobody is heard for so many times 10 s.

    Each checkpoint is written while judgement goes on; a kill may come before its end.
    """
    city = town() if city is None else city
    engine, journal, disk, n = RuleEngine(city, build_rules()), Journal(), Checkpoints(), 0
    planned = sorted(((restart.at_permille * len(records) // 1000, restart.kind) for restart in restarts), reverse=True)
    while n < len(records):
        at, reading = records[n]
        if reading is None:
            journal.record(engine.advance(TICK_MS))
        else:
            engine.receive(at)
            journal.record(engine.judge(reading))
        n += 1
        disk.go_on(engine, n)
        while planned and planned[-1][0] < n:
            kind = planned.pop()[1]
            if kind != "kill":
                disk.begin(engine, n)
            if kind == "restart":
                disk.end(engine)
            if kind != "checkpoint":
                engine, n = disk.load(city), disk.at
    for _ in range(quiet_ticks):
        journal.record(engine.advance(10_000))
    assert not engine.failures
    return engine, journal


def check(uploads: dict[str, list[Upload]], restarts: Sequence[Restart], seed: int) -> None:
    records = arrivals(uploads, seed)
    engine, journal = play(records, restarts)
    standing = [change for change in journal.last() if change.amendment not in TAKEN_BACK]
    found = [change for change in standing if change.rule != "silent_device"]
    assert sorted((change.rule, change.subject) for change in found) == sorted(one[:2] for one in HAPPENED)
    for change in found:
        (happened,) = [one for one in HAPPENED if one[:2] == (change.rule, change.subject)]
        assert change.severity == happened.severity, change
        assert happened.begins_s <= (change.opened_at - T0) / 1000 <= happened.begins_until_s, change
        assert (change.phase is Phase.CLOSED) is happened.over, change
        assert any(
            step.phase is Phase.CONFIRMED for step in journal.changes.values() if step.alert_id == change.alert_id
        )
    silences = [change for change in standing if change.rule == "silent_device" and change.subject != "system"]
    assert {change.subject for change in silences} == SILENT
    assert {change.phase for change in standing if change.rule == "silent_device"} == {Phase.CLOSED}
    stored = {order_key(reading) for _, reading in records if reading is not None}
    for device_id in {key[2] for key in stored}:
        accounted = engine.judged[device_id] + sum(engine.not_judged.get(device_id, {}).values())
        assert accounted == sum(key[2] == device_id for key in stored), device_id
    assert engine.not_judged == {}


def test_the_story_told_in_order() -> None:
    check({}, (), seed=0)


FOUND: dict[str, dict[str, list[Upload]]] = {
    "its shutdown comes before what shows that it is empty": {"T4": [Upload(800, 70, NEWEST, again=False)]},
    "the ticket that shows it empty comes hours after it shut down": {"W1": [Upload(500, 391, OLDEST, again=False)]},
    "it was loaded when it went offline, and shut down empty": {"T1": [Upload(500, 600, OLDEST, again=False)]},
    "offline until it had shut down, twice": {
        "T2": [Upload(300, 100, OLDEST, again=False), Upload(700, 300, MIXED, again=False)],
    },
    "a warning is known in time, that it was full only later": {
        "P24": [Upload(499, 978, NEWEST, again=False), Upload(777, 90, MIXED, again=False)],
    },
    "its status comes first, and again": {
        "W1": [Upload(0, 391, OLDEST, again=False), Upload(700, 79, OLDEST, again=True)]
    },
    "its status comes again with the rest": {"T1": [Upload(300, 100, OLDEST, again=True)]},
    "the end of one upload and the beginning of its repetition are minutes apart, as by a clock": {
        "T2": [Upload(512, 120, NEWEST, again=True)],
    },
    "two uploads continue each other, as by a clock": {
        "T4": [
            Upload(0, 50, OLDEST, False),
            Upload(371, 420, MIXED, False),
            Upload(457, 50, OLDEST, False),
            Upload(689, 428, OLDEST, False),
        ],
    },
    "more than four silences until the first is filled": {
        "T4": [
            Upload(627, 1380, OLDEST, False),
            Upload(32, 162, MIXED, False),
            Upload(269, 956, OLDEST, False),
            Upload(375, 620, NEWEST, False),
        ],
    },
    "after its shutdown the ticket that shows it empty, then the rest": {
        "T4": [Upload(756, 996, OLDEST, False), Upload(999, 50, OLDEST, False)],
        "W1": [Upload(0, 473, OLDEST, False)],
    },
    "more than eight gaps while it uploads": {"T4": [Upload(100, 199, MIXED, again=False)]},
    "its shutdown comes hours before the readings that show it empty": {
        "T1": [Upload(999, 832, OLDEST, False), Upload(618, 983, OLDEST, False)],
    },
}


@pytest.mark.parametrize("uploads", FOUND.values(), ids=FOUND)
def test_orders_that_once_led_to_other_alerts(uploads: dict[str, list[Upload]]) -> None:
    check(uploads, (), seed=3116)


_uploads = st.lists(
    st.builds(
        Upload,
        st.integers(0, 999),
        st.integers(50, DAY_MINUTES - 60),
        st.sampled_from([OLDEST, NEWEST, MIXED]),
        st.booleans(),
    ),
    max_size=4,
)
_restarts = st.lists(
    st.builds(Restart, st.integers(0, 999), st.sampled_from(["checkpoint", "restart", "kill"])), max_size=5
)


@settings(max_examples=8, deadline=None)
@given(
    uploads=st.fixed_dictionaries(dict.fromkeys(DEVICES, _uploads)),
    restarts=_restarts,
    seed=st.integers(0, 1 << 16),
)
def test_any_order_over_a_day_and_any_restarts_leave_the_alerts_of_the_story(
    uploads: dict[str, list[Upload]], restarts: list[Restart], seed: int
) -> None:
    check(uploads, restarts, seed)

"""The two stages of the engine, each alone: verdicts are all that passes between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.readings.models import Position, Reading, Weighing
from rules.alerts.model import Phase
from rules.catalogue import build_rules
from rules.contract.observation import Observation
from rules.contract.rule import Parameters, Rule
from rules.contract.rule_choice import SameEverywhere
from rules.contract.verdicts import Level, RuleVerdict, Verdict
from rules.engine.device_judge import DeviceJudge
from rules.engine.engine import RuleEngine
from rules.engine.failures import RuleFailures
from rules.engine.fleet_judge import FleetJudge
from rules.engine.late.late_verdicts import GapsKept, Judged, JudgedAgain
from rules.engine.routing import ReadingRouter
from rules.engine.snapshot import Rows
from rules.tracking.registry import TRACKERS
from tests.rules.engine.test_same_alerts import busy_hour
from tests.rules.town import T0, Trip, fills, run, ticket, town

QUIET_MS = 10_000


def test_a_fleet_stage_fed_later_by_verdicts_alone_gives_the_same_alerts() -> None:
    """As behind a topic of a distributed log: the whole first stage runs before the second one begins."""
    rules, topic = SameEverywhere(build_rules()), list[tuple[list[Judged], int]]()
    devices = DeviceJudge(town(), rules, TRACKERS, RuleFailures())
    for reading in busy_hour():
        devices.clock.receive(reading.ts)
        topic.append((devices.judge(reading), devices.clock.now))
    topic += [(devices.advance(QUIET_MS), devices.clock.now) for _ in range(15)]
    fleet = FleetJudge(town(), rules, RuleFailures())
    changes = [change for verdicts, fleet_time in topic for change in fleet.take(verdicts, fleet_time)]
    assert changes == run(RuleEngine(town(), build_rules()), busy_hour())


def test_a_ticket_is_also_about_the_truck_it_names() -> None:
    router = ReadingRouter(town())
    assert router.also_about(ticket("T1", 10)) == ("T1",)
    assert router.also_about(ticket("T9", 10)) == ()
    assert router.also_about(ticket("T1", 10, plate=None)) == ()
    for spelling in ("晋E·T1", "晋e t1", "晋Ｅ．Ｔ１", "晋E－T1"):
        assert router.also_about(ticket("T1", 10, plate=spelling)) == ("T1",), spelling
    for misread in ("晋E·TI", "ET1"):  # no plate has an I; a camera may miss the province
        assert router.also_about(ticket("T1", 10, plate=misread)) == ("T1",), misread
    assert router.also_about(ticket("T1", 10, plate="晋E·TL")) == ()  # it may be right, and of another truck
    assert ReadingRouter(town(), lambda device_id: device_id != "T1").also_about(ticket("T1", 10, plate="ET1")) == ()
    assert router.also_about(fills([50])[0]) == ()
    assert router.also_about(Trip("T1", 0, 0).stand(10).readings[0]) == ()


@dataclass(slots=True)
class Weighings:
    tickets: int = 0


@dataclass(frozen=True, slots=True)
class Nth:
    ticket: int


class WeighingTracker:
    """A second tracker, of another role: numbers the tickets of a weighbridge."""

    name: ClassVar[str] = "weighings"
    roles: ClassVar[frozenset[DeviceRole]] = frozenset({DeviceRole.WEIGHBRIDGE})
    state: ClassVar[type[Weighings]] = Weighings

    def follow(
        self,
        state: Weighings,
        reading: Reading,
        device: Device,
        vehicle: Vehicle | None,
        city: City,
        clock_off_ms: int,
        facts: Sequence[Any],
        /,
    ) -> Nth | None:
        if not isinstance(reading, Weighing):
            return None
        state.tickets += 1
        if reading.ticket == "broken":
            raise ValueError(reading.ticket)
        return Nth(state.tickets)


@dataclass(slots=True)
class Seen:
    readings: int = 0


class Notes(Rule[Seen]):
    """Notes what the trackers conclude."""

    name: ClassVar = "notes"
    version: ClassVar = 1
    roles: ClassVar = frozenset(DeviceRole)
    parameters = Parameters()
    state = Seen

    def __init__(self) -> None:
        self.facts: list[object] = []

    def judge(self, observation: Observation, state: Seen) -> tuple[Verdict, ...]:
        self.facts += observation.facts
        assert (observation.fix is not None) is isinstance(observation.reading, Position)
        assert (observation.track is not None) is (observation.device.role is DeviceRole.TRUCK)
        return (Verdict(observation.device.id, Level.CANDIDATE, observation.reading.ts, observation.reading.ts),)


def test_a_second_tracker_needs_no_change_of_the_engine() -> None:
    rules, failures = [Notes()], RuleFailures()
    trackers = (*TRACKERS, WeighingTracker())
    devices = DeviceJudge(town(), SameEverywhere(rules), trackers, failures)
    readings = [*Trip("T1", 0, 0).stand(20).readings, ticket("T1", 1), ticket("T1", 2, ticket="2")]
    verdicts = [verdict for reading in readings for verdict in devices.judge(reading)] + devices.advance(90_000)
    assert [fact for fact in rules[0].facts if isinstance(fact, Nth)] == [Nth(1), Nth(2)]
    assert {judged.rule for judged in verdicts if isinstance(judged, RuleVerdict)} == {"notes"}
    state = devices.state_of("W1")
    assert state is not None
    packed = Rows(rules, trackers)
    restored, _ = packed.load("W1", packed.dump(state, None))
    assert restored.tracker_states == [*[None] * len(TRACKERS), Weighings(2)]
    assert failures == {}


def test_a_reading_that_breaks_a_tracker_is_counted_and_its_state_begins_anew() -> None:
    rules, failures = [Notes()], RuleFailures()
    devices = DeviceJudge(town(), SameEverywhere(rules), (WeighingTracker(),), failures)
    for n, number in enumerate(("1", "broken", "3")):
        devices.judge(ticket("T9", n, ticket=number))
    devices.advance(90_000)
    assert rules[0].facts == [Nth(1), Nth(1)]
    assert failures == {"tracking": 1}


def test_a_subject_that_is_no_device_has_incidents_only() -> None:
    fleet = FleetJudge(town(), SameEverywhere(build_rules()), RuleFailures())
    confirmed = Verdict("system", Level.CONFIRMED, T0, T0)
    (change,) = fleet.take([RuleVerdict("somebody", 1, confirmed)], T0)
    assert (change.subject, change.rule) == ("system", "somebody")
    assert fleet.changed == {"system"}
    fleet.saved()
    assert fleet.changed == set()
    assert fleet.take([RuleVerdict("somebody", 1, Verdict("other", Level.CLEAR, T0, T0))], T0) == []
    assert fleet.incidents_of("other") is None


def test_a_subject_is_named_before_its_incidents_change() -> None:
    """Whoever makes a row of it then makes it of what was before."""
    before: list[tuple[str, list[Phase]]] = []

    def note(subject: str) -> None:
        incidents = fleet.incidents_of(subject)
        before.append((subject, [one.phase for one in incidents.all()] if incidents is not None else []))

    fleet = FleetJudge(town(), SameEverywhere(build_rules()), RuleFailures(), note)
    for n, level in enumerate((Level.CONFIRMED, Level.CLEAR)):
        fleet.take([RuleVerdict("somebody", 1, Verdict("system", level, T0 + n, T0 + n))], T0 + n)
        fleet.saved()
    assert before == [("system", []), ("system", [Phase.CONFIRMED])]
    incidents = fleet.incidents_of("system")
    assert incidents is not None
    assert [one.phase for one in incidents.all()] == [Phase.CLOSED]


def test_an_alert_that_late_readings_retracted_and_that_comes_again_counts_on() -> None:
    """The journal knows a change by alert, phase and revision: a second first revision would be lost in it."""
    fleet = FleetJudge(town(), SameEverywhere([Notes()]), RuleFailures())
    confirmed = RuleVerdict("notes", 1, Verdict("T1", Level.CONFIRMED, T0 + 10, T0 + 10))
    fleet.take([GapsKept("T1", (T0,), is_new=True)], T0)
    (first,) = fleet.take([confirmed], T0 + 10)
    (retracted,) = fleet.take([JudgedAgain("T1", T0, T0 + 20, [])], T0 + 20)
    (again,) = fleet.take([confirmed], T0 + 30)
    (closed,) = fleet.take([RuleVerdict("notes", 1, Verdict("T1", Level.CLEAR, T0 + 40, T0 + 10))], T0 + 40)
    assert {change.alert_id for change in (retracted, again, closed)} == {first.alert_id}
    assert [(change.revision, change.phase) for change in (first, retracted, again, closed)] == [
        (1, "confirmed"), (2, "amended"), (3, "confirmed"), (4, "closed"),
    ]  # fmt: skip

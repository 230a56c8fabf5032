"""Cities and rules that change while the judge, the recorder or nobody runs: what is judged by which."""

import asyncio
import gc
import weakref
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

import pytest

from devices.city.model import City
from haulwatch.process.garbage import keep_objects, let_go
from ingest.judge.checkpoint import JudgeState, JudgeStateUnavailable
from ingest.judge.judge import Judge
from ingest.judge.rejudge import fleet_times, rejudge
from ingest.judge.replay import alert_steps, every_record, shuffled
from ingest.log.errors import RawLogUnavailable
from ingest.log.raw_log import RawLog
from ingest.log.records import CITY_TOPIC, RULES_TOPIC, RawMessage
from ingest.log.revision_writer import RevisionFollower, RevisionWriter
from ingest.log.revisions import city_record, rules_record
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store.sqlite import SqliteStore
from rules.alerts.model import Phase
from rules.catalogue import build_rules
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import Change, RuleSet
from tests.closing import closed_later
from tests.compiled import COMPILED
from tests.ingest.judge.test_judge import FakeJournal, message
from tests.rules.town import Trip, town
from tests.waiting import eventually

OLD = town(revision=1)
NEW = replace(OLD, revision=2, devices={name: device for name, device in OLD.devices.items() if name != "T1"})
"""The truck is taken out of the city."""
Held = TypeVar("Held", bound=City | RuleSetChoice)
RULES = RuleSetChoice(RuleSet())
OTHER_RULES = RuleSetChoice(RuleSet({"route_deviation": Change({"min_off_s": 77})}))


def drive() -> list[RawMessage]:
    """Off the route, back on it for long enough to end the alert, and a truck that stands."""
    off = Trip("T1", 500, 0, load="loaded").drive(3000, 0).drive(3000, 1200).stand(300).drive(3000, 0).drive(9000, 0)
    other = Trip("T2", 500, 0).stand(off.now_s + 600)
    readings = sorted((*off.readings, *other.readings), key=lambda reading: reading.ts)
    return [message(reading) for reading in readings]


def write(log: RawLog, messages: Sequence[RawMessage]) -> None:
    log.append(list(messages))


def judge_of(folder: Path, log: RawLog, journal: FakeJournal, city: City) -> Judge:
    return Judge(log, journal, closed_later(JudgeState(folder / "judge.db")), build_rules(), lambda: city)


def judge_all(judge: Judge) -> None:
    while judge.step(limit=20):
        pass


def test_killed_then_imported_then_restarted_an_alert_still_ends_and_the_replay_is_the_same(tmp_path: Path) -> None:
    messages, journal = drive(), FakeJournal()
    with closing(RawLog(tmp_path / "raw")) as log:
        write(log, [city_record(OLD, 1), *messages])
        killed = judge_of(tmp_path, log, journal, OLD)
        while not journal.order:
            killed.step(limit=20)
        assert journal.order[0].subject == "T1"
        assert Phase.CLOSED not in {change.phase for change in journal.order}
        write(log, [city_record(NEW, 2), *messages[-5:]])
        judge_all(judge_of(tmp_path, log, journal, NEW))  # no checkpoint was written before it was killed
        assert Phase.CLOSED in {change.phase for change in journal.order if change.subject == "T1"}
        again = rejudge(every_record(log), NEW, build_rules())
    assert alert_steps(journal.order) == alert_steps(again)


@pytest.mark.parametrize("restart_every", [1_000, 7])
def test_readings_after_an_import_are_judged_by_the_new_city(tmp_path: Path, restart_every: int) -> None:
    messages, journal = drive(), FakeJournal()
    with closing(RawLog(tmp_path / "raw")) as log:
        write(log, [city_record(OLD, 1), *messages[:30], city_record(NEW, 2), *messages[30:]])
        while True:
            judge = judge_of(tmp_path, log, journal, OLD)
            steps = 0
            while (read := judge.step(limit=5)) and steps < restart_every:
                steps += 1
            if not read:
                break
            judge.checkpoint()
    assert [change for change in journal.order if change.subject == "T1" and change.rule == "route_deviation"] == []


@pytest.mark.parametrize("restarted", [False, True])
def test_rules_that_change_hold_from_their_record_on(tmp_path: Path, restarted: bool) -> None:
    """They come while the alert is open."""
    messages, journal = drive(), FakeJournal()
    with closing(RawLog(tmp_path / "raw")) as log:
        write(log, [city_record(OLD, 1), rules_record(RULES, 1), *messages])
        judge = judge_of(tmp_path, log, journal, OLD)
        while not journal.order:
            judge.step(limit=1)
        opened_at = judge.offset
    with closing(RawLog(tmp_path / "changed")) as log:
        before, after = messages[: opened_at - 2], messages[opened_at - 2 :]
        write(
            log,
            [city_record(OLD, 1), rules_record(RULES, 1), *before, rules_record(OTHER_RULES, 2)],
        )
        write(log, after)
        changed, folder = FakeJournal(), tmp_path / "second"
        judge = judge_of(folder, log, changed, OLD)
        for _ in range(3):
            judge.step(limit=20)
        if restarted:
            judge.checkpoint()
            judge = judge_of(folder, log, changed, OLD)
        judge_all(judge)
        again = rejudge(every_record(log), OLD, build_rules())
    assert alert_steps(changed.order) == alert_steps(again)
    parameters = {
        change.evidence.parameters["min_off_s"] for change in changed.order if change.rule == "route_deviation"
    }
    assert 77 in parameters, "what follows is judged by the new rules"
    assert len(parameters) == 2, "and what came before by the old ones"


def test_no_message_is_shuffled_over_a_revision(tmp_path: Path) -> None:
    messages = drive()
    with closing(RawLog(tmp_path / "raw")) as log:
        write(log, [city_record(OLD, 1), *messages[:110], city_record(NEW, 2), *messages[110:]])
        records = every_record(log)
    whole = alert_steps(rejudge(records, OLD, build_rules()))
    assert whole
    times = fleet_times(records, OLD, build_rules())
    for seed in range(3):
        mixed = shuffled(records, times, seed)
        assert {record.offset for record in mixed[1:111]} == set(range(2, 112))
        assert alert_steps(rejudge(mixed, OLD, build_rules())) == whole


def test_a_log_without_revisions_is_judged_by_the_city_of_now(tmp_path: Path) -> None:
    messages, journal = drive(), FakeJournal()
    with closing(RawLog(tmp_path / "raw")) as log:
        write(log, messages)
        judge_all(judge_of(tmp_path, log, journal, OLD))
        assert alert_steps(journal.order) == alert_steps(rejudge(every_record(log), OLD, build_rules()))
    assert {change.subject for change in journal.order} == {"T1"}


def test_a_revision_that_cannot_be_read_is_said_and_the_last_one_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    messages, journal = drive(), FakeJournal()
    with closing(RawLog(tmp_path / "raw")) as log:
        spoiled = [RawMessage(CITY_TOPIC, b"?", 1), RawMessage(RULES_TOPIC, b'{"no_rule": {}}', 1)]
        write(log, [city_record(OLD, 1), *messages[:9], *spoiled, *messages[9:]])
        judge_all(judge_of(tmp_path, log, journal, NEW))
    assert {change.subject for change in journal.order} == {"T1"}
    assert "revision of the city cannot be read" in caplog.text
    assert "no rule no_rule" in caplog.text


async def test_the_recorder_admits_by_the_same_revision_as_the_judge(tmp_path: Path) -> None:
    """Killed after any number of batches, with the new city in the registry from the start of the second process."""
    messages = drive()
    of_t1 = [sent.topic.split("/")[2] == "T1" for sent in messages]
    for batches in (0, 1, 4):
        folder = tmp_path / str(batches)
        store = SqliteStore(folder / "points.db")
        with closing(RawLog(folder / "raw")) as log:
            write(log, [city_record(OLD, 1), *messages[:50], city_record(NEW, 2), *messages[50:]])
            with closing(RecorderState(folder / "recorder.db")) as state:
                recorder = Recorder(log, store, state, lambda: OLD, batch_records=8)
                for _ in range(batches):
                    await recorder.step()
            with closing(RecorderState(folder / "recorder.db")) as state:
                recorder = Recorder(log, store, state, lambda: NEW, batch_records=8)
                while await recorder.step():
                    pass
        assert await store.count("position") == len(messages) - sum(of_t1[50:])
        await store.close()


class Registry(Generic[Held]):
    """Holds one city, or one rule set."""

    def __init__(self, held: Held) -> None:
        self.held: Held = held

    def __call__(self) -> Held:
        return self.held

    def load(self) -> Held:
        return self.held


def test_a_revision_is_written_once_whoever_sees_it_first(tmp_path: Path) -> None:
    registry = Registry(OLD)
    with closing(RawLog(tmp_path / "raw")) as log:
        writers = [RevisionWriter(log, tmp_path / "raw" / "revisions.json", lambda: 5) for _ in range(2)]
        judging, recording = (
            RevisionFollower(writers[0], registry, Registry(RULES)),
            RevisionFollower(writers[1], registry),
        )
        for _ in range(3):
            judging.step()
            recording.step()
        assert [record.message.topic for record in every_record(log)] == [CITY_TOPIC, RULES_TOPIC]
        registry.held = NEW
        recording.step()
        judging.step()
        assert [record.message.topic for record in every_record(log)] == [CITY_TOPIC, RULES_TOPIC, CITY_TOPIC]
        log.append([message(reading) for reading in Trip("T1", 0, 0).stand(10).readings])
        (tmp_path / "raw" / "revisions.json").write_text("spoiled")
        RevisionFollower(writers[0], registry).step()
        assert every_record(log)[-1].message.topic == CITY_TOPIC, "twice is better than never"


async def test_a_revision_that_is_taken_back_after_another_machine_led_is_appended(tmp_path: Path) -> None:
    """Each machine has a file of its own, which does not say what the other one appended."""
    registry = Registry(OLD)

    async def lead(follower: RevisionFollower, log: RawLog) -> None:
        """Lead until the registry's revision is looked at, then end."""
        stop, before = asyncio.Event(), len(cities(log))
        running = asyncio.create_task(follower.run(stop))
        await eventually(lambda: len(cities(log)) > before)
        stop.set()
        await running

    def cities(log: RawLog) -> list[bytes]:
        return [one.message.payload for one in every_record(log) if one.message.topic == CITY_TOPIC]

    with closing(RawLog(tmp_path / "raw")) as log:
        one, other = (
            RevisionFollower(RevisionWriter(log, tmp_path / name, lambda: 5), registry, shared=True)
            for name in ("one.json", "other.json")
        )
        await lead(one, log)
        registry.held = NEW
        await lead(other, log)
        registry.held = OLD
        await lead(one, log)
        assert cities(log) == [city_record(held, 5).payload for held in (OLD, NEW, OLD)]


def test_a_revision_that_the_log_has_lost_is_written_again(tmp_path: Path) -> None:
    """Retention removes the segment that has it, while it still holds: a copy of the log must be complete."""
    registry = Registry(OLD)
    with closing(RawLog(tmp_path / "raw", segment_bytes=1)) as log:
        follower = RevisionFollower(
            RevisionWriter(log, tmp_path / "raw" / "revisions.json", lambda: 5), registry, Registry(RULES)
        )
        follower.step()
        for sent in drive()[:4]:
            log.append([sent])
        log.commit("judge", log.last_offset())
        assert log.trim(keep_bytes=0)
        assert CITY_TOPIC not in {record.message.topic for record in every_record(log)}
        follower.step()
        assert {CITY_TOPIC, RULES_TOPIC} <= {record.message.topic for record in every_record(log)}


@pytest.mark.parametrize(
    ("fails", "name", "at_call", "error"),
    [(JudgeState, "begin", 2, JudgeStateUnavailable("busy")), (RawLog, "resume", 1, RawLogUnavailable("away"))],
)
def test_rules_that_change_while_something_does_not_answer_hold_from_there_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: type, name: str, at_call: int, error: Exception
) -> None:
    messages, journal, calls, whole = drive(), FakeJournal(), list[object](), getattr(fails, name)
    with closing(RawLog(tmp_path / "raw")) as log:
        write(log, [city_record(OLD, 1), rules_record(RULES, 1), *messages[:40]])
        write(log, [rules_record(OTHER_RULES, 2), *messages[40:]])
        judge = judge_of(tmp_path, log, journal, OLD)
        judge.step(limit=20)

        def once(*arguments: object) -> object:
            calls.append(arguments)
            if len(calls) == at_call:
                raise error
            return whole(*arguments)

        monkeypatch.setattr(fails, name, once)
        with pytest.raises(type(error)):
            judge_all(judge)
        judge_all(judge)
    deviations = [change for change in journal.order if change.rule == "route_deviation"]
    assert {change.evidence.parameters["min_off_s"] for change in deviations} == {77}


@pytest.mark.skipif(COMPILED, reason="a compiled object takes no weak reference")
def test_a_judge_that_changes_its_rules_does_not_keep_the_former_engine(tmp_path: Path) -> None:
    """What was kept from the search for cycles is searched once more."""
    try:
        with closing(RawLog(tmp_path / "raw")) as log, closing(JudgeState(tmp_path / "judge.db")) as state:
            write(log, [city_record(OLD, 1), rules_record(RULES, 1), *drive()[:5], rules_record(OTHER_RULES, 2)])
            judge = Judge(
                log, FakeJournal(), state, build_rules(), lambda: OLD, on_checkpoint=keep_objects, on_new_engine=let_go
            )
            former = weakref.ref(judge.engine)
            judge_all(judge)
            assert judge.engine is not former()
            assert former() is None
    finally:
        gc.unfreeze()

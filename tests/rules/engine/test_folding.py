"""Incidents that are parts of another one: who is told of what, and when."""

from dataclasses import replace

import pytest

from devices.geo.geometry import LatLon
from rules.alerts.model import AlertChange, Evidence, Severity, Text
from rules.contract.verdicts import Level, Verdict
from rules.detectors.bed_raised_outside.judgement import BedRaisedOutside
from rules.detectors.illegal_dumping.judgement import IllegalDumping
from rules.detectors.stopped_loaded.judgement import StoppedLoaded
from rules.engine.engine import AnyRule, RuleEngine
from rules.engine.incidents.folding import WAITS_MS, begin_run, release, take
from rules.engine.incidents.incident import MERGE_WITHIN_M, MERGE_WITHIN_MS
from rules.engine.incidents.machine import DeviceIncidents
from tests.rules.detectors.retold import holds_however_it_is_told
from tests.rules.town import Trip, at_s, in_time, run, summaries, ticket, town

HERE = LatLon(35.5, 112.8)
P1, P2 = Severity.P1, Severity.P2
LATER_S = WAITS_MS / 1000 + 40


def north(metres: float) -> LatLon:
    return LatLon(HERE.lat + metres / 111_195, HERE.lon)


class Given:
    """Gives verdicts of a rule, and of one whose incidents are parts of the first one's. Times are in seconds."""

    def __init__(self) -> None:
        self.incidents = DeviceIncidents()

    def whole(self, level: Level, at_s: float, onset_s: float = 0, place: LatLon = HERE) -> list[str]:
        title = Text(en="the whole", zh="整体")
        return self._take("whole", level, at_s, onset_s, place, title, P1 if level is Level.CONFIRMED else P2)

    def part(
        self, level: Level, at_s: float, onset_s: float = 0, place: LatLon = HERE, *, folds: bool = True
    ) -> list[str]:
        folds_into, severity = ("whole", P2) if folds else ("", P1)
        return self._take("part", level, at_s, onset_s, place, Text(en="a part", zh="部分"), severity, folds_into)

    def passes_until(self, at_s: float) -> list[str]:
        return short(release(self.incidents, round(at_s * 1000)))

    def _take(
        self, rule: str, level: Level, at_s: float, onset_s: float, place: LatLon, title: Text, severity: Severity,
        folds_into: str = "",
    ) -> list[str]:  # fmt: skip
        at, onset, evidence = round(at_s * 1000), round(onset_s * 1000), Evidence(parameters={})
        verdict = Verdict("D", level, at, onset, severity, place, title, evidence, folds_into=folds_into)
        return short(take(self.incidents, rule, 1, verdict, at))


def short(changes: list[AlertChange]) -> list[str]:
    return [f"{change.rule} {change.amendment or change.phase} {change.at / 1000:g} s" for change in changes]


@pytest.fixture
def given() -> Given:
    return Given()


def test_what_is_part_of_a_known_incident_tells_nobody(given: Given) -> None:
    assert given.whole(Level.SUSPECTED, 10) == ["whole provisional 10 s"]
    assert given.part(Level.CONFIRMED, 15, 5) == []
    assert given.whole(Level.CONFIRMED, 60) == ["whole confirmed 60 s"]
    assert given.part(Level.CLEAR, 80, 5) == []
    assert given.whole(Level.LEFT_OPEN, 90) == []
    assert given.passes_until(9_000) == []


def test_it_waits_for_the_other_rule_to_decide(given: Given) -> None:
    assert given.part(Level.CONFIRMED, 10, 5) == []
    assert given.part(Level.CLEAR, 12, 5) == []
    assert given.whole(Level.CONFIRMED, 5 + WAITS_MS / 1000) == ["whole confirmed 13 s"]
    assert given.passes_until(9_000) == []


@pytest.mark.parametrize("hears", ["of nothing", "a later verdict of it", "a later verdict of the other rule"])
def test_what_stands_alone_is_told_after_the_wait(given: Given, hears: str) -> None:
    assert given.part(Level.CONFIRMED, 10, 5) == []
    if hears == "of nothing":
        assert given.passes_until(12.999) == []
        assert given.passes_until(13) == ["part confirmed 13 s"]
    elif hears == "a later verdict of it":
        assert given.part(Level.CONFIRMED, 13, 5) == []
        assert given.part(Level.CONFIRMED, 20, 5) == ["part confirmed 13 s"]
    else:
        far = north(9_000)
        assert given.whole(Level.CONFIRMED, 20, 20, far) == ["part confirmed 13 s", "whole confirmed 20 s"]
    assert given.part(Level.CLEAR, 200, 5) == ["part closed 200 s"]


def test_what_ended_while_it_waited_is_told_whole(given: Given) -> None:
    given.part(Level.CONFIRMED, 10, 5)
    given.part(Level.CLEAR, 12, 5)
    assert given.passes_until(13) == ["part confirmed 13 s", "part closed 13 s"]
    assert given.passes_until(9_000) == []


def test_what_has_lasted_longer_than_the_wait_is_told_at_once(given: Given) -> None:
    assert given.part(Level.CONFIRMED, 13, 5) == ["part confirmed 13 s"]


def test_an_alert_is_merged_when_it_turns_out_to_be_a_part(given: Given) -> None:
    assert given.part(Level.CONFIRMED, 15, 5) == ["part confirmed 15 s"]
    assert given.whole(Level.CONFIRMED, LATER_S) == [f"whole confirmed {LATER_S:g} s", f"part merged {LATER_S:g} s"]
    assert given.part(Level.CONFIRMED, LATER_S + 10, 5) == []
    assert given.part(Level.CLEAR, LATER_S + 20, 5) == []


def test_a_merged_alert_names_what_it_is_part_of(given: Given) -> None:
    given.part(Level.CONFIRMED, 15, 5)
    title, evidence = Text(en="the whole", zh="整体"), Evidence(parameters={})
    verdict = Verdict("D", Level.CONFIRMED, 100_000, 0, P1, HERE, title, evidence)
    _, merged = take(given.incidents, "whole", 1, verdict, 100_000)
    assert (merged.title.en, merged.title.zh) == ("Part of another alert: a part", "已并入其他告警：部分")
    assert [text.en for text in merged.evidence.findings] == ["It is part of this: the whole"]
    assert [text.zh for text in merged.evidence.findings] == ["属于以下事件的一部分：整体"]
    assert merged.closed_at == 100_000


@pytest.mark.parametrize(("level", "calls"), [(Level.SUSPECTED, False), (Level.CONFIRMED, True)])
def test_who_was_called_for_the_part_is_called_again_only_for_something_graver(
    given: Given, level: Level, calls: bool
) -> None:
    evidence, title = Evidence(parameters={}), Text(en="a part", zh="部分")
    bed = Verdict("D", Level.CONFIRMED, 15_000, 5_000, P2, HERE, title, evidence, folds_into="whole")
    (part,) = take(given.incidents, "part", 1, bed, 15_000)
    whole = Verdict("D", level, 20_000, 0, P1 if level is Level.CONFIRMED else P2, HERE, title, evidence)
    opened, _ = take(given.incidents, "whole", 1, whole, 20_000)
    assert part.takes_over is None
    assert opened.takes_over == (None if calls else part.alert_id)
    later = take(given.incidents, "whole", 1, replace(whole, level=Level.CONFIRMED, severity=P1, at=30_000), 30_000)
    assert [change.takes_over for change in later] == ([] if calls else [None])


@pytest.mark.parametrize(("whole_s", "away_m", "is_part"), [
    (0, 0, True),
    (0, MERGE_WITHIN_M - 1, True),
    (0, MERGE_WITHIN_M + 1, False),
    (MERGE_WITHIN_MS / 1000, 0, True),
    (MERGE_WITHIN_MS / 1000 + 1, 0, False),
])  # fmt: skip
def test_near_in_time_and_place_is_the_same(given: Given, whole_s: float, away_m: float, is_part: bool) -> None:
    given.part(Level.CONFIRMED, 10)
    given.part(Level.CLEAR, 20)
    found = given.whole(Level.CONFIRMED, whole_s + 400, whole_s, north(away_m))
    assert ("part merged 400 s" in found or "part merged 700 s" in found) is is_part


def test_after_the_other_ended_it_stands_alone(given: Given) -> None:
    given.whole(Level.SUSPECTED, 10)
    given.whole(Level.CLEAR, 50)
    assert given.part(Level.CONFIRMED, 75, 65) == ["part confirmed 75 s"]


def test_a_suspicion_that_ends_leaves_its_parts_told(given: Given) -> None:
    given.whole(Level.SUSPECTED, 10)
    given.part(Level.CONFIRMED, 15, 5)
    assert given.whole(Level.CLEAR, 50) == ["whole closed 50 s"]
    assert given.passes_until(9_000) == []


def test_where_the_other_is_retracted_it_stands_alone(given: Given) -> None:
    given.whole(Level.CONFIRMED, 10)
    given.part(Level.CONFIRMED, 15, 5)
    assert given.whole(Level.RETRACTED, 500) == ["whole retracted 500 s", "part confirmed 500 s"]
    assert given.part(Level.CLEAR, 600, 5) == ["part closed 600 s"]


def test_where_the_other_is_retracted_after_it_ended_both_are_told(given: Given) -> None:
    given.whole(Level.CONFIRMED, 10)
    given.part(Level.CONFIRMED, 15, 5)
    given.part(Level.CLEAR, 40, 5)
    given.whole(Level.LEFT_OPEN, 90)
    assert given.whole(Level.RETRACTED, 500)[1:] == ["part confirmed 500 s", "part closed 500 s"]


def test_a_merged_alert_is_told_again_where_the_other_is_retracted(given: Given) -> None:
    given.part(Level.CONFIRMED, 15, 5)
    given.whole(Level.CONFIRMED, 100)
    assert given.whole(Level.RETRACTED, 500) == ["whole retracted 500 s", "part confirmed 500 s"]


def test_what_is_graver_by_itself_is_told_at_once(given: Given) -> None:
    given.part(Level.CONFIRMED, 10, 5)
    assert given.part(Level.CONFIRMED, 12, 5, folds=False) == ["part confirmed 12 s"]
    assert given.whole(Level.CONFIRMED, 30) == ["whole confirmed 30 s"]
    assert given.part(Level.CLEAR, 60, 5, folds=False) == ["part closed 60 s"]


def test_an_alert_that_people_know_stays_one_when_it_goes_on_inside_another(given: Given) -> None:
    given.part(Level.CONFIRMED, 15, 5, folds=False)
    assert given.part(Level.CLEAR, 60, 5, folds=False) == ["part closed 60 s"]
    given.whole(Level.CONFIRMED, 90, 80)
    assert given.part(Level.CONFIRMED, 110, 100) == ["part confirmed 110 s"]


def test_nobody_learns_of_the_end_of_a_part_when_the_clock_steps_back(given: Given) -> None:
    given.whole(Level.CONFIRMED, 10)
    given.part(Level.CONFIRMED, 15, 5)
    ended = begin_run(given.incidents, 1, {"whole": 1, "part": 1}, 100_000, Text(en="it stepped", zh="回拨"))
    assert short(ended) == ["whole closed 100 s"]


def rules() -> list[AnyRule]:
    return [IllegalDumping(), BedRaisedOutside()]


def told(*trips: Trip) -> list[AlertChange]:
    return run(RuleEngine(town(), rules()), in_time(*(trip.readings for trip in trips)), quiet_s=300)


def loaded() -> Trip:
    trip = Trip("T1", 0, 0, load="loaded", load_kg=12_000.0, lift_up=False, cover_open=False)
    return trip.drive(3000, 0).stand(30)


def test_a_dump_leaves_one_alert() -> None:
    trip = loaded().stand(40, lift_up=True).now(load="empty", load_kg=300.0).stand(40, lift_up=True).drive(9000, 0)
    found = told(trip)
    assert summaries(found[:3]) == ["T1 confirmed P2", "T1 confirmed P1", "T1 merged P2"]
    assert [change.rule for change in found[:3]] == ["bed_raised_outside", "illegal_dumping", "bed_raised_outside"]
    assert {change.rule for change in found[3:]} <= {"illegal_dumping"}
    ((_, _, phase, severity),) = holds_however_it_is_told(BedRaisedOutside, trip.readings, beside=[IllegalDumping])
    assert (phase, severity) == ("confirmed", "P1")


def test_a_dump_that_shows_late_takes_back_the_alert_about_the_bed() -> None:
    """The scale shows nothing until two minutes after the bed is down."""
    trip = loaded().now(load=None, load_kg=None).stand(40, lift_up=True).stand(90)
    trip.now(load="empty", load_kg=300.0).stand(60)
    found = told(trip.drive(9000, 0))
    beds = [change for change in found if change.rule == "bed_raised_outside"]
    assert summaries(beds) == ["T1 confirmed P2", "T1 closed P2", "T1 merged P2"]
    assert [change.rule for change in found][-1] in {"illegal_dumping", "bed_raised_outside"}
    standing = holds_however_it_is_told(BedRaisedOutside, trip.readings, beside=[IllegalDumping])
    assert [(phase, severity) for _, _, phase, severity in standing] == [("confirmed", "P1")]


def test_a_bed_that_tips_nothing_is_an_alert_of_its_own() -> None:
    trip = loaded().stand(30, lift_up=True).stand(120).drive(9990, 0)
    found = told(trip)
    assert {change.rule for change in found} == {"bed_raised_outside"}
    assert summaries(found) == ["T1 confirmed P2", "T1 closed P2"]
    holds_however_it_is_told(BedRaisedOutside, trip.readings, beside=[IllegalDumping])


def test_a_loaded_stop_is_a_part_of_the_dump() -> None:
    """Its terminal goes on saying that it is loaded while it stands beside what it tipped."""
    trip = Trip("T1", 0, 0, load="loaded", lift_up=False).drive(3000, 0).drive(3000, 400)
    trip.stand(40, lift_up=True).stand(400).drive(3000, 0).drive(9000, 0)
    found = run(RuleEngine(town(), [*rules(), StoppedLoaded()]), in_time(trip.readings), quiet_s=300)
    assert {change.rule for change in found} == {"illegal_dumping"}
    beside = [IllegalDumping, BedRaisedOutside]
    assert len(holds_however_it_is_told(StoppedLoaded, trip.readings, beside=beside)) == 1


def test_a_load_that_is_weighed_in_later_leaves_the_raised_bed() -> None:
    trip = Trip("T1", 0, 0, load="loaded", lift_up=False, cover_open=False).drive(3000, 0).now(cover_open=True)
    trip.stand(30).stand(200, lift_up=True).now(cover_open=False).drive(9990, 0).stand(300)
    tip = [*trip.readings, ticket("T1", trip.now_s - 200)]
    changes = run(RuleEngine(town(), rules()), in_time(tip), quiet_s=300)
    assert [line for line in summaries(changes) if "retracted" in line] == ["T1 retracted P2"]
    (bed, over) = [change for change in changes if change.rule == "bed_raised_outside"]
    assert (str(bed.phase), str(over.phase)) == ("confirmed", "closed")
    assert at_s(bed) == trip.now_s - 200, "once the dump is no more"
    standing = holds_however_it_is_told(BedRaisedOutside, in_time(tip), beside=[IllegalDumping])
    assert [(phase, severity) for _, _, phase, severity in standing] == [("closed", "P2")]

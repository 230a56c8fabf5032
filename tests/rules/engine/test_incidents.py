"""The state machine of incidents, one rule of it after the other."""

import pytest

from devices.geo.geometry import LatLon
from rules.alerts.model import AlertChange, Evidence, Severity, Text, alert_id
from rules.contract.verdicts import Level, Verdict
from rules.engine.incidents.machine import KEPT_PAST, MAX_ONSETS, DeviceIncidents

MINUTE = 60_000
HERE = LatLon(35.5, 112.8)
P1, P2, P3 = Severity.P1, Severity.P2, Severity.P3


class Given:
    """Gives verdicts of one rule on one device to its incidents."""

    def __init__(self) -> None:
        self.incidents = DeviceIncidents()

    def verdict(
        self,
        level: Level,
        minute: float,
        onset: float = 0,
        severity: Severity = P3,
        place: LatLon | None = HERE,
        part: str = "",
        basis: str = "",
        *,
        over: bool = False,
    ) -> list[AlertChange]:
        title = Text(en=f"{level} at {minute}", zh="")
        at, began = round(minute * MINUTE), round(onset * MINUTE)
        evidence = Evidence(parameters={"limit": 1})
        verdict = Verdict("D", level, at, began, severity, place, title, evidence, part, basis=basis, over=over)
        return self.incidents.take("rule", 1, verdict)


def short(changes: list[AlertChange]) -> list[str]:
    return [f"{change.revision} {change.amendment or change.phase} {change.severity}" for change in changes]


@pytest.fixture
def given() -> Given:
    return Given()


def test_candidates_unknowns_and_clears_of_nothing_are_silent(given: Given) -> None:
    for level in (Level.CANDIDATE, Level.UNKNOWN, Level.CLEAR, Level.LEFT_OPEN, Level.RETRACTED):
        assert given.verdict(level, 1) == []


def test_suspected_confirmed_clear(given: Given) -> None:
    assert short(given.verdict(Level.SUSPECTED, 1)) == ["1 provisional P3"]
    assert short(given.verdict(Level.SUSPECTED, 2)) == []
    assert short(given.verdict(Level.CONFIRMED, 3)) == ["2 confirmed P3"]
    assert short(given.verdict(Level.SUSPECTED, 4)) == []
    (closed,) = given.verdict(Level.CLEAR, 5)
    assert short([closed]) == ["3 closed P3"]
    assert (closed.opened_at, closed.closed_at) == (0, 5 * MINUTE)
    assert closed.alert_id == alert_id("rule", "D", 0)


def test_unknown_keeps_what_runs(given: Given) -> None:
    given.verdict(Level.CONFIRMED, 1)
    assert given.verdict(Level.UNKNOWN, 2) == []
    assert short(given.verdict(Level.CLEAR, 3)) == ["2 closed P3"]


def test_higher_severity_is_published_at_once_and_lower_never(given: Given) -> None:
    given.verdict(Level.CONFIRMED, 1, severity=P2)
    assert given.verdict(Level.CONFIRMED, 2, severity=P3) == []
    assert short(given.verdict(Level.CONFIRMED, 3, severity=P1)) == ["2 confirmed P1"]


def test_published_again_after_half_an_hour(given: Given) -> None:
    given.verdict(Level.CONFIRMED, 0)
    assert given.verdict(Level.CONFIRMED, 29.99) == []
    assert short(given.verdict(Level.CONFIRMED, 30)) == ["2 confirmed P3"]
    assert given.verdict(Level.CONFIRMED, 59) == []


def north(metres: float) -> LatLon:
    return LatLon(HERE.lat + metres / 111_195, HERE.lon)


@pytest.mark.parametrize(
    ("onset", "place", "merged"),
    [
        (15, HERE, True),
        (15.01, HERE, False),
        (15, north(499), True),
        (15, north(501), False),
        (15, None, True),
    ],
)
def test_within_five_minutes_and_five_hundred_metres_it_is_the_same(
    given: Given, onset: float, place: LatLon | None, merged: bool
) -> None:
    (first,) = given.verdict(Level.CONFIRMED, 1)
    given.verdict(Level.CLEAR, 10)
    (again,) = given.verdict(Level.CONFIRMED, 16, onset=onset, place=place)
    assert (again.alert_id == first.alert_id) is merged
    assert again.closed_at is None
    assert short([again]) == ["3 confirmed P3" if merged else "1 confirmed P3"]


def test_left_to_people_it_stays_open_and_a_new_one_may_begin(given: Given) -> None:
    (first,) = given.verdict(Level.CONFIRMED, 1)
    assert given.verdict(Level.LEFT_OPEN, 2) == []
    assert given.verdict(Level.CLEAR, 3) == []
    (second,) = given.verdict(Level.SUSPECTED, 20, onset=19)
    assert second.alert_id != first.alert_id


def test_left_to_people_and_soon_again_is_the_same_and_nothing_is_published(given: Given) -> None:
    given.verdict(Level.CONFIRMED, 1, severity=P1)
    given.verdict(Level.LEFT_OPEN, 2)
    assert given.verdict(Level.SUSPECTED, 4, onset=3, severity=P2) == []


def test_parts_have_alerts_of_their_own(given: Given) -> None:
    (paper,) = given.verdict(Level.CONFIRMED, 1, part="paper")
    (glass,) = given.verdict(Level.CONFIRMED, 1, part="glass")
    assert paper.alert_id != glass.alert_id
    assert short(given.verdict(Level.CLEAR, 2, part="glass")) == ["2 closed P3"]


def test_retraction_of_a_running_and_of_a_closed_one(given: Given) -> None:
    given.verdict(Level.CONFIRMED, 1)
    (running,) = given.verdict(Level.RETRACTED, 2)
    assert short([running]) == ["2 retracted P3"]
    assert running.closed_at == 2 * MINUTE
    assert given.verdict(Level.RETRACTED, 3) == []
    given.verdict(Level.CONFIRMED, 60, onset=60)
    given.verdict(Level.CLEAR, 61)
    (closed,) = given.verdict(Level.RETRACTED, 90, onset=60)
    assert closed.closed_at == 61 * MINUTE


def test_a_merged_alert_stands_until_both_are_retracted(given: Given) -> None:
    given.verdict(Level.CONFIRMED, 1)
    given.verdict(Level.CLEAR, 2)
    given.verdict(Level.CONFIRMED, 4, onset=3)
    given.verdict(Level.CLEAR, 5)
    assert given.verdict(Level.RETRACTED, 6, onset=3) == []
    assert short(given.verdict(Level.RETRACTED, 7, onset=0)) == ["4 retracted P3"]


def test_a_merged_alert_closes_when_the_incident_that_goes_on_is_retracted(given: Given) -> None:
    """Nothing else would end it: no verdict says that an incident is over which never was."""
    given.verdict(Level.CONFIRMED, 1)
    given.verdict(Level.CLEAR, 2)
    (reopened,) = given.verdict(Level.CONFIRMED, 4, onset=3)
    (closed,) = given.verdict(Level.RETRACTED, 6, onset=3)
    assert (short([closed]), closed.alert_id) == (["4 closed P3"], reopened.alert_id)
    assert (closed.closed_at, closed.onset, closed.title) == (6 * MINUTE, 0, reopened.title)
    assert given.verdict(Level.CLEAR, 7) == []
    (other,) = given.verdict(Level.CONFIRMED, 60, onset=60)
    assert other.alert_id != closed.alert_id


def test_a_merged_alert_goes_on_when_an_earlier_incident_is_retracted(given: Given) -> None:
    given.verdict(Level.CONFIRMED, 1)
    given.verdict(Level.CLEAR, 2)
    given.verdict(Level.CONFIRMED, 4, onset=3)
    assert given.verdict(Level.RETRACTED, 5, onset=0) == []
    assert given.verdict(Level.CLEAR, 6, onset=3) == [], "it came back once, so its end is held"
    assert short(given.verdict(Level.CONFIRMED, 40, onset=40))[0].endswith("closed P3")


def test_a_retracted_incident_is_not_continued(given: Given) -> None:
    (first,) = given.verdict(Level.CONFIRMED, 1)
    given.verdict(Level.RETRACTED, 2)
    (second,) = given.verdict(Level.CONFIRMED, 4, onset=3)
    assert second.alert_id != first.alert_id


def test_only_the_last_ended_incident_is_kept_with_its_evidence(given: Given) -> None:
    """The journal has the rest; a year of alerts of many devices would fill the rows."""
    for hour in range(20):
        given.verdict(Level.CONFIRMED, 60 * hour, onset=60 * hour)
        given.verdict(Level.CLEAR, 60 * hour + 1)
    (case,) = given.incidents.cases.values()
    assert case.past[-1].evidence.parameters
    assert all(not past.evidence.readings and not past.evidence.parameters for past in case.past[:-1])
    assert len(case.past) <= KEPT_PAST


def test_the_same_onset_again_after_a_retraction_is_the_same_alert(given: Given) -> None:
    """The id is derived from the onset: a second alert would have the first one's keys and be lost in the journal."""
    (first,) = given.verdict(Level.CONFIRMED, 1)
    given.verdict(Level.RETRACTED, 2)
    (again,) = given.verdict(Level.CONFIRMED, 3)
    assert (again.alert_id, again.amendment, again.closed_at) == (first.alert_id, None, None)
    assert short([again]) == ["3 confirmed P3"]


def test_an_alert_that_comes_and_goes_is_published_in_the_rhythm_of_one_that_stays(given: Given) -> None:
    """400 minutes, three up and three down: 66 revisions before."""
    found = []
    for start in range(0, 400, 6):
        for minute in range(start, start + 3):
            found += given.verdict(Level.CONFIRMED, minute, onset=start)
        found += given.verdict(Level.CLEAR, start + 3, onset=start)
    assert len({change.alert_id for change in found}) == 1
    assert short(found[:3]) == ["1 confirmed P3", "2 closed P3", "3 confirmed P3"]
    assert len(found) <= 3 + 400 / 30
    (closed,) = given.incidents.release(1_000 * MINUTE)
    assert closed.closed_at == 399 * MINUTE
    assert closed.at == 429 * MINUTE
    (case,) = given.incidents.cases.values()
    assert len(case.past[-1].onsets) <= MAX_ONSETS


def test_a_held_closing_is_published_when_it_stayed_away(given: Given) -> None:
    given.verdict(Level.CONFIRMED, 0)
    given.verdict(Level.CLEAR, 2)
    given.verdict(Level.CONFIRMED, 4, onset=3)
    assert given.verdict(Level.CLEAR, 5, onset=3) == []
    assert given.incidents.all_due() == [15 * MINUTE]
    assert given.incidents.release(15 * MINUTE - 1) == []
    (closed,) = given.incidents.release(15 * MINUTE)
    assert (short([closed]), closed.closed_at, closed.at) == (["4 closed P3"], 5 * MINUTE, 15 * MINUTE)
    assert given.incidents.all_due() == []


def test_a_held_closing_comes_before_what_begins_after_it_or_elsewhere(given: Given) -> None:
    for place, minute in ((HERE, 40), (north(900), 6)):
        given.incidents = DeviceIncidents()
        given.verdict(Level.CONFIRMED, 0)
        given.verdict(Level.CLEAR, 2)
        given.verdict(Level.CONFIRMED, 4, onset=3)
        given.verdict(Level.CLEAR, 5, onset=3)
        found = given.verdict(Level.CONFIRMED, minute, onset=minute, place=place)
        assert short(found) == ["4 closed P3", "1 confirmed P3"]


def test_getting_worse_is_published_at_once_whatever_came_and_went(given: Given) -> None:
    given.verdict(Level.CONFIRMED, 0)
    given.verdict(Level.CLEAR, 2)
    given.verdict(Level.CONFIRMED, 4, onset=3)
    given.verdict(Level.CLEAR, 5, onset=3)
    assert short(given.verdict(Level.CONFIRMED, 6, onset=6, severity=P1)) == ["4 confirmed P1"]


def test_nothing_continues_what_is_over(given: Given) -> None:
    (first,) = given.verdict(Level.CONFIRMED, 1)
    given.verdict(Level.CLEAR, 2, over=True)
    (second,) = given.verdict(Level.CONFIRMED, 4, onset=3)
    assert second.alert_id != first.alert_id


def test_better_values_are_a_revision_two_minutes_later_and_at_the_end(given: Given) -> None:
    given.verdict(Level.CONFIRMED, 0, basis="lift load")
    assert given.verdict(Level.CONFIRMED, 1, basis="lift load 0") == []
    (revised,) = given.verdict(Level.CONFIRMED, 2, basis="lift load 0")
    assert (revised.revised, short([revised])) == (True, ["2 confirmed P3"])
    assert given.verdict(Level.CONFIRMED, 5, basis="lift load 0") == []
    (last,) = given.verdict(Level.LEFT_OPEN, 6, basis="lift load stay 0")
    assert (last.revised, last.title.en) == (True, "left_open at 6")


def test_another_incident_beside_one_left_to_people_is_published_five_minutes_later(given: Given) -> None:
    """A person may have closed the first one: what is new must reach the journal."""
    given.verdict(Level.CONFIRMED, 1, severity=P1)
    given.verdict(Level.LEFT_OPEN, 2)
    assert given.verdict(Level.CONFIRMED, 5, onset=4, severity=P1) == []
    (another,) = given.verdict(Level.CONFIRMED, 6, onset=4, severity=P1)
    assert (another.onset, another.opened_at, another.revised) == (4 * MINUTE, 0, False)
    assert given.verdict(Level.CONFIRMED, 20, onset=4, severity=P1) == []

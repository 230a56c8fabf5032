"""Bins that hover, that are covered, and whose alert a person closed while they were full."""

from collections.abc import Sequence
from pathlib import Path

from rules.alerts.actions import Close, Continue, Outcome, Reopen
from tests.field_cases.path import BASE_MS, Message, PathUnderTest, case
from tests.field_cases.path import Outcome as Result

MINUTE = 60_000
RULE = "bin_overflow"


def fills(levels: Sequence[tuple[float, int]], *, point: str = "point-003", every_min: int = 2) -> list[Message]:
    """Fill readings of one compartment: level (%) and deposits."""
    return [
        Message(
            f"haulwatch/v1/{point}/fill",
            {"ts": ts, "seq": n, "compartment": "paper", "fill_pct": level, "deposits": deposits},
            ts + 1_000,
        )
        for n, (level, deposits) in enumerate(levels)
        for ts in [BASE_MS + n * every_min * MINUTE]
    ]


def close(path: PathUnderTest, result: Result, outcome: Outcome) -> str:
    (alert,) = [alert for alert in result.of(RULE) if alert.open]
    with path.journal() as journal:
        journal.act(alert.alert_id, Close(actor="li", at=alert.first_recorded_at, outcome=outcome))
    return alert.alert_id


def test_closed_by_a_person_and_still_full_it_is_open_again_and_the_next_overflow_is_new(tmp_path: Path) -> None:
    path, messages = PathUnderTest(tmp_path), case("13-closed-by-a-person-and-still-full")
    first = close(path, path.send(messages[:5]), Outcome.NO_ACTION)
    goes_on = path.send(messages[5:25])
    (alert,) = goes_on.of(RULE)
    assert alert.alert_id == first
    assert alert.open
    assert alert.reopened_at is not None
    with path.journal() as journal:
        detail = journal.alert(first)
    assert detail is not None
    closing, reopening = detail.actions
    assert isinstance(closing, Close)
    assert isinstance(reopening, Reopen)
    assert (reopening.outcome, reopening.closed_by) == (Outcome.NO_ACTION, "li")
    old, new = path.send(messages[25:]).of(RULE)
    assert (old.alert_id, old.open) == (first, False)
    assert new.open
    assert new.opened_at == messages[27].payload["ts"]


def test_an_overflow_after_one_that_a_person_closed_is_new_also_where_nothing_was_emptied(tmp_path: Path) -> None:
    """Closed while full; it sinks, is 40 % for seven hours, and is full again."""
    path = PathUnderTest(tmp_path)
    full = [(85, 2), (92, 2), (95, 2), (96, 2)]
    messages = fills([*full, (65, 0), (60, 0), *[(40, 0)] * 210, *full])
    first = close(path, path.send(messages[:4]), Outcome.NO_ACTION)
    old, new = path.send(messages[4:]).of(RULE)
    assert (old.alert_id, old.outcome) == (first, Outcome.NO_ACTION)
    assert new.open


def test_restarted_between_every_message_it_is_the_same(tmp_path: Path) -> None:
    messages = case("13-closed-by-a-person-and-still-full")
    path = PathUnderTest(tmp_path)
    first = ""
    for n, message in enumerate(messages):
        result = path.send([message], quiet_ms=60_000)
        if n == 4:
            first = close(path, result, Outcome.NO_ACTION)
    result = path.send([])
    assert [(alert.alert_id == first, alert.open) for alert in result.of(RULE)] == [(True, False), (False, True)]
    with path.journal() as journal:
        detail = journal.alert(first)
    assert detail is not None
    assert not any(isinstance(action, Continue) for action in detail.actions)  # judgement made the new one itself


def test_a_level_that_hovers_is_one_alert_with_few_revisions(tmp_path: Path) -> None:
    result = PathUnderTest(tmp_path).send(case("22-level-hovers"))
    (alert,) = result.of(RULE)
    assert alert.open
    assert len(result.changes) <= 6


def test_a_level_that_hovers_at_any_pace_is_one_alert(tmp_path: Path) -> None:
    for n, (high, low, spell, every_min) in enumerate(
        [(91, 68, 3, 2), (91, 68, 2, 15), (82, 66, 4, 5), (99, 69.9, 5, 2), (90, 62, 3, 20), (81, 79, 1, 2)]
    ):
        levels = [(level, 1) for _ in range(400 // (2 * spell * every_min)) for level in [low] * spell + [high] * spell]
        result = PathUnderTest(tmp_path / str(n)).send(fills(levels, every_min=every_min))
        assert len(result.of(RULE)) == 1, (high, low)
        assert len(result.changes) <= 3 + 2 * 400 / 30, (high, low)


def test_a_covered_sensor_that_goes_on_taking_deposits_raises(tmp_path: Path) -> None:
    """It leaps to 98 % without a deposit, and 1,000 deposits follow within 8 h."""
    result = PathUnderTest(tmp_path).send(fills([(20, 1), (98, 0), *[(98, 4)] * 250]))
    (alert,) = result.of(RULE)
    assert alert.severity == "P2"
    assert alert.opened_at <= BASE_MS + 30 * MINUTE
    assert any("leaped from 20 % to 98 %" in text.en for text in alert.evidence.findings)
    assert not any("covered" in text.en for text in alert.evidence.ruled_out)


def test_a_covered_sensor_alone_is_named_after_two_hours_and_closes_when_uncovered(tmp_path: Path) -> None:
    path = PathUnderTest(tmp_path)
    messages = fills([(20, 1), *[(98, 0)] * 100, *[(22, 0)] * 5])
    assert path.send(messages[:60]).of(RULE) == []
    (alert,) = path.send(messages[60:101]).of(RULE)
    assert (str(alert.phase), str(alert.severity)) == ("provisional", "P4")
    assert alert.title.en.endswith("compartment paper is full or its sensor is covered (98 %)")
    (alert,) = path.send(messages[101:]).of(RULE)
    assert not alert.open


def test_covered_then_uncovered_then_really_full_raises(tmp_path: Path) -> None:
    levels = [(20, 1), *[(95, 0)] * 5, (30, 1), (50, 3), (70, 3), (88, 3), (93, 3), (95, 3), (96, 3)]
    (alert,) = PathUnderTest(tmp_path).send(fills(levels)).of(RULE)
    assert (str(alert.phase), str(alert.severity)) == ("confirmed", "P2")


def test_a_heap_that_grows_after_a_leap_comes_from_a_sensor_that_measures(tmp_path: Path) -> None:
    levels = [(20, 1), (62, 0), (66, 1), (75, 1), (85, 1), (93, 1), (95, 1), (97, 1)]
    (alert,) = PathUnderTest(tmp_path).send(fills(levels)).of(RULE)
    assert str(alert.phase) == "confirmed"


def test_deposits_count_from_the_moment_it_was_full(tmp_path: Path) -> None:
    """The first reading at 90 % came after its deposits; those of the next two, before the rule was sure, count."""
    (alert,) = PathUnderTest(tmp_path).send(fills([(80, 9), (91, 7), (92, 2), (93, 3)])).of(RULE)
    assert alert.evidence.measures["deposits_while_full"] == 5


def test_an_emptying_says_so(tmp_path: Path) -> None:
    (alert,) = PathUnderTest(tmp_path).send(fills([(85, 1), (92, 1), (95, 1), (97, 1), (6, 0), (5, 0)])).of(RULE)
    assert alert.title.en.endswith("compartment paper was full and has been emptied (5 %)")
    assert alert.title.zh.endswith("纸类箱满溢后已清运（5%）")
    assert alert.evidence.measures["emptied_from_pct"] == 97
